//! A stream whose frames are written to a file too.

use super::stream::Stream;
use crate::dump::{Record, Track};

impl Stream {
    /// Has its frames written: every packet is to be opened then ([`super::Opening::ALL`]).
    pub fn dump(&mut self, track: Track) {
        self.out.track = Some(Box::new(track));
    }

    /// The next piece of what is written; drain to `None` after every input.
    pub fn poll_record(&mut self) -> Option<Record> {
        self.out.track.as_mut()?.poll_record()
    }
}
