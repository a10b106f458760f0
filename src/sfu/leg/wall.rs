//! A publisher's wall clock in ours, from its sender reports.
//!
//! What subscribers are told of a stream's time must be the publisher's own (RFC 3550 §6.4.1), or picture and sound that
//! came apart on the way here could never be put together again. Our clock and the publisher's may differ, and a report
//! takes its time: the fastest report so far stands for both, for all streams of the publisher alike.

use crate::clock::Instant;
use crate::rtp::ntp::Ntp;

/// A clock that lies further from the arrivals than this many nanoseconds was set anew.
const BELIEVED: i64 = 10_000_000_000;

/// Which of our instants stand for a publisher's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WallClock {
    anchor: Option<(Ntp, Instant)>,
}

impl WallClock {
    /// A report of this NTP time is here: the instant of ours that stands for it.
    pub fn handle_report(&mut self, now: Instant, ntp: Ntp) -> Instant {
        let known = self.anchor.and_then(|(then, at)| near(now, at, ntp.signed_nanos_since(then)));
        known.filter(|at| *at <= now).unwrap_or_else(|| {
            self.anchor = Some((ntp, now));
            now
        })
    }
}

/// When a frame with this RTP time was captured, by the report that was given `at` for its RTP time. `None` where that
/// lies so far from its `arrival` that the stream's timeline must have begun anew.
pub(super) fn captured(
    arrival: Instant,
    rtp_time: u32,
    (at, reported): (Instant, u32),
    clock_rate: u32,
) -> Option<Instant> {
    let ticks = i64::from(rtp_time.wrapping_sub(reported) as i32);
    near(arrival, at, ticks * 1_000_000_000 / i64::from(clock_rate.max(1)))
}

/// So many nanoseconds after `at`, where that is near `now`.
fn near(now: Instant, at: Instant, nanos: i64) -> Option<Instant> {
    let then = i128::from(at.as_nanos()) + i128::from(nanos);
    let believed = (then - i128::from(now.as_nanos())).abs() < i128::from(BELIEVED);
    u64::try_from(then).ok().filter(|_| believed).map(Instant::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Duration;
    use proptest::prelude::*;

    const ORIGIN: Ntp = Ntp(0xFFFF_FFFE_8000_0000);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn all_streams_of_a_publisher_share_the_fastest_report() {
        let mut wall = WallClock::default();
        // The first came 50 ms late, the second 20 ms, the third 80 ms.
        assert_eq!(wall.handle_report(at(1_050), Ntp::at(ORIGIN, at(1_000))), at(1_050));
        assert_eq!(wall.handle_report(at(1_320), Ntp::at(ORIGIN, at(1_300))), at(1_320));
        let later = wall.handle_report(at(2_080), Ntp::at(ORIGIN, at(2_000)));
        assert!(later.saturating_since(at(2_020)) < Duration::from_micros(1) && at(2_021) > later, "{later:?}");
        // A clock that was set anew counts anew.
        assert_eq!(wall.handle_report(at(3_000), Ntp::at(ORIGIN, at(90_000_000))), at(3_000));
        assert_eq!(wall.handle_report(at(4_000), Ntp::at(ORIGIN, at(1_000))), at(4_000));
    }

    #[test]
    fn a_frame_is_as_old_as_its_rtp_time_across_the_wrap() {
        let reported = (at(2_000), u32::MAX - 44);
        assert_eq!(captured(at(2_040), 45, reported, 90_000), Some(at(2_001)));
        assert_eq!(captured(at(2_040), u32::MAX - 44 - 90, reported, 90_000), Some(at(1_999)));
        assert_eq!(captured(at(2_040), 2_000_000_000, reported, 90_000), None, "another timeline");
    }

    proptest! {
        #[test]
        fn whatever_reports_say_nothing_breaks(reports in prop::collection::vec(any::<(u32, u64, u32, u32, u32)>(), 1..20)) {
            let mut wall = WallClock::default();
            let mut now = Instant::ZERO;
            for (passed, ntp, rtp_time, reported, rate) in reports {
                now += Duration::from_micros(u64::from(passed));
                let at = wall.handle_report(now, Ntp(ntp));
                prop_assert!(at <= now);
                if let Some(captured) = captured(now, rtp_time, (at, reported), rate) {
                    prop_assert!(captured.as_nanos().abs_diff(now.as_nanos()) < BELIEVED as u64);
                }
            }
        }
    }
}
