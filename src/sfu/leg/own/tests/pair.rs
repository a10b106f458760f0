//! A publisher and a subscriber, each a raw transport with keys, over a path in memory, and their legs between them.

use super::*;

/// How long a datagram takes, either way.
pub const DELAY: Duration = Duration::from_millis(20);
pub const TRACK: TrackId = TrackId(3);
pub const STREAM: StreamId = StreamId(1);
/// The subscriber's stream and its retransmissions.
pub const SSRC: u32 = 0xABCD_0001;
pub const RTX_SSRC: u32 = 0xABCD_0002;

/// An RTP packet that a participant opened.
#[derive(Clone, PartialEq, Debug)]
pub struct Heard {
    pub at: Instant,
    pub header: Header,
    pub payload: Vec<u8>,
    pub mid: Option<String>,
    pub level: Option<AudioLevel>,
    pub captured: Option<AbsCaptureTime>,
    pub send_time: Option<AbsSendTime>,
}

type Loses = fn(&[u8]) -> bool;

/// One participant and the SFU's leg to it.
pub struct Peer {
    pub transport: Transport,
    pub srtp: Option<Session>,
    pub leg: Leg,
    pub address: SocketAddr,
    pub up: VecDeque<(Instant, Vec<u8>)>,
    pub down: VecDeque<(Instant, Vec<u8>)>,
    pub lost_up: Loses,
    pub lost_down: Loses,
    pub heard: Vec<Heard>,
    /// Plain compounds, and when they came.
    pub told: Vec<(Instant, Vec<u8>)>,
    pub sent: Vec<Sent>,
    pub sent_to: Vec<SocketAddr>,
    pub outputs: Vec<String>,
    pub packets: Vec<Arc<Packet>>,
    pub estimates: Vec<(Instant, Bitrate)>,
    /// What arrived, where it is told; and when it is told next.
    pub feedback: Option<(FeedbackBuilder, Instant)>,
    /// Bit/s that the way down carries, and until when it is busy.
    pub down_rate: Option<u64>,
    down_free: Instant,
    extensions: ExtensionMap,
}

pub struct Pair {
    pub now: Instant,
    pub publisher: Peer,
    pub subscriber: Peer,
    pub origin: Ntp,
    /// The subscriber's first sequence number, and the publisher's that became it.
    pub first: u64,
    pub base: Option<u64>,
}

pub fn server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9_000))
}

pub fn origin() -> Ntp {
    Ntp::from_unix_nanos(1_790_000_000_000_000_000)
}

pub fn factories() -> [Factory; 2] {
    #[allow(clippy::disallowed_methods, reason = "any instant would do; there is no other way to make one")]
    let epoch = std::time::Instant::now();
    [Factory::Modelled, Factory::new(epoch).expect("DTLS can be set up")]
}

/// Every extension of the house under an id of its own.
pub fn extensions() -> BTreeMap<u8, String> {
    let kinds = [
        ExtensionKind::AudioLevel,
        ExtensionKind::AbsSendTime,
        ExtensionKind::TransportSequence,
        ExtensionKind::Mid,
        ExtensionKind::AbsCaptureTime,
    ];
    (1..).zip(kinds).map(|(id, kind)| (id, kind.uri().to_owned())).collect()
}

pub fn vp8() -> CodecParameters {
    numbering::codec_parameters(Codec::Vp8)
}

/// What the publisher sends; without a source of its own where `ssrc` is 0.
pub fn published(ssrc: u32) -> SendParameters {
    SendParameters {
        media: "cam".into(),
        mid: "0".into(),
        codec: vp8(),
        ssrc,
        rtx_ssrc: (ssrc != 0).then_some(ssrc + 1),
        cname: "ann".into(),
        extensions: extensions(),
        layers: Vec::new(),
    }
}

pub fn received() -> ReceiveParameters {
    ReceiveParameters {
        track: Some(TrackName { participant: "ann".into(), media: "cam".into() }),
        kind: MediaKind::Video,
        mid: Some("sfu1".into()),
        codecs: vec![vp8()],
        ssrc: Some(SSRC),
        rtx_ssrc: Some(RTX_SSRC),
        extensions: extensions().into_iter().filter(|(id, _)| *id != 3).collect(),
    }
}

impl Peer {
    fn new(factory: &Factory, maker: &mut Maker, number: u16, estimates: bool) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 5_000 + number));
        let now = Instant::ZERO;
        let mut transport = factory.transport(now, address, End::Participant, number.into()).expect("a host");
        let setup = LegSetup {
            room: "red".into(),
            remote: transport.local_parameters(),
            codecs: vec![vp8()],
            extensions: extensions(),
            estimates,
        };
        let (leg, ours) = Leg::open(maker, now, &setup).expect("it opens");
        transport.connect(now, &ours, true, |_| true).expect("it begins");
        Self {
            transport,
            srtp: None,
            leg,
            address,
            up: VecDeque::new(),
            down: VecDeque::new(),
            lost_up: |_| false,
            lost_down: |_| false,
            heard: vec![],
            told: vec![],
            sent: vec![],
            sent_to: vec![],
            outputs: vec![],
            packets: vec![],
            estimates: vec![],
            feedback: estimates.then(|| (FeedbackBuilder::new(), Instant::ZERO)),
            down_rate: None,
            down_free: Instant::ZERO,
            extensions: extension_map(&extensions()),
        }
    }

    /// Sends plain RTP, sealed.
    pub fn send_rtp(&mut self, now: Instant, mut packet: Vec<u8>, sequence: u64) {
        self.srtp.as_mut().expect("keys").tx.seal_rtp(&mut packet, sequence);
        self.send(now, packet);
    }

    /// Sends a plain compound, sealed.
    pub fn send_rtcp(&mut self, now: Instant, mut compound: Vec<u8>) {
        self.srtp.as_mut().expect("keys").tx.seal_rtcp(&mut compound);
        self.send(now, compound);
    }

    pub fn send(&mut self, now: Instant, datagram: Vec<u8>) {
        if !(self.lost_up)(&datagram) {
            self.up.push_back((now + DELAY, datagram));
        }
    }

    /// All that it was told in RTCP, of packets that `pick` takes.
    pub fn told<T>(&self, pick: impl Fn(rtcp::Packet<'_>) -> Option<T>) -> Vec<(Instant, T)> {
        let packets =
            self.told.iter().flat_map(|(at, compound)| rtcp::parse(compound).map(move |packet| (*at, packet)));
        packets.filter_map(|(at, packet)| Some((at, pick(packet)?))).collect()
    }

    fn handle(&mut self, now: Instant, mut bytes: Vec<u8>) {
        match Kind::of(&bytes) {
            Kind::Rtp => {
                let opened = self.srtp.as_mut().expect("keys").rx.open_rtp(&mut bytes).expect("authentic");
                let view = View::parse(&bytes).expect("RTP");
                let values = self.extensions.read(&view);
                if let Some(((feedback, _), number)) = self.feedback.as_mut().zip(values.transport_sequence) {
                    feedback.record(number, now);
                }
                self.heard.push(Heard {
                    at: now,
                    header: view.header(),
                    payload: opened.payload(&bytes).to_vec(),
                    mid: values.mid.map(str::to_owned),
                    level: values.audio_level,
                    captured: values.abs_capture_time,
                    send_time: values.abs_send_time,
                });
            }
            Kind::Rtcp => {
                let compound = self.srtp.as_mut().expect("keys").rx.open_rtcp(&mut bytes).expect("authentic");
                self.told.push((now, compound.to_vec()));
            }
            _ => self.transport.handle_datagram(now, server(), &bytes),
        }
    }

    /// Tells what arrived, ten times a second.
    fn feed_back(&mut self, now: Instant) {
        let Some((feedback, due)) = self.feedback.as_mut().filter(|(_, due)| *due <= now) else { return };
        *due = now + Duration::from_millis(100);
        let mut compound = vec![];
        rtcp::write_receiver_report(&mut compound, 9, &[]);
        if self.srtp.is_some() && feedback.build(&mut compound, 9, SSRC) {
            self.send_rtcp(now, compound);
        }
    }

    fn step(&mut self, now: Instant) {
        self.feed_back(now);
        while self.up.front().is_some_and(|(at, _)| *at <= now) {
            let (_, bytes) = self.up.pop_front().expect("there is one");
            self.leg.handle_datagram(now, self.address, &bytes);
        }
        if self.leg.poll_timeout().is_some_and(|at| at <= now) {
            self.leg.handle_timeout(now);
        }
        while self.down.front().is_some_and(|(at, _)| *at <= now) {
            let (_, bytes) = self.down.pop_front().expect("there is one");
            self.handle(now, bytes);
        }
        if self.transport.poll_timeout().is_some_and(|at| at <= now) {
            self.transport.handle_timeout(now);
        }
        while let Some(output) = self.transport.poll_output() {
            match output {
                Output::Datagram { bytes, .. } => self.send(now, bytes),
                Output::Event(Event::Keys(session)) => self.srtp = Some(*session),
                Output::Event(event) => self.outputs.push(format!("{event:?}")),
            }
        }
    }

    /// Takes what the leg has to say; the streams that want a keyframe.
    fn drain(&mut self, now: Instant) -> Vec<StreamId> {
        let mut wanted = vec![];
        while let Some(output) = self.leg.poll_output() {
            match output {
                LegOutput::Transmit { to, datagram, sent } => {
                    self.sent_to.push(to);
                    self.sent.push(sent);
                    let datagram = datagram.into_whole();
                    if !(self.lost_down)(&datagram) {
                        let busy = self.down_rate.map_or(0, |rate| (datagram.len() as u64 + 28) * 8_000_000_000 / rate);
                        self.down_free = self.down_free.max(now) + Duration::from_nanos(busy);
                        self.down.push_back((self.down_free + DELAY, datagram));
                    }
                }
                LegOutput::Packet(packet) => self.packets.push(packet),
                LegOutput::Message { id, .. } => self.outputs.push(format!("message over {id}")),
                LegOutput::KeyframeWanted(stream) => wanted.push(stream),
                LegOutput::Estimate(rate) => self.estimates.push((now, rate)),
                LegOutput::Connected => self.outputs.push("connected".into()),
                LegOutput::Closed => self.outputs.push("closed".into()),
            }
        }
        wanted
    }
}

impl Pair {
    /// Both connected, the publisher's stream expected and the subscriber's declared.
    pub fn new(factory: &Factory, ssrc: u32) -> Self {
        Self::with(factory, ssrc, false)
    }

    /// The same with a subscriber whose way is estimated, and who tells what arrived.
    pub fn estimating(factory: &Factory, ssrc: u32) -> Self {
        Self::with(factory, ssrc, true)
    }

    fn with(factory: &Factory, ssrc: u32, estimates: bool) -> Self {
        let mut maker = Maker::new(factory.clone(), server(), server(), origin(), 1 << 63);
        let (publisher, subscriber) =
            (Peer::new(factory, &mut maker, 1, false), Peer::new(factory, &mut maker, 2, estimates));
        let (now, first) = (Instant::ZERO, 65_530);
        let mut pair = Self { now, publisher, subscriber, origin: origin(), first, base: None };
        let parameters = Box::new(published(ssrc));
        pair.publisher.leg.handle_command(pair.now, LegCommand::Receive { track: TRACK, parameters });
        let mut parameters = Box::new(received());
        if estimates {
            parameters.extensions = extensions();
        }
        pair.subscriber.leg.handle_command(pair.now, LegCommand::Send { stream: STREAM, parameters });
        pair.run(Duration::from_secs(2));
        assert!(pair.publisher.srtp.is_some() && pair.subscriber.srtp.is_some(), "they connect");
        pair
    }

    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(1);
            self.publisher.step(self.now);
            self.subscriber.step(self.now);
            let seen = self.publisher.packets.len();
            self.publisher.drain(self.now);
            for packet in self.publisher.packets[seen..].iter() {
                let base = *self.base.get_or_insert(packet.sequence);
                if let Some(offset) = packet.sequence.checked_sub(base) {
                    self.subscriber.leg.write(self.now, STREAM, packet.under(self.first + offset), packet);
                }
            }
            for stream in self.subscriber.drain(self.now) {
                assert_eq!(stream, STREAM);
                self.publisher.leg.handle_command(self.now, LegCommand::Keyframe { track: TRACK, layer: 0 });
            }
        }
    }

    /// The publisher sends a packet of two bytes of payload that name its number.
    pub fn publish(&mut self, ssrc: u32, sequence: u64, values: &Extensions<'_>) {
        let packet = plain(ssrc, 96, sequence, &payload(sequence), values);
        self.publisher.send_rtp(self.now, packet, sequence);
    }
}

/// A VP8 payload that says which packet it is: the first of a key frame for every hundredth.
pub fn payload(sequence: u64) -> Vec<u8> {
    let frame = if sequence.is_multiple_of(100) { 0x00 } else { 0x01 };
    [&[0x10, frame, 0, 0, 0x9D, 0x01, 0x2A, 64, 0, 64, 0][..], &sequence.to_be_bytes()].concat()
}

/// RTP time of a packet: ten packets a second of 90 kHz.
pub fn rtp_time(sequence: u64) -> u32 {
    (sequence as u32).wrapping_mul(9_000).wrapping_add(u32::MAX - 20_000)
}

pub fn plain(ssrc: u32, payload_type: u8, sequence: u64, payload: &[u8], values: &Extensions<'_>) -> Vec<u8> {
    let header = Header {
        marker: sequence.is_multiple_of(3),
        payload_type,
        sequence: sequence as u16,
        rtp_time: rtp_time(sequence),
        ssrc,
    };
    let mut packet = vec![];
    write_header(&mut packet, &header, &extension_map(&extensions()), values);
    packet.extend_from_slice(payload);
    packet
}
