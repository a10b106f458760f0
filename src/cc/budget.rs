//! A budget of bytes that fills with time and is spent by sending (libwebrtc `IntervalBudget`).

use crate::clock::{Duration, Instant};

/// How much of it can gather, either way.
const WINDOW: Duration = Duration::from_millis(500);

/// The budget.
#[derive(Debug)]
pub(super) struct Budget {
    /// In bit/s.
    rate: f64,
    bytes: f64,
    at: Option<Instant>,
}

impl Budget {
    pub const fn new(rate: f64) -> Self {
        Self { rate, bytes: 0.0, at: None }
    }

    /// It fills at this rate from now on.
    pub fn set_rate(&mut self, rate: f64) {
        // What was saved or owed is a share of the window.
        self.bytes = self.level() * most(rate);
        self.rate = rate;
    }

    /// Bytes were sent at `now`.
    pub fn spend(&mut self, now: Instant, bytes: u32) {
        let passed = self.at.replace(now).map_or(0.0, |at| now.saturating_since(at).as_secs_f64());
        let most = most(self.rate);
        self.bytes = (self.bytes + self.rate / 8.0 * passed - f64::from(bytes)).clamp(-most, most);
    }

    /// What is left of it, from -1 to 1.
    pub fn level(&self) -> f64 {
        let most = most(self.rate);
        if most > 0.0 { self.bytes / most } else { 0.0 }
    }
}

fn most(rate: f64) -> f64 {
    rate / 8.0 * WINDOW.as_secs_f64()
}
