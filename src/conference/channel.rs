//! Data channels, as both ends agree on them: out of band, without DCEP (RFC 8831 §6.4), one SCTP stream each.
//!
//! A participant's own channels have even stream ids and those that a server opens to it odd ones, as RFC 8832 §6 gives
//! them to the DTLS client and server: neither side ever asks the other for a number.

use super::TrackName;
use serde::{Deserialize, Serialize};

/// Bytes of the longest message: the limit of who names none (RFC 8841 §6).
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// Bytes of messages that an end keeps for the other at most, those in flight included. What comes beyond that is not
/// taken, and whoever offered it counts it.
pub const BUFFER_LIMIT: usize = 1 << 20;

/// The highest stream id that is given: 65,535 is reserved (RFC 8832 §6).
pub const MAX_STREAM_ID: u16 = 65_534;

/// How hard a sender tries to get a message across (RFC 8831 §6.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reliability {
    /// Until it is there.
    #[default]
    Reliable,
    /// So many times again, after the first (RFC 7496 §3.1).
    MaxRetransmits(u16),
    /// So many milliseconds long (RFC 7496 §3.2).
    MaxLifetime(u16),
}

/// One data channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelParameters {
    /// The SCTP stream, both ways.
    pub id: u16,
    /// Whether messages are handed on in the order in which they were sent.
    pub ordered: bool,
    /// How hard the sender tries.
    pub reliability: Reliability,
}

/// A channel that a participant publishes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendChannel {
    /// The media's name, as `[media.*]` has it.
    pub media: String,
    /// The channel that carries its messages.
    pub channel: ChannelParameters,
}

/// A channel over which a participant receives somebody else's messages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiveChannel {
    /// Whose they are.
    pub track: TrackName,
    /// The channel that carries them.
    pub channel: ChannelParameters,
}
