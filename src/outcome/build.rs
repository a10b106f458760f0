//! From what was recorded to the outcome's `metrics` and `rates`.
//!
//! Three sorts of entries. `labels = {}` pools everything over the phases that the metric is judged over
//! (`outcome::window`): it is what a threshold without a filter sees. An entry with exactly one of `population`, `network`
//! or `media` pools that label's samples over the same phases. Every other entry is one combination of labels that
//! occurred, and always names its `phase`. A counter that never counted has an entry of 0, for it was watched.

use super::document::{Labels, MetricOutcome, Rates, RunTimes};
use super::filter::Filter;
use super::names::Names;
use super::window::judged_phases;
use crate::metrics::Recorded;
use crate::metrics::catalog::{Kind, Metric};
use crate::metrics::histogram::per_unit;
use crate::metrics::labels::{Key, RunPhase};
use crate::metrics::measure::Measure;

/// The outcome's `metrics`, by name, then labels; `times` are those of every run that was recorded together: a counter's
/// rate is over the seconds of all of them.
#[must_use]
pub fn metrics(recorded: &Recorded, names: &Names, times: &[RunTimes]) -> Vec<MetricOutcome> {
    let together = |of: &dyn Fn(&RunTimes) -> f64| times.iter().map(of).sum::<f64>();
    let mut entries = Vec::new();
    for metric in Metric::all() {
        let judged = judged_phases(metric);
        let judged_for = together(&|times| times.seconds_of(judged));
        let mut pool = |labels: Labels, matches: &dyn Fn(Key) -> bool| {
            let measure = recorded.pooled(metric, |key| judged.contains(&key.phase) && matches(key));
            entries.extend(measure.map(|measure| entry(metric, labels, &measure, judged_for)));
        };
        pool(Labels::new(), &|_| true);
        for (label, names, index) in single_labels(names) {
            for (i, name) in names.iter().enumerate() {
                pool(Labels::from([(label.to_owned(), name.clone())]), &|key| index(key) == Some(i as u16));
            }
        }
        for (key, measure) in recorded.of(metric) {
            let labels = names.labels(key);
            let alone = Labels::from([("phase".to_owned(), labels["phase"].clone())]);
            let filter = Filter::resolve(&alone, judged, names);
            let seconds = together(&|times| filter.seconds(times));
            entries.push(entry(metric, labels, measure, seconds));
        }
        if metric.spec().kind == Kind::Counter && recorded.of(metric).next().is_none() && recorded.any(|_| true) {
            entries.push(entry(metric, Labels::new(), &Measure::Counter(0), judged_for));
        }
    }
    entries.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    entries
}

type SingleLabel<'a> = (&'static str, &'a [String], fn(Key) -> Option<u16>);

fn single_labels(names: &Names) -> [SingleLabel<'_>; 3] {
    [
        ("population", &names.populations, |key| key.population),
        ("network", &names.networks, |key| key.network),
        ("media", &names.media, |key| key.media),
    ]
}

/// One entry; `seconds` is the time that a counter counted over.
fn entry(metric: Metric, labels: Labels, measure: &Measure, seconds: f64) -> MetricOutcome {
    let spec = metric.spec();
    let mut entry = MetricOutcome {
        name: spec.name.to_owned(),
        unit: spec.unit.name().to_owned(),
        kind: spec.kind.name().to_owned(),
        labels,
        count: 0,
        censored: 0,
        out_of_range: 0,
        value: None,
        numerator: None,
        min: None,
        mean: None,
        p50: None,
        p90: None,
        p95: None,
        p99: None,
        max: None,
        histogram: None,
        scale: None,
    };
    match measure {
        Measure::Trend(histogram) => {
            entry.count = histogram.count();
            entry.censored = histogram.censored();
            entry.out_of_range = histogram.out_of_range();
            (entry.min, entry.mean, entry.max) = (histogram.min(), histogram.mean(), histogram.max());
            let quantile = |q| histogram.quantile(q);
            (entry.p50, entry.p90) = (quantile(0.5), quantile(0.9));
            (entry.p95, entry.p99) = (quantile(0.95), quantile(0.99));
            entry.histogram = Some(histogram.encode());
            entry.scale = Some(spec.unit.scale());
        }
        Measure::Counter(sum) => {
            entry.count = *sum;
            entry.value = (seconds > 0.0).then(|| *sum as f64 / seconds);
        }
        Measure::Ratio(ratio) => {
            entry.count = ratio.denominator;
            entry.numerator = Some(ratio.numerator);
            entry.value = ratio.value();
        }
        Measure::Gauge(gauge) => {
            let some = |whole: u64| (gauge.count > 0).then(|| whole as f64 / per_unit(spec.unit));
            entry.count = gauge.count;
            entry.value = some(gauge.last.1);
            entry.min = some(gauge.min);
            entry.mean = gauge.mean().map(|whole| whole / per_unit(spec.unit));
            entry.max = some(gauge.max);
        }
    }
    entry
}

/// Means over the measured windows of every run that was recorded together; `planned` are the packets per second that
/// the plan of all of them expects, up and down.
#[must_use]
pub fn rates(recorded: &Recorded, times: &[RunTimes], planned: (f64, f64)) -> Rates {
    let seconds: f64 = times.iter().map(|times| times.seconds(RunPhase::Steady)).sum();
    let runs = times.len().max(1) as f64;
    let per_second = |metric| match recorded.pooled(metric, |key| key.phase == RunPhase::Steady) {
        Some(Measure::Counter(sum)) if seconds > 0.0 => sum as f64 / seconds,
        _ => 0.0,
    };
    Rates {
        packets_up: per_second(Metric::RtpPacketsSent),
        packets_down: per_second(Metric::RtpPacketsReceived),
        bits_up: 8.0 * per_second(Metric::RtpBytesSent),
        bits_down: 8.0 * per_second(Metric::RtpBytesReceived),
        planned_packets_up: planned.0 / runs,
        planned_packets_down: planned.1 / runs,
    }
}
