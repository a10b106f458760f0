//! When a participant speaks, and when the SFU says so.

use crate::clock::{Duration, Instant};

/// Speech and renown since the interval began.
#[derive(Debug, Default)]
pub(super) struct Voice {
    talked: Duration,
    named: Duration,
    /// The SFU names it since then.
    since: Option<Instant>,
}

impl Voice {
    /// It sent so much speech.
    pub fn talk(&mut self, length: Duration) {
        self.talked += length;
    }

    /// The SFU says who speaks: it is among them, or not.
    pub fn handle_speakers(&mut self, now: Instant, is_named: bool) {
        self.count(now);
        self.since = is_named.then_some(now);
    }

    fn count(&mut self, now: Instant) {
        if let Some(since) = self.since {
            self.named += now.saturating_since(since);
            self.since = Some(now);
        }
    }

    /// Shares of an interval of this length that ends now.
    pub fn take(&mut self, now: Instant, interval: Duration) -> (f32, f32) {
        self.count(now);
        let share = |length: &mut Duration| {
            let length = std::mem::take(length);
            (length.as_secs_f64() / interval.as_secs_f64().max(1e-9)).min(1.0) as f32
        };
        (share(&mut self.talked), share(&mut self.named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_interval_and_a_name_lasts_until_it_is_taken_back() {
        let mut voice = Voice::default();
        let at = Instant::from_millis;
        voice.talk(Duration::from_millis(300));
        voice.handle_speakers(at(600), true);
        voice.handle_speakers(at(700), true);
        let second = Duration::from_secs(1);
        assert_eq!(voice.take(at(1_000), second), (0.3, 0.4));
        voice.handle_speakers(at(1_250), false);
        assert_eq!(voice.take(at(2_000), second), (0.0, 0.25));
        assert_eq!(voice.take(at(3_000), second), (0.0, 0.0));
    }
}
