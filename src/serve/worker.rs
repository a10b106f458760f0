//! A media worker: one thread, one UDP port, the rooms that live on it and their legs.
//!
//! It sleeps until a datagram, a command or a timer is due, then works through batches: datagrams into legs, packets out
//! to subscribers' legs, and once the batch is through each leg that was written to is driven once and everything is
//! sent. No leg is touched that has nothing to do. Commands (joins cost a DTLS handshake each) have a budget a turn, so
//! that a burst of them never stalls media.

mod messages;

use super::clock;
use super::counters::{Counters, add, set};
use super::door::{Command, Door, Heard, Said, WorkerHandle};
use super::egress::{Downlink, Egress};
use super::misroute::Misroute;
use super::socket::{BATCH, Bound, MediaSocket, Received};
use crate::clock::{Duration, Instant};
use crate::conference::Credentials;
use crate::conference::protocol::ServerMessage;
use crate::sfu::leg::{FRAGMENT_LIMIT, Leg, LegOutput, Maker, Packet, Sent};
use crate::sfu::room::{ConnectionId, Forward, Input, LegCommand, LegId, LegSetup, MessageCopy, Output, Rooms};
use crate::transport::stun::binding_request;
use crossbeam_channel::Receiver;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use str0m::net::DatagramSend;
use tokio::sync::mpsc;

/// Commands a turn.
const COMMAND_BUDGET: usize = 32;

/// Batches of datagrams a turn.
const BATCH_BUDGET: usize = 8;

/// Longest sleep.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

/// Shortest time between two timeouts of one leg: what is due within it goes together.
const LEG_INTERVAL: Duration = Duration::from_micros(500);

/// Addresses that lead to one leg: a participant checks a few, a forger invents many.
const ADDRESS_LIMIT: usize = 32;

pub(super) fn start(
    index: usize,
    media: SocketAddr,
    announced: IpAddr,
    start: std::time::Instant,
    maker: &Maker,
    rooms: Rooms,
    faults: (Option<Egress>, Option<Misroute>),
) -> io::Result<WorkerHandle> {
    let bound = Bound::bind(media)?;
    let (address, receive_buffer) = (bound.address, bound.receive_buffer);
    let (sender, commands) = crossbeam_channel::unbounded();
    let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
    let counters = Arc::new(Counters::default());
    let maker = maker.on(address, SocketAddr::new(announced, address.port()));
    let inside = (Arc::clone(&bell), Arc::clone(&counters));
    let work = move || Worker::new(start, maker, rooms, faults, bound, commands, inside).run();
    let thread = std::thread::Builder::new().name(format!("media-{index}")).spawn(work)?;
    Ok(WorkerHandle { address, receive_buffer, counters, door: Door { commands: sender, bell }, thread })
}

struct Slot {
    leg: Leg,
    room: String,
    /// User fragments that its checks may name: those before a restart too, which are under way.
    fragments: Vec<String>,
    /// The emulated network towards it, where it receives something and there is one.
    downlink: Option<Downlink>,
    /// Addresses that lead to it.
    addresses: Vec<SocketAddr>,
    /// When it stands in the queue of timers; [`Instant::MAX`] when it does not.
    due: Instant,
    written: bool,
}

struct Worker {
    start: std::time::Instant,
    maker: Maker,
    rooms: Rooms,
    egress: Option<Egress>,
    misroute: Option<Misroute>,
    socket: MediaSocket,
    commands: Receiver<Command>,
    bell: Arc<EventFd>,
    counters: Arc<Counters>,
    connections: BTreeMap<ConnectionId, mpsc::Sender<Heard>>,
    legs: Vec<Option<Slot>>,
    by_address: FxHashMap<SocketAddr, LegId>,
    by_fragment: FxHashMap<String, LegId>,
    due: BinaryHeap<Reverse<(Instant, LegId)>>,
    written: Vec<LegId>,
    forwards: Vec<Forward>,
    copies: Vec<MessageCopy>,
    outbox: Vec<(SocketAddr, DatagramSend)>,
    stopping: bool,
}

impl Worker {
    fn new(
        start: std::time::Instant,
        maker: Maker,
        rooms: Rooms,
        (egress, misroute): (Option<Egress>, Option<Misroute>),
        bound: Bound,
        commands: Receiver<Command>,
        (bell, counters): (Arc<EventFd>, Arc<Counters>),
    ) -> Self {
        Self {
            start,
            maker,
            rooms,
            egress,
            misroute,
            socket: MediaSocket::new(bound),
            commands,
            bell,
            counters,
            connections: BTreeMap::new(),
            legs: Vec::new(),
            by_address: FxHashMap::default(),
            by_fragment: FxHashMap::default(),
            due: BinaryHeap::new(),
            written: Vec::new(),
            forwards: Vec::new(),
            copies: Vec::new(),
            outbox: Vec::new(),
            stopping: false,
        }
    }

    fn run(mut self) {
        let mut received = Vec::with_capacity(BATCH);
        while !self.stopping {
            let before = clock::now(self.start);
            self.sleep(before);
            let woke = clock::now(self.start);
            self.take_commands(woke);
            for _ in 0..BATCH_BUDGET {
                self.socket.receive(&mut received, &self.counters);
                if received.is_empty() {
                    break;
                }
                self.take_datagrams(&received);
                self.flush();
                if received.len() < BATCH {
                    break;
                }
            }
            self.take_timers();
            self.flush();
            let done = clock::now(self.start);
            add(&self.counters.busy_nanos, done.as_nanos() - woke.as_nanos());
        }
        self.close_all();
    }

    fn sleep(&mut self, now: Instant) {
        let first_leg = self.due.peek().map(|Reverse((at, _))| *at);
        let next = first_leg.into_iter().chain(self.rooms.poll_timeout()).min();
        let until = next.map_or(LONGEST_SLEEP, |at| at.saturating_since(now)).min(LONGEST_SLEEP);
        let until = if self.commands.is_empty() { until } else { Duration::ZERO };
        let mut fds =
            [PollFd::new(self.socket.fd(), PollFlags::POLLIN), PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        // An interrupted sleep is a short sleep.
        let _ = ppoll(&mut fds, Some(TimeSpec::from_duration(until)), None);
        if fds[1].any() == Some(true) {
            let _ = self.bell.read();
        }
    }

    fn take_commands(&mut self, now: Instant) {
        for _ in 0..COMMAND_BUDGET {
            let Ok(command) = self.commands.try_recv() else { break };
            match command {
                Command::Connect(connection, hears) => {
                    self.connections.insert(connection, hears);
                }
                Command::Request(connection, request) => {
                    self.tell_rooms(now, Input::Request { connection, request });
                }
                Command::Disconnect(connection) => {
                    self.connections.remove(&connection);
                    self.tell_rooms(now, Input::Disconnected(connection));
                }
                Command::Stop => self.stopping = true,
            }
        }
        set(&self.counters.rooms, self.rooms.rooms() as u64);
        set(&self.counters.participants, self.rooms.participants() as u64);
    }

    fn take_datagrams(&mut self, received: &[Received]) {
        for (index, Received { source, length }) in received.iter().enumerate() {
            let now = clock::now(self.start);
            let datagram = self.socket.datagram(index, *length);
            // A STUN request says itself whose it is; all else comes from an address that one came from.
            let fragment = binding_request(datagram).and_then(|check| check.addressed_fragment());
            let id = match fragment {
                Some(fragment) => self.by_fragment.get(fragment),
                None => self.by_address.get(source),
            };
            let Some(id) = id.copied() else {
                add(&self.counters.strays, 1);
                continue;
            };
            let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::as_mut) else { continue };
            if fragment.is_some() && slot.addresses.len() < ADDRESS_LIMIT && !slot.addresses.contains(source) {
                slot.addresses.push(*source);
                self.by_address.insert(*source, id);
            }
            slot.leg.handle_datagram(now, *source, datagram);
            self.drain(now, id);
        }
    }

    fn take_timers(&mut self) {
        let now = clock::now(self.start);
        while let Some(Reverse((at, id))) = self.due.peek().copied() {
            if at > now {
                break;
            }
            self.due.pop();
            let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::as_mut) else { continue };
            if slot.due != at {
                continue;
            }
            slot.due = Instant::MAX;
            if let Some(downlink) = &mut slot.downlink {
                downlink.handle_timeout(now, &mut self.outbox);
            }
            if slot.leg.poll_timeout().is_some_and(|due| due <= now) {
                slot.leg.handle_timeout(now);
                self.drain(now, id);
            } else {
                self.schedule(now, id);
            }
        }
        if self.rooms.poll_timeout().is_some_and(|at| at <= now) {
            self.rooms.handle_timeout(now);
            self.obey(now);
        }
    }

    /// Drives every leg that was written to, and sends what there is to send.
    fn flush(&mut self) {
        if !self.written.is_empty() {
            let now = clock::now(self.start);
            let mut written = std::mem::take(&mut self.written);
            for id in written.drain(..) {
                let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::as_mut) else { continue };
                if std::mem::take(&mut slot.written) {
                    slot.leg.handle_timeout(now);
                    self.drain(now, id);
                }
            }
            // Draining a subscriber writes to nobody; if it ever did, its packets wait for the next turn.
            std::mem::swap(&mut written, &mut self.written);
            self.written.append(&mut written);
        }
        if !self.outbox.is_empty() {
            self.socket.send(&mut self.outbox, &self.counters);
        }
    }

    /// Takes everything that a leg has to say.
    fn drain(&mut self, now: Instant, id: LegId) {
        loop {
            let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::as_mut) else { return };
            match slot.leg.poll_output() {
                None => break,
                Some(LegOutput::Transmit { to, datagram, sent }) => {
                    let datagram = DatagramSend::from(datagram.into_whole());
                    if matches!(sent, Sent::Retransmission { .. }) {
                        add(&self.counters.retransmissions, 1);
                    }
                    add(&self.counters.bytes_out, datagram.len() as u64);
                    match &mut slot.downlink {
                        None => self.outbox.push((to, datagram)),
                        Some(downlink) => downlink.offer(now, (to, datagram), sent, &mut self.outbox),
                    }
                }
                Some(LegOutput::Packet(packet)) => self.pass_on(now, id, packet),
                Some(LegOutput::Message { id: channel, bytes }) => self.pass_message(now, id, channel, &bytes),
                Some(LegOutput::KeyframeWanted(stream)) => {
                    add(&self.counters.keyframes_wanted, 1);
                    self.tell_rooms(now, Input::KeyframeWanted { leg: id, stream });
                }
                Some(LegOutput::Estimate(rate)) => self.tell_rooms(now, Input::Estimate { leg: id, rate }),
                Some(LegOutput::Connected) => self.tell_rooms(now, Input::LegConnected(id)),
                Some(LegOutput::Closed) => self.tell_rooms(now, Input::LegClosed(id)),
            }
        }
        self.schedule(now, id);
    }

    /// Forwards a packet of the leg `from` to its subscribers' legs.
    fn pass_on(&mut self, now: Instant, from: LegId, packet: Arc<Packet>) {
        add(&self.counters.packets_in, 1);
        add(&self.counters.bytes_in, packet.payload_len() as u64);
        if let Some(level) = packet.audio_level {
            self.rooms.hear(now, packet.track, level);
        }
        self.forwards.clear();
        self.rooms.forward(&packet.offered(), &mut self.forwards);
        add(&self.counters.packets_out, self.forwards.len() as u64);
        let room = self.legs.get(from.index()).and_then(Option::as_ref).map(|slot| slot.room.as_str());
        let instead = self.misroute.as_mut().zip(room).and_then(|(misroute, room)| misroute.instead(room));
        let written = instead.unwrap_or(&packet);
        for forward in &self.forwards {
            let Some(to) = self.legs.get_mut(forward.leg.index()).and_then(Option::as_mut) else { continue };
            to.leg.write(now, forward.stream, forward.numbers, written);
            if let Some(downlink) = &mut to.downlink {
                // Each layer has numbers of its own.
                let publishers = packet.sequence | u64::from(packet.layer) << 56;
                downlink.note(forward.stream, forward.numbers.sequence, publishers);
            }
            if !std::mem::replace(&mut to.written, true) {
                self.written.push(forward.leg);
            }
        }
        let room = self.legs.get(from.index()).and_then(Option::as_ref).map(|slot| slot.room.as_str());
        if let Some((misroute, room)) = self.misroute.as_mut().zip(room) {
            misroute.keep(room, packet);
        }
    }

    fn schedule(&mut self, now: Instant, id: LegId) {
        let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::as_mut) else { return };
        let of_leg = slot.leg.poll_timeout().map(|at| at.max(now + LEG_INTERVAL));
        let of_link = slot.downlink.as_ref().and_then(Downlink::poll_timeout);
        let Some(at) = of_leg.into_iter().chain(of_link).min() else { return };
        if at < slot.due {
            slot.due = at;
            self.due.push(Reverse((at, id)));
        }
    }

    fn tell_rooms(&mut self, now: Instant, input: Input) {
        self.rooms.handle_input(now, input);
        self.obey(now);
    }

    /// Carries out what the rooms want.
    fn obey(&mut self, now: Instant) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Tell { to, message } => self.say(&to, message),
                Output::NotLive(connection) => self.hear(connection, Heard::NotLive),
                Output::Close(connection) => {
                    self.hear(connection, Heard::Closed);
                    self.connections.remove(&connection);
                }
                Output::Leg { leg, command } => self.command(now, leg, command),
            }
        }
    }

    fn say(&mut self, to: &[ConnectionId], message: ServerMessage) {
        let said = Arc::new(Said::new(message));
        for connection in to {
            self.hear(*connection, Heard::Said(Arc::clone(&said)));
        }
    }

    fn hear(&mut self, connection: ConnectionId, heard: Heard) {
        let Some(hears) = self.connections.get(&connection) else { return };
        // Whoever does not listen for thousands of messages is dropped: its end of the channel closes, and signalling
        // reports the connection as ended.
        if hears.try_send(heard).is_err() {
            self.connections.remove(&connection);
        }
    }

    fn command(&mut self, now: Instant, id: LegId, command: LegCommand) {
        match command {
            LegCommand::Open(setup) => self.open(now, id, &setup),
            LegCommand::Close => {
                let Some(mut slot) = self.legs.get_mut(id.index()).and_then(Option::take) else { return };
                slot.leg.handle_command(now, LegCommand::Close);
                while let Some(output) = slot.leg.poll_output() {
                    if let LegOutput::Transmit { to, datagram, .. } = output {
                        self.outbox.push((to, datagram.into_whole().into()));
                    }
                }
                for address in slot.addresses {
                    if self.by_address.get(&address) == Some(&id) {
                        self.by_address.remove(&address);
                    }
                }
                for fragment in slot.fragments {
                    self.by_fragment.remove(&fragment);
                }
            }
            LegCommand::Restart(credentials) => self.restart(now, id, &credentials),
            command => {
                if matches!(command, LegCommand::Keyframe { .. }) {
                    add(&self.counters.keyframes_asked, 1);
                }
                let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::as_mut) else { return };
                if let (LegCommand::Send { stream, parameters }, Some(egress)) = (&command, &self.egress)
                    && let Some(track) = &parameters.track
                {
                    let key = egress.track_key(&slot.room, track);
                    slot.downlink.get_or_insert_with(|| egress.downlink()).follow(*stream, key);
                }
                slot.leg.handle_command(now, command);
                // It is driven, and drained, with those that were written to.
                if !std::mem::replace(&mut slot.written, true) {
                    self.written.push(id);
                }
            }
        }
    }

    fn open(&mut self, now: Instant, id: LegId, setup: &LegSetup) {
        let answer = match self.maker.open(now, setup) {
            Err(detail) => Input::LegRefused { leg: id, detail },
            Ok((leg, transport)) => {
                if self.legs.len() <= id.index() {
                    self.legs.resize_with(id.index() + 1, || None);
                }
                let fragment = transport.ufrag.clone();
                self.by_fragment.insert(fragment.clone(), id);
                let room = setup.room.clone();
                let slot = Slot {
                    leg,
                    room,
                    fragments: vec![fragment],
                    downlink: None,
                    addresses: Vec::new(),
                    due: Instant::MAX,
                    written: true,
                };
                self.legs[id.index()] = Some(slot);
                self.written.push(id);
                Input::LegOpened { leg: id, transport }
            }
        };
        self.rooms.handle_input(now, answer);
    }

    fn restart(&mut self, now: Instant, id: LegId, credentials: &Credentials) {
        let Some(slot) = self.legs.get_mut(id.index()).and_then(Option::as_mut) else { return };
        let transport = slot.leg.restart(now, credentials);
        if slot.fragments.len() == FRAGMENT_LIMIT {
            self.by_fragment.remove(&slot.fragments.remove(0));
        }
        slot.fragments.push(transport.ufrag.clone());
        self.by_fragment.insert(transport.ufrag.clone(), id);
        if !std::mem::replace(&mut slot.written, true) {
            self.written.push(id);
        }
        self.rooms.handle_input(now, Input::LegRestarted { leg: id, transport });
    }

    fn close_all(&mut self) {
        let now = clock::now(self.start);
        for index in 0..self.legs.len() {
            self.command(now, LegId(index as u32), LegCommand::Close);
        }
        self.socket.send(&mut self.outbox, &self.counters);
    }
}
