//! Rates over time: bits are kept exactly through steps and ramps, traces deliver as mm-link does, buckets as they fill.

use crate::Probe;
use crate::statistics::{assert_law, seeds};
use netem_rs::{Instant, Link, LinkConfig, Mahimahi, RatePlan, RatePoint, Seed, Serialiser};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;

fn path(rate: Option<u64>, serialiser: Serialiser) -> LinkConfig {
    LinkConfig { rate, serialiser, overhead: 0, ..LinkConfig::default() }
}

fn planned(points: &[(u64, u64, bool)], period: Option<u64>, phase: u64) -> LinkConfig {
    let us = Duration::from_micros;
    let points: Vec<_> =
        points.iter().map(|(at, rate, ramp)| RatePoint { at: us(*at), rate: *rate, ramp: *ramp }).collect();
    let plan = RatePlan::new(&points, period.map(us)).unwrap();
    path(None, Serialiser::Plan { plan, phase: us(phase) })
}

/// Offers packets of these sizes at these times; when each arrives, in nanoseconds.
fn arrivals(link: &mut Link<Probe>, packets: &[(Instant, usize)]) -> Vec<u64> {
    for ((now, bytes), number) in packets.iter().zip(0..) {
        link.handle_packet(*now, Probe { number, bytes: *bytes, class: 0 });
        assert!(link.report().holds());
    }
    link.handle_timeout(Instant::MAX);
    std::iter::from_fn(|| link.poll_output()).map(|delivery| delivery.at.as_nanos()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_of_steps_is_a_link_whose_rate_is_changed(
        steps in prop::collection::vec((1..20_000_u64, 1_000..1_000_000_000_u64), 1..6),
        packets in prop::collection::vec((0..3_000_u64, 1..1_500_usize), 1..60),
    ) {
        let mut at = 0;
        let points: Vec<(u64, u64, bool)> = steps
            .iter()
            .map(|(gap, rate)| {
                let point = (at, *rate, false);
                at += gap;
                point
            })
            .collect();
        let mut now = Instant::ZERO;
        let packets: Vec<(Instant, usize)> = packets
            .into_iter()
            .map(|(gap, bytes)| {
                now += Duration::from_micros(gap);
                (now, bytes)
            })
            .collect();
        let by_plan = arrivals(&mut Link::new(planned(&points, None, 0), Seed::new(1)), &packets);

        let steady = |rate: u64| path(Some(rate), Serialiser::Steady);
        let mut link = Link::new(steady(points[0].1), Seed::new(1));
        let mut changes: VecDeque<_> = points[1..].iter().map(|(at, rate, _)| (Instant::from_micros(*at), *rate)).collect();
        let mut out = Vec::new();
        for ((now, bytes), number) in packets.iter().zip(0..) {
            while let Some((at, rate)) = changes.pop_front_if(|(at, _)| *at <= *now) {
                link.apply(at, steady(rate));
            }
            link.handle_packet(*now, Probe { number, bytes: *bytes, class: 0 });
        }
        for (at, rate) in changes {
            link.apply(at, steady(rate));
        }
        link.handle_timeout(Instant::MAX);
        out.extend(std::iter::from_fn(|| link.poll_output()).map(|delivery| delivery.at.as_nanos()));
        // A steady rate forgets what is left of a nanosecond when the last packet ends exactly at a change of the rate.
        prop_assert!(by_plan.iter().zip(&out).all(|(plan, steady)| plan.abs_diff(*steady) <= packets.len() as u64));
    }

    #[test]
    fn a_trace_delivers_as_mm_link_does(
        times in prop::collection::vec(0..60_u32, 1..40),
        bytes in 100..2_000_u32,
        packets in prop::collection::vec((0..9_u64, 1..1_500_usize), 1..80),
    ) {
        let mut times = times;
        times.push(61);
        times.sort_unstable();
        let text: String = times.iter().map(|time| format!("{time}\n")).collect();
        let trace = Mahimahi::parse(&text).unwrap().with_bytes(bytes);
        prop_assert_eq!(trace.to_text(), text);
        let mut now = Instant::ZERO;
        // Half a millisecond off, so that no packet comes with an opportunity.
        let packets: Vec<(Instant, usize)> = packets
            .into_iter()
            .map(|(gap, bytes)| {
                now += Duration::from_millis(gap);
                (now + Duration::from_micros(500), bytes)
            })
            .collect();
        let config = path(None, Serialiser::Trace { trace, phase: Some(Duration::ZERO) });
        let arrived = arrivals(&mut Link::new(config, Seed::new(1)), &packets);

        // Opportunity by opportunity: bytes go to the packet in front, the rest of an opportunity to the next one, and
        // to nobody when nothing waits.
        let mut expected = Vec::new();
        let mut queue: VecDeque<(u64, usize)> =
            packets.iter().map(|(at, bytes)| (at.as_nanos(), *bytes)).collect();
        'periods: for period in 0.. {
            for time in &times {
                let at = (period * 61 + u64::from(*time)) * 1_000_000;
                let mut left = bytes as usize;
                while let Some((_, rest)) = queue.front_mut().filter(|(came, _)| *came <= at) {
                    let used = left.min(*rest);
                    *rest -= used;
                    left -= used;
                    if *rest > 0 {
                        break;
                    }
                    queue.pop_front();
                    expected.push(at);
                }
                if queue.is_empty() {
                    break 'periods;
                }
            }
        }
        prop_assert_eq!(arrived, expected);
    }

    #[test]
    fn a_bucket_never_lets_more_through_than_its_burst_and_its_rate(
        burst in 1_500..20_000_u64,
        peak in proptest::option::of(2_000_000..50_000_000_u64),
        packets in prop::collection::vec((0..4_000_u64, 1..1_500_usize), 2..100),
    ) {
        let rate = 1_000_000_u64;
        let mut now = Instant::ZERO;
        let packets: Vec<(Instant, usize)> = packets
            .into_iter()
            .map(|(gap, bytes)| {
                now += Duration::from_micros(gap);
                (now, bytes)
            })
            .collect();
        let config = path(Some(rate), Serialiser::TokenBucket { burst, peak });
        let arrived = arrivals(&mut Link::new(config, Seed::new(1)), &packets);
        // In any time t at most burst + rate·t bits leave, a nanosecond's rounding apart, and at most the peak after
        // the first; and each packet leaves as soon as both allow it.
        for first in 0..arrived.len() {
            let mut bits = 0.0;
            for last in first..arrived.len() {
                bits += packets[last].1 as f64 * 8.0;
                let time = (arrived[last] - arrived[first] + 1) as f64 / 1e9;
                // At a peak rate the first has begun to leave before.
                let before = peak.map_or(0.0, |peak| packets[first].1 as f64 * 8.0 / peak as f64);
                prop_assert!(bits <= burst as f64 * 8.0 + rate as f64 * (time + before) + 1e-6);
                let after = bits - packets[first].1 as f64 * 8.0;
                prop_assert!(peak.is_none_or(|peak| after <= peak as f64 * time + 1e-6));
            }
        }
        let mut tokens = burst as f64 * 8.0;
        let (mut filled, mut free) = (0.0, 0.0_f64);
        for ((at, bytes), arrived) in packets.iter().zip(&arrived) {
            let (bits, start) = (*bytes as f64 * 8.0, (at.as_nanos() as f64 / 1e9).max(free));
            tokens = (tokens + (start - filled) * rate as f64).min(burst as f64 * 8.0);
            let wait = ((bits - tokens) / rate as f64).max(peak.map_or(0.0, |peak| bits / peak as f64)).max(0.0);
            tokens += wait * rate as f64 - bits;
            (filled, free) = (start + wait, start + wait);
            prop_assert!((free * 1e9 - *arrived as f64).abs() < 200.0, "{free} {arrived}");
        }
    }
}

#[test]
fn a_ramp_sends_the_integral_of_its_rate() {
    // From 1 to 3 Mbit/s in 2 s: after t it has sent 10⁶·(t + t²/2) bits, so packet k of 1,000 bits has left at
    // t = √(1 + 2k/1,000) - 1; then 3 Mbit/s go on.
    let config = planned(&[(0, 1_000_000, true), (2_000_000, 3_000_000, false)], None, 0);
    let arrived = arrivals(&mut Link::new(config, Seed::new(1)), &[(Instant::ZERO, 125); 7_000]);
    for (k, at) in (1..=7_000_u64).zip(arrived) {
        let exact = if k <= 4_000 { (1.0 + k as f64 / 500.0).sqrt() - 1.0 } else { 2.0 + (k - 4_000) as f64 / 3_000.0 };
        assert!((at as f64 / 1e9 - exact).abs() < 3e-9, "packet {k} at {at}, not {exact}");
    }
}

#[test]
fn a_period_begins_anew_and_a_phase_moves_it() {
    // 1 ms of 1 Mbit/s and 1 ms of 3, over and over: 4,000 bits each 2 ms.
    let points = [(0, 1_000_000, false), (1_000, 3_000_000, false)];
    let packets = [(Instant::ZERO, 125); 8];
    let arrived = arrivals(&mut Link::new(planned(&points, Some(2_000), 0), Seed::new(1)), &packets);
    let expected = [1_000_000, 1_333_334, 1_666_667, 2_000_000, 3_000_000, 3_333_334, 3_666_667, 4_000_000];
    assert_eq!(arrived, expected);
    let moved = arrivals(&mut Link::new(planned(&points, Some(2_000), 5_000), Seed::new(1)), &packets[..4]);
    assert_eq!(moved, [333_334, 666_667, 1_000_000, 2_000_000], "half a period on");
}

#[test]
fn links_draw_a_phase_of_their_own_in_a_trace() {
    // One opportunity a second: the first packet of a link leaves anywhere within it.
    let trace = Mahimahi::parse("1000\n").unwrap();
    let config = path(None, Serialiser::Trace { trace, phase: None });
    let first = |seed| arrivals(&mut Link::new(config.clone(), seed), &[(Instant::ZERO, 100)])[0] as f64 / 1e9;
    for seed in seeds() {
        assert_eq!(first(seed), first(seed));
    }
    let means: Vec<f64> =
        seeds().map(|seed| (0..400).map(|link| first(seed.indexed("link", link))).sum::<f64>() / 400.0).collect();
    assert_law("phase", &means, 0.5, (1.0 / 12.0_f64 / 400.0).sqrt());
}

#[test]
fn an_overloaded_serialiser_delivers_its_rate_whatever_comes() {
    // Random sizes and gaps at one and a half times the rate: once behind, each serialiser is busy to the end, so what
    // has left since the first departure is its rate to a packet.
    let rate = 1_000_000.0;
    let twelve: String = (1..=24).map(|line| format!("{}\n", line * 12)).collect();
    let paths = [
        path(Some(1_000_000), Serialiser::Steady),
        path(Some(1_000_000), Serialiser::TokenBucket { burst: 1_500, peak: Some(9_000_000) }),
        planned(&[(0, 500_000, true), (100_000, 1_500_000, true), (200_000, 500_000, false)], Some(200_001), 0),
        path(None, Serialiser::Trace { trace: Mahimahi::parse(&twelve).unwrap(), phase: None }),
    ];
    for config in paths {
        for seed in seeds() {
            use rand::Rng;
            let mut rng = seed.rng();
            let mut now = Instant::ZERO;
            let packets: Vec<(Instant, usize)> = (0..1_000)
                .map(|_| {
                    now += Duration::from_nanos(rng.next_u64() % 8_000_000);
                    (now, 250 + (rng.next_u64() % 1_000) as usize)
                })
                .collect();
            let arrived = arrivals(&mut Link::new(config.clone(), seed), &packets);
            let span = (arrived[999] - arrived[199]) as f64 / 1e9;
            let bits: f64 = packets[200..].iter().map(|(_, bytes)| *bytes as f64 * 8.0).sum();
            // An opportunity of 12,000 bits, or half a period of the ramp's 50,000 bits, stands over at either end.
            assert!((bits - rate * span).abs() < 30_000.0, "{config:?}: {bits} bits in {span} s");
        }
    }
}

#[test]
fn a_pause_fills_the_bucket_and_lets_opportunities_go_by() {
    let pause = Some(netem_rs::OutageMode::Pause);
    let mut link = Link::new(path(Some(8_000), Serialiser::TokenBucket { burst: 2_000, peak: None }), Seed::new(1));
    let send = |link: &mut Link<Probe>, at: u64, number: u64| {
        link.handle_packet(Instant::from_secs(at), Probe { number, bytes: 1_000, class: 0 });
    };
    (0..4).for_each(|number| send(&mut link, 0, number));
    // Two at once, a byte a millisecond: half a second into the third the path stops.
    link.set_outage(Instant::from_millis(500), pause);
    link.set_outage(Instant::from_secs(100), None);
    link.handle_timeout(Instant::MAX);
    let at: Vec<u64> = std::iter::from_fn(|| link.poll_output()).map(|delivery| delivery.at.as_millis()).collect();
    assert_eq!(at, [0, 0, 100_000, 100_000]);

    let trace = Mahimahi::parse("10\n").unwrap();
    let mut link = Link::new(path(None, Serialiser::Trace { trace, phase: Some(Duration::ZERO) }), Seed::new(1));
    (0..2).for_each(|number| send(&mut link, 0, number));
    link.set_outage(Instant::from_millis(15), pause);
    link.set_outage(Instant::from_millis(95), None);
    link.handle_timeout(Instant::MAX);
    let at: Vec<u64> = std::iter::from_fn(|| link.poll_output()).map(|delivery| delivery.at.as_millis()).collect();
    assert_eq!(at, [10, 100], "500 bytes of the second went with the first");
}

#[test]
fn plans_and_traces_that_make_no_sense_are_refused_by_name() {
    let point = |at, rate, ramp| RatePoint { at: Duration::from_secs(at), rate, ramp };
    let field = |points: &[RatePoint], period| RatePlan::new(points, period).unwrap_err().field;
    assert_eq!(field(&[], None), "serialiser.plan.at");
    assert_eq!(field(&[point(1, 1, false)], None), "serialiser.plan.at");
    assert_eq!(field(&[point(0, 1, false), point(0, 1, false)], None), "serialiser.plan.at");
    assert_eq!(field(&[point(0, 0, false)], None), "serialiser.plan.rate");
    assert_eq!(field(&[point(0, 1, true)], None), "serialiser.plan.ramp");
    assert_eq!(field(&[point(0, 1, true), point(4_000, 1, false)], None), "serialiser.plan.ramp");
    assert_eq!(
        field(&[point(0, 1, false), point(2, 1, false)], Some(Duration::from_secs(2))),
        "serialiser.plan.period"
    );

    let error = |text: &str| Mahimahi::parse(text).unwrap_err().to_string();
    assert_eq!(error("1\n2\nx3\n"), "line 3: `x3` is no whole number of milliseconds below 4294967295");
    assert_eq!(error("# up\n\n5\n4\n"), "line 4: 4 ms comes before the 5 ms above it");
    assert_eq!(error("0\n0\n"), "line 2: the last opportunity is at 0: a trace must take time");
    assert_eq!(error(""), "line 1: no opportunity in the whole trace");
}
