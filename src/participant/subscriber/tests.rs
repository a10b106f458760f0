//! A real encoder at one end, a stream at the other, and a wire between them that does what each test says.

mod arbitrary;
mod integrity;
mod layers;
mod loss;
mod sound;
mod standstill;

use super::*;
use crate::clock::{Duration, Instant};
use crate::conference::{Codec, Feedback};
use crate::dist::Dist;
use crate::media::scalability::Scalability;
use crate::media::source::{AudioSource, FrameModel, RateControl, Sending, Source, Talk, VideoSource};
use crate::media::{Encoder, Frame, Identity, MediaPlan, Stamp};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::{Key, RunPhase};
use crate::qos::integrity::Origin;
use crate::rtp::header::Header;
use crate::rtp::ntp::Ntp;
use crate::rtp::rtcp::SenderInfo;
use crate::seed::Seed;
use crate::units::Bitrate;
use std::collections::BTreeMap;

const WIRE: Duration = Duration::from_millis(20);
const RTT: Duration = Duration::from_millis(60);
const IDENTITY: Identity = Identity { publisher: 7, room: 3, media: 1 };

/// What the wire does to one packet.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Deliver,
    Drop,
    Delay(u64),
    Twice,
    Flip(usize),
    Unstamp,
    /// So many bytes of its payload are left.
    Cut(usize),
    /// So many bytes of its dependency descriptor are left.
    CutDescriptor(usize),
}

#[derive(Clone)]
struct Packet {
    index: usize,
    sequence: u16,
    rtp_time: u32,
    marker: bool,
    payload: Vec<u8>,
    rtx: bool,
    descriptor: Option<Vec<u8>>,
}

struct Bench {
    stream: Stream,
    encoder: Encoder,
    now: u64,
    /// Milliseconds between two looks at what has arrived.
    tick: u64,
    sent: Vec<Packet>,
    flying: BTreeMap<(Instant, usize), Packet>,
    rtx: bool,
    keyframes_answered: bool,
    lost: u64,
    opened: usize,
    told: usize,
    counts: BTreeMap<Metric, u64>,
    ratios: BTreeMap<Metric, (u64, u64)>,
    samples: BTreeMap<Metric, Vec<(Instant, f64)>>,
    delivered: Vec<(Instant, Instant, Option<Instant>)>,
    firsts: BTreeMap<First, Instant>,
    nacks: Vec<u16>,
    plis: Vec<u64>,
}

fn video(codec: Codec) -> MediaPlan {
    let frames = FrameModel { noise: 0.15, key_ratio: 3.0 };
    let (keyframe_interval, rate_control) = (None, RateControl::Fixed);
    let source = VideoSource {
        width: 640,
        height: 360,
        fps: 30.0,
        keyframe_interval,
        frames,
        rate_control,
        scalability: Scalability::NONE,
        flexible: false,
        dependency_descriptor: false,
        layers: Vec::new(),
        silent: false,
    };
    MediaPlan {
        name: "camera".into(),
        codec,
        bitrate: Bitrate::from_kbps(800),
        sending: Sending::default(),
        source: Source::Video(source),
    }
}

/// The same in a scalability mode, with rate enough for every layer.
fn layered(codec: Codec, mode: &str, flexible: bool) -> MediaPlan {
    let mut plan = video(codec);
    plan.bitrate = Bitrate::from_kbps(1_600);
    if let Source::Video(source) = &mut plan.source {
        source.scalability = Scalability::from_name(mode).expect("a mode");
        source.flexible = flexible;
        source.dependency_descriptor = codec == Codec::Av1;
    }
    plan
}

fn sound(talk: Option<Talk>) -> MediaPlan {
    let source = AudioSource { ptime: Duration::from_millis(20), dtx: talk.is_some(), fec: false, red: 0, talk };
    MediaPlan {
        name: "mic".into(),
        codec: Codec::Opus,
        bitrate: Bitrate::from_kbps(32),
        sending: Sending::default(),
        source: Source::Audio(source),
    }
}

fn expect(codec: Codec) -> Expect {
    Expect {
        origin: Origin { room: 3, publisher: Some(7), media: Some(1) },
        codec,
        feedback: Feedback { nack: true, pli: true, ..Feedback::default() },
        key: Key {
            population: Some(1),
            network: Some(2),
            media: Some(1),
            phase: RunPhase::Warmup,
            spell: None,
            rejoin: false,
        },
        intended_arrival: Some(Instant::from_millis(500)),
        subscribed: Instant::from_millis(900),
        requested: None,
        first_frame: Duration::from_secs(5),
        layers: 1,
        one_stream: false,
        opening: Opening::default(),
    }
}

impl Bench {
    fn new(plan: &MediaPlan) -> Self {
        let mut stream = Stream::new(expect(plan.codec), 0x1234, Some(0x5678));
        stream.set_rtt(RTT);
        Self {
            stream,
            encoder: Encoder::new(plan, IDENTITY, &Seed::new(5).child("media"), Instant::from_secs(1)),
            now: 1_000,
            tick: 1,
            sent: Vec::new(),
            flying: BTreeMap::new(),
            rtx: true,
            keyframes_answered: true,
            lost: 0,
            opened: 0,
            told: 0,
            counts: BTreeMap::new(),
            ratios: BTreeMap::new(),
            samples: BTreeMap::new(),
            delivered: Vec::new(),
            firsts: BTreeMap::new(),
            nacks: Vec::new(),
            plis: Vec::new(),
        }
    }

    /// Runs until `until` milliseconds; `fate` is asked for each packet by its index.
    fn run(&mut self, until: u64, mut fate: impl FnMut(usize) -> Fate) -> &mut Self {
        let mut frame = Frame::default();
        while self.now < until {
            self.now += 1;
            let now = Instant::from_millis(self.now);
            self.encoder.handle_timeout(now);
            while self.encoder.poll_frame(&mut frame) {
                self.send(&frame, &mut fate);
            }
            let looks = self.now.is_multiple_of(self.tick);
            while let Some(entry) = self.flying.first_entry().filter(|entry| looks && entry.key().0 <= now) {
                let ((received, _), packet) = entry.remove_entry();
                self.deliver(now, received, &packet);
            }
            if self.stream.poll_timeout().is_some_and(|at| at <= now) {
                self.stream.handle_timeout(now);
            }
            self.drain();
        }
        self
    }

    fn send(&mut self, frame: &Frame, fate: &mut impl FnMut(usize) -> Fate) {
        for (position, payload) in frame.packets.iter().enumerate() {
            let mut bytes = Vec::new();
            payload.write_into(&mut bytes);
            if let Some(at) = payload.stamp_at() {
                assert!(Stamp::patch_left(&mut bytes[at..], frame.due + Duration::from_millis(1)));
            }
            let index = self.sent.len();
            let sequence = 65_530u16.wrapping_add(index as u16);
            let rtp_time = frame.rtp_time.wrapping_add(u32::MAX - 99);
            let marker = frame.marker(position);
            let descriptor = self.descriptor(frame, position);
            let packet = Packet { index, sequence, rtp_time, marker, payload: bytes, rtx: false, descriptor };
            self.sent.push(packet.clone());
            let at = frame.due + WIRE + Duration::from_micros(100 * position as u64);
            self.fly(fate(index), at, packet);
        }
    }

    /// The dependency descriptor of a packet of a frame.
    fn descriptor(&self, frame: &Frame, position: usize) -> Option<Vec<u8>> {
        let descriptor = frame.descriptors.get(position)?;
        let mut value = descriptor.fields.to_vec();
        if descriptor.structured {
            value.extend_from_slice(self.encoder.structure()?);
        }
        Some(value)
    }

    fn fly(&mut self, fate: Fate, at: Instant, mut packet: Packet) {
        let place = self.told + 1_000_000 * self.flying.len() + packet.index;
        match fate {
            Fate::Drop => {
                self.lost += 1;
                return;
            }
            Fate::Twice => {
                self.flying.insert((at + Duration::from_micros(10), place + 1), packet.clone());
            }
            Fate::Flip(byte) => {
                let byte = byte.min(packet.payload.len() - 1);
                packet.payload[byte] ^= 1;
            }
            Fate::Unstamp => {
                if let Some(at) = packet.payload.windows(4).position(|bytes| bytes == b"THRG") {
                    packet.payload[at..at + 4].fill(b'.');
                }
            }
            Fate::Cut(left) => packet.payload.truncate(left),
            Fate::CutDescriptor(left) => packet.descriptor.iter_mut().for_each(|value| value.truncate(left)),
            Fate::Delay(_) | Fate::Deliver => {}
        }
        let late = if let Fate::Delay(millis) = fate { Duration::from_millis(millis) } else { Duration::ZERO };
        self.flying.insert((at + late, place), packet);
    }

    fn deliver(&mut self, now: Instant, received: Instant, packet: &Packet) {
        let (ssrc, payload_type) = (0x1234, 96);
        let header =
            Header { marker: packet.marker, payload_type, sequence: packet.sequence, rtp_time: packet.rtp_time, ssrc };
        let open = self.stream.wants_payload(&header, packet.payload.is_empty(), packet.rtx);
        self.told += 1;
        self.opened += usize::from(open);
        let arrived = Arrived {
            received,
            entered: received.saturating_sub(Duration::from_millis(5)),
            sequence: packet.sequence,
            rtp_time: packet.rtp_time,
            marker: packet.marker,
            payload: open.then_some(packet.payload.as_slice()),
            payload_bytes: packet.payload.len(),
            wire_bytes: packet.payload.len() + 28,
            descriptor: packet.descriptor.as_deref(),
            red: self.encoder.is_red(),
            rtx: packet.rtx,
        };
        self.stream.handle_packet(now, &arrived);
        self.drain();
    }

    fn drain(&mut self) {
        let now = Instant::from_millis(self.now);
        while let Some(output) = self.stream.poll_output() {
            match output {
                Output::Request(Request::Nack(ask)) => {
                    for offset in 0..=16u16 {
                        if offset == 0 || ask.following >> (offset - 1) & 1 == 1 {
                            self.answer(ask.packet.wrapping_add(offset));
                        }
                    }
                }
                Output::Request(_) => {
                    self.plis.push(self.now);
                    if self.keyframes_answered {
                        self.encoder.request_keyframe(now);
                    }
                }
                Output::Sample { metric, due, value } => self.samples.entry(metric).or_default().push((due, value)),
                Output::Censored { .. } => panic!("nothing was asked for"),
                Output::Count { metric, n, .. } => *self.counts.entry(metric).or_default() += n,
                Output::Ratio { metric, numerator, denominator, .. } => {
                    let (part, whole) = self.ratios.entry(metric).or_default();
                    (*part, *whole) = (*part + numerator, *whole + denominator);
                }
                Output::First(first, at) => assert_eq!(self.firsts.insert(first, at), None),
                Output::Delivered { due, at, before } => self.delivered.push((due, at, before)),
            }
        }
    }

    fn answer(&mut self, sequence: u16) {
        self.nacks.push(sequence);
        let index = usize::from(sequence.wrapping_sub(65_530));
        if self.rtx
            && let Some(packet) = self.sent.get(index)
        {
            let packet = Packet { rtx: true, ..packet.clone() };
            self.flying.insert((Instant::from_millis(self.now) + RTT, index), packet);
        }
    }

    fn finish(&mut self) -> &mut Self {
        self.stream.finish(Instant::from_millis(self.now));
        self.drain();
        self
    }

    fn count(&self, metric: Metric) -> u64 {
        self.counts.get(&metric).copied().unwrap_or(0)
    }

    fn ratio(&self, metric: Metric) -> (u64, u64) {
        self.ratios.get(&metric).copied().unwrap_or_default()
    }

    fn values(&self, metric: Metric) -> Vec<f64> {
        self.samples.get(&metric).map(|samples| samples.iter().map(|sample| sample.1).collect()).unwrap_or_default()
    }

    fn assert_whole(&self) {
        for metric in [
            Metric::IntegrityMisroute,
            Metric::IntegrityTornFrames,
            Metric::IntegrityStampCrc,
            Metric::IntegrityPayloadCrc,
            Metric::IntegrityTsBackwards,
            Metric::IntegrityPidGap,
        ] {
            assert_eq!(self.count(metric), 0, "{metric:?}");
        }
    }
}

#[test]
fn a_clean_video_moves_nothing_but_what_it_should() {
    for codec in [Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1] {
        let mut bench = Bench::new(&video(codec));
        bench.run(11_000, |_| Fate::Deliver).finish();
        bench.assert_whole();
        let packets = bench.sent.len() as u64 - bench.flying.len() as u64;
        for metric in [Metric::RtpLossNet, Metric::RtpLossResidual, Metric::RtpLossLate, Metric::RtpReorder] {
            assert_eq!(bench.ratio(metric), (0, packets), "{codec:?} {metric:?}");
        }
        for metric in
            [Metric::RtpDup, Metric::RtpNackSent, Metric::RtpPliSent, Metric::VideoFreezeCount, Metric::VideoBlack]
        {
            assert_eq!(bench.count(metric), 0, "{codec:?} {metric:?}");
        }
        assert_eq!(bench.count(Metric::RtpPacketsReceived), packets);
        let frames = bench.count(Metric::VideoFramesDecodable);
        assert!((299..=301).contains(&frames), "{frames}");
        assert_eq!(bench.count(Metric::VideoFramesUndecodable), 0);
        assert_eq!(bench.count(Metric::VideoKeyframes), 1);
        assert!(bench.values(Metric::VideoFps).iter().all(|&fps| (29.0..=31.0).contains(&fps)));
        assert!(bench.values(Metric::VideoFps).len() >= 8);
        assert!((bench.values(Metric::VideoHfps)[0] - 30.0).abs() < 0.1);
        assert!(bench.values(Metric::RtpJitter).iter().all(|&jitter| jitter < 0.000_05));
        assert!(bench.values(Metric::SfuForwardDelay).iter().all(|&delay| (delay - 0.014).abs() < 1e-4));
        let frame = bench.values(Metric::DelayFrame);
        assert!(frame.len() as u64 == frames && frame.iter().all(|&delay| (0.020..0.022).contains(&delay)));
        assert!(bench.values(Metric::DelayTransport).iter().all(|&delay| (0.019..0.021).contains(&delay)));
        assert_eq!(bench.firsts.len(), 3);
        assert_eq!(bench.firsts[&First::Rtp], bench.firsts[&First::Keyframe]);
        let ttff = bench.firsts[&First::Frame].saturating_since(Instant::from_millis(500)).as_secs_f64();
        assert_eq!(bench.values(Metric::VideoTtff), [ttff]);
        assert!(bench.opened * 2 < bench.told, "{} of {} opened", bench.opened, bench.told);
    }
}

#[test]
fn how_seldom_the_sockets_are_looked_at_moves_no_measure() {
    let measured = |tick| {
        let mut bench = Bench::new(&video(Codec::Vp8));
        bench.tick = tick;
        bench.run(6_000, |index| Fate::Delay((index as u64 * 7) % 4)).finish();
        let metrics = [
            Metric::RtpInterarrival,
            Metric::RtpJitter,
            Metric::DelayFrame,
            Metric::DelayTransport,
            Metric::VideoIfd,
            Metric::VideoAssembly,
            Metric::SfuForwardDelay,
        ];
        metrics.map(|metric| bench.values(metric).into_iter().take(100).collect::<Vec<f64>>())
    };
    let (often, seldom) = (measured(1), measured(10));
    assert!(often[0].iter().any(|&difference| difference > 0.000_5), "the wire varies");
    assert_eq!(often, seldom, "a measure was taken from the tick, not from when a packet was received");
}

#[test]
fn without_a_stamp_there_is_no_delay_and_everything_else_is_there() {
    for plan in [video(Codec::Vp8), video(Codec::H264), sound(None)] {
        let mut bench = Bench::new(&plan);
        bench.run(4_000, |_| Fate::Unstamp).finish();
        for metric in [Metric::DelayFrame, Metric::DelayTransport, Metric::DelayE2e, Metric::SfuForwardDelay] {
            assert_eq!(bench.values(metric), [0.0; 0], "{} {metric:?}", plan.name);
        }
        bench.assert_whole();
        assert!(bench.count(Metric::RtpPacketsReceived) > 100);
        assert_eq!(bench.ratio(Metric::RtpLossNet).0, 0);
        if plan.codec != Codec::Opus {
            assert!(bench.count(Metric::VideoFramesDecodable) > 80);
        }
    }
}

#[test]
fn report_blocks_say_what_was_lost_and_echo_the_sender_report() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    assert_eq!(bench.stream.report_block(Instant::from_secs(1)), None);
    bench.run(2_000, |index| if index % 10 == 5 { Fate::Drop } else { Fate::Deliver });
    let info = SenderInfo { ntp: Ntp(0xABCD_0123 << 16), rtp_time: 0, packets: 0, octets: 0 };
    bench.stream.handle_sender_report(&info, Instant::from_millis(1_500));
    let block = bench.stream.report_block(Instant::from_millis(2_000)).expect("heard");
    assert_eq!((block.ssrc, block.last_sender_report, block.delay_since), (0x1234, 0xABCD_0123, 0x8000));
    assert!((20..=30).contains(&block.fraction_lost), "{block:?}");
    assert!(u64::from(block.cumulative_lost.unsigned_abs()).abs_diff(bench.lost) <= 1);
    assert!(block.highest_sequence > 65_535);
}

#[test]
fn a_window_holds_what_happened_in_it() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(3_000, |_| Fate::Deliver);
    bench.stream.begin_window(Instant::from_millis(3_000));
    bench.run(5_000, |_| Fate::Deliver).finish();
    let scalars: BTreeMap<_, _> = bench.stream.scalars().into_iter().collect();
    let frames = scalars[&Metric::VideoFramesDecodable].value().expect("a count");
    assert!((59.0..=61.0).contains(&frames), "{frames}");
    assert_eq!(scalars[&Metric::VideoFreezeRatio].value(), Some(0.0));
    assert!((scalars[&Metric::DelayFrame].value().expect("a mean") - 0.021).abs() < 0.002);
    assert!(scalars.contains_key(&Metric::VideoHfps) && !scalars.contains_key(&Metric::VideoFreezeCount));
}

#[test]
fn intervals_tell_frames_and_the_frozen_share() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(3_000, |_| Fate::Deliver).stream.take_interval(Instant::from_millis(3_000));
    bench.run(4_000, |_| Fate::Deliver);
    let smooth = bench.stream.take_interval(Instant::from_millis(4_000)).expect("a video");
    assert!((29.0..=31.0).contains(&smooth.fps.expect("watched")) && smooth.frozen == 0.0);
    bench.run(5_000, |_| Fate::Drop);
    let frozen = bench.stream.take_interval(Instant::from_millis(5_000)).expect("a video");
    assert!(frozen.frozen > 0.95, "{frozen:?}");
}

#[test]
fn samples_fall_due_when_the_frame_did_and_labels_follow_the_phase() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(2_000, |_| Fate::Deliver).finish();
    for (due, delay) in &bench.samples[&Metric::DelayFrame] {
        assert!(*due >= Instant::from_secs(1) && *due + Duration::from_secs_f64(*delay) <= Instant::from_millis(2_001));
    }
    assert_eq!(bench.stream.key(RunPhase::Steady).phase, RunPhase::Steady);
    assert_eq!(bench.stream.key(RunPhase::Steady).network, Some(2));
    assert_eq!(bench.stream.poll_timeout(), None, "finished");
}

#[test]
fn a_stream_is_small_and_stays_small() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(8_000, |index| if index % 20 == 3 { Fate::Drop } else { Fate::Deliver });
    let size = size_of::<Stream>() + bench.stream.heap_bytes();
    assert!(size <= 8 * 1024, "{size}");
}

/// A stream whose payloads are changed, and whose sequence numbers jump once, at frame 90.
fn renumbered(plan: &MediaPlan, mut change: impl FnMut(usize, &mut Vec<u8>)) -> Bench {
    let mut bench = Bench::new(plan);
    let mut frame = Frame::default();
    let mut sequence = 65_530u16;
    for millis in 1_001..5_000 {
        bench.now = millis;
        let now = Instant::from_millis(millis);
        bench.encoder.handle_timeout(now);
        while bench.encoder.poll_frame(&mut frame) {
            for (position, payload) in frame.packets.iter().enumerate() {
                let mut bytes = Vec::new();
                payload.write_into(&mut bytes);
                change(frame.number as usize, &mut bytes);
                let jump = if frame.number >= 90 { 0 } else { 20_000 };
                let packet = Packet {
                    index: 0,
                    sequence: sequence.wrapping_add(jump),
                    rtp_time: frame.rtp_time,
                    marker: frame.marker(position),
                    payload: bytes,
                    descriptor: None,
                    rtx: false,
                };
                sequence = sequence.wrapping_add(1);
                bench.deliver(now, now, &packet);
            }
        }
        bench.stream.handle_timeout(now);
        bench.drain();
    }
    bench.finish();
    bench
}

#[test]
fn a_base_frame_that_does_not_count_up_is_named() {
    let count = |bench: &Bench, metric| bench.counts.get(&metric).copied().unwrap_or(0);
    let mut bench = renumbered(&video(Codec::Vp8), |_, _| ());
    assert_eq!(
        (count(&bench, Metric::IntegrityTl0Gap), count(&bench, Metric::IntegritySeqJump)),
        (0, 1),
        "one jump at 90"
    );
    bench = renumbered(&video(Codec::Vp8), |frame, payload| {
        // TL0PICIDX is the fifth byte of our descriptors.
        payload[4] = payload[4].wrapping_add(u8::from(frame >= 60));
    });
    assert_eq!((count(&bench, Metric::IntegrityTl0Gap), count(&bench, Metric::IntegrityPidGap)), (1, 0));
}
