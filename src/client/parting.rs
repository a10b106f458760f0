//! What is left of a leg whose participant left while its offer was on its way: an adapter and its signalling path.
//!
//! The server may grant a session that nobody wants any more; the adapter deletes it once the answer has come. Nothing
//! of this is measured, and no media is left.

use super::leg::{Carriage, Leg, PathDebug};
use super::sink::{Order, Sink};
use crate::clock::Instant;
use crate::signalling::{Adapter, Carried, Carry, Input, Output};
use netem::{Direction, StreamOutput};

/// One leg that waits for its last answer.
#[derive(Debug)]
pub(super) struct Parting {
    /// Number of the session that it belonged to.
    pub session: u32,
    /// Its index in that session.
    pub leg: u8,
    adapter: Adapter,
    path: PathDebug,
}

impl Parting {
    /// Takes over from a leg that has left; `None` when no answer is due to it.
    pub fn of(session: u32, leg: Leg) -> Option<Self> {
        leg.adapter.is_leaving().then_some(Self { session, leg: leg.index, adapter: leg.adapter, path: leg.path })
    }

    /// Whether the answer is still out.
    pub fn is_on(&self) -> bool {
        self.adapter.is_leaving()
    }

    /// Something came back from the SFU; it crosses the emulated path first.
    pub fn handle_carried(&mut self, now: Instant, carried: Carried, sink: &mut Sink) {
        self.path.0.send(now, Direction::Down, carried.wire_bytes(), Carriage::Down(carried));
        self.drain(now, sink);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, sink: &mut Sink) {
        self.path.0.handle_timeout(now);
        self.drain(now, sink);
    }

    /// When to be told the time again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.path.0.poll_timeout()
    }

    fn drain(&mut self, now: Instant, sink: &mut Sink) {
        while let Some(output) = self.path.0.poll_output() {
            match output {
                StreamOutput::Opened { .. } => {}
                StreamOutput::Delivered { token: Carriage::Up(carry), .. } => self.order(carry, sink),
                StreamOutput::Delivered { token: Carriage::Down(carried), .. } => {
                    self.adapter.handle_input(now, Input::Carried(carried));
                    // What is said in leaving does not wait for the emulated network.
                    while let Some(output) = self.adapter.poll_output() {
                        match output {
                            Output::Carry(carry) => self.order(carry, sink),
                            Output::Event(_) => {}
                        }
                    }
                }
            }
        }
    }

    fn order(&self, carry: Carry, sink: &mut Sink) {
        sink.orders.push(Order::Carry { leg: self.leg, session: self.session, carry });
    }
}
