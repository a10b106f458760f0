//! Heavy tails, tables, correlation, slots and corruption against their closed formulas, over 50 seeds each.

use crate::flow;
use crate::statistics::{assert_law, binomial, seeds};
use netem_rs::{DelayTable, DelayVariation, Instant, Link, LinkConfig, Packet, Seed, SlotGap, Slots};
use std::collections::BTreeMap;
use std::time::Duration;

const PACKETS: u64 = 2_000;
/// Far enough apart that keeping order never delays one.
const APART: Duration = Duration::from_secs(1);
/// Of packets so many apart, one's luck at a correlation of 0.3 says nothing about the next: 0.3^10 = 6e-6.
const STRANGERS: usize = 10;

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

/// Checks the distribution function of every `step`-th delay at `points` (seconds): the number below is binomial.
fn assert_distribution(what: &str, config: &LinkConfig, step: usize, points: &[(f64, f64)]) {
    let runs: Vec<Vec<f64>> =
        seeds().map(|seed| delays(config, seed, APART).into_iter().step_by(step).collect()).collect();
    let count = PACKETS / step as u64;
    for (point, expected) in points {
        let below = |run: &Vec<f64>| run.iter().filter(|delay| *delay <= point).count() as f64 / count as f64;
        let ratios: Vec<f64> = runs.iter().map(below).collect();
        assert_law(&format!("{what} at {point}"), &ratios, *expected, binomial(*expected, count));
    }
}

/// Φ, the standard normal distribution function.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// The value that a share of 1-`above` of all Pareto draws lies below, in sd.
fn pareto(above: f64) -> f64 {
    (above.powf(-1.0 / 3.0) - 1.5) * 4.0 / 3.0
}

/// A name, a path, and its distribution function at some points, in seconds of delay.
type Model = (&'static str, LinkConfig, Vec<(f64, f64)>);

fn models() -> Vec<Model> {
    let (delay, sd, reordering) = (ms(100), ms(10), false);
    let path = |variation| LinkConfig { delay, delay_variation: Some(variation), ..LinkConfig::default() };
    let at = |value: f64| 0.100 + 0.010 * value + 1e-9;
    let table = DelayTable::new([-8_192, -8_192, 0, 4_096, 8_192, 16_384, 16_384, 24_576]);
    vec![
        (
            "half normal",
            path(DelayVariation::Gaussian { sd, max: ms(40), reordering }),
            [0.5, 1.0, 2.0].map(|z| (at(z), 2.0 * normal(z) - 1.0)).to_vec(),
        ),
        (
            "uniform",
            path(DelayVariation::Uniform { max: ms(10), reordering }),
            [0.1, 0.5, 0.9].map(|q| (at(q), q)).to_vec(),
        ),
        (
            "normal",
            path(DelayVariation::Normal { sd, max: ms(90), reordering }),
            [-1.5, 0.0, 1.0].map(|z| (at(z), normal(z))).to_vec(),
        ),
        (
            "pareto",
            path(DelayVariation::Pareto { sd, max: ms(40), reordering }),
            // P(x ≤ v) = 1 - (1.5 + 0.75·v)^-3; the median is at -0.32 sd, 95 % at 1.62.
            [-0.5, -0.32, 0.0, 1.62, 3.5].map(|v: f64| (at(v), 1.0 - (1.5 + 0.75 * v).powi(-3))).to_vec(),
        ),
        (
            "paretonormal",
            path(DelayVariation::ParetoNormal { sd, max: ms(40), reordering }),
            // Both parts rise with the same quantile, so the sum's quantile is the sum of theirs.
            [-1.0, 0.0, 1.0, 2.0].map(|z| (at(0.25 * z + 0.75 * pareto(1.0 - normal(z))), normal(z))).to_vec(),
        ),
        (
            "table",
            path(DelayVariation::Table { table, sd, reordering }),
            [(-1.0, 0.25), (0.0, 0.375), (0.5, 0.5), (1.0, 0.625), (2.0, 0.875)].map(|(v, p)| (at(v), p)).to_vec(),
        ),
    ]
}

#[test]
fn each_variation_has_its_distribution() {
    for (what, config, points) in models() {
        assert_distribution(what, &config, 1, &points);
    }
}

#[test]
fn correlation_leaves_the_distribution_and_has_its_size() {
    let correlation: f64 = 0.3;
    for (what, config, points) in models() {
        let config = LinkConfig { delay_correlation: correlation, ..config };
        assert_distribution(what, &config, STRANGERS, &points);
        // Neighbours are both among the lower half with 1/4 + asin(ρ)/2π, whatever the distribution is; a table whose
        // middle lies between two values has its lower half too.
        let middle = match what {
            "half normal" => continue, // its lower half is the middle of the normal numbers
            "table" => 0.105 + 1e-9,
            "uniform" => 0.105,
            "normal" => 0.100,
            "pareto" => 0.100 + 0.010 * pareto(0.5),
            _ => 0.100 + 0.0075 * pareto(0.5),
        };
        let count = PACKETS / STRANGERS as u64;
        let both = |seed| {
            let run = delays(&config, seed, APART);
            let pairs = run.chunks_exact(STRANGERS).filter(|run| run[0] <= middle && run[1] <= middle);
            pairs.count() as f64 / count as f64
        };
        let expected = 0.25 + correlation.asin() / (2.0 * std::f64::consts::PI);
        let ratios: Vec<f64> = seeds().map(both).collect();
        assert_law(&format!("neighbours of {what}"), &ratios, expected, binomial(expected, count));
    }
}

#[test]
fn a_normal_variation_is_correlated_as_stated() {
    let (sd, max, reordering) = (ms(10), ms(90), false);
    for correlation in [0.3_f64, 0.9] {
        let config = LinkConfig {
            delay: ms(100),
            delay_variation: Some(DelayVariation::Normal { sd, max, reordering }),
            delay_correlation: correlation,
            ..LinkConfig::default()
        };
        // The slope of one on the one before, about the known mean: its standard error is √((1-ρ²)/n) (Bartlett).
        let slopes: Vec<f64> = seeds()
            .map(|seed| {
                let run: Vec<f64> = delays(&config, seed, APART).iter().map(|delay| delay - 0.100).collect();
                let products: f64 = run.windows(2).map(|pair| pair[0] * pair[1]).sum();
                products / run[..run.len() - 1].iter().map(|value| value * value).sum::<f64>()
            })
            .collect();
        let error = ((1.0 - correlation * correlation) / PACKETS as f64).sqrt();
        assert_law(&format!("correlation {correlation}"), &slopes, correlation, error);
    }
}

#[test]
fn a_table_is_multiplied_as_sch_netem_does_it() {
    // 10,000,003 ns = 1,220 · 8,192 + 5,763: (5,763·v ± 4,096)/8,192 towards zero, and 1,220·v.
    let table = DelayTable::new([-12_345, 777, 8_192]);
    let sd = Duration::from_nanos(10_000_003);
    let config = LinkConfig {
        delay: ms(30),
        delay_variation: Some(DelayVariation::Table { table, sd, reordering: false }),
        ..LinkConfig::default()
    };
    let seen: Vec<i64> = flow(&config, Seed::new(1), 200, APART)
        .into_iter()
        .map(|(number, at)| at.as_nanos() as i64 - number as i64 * 1_000_000_000 - 30_000_000)
        .collect();
    let expected =
        [(-5_763_i64 * 12_345 - 4_096) / 8_192 - 1_220 * 12_345, (5_763 * 777 + 4_096) / 8_192 + 1_220 * 777]
            .into_iter()
            .chain([10_000_003]);
    for value in expected {
        assert!(seen.contains(&value), "{value}");
    }
}

#[test]
fn measured_delays_come_again() {
    let samples: Vec<Duration> = (0..1_000_u64).map(|i| Duration::from_micros(20_000 + i * i / 50)).collect();
    let (table, mean, sd) = DelayTable::from_samples(&samples).unwrap();
    let variation = DelayVariation::Table { table, sd, reordering: false };
    let config = LinkConfig { delay: mean, delay_variation: Some(variation), ..LinkConfig::default() };
    // Half a table step off the samples, so that rounding to 1/8192 sd puts none on the other side.
    let points = [0.25, 0.5, 0.9].map(|q: f64| (0.020 + (q * 1_000.0 - 0.5).powi(2) / 50.0 * 1e-6, q));
    assert_distribution("samples", &config, 1, &points);
    assert_eq!(DelayTable::from_samples(&samples[..1]), None);
}

#[test]
fn slots_have_the_stated_gaps_and_budgets() {
    let (count, low, high) = (300_usize, 0.005, 0.015);
    let gap = SlotGap::Uniform { min: ms(5), max: ms(15) };
    let config = |packets, bytes| LinkConfig {
        slots: Some(Slots { gap: gap.clone(), packets, bytes }),
        ..LinkConfig::default()
    };
    let mut gaps: Vec<Vec<f64>> = Vec::new();
    for seed in seeds() {
        let out = flow(&config(None, None), seed, 40_000, Duration::from_micros(100));
        assert!(out.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order");
        let mut times: Vec<Instant> = out.iter().map(|(_, at)| *at).collect();
        times.dedup();
        gaps.push(times.windows(2).take(count).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect());
    }
    for quantile in [0.2, 0.5, 0.9] {
        let point = low + quantile * (high - low);
        let ratio = |run: &Vec<f64>| run.iter().filter(|gap| **gap <= point).count() as f64 / count as f64;
        let ratios: Vec<f64> = gaps.iter().map(ratio).collect();
        assert_law(&format!("gaps at {quantile}"), &ratios, quantile, binomial(quantile, count as u64));
    }
    for (packets, bytes, most) in [(Some(3), None, 3), (None, Some(150), 2), (Some(9), Some(301), 4)] {
        let mut filled = BTreeMap::new();
        for (_, at) in flow(&config(packets, bytes), Seed::new(1), 2_000, Duration::from_micros(100)) {
            *filled.entry(at).or_insert(0) += 1;
        }
        assert_eq!(filled.values().copied().max(), Some(most), "packets of 100 bytes: {packets:?} {bytes:?}");
    }
}

#[test]
fn who_comes_at_any_time_waits_for_the_rest_of_a_gap() {
    // P(wait ≤ x) = (1/μ)·∫₀ˣ P(gap > t) dt: x/μ below the shortest gap a, then (a + ∫ₐˣ (b-t)/(b-a) dt)/μ.
    let (a, b) = (0.010, 0.030);
    let mean = (a + b) / 2.0;
    let wait = |x: f64| {
        if x <= a { x / mean } else { (a + ((b - a).powi(2) - (b - x).powi(2)) / (2.0 * (b - a))) / mean }
    };
    let slots = Slots { gap: SlotGap::Uniform { min: ms(10), max: ms(30) }, packets: None, bytes: None };
    let config = LinkConfig { slots: Some(slots), ..LinkConfig::default() };
    // Within what is drawn gap by gap, and beyond it.
    for apart in [Duration::from_millis(1_234), Duration::from_secs(100)] {
        for point in [0.004, 0.010, 0.020] {
            let below = |seed| {
                delays(&config, seed, apart).iter().filter(|delay| **delay <= point).count() as f64 / PACKETS as f64
            };
            let ratios: Vec<f64> = seeds().map(below).collect();
            let expected = wait(point);
            assert_law(&format!("{apart:?} apart, at {point}"), &ratios, expected, binomial(expected, PACKETS));
        }
    }
}

/// Four bytes, of which a bit may flip.
#[derive(Clone)]
struct Bits(u32);

impl Packet for Bits {
    fn wire_size(&self) -> usize {
        4
    }

    fn corrupt(&mut self, bits: u64) {
        self.0 ^= 1 << (bits % 32);
    }
}

#[test]
fn corruption_comes_by_its_ratio_and_does_what_the_packet_says() {
    let corrupt = 0.05;
    let config = LinkConfig { corrupt, ..LinkConfig::default() };
    let mut places = [0_u32; 32];
    let ratios: Vec<f64> = seeds()
        .map(|seed| {
            let mut link = Link::new(config.clone(), seed);
            for number in 0..PACKETS {
                link.handle_packet(Instant::from_micros(number), Bits(0));
            }
            let damaged: Vec<u32> = std::iter::from_fn(|| link.poll_output()).map(|at| at.item.0).collect();
            let damaged: Vec<u32> = damaged.into_iter().filter(|bits| *bits != 0).collect();
            damaged.iter().for_each(|bits| places[bits.trailing_zeros() as usize] += 1);
            assert_eq!(link.report().totals().corrupted, damaged.len() as u64);
            assert!(damaged.iter().all(|bits| bits.count_ones() == 1) && link.report().holds());
            damaged.len() as f64 / PACKETS as f64
        })
        .collect();
    assert_law("corrupted", &ratios, corrupt, binomial(corrupt, PACKETS));
    assert!(places.iter().all(|count| *count > 100), "every bit: {places:?}");
}
