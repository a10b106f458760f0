//! What a delivery costs the SFU where each subscriber has a layer of its own, beside a track in one layer: rooms, legs of
//! our own and sealing, without sockets.
//!
//! A publisher's frames come at 25 a second of a clock that is only told. Each packet has about 1,100 bytes: in one layer a
//! frame has two, in three layers one, two and four. Three of nine subscribers take each layer, and every half second one of
//! them asks for another, which it gets with the next keyframe. Counted is everything that the SFU does: opening what the
//! publisher sends (in layers a third of a packet for each delivery, otherwise a ninth), choosing, numbering, writing,
//! sealing, its own reports and feedback. Making keyframes is the publisher's work.

use criterion::{Criterion, Throughput};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration as Wall;
use throng::clock::{Duration, Instant};
use throng::conference::protocol::{LayerChoice, ServerMessage};
use throng::conference::{Codec, SendParameters, TrackName};
use throng::media::scalability::Scalability;
use throng::media::source::{FrameModel, MediaPlan, RateControl, Sending, Source, VideoSource};
use throng::media::{Encoder, Frame, Identity, LayerPlan};
use throng::participant::cache::Written;
use throng::participant::offer::offer;
use throng::participant::{Outgoing, Publication};
use throng::rtp::header::Kind;
use throng::rtp::ntp::Ntp;
use throng::rtp::srtp::Session;
use throng::seed::Seed;
use throng::sfu::leg::{self, Leg, LegOutput, Maker, Sent};
use throng::sfu::room::{
    Census, ConnectionId, Entry, Forward, Input, LegCommand, LegId, Limits, Output, Request, Rooms, RoomsConfig,
};
use throng::transport::{self, End, Transport};
use throng::units::Bitrate;

/// Subscribers of the one publisher.
const SUBSCRIBERS: usize = 9;
/// How often one of them asks for another layer.
const SWITCH_EVERY: Duration = Duration::from_millis(500);
const CHOICES: [LayerChoice; 3] = [LayerChoice::Low, LayerChoice::Mid, LayerChoice::High];
const TAG: usize = 16;
/// A frame's packet of 1,100 bytes, 25 times a second.
const PACKET_RATE: u64 = 220;
const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 9);

fn layer(rid: &str, scale: u32, packets: u64) -> LayerPlan {
    let bitrate = Bitrate::from_kbps(PACKET_RATE * packets);
    LayerPlan { rid: rid.into(), width: 1280 / scale, height: 720 / scale, bitrate, least: Bitrate::from_kbps(30) }
}

fn camera(layers: Vec<LayerPlan>) -> MediaPlan {
    let bitrate = match layers.iter().map(|layer| layer.bitrate.bps()).sum() {
        0 => Bitrate::from_kbps(PACKET_RATE * 2),
        sum => Bitrate(sum),
    };
    let source = VideoSource {
        width: 1280,
        height: 720,
        fps: 25.0,
        keyframe_interval: None,
        frames: FrameModel { noise: 0.0, key_ratio: 1.0 },
        rate_control: RateControl::Fixed,
        scalability: Scalability::NONE,
        flexible: false,
        dependency_descriptor: false,
        layers,
        silent: false,
    };
    MediaPlan {
        name: "cam".into(),
        codec: Codec::Vp8,
        bitrate,
        sending: Sending::default(),
        source: Source::Video(source),
    }
}

/// What a publisher offers, and the publications that carry it, the lowest layer first.
fn publications(plan: &MediaPlan, now: Instant) -> (SendParameters, Vec<Publication>) {
    let (seed, identity) = (Seed::new(1), Identity { publisher: 0, room: 0, media: 0 });
    let offered = offer(plan, 0, "ann", &seed);
    let new = |index: u16, parameters, encoder| Publication::new(index, parameters, encoder, &seed, TAG, now);
    if offered.layers.is_empty() {
        let encoder = Encoder::new(plan, identity, &seed, now);
        return (offered.clone(), vec![new(0, offered, encoder)]);
    }
    let each = offered.layers.iter().enumerate().map(|(index, accepted)| {
        let (ssrc, rtx_ssrc) = (accepted.ssrc, accepted.rtx_ssrc);
        let own = SendParameters { ssrc, rtx_ssrc, layers: Vec::new(), ..offered.clone() };
        let encoder = Encoder::of_layer(plan, index as u8, identity, &seed, now);
        new(index as u16, own, encoder).as_layer(&accepted.rid)
    });
    let each = each.collect();
    (offered, each)
}

/// A participant's end and the SFU's leg to it.
struct Member {
    address: SocketAddr,
    transport: Transport,
    session: Option<Box<Session>>,
    leg: Leg,
    connected: bool,
}

impl Member {
    /// Carries what both ends have to say to each other, media aside.
    fn exchange(&mut self, now: Instant) {
        let server = SocketAddr::from(SERVER);
        self.transport.handle_timeout(now);
        while let Some(output) = self.transport.poll_output() {
            match output {
                transport::Output::Datagram { bytes, .. } => self.leg.handle_datagram(now, self.address, &bytes),
                transport::Output::Event(transport::Event::Keys(keys)) => self.session = Some(keys),
                transport::Output::Event(transport::Event::Failed(cause, detail)) => panic!("{cause:?}: {detail}"),
                transport::Output::Event(_) => {}
            }
        }
        while let Some(output) = self.leg.poll_output() {
            match output {
                LegOutput::Transmit { datagram, .. }
                    if matches!(Kind::of(datagram.beginning()), Kind::Stun | Kind::Dtls) =>
                {
                    self.transport.handle_datagram(now, server, &datagram.into_whole());
                }
                LegOutput::Connected => self.connected = true,
                LegOutput::Closed => panic!("a leg was lost"),
                _ => {}
            }
        }
    }
}

/// A room with its SFU, and its publisher.
struct Hall {
    rooms: Rooms,
    maker: Maker,
    /// By leg: the publisher is the first.
    members: Vec<Member>,
    publications: Vec<Publication>,
    now: Instant,
    transport_sequence: u16,
    next_switch: Instant,
    switches: usize,
    keyframes: u64,
    /// Scratch space.
    forwards: Vec<Forward>,
    frame: Frame,
    packets: Vec<Outgoing>,
}

impl Hall {
    fn new(transports: &transport::Factory, layers: Vec<LayerPlan>) -> Self {
        let now = Instant::from_secs(5);
        let (server, layered) = (SocketAddr::from(SERVER), !layers.is_empty());
        let (offered, publications) = publications(&camera(layers), now);
        let (limits, ceiling) = (Limits::default(), Bitrate::from_kbps(10_000));
        let config = RoomsConfig { limits, ceiling, estimates: false, seed: Seed::new(7) };
        let mut hall = Self {
            rooms: Rooms::new(config, Arc::new(Census::default())),
            maker: Maker::Own(leg::own::Maker::new(
                transports.clone(),
                server,
                server,
                Ntp::from_unix_nanos(0),
                1 << 63,
            )),
            members: Vec::new(),
            publications,
            now,
            transport_sequence: 0,
            next_switch: if layered { now + Duration::from_secs(2) } else { Instant::MAX },
            switches: 0,
            keyframes: 0,
            forwards: Vec::new(),
            frame: Frame::default(),
            packets: Vec::new(),
        };
        hall.enter(transports, 0, "ann", vec![offered]);
        for number in 1..=SUBSCRIBERS {
            hall.enter(transports, number, &format!("taker-{number}"), Vec::new());
            hall.ask(number, Request::Subscribe(vec![Self::track()]));
            if layered {
                hall.ask(number, Request::Layer { track: Self::track(), layer: CHOICES[number % CHOICES.len()] });
            }
        }
        hall
    }

    fn track() -> TrackName {
        TrackName { participant: "ann".into(), media: "cam".into() }
    }

    /// Lets somebody in, and waits until it is connected.
    fn enter(&mut self, transports: &transport::Factory, number: usize, name: &str, publish: Vec<SendParameters>) {
        let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + number as u16));
        let mut transport = transports.transport(self.now, address, End::Participant, number as u64).expect("a host");
        let (room, participant) = ("red".to_owned(), name.to_owned());
        let entry = Entry { room, participant, transport: transport.local_parameters(), publish };
        let request = Request::Enter(Box::new(entry));
        self.rooms.handle_input(self.now, Input::Request { connection: ConnectionId(number as u64), request });
        let Some(Output::Leg { leg, command: LegCommand::Open(setup) }) = self.rooms.poll_output() else {
            panic!("who enters has a leg");
        };
        assert_eq!(leg.index(), self.members.len(), "legs are dense");
        let (opened, ours) = self.maker.open(self.now, &setup).expect("it opens");
        transport.connect(self.now, &ours, true, |_| true).expect("it begins");
        self.members.push(Member { address, transport, session: None, leg: opened, connected: false });
        self.rooms.handle_input(self.now, Input::LegOpened { leg, transport: ours });
        self.obey();
        let patience = self.now + Duration::from_secs(5);
        let index = leg.index();
        while !self.members[index].connected || self.members[index].session.is_none() {
            assert!(self.now < patience, "{name} does not connect");
            self.now += Duration::from_millis(1);
            self.members[index].leg.handle_timeout(self.now);
            self.members[index].exchange(self.now);
        }
        self.rooms.handle_input(self.now, Input::LegConnected(leg));
        self.obey();
    }

    fn ask(&mut self, number: usize, request: Request) {
        let connection = ConnectionId(number as u64);
        self.rooms.handle_input(self.now, Input::Request { connection, request });
        self.obey();
    }

    /// Carries out what the rooms want of the legs.
    fn obey(&mut self) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Leg { leg, command } => {
                    if let LegCommand::Keyframe { layer, .. } = command {
                        self.keyframes += 1;
                        self.publications[usize::from(layer)].request_keyframe(self.now);
                    }
                    self.members[leg.index()].leg.handle_command(self.now, command);
                }
                Output::Tell { message: ServerMessage::Refused { detail, .. }, .. } => panic!("refused: {detail}"),
                _ => {}
            }
        }
    }

    /// The publisher's datagrams of the next instant at which one is due; transports say what they have to say.
    fn next(&mut self) -> Vec<Vec<u8>> {
        self.now = self.publications.iter().filter_map(Publication::frame_due).min().expect("it films").max(self.now);
        for member in &mut self.members {
            if member.transport.poll_timeout().is_some_and(|at| at <= self.now) {
                member.exchange(self.now);
            }
        }
        let mut datagrams = Vec::new();
        let ntp = Ntp::at(Ntp::from_unix_nanos(0), self.now);
        let session = self.members[0].session.as_mut().expect("connected");
        for publication in &mut self.publications {
            self.packets.clear();
            publication.produce(self.now, &mut self.frame, &mut self.packets, |_| ());
            for packet in &self.packets {
                self.transport_sequence = self.transport_sequence.wrapping_add(1);
                let written = Written { ntp, left: self.now, transport_sequence: Some(self.transport_sequence) };
                let mut datagram = Vec::with_capacity(1_500);
                publication.write(packet, written, &mut datagram);
                session.tx.seal_rtp(&mut datagram, packet.sequence);
                datagrams.push(datagram);
            }
        }
        datagrams
    }

    /// Everything that the SFU does with them; how many packets it sent, and to whom.
    fn forward(&mut self, datagrams: &[Vec<u8>], to: &mut BTreeMap<usize, u64>) -> u64 {
        let now = self.now;
        if self.next_switch <= now {
            self.next_switch += SWITCH_EVERY;
            self.switches += 1;
            // In turn, and each time that it is somebody's turn the next layer.
            let (number, turn) = (1 + self.switches % SUBSCRIBERS, self.switches / SUBSCRIBERS);
            let layer = CHOICES[(number + turn) % CHOICES.len()];
            self.ask(number, Request::Layer { track: Self::track(), layer });
        }
        if self.rooms.poll_timeout().is_some_and(|at| at <= now) {
            self.rooms.handle_timeout(now);
            self.obey();
        }
        let mut sent = 0;
        for datagram in datagrams {
            let address = self.members[0].address;
            self.members[0].leg.handle_datagram(now, address, datagram);
            while let Some(output) = self.members[0].leg.poll_output() {
                let LegOutput::Packet(packet) = output else { continue };
                self.forwards.clear();
                self.rooms.forward(&packet.offered(), &mut self.forwards);
                for &Forward { leg, stream, numbers } in &self.forwards {
                    let leg = &mut self.members[leg.index()].leg;
                    leg.write(now, stream, numbers, &packet);
                    leg.handle_timeout(now);
                }
                for forward in &self.forwards {
                    let count = drain(&mut self.members, forward.leg);
                    *to.entry(forward.leg.index()).or_default() += count;
                    sent += count;
                }
            }
        }
        sent
    }
}

/// Packets of media that a leg sends.
fn drain(members: &mut [Member], leg: LegId) -> u64 {
    let mut sent = 0;
    while let Some(output) = members[leg.index()].leg.poll_output() {
        sent += u64::from(matches!(output, LegOutput::Transmit { sent: Sent::Media { .. }, .. }));
    }
    sent
}

/// One layer and three, one after the other.
pub fn forward_layers(criterion: &mut Criterion) {
    #[allow(clippy::disallowed_methods, reason = "any instant would do; there is no other way to make one")]
    let epoch = std::time::Instant::now();
    let transports = transport::Factory::new(epoch).expect("DTLS can be set up");
    let three = vec![layer("q", 4, 1), layer("h", 2, 2), layer("f", 1, 4)];
    let mut group = criterion.benchmark_group("forward");
    group.throughput(Throughput::Elements(1));
    for (name, layers) in [("own, a delivery, one layer", Vec::new()), ("own, a delivery, three layers", three)] {
        let layered = !layers.is_empty();
        let mut hall = Hall::new(&transports, layers);
        let mut to = BTreeMap::new();
        for _ in 0..250 {
            let datagrams = hall.next();
            hall.forward(&datagrams, &mut to);
        }
        assert_eq!(to.len(), SUBSCRIBERS, "everybody gets pictures: {to:?}");
        assert!(hall.keyframes >= if layered { 10 } else { 1 }, "a switch takes a keyframe: {}", hall.keyframes);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|deliveries| {
                let (mut took, mut done) = (Wall::ZERO, 0);
                while done < deliveries {
                    let datagrams = hall.next();
                    #[allow(clippy::disallowed_methods, reason = "a bench owns its clock")]
                    let begun = std::time::Instant::now();
                    done += hall.forward(&datagrams, &mut to);
                    took += begun.elapsed();
                }
                took.mul_f64(deliveries as f64 / done as f64)
            });
        });
    }
    group.finish();
}
