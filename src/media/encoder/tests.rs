use super::*;
use crate::clock::Duration;
use crate::conference::Codec;
use crate::dist::Dist;
use crate::media::payload::{MAX_PAYLOAD, frame_crc_update};
use crate::media::scalability::Scalability;
use crate::media::source::{AudioSource, FrameModel, RateControl, Sending, Talk, VideoSource};
use crate::media::{Found, Stamp};
use crate::rtp::{opus, vp8};
use std::collections::BTreeSet;

const IDENTITY: Identity = Identity { publisher: 17, room: 3, media: 1 };

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn camera(codec: Codec, kbps: u64) -> MediaPlan {
    let source = VideoSource {
        width: 640,
        height: 360,
        fps: 30.0,
        keyframe_interval: None,
        frames: FrameModel { noise: 0.15, key_ratio: 6.0 },
        rate_control: RateControl::Remb,
        scalability: Scalability::NONE,
        flexible: false,
        dependency_descriptor: false,
        layers: Vec::new(),
        silent: false,
    };
    let bitrate = Bitrate::from_kbps(kbps);
    MediaPlan { name: "camera".to_owned(), codec, bitrate, sending: Sending::default(), source: Source::Video(source) }
}

fn with_video(mut plan: MediaPlan, change: impl FnOnce(&mut VideoSource)) -> MediaPlan {
    match &mut plan.source {
        Source::Video(video) => change(video),
        Source::Audio(_) | Source::File(_) => panic!("a camera"),
    }
    plan
}

fn microphone(kbps: u64, dtx: bool, talk: Option<(&str, &str)>) -> MediaPlan {
    let dist = |text| Dist::parse(text).unwrap();
    let talk = talk.map(|(on, off)| Talk { on: dist(on), off: dist(off) });
    let source = Source::Audio(AudioSource { ptime: ms(20), dtx, fec: false, red: 0, talk });
    MediaPlan {
        name: "microphone".to_owned(),
        codec: Codec::Opus,
        bitrate: Bitrate::from_kbps(kbps),
        sending: Sending::default(),
        source,
    }
}

fn encoder(plan: &MediaPlan, seed: u64) -> Encoder {
    Encoder::new(plan, IDENTITY, &Seed::new(seed), at(1_000))
}

/// Everything due until then, polled when it is due.
fn run(encoder: &mut Encoder, until: Instant) -> Vec<Frame> {
    let (mut frames, mut frame) = (Vec::new(), Frame::default());
    while let Some(due) = encoder.poll_timeout().filter(|due| *due <= until) {
        encoder.handle_timeout(due);
        while encoder.poll_frame(&mut frame) {
            frames.push(frame.clone());
        }
    }
    encoder.handle_timeout(until);
    assert!(!encoder.poll_frame(&mut frame));
    frames
}

fn open(payload: &Payload) -> Vec<u8> {
    let mut bytes = Vec::new();
    payload.write_into(&mut bytes);
    bytes
}

fn bytes_of(frames: &[Frame]) -> usize {
    frames.iter().map(Frame::bytes).sum()
}

fn keyframes(frames: &[Frame]) -> Vec<Instant> {
    frames.iter().filter(|frame| frame.keyframe).map(|frame| frame.due).collect()
}

#[test]
fn the_long_run_rate_is_the_target_within_two_percent() {
    for codec in [Codec::Vp8, Codec::H264] {
        for (kbps, interval) in
            [(30, None), (150, Some(ms(2_000))), (1_500, None), (2_500, Some(ms(300))), (20_000, None)]
        {
            let plan = with_video(camera(codec, kbps), |video| video.keyframe_interval = interval);
            let bits = bytes_of(&run(&mut encoder(&plan, kbps), at(61_000))) * 8;
            let ratio = bits as f64 / 60.0 / (kbps * 1_000) as f64;
            assert!((ratio - 1.0).abs() < 0.02, "{codec:?} at {kbps} kbps: {ratio} of it");
        }
    }
    for kbps in [21, 32, 127] {
        let bits = bytes_of(&run(&mut encoder(&microphone(kbps, false, None), 1), at(61_000))) * 8;
        let ratio = bits as f64 / 60.0 / (kbps * 1_000) as f64;
        assert!((ratio - 1.0).abs() < 0.001, "Opus at {kbps} kbps: {ratio} of it");
    }
}

#[test]
fn every_frame_is_stamped_verifiable_and_fits_its_packets() {
    let plans =
        [camera(Codec::Vp8, 900), camera(Codec::H264, 900), microphone(32, false, Some(("exp(1s)", "exp(1s)")))];
    for plan in plans {
        let frames = run(&mut encoder(&plan, 5), at(6_000));
        assert!(frames.len() >= 149);
        for (number, frame) in frames.iter().enumerate() {
            let opened: Vec<Vec<u8>> = frame.packets.iter().map(open).collect();
            assert!(opened.iter().all(|packet| packet.len() <= MAX_PAYLOAD));
            let Found::Stamp(stamp, at) = Stamp::find(&opened[0]) else { panic!("frame {number} has no stamp") };
            assert_eq!(frame.packets[0].stamp_at(), Some(at));
            assert_eq!((stamp.publisher, stamp.room, stamp.media), (17, 3, 1));
            assert_eq!((stamp.frame as usize, stamp.due.as_micros()), (number, frame.due.as_micros()));
            assert_eq!((stamp.frame_bytes as usize, stamp.left), (frame.bytes(), None));
            let crc = opened.iter().fold(0, |crc, packet| frame_crc_update(plan.codec, crc, packet));
            assert_eq!(crc, stamp.payload_crc);
            assert!(opened[1..].iter().all(|packet| Stamp::find(packet) == Found::None));
        }
    }
}

#[test]
fn a_keyframe_comes_within_one_frame_interval_of_a_request() {
    let mut encoder = encoder(&camera(Codec::Vp8, 500), 2);
    assert_eq!(keyframes(&run(&mut encoder, at(5_000))).len(), 1, "the first frame, and no other unasked");
    for millis in (5_001..12_000).step_by(701) {
        assert!(keyframes(&run(&mut encoder, at(millis))).is_empty());
        encoder.request_keyframe(at(millis));
        let frames = run(&mut encoder, at(millis) + Duration::from_micros(33_334));
        assert_eq!(keyframes(&frames).len(), 1, "asked at {millis} ms");
        run(&mut encoder, at(millis + 650));
    }
}

#[test]
fn requests_are_throttled_and_none_is_forgotten() {
    let mut encoder = encoder(&camera(Codec::H264, 500), 2);
    let mut keys = Vec::new();
    for millis in (1_000..4_000).step_by(10) {
        keys.extend(keyframes(&run(&mut encoder, at(millis))));
        encoder.request_keyframe(at(millis));
    }
    assert!(keys.len() >= 9, "{}", keys.len());
    assert!(keys.windows(2).all(|pair| (ms(300)..ms(334)).contains(&(pair[1] - pair[0]))));
    // One request right after a keyframe is answered when the throttle ends.
    run(&mut encoder, at(5_000));
    encoder.request_keyframe(at(5_000));
    let first = keyframes(&run(&mut encoder, at(5_034)))[0];
    encoder.request_keyframe(at(5_040));
    let second = keyframes(&run(&mut encoder, at(6_000)));
    assert_eq!(second.len(), 1);
    assert!((ms(300)..ms(334)).contains(&(second[0] - first)));
}

#[test]
fn a_keyframe_interval_is_kept() {
    let plan = with_video(camera(Codec::Vp8, 500), |video| video.keyframe_interval = Some(ms(1_000)));
    let keys = keyframes(&run(&mut encoder(&plan, 2), at(11_000)));
    assert_eq!(keys.len(), 10);
    assert!(keys.windows(2).all(|pair| (ms(1_000)..ms(1_034)).contains(&(pair[1] - pair[0]))));
}

#[test]
fn remb_moves_the_rate_within_200_ms() {
    let mut encoder = encoder(&camera(Codec::Vp8, 2_000), 8);
    run(&mut encoder, at(6_000));
    for (second, remb, expected) in [(6, 1, 30.0), (10, 400, 400.0), (14, 9_000, 2_000.0)] {
        let now = Instant::from_secs(second);
        run(&mut encoder, now);
        encoder.set_remb(now, Bitrate::from_kbps(remb));
        assert_eq!(encoder.target(), Bitrate::from_kbps(expected as u64));
        run(&mut encoder, now + ms(200));
        let kbps = bytes_of(&run(&mut encoder, now + ms(3_200))) as f64 * 8.0 / 3_000.0;
        assert!((kbps / expected - 1.0).abs() < 0.1, "REMB of {remb} kbps: {kbps}");
    }
    let fixed = with_video(camera(Codec::Vp8, 2_000), |video| video.rate_control = RateControl::Fixed);
    let mut encoder = self::encoder(&fixed, 1);
    encoder.set_remb(at(1), Bitrate::from_kbps(100));
    assert_eq!(encoder.target(), Bitrate::from_kbps(2_000));
}

#[test]
fn a_drop_right_after_a_keyframe_does_not_starve_the_stream() {
    let mut encoder = encoder(&camera(Codec::Vp8, 2_000), 8);
    run(&mut encoder, at(6_000));
    encoder.request_keyframe(at(6_000));
    run(&mut encoder, at(6_034));
    encoder.set_remb(at(6_034), Bitrate::from_kbps(100));
    let bits = bytes_of(&run(&mut encoder, at(8_034))) * 8;
    assert!((160_000..=205_000).contains(&bits), "{bits} in two seconds at 100 kbps");
}

#[test]
fn polled_late_it_yields_every_frame_once_with_its_own_due_time() {
    for plan in [camera(Codec::Vp8, 500), camera(Codec::H264, 500), microphone(32, true, Some(("exp(1s)", "exp(1s)")))]
    {
        let in_time = run(&mut encoder(&plan, 4), at(4_000));
        let mut late = encoder(&plan, 4);
        let (mut frames, mut frame) = (Vec::new(), Frame::default());
        late.handle_timeout(at(4_000));
        while late.poll_frame(&mut frame) {
            frames.push(frame.clone());
        }
        assert_eq!(format!("{in_time:?}"), format!("{frames:?}"));
        assert!(frames.windows(2).all(|pair| pair[0].due < pair[1].due && pair[0].number + 1 == pair[1].number));
    }
}

#[test]
fn a_late_frame_knows_nothing_of_what_came_after_it_was_due() {
    let plan = camera(Codec::Vp8, 2_000);
    let mut in_time = encoder(&plan, 4);
    let mut expected = run(&mut in_time, at(3_000));
    in_time.request_keyframe(at(3_000));
    in_time.set_remb(at(3_000), Bitrate::from_kbps(100));
    expected.extend(run(&mut in_time, at(4_000)));
    let mut late = encoder(&plan, 4);
    late.request_keyframe(at(3_000));
    late.set_remb(at(3_000), Bitrate::from_kbps(100));
    assert_eq!(format!("{:?}", run(&mut late, at(4_000))), format!("{expected:?}"));
}

#[test]
fn the_seed_decides_everything_and_another_seed_decides_otherwise() {
    for plan in [camera(Codec::Vp8, 500), microphone(32, true, Some(("exp(1s)", "exp(1s)")))] {
        let frames = |seed| format!("{:?}", run(&mut encoder(&plan, seed), at(5_000)));
        assert_eq!(frames(1), frames(1));
        assert_ne!(frames(1), frames(2));
        let first = |seed| run(&mut encoder(&plan, seed), at(1_500))[0].clone();
        let (dues, times): (BTreeSet<_>, BTreeSet<_>) =
            (0..40).map(|s| (first(s).due, first(s).rtp_time >> 24)).unzip();
        assert!(dues.len() > 10 && times.len() > 20, "{} {}", dues.len(), times.len());
    }
}

#[test]
fn rtp_time_follows_due_at_the_clock_rate() {
    for (plan, rate) in [(camera(Codec::Vp8, 500), 90_000.0), (microphone(32, false, None), 48_000.0)] {
        let mut encoder = encoder(&plan, 6);
        let frames = run(&mut encoder, at(30_000));
        let first = &frames[0];
        for frame in &frames {
            let ticks = f64::from(frame.rtp_time.wrapping_sub(first.rtp_time));
            assert!((ticks - (frame.due - first.due).as_secs_f64() * rate).abs() <= 1.0);
            assert_eq!(encoder.rtp_time_at(frame.due), frame.rtp_time);
        }
        // No drift: 30 a second, 50 a second.
        let step = (frames.last().unwrap().due - first.due).as_secs_f64() / (frames.len() - 1) as f64;
        assert!((1.0 / step - if rate == 90_000.0 { 30.0 } else { 50.0 }).abs() < 1e-6);
    }
}

#[test]
fn picture_ids_begin_where_the_seed_says_and_rise_by_one() {
    let ids = |seed| -> Vec<u16> {
        let frames = run(&mut encoder(&camera(Codec::Vp8, 100), seed), at(4_000));
        let id = |frame: &Frame| vp8::parse(&open(&frame.packets[0])).unwrap().descriptor.picture_id.unwrap().value();
        frames.iter().map(id).collect()
    };
    assert!(ids(1).windows(2).all(|pair| pair[1] == (pair[0] + 1) & 0x7FFF));
    assert_ne!(ids(1)[0], ids(2)[0]);
}

#[test]
fn a_pause_with_dtx_is_one_small_packet_every_400_ms() {
    let plan = microphone(32, true, Some(("2s", "3s")));
    let frames = run(&mut encoder(&plan, 9), at(41_000));
    let pauses: Vec<&Frame> = frames.iter().filter(|frame| frame.dtx).collect();
    // 3 s of pause hold 8 updates; 8 cycles of 5 s, and the first one may be cut.
    assert!((56..=72).contains(&pauses.len()), "{}", pauses.len());
    for frame in &pauses {
        let bytes = open(&frame.packets[0]);
        assert!(opus::is_dtx(&bytes) && opus::duration(&bytes) == Some(ms(20)));
        assert_eq!((Stamp::find(&bytes), frame.voice, frame.marked), (Found::None, false, false));
    }
    for pair in frames.windows(2) {
        let gap = pair[1].due - pair[0].due;
        match (pair[0].dtx, pair[1].dtx) {
            (false, false) | (false, true) => assert_eq!(gap, ms(20)),
            (true, true) => assert_eq!(gap, ms(400)),
            (true, false) => assert!(gap <= ms(400)),
        }
        assert_eq!(pair[1].marked, pair[0].dtx && !pair[1].dtx, "the marker opens a talk spurt and nothing else");
        assert!(pair[0].audio_level.unwrap() < 40 || !pair[0].voice);
    }
}

#[test]
fn silence_without_dtx_is_sent_at_the_full_rate_and_never_marked() {
    let plan = microphone(32, false, Some(("1s", "1s")));
    let frames = run(&mut encoder(&plan, 9), at(11_000));
    assert_eq!(frames.len(), 500);
    assert!(frames.iter().all(|frame| frame.bytes() == 80 && !frame.marked && !frame.dtx));
    let voiced = frames.iter().filter(|frame| frame.voice).count();
    assert!((200..=300).contains(&voiced), "{voiced}");
}

#[test]
fn muted_media_sends_nothing_and_begins_anew() {
    let mut video = encoder(&camera(Codec::H264, 500), 3);
    run(&mut video, at(2_000));
    video.set_muted(at(2_000), true);
    assert_eq!(video.poll_timeout(), None);
    assert!(run(&mut video, at(60_000)).is_empty());
    video.set_muted(at(60_000), false);
    let frames = run(&mut video, at(61_000));
    assert!((29..=31).contains(&frames.len()), "{}", frames.len());
    assert!(frames[0].keyframe && frames[0].due >= at(60_000) && frames[0].due < at(60_034));

    let mut audio = encoder(&microphone(32, false, None), 3);
    run(&mut audio, at(2_000));
    audio.set_muted(at(2_000), true);
    assert!(run(&mut audio, at(60_000)).is_empty());
    audio.set_muted(at(60_000), false);
    let frames = run(&mut audio, at(61_000));
    assert!((50..=51).contains(&frames.len()), "{}", frames.len());
    assert!(frames[0].due >= at(60_000));
}

#[test]
fn muted_sound_with_dtx_is_comfort_noise_at_the_level_of_silence() {
    let mut audio = encoder(&microphone(32, true, None), 3);
    run(&mut audio, at(2_000));
    audio.set_muted(at(2_000), true);
    let frames = run(&mut audio, at(60_000));
    assert!((144..=146).contains(&frames.len()), "one each 400 ms: {}", frames.len());
    assert!(frames.iter().all(|frame| frame.dtx && !frame.voice && frame.audio_level == Some(127)));
    audio.set_muted(at(60_000), false);
    let frames = run(&mut audio, at(61_000));
    assert!((50..=51).contains(&frames.len()), "{}", frames.len());
    assert!(frames[0].marked && frames[0].due >= at(60_000) && !frames[1].marked);
}

#[test]
fn a_silent_camera_sends_nothing() {
    let plan = with_video(camera(Codec::Vp8, 500), |video| video.silent = true);
    let mut encoder = encoder(&plan, 3);
    encoder.request_keyframe(at(1_500));
    assert_eq!(encoder.poll_timeout(), None);
    assert!(run(&mut encoder, at(10_000)).is_empty());
}

#[test]
fn a_warm_frame_is_filled_without_allocating() {
    let mut encoder = encoder(&camera(Codec::Vp8, 2_000), 3);
    let mut frame = Frame { packets: Vec::with_capacity(60), ..Frame::default() };
    let buffer = frame.packets.as_ptr();
    encoder.handle_timeout(at(11_000));
    while encoder.poll_frame(&mut frame) {
        assert_eq!(frame.packets.as_ptr(), buffer);
    }
    assert!(frame.number > 290);
}

#[test]
#[should_panic(expected = "unchecked")]
fn a_plan_that_cannot_be_honoured_is_no_encoder() {
    let _ = encoder(&microphone(8, true, None), 1);
}

#[test]
fn red_repeats_the_packets_before_and_comfort_noise_never() {
    use crate::rtp::red;
    let mut plan = microphone(32, true, Some(("1s", "1s")));
    if let Source::Audio(source) = &mut plan.source {
        (source.red, source.fec) = (2, true);
    }
    let mut encoder = encoder(&plan, 3);
    encoder.set_red(Some(111));
    let frames = run(&mut encoder, at(9_000));
    let mut before: Vec<(u32, Vec<u8>)> = Vec::new();
    for frame in &frames {
        let bytes = open(&frame.packets[0]);
        let packet = red::parse(&bytes).expect("in RED");
        assert_eq!(packet.primary.payload_type, 111);
        if frame.dtx {
            assert!(packet.redundant().is_empty() && opus::is_dtx(packet.primary.payload));
            continue;
        }
        for (block, (rtp_time, payload)) in packet.redundant().iter().rev().zip(before.iter().rev()) {
            assert_eq!((frame.rtp_time.wrapping_sub(block.offset), block.payload), (*rtp_time, &payload[..]));
        }
        assert!(packet.redundant().len() == 2 || before.len() < 2 || frame.marked || packet.redundant().len() == 1);
        let at = frame.packets[0].stamp_at().expect("stamped");
        assert!(Stamp::read(&bytes[at..]).is_some_and(|stamp| stamp.frame == frame.number));
        before.push((frame.rtp_time, packet.primary.payload.to_vec()));
    }
    assert!(before.len() > 150 && frames.iter().any(|frame| frame.dtx));
}

#[test]
fn in_band_fec_is_said_of_what_follows_sound_and_costs_no_rate() {
    let mut plan = microphone(32, true, Some(("1s", "1s")));
    let plain = bytes_of(&run(&mut encoder(&plan, 3), at(9_000)));
    if let Source::Audio(source) = &mut plan.source {
        source.fec = true;
    }
    let frames = run(&mut encoder(&plan, 3), at(9_000));
    assert_eq!(bytes_of(&frames), plain);
    for pair in frames.windows(2) {
        let redundant = opus::has_redundancy(&open(&pair[1].packets[0]));
        assert_eq!(redundant, !pair[0].dtx && !pair[1].dtx);
    }
}
