//! The metrics of a made-up run, and what its thresholds make of them.

use super::{Dice, Sample, labels};
use crate::metrics::catalog::{CATALOG, Kind, Metric, Spec};
use crate::outcome::{Labels, MetricOutcome, ParticipantDetail, ThresholdOutcome, Verdict};
use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

/// An entry for every metric of the catalog, by population, network and phase, and one for all.
pub(super) fn metrics(sample: &Sample, people: &[ParticipantDetail], dice: &mut Dice) -> Vec<MetricOutcome> {
    let mut list = Vec::new();
    for spec in CATALOG {
        if spec.name.starts_with("join.") && spec.kind == Kind::Trend {
            list.extend(join_entries(spec, people));
            continue;
        }
        let global = spec.name.starts_with("harness.") || ["sfu.cpu", "sfu.rss"].contains(&spec.name);
        let mut sum = Entry::new(spec);
        for network in sample.networks.iter().filter(|_| !global) {
            for population in ["speakers", "viewers"] {
                let mut entry = Entry::new(spec);
                entry.fill(sample, dice, spec, *network != "home");
                sum.add(&entry);
                let labels = labels(&[("network", network), ("phase", "steady"), ("population", population)]);
                list.push(entry.finish(spec, labels));
            }
        }
        if global {
            sum.fill(sample, dice, spec, false);
        }
        list.push(sum.finish(spec, Labels::new()));
    }
    list
}

fn join_entries(spec: &Spec, people: &[ParticipantDetail]) -> Vec<MetricOutcome> {
    let phase = spec.name.trim_start_matches("join.");
    let mut list = Vec::new();
    let mut keys: Vec<(String, String)> = people.iter().map(|p| (p.network.clone(), p.population.clone())).collect();
    keys.sort();
    keys.dedup();
    let mut sum = Entry::new(spec);
    for (network, population) in keys {
        let mut entry = Entry::new(spec);
        for p in people.iter().filter(|p| p.network == network && p.population == population) {
            let value =
                if phase == "total" { p.join_total } else { p.join.iter().find(|(n, _)| n == phase).map(|j| j.1) };
            match value {
                Some(value) => entry.record(value, 1),
                None => entry.censored += 1,
            }
        }
        sum.add(&entry);
        let labels = labels(&[("network", &network), ("phase", "warmup"), ("population", &population)]);
        list.push(entry.finish(spec, labels));
    }
    list.push(sum.finish(spec, Labels::new()));
    list
}

struct Entry {
    histogram: Histogram<u64>,
    scale: f64,
    censored: u64,
    count: u64,
    numerator: u64,
    level: f64,
}

impl Entry {
    fn new(spec: &Spec) -> Self {
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds are in order");
        Self { histogram, scale: spec.unit.scale(), censored: 0, count: 0, numerator: 0, level: 0.0 }
    }

    fn record(&mut self, value: f64, n: u64) {
        self.histogram.record_n((value / self.scale) as u64, n).expect("within bounds");
    }

    fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("same bounds");
        self.censored += other.censored;
        self.count += other.count;
        self.numerator += other.numerator;
    }

    fn fill(&mut self, sample: &Sample, dice: &mut Dice, spec: &Spec, bad: bool) {
        let n = (sample.people * 40) as u64;
        match spec.kind {
            Kind::Trend => {
                let median = match spec.name {
                    "rtp.jitter" => 0.002,
                    "harness.send_lateness" => 0.0003,
                    "video.fps" | "video.hfps" => 24.0,
                    "audio.mos_est" => 4.1,
                    _ => 0.05,
                };
                let up = if bad && spec.unit.scale() == 1e-6 { 4.0 } else { 1.0 };
                for _ in 0..120 {
                    self.record(dice.about(median * up, 0.2), n / 120 + 1);
                }
            }
            Kind::Counter => {
                let silent = spec.name.starts_with("integrity") || spec.name.ends_with("rx_drops") || sample.calm;
                let few =
                    ["video.freeze_count", "video.black", "session.lost", "video.pause_count"].contains(&spec.name);
                self.count = if silent && !spec.name.starts_with("rtp.p") {
                    0
                } else if few {
                    n / 400
                } else {
                    n
                };
            }
            Kind::Ratio => {
                self.count = n * 50;
                let repaired = if spec.name == "rtp.loss_residual" { 0.2 } else { 1.0 };
                let share = repaired * if bad && !sample.calm { 0.012 } else { 0.000_02 };
                self.numerator = (self.count as f64 * share) as u64;
                if spec.name == "join.success" {
                    self.count = (sample.people as u64 / 4).max(1);
                    self.numerator = self.count - self.count / 80;
                }
            }
            Kind::Gauge => {
                self.count = sample.seconds as u64;
                self.level = if spec.name.ends_with("rss") { 3e8 } else { 0.73 };
            }
        }
    }

    fn finish(&self, spec: &Spec, labels: Labels) -> MetricOutcome {
        let trend = spec.kind == Kind::Trend;
        let total = self.histogram.len() + self.censored;
        let at = |q: f64| {
            let rank = (q * total as f64).ceil() as u64;
            let known = trend && !self.histogram.is_empty() && rank <= self.histogram.len();
            known.then(|| {
                self.histogram.value_at_quantile(rank as f64 / self.histogram.len() as f64) as f64 * self.scale
            })
        };
        let known = trend && !self.histogram.is_empty();
        let value = match spec.kind {
            Kind::Ratio => (self.count > 0).then(|| self.numerator as f64 / self.count as f64),
            Kind::Counter => Some(self.count as f64 / 25.0),
            Kind::Gauge => Some(self.level),
            Kind::Trend => None,
        };
        MetricOutcome {
            name: spec.name.to_owned(),
            unit: spec.unit.name().to_owned(),
            kind: spec.kind.name().to_owned(),
            labels,
            count: if trend { self.histogram.len() } else { self.count },
            censored: self.censored,
            out_of_range: 0,
            value,
            numerator: (spec.kind == Kind::Ratio).then_some(self.numerator),
            min: known.then(|| self.histogram.min() as f64 * self.scale),
            mean: known.then(|| self.histogram.mean() * self.scale),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            max: known.then(|| self.histogram.max() as f64 * self.scale),
            histogram: trend.then(|| encode(&self.histogram)),
            scale: trend.then_some(self.scale),
        }
    }
}

fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).expect("a Vec takes every write");
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(super) fn thresholds(metrics: &[MetricOutcome], people: u64) -> Vec<ThresholdOutcome> {
    let overall = |name: &str| metrics.iter().find(|m| m.name == name && m.labels.is_empty());
    let make = |name: &str, filter: &[(&str, &str)], expect: &str, value: Option<f64>, limit: f64| {
        let spec = Metric::from_name(name).expect("a known metric").spec();
        let least = if expect.starts_with("p99") { 368 } else { 1 };
        let holds = |v: f64| if expect.contains('>') { v >= limit } else { v < limit || v == 0.0 };
        let verdict = match value {
            _ if people < least => Verdict::Inconclusive,
            Some(value) if holds(value) => Verdict::Pass,
            _ => Verdict::Fail,
        };
        ThresholdOutcome {
            metric: name.to_owned(),
            filter: labels(filter),
            expect: expect.to_owned(),
            value,
            limit,
            unit: spec.unit.name().to_owned(),
            samples: people,
            min_samples: least,
            censored: u64::from(value.is_none()),
            severity: if name == "sfu.forward_delay" { "warn" } else { "fail" }.to_owned(),
            verdict,
        }
    };
    let p95 = |name: &str| overall(name).and_then(|m| m.p95);
    let value = |name: &str| overall(name).and_then(|m| m.value);
    vec![
        make("join.total", &[], "p95 < 2.5s", p95("join.total"), 2.5),
        make("join.total", &[], "p99 < 6s", overall("join.total").and_then(|m| m.p99), 6.0),
        make("join.success", &[], "value >= 0.98", value("join.success"), 0.98),
        make("video.freeze_ratio", &[("network", "bad-mobile")], "value < 0.01", Some(0.012), 0.01),
        make("video.freeze_ratio", &[], "value < 0.01", value("video.freeze_ratio"), 0.01),
        make("delay.frame", &[], "p95 < 450ms", p95("delay.frame"), 0.45),
        make("rtp.loss_residual", &[], "value < 0.02", value("rtp.loss_residual"), 0.02),
        make("sfu.forward_delay", &[], "p95 < 20ms", p95("sfu.forward_delay"), 0.02),
        make("integrity.misroute", &[], "count == 0", Some(0.0), 0.0),
    ]
}
