//! Which phases of the run a metric is judged over, and how long they were.
//!
//! `join.*` and the times to the first frame and sound, which are joins as well, are judged over the whole run. What is wrong whenever it happens (`integrity.*`, `session.*`, `arrivals.*`) and
//! the generator's own health (`harness.*`) count from the first arrival, which may lie in the warm-up, to the start of
//! the cool-down. Everything else is judged over the measured window alone.

use super::document::RunTimes;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::RunPhase;

const STEADY: &[RunPhase] = &[RunPhase::Steady];
const UNTIL_COOLDOWN: &[RunPhase] = &[RunPhase::Warmup, RunPhase::Steady];
const ALWAYS: &[RunPhase] = &[RunPhase::Warmup, RunPhase::Steady, RunPhase::Cooldown];

/// The phases over which a metric is judged when a threshold does not name one; also what `labels = {}` stands for.
#[must_use]
pub fn judged_phases(metric: Metric) -> &'static [RunPhase] {
    match metric.name().split('.').next() {
        Some("join") => ALWAYS,
        // People mostly come in the warm-up.
        _ if matches!(metric, Metric::VideoTtff | Metric::AudioTtfa) => ALWAYS,
        Some("integrity" | "session" | "arrivals" | "harness") => UNTIL_COOLDOWN,
        _ => STEADY,
    }
}

/// The phases over which the generator's limits are judged, whatever the metric.
#[must_use]
pub const fn health_phases() -> &'static [RunPhase] {
    UNTIL_COOLDOWN
}

impl RunTimes {
    /// Seconds that a phase lasted until the run ended.
    #[must_use]
    pub fn seconds(&self, phase: RunPhase) -> f64 {
        let steady = self.warmup + self.duration;
        let (from, until) = match phase {
            RunPhase::Warmup => (0.0, self.warmup),
            RunPhase::Steady => (self.warmup, steady),
            RunPhase::Cooldown => (steady, steady + self.cooldown),
        };
        (until.min(self.ended) - from).max(0.0)
    }

    /// Seconds that several phases lasted together.
    #[must_use]
    pub fn seconds_of(&self, phases: &[RunPhase]) -> f64 {
        phases.iter().map(|&phase| self.seconds(phase)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ended_early_has_a_shorter_window() {
        let times = RunTimes { warmup: 20.0, duration: 300.0, cooldown: 10.0, ended: 120.0 };
        assert!((times.seconds(RunPhase::Steady) - 100.0).abs() < 1e-9);
        assert!(times.seconds(RunPhase::Cooldown) == 0.0);
        assert!((times.seconds_of(judged_phases(Metric::HarnessCpu)) - 120.0).abs() < 1e-9);
    }

    #[test]
    fn joins_are_judged_over_the_whole_run_and_media_over_the_measured_window() {
        for join in [Metric::JoinTotal, Metric::VideoTtff, Metric::AudioTtfa] {
            assert_eq!(judged_phases(join), ALWAYS);
        }
        assert_eq!(judged_phases(Metric::DelayFrame), STEADY);
        assert_eq!(judged_phases(Metric::IntegrityMisroute), UNTIL_COOLDOWN);
    }
}
