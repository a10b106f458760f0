//! The reference SFU of the simulated world while it serves: its own rooms and legs, without sockets.
//!
//! It is told datagrams and signalling, and what it answers leaves at once or, where packets cost something
//! ([`Service`]), when a core has got to it. Everything is kept in the order in which it came; nothing is drawn that the
//! live one does not draw from its seed.

mod messages;

use super::address;
use super::line::{Line, Lines};
use super::service::Service;
use super::timers::Timers;
use crate::clock::{Duration, Instant};
use crate::conference::Credentials;
#[cfg(test)]
use crate::conference::Defect;
use crate::conference::protocol::{ClientMessage, PROTOCOL_VERSION, Refusal, ServerMessage};
use crate::media::Folded;
use crate::plan::target::ServicePlan;
use crate::rtp::ntp::Ntp;
use crate::seed::Seed;
use crate::sfu::leg::{FRAGMENT_LIMIT, Leg, LegOutput, Maker, Packet, own};
use crate::sfu::room::{
    Census, ConnectionId, Forward, Input, LegCommand, LegId, Limits, MessageCopy, Output, Rooms, RoomsConfig,
};
use crate::signalling::{Carried, Carry};
use crate::transport::{Factory, modelled};
use crate::units::Bitrate;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// What publishers are told by REMB, as `throng sfu` does unasked.
const CEILING: Bitrate = Bitrate::from_kbps(5_000);

/// The number of its first leg: participants' transports are numbered below it, and no two may have one number. Those of
/// each life begin further on.
const LEGS: u64 = 1 << 63;
const LIFE_SHIFT: u32 = 40;

/// What an SFU is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    /// Participants of the plan.
    pub participants: usize,
    /// Where it draws from.
    pub seed: Seed,
    /// Wall-clock time at the start of the run.
    pub ntp_origin: Ntp,
    /// Whether it estimates the way to each subscriber.
    pub estimates: bool,
    /// What packets cost it.
    pub service: ServicePlan,
    /// What a test breaks in it.
    #[cfg(test)]
    pub defect: Option<Defect>,
}

/// A datagram on its way out of the SFU.
pub(super) type Departure = (SocketAddr, Folded);

/// A participant's leg and what is known of it.
#[derive(Debug)]
struct Slot {
    leg: Leg,
    fragments: Vec<String>,
    core: usize,
    written: bool,
    /// Participants with a port that leads to it.
    clients: Vec<u32>,
}

/// Something that waits for a core.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Waiting {
    at: Instant,
    /// Of equal times the first to wait goes first.
    order: u64,
    from: Option<SocketAddr>,
    to: Option<SocketAddr>,
    bytes: Folded,
}

/// The SFU.
#[derive(Debug)]
pub(super) struct Serving {
    maker: Maker,
    rooms: Rooms,
    legs: Vec<Option<Slot>>,
    timers: Timers,
    /// By participant: which of its ports lead to which leg.
    routes: Vec<Vec<(u16, LegId)>>,
    by_fragment: FxHashMap<String, LegId>,
    lines: Lines,
    service: Option<Service>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    order: u64,
    written: Vec<LegId>,
    forwards: Vec<Forward>,
    copies: Vec<MessageCopy>,
    /// Datagrams that leave now.
    departures: VecDeque<Departure>,
    /// Signalling that leaves now.
    said: VecDeque<(Line, Carried)>,
    strays: u64,
}

impl Serving {
    /// Nobody is in it. `life` is how often it was started before: another one draws other numbers.
    pub fn new(setup: Setup, life: u64) -> Self {
        let Setup { participants, ntp_origin, service, .. } = setup;
        let legs = LEGS | life << LIFE_SHIFT;
        Self {
            maker: Maker::Own(own::Maker::new(Factory::Modelled, address::SFU, address::SFU, ntp_origin, legs)),
            rooms: rooms(setup, life),
            legs: Vec::new(),
            timers: Timers::default(),
            routes: vec![Vec::new(); participants],
            by_fragment: FxHashMap::default(),
            lines: Lines::default(),
            service: Service::new(service),
            waiting: BinaryHeap::new(),
            order: 0,
            written: Vec::new(),
            forwards: Vec::new(),
            copies: Vec::new(),
            departures: VecDeque::new(),
            said: VecDeque::new(),
            strays: 0,
        }
    }

    /// When something happens by itself: a core is done, a leg's or the rooms' timer is due.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let served = self.waiting.peek().map(|Reverse(waiting)| waiting.at);
        [served, self.timers.next(), self.rooms.poll_timeout()].into_iter().flatten().min()
    }

    /// Does the first thing that is due at `now`: what a core is done with before a leg's timer, a leg's before the rooms'.
    /// False when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if self.waiting.peek().is_some_and(|Reverse(waiting)| waiting.at <= now) {
            let Some(Reverse(waiting)) = self.waiting.pop() else { return false };
            match (waiting.from, waiting.to) {
                (Some(from), _) => self.take(now, from, &waiting.bytes.into_whole()),
                (None, Some(to)) => self.departures.push_back((to, waiting.bytes)),
                (None, None) => {}
            }
        } else if let Some(leg) = self.timers.pop_due(now) {
            let id = LegId(leg);
            if let Some(slot) = slot(&mut self.legs, id) {
                slot.leg.handle_timeout(now);
                self.drain(now, id);
            }
        } else if self.rooms.poll_timeout().is_some_and(|at| at <= now) {
            self.rooms.handle_timeout(now);
            self.obey(now);
        } else {
            return false;
        }
        true
    }

    /// The next datagram that leaves at the time told last.
    pub fn poll_departure(&mut self) -> Option<Departure> {
        self.departures.pop_front()
    }

    /// The next message that leaves.
    pub fn poll_said(&mut self) -> Option<(Line, Carried)> {
        self.said.pop_front()
    }

    /// Work done since the last call, of all cores together; `None` where packets cost nothing.
    pub fn take_done(&mut self, now: Instant) -> Option<Duration> {
        self.service.as_mut().map(|service| service.take_done(now))
    }

    /// It stood still for so long: what its cores were at goes on.
    pub fn shift(&mut self, stood: Duration) {
        if let Some(service) = &mut self.service {
            service.shift(stood);
        }
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        self.waiting = waiting.map(|Reverse(one)| Reverse(Waiting { at: one.at + stood, ..one })).collect();
    }

    /// It ends: says so on every connection, which nobody closes in order.
    pub fn reset(&mut self) -> VecDeque<(Line, Carried)> {
        let closed = |line| {
            let reason = "the SFU is gone: the connection was reset".to_owned();
            (line, Carried::Closed { reason, status: None })
        };
        self.lines.close_all().into_iter().map(closed).collect()
    }

    /// Datagrams that found its queue full, and those of nobody that it knows.
    pub fn lost(&self) -> (u64, u64) {
        (self.service.as_ref().map_or(0, Service::dropped), self.strays)
    }

    /// A datagram comes from a participant.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Some(service) = &mut self.service else { return self.take(now, from, bytes) };
        let Some(id) = leg_of(&self.routes, &self.by_fragment, from, bytes) else {
            self.strays += 1;
            return;
        };
        let core = slot(&mut self.legs, id).map_or(0, |slot| slot.core);
        if let Some(at) = service.take_in(now, core) {
            self.wait(at, Some(from), None, bytes.to_vec().into());
        }
    }

    fn wait(&mut self, at: Instant, from: Option<SocketAddr>, to: Option<SocketAddr>, bytes: Folded) {
        self.order += 1;
        self.waiting.push(Reverse(Waiting { at, order: self.order, from, to, bytes }));
    }

    fn take(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Some(id) = leg_of(&self.routes, &self.by_fragment, from, bytes) else {
            self.strays += 1;
            return;
        };
        if let Some((client, port)) = address::owner(from)
            && let Some(routes) = self.routes.get_mut(client as usize)
            && bytes.first() == Some(&0)
            && !routes.contains(&(port, id))
        {
            // A check says itself whose it is; what follows from there is the same one's.
            routes.retain(|(known, _)| *known != port);
            routes.push((port, id));
            let clients = slot(&mut self.legs, id).map(|slot| &mut slot.clients);
            clients.into_iter().for_each(|clients| clients.push(client));
        }
        if let Some(slot) = slot(&mut self.legs, id) {
            slot.leg.handle_datagram(now, from, bytes);
            self.drain(now, id);
            self.flush(now);
        }
    }

    /// Sends what a leg wrote, which has nothing else to say and no other deadline than before.
    fn send(&mut self, now: Instant, id: LegId) {
        while let Some(output) = slot(&mut self.legs, id).and_then(|slot| slot.leg.poll_output()) {
            let LegOutput::Transmit { to, datagram, .. } = output else { unreachable!("only packets were written") };
            self.depart(now, id, to, datagram);
        }
    }

    /// Takes everything that a leg has to say.
    fn drain(&mut self, now: Instant, id: LegId) {
        while let Some(output) = slot(&mut self.legs, id).and_then(|slot| slot.leg.poll_output()) {
            match output {
                LegOutput::Transmit { to, datagram, .. } => self.depart(now, id, to, datagram),
                LegOutput::Packet(packet) => self.pass_on(now, &packet),
                LegOutput::Message { id: channel, bytes } => self.pass_message(now, id, channel, &bytes),
                LegOutput::KeyframeWanted(stream) => self.tell(now, Input::KeyframeWanted { leg: id, stream }),
                LegOutput::Estimate(rate) => self.tell(now, Input::Estimate { leg: id, rate }),
                LegOutput::Connected => self.tell(now, Input::LegConnected(id)),
                LegOutput::Closed => self.tell(now, Input::LegClosed(id)),
            }
        }
        let due = slot(&mut self.legs, id).and_then(|slot| slot.leg.poll_timeout());
        self.timers.set(id.0, due);
    }

    fn depart(&mut self, now: Instant, id: LegId, to: SocketAddr, bytes: Folded) {
        let core = slot(&mut self.legs, id).map_or(0, |slot| slot.core);
        match &mut self.service {
            None => self.departures.push_back((to, bytes)),
            Some(service) => {
                let at = service.send(now, core);
                self.wait(at, None, Some(to), bytes);
            }
        }
    }

    fn pass_on(&mut self, now: Instant, packet: &Arc<Packet>) {
        if let Some(level) = packet.audio_level {
            self.rooms.hear(now, packet.track, level);
        }
        self.forwards.clear();
        self.rooms.forward(&packet.offered(), &mut self.forwards);
        for forward in &self.forwards {
            let Some(to) = slot(&mut self.legs, forward.leg) else { continue };
            to.leg.write(now, forward.stream, forward.numbers, packet);
            if !std::mem::replace(&mut to.written, true) {
                self.written.push(forward.leg);
            }
        }
    }

    /// Has every leg that was written to send what it was given.
    fn flush(&mut self, now: Instant) {
        let mut written = std::mem::take(&mut self.written);
        for id in written.drain(..) {
            if let Some(slot) = slot(&mut self.legs, id) {
                slot.written = false;
                if slot.leg.writes_at_once() && self.timers.due(id.0).is_none_or(|at| at > now) {
                    self.send(now, id);
                } else {
                    slot.leg.handle_timeout(now);
                    self.drain(now, id);
                }
            }
        }
        self.written = written;
    }

    fn tell(&mut self, now: Instant, input: Input) {
        self.rooms.handle_input(now, input);
        self.obey(now);
    }

    /// Carries out what the rooms want.
    fn obey(&mut self, now: Instant) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Tell { to, message } => self.say(&to, &message),
                // Nobody comes over WHEP.
                Output::NotLive(_) => {}
                Output::Close(connection) => self.close(connection, "the SFU closed the connection"),
                Output::Leg { leg, command } => self.command(now, leg, command),
            }
        }
    }

    fn say(&mut self, to: &[ConnectionId], message: &ServerMessage) {
        let text = serde_json::to_string(message).expect("protocol messages have string keys only");
        for connection in to {
            if let Some(line) = self.lines.line(*connection) {
                self.said.push_back((line, Carried::Text(text.clone())));
            }
        }
    }

    fn close(&mut self, connection: ConnectionId, reason: &str) {
        if let Some(line) = self.lines.close(connection) {
            self.said.push_back((line, Carried::Closed { reason: reason.to_owned(), status: None }));
        }
    }

    fn command(&mut self, now: Instant, id: LegId, command: LegCommand) {
        if let LegCommand::Open(setup) = &command {
            let opened = match self.maker.open(now, setup) {
                Ok((leg, transport)) => {
                    let core = self.service.as_ref().map_or(0, |service| service.core(&setup.room));
                    self.keep(
                        id,
                        Slot {
                            leg,
                            fragments: vec![transport.ufrag.clone()],
                            core,
                            written: false,
                            clients: Vec::new(),
                        },
                    );
                    Input::LegOpened { leg: id, transport }
                }
                Err(detail) => Input::LegRefused { leg: id, detail },
            };
            return self.rooms.handle_input(now, opened);
        }
        if let LegCommand::Restart(credentials) = &command {
            return self.restart(now, id, credentials);
        }
        let closes = matches!(command, LegCommand::Close);
        if let Some(slot) = slot(&mut self.legs, id) {
            slot.leg.handle_command(now, command);
            self.drain(now, id);
        }
        if closes {
            self.forget(id);
        }
    }

    fn restart(&mut self, now: Instant, id: LegId, credentials: &Credentials) {
        let Some(slot) = slot(&mut self.legs, id) else { return };
        let transport = slot.leg.restart(now, credentials);
        if slot.fragments.len() == FRAGMENT_LIMIT {
            self.by_fragment.remove(&slot.fragments.remove(0));
        }
        slot.fragments.push(transport.ufrag.clone());
        self.by_fragment.insert(transport.ufrag.clone(), id);
        self.drain(now, id);
        self.rooms.handle_input(now, Input::LegRestarted { leg: id, transport });
    }

    fn keep(&mut self, id: LegId, slot: Slot) {
        if self.legs.len() <= id.index() {
            self.legs.resize_with(id.index() + 1, || None);
        }
        self.by_fragment.extend(slot.fragments.iter().map(|fragment| (fragment.clone(), id)));
        let due = slot.leg.poll_timeout();
        self.legs[id.index()] = Some(slot);
        self.timers.set(id.0, due);
    }

    fn forget(&mut self, id: LegId) {
        if let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::take) {
            slot.fragments.iter().for_each(|fragment| {
                self.by_fragment.remove(fragment);
            });
            for client in slot.clients {
                self.routes[client as usize].retain(|(_, leg)| *leg != id);
            }
        }
        self.timers.set(id.0, None);
    }

    /// Signalling comes from a participant.
    pub fn handle_carry(&mut self, now: Instant, line: Line, carry: Carry) {
        match carry {
            Carry::Open { .. } => {
                self.lines.open(line);
                self.said.push_back((line, Carried::Opened));
            }
            Carry::Text(text) => self.handle_text(now, line, &text),
            Carry::Close | Carry::Abort => {
                if let Some(connection) = self.lines.hang_up(line) {
                    self.tell(now, Input::Disconnected(connection));
                }
            }
            // The room protocol has no requests.
            Carry::Request(request) => {
                let reason = "the simulated SFU speaks the room protocol only".to_owned();
                self.said.push_back((line, Carried::RequestFailed { id: request.id, reason }));
            }
        }
    }

    fn handle_text(&mut self, now: Instant, line: Line, text: &str) {
        let Some(connection) = self.lines.connection(line) else { return };
        let (reason, detail) = match serde_json::from_str(text) {
            Ok(ClientMessage::Join { version, .. }) if version != PROTOCOL_VERSION => {
                (Refusal::Version, format!("this SFU speaks version {PROTOCOL_VERSION}"))
            }
            Ok(message) => {
                let request = message.into();
                return self.tell(now, Input::Request { connection, request });
            }
            Err(error) => (Refusal::Malformed, format!("this is no message of the room protocol: {error}")),
        };
        self.say(&[connection], &ServerMessage::Refused { reason, detail });
    }
}

fn rooms(setup: Setup, life: u64) -> Rooms {
    let config = RoomsConfig {
        limits: Limits::default(),
        ceiling: CEILING,
        estimates: setup.estimates,
        seed: setup.seed.indexed("life", life),
        #[cfg(test)]
        defect: setup.defect,
    };
    Rooms::new(config, Arc::new(Census::default()))
}

fn slot(legs: &mut [Option<Slot>], id: LegId) -> Option<&mut Slot> {
    legs.get_mut(id.index()).and_then(Option::as_mut)
}

/// Whose a datagram is: a check says it itself, all else by where it comes from.
fn leg_of(
    routes: &[Vec<(u16, LegId)>],
    by_fragment: &FxHashMap<String, LegId>,
    from: SocketAddr,
    bytes: &[u8],
) -> Option<LegId> {
    if bytes.first() == Some(&0)
        && let Some(fragment) = modelled::addressed_fragment(bytes)
    {
        return by_fragment.get(fragment).copied();
    }
    let (client, port) = address::owner(from)?;
    let routes = routes.get(client as usize)?;
    routes.iter().find(|(known, _)| *known == port).map(|(_, id)| *id)
}
