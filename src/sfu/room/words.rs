//! What goes into the rooms and comes out of them.

use crate::conference::protocol::{ClientMessage, LayerChoice, ServerMessage};
use crate::conference::{
    ChannelParameters, CodecParameters, Credentials, MediaKind, ReceiveParameters, SendChannel, SendParameters,
    TrackName, TransportParameters,
};
use crate::units::Bitrate;
use std::collections::BTreeMap;

/// A signalling connection, or a WHIP or WHEP session; whoever carries signalling numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

macro_rules! dense_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into a table.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            pub(super) fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("fewer than 2^32 are admitted"))
            }
        }
    };
}

dense_id!(
    /// A leg: one participant's transport. Dense; used again after [`LegCommand::Close`].
    LegId
);
dense_id!(
    /// A published track. Dense; used again after it ended.
    TrackId
);
dense_id!(
    /// A stream to a subscriber, dense within its leg; used again after [`LegCommand::StopSending`].
    StreamId
);

/// Entering a room.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The room's name.
    pub room: String,
    /// The participant's name.
    pub participant: String,
    /// Its transport.
    pub transport: TransportParameters,
    /// What it publishes. `ssrc` 0 means not announced: the stream is known by its mid.
    pub publish: Vec<SendParameters>,
}

/// Entering a room to play one participant, with the streams fixed by an offer (WHEP).
#[derive(Clone, PartialEq, Debug)]
pub struct Watch {
    /// Who enters; it publishes nothing.
    pub entry: Entry,
    /// Who is played.
    pub publisher: String,
    /// The places for streams, in the order of the offer.
    pub sections: Vec<WatchSection>,
}

/// One place for a stream.
#[derive(Clone, PartialEq, Debug)]
pub struct WatchSection {
    /// Its media identification.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// Codecs that may be sent in it, with the offer's payload types.
    pub codecs: Vec<CodecParameters>,
    /// Header extensions that may be sent in it.
    pub extensions: BTreeMap<u8, String>,
}

/// What a participant asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// Enter.
    Enter(Box<Entry>),
    /// Enter to play one participant.
    Watch(Box<Watch>),
    /// Publish one more track.
    Publish(SendParameters),
    /// Stop publishing a track.
    Unpublish(String),
    /// Receive these tracks too.
    Subscribe(Vec<TrackName>),
    /// Stop receiving these tracks.
    Unsubscribe(Vec<TrackName>),
    /// Receive a track in this layer.
    Layer {
        /// The track.
        track: TrackName,
        /// Which.
        layer: LayerChoice,
    },
    /// A track is muted or not.
    Mute {
        /// The media's name.
        media: String,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// Restart ICE with these credentials.
    Restart(Credentials),
    /// Publish a data channel.
    OpenChannel(SendChannel),
    /// Receive the messages of these data channels.
    ReceiveChannels(Vec<TrackName>),
    /// Leave.
    Leave,
}

impl From<ClientMessage> for Request {
    /// The version of a join is checked by whoever parsed the message.
    fn from(message: ClientMessage) -> Self {
        match message {
            ClientMessage::Join { version: _, room, participant, transport, publish } => {
                Self::Enter(Box::new(Entry { room, participant, transport, publish }))
            }
            ClientMessage::Publish { track } => Self::Publish(track),
            ClientMessage::Unpublish { media } => Self::Unpublish(media),
            ClientMessage::Subscribe { tracks } => Self::Subscribe(tracks),
            ClientMessage::Unsubscribe { tracks } => Self::Unsubscribe(tracks),
            ClientMessage::Layer { track, layer } => Self::Layer { track, layer },
            ClientMessage::Mute { media, muted } => Self::Mute { media, muted },
            ClientMessage::Restart { credentials } => Self::Restart(credentials),
            ClientMessage::OpenChannel { channel } => Self::OpenChannel(channel),
            ClientMessage::ReceiveChannels { channels } => Self::ReceiveChannels(channels),
            ClientMessage::Leave => Self::Leave,
        }
    }
}

/// One fact told to the rooms.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A participant asks for something.
    Request {
        /// Over which connection.
        connection: ConnectionId,
        /// For what.
        request: Request,
    },
    /// A signalling connection ended.
    Disconnected(ConnectionId),
    /// A leg was opened; this is our side of it.
    LegOpened {
        /// Which.
        leg: LegId,
        /// Our transport.
        transport: TransportParameters,
    },
    /// A leg could not be opened with what the participant said of its transport.
    LegRefused {
        /// Which.
        leg: LegId,
        /// A sentence for people.
        detail: String,
    },
    /// A leg has restarted its ICE; this is our side of it.
    LegRestarted {
        /// Which.
        leg: LegId,
        /// Our transport.
        transport: TransportParameters,
    },
    /// A leg can carry media.
    LegConnected(LegId),
    /// A leg's transport was lost, or closed by the participant.
    LegClosed(LegId),
    /// A subscriber asked for a keyframe.
    KeyframeWanted {
        /// The subscriber's leg.
        leg: LegId,
        /// The stream that it receives.
        stream: StreamId,
    },
    /// What the way to a participant is estimated to carry, all that is sent to it together.
    Estimate {
        /// Its leg.
        leg: LegId,
        /// The estimate.
        rate: Bitrate,
    },
}

/// What the rooms want done.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Say this over these connections.
    Tell {
        /// To whom.
        to: Vec<ConnectionId>,
        /// What.
        message: ServerMessage,
    },
    /// Answer to [`Request::Watch`]: there is nothing to play yet, and nobody entered.
    NotLive(ConnectionId),
    /// The participant of this connection is gone: end it after what was said before.
    Close(ConnectionId),
    /// Do this with a leg.
    Leg {
        /// Which.
        leg: LegId,
        /// What.
        command: LegCommand,
    },
}

/// What a leg is opened with.
#[derive(Clone, PartialEq, Debug)]
pub struct LegSetup {
    /// The participant's room, which makes the names of its tracks unique.
    pub room: String,
    /// The participant's transport.
    pub remote: TransportParameters,
    /// Every payload type that this leg will see, in either direction.
    pub codecs: Vec<CodecParameters>,
    /// Header extensions in either direction: URI by id.
    pub extensions: BTreeMap<u8, String>,
    /// Whether the way to the participant is to be estimated.
    pub estimates: bool,
}

/// What is to be done with a leg.
#[derive(Clone, PartialEq, Debug)]
pub enum LegCommand {
    /// Open it; answered by [`Input::LegOpened`] or [`Input::LegRefused`].
    Open(Box<LegSetup>),
    /// Restart its ICE with the participant's new credentials; answered by [`Input::LegRestarted`].
    Restart(Credentials),
    /// Expect this stream from the participant.
    Receive {
        /// Its packets are this track's.
        track: TrackId,
        /// The stream.
        parameters: Box<SendParameters>,
    },
    /// Expect it no longer.
    StopReceiving(TrackId),
    /// Declare this stream to the participant.
    Send {
        /// Which.
        stream: StreamId,
        /// The stream, as the participant was told of it.
        parameters: Box<ReceiveParameters>,
    },
    /// Send it no longer.
    StopSending(StreamId),
    /// Ask the publisher of this track for a keyframe (PLI).
    Keyframe {
        /// Which.
        track: TrackId,
        /// Of which of its simulcast layers, 0 the lowest.
        layer: u8,
    },
    /// Tell the publisher of this track its ceiling (REMB).
    Ceiling {
        /// Which.
        track: TrackId,
        /// The ceiling.
        rate: Bitrate,
    },
    /// What the participant would be sent if the way to it allowed everything: how far the estimator looks for room.
    Desire(Bitrate),
    /// Open this data channel; both ends do.
    OpenChannel(ChannelParameters),
    /// Close the data channel of this SCTP stream.
    CloseChannel(u16),
    /// Close it; its id may be used again at once.
    Close,
}
