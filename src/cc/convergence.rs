//! How a flow follows its path: the measures of RFC 8868 §3.1, a second at a time.

use crate::clock::{Duration, Instant};
use crate::units::Bitrate;

/// Use of the path within which a flow has converged.
const CONVERGED: (f64, f64) = (0.8, 1.05);
/// For so many seconds on end.
const SECONDS: u32 = 5;
/// A change of the path by less than this share is no step.
const STEP: f64 = 0.02;

/// One second of a flow.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Second {
    /// What was sent, over what the path carries or the flow wants at most.
    pub utilisation: f64,
    /// What was sent beyond that, as a share of it.
    pub overshoot: f64,
    /// How long it took from the last step of the path until the flow had converged, told once a step.
    pub converged: Option<Duration>,
}

/// Follows one flow.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Convergence {
    capacity: Option<Bitrate>,
    stepped: Instant,
    within: u32,
    done: bool,
}

impl Convergence {
    /// A second has ended at `now` in which `sent` was sent over a path that carries `capacity`, or as much as is wanted.
    /// First, where the path stepped before the flow had followed the step before, how long that one had been waited for.
    /// The second is `None` where the path carries nothing.
    pub fn handle_second(
        &mut self,
        now: Instant,
        sent: Bitrate,
        capacity: Bitrate,
    ) -> (Option<Duration>, Option<Second>) {
        if capacity.bps() == 0 {
            return (None, None);
        }
        let second = now.saturating_sub(Duration::from_secs(1));
        let moved = |before: Bitrate| (before.bps() as f64 / capacity.bps() as f64 - 1.0).abs() > STEP;
        let mut given_up = None;
        if self.capacity.is_none_or(moved) {
            given_up = self.open(second);
            (self.stepped, self.within, self.done) = (second, 0, false);
            self.capacity = Some(capacity);
        }
        let utilisation = sent.bps() as f64 / capacity.bps() as f64;
        let inside = (CONVERGED.0..=CONVERGED.1).contains(&utilisation);
        self.within = if inside { self.within + 1 } else { 0 };
        let converged = (self.within == SECONDS && !self.done).then(|| {
            self.done = true;
            now.saturating_since(self.stepped).saturating_sub(Duration::from_secs(SECONDS.into()))
        });
        (given_up, Some(Second { utilisation, overshoot: (utilisation - 1.0).max(0.0), converged }))
    }

    /// The step that has not been followed yet: how long ago it was. To be told at the end, as what took at least so long.
    #[must_use]
    pub fn open(&self, now: Instant) -> Option<Duration> {
        (self.capacity.is_some() && !self.done).then(|| now.saturating_since(self.stepped))
    }
}

/// Jain's index of fairness: 1 where all get the same, 1/n where one gets everything, 0 of nothing.
#[must_use]
pub fn jain(rates: &[f64]) -> f64 {
    let (sum, squares) = rates.iter().fold((0.0, 0.0), |(sum, squares), rate| (sum + rate, squares + rate * rate));
    if squares > 0.0 { sum * sum / (rates.len() as f64 * squares) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sent: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut convergence = Convergence::default();
        let seconds = (1..).zip(sent).filter_map(|(at, &(sent, capacity))| {
            let (sent, capacity) = (Bitrate::from_kbps(sent), Bitrate::from_kbps(capacity));
            let (_, second) = convergence.handle_second(Instant::from_secs(at), sent, capacity);
            Some((at, second?.converged?.as_secs()))
        });
        seconds.collect()
    }

    #[test]
    fn a_flow_has_converged_when_it_stays_within_bounds_for_five_seconds() {
        let slow: Vec<_> = [300, 500, 700, 900, 950, 1_000, 1_000, 1_000, 1_000].map(|sent| (sent, 1_000)).into();
        assert_eq!(run(&slow), [(8, 3)]);
        let step: Vec<_> = slow.iter().copied().chain([(1_000, 500); 2]).chain([(450, 500); 6]).collect();
        assert_eq!(run(&step), [(8, 3), (16, 2)], "counted from the step");
        assert_eq!(run(&[(1_100, 1_000); 20]), [], "a flow that sends too much has not");
    }

    #[test]
    fn a_second_says_how_full_and_how_overfull_the_path_was() {
        let mut convergence = Convergence::default();
        let mut second = |at, sent, capacity| {
            let (given_up, second) =
                convergence.handle_second(Instant::from_secs(at), Bitrate(sent), Bitrate(capacity));
            (given_up, second.map(|second| (second.utilisation, second.overshoot)))
        };
        assert_eq!(second(1, 1_250, 1_000), (None, Some((1.25, 0.25))));
        assert_eq!(second(2, 500, 1_000), (None, Some((0.5, 0.0))));
        assert_eq!(second(3, 1, 0), (None, None), "a path that carries nothing is not followed");
        let given_up = Duration::from_secs(3);
        assert_eq!(second(4, 500, 500), (Some(given_up), Some((1.0, 0.0))), "a step that nobody followed in time");
        assert_eq!(convergence.open(Instant::from_secs(9)), Some(Duration::from_secs(6)));
    }

    #[test]
    fn fairness_is_one_for_equals() {
        assert!((jain(&[1.0, 1.0, 1.0]) - 1.0).abs() < 1e-12);
        assert!((jain(&[3.0, 0.0, 0.0]) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(jain(&[]), 0.0);
    }
}
