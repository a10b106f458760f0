//! A picture beside the sound of its publisher.

use super::Stream;
use crate::clock::Instant;
use crate::metrics::catalog::Metric;
use crate::qos::sync::Timeline;

impl Stream {
    /// Notes how far this picture and the sound of its publisher lie apart at `now`, where that can be said.
    pub fn note_skew(&mut self, now: Instant, sound: &Timeline) {
        if let Some(skew) = sound.ahead_of(&self.out.timeline, now) {
            self.out.sample(Metric::SyncAvSkew, now, skew.abs());
        }
    }

    /// Its RTP time on its publisher's clock and on ours.
    #[must_use]
    pub const fn timeline(&self) -> Timeline {
        self.out.timeline
    }
}
