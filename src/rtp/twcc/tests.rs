use super::*;
use crate::clock::{Duration, Instant};
use crate::rtp::rtcp::{self, Packet};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The feedback packets that a builder has to tell now.
fn built(builder: &mut FeedbackBuilder) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    loop {
        let mut out = vec![0xAA; 3];
        if !builder.build(&mut out, 11, 22) {
            assert_eq!(out, [0xAA; 3]);
            return packets;
        }
        packets.push(out.split_off(3));
    }
}

fn read(packet: &[u8]) -> Feedback<'_> {
    assert!(packet.len() <= 1_160 && packet.len().is_multiple_of(4), "{} bytes", packet.len());
    let mut packets = rtcp::parse(packet);
    let Some(Packet::Transport(feedback)) = packets.next() else { panic!("feedback") };
    assert!(packets.next().is_none());
    assert_eq!((feedback.sender, feedback.media), (11, 22));
    feedback
}

/// Ticks of 250 µs for times in µs, as they are told.
fn told(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
    read(packet).arrivals().map(|arrival| (arrival.sequence, arrival.received)).collect()
}

#[test]
fn arrivals_come_back_to_the_tick_and_gaps_as_not_received() {
    let mut builder = FeedbackBuilder::new();
    for (sequence, micros) in [(65_533, 1_000_000), (65_534, 1_000_260), (0, 1_064_000), (1, 1_063_900), (3, 1_500_000)]
    {
        builder.record(sequence, Instant::from_micros(micros));
    }
    assert!(builder.is_due());
    let packets = built(&mut builder);
    let expected = [
        (65_533, Some(1_000_000)),
        (65_534, Some(1_000_250)),
        (65_535, None),
        (0, Some(1_064_000)),
        (1, Some(1_063_750)),
        (2, None),
        (3, Some(1_500_000)),
    ];
    assert_eq!(told(&packets[0]), expected);
    assert_eq!(packets.len(), 1);
    assert!(!builder.is_due());
}

#[test]
fn a_packet_of_the_draft_is_read() {
    // Base 5, 7 statuses, reference 3 · 64 ms, count 9; one vector of two bits: 1 0 2 0 0 1 1; deltas +1 ms, −2 ms, 0, +63.75 ms.
    let packet = [
        0x8F,
        205,
        0,
        6,
        0,
        0,
        0,
        11,
        0,
        0,
        0,
        22,
        0,
        5,
        0,
        7,
        0,
        0,
        3,
        9,
        0b1101_0010,
        0b0000_0101,
        4,
        0xFF,
        0xF8,
        0,
        255,
        0,
    ];
    let arrivals = told(&packet);
    assert_eq!(
        arrivals,
        [
            (5, Some(193_000)),
            (6, None),
            (7, Some(191_000)),
            (8, None),
            (9, None),
            (10, Some(191_000)),
            (11, Some(254_750))
        ]
    );
    assert_eq!(read(&packet).feedback_count, 9);
}

#[test]
fn chunks_are_read_to_the_status_count_and_missing_bytes_are_malformed() {
    let run = |count: u16, chunk: u16, deltas: &[u8]| {
        let [count, chunk] = [count.to_be_bytes(), chunk.to_be_bytes()];
        let body = [&[0, 1], &count[..], &[0, 0, 0, 0], &chunk, deltas].concat();
        Feedback::read(1, 2, &body).map(|feedback| feedback.arrivals().map(|a| a.received).collect::<Vec<_>>())
    };
    assert_eq!(run(2, 2 | 1 << 13, &[4, 8]), Some(vec![Some(1_000), Some(3_000)]));
    assert_eq!(run(1, 2 | 1 << 13, &[4, 8]), Some(vec![Some(1_000)]), "a run longer than the count");
    assert_eq!(run(3, 2 | 1 << 13, &[4, 8, 9]), None, "a run shorter than the count");
    assert_eq!(run(2, 2 | 1 << 13, &[4]), None, "a delta missing");
    assert_eq!(run(2, 2 | 3 << 13, &[4, 8, 1, 1]), None, "the reserved state");
    assert_eq!(run(3, 3, &[]), Some(vec![None; 3]));
    assert_eq!(run(0, 0, &[]), Some(vec![]));
    assert_eq!(run(3, 0b1010_1000_0000_0000, &[1, 2]), Some(vec![Some(250), None, Some(750)]), "one bit each");
}

#[test]
fn a_long_gap_and_a_long_run_take_a_few_chunks() {
    let mut builder = FeedbackBuilder::new();
    builder.record(65_530, Instant::from_millis(10));
    builder.record(30_000, Instant::from_millis(20));
    for sequence in 30_001..30_400 {
        builder.record(sequence, Instant::from_millis(20));
    }
    let packets = built(&mut builder);
    assert_eq!(packets.len(), 1);
    // 20 bytes of head, 400 deltas, and: the first, 30,005 lost in four runs, 400 received in one.
    assert!(packets[0].len() <= 20 + 401 + 2 * 7 + 3, "{} bytes", packets[0].len());
    let arrivals = told(&packets[0]);
    assert_eq!(arrivals.len(), 6 + 30_400);
    assert_eq!(arrivals.iter().filter(|(_, received)| received.is_some()).count(), 401);
    assert_eq!(arrivals.last(), Some(&(30_399, Some(20_000))));
}

#[test]
fn a_pause_beyond_a_delta_begins_another_packet() {
    let mut builder = FeedbackBuilder::new();
    builder.record(1, Instant::from_secs(1));
    builder.record(2, Instant::from_secs(9));
    builder.record(4, Instant::from_secs(18));
    let packets = built(&mut builder);
    assert_eq!(told(&packets[0]), [(1, Some(1_000_000)), (2, Some(9_000_000))]);
    assert_eq!(told(&packets[1]), [(3, None), (4, Some(18_000_000))]);
    assert_eq!((read(&packets[0]).feedback_count, read(&packets[1]).feedback_count), (0, 1));
}

#[test]
fn many_arrivals_are_told_in_packets_below_the_mtu() {
    let mut builder = FeedbackBuilder::new();
    for sequence in 0..6_000u16 {
        builder.record(sequence * 2, Instant::from_millis(u64::from(sequence) * 100));
    }
    let packets = built(&mut builder);
    let arrivals: Vec<_> = packets.iter().flat_map(|packet| told(packet)).collect();
    assert!(packets.len() > 5);
    let expected: Vec<_> =
        (0..11_999).map(|n: u16| (n, n.is_multiple_of(2).then(|| i64::from(n / 2) * 100_000))).collect();
    assert_eq!(arrivals, expected);
}

#[test]
fn the_feedback_count_and_the_reference_time_wrap() {
    let mut builder = FeedbackBuilder::new();
    let half_cycle = Instant::from_millis((1 << 23) * 64);
    for n in 0..300u16 {
        builder.record(n, half_cycle + Duration::from_millis(u64::from(n) * 64));
        let packets = built(&mut builder);
        let feedback = read(&packets[0]);
        assert_eq!(feedback.feedback_count, n as u8);
        assert_eq!(feedback.reference_time, i32::from(n) - (1 << 23), "24 bits, signed");
    }
}

#[test]
fn a_late_packet_is_told_with_what_follows_it() {
    let mut builder = FeedbackBuilder::new();
    for sequence in [10, 11, 13, 14] {
        builder.record(sequence, Instant::from_millis(sequence.into()));
    }
    assert_eq!(told(&built(&mut builder)[0])[2], (12, None));
    builder.record(12, Instant::from_millis(30));
    assert!(builder.is_due());
    let packets = built(&mut builder);
    assert_eq!(told(&packets[0]), [(12, Some(30_000)), (13, Some(13_000)), (14, Some(14_000))]);
    builder.record(12, Instant::from_millis(40));
    assert!(!builder.is_due(), "a duplicate is no news");
}

#[test]
fn arrivals_are_forgotten_half_a_second_after_they_were_told() {
    let mut builder = FeedbackBuilder::new();
    builder.record(1, Instant::from_millis(100));
    builder.record(3, Instant::from_millis(110));
    built(&mut builder);
    builder.record(4, Instant::from_millis(1_000));
    built(&mut builder);
    builder.record(2, Instant::from_millis(1_010));
    assert!(!builder.is_due(), "what followed it is gone");
    builder.record(5, Instant::from_millis(1_020));
    assert_eq!(told(&built(&mut builder)[0]), [(5, Some(1_020_000))]);
}

/// Sends `count` packets, 10 ms apart, of which `arrives` says whether and when; feedback after every 20.
fn exchange(count: u32, arrives: impl Fn(u32) -> Option<Duration>) -> Vec<Report> {
    let mut history = SentHistory::new(65_530, 1_000);
    let mut builder = FeedbackBuilder::new();
    let mut reports = Vec::new();
    for n in 0..count {
        let now = Instant::from_millis(u64::from(n) * 10);
        let sequence = history.record(now, 1_000 + n);
        if let Some(delay) = arrives(n) {
            builder.record(sequence, now + delay);
        }
        if n % 20 == 19 {
            for packet in built(&mut builder) {
                history.apply(&read(&packet), &mut reports);
            }
        }
    }
    reports
}

#[test]
fn a_sender_learns_of_each_packet_once() {
    let reports = exchange(400, |n| (n % 7 != 3).then_some(Duration::from_millis(25)));
    assert_eq!(reports.len(), 400);
    for (report, n) in reports.iter().zip(0u32..) {
        assert_eq!((report.sequence, report.bytes), (65_530 + i64::from(n), 1_000 + n));
        let expected = (n % 7 != 3).then_some(i64::from(n) * 10_000 + 25_000);
        assert_eq!((report.sent, report.received), (Instant::from_millis(u64::from(n) * 10), expected));
    }
    assert!(
        exchange(100, |_| Some(Duration::ZERO)).iter().all(|report| report.received.is_some()),
        "no loss, none told"
    );
}

#[test]
fn a_packet_told_lost_is_told_again_when_it_came_after_all() {
    let mut history = SentHistory::new(0, 100);
    let mut builder = FeedbackBuilder::new();
    let mut reports = Vec::new();
    for n in 0..3 {
        assert_eq!(history.record(Instant::from_millis(n), 1), n as u16);
    }
    builder.record(0, Instant::from_millis(5));
    builder.record(2, Instant::from_millis(6));
    built(&mut builder).iter().for_each(|packet| history.apply(&read(packet), &mut reports));
    builder.record(1, Instant::from_millis(9));
    built(&mut builder).iter().for_each(|packet| history.apply(&read(packet), &mut reports));
    let told: Vec<_> = reports.iter().map(|report| (report.sequence, report.received)).collect();
    assert_eq!(told, [(0, Some(5_000)), (1, None), (2, Some(6_000)), (1, Some(9_000))]);
}

#[test]
fn packets_outside_the_history_are_passed_over() {
    let mut history = SentHistory::new(0, 4);
    let mut builder = FeedbackBuilder::new();
    for n in 0..10u16 {
        history.record(Instant::ZERO, 1);
        builder.record(n, Instant::ZERO);
    }
    builder.record(12, Instant::ZERO);
    let mut reports = Vec::new();
    built(&mut builder).iter().for_each(|packet| history.apply(&read(packet), &mut reports));
    assert_eq!(reports.iter().map(|report| report.sequence).collect::<Vec<_>>(), [6, 7, 8, 9]);
}

#[test]
fn receive_times_go_on_when_the_reference_time_wraps() {
    let mut history = SentHistory::new(0, 1_000);
    let mut builder = FeedbackBuilder::new();
    let mut reports = Vec::new();
    let start = Instant::from_millis((1 << 24) * 64 - 200);
    for n in 0..8 {
        let sequence = history.record(Instant::ZERO, 1);
        builder.record(sequence, start + Duration::from_millis(n * 100));
        built(&mut builder).iter().for_each(|packet| history.apply(&read(packet), &mut reports));
    }
    let times: Vec<_> = reports.iter().filter_map(|report| report.received).collect();
    let steps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(steps, [100_000; 7]);
}

proptest! {
    #[test]
    fn any_arrivals_come_back(
        start: u16,
        packets in prop::collection::vec((1u16..300, -300_000i64..3_000_000, any::<bool>()), 1..300),
    ) {
        let mut builder = FeedbackBuilder::new();
        let (mut sequence, mut micros) = (start, 10_000_000i64);
        let mut expected = BTreeMap::new();
        let mut extended = 0u64;
        let mut feedback = Vec::new();
        for (step, pause, flush) in packets {
            expected.insert(extended, (sequence, Some(micros / 250 * 250)));
            builder.record(sequence, Instant::from_micros(micros as u64));
            if flush {
                feedback.extend(built(&mut builder));
            }
            for _ in 1..step {
                sequence = sequence.wrapping_add(1);
                extended += 1;
                expected.insert(extended, (sequence, None));
            }
            sequence = sequence.wrapping_add(1);
            extended += 1;
            micros += pause.max(-micros);
        }
        feedback.extend(built(&mut builder));
        while expected.last_key_value().is_some_and(|(_, (_, received))| received.is_none()) {
            expected.pop_last();
        }
        let arrivals: Vec<_> = feedback.iter().flat_map(|packet| told(packet)).collect();
        prop_assert_eq!(arrivals, expected.into_values().collect::<Vec<_>>());
    }

    #[test]
    fn any_order_of_sequences_and_times_is_told_in_readable_packets(
        arrivals in prop::collection::vec((any::<u16>(), 0u64..40_000, any::<bool>()), 1..20),
    ) {
        let mut builder = FeedbackBuilder::new();
        for (sequence, millis, flush) in arrivals {
            builder.record(sequence, Instant::from_millis(millis));
            let due = builder.is_due();
            if flush {
                let packets = built(&mut builder);
                prop_assert_eq!(due, !packets.is_empty());
                for packet in packets {
                    prop_assert!(told(&packet).last().is_some_and(|(_, received)| received.is_some()));
                }
            }
        }
    }

    #[test]
    fn any_states_survive_their_chunks(states in prop::collection::vec((0u8..3, 1usize..40), 1..60)) {
        let states: Vec<u8> = states.into_iter().flat_map(|(state, run)| std::iter::repeat_n(state, run)).collect();
        let mut out = Vec::new();
        let mut writer = chunk::ChunkWriter::default();
        states.iter().for_each(|&state| writer.push(&mut out, state));
        writer.finish(&mut out);
        let mut symbols = Symbols::new(&out, states.len() as u16);
        prop_assert_eq!(symbols.by_ref().collect::<Vec<_>>(), states);
        prop_assert!(symbols.unread().is_empty(), "no chunk too many");
    }
}
