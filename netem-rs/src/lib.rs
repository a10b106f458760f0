//! An emulated network path as a sans-IO machine: **queue → serialiser → loss → wire**.
//!
//! A [`Link`] is one direction of one path. It holds no socket, thread or clock: it is told the time and the packets,
//! and answers with deliveries that carry their own logical time. A [`Stream`] is the reliable, in-order counterpart
//! (what TCP and TLS make of the same conditions), a
//! [`Group`] the links of a place whose members share one bottleneck. Everything random comes from a [`Seed`] with one named stream a
//! stage, so the same inputs give the same outputs on every machine, and a change of conditions never re-seeds.
//!
//! ```
//! use netem_rs::{Instant, Link, LinkConfig, Loss, Packet, QueueLimit, Seed};
//! use std::time::Duration;
//!
//! #[derive(Clone)]
//! struct Datagram(Vec<u8>);
//!
//! impl Packet for Datagram {
//!     fn wire_size(&self) -> usize {
//!         self.0.len()
//!     }
//! }
//!
//! let config = LinkConfig {
//!     rate: Some(1_000_000),
//!     queue: QueueLimit::Time(Duration::from_millis(300)),
//!     loss: Loss::Gilbert { mean: 0.01, burst: 2.0 },
//!     delay: Duration::from_millis(50),
//!     ..LinkConfig::default()
//! };
//! config.validate()?;
//!
//! let mut link = Link::new(config, Seed::new(42).child("uplink"));
//! link.handle_packet(Instant::ZERO, Datagram(vec![0; 972]));
//! // 972 bytes and 28 of headers take 8 ms at 1 Mbit/s, then 50 ms of wire.
//! assert_eq!(link.poll_timeout(), Some(Instant::from_millis(58)));
//!
//! link.handle_timeout(Instant::from_millis(60)); // a late tick: the logical time stays exact
//! let delivery = link.poll_output().expect("this seed does not lose the first packet");
//! assert_eq!(delivery.at, Instant::from_millis(58));
//! assert!(link.report().holds());
//! # Ok::<(), netem_rs::ConfigError>(())
//! ```
//!
//! # What belongs where
//! `config/` has the words for all conditions, `validate.rs` their limits. `link/queue.rs` is the bottleneck (the queue
//! and the serialiser), `link/aqm/` its policies, `link/shape.rs` rates that are not one number, `link/loss.rs` the loss
//! models, `link/variation.rs`, `link/wire.rs` and `link/slots.rs` what happens in flight. `group.rs` puts links
//! together, `profile.rs` names networks, `mahimahi.rs` and `load/` read text. A new model is a variant in `config/`,
//! its limits in `validate.rs`, one arm in the stage's file, its law and its digest in `tests/it/`.
#![forbid(unsafe_code)]

mod config;
mod dice;
mod group;
mod instant;
mod link;
mod load;
mod mahimahi;
mod packet;
mod profile;
mod report;
mod seed;
mod stream;
mod validate;

pub use config::{
    CoDel, DelayTable, DelayVariation, FqCoDel, LinkConfig, Loss, LossTrace, OutageMode, Pie, QueueLimit, QueuePolicy,
    RatePlan, RatePoint, Red, Reorder, Serialiser, SlotGap, Slots,
};
pub use group::{Group, Member};
pub use instant::Instant;
pub use link::{Delivery, Dropped, Link};
pub use load::{LineError, LoadedProfile};
pub use mahimahi::Mahimahi;
pub use packet::{CLASSES, Identity, Packet};
pub use profile::{Profile, profile, profiles};
pub use report::{Counts, Report};
pub use seed::Seed;
pub use stream::{Direction, Stream, StreamOutput};
pub use validate::ConfigError;

/// The README's example is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
