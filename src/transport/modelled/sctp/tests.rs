//! Two associations over a wire in memory, under losses that each test chooses.

use super::*;
use crate::conference::Reliability;

struct Pair {
    ends: [Association; 2],
    delay: Duration,
    flying: Vec<(Instant, usize, Vec<u8>)>,
    now: Instant,
    /// When which message came to the second end, by its first byte.
    came: Vec<(u64, u8, usize)>,
    /// Datagrams with data that the first end sent, and the longest of all.
    sent: usize,
    longest: usize,
    /// Whether a datagram of the first end with data is lost, by its number.
    lost: fn(usize) -> bool,
}

impl Pair {
    fn new(ordered: bool, reliability: Reliability, lost: fn(usize) -> bool) -> Self {
        let mut ends = [Association::new(true), Association::new(false)];
        for end in &mut ends {
            end.open(ChannelParameters { id: 0, ordered, reliability });
        }
        let delay = Duration::from_millis(25);
        let mut pair =
            Self { ends, delay, flying: vec![], now: Instant::ZERO, came: vec![], sent: 0, longest: 0, lost };
        pair.ends.iter_mut().for_each(|end| end.begin(Instant::ZERO));
        (0..2).for_each(|end| pair.drain(end));
        pair.run(200);
        assert_eq!(pair.ends.each_mut().map(Association::poll_opened), [Some(0), Some(0)]);
        pair
    }

    fn send(&mut self, first: u8, len: usize) -> bool {
        let mut bytes = vec![0; len];
        bytes[0] = first;
        let taken = self.ends[0].send(self.now, 0, &bytes);
        self.drain(0);
        taken
    }

    fn run(&mut self, until: u64) {
        let until = Instant::from_millis(until);
        loop {
            let flying = self.flying.iter().map(|(at, ..)| *at).min();
            let timers = self.ends.iter().filter_map(Association::poll_timeout).min();
            let Some(next) = flying.into_iter().chain(timers).min().filter(|at| *at <= until) else { break };
            self.now = next;
            while let Some(index) = self.flying.iter().position(|(at, ..)| *at <= self.now) {
                let (_, end, bytes) = self.flying.remove(index);
                self.ends[end].handle_datagram(self.now, &bytes);
                self.drain(end);
            }
            for end in [0, 1] {
                if self.ends[end].poll_timeout().is_some_and(|at| at <= self.now) {
                    self.ends[end].handle_timeout(self.now);
                    self.drain(end);
                }
            }
        }
        self.now = until;
    }

    fn drain(&mut self, end: usize) {
        while let Some(bytes) = self.ends[end].poll_datagram() {
            self.longest = self.longest.max(bytes.len());
            if end == 0 && wire::chunks(&bytes).any(|chunk| matches!(chunk, Chunk::Data(_))) {
                self.sent += 1;
                if (self.lost)(self.sent - 1) {
                    continue;
                }
            }
            self.flying.push((self.now + self.delay, 1 - end, bytes));
        }
        while let Some(message) = self.ends[end].poll_message() {
            assert_eq!((end, message.id), (1, 0));
            self.came.push((self.now.as_millis(), message.bytes[0], message.bytes.len()));
        }
    }

    fn order(&self) -> Vec<u8> {
        self.came.iter().map(|(_, first, _)| *first).collect()
    }
}

#[test]
fn a_message_takes_half_a_round_trip_and_nothing_is_left_to_do() {
    let mut pair = Pair::new(true, Reliability::Reliable, |_| false);
    assert!(pair.send(1, 60));
    pair.run(10_000);
    assert_eq!(pair.came, [(225, 1, 60)]);
    assert_eq!(pair.ends.each_ref().map(Association::poll_timeout), [None, None]);
}

#[test]
fn a_long_message_is_cut_at_the_paths_mtu_and_put_together_again() {
    let mut pair = Pair::new(true, Reliability::Reliable, |number| number % 7 == 3);
    assert!(pair.send(1, MAX_MESSAGE_LEN));
    pair.run(60_000);
    assert_eq!(pair.came.len(), 1);
    assert_eq!(pair.came[0].2, MAX_MESSAGE_LEN);
    assert!(pair.sent >= MAX_MESSAGE_LEN.div_ceil(wire::FRAGMENT_LEN) && pair.longest <= 1_150, "{}", pair.longest);
}

#[test]
fn a_lost_message_that_others_follow_is_sent_again_after_three_reports() {
    let mut pair = Pair::new(true, Reliability::Reliable, |number| number == 1);
    for number in 0..8 {
        pair.send(number, 60);
        pair.run(200 + 20 * (u64::from(number) + 1));
    }
    pair.run(10_000);
    // Sent at 220 and lost; the third report comes at 330 for what was sent at 280.
    assert_eq!(pair.order(), [0, 1, 2, 3, 4, 5, 6, 7]);
    let (at, ..) = pair.came[1];
    assert_eq!(at, 355, "{:?}", pair.came);
}

#[test]
fn a_lost_last_message_waits_for_the_timer_whose_least_is_a_second() {
    let mut pair = Pair::new(true, Reliability::Reliable, |number| number == 1 || number == 2);
    pair.send(0, 60);
    pair.run(1_000);
    pair.send(1, 60);
    pair.run(10_000);
    // At 2 s it is lost again, and the timer has doubled.
    assert_eq!(pair.came[1].0, 4_025, "{:?}", pair.came);
}

#[test]
fn what_is_not_sent_again_is_given_up_and_holds_nothing_up() {
    for ordered in [true, false] {
        let mut pair = Pair::new(ordered, Reliability::MaxRetransmits(0), |number| number % 5 == 2);
        for number in 0..50 {
            pair.send(number, 60);
            pair.run(200 + 20 * (u64::from(number) + 1));
        }
        pair.run(20_000);
        let expected: Vec<u8> = (0..50).filter(|number| number % 5 != 2).collect();
        assert_eq!(pair.order(), expected, "ordered {ordered}");
        assert_eq!(pair.sent, 50, "nothing was sent twice");
    }
}

#[test]
fn so_many_retransmissions_save_what_they_can() {
    // Each is lost once, and its retransmission only where that has an odd number.
    let mut pair = Pair::new(false, Reliability::MaxRetransmits(1), |number| number <= 2);
    pair.send(0, 60);
    pair.send(1, 60);
    pair.run(30_000);
    pair.send(2, 60);
    pair.run(60_000);
    assert_eq!(pair.order(), [2], "both were in one packet that was lost twice");
}

#[test]
fn a_lifetime_ends_what_would_come_too_late() {
    let mut pair = Pair::new(true, Reliability::MaxLifetime(500), |number| (10..45).contains(&number));
    for number in 0..60 {
        pair.send(number, 60);
        pair.run(200 + 20 * (u64::from(number) + 1));
    }
    pair.run(20_000);
    let order = pair.order();
    assert!(order.is_sorted() && order.len() < 60 && order.contains(&59), "{order:?}");
    let late = pair.came.iter().filter(|(at, number, _)| *at > 200 + 20 * u64::from(*number) + 500 + 25);
    assert_eq!(late.count(), 0, "{:?}", pair.came);
}

#[test]
fn a_full_buffer_takes_nothing_and_forgets_nothing() {
    let mut pair = Pair::new(true, Reliability::Reliable, |_| false);
    let taken = (0..40).filter(|_| pair.send(1, MAX_MESSAGE_LEN)).count();
    assert_eq!(taken, 16, "1 MiB of 64 KiB each");
    pair.run(60_000);
    assert_eq!(pair.came.len(), 16);
    assert!(pair.send(2, MAX_MESSAGE_LEN), "there is room again");
}

#[test]
fn sequence_numbers_of_messages_wrap() {
    let mut pair = Pair::new(true, Reliability::Reliable, |number| number % 1_000 == 999);
    for number in 0..70_000_u32 {
        pair.send(number as u8, 4);
        let now = pair.now.as_millis();
        pair.run(now + 1);
    }
    let now = pair.now.as_millis();
    pair.run(now + 20_000);
    assert_eq!(pair.came.len(), 70_000);
    assert!(pair.came.iter().enumerate().all(|(index, (_, first, _))| *first == index as u8));
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;
    use wire::Data;

    /// Kind, three numbers and a length.
    type Step = (u8, u32, u16, u16, usize);

    fn packet((kind, tsn, a, b, length): Step) -> Vec<u8> {
        let payload = vec![kind; length];
        let data = Data {
            tsn,
            stream: a % 4,
            ssn: b,
            unordered: kind & 8 != 0,
            begin: kind & 16 != 0,
            end: kind & 32 != 0,
            payload: &payload,
        };
        let pairs = vec![(a, b), (b, a)];
        let mut packet = Packet::new();
        packet.push(&match kind % 8 {
            0 => Chunk::Init,
            1 => Chunk::InitAck,
            2 => Chunk::CookieEcho,
            3 => Chunk::CookieAck,
            4 => Chunk::Sack { cumulative: tsn, window: tsn, gaps: pairs },
            5 => Chunk::ForwardTsn { cumulative: tsn, streams: pairs },
            _ => Chunk::Data(data),
        });
        packet.finish()
    }

    proptest! {
        #[test]
        fn chunks_in_any_order_never_panic(
            steps in proptest::collection::vec(
                (any::<u8>(), prop_oneof![0u32..12, any::<u32>()], 0u16..9, any::<u16>(), 0usize..40), 0..60),
            client in any::<bool>(),
            reliability in prop::sample::select(
                vec![Reliability::Reliable, Reliability::MaxRetransmits(0), Reliability::MaxLifetime(100)]),
        ) {
            let mut end = Association::new(client);
            end.open(ChannelParameters { id: 0, ordered: true, reliability });
            end.begin(Instant::ZERO);
            let mut now = Instant::ZERO;
            for step in steps {
                now += Duration::from_millis(u64::from(step.0));
                end.handle_datagram(now, &packet(step));
                end.send(now, 0, &[1; 100]);
                if end.poll_timeout().is_some_and(|at| at <= now) {
                    end.handle_timeout(now);
                }
                prop_assert!(end.poll_timeout().is_none_or(|at| at > now), "it would be driven for ever");
                while end.poll_datagram().is_some() || end.poll_message().is_some() {}
            }
        }
    }
}
