//! The words that participants, signalling, transports and SFUs share: tracks, streams, transport parameters, failures.
//!
//! It holds data only (what is shared, and how it is numbered), no behaviour and no SDP: adapters that speak SDP translate it in `sdp`.

pub mod channel;
#[cfg(test)]
mod defect;
pub mod failure;
pub mod media;
pub mod numbering;
pub mod protocol;
pub mod transport;

pub use channel::{ChannelParameters, ReceiveChannel, Reliability, SendChannel};
#[cfg(test)]
pub use defect::Defect;
pub use failure::{Cause, Phase};
pub use media::{Codec, CodecParameters, Feedback, MediaKind, ReceiveParameters, SendLayer, SendParameters, TrackName};
pub use transport::{Credentials, LegKind, Setup, TransportParameters};
