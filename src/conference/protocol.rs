//! The reference SFU's own protocol: JSON messages over a WebSocket, one transport both ways, no SDP.
//!
//! A participant joins with its transport parameters and what it publishes; the SFU answers with its own transport and
//! the roster. Subscriptions are asked for by track name and answered with the streams that will carry them. Both
//! `signalling::room` and `sfu` read this file; it is the whole contract between them.

use super::channel::{ReceiveChannel, SendChannel};
use super::media::{ReceiveParameters, SendParameters, TrackName};
use super::transport::{Credentials, TransportParameters};
use super::{Codec, MediaKind};
use serde::{Deserialize, Serialize};

/// The version of these messages, sent in `join` and refused when it differs. 2 brought `restart`, 3 `speakers`, VP9, AV1,
/// RED and simulcast layers, 4 the choice of a layer within one stream, and data channels.
pub const PROTOCOL_VERSION: u32 = 4;

/// What a participant says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// Enter a room, which is made by entering it. The first message of a connection.
    Join {
        /// [`PROTOCOL_VERSION`].
        version: u32,
        /// The room's name, at most 128 bytes of visible ASCII.
        room: String,
        /// The participant's name, unique in the room; a second entry under one name replaces the first.
        participant: String,
        /// The participant's transport.
        transport: TransportParameters,
        /// What it publishes from the start.
        publish: Vec<SendParameters>,
    },
    /// Publish one more track.
    Publish {
        /// The stream that will carry it.
        track: SendParameters,
    },
    /// Stop publishing a track.
    Unpublish {
        /// The media's name.
        media: String,
    },
    /// Receive these tracks too; answered by `subscribed`.
    Subscribe {
        /// Tracks of others, by name.
        tracks: Vec<TrackName>,
    },
    /// Stop receiving these tracks.
    Unsubscribe {
        /// Tracks of others, by name.
        tracks: Vec<TrackName>,
    },
    /// Receive a subscribed track in this layer from now on; without it, `auto`.
    Layer {
        /// A track of somebody else, by name.
        track: TrackName,
        /// Which layer.
        layer: LayerChoice,
    },
    /// Say that a published track is silent or dark, or no longer.
    Mute {
        /// The media's name.
        media: String,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// Restart ICE on the same transport; answered by `restarted`. Media goes on meanwhile.
    Restart {
        /// The participant's new credentials.
        credentials: Credentials,
    },
    /// Publish a data channel; answered by `channel_accepted`. SCTP begins then, and the participant sends its INIT.
    OpenChannel {
        /// The channel; its stream id is even.
        channel: SendChannel,
    },
    /// Receive the messages of these data channels; answered by `channels_received`.
    ReceiveChannels {
        /// Channels of others, by name.
        channels: Vec<TrackName>,
    },
    /// Leave the room.
    Leave,
}

/// In which layer a subscriber receives a track: of simulcast, or the spatial layers of one stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerChoice {
    /// The best that the subscriber's connection can take.
    #[default]
    Auto,
    /// The lowest.
    Low,
    /// The middle one; of two the upper.
    Mid,
    /// The highest.
    High,
    /// At most this spatial layer (of simulcast, this stream) and this temporal layer, 0 the lowest.
    Svc {
        /// Spatial layer.
        spatial: u8,
        /// Temporal layer.
        temporal: u8,
    },
}

/// What the SFU says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ServerMessage {
    /// The answer to `join`.
    Joined {
        /// The SFU's transport.
        transport: TransportParameters,
        /// Who else is there, with what they publish.
        roster: Vec<RosterEntry>,
    },
    /// Somebody entered.
    Entered {
        /// Who, with what they publish.
        entry: RosterEntry,
    },
    /// Somebody left.
    Left {
        /// The participant's name.
        participant: String,
    },
    /// Somebody publishes one more track.
    Published {
        /// The participant's name.
        participant: String,
        /// The track.
        track: RosterTrack,
    },
    /// Somebody stopped publishing a track.
    Unpublished {
        /// The track.
        track: TrackName,
    },
    /// Somebody muted or unmuted a track.
    Muted {
        /// The track.
        track: TrackName,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// Which simulcast layers of a published track somebody takes; the others need not be sent until it is said again.
    Layers {
        /// The media's name.
        media: String,
        /// Names of layers (`rid`).
        wanted: Vec<String>,
    },
    /// Others speak now than before.
    Speakers {
        /// Participants' names, the loudest first; empty when nobody speaks.
        speakers: Vec<String>,
    },
    /// The answer to `publish`: media may be sent.
    PublishAccepted {
        /// The media's name.
        media: String,
    },
    /// The answer to `subscribe`: the streams that will carry the tracks. A track that is gone is left out.
    Subscribed {
        /// One stream a track; `track` and `ssrc` are always present.
        streams: Vec<ReceiveParameters>,
    },
    /// These streams end.
    Unsubscribed {
        /// The tracks.
        tracks: Vec<TrackName>,
    },
    /// The answer to `open_channel`: the channel may be opened, and messages sent.
    ChannelAccepted {
        /// The media's name.
        media: String,
    },
    /// Others publish these data channels: said after `joined`, and whenever there is another. They last as long as their
    /// publisher stays.
    Channels {
        /// Whose, by name.
        published: Vec<TrackName>,
    },
    /// The answer to `receive_channels`: what will carry the messages. A channel that is gone is left out.
    ChannelsReceived {
        /// Their stream ids are odd.
        channels: Vec<ReceiveChannel>,
    },
    /// The answer to `restart`: checks go on under the new credentials of both.
    Restarted {
        /// The SFU's transport.
        transport: TransportParameters,
    },
    /// The request was refused; after a refused `join` the connection ends.
    Refused {
        /// Machine-readable.
        reason: Refusal,
        /// For people.
        detail: String,
    },
}

/// Why a request was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The message is not of this protocol, or breaks one of its limits.
    Malformed,
    /// [`PROTOCOL_VERSION`] differs.
    Version,
    /// The SFU has as many rooms as it admits.
    RoomsFull,
    /// The room, or the SFU, has as many participants as it admits.
    ParticipantsFull,
    /// The transport or a codec cannot be used.
    Unsupported,
}

/// A participant and what it publishes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterEntry {
    /// The participant's name.
    pub participant: String,
    /// Its tracks.
    pub tracks: Vec<RosterTrack>,
}

/// A track that can be subscribed to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RosterTrack {
    /// The media's name.
    pub media: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// Its codec.
    pub codec: Codec,
    /// Whether it is muted.
    #[serde(default)]
    pub muted: bool,
}
