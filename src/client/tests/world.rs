//! Clients and the reference SFU's machines around one virtual clock; datagrams and messages take no time between them.

use super::*;
use crate::conference::protocol::{ClientMessage, ServerMessage};
use crate::metrics::Recorded;
use crate::seed::Seed;
use crate::sfu::leg::{self, Leg, LegOutput, Maker};
use crate::sfu::room::{self, Census, ConnectionId, Forward, LegCommand, LegId, Limits, Rooms, RoomsConfig};
use crate::signalling::Carry;
use crate::units::Bitrate;
use std::collections::BTreeMap;

/// What the SFU's legs are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sfu {
    Str0m,
    Own,
    /// throng's own, on modelled transports, as the clients' are then.
    Modelled,
}

impl Sfu {
    pub const ALL: [Self; 3] = [Self::Str0m, Self::Own, Self::Modelled];
}

/// A bug of the SFU's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// Picture ids and TL0PICIDX go through as they came.
    NoPictureIds,
    /// Any frame is as good as a keyframe to begin a layer with.
    SwitchOnDelta,
    /// Publishers are never asked for a keyframe.
    PliSwallowed,
}

/// Who, and which of its legs.
type Place = (usize, u8);

struct SfuLeg {
    leg: Leg,
    fragments: Vec<String>,
}

/// Everything.
pub struct World {
    pub now: Instant,
    pub shared: Shared,
    pub sink: Sink,
    pub clients: Vec<Client>,
    /// What each client ordered, in order.
    pub orders: Vec<(usize, Order)>,
    /// What each client said over its WebSocket.
    pub said: Vec<(usize, ClientMessage)>,
    pub milestones: Vec<(usize, Milestone)>,
    /// Who arrives at another time than the plan says.
    pub late: BTreeMap<usize, Instant>,
    /// Whether no socket can be had in the place of another.
    pub refuses_rebinds: bool,
    /// First and second byte of every datagram that a client sent, with the time.
    pub sent: Vec<(usize, Instant, [u8; 2])>,
    bound: BTreeMap<SocketAddr, Place>,
    rooms: Rooms,
    maker: Maker,
    legs: BTreeMap<LegId, SfuLeg>,
    by_address: BTreeMap<SocketAddr, LegId>,
    connections: BTreeMap<ConnectionId, (Place, u32)>,
    next_connection: u64,
    next_port: u16,
    to_sfu: VecDeque<(SocketAddr, Vec<u8>)>,
    to_clients: VecDeque<(SocketAddr, Vec<u8>)>,
    carried: VecDeque<(Place, u32, Carried)>,
    dead: bool,
    pub bug: Option<Bug>,
    /// What the way to every participant is estimated to carry from these times on.
    pub estimates: VecDeque<(Instant, Bitrate)>,
    /// The layers that each leg was sent, each run once, and whether it began with a keyframe.
    pub layers: BTreeMap<LegId, Vec<(u8, bool)>>,
    /// Keyframes that the SFU asked for.
    pub keyframes_asked: u32,
}

fn sfu_address() -> SocketAddr {
    "127.0.0.1:9999".parse().expect("an address")
}

impl World {
    pub fn new(text: &str) -> Self {
        Self::over(Sfu::Str0m, text)
    }

    /// The same around an SFU with these legs.
    pub fn over(sfu: Sfu, text: &str) -> Self {
        let epoch = epoch();
        let mut shared = shared(text, epoch);
        let address = sfu_address();
        let own =
            |transports| Maker::Own(leg::own::Maker::new(transports, address, address, shared.ntp_origin, 1 << 63));
        let maker = match sfu {
            Sfu::Str0m => Maker::Str0m(leg::str0m::Maker::new(epoch, address, address).expect("DTLS can be set up")),
            Sfu::Own => own(Factory::new(epoch).expect("DTLS can be set up")),
            Sfu::Modelled => own(Factory::Modelled),
        };
        if sfu == Sfu::Modelled {
            shared.transports = Factory::Modelled;
        }
        let clients = (0..shared.plan.participants.len() as u32).map(|index| Client::new(&shared, index)).collect();
        let config = RoomsConfig {
            limits: Limits::default(),
            ceiling: Bitrate::from_kbps(2_000),
            estimates: false,
            seed: Seed::new(5),
            defect: None,
        };
        Self {
            now: Instant::ZERO,
            sink: sink(&shared),
            clients,
            shared,
            orders: Vec::new(),
            said: Vec::new(),
            milestones: Vec::new(),
            late: BTreeMap::new(),
            refuses_rebinds: false,
            sent: Vec::new(),
            bound: BTreeMap::new(),
            rooms: Rooms::new(config, Arc::new(Census::default())),
            maker,
            legs: BTreeMap::new(),
            by_address: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_connection: 1,
            next_port: 20_000,
            to_sfu: VecDeque::new(),
            to_clients: VecDeque::new(),
            carried: VecDeque::new(),
            dead: false,
            bug: None,
            estimates: VecDeque::new(),
            layers: BTreeMap::new(),
            keyframes_asked: 0,
        }
    }

    /// Lets everybody arrive when the plan says so, and time pass until `until`.
    pub fn run(&mut self, until: Instant) {
        while self.now < until {
            self.now += Duration::from_millis(1);
            for who in 0..self.clients.len() {
                let crate::plan::Arrival::At(planned) = self.shared.participant(who as u32).arrival else { continue };
                let at = self.late.get(&who).copied().unwrap_or(planned);
                if self.clients[who].state == State::Waiting && at <= self.now {
                    self.tell(who, |client, now, shared, sink| client.start(now, at, shared, sink));
                }
                if self.clients[who].poll_timeout().is_some_and(|due| due <= self.now) {
                    self.tell(who, |client, now, shared, sink| client.handle_timeout(now, shared, sink));
                }
            }
            for id in self.legs.keys().copied().collect::<Vec<_>>() {
                if self.legs[&id].leg.poll_timeout().is_some_and(|due| due <= self.now) {
                    self.drive(id);
                }
            }
            if let Some((_, rate)) = self.estimates.pop_front_if(|(at, _)| *at <= self.now) {
                for leg in self.legs.keys().copied().collect::<Vec<_>>() {
                    self.rooms.handle_input(self.now, room::Input::Estimate { leg, rate });
                }
                self.obey();
            }
            if self.rooms.poll_timeout().is_some_and(|due| due <= self.now) {
                self.rooms.handle_timeout(self.now);
                self.obey();
            }
            self.exchange();
        }
    }

    /// The SFU dies: nobody says goodbye, and connections break.
    pub fn kill_sfu(&mut self) {
        self.dead = true;
        let config = RoomsConfig {
            limits: Limits::default(),
            ceiling: Bitrate::from_kbps(2_000),
            estimates: false,
            seed: Seed::new(6),
            defect: None,
        };
        self.rooms = Rooms::new(config, Arc::new(Census::default()));
        self.legs.clear();
        self.by_address.clear();
        for (place, session) in std::mem::take(&mut self.connections).into_values() {
            let closed = Carried::Closed { reason: "reset".to_owned(), status: None };
            self.carried.push_back((place, session, closed));
        }
        self.exchange();
    }

    /// It is there again, and knows nobody; everybody is told which fault is over.
    pub fn start_sfu(&mut self, fault: u16) {
        self.dead = false;
        let at = self.now;
        for who in 0..self.clients.len() {
            self.tell(who, |client, now, shared, sink| client.handle_fault_over(now, fault, at, shared, sink));
        }
    }

    /// Ends the run for everybody and hands out what was recorded.
    pub fn finish(mut self) -> (Vec<Client>, Recorded, Shared) {
        for who in 0..self.clients.len() {
            self.tell(who, |client, now, shared, sink| client.finish(now, shared, sink));
        }
        (self.clients, self.sink.recorder.finish(), self.shared)
    }

    /// Tells one client something, and carries out what it wants.
    pub fn tell(&mut self, who: usize, tell: impl FnOnce(&mut Client, Instant, &Shared, &mut Sink)) {
        tell(&mut self.clients[who], self.now, &self.shared, &mut self.sink);
        self.drain(who);
    }

    fn drain(&mut self, who: usize) {
        loop {
            for entry in std::mem::take(&mut self.sink.datagrams.entries) {
                let bytes = self.sink.datagrams.bytes[entry.start as usize..entry.end as usize].to_vec();
                let from = self.bound.iter().find(|(_, place)| **place == (who, entry.leg)).map(|(at, _)| *at);
                self.sent.push((who, self.now, [bytes[0], bytes[1]]));
                // A datagram of a leg without a socket goes nowhere.
                self.to_sfu.extend(from.map(|from| (from, bytes)));
            }
            self.sink.datagrams.clear();
            let orders = std::mem::take(&mut self.sink.orders);
            if orders.is_empty() {
                break;
            }
            for order in orders {
                self.orders.push((who, order.clone()));
                self.carry_out(who, order);
            }
        }
        while let Some(milestone) = self.clients[who].poll_milestone() {
            self.milestones.push((who, milestone));
        }
    }

    fn carry_out(&mut self, who: usize, order: Order) {
        match order {
            Order::Connect { .. } => {}
            Order::Rebind { .. } if self.refuses_rebinds => {
                let detail = "no other UDP socket could be had".to_owned();
                self.clients[who].handle_refused(self.now, detail, &self.shared, &mut self.sink);
            }
            Order::Rebind { leg } => {
                self.bound.retain(|_, place| *place != (who, leg));
                self.next_port += 1;
                self.bound.insert(SocketAddr::from(([127, 0, 0, 1], self.next_port)), (who, leg));
            }
            Order::Bind { leg } => {
                self.next_port += 1;
                let local = SocketAddr::from(([127, 0, 0, 1], self.next_port));
                self.bound.insert(local, (who, leg));
                self.clients[who].handle_bound(self.now, leg, local, &self.shared, &mut self.sink);
            }
            Order::Unbind { leg } => self.bound.retain(|_, place| *place != (who, leg)),
            Order::Carry { leg, session, carry } => self.carry((who, leg), session, carry),
        }
    }

    fn carry(&mut self, place: Place, session: u32, carry: Carry) {
        let connection = self.connections.iter().find(|(_, owner)| **owner == (place, session)).map(|(id, _)| *id);
        match carry {
            Carry::Open { .. } if self.dead => {
                let reason = "nobody listens".to_owned();
                self.carried.push_back((place, session, Carried::Closed { reason, status: None }));
            }
            Carry::Open { .. } => {
                self.connections.insert(ConnectionId(self.next_connection), (place, session));
                self.next_connection += 1;
                self.carried.push_back((place, session, Carried::Opened));
            }
            Carry::Text(text) => {
                let message: ClientMessage = serde_json::from_str(&text).expect("of the protocol");
                self.said.push((place.0, message.clone()));
                if let Some(connection) = connection {
                    let request = message.into();
                    self.rooms.handle_input(self.now, room::Input::Request { connection, request });
                    self.obey();
                }
            }
            Carry::Close | Carry::Abort => {
                if let Some(connection) = connection {
                    self.connections.remove(&connection);
                    self.rooms.handle_input(self.now, room::Input::Disconnected(connection));
                    self.obey();
                }
            }
            Carry::Request(request) => panic!("the room protocol has no requests: {request:?}"),
        }
    }

    fn obey(&mut self) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                room::Output::Tell { to, message } => to.into_iter().for_each(|to| self.hear(to, &message)),
                room::Output::NotLive(_) => {}
                room::Output::Close(connection) => {
                    if let Some((place, session)) = self.connections.remove(&connection) {
                        let closed = Carried::Closed { reason: "the room is over".to_owned(), status: None };
                        self.carried.push_back((place, session, closed));
                    }
                }
                room::Output::Leg { leg, command: LegCommand::Open(setup) } => {
                    let (opened, transport) = self.maker.open(self.now, &setup).expect("can be used");
                    let fragment = transport.ufrag.clone();
                    self.legs.insert(leg, SfuLeg { leg: opened, fragments: vec![fragment] });
                    self.rooms.handle_input(self.now, room::Input::LegOpened { leg, transport });
                }
                room::Output::Leg { leg, command: LegCommand::Restart(credentials) } => {
                    let Some(known) = self.legs.get_mut(&leg) else { continue };
                    let transport = known.leg.restart(self.now, &credentials);
                    known.fragments.push(transport.ufrag.clone());
                    self.rooms.handle_input(self.now, room::Input::LegRestarted { leg, transport });
                    self.drain_leg(leg);
                }
                room::Output::Leg { leg, command } => {
                    let closes = matches!(command, LegCommand::Close);
                    if matches!(command, LegCommand::Keyframe { .. }) {
                        self.keyframes_asked += 1;
                        if self.bug == Some(Bug::PliSwallowed) {
                            continue;
                        }
                    }
                    let Some(known) = self.legs.get_mut(&leg) else { continue };
                    known.leg.handle_command(self.now, command);
                    self.drain_leg(leg);
                    if closes {
                        self.legs.remove(&leg);
                        self.by_address.retain(|_, id| *id != leg);
                    }
                }
            }
        }
    }

    fn hear(&mut self, to: ConnectionId, message: &ServerMessage) {
        if let Some(&(place, session)) = self.connections.get(&to) {
            let text = serde_json::to_string(message).expect("plain data");
            self.carried.push_back((place, session, Carried::Text(text)));
        }
    }

    fn drive(&mut self, id: LegId) {
        if let Some(known) = self.legs.get_mut(&id) {
            known.leg.handle_timeout(self.now);
            self.drain_leg(id);
        }
    }

    fn drain_leg(&mut self, id: LegId) {
        let mut written = Vec::new();
        while let Some(output) = self.legs.get_mut(&id).and_then(|known| known.leg.poll_output()) {
            match output {
                LegOutput::Transmit { to, datagram, .. } => self.to_clients.push_back((to, datagram.into_whole())),
                LegOutput::Packet(packet) => {
                    if let Some(level) = packet.audio_level {
                        self.rooms.hear(self.now, packet.track, level);
                    }
                    let mut forwards: Vec<Forward> = Vec::new();
                    let mut offered = packet.offered();
                    if self.bug == Some(Bug::SwitchOnDelta) {
                        offered.keyframe |= offered.place.is_some_and(|place| place.starts_frame);
                    }
                    self.rooms.forward(&offered, &mut forwards);
                    for mut forward in forwards {
                        let seen = self.layers.entry(forward.leg).or_default();
                        if seen.last().is_none_or(|(layer, _)| *layer != packet.layer) {
                            seen.push((packet.layer, packet.frame.keyframe));
                        }
                        if self.bug == Some(Bug::NoPictureIds) {
                            forward.numbers.picture = None;
                        }
                        let to = self.legs.get_mut(&forward.leg).expect("the rooms know who is there");
                        to.leg.write(self.now, forward.stream, forward.numbers, &packet);
                        written.push(forward.leg);
                    }
                }
                LegOutput::Message { id: channel, bytes } => {
                    let mut copies = Vec::new();
                    self.rooms.forward_message(id, channel, bytes.len(), &mut copies);
                    for copy in copies {
                        let Some(to) = self.legs.get_mut(&copy.leg) else { continue };
                        to.leg.send_message(self.now, copy.id, &bytes);
                        written.push(copy.leg);
                    }
                }
                LegOutput::KeyframeWanted(stream) => {
                    self.rooms.handle_input(self.now, room::Input::KeyframeWanted { leg: id, stream });
                }
                LegOutput::Estimate(rate) => {
                    self.rooms.handle_input(self.now, room::Input::Estimate { leg: id, rate });
                }
                LegOutput::Connected => self.rooms.handle_input(self.now, room::Input::LegConnected(id)),
                LegOutput::Closed => self.rooms.handle_input(self.now, room::Input::LegClosed(id)),
            }
        }
        written.into_iter().for_each(|leg| self.drive(leg));
        self.obey();
    }

    /// Delivers whatever is under way until nothing is.
    fn exchange(&mut self) {
        loop {
            if let Some((from, bytes)) = self.to_sfu.pop_front() {
                self.reach_sfu(from, &bytes);
            } else if let Some((to, mut bytes)) = self.to_clients.pop_front() {
                let Some(&(who, leg)) = self.bound.get(&to) else { continue };
                self.tell(who, |client, now, shared, sink| {
                    client.handle_datagram(now, leg, now, sfu_address(), Datagram::Lent(&mut bytes), shared, sink);
                    client.handle_batch_end(now, shared, sink);
                });
            } else if let Some(((who, leg), session, carried)) = self.carried.pop_front() {
                self.tell(who, |client, now, shared, sink| {
                    client.handle_carried(now, leg, session, carried, shared, sink);
                });
            } else {
                return;
            }
        }
    }

    fn reach_sfu(&mut self, from: SocketAddr, bytes: &[u8]) {
        let names = |fragment: &str| bytes.windows(fragment.len()).any(|part| part == fragment.as_bytes());
        let named = self
            .legs
            .iter()
            .find(|(_, known)| bytes[0] < 4 && known.fragments.iter().any(|fragment| names(fragment)))
            .map(|(id, _)| *id);
        if let Some(id) = named {
            self.by_address.insert(from, id);
        }
        let Some(&id) = self.by_address.get(&from) else { return };
        if let Some(known) = self.legs.get_mut(&id) {
            known.leg.handle_datagram(self.now, from, bytes);
            self.drain_leg(id);
        }
    }
}
