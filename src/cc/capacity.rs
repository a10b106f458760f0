//! What a path carried when it was full: a running mean with its deviation (libwebrtc `LinkCapacityEstimator`).

/// How much of one observation is taken on, of an overuse and of a probe.
const OF_OVERUSE: f64 = 0.05;
const OF_PROBE: f64 = 0.5;
/// Bounds of the relative variance.
const VARIANCE: (f64, f64) = (0.4, 2.5);
/// Deviations within which a rate is one that was seen before.
const BAND: f64 = 3.0;

/// The capacity as it is known, in kbit/s.
#[derive(Debug)]
pub(super) struct Capacity {
    kbps: Option<f64>,
    variance: f64,
}

impl Capacity {
    pub const fn new() -> Self {
        Self { kbps: None, variance: VARIANCE.0 }
    }

    /// The capacity in bit/s, where it is known.
    pub fn rate(&self) -> Option<f64> {
        self.kbps.map(|kbps| kbps * 1e3)
    }

    pub const fn forget(&mut self) {
        self.kbps = None;
    }

    /// The path was full at this rate.
    pub fn handle_overuse(&mut self, rate: f64) {
        self.learn(rate / 1e3, OF_OVERUSE);
    }

    /// A probe found this rate.
    pub fn handle_probe(&mut self, rate: f64) {
        self.learn(rate / 1e3, OF_PROBE);
    }

    fn learn(&mut self, sample: f64, share: f64) {
        let kbps = self.kbps.map_or(sample, |kbps| (1.0 - share) * kbps + share * sample);
        let error = kbps - sample;
        let variance = (1.0 - share) * self.variance + share * error * error / kbps.max(1.0);
        self.variance = variance.clamp(VARIANCE.0, VARIANCE.1);
        self.kbps = Some(kbps);
    }

    /// Whether a rate is far above what was seen: the path has changed.
    pub fn is_below(&self, rate: f64) -> bool {
        self.kbps.is_some_and(|kbps| rate / 1e3 > kbps + self.band(kbps))
    }

    /// Whether a rate is far below what was seen.
    pub fn is_above(&self, rate: f64) -> bool {
        self.kbps.is_some_and(|kbps| rate / 1e3 < (kbps - self.band(kbps)).max(0.0))
    }

    fn band(&self, kbps: f64) -> f64 {
        BAND * libm::sqrt(self.variance * kbps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_what_is_usual_and_what_is_not() {
        let mut capacity = Capacity::new();
        assert!(!capacity.is_below(1e9) && !capacity.is_above(0.0), "nothing is known");
        for rate in [1.00e6, 1.02e6, 0.98e6, 1.01e6] {
            capacity.handle_overuse(rate);
        }
        assert!(capacity.rate().is_some_and(|rate| (0.99e6..1.01e6).contains(&rate)));
        assert!(!capacity.is_below(1.05e6) && !capacity.is_above(0.95e6));
        assert!(capacity.is_below(1.2e6) && capacity.is_above(0.8e6));
        capacity.handle_probe(2e6);
        assert!(capacity.rate().is_some_and(|rate| rate > 1.45e6), "a probe counts for half");
    }
}
