//! Freezes, deaths, mutes and videos that never come.

use super::*;

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
