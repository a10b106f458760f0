//! Messages of data channels on their way through the simulated SFU.

use super::{Serving, slot};
use crate::clock::Instant;
use crate::sfu::room::LegId;

impl Serving {
    /// Forwards a message of the leg `from` to its receivers' legs.
    pub(super) fn pass_message(&mut self, now: Instant, from: LegId, id: u16, bytes: &[u8]) {
        let mut copies = std::mem::take(&mut self.copies);
        self.rooms.forward_message(from, id, bytes.len(), &mut copies);
        for copy in copies.drain(..) {
            let Some(to) = slot(&mut self.legs, copy.leg) else { continue };
            if !to.leg.send_message(now, copy.id, bytes) {
                self.rooms.note_message_dropped();
            }
            if !std::mem::replace(&mut to.written, true) {
                self.written.push(copy.leg);
            }
        }
        self.copies = copies;
    }
}
