//! A real encoder at one end, a stream at the other, and a wire between them that does what each test says.

use super::*;
use crate::clock::{Duration, Instant};
use crate::conference::{Codec, Feedback};
use crate::dist::Dist;
use crate::media::source::{AudioSource, FrameModel, RateControl, Source, Talk, VideoSource};
use crate::media::{Encoder, Frame, Identity, MediaPlan, Stamp};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::{Key, RunPhase};
use crate::qos::integrity::Origin;
use crate::rtp::header::Header;
use crate::seed::Seed;
use crate::units::Bitrate;
use proptest::prelude::*;
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
}

#[derive(Clone)]
struct Packet {
    index: usize,
    sequence: u16,
    rtp_time: u32,
    marker: bool,
    payload: Vec<u8>,
    rtx: bool,
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
    let source =
        VideoSource { width: 640, height: 360, fps: 30.0, keyframe_interval, frames, rate_control, silent: false };
    MediaPlan { name: "camera".into(), codec, bitrate: Bitrate::from_kbps(800), source: Source::Video(source) }
}

fn sound(talk: Option<Talk>) -> MediaPlan {
    let source = AudioSource { ptime: Duration::from_millis(20), dtx: talk.is_some(), talk };
    MediaPlan { name: "mic".into(), codec: Codec::Opus, bitrate: Bitrate::from_kbps(32), source: Source::Audio(source) }
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
        first_frame: Duration::from_secs(5),
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
            let packet =
                Packet { index, sequence, rtp_time, marker: frame.marker(position), payload: bytes, rtx: false };
            self.sent.push(packet.clone());
            let at = frame.due + WIRE + Duration::from_micros(100 * position as u64);
            self.fly(fate(index), at, packet);
        }
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
    for codec in [Codec::Vp8, Codec::H264] {
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
fn loss_with_retransmission_is_exact_and_leaves_nothing_missing() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    let fate = |index: usize| if index > 5 && index.is_multiple_of(17) { Fate::Drop } else { Fate::Deliver };
    bench.run(9_000, fate).run(9_900, |_| Fate::Deliver).finish();
    bench.assert_whole();
    assert!(bench.lost > 20);
    assert_eq!(bench.ratio(Metric::RtpLossNet).0, bench.lost);
    assert_eq!(bench.ratio(Metric::RtpLossResidual).0, 0);
    assert_eq!(bench.count(Metric::RtpNackSent), bench.lost);
    assert!(bench.count(Metric::RtpRtxReceived) >= bench.lost);
    assert_eq!(bench.count(Metric::RtpDup), bench.count(Metric::RtpRtxReceived) - bench.lost);
    assert_eq!((bench.count(Metric::VideoFramesUndecodable), bench.plis.len()), (0, 0));
    assert_eq!(bench.ratio(Metric::RtpReorder).0, 0, "retransmissions are not reordered packets");
}

#[test]
fn loss_without_retransmission_is_residual_and_asks_for_a_keyframe() {
    for codec in [Codec::Vp8, Codec::H264] {
        let mut bench = Bench::new(&video(codec));
        bench.rtx = false;
        bench.run(5_000, |index| if index == 40 { Fate::Drop } else { Fate::Deliver }).finish();
        bench.assert_whole();
        assert_eq!((bench.ratio(Metric::RtpLossNet).0, bench.ratio(Metric::RtpLossResidual).0), (1, 1), "{codec:?}");
        assert!(bench.nacks.len() > 1);
        assert_eq!(bench.count(Metric::RtpNackSent), 1);
        assert_eq!((bench.plis.len(), bench.count(Metric::RtpPliSent)), (1, 1));
        assert_eq!(bench.count(Metric::VideoKeyframes), 2);
        assert!(bench.count(Metric::VideoFramesUndecodable) > 10);
        assert_eq!(bench.count(Metric::VideoFreezeCount), 1);
        let wait = bench.values(Metric::VideoKeyframeWait);
        assert!(wait.len() == 1 && (0.02..0.09).contains(&wait[0]), "{wait:?}");
    }
}

#[test]
fn an_unanswered_request_is_repeated_every_half_second() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    (bench.rtx, bench.keyframes_answered) = (false, false);
    bench.run(5_000, |index| if index == 40 { Fate::Drop } else { Fate::Deliver }).finish();
    assert!((5..=8).contains(&bench.plis.len()), "{:?}", bench.plis);
    assert!(bench.plis.windows(2).all(|pair| pair[1] - pair[0] >= 500));
}

#[test]
fn reordering_and_duplicates_are_counted_and_are_no_loss() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    let fate = |index: usize| match index % 50 {
        10 => Fate::Delay(4),
        30 => Fate::Twice,
        _ => Fate::Deliver,
    };
    bench.run(6_000, fate).run(6_100, |_| Fate::Deliver).finish();
    bench.assert_whole();
    let twice = (0..bench.sent.len()).filter(|index| index % 50 == 30).count() as u64;
    assert!(bench.ratio(Metric::RtpReorder).0 > 3);
    assert!(bench.count(Metric::RtpDup).abs_diff(twice) <= 1, "one may still be flying");
    assert_eq!((bench.ratio(Metric::RtpLossNet).0, bench.ratio(Metric::RtpLossResidual).0), (0, 0));
    assert_eq!((bench.count(Metric::VideoFramesUndecodable), bench.plis.len()), (0, 0));
}

#[test]
fn an_outage_of_two_seconds_is_one_freeze_between_the_decodable_frames_around_it() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.rtx = false;
    bench.run(4_000, |_| Fate::Deliver).run(6_000, |_| Fate::Drop);
    assert!(bench.stream.is_frozen(Instant::from_millis(6_000)));
    bench.run(9_000, |_| Fate::Deliver).finish();
    assert_eq!(bench.count(Metric::VideoFreezeCount), 1);
    let freezes = bench.values(Metric::VideoFreezeTime);
    let longest = bench.values(Metric::VideoIfd).into_iter().fold(0.0, f64::max);
    assert!((freezes[0] - longest).abs() < 1e-9 && (2.0..2.8).contains(&longest), "{freezes:?}");
    let (frozen, watched) = bench.ratio(Metric::VideoFreezeRatio);
    assert!((frozen as f64 / 1e9 - freezes[0]).abs() < 1e-6);
    assert!((watched as f64 / 1e9 - 7.97).abs() < 0.02);
    assert_eq!(bench.ratio(Metric::RtpLossNet).0, bench.lost);
    assert!(bench.values(Metric::VideoFps).contains(&0.0), "a window without frames has a value");
}

#[test]
fn a_stream_that_dies_is_frozen_until_the_end() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(4_000, |_| Fate::Deliver).run(12_000, |_| Fate::Drop).finish();
    assert_eq!((bench.count(Metric::VideoFreezeCount), bench.count(Metric::VideoPauseCount)), (1, 1));
    assert!((7.9..8.1).contains(&bench.values(Metric::VideoFreezeTime)[0]));
    assert_eq!(bench.values(Metric::VideoFps).iter().filter(|&&fps| fps == 0.0).count(), 8);
}

#[test]
fn a_mute_is_no_freeze() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(4_000, |_| Fate::Deliver);
    bench.encoder.set_muted(Instant::from_millis(4_000), true);
    bench.run(4_030, |_| Fate::Deliver).stream.set_muted(Instant::from_millis(4_030), true);
    bench.run(12_000, |_| Fate::Deliver);
    bench.encoder.set_muted(Instant::from_millis(12_000), false);
    bench.stream.set_muted(Instant::from_millis(12_000), false);
    bench.run(14_000, |_| Fate::Deliver).finish();
    assert_eq!((bench.count(Metric::VideoFreezeCount), bench.count(Metric::VideoPauseCount)), (0, 0));
    assert!(bench.ratio(Metric::VideoFreezeRatio).1 < 5_200_000_000);
    assert!(!bench.values(Metric::VideoFps).contains(&0.0));
    assert!(bench.count(Metric::VideoFramesDecodable) > 140, "it went on");
}

#[test]
fn a_video_that_never_came_is_black_once_and_a_short_session_is_not_judged() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(9_000, |_| Fate::Drop).finish();
    assert_eq!(bench.count(Metric::VideoBlack), 1);
    assert!(bench.values(Metric::VideoFps).iter().all(|&fps| fps == 0.0) && bench.firsts.is_empty());
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(5_000, |_| Fate::Drop).finish();
    assert_eq!(bench.count(Metric::VideoBlack), 0);
    let mut impatient = Bench::new(&video(Codec::Vp8));
    let expect = Expect { first_frame: Duration::from_secs(3), ..expect(Codec::Vp8) };
    impatient.stream = Stream::new(expect, impatient.stream.ssrc(), impatient.stream.rtx_ssrc());
    impatient.run(5_000, |_| Fate::Drop).finish();
    assert_eq!(impatient.count(Metric::VideoBlack), 1, "how long it may take is the scenario's to say");
}

#[test]
fn without_the_keyframe_the_first_frame_waits_for_one_that_was_asked_for() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.rtx = false;
    bench.run(1_030, |_| Fate::Drop).run(4_000, |_| Fate::Deliver).finish();
    let first = |first| bench.firsts[&first];
    assert!(first(First::Rtp) < first(First::Keyframe) && first(First::Keyframe) <= first(First::Frame));
    assert_eq!((bench.plis.len(), bench.values(Metric::VideoKeyframeWait).len()), (1, 1));
}

#[test]
fn a_frame_of_another_room_is_misrouted() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    let elsewhere = Origin { room: 4, publisher: None, media: None };
    bench.stream = Stream::new(Expect { origin: elsewhere, ..expect(Codec::Vp8) }, 0x1234, None);
    bench.run(2_000, |_| Fate::Deliver).finish();
    assert!(bench.count(Metric::IntegrityMisroute) >= 29);
    assert!(bench.values(Metric::DelayFrame).is_empty(), "another's stamp says nothing of ours");
}

#[test]
fn changed_bytes_are_found_in_the_stamp_and_in_the_payload() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.stream.finish(Instant::ZERO);
    let opening = Opening { one_frame_in: 1, ..Opening::default() };
    bench.stream = Stream::new(Expect { opening, ..expect(Codec::Vp8) }, 0x1234, None);
    let fate = |index| match index {
        60 => Fate::Flip(1_000),
        90 => Fate::Flip(1_000),
        _ => Fate::Deliver,
    };
    bench.run(4_000, fate).finish();
    assert_eq!(bench.count(Metric::IntegrityPayloadCrc), 2);
    assert_eq!(bench.opened, bench.told);
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(2_000, |_| Fate::Flip(40)).finish();
    assert!(bench.count(Metric::IntegrityStampCrc) >= 25);
}

#[test]
fn late_retransmissions_are_late_and_duplicates_when_the_original_came() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.rtx = false;
    let fate = |index| match index {
        60 => Fate::Delay(700),
        90 => Fate::Delay(100),
        _ => Fate::Deliver,
    };
    bench.run(6_000, fate).finish();
    assert_eq!((bench.ratio(Metric::RtpLossLate).0, bench.ratio(Metric::RtpLossResidual).0), (1, 1));
    assert_eq!(bench.ratio(Metric::RtpReorder).0, 2);
    let mut bench = Bench::new(&video(Codec::Vp8));
    bench.run(6_000, |index| if index == 60 { Fate::Delay(200) } else { Fate::Deliver }).finish();
    assert_eq!((bench.count(Metric::RtpDup), bench.ratio(Metric::RtpLossNet).0), (bench.nacks.len() as u64, 0));
}

#[test]
fn padding_is_received_and_is_no_media() {
    let mut bench = Bench::new(&video(Codec::H264));
    bench.run(2_000, |_| Fate::Deliver);
    let before = bench.counts.clone();
    let last = bench.sent.last().expect("sent").clone();
    bench.flying.clear();
    // Padding takes the number of the next packet, and media goes on one number later.
    let padding = Packet { payload: Vec::new(), sequence: last.sequence.wrapping_add(1), marker: false, ..last };
    let now = Instant::from_millis(2_000);
    for packet in bench.sent.iter().rev().take(6).rev().cloned().collect::<Vec<_>>() {
        bench.deliver(now, now, &packet);
    }
    bench.deliver(now, now, &padding);
    bench.sent.push(padding);
    bench.run(4_000, |_| Fate::Deliver).finish();
    bench.assert_whole();
    assert_eq!((bench.ratio(Metric::RtpLossNet).0, bench.count(Metric::VideoFramesUndecodable)), (0, 0));
    assert!(
        bench.count(Metric::VideoFramesDecodable)
            > before.get(&Metric::VideoFramesDecodable).copied().unwrap_or(0) + 55
    );
}

#[test]
fn clean_sound_scores_well_and_loss_lowers_it() {
    let mut clean = Bench::new(&sound(None));
    clean.run(22_000, |_| Fate::Deliver).finish();
    clean.assert_whole();
    assert_eq!(clean.ratio(Metric::AudioConcealedRatio).0, 0);
    let scores = clean.values(Metric::AudioMosEst);
    assert!(scores.len() == 2 && scores.iter().all(|&mos| (mos - 4.41).abs() < 0.01), "{scores:?}");
    assert!(clean.values(Metric::DelayFrame).iter().all(|&delay| (delay - 0.020).abs() < 1e-6));
    assert!(!clean.values(Metric::DelayE2e).is_empty() && clean.opened * 4 < clean.told);
    let ttfa = clean.firsts[&First::Rtp].saturating_since(Instant::from_millis(500)).as_secs_f64();
    assert_eq!(clean.values(Metric::AudioTtfa), [ttfa]);
    assert_eq!(clean.firsts.values().collect::<std::collections::BTreeSet<_>>().len(), 1);

    let mut lossy = Bench::new(&sound(None));
    lossy.rtx = false;
    lossy.run(22_000, |index| if index % 10 == 5 { Fate::Drop } else { Fate::Deliver }).finish();
    let (concealed, all) = lossy.ratio(Metric::AudioConcealedRatio);
    assert!((concealed as f64 / all as f64 - 0.1).abs() < 0.002, "{concealed} of {all}");
    assert!(lossy.values(Metric::AudioMosEst).iter().all(|&mos| (mos - 2.35).abs() < 0.15));
}

#[test]
fn the_pauses_of_dtx_are_not_loss() {
    let talk = Talk { on: Dist::parse("exp(2s)").expect("a distribution"), off: Dist::parse("exp(3s)").expect("too") };
    let mut bench = Bench::new(&sound(Some(talk)));
    bench.run(31_000, |_| Fate::Deliver).finish();
    assert!(bench.sent.len() < 1_400, "it paused: {}", bench.sent.len());
    assert_eq!((bench.ratio(Metric::AudioConcealedRatio).0, bench.ratio(Metric::RtpLossNet).0), (0, 0));
}

#[test]
fn sound_that_dies_is_heard_to_be_dead() {
    let mut bench = Bench::new(&sound(None));
    bench.run(11_500, |_| Fate::Deliver).run(22_000, |_| Fate::Drop).finish();
    let scores = bench.values(Metric::AudioMosEst);
    assert!(scores[0] > 4.3 && scores[1] < 1.3, "{scores:?}");
    assert!(bench.ratio(Metric::AudioConcealedRatio).0 > 500);
}

#[test]
fn report_blocks_say_what_was_lost_and_echo_the_sender_report() {
    let mut bench = Bench::new(&video(Codec::Vp8));
    assert_eq!(bench.stream.report_block(Instant::from_secs(1)), None);
    bench.run(2_000, |index| if index % 10 == 5 { Fate::Drop } else { Fate::Deliver });
    bench.stream.handle_sender_report(0xABCD_0123, Instant::from_millis(1_500));
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_packets_and_payloads_are_taken(
        codec in prop::sample::select(vec![Codec::Opus, Codec::Vp8, Codec::H264]),
        packets in prop::collection::vec(
            (any::<u16>(), any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..80), 0u8..8, 0u64..400), 0..200),
        near in any::<bool>(),
    ) {
        let mut stream = Stream::new(expect(codec), 1, Some(2));
        let mut now = 1_000;
        for (sequence, rtp_time, marker, payload, kind, step) in packets {
            now += step;
            let at = Instant::from_millis(now);
            let sequence = if near { sequence % 64 } else { sequence };
            let rtp_time = if near { rtp_time % 8 * 3_000 } else { rtp_time };
            let header = Header { marker, payload_type: 96, sequence, rtp_time, ssrc: 1 };
            let rtx = kind == 0;
            let open = stream.wants_payload(&header, kind == 1, rtx);
            stream.handle_packet(at, &Arrived {
                received: Instant::from_millis(now - step / 4),
                entered: at,
                sequence,
                rtp_time,
                marker,
                payload: open.then_some(&payload),
                payload_bytes: payload.len(),
                wire_bytes: payload.len() + 28,
                rtx,
            });
            match kind {
                2 => stream.set_muted(at, true),
                3 => stream.set_muted(at, false),
                4 => stream.handle_timeout(at),
                5 => { stream.report_block(at); }
                6 => { stream.take_interval(at); }
                _ => {}
            }
            while let Some(output) = stream.poll_output() {
                if let Output::Ratio { metric, numerator, denominator, .. } = output {
                    prop_assert!(numerator <= denominator || metric != Metric::RtpReorder);
                }
                if let Output::Sample { value, .. } = output {
                    prop_assert!(value.is_finite() && value >= 0.0);
                }
            }
        }
        stream.finish(Instant::from_millis(now + 1));
    }
}
