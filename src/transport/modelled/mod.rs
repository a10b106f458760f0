//! The transport of the simulated world: STUN checks, DTLS flights, consent and SCTP as `secure` sends them, without crypto.
//!
//! Sizes, order and retransmission timers are the real ones (`wire`, `checks`, `handshake`, `sctp`); fingerprints and passwords
//! are not compared, nothing is drawn, and a participant checks the first address that it may use. The keys that it
//! hands out seal nothing but are as long ([`srtp::Session::modelled`]).

mod checks;
mod handshake;
mod sctp;
mod wire;

use super::{End, Event, Message, Output};
use crate::clock::{Duration, Instant};
use crate::conference::{Cause, ChannelParameters, Credentials, Setup, TransportParameters};
use crate::rtp::srtp;
use checks::Checks;
use handshake::{Handshake, Step};
use sctp::Association;
use std::collections::VecDeque;
use std::net::SocketAddr;
use wire::{Flight, Stun};

/// How long an ICE-lite agent lives without being checked (str0m).
const UNCHECKED: Duration = Duration::from_secs(15);

/// One modelled transport.
#[derive(Debug)]
pub struct Modelled {
    end: End,
    local: SocketAddr,
    identity: u64,
    /// Restarts of ICE that were begun.
    restarts: u64,
    fragment: String,
    /// Ours of a restart that the other side has not answered.
    offered: Option<String>,
    remote_fragment: String,
    /// Whom a participant checks.
    remote: Option<SocketAddr>,
    /// Where everything else goes: the nominated address.
    peer: Option<SocketAddr>,
    checks: Checks,
    /// Since when a server has not been checked.
    checked: Option<Instant>,
    handshake: Handshake,
    /// What carries data channels, from the first one on.
    association: Option<Box<Association>>,
    /// A flight that waits for a nominated address.
    waiting: Option<Flight>,
    outputs: VecDeque<Output>,
    ice_connected: bool,
    /// A pair works under the credentials of now, and is nominated.
    nominated: bool,
    ended: bool,
}

impl Modelled {
    /// A transport on a socket bound to `local`; `identity` tells it from all others of the run.
    #[must_use]
    pub fn new(local: SocketAddr, end: End, identity: u64) -> Self {
        Self {
            end,
            local,
            identity,
            restarts: 0,
            fragment: format!("{identity:016x}"),
            offered: None,
            remote_fragment: String::new(),
            remote: None,
            peer: None,
            checks: Checks::default(),
            checked: None,
            handshake: Handshake::new(end == End::Participant),
            association: None,
            waiting: None,
            outputs: VecDeque::new(),
            ice_connected: false,
            nominated: false,
            ended: false,
        }
    }

    /// What the other side must know of us.
    pub fn local_parameters(&mut self) -> TransportParameters {
        let (setup, address) = match self.end {
            End::Participant => (Setup::Actpass, self.local),
            End::Server { announced } => (Setup::Passive, announced),
        };
        TransportParameters {
            ufrag: self.fragment.clone(),
            pwd: format!("{:024x}", self.identity),
            fingerprint: format!("sha-256 {}", ["00"; 32].join(":")),
            setup,
            ice_lite: matches!(self.end, End::Server { .. }),
            candidates: vec![format!("candidate:1 1 udp 2130706431 {} {} typ host", address.ip(), address.port())],
        }
    }

    /// Connects to the other side; see [`super::Transport::connect`].
    ///
    /// # Errors
    /// When a participant has no address to check.
    pub fn connect(
        &mut self,
        now: Instant,
        remote: &TransportParameters,
        _offerer: bool,
        allowed: impl Fn(SocketAddr) -> bool,
    ) -> Result<(), (Cause, String)> {
        self.remote_fragment.clone_from(&remote.ufrag);
        if self.end != End::Participant {
            self.checked = Some(now);
            return Ok(());
        }
        self.remote = usable(remote, allowed);
        if self.remote.is_none() {
            let sentence = format!("none of the server's {} candidates can be used from here", remote.candidates.len());
            return Err((Cause::IceNoCandidate, sentence));
        }
        self.checks.begin(now);
        self.handle_timeout(now);
        Ok(())
    }

    /// One datagram whose first byte is below 128 came from `source`.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        if self.ended {
            return;
        }
        if sctp::wire::is_record(bytes) {
            if let Some(association) = &mut self.association {
                association.handle_datagram(now, bytes);
                self.drain_association();
            }
            return;
        }
        match Stun::read(bytes) {
            Some(Stun::Request { transaction, fragment, nominates }) if fragment == self.fragment => {
                self.handle_request(now, source, transaction, nominates);
            }
            Some(Stun::Response { transaction }) => self.handle_response(now, transaction),
            Some(Stun::Request { .. }) => {}
            None => match Flight::read(bytes) {
                Some(Flight::Close) => {
                    self.outputs.push_back(Output::Event(Event::Closed));
                    self.ended = true;
                }
                Some(flight) => {
                    let step = self.handshake.handle_flight(now, flight);
                    self.take(now, step);
                }
                None => {}
            },
        }
    }

    fn handle_request(&mut self, now: Instant, source: SocketAddr, transaction: [u8; 12], nominates: bool) {
        self.checked = Some(now);
        self.outputs.push_back(Output::Datagram { to: source, bytes: wire::response(transaction) });
        if nominates && self.end != End::Participant {
            self.peer = Some(source);
            self.connected();
            if let Some(flight) = self.waiting.take() {
                self.send(flight);
            }
        }
    }

    fn handle_response(&mut self, now: Instant, transaction: [u8; 12]) {
        let number = u64::from_be_bytes(*transaction.first_chunk().expect("twelve bytes have eight"));
        let Some(answer) = self.checks.handle_answer(now, number) else { return };
        if let Some(round_trip) = answer.round_trip {
            self.outputs.push_back(Output::Event(Event::RoundTrip(round_trip)));
        }
        if !std::mem::replace(&mut self.nominated, true) {
            self.peer = self.remote;
            if self.ice_connected {
                self.outputs.push_back(Output::Event(Event::Restarted));
            }
            self.connected();
            // The pair is nominated by a check of its own, and DTLS does not wait for its answer.
            self.check(now);
            let step = self.handshake.begin(now);
            self.take(now, step);
        }
    }

    /// A participant's new credentials, to be told to the other side.
    pub fn restart(&mut self) -> Credentials {
        let fragment = self.next_fragment();
        let credentials = Credentials { ufrag: fragment.clone(), pwd: format!("{:024x}", self.identity) };
        self.offered = Some(fragment);
        credentials
    }

    /// The other side answered a restart; see [`super::Transport::handle_restarted`].
    pub fn handle_restarted(
        &mut self,
        now: Instant,
        remote: &TransportParameters,
        allowed: impl Fn(SocketAddr) -> bool,
    ) {
        let Some(offered) = self.offered.take().filter(|_| !self.ended) else { return };
        self.fragment = offered;
        self.remote_fragment.clone_from(&remote.ufrag);
        self.remote = usable(remote, allowed).or(self.remote);
        self.nominated = false;
        self.checks.begin(now);
        self.handle_timeout(now);
    }

    /// A server is told a participant's new credentials; answers our side with new ones.
    pub fn accept_restart(&mut self, now: Instant, remote: &Credentials) -> TransportParameters {
        self.fragment = self.next_fragment();
        self.remote_fragment.clone_from(&remote.ufrag);
        self.checked = Some(now);
        self.local_parameters()
    }

    fn next_fragment(&mut self) -> String {
        self.restarts += 1;
        format!("{:016x}+{}", self.identity, self.restarts)
    }

    fn connected(&mut self) {
        if !std::mem::replace(&mut self.ice_connected, true) {
            self.outputs.push_back(Output::Event(Event::IceConnected));
        }
    }

    fn check(&mut self, now: Instant) {
        let Some(to) = self.remote else { return };
        let number = self.checks.send(now).to_be_bytes();
        let [_, _, _, _, a, b, c, d] = self.identity.to_be_bytes();
        let [n0, n1, n2, n3, n4, n5, n6, n7] = number;
        let transaction = [n0, n1, n2, n3, n4, n5, n6, n7, a, b, c, d];
        let bytes = wire::request(transaction, &self.remote_fragment, &self.fragment, self.nominated);
        self.outputs.push_back(Output::Datagram { to, bytes });
    }

    fn take(&mut self, now: Instant, step: Step) {
        if let Some(flight) = step.send {
            self.send(flight);
        }
        if step.done {
            self.outputs.push_back(Output::Event(Event::Keys(Box::new(srtp::Session::modelled()))));
            self.begin_association(now);
        }
    }

    /// Opens a data channel; see [`super::Transport::open_channel`].
    pub fn open_channel(&mut self, now: Instant, parameters: &ChannelParameters) {
        let client = self.end == End::Participant;
        let association = self.association.get_or_insert_with(|| Box::new(Association::new(client)));
        association.open(*parameters);
        self.begin_association(now);
    }

    /// Closes a data channel.
    pub fn close_channel(&mut self, now: Instant, id: u16) {
        if let Some(association) = &mut self.association {
            association.close(now, id);
            self.drain_association();
        }
    }

    /// Sends a message; see [`super::Transport::send_message`].
    pub fn send_message(&mut self, now: Instant, id: u16, bytes: &[u8]) -> bool {
        let Some(association) = self.association.as_mut().filter(|_| !self.ended) else { return false };
        let taken = association.send(now, id, bytes);
        self.drain_association();
        taken
    }

    /// The next message that came.
    pub fn poll_message(&mut self) -> Option<Message> {
        self.association.as_mut()?.poll_message()
    }

    fn begin_association(&mut self, now: Instant) {
        if let Some(association) = self.association.as_mut().filter(|_| self.handshake.is_done()) {
            association.begin(now);
            self.drain_association();
        }
    }

    fn drain_association(&mut self) {
        let (Some(association), Some(to)) = (&mut self.association, self.peer) else { return };
        while let Some(bytes) = association.poll_datagram() {
            self.outputs.push_back(Output::Datagram { to, bytes });
        }
        while let Some(id) = association.poll_opened() {
            self.outputs.push_back(Output::Event(Event::ChannelOpen(id)));
        }
    }

    fn send(&mut self, flight: Flight) {
        match self.peer {
            Some(to) => self.outputs.push_back(Output::Datagram { to, bytes: flight.datagram() }),
            None => self.waiting = Some(flight),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ended {
            return;
        }
        if self.checked.is_some_and(|at| self.end != End::Participant && at + UNCHECKED <= now) {
            return self.fail("consent was lost: the participant no longer checks".to_owned());
        }
        if self.checks.is_lost(now) {
            return self.fail("consent was lost: the server no longer answers STUN checks".to_owned());
        }
        if self.checks.poll_timeout().is_some_and(|at| at <= now) {
            self.check(now);
        }
        let step = self.handshake.handle_timeout(now);
        self.take(now, step);
        if let Some(association) = &mut self.association {
            association.handle_timeout(now);
            self.drain_association();
        }
    }

    fn fail(&mut self, detail: String) {
        self.outputs.push_back(Output::Event(Event::Failed(Cause::TransportFailed, detail)));
        self.ended = true;
    }

    /// Says goodbye to the peer.
    pub fn close(&mut self, _now: Instant) {
        if !self.ended {
            if self.handshake.is_done() {
                self.send(Flight::Close);
            }
            self.ended = true;
        }
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to be told the time again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let unchecked = self.checked.filter(|_| self.end != End::Participant).map(|at| at + UNCHECKED);
        let association = self.association.as_ref().and_then(|association| association.poll_timeout());
        [self.checks.poll_timeout(), self.handshake.poll_timeout(), association, unchecked].into_iter().flatten().min()
    }

    /// Where media goes.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The same: a modelled peer has one address.
    #[must_use]
    pub fn only_peer(&self) -> Option<SocketAddr> {
        self.peer
    }
}

/// The local user fragment that a binding request names (RFC 8445 §7.2.2); `None` for anything else.
#[must_use]
pub fn addressed_fragment(datagram: &[u8]) -> Option<&str> {
    match Stun::read(datagram)? {
        Stun::Request { fragment, .. } => Some(fragment),
        Stun::Response { .. } => None,
    }
}

/// The first of the other side's addresses that may be used.
fn usable(remote: &TransportParameters, allowed: impl Fn(SocketAddr) -> bool) -> Option<SocketAddr> {
    remote.candidates.iter().filter_map(|text| host(text)).find(|address| allowed(*address))
}

/// The address of a UDP host candidate.
fn host(text: &str) -> Option<SocketAddr> {
    let mut words = text.split_whitespace();
    let transport = words.nth(2)?;
    let (ip, port) = (words.nth(1)?.parse().ok()?, words.next()?.parse().ok()?);
    transport.eq_ignore_ascii_case("udp").then(|| SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests;
