//! What one packet costs in each stage that it crosses, without sockets: `cargo bench --bench packet`.
//!
//! Sending: the publication makes and writes it, SRTP seals it, the uplink carries it. Receiving: the header is read,
//! SRTP follows or opens it, the downlink carries it, the stream measures it, and feedback notes it. In the SFU: a leg
//! opens a publisher's packet and nine others write and seal it, with each kind of leg; and a room with layers beside one without
//! (`forward/layers.rs`).

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use netem::{Link, LinkConfig, Loss, Packet, QueueLimit};
use std::cell::RefCell;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration as Wall;
use throng::clock::{Duration, Instant};
use throng::conference::{Codec, Feedback};
use throng::media::scalability::Scalability;
use throng::media::source::{FrameModel, MediaPlan, RateControl, Source, VideoSource};
use throng::media::{Encoder, Frame, Identity};
use throng::metrics::Recorder;
use throng::metrics::catalog::Metric;
use throng::metrics::labels::{Key, RunPhase};
use throng::participant::cache::Written;
use throng::participant::offer::offer;
use throng::participant::subscriber::{Arrived, Expect, Opening, Stream};
use throng::participant::{Outgoing, Publication};
use throng::qos::integrity::Origin;
use throng::rtp::header::{Header, View};
use throng::rtp::ntp::Ntp;
use throng::rtp::srtp::Session;
use throng::rtp::twcc::FeedbackBuilder;
use throng::seed::Seed;
use throng::sfu::leg::{self, Leg, LegOutput, Maker, Sent};
use throng::transport::{self, End};
use throng::units::Bitrate;

#[path = "forward/layers.rs"]
mod layers;
#[path = "../fuzz/src/video.rs"]
mod video;

/// Keying material of AES-128-GCM, AES-256-GCM and AES-CM-SHA1-80.
const PROFILES: [(&str, usize); 3] = [("aes_128_gcm", 56), ("aes_256_gcm", 88), ("aes_128_cm_sha1_80", 60)];
/// Bytes of a video packet's plain payload.
const PAYLOAD: usize = 1_100;
const TAG: usize = 16;

fn session(material: usize, active: bool) -> Session {
    let bytes: Vec<u8> = (0..material).map(|index| index as u8).collect();
    Session::from_keying_material(&bytes, active).expect("a known length")
}

/// A plain packet: a header without extensions, and a payload.
fn plain(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 7]);
    packet.resize(packet.len() + PAYLOAD, 0xA5);
    packet
}

fn srtp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("srtp");
    group.throughput(Throughput::Elements(1));
    for (name, material) in PROFILES {
        let mut tx = session(material, true).tx;
        let (mut sequence, template) = (0_u64, plain(0));
        let mut buffer = Vec::with_capacity(2_048);
        group.bench_function(format!("seal/{name}"), |bencher| {
            bencher.iter(|| {
                sequence += 1;
                buffer.clear();
                buffer.extend_from_slice(&template);
                buffer[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
                tx.seal_rtp(&mut buffer, sequence);
                black_box(buffer.len())
            });
        });
        let (mut tx, mut rx) = (session(material, true).tx, session(material, false).rx);
        let mut sequence = 0_u64;
        group.bench_function(format!("open/{name}"), |bencher| {
            let next = || {
                sequence += 1;
                let mut packet = plain(sequence as u16);
                tx.seal_rtp(&mut packet, sequence);
                packet
            };
            bencher.iter_batched_ref(next, |packet| rx.open_rtp(packet).expect("ours"), BatchSize::SmallInput);
        });
    }
    let (mut tx, mut rx) = (session(56, true).tx, session(56, false).rx);
    let mut first = plain(0);
    tx.seal_rtp(&mut first, 0);
    rx.open_rtp(&mut first).expect("ours");
    let (mut sequence, packet) = (0_u16, plain(0));
    group.bench_function("read the header and follow", |bencher| {
        bencher.iter(|| {
            sequence = sequence.wrapping_add(1);
            let view = View::parse(black_box(&packet)).expect("RTP");
            rx.skip_rtp(view.ssrc(), sequence)
        });
    });
    group.finish();
}

fn camera() -> MediaPlan {
    let source = VideoSource {
        width: 1280,
        height: 720,
        fps: 25.0,
        keyframe_interval: None,
        frames: FrameModel { noise: 0.15, key_ratio: 6.0 },
        rate_control: RateControl::Fixed,
        scalability: Scalability::NONE,
        flexible: false,
        dependency_descriptor: false,
        layers: Vec::new(),
        silent: false,
    };
    let source = Source::Video(source);
    MediaPlan {
        name: "cam".into(),
        codec: Codec::Vp8,
        bitrate: Bitrate::from_kbps(2_500),
        sending: Default::default(),
        source,
    }
}

/// A publication, and the clock that it is told.
struct Sending {
    publication: Publication,
    now: Instant,
    frame: Frame,
    packets: Vec<Outgoing>,
    bytes: Vec<u8>,
}

impl Sending {
    fn new() -> Self {
        let (plan, seed, now) = (camera(), Seed::new(1), Instant::from_secs(1));
        let encoder = Encoder::new(&plan, Identity { publisher: 0, room: 0, media: 0 }, &seed, now);
        let publication = Publication::new(0, offer(&plan, 0, "ann", &seed), encoder, &seed, TAG, now);
        Self { publication, now, frame: Frame::default(), packets: Vec::new(), bytes: Vec::new() }
    }

    /// Makes and writes the frames of a second; returns their packets.
    fn second(&mut self) -> usize {
        self.now += Duration::from_secs(1);
        self.packets.clear();
        self.publication.produce(self.now, &mut self.frame, &mut self.packets, |_| ());
        self.bytes.clear();
        let ntp = Ntp::from_unix_nanos(self.now.as_nanos());
        for packet in &self.packets {
            let written = Written { ntp, left: self.now, transport_sequence: Some(packet.sequence as u16) };
            self.publication.write(packet, written, &mut self.bytes);
        }
        self.packets.len()
    }
}

fn publication(criterion: &mut Criterion) {
    let mut sending = Sending::new();
    let packets = (0..20).map(|_| sending.second() as u64).sum::<u64>() / 20;
    let mut group = criterion.benchmark_group("publication");
    group.throughput(Throughput::Elements(packets));
    group.bench_function("make and write a second of VP8 at 2.5 Mbit/s", |bencher| {
        bencher.iter(|| black_box(sending.second()));
    });
    group.finish();
}

#[derive(Clone)]
struct Datagram(usize);

impl Packet for Datagram {
    fn wire_size(&self) -> usize {
        self.0
    }
}

fn link(criterion: &mut Criterion) {
    let home = LinkConfig {
        rate: Some(20_000_000),
        queue: QueueLimit::Time(Duration::from_millis(300)),
        loss: Loss::Gilbert { mean: 0.01, burst: 2.0 },
        delay: Duration::from_millis(20),
        ..LinkConfig::default()
    };
    let mut link = Link::new(home, Seed::new(1).child("link"));
    let mut now = Instant::ZERO;
    let mut group = criterion.benchmark_group("netem");
    group.throughput(Throughput::Elements(1));
    group.bench_function("queue, serialiser, Gilbert loss and delay", |bencher| {
        bencher.iter(|| {
            now += Duration::from_micros(600);
            link.handle_packet(now, Datagram(PAYLOAD));
            link.handle_timeout(now);
            while let Some(delivery) = link.poll_output() {
                black_box(delivery.at);
            }
        });
    });
    group.finish();
}

fn key() -> Key {
    Key { population: Some(0), network: Some(0), media: Some(0), phase: RunPhase::Steady, spell: None, rejoin: false }
}

fn stream(criterion: &mut Criterion) {
    let expect = Expect {
        origin: Origin { room: 0, publisher: Some(0), media: Some(0) },
        codec: Codec::Vp8,
        feedback: Feedback { nack: true, pli: true, ..Feedback::default() },
        key: key(),
        intended_arrival: None,
        subscribed: Instant::ZERO,
        requested: None,
        first_frame: Duration::from_secs(5),
        layers: 1,
        one_stream: false,
        opening: Opening::default(),
    };
    let mut stream = Stream::new(expect, 7, None);
    let mut feedback = FeedbackBuilder::new();
    let (mut number, mut told) = (0_u32, Vec::new());
    let mut group = criterion.benchmark_group("receive");
    group.throughput(Throughput::Elements(1));
    group.bench_function("measure a packet, four a frame, none opened", |bencher| {
        bencher.iter(|| {
            number += 1;
            let now = Instant::from_secs(1) + Duration::from_millis(9) * number;
            let (sequence, frame) = (number as u16, number / 4);
            let (rtp_time, marker) = (frame.wrapping_mul(3_240), number % 4 == 3);
            let header = Header { marker, payload_type: 96, sequence, rtp_time, ssrc: 7 };
            black_box(stream.wants_payload(&header, false, false));
            let arrived = Arrived {
                received: now,
                entered: now,
                sequence,
                rtp_time,
                marker,
                payload: None,
                payload_bytes: PAYLOAD,
                wire_bytes: PAYLOAD + 28,
                descriptor: None,
                red: false,
                rtx: false,
            };
            stream.handle_packet(now, &arrived);
            while let Some(output) = stream.poll_output() {
                black_box(output);
            }
        });
    });
    group.bench_function("note an arrival, feedback every 16 packets", |bencher| {
        bencher.iter(|| {
            number += 1;
            feedback.record(number as u16, Instant::from_millis(u64::from(number)));
            if number.is_multiple_of(16) {
                told.clear();
                black_box(feedback.build(&mut told, 1, 7));
            }
        });
    });
    group.finish();
}

/// Subscribers of the one publisher.
const SUBSCRIBERS: usize = 9;

/// A participant and the SFU's leg to it, connected.
struct Joined {
    address: SocketAddr,
    leg: Leg,
    session: Session,
}

/// Lets a participant connect to a leg of this maker, without a network.
fn join(maker: &mut Maker, transports: &transport::Factory, number: u16) -> Joined {
    let address = SocketAddr::from(([127, 0, 0, 1], 10_000 + number));
    let server = SocketAddr::from(([127, 0, 0, 1], 9));
    let mut now = Instant::from_millis(1);
    let mut transport = transports.transport(now, address, End::Participant, number.into()).expect("a host");
    let setup = video::setup(transport.local_parameters());
    let (mut leg, ours) = maker.open(now, &setup).expect("it opens");
    transport.connect(now, &ours, true, |_| true).expect("it begins");
    let (mut session, mut connected) = (None, false);
    while session.is_none() || !connected {
        now += Duration::from_millis(1);
        assert!(now < Instant::from_secs(5), "they do not connect");
        transport.handle_timeout(now);
        leg.handle_timeout(now);
        while let Some(output) = transport.poll_output() {
            match output {
                transport::Output::Datagram { bytes, .. } => leg.handle_datagram(now, address, &bytes),
                transport::Output::Event(transport::Event::Keys(keys)) => session = Some(*keys),
                transport::Output::Event(_) => {}
            }
        }
        while let Some(output) = leg.poll_output() {
            match output {
                LegOutput::Transmit { datagram, .. } => transport.handle_datagram(now, server, &datagram.into_whole()),
                LegOutput::Connected => connected = true,
                _ => {}
            }
        }
    }
    Joined { address, leg, session: session.expect("it has keys") }
}

/// A publisher, nine subscribers, and the SFU's time.
struct Forwarding {
    publisher: Joined,
    subscribers: Vec<Joined>,
    now: Instant,
    sequence: u64,
}

impl Forwarding {
    fn new(maker: &mut Maker, transports: &transport::Factory) -> Self {
        let mut publisher = join(maker, transports, 0);
        let now = Instant::from_secs(5);
        publisher.leg.handle_command(now, video::published());
        let mut subscribe = |number| {
            let mut joined = join(maker, transports, number);
            joined.leg.handle_command(now, video::sent_on());
            joined
        };
        let subscribers = (1..=SUBSCRIBERS as u16).map(&mut subscribe).collect();
        Self { publisher, subscribers, now, sequence: 1 }
    }

    fn next(&mut self) -> Vec<u8> {
        self.sequence += 1;
        let mut packet = plain(self.sequence as u16);
        packet[11] = 1;
        self.publisher.session.tx.seal_rtp(&mut packet, self.sequence);
        packet
    }

    /// Forwards a packet to everybody; how many datagrams came of it.
    fn forward(&mut self, datagram: &[u8]) -> usize {
        self.now += Duration::from_micros(1);
        let (now, mut sent) = (self.now, 0);
        self.publisher.leg.handle_datagram(now, self.publisher.address, datagram);
        while let Some(output) = self.publisher.leg.poll_output() {
            let LegOutput::Packet(packet) = output else { continue };
            for joined in &mut self.subscribers {
                joined.leg.write(now, video::STREAM, packet.under(packet.sequence), &packet);
                joined.leg.handle_timeout(now);
                while let Some(output) = joined.leg.poll_output() {
                    sent += usize::from(matches!(output, LegOutput::Transmit { sent: Sent::Media { .. }, .. }));
                }
            }
        }
        sent
    }
}

fn forward(criterion: &mut Criterion) {
    #[allow(clippy::disallowed_methods, reason = "any instant would do; there is no other way to make one")]
    let epoch = std::time::Instant::now();
    let server = SocketAddr::from(([127, 0, 0, 1], 9));
    let real = transport::Factory::new(epoch).expect("DTLS can be set up");
    let own = |transports: &transport::Factory| {
        Maker::Own(leg::own::Maker::new(transports.clone(), server, server, Ntp::from_unix_nanos(0), 1 << 63))
    };
    let str0m = Maker::Str0m(leg::str0m::Maker::new(epoch, server, server).expect("DTLS can be set up"));
    let modelled = transport::Factory::Modelled;
    let makers = [("str0m", str0m, &real), ("own", own(&real), &real), ("own, modelled", own(&modelled), &modelled)];
    let mut group = criterion.benchmark_group("forward");
    group.throughput(Throughput::Elements(SUBSCRIBERS as u64));
    for (name, mut maker, transports) in makers {
        let forwarding = RefCell::new(Forwarding::new(&mut maker, transports));
        let datagram = forwarding.borrow_mut().next();
        assert_eq!(forwarding.borrow_mut().forward(&datagram), SUBSCRIBERS);
        group.bench_function(name, |bencher| {
            let next = || forwarding.borrow_mut().next();
            let forward = |datagram: &mut Vec<u8>| black_box(forwarding.borrow_mut().forward(datagram));
            bencher.iter_batched_ref(next, forward, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn recorder(criterion: &mut Criterion) {
    let mut recorder = Recorder::new(2, 2, 2, Duration::from_secs(1));
    let (key, mut value) = (key(), 0.0);
    let mut group = criterion.benchmark_group("recorder");
    group.throughput(Throughput::Elements(1));
    group.bench_function("record a sample", |bencher| {
        bencher.iter(|| {
            value = (value + 0.000_123) % 0.4;
            recorder.record(Metric::RtpJitter, key, value);
        });
    });
    group.bench_function("count", |bencher| {
        bencher.iter(|| recorder.count(Metric::RtpPacketsReceived, key, 1));
    });
    group.finish();
}

criterion_group! {
    name = packet;
    config = Criterion::default().warm_up_time(Wall::from_millis(500)).measurement_time(Wall::from_secs(2)).without_plots();
    targets = srtp, publication, link, stream, forward, layers::forward_layers, recorder
}
criterion_main!(packet);
