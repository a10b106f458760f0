//! How smoothly a video was shown: freezes, pauses, gaps and frame rates, on the times at which frames became decodable.
//!
//! The freeze rule is W3C webrtc-stats' (`freezeCount`) with libwebrtc's detail: the gap in question joins the last 30
//! gaps before their mean is taken, the mean is floored to milliseconds, and at least five gaps are needed. A gap of more
//! than 5 s is a pause (`pauseCount`) and a freeze whatever the mean, and what follows it starts a new window. Unlike both
//! sources a freeze that nobody ended counts when the stream does. Muted time is not watched, so it cannot freeze.

use crate::clock::{Duration, Instant};

/// Gaps that the mean is taken over.
const GAPS: usize = 30;
/// Gaps below which there is no mean to speak of.
const MIN_GAPS: usize = 5;
/// What a freeze is longer than the mean, at least.
const MARGIN_MICROS: u64 = 150_000;
/// A longer gap is a pause.
pub const PAUSE: Duration = Duration::from_secs(5);

/// A freeze that ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Freeze {
    /// The last frame before it.
    pub began: Instant,
    /// The whole gap.
    pub length: Duration,
    /// Whether it was longer than 5 s.
    pub pause: bool,
}

/// What one more frame meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// The gap before it; none before the first frame.
    pub gap: Option<Duration>,
    /// The gap was a freeze.
    pub freeze: Option<Freeze>,
}

/// Watched and frozen time of a stretch, and the frames shown in it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Watched {
    /// Time in which frames were due.
    pub watched: Duration,
    /// How much of it was frozen; a freeze is known only once it has lasted, so its beginning counts late.
    pub frozen: Duration,
    /// Frames that became decodable.
    pub frames: u32,
}

/// The smoothness of one video stream.
#[derive(Clone, Debug)]
pub struct Smoothness {
    gaps: [u32; GAPS],
    filled: usize,
    next: usize,
    sum: u64,
    /// When the open gap began; none before the first frame and while muted.
    open: Option<Instant>,
    /// Whether the open gap began with a frame, not with the end of a mute.
    from_frame: bool,
    seen: bool,
    muted: bool,
    /// Up to here watched and frozen time were handed out.
    watched_to: Option<Instant>,
    frozen_to: Instant,
    pending: Watched,
    seconds: f64,
    squares: f64,
}

impl Default for Smoothness {
    fn default() -> Self {
        Self {
            gaps: [0; GAPS],
            filled: 0,
            next: 0,
            sum: 0,
            open: None,
            from_frame: false,
            seen: false,
            muted: false,
            watched_to: None,
            frozen_to: Instant::ZERO,
            pending: Watched::default(),
            seconds: 0.0,
            squares: 0.0,
        }
    }
}

impl Smoothness {
    /// A frame became decodable.
    pub fn handle_frame(&mut self, at: Instant) -> Shown {
        self.seen = true;
        if self.muted {
            // The word of a mute may overtake the last frames before it.
            return Shown::default();
        }
        let at = self.open.map_or(at, |open| at.max(open));
        self.watch_to(at);
        let mut shown = Shown::default();
        if let Some(began) = self.open {
            let gap = at - began;
            shown.freeze = self.close(began, gap);
            if self.from_frame {
                shown.gap = Some(gap);
                self.seconds += gap.as_secs_f64();
                self.squares += gap.as_secs_f64() * gap.as_secs_f64();
            }
        }
        if self.watched_to.is_none() {
            self.watched_to = Some(at);
        }
        (self.open, self.from_frame, self.frozen_to) = (Some(at), true, at);
        self.pending.frames += 1;
        shown
    }

    /// The publisher muted or unmuted: an open gap ends here and counts only if it was a freeze already.
    pub fn set_muted(&mut self, at: Instant, muted: bool) -> Option<Freeze> {
        self.muted = muted;
        if !muted {
            if self.open.is_none() && self.seen {
                (self.open, self.from_frame, self.frozen_to) = (Some(at), false, at);
                self.watched_to = Some(at);
            }
            return None;
        }
        let freeze = self.end_open(at);
        self.open = None;
        self.watched_to = None;
        freeze
    }

    /// The stream ends: the freeze that is still open.
    pub fn finish(&mut self, at: Instant) -> Option<Freeze> {
        let freeze = self.end_open(at);
        self.open = None;
        self.watched_to = None;
        freeze
    }

    /// Whether the picture stands still at `now` by the rule above.
    #[must_use]
    pub fn is_frozen(&self, now: Instant) -> bool {
        self.open.is_some_and(|began| self.is_freeze(now.saturating_since(began)))
    }

    /// What was watched since the last time this was asked, up to `now`.
    pub fn take_watched(&mut self, now: Instant) -> Watched {
        self.watch_to(now);
        std::mem::take(&mut self.pending)
    }

    /// Harmonic frame rate Σd/Σd² over the gaps `d` between frames, in frames per second.
    #[must_use]
    pub fn harmonic_fps(&self) -> Option<f64> {
        (self.squares > 0.0).then(|| self.seconds / self.squares)
    }

    fn watch_to(&mut self, now: Instant) {
        let Some(from) = self.watched_to else { return };
        self.pending.watched += now.saturating_since(from);
        self.watched_to = Some(now.max(from));
        if self.is_frozen(now) {
            self.pending.frozen += now.saturating_since(self.frozen_to);
            self.frozen_to = now.max(self.frozen_to);
        }
    }

    fn end_open(&mut self, at: Instant) -> Option<Freeze> {
        let began = self.open?;
        self.watch_to(at.max(began));
        let length = at.saturating_since(began);
        self.is_freeze(length).then(|| Freeze { began, length, pause: length > PAUSE })
    }

    /// Takes a closed gap into the window, and judges it with it.
    fn close(&mut self, began: Instant, gap: Duration) -> Option<Freeze> {
        let (freeze, pause) = (self.is_freeze(gap), gap > PAUSE);
        if pause {
            (self.filled, self.next, self.sum) = (0, 0, 0);
        } else if self.from_frame {
            let micros = gap.as_micros() as u32;
            self.sum += u64::from(micros);
            if self.filled == GAPS {
                self.sum -= u64::from(self.gaps[self.next]);
            } else {
                self.filled += 1;
            }
            self.gaps[self.next] = micros;
            self.next = (self.next + 1) % GAPS;
        }
        freeze.then_some(Freeze { began, length: gap, pause })
    }

    /// Whether `gap` would be a freeze if it ended now: grows only truer with the gap.
    fn is_freeze(&self, gap: Duration) -> bool {
        if gap > PAUSE {
            return true;
        }
        let oldest = if self.filled == GAPS { u64::from(self.gaps[self.next]) } else { 0 };
        let count = (self.filled + 1).min(GAPS);
        if count < MIN_GAPS {
            return false;
        }
        let gap = gap.as_micros() as u64;
        let mean = (self.sum - oldest + gap) / count as u64 / 1_000 * 1_000;
        gap >= (3 * mean).max(mean + MARGIN_MICROS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(at: u64) -> Instant {
        Instant::from_millis(at)
    }

    /// Frames at `fps` for a second and a half; the last one is at the returned instant.
    fn smooth(fps: u64) -> (Smoothness, Instant) {
        let mut smoothness = Smoothness::default();
        let mut last = Instant::ZERO;
        for frame in 0..=45u64 {
            last = Instant::from_micros(1_000_000 + frame * 1_000_000 / fps);
            assert_eq!(smoothness.handle_frame(last).freeze, None);
        }
        (smoothness, last)
    }

    #[test]
    fn the_gap_that_triggers_is_libwebrtcs() {
        for (fps, trigger) in [(30, 188), (25, 195), (20, 205), (15, 222), (10, 321), (5, 642)] {
            let just_not = smooth(fps);
            assert!(!just_not.0.is_frozen(just_not.1 + Duration::from_millis(trigger - 2)), "{fps}");
            let (mut smoothness, last) = smooth(fps);
            let shown = smoothness.handle_frame(last + Duration::from_millis(trigger));
            let length = Duration::from_millis(trigger);
            assert_eq!(shown.freeze, Some(Freeze { began: last, length, pause: false }), "{fps}");
        }
    }

    #[test]
    fn an_outage_of_two_seconds_is_one_freeze_of_the_whole_gap() {
        let (mut smoothness, last) = smooth(30);
        let back = last + Duration::from_millis(2_033);
        assert!(smoothness.is_frozen(last + Duration::from_millis(500)));
        let freeze = smoothness.handle_frame(back).freeze.expect("a freeze");
        assert_eq!((freeze.began, freeze.length), (last, Duration::from_millis(2_033)));
        for frame in 1..60 {
            assert_eq!(smoothness.handle_frame(back + Duration::from_micros(frame * 33_333)).freeze, None);
        }
    }

    #[test]
    fn an_open_freeze_counts_at_the_end_and_smooth_video_has_none() {
        let (mut smoothness, last) = smooth(30);
        assert_eq!(smoothness.clone().finish(last + Duration::from_millis(33)), None);
        let end = last + Duration::from_secs(20);
        let freeze = smoothness.finish(end).expect("it never came back");
        assert_eq!((freeze.length, freeze.pause), (Duration::from_secs(20), true));
        assert_eq!(smoothness.take_watched(end).frozen, Duration::from_secs(20));
    }

    #[test]
    fn a_mute_is_no_freeze_and_is_not_watched() {
        let (mut smoothness, last) = smooth(30);
        smoothness.take_watched(last);
        assert_eq!(smoothness.set_muted(last + Duration::from_millis(10), true), None);
        assert_eq!(smoothness.handle_frame(last + Duration::from_millis(12)), Shown::default(), "overtaken");
        assert!(!smoothness.is_frozen(last + Duration::from_secs(8)));
        assert_eq!(smoothness.set_muted(last + Duration::from_secs(10), false), None);
        let shown = smoothness.handle_frame(last + Duration::from_millis(10_040));
        assert_eq!(shown, Shown { gap: None, freeze: None });
        let watched = smoothness.take_watched(last + Duration::from_millis(10_040));
        assert_eq!((watched.watched, watched.frozen), (Duration::from_millis(50), Duration::ZERO));
        assert!(smoothness.harmonic_fps().expect("gaps") > 29.0);
    }

    #[test]
    fn after_a_pause_short_gaps_are_judged_afresh() {
        let (mut smoothness, last) = smooth(30);
        let mut at = last + Duration::from_secs(6);
        assert!(smoothness.handle_frame(at).freeze.expect("a pause").pause);
        for _ in 0..6 {
            at += Duration::from_millis(33);
            assert_eq!(smoothness.handle_frame(at).freeze, None);
        }
        assert!(smoothness.handle_frame(at + Duration::from_millis(250)).freeze.is_some());
    }

    #[test]
    fn frozen_time_adds_up_over_intervals_to_the_freezes() {
        let (mut smoothness, last) = smooth(30);
        smoothness.take_watched(last);
        let mut frozen = Duration::ZERO;
        let mut watched = Duration::ZERO;
        for second in 1..=3 {
            let part = smoothness.take_watched(last + Duration::from_secs(second));
            frozen += part.frozen;
            watched += part.watched;
        }
        smoothness.handle_frame(last + Duration::from_millis(3_400));
        let part = smoothness.take_watched(last + Duration::from_millis(3_400));
        assert_eq!(frozen + part.frozen, Duration::from_millis(3_400));
        assert_eq!(watched + part.watched, Duration::from_millis(3_400));
    }

    #[test]
    fn the_harmonic_rate_weighs_gaps_by_their_length() {
        let mut smoothness = Smoothness::default();
        for at in [0, 40, 80, 120, 1_120] {
            smoothness.handle_frame(millis(at));
        }
        let expected = 1.12 / (3.0 * 0.04 * 0.04 + 1.0);
        assert!((smoothness.harmonic_fps().expect("gaps") - expected).abs() < 1e-9);
    }
}
