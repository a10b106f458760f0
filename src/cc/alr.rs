//! Whether the application sends much less than the path allows (libwebrtc `AlrDetector`): then nothing is learned from
//! sending, only from probes.

use super::budget::Budget;
use crate::clock::Instant;

/// The share of the estimate that an application uses at least when the path limits it.
const USED: f64 = 0.65;
/// Levels of the budget at which such a time begins and ends.
const BEGINS: f64 = 0.8;
const ENDS: f64 = 0.5;

/// The detector.
#[derive(Debug)]
pub(super) struct Alr {
    budget: Budget,
    since: Option<Instant>,
    ended: Option<Instant>,
}

impl Alr {
    pub const fn new(estimate: f64) -> Self {
        Self { budget: Budget::new(estimate * USED), since: None, ended: None }
    }

    pub fn set_estimate(&mut self, estimate: f64) {
        self.budget.set_rate(estimate * USED);
    }

    /// Bytes were sent; true when an application-limited time ended with them.
    pub fn handle_sent(&mut self, now: Instant, bytes: u32) -> bool {
        self.budget.spend(now, bytes);
        let level = self.budget.level();
        match self.since {
            None if level > BEGINS => {
                self.since = Some(now);
                false
            }
            Some(_) if level < ENDS => {
                self.since = None;
                self.ended = Some(now);
                true
            }
            _ => false,
        }
    }

    /// Since when it is on.
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// When it was over last.
    pub const fn ended(&self) -> Option<Instant> {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_below_two_thirds_of_the_estimate() {
        let mut alr = Alr::new(1e6);
        let send = |alr: &mut Alr, from: u64, rate: u64| {
            (0..200).any(|step| alr.handle_sent(Instant::from_millis(from + 10 * step), (rate / 800) as u32))
        };
        assert!(!send(&mut alr, 0, 900_000) && alr.since().is_none());
        assert!(!send(&mut alr, 2_000, 200_000) && alr.since().is_some());
        assert!(send(&mut alr, 4_000, 950_000) && alr.since().is_none());
        assert!(alr.ended().is_some());
    }
}
