//! A fault on request: every so many packets, one of another room goes out in a packet's place.
//!
//! It shows that a load test finds an SFU that mixes rooms. One packet of the room that was heard first is held, and
//! takes the place of packets of all other rooms; without the option nothing is held.

use crate::sfu::leg::Packet;
use std::sync::Arc;

/// Which packets are replaced, and by what.
#[derive(Debug)]
pub(super) struct Misroute {
    every: u32,
    passed: u32,
    held: Option<(String, Arc<Packet>)>,
}

impl Misroute {
    /// Replaces every `every`th packet; `None` for 0.
    pub fn new(every: u32) -> Option<Self> {
        (every > 0).then_some(Self { every, passed: 0, held: None })
    }

    /// The packet to send instead of one of `room`.
    pub fn instead(&mut self, room: &str) -> Option<&Arc<Packet>> {
        let (_, packet) = self.held.as_ref().filter(|(other, _)| other != room)?;
        self.passed += 1;
        self.passed.is_multiple_of(self.every).then_some(packet)
    }

    /// Takes a packet of `room` that was forwarded.
    pub fn keep(&mut self, room: &str, packet: Arc<Packet>) {
        match &mut self.held {
            None => self.held = Some((room.to_owned(), packet)),
            Some((own, held)) if own == room => *held = packet,
            Some(_) => {}
        }
    }
}
