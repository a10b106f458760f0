//! What a payload's stamp says, and what the header says where a payload has no room for one (abs-capture-time).

use super::Stream;
use crate::clock::Instant;
use crate::media::Stamp;
use crate::metrics::catalog::Metric;
use crate::qos::integrity::Verdict;

impl Stream {
    /// The packet that is told next begins a frame that was due then, or says nothing of it. Only for publishers that set
    /// their clock by ours.
    pub const fn note_capture(&mut self, due: Option<Instant>) {
        self.out.captured = due;
    }

    pub(super) fn read_stamp(&mut self, payload: &[u8]) -> Option<Stamp> {
        match self.expect.origin.judge(payload) {
            Verdict::Right(stamp) => return Some(stamp),
            Verdict::Misrouted => self.out.count(Metric::IntegrityMisroute),
            Verdict::BadCrc => self.out.count(Metric::IntegrityStampCrc),
            Verdict::Unstamped => {}
        }
        None
    }
}

/// What a capture time is worth as a stamp: not whose the frame is, when it left, nor what its bytes add up to, and a
/// length of 0 is none.
pub(super) fn of_capture(due: Instant) -> Stamp {
    Stamp { layer: 0, media: 0, publisher: 0, room: 0, frame: 0, frame_bytes: 0, due, left: None, payload_crc: 0 }
}
