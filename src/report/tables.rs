//! `metrics.csv` and `series.csv`: the numbers for other tools, unrounded.

use super::facts::Facts;
use crate::metrics::catalog::Metric;
use crate::metrics::sparse;
use crate::outcome::{Labels, MetricSeries};

/// A row for every entry of the outcome's metrics.
#[must_use]
pub fn metrics(facts: &Facts) -> Vec<u8> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let head = [
        "name",
        "labels",
        "unit",
        "kind",
        "count",
        "censored",
        "out_of_range",
        "value",
        "numerator",
        "min",
        "mean",
        "p50",
        "p90",
        "p95",
        "p99",
        "max",
    ];
    put(&mut csv, head.map(str::to_owned));
    for m in &facts.outcome.metrics {
        let row = [
            m.name.clone(),
            joined(&m.labels),
            m.unit.clone(),
            m.kind.clone(),
            m.count.to_string(),
            m.censored.to_string(),
            m.out_of_range.to_string(),
            number(m.value),
            m.numerator.map_or_else(String::new, |n| n.to_string()),
            number(m.min),
            number(m.mean),
            number(m.p50),
            number(m.p90),
            number(m.p95),
            number(m.p99),
            number(m.max),
        ];
        put(&mut csv, row);
    }
    finished(csv)
}

/// A row for every interval of every series; `time` is the interval's end in seconds from the start of the run.
#[must_use]
pub fn series(facts: &Facts) -> Vec<u8> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    put(&mut csv, ["name", "labels", "unit", "time", "value", "samples", "p50", "p95", "p99"].map(str::to_owned));
    let series = &facts.outcome.series;
    let heads = [
        ("participants.planned", &series.planned),
        ("participants.joining", &series.joining),
        ("participants.joined", &series.joined),
        ("participants.failed", &series.failed),
        ("video.frozen_streams", &series.frozen),
    ];
    let none = String::new;
    for (name, line) in heads {
        for (i, n) in line.iter().enumerate() {
            let (time, value) = (time(facts, i), n.to_string());
            put(&mut csv, [name.to_owned(), none(), "1".to_owned(), time, value, none(), none(), none(), none()]);
        }
    }
    series.metrics.iter().for_each(|metric| rows(facts, metric, &mut csv));
    finished(csv)
}

fn rows(facts: &Facts, of: &MetricSeries, csv: &mut csv::Writer<Vec<u8>>) {
    let labels = joined(&of.labels);
    let unit = Metric::from_name(&of.name).map(|m| m.spec().unit);
    let (unit, scale) = unit.map_or(("", 1.0), |u| (u.name(), u.scale()));
    let mut row = |i, value, samples, quantiles: [String; 3]| {
        let [p50, p95, p99] = quantiles;
        let (name, labels) = (of.name.clone(), labels.clone());
        put(csv, [name, labels, unit.to_owned(), time(facts, i), value, samples, p50, p95, p99]);
    };
    for (i, value) in of.values.iter().enumerate() {
        row(i, number(*value), String::new(), Default::default());
    }
    for (i, histogram) in of.histograms.iter().enumerate() {
        let samples: u64 = histogram.iter().map(|(_, n)| u64::from(*n)).sum();
        let at = |q| sparse::quantile(histogram, q).filter(|_| samples > 0).map(|v| v * scale);
        row(i, String::new(), samples.to_string(), [0.5, 0.95, 0.99].map(|q| number(at(q))));
    }
}

fn time(facts: &Facts, i: usize) -> String {
    plain((i + 1) as f64 * facts.times.interval)
}

fn joined(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(";")
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, plain)
}

/// Nine significant digits: more is noise of binary fractions.
fn plain(value: f64) -> String {
    let text: f64 = format!("{value:.8e}").parse().unwrap_or(value);
    text.to_string()
}

fn put<const N: usize>(csv: &mut csv::Writer<Vec<u8>>, row: [String; N]) {
    csv.write_record(row).expect("a Vec takes every write, and all rows are of one length");
}

fn finished(csv: csv::Writer<Vec<u8>>) -> Vec<u8> {
    csv.into_inner().expect("a Vec takes every write")
}
