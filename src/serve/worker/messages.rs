//! Messages of data channels on their way through a worker.

use super::super::counters::{add, set};
use super::Worker;
use crate::clock::Instant;
use crate::sfu::room::LegId;

impl Worker {
    /// Forwards a message of the leg `from` to its receivers' legs.
    pub(super) fn pass_message(&mut self, now: Instant, from: LegId, id: u16, bytes: &[u8]) {
        add(&self.counters.messages_in, 1);
        self.copies.clear();
        self.rooms.forward_message(from, id, bytes.len(), &mut self.copies);
        for copy in &self.copies {
            let Some(to) = self.legs.get_mut(copy.leg.index()).and_then(Option::as_mut) else { continue };
            if to.leg.send_message(now, copy.id, bytes) {
                add(&self.counters.messages_out, 1);
            } else {
                self.rooms.note_message_dropped();
            }
            if !std::mem::replace(&mut to.written, true) {
                self.written.push(copy.leg);
            }
        }
        set(&self.counters.messages_dropped, self.rooms.messages_dropped());
    }
}
