//! The outcome's series, put together from the intervals of several workers.
//!
//! Intervals may come in any order and from any number of workers; two of one number add up. What nobody reported is null
//! (or an empty histogram), never 0 and never left out; a counter that was not moved in a reported interval is 0.

use super::document::{Labels, MetricSeries};
use super::names::Names;
use crate::metrics::catalog::{Kind, Metric};
use crate::metrics::histogram::per_unit;
use crate::metrics::{Group, Increment, Interval};
use std::collections::{BTreeMap, BTreeSet};

/// Gathers intervals.
#[derive(Debug, Default)]
pub struct SeriesBuilder {
    reported: BTreeSet<u32>,
    added: BTreeMap<(Metric, Group), BTreeMap<u32, Increment>>,
}

impl SeriesBuilder {
    /// Adds one worker's interval.
    pub fn add(&mut self, interval: &Interval) {
        self.reported.insert(interval.index);
        for (&(metric, key), increment) in &interval.added {
            for group in Group::of(key) {
                let cells = self.added.entry((metric, group)).or_default();
                match cells.get_mut(&interval.index) {
                    Some(into) => into.merge(increment),
                    None => drop(cells.insert(interval.index, increment.clone())),
                }
            }
        }
    }

    /// The series of the first `intervals` intervals, by metric's name, then labels.
    #[must_use]
    pub fn finish(&self, names: &Names, intervals: u32) -> Vec<MetricSeries> {
        let mut series: Vec<_> = self
            .added
            .iter()
            .map(|(&(metric, group), cells)| self.one(metric, labels(group, names), cells, intervals))
            .collect();
        series.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        series
    }

    fn one(&self, metric: Metric, labels: Labels, cells: &BTreeMap<u32, Increment>, intervals: u32) -> MetricSeries {
        let spec = metric.spec();
        let mut series =
            MetricSeries { name: spec.name.to_owned(), labels, values: Vec::new(), histograms: Vec::new() };
        for index in 0..intervals {
            match (spec.kind, cells.get(&index)) {
                (Kind::Trend, Some(Increment::Trend(values, _))) => series.histograms.push(values.clone()),
                (Kind::Trend, _) => series.histograms.push(Vec::new()),
                (Kind::Counter, None) => series.values.push(self.reported.contains(&index).then_some(0.0)),
                (_, Some(Increment::Counter(n))) => series.values.push(Some(*n as f64)),
                (_, Some(Increment::Ratio(ratio))) => series.values.push(ratio.value()),
                (_, Some(Increment::Gauge(gauge))) => {
                    series.values.push(Some(gauge.last.1 as f64 / per_unit(spec.unit)));
                }
                (_, _) => series.values.push(None),
            }
        }
        series
    }
}

fn labels(group: Group, names: &Names) -> Labels {
    let one = |label: &str, name: &String| Labels::from([(label.to_owned(), name.clone())]);
    match group {
        Group::All => Labels::new(),
        Group::Population(index) => one("population", &names.populations[usize::from(index)]),
        Group::Network(index) => one("network", &names.networks[usize::from(index)]),
    }
}
