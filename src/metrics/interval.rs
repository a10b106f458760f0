//! What one interval added: small enough to be sent to the coordinator each second, for the panel, the series and aborts.
//!
//! A sample belongs to the interval in which it was *recorded*, by the worker's wall tick; its phase is that of its due
//! time. Trends are sparse histograms (`metrics::sparse`), so values read from here are known to 1.6 %.

use super::catalog::Metric;
use super::histogram::{per_unit, rank};
use super::labels::Key;
use super::measure::{Gauge, Ratio};
use super::sparse;
use std::collections::BTreeMap;
use std::time::Duration;

/// What one interval added, of one worker or of several.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Interval {
    /// Its number from the start of the run.
    pub index: u32,
    /// Its length.
    pub length: Duration,
    /// What was added, by metric and key; nothing where nothing was.
    pub added: BTreeMap<(Metric, Key), Increment>,
}

/// What was added to one metric.
#[derive(Clone, PartialEq, Debug)]
pub enum Increment {
    /// A trend's samples: `(bucket, count)` in ascending buckets, and the censored ones likewise.
    Trend(Vec<(u32, u32)>, Vec<(u32, u32)>),
    /// A counter's increase.
    Counter(u64),
    /// A ratio's parts.
    Ratio(Ratio),
    /// A gauge's samples.
    Gauge(Gauge),
}

/// By what the series and the panel tell samples apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    /// Everything together.
    All,
    /// One population, by index.
    Population(u16),
    /// One network, by index.
    Network(u16),
}

impl Group {
    /// The groups that a key belongs to.
    pub fn of(key: Key) -> impl Iterator<Item = Self> {
        let population = key.population.map(Self::Population);
        let network = key.network.map(Self::Network);
        std::iter::once(Self::All).chain(population).chain(network)
    }

    /// Whether a key belongs to it.
    #[must_use]
    pub fn holds(self, key: Key) -> bool {
        match self {
            Self::All => true,
            Self::Population(index) => key.population == Some(index),
            Self::Network(index) => key.network == Some(index),
        }
    }
}

impl Increment {
    /// Adds what `other`, of the same metric, holds.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Trend(values, censored), Self::Trend(more, more_censored)) => {
                sparse::merge(values, more);
                sparse::merge(censored, more_censored);
            }
            (Self::Counter(into), Self::Counter(from)) => *into += from,
            (Self::Ratio(into), Self::Ratio(from)) => into.merge(*from),
            (Self::Gauge(into), Self::Gauge(from)) => into.merge(*from),
            (into, from) => panic!("a metric has one kind: {into:?} is not of the kind of {from:?}"),
        }
    }
}

impl Interval {
    /// Adds what another worker's interval of the same number holds.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.index, other.index, "intervals of different times do not merge");
        for (&at, increment) in &other.added {
            match self.added.get_mut(&at) {
                Some(into) => into.merge(increment),
                None => drop(self.added.insert(at, increment.clone())),
            }
        }
    }

    /// What was added to `metric` within `group`; `None` when nothing was.
    #[must_use]
    pub fn pooled(&self, metric: Metric, group: Group) -> Option<Increment> {
        let from =
            (metric, Key { population: None, network: None, media: None, phase: FIRST, spell: None, rejoin: false });
        let mut cells = self.added.range(from..).take_while(|((of, _), _)| *of == metric);
        let mut pool: Option<Increment> = None;
        cells.by_ref().filter(|((_, key), _)| group.holds(*key)).for_each(|(_, increment)| match &mut pool {
            Some(pool) => pool.merge(increment),
            None => pool = Some(increment.clone()),
        });
        pool
    }

    /// The increase of a counter within everything.
    #[must_use]
    pub fn counted(&self, metric: Metric) -> u64 {
        match self.pooled(metric, Group::All) {
            Some(Increment::Counter(n)) => n,
            _ => 0,
        }
    }

    /// The value of a ratio within everything; `None` when nothing was added to its denominator.
    #[must_use]
    pub fn ratio(&self, metric: Metric) -> Option<f64> {
        match self.pooled(metric, Group::All) {
            Some(Increment::Ratio(ratio)) => ratio.value(),
            _ => None,
        }
    }

    /// The quantile `q` of a trend within everything, in its unit, the censored ranking beyond every value; `None` when there
    /// is no sample or the quantile lies among the censored.
    #[must_use]
    pub fn quantile(&self, metric: Metric, q: f64) -> Option<f64> {
        let Some(Increment::Trend(mut values, censored)) = self.pooled(metric, Group::All) else { return None };
        if !censored.is_empty() {
            values.push((u32::MAX, censored.iter().map(|&(_, n)| n).sum()));
        }
        let total: u64 = values.iter().map(|&(_, n)| u64::from(n)).sum();
        let rank = rank(q, total)?;
        let mut seen = 0;
        let (bucket, _) = values.iter().find(|(_, n)| {
            seen += u64::from(*n);
            seen >= rank
        })?;
        (*bucket != u32::MAX).then(|| sparse::value_of(*bucket) / per_unit(metric.spec().unit))
    }
}

/// The phase that sorts first, for ranges over keys.
const FIRST: super::labels::RunPhase = super::labels::RunPhase::Warmup;

/// Counts by bucket while an interval lasts: dense, and never freed, so that a sample costs an addition.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Vec<u32>,
    /// Buckets in use since it was last taken, `low..high`.
    low: usize,
    high: usize,
    censored: BTreeMap<u32, u32>,
}

impl Tally {
    #[inline]
    pub(super) fn add(&mut self, whole: u64) {
        let bucket = sparse::bucket_of(whole) as usize;
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 64, 0);
        }
        self.counts[bucket] += 1;
        if self.low == self.high {
            (self.low, self.high) = (bucket, bucket + 1);
        } else {
            self.low = self.low.min(bucket);
            self.high = self.high.max(bucket + 1);
        }
    }

    pub(super) fn censor(&mut self, bucket: u32) {
        *self.censored.entry(bucket).or_default() += 1;
    }

    /// Buckets that it holds memory for.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.counts.capacity()
    }

    /// What was added since it was last taken; `None` when nothing was.
    pub(super) fn take(&mut self) -> Option<Increment> {
        if self.low == self.high && self.censored.is_empty() {
            return None;
        }
        let used = &mut self.counts[self.low..self.high];
        let values = (self.low as u32..).zip(used.iter().copied()).filter(|&(_, n)| n > 0).collect();
        used.fill(0);
        (self.low, self.high) = (0, 0);
        Some(Increment::Trend(values, std::mem::take(&mut self.censored).into_iter().collect()))
    }
}
