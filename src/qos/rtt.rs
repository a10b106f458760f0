//! Round trips, and what a receiver echoes so that the other side can measure one (RFC 3550 §6.4.1).
//!
//! A round trip is A − LSR − DLSR; the arithmetic on NTP stamps is `rtp::ntp`'s. The smoothed value is for timers (when to
//! ask again for a packet); metrics take every single one.

use crate::clock::{Duration, Instant};
use crate::rtp::ntp;

/// The last sender report of a stream, to be echoed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Echo {
    last: Option<(u32, Instant)>,
}

impl Echo {
    /// A sender report came; `ntp_middle` are the middle 32 bits of its NTP time.
    pub const fn handle_sender_report(&mut self, ntp_middle: u32, received: Instant) {
        self.last = Some((ntp_middle, received));
    }

    /// LSR and DLSR of a report block sent at `now`; both 0 before there was a sender report.
    #[must_use]
    pub fn fields(&self, now: Instant) -> (u32, u32) {
        self.last.map_or((0, 0), |(middle, received)| (middle, ntp::short(now.saturating_since(received))))
    }
}

/// Round trips of one path, smoothed as TCP does (RFC 6298: an eighth of the news).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoundTrip {
    smoothed: Option<Duration>,
}

impl RoundTrip {
    /// A round trip was measured.
    pub fn handle_sample(&mut self, sample: Duration) {
        self.smoothed = Some(self.smoothed.map_or(sample, |smoothed| (smoothed * 7 + sample) / 8));
    }

    /// A report block came at `arrival` that echoes one of our sender reports: its round trip, where it makes sense.
    pub fn handle_report(&mut self, arrival: ntp::Ntp, lsr: u32, dlsr: u32) -> Option<Duration> {
        let sample = ntp::round_trip(arrival, lsr, dlsr)?;
        self.handle_sample(sample);
        Some(sample)
    }

    /// The smoothed round trip; `None` before the first.
    #[must_use]
    pub const fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_echoes_is_the_other_sides_round_trip() {
        let origin = ntp::Ntp::from_unix_nanos(1_700_000_000_000_000_000);
        let sent = ntp::Ntp::at(origin, Instant::from_secs(10));
        let mut echo = Echo::default();
        assert_eq!(echo.fields(Instant::from_secs(1)), (0, 0));
        echo.handle_sender_report(sent.middle(), Instant::from_millis(10_040));
        let (lsr, dlsr) = echo.fields(Instant::from_millis(11_040));
        let mut trip = RoundTrip::default();
        let sample = trip.handle_report(ntp::Ntp::at(origin, Instant::from_millis(11_080)), lsr, dlsr).expect("echoed");
        assert!(sample.abs_diff(Duration::from_millis(80)) < Duration::from_micros(50), "{sample:?}");
        assert_eq!(trip.smoothed(), Some(sample));
        assert_eq!(trip.handle_report(sent, 0, 0), None, "no report was echoed");
    }

    #[test]
    fn one_slow_trip_does_not_move_the_timers_much() {
        let mut trip = RoundTrip::default();
        trip.handle_sample(Duration::from_millis(80));
        trip.handle_sample(Duration::from_millis(880));
        assert_eq!(trip.smoothed(), Some(Duration::from_millis(180)));
    }
}
