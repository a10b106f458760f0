//! When to ask for a keyframe, and how long the answer took (RFC 4585 §6.3.1).
//!
//! Encoders and SFUs throttle what they are asked, so the wait counts from the first request, not from the last.

use crate::clock::{Duration, Instant};

/// Requests are at least this far apart.
const AGAIN: Duration = Duration::from_millis(500);

/// The keyframe requests of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyframeRequests {
    first: Option<Instant>,
    last: Option<Instant>,
}

impl KeyframeRequests {
    /// Nothing can be decoded without a keyframe any more. Whether to ask for one now.
    pub fn handle_blocked(&mut self, now: Instant) -> bool {
        if self.first.is_some() {
            return self.handle_timeout(now);
        }
        self.first = Some(now);
        if self.last.is_some_and(|last| now < last + AGAIN) {
            return false;
        }
        self.last = Some(now);
        true
    }

    /// Whether it is time to ask again.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let due = self.poll_timeout().is_some_and(|at| now >= at);
        if due {
            self.last = Some(now);
        }
        due
    }

    /// When to ask again, while no keyframe came.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.first.and(self.last).map(|last| last + AGAIN)
    }

    /// A keyframe can be decoded: when it was first asked for, and how long that took.
    pub fn handle_keyframe(&mut self, at: Instant) -> Option<(Instant, Duration)> {
        self.first.take().map(|first| (first, at.saturating_since(first)))
    }

    /// How long a keyframe has been asked for in vain at `now`.
    #[must_use]
    pub fn unanswered(&self, now: Instant) -> Option<Duration> {
        self.first.map(|first| now.saturating_since(first))
    }

    /// Nobody waits for a keyframe any more: the stream is muted.
    pub const fn cancel(&mut self) {
        self.first = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_at_once_then_every_half_second_and_waits_from_the_first() {
        let mut requests = KeyframeRequests::default();
        let asked: Vec<u64> = (0..1_400)
            .filter(|&millis| {
                let now = Instant::from_millis(millis);
                if millis % 33 == 0 { requests.handle_blocked(now) } else { requests.handle_timeout(now) }
            })
            .collect();
        assert_eq!(asked, [0, 500, 1_000]);
        assert_eq!(requests.unanswered(Instant::from_millis(1_399)), Some(Duration::from_millis(1_399)));
        let answered = requests.handle_keyframe(Instant::from_millis(1_400));
        assert_eq!(answered, Some((Instant::ZERO, Duration::from_millis(1_400))));
        assert_eq!((requests.poll_timeout(), requests.unanswered(Instant::from_secs(9))), (None, None));
        assert_eq!(requests.handle_keyframe(Instant::from_millis(1_500)), None, "nobody asked for this one");
    }

    #[test]
    fn two_losses_in_a_row_are_throttled_too() {
        let mut requests = KeyframeRequests::default();
        assert!(requests.handle_blocked(Instant::from_millis(0)));
        requests.handle_keyframe(Instant::from_millis(100));
        assert!(!requests.handle_blocked(Instant::from_millis(200)));
        assert!(requests.handle_timeout(Instant::from_millis(500)));
    }
}
