//! What is kept of one metric under one key, by the metric's kind, in integers that add up in any order.

use super::catalog::{Kind, Metric, Unit};
use super::histogram::{Histogram, bound, per_unit};

/// What is kept of one metric.
#[derive(Clone, PartialEq, Debug)]
pub enum Measure {
    /// Of a trend.
    Trend(Box<Histogram>),
    /// Of a counter: its sum.
    Counter(u64),
    /// Of a ratio.
    Ratio(Ratio),
    /// Of a gauge.
    Gauge(Gauge),
}

impl Measure {
    /// Nothing yet, of `metric`.
    #[must_use]
    pub fn empty(metric: Metric) -> Self {
        let spec = metric.spec();
        match spec.kind {
            Kind::Trend => Self::Trend(Box::new(Histogram::new(spec.unit))),
            Kind::Counter => Self::Counter(0),
            Kind::Ratio => Self::Ratio(Ratio::default()),
            Kind::Gauge => Self::Gauge(Gauge::default()),
        }
    }

    /// Adds what `other`, of the same metric, holds.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Trend(into), Self::Trend(from)) => into.merge(from),
            (Self::Counter(into), Self::Counter(from)) => *into += from,
            (Self::Ratio(into), Self::Ratio(from)) => into.merge(*from),
            (Self::Gauge(into), Self::Gauge(from)) => into.merge(*from),
            (into, from) => panic!("a metric has one kind: {into:?} is not of the kind of {from:?}"),
        }
    }
}

/// Numerator and denominator, pooled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ratio {
    /// The part.
    pub numerator: u64,
    /// The whole.
    pub denominator: u64,
}

impl Ratio {
    /// The part over the whole; `None` when the whole is nothing.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.denominator > 0).then(|| self.numerator as f64 / self.denominator as f64)
    }

    /// Adds `other` to both.
    pub fn merge(&mut self, other: Self) {
        self.numerator += other.numerator;
        self.denominator += other.denominator;
    }
}

/// A level that was sampled over time, in whole units (`Unit::scale`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gauge {
    /// Samples.
    pub count: u64,
    /// Their sum.
    pub sum: u128,
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
    /// The last, behind the interval in which it was sampled; of two in one interval by two workers the larger.
    pub last: (u32, u64),
}

impl Default for Gauge {
    fn default() -> Self {
        Self { count: 0, sum: 0, min: u64::MAX, max: 0, last: (0, 0) }
    }
}

impl Gauge {
    /// A sample of `value` in `unit`, taken in interval `interval`; negative ones count as 0.
    pub fn record(&mut self, unit: Unit, value: f64, interval: u32) {
        debug_assert!(!value.is_nan(), "a sample that is not a number");
        let whole = ((value * per_unit(unit) + 0.5) as u64).min(bound(unit));
        self.count += 1;
        self.sum += u128::from(whole);
        self.min = self.min.min(whole);
        self.max = self.max.max(whole);
        self.last = (interval, whole);
    }

    /// The mean, in whole units; `None` without a sample.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// Adds what `other` holds.
    pub fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        self.last = if self.count == 0 { other.last } else { self.last.max(other.last) };
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}
