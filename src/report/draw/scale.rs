//! Scales and their ticks: 1, 2, 2.5 or 5 times a power of ten, decades, and minutes and seconds.

/// Maps values to px, linearly or by their logarithm.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// `low..high` onto `from..to` px.
    #[must_use]
    pub fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, from, to, log: false }
    }

    /// `low..high`, both positive, by their logarithm onto `from..to` px.
    #[must_use]
    pub fn log(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self { low: libm::log10(low), high: libm::log10(high), from, to, log: true }
    }

    /// Where `value` lies, px.
    #[must_use]
    pub fn at(&self, value: f64) -> f64 {
        let value = if self.log { libm::log10(value) } else { value };
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

/// A zero-based axis that holds `most`: where it ends, its ticks, and the decimals of their labels.
#[derive(Clone, PartialEq, Debug)]
pub struct Ticks {
    /// End of the axis.
    pub end: f64,
    /// Values with a label, 0 first.
    pub at: Vec<f64>,
    /// Decimals of every label.
    pub decimals: usize,
}

/// Ticks from zero for things that come whole.
#[must_use]
pub fn whole_from_zero(most: f64, steps: usize) -> Ticks {
    let ticks = from_zero(most, steps);
    if ticks.decimals == 0 {
        return ticks;
    }
    let end = ticks.end.max(1.08);
    Ticks { end, at: (0..=end as usize).map(|i| i as f64).collect(), decimals: 0 }
}

/// Ticks from zero, two or three steps (`steps` at most) up to `most`.
#[must_use]
pub fn from_zero(most: f64, steps: usize) -> Ticks {
    let most = if most > 0.0 { most } else { 1.0 };
    let end = most * 1.08;
    let mut power = libm::pow(10.0, libm::floor(libm::log10(end / steps as f64)));
    let step = loop {
        let fits = [1.0, 2.0, 2.5, 5.0].into_iter().map(|m| m * power).find(|s| end / s < steps as f64 + 1.2);
        match fits {
            Some(step) => break step,
            None => power *= 10.0,
        }
    };
    let count = (end / step) as usize;
    let at: Vec<f64> = (0..=count).map(|i| i as f64 * step).collect();
    Ticks { end, at, decimals: decimals_of(step) }
}

/// Decimals that a tick of a logarithmic axis needs by itself.
#[must_use]
pub fn decimals_of(step: f64) -> usize {
    (0..6)
        .find(|&d| {
            let scaled = step * libm::pow(10.0, d as f64);
            (scaled - scaled.round()).abs() < 1e-6
        })
        .unwrap_or(6)
}

/// The values 1, 2, 5 times a power of ten within `low..=high`; only powers of ten when there would be more than `most`.
/// Where that leaves fewer than two, which tell no scale, every digit, and then even steps.
#[must_use]
pub fn decades(low: f64, high: f64, most: usize) -> Vec<f64> {
    let first = libm::floor(libm::log10(low)) as i32;
    let last = libm::ceil(libm::log10(high)) as i32;
    let pick = |factors: &[f64]| -> Vec<f64> {
        (first..=last)
            .flat_map(|e| factors.iter().map(move |f| f * libm::pow(10.0, f64::from(e))))
            .filter(|v| *v >= low * 0.999 && *v <= high * 1.001)
            .collect()
    };
    let all = pick(&[1.0, 2.0, 5.0]);
    if all.len() > most {
        return pick(&[1.0]);
    }
    let digits = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let found = [all, pick(&digits)].into_iter().find(|ticks| ticks.len() >= 2);
    found.unwrap_or_else(|| even(low, high))
}

/// The multiples of a round step within `low..=high`, of which there are two at least.
fn even(low: f64, high: f64) -> Vec<f64> {
    let wanted = (high - low) / 2.0;
    if wanted <= 0.0 {
        return vec![low];
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(wanted)));
    let step = [5.0, 2.5, 2.0, 1.0].into_iter().map(|m| m * power).find(|step| *step <= wanted).unwrap_or(power);
    let first = libm::ceil(low / step) as i64;
    (first..).map(|i| i as f64 * step).take_while(|value| *value <= high).collect()
}

/// Whole times in `0..=end` seconds, at most `most` of them.
#[must_use]
pub fn times(end: f64, most: usize) -> Vec<f64> {
    const STEPS: [f64; 15] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0];
    let step = STEPS.into_iter().find(|s| end / s <= most as f64).unwrap_or(end / most as f64);
    (0..=(end / step) as usize).map(|i| i as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_from_zero_have_two_or_three_steps() {
        for most in [0.0003, 0.7, 1.0, 3.8, 57.0, 97.0, 1_000.0, 123_456.0] {
            let ticks = from_zero(most, 3);
            assert!((2..=5).contains(&ticks.at.len()), "{most}: {ticks:?}");
            assert!(ticks.end >= most);
        }
        assert_eq!(from_zero(1_000.0, 3).at, [0.0, 500.0, 1_000.0]);
        assert_eq!(whole_from_zero(0.0, 3).at, [0.0, 1.0]);
        assert_eq!(whole_from_zero(2.0, 3).at, [0.0, 1.0, 2.0]);
    }

    #[test]
    fn decades_thin_out() {
        assert_eq!(decades(0.1, 1.0, 8), [0.1, 0.2, 0.5, 1.0]);
        assert_eq!(decades(0.001, 10.0, 8).len(), 5);
        assert_eq!(decades(0.25, 0.45, 8).len(), 2);
        assert_eq!(decades(1.2, 1.9, 8), [1.25, 1.5, 1.75]);
        for (low, high) in [(0.000_3, 0.000_4), (0.061, 0.069), (0.11, 0.14), (1.1, 4.9), (6.1, 9.3), (0.9, 1.1)] {
            let ticks = decades(low, high, 8);
            assert!((2..=8).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            assert!(ticks.iter().all(|tick| *tick >= low * 0.998 && *tick <= high * 1.002), "{ticks:?}");
        }
    }

    #[test]
    fn times_are_whole() {
        assert_eq!(times(45.0, 5), [0.0, 10.0, 20.0, 30.0, 40.0]);
    }
}
