//! The series of a made-up run.

use super::{Dice, Sample, labels};
use crate::metrics::catalog::{CATALOG, Kind, Spec};
use crate::metrics::sparse;
use crate::outcome::{Labels, MetricSeries, ParticipantDetail, Series};

pub(super) fn series(sample: &Sample, people: &[ParticipantDetail], dice: &mut Dice) -> Series {
    let n = sample.seconds;
    let arrived = |t: usize| people.iter().filter(|p| p.arrival <= t as f64 + 1.0).count() as u64;
    let joined = |t: usize| {
        let inside = |p: &&ParticipantDetail| p.join_total.is_some_and(|d| p.arrival + d <= t as f64 + 1.0);
        if t + 3 >= n { 0 } else { people.iter().filter(inside).count() as u64 }
    };
    let gone = |t: usize| {
        people.iter().filter(|p| p.join_total.is_none() && p.arrival + 10.0 <= t as f64 + 1.0).count() as u64
    };
    let hit = |t: usize| !sample.calm && (22..27).contains(&t);
    let mut series = Series {
        interval: 1.0,
        intervals: n,
        planned: (0..n).map(|t| if t + 3 >= n { 0 } else { arrived(t) }).collect(),
        joined: (0..n).map(joined).collect(),
        failed: (0..n).map(gone).collect(),
        joining: (0..n).map(|t| if t + 3 >= n { 0 } else { arrived(t) - joined(t) - gone(t) }).collect(),
        frozen: (0..n).map(|t| if hit(t) { people.len() as u64 / 5 + 1 } else { 0 }).collect(),
        metrics: Vec::new(),
    };
    let mut keys = vec![Labels::new()];
    keys.extend(sample.networks.iter().map(|network| labels(&[("network", network)])));
    keys.extend(["speakers", "viewers"].map(|population| labels(&[("population", population)])));
    for spec in CATALOG.iter().filter(|spec| !spec.name.starts_with("join.")) {
        let global = spec.name.starts_with("harness.") || ["sfu.cpu", "sfu.rss"].contains(&spec.name);
        for key in keys.iter().filter(|key| !global || key.is_empty()) {
            let made = one_series(sample, dice, spec, key, &series.joined, &hit);
            series.metrics.push(made);
        }
    }
    series
}

fn one_series(
    sample: &Sample,
    dice: &mut Dice,
    spec: &Spec,
    key: &Labels,
    joined: &[u64],
    hit: &dyn Fn(usize) -> bool,
) -> MetricSeries {
    let mut made =
        MetricSeries { name: spec.name.to_owned(), labels: key.clone(), values: Vec::new(), histograms: Vec::new() };
    for (t, &people) in joined.iter().enumerate().take(sample.seconds) {
        let idle = people == 0 && spec.kind != Kind::Gauge;
        let bad = hit(t);
        match spec.kind {
            Kind::Trend => {
                let mut histogram = Vec::new();
                let median = match spec.name {
                    "rtp.jitter" => 0.003,
                    "harness.send_lateness" | "harness.loop_lag" => 0.000_2,
                    _ => 0.05,
                };
                let draws = if idle { 0 } else { 40.min(people * 3) };
                for _ in 0..draws {
                    let value = dice.about(if bad { median * 8.0 } else { median }, 0.5) / spec.unit.scale();
                    sparse::merge(&mut histogram, &[(sparse::bucket_of(value as u64), (people / 2 + 1) as u32)]);
                }
                made.histograms.push(histogram);
            }
            Kind::Counter => made.values.push(Some(counted(spec, people as f64, bad, sample, dice))),
            Kind::Ratio => {
                let repaired = if spec.name == "rtp.loss_residual" { 0.2 } else { 1.0 };
                let value = repaired
                    * if bad {
                        0.038
                    } else if sample.calm {
                        0.0
                    } else {
                        0.002 * dice.roll()
                    };
                made.values.push((!idle).then_some(value));
            }
            Kind::Gauge => made.values.push(Some(match spec.name {
                "sfu.rss" | "harness.rss" => 5e7 + people as f64 * 3e5,
                _ => 0.02 + people as f64 * 0.0008 * (1.0 + 0.1 * dice.roll()),
            })),
        }
    }
    made
}

fn counted(spec: &Spec, people: f64, bad: bool, sample: &Sample, dice: &mut Dice) -> f64 {
    match spec.name {
        "rtp.packets_sent" => (people * 30.0 * (1.0 + 0.02 * dice.roll())).round(),
        "rtp.packets_received" => (people * 120.0 * (1.0 + 0.02 * dice.roll())).round(),
        "rtp.bytes_sent" => (people * 26_000.0 * (1.0 + 0.02 * dice.roll())).round(),
        "rtp.bytes_received" => (people * 110_000.0 * (1.0 + 0.02 * dice.roll())).round(),
        name if name.starts_with("integrity") || name.ends_with("rx_drops") || sample.calm => 0.0,
        _ if bad => (people / 10.0).ceil(),
        _ => 0.0,
    }
}
