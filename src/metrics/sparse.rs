//! Sparse histograms of the series: one an interval, so that quantiles are computed when rendered and never averaged.
//!
//! Buckets are log-linear over whole numbers (see `Unit::scale`): exact below 64, then 32 a doubling, so a value is
//! known to 1.6 %. The index of a bucket is part of `outcome.json` and never changes.

/// The bucket that holds `value`.
#[must_use]
pub const fn bucket_of(value: u64) -> u32 {
    if value < 64 {
        return value as u32;
    }
    let shift = 64 - value.leading_zeros() - 6;
    32 * shift + (value >> shift) as u32
}

/// The middle of a bucket.
#[must_use]
pub const fn value_of(bucket: u32) -> f64 {
    if bucket < 64 {
        return bucket as f64;
    }
    let shift = bucket / 32 - 1;
    let low = ((bucket - 32 * shift) as u64) << shift;
    low as f64 + ((1u64 << shift) - 1) as f64 / 2.0
}

/// The quantile `q` (0..=1) of a sparse histogram, in whole units; `None` when it is empty.
#[must_use]
pub fn quantile(histogram: &[(u32, u32)], q: f64) -> Option<f64> {
    let total: u64 = histogram.iter().map(|&(_, count)| u64::from(count)).sum();
    let rank = ((q * total as f64).ceil() as u64).clamp(1, total.max(1));
    let mut seen = 0;
    histogram.iter().find_map(|&(bucket, count)| {
        seen += u64::from(count);
        (seen >= rank).then(|| value_of(bucket))
    })
}

/// Adds `from` into `into`; both in ascending buckets.
pub fn merge(into: &mut Vec<(u32, u32)>, from: &[(u32, u32)]) {
    for &(bucket, count) in from {
        match into.binary_search_by_key(&bucket, |&(b, _)| b) {
            Ok(i) => into[i].1 = into[i].1.saturating_add(count),
            Err(i) => into.insert(i, (bucket, count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_knows_its_values_to_1_6_percent() {
        for value in (0..64).chain([64, 65, 1_000, 99_999, 100_000, 3_600_000_000, u64::from(u32::MAX) * 1000]) {
            let middle = value_of(bucket_of(value));
            assert!((middle - value as f64).abs() <= value as f64 / 60.0, "{value}: {middle}");
        }
    }

    #[test]
    fn buckets_ascend_with_their_values() {
        let mut last = 0;
        for value in 0..200_000 {
            let bucket = bucket_of(value);
            assert!(bucket == last || bucket == last + 1, "{value}");
            last = bucket;
        }
    }

    #[test]
    fn quantiles_come_from_counts_and_merge_adds_them() {
        let mut histogram = vec![(10, 50), (20, 45)];
        merge(&mut histogram, &[(20, 4), (30, 1)]);
        assert_eq!(histogram, [(10, 50), (20, 49), (30, 1)]);
        assert_eq!(quantile(&histogram, 0.5), Some(10.0));
        assert_eq!(quantile(&histogram, 0.99), Some(20.0));
        assert_eq!(quantile(&histogram, 1.0), Some(30.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
