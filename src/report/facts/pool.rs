//! Everything of one metric that carries certain labels, taken together.
//!
//! Histograms are added, ratios pool numerators and denominators: quantiles and ratios are never averaged. An entry
//! whose labels are exactly those asked for is taken as it is.

use super::level::{Level, needed, rank};
use crate::outcome::{Labels, MetricOutcome, Outcome};
use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

/// Samples taken together.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Samples, sums or denominators.
    pub count: u64,
    /// Right-censored samples.
    pub censored: u64,
    /// Pooled ratio.
    pub value: Option<f64>,
    /// Entries whose histogram could not be read.
    pub unreadable: usize,
    histogram: Option<Histogram<u64>>,
    scale: f64,
}

impl Pool {
    /// The quantile `q`, with the failed ranked last.
    #[must_use]
    pub fn level(&self, q: f64) -> Level {
        let Some(histogram) = &self.histogram else { return Level::None };
        let total = histogram.len() + self.censored;
        match total {
            0 => Level::None,
            total if total < needed(q) => Level::TooFew(total, needed(q)),
            total => self.at_rank(rank(q, total)),
        }
    }

    /// The value at a rank from 1.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> Level {
        let Some(histogram) = &self.histogram else { return Level::None };
        if rank > histogram.len() {
            return Level::Beyond;
        }
        let q = (rank as f64 - 0.5) / histogram.len() as f64;
        Level::Value(histogram.value_at_quantile(q) as f64 * self.scale)
    }

    /// Samples in the histogram and the censored.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len) + self.censored
    }

    fn add(&mut self, entry: &MetricOutcome, numerator: &mut u64) {
        self.count += entry.count;
        self.censored += entry.censored;
        *numerator += entry.numerator.unwrap_or(0);
        let Some(text) = &entry.histogram else { return };
        self.scale = entry.scale.unwrap_or(1.0);
        match (decode(text), &mut self.histogram) {
            (None, _) => self.unreadable += 1,
            (Some(other), None) => self.histogram = Some(other),
            (Some(other), Some(histogram)) => {
                histogram.auto(true);
                if histogram.add(&other).is_err() {
                    self.unreadable += 1;
                }
            }
        }
    }
}

/// Reads a histogram of the outcome; `None` when it is none.
#[must_use]
pub fn decode(text: &str) -> Option<Histogram<u64>> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
}

/// The entry of `name` without labels.
#[must_use]
pub fn overall<'a>(outcome: &'a Outcome, name: &str) -> Option<&'a MetricOutcome> {
    outcome.metrics.iter().find(|m| m.name == name && m.labels.is_empty())
}

/// Everything of `name` whose `label` is one of `values`, over the time that is judged.
#[must_use]
pub fn by_label(outcome: &Outcome, name: &str, label: &str, values: &[&str]) -> Pool {
    let has = |labels: &Labels| labels.get(label).is_some_and(|v| values.contains(&v.as_str()));
    let entries = || outcome.metrics.iter().filter(|m| m.name == name && has(&m.labels));
    let exact: Vec<_> = entries().filter(|m| m.labels.len() == 1).collect();
    if exact.len() == values.len() {
        return together(exact.into_iter());
    }
    together(entries().filter(|m| m.labels.len() > 1 && is_judged(name, &m.labels)))
}

/// Everything of `name` that the filter of a threshold matches.
#[must_use]
pub fn by_filter(outcome: &Outcome, name: &str, filter: &Labels) -> Pool {
    if let Some(exact) = outcome.metrics.iter().find(|m| m.name == name && m.labels == *filter) {
        return together(std::iter::once(exact));
    }
    let matches = |labels: &Labels| filter.iter().all(|(k, v)| labels.get(k) == Some(v));
    let phased = filter.contains_key("phase");
    let entries = outcome.metrics.iter().filter(|m| m.name == name && !m.labels.is_empty() && matches(&m.labels));
    together(entries.filter(|m| phased || is_judged(name, &m.labels)))
}

/// Joins are judged over the whole run, everything else over the measured window.
fn is_judged(name: &str, labels: &Labels) -> bool {
    name.starts_with("join.") || labels.get("phase").is_none_or(|phase| phase == "steady")
}

fn together<'a>(entries: impl Iterator<Item = &'a MetricOutcome>) -> Pool {
    let mut pool = Pool::default();
    let (mut numerator, mut ratio, mut alone) = (0, false, None);
    let mut n = 0;
    for entry in entries {
        n += 1;
        ratio |= entry.kind == "ratio";
        alone = entry.value;
        pool.add(entry, &mut numerator);
    }
    pool.value = match (n, ratio) {
        (1, _) => alone,
        (_, true) if pool.count > 0 => Some(numerator as f64 / pool.count as f64),
        _ => None,
    };
    pool
}
