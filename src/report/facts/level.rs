//! A quantile as it may be shown: a value, beyond the failed, too few samples, or none.
//!
//! Failed joins rank behind every join that succeeded. How many samples a quantile needs is the number at which its
//! 95 % interval by order statistics ends within the samples: ln 0.025 / ln q (72 for p95, 368 for p99).

use crate::report::number::{Quantity, THIN, count};

/// A quantile, or why there is none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Level {
    /// In the metric's unit.
    Value(f64),
    /// It lies among the failed.
    Beyond,
    /// Samples there are, samples it needs.
    TooFew(u64, u64),
    /// There is no sample.
    None,
}

impl Level {
    /// The value, if it is one.
    #[must_use]
    pub const fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// As people read it; `bound` is what the failed waited at least.
    #[must_use]
    pub fn write(self, quantity: Quantity, bound: Option<f64>) -> String {
        match self {
            Self::Value(value) => quantity.write(value),
            Self::Beyond => match bound {
                Some(bound) => format!(">{THIN}{}", plain_seconds(bound)),
                None => "never".to_owned(),
            },
            Self::TooFew(have, need) => format!("n too small: {} of {}", count(have), count(need)),
            Self::None => "no sample".to_owned(),
        }
    }
}

fn plain_seconds(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}{THIN}s") } else { Quantity::Seconds.write(value) }
}

/// Samples that the quantile `q` needs; below p95 one is enough to show it.
#[must_use]
pub fn needed(q: f64) -> u64 {
    if q < 0.95 {
        return 1;
    }
    libm::ceil(libm::log(0.025) / libm::log(q)) as u64
}

/// The rank (from 1) of the quantile `q` among `n`.
#[must_use]
pub fn rank(q: f64, n: u64) -> u64 {
    // 0.95 × 100 is 95.00000000000001 in floats.
    (libm::ceil(q * n as f64 - 1e-9) as u64).clamp(1, n.max(1))
}

/// Ranks (from 1) of the 95 % interval of the quantile `q` among `n`; the upper one may lie beyond `n`.
#[must_use]
pub fn interval(q: f64, n: u64) -> (u64, u64) {
    let middle = q * n as f64;
    let half = 1.96 * (n as f64 * q * (1.0 - q)).sqrt();
    (libm::floor(middle - half).max(1.0) as u64, libm::ceil(middle + half) as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_need_the_samples_that_their_interval_needs() {
        assert_eq!([0.5, 0.95, 0.99, 0.999].map(needed), [1, 72, 368, 3_688]);
    }

    #[test]
    fn ranks_survive_floats() {
        assert_eq!(rank(0.95, 100), 95);
        assert_eq!(rank(0.5, 3), 2);
        assert_eq!(rank(0.0, 3), 1);
        assert_eq!(interval(0.5, 100), (40, 61));
    }
}
