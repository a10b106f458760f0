//! Rate, delay, reordering and duplication against their closed formulas, over 50 seeds where there is chance.

use crate::flow;
use crate::statistics::{assert_law, binomial, seeds};
use netem_rs::{DelayVariation, Instant, LinkConfig, QueueLimit, Reorder, Seed};
use std::time::Duration;

const PACKETS: u64 = 4_000;
/// Far enough apart that keeping order never delays one.
const APART: Duration = Duration::from_secs(1);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One-way delays in seconds, in order of sending.
fn delays(config: &LinkConfig, seed: Seed, gap: Duration) -> Vec<f64> {
    let mut delays = vec![0.0; PACKETS as usize];
    for (number, at) in flow(config, seed, PACKETS, gap) {
        let sent = Instant::ZERO + gap * u32::try_from(number).unwrap();
        delays[number as usize] = at.saturating_since(sent).as_secs_f64();
    }
    delays
}

/// Checks the distribution function at `points` (seconds): the number below each is binomial.
fn assert_distribution(what: &str, config: &LinkConfig, points: &[(f64, f64)]) {
    let runs: Vec<_> = seeds().map(|seed| delays(config, seed, APART)).collect();
    for (point, expected) in points {
        let below = |run: &Vec<f64>| run.iter().filter(|delay| *delay <= point).count() as f64 / PACKETS as f64;
        let ratios: Vec<f64> = runs.iter().map(below).collect();
        assert_law(&format!("{what} at {point}"), &ratios, *expected, binomial(*expected, PACKETS));
    }
}

/// Φ, the standard normal distribution function.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[test]
fn a_gaussian_variation_is_half_normal_up_to_its_limit() {
    let variation = DelayVariation::Gaussian { sd: ms(5), max: ms(15), reordering: false };
    let config = LinkConfig { delay: ms(50), delay_variation: Some(variation), ..LinkConfig::default() };
    // P(|N(0, sd²)| ≤ x) = 2Φ(x/sd) - 1
    let points = [0.5, 1.0, 2.0, 2.9].map(|z| (0.050 + z * 0.005, 2.0 * normal(z) - 1.0));
    assert_distribution("half normal", &config, &points);
    for seed in seeds() {
        let delays = delays(&config, seed, APART);
        assert!(delays.iter().all(|delay| (0.050..=0.065).contains(delay)));
        assert!(delays.contains(&0.065), "what lies beyond the limit is at the limit");
    }
}

#[test]
fn a_uniform_variation_is_uniform() {
    let variation = DelayVariation::Uniform { max: ms(20), reordering: false };
    let config = LinkConfig { delay: ms(140), delay_variation: Some(variation), ..LinkConfig::default() };
    let points = [0.1, 0.5, 0.9].map(|q| (0.140 + q * 0.020, q));
    assert_distribution("uniform", &config, &points);
}

#[test]
fn a_normal_variation_is_normal_around_the_delay() {
    let variation = DelayVariation::Normal { sd: ms(10), max: ms(40), reordering: false };
    let config = LinkConfig { delay: ms(100), delay_variation: Some(variation), ..LinkConfig::default() };
    let points = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|z| (0.100 + z * 0.010, normal(z)));
    assert_distribution("normal", &config, &points);
    for seed in seeds() {
        assert!(delays(&config, seed, APART).iter().all(|delay| (0.060..=0.140).contains(delay)));
    }
}

#[test]
fn order_is_kept_unless_asked_and_the_delay_is_then_a_running_maximum() {
    let path = |reordering| LinkConfig {
        delay: ms(10),
        delay_variation: Some(DelayVariation::Uniform { max: ms(10), reordering }),
        ..LinkConfig::default()
    };
    for seed in seeds().take(10) {
        let kept = flow(&path(false), seed, PACKETS, ms(1));
        let free = flow(&path(true), seed, PACKETS, ms(1));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(free.windows(2).any(|pair| pair[0].0 > pair[1].0));
        assert!(free.windows(2).all(|pair| pair[0].1 <= pair[1].1), "handed out in order of arrival");

        // RFC 8868's NR-BPDV: arrival = max(own arrival, the one before).
        let mut own = vec![Instant::ZERO; PACKETS as usize];
        free.iter().for_each(|(number, at)| own[*number as usize] = *at);
        let mut latest = Instant::ZERO;
        for (number, at) in kept {
            latest = latest.max(own[number as usize]);
            assert_eq!(at, latest);
        }
    }
}

#[test]
fn iid_variation_swaps_neighbours_by_the_formula() {
    // Uniform ±J at a spacing g: P(the next arrives first) = (2J-g)²/(8J²).
    let (half, gap) = (0.005_f64, 0.001_f64);
    let config = LinkConfig {
        delay: ms(20),
        delay_variation: Some(DelayVariation::Uniform { max: ms(10), reordering: true }),
        ..LinkConfig::default()
    };
    let swaps: Vec<f64> = seeds()
        .map(|seed| {
            let delays = delays(&config, seed, ms(1));
            // Every other pair, so that the trials are independent.
            let pairs = delays.chunks_exact(2);
            pairs.filter(|pair| pair[1] + gap < pair[0]).count() as f64 / (PACKETS / 2) as f64
        })
        .collect();
    let expected = (2.0 * half - gap).powi(2) / (8.0 * half * half);
    assert_law("neighbours swapped", &swaps, expected, binomial(expected, PACKETS / 2));
}

#[test]
fn held_back_packets_are_overtaken_by_the_formula() {
    // One in `ratio` is held by 3.5 spacings, so it is late unless the three that could pass are held as well.
    let ratio = 0.05_f64;
    let config = LinkConfig {
        delay: ms(10),
        reorder: Some(Reorder { ratio, by: Duration::from_micros(3_500) }),
        ..LinkConfig::default()
    };
    let late: Vec<f64> = seeds()
        .map(|seed| {
            let mut highest = 0;
            let mut late = 0;
            for (number, _) in flow(&config, seed, PACKETS, ms(1)) {
                late += u64::from(number < highest);
                highest = highest.max(number);
            }
            late as f64 / PACKETS as f64
        })
        .collect();
    let expected = ratio * (1.0 - ratio.powi(3));
    assert_law("late", &late, expected, binomial(expected, PACKETS));

    let never = LinkConfig { reorder: None, ..config };
    assert!(flow(&never, Seed::new(1), PACKETS, ms(1)).windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn copies_come_by_their_ratio() {
    let duplicate = 0.03;
    let config = LinkConfig { duplicate, delay: ms(1), ..LinkConfig::default() };
    let copies: Vec<f64> = seeds()
        .map(|seed| (flow(&config, seed, PACKETS, ms(1)).len() as f64 - PACKETS as f64) / PACKETS as f64)
        .collect();
    assert_law("copies", &copies, duplicate, binomial(duplicate, PACKETS));
}

#[test]
fn an_overloaded_link_delivers_its_rate() {
    // 128 bytes on the wire every 0.5 ms are 2.048 Mbit/s into 1 Mbit/s.
    let config = LinkConfig { rate: Some(1_000_000), queue: QueueLimit::Time(ms(200)), ..LinkConfig::default() };
    let out = flow(&config, Seed::new(1), 20_000, Duration::from_micros(500));
    let span = out.last().unwrap().1.saturating_since(out[0].1).as_secs_f64();
    let rate = (out.len() - 1) as f64 * 128.0 * 8.0 / span;
    assert!((rate / 1e6 - 1.0).abs() < 1e-6, "{rate} bit/s");
    // The queue's limit is what a packet that just fits has to wait.
    let longest = out.iter().map(|(number, at)| at.saturating_since(Instant::from_micros(number * 500)).as_secs_f64());
    let longest = longest.fold(0.0, f64::max);
    assert!((longest - 0.200).abs() < 0.003, "{longest} s");
}

#[test]
fn a_nominal_flow_over_a_long_wire_arrives_whole() {
    // 128 bytes every 1.024 ms are exactly 1 Mbit/s; 600 ms of wire hold 75,000 bytes, the queue 12,500.
    let config =
        LinkConfig { rate: Some(1_000_000), queue: QueueLimit::Time(ms(100)), delay: ms(600), ..LinkConfig::default() };
    assert_eq!(flow(&config, Seed::new(1), 10_000, Duration::from_micros(1_024)).len(), 10_000);
}
