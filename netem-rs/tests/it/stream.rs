//! The reliable path under arbitrary operations: every message once, in order, whatever the ticks.

use crate::statistics::{SEEDS, assert_law, seeds};
use netem_rs::{Direction, Instant, LinkConfig, Loss, OutageMode, Seed, Stream, StreamOutput};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Operation {
    Send { up: bool, bytes: usize },
    Apply { rate: Option<u64>, delay: u64, loss: f64 },
    Outage(Option<OutageMode>, Option<OutageMode>),
    Tick,
}

fn operation() -> impl Strategy<Value = Operation> {
    let outage = || prop_oneof![2 => Just(None), 1 => Just(Some(OutageMode::Drop)), 1 => Just(Some(OutageMode::Pause))];
    prop_oneof![
        6 => (any::<bool>(), 0..20_000_usize).prop_map(|(up, bytes)| Operation::Send { up, bytes }),
        1 => (proptest::option::of(10_000_u64..10_000_000), 0..300_u64, 0.0..0.6)
            .prop_map(|(rate, delay, loss)| Operation::Apply { rate, delay, loss }),
        1 => (outage(), outage()).prop_map(|(up, down)| Operation::Outage(up, down)),
        2 => Just(Operation::Tick),
    ]
}

fn path(rate: Option<u64>, delay: u64, loss: f64) -> LinkConfig {
    LinkConfig { rate, delay: Duration::from_millis(delay), loss: Loss::Iid { p: loss }, ..LinkConfig::default() }
}

fn run(script: &[(u64, Operation)], tick: Option<Duration>) -> Vec<StreamOutput<usize>> {
    let mut stream = Stream::new(path(None, 20, 0.1), path(Some(1_000_000), 20, 0.1), Seed::new(1));
    let (mut now, mut out) = (Instant::ZERO, Vec::new());
    stream.open(now, 2);
    for (token, (gap, operation)) in script.iter().enumerate() {
        let next = now + Duration::from_millis(*gap);
        while let Some(tick) = tick.filter(|tick| now + *tick < next) {
            now += tick;
            stream.handle_timeout(now);
            out.extend(std::iter::from_fn(|| stream.poll_output()));
        }
        now = next;
        match *operation {
            Operation::Send { up, bytes } => {
                stream.send(now, if up { Direction::Up } else { Direction::Down }, bytes, token);
            }
            Operation::Apply { rate, delay, loss } => {
                stream.apply(now, path(rate, delay, loss), path(rate, delay / 2, loss));
            }
            Operation::Outage(up, down) => stream.set_outage(now, up, down),
            Operation::Tick => stream.handle_timeout(now),
        }
        out.extend(std::iter::from_fn(|| stream.poll_output()));
    }
    stream.set_outage(now, None, None);
    stream.apply(now, path(None, 20, 0.3), path(None, 20, 0.3));
    while let Some(due) = stream.poll_timeout() {
        assert!(due >= now, "a timeout lies behind the time told");
        now = due;
        stream.handle_timeout(now);
        out.extend(std::iter::from_fn(|| stream.poll_output()));
    }
    out
}

fn at(output: &StreamOutput<usize>) -> Instant {
    match output {
        StreamOutput::Opened { at } | StreamOutput::Delivered { at, .. } => *at,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_once_and_in_order(
        script in prop::collection::vec((0..400_u64, operation()), 1..60),
        tick in 1..50_u64,
    ) {
        let out = run(&script, None);
        prop_assert!(out.windows(2).all(|pair| at(&pair[0]) <= at(&pair[1])), "in order of time");
        for (wanted, is_up) in [(Direction::Up, true), (Direction::Down, false)] {
            let sent = script.iter().enumerate().filter_map(|(token, (_, operation))| match operation {
                Operation::Send { up, .. } if *up == is_up => Some(token),
                _ => None,
            });
            let arrived = out.iter().filter_map(|output| match output {
                StreamOutput::Delivered { direction, token, .. } if *direction == wanted => Some(*token),
                _ => None,
            });
            prop_assert!(sent.eq(arrived));
        }
        prop_assert_eq!(&out, &run(&script, Some(Duration::from_millis(tick))));
    }
}

#[test]
fn loss_costs_its_timers_on_average() {
    // A message of one segment over p = 0.1 and a timer of t = 300 ms, doubled each time, needs
    // delay + t·Σ_{k≥1} p^k·2^(k-1) = delay + t·p/(1-2p); the extra time has second moment t²·Σ p^k(1-p)(2^k-1)².
    let (p, timer, count) = (0.1_f64, 0.3_f64, 4_000);
    let lossy = LinkConfig { delay: Duration::from_millis(50), loss: Loss::Iid { p }, ..LinkConfig::default() };
    let back = LinkConfig { delay: Duration::from_millis(50), ..LinkConfig::default() };
    let means: Vec<f64> = seeds()
        .map(|seed| {
            let mut stream = Stream::new(lossy.clone(), back.clone(), seed);
            stream.open(Instant::ZERO, 0);
            let mut sum = 0.0;
            for number in 0..count {
                // Far apart, so that no message waits for another.
                let sent = Instant::from_secs(1_000 * number);
                stream.send(sent, Direction::Up, 100, number);
                stream.handle_timeout(sent + Duration::from_secs(999));
                for output in std::iter::from_fn(|| stream.poll_output()) {
                    if let StreamOutput::Delivered { at, .. } = output {
                        sum += at.saturating_since(sent).as_secs_f64();
                    }
                }
            }
            sum / count as f64
        })
        .collect();
    assert_eq!(means.len() as u64, SEEDS);
    let extra = timer * p / (1.0 - 2.0 * p);
    let second: f64 =
        (1..60).map(|k| p.powi(k) * (1.0 - p) * (2_f64.powi(k) - 1.0).powi(2)).sum::<f64>() * timer * timer;
    let error = ((second - extra * extra) / count as f64).sqrt();
    assert_law("time lost", &means, 0.050 + extra, error);
}
