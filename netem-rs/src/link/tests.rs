//! Claims about one link that need no statistics: times, limits, changes, outages, the fast path, memory.

use super::*;
use crate::{DelayVariation, Loss, QueueLimit, Reorder, Serialiser, SlotGap, Slots};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
struct Probe {
    number: u64,
    bytes: usize,
}

impl Packet for Probe {
    fn wire_size(&self) -> usize {
        self.bytes
    }
}

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn link(config: LinkConfig) -> Link<Probe> {
    Link::new(config, Seed::new(7))
}

/// Without overhead, so that 125 bytes are 1,000 bits.
fn bare(config: LinkConfig) -> LinkConfig {
    LinkConfig { overhead: 0, ..config }
}

fn offer(link: &mut Link<Probe>, now: Instant, number: u64, bytes: usize) {
    link.handle_packet(now, Probe { number, bytes });
    assert!(link.report().holds());
}

fn drain(link: &mut Link<Probe>, now: Instant) -> Vec<(u64, Instant)> {
    link.handle_timeout(now);
    let out = std::iter::from_fn(|| link.poll_output()).map(|delivery| (delivery.item.number, delivery.at)).collect();
    assert!(link.report().holds());
    out
}

#[test]
fn the_first_packet_is_serialised_too() {
    let mut link = link(LinkConfig { rate: Some(1_000_000), ..LinkConfig::default() });
    offer(&mut link, ms(10), 0, 972);
    assert_eq!(link.poll_timeout(), Some(ms(18)));
    assert_eq!(drain(&mut link, ms(17)), []);
    assert_eq!(drain(&mut link, ms(500)), [(0, ms(18))], "the late tick does not show");
}

#[test]
fn back_to_back_packets_gain_and_lose_no_nanosecond() {
    // 7 bit/ns do not divide the bits of a packet: a rounding a packet would add up to 1,000 ns.
    let mut link = link(bare(LinkConfig { rate: Some(7_000_000_000), ..LinkConfig::default() }));
    for number in 0..1_000 {
        offer(&mut link, Instant::ZERO, number, 100);
    }
    let out = drain(&mut link, ms(1));
    assert_eq!(out.last(), Some(&(999, Instant::from_nanos(114_286))), "800,000 bits at 7 bit/ns");
}

#[test]
fn a_change_of_rate_keeps_the_bits_already_sent() {
    let path = |rate| bare(LinkConfig { rate: Some(rate), ..LinkConfig::default() });
    let mut link = link(path(1_000_000));
    offer(&mut link, ms(0), 0, 1_250);
    link.apply(ms(4), path(2_000_000)); // 4,000 of 10,000 bits are sent
    link.apply(ms(6), path(500_000)); // another 4,000
    assert_eq!(drain(&mut link, ms(20)), [(0, ms(10))], "the last 2,000 bits take 4 ms");
}

#[test]
fn a_rate_that_is_lifted_lets_everything_go() {
    let mut link = link(LinkConfig { rate: Some(1_000), ..LinkConfig::default() });
    offer(&mut link, ms(0), 0, 1_000);
    offer(&mut link, ms(1), 1, 1_000);
    link.apply(ms(5), LinkConfig::default());
    assert_eq!(drain(&mut link, ms(5)), [(0, ms(5)), (1, ms(5))]);
}

#[test]
fn the_queue_counts_what_waits_and_not_what_is_sent() {
    let mut link =
        link(bare(LinkConfig { rate: Some(8_000), queue: QueueLimit::Bytes(2_000), ..LinkConfig::default() }));
    for number in 0..4 {
        offer(&mut link, ms(0), number, 1_000);
    }
    let totals = link.report().totals();
    assert_eq!((totals.waiting, totals.overflowed), (3, 1), "one is sent, two wait");
    assert_eq!(link.waiting_bytes(), 2_000);
    assert_eq!(drain(&mut link, ms(3_000)).len(), 3);
    assert_eq!(link.report().queue_delay(), millis(2_000), "the last waited for two before it");
}

#[test]
fn an_empty_queue_takes_a_packet_of_any_size() {
    let path = LinkConfig { rate: Some(8_000), queue: QueueLimit::Time(millis(100)), ..LinkConfig::default() };
    let mut link = link(bare(path)); // 100 bytes
    for number in 0..3 {
        offer(&mut link, ms(0), number, 1_000);
    }
    assert_eq!(link.report().totals().overflowed, 1);
    assert_eq!(drain(&mut link, ms(9_000)).len(), 2);
}

#[test]
fn a_limit_in_packets_counts_packets() {
    let path = LinkConfig { rate: Some(8_000), queue: QueueLimit::Packets(2), ..LinkConfig::default() };
    let mut link = link(path);
    for number in 0..5 {
        offer(&mut link, ms(0), number, 10 + number as usize * 1_000);
    }
    assert_eq!(link.report().totals().overflowed, 2);
}

#[test]
fn a_limit_in_time_follows_the_rate_and_what_waits_stays() {
    let path =
        |rate| bare(LinkConfig { rate: Some(rate), queue: QueueLimit::Time(millis(1_000)), ..LinkConfig::default() });
    let mut link = link(path(80_000)); // 10,000 bytes
    for number in 0..11 {
        offer(&mut link, ms(0), number, 1_000);
    }
    assert_eq!(link.report().totals().overflowed, 0);
    link.apply(ms(0), path(16_000)); // 2,000 bytes
    assert_eq!(link.report().totals().waiting, 11);
    // At 3.2 s six have left, one is being sent and four wait: room under the old limit, none under the new.
    offer(&mut link, ms(3_200), 11, 1_000);
    assert_eq!(link.report().totals().overflowed, 1);
    link.apply(ms(3_200), path(80_000));
    offer(&mut link, ms(3_200), 12, 1_000);
    assert_eq!(link.report().totals().overflowed, 1, "the faster path has room again");
    assert_eq!(drain(&mut link, ms(60_000)).len(), 12);
}

#[test]
fn a_long_wire_never_drops() {
    // The bandwidth-delay product is ten times the queue: an emulator that counts flying bytes as queued fails here.
    let mut link = link(LinkConfig {
        rate: Some(2_000_000),
        queue: QueueLimit::Bytes(15_000),
        delay: millis(600),
        ..LinkConfig::default()
    });
    let gap = Duration::from_micros(4_912); // 1,228 bytes at 2 Mbit/s: exactly the rate
    let mut now = Instant::ZERO;
    for number in 0..5_000 {
        offer(&mut link, now, number, 1_200);
        now += gap;
    }
    assert!(link.report().totals().flying > 100);
    let out = drain(&mut link, now + millis(700));
    assert_eq!(link.report().totals().overflowed, 0);
    assert_eq!(out.iter().filter(|(_, at)| *at < Instant::ZERO + millis(600)).count(), 0);
    assert!(link.report().totals().delivered == 5_000);
}

#[test]
fn lost_packets_have_used_their_share_of_the_rate() {
    let mut link =
        link(bare(LinkConfig { rate: Some(1_000_000), loss: Loss::Iid { p: 1.0 }, ..LinkConfig::default() }));
    offer(&mut link, ms(0), 0, 1_250);
    link.apply(ms(1), bare(LinkConfig { rate: Some(1_000_000), ..LinkConfig::default() }));
    offer(&mut link, ms(1), 1, 1_250);
    assert_eq!(drain(&mut link, ms(50)), [(0, ms(10)), (1, ms(20))], "loss is judged when a packet leaves");
}

#[test]
fn a_shorter_delay_does_not_let_later_packets_overtake() {
    let mut link = link(LinkConfig { delay: millis(100), ..LinkConfig::default() });
    offer(&mut link, ms(0), 0, 10);
    link.apply(ms(10), LinkConfig { delay: millis(20), ..LinkConfig::default() });
    offer(&mut link, ms(11), 1, 10);
    offer(&mut link, ms(90), 2, 10);
    assert_eq!(drain(&mut link, ms(200)), [(0, ms(100)), (1, ms(100)), (2, ms(110))]);
}

#[test]
fn a_held_back_packet_is_overtaken() {
    let config = LinkConfig { reorder: Some(Reorder { ratio: 1.0, by: millis(10) }), ..LinkConfig::default() };
    let mut link = link(config);
    offer(&mut link, ms(0), 0, 10);
    link.apply(ms(1), LinkConfig::default());
    offer(&mut link, ms(2), 1, 10);
    assert_eq!(drain(&mut link, ms(20)), [(1, ms(2)), (0, ms(10))]);
}

#[test]
fn of_two_at_one_instant_the_first_offered_comes_first() {
    let config = LinkConfig { reorder: Some(Reorder { ratio: 1.0, by: millis(10) }), ..LinkConfig::default() };
    let mut link = link(config);
    offer(&mut link, ms(0), 0, 10);
    offer(&mut link, ms(0), 1, 10);
    link.apply(ms(1), LinkConfig { delay: millis(9), ..LinkConfig::default() });
    offer(&mut link, ms(1), 2, 10);
    assert_eq!(drain(&mut link, ms(20)), [(0, ms(10)), (1, ms(10)), (2, ms(10))]);
}

#[test]
fn a_copy_is_counted_as_duplicated_and_delivered() {
    let mut link = link(LinkConfig { duplicate: 1.0, delay: millis(5), ..LinkConfig::default() });
    offer(&mut link, ms(0), 0, 10);
    assert_eq!(link.report().totals().flying, 2);
    assert_eq!(drain(&mut link, ms(5)), [(0, ms(5)), (0, ms(5))]);
    let totals = link.report().totals();
    assert_eq!((totals.offered, totals.duplicated, totals.delivered), (1, 1, 2));
}

#[test]
fn an_outage_that_drops_loses_what_is_offered_and_what_leaves() {
    let mut link = link(bare(LinkConfig { rate: Some(1_000_000), delay: millis(30), ..LinkConfig::default() }));
    offer(&mut link, ms(0), 0, 1_250); // leaves at 10 ms, in flight when the outage begins
    offer(&mut link, ms(1), 1, 1_250); // leaves at 20 ms, within it
    link.set_outage(ms(15), Some(OutageMode::Drop));
    offer(&mut link, ms(18), 2, 1_250);
    link.set_outage(ms(25), None);
    offer(&mut link, ms(26), 3, 1_250);
    assert_eq!(drain(&mut link, ms(100)), [(0, ms(40)), (3, ms(66))]);
    assert_eq!(link.report().totals().lost, 2);
}

#[test]
fn an_outage_that_pauses_delivers_afterwards_and_keeps_the_bits_sent() {
    let mut link = link(bare(LinkConfig { rate: Some(1_000_000), delay: millis(30), ..LinkConfig::default() }));
    offer(&mut link, ms(0), 0, 1_250);
    link.set_outage(ms(4), Some(OutageMode::Pause));
    offer(&mut link, ms(5), 1, 1_250);
    assert_eq!(link.poll_timeout(), None);
    assert_eq!(drain(&mut link, ms(900)), []);
    link.set_outage(ms(1_000), None);
    assert_eq!(drain(&mut link, ms(2_000)), [(0, ms(1_036)), (1, ms(1_046))], "6 ms were left of the first");
    assert_eq!(link.report().totals().lost, 0);
}

#[test]
fn a_pause_holds_a_path_without_a_rate_too_and_its_queue_can_overflow() {
    let mut link = link(LinkConfig { queue: QueueLimit::Packets(2), ..LinkConfig::default() });
    link.set_outage(ms(0), Some(OutageMode::Pause));
    for number in 0..3 {
        offer(&mut link, ms(number), number, 10);
    }
    assert!(!link.pass(0, 10));
    link.set_outage(ms(50), None);
    assert_eq!(drain(&mut link, ms(50)), [(0, ms(50)), (1, ms(50))]);
    assert_eq!(link.report().totals().overflowed, 1);
}

#[test]
fn the_fast_path_counts_and_only_when_nothing_would_happen() {
    let mut link = link(LinkConfig::default());
    assert!(link.pass(3, 100));
    let counts = *link.report().class(3);
    assert_eq!((counts.offered, counts.delivered, counts.offered_bytes, counts.delivered_bytes), (1, 1, 100, 100));
    assert!(link.report().holds());

    link.apply(ms(0), LinkConfig { delay: millis(10), ..LinkConfig::default() });
    assert!(!link.pass(3, 100));
    offer(&mut link, ms(0), 0, 10);
    link.apply(ms(1), LinkConfig::default());
    assert!(!link.pass(3, 100), "what flies must arrive first");
    assert_eq!(drain(&mut link, ms(10)).len(), 1);
    assert!(link.pass(3, 100));
    link.set_outage(ms(11), Some(OutageMode::Drop));
    assert!(!link.pass(3, 100));
    assert_eq!(link.report().class(3).offered, 2);
}

#[test]
fn each_impairment_alone_closes_the_fast_path() {
    let impaired = [
        LinkConfig { rate: Some(1_000_000), ..LinkConfig::default() },
        LinkConfig { loss: Loss::Iid { p: 0.1 }, ..LinkConfig::default() },
        LinkConfig { delay: millis(1), ..LinkConfig::default() },
        LinkConfig {
            delay_variation: Some(DelayVariation::Uniform { max: millis(1), reordering: false }),
            ..LinkConfig::default()
        },
        LinkConfig { reorder: Some(Reorder { ratio: 0.1, by: millis(1) }), ..LinkConfig::default() },
        LinkConfig { duplicate: 0.1, ..LinkConfig::default() },
        LinkConfig { corrupt: 0.1, ..LinkConfig::default() },
        LinkConfig {
            serialiser: Serialiser::TokenBucket { burst: 9_000, peak: None },
            rate: Some(1),
            ..LinkConfig::default()
        },
        LinkConfig {
            slots: Some(Slots { gap: SlotGap::Uniform { min: millis(1), max: millis(1) }, packets: None, bytes: None }),
            ..LinkConfig::default()
        },
    ];
    for config in impaired {
        assert!(!link(config.clone()).pass(0, 100), "{config:?}");
    }
}

#[test]
fn a_packet_told_late_keeps_its_own_times() {
    let mut link = link(bare(LinkConfig { rate: Some(1_000_000), delay: millis(5), ..LinkConfig::default() }));
    link.handle_timeout(ms(100));
    offer(&mut link, ms(95), 0, 125);
    assert_eq!(link.poll_timeout(), Some(ms(101)));
    assert_eq!(drain(&mut link, ms(200)), [(0, ms(101))]);
}

#[test]
#[should_panic(expected = "an unvalidated path: `duplicate` is 2")]
fn an_unvalidated_configuration_is_a_bug() {
    let _ = link(LinkConfig { duplicate: 2.0, ..LinkConfig::default() });
}

#[test]
fn nothing_is_allocated_a_packet_once_warm() {
    let mut link = link(LinkConfig {
        rate: Some(10_000_000),
        queue: QueueLimit::Time(millis(100)),
        loss: Loss::Gilbert { mean: 0.05, burst: 3.0 },
        delay: millis(40),
        delay_variation: Some(DelayVariation::Gaussian { sd: millis(3), max: millis(9), reordering: true }),
        reorder: Some(Reorder { ratio: 0.1, by: millis(5) }),
        duplicate: 0.1,
        ..LinkConfig::default()
    });
    let mut now = Instant::ZERO;
    let mut run = |link: &mut Link<Probe>, packets: u64| {
        for number in 0..packets {
            // Bursts of 20 every 20 ms, as a video frame would come.
            now += if number % 20 == 0 { millis(20) } else { Duration::ZERO };
            offer(link, now, number, 1_200);
            while link.poll_output().is_some() {}
        }
        (link.bottleneck.capacity(), link.wire.capacity())
    };
    let warm = run(&mut link, 2_000);
    assert_eq!(run(&mut link, 20_000), warm);
}

#[test]
fn an_idle_link_is_small() {
    // 10,000 participants have 20,000 links; a stream of random numbers (320 bytes) is made when a stage first draws.
    assert!(size_of::<Link<[u64; 4]>>() <= 1_600, "{} bytes", size_of::<Link<[u64; 4]>>());
}
