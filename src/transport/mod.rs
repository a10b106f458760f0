//! The transports of a participant: ICE, DTLS and SRTP keys over datagrams, as machines.
//!
//! `secure` is the real one, on str0m's control plane; media packets never pass through it, only their keys come out.

pub mod dtls;
pub mod secure;

pub use secure::{Event, Factory, Output, Secure};

#[cfg(test)]
mod tests;
