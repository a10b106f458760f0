//! Layers within a stream, descriptors of what frames refer to, and sound that repeats itself.

use super::*;
use crate::rtp::layer::Layer;

/// The same with dependency descriptors.
fn described(mut plan: MediaPlan) -> MediaPlan {
    if let Source::Video(source) = &mut plan.source {
        source.dependency_descriptor = true;
    }
    plan
}

/// Codec, scalability mode, flexible.
fn modes() -> Vec<(Codec, String, bool)> {
    let mut modes = Vec::new();
    for mode in Scalability::all() {
        for flexible in [false, true] {
            modes.push((Codec::Vp9, mode.to_string(), flexible));
        }
        modes.push((Codec::Av1, mode.to_string(), false));
        if mode.spatial == 1 {
            modes.extend([(Codec::Vp8, mode.to_string(), false), (Codec::H264, mode.to_string(), false)]);
        }
    }
    modes
}

#[test]
fn every_picture_of_every_mode_is_decodable_and_whole() {
    for (codec, mode, flexible) in modes() {
        let mut bench = Bench::new(&layered(codec, &mode, flexible));
        // In order at the end, so that what is under way then has no holes.
        bench.run(5_000, |index| Fate::Delay((index as u64 * 7) % 3)).run(5_050, |_| Fate::Deliver).finish();
        bench.assert_whole();
        let frames = bench.count(Metric::VideoFramesDecodable);
        assert!((119..=123).contains(&frames), "{codec:?} {mode} {flexible}: {frames}");
        assert_eq!(bench.count(Metric::VideoFramesUndecodable), 0, "{codec:?} {mode} {flexible}");
        assert_eq!((bench.count(Metric::VideoKeyframes), bench.plis.len()), (1, 0), "{codec:?} {mode} {flexible}");
    }
}

#[test]
fn repaired_pictures_of_every_mode_are_whole() {
    for (codec, mode, flexible) in modes() {
        let mut bench = Bench::new(&layered(codec, &mode, flexible));
        bench
            .run(5_000, |index| if index % 11 == 3 { Fate::Drop } else { Fate::Deliver })
            .run(5_200, |_| Fate::Deliver);
        bench.finish().assert_whole();
        assert!(bench.lost > 20);
        let decodable = bench.count(Metric::VideoFramesDecodable);
        assert!(decodable > 100, "{codec:?} {mode} {flexible}: {decodable}");
    }
}

#[test]
fn the_loss_of_an_upper_picture_costs_those_that_lean_on_it_and_no_keyframe() {
    for (codec, flexible) in [(Codec::Vp8, false), (Codec::Vp9, false), (Codec::Vp9, true), (Codec::Av1, false)] {
        // Pictures 9 and 10 of `0 2 1 2`: 9 is of layer 2 and needed by nobody, 10 of layer 1 and needed by 11. Of VP8 a
        // receiver knows no more than that 11 may need every picture before it.
        let unsaid = u64::from(codec == Codec::Vp8);
        for (lost, undecodable) in [(9, unsaid), (10, 1)] {
            let mut bench = Bench::new(&layered(codec, "L1T3", flexible));
            bench.rtx = false;
            let mut times: Vec<u32> = Vec::new();
            let mut encoder = Encoder::new(
                &layered(codec, "L1T3", flexible),
                IDENTITY,
                &Seed::new(5).child("media"),
                Instant::from_secs(1),
            );
            let mut frame = Frame::default();
            encoder.handle_timeout(Instant::from_millis(2_000));
            while encoder.poll_frame(&mut frame) {
                times.extend(frame.packets.iter().map(|_| frame.number));
            }
            bench.run(4_000, |index| if times.get(index) == Some(&lost) { Fate::Drop } else { Fate::Deliver }).finish();
            bench.assert_whole();
            assert_eq!(bench.plis.len(), 0, "{codec:?} {flexible} {lost}");
            assert_eq!(bench.count(Metric::VideoFramesUndecodable), undecodable, "{codec:?} {flexible} {lost}");
        }
    }
}

#[test]
fn the_loss_of_a_base_picture_costs_a_keyframe() {
    for (codec, flexible) in [(Codec::Vp8, false), (Codec::Vp9, false), (Codec::Vp9, true), (Codec::Av1, false)] {
        let mut bench = Bench::new(&layered(codec, "L1T2", flexible));
        bench.rtx = false;
        bench.run(2_000, |_| Fate::Deliver);
        let from = bench.sent.len();
        bench.run(4_000, |index| if (from..from + 30).contains(&index) { Fate::Drop } else { Fate::Deliver }).finish();
        assert!(!bench.plis.is_empty(), "{codec:?} {flexible}");
        assert!(bench.count(Metric::VideoKeyframes) >= 2, "{codec:?} {flexible}");
    }
}

/// Delivers until `end` ms the packets that `marked` keeps, each told its layer and the number of its picture, with the marker bit
/// that it says, under numbers without a gap.
fn forward(bench: &mut Bench, end: u64, marked: impl Fn(&Layer, u32) -> Option<bool>) {
    let mut frame = Frame::default();
    let mut next = 65_530u16;
    for millis in 1_000..end {
        bench.now = millis;
        let now = Instant::from_millis(millis);
        bench.encoder.handle_timeout(now);
        while bench.encoder.poll_frame(&mut frame) {
            for payload in &frame.packets {
                let mut bytes = Vec::new();
                payload.write_into(&mut bytes);
                let layer = Layer::of_vp9(&bytes, false).expect("VP9");
                let Some(marker) = marked(&layer, frame.number) else { continue };
                let (sequence, rtp_time) = (next, frame.rtp_time);
                next = next.wrapping_add(1);
                let packet =
                    Packet { index: 0, sequence, rtp_time, marker, payload: bytes, rtx: false, descriptor: None };
                bench.deliver(now, now, &packet);
            }
        }
    }
}

/// Whoever forwards the lower spatial layers only: their last packets end the pictures.
#[test]
fn the_lower_layers_alone_are_whole_pictures() {
    for mode in ["L2T1", "L3T3", "L3T3_KEY"] {
        let mut bench = Bench::new(&layered(Codec::Vp9, mode, true));
        forward(&mut bench, 4_000, |layer, _| (layer.spatial == 0).then_some(layer.ends_frame));
        bench.finish().assert_whole();
        let frames = bench.count(Metric::VideoFramesDecodable);
        assert!((88..=91).contains(&frames), "{mode}: {frames}");
        assert_eq!(bench.count(Metric::VideoFramesUndecodable), 0, "{mode}");
    }
}

#[test]
fn a_layer_that_comes_back_without_a_keyframe_is_undecodable() {
    let mut bench = Bench::new(&layered(Codec::Vp9, "L2T1", true));
    bench.keyframes_answered = false;
    forward(&mut bench, 3_000, |layer, picture| {
        let taken_away = (10..20).contains(&picture);
        let goes = layer.spatial == 0 || !taken_away;
        goes.then_some(layer.ends_frame && (taken_away || layer.spatial == 1))
    });
    bench.finish();
    let decodable = bench.count(Metric::VideoFramesDecodable);
    assert_eq!(decodable, 20, "the pictures after the upper layer came back have lost what it leans on");
    assert!(bench.count(Metric::VideoFramesUndecodable) > 30 && bench.count(Metric::RtpPliSent) > 0);
}

#[test]
fn with_descriptors_any_codec_knows_what_a_lost_upper_picture_costs() {
    for codec in [Codec::Vp8, Codec::H264, Codec::Vp9, Codec::Av1] {
        let plan = described(layered(codec, "L1T2", false));
        let mut encoder = Encoder::new(&plan, IDENTITY, &Seed::new(5).child("media"), Instant::from_secs(1));
        let (mut numbers, mut frame) = (Vec::new(), Frame::default());
        encoder.handle_timeout(Instant::from_millis(4_000));
        while encoder.poll_frame(&mut frame) {
            numbers.extend(frame.packets.iter().map(|_| frame.number));
        }
        let mut bench = Bench::new(&plan);
        bench.rtx = false;
        // Every upper picture of the second second is lost, to the last packet.
        let lost = |index: usize| numbers.get(index).is_some_and(|number| (30..60).contains(number) && number % 2 == 1);
        bench.run(4_000, |index| if lost(index) { Fate::Drop } else { Fate::Deliver }).finish();
        bench.assert_whole();
        assert_eq!((bench.plis.len(), bench.count(Metric::VideoFramesUndecodable)), (0, 0), "{codec:?}");
        let frames = bench.count(Metric::VideoFramesDecodable);
        assert!((73..=76).contains(&frames), "{codec:?}: {frames}");
    }
}

/// A microphone that repeats, beside one that does not, where every so many packets one or two are lost.
fn lossy_sound(fec: bool, red: u8, burst: usize) -> Bench {
    let mut plan = sound(None);
    if let Source::Audio(source) = &mut plan.source {
        (source.fec, source.red) = (fec, red);
    }
    let mut bench = Bench::new(&plan);
    bench.encoder.set_red((red > 0).then_some(111));
    bench.rtx = false;
    bench.run(11_000, |index| if index % 20 < burst && index >= 20 { Fate::Drop } else { Fate::Deliver });
    bench.run(11_200, |_| Fate::Deliver).finish();
    bench.assert_whole();
    bench
}

#[test]
fn redundancy_brings_lost_sound_back_and_it_is_not_concealed() {
    // In-band FEC and one copy bridge single losses, two copies bridge pairs.
    for (fec, red, burst, share) in
        [(false, 0, 1, 0), (true, 0, 1, 1), (false, 1, 1, 1), (true, 1, 1, 1), (true, 0, 2, 2), (false, 2, 2, 1)]
    {
        let bench = lossy_sound(fec, red, burst);
        let case = format!("fec {fec}, red {red}, {burst} lost");
        let (concealed, all) = bench.ratio(Metric::AudioConcealedRatio);
        let (lost, _) = bench.ratio(Metric::RtpLossNet);
        let recovered = bench.count(Metric::AudioRecovered);
        assert!(lost > 20 && (500..520).contains(&all), "{case}: {lost} of {all}");
        let expected = lost.checked_div(share).unwrap_or(0);
        assert_eq!((recovered, concealed), (expected, lost - expected), "{case}");
        assert_eq!(bench.ratio(Metric::RtpLossResidual).0, lost - expected, "{case}");
    }
}

#[test]
fn malformed_redundancy_is_counted_and_nothing_else_is() {
    for (red, cut) in [(1, true), (1, false), (0, false)] {
        let mut plan = sound(None);
        if let Source::Audio(source) = &mut plan.source {
            source.red = red;
        }
        let mut bench = Bench::new(&plan);
        bench.encoder.set_red((red > 0).then_some(111));
        // Of a header of four bytes and that of the primary one are left three: every tenth packet ends within them.
        bench.run(5_000, |index| if cut && index % 10 == 3 { Fate::Cut(3) } else { Fate::Deliver }).finish();
        let opened_whole = bench.count(Metric::IntegrityRed);
        assert_eq!(opened_whole > 0, cut, "red {red}, cut {cut}: {opened_whole}");
        assert!(opened_whole <= 20, "{opened_whole}");
    }
}

#[test]
fn malformed_descriptors_are_counted_and_nothing_else_is() {
    let plan = layered(Codec::Av1, "L1T3", false);
    let mut bench = Bench::new(&plan);
    bench.run(4_000, |index| if index % 7 == 3 { Fate::CutDescriptor(2) } else { Fate::Deliver }).finish();
    assert!(bench.count(Metric::IntegrityDescriptor) > 0);
    let mut whole = Bench::new(&plan);
    // Those of the first keyframe are lost: what follows names a structure that never came, which is no malformation.
    whole.keyframes_answered = false;
    whole.rtx = false;
    whole.run(4_000, |index| if index < 4 { Fate::Drop } else { Fate::Deliver }).finish();
    assert_eq!(whole.count(Metric::IntegrityDescriptor), 0);
}

#[test]
fn without_loss_redundancy_moves_nothing() {
    let mut plan = sound(None);
    if let Source::Audio(source) = &mut plan.source {
        (source.fec, source.red) = (true, 2);
    }
    let mut bench = Bench::new(&plan);
    bench.encoder.set_red(Some(111));
    bench.run(5_000, |_| Fate::Deliver).finish();
    bench.assert_whole();
    assert_eq!((bench.count(Metric::AudioRecovered), bench.count(Metric::RtpDup)), (0, 0));
    assert_eq!((bench.ratio(Metric::AudioConcealedRatio).0, bench.ratio(Metric::RtpLossNet).0), (0, 0));
    assert!(bench.opened * 3 < bench.told, "{} of {} opened", bench.opened, bench.told);
}
