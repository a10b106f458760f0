//! The histogram of a trend: values to three significant digits, and samples known only to lie beyond them.
//!
//! Counts are those of an `hdrhistogram` over whole units (`Unit::scale`: microseconds, thousandths). All histograms of
//! a unit share their bounds, so that any two merge without loss; each takes only the memory that its largest value
//! needs. Sum, smallest and largest are kept apart as exact integers: nothing here depends on the order of merging.
//! A right-censored sample (a join that failed after waiting 15 s) ranks beyond every value, whatever its time.

use super::catalog::Unit;
use super::sparse;
use base64::Engine as _;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use std::collections::BTreeMap;

/// Significant decimal digits that every histogram keeps.
pub const DIGITS: u8 = 3;

/// The largest whole value that a histogram of `unit` holds; larger ones are counted there, and as out of range.
///
/// An hour, 10⁹ pieces, a terabyte, a share of 1,000, a million a second, a score of 10, a terabit a second.
#[must_use]
pub const fn bound(unit: Unit) -> u64 {
    match unit {
        Unit::Seconds => 3_600_000_000,
        Unit::Count | Unit::Share | Unit::PerSecond => 1_000_000_000,
        Unit::Bytes | Unit::BitsPerSecond => 1_000_000_000_000,
        Unit::Score => 10_000,
    }
}

/// How many whole units one of `unit` is: 10⁶ for seconds.
#[must_use]
pub const fn per_unit(unit: Unit) -> f64 {
    match unit {
        Unit::Seconds | Unit::Share => 1e6,
        Unit::PerSecond | Unit::Score => 1e3,
        Unit::Count | Unit::Bytes | Unit::BitsPerSecond => 1.0,
    }
}

/// Values of one unit, and right-censored samples beyond them.
#[derive(Clone, Debug)]
pub struct Histogram {
    unit: Unit,
    counts: hdrhistogram::Histogram<u64>,
    sum: u128,
    min: u64,
    max: u64,
    out_of_range: u64,
    /// By sparse bucket of the time at which they were given up.
    censored: BTreeMap<u32, u64>,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new(unit: Unit) -> Self {
        let counts = hdrhistogram::Histogram::new(DIGITS).expect("three digits are within hdrhistogram's limits");
        Self { unit, counts, sum: 0, min: u64::MAX, max: 0, out_of_range: 0, censored: BTreeMap::new() }
    }

    /// Records a value in the unit and returns it as a whole number of the histogram. What lies beyond the bounds (or is
    /// no number) is counted at the bound, and as out of range.
    #[inline]
    pub fn record(&mut self, value: f64) -> u64 {
        debug_assert!(!value.is_nan(), "a sample that is not a number");
        let scaled = value * per_unit(self.unit) + 0.5;
        let bound = bound(self.unit);
        let whole = if scaled >= 0.0 && scaled < bound as f64 + 1.0 {
            scaled as u64
        } else {
            self.out_of_range += 1;
            if scaled > 0.0 { bound } else { 0 }
        };
        self.record_whole(whole, 1);
        whole
    }

    /// Records `n` times a whole value that lies within the bounds.
    #[inline]
    pub fn record_whole(&mut self, whole: u64, n: u64) {
        if n == 0 {
            return;
        }
        self.counts.record_n(whole, n).expect("the histogram grows up to its bound");
        self.sum += u128::from(whole) * u128::from(n);
        self.min = self.min.min(whole);
        self.max = self.max.max(whole);
    }

    /// Records a right-censored sample that was given up after `waited`, in the unit; returns the sparse bucket.
    pub fn censor(&mut self, waited: f64) -> u32 {
        let whole = (waited * per_unit(self.unit) + 0.5) as u64;
        let bucket = sparse::bucket_of(whole.min(bound(self.unit)));
        self.censor_bucket(bucket, 1);
        bucket
    }

    /// Records `n` right-censored samples by the sparse bucket of the time at which they were given up.
    pub fn censor_bucket(&mut self, bucket: u32, n: u64) {
        if n > 0 {
            *self.censored.entry(bucket).or_default() += n;
        }
    }

    /// Adds what `other`, of the same unit, holds.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.unit, other.unit, "histograms of one metric share their unit");
        self.counts.add(&other.counts).expect("the histogram grows up to its bound");
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.out_of_range += other.out_of_range;
        for (&bucket, &n) in &other.censored {
            self.censor_bucket(bucket, n);
        }
    }

    /// Samples, censored ones included.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.len() + self.censored()
    }

    /// Right-censored samples.
    #[must_use]
    pub fn censored(&self) -> u64 {
        self.censored.values().sum()
    }

    /// The times at which censored samples were given up, in the unit, with their counts, ascending; each time is known
    /// to 1.6 %.
    pub fn censoring(&self) -> impl Iterator<Item = (f64, u64)> {
        let per = per_unit(self.unit);
        self.censored.iter().map(move |(&bucket, &n)| (sparse::value_of(bucket) / per, n))
    }

    /// Values beyond the bounds, counted at the bound.
    #[must_use]
    pub const fn out_of_range(&self) -> u64 {
        self.out_of_range
    }

    /// Slots that it holds memory for, eight bytes each.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.counts.distinct_values()
    }

    /// The smallest value, exact; `None` when there is none.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (!self.counts.is_empty()).then(|| self.min as f64 / per_unit(self.unit))
    }

    /// The largest uncensored value, exact; `None` when there is none.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (!self.counts.is_empty()).then(|| self.max as f64 / per_unit(self.unit))
    }

    /// The mean of the uncensored values, from an exact sum; `None` when there is none.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.counts.len();
        (count > 0).then(|| self.sum as f64 / count as f64 / per_unit(self.unit))
    }

    /// The quantile `q` (0..=1), the value of rank ⌈q·n⌉, to 0.05 %; `None` when there is no sample, or when that rank lies
    /// among the censored.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = rank(q, self.count())?;
        if rank > self.counts.len() {
            return None;
        }
        let mut seen = 0;
        let bucket = self.counts.iter_recorded().find(|bucket| {
            seen += bucket.count_since_last_iteration();
            seen >= rank
        })?;
        let middle = self.counts.median_equivalent(bucket.value_iterated_to());
        Some(middle.clamp(self.min, self.max) as f64 / per_unit(self.unit))
    }

    /// The share of all samples, censored ones included, at or below `value` (in the unit, to 0.05 %); 0 when empty.
    #[must_use]
    pub fn cdf(&self, value: f64) -> f64 {
        let whole = value * per_unit(self.unit) + 0.5;
        if self.counts.is_empty() || whole < 0.0 {
            return 0.0;
        }
        self.counts.count_between(0, whole as u64) as f64 / self.count() as f64
    }

    /// The uncensored counts as HDR V2, deflated, base64; the same counts give the same text however they came together.
    #[must_use]
    pub fn encode(&self) -> String {
        let high = bound(self.unit);
        let mut canonical = hdrhistogram::Histogram::<u64>::new_with_bounds(1, high, DIGITS).expect("bounds hold");
        canonical.add(&self.counts).expect("every value lies within the bounds");
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&canonical, &mut bytes).expect("a vector takes every byte");
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    /// A histogram of `unit` from the text of [`Self::encode`]; `None` when it is something else. Its smallest, largest and
    /// mean are those of its buckets, and nothing in it is censored.
    #[must_use]
    pub fn decode(unit: Unit, text: &str) -> Option<Self> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
        let counts: hdrhistogram::Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).ok()?;
        let mut histogram = Self::new(unit);
        for bucket in counts.iter_recorded() {
            let middle = counts.median_equivalent(bucket.value_iterated_to()).min(bound(unit));
            histogram.record_whole(middle, bucket.count_since_last_iteration());
        }
        Some(histogram)
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        let apart = |h: &Self| (h.unit, h.sum, h.min, h.max, h.out_of_range);
        apart(self) == apart(other) && self.censored == other.censored && self.counts == other.counts
    }
}

/// The rank of quantile `q` among `count` samples, from 1; `None` when there is no sample.
#[must_use]
pub fn rank(q: f64, count: u64) -> Option<u64> {
    // 0.95 × 100 is 95.00000000000001 or 94.99999999999999 by the last bit of q: the guard keeps the rank at 95.
    let exact = q * count as f64;
    (count > 0).then(|| ((exact - exact * 1e-12).ceil() as u64).clamp(1, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::new(Unit::Seconds);
        for &value in values {
            histogram.record(value);
        }
        histogram
    }

    #[test]
    fn the_catalog_and_the_histogram_agree_on_the_scale() {
        for unit in [Unit::Seconds, Unit::Count, Unit::Bytes, Unit::Share, Unit::PerSecond, Unit::Score] {
            assert!((unit.scale() * per_unit(unit) - 1.0).abs() < 1e-12, "{unit:?}");
        }
    }

    #[test]
    fn a_quantile_beyond_the_censoring_is_none_and_below_it_is_a_value() {
        let mut histogram = of(&[0.1; 95]);
        for _ in 0..5 {
            histogram.censor(15.0);
        }
        assert_eq!(histogram.count(), 100);
        assert_eq!(histogram.censored(), 5);
        assert_eq!(histogram.quantile(0.95), Some(0.1));
        assert_eq!(histogram.quantile(0.96), None);
        assert_eq!(histogram.max(), Some(0.1), "a censored sample is no value");
        assert!((histogram.cdf(100.0) - 0.95).abs() < 1e-9);
        let (at, n) = histogram.censoring().next().expect("five are censored");
        assert!((at - 15.0).abs() < 0.3 && n == 5);
    }

    #[test]
    fn an_empty_histogram_has_no_value_at_all() {
        let empty = of(&[]);
        assert_eq!((empty.quantile(0.5), empty.min(), empty.max(), empty.mean()), (None, None, None, None));
        assert!(empty.cdf(1.0) == 0.0);
    }

    #[test]
    fn what_is_beyond_the_bounds_is_counted_there_and_said() {
        let histogram = of(&[-0.5, 7_200.0, 1.0]);
        assert_eq!(histogram.out_of_range(), 2);
        assert_eq!((histogram.min(), histogram.max()), (Some(0.0), Some(3_600.0)));
        assert_eq!(of(&[0.0, 3_600.0]).out_of_range(), 0);
    }

    #[test]
    fn small_histograms_take_little_memory_and_serialise_with_the_bounds_of_all() {
        assert!(of(&[0.001]).slots() <= 2_048);
        assert!(of(&[0.1]).slots() <= 9 * 1_024);
        let (small, large) = (of(&[0.001]), of(&[0.001, 3_000.0]));
        let high = |h: &Histogram| {
            let bytes = base64::engine::general_purpose::STANDARD.decode(h.encode()).unwrap();
            Deserializer::new().deserialize::<u64, _>(&mut bytes.as_slice()).unwrap().high()
        };
        assert_eq!(high(&small), high(&large));
    }

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let histogram = of(&[0.000_4, 0.37, 1.9, 2.41]);
        let back = Histogram::decode(Unit::Seconds, &histogram.encode()).expect("our own text");
        assert_eq!(back.encode(), histogram.encode());
        assert!(Histogram::decode(Unit::Seconds, "bm90IGEgaGlzdG9ncmFt").is_none());
    }

    proptest! {
        #[test]
        fn merging_is_commutative_and_associative(
            a in prop::collection::vec(0.0..4_000.0f64, 0..40),
            b in prop::collection::vec(0.0..1.0f64, 0..40),
            c in prop::collection::vec(0.0..0.001f64, 0..40),
            lost in 0..5usize,
        ) {
            let (x, mut y, z) = (of(&a), of(&b), of(&c));
            (0..lost).for_each(|i| { y.censor(i as f64); });
            let join = |parts: &[&Histogram]| {
                let mut all = Histogram::new(Unit::Seconds);
                parts.iter().for_each(|part| all.merge(part));
                all
            };
            let left = join(&[&join(&[&x, &y]), &z]);
            let right = join(&[&x, &join(&[&z, &y])]);
            prop_assert_eq!(&left, &right);
            prop_assert_eq!(left.encode(), right.encode());
        }

        #[test]
        fn a_quantile_is_within_a_thousandth_of_the_exact_one(
            mut values in prop::collection::vec(0.001..3_000.0f64, 1..300),
            q in 0.0..1.0f64,
        ) {
            let got = of(&values).quantile(q).expect("there are samples");
            values.sort_by(f64::total_cmp);
            let exact = values[rank(q, values.len() as u64).unwrap() as usize - 1];
            prop_assert!((got - exact).abs() <= exact * 1e-3 + 1e-6, "{} {}", got, exact);
        }
    }
}
