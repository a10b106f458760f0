//! Rooms: who is there, what they publish, who gets which packet.
//!
//! A machine without sockets, clocks or crypto: it is told requests ([`Input`]), asks for legs to be opened and streams
//! to be declared ([`Output`]), and answers, packet by packet, where each one goes ([`Rooms::forward`]). A room is made
//! by entering it and gone when it is empty. Everything it draws (SSRCs, first sequence numbers) comes from one seeded
//! stream and all its collections are ordered, so equal inputs give equal outputs.

mod admission;
mod channels;
mod codecs;
#[cfg(test)]
mod defect;
mod entry;
mod forward;
mod layers;
mod member;
mod meter;
mod offered;
mod renumber;
mod route;
mod scalable;
mod speakers;
mod timers;
mod words;

#[cfg(test)]
mod tests;

pub use admission::{Census, Limits};
pub use channels::MessageCopy;
pub use codecs::{STANDARD_EXTENSIONS, standard_codecs};
pub use layers::IDLE;
pub use offered::{Forward, Numbers, Offered, Picture, SenderClock};
pub use speakers::ELECTION_EVERY;
pub use words::{
    ConnectionId, Entry, Input, LegCommand, LegId, LegSetup, Output, Request, StreamId, TrackId, Watch, WatchSection,
};

use crate::clock::{Duration, Instant};
#[cfg(test)]
use crate::conference::Defect;
use crate::conference::TrackName;
use crate::conference::protocol::{Refusal, ServerMessage};
use crate::seed::{ChaCha8Rng, Seed};
use crate::units::Bitrate;
use channels::Channel;
use forward::Track;
use member::{Member, State};
use slab::Slab;
use speakers::Speakers;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use timers::{Timer, Timers};

/// How long a leg may take from its request until DTLS is done.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);

/// Least time between two keyframe requests to one track.
pub const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How often a publisher is told the ceiling of its rate.
pub const CEILING_INTERVAL: Duration = Duration::from_secs(1);

/// What a set of rooms is made with.
#[derive(Clone, Debug)]
pub struct RoomsConfig {
    /// What is admitted.
    pub limits: Limits,
    /// Sent to each video track's publisher as REMB: a ceiling that the operator sets, not an estimate.
    pub ceiling: Bitrate,
    /// Whether the way to each subscriber is estimated: its packets are numbered transport-wide, and it is asked for
    /// feedback.
    pub estimates: bool,
    /// Where SSRCs and first sequence numbers come from.
    pub seed: Seed,
    /// What a test breaks.
    #[cfg(test)]
    pub defect: Option<Defect>,
}

/// The rooms of one worker.
#[derive(Debug)]
pub struct Rooms {
    config: RoomsConfig,
    census: Arc<Census>,
    luck: ChaCha8Rng,
    rooms: BTreeMap<String, BTreeMap<String, LegId>>,
    members: Slab<Member>,
    connections: BTreeMap<ConnectionId, LegId>,
    tracks: Slab<Track>,
    channels: Slab<Channel>,
    messages_dropped: u64,
    speakers: Speakers,
    timers: Timers,
    outputs: VecDeque<Output>,
}

impl Rooms {
    /// No rooms yet. Workers that share `census` share its limits on rooms and participants.
    #[must_use]
    pub fn new(config: RoomsConfig, census: Arc<Census>) -> Self {
        let luck = config.seed.child("sfu").rng();
        Self {
            config,
            census,
            luck,
            rooms: BTreeMap::new(),
            members: Slab::new(),
            connections: BTreeMap::new(),
            tracks: Slab::new(),
            channels: Slab::new(),
            messages_dropped: 0,
            speakers: Speakers::default(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
        }
    }

    /// How many rooms there are.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// How many participants there are, viewers over WHEP included.
    #[must_use]
    pub fn participants(&self) -> usize {
        self.members.len()
    }

    /// Tells one fact.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Request { connection, request } => self.handle_request(now, connection, request),
            Input::Disconnected(connection) => {
                if let Some(leg) = self.connections.get(&connection).copied() {
                    self.remove(leg);
                }
            }
            Input::LegOpened { leg, transport } => self.handle_opened(now, leg, transport),
            Input::LegRefused { leg, detail } => self.handle_leg_refused(leg, detail),
            Input::LegRestarted { leg, transport } => {
                if self.members.contains(leg.index()) {
                    self.tell(leg, ServerMessage::Restarted { transport });
                }
            }
            Input::LegConnected(leg) => self.handle_connected(now, leg),
            Input::LegClosed(leg) => {
                if self.members.contains(leg.index()) {
                    self.remove(leg);
                }
            }
            #[cfg(test)]
            Input::KeyframeWanted { .. } if self.config.defect == Some(Defect::Pli) => {}
            Input::KeyframeWanted { leg, stream } => {
                let member = self.members.get(leg.index());
                if let Some(track) = member.and_then(|member| member.track_of(stream)) {
                    self.want_keyframe_for(now, track, leg, stream);
                }
            }
            Input::Estimate { leg, rate } => {
                if let Some(member) = self.members.get_mut(leg.index()) {
                    member.estimate = Some(rate);
                    self.share(now, leg);
                }
            }
        }
    }

    /// What the way to a participant is estimated to carry; `None` before the first estimate, and where nothing estimates.
    #[must_use]
    pub fn estimate(&self, leg: LegId) -> Option<Bitrate> {
        self.members.get(leg.index())?.estimate
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to be told the time again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Tells that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Keyframe(track, layer) => self.keyframe_due(now, track, layer),
                Timer::Layers(track) => self.review(now, track),
                Timer::Ceiling(track) => self.announce_ceiling(now, track),
                Timer::Handshake(leg) => self.remove(leg),
                Timer::Election => self.elect(now),
            }
        }
    }

    fn handle_request(&mut self, now: Instant, connection: ConnectionId, request: Request) {
        let inside = self.connections.get(&connection).copied();
        let (leg, request) = match (inside, request) {
            (None, Request::Enter(entry)) => return self.enter(now, connection, *entry),
            (None, Request::Watch(watch)) => return self.watch(now, connection, *watch),
            (None, _) => {
                self.refuse(connection, Refusal::Malformed, "the first message must be join");
                return self.outputs.push_back(Output::Close(connection));
            }
            (Some(_), Request::Enter(_) | Request::Watch(_)) => {
                return self.refuse(connection, Refusal::Malformed, "this connection has joined already");
            }
            (Some(leg), request) => (leg, request),
        };
        match request {
            Request::Leave => self.remove(leg),
            Request::Restart(credentials) => self.restart(leg, credentials),
            Request::Publish(track) => self.publish_later(now, leg, track),
            Request::Unpublish(media) => self.unpublish(leg, &media),
            Request::Mute { media, muted } => self.mute(now, leg, &media, muted),
            Request::Subscribe(tracks) => self.subscribe(now, leg, &tracks),
            Request::Layer { track, layer } => self.choose_layer(now, leg, &track, layer),
            Request::Unsubscribe(tracks) => self.unsubscribe(leg, &tracks),
            Request::OpenChannel(channel) => self.open_channel(leg, channel),
            Request::ReceiveChannels(channels) => self.receive_channels(leg, &channels),
            Request::Enter(_) | Request::Watch(_) => {}
        }
    }

    fn handle_connected(&mut self, now: Instant, leg: LegId) {
        let Some(member) = self.members.get_mut(leg.index()) else { return };
        if member.state == State::Connected {
            return;
        }
        member.state = State::Connected;
        self.timers.cancel(Timer::Handshake(leg));
        let streams: Vec<(StreamId, TrackId)> = member.streams().collect();
        let published: Vec<TrackId> = member.published.values().copied().collect();
        for track in published {
            self.announce_ceiling(now, track);
        }
        for (stream, track) in &streams {
            self.tracks[track.index()].activate(leg, *stream);
        }
        self.share(now, leg);
        for (stream, track) in streams {
            self.want_keyframe_for(now, track, leg, stream);
        }
    }

    fn refuse(&mut self, connection: ConnectionId, reason: Refusal, detail: impl Into<String>) {
        let message = ServerMessage::Refused { reason, detail: detail.into() };
        self.outputs.push_back(Output::Tell { to: vec![connection], message });
    }

    fn tell(&mut self, leg: LegId, message: ServerMessage) {
        let to = vec![self.members[leg.index()].connection];
        self.outputs.push_back(Output::Tell { to, message });
    }

    /// Tells everybody in the room who has entered, except `leg`.
    fn tell_others(&mut self, room: &str, leg: LegId, message: ServerMessage) {
        let Some(room) = self.rooms.get(room) else { return };
        let others = room.values().filter(|other| **other != leg).map(|other| &self.members[other.index()]);
        let to: Vec<_> = others.filter(|m| m.state != State::Opening).map(|m| m.connection).collect();
        if !to.is_empty() {
            self.outputs.push_back(Output::Tell { to, message });
        }
    }

    fn command(&mut self, leg: LegId, command: LegCommand) {
        self.outputs.push_back(Output::Leg { leg, command });
    }

    /// The track of that name in the room of `leg`.
    fn find_track(&self, leg: LegId, name: &TrackName) -> Option<TrackId> {
        let room = self.rooms.get(&self.members[leg.index()].room)?;
        self.members[room.get(&name.participant)?.index()].published.get(&name.media).copied()
    }
}
