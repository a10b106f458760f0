//! The RTP time of a stream: a seeded beginning (RFC 3550 §5.1), then the clock rate, exactly.

use crate::clock::Instant;

/// Turns instants into RTP times.
#[derive(Clone, Copy, Debug)]
pub(super) struct RtpClock {
    start: Instant,
    base: u32,
    rate: u32,
}

impl RtpClock {
    /// `base` at `start`, then `rate` a second.
    pub(super) fn new(start: Instant, base: u32, rate: u32) -> Self {
        Self { start, base, rate }
    }

    /// The RTP time at `at`, which may lie before the start; rounded down, never accumulated.
    pub(super) fn at(&self, at: Instant) -> u32 {
        let ticks = i128::from(at.signed_nanos_since(self.start)) * i128::from(self.rate);
        self.base.wrapping_add(ticks.div_euclid(1_000_000_000) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_time_follows_the_clock_over_the_wrap_and_without_drift() {
        let clock = RtpClock::new(Instant::from_secs(5), u32::MAX - 99, 90_000);
        assert_eq!(clock.at(Instant::from_secs(5)), u32::MAX - 99);
        assert_eq!(clock.at(Instant::from_millis(5_001)), u32::MAX - 9);
        assert_eq!(clock.at(Instant::from_millis(5_002)), 80);
        assert_eq!(clock.at(Instant::from_millis(4_999)), u32::MAX - 189);
        let day = Instant::from_secs(5 + 86_400);
        assert_eq!(clock.at(day), (u32::MAX - 99).wrapping_add((86_400u64 * 90_000) as u32));
    }
}
