//! Congestion control of a sender: how much a path carries, learned from what the far end says of each packet's arrival.
//!
//! This is GCC: draft-ietf-rmcat-gcc-02, with what libwebrtc has made of it since (trendline filter, link capacity,
//! acknowledged bitrate, probing, application-limited regions). [`Sender`] is the whole of it for one transport, over
//! transport-wide feedback; [`Pacer`] spreads what an encoder makes at once; [`Receiver`] is the older way round, where the
//! receiver estimates from abs-send-time and says so in a REMB. All of them are told the time, draw nothing, and compute
//! with what IEEE 754 and `libm` define, so that a simulated run is the same on every machine.
//!
//! It is our own because the public parts of `rtc-interceptor` (0.21.1) raise to powers with the platform's `powf`, take
//! `std::time::Instant`s that only a real clock can make, and neither probe nor know when an application sends too little.
//!
//! ```text
//! feedback ─ groups ─ trendline ─┐ overuse, normal, underuse
//!      ├──── acknowledged ───────┤
//!      ├──── loss ─────────┐     └─ aimd ─┐
//!      └──── probe ────────┴──────────────┴─ estimate ─ encoder's target, pacing rate
//! ```

mod acknowledged;
mod aimd;
mod alr;
mod budget;
mod capacity;
mod convergence;
mod detector;
mod groups;
mod loss;
mod pacer;
mod probe;
mod receiver;
mod sender;
mod share;

#[cfg(test)]
mod tests;

pub use convergence::{Convergence, jain};
pub use pacer::Pacer;
pub use probe::{Cluster, ClusterId};
pub use receiver::Receiver;
pub use sender::{Config, Sender};
pub use share::share;

use crate::units::Bitrate;

/// Bytes that IPv4 and UDP put around every packet: a path carries these too.
pub const DATAGRAM_OVERHEAD: u32 = 28;

/// What the queue of a path does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Usage {
    /// It is as long as it was.
    Normal,
    /// It grows.
    Over,
    /// It drains.
    Under,
}

/// Whole bits per second of a rate that was computed.
fn whole(rate: f64) -> Bitrate {
    Bitrate(rate.max(0.0) as u64)
}
