//! Legs: one participant's transport each, machines without a socket.
//!
//! [`str0m::Leg`] is a whole WebRTC stack that throng did not write, so that the participants' own transport is tested
//! against something else. A leg obeys the rooms' [`LegCommand`](super::room::LegCommand)s and hands out datagrams,
//! packets and events; who gets a packet is the rooms' business.

mod dtls;
mod maker;
mod nomination;
pub mod str0m;

pub use maker::Maker;
