//! throng fills rooms of an SFU with synthetic participants and measures what each of them got.
//!
//! ARCHITECTURE.md tells the life of the data and which module may import which.

pub mod cc;
pub mod cli;
pub mod client;
pub mod clock;
pub mod conference;
pub mod container;
pub mod dist;
pub mod drive;
pub mod dump;
pub mod media;
pub mod metrics;
pub mod outcome;
pub mod participant;
pub mod plan;
pub mod qos;
pub mod report;
pub mod rtp;
pub mod scenario;
pub mod sdp;
pub mod seed;
pub mod serve;
pub mod sfu;
pub mod signalling;
pub mod transport;
pub mod units;
