//! One connection of a participant: an adapter, its signalling path, a transport, and the streams both ways.
//!
//! The room protocol has one leg that carries everything; WHIP and WHEP have one a session. All legs of a participant
//! share its two links.

use super::congestion::Congestion;
use super::data::Data;
use super::item::Class;
use super::leg_receive::Received;
use super::sink::Order;
use super::turn::Turn;
use super::word::Word;
use crate::clock::{Duration, Instant};
use crate::conference::protocol::{RosterEntry, RosterTrack};
use crate::conference::{Cause, ReceiveParameters, SendParameters, TrackName, TransportParameters};
use crate::participant::publication::Produced;
use crate::participant::{Outgoing, Publication, Simulcast};
use crate::rtp::header::Kind;
use crate::rtp::srtp;
use crate::rtp::twcc::FeedbackBuilder;
use crate::seed::Seed;
use crate::signalling::{self, Adapter, Carried, Carry};
use crate::transport::{self, End, Transport};
use netem::{Direction, Stream, StreamOutput};
use rustc_hash::FxHashMap;
use std::net::SocketAddr;

/// What a leg is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Publishes and plays everything.
    Room,
    /// Publishes (WHIP).
    Publish,
    /// Plays one publisher (WHEP).
    Play {
        /// Its index in the plan.
        publisher: u32,
    },
}

/// A message on the emulated signalling path.
#[derive(Debug)]
pub(super) enum Carriage {
    /// To the SFU.
    Up(Carry),
    /// From the SFU.
    Down(Carried),
}

/// What a leg has to say to its session.
#[derive(Debug)]
pub(super) enum LegEvent {
    /// The SFU accepted us.
    Joined(Vec<RosterEntry>),
    /// A candidate pair works.
    IceConnected,
    /// Media can be sealed and opened.
    Keys,
    /// Joining failed, or the session was lost.
    Failed(Cause, String),
    /// Somebody entered.
    Entered(RosterEntry),
    /// Somebody left.
    Left(String),
    /// Somebody publishes one more track.
    Published(String, RosterTrack),
    /// Somebody stopped publishing a track.
    Unpublished(TrackName),
    /// A track was muted or unmuted.
    Muted(TrackName, bool),
    /// Who speaks now, the loudest first.
    Speakers(Vec<String>),
    /// Streams will arrive.
    Subscribed(Vec<ReceiveParameters>),
    /// Streams end.
    Unsubscribed(Vec<TrackName>),
    /// The SFU has nothing to play yet.
    NotYetLive,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Leg {
    pub index: u8,
    pub role: Role,
    pub adapter: Adapter,
    pub path: PathDebug,
    pub transport: Option<Transport>,
    pub srtp: Option<Box<srtp::Session>>,
    pub publications: Vec<Publication>,
    /// Media whose layers are several of these.
    pub simulcasts: Vec<Simulcast>,
    /// Asked to be published, and not accepted yet.
    pub offered: Vec<SendParameters>,
    /// Indices of media that are muted.
    pub muted: Vec<u16>,
    /// Speech that was sent since the interval began.
    pub talked: Duration,
    /// Accepted by the SFU and waiting for the keys.
    pub accepted: Vec<SendParameters>,
    pub received: Received,
    pub feedback: FeedbackBuilder,
    pub next_feedback: Option<Instant>,
    pub next_report: Option<Instant>,
    pub transport_sequence: u16,
    pub events: Vec<LegEvent>,
    /// Restarts of ICE that ended with a pair that works.
    pub restarts: u32,
    /// What is waited for after a fault, of what is published.
    pub word: Word,
    /// Congestion control of what is published, where the scenario asks for it and the SFU gives feedback.
    pub congestion: Option<Box<Congestion>>,
    /// Data channels, where there are any.
    pub data: Option<Box<Data>>,
    /// Retransmissions on their way out.
    pub resends: Vec<Outgoing>,
    /// Transport-wide feedback on its way out, one compound each.
    pub arrivals: Vec<Vec<u8>>,
    /// Publications by SSRC, for the feedback that names them.
    pub by_ssrc: FxHashMap<u32, u16>,
    /// Failed, or ended in order: nothing comes from it any more.
    pub ended: bool,
    pub has_left: bool,
    /// Adapter, path or transport were told something: their outputs and their timeouts are to be asked for.
    pub stirred: bool,
    /// How long a frame may wait until it is made: the uplink lets nothing out sooner, so that nobody can tell.
    pub hold: Duration,
    /// When one of the three has something to do by itself, as of the last [`Leg::rest`].
    control_due: Option<Instant>,
}

/// `netem::Stream` has no `Debug`.
pub(super) struct PathDebug(pub Stream<Carriage>);

impl std::fmt::Debug for PathDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

/// How often transport-wide feedback is sent (libwebrtc: 50 to 250 ms).
pub(super) const FEEDBACK_EVERY: Duration = Duration::from_millis(100);
/// How often receiver reports are sent.
pub(super) const REPORT_EVERY: Duration = Duration::from_secs(1);

impl Leg {
    pub fn new(index: u8, role: Role, adapter: Adapter, path: Stream<Carriage>, seed: &Seed) -> Self {
        Self {
            index,
            role,
            adapter,
            path: PathDebug(path),
            transport: None,
            srtp: None,
            publications: Vec::new(),
            simulcasts: Vec::new(),
            offered: Vec::new(),
            muted: Vec::new(),
            talked: Duration::ZERO,
            accepted: Vec::new(),
            received: Received::new(
                (seed.child("own ssrc").bits() as u32).max(1),
                if let Role::Play { publisher } = role { Some(publisher) } else { None },
            ),
            feedback: FeedbackBuilder::new(),
            next_feedback: None,
            next_report: None,
            transport_sequence: seed.child("transport sequence").bits() as u16,
            events: Vec::new(),
            restarts: 0,
            word: Word::default(),
            congestion: None,
            data: None,
            resends: Vec::new(),
            arrivals: Vec::new(),
            by_ssrc: FxHashMap::default(),
            ended: false,
            has_left: false,
            stirred: true,
            hold: Duration::ZERO,
            control_due: None,
        }
    }

    /// The socket is bound: make the transport and begin to join.
    pub fn handle_bound(&mut self, turn: &mut Turn<'_>, local: SocketAddr, publish: Vec<SendParameters>) {
        self.stirred = true;
        // No two legs of a run are alike: participant, session, leg.
        let identity = u64::from(turn.me) << 32 | u64::from(turn.session) << 8 | u64::from(self.index);
        match turn.shared.transports.transport(turn.now, local, End::Participant, identity) {
            Ok(mut transport) => {
                let parameters = transport.local_parameters();
                self.transport = Some(transport);
                self.adapter.handle_input(turn.now, signalling::Input::Join { transport: parameters, publish });
                self.drain_adapter(turn);
            }
            Err(detail) => self.events.push(LegEvent::Failed(Cause::Local, detail)),
        }
    }

    /// Tells the adapter one fact.
    pub fn tell(&mut self, turn: &mut Turn<'_>, input: signalling::Input) {
        self.stirred = true;
        self.adapter.handle_input(turn.now, input);
        self.drain_adapter(turn);
    }

    /// Something came back from the SFU's HTTP or WebSocket; it crosses the emulated path first.
    pub fn handle_carried(&mut self, turn: &mut Turn<'_>, carried: Carried) {
        self.stirred = true;
        self.path.0.send(turn.now, Direction::Down, carried.wire_bytes(), Carriage::Down(carried));
        self.drain_path(turn);
    }

    /// When something happens by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.has_left {
            return self.control_due;
        }
        let frames = self.frames_due().map(|due| due + self.hold);
        let reports = self.publications.iter().map(Publication::report_due).min();
        let received = self.received.poll_timeout();
        let paced = self.congestion.as_ref().and_then(|congestion| congestion.poll_timeout());
        let message = self.message_due();
        let dues = [self.control_due, frames, reports, received, self.next_feedback, self.next_report, paced, message];
        dues.into_iter().flatten().min()
    }

    /// When the next frame is due. It is made then, or when the client is told something after that, at the latest
    /// [`Self::hold`] later.
    pub fn frames_due(&self) -> Option<Instant> {
        if self.has_left { None } else { self.publications.iter().filter_map(Publication::frame_due).min() }
    }

    /// Nothing is left to be moved on: keeps when the control plane wants to be told the time again, so that media does
    /// not ask it after each packet.
    pub fn rest(&mut self) {
        if std::mem::take(&mut self.stirred) {
            let transport = self.transport.as_ref().filter(|_| !self.has_left).and_then(|one| one.poll_timeout());
            let dues = [self.adapter.poll_timeout(), self.path.0.poll_timeout(), transport];
            self.control_due = dues.into_iter().flatten().min();
        }
    }

    /// Whether anything came of what it was given beyond what is measured: something to send, or to tell the session.
    pub fn has_news(&self) -> bool {
        self.stirred
            || !(self.events.is_empty() && self.resends.is_empty() && self.arrivals.is_empty())
            || self.received.has_news()
    }

    /// Time has passed for the control plane; media is the client's to ask for.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        if self.control_due.is_none_or(|at| at > turn.now) {
            return;
        }
        self.stirred = true;
        if self.adapter.poll_timeout().is_some_and(|at| at <= turn.now) {
            self.adapter.handle_timeout(turn.now);
            self.drain_adapter(turn);
        }
        if self.path.0.poll_timeout().is_some_and(|at| at <= turn.now) {
            self.path.0.handle_timeout(turn.now);
            self.drain_path(turn);
        }
        if let Some(transport) = &mut self.transport
            && transport.poll_timeout().is_some_and(|at| at <= turn.now)
        {
            transport.handle_timeout(turn.now);
        }
    }

    fn drain_adapter(&mut self, turn: &mut Turn<'_>) {
        while let Some(output) = self.adapter.poll_output() {
            match output {
                signalling::Output::Carry(carry) => self.carry(turn, carry),
                signalling::Output::Event(event) => self.handle_event(turn, event),
            }
        }
    }

    /// Sends a message into the emulated path; a new connection takes its round trips first.
    fn carry(&mut self, turn: &mut Turn<'_>, carry: Carry) {
        let opened = match &carry {
            Carry::Open { url, .. } => Some(url),
            Carry::Request(request) => Some(&request.url),
            Carry::Text(_) | Carry::Close | Carry::Abort => None,
        };
        if let Some(url) = opened {
            let secure = url.starts_with("https:") || url.starts_with("wss:");
            self.path.0.open(turn.now, if secure { 2 } else { 1 });
        }
        self.path.0.send(turn.now, Direction::Up, carry.wire_bytes(), Carriage::Up(carry));
        self.drain_path(turn);
    }

    fn drain_path(&mut self, turn: &mut Turn<'_>) {
        while let Some(output) = self.path.0.poll_output() {
            match output {
                StreamOutput::Opened { .. } => {}
                StreamOutput::Delivered { token: Carriage::Up(carry), .. } if turn.barrier.broken => {
                    self.refuse(turn, &carry);
                }
                StreamOutput::Delivered { token: Carriage::Up(carry), .. } => turn.order(self.index, carry),
                StreamOutput::Delivered { token: Carriage::Down(carried), .. } => {
                    self.tell(turn, signalling::Input::Carried(carried));
                }
            }
        }
    }

    /// Answers in the place of a port that nobody gets through to.
    fn refuse(&mut self, turn: &mut Turn<'_>, carry: &Carry) {
        let reason = "a fault keeps signalling from being opened".to_owned();
        match carry {
            Carry::Open { .. } => self.handle_carried(turn, Carried::Closed { reason, status: None }),
            Carry::Request(request) => self.handle_carried(turn, Carried::RequestFailed { id: request.id, reason }),
            Carry::Text(_) | Carry::Close | Carry::Abort => {}
        }
    }

    /// The signalling connection breaks: nobody says goodbye, and both ends notice.
    pub fn break_signalling(&mut self, turn: &mut Turn<'_>) {
        if self.has_left || self.ended {
            return;
        }
        turn.order(self.index, Carry::Abort);
        let reason = "a fault broke the connection".to_owned();
        self.tell(turn, signalling::Input::Carried(Carried::Closed { reason, status: None }));
    }

    fn handle_event(&mut self, turn: &mut Turn<'_>, event: signalling::Event) {
        use signalling::Event;
        match event {
            Event::Joined { transport, send, receive, roster } => {
                self.events.push(LegEvent::Joined(roster));
                self.tell_muted(turn, send.iter().map(|one| one.media.clone()).collect());
                self.accepted = send;
                self.offer_channels(turn);
                if !receive.is_empty() {
                    self.events.push(LegEvent::Subscribed(receive));
                }
                self.connect(turn, &transport);
            }
            Event::Restarted(transport) => self.handle_restarted(turn, &transport),
            Event::Entered(entry) => self.events.push(LegEvent::Entered(entry)),
            Event::Left(participant) => self.events.push(LegEvent::Left(participant)),
            Event::Published { participant, track } => self.events.push(LegEvent::Published(participant, track)),
            Event::Unpublished(track) => self.events.push(LegEvent::Unpublished(track)),
            Event::Wanted { media, layers } => self.handle_wanted(turn, &media, &layers),
            Event::Accepted(media) => self.handle_accepted(turn, &media),
            Event::Muted { track, muted } => self.events.push(LegEvent::Muted(track, muted)),
            Event::Speakers(speakers) => self.events.push(LegEvent::Speakers(speakers)),
            Event::Subscribed(streams) => self.events.push(LegEvent::Subscribed(streams)),
            Event::Unsubscribed(tracks) => self.events.push(LegEvent::Unsubscribed(tracks)),
            Event::ChannelAccepted(media) => self.handle_channel_accepted(turn, &media),
            Event::Channels(published) => self.handle_channels(turn, published),
            Event::ChannelsReceived(channels) => self.handle_channels_received(turn, channels),
            Event::NotYetLive => self.events.push(LegEvent::NotYetLive),
            Event::Failed { cause, detail } => self.events.push(LegEvent::Failed(cause, detail)),
            Event::Ended => self.ended = true,
        }
    }

    fn connect(&mut self, turn: &mut Turn<'_>, remote: &TransportParameters) {
        let Some(transport) = &mut self.transport else { return };
        let allowed = |address| turn.shared.allows(address);
        if let Err((cause, detail)) = transport.connect(turn.now, remote, true, allowed) {
            self.events.push(LegEvent::Failed(cause, detail));
        }
    }

    /// Begins to restart ICE, on a transport that stands.
    pub fn restart_ice(&mut self, turn: &mut Turn<'_>) {
        if self.srtp.is_none() || self.has_left {
            return;
        }
        if let Some(credentials) = self.transport.as_mut().map(|transport| transport.restart()) {
            self.tell(turn, signalling::Input::Restart(credentials));
        }
    }

    fn handle_restarted(&mut self, turn: &mut Turn<'_>, remote: &TransportParameters) {
        let Some(transport) = &mut self.transport else { return };
        let allowed = |address| turn.shared.allows(address);
        transport.handle_restarted(turn.now, remote, allowed);
    }

    /// One event of the transport.
    pub fn handle_transport(&mut self, turn: &mut Turn<'_>, event: transport::Event) {
        match event {
            transport::Event::IceConnected => self.events.push(LegEvent::IceConnected),
            transport::Event::Keys(session) => {
                let tag = session.profile().rtp_overhead();
                self.srtp = Some(session);
                // ICE that will restart may settle on another address then.
                let restarts = turn.shared.restarts_ice(turn.me);
                if let Some(peer) =
                    self.transport.as_ref().and_then(|transport| transport.only_peer()).filter(|_| !restarts)
                {
                    turn.sink.orders.push(Order::Connect { leg: self.index, peer });
                }
                self.start_publishing(turn, tag);
                self.next_report = Some(turn.now + REPORT_EVERY / 2);
                self.events.push(LegEvent::Keys);
            }
            transport::Event::Restarted => self.restarts += 1,
            transport::Event::ChannelOpen(id) => self.handle_channel_open(turn, id),
            transport::Event::Failed(cause, detail) => self.events.push(LegEvent::Failed(cause, detail)),
            transport::Event::Closed => {
                self.events
                    .push(LegEvent::Failed(Cause::TransportFailed, "the server closed the transport".to_owned()));
            }
            transport::Event::RoundTrip(rtt) => {
                turn.record(crate::metrics::catalog::Metric::RtpRttStun, None, turn.now, rtt);
                self.received.set_round_trip(rtt);
            }
        }
    }

    /// The measured window begins.
    pub fn begin_window(&mut self, now: Instant) {
        self.received.begin_window(now);
        self.publications.iter_mut().for_each(|publication| publication.sent = Produced::default());
    }

    /// The measured window ends.
    pub fn close_window(&mut self) {
        self.received.close_window();
        self.publications.iter_mut().for_each(|publication| publication.totals = Some(publication.sent));
    }

    /// What a datagram from the socket is counted as.
    pub fn classify(&self, bytes: &[u8]) -> Class {
        match Kind::of(bytes) {
            Kind::Rtcp => Class::Rtcp,
            Kind::Rtp if bytes.get(1).is_some_and(|second| self.received.is_rtx(second & 0x7F)) => {
                // With the P bit it is padding alone: media is not padded.
                if bytes[0] & 0x20 == 0 { Class::Rtx } else { Class::Probe }
            }
            Kind::Rtp => Class::Media,
            Kind::Stun => Class::Stun,
            Kind::Dtls => Class::Dtls,
            Kind::Other => Class::Other,
        }
    }
}
