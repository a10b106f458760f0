//! One participant: what it publishes, what it receives, and what it got. It knows media and QoS, not SDP.

pub mod cache;
pub mod chooser;
pub mod offer;
pub mod publication;
mod simulcast;
pub mod subscriber;

pub use publication::{Outgoing, Publication};
pub use simulcast::Simulcast;
