//! What leaves a publication, read back from its bytes.

use super::*;
use crate::clock::{Duration, Instant};
use crate::conference::Codec;
use crate::media::clip::Clip;
use crate::media::scalability::Scalability;
use crate::media::source::{
    AudioSource, FileSource, FrameModel, MediaPlan, RateControl, Sending, Source, VideoSource, has_spatial_layers,
};
use crate::media::{Encoder, Identity};
use crate::participant::offer::offer;
use crate::rtp::header::View;
use crate::rtp::opus;
use std::sync::Arc;

const TAG: usize = 16;
const IDENTITY: Identity = Identity { publisher: 7, room: 3, media: 0 };

fn video(codec: Codec) -> MediaPlan {
    let frames = FrameModel { noise: 0.15, key_ratio: 6.0 };
    let source = VideoSource {
        width: 1280,
        height: 720,
        fps: 25.0,
        keyframe_interval: None,
        frames,
        rate_control: RateControl::Fixed,
        scalability: Scalability::NONE,
        flexible: false,
        dependency_descriptor: false,
        layers: Vec::new(),
        silent: false,
    };
    MediaPlan {
        name: "cam".into(),
        codec,
        bitrate: Bitrate::from_kbps(2_500),
        sending: Sending::default(),
        source: Source::Video(source),
    }
}

fn sound() -> MediaPlan {
    let source = AudioSource { ptime: Duration::from_millis(20), dtx: false, fec: false, red: 0, talk: None };
    MediaPlan {
        name: "mic".into(),
        codec: Codec::Opus,
        bitrate: Bitrate::from_kbps(64),
        sending: Sending::default(),
        source: Source::Audio(source),
    }
}

/// One of the clips that ship.
fn clip(codec: Codec) -> MediaPlan {
    let file: &[u8] = match codec {
        Codec::H264 => include_bytes!("../../../scenarios/media/clip.h264"),
        Codec::Opus => include_bytes!("../../../scenarios/media/clip.opus"),
        _ => include_bytes!("../../../scenarios/media/clip.ivf"),
    };
    let clip = Clip::parse(codec, file, 15.0, false).expect("it ships");
    let bitrate = clip.bitrate();
    MediaPlan {
        name: "clip".into(),
        codec,
        bitrate,
        sending: Sending::default(),
        source: Source::File(FileSource::one(Arc::new(clip))),
    }
}

/// A publication that begins at second 1: its first frame is due somewhere within the first frame interval.
fn publication(plan: &MediaPlan) -> Publication {
    let seed = Seed::new(9);
    let start = Instant::from_secs(1);
    let encoder = Encoder::new(plan, IDENTITY, &seed.child("media"), start);
    Publication::new(0, offer(plan, 0, "ann", &seed), encoder, &seed, TAG, start)
}

fn produce(publication: &mut Publication, now: Instant) -> Vec<Outgoing> {
    let mut packets = Vec::new();
    publication.produce(now, &mut Frame::default(), &mut packets, |_| {});
    packets
}

/// The packets of the first frame, and when they were sent.
fn first_frame(publication: &mut Publication) -> (Vec<Outgoing>, Instant) {
    let instants = (1_000..1_100).map(Instant::from_millis);
    let mut sent = instants.map(|now| (produce(publication, now), now));
    sent.find(|(packets, _)| !packets.is_empty()).expect("a frame within the first interval")
}

fn written(publication: &mut Publication, packet: &Outgoing, left: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    let now = Written { ntp: Ntp::at(Ntp::from_unix_nanos(0), left), left, transport_sequence: Some(77) };
    publication.write(packet, now, &mut bytes);
    bytes
}

#[test]
fn a_sender_report_has_the_rtp_time_of_its_own_instant_not_of_the_last_packet() {
    for (plan, rate) in [(video(Codec::Vp8), 90_000.0), (sound(), 48_000.0)] {
        let mut publication = publication(&plan);
        let first = first_frame(&mut publication).0.remove(0);
        let last = produce(&mut publication, Instant::from_secs(2)).pop().expect("a second of frames");
        // Between two frames.
        let at = Instant::from_micros(2_007_300);
        let info = publication.report(at, Ntp::from_unix_nanos(0)).expect("one is due");
        let expected = at.saturating_since(first.due).as_secs_f64() * rate;
        let passed = f64::from(info.rtp_time.wrapping_sub(first.rtp_time));
        assert!((passed - expected).abs() <= 1.0, "{passed} units instead of {expected} at {rate} Hz");
        assert_ne!(info.rtp_time, last.rtp_time);
    }
}

#[test]
fn in_band_fec_is_sent_to_those_who_have_a_use_for_it() {
    let mut plan = sound();
    let Source::Audio(source) = &mut plan.source else { panic!("sound") };
    source.fec = true;
    for without_fec in [false, true] {
        let seed = Seed::new(9);
        let start = Instant::from_secs(1);
        let encoder = Encoder::new(&plan, IDENTITY, &seed.child("media"), start);
        let mut parameters = offer(&plan, 0, "ann", &seed);
        parameters.codec.without_fec = without_fec;
        let mut publication = Publication::new(0, parameters, encoder, &seed, TAG, start);
        let packets = produce(&mut publication, Instant::from_secs(2));
        let repeats = |packet: &&Outgoing| {
            let mut payload = Vec::new();
            packet.payload.write_into(&mut payload);
            opus::has_redundancy(&payload)
        };
        let repeating = packets.iter().filter(repeats).count();
        assert_eq!(repeating > 40, !without_fec, "{repeating} of {}", packets.len());
        assert!(!without_fec || repeating == 0);
    }
}

#[test]
fn the_first_packet_of_a_frame_without_a_stamp_says_when_it_was_due() {
    for (plan, captured) in [(clip(Codec::Vp8), true), (clip(Codec::Opus), true), (clip(Codec::H264), false)] {
        let mut publication = publication(&plan);
        let (packets, now) = first_frame(&mut publication);
        assert!(packets.len() > 1 || plan.codec == Codec::Opus);
        for (index, packet) in packets.iter().enumerate() {
            // It waits in the uplink, and is lost and sent again.
            let again = publication.resend(now + Duration::from_millis(90), packet.sequence as u16, None);
            for (packet, after) in again.iter().map(|again| (again, 95)).chain([(packet, 40)]) {
                let bytes = written(&mut publication, packet, now + Duration::from_millis(after));
                let view = View::parse(&bytes).expect("RTP");
                let time = publication.extensions.read(&view).abs_capture_time;
                assert_eq!(time.is_some(), captured && index == 0, "{} {index}", plan.codec.name());
                if let Some(time) = time {
                    let nanos = time.captured.signed_nanos_since(Ntp::from_unix_nanos(0));
                    assert!((nanos - packet.due.as_nanos() as i64).abs() <= 2, "{nanos}");
                }
            }
        }
    }
}

#[test]
fn every_datagram_fits_1200_bytes_with_all_that_is_added_to_it() {
    let mut plans = vec![sound()];
    for codec in Codec::ALL.into_iter().filter(|codec| *codec != Codec::Opus) {
        plans.push(video(codec));
        for mode in Scalability::all().filter(|mode| mode.spatial == 1 || has_spatial_layers(codec)) {
            let mut plan = video(codec);
            if let Source::Video(source) = &mut plan.source {
                (source.scalability, source.dependency_descriptor) = (mode, true);
            }
            plans.push(plan);
        }
    }
    plans.extend([Codec::Vp8, Codec::H264, Codec::Opus].map(clip));
    for plan in plans {
        let mut publication = publication(&plan);
        let mut largest = 0;
        for millis in (0..600).step_by(3) {
            let now = Instant::from_millis(1_000 + millis);
            for packet in produce(&mut publication, now) {
                let mut sent = vec![packet.clone()];
                sent.extend(publication.resend(now, packet.sequence as u16, None));
                for packet in sent {
                    let bytes = written(&mut publication, &packet, now).len() + TAG;
                    assert!(bytes <= usize::from(packet.size), "{bytes} written, {} planned", packet.size);
                    largest = largest.max(bytes);
                }
            }
        }
        assert!(largest <= 1_200, "{}: {largest}", plan.name);
    }
}

#[test]
fn a_retransmission_has_an_ssrc_and_numbers_of_its_own_and_answers_one_loss_once() {
    let mut publication = publication(&video(Codec::Vp8));
    let (packets, start) = first_frame(&mut publication);
    assert!(packets.len() > 1, "a keyframe of this size takes several");
    let rtx_ssrc = publication.parameters.rtx_ssrc.expect("negotiated");
    let again: Vec<Outgoing> = packets[..2]
        .iter()
        .map(|packet| publication.resend(start, packet.sequence as u16, None).expect("kept"))
        .collect();
    assert!(
        publication.resend(start, packets[0].sequence as u16, None).is_none(),
        "the first answer is still under way"
    );
    assert_eq!(again[1].sequence, again[0].sequence + 1);
    for (packet, original) in again.iter().zip(&packets) {
        let bytes = written(&mut publication, packet, start);
        let view = View::parse(&bytes).expect("RTP");
        assert_eq!((view.ssrc(), view.payload_type()), (rtx_ssrc, 97));
        let payload = view.payload_ciphertext();
        assert_eq!(payload[..2], (original.sequence as u16).to_be_bytes(), "RFC 4588 OSN");
        let first = written(&mut publication, original, start);
        assert_eq!(&payload[2..], View::parse(&first).expect("RTP").payload_ciphertext());
        assert_eq!(packet.rtp_time, original.rtp_time);
    }
    assert!(publication.resend(start, packets[0].sequence.wrapping_sub(1) as u16, None).is_none(), "it was never sent");
}
