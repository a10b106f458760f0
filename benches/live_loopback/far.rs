//! The far side of the product's rounds: a stand-in for the SFU that answers joins, drains what is sent and blasts what
//! is to be received.
//!
//! It speaks the room protocol by hand, does real ICE and DTLS with throng's own transport, and forwards what a few
//! publications make to everybody in their room, each sealed under its own keys. It runs on the core that is not
//! measured.

mod feedback;

use super::variant::Variant;
use feedback::Told;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use throng::clock::{Duration, Instant};
use throng::conference::protocol::{ClientMessage, RosterEntry, RosterTrack, ServerMessage};
use throng::conference::{ReceiveParameters, SendParameters, Setup, TrackName, TransportParameters};
use throng::drive::carry::{ByHand, Reply, Ticket};
use throng::drive::live::clock::{RunClock, WallPair};
use throng::drive::live::socket::{MediaSocket, RecvScratch};
use throng::media::{Encoder, Frame, Identity};
use throng::participant::cache::Written;
use throng::participant::{Outgoing, Publication};
use throng::plan::Plan;
use throng::rtp::header::{Kind, View};
use throng::rtp::ntp::Ntp;
use throng::rtp::rtcp::{self, Packet};
use throng::rtp::srtp;
use throng::signalling::{Carried, Carry};
use throng::transport::secure::Factory;
use throng::transport::{Event, Output, Secure};

/// Our own SSRC.
const OWN: u32 = 7;
/// How often each publisher is told what arrived, and how many of these reports miss a packet.
const REPORT_EVERY: Duration = Duration::from_millis(100);
const NACK_ONE_OF: u64 = 10;
/// Overhead of AES-GCM, whichever key length DTLS chose.
const TAG: usize = 16;

/// One participant, as the far side knows it.
struct Peer {
    address: SocketAddr,
    room: u32,
    transport: Secure,
    srtp: Option<Box<srtp::Session>>,
    transport_sequence: u16,
    /// What it sends: stream and newest sequence number of its video.
    newest: Option<(u32, u16)>,
    next_report: Instant,
    /// What its congestion controller is told.
    told: Option<Told>,
}

/// A publication that everybody in a room receives.
struct Source {
    room: u32,
    parameters: SendParameters,
    publication: Publication,
}

/// The stand-in.
pub struct Far<'a> {
    wall: WallPair,
    factory: &'a Factory,
    plan: &'a Plan,
    /// One a room: while one overflows, the handshakes of the others go on.
    sockets: Vec<MediaSocket>,
    scratch: RecvScratch,
    orders: ByHand,
    peers: Vec<Peer>,
    /// Peers by their port, and by ticket.
    by_port: Vec<u32>,
    by_ticket: BTreeMap<Ticket, usize>,
    /// Whether anything is sent to those who joined.
    blasts: bool,
    variant: Variant,
    sources: Vec<Source>,
    frame: Frame,
    outgoing: Vec<Outgoing>,
    bytes: Vec<u8>,
    reports: u64,
    /// RTP packets that came, and that were sent.
    pub received: u64,
    pub sent: u64,
    /// A participant was lost: whoever is measured did not answer in time.
    pub failed: Option<String>,
}

impl<'a> Far<'a> {
    pub fn new(
        clock: RunClock,
        factory: &'a Factory,
        plan: &'a Plan,
        orders: ByHand,
        blasts: bool,
        variant: Variant,
    ) -> Self {
        Self {
            wall: WallPair::new(clock),
            factory,
            plan,
            sockets: plan
                .rooms
                .iter()
                .map(|_| MediaSocket::bind(Ipv4Addr::LOCALHOST, 8 << 20).expect("a socket"))
                .collect(),
            scratch: RecvScratch::new(),
            orders,
            peers: Vec::new(),
            by_port: vec![u32::MAX; 1 << 16],
            by_ticket: BTreeMap::new(),
            blasts,
            variant,
            sources: Vec::new(),
            frame: Frame::default(),
            outgoing: Vec::new(),
            bytes: Vec::new(),
            reports: 0,
            received: 0,
            sent: 0,
            failed: None,
        }
    }

    /// Everything that is due.
    pub fn tick(&mut self) {
        let now = self.wall.renew();
        while let Some((ticket, carry, reply)) = self.orders.try_next() {
            self.answer(now, ticket, carry, &reply);
        }
        (0..self.sockets.len()).for_each(|socket| self.receive(now, socket));
        for index in 0..self.peers.len() {
            if self.peers[index].transport.poll_timeout().is_some_and(|at| at <= now) {
                self.peers[index].transport.handle_timeout(now);
                self.drain(index);
            }
            self.report(now, index);
            self.tell(now, index);
        }
        self.blast(now);
    }

    fn answer(&mut self, now: Instant, ticket: Ticket, carry: Carry, reply: &Reply) {
        let text = match carry {
            Carry::Open { .. } => {
                let _ = reply.send((ticket, Carried::Opened));
                return;
            }
            Carry::Text(text) => text,
            Carry::Close | Carry::Abort | Carry::Request(_) => return,
        };
        let message = match serde_json::from_str(&text).expect("throng speaks the protocol") {
            ClientMessage::Join { participant, transport, publish, .. } => {
                let told = self.variant.gcc.then(|| Told::new(now, &publish)).flatten();
                self.join(now, ticket, &participant, &transport, told)
            }
            ClientMessage::Subscribe { tracks } => {
                let room = self.peers[self.by_ticket[&ticket]].room;
                let streams = self.sources.iter().filter(|source| source.room == room);
                let streams = streams.map(|source| receive(&source.parameters));
                let wanted = streams.filter(|stream| stream.track.as_ref().is_some_and(|track| tracks.contains(track)));
                ServerMessage::Subscribed { streams: wanted.collect() }
            }
            _ => return,
        };
        let text = serde_json::to_string(&message).expect("serialises");
        let _ = reply.send((ticket, Carried::Text(text)));
    }

    fn join(
        &mut self,
        now: Instant,
        ticket: Ticket,
        name: &str,
        theirs: &TransportParameters,
        told: Option<Told>,
    ) -> ServerMessage {
        let plan = self.plan.participants.iter().find(|plan| plan.name == name).expect("of the plan");
        let mut transport =
            Secure::new(self.factory, now, self.sockets[plan.room as usize].local()).expect("a transport");
        let ours = TransportParameters { setup: Setup::Passive, ..transport.local_parameters() };
        // The participant begins the handshake, as it does with the reference SFU.
        let theirs = TransportParameters { setup: Setup::Active, ..theirs.clone() };
        transport.connect(now, &theirs, false, |_| true).expect("it connects");
        let words: Vec<&str> = theirs.candidates[0].split(' ').collect();
        let address: SocketAddr = format!("{}:{}", words[4], words[5]).parse().expect("an address");
        let index = self.peers.len();
        self.by_port[usize::from(address.port())] = index as u32;
        self.by_ticket.insert(ticket, index);
        self.add_sources(now, plan.room);
        let next_report = now + REPORT_EVERY * (index as u32 % 100) / 100;
        self.peers.push(Peer {
            address,
            room: plan.room,
            transport,
            srtp: None,
            transport_sequence: 0,
            newest: None,
            next_report,
            told,
        });
        self.drain(index);
        ServerMessage::Joined { transport: ours, roster: self.roster(plan.room, name) }
    }

    /// Begins what the speakers of a room publish, each room a little after the one before it.
    fn add_sources(&mut self, now: Instant, room: u32) {
        if !self.blasts || self.sources.iter().any(|source| source.room == room) {
            return;
        }
        let (frame, rooms) = (Duration::from_nanos(1_000_000_000 * 2 / 55), self.plan.rooms.len() as u32);
        let start = now + frame * room / rooms;
        for &speaker in &self.plan.rooms[room as usize].participants {
            let speaker = &self.plan.participants[speaker as usize];
            // Who joins by itself publishes by itself.
            if self.plan.populations[usize::from(speaker.population)].name != "speakers" {
                continue;
            }
            for (position, &media) in speaker.publish.iter().enumerate() {
                let plan = &self.plan.media[usize::from(media)];
                let mut offered = throng::participant::offer::offer(plan, position, &speaker.name, &speaker.seed);
                let identity = Identity { publisher: speaker.index, room, media };
                // Of several layers everybody gets the largest.
                let encoder = match offered.layers.pop() {
                    Some(top) => {
                        (offered.ssrc, offered.rtx_ssrc) = (top.ssrc, top.rtx_ssrc);
                        let layer = std::mem::take(&mut offered.layers).len() as u8;
                        Encoder::of_layer(plan, layer, identity, &speaker.seed, start)
                    }
                    None => Encoder::new(plan, identity, &speaker.seed, start),
                };
                let publication =
                    Publication::new(position as u16, offered.clone(), encoder, &speaker.seed, TAG, start);
                self.sources.push(Source { room, parameters: offered, publication });
            }
        }
    }

    fn roster(&self, room: u32, me: &str) -> Vec<RosterEntry> {
        let mut entries: BTreeMap<String, Vec<RosterTrack>> = BTreeMap::new();
        for source in self.sources.iter().filter(|source| source.room == room && source.parameters.cname != me) {
            let codec = source.parameters.codec.codec;
            let media = source.parameters.media.clone();
            let track = RosterTrack { media, kind: codec.kind(), codec, muted: false };
            entries.entry(source.parameters.cname.clone()).or_default().push(track);
        }
        entries.into_iter().map(|(participant, tracks)| RosterEntry { participant, tracks }).collect()
    }

    fn receive(&mut self, now: Instant, socket: usize) {
        loop {
            let (peers, by_port, received) = (&mut self.peers, &self.by_port, &mut self.received);
            let mut asked = Vec::new();
            let mut told = Vec::new();
            let batch = self.sockets[socket].receive(&mut self.scratch, &self.wall, |received_at, source, bytes| {
                let index = by_port[usize::from(source.port())] as usize;
                let Some(peer) = peers.get_mut(index) else { return };
                match Kind::of(bytes) {
                    Kind::Stun | Kind::Dtls => {
                        peer.transport.handle_datagram(now, source, bytes);
                        told.push(index);
                    }
                    Kind::Rtp => {
                        *received += 1;
                        let Some(view) = View::parse(bytes) else { return };
                        if view.payload_type() == 96 {
                            peer.newest = Some((view.ssrc(), view.sequence()));
                        }
                        if let Some(told) = &mut peer.told {
                            told.note(received_at, &view);
                        }
                    }
                    Kind::Rtcp => {
                        let Some(srtp) = &mut peer.srtp else { return };
                        let Ok(compound) = srtp.rx.open_rtcp(bytes) else { return };
                        for packet in rtcp::parse(compound) {
                            match packet {
                                Packet::Nack { media, lost, .. } => {
                                    asked.extend(lost.map(|sequence| (index, media, Some(sequence))));
                                }
                                Packet::Pli { media, .. } => asked.push((index, media, None)),
                                _ => {}
                            }
                        }
                    }
                    Kind::Other => {}
                }
            });
            told.into_iter().for_each(|index| self.drain(index));
            asked.into_iter().for_each(|asked| self.repair(now, asked));
            if !batch.more {
                return;
            }
        }
    }

    /// Answers a NACK, or a PLI where no sequence number is named.
    fn repair(&mut self, now: Instant, (peer, media, sequence): (usize, u32, Option<u16>)) {
        let Some(source) = self.sources.iter_mut().find(|source| source.parameters.ssrc == media) else { return };
        let Some(sequence) = sequence else { return source.publication.request_keyframe(now) };
        if let Some(packet) = source.publication.resend(now, sequence, None) {
            let lengths = write(&mut self.peers[peer], &mut source.publication, &[packet], now, &mut self.bytes);
            self.send(peer, &lengths);
        }
    }

    fn drain(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        while let Some(output) = peer.transport.poll_output() {
            match output {
                Output::Datagram { to, bytes } => {
                    let _ = self.sockets[peer.room as usize].send_group(to, &bytes, bytes.len());
                }
                Output::Event(Event::Keys(session)) => peer.srtp = Some(session),
                Output::Event(Event::Failed(cause, detail)) => self.failed = Some(format!("{cause:?}: {detail}")),
                Output::Event(_) => {}
            }
        }
    }

    /// Tells a publisher what arrived, as an SFU does; some packets are missed.
    fn report(&mut self, now: Instant, index: usize) {
        let peer = &mut self.peers[index];
        let (Some(srtp), Some((ssrc, newest))) = (&mut peer.srtp, peer.newest) else { return };
        if peer.next_report > now {
            return;
        }
        peer.next_report += REPORT_EVERY;
        self.reports += 1;
        self.bytes.clear();
        rtcp::write_receiver_report(&mut self.bytes, OWN, &[]);
        if self.reports.is_multiple_of(NACK_ONE_OF) {
            rtcp::write_nack(&mut self.bytes, OWN, ssrc, &[newest]);
        }
        srtp.tx.seal_rtcp_at(&mut self.bytes, 0);
        let length = self.bytes.len();
        let _ = self.sockets[peer.room as usize].send_group(peer.address, &self.bytes, length);
    }

    /// Sends what the sources of each room make.
    fn blast(&mut self, now: Instant) {
        let mut outgoing = std::mem::take(&mut self.outgoing);
        for source in 0..self.sources.len() {
            outgoing.clear();
            self.sources[source].publication.produce(now, &mut self.frame, &mut outgoing, |_| ());
            if outgoing.is_empty() {
                continue;
            }
            for index in 0..self.peers.len() {
                let Source { room, publication, .. } = &mut self.sources[source];
                if self.peers[index].room == *room && self.peers[index].srtp.is_some() {
                    let lengths = write(&mut self.peers[index], publication, &outgoing, now, &mut self.bytes);
                    self.send(index, &lengths);
                }
            }
        }
        self.outgoing = outgoing;
    }

    /// Sends what was written, datagrams of one length together.
    fn send(&mut self, index: usize, lengths: &[usize]) {
        let (mut at, mut rest) = (0, lengths);
        while let Some(&length) = rest.first() {
            let alike = rest.iter().take_while(|other| **other == length).count();
            let Peer { address: to, room, .. } = self.peers[index];
            let sent = self.sockets[room as usize].send_group(to, &self.bytes[at..at + alike * length], length);
            self.sent += u64::from(sent.datagrams);
            at += alike * length;
            rest = &rest[alike..];
        }
    }
}

/// Writes and seals packets for one peer; returns their lengths.
fn write(
    peer: &mut Peer,
    publication: &mut Publication,
    packets: &[Outgoing],
    now: Instant,
    out: &mut Vec<u8>,
) -> Vec<usize> {
    let srtp = peer.srtp.as_mut().expect("media needs keys");
    out.clear();
    let mut lengths = Vec::with_capacity(packets.len());
    for packet in packets {
        let start = out.len();
        peer.transport_sequence = peer.transport_sequence.wrapping_add(1);
        let transport_sequence = Some(peer.transport_sequence);
        let written = Written { ntp: Ntp::from_unix_nanos(now.as_nanos()), left: now, transport_sequence };
        publication.write(packet, written, out);
        srtp.tx.seal_rtp_at(out, start, packet.sequence);
        lengths.push(out.len() - start);
    }
    lengths
}

fn receive(sent: &SendParameters) -> ReceiveParameters {
    ReceiveParameters {
        track: Some(TrackName { participant: sent.cname.clone(), media: sent.media.clone() }),
        kind: sent.codec.codec.kind(),
        mid: Some(sent.mid.clone()),
        codecs: vec![sent.codec.clone()],
        ssrc: Some(sent.ssrc),
        rtx_ssrc: sent.rtx_ssrc,
        extensions: sent.extensions.clone(),
    }
}
