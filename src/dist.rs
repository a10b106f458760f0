//! Distributions of durations, as the scenario file writes them: `"5s"`, `"exp(4s)"`, `"lognormal(median=8m, sigma=0.8)"`,
//! `"uniform(1s, 3s)"`.
//!
//! Drawn by inversion or Box–Muller over `libm`, so that a seed gives the same numbers on every machine.

use crate::units::{format_duration, parse_duration};
use rand::Rng;
use std::fmt;
use std::time::Duration;

/// A distribution of durations.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Dist {
    /// Always the same.
    Constant(Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// Lognormal with this median; `sigma` is the standard deviation of the logarithm.
    Lognormal {
        /// Half of the draws are shorter.
        median: Duration,
        /// Of the logarithm, ≥ 0.
        sigma: f64,
    },
    /// Uniform between both.
    Uniform {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
}

impl Dist {
    /// Parses the text forms above.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let expected = || {
            format!(
                "`{text}` is not a duration or distribution; write \"5s\", \"exp(4s)\", \"uniform(1s, 3s)\" or \"lognormal(median=8m, sigma=0.8)\""
            )
        };
        let Some((name, rest)) = text.split_once('(') else {
            return parse_duration(text).map(Self::Constant).ok_or_else(expected);
        };
        let inner = rest.strip_suffix(')').ok_or_else(expected)?;
        let arguments: Vec<&str> = inner.split(',').map(str::trim).collect();
        let duration = |argument: &str| parse_duration(argument).ok_or_else(expected);
        match (name.trim(), arguments.as_slice()) {
            ("exp", [mean]) => Ok(Self::Exponential(duration(mean.trim_start_matches("mean="))?)),
            ("uniform", [min, max]) => {
                let (min, max) = (duration(min.trim_start_matches("min="))?, duration(max.trim_start_matches("max="))?);
                if min > max {
                    Err(format!("`{text}`: the first of uniform(min, max) is the smaller one"))
                } else {
                    Ok(Self::Uniform { min, max })
                }
            }
            ("lognormal", [median, sigma]) => {
                let median = duration(median.strip_prefix("median=").ok_or_else(expected)?)?;
                let sigma: f64 =
                    sigma.strip_prefix("sigma=").and_then(|s| s.trim().parse().ok()).ok_or_else(expected)?;
                if (0.0..=10.0).contains(&sigma) {
                    Ok(Self::Lognormal { median, sigma })
                } else {
                    Err(format!("`{text}`: sigma lies between 0 and 10"))
                }
            }
            _ => Err(expected()),
        }
    }

    /// One draw.
    pub fn sample(&self, rng: &mut impl Rng) -> Duration {
        match *self {
            Self::Constant(duration) => duration,
            Self::Exponential(mean) => scale(mean, -libm::log(unit(rng))),
            Self::Lognormal { median, sigma } => scale(median, libm::exp(sigma * normal(rng))),
            Self::Uniform { min, max } => min + scale(max - min, unit(rng)),
        }
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Constant(duration) | Self::Exponential(duration) => duration,
            Self::Lognormal { median, sigma } => scale(median, libm::exp(sigma * sigma / 2.0)),
            Self::Uniform { min, max } => (min + max) / 2,
        }
    }
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(duration) => f.write_str(&format_duration(*duration)),
            Self::Exponential(mean) => write!(f, "exp({})", format_duration(*mean)),
            Self::Lognormal { median, sigma } => {
                write!(f, "lognormal(median={}, sigma={sigma})", format_duration(*median))
            }
            Self::Uniform { min, max } => write!(f, "uniform({}, {})", format_duration(*min), format_duration(*max)),
        }
    }
}

/// A draw from (0, 1], never 0, so that its logarithm exists.
pub fn unit(rng: &mut impl Rng) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
}

/// A standard normal draw (Box–Muller; the second value is not kept, so that one draw is always two numbers).
pub fn normal(rng: &mut impl Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(unit(rng)));
    radius * libm::cos(std::f64::consts::TAU * unit(rng))
}

/// A Laplace draw with mean 0 and this scale (RFC 8593 §6.2 uses it for frame sizes).
pub fn laplace(rng: &mut impl Rng, scale: f64) -> f64 {
    let centred = unit(rng) - 0.5;
    let magnitude = -libm::log((1.0 - 2.0 * centred.abs()).max(f64::MIN_POSITIVE));
    scale * magnitude * if centred < 0.0 { -1.0 } else { 1.0 }
}

/// `duration × factor`, saturating at ten thousand hours.
fn scale(duration: Duration, factor: f64) -> Duration {
    Duration::from_secs_f64((duration.as_secs_f64() * factor).clamp(0.0, 36e6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn text_forms_round_trip() {
        for text in ["5s", "exp(4s)", "uniform(1s, 3s)", "lognormal(median=8m, sigma=0.8)"] {
            assert_eq!(Dist::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "exp()", "exp(4)", "uniform(3s, 1s)", "lognormal(8m, 0.8)", "normal(1s)"] {
            assert!(Dist::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn draws_have_the_mean_of_their_formula() {
        for text in ["exp(4s)", "uniform(1s, 3s)", "lognormal(median=8s, sigma=0.5)"] {
            let dist = Dist::parse(text).unwrap();
            let mut rng = Seed::new(7).child(text).rng();
            let n = 40_000;
            let mean = (0..n).map(|_| dist.sample(&mut rng).as_secs_f64()).sum::<f64>() / f64::from(n);
            let expected = dist.mean().as_secs_f64();
            // The widest of these has a standard deviation equal to its mean: 5 standard errors.
            assert!((mean - expected).abs() < 5.0 * expected / f64::from(n).sqrt(), "{text}: {mean} for {expected}");
        }
    }
}
