use super::player::Player;
use super::*;
use crate::clock::Instant;
use crate::container::{annexb, ivf};
use crate::media::encoder::Frame;
use crate::media::payload::{MAX_PAYLOAD, frame_crc_update};
use crate::media::{Found, Identity, Stamp};
use crate::rtp::h264::headers;
use crate::seed::Seed;
use proptest::prelude::*;

const IVF: &[u8] = include_bytes!("../../../scenarios/media/clip.ivf");
const BYTES: &[u8] = include_bytes!("../../../scenarios/media/clip.h264");
const OGG: &[u8] = include_bytes!("../../../scenarios/media/clip.opus");
const IDENTITY: Identity = Identity { publisher: 7, room: 3, media: 1 };

fn parsed(codec: Codec) -> Clip {
    let file = match codec {
        Codec::H264 => BYTES,
        Codec::Opus => OGG,
        _ => IVF,
    };
    Clip::parse(codec, file, 15.0).unwrap_or_else(|refused| panic!("{refused:?}"))
}

fn player(codec: Codec) -> Player {
    Player::new(Arc::new(parsed(codec)), IDENTITY, &Seed::new(1), Instant::ZERO)
}

/// The frames that are due until `until`, with their payloads.
fn frames(player: &mut Player, until: Instant) -> Vec<(Frame, Vec<Vec<u8>>)> {
    player.handle_timeout(until);
    let (mut frame, mut frames) = (Frame::default(), Vec::new());
    while player.poll_frame(&mut frame) {
        let bytes = |payload: &crate::media::Payload| {
            let mut out = Vec::new();
            payload.write_into(&mut out);
            out
        };
        frames.push((frame.clone(), frame.packets.iter().map(bytes).collect()));
    }
    frames
}

#[test]
fn the_shipped_clips_are_what_their_readme_says() {
    for (codec, size, keyframes) in [(Codec::Vp8, Some((320, 180)), 3), (Codec::H264, Some((320, 180)), 3)] {
        let clip = parsed(codec);
        assert_eq!((clip.codec(), clip.size(), clip.keyframes()), (codec, size, keyframes));
        assert!((clip.fps() - 15.0).abs() < 0.001 && clip.units.len() == 90, "{clip:?} {}", clip.fps());
        assert!((200_000..300_000).contains(&clip.bitrate().bps()), "{}", clip.bitrate());
    }
    let sound = parsed(Codec::Opus);
    assert!((300..=302).contains(&sound.units.len()), "{sound:?}");
    assert!((sound.fps() - 50.0).abs() < 0.5);
}

#[test]
fn a_loop_goes_on_without_a_gap_and_time_goes_on() {
    for (codec, fps, rate) in [(Codec::Vp8, 15, 90_000), (Codec::H264, 15, 90_000), (Codec::Opus, 50, 48_000)] {
        let mut player = player(codec);
        let played = frames(&mut player, Instant::from_secs(20));
        assert!((20 * fps - 1..=20 * fps + 1).contains(&played.len()), "{codec:?} {}", played.len());
        for (before, after) in played.iter().zip(&played[1..]) {
            let step = after.0.rtp_time.wrapping_sub(before.0.rtp_time);
            assert!(step.abs_diff(rate / fps as u32) <= 1, "{codec:?} {step}");
            assert_eq!(after.0.number, before.0.number + 1);
        }
        let first = &played[0].1;
        let again = &played[parsed(codec).units.len()];
        assert_eq!(again.0.keyframe, codec != Codec::Opus, "the second round begins as the first");
        assert_eq!(again.1.len(), first.len());
        assert!(played.iter().flat_map(|(_, packets)| packets).all(|packet| packet.len() <= MAX_PAYLOAD));
    }
}

#[test]
fn pictures_of_vp8_are_those_of_the_file() {
    let played = frames(&mut player(Codec::Vp8), Instant::from_secs(5));
    let (_, in_file) = ivf::parse(IVF).unwrap();
    let mut ids = Vec::new();
    for ((frame, packets), (_, picture)) in played.iter().zip(in_file) {
        let mut whole = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            let parsed = crate::rtp::vp8::parse(packet).unwrap();
            assert_eq!(parsed.starts_frame(), index == 0);
            ids.push(parsed.descriptor.picture_id.unwrap().value());
            whole.extend_from_slice(&packet[parsed.descriptor.len..]);
        }
        assert_eq!(whole, picture);
        assert!(frame.marker(packets.len() - 1) && (packets.len() == 1 || !frame.marker(0)));
    }
    ids.dedup();
    assert!(ids.windows(2).all(|two| two[1] == (two[0] + 1) & 0x7FFF));
}

#[test]
fn pictures_of_h264_carry_a_stamp_that_is_right() {
    let played = frames(&mut player(Codec::H264), Instant::from_secs(7));
    assert!(played.len() > 95, "a round and more");
    for (index, (frame, packets)) in played.iter().enumerate() {
        let Found::Stamp(stamp, at) = Stamp::find(&packets[0]) else { panic!("no stamp in {index}") };
        assert_eq!(Some(at), frame.packets[0].stamp_at());
        assert_eq!((stamp.publisher, stamp.room, stamp.media, stamp.frame), (7, 3, 1, index as u32));
        assert_eq!(stamp.frame_bytes as usize, packets.iter().map(Vec::len).sum::<usize>());
        assert_eq!(stamp.due.as_micros(), frame.due.as_micros());
        let crc = packets.iter().fold(0, |crc, packet| frame_crc_update(Codec::H264, crc, packet));
        assert_eq!(stamp.payload_crc, crc, "frame {index}");
        assert_eq!(crate::rtp::h264::starts_keyframe(&packets[0]), frame.keyframe);
    }
}

#[test]
fn a_request_goes_on_at_the_next_keyframe_and_the_grid_stays() {
    for codec in [Codec::Vp8, Codec::H264] {
        let mut player = player(codec);
        frames(&mut player, Instant::from_millis(500));
        player.request_keyframe(Instant::from_millis(510));
        let played = frames(&mut player, Instant::from_secs(2));
        assert!(played[0].0.keyframe && !played[1].0.keyframe, "{codec:?}");
        assert_eq!(player.at, 30 + played.len());
        assert!(played[0].0.due < Instant::from_millis(600));
        // Two requests in a moment are one jump, and one that is too early waits.
        player.request_keyframe(Instant::from_millis(2_010));
        player.request_keyframe(Instant::from_millis(2_020));
        let next = frames(&mut player, Instant::from_millis(2_100));
        player.request_keyframe(Instant::from_millis(2_150));
        let later = frames(&mut player, Instant::from_millis(2_600));
        assert!(next.iter().any(|(frame, _)| frame.keyframe));
        let second = later.iter().find(|(frame, _)| frame.keyframe).expect("it is answered");
        let first = next.iter().find(|(frame, _)| frame.keyframe).expect("it is there");
        assert!(second.0.due >= first.0.due + crate::media::MIN_KEYFRAME_INTERVAL);
    }
}

#[test]
fn unmuted_it_begins_with_a_keyframe_further_on() {
    let mut player = player(Codec::Vp8);
    frames(&mut player, Instant::from_millis(300));
    player.set_muted(Instant::from_millis(300), true);
    assert_eq!(player.poll_timeout(), None);
    player.set_muted(Instant::from_millis(1_000), false);
    let played = frames(&mut player, Instant::from_millis(1_200));
    assert!(played[0].0.keyframe && played[0].0.due >= Instant::from_millis(1_000));
}

fn why(codec: Codec, file: &[u8]) -> String {
    Clip::parse(codec, file, 30.0).expect_err("it is refused").sentence
}

#[test]
fn what_cannot_be_played_is_refused_with_what_is_wrong() {
    assert!(why(Codec::Vp8, b"").contains("is no IVF"));
    assert!(why(Codec::Vp8, OGG).contains("is no IVF"));
    assert!(why(Codec::Vp8, &IVF[..IVF.len() - 1]).contains("is cut off in frame 89"));
    assert_eq!(why(Codec::Vp8, &IVF[..32]), "holds no frame");
    assert!(why(Codec::Vp8, &[b"DKIF\0\0\x20\0VP90", &IVF[12..]].concat()).contains("holds VP90, not VP8"));
    assert!(why(Codec::Opus, IVF).contains("is no Ogg"));
    assert!(why(Codec::Opus, &OGG[..OGG.len() - 9]).contains("is cut off in page"));
    assert!(why(Codec::H264, b"").contains("holds no picture"));
    assert!(why(Codec::H264, IVF).contains("NAL unit") || why(Codec::H264, IVF).contains("holds no picture"));
    let nals: Vec<&[u8]> = annexb::nals(BYTES).collect();
    let stream = |nals: &[&[u8]]| {
        let mut out = Vec::new();
        nals.iter().for_each(|nal| annexb::write_nal(&mut out, nal));
        out
    };
    let slices: Vec<&[u8]> = nals.iter().copied().filter(|nal| matches!(nal[0] & 31, 1 | 5)).collect();
    assert!(why(Codec::H264, &stream(&slices)).contains("no sequence parameter set"));
    assert!(why(Codec::H264, &stream(&[nals[0], nals[1], slices[1]])).contains("does not begin with a keyframe"));
    let main: Vec<u8> = [&[nals[0][0], 77], &nals[0][2..]].concat();
    assert!(why(Codec::H264, &stream(&[&main, nals[1], slices[0]])).contains("has the profile 77"));
    // first_mb_in_slice 0, slice_type 1.
    assert!(why(Codec::H264, &stream(&[nals[0], nals[1], slices[0], &[0x01, 0b1010_0000]])).contains("B slices"));
    let mut hidden = IVF.to_vec();
    hidden[32 + 12] &= !0x10;
    assert!(why(Codec::Vp8, &hidden).contains("not shown"));
}

#[test]
fn the_size_of_a_parameter_set_is_read_with_its_cropping() {
    let mut sps = [0; headers::MAX_SPS_LEN];
    for (width, height) in [(320, 180), (640, 360), (1_920, 1_080), (16, 16)] {
        let len = headers::write_sps(width, height, 30.0, &mut sps);
        assert_eq!(h264::sps_size(&sps[..len]), Some((width, height)));
    }
    assert_eq!(h264::sps_size(&sps[..5]), None);
}

proptest! {
    #[test]
    fn damaged_files_never_fail(
        codec in prop::sample::select(vec![Codec::Vp8, Codec::H264, Codec::Opus]),
        from in 0usize..600, length in 0usize..3_000,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let file = match codec { Codec::H264 => BYTES, Codec::Opus => OGG, _ => IVF };
        let mut bytes = file[if from < 300 { 0 } else { from }..][..length].to_vec();
        for (at, byte) in edits {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if let Ok(clip) = Clip::parse(codec, &bytes, 30.0) {
            let mut player = Player::new(Arc::new(clip), IDENTITY, &Seed::new(1), Instant::ZERO);
            let played = frames(&mut player, Instant::from_millis(200));
            prop_assert!(played.iter().all(|(_, packets)| !packets.is_empty()));
        }
    }
}
