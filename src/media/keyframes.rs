//! When a picture is a keyframe: the first one, one an interval, and one on request (PLI or FIR), throttled.
//!
//! A request less than 300 ms after a keyframe is not lost: the first frame after that time answers it. Requests between
//! two frames are one.

use crate::clock::{Duration, Instant};

/// Time between a keyframe and one that is asked for, at least (libwebrtc's encoder feedback waits as long).
pub const MIN_KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);

/// The policy of one encoder.
pub(super) struct Keyframes {
    interval: Option<Duration>,
    last: Option<Instant>,
    /// The earliest and the latest request that no keyframe has answered.
    requested: Option<(Instant, Instant)>,
}

impl Keyframes {
    pub(super) fn new(interval: Option<Duration>) -> Self {
        Self { interval, last: None, requested: None }
    }

    /// Somebody asks at `now`.
    pub(super) fn request(&mut self, now: Instant) {
        let earliest = self.requested.map_or(now, |(earliest, _)| earliest);
        self.requested = Some((earliest, now));
    }

    /// The next frame is a keyframe, whatever came before.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }

    /// Whether the frame due at `due` is a keyframe. Frames are decided once each, in order; a request counts for the
    /// frames that are due after it.
    pub(super) fn decide(&mut self, due: Instant) -> bool {
        let keyframe = self.last.is_none_or(|last| {
            let asked = self.requested.is_some_and(|(earliest, _)| earliest <= due);
            asked && due >= last + MIN_KEYFRAME_INTERVAL || self.interval.is_some_and(|interval| due >= last + interval)
        });
        if keyframe {
            self.note(due);
        }
        keyframe
    }

    /// The frame due at `due` is a keyframe, whoever decided that.
    pub(super) fn note(&mut self, due: Instant) {
        self.last = Some(due);
        self.requested = self.requested.filter(|(_, latest)| *latest > due).map(|(_, latest)| (latest, latest));
    }
}
