//! A leg made of throng's own parts: `transport` as an ICE-lite DTLS server, `rtp` for what crosses it.
//!
//! What it receives is opened packet by packet, numbered, asked for again where it is missing, and reported (`incoming`).
//! What it sends is written and sealed at once; a packet that may be asked for again is remembered by reference, not
//! copied (`outgoing`). Where it is to estimate the way to the participant it numbers packets transport-wide and probes
//! (`estimator`). It is deterministic: nothing is drawn, and nothing depends on the order of a hash. Publishers are told
//! [`LegCommand::Ceiling`] and what arrived; estimating their way is theirs.

mod cache;
mod estimator;
mod incoming;
mod outgoing;
mod reports;

use super::{LegOutput, Packet, Sent};
use crate::clock::{Duration, Instant};
use crate::conference::{Credentials, Setup, TransportParameters};
use crate::qos::rtt::RoundTrip;
use crate::rtp::extension::{ExtensionKind, ExtensionMap};
use crate::rtp::header::Kind;
use crate::rtp::ntp::Ntp;
use crate::rtp::srtp::Session;
use crate::sfu::room::{LegCommand, LegSetup, Numbers, StreamId};
use crate::transport::{End, Event, Factory, Message, Output, Transport};
use estimator::Estimator;
use incoming::Receiving;
use outgoing::Sending;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// How often reports are sent, and how soon the first ones.
const REPORT_EVERY: Duration = Duration::from_secs(1);
const FIRST_REPORT: Duration = Duration::from_millis(250);

/// What the legs of one socket have in common.
#[derive(Debug)]
pub struct Maker {
    transports: Factory,
    local: SocketAddr,
    announced: SocketAddr,
    origin: Ntp,
    /// Of the next leg.
    identity: u64,
}

impl Maker {
    /// A maker of legs on a socket bound to `local`, which participants know as `announced`. `origin` is the wall clock
    /// at [`Instant::ZERO`]. Legs are numbered from `identity` on; modelled transports take their credentials from it, so
    /// a run's makers and participants share no numbers. Participants' lie below 2^63.
    #[must_use]
    pub const fn new(
        transports: Factory,
        local: SocketAddr,
        announced: SocketAddr,
        origin: Ntp,
        identity: u64,
    ) -> Self {
        Self { transports, local, announced, origin, identity }
    }

    /// The same on another socket; its legs are numbered alike.
    #[must_use]
    pub fn on(&self, local: SocketAddr, announced: SocketAddr) -> Self {
        Self { transports: self.transports.clone(), local, announced, ..*self }
    }
}

/// One participant's transport.
#[derive(Debug)]
pub struct Leg {
    transport: Transport,
    srtp: Option<Box<Session>>,
    origin: Ntp,
    receiving: Receiving,
    sending: Sending,
    estimator: Option<Box<Estimator>>,
    rtt: RoundTrip,
    next_report: Option<Instant>,
    /// Plain RTCP that goes out at the end of the input at hand.
    rtcp: Vec<u8>,
    /// Where a received datagram is opened.
    scratch: Vec<u8>,
    outputs: VecDeque<LegOutput>,
    closed: bool,
    told_closed: bool,
}

impl Leg {
    /// Opens a leg; returns it with our side of its transport.
    ///
    /// # Errors
    /// When the participant's transport cannot be used; a sentence for it.
    pub fn open(maker: &mut Maker, now: Instant, setup: &LegSetup) -> Result<(Self, TransportParameters), String> {
        let remote = &setup.remote;
        if remote.ice_lite {
            return Err("both sides are ICE-lite: neither would check".to_owned());
        }
        if !(4..=256).contains(&remote.ufrag.len()) || !(22..=256).contains(&remote.pwd.len()) {
            return Err("the ICE credentials are too short or too long (RFC 8839 §5.4)".to_owned());
        }
        let end = End::Server { announced: maker.announced };
        let mut transport = maker.transports.transport(now, maker.local, end, maker.identity)?;
        maker.identity += 1;
        let mut ours = transport.local_parameters();
        if remote.setup == Setup::Passive {
            ours.setup = Setup::Active;
        }
        transport.connect(now, remote, false, |_| true).map_err(|(_, sentence)| sentence)?;
        let mut leg = Self {
            transport,
            srtp: None,
            origin: maker.origin,
            receiving: Receiving::new(extension_map(&setup.extensions), matches!(maker.transports, Factory::Modelled)),
            sending: Sending::default(),
            estimator: setup.estimates.then(|| Box::new(Estimator::new())),
            rtt: RoundTrip::default(),
            next_report: None,
            rtcp: Vec::new(),
            scratch: Vec::new(),
            outputs: VecDeque::new(),
            closed: false,
            told_closed: false,
        };
        leg.drain(now);
        Ok((leg, ours))
    }

    /// Obeys a command of the rooms; [`LegCommand::Open`] and [`LegCommand::Close`] are for whoever keeps legs.
    pub fn handle_command(&mut self, now: Instant, command: LegCommand) {
        if self.closed {
            return;
        }
        match command {
            LegCommand::Open(_) | LegCommand::Restart(_) => {}
            LegCommand::Receive { track, parameters } => self.receiving.add(track, &parameters),
            LegCommand::StopReceiving(track) => self.receiving.remove(track),
            LegCommand::Send { stream, parameters } => self.sending.add(stream, &parameters),
            LegCommand::StopSending(stream) => self.sending.remove(stream, &mut self.rtcp),
            LegCommand::Keyframe { track, layer } => self.receiving.want_keyframe(track, layer),
            LegCommand::Ceiling { track, rate } => self.receiving.set_ceiling(track, rate),
            LegCommand::Desire(rate) => {
                if let Some(estimator) = &mut self.estimator {
                    estimator.set_desired(now, rate);
                }
            }
            LegCommand::OpenChannel(channel) => {
                self.transport.open_channel(now, &channel);
                self.drain(now);
            }
            LegCommand::CloseChannel(id) => {
                self.transport.close_channel(now, id);
                self.drain(now);
            }
            LegCommand::Close => return self.close(now),
        }
        self.flush(now);
    }

    /// Restarts ICE with the participant's new credentials; returns our side with new ones.
    pub fn restart(&mut self, now: Instant, remote: &Credentials) -> TransportParameters {
        let ours = self.transport.accept_restart(now, remote);
        self.drain(now);
        ours
    }

    /// A datagram from the participant.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        if self.closed {
            return;
        }
        match Kind::of(datagram) {
            Kind::Stun | Kind::Dtls => {
                self.transport.handle_datagram(now, source, datagram);
                self.drain(now);
            }
            Kind::Rtp => {
                let Some(srtp) = &mut self.srtp else { return };
                let packet = self.receiving.handle_rtp(now, srtp, datagram, &mut self.scratch);
                self.outputs.extend(packet.map(|packet| LegOutput::Packet(Arc::new(packet))));
            }
            Kind::Rtcp => self.handle_rtcp(now, datagram),
            Kind::Other => {}
        }
        self.flush(now);
    }

    /// Sends one packet to the participant under these numbers, which no other packet of the stream has.
    pub fn write(&mut self, now: Instant, stream: StreamId, numbers: Numbers, packet: &Arc<Packet>) {
        let (Some(srtp), Some(to)) = (&mut self.srtp, self.transport.peer()) else { return };
        let Some(outgoing) = self.sending.get_mut(stream) else { return };
        if self.closed {
            return;
        }
        let mut estimator = self.estimator.as_mut().filter(|_| outgoing.is_numbered());
        let number = estimator.as_ref().map(|estimator| estimator.next_sequence());
        let datagram = outgoing.write(Ntp::at(self.origin, now), srtp, (numbers, number), packet);
        if let Some(estimator) = &mut estimator {
            estimator.handle_sent(now, datagram.len());
        }
        let sent = Sent::Media { stream, sequence: numbers.sequence as u16 };
        self.outputs.push_back(LegOutput::Transmit { to, datagram, sent });
    }

    /// Whether [`Self::write`] changes nothing but what is polled: no estimator is told of it.
    #[must_use]
    pub const fn writes_at_once(&self) -> bool {
        self.estimator.is_none()
    }

    /// Sends one message over a data channel; see [`super::Leg::send_message`].
    pub fn send_message(&mut self, now: Instant, id: u16, bytes: &[u8]) -> bool {
        let taken = !self.closed && self.transport.send_message(now, id, bytes);
        self.drain(now);
        taken
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if self.transport.poll_timeout().is_some_and(|at| at <= now) {
            self.transport.handle_timeout(now);
            self.drain(now);
        }
        if self.next_report.is_some_and(|at| at <= now) {
            self.next_report = Some(now + REPORT_EVERY);
            self.report(now);
        }
        self.estimate(now);
        self.flush(now);
    }

    /// When to be told the time again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        // Without a way there it can send nothing, whatever is due.
        let reached = self.srtp.is_some() && self.transport.peer().is_some();
        let estimator = self.estimator.as_ref().filter(|_| reached).and_then(|estimator| estimator.poll_timeout());
        let timers = [self.transport.poll_timeout(), self.next_report, self.receiving.poll_timeout(), estimator];
        timers.into_iter().flatten().min()
    }

    /// Sends the padding that is due, and tells the estimate when there is news of it.
    fn estimate(&mut self, now: Instant) {
        let (Some(estimator), Some(srtp), Some(to)) = (&mut self.estimator, &mut self.srtp, self.transport.peer())
        else {
            return;
        };
        estimator.handle_timeout(now);
        while let Some((at, cluster)) = estimator.poll_padding(now) {
            let ntp = Ntp::at(self.origin, now);
            let Some(padding) = self.sending.pad(ntp, srtp, estimator.next_sequence()) else {
                estimator.abandon_probes();
                break;
            };
            estimator.handle_padding(at, padding.datagram.len(), cluster);
            let sent = Sent::Padding { ssrc: padding.ssrc, sequence: padding.sequence };
            self.outputs.push_back(LegOutput::Transmit { to, datagram: padding.datagram, sent });
        }
        self.outputs.extend(estimator.poll_estimate().map(LegOutput::Estimate));
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<LegOutput> {
        if self.outputs.is_empty() && self.closed && !self.told_closed {
            self.told_closed = true;
            return Some(LegOutput::Closed);
        }
        self.outputs.pop_front()
    }

    /// Takes what the transport has to say.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.transport.poll_output() {
            match output {
                Output::Datagram { to, bytes } => {
                    self.outputs.push_back(LegOutput::Transmit { to, datagram: bytes.into(), sent: Sent::Control });
                }
                Output::Event(Event::Keys(session)) => {
                    let first = self.srtp.replace(session).is_none();
                    if first {
                        self.next_report = Some(now + FIRST_REPORT);
                        self.outputs.push_back(LegOutput::Connected);
                    }
                }
                Output::Event(Event::Failed(..) | Event::Closed) => self.closed = true,
                Output::Event(Event::IceConnected | Event::Restarted | Event::RoundTrip(_) | Event::ChannelOpen(_)) => {
                }
            }
        }
        while let Some(Message { id, bytes }) = self.transport.poll_message() {
            self.outputs.push_back(LegOutput::Message { id, bytes });
        }
    }

    fn close(&mut self, now: Instant) {
        self.sending.farewell(&mut self.rtcp);
        self.send_rtcp();
        self.transport.close(now);
        self.drain(now);
        self.closed = true;
    }
}

/// What was negotiated, as far as it has a name here.
fn extension_map(negotiated: &BTreeMap<u8, String>) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for (&id, uri) in negotiated {
        if let Some(kind) = ExtensionKind::from_uri(uri) {
            // An id of 0, and a second one for a kind, are nobody's.
            let _ = map.set(kind, id);
        }
    }
    map
}

#[cfg(test)]
mod tests;
