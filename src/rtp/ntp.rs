//! NTP time stamps as RTCP and two header extensions carry them (RFC 3550 §4).
//!
//! No clock is read here: a run knows the NTP time at which it began (its `origin`) and adds the run's own time to it.
//! Arithmetic wraps with the NTP era (2036), so only differences have a meaning.

use crate::clock::{Duration, Instant};

const NANOS_A_SECOND: u64 = 1_000_000_000;
/// Seconds from 1900 to 1970, 17 of the 70 years being leap years.
const UNIX_EPOCH: u64 = 2_208_988_800;

/// Seconds since 1900 as an unsigned 32.32 fixed-point number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Ntp(pub u64);

impl Ntp {
    /// The stamp of a Unix time in nanoseconds.
    #[must_use]
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(fixed(nanos).wrapping_add(UNIX_EPOCH << 32))
    }

    /// The stamp at `now` in a run that began at `origin`.
    #[must_use]
    pub const fn at(origin: Self, now: Instant) -> Self {
        Self(origin.0.wrapping_add(fixed(now.as_nanos())))
    }

    /// The stamp of so much earlier.
    #[must_use]
    pub const fn before(self, by: Duration) -> Self {
        Self(self.0.wrapping_sub(fixed(by.as_nanos() as u64)))
    }

    /// Unix time in nanoseconds, rounded down, in the first NTP era (until 2036).
    #[must_use]
    pub const fn unix_nanos(self) -> u64 {
        let since = self.0.wrapping_sub(UNIX_EPOCH << 32);
        (since >> 32) * NANOS_A_SECOND + (((since & 0xFFFF_FFFF) * NANOS_A_SECOND) >> 32)
    }

    /// The middle 32 bits: 16 of seconds, 16 of a fraction, as in LSR, LRR and DLSR.
    #[must_use]
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// Signed nanoseconds from `earlier` to `self`, right while they lie less than 68 years apart.
    #[must_use]
    pub const fn signed_nanos_since(self, earlier: Self) -> i64 {
        let fixed = self.0.wrapping_sub(earlier.0) as i64;
        ((fixed as i128 * NANOS_A_SECOND as i128) >> 32) as i64
    }
}

/// Nanoseconds as 32.32 fixed-point seconds, rounded down.
const fn fixed(nanos: u64) -> u64 {
    let seconds = nanos / NANOS_A_SECOND;
    let fraction = ((nanos % NANOS_A_SECOND) << 32) / NANOS_A_SECOND;
    (seconds << 32).wrapping_add(fraction)
}

/// A duration in units of 1/65,536 s, rounded down, as DLSR carries it; `u32::MAX` from 18.2 hours on, where the field
/// ends.
#[must_use]
pub fn short(duration: Duration) -> u32 {
    let units = (duration.as_nanos() << 16) / u128::from(NANOS_A_SECOND);
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// The duration of `units` of 1/65,536 s, rounded down to a nanosecond.
#[must_use]
pub const fn from_short(units: u32) -> Duration {
    Duration::from_nanos((units as u64 * NANOS_A_SECOND) >> 16)
}

/// Round-trip time `A − LSR − DLSR` (RFC 3550 §6.4.1, and RFC 3611 §4.5 with LRR and DLRR) of a report that came at `arrival`.
///
/// `None` without an echoed stamp, or when the sum is negative: a peer whose clock or arithmetic is wrong. The three
/// terms are each rounded to 15 µs, so a true zero can come out one or two units below; that is read as zero.
#[must_use]
pub fn round_trip(arrival: Ntp, last_stamp: u32, delay_since: u32) -> Option<Duration> {
    const ROUNDING: i32 = 2;
    if last_stamp == 0 {
        return None;
    }
    let units = arrival.middle().wrapping_sub(last_stamp).wrapping_sub(delay_since) as i32;
    match units {
        0.. => Some(from_short(units as u32)),
        _ if units >= -ROUNDING => Some(Duration::ZERO),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Ntp = Ntp(0xFFFF_FFFF_8000_0000);

    #[test]
    fn the_unix_epoch_is_seventy_years_after_ntps() {
        assert_eq!(Ntp::from_unix_nanos(0).0, 2_208_988_800 << 32);
        assert_eq!(Ntp::from_unix_nanos(1_500_000_000).0, (2_208_988_801 << 32) | 0x8000_0000);
    }

    #[test]
    fn differences_survive_the_end_of_the_era() {
        let (a, b) = (Ntp::at(ORIGIN, Instant::ZERO), Ntp::at(ORIGIN, Instant::from_secs(3)));
        assert!(b.0 < a.0, "the era ends between them");
        assert_eq!(b.signed_nanos_since(a), 3_000_000_000);
        assert_eq!(a.signed_nanos_since(b), -3_000_000_000);
    }

    #[test]
    fn the_example_of_rfc_3550_gives_its_round_trip() {
        // RFC 3550 figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000, so 6.125 s.
        let arrival = Ntp(0xb710_8000 << 16);
        assert_eq!(round_trip(arrival, 0xb705_2000, 0x0005_4000), Some(Duration::from_millis(6125)));
    }

    #[test]
    fn a_round_trip_is_the_time_that_passed_outside_the_peer() {
        let sent = Ntp::at(ORIGIN, Instant::from_millis(900));
        let arrival = Ntp::at(ORIGIN, Instant::from_millis(1_450));
        let trip = round_trip(arrival, sent.middle(), short(Duration::from_millis(500))).expect("positive");
        assert!(trip.abs_diff(Duration::from_millis(50)) < Duration::from_micros(46), "{trip:?}");
        assert_eq!(round_trip(arrival, 0, 0), None, "nothing was echoed");
        assert_eq!(round_trip(arrival, arrival.middle(), 2), Some(Duration::ZERO), "rounding");
        assert_eq!(
            round_trip(arrival, arrival.middle(), 3),
            None,
            "a peer that claims to hold it longer than it could"
        );
    }

    #[test]
    fn short_durations_come_back_within_a_unit_and_end_at_the_field() {
        for millis in [0, 1, 20, 999, 1_000, 65_000] {
            let duration = Duration::from_millis(millis);
            assert!(from_short(short(duration)).abs_diff(duration) <= Duration::from_nanos(15_259));
        }
        assert_eq!(short(Duration::from_secs(70_000)), u32::MAX);
    }
}
