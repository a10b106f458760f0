//! A relay that puts any UDP application behind an emulated path: what `throng path` runs.
//!
//! Each client's address is a flow with two links and a return socket of its own. One thread does everything: it sleeps
//! until something comes or is due, so that a delivery is late by the kernel's slack and not by a tick. It prints nothing:
//! whoever called it is told the status.

mod flow;
mod socket;

use super::live::clock::RunClock;
use super::live::poller::Poller;
use crate::clock::{Duration, Instant};
use crate::plan::alone::Alone;
use crate::seed::Seed;
use flow::{Datagram, Flow};
use netem::Counts;
use rustc_hash::FxHashMap;
use socket::Socket;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Clients at once: each costs two links and a descriptor.
const MOST_FLOWS: usize = 1_000;
/// A client that has been silent for so long, with nothing on its way, is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// How often whoever called is told, and an interruption is looked for.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Datagrams read from one socket before others have their turn.
const BATCH: usize = 64;
/// Timers of the kernel are in milliseconds: what is left of one is slept.
const TICK: Duration = Duration::from_millis(1);
/// The token of the socket that clients send to.
const FRONT: u64 = 0;

/// What is put behind what.
#[derive(Debug)]
pub struct Options {
    /// Where clients send to; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the application is.
    pub to: SocketAddr,
    /// The path, seen from a client.
    pub network: Alone,
    /// The root of the random streams.
    pub seed: u64,
    /// How long at most.
    pub length: Duration,
    /// Set to end it in order.
    pub interrupted: Arc<AtomicBool>,
}

/// One direction of all clients together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Side {
    /// The books of all links, those of forgotten clients included.
    pub counts: Counts,
    /// The longest that the last packet of any link waited.
    pub queue_delay: Duration,
}

/// How it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// Since it began.
    pub now: Instant,
    /// Clients now.
    pub clients: usize,
    /// Clients ever.
    pub seen: u64,
    /// From clients.
    pub up: Side,
    /// Towards clients.
    pub down: Side,
    /// Datagrams of clients beyond 1,000, or for whom no socket could be had, which were dropped.
    pub turned_away: u64,
    /// Datagrams that the kernel would not send: nobody listens there, or its buffers were full.
    pub unsent: u64,
}

/// A relay that is bound and not yet running.
#[derive(Debug)]
pub struct Relay {
    options: Options,
    front: Socket,
    poller: Poller,
    clock: RunClock,
    flows: Vec<Option<Flow>>,
    by_client: FxHashMap<SocketAddr, usize>,
    /// What forgotten clients leave behind.
    past: (Counts, Counts),
    status: Status,
}

impl Relay {
    /// Binds it.
    ///
    /// # Errors
    /// A sentence when it cannot listen there.
    pub fn bind(options: Options) -> Result<Self, String> {
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "cannot listen on {}: another process has that port; write another one, or port 0 for any that is free",
                options.listen
            ),
            _ => format!("cannot listen on {}: {error}", options.listen),
        };
        let front = Socket::bind(options.listen).map_err(refused)?;
        let mut poller = Poller::new().map_err(refused)?;
        poller.add(&front, FRONT).map_err(refused)?;
        Ok(Self {
            options,
            front,
            poller,
            clock: RunClock::start(),
            flows: Vec::new(),
            by_client: FxHashMap::default(),
            past: Default::default(),
            status: Status::default(),
        })
    }

    /// Where clients send to.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.front.local()
    }

    /// Relays until the time is over or it is interrupted; `tell` is told how it stands four times a second.
    ///
    /// # Errors
    /// A sentence when the kernel refuses what a relay cannot do without.
    pub fn run(mut self, tell: &mut dyn FnMut(&Status)) -> Result<Status, String> {
        self.clock = RunClock::start();
        let end = Instant::ZERO + self.options.length;
        let mut told = Instant::ZERO;
        let mut full = Vec::new();
        loop {
            let now = self.clock.now();
            if now >= end || self.options.interrupted.load(Ordering::Relaxed) {
                break;
            }
            if now.saturating_since(told) >= TELL_EVERY {
                told = now;
                self.forget_the_silent(now);
                tell(&self.stand(now));
            }
            let next = self.next_due().into_iter().chain([told + TELL_EVERY, end]).min().unwrap_or(end);
            self.read(next, &mut full).map_err(|error| format!("the sockets cannot be watched: {error}"))?;
            self.deliver();
        }
        Ok(self.stand(self.clock.now()))
    }

    fn next_due(&self) -> Option<Instant> {
        self.flows.iter().flatten().filter_map(Flow::poll_timeout).min()
    }

    /// Sleeps until `next` or until something comes, and reads it; `full` are the sockets that had more than a batch.
    fn read(&mut self, next: Instant, full: &mut Vec<u64>) -> io::Result<()> {
        let patience = next.saturating_since(self.clock.now());
        let mut ready = std::mem::take(full);
        if !ready.is_empty() || patience.is_zero() {
            ready.extend(self.poller.ready()?);
        } else if patience < TICK {
            self.clock.sleep_until(next);
            ready.extend(self.poller.ready()?);
        } else {
            // Rounded down: what is left is slept.
            let whole = Duration::from_millis(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX));
            ready.extend(self.poller.wait(whole)?);
        }
        ready.sort_unstable();
        ready.dedup();
        for token in ready {
            if self.read_one(token) {
                full.push(token);
            }
        }
        Ok(())
    }

    /// Reads a batch of one socket; true when there may be more.
    fn read_one(&mut self, token: u64) -> bool {
        for _ in 0..BATCH {
            let received = match token {
                FRONT => self.front.receive(),
                token => match self.flows.get((token - 1) as usize) {
                    Some(Some(flow)) => flow.socket.receive(),
                    _ => return false,
                },
            };
            let Some((source, datagram)) = received else { return false };
            let now = self.clock.now();
            if token != FRONT {
                if let Some(Some(flow)) = self.flows.get_mut((token - 1) as usize) {
                    flow.handle_answer(now, datagram);
                }
            } else if let Some(index) = self.flow_of(source, now) {
                self.flows[index].as_mut().expect("it is there").handle_packet(now, datagram);
            }
        }
        true
    }

    /// The flow of a client, a new one where it has none; `None` when there is no room for it.
    fn flow_of(&mut self, client: SocketAddr, now: Instant) -> Option<usize> {
        if let Some(&index) = self.by_client.get(&client) {
            return Some(index);
        }
        if self.by_client.len() == MOST_FLOWS {
            self.status.turned_away += 1;
            return None;
        }
        let opened = self.open(client, now);
        if opened.is_none() {
            self.status.turned_away += 1;
        }
        opened
    }

    fn open(&mut self, client: SocketAddr, now: Instant) -> Option<usize> {
        let any = match self.options.to {
            to if to.ip().is_loopback() => to.ip(),
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = Socket::bind(SocketAddr::new(any, 0)).ok()?;
        socket.connect(self.options.to).ok()?;
        let index = self.flows.iter().position(Option::is_none).unwrap_or(self.flows.len());
        self.poller.add(&socket, index as u64 + 1).ok()?;
        // By its number, not by its port: the same order of clients has the same luck.
        let seed = Seed::new(self.options.seed).indexed("flow", self.status.seen);
        self.status.seen += 1;
        let flow = Flow::new(client, socket, &self.options.network, seed, now);
        if index == self.flows.len() {
            self.flows.push(Some(flow));
        } else {
            self.flows[index] = Some(flow);
        }
        self.by_client.insert(client, index);
        Some(index)
    }

    /// Hands out what has arrived at either end.
    fn deliver(&mut self) {
        let now = self.clock.now();
        let send = |unsent: &mut u64, sent: bool| *unsent += u64::from(!sent);
        for flow in self.flows.iter_mut().flatten() {
            flow.handle_timeout(now, &self.options.network.plan);
            while let Some(delivery) = flow.up.poll_output() {
                send(&mut self.status.unsent, flow.socket.send(&delivery.item, None));
            }
            while let Some(delivery) = flow.down.poll_output() {
                send(&mut self.status.unsent, self.front.send(&delivery.item, Some(flow.client)));
            }
        }
    }

    fn forget_the_silent(&mut self, now: Instant) {
        for slot in &mut self.flows {
            let Some(flow) = slot.as_ref().filter(|flow| flow.is_over(now, IDLE)) else { continue };
            self.past.0 += flow.up.report().totals();
            self.past.1 += flow.down.report().totals();
            self.by_client.remove(&flow.client);
            // Closing it takes it out of the poller as well; nobody else holds it.
            let _ = self.poller.remove(&flow.socket);
            *slot = None;
        }
    }

    fn stand(&mut self, now: Instant) -> Status {
        let side = |past: Counts, of: fn(&Flow) -> &netem::Link<Datagram>| {
            let mut side = Side { counts: past, queue_delay: Duration::ZERO };
            for report in self.flows.iter().flatten().map(|flow| of(flow).report()) {
                side.counts += report.totals();
                side.queue_delay = side.queue_delay.max(report.queue_delay());
            }
            side
        };
        let (up, down) = (side(self.past.0, |flow| &flow.up), side(self.past.1, |flow| &flow.down));
        self.status = Status { now, clients: self.by_client.len(), up, down, ..self.status };
        self.status
    }
}
