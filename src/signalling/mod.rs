//! Signalling adapters: each turns the words of one SFU family into the conference's, and holds no socket.
//!
//! An adapter is told facts ([`Input`]) and answers with messages to carry out and events ([`Output`]). The driver
//! carries the messages out over HTTP and WebSocket; between the two they cross the emulated network.

pub mod message;
pub mod room;
pub mod whip;

use crate::clock::Instant;
use crate::conference::protocol::{LayerChoice, RosterEntry, RosterTrack};
use crate::conference::{
    Cause, Credentials, ReceiveChannel, ReceiveParameters, SendChannel, SendParameters, TrackName, TransportParameters,
};
pub use message::{Carried, Carry, HttpRequest, HttpResponse, Method};

/// One fact told to an adapter.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// Enter the room with this transport and these publications.
    Join {
        /// The local transport; `setup` is `actpass`.
        transport: TransportParameters,
        /// What is published from the start.
        publish: Vec<SendParameters>,
    },
    /// Ask for these tracks.
    Subscribe(Vec<TrackName>),
    /// Give these tracks up.
    Unsubscribe(Vec<TrackName>),
    /// Receive a track in this layer, where the family has words for it.
    Layer {
        /// The track.
        track: TrackName,
        /// Which.
        layer: LayerChoice,
    },
    /// Say that a published track is muted or not.
    Mute {
        /// The media's name.
        media: String,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// Publish one more track, where the family can.
    Publish(SendParameters),
    /// Stop publishing a track, by its media's name.
    Unpublish(String),
    /// Restart ICE with these credentials, where the family can.
    Restart(Credentials),
    /// Publish a data channel, where the family can.
    OpenChannel(SendChannel),
    /// Ask for the messages of these data channels, where the family can.
    ReceiveChannels(Vec<TrackName>),
    /// Leave in order.
    Leave,
    /// Something came back from the network.
    Carried(Carried),
}

/// What an adapter wants done, or has to say.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Carry this out.
    Carry(Carry),
    /// This happened.
    Event(Event),
}

/// What an adapter has to say to the participant.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The SFU accepted us; these are its transport and the streams agreed.
    Joined {
        /// The SFU's transport; `setup` says its role and is never `actpass`.
        transport: TransportParameters,
        /// The streams that we send, as the SFU accepted them (payload types and extensions may differ from the offer's).
        send: Vec<SendParameters>,
        /// The streams that we will receive without asking (WHEP); empty where subscriptions are asked for.
        receive: Vec<ReceiveParameters>,
        /// Who else is there, where the SFU says so.
        roster: Vec<RosterEntry>,
    },
    /// The SFU restarts ICE too; this is its side.
    Restarted(TransportParameters),
    /// Somebody entered.
    Entered(RosterEntry),
    /// Somebody left.
    Left(String),
    /// Somebody publishes one more track.
    Published {
        /// The participant's name.
        participant: String,
        /// The track.
        track: RosterTrack,
    },
    /// Somebody stopped publishing a track.
    Unpublished(TrackName),
    /// The SFU takes what we asked to publish, by its media's name.
    Accepted(String),
    /// Somebody muted or unmuted a track.
    Muted {
        /// The track.
        track: TrackName,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// The SFU says which simulcast layers of ours somebody takes: no other has to be sent.
    Wanted {
        /// The media's name.
        media: String,
        /// Names of layers.
        layers: Vec<String>,
    },
    /// Who speaks now, the loudest first, where the SFU says so.
    Speakers(Vec<String>),
    /// Streams that will arrive, in answer to a subscription.
    Subscribed(Vec<ReceiveParameters>),
    /// Streams that end.
    Unsubscribed(Vec<TrackName>),
    /// The SFU takes a data channel of ours, by its media's name: it may be opened.
    ChannelAccepted(String),
    /// Others publish these data channels.
    Channels(Vec<TrackName>),
    /// Data channels over which others' messages come, in answer to a request.
    ChannelsReceived(Vec<ReceiveChannel>),
    /// The SFU has nothing to play yet and will be asked again by itself (WHEP 404, 409).
    NotYetLive,
    /// Joining failed, or the session ended unasked. Nothing follows.
    Failed {
        /// Counted.
        cause: Cause,
        /// One sentence for people; holds no token.
        detail: String,
    },
    /// We left in order. Nothing follows.
    Ended,
}

/// An adapter of one of the families, as a machine: told facts, polled for outputs.
#[derive(Debug)]
pub enum Adapter {
    /// The reference SFU's own protocol.
    Room(room::Room),
    /// One WHIP or WHEP session.
    Whip(whip::Session),
}

impl Adapter {
    /// Tells one fact. Never fails, never blocks.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match self {
            Self::Room(room) => room.handle_input(now, input),
            Self::Whip(session) => session.handle_input(now, input),
        }
    }

    /// Tells that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Room(_) => {}
            Self::Whip(session) => session.handle_timeout(now),
        }
    }

    /// Whether we left and an answer still matters; whoever drives the adapter tells it what comes until this is false.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        match self {
            Self::Room(_) => false,
            Self::Whip(session) => session.is_leaving(),
        }
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::Room(room) => room.poll_output(),
            Self::Whip(session) => session.poll_output(),
        }
    }

    /// When to be told the time again; `None` when nothing will happen by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Room(_) => None,
            Self::Whip(session) => session.poll_timeout(),
        }
    }
}
