//! Claims about the reliable path, each to the nanosecond where there is no chance in it.

use super::*;
use crate::{DelayVariation, Loss, QueueLimit, Reorder};

fn ms(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn delayed(millis: u64) -> LinkConfig {
    LinkConfig { delay: Duration::from_millis(millis), ..LinkConfig::default() }
}

fn stream(up: LinkConfig, down: LinkConfig) -> Stream<u32> {
    Stream::new(up, down, Seed::new(5))
}

fn drain(stream: &mut Stream<u32>, now: Instant) -> Vec<StreamOutput<u32>> {
    stream.handle_timeout(now);
    std::iter::from_fn(|| stream.poll_output()).collect()
}

fn delivered(at: Instant, direction: Direction, token: u32) -> StreamOutput<u32> {
    StreamOutput::Delivered { at, direction, token }
}

#[test]
fn a_transparent_path_opens_and_delivers_at_once() {
    let mut stream = stream(LinkConfig::default(), LinkConfig::default());
    stream.open(ms(3), 2);
    stream.send(ms(3), Direction::Up, 100_000, 1);
    stream.send(ms(4), Direction::Down, 0, 2);
    let expected =
        [StreamOutput::Opened { at: ms(3) }, delivered(ms(3), Direction::Up, 1), delivered(ms(4), Direction::Down, 2)];
    assert_eq!(drain(&mut stream, ms(4)), expected);
    assert_eq!(stream.poll_timeout(), None);
}

#[test]
fn opening_takes_its_round_trips() {
    for round_trips in 0..4 {
        let mut stream = stream(delayed(30), delayed(70));
        stream.open(ms(0), round_trips);
        let out = drain(&mut stream, ms(5_000));
        assert_eq!(out, [StreamOutput::Opened { at: ms(100 * u64::from(round_trips)) }]);
        assert!(stream.is_open());
    }
}

#[test]
fn what_is_sent_early_waits_for_the_connection() {
    let mut stream = stream(delayed(30), delayed(70));
    stream.send(ms(0), Direction::Up, 10, 1);
    assert_eq!(drain(&mut stream, ms(500)), []);
    stream.open(ms(500), 1);
    // Opening begins a new connection, so what was held for an earlier one is gone.
    stream.send(ms(510), Direction::Up, 10, 2);
    assert_eq!(stream.poll_timeout(), Some(ms(530)));
    let expected = [StreamOutput::Opened { at: ms(600) }, delivered(ms(630), Direction::Up, 2)];
    assert_eq!(drain(&mut stream, ms(5_000)), expected);
}

#[test]
fn the_rate_takes_its_time_and_tls_flights_have_their_size() {
    // 40 bytes of headers a segment (28 + 12). At 8 kbit/s a byte takes a millisecond.
    let slow = LinkConfig { rate: Some(8_000), ..LinkConfig::default() };
    let mut stream = stream(slow.clone(), slow);
    stream.open(ms(0), 2);
    // TCP: 40 + 40. TLS: 540 up, 3,000 in three segments and their headers down.
    let opened = 80 + 540 + 3_120;
    assert_eq!(drain(&mut stream, ms(60_000)), [StreamOutput::Opened { at: ms(opened) }]);
    stream.send(ms(60_000), Direction::Up, 1_401, 1);
    stream.send(ms(60_000), Direction::Up, 60, 2);
    let expected = [delivered(ms(61_481), Direction::Up, 1), delivered(ms(61_581), Direction::Up, 2)];
    assert_eq!(drain(&mut stream, ms(90_000)), expected);
}

#[test]
fn a_lost_first_flight_costs_a_second_then_two() {
    let all = LinkConfig { loss: Loss::Iid { p: 1.0 }, ..delayed(50) };
    let mut stream = stream(all, delayed(50));
    stream.open(ms(0), 1);
    stream.handle_timeout(ms(500));
    stream.apply(ms(2_000), delayed(50), delayed(50)); // lost at 0 and 1,000; the third try is due at 3,000
    assert_eq!(drain(&mut stream, ms(9_000)), [StreamOutput::Opened { at: ms(3_100) }]);
    assert_eq!(stream.retransmitted(), 2);
}

#[test]
fn a_lost_message_costs_the_retransmission_timer_doubled() {
    let mut stream = stream(delayed(50), delayed(50));
    stream.open(ms(0), 0);
    stream.set_outage(ms(1), Some(OutageMode::Drop), None);
    stream.send(ms(10), Direction::Up, 100, 1);
    stream.send(ms(20), Direction::Down, 100, 2);
    stream.set_outage(ms(1_000), None, None);
    // The timer is 50 + 50 + 200 ms: lost at 10, 310 and 910 ms, through at 2,110.
    let expected = [
        StreamOutput::Opened { at: ms(0) },
        delivered(ms(70), Direction::Down, 2),
        delivered(ms(2_160), Direction::Up, 1),
    ];
    assert_eq!(drain(&mut stream, ms(9_000)), expected);
}

#[test]
fn timers_stop_growing_at_two_minutes() {
    let mut stream = stream(delayed(50), delayed(50));
    stream.open(ms(0), 0);
    stream.set_outage(ms(0), Some(OutageMode::Drop), None);
    stream.send(ms(0), Direction::Up, 100, 1);
    stream.handle_timeout(Instant::from_secs(4_000));
    let due = stream.poll_timeout().expect("it never gives up");
    assert!(due.saturating_since(Instant::from_secs(4_000)) <= Duration::from_secs(120));
    stream.set_outage(Instant::from_secs(4_000), None, None);
    assert_eq!(drain(&mut stream, Instant::from_secs(5_000)).len(), 2);
}

#[test]
fn a_pause_holds_messages_to_its_very_end() {
    let mut stream = stream(delayed(50), delayed(50));
    stream.open(ms(0), 0);
    stream.set_outage(ms(5), Some(OutageMode::Pause), Some(OutageMode::Pause));
    stream.send(ms(10), Direction::Up, 100, 1);
    stream.send(ms(11), Direction::Down, 100, 2);
    assert_eq!(drain(&mut stream, ms(800)), [StreamOutput::Opened { at: ms(0) }]);
    stream.set_outage(ms(900), None, None);
    let expected = [delivered(ms(950), Direction::Up, 1), delivered(ms(950), Direction::Down, 2)];
    assert_eq!(drain(&mut stream, ms(2_000)), expected);
    assert_eq!(stream.retransmitted(), 0);
}

#[test]
fn a_message_waits_for_the_one_before_it() {
    let mut stream = stream(delayed(50), delayed(50));
    stream.open(ms(0), 0);
    stream.set_outage(ms(0), Some(OutageMode::Drop), None);
    stream.send(ms(10), Direction::Up, 100, 1);
    stream.set_outage(ms(20), None, None);
    stream.send(ms(30), Direction::Up, 100, 2); // arrives at 80, but the first only at 360
    let out = drain(&mut stream, ms(1_000));
    assert_eq!(out[1..], [delivered(ms(360), Direction::Up, 1), delivered(ms(360), Direction::Up, 2)]);
}

#[test]
fn variation_and_reordering_cost_time_and_never_order() {
    let path = LinkConfig {
        delay_variation: Some(DelayVariation::Uniform { max: Duration::from_millis(40), reordering: true }),
        reorder: Some(Reorder { ratio: 0.3, by: Duration::from_millis(100) }),
        duplicate: 0.5,
        queue: QueueLimit::Packets(1),
        ..delayed(20)
    };
    let mut stream = stream(path.clone(), path);
    stream.open(ms(0), 0);
    for token in 0..200 {
        stream.send(ms(u64::from(token)), Direction::Up, 3_000, token);
    }
    let out = drain(&mut stream, ms(2_000));
    let tokens: Vec<u32> = out
        .iter()
        .filter_map(|output| match output {
            StreamOutput::Delivered { token, .. } => Some(*token),
            StreamOutput::Opened { .. } => None,
        })
        .collect();
    assert_eq!(tokens, (0..200).collect::<Vec<_>>());
    assert_eq!(stream.retransmitted(), 0);
}

#[test]
fn a_shorter_delay_moves_no_delivery_into_the_past() {
    let mut stream = stream(delayed(100), delayed(100));
    stream.open(ms(0), 0);
    stream.send(ms(0), Direction::Up, 10, 1);
    stream.apply(ms(10), LinkConfig::default(), LinkConfig::default());
    stream.send(ms(20), Direction::Up, 10, 2);
    let out = drain(&mut stream, ms(200));
    assert_eq!(out[1..], [delivered(ms(100), Direction::Up, 1), delivered(ms(100), Direction::Up, 2)]);
}

#[test]
fn opening_again_forgets_the_old_connection() {
    let mut stream = stream(delayed(50), delayed(50));
    stream.open(ms(0), 0);
    stream.send(ms(1), Direction::Up, 10, 1);
    stream.open(ms(10), 1);
    stream.send(ms(10), Direction::Up, 10, 2);
    let out = drain(&mut stream, ms(1_000));
    assert_eq!(
        out,
        [
            StreamOutput::Opened { at: ms(0) },
            StreamOutput::Opened { at: ms(110) },
            delivered(ms(160), Direction::Up, 2),
        ]
    );
}
