//! Series as lines: counters as rates, trends as quantiles computed from the intervals' sparse histograms.

use super::pool::overall;
use crate::metrics::catalog::Metric;
use crate::metrics::sparse;
use crate::outcome::{Labels, MetricSeries, Outcome};

/// A value an interval; `None` where there was none.
pub type Line = Vec<Option<f64>>;

/// The series of `name` with exactly these labels.
#[must_use]
pub fn series<'a>(outcome: &'a Outcome, name: &str, labels: &Labels) -> Option<&'a MetricSeries> {
    outcome.series.metrics.iter().find(|s| s.name == name && s.labels == *labels)
}

/// Values of a gauge, ratio or counter, times `factor`. A counter that was watched and never counted has no series: its
/// line is 0 throughout.
#[must_use]
pub fn values(outcome: &Outcome, metric: Metric, factor: f64) -> Line {
    match series(outcome, metric.name(), &Labels::new()) {
        Some(found) => found.values.iter().map(|v| v.map(|v| v * factor)).collect(),
        None => {
            let watched = overall(outcome, metric.name()).is_some_and(|m| m.kind == "counter" && m.count == 0);
            if watched { vec![Some(0.0); outcome.series.intervals] } else { Vec::new() }
        }
    }
}

/// A counter a second, times `factor`.
#[must_use]
pub fn rate(outcome: &Outcome, metric: Metric, factor: f64) -> Line {
    values(outcome, metric, factor / outcome.series.interval.max(f64::MIN_POSITIVE))
}

/// Quantiles of a trend, in its unit.
#[must_use]
pub fn quantiles<const N: usize>(outcome: &Outcome, metric: Metric, qs: [f64; N], factor: f64) -> [Line; N] {
    let scale = metric.spec().unit.scale() * factor;
    let found = series(outcome, metric.name(), &Labels::new());
    qs.map(|q| {
        let at = |h: &Vec<(u32, u32)>| sparse::quantile(h, q).filter(|_| !h.is_empty()).map(|v| v * scale);
        found.map_or_else(Vec::new, |s| s.histograms.iter().map(at).collect())
    })
}

/// Head counts.
#[must_use]
pub fn heads(counts: &[u64]) -> Line {
    counts.iter().map(|&n| Some(n as f64)).collect()
}

/// The largest value and its interval.
#[must_use]
pub fn peak(line: &Line) -> Option<(usize, f64)> {
    let known = line.iter().enumerate().filter_map(|(i, v)| v.map(|v| (i, v)));
    known.fold(None, |best: Option<(usize, f64)>, (i, v)| match best {
        Some((_, top)) if top >= v => best,
        _ => Some((i, v)),
    })
}

/// The mean of the intervals that `keep` keeps.
#[must_use]
pub fn mean(line: &Line, keep: impl Fn(usize) -> bool) -> Option<f64> {
    let kept: Vec<f64> = line.iter().enumerate().filter(|(i, _)| keep(*i)).filter_map(|(_, v)| *v).collect();
    (!kept.is_empty()).then(|| kept.iter().sum::<f64>() / kept.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{Sample, outcome};

    #[test]
    fn a_counter_that_never_counted_is_a_line_of_zeros_and_one_not_watched_is_none() {
        let mut outcome = outcome(&Sample::of(3));
        outcome.series.metrics.retain(|s| s.name != "harness.rx_drops");
        assert_eq!(values(&outcome, Metric::HarnessRxDrops, 1.0), vec![Some(0.0); outcome.series.intervals]);
        outcome.metrics.retain(|m| m.name != "harness.rx_drops");
        assert_eq!(values(&outcome, Metric::HarnessRxDrops, 1.0), Line::new());
    }
}
