//! Lip sync: how far picture and sound of one publisher lie apart where they arrive.
//!
//! Each stream's sender reports say which RTP time belongs to which instant of the publisher's clock (RFC 3550 §6.4.1), and
//! so when each frame was captured. As libwebrtc has it, what the picture's newest frame took from there to here, less
//! what the sound's took, is the skew: above zero the picture is late. The publisher's clock need not be ours.

use crate::clock::{Duration, Instant};
use crate::rtp::ntp::Ntp;

/// What came longer ago is over, muted or frozen, and in step with nothing.
const CURRENT: Duration = Duration::from_secs(1);
/// An RTP time further back than this is another timeline's.
const JUMP_SECONDS: i64 = 5;

/// One stream's RTP time on its publisher's clock and on ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timeline {
    clock_rate: u32,
    /// What the last sender report said.
    reported: Option<(Ntp, u32)>,
    /// The newest frame, and when it could be decoded.
    newest: Option<(u32, Instant)>,
}

impl Timeline {
    /// Of a stream with this clock rate, in Hz.
    #[must_use]
    pub const fn new(clock_rate: u32) -> Self {
        Self { clock_rate, reported: None, newest: None }
    }

    /// A sender report of the stream came.
    pub const fn handle_sender_report(&mut self, ntp: Ntp, rtp_time: u32) {
        self.reported = Some((ntp, rtp_time));
    }

    /// A frame could be decoded `at` this time; a packet of sound came then.
    #[inline]
    pub fn handle_frame(&mut self, rtp_time: u32, at: Instant) {
        let ahead = |newest: u32| i64::from(rtp_time.wrapping_sub(newest) as i32);
        let jump = -JUMP_SECONDS * i64::from(self.clock_rate);
        if self.newest.is_none_or(|(newest, _)| ahead(newest) > 0 || ahead(newest) < jump) {
            self.newest = Some((rtp_time, at));
        }
    }

    /// How much later than this sound its picture is here at `now`, in seconds; below zero the sound is late. `None` while
    /// either has no report, or no frame of the last second.
    #[must_use]
    pub fn ahead_of(&self, picture: &Self, now: Instant) -> Option<f64> {
        let (sound_at, (sound_ntp, sound_ticks)) = self.current(now)?;
        let (picture_at, (picture_ntp, picture_ticks)) = picture.current(now)?;
        let arrivals = i128::from(picture_at.as_nanos()) - i128::from(sound_at.as_nanos());
        let reports = i128::from(picture_ntp.signed_nanos_since(sound_ntp));
        let captures = reports + i128::from(picture.nanos(picture_ticks)) - i128::from(self.nanos(sound_ticks));
        Some((arrivals - captures) as f64 * 1e-9)
    }

    /// When the newest frame was here, and its capture: ticks after the instant of a report.
    fn current(&self, now: Instant) -> Option<(Instant, (Ntp, i32))> {
        let (newest, at) = self.newest.filter(|(_, at)| now.saturating_since(*at) <= CURRENT)?;
        let (ntp, rtp_time) = self.reported?;
        Some((at, (ntp, newest.wrapping_sub(rtp_time) as i32)))
    }

    fn nanos(&self, ticks: i32) -> i64 {
        i64::from(ticks) * 1_000_000_000 / i64::from(self.clock_rate.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Just before NTP's era ends; the publisher's clock is nothing of ours.
    const ORIGIN: Ntp = Ntp(0xFFFF_FFFF_0000_0000);

    /// A stream whose frames of `millis` take so long; reported at 900 ms, RTP times wrap between.
    fn stream(clock_rate: u32, millis: u64, way: u64, claimed_early: u64) -> Timeline {
        let mut timeline = Timeline::new(clock_rate);
        let rtp = |at: u64| (u32::MAX - 10).wrapping_add((at * u64::from(clock_rate) / 1_000) as u32);
        timeline.handle_sender_report(Ntp::at(ORIGIN, Instant::from_millis(900 - claimed_early)), rtp(900));
        timeline.handle_frame(rtp(millis), Instant::from_millis(millis + way));
        // One that is late says nothing of the newest.
        timeline.handle_frame(rtp(millis - 40), Instant::from_millis(millis + way + 30));
        timeline
    }

    #[test]
    fn the_skew_is_what_the_picture_takes_longer_than_the_sound() {
        for (video, audio, early, expected) in
            [(80, 80, 0, 0.0), (200, 80, 0, 0.120), (80, 125, 0, -0.045), (80, 80, 60, 0.060)]
        {
            let (sound, picture) = (stream(48_000, 1_020, audio, 0), stream(90_000, 1_000, video, early));
            let skew = sound.ahead_of(&picture, Instant::from_millis(1_300)).expect("both are current");
            assert!((skew - expected).abs() < 1e-4, "{skew} instead of {expected}");
        }
    }

    #[test]
    fn without_reports_or_frames_of_both_there_is_none() {
        let (sound, picture) = (stream(48_000, 1_000, 50, 0), stream(90_000, 1_000, 50, 0));
        assert_eq!(sound.ahead_of(&picture, Instant::from_millis(2_051)), None, "nothing for a second");
        let now = Instant::from_millis(1_100);
        assert!(sound.ahead_of(&picture, now).is_some());
        assert_eq!(sound.ahead_of(&Timeline { reported: None, ..picture }, now), None);
        assert_eq!(Timeline { newest: None, ..sound }.ahead_of(&picture, now), None);
    }

    proptest! {
        #[test]
        fn whatever_reports_say_nothing_breaks(said in any::<[(u64, u32, u32, u32); 2]>(), millis in any::<u32>()) {
            let now = Instant::from_millis(u64::from(millis));
            let [sound, picture] = said.map(|(ntp, reported, newest, clock_rate)| {
                let mut timeline = Timeline::new(clock_rate);
                timeline.handle_sender_report(Ntp(ntp), reported);
                timeline.handle_frame(newest, now);
                timeline
            });
            prop_assert!(sound.ahead_of(&picture, now).is_some_and(f64::is_finite));
        }
    }
}
