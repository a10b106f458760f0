//! The laws of media sockets, on loopback.

use super::*;
use crate::drive::live::clock::{RunClock, pause_thread};
use crate::drive::live::drops;

fn bound(receive_buffer: usize) -> MediaSocket {
    MediaSocket::bind(Ipv4Addr::LOCALHOST, receive_buffer).expect("bind")
}

/// Everything that is waiting: times and sizes.
fn drain(socket: &mut MediaSocket, scratch: &mut RecvScratch, wall: &mut WallPair) -> Vec<(Instant, usize)> {
    let mut got = Vec::new();
    loop {
        wall.renew();
        if socket.receive(scratch, wall, |at, _, bytes| got.push((at, bytes.len()))).datagrams == 0 {
            return got;
        }
    }
}

#[test]
fn kernel_stamps_lie_between_send_and_receive() {
    let clock = RunClock::start();
    let (mut wall, mut scratch) = (WallPair::new(clock), RecvScratch::new());
    let (mut a, mut b) = (bound(200_000), bound(200_000));
    for round in 0..5 {
        let before = clock.now();
        assert_eq!(a.send_group(b.local(), &[round; 100], 100), Sent { datagrams: 1, failed: 0 });
        let after = clock.now();
        // A long pause before the read: the stamp must not be the time of the read.
        pause_thread(Duration::from_millis(20));
        wall.renew();
        let mut seen = None;
        let batch = b.receive(&mut scratch, &wall, |at, source, bytes| {
            assert_eq!(source, a.local());
            assert_eq!(bytes, [round; 100]);
            seen = Some(at);
        });
        assert_eq!(batch, Received { datagrams: 1, more: false, dropped: 0 });
        let at = seen.expect("one datagram");
        let slack = Duration::from_micros(100);
        // The first packets of a process may be read before the kernel has switched its stamps on.
        if round > 0 {
            assert!(at + slack >= before && at <= after + slack, "{before:?} {at:?} {after:?}");
        }
    }
    assert_eq!(b.counters(), Counters::default());
}

#[test]
fn what_our_buffer_loses_is_counted_and_stamps_go_on() {
    let mut wall = WallPair::new(RunClock::start());
    let mut scratch = RecvScratch::new();
    let (mut sender, mut tiny, mut roomy) = (bound(0), bound(8_000), bound(400_000));
    assert!(tiny.granted() < roomy.granted());
    let mut received = 0;
    for _ in 0..3 {
        for _ in 0..100 {
            sender.send_group(tiny.local(), &[7; 1_000], 1_000);
        }
        sender.send_group(roomy.local(), &[1; 500], 500);
        received += drain(&mut tiny, &mut scratch, &mut wall).len();
        assert_eq!(drain(&mut roomy, &mut scratch, &mut wall).len(), 1);
    }
    assert!(received < 300, "the buffer was meant to overflow");
    let tail = drops::kernel_udp_drops().expect("/proc/net/udp");
    assert_eq!(tail[&tiny.local], 300 - received as u64, "the kernel knows of the tail");
    // The next datagram tells what was lost before it.
    sender.send_group(tiny.local(), &[7; 1_000], 1_000);
    assert_eq!(drain(&mut tiny, &mut scratch, &mut wall).len(), 1);
    assert_eq!(tiny.counters().dropped, 300 - received as u64);
    assert!(tiny.counters().unstamped <= BATCH as u64, "at most the first batch after a loss is without stamps");
    let unstamped = tiny.counters().unstamped;
    for _ in 0..40 {
        sender.send_group(tiny.local(), &[7; 10], 10);
        sender.send_group(roomy.local(), &[7; 10], 10);
        assert_eq!(drain(&mut tiny, &mut scratch, &mut wall).len(), 1);
        assert_eq!(drain(&mut roomy, &mut scratch, &mut wall).len(), 1);
    }
    assert_eq!(tiny.counters().unstamped, unstamped);
    assert_eq!(roomy.counters(), Counters::default());
}

#[test]
fn a_group_arrives_as_separate_datagrams() {
    let mut wall = WallPair::new(RunClock::start());
    let mut scratch = RecvScratch::new();
    for (groups, connected) in [(true, false), (true, true), (false, false), (false, true)] {
        let (mut a, mut b) = (bound(400_000), bound(2_000_000));
        a.groups = groups;
        if connected {
            a.connect(b.local()).expect("connect");
        }
        let bytes: Vec<u8> = (0..3_000_u32).map(|byte| byte as u8).collect();
        assert_eq!(a.send_group(b.local(), &bytes, 1_196), Sent { datagrams: 3, failed: 0 });
        let mut got = Vec::new();
        let batch = b.receive(&mut scratch, &wall, |_, _, bytes| got.push(bytes.to_vec()));
        assert_eq!(batch.datagrams, 3);
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [1_196, 1_196, 608]);
        assert_eq!(got.concat(), bytes);
        // More than one call takes: 100 segments of 10 bytes, and 60 of 1,200.
        assert_eq!(a.send_group(b.local(), &[1; 1_000], 10).datagrams, 100);
        assert_eq!(a.send_group(b.local(), &[1; 72_000], 1_200).datagrams, 60);
        let sizes: Vec<usize> = drain(&mut b, &mut scratch, &mut wall).iter().map(|(_, size)| *size).collect();
        assert_eq!(sizes, [[10; 100].as_slice(), [1_200; 60].as_slice()].concat());
        assert_eq!(a.sends_groups(), groups, "loopback takes groups");
    }
}

#[test]
fn a_repeated_segment_size_never_cuts_a_longer_datagram() {
    let mut wall = WallPair::new(RunClock::start());
    let mut scratch = RecvScratch::new();
    let (mut a, mut b) = (bound(400_000), bound(2_000_000));
    let mut expected = Vec::new();
    for (bytes, segment) in [(900, 300), (900, 300), (950, 300), (1_200, 1_200), (100, 100), (900, 300), (500, 250)] {
        a.send_group(b.local(), &vec![1; bytes], segment);
        expected.extend(std::iter::repeat_n(segment, bytes / segment));
        expected.extend(Some(bytes % segment).filter(|rest| *rest > 0));
    }
    let sizes: Vec<usize> = drain(&mut b, &mut scratch, &mut wall).iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes, expected);
    assert!(a.sends_groups());
}

#[test]
fn a_refused_port_is_counted_and_never_fatal() {
    let mut wall = WallPair::new(RunClock::start());
    let mut scratch = RecvScratch::new();
    let (mut a, gone) = (bound(100_000), bound(100_000));
    let nobody = gone.local();
    a.connect(nobody).expect("connect");
    drop(gone);
    assert_eq!(a.send_group(nobody, b"x", 1).datagrams, 1);
    assert_eq!(a.send_group(nobody, b"y", 1), Sent { datagrams: 1, failed: 0 }, "the error stood in place of sending");
    assert_eq!(drain(&mut a, &mut scratch, &mut wall), []);
    assert_eq!(a.counters().refused, 2);
    // Another address than the connected one still works.
    let mut b = bound(100_000);
    assert_eq!(a.send_group(b.local(), b"z", 1).datagrams, 1);
    assert_eq!(drain(&mut b, &mut scratch, &mut wall).len(), 1);
}

#[test]
fn a_datagram_that_does_not_fit_is_counted_not_cut() {
    let mut wall = WallPair::new(RunClock::start());
    let mut scratch = RecvScratch::new();
    let (mut a, mut b) = (bound(100_000), bound(100_000));
    a.send_group(b.local(), &[1; 4_000], 4_000);
    a.send_group(b.local(), &[1; 2_048], 2_048);
    let sizes: Vec<usize> = drain(&mut b, &mut scratch, &mut wall).iter().map(|(_, size)| *size).collect();
    assert_eq!((sizes, b.counters().truncated), (vec![2_048], 1));
}

#[test]
fn a_full_batch_says_that_there_may_be_more() {
    let wall = WallPair::new(RunClock::start());
    let mut scratch = RecvScratch::new();
    let (mut a, mut b) = (bound(100_000), bound(1_000_000));
    a.send_group(b.local(), &[1; 20], 1);
    let first = b.receive(&mut scratch, &wall, |_, _, _| {});
    assert_eq!((first.datagrams, first.more), (BATCH, true));
    let second = b.receive(&mut scratch, &wall, |_, _, _| {});
    assert_eq!((second.datagrams, second.more), (4, false));
}

#[test]
fn many_sockets_spread_over_the_loopback_network() {
    let target = "127.0.0.1:4000".parse().expect("address");
    let few = Sources::towards(target, 20_000).expect("few");
    assert_eq!([0, 19_999].map(|index| few.address(index)), [Ipv4Addr::LOCALHOST; 2]);
    let many = Sources::towards(target, 60_000).expect("many");
    assert_eq!(many.address(19_999), Ipv4Addr::new(127, 0, 0, 1));
    assert_eq!(many.address(20_000), Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(many.address(59_999), Ipv4Addr::new(127, 0, 0, 3));
    let spread = MediaSocket::bind(many.address(59_999), 10_000).expect("bind");
    assert_eq!(spread.local().ip(), many.address(59_999));
    assert!(Sources::towards("[::1]:4000".parse().expect("address"), 1).is_err());
}
