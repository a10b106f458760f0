//! Reading the sockets: when it is time to, within the budget of handshakes.
//!
//! A datagram whose emulated downlink lets nothing out for ten milliseconds can lie in the kernel's buffer for as long:
//! its stamp says when it came. Read when the first of them comes out, it wakes its client once and not twice.

use super::{HANDSHAKE_BUDGET, LEG_BITS, Worker};
use crate::client::{Client, Datagram};
use crate::clock::{Duration, Instant};
use crate::drive::live::poller::Poller;
use crate::drive::live::socket::RecvScratch;
use rustc_hash::FxHashSet;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Batches read from one socket before the next one has its turn.
const BATCHES: usize = 8;

/// Batches of a socket that goes: whatever a buffer holds, and an end against whoever fills it as fast.
const LAST_BATCHES: usize = 256;
/// The longest that datagrams are left in the kernel's buffer: within it, 2 Mbit/s need 5 kB.
const MAX_HOLD: Duration = Duration::from_millis(20);
/// Slots of a millisecond each, more than the longest hold has.
const SLOTS: usize = 32;
const SLOT: u64 = 1_000_000;

/// What is to be read, and when.
pub(super) struct Reading {
    pub(super) poller: Poller,
    scratch: RecvScratch,
    /// Tokens of sockets that were named and are read later, by the millisecond in which they are.
    slots: [Vec<u64>; SLOTS],
    /// The first millisecond whose slot has not been looked at.
    next: u64,
    waiting: FxHashSet<u64>,
    /// Scratch: the tokens to read now.
    ready: Vec<u64>,
    /// How long each client's downlink holds every packet, and when its network changes, nanoseconds.
    holds: Vec<(u64, u64)>,
    /// Handshake datagrams that wait for the next tick.
    deferred: VecDeque<Deferred>,
}

struct Deferred {
    client: u32,
    leg: u8,
    entered: Instant,
    source: SocketAddr,
    bytes: Vec<u8>,
}

impl Reading {
    pub(super) fn new(clients: usize) -> std::io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            scratch: RecvScratch::new(),
            slots: [const { Vec::new() }; SLOTS],
            next: 0,
            waiting: FxHashSet::default(),
            ready: Vec::new(),
            holds: vec![(0, u64::MAX); clients],
            deferred: VecDeque::new(),
        })
    }

    /// A client was told something: its network may hold packets longer or shorter, or change at another time.
    pub(super) fn note(&mut self, client: u32, one: &Client) {
        let change = one.next_change().map_or(u64::MAX, Instant::as_nanos);
        self.holds[client as usize] = (one.downlink_delay().min(MAX_HOLD).as_nanos() as u64, change);
    }

    /// Puts a socket off until its client's downlink can let something out; false when that is now.
    fn put_off(&mut self, now: Instant, token: u64) -> bool {
        let (hold, _) = self.holds[(token >> LEG_BITS) as usize];
        if hold < SLOT {
            return false;
        }
        if self.waiting.insert(token) {
            self.read_at(now.as_nanos() + hold, token);
        }
        true
    }

    fn read_at(&mut self, at: u64, token: u64) {
        self.slots[(at / SLOT) as usize % SLOTS].push(token);
    }

    /// Collects the sockets that are to be read at `now`.
    fn collect(&mut self, now: Instant) -> Vec<u64> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.clear();
        let until = now.as_nanos() / SLOT;
        // After a pause longer than all slots each of them is due once.
        self.next = self.next.max((until + 1).saturating_sub(SLOTS as u64));
        for slot in self.next..=until {
            for token in self.slots[slot as usize % SLOTS].drain(..) {
                // One that was read before its time, before a change of its network, waits no more.
                if self.waiting.remove(&token) {
                    ready.push(token);
                }
            }
        }
        self.next = until + 1;
        // An error here is a bug of ours (a closed epoll instance); nothing ready is what follows from it.
        let named: Vec<u64> = self.poller.ready().map(Iterator::collect).unwrap_or_default();
        for token in named {
            if !self.put_off(now, token) {
                ready.push(token);
            }
        }
        ready
    }
}

impl Worker {
    /// Reads every socket that is to be read; answers what time it has become.
    pub(super) fn receive(&mut self, mut now: Instant) -> Instant {
        let started = self.clock.now();
        while let Some(deferred) = self.reading.deferred.pop_front() {
            let Deferred { client, leg, entered, source, bytes } = deferred;
            self.clients[client as usize].handle_datagram(
                now,
                leg,
                entered,
                source,
                Datagram::Given(bytes),
                &self.shared,
                &mut self.sink,
            );
            self.clients[client as usize].handle_batch_end(now, &self.shared, &mut self.sink);
            self.drain(now, client);
            if self.clock.now().saturating_since(started) > HANDSHAKE_BUDGET {
                break;
            }
        }
        let ready = self.reading.collect(now);
        for &token in &ready {
            self.receive_from(now, token, started);
            now = self.send_between(now);
        }
        self.reading.ready = ready;
        now
    }

    /// What came before a change of the network enters before it.
    pub(super) fn read_before_change(&mut self, now: Instant, client: u32) {
        if self.reading.holds[client as usize].1 > now.as_nanos() {
            return;
        }
        for leg in 0..self.sockets[client as usize].len() as u64 {
            let token = u64::from(client) << LEG_BITS | leg;
            if self.reading.waiting.remove(&token) {
                self.receive_from(now, token, now);
            }
        }
    }

    /// Reads what is left in a socket that goes: what it lost is told with it.
    pub(super) fn read_out(&mut self, now: Instant, client: u32, leg: u8) {
        let Some(Some(socket)) = self.sockets[client as usize].get_mut(usize::from(leg)) else { return };
        let (one, shared, sink) = (&mut self.clients[client as usize], &self.shared, &mut self.sink);
        for _ in 0..LAST_BATCHES {
            let batch = socket.receive(&mut self.reading.scratch, &self.wall, |entered, source, bytes| {
                one.handle_datagram(now, leg, entered.min(now), source, Datagram::Lent(bytes), shared, sink);
            });
            self.counts.drops += batch.dropped;
            if !batch.more {
                break;
            }
        }
        one.handle_batch_end(now, shared, sink);
    }

    fn receive_from(&mut self, now: Instant, token: u64, started: Instant) {
        let (client, leg) = ((token >> LEG_BITS) as u32, token as u8);
        let index = client as usize;
        let Some(Some(socket)) = self.sockets[index].get_mut(usize::from(leg)) else { return };
        let Reading { scratch, deferred, .. } = &mut self.reading;
        let (one, shared, sink, clock) = (&mut self.clients[index], &self.shared, &mut self.sink, self.clock);
        let mut spent = !deferred.is_empty();
        let mut more = false;
        for _ in 0..BATCHES {
            let batch = socket.receive(scratch, &self.wall, |entered, source, bytes| {
                // A datagram may come while the sockets are read, after the instant that this tick stands for.
                let entered = entered.min(now);
                let handshake = matches!(bytes.first(), Some(20..=63));
                if handshake && (spent || clock.now().saturating_since(started) > HANDSHAKE_BUDGET) {
                    spent = true;
                    deferred.push_back(Deferred { client, leg, entered, source, bytes: bytes.to_vec() });
                    return;
                }
                one.handle_datagram(now, leg, entered, source, Datagram::Lent(bytes), shared, sink);
            });
            self.counts.drops += batch.dropped;
            more = batch.more;
            if !more {
                break;
            }
        }
        // It is named again only when more comes.
        if more && self.reading.waiting.insert(token) {
            self.reading.read_at(now.as_nanos() + SLOT, token);
        }
        self.clients[index].handle_batch_end(now, &self.shared, &mut self.sink);
        self.drain(now, client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_socket_is_read_when_its_downlink_can_let_something_out_and_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let send = || socket.send_to(b"x", socket.local_addr().expect("an address")).expect("sent");
        let mut reading = Reading::new(2).expect("a poller");
        let token = 1 << LEG_BITS | 2;
        reading.poller.add(&socket, token).expect("added");
        reading.holds[1].0 = 10 * SLOT;
        assert!(reading.collect(at(1_000)).is_empty());
        send();
        assert!(reading.collect(at(1_001)).is_empty(), "put off");
        send();
        assert!((1_002..1_011).all(|millis| reading.collect(at(millis)).is_empty()));
        assert_eq!(reading.collect(at(1_011)), [token]);
        assert!((1_012..1_040).all(|millis| reading.collect(at(millis)).is_empty()), "nothing new came");

        send();
        assert!(reading.collect(at(1_040)).is_empty());
        assert_eq!(reading.collect(at(9_000)), [token], "after a pause longer than the wheel");
        send();
        assert!(reading.collect(at(9_001)).is_empty());
        assert!(reading.waiting.remove(&token), "read before a change of its network");
        assert!(reading.collect(at(9_011)).is_empty());

        reading.holds[1].0 = 0;
        send();
        assert_eq!(reading.collect(at(9_012)), [token], "a downlink that holds nothing");
    }
}
