//! One received track, from packets to samples: what a subscriber got of it.
//!
//! A [`Stream`] composes the estimators of `qos` and speaks in metrics of the catalog, requests to the sender (NACK, PLI,
//! FIR) and firsts (packet, keyframe, frame). It is told packets after the emulated network, by headers alone where that
//! is enough ([`Stream::wants_payload`] says when it is not). It owns no socket and no keys, sends nothing, and knows no
//! phases of the run: every output carries the time it belongs to.

mod dumped;
mod opened;
mod outbox;
mod output;
mod sound;
mod stream;
mod tally;
mod video;

pub use output::{Arrived, Expect, First, Interval, Opening, Output, Request, Scalar};
pub use stream::Stream;

#[cfg(test)]
mod tests;
