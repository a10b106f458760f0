//! Everything that was recorded, of one worker or of all: metric and key to measure, merged in any order alike.

use super::catalog::Metric;
use super::interval::{Increment, Interval};
use super::labels::{Key, RunPhase};
use super::measure::Measure;
use super::sparse;
use std::collections::BTreeMap;

/// Everything that was recorded.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recorded {
    measures: BTreeMap<(Metric, Key), Measure>,
}

impl Recorded {
    /// Adds what another worker recorded.
    pub fn merge(&mut self, other: Self) {
        for (at, measure) in other.measures {
            match self.measures.get_mut(&at) {
                Some(into) => into.merge(&measure),
                None => drop(self.measures.insert(at, measure)),
            }
        }
    }

    /// Adds what an interval added, for judging while the run goes on: values are then known to 1.6 % only, and so are
    /// smallest, largest and mean.
    pub fn absorb(&mut self, interval: &Interval) {
        for (&(metric, key), increment) in &interval.added {
            let measure = self.measures.entry((metric, key)).or_insert_with(|| Measure::empty(metric));
            match (measure, increment) {
                (Measure::Trend(histogram), Increment::Trend(values, censored)) => {
                    for &(bucket, n) in values {
                        histogram.record_whole(sparse::value_of(bucket) as u64, u64::from(n));
                    }
                    censored.iter().for_each(|&(bucket, n)| histogram.censor_bucket(bucket, u64::from(n)));
                }
                (Measure::Counter(sum), Increment::Counter(n)) => *sum += n,
                (Measure::Ratio(ratio), Increment::Ratio(more)) => ratio.merge(*more),
                (Measure::Gauge(gauge), Increment::Gauge(more)) => gauge.merge(*more),
                (measure, _) => panic!("a metric has one kind, {metric:?} is {measure:?}"),
            }
        }
    }

    /// Every measure, by metric, then key.
    pub fn iter(&self) -> impl Iterator<Item = (Metric, Key, &Measure)> {
        self.measures.iter().map(|(&(metric, key), measure)| (metric, key, measure))
    }

    /// The measures of one metric, by key.
    pub fn of(&self, metric: Metric) -> impl Iterator<Item = (Key, &Measure)> {
        let first =
            Key { population: None, network: None, media: None, phase: RunPhase::Warmup, spell: None, rejoin: false };
        let from = self.measures.range((metric, first)..);
        from.take_while(move |((of, _), _)| *of == metric).map(|(&(_, key), measure)| (key, measure))
    }

    /// What the keys that `matches` holds for recorded of `metric`, together; `None` when they recorded nothing of it.
    #[must_use]
    pub fn pooled(&self, metric: Metric, matches: impl Fn(Key) -> bool) -> Option<Measure> {
        let mut pool: Option<Measure> = None;
        for (_, measure) in self.of(metric).filter(|(key, _)| matches(*key)) {
            match &mut pool {
                Some(pool) => pool.merge(measure),
                None => pool = Some(measure.clone()),
            }
        }
        pool
    }

    /// Whether anything at all was recorded under a key that `matches` holds for.
    #[must_use]
    pub fn any(&self, matches: impl Fn(Key) -> bool) -> bool {
        self.measures.keys().any(|(_, key)| matches(*key))
    }

    /// Puts in the measure of one metric and key.
    pub(super) fn insert(&mut self, metric: Metric, key: Key, measure: Measure) {
        self.measures.insert((metric, key), measure);
    }
}
