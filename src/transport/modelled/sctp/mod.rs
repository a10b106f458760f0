//! A small model of SCTP (RFC 9260, RFC 3758) for the data channels of the simulated world: the chunks, sizes and timers of
//! sctp-proto, which carries the real ones.
//!
//! It has the four flights of the handshake, fragments, SACKs that wait for a second packet, retransmission by timer and
//! by three reports, slow start and congestion avoidance, and messages that are given up. Streams begin without DCEP
//! and end without a reset (RFC 6525), there are no heartbeats and no shutdown, the receiver takes every fragment in, and
//! an association of one path has one congestion window. Nothing is drawn: TSNs begin at 1.

mod receiving;
mod sending;
pub(super) mod wire;

use super::super::Message;
use crate::clock::{Duration, Instant};
use crate::conference::ChannelParameters;
use crate::conference::channel::MAX_MESSAGE_LEN;
use receiving::Receiving;
use sending::{RTO_INITIAL, RTO_MAX, Sending};
use std::collections::{BTreeMap, VecDeque};
use wire::{Chunk, Packet};

/// How far the handshake has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing was sent.
    Closed,
    /// INIT was.
    CookieWait,
    /// COOKIE ECHO was.
    CookieEchoed,
    Established,
}

/// One association.
#[derive(Debug)]
pub(super) struct Association {
    client: bool,
    /// DTLS is up: packets can be sent.
    begun: bool,
    state: State,
    /// The handshake's timer, and how long it waits.
    timer: Option<Instant>,
    timeout: Duration,
    /// Channels, with whether they carry messages.
    channels: BTreeMap<u16, (ChannelParameters, bool)>,
    opened: VecDeque<u16>,
    sending: Sending,
    receiving: Receiving,
    datagrams: VecDeque<Vec<u8>>,
}

impl Association {
    /// Nothing yet; `client` sends the INIT.
    pub fn new(client: bool) -> Self {
        Self {
            client,
            begun: false,
            state: State::Closed,
            timer: None,
            timeout: RTO_INITIAL,
            channels: BTreeMap::new(),
            opened: VecDeque::new(),
            sending: Sending::default(),
            receiving: Receiving::default(),
            datagrams: VecDeque::new(),
        }
    }

    /// DTLS is up.
    pub fn begin(&mut self, now: Instant) {
        if std::mem::replace(&mut self.begun, true) || !self.client || self.state != State::Closed {
            return;
        }
        self.state = State::CookieWait;
        self.say(now, &Chunk::Init);
    }

    /// Opens a channel.
    pub fn open(&mut self, parameters: ChannelParameters) {
        let is_open = self.state == State::Established;
        self.channels.insert(parameters.id, (parameters, is_open));
        if is_open {
            self.opened.push_back(parameters.id);
        }
    }

    /// Closes a channel.
    pub fn close(&mut self, now: Instant, id: u16) {
        if self.channels.remove(&id).is_some() {
            self.sending.close(id);
            self.flush(now);
        }
    }

    /// Sends a message; false when it was not taken.
    pub fn send(&mut self, now: Instant, id: u16, bytes: &[u8]) -> bool {
        let Some((parameters, true)) = self.channels.get(&id) else { return false };
        let taken = (1..=MAX_MESSAGE_LEN).contains(&bytes.len()) && self.sending.offer(now, *parameters, bytes);
        self.flush(now);
        taken
    }

    /// A datagram came.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        let mut data = false;
        for chunk in wire::chunks(datagram) {
            match chunk {
                Chunk::Init | Chunk::CookieEcho if self.client => {}
                Chunk::Init => self.say(now, &Chunk::InitAck),
                Chunk::CookieEcho => {
                    self.say(now, &Chunk::CookieAck);
                    self.establish();
                }
                Chunk::InitAck if self.state == State::CookieWait => {
                    (self.state, self.timeout) = (State::CookieEchoed, RTO_INITIAL);
                    self.say(now, &Chunk::CookieEcho);
                }
                Chunk::CookieAck if self.state == State::CookieEchoed => self.establish(),
                Chunk::InitAck | Chunk::CookieAck => {}
                Chunk::Data(one) => {
                    data = true;
                    self.receiving.handle_data(&one);
                }
                Chunk::Sack { cumulative, window, gaps } => {
                    self.sending.handle_sack(now, cumulative, window, &gaps);
                }
                Chunk::ForwardTsn { cumulative, streams } => self.receiving.handle_forward(cumulative, &streams),
            }
        }
        if data {
            self.receiving.handle_packet_end(now);
        }
        self.flush(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timer.is_some_and(|at| at <= now) {
            self.timeout = (2 * self.timeout).min(RTO_MAX);
            match self.state {
                State::CookieWait => self.say(now, &Chunk::Init),
                State::CookieEchoed => self.say(now, &Chunk::CookieEcho),
                State::Closed | State::Established => self.timer = None,
            }
        }
        self.sending.handle_timeout(now);
        self.flush(now);
    }

    /// When to be told the time again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        // Before the handshake is over nothing else can be sent.
        let established = self.state == State::Established;
        let sack = self.receiving.poll_timeout().filter(|_| established);
        [self.timer, self.sending.poll_timeout(), sack].into_iter().flatten().min()
    }

    /// The next datagram.
    pub fn poll_datagram(&mut self) -> Option<Vec<u8>> {
        self.datagrams.pop_front()
    }

    /// The next channel that carries messages from now on.
    pub fn poll_opened(&mut self) -> Option<u16> {
        self.opened.pop_front()
    }

    /// The next message.
    pub fn poll_message(&mut self) -> Option<Message> {
        self.receiving.poll_message()
    }

    fn establish(&mut self) {
        if self.state == State::Established {
            return;
        }
        (self.state, self.timer) = (State::Established, None);
        for (id, (_, is_open)) in &mut self.channels {
            *is_open = true;
            self.opened.push_back(*id);
        }
    }

    /// Sends one chunk of the handshake.
    fn say(&mut self, now: Instant, chunk: &Chunk<'_>) {
        if matches!(chunk, Chunk::Init | Chunk::CookieEcho) {
            self.timer = Some(now + self.timeout);
        }
        let mut packet = Packet::new();
        packet.push(chunk);
        self.datagrams.push_back(packet.finish());
    }

    fn flush(&mut self, now: Instant) {
        if self.state != State::Established {
            return;
        }
        if let Some(sack) = self.receiving.take_sack(now) {
            let mut packet = Packet::new();
            packet.push(&sack);
            self.datagrams.push_back(packet.finish());
        }
        while let Some(packet) = self.sending.poll_packet(now) {
            self.datagrams.push_back(packet.finish());
        }
    }
}

#[cfg(test)]
mod tests;
