//! One media worker: a plain thread that owns sockets and clients, and does everything that is due once a millisecond.
//!
//! A tick takes in what the sockets hold, what signalling brought, and the timers that are due, and sends what came of
//! it. Handshakes have a budget a tick: a burst of joins is dispatched late and counted, and never stalls media.

mod ending;
mod reading;
#[cfg(test)]
mod tests;

pub use super::message::{Command, Connections, Report};

use super::clock::{RunClock, Ticker, WallPair, thread_cpu};
use super::socket::{MediaSocket, Sources};
use super::starts::{Due, Starts};
use crate::client::{Client, Groups, Order, Shared, Sink, Snapshot};
use crate::clock::{Duration, Instant};
use crate::drive::carry::Ticket;
use crate::drive::reports::{IntervalReport, WANTED_BUFFER, WorkerResult};
use crate::metrics::Recorder;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Key;
use crossbeam_channel::TryRecvError;
use reading::Reading;
use std::sync::Arc;

/// Length of a tick: a sleep and wake costs more than ten received packets, so there is one for all clients.
const TICK: Duration = Duration::from_millis(1);
/// What handshakes (building transports, DTLS flights) may take of a tick.
const HANDSHAKE_BUDGET: Duration = Duration::from_micros(400);
/// How long others are received for before publishers whose time has come are let in.
const SEND_EVERY: Duration = Duration::from_micros(250);
/// The most legs that a token tells apart.
const LEG_BITS: u32 = 8;
/// Datagrams that go out in one call at most (UDP GSO).
const MAX_BURST: usize = 64;

/// One worker.
pub struct Worker {
    shared: Arc<Shared>,
    clock: RunClock,
    wall: WallPair,
    connections: Connections,
    clients: Vec<Client>,
    /// Index in the plan by index in `clients`, and the other way round (`u32::MAX` for another worker's).
    participants: Vec<u32>,
    local: Vec<u32>,
    /// When each client is to be told the time, nanoseconds; `u64::MAX` for never.
    due: Vec<u64>,
    /// Those who publish, by index: they are told the time while others are received for, or a burst would make them late.
    publishers: Vec<u32>,
    /// Until when the tick's reading goes on before they are.
    next_send: Instant,
    sockets: Vec<Vec<Option<MediaSocket>>>,
    reading: Reading,
    groups: Groups,
    sink: Sink,
    starts: Starts,
    /// Where sockets are bound.
    sources: Sources,
    interval: Duration,
    next_interval: u32,
    counts: IntervalReport,
    last_cpu: Duration,
    last_interval: Instant,
    receive_buffer: u64,
}

impl Worker {
    /// A worker for these participants of the plan.
    ///
    /// # Errors
    /// When the kernel has no epoll instance left.
    pub fn new(
        shared: Arc<Shared>,
        clock: RunClock,
        connections: Connections,
        participants: Vec<u32>,
        sources: Sources,
    ) -> std::io::Result<Self> {
        let plan = &shared.plan;
        let recorder = Recorder::new(
            plan.populations.len(),
            plan.networks.len(),
            plan.media_names().count(),
            plan.output.interval,
        );
        let mut local = vec![u32::MAX; plan.participants.len()];
        for (index, &participant) in participants.iter().enumerate() {
            local[participant as usize] = index as u32;
        }
        let arrivals: Vec<(Instant, u32)> = participants
            .iter()
            .enumerate()
            .filter_map(|(index, &participant)| match shared.participant(participant).arrival {
                crate::plan::Arrival::At(at) => Some((at, index as u32)),
                crate::plan::Arrival::InOrder(_) => None,
            })
            .collect();
        let publishes = |&(_, &participant): &(usize, &u32)| !shared.participant(participant).publish.is_empty();
        let publishers = participants.iter().enumerate().filter(publishes).map(|(index, _)| index as u32).collect();
        Ok(Self {
            clients: participants.iter().map(|&participant| Client::new(&shared, participant)).collect(),
            due: vec![u64::MAX; participants.len()],
            publishers,
            next_send: Instant::ZERO,
            sockets: participants.iter().map(|_| Vec::new()).collect(),
            interval: plan.output.interval,
            groups: Groups::new(plan, &participants),
            participants,
            local,
            reading: Reading::new(plan.participants.len())?,
            sink: Sink::new(recorder),
            starts: Starts::new(arrivals),
            sources,
            wall: WallPair::new(clock),
            next_interval: 0,
            counts: IntervalReport::default(),
            last_cpu: Duration::ZERO,
            last_interval: Instant::ZERO,
            receive_buffer: u64::MAX,
            shared,
            clock,
            connections,
        })
    }

    /// Works until the coordinator ends the run.
    #[must_use]
    pub fn run(mut self) -> WorkerResult {
        let mut ticker = Ticker::new(self.clock, TICK);
        self.last_cpu = thread_cpu();
        self.last_interval = self.clock.now();
        loop {
            let tick = ticker.wait();
            let now = self.wall.renew().max(tick.now);
            self.record_lag(now, tick.due);
            self.send_due(now);
            let now = self.receive(now);
            let now = self.cross(now);
            let now = self.take_carried(now);
            if self.take_commands(now) {
                return self.finish();
            }
            self.start_due(now);
            let now = self.tell_time(now);
            let now = self.cross(now);
            self.end_interval(now);
        }
    }

    fn record_lag(&mut self, now: Instant, due: Instant) {
        let key = Key::run(self.shared.phase(due));
        self.sink.recorder.record(Metric::HarnessLoopLag, key, now.saturating_since(due).as_secs_f64());
    }

    /// Hands out what signalling brought; answers what time it has become.
    fn take_carried(&mut self, mut now: Instant) -> Instant {
        while let Ok((ticket, carried)) = self.connections.carried.try_recv() {
            let client = self.local[ticket.client as usize];
            self.clients[client as usize].handle_carried(
                now,
                ticket.leg,
                ticket.session,
                carried,
                &self.shared,
                &mut self.sink,
            );
            self.drain(now, client);
            now = self.send_between(now);
        }
        now
    }

    /// True when the run ends.
    fn take_commands(&mut self, now: Instant) -> bool {
        loop {
            match self.connections.commands.try_recv() {
                Ok(Command::Start { participant, intended }) => {
                    self.starts.push(now, intended, self.local[participant as usize]);
                }
                Ok(Command::Leave { participant }) => {
                    let client = self.local[participant as usize];
                    self.clients[client as usize].leave(now, &self.shared, &mut self.sink);
                    self.drain(now, client);
                }
                Ok(Command::FaultOver { fault, at }) => {
                    for client in 0..self.clients.len() {
                        self.clients[client].handle_fault_over(now, fault, at, &self.shared, &mut self.sink);
                        self.drain(now, client as u32);
                    }
                }
                // A coordinator that is gone has ended the run.
                Ok(Command::End) | Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    /// Begins the joins that are due, within the budget of a tick.
    fn start_due(&mut self, now: Instant) {
        let started = self.clock.now();
        while self.clock.now().saturating_since(started) <= HANDSHAKE_BUDGET {
            let Some(Due { intended, client, put_off }) = self.starts.pop_due(now) else { break };
            if put_off {
                self.count_put_off(intended);
            }
            let now = self.clock.now().max(now);
            self.clients[client as usize].start(now, intended, &self.shared, &mut self.sink);
            self.drain(now, client);
        }
        self.starts.end_look(now);
    }

    fn count_put_off(&mut self, intended: Instant) {
        let key = Key::run(self.shared.phase(intended));
        self.sink.recorder.count(Metric::HarnessHandshakeDeferred, key, 1);
    }

    /// Tells the time to whom it is due; answers what time it has become.
    fn tell_time(&mut self, mut now: Instant) -> Instant {
        for client in 0..self.clients.len() {
            if self.due[client] <= now.as_nanos() {
                self.tell(now, client as u32);
                now = self.send_between(now);
            }
        }
        now
    }

    /// Lets everything into the bottlenecks of link groups that was handed over for them, and tells whose has left them;
    /// answers what time it has become.
    pub(super) fn cross(&mut self, mut now: Instant) -> Instant {
        if self.groups.is_empty() {
            return now;
        }
        self.groups.handle_timeout(now, &self.shared, &mut self.sink);
        while let Some((client, crossed)) = self.groups.poll_output() {
            self.clients[client as usize].handle_crossed(now, crossed, &self.shared, &mut self.sink);
            self.drain(now, client);
            now = self.send_between(now);
        }
        now
    }

    fn tell(&mut self, now: Instant, client: u32) {
        self.read_before_change(now, client);
        self.clients[client as usize].handle_timeout(now, &self.shared, &mut self.sink);
        self.drain(now, client);
    }

    /// Tells the publishers whose time has come.
    fn send_due(&mut self, now: Instant) {
        for index in 0..self.publishers.len() {
            let client = self.publishers[index];
            if self.due[client as usize] <= now.as_nanos() {
                self.tell(now, client);
            }
        }
        self.next_send = now + SEND_EVERY;
    }

    /// The same between two clients of a long tick: what is measured has the kernel's stamps, so reading can wait.
    ///
    /// Nobody may be told an earlier time after a later one, so the answer is the time from here on.
    fn send_between(&mut self, now: Instant) -> Instant {
        let now = self.clock.now().max(now);
        if now >= self.next_send {
            self.send_due(now);
        }
        now
    }

    /// Carries out what a client wants, until it wants nothing more.
    fn drain(&mut self, now: Instant, client: u32) {
        loop {
            self.send_datagrams(client);
            let orders = std::mem::take(&mut self.sink.orders);
            if orders.is_empty() {
                break;
            }
            for order in orders {
                self.carry_out(now, client, order);
            }
        }
        if !self.sink.crossings.is_empty() {
            self.groups.take_in(&mut self.sink.crossings);
        }
        if let Some(hose) = &mut self.connections.hose {
            hose.pour(&mut self.sink.dumped);
        }
        let one = &mut self.clients[client as usize];
        self.due[client as usize] = one.poll_timeout().map_or(u64::MAX, Instant::as_nanos);
        self.reading.note(client, one);
        while let Some(milestone) = one.poll_milestone() {
            // A coordinator that is gone has ended the run.
            let _ = self.connections.reports.send(Report::Milestone(self.participants[client as usize], milestone));
        }
    }

    fn carry_out(&mut self, now: Instant, client: u32, order: Order) {
        match order {
            Order::Bind { leg } => self.bind(now, client, leg),
            Order::Connect { leg, peer } => {
                if let Some(Some(socket)) = self.sockets[client as usize].get_mut(usize::from(leg)) {
                    // Refused, it sends as before.
                    let _ = socket.connect(peer);
                }
            }
            Order::Rebind { leg } => self.rebind(now, client, leg),
            Order::Unbind { leg } => {
                if let Some(Some(socket)) = self.sockets[client as usize].get_mut(usize::from(leg)).map(Option::take) {
                    // Closing would do it too; what the socket met is kept.
                    let _ = self.reading.poller.remove(&socket);
                    self.counts.refused += socket.counters().refused;
                }
            }
            Order::Carry { leg, session, carry } => {
                let ticket = Ticket { client: self.participants[client as usize], leg, session };
                self.connections.carrier.carry(ticket, carry, &self.connections.reply);
            }
        }
    }

    fn bind(&mut self, now: Instant, client: u32, leg: u8) {
        let Some(socket) = self.socket(now, client, leg, "no UDP socket") else { return };
        let local = socket.local();
        let legs = &mut self.sockets[client as usize];
        if legs.len() <= usize::from(leg) {
            legs.resize_with(usize::from(leg) + 1, || None);
        }
        legs[usize::from(leg)] = Some(socket);
        self.clients[client as usize].handle_bound(now, leg, local, &self.shared, &mut self.sink);
    }

    /// A socket for a leg. Where there is none its client is told, in these words of `what`, and it is counted.
    fn socket(&mut self, now: Instant, client: u32, leg: u8, what: &str) -> Option<MediaSocket> {
        let participant = self.participants[client as usize];
        let bound = MediaSocket::bind(self.sources.address(participant), WANTED_BUFFER).and_then(|socket| {
            self.reading.poller.add(&socket, u64::from(client) << LEG_BITS | u64::from(leg))?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => {
                self.receive_buffer = self.receive_buffer.min(socket.granted() as u64);
                Some(socket)
            }
            Err(error) => {
                self.counts.without_socket += 1;
                let detail = format!("{what} could be had: {error}");
                self.clients[client as usize].handle_refused(now, detail, &self.shared, &mut self.sink);
                None
            }
        }
    }

    /// Puts another socket in the place of a leg's. What the old one has is read, and what it met is kept.
    fn rebind(&mut self, now: Instant, client: u32, leg: u8) {
        if !matches!(self.sockets[client as usize].get(usize::from(leg)), Some(Some(_))) {
            return;
        }
        let Some(new) = self.socket(now, client, leg, "no other UDP socket") else { return };
        self.read_out(now, client, leg);
        if let Some(slot) = self.sockets[client as usize].get_mut(usize::from(leg))
            && let Some(old) = slot.replace(new)
        {
            let _ = self.reading.poller.remove(&old);
            self.counts.refused += old.counters().refused;
        }
    }

    /// Sends what the client wrote; a burst of equal datagrams to one address goes out in one call.
    fn send_datagrams(&mut self, client: u32) {
        let outbox = &mut self.sink.datagrams;
        let mut first = 0;
        while let Some(head) = outbox.entries.get(first) {
            let segment = (head.end - head.start) as usize;
            let mut last = first;
            while let Some(next) = outbox.entries.get(last + 1) {
                let (length, previous) = ((next.end - next.start) as usize, outbox.entries[last]);
                let equal = (previous.end - previous.start) as usize == segment && length <= segment;
                if next.leg != head.leg || next.to != head.to || !equal || last + 1 - first >= MAX_BURST {
                    break;
                }
                last += 1;
            }
            let bytes = &outbox.bytes[head.start as usize..outbox.entries[last].end as usize];
            if let Some(Some(socket)) = self.sockets[client as usize].get_mut(usize::from(head.leg)) {
                self.counts.send_errors += u64::from(socket.send_group(head.to, bytes, segment).failed);
            }
            first = last + 1;
        }
        outbox.clear();
    }

    fn end_interval(&mut self, mut now: Instant) {
        let end = Instant::ZERO + self.interval * (self.next_interval + 1);
        if now < end {
            return;
        }
        for client in 0..self.clients.len() {
            let snapshot = self.clients[client].handle_interval(now, &self.shared, &mut self.sink);
            self.note(snapshot);
            self.drain(now, client as u32);
            now = self.send_between(now);
        }
        self.report_interval(now);
    }

    fn note(&mut self, snapshot: Snapshot) {
        self.counts.joining += u64::from(snapshot.joining);
        self.counts.in_room += u64::from(snapshot.in_room);
        self.counts.frozen += u64::from(snapshot.frozen);
    }

    fn report_interval(&mut self, now: Instant) {
        // An interval belongs to the phase in which it began: the last of the measured window ends after it.
        let key = Key::run(self.shared.phase(self.last_interval));
        let cpu = thread_cpu();
        let wall = now.saturating_since(self.last_interval).as_secs_f64();
        let busy = cpu.saturating_sub(self.last_cpu).as_secs_f64() / wall.max(1e-3);
        self.last_cpu = cpu;
        self.last_interval = now;
        self.sink.recorder.gauge(Metric::HarnessCpu, key, busy);
        self.sink.recorder.count(Metric::HarnessRxDrops, key, self.counts.drops);
        let mut report = std::mem::take(&mut self.counts);
        report.busy = busy;
        report.interval = self.sink.recorder.take_interval(self.next_interval);
        self.next_interval += 1;
        let _ = self.connections.reports.send(Report::Interval(Box::new(report)));
    }
}
