//! Estimators of what a receiver got, one idea a file.
//!
//! Each is a small machine over the facts of one stream, or of one join: it is told times and never asks, allocates
//! nothing once warm, and knows neither sockets nor SDP. Who composes them is `participant::subscriber`.

pub mod concealment;
pub mod delay;
pub mod frames;
pub mod freeze;
pub mod integrity;
pub mod jitter;
pub mod join;
pub mod keyframe;
pub mod messages;
pub mod mos;
pub mod nack;
pub mod references;
pub mod rtt;
pub mod sequence;
pub mod sync;
pub mod units;
