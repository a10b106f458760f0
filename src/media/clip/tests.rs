use super::player::Player;
use super::*;
use crate::clock::Instant;
use crate::container::{annexb, ivf};
use crate::media::encoder::Frame;
use crate::media::payload::{MAX_PAYLOAD, frame_crc_update};
use crate::media::{Found, Identity, Stamp};
use crate::rtp::extension::dependency_descriptor;
use crate::rtp::h264::headers;
use crate::rtp::{av1, vp9};
use crate::seed::Seed;
use proptest::prelude::*;

const IVF: &[u8] = include_bytes!("../../../scenarios/media/clip.ivf");
const LOW: &[u8] = include_bytes!("../../../scenarios/media/low.ivf");
const VP9: &[u8] = include_bytes!("../../../scenarios/media/clip-vp9.ivf");
const AV1: &[u8] = include_bytes!("../../../scenarios/media/clip-av1.ivf");
const LOW_BYTES: &[u8] = include_bytes!("../../../scenarios/media/low.h264");
const BYTES: &[u8] = include_bytes!("../../../scenarios/media/clip.h264");
const OGG: &[u8] = include_bytes!("../../../scenarios/media/clip.opus");
const IDENTITY: Identity = Identity { publisher: 7, room: 3, media: 1 };

fn file(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::Vp8 => IVF,
        Codec::Vp9 => VP9,
        Codec::H264 => BYTES,
        Codec::Av1 => AV1,
        Codec::Opus => OGG,
    }
}

fn parsed(codec: Codec) -> Clip {
    let clip = Clip::parse(codec, file(codec), 15.0, codec == Codec::Av1);
    clip.unwrap_or_else(|refused| panic!("{refused:?}"))
}

fn player(codec: Codec) -> Player {
    Player::new((Arc::new(parsed(codec)), None), IDENTITY, &Seed::new(1), Instant::ZERO)
}

const VIDEO: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

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
    for codec in VIDEO {
        let clip = parsed(codec);
        assert_eq!((clip.codec(), clip.size(), clip.keyframes()), (codec, Some((320, 180)), 3));
        assert!((clip.fps() - 15.0).abs() < 0.001 && clip.units.len() == 90, "{clip:?} {}", clip.fps());
        assert!((100_000..300_000).contains(&clip.bitrate().bps()), "{}", clip.bitrate());
    }
    for (codec, low) in [(Codec::Vp8, LOW), (Codec::H264, LOW_BYTES)] {
        let low = Clip::parse(codec, low, 15.0, false).expect("it ships");
        assert_eq!((low.size(), low.keyframes(), low.keeps_step(&parsed(codec))), (Some((160, 90)), 3, Ok(())));
        assert!(low.bitrate() < parsed(codec).bitrate());
    }
    let sound = parsed(Codec::Opus);
    assert!((300..=302).contains(&sound.units.len()), "{sound:?}");
    assert!((sound.fps() - 50.0).abs() < 0.5);
}

#[test]
fn a_loop_goes_on_without_a_gap_and_time_goes_on() {
    let pictures = VIDEO.map(|codec| (codec, 15, 90_000));
    for (codec, fps, rate) in pictures.into_iter().chain([(Codec::Opus, 50, 48_000)]) {
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
fn pictures_of_vp9_are_those_of_the_file() {
    let played = frames(&mut player(Codec::Vp9), Instant::from_secs(5));
    let (_, in_file) = ivf::parse(VP9).unwrap();
    let mut ids = Vec::new();
    for ((frame, packets), (_, picture)) in played.iter().zip(in_file) {
        let mut whole = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            let vp9::Packet { descriptor, header } = vp9::parse(packet).unwrap();
            let ends = index + 1 == packets.len();
            assert_eq!((descriptor.starts_frame, descriptor.ends_frame), (index == 0, ends));
            assert_eq!(descriptor.inter_picture, !frame.keyframe);
            assert_eq!(header.is_some_and(|header| header.keyframe), index == 0 && frame.keyframe);
            let structure = descriptor.structure.filter(|_| index == 0);
            assert_eq!(structure.is_some(), index == 0 && frame.keyframe);
            if let Some(structure) = structure {
                assert_eq!((structure.sizes.unwrap()[0], structure.group.len()), ((320, 180), 1));
            }
            ids.push(descriptor.picture_id.unwrap().value());
            whole.extend_from_slice(&packet[descriptor.len..]);
        }
        assert_eq!(whole, picture);
    }
    ids.dedup();
    assert!(ids.len() > 70 && ids.windows(2).all(|two| two[1] == (two[0] + 1) & 0x7FFF));
}

#[test]
fn pictures_of_av1_are_those_of_the_file_without_delimiters() {
    let mut player = player(Codec::Av1);
    let structure = player.structure().cloned().expect("they are described");
    let played = frames(&mut player, Instant::from_secs(5));
    let (_, in_file) = ivf::parse(AV1).unwrap();
    let mut reader = dependency_descriptor::Reader::default();
    for (place, ((frame, packets), (_, unit))) in played.iter().zip(in_file).enumerate() {
        let mut found: Vec<Vec<u8>> = Vec::new();
        assert_eq!(frame.descriptors.len(), packets.len());
        for (index, packet) in packets.iter().enumerate() {
            let parsed = av1::parse(packet).unwrap();
            assert_eq!(parsed.new_sequence, index == 0 && frame.keyframe);
            assert_eq!((parsed.continued, parsed.continues), (index + 1 < packets.len(), index > 0));
            for (piece_index, piece) in parsed.pieces().enumerate() {
                match found.last_mut().filter(|_| parsed.continues && piece_index == 0) {
                    Some(open) => open.extend_from_slice(piece),
                    None => found.push(piece.to_vec()),
                }
            }
            let described = frame.descriptors[index];
            assert_eq!(described.structured, index == 0 && frame.keyframe);
            let mut value = described.fields.to_vec();
            value.extend(structure.iter().take(if described.structured { usize::MAX } else { 0 }));
            let said = reader.read(&value).expect("it is well formed");
            assert_eq!((said.starts, said.ends), (index == 0, index + 1 == packets.len()));
            assert_eq!(said.is_key(), frame.keyframe, "{place}");
        }
        let expected = av1::obus(unit).unwrap().into_iter().filter(|(obu, _)| obu.kind != av1::TEMPORAL_DELIMITER);
        let expected: Vec<(u8, &[u8])> = expected.map(|(obu, body)| (obu.kind, body)).collect();
        let found: Vec<(u8, &[u8])> = found.iter().map(|obu| (av1::Obu::parse(obu).unwrap().kind, &obu[1..])).collect();
        assert_eq!(found, expected, "frame {place}");
    }
}

#[test]
fn hidden_frames_go_out_with_the_one_that_is_shown() {
    let (header, in_file) = ivf::parse(VP9).unwrap();
    // A frame whose mark of being shown is taken away stands before another, with an index behind them.
    let superframe = |first: &[u8], second: &[u8]| {
        let mut hidden = first.to_vec();
        hidden[0] &= !0x02;
        let mut whole = [&hidden, second].concat();
        let index = 0b1100_1001;
        whole.push(index);
        [hidden.len(), second.len()].iter().for_each(|len| whole.extend_from_slice(&(*len as u16).to_le_bytes()));
        whole.push(index);
        whole
    };
    let mut file = header.bytes().to_vec();
    ivf::write_frame(&mut file, 0, in_file[0].1);
    let pair = superframe(in_file[1].1, in_file[2].1);
    ivf::write_frame(&mut file, 1, &pair);
    let clip = Clip::parse(Codec::Vp9, &file, 15.0, false).expect("it is played");
    assert_eq!(clip.units.iter().map(|unit| unit.keyframe).collect::<Vec<_>>(), [true, false]);
    let mut hidden = header.bytes().to_vec();
    ivf::write_frame(&mut hidden, 0, in_file[0].1);
    ivf::write_frame(&mut hidden, 1, &pair[..in_file[1].1.len()]);
    assert!(why(Codec::Vp9, &hidden).contains("not shown (frame 1)"), "{}", why(Codec::Vp9, &hidden));
    let mut torn = header.bytes().to_vec();
    ivf::write_frame(&mut torn, 0, &pair[1..]);
    assert!(why(Codec::Vp9, &torn).contains("is cut off inside frame 0"), "{}", why(Codec::Vp9, &torn));
}

#[test]
fn layers_stay_at_the_same_frame_whatever_happens_to_them() {
    let clips = [Clip::parse(Codec::Vp8, LOW, 15.0, false).unwrap(), parsed(Codec::Vp8)];
    let mut players: Vec<Player> = clips
        .into_iter()
        .zip(0u8..)
        .map(|(clip, layer)| Player::new((Arc::new(clip), Some(layer)), IDENTITY, &Seed::new(1), Instant::ZERO))
        .collect();
    let due = |player: &Player| player.poll_timeout();
    assert_eq!(due(&players[0]), due(&players[1]), "they are due together");
    let run = |players: &mut Vec<Player>, until| -> Vec<Vec<(Frame, Vec<Vec<u8>>)>> {
        players.iter_mut().map(|player| frames(player, Instant::from_millis(until))).collect()
    };
    run(&mut players, 500);
    players[1].set_paused(Instant::from_millis(510), true);
    // A receiver of the lower one loses its picture while nobody takes the higher.
    players.iter_mut().for_each(|player| player.request_keyframe(Instant::from_millis(700)));
    let played = run(&mut players, 1_500);
    assert!(played[0].iter().filter(|(frame, _)| frame.keyframe).count() == 1 && played[1].is_empty());
    // It comes back: both go on at the next keyframe, and the one that was away sends nothing before it.
    players[1].set_paused(Instant::from_millis(1_500), false);
    players.iter_mut().for_each(|player| player.request_keyframe(Instant::from_millis(1_500)));
    let played = run(&mut players, 3_000);
    assert!(played[1][0].0.keyframe, "it begins with a keyframe");
    let together = |one: &(Frame, Vec<Vec<u8>>), two: &(Frame, Vec<Vec<u8>>)| {
        (one.0.due, one.0.keyframe) == (two.0.due, two.0.keyframe)
    };
    let (low, high) = (&played[0][played[0].len() - played[1].len()..], &played[1]);
    assert!(low.iter().zip(high).all(|(one, two)| together(one, two)));
    assert_eq!(players[0].at, players[1].at);
    assert!(low.iter().zip(high).all(|(one, two)| one.0.rtp_time != two.0.rtp_time), "their RTP times are their own");
}

#[test]
fn clips_that_do_not_keep_step_say_how() {
    let clip = parsed(Codec::Vp8);
    let (header, in_file) = ivf::parse(IVF).unwrap();
    let made = |times: &[(u64, usize)]| {
        let mut file = header.bytes().to_vec();
        times.iter().for_each(|(time, frame)| ivf::write_frame(&mut file, *time, in_file[*frame].1));
        Clip::parse(Codec::Vp8, &file, 15.0, false).expect("it can be played")
    };
    let all: Vec<(u64, usize)> = (0..90).map(|index| (index as u64, index)).collect();
    assert_eq!(made(&all).keeps_step(&clip), Ok(()));
    assert_eq!(made(&all[..80]).keeps_step(&clip), Err("have 80 and 90 frames".to_owned()));
    let slower: Vec<(u64, usize)> = all.iter().map(|(time, index)| (time * 2, *index)).collect();
    assert!(made(&slower).keeps_step(&clip).unwrap_err().starts_with("differ in their rate: frame 0 lasts"));
    let keyed: Vec<(u64, usize)> = all.iter().map(|(time, i)| (*time, if *i == 7 { 0 } else { *i })).collect();
    assert!(made(&keyed).keeps_step(&clip).unwrap_err().contains("frame 7 is one in only one of them"));
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
    for codec in VIDEO {
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
    Clip::parse(codec, file, 30.0, codec == Codec::Av1).expect_err("it is refused").sentence
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
    for (codec, file, name, other) in [(Codec::Vp9, VP9, "VP90", "AV01"), (Codec::Av1, AV1, "AV01", "VP80")] {
        let (header, in_file) = ivf::parse(file).unwrap();
        let mut second = header.bytes().to_vec();
        ivf::write_frame(&mut second, 0, in_file[1].1);
        let begins = why(codec, &second);
        assert!(begins.contains("does not begin with a keyframe"), "{codec:?}: {begins}");
        assert!(why(codec, &file[..file.len() - 1]).contains("is cut off in frame 89"));
        assert!(why(codec, &[b"DKIF\0\0\x20\0", other.as_bytes(), &file[12..]].concat()).contains("not"), "{name}");
        assert!(why(codec, BYTES).contains("is no IVF"));
        let mut foreign = header.bytes().to_vec();
        ivf::write_frame(&mut foreign, 0, b"Theora");
        let foreign = why(codec, &foreign);
        assert!(foreign.contains("frame 0"), "{codec:?}: {foreign}");
    }
    // Profile 1 of VP9; its size changes.
    let (header, in_file) = ivf::parse(VP9).unwrap();
    let mut other = header.bytes().to_vec();
    ivf::write_frame(&mut other, 0, &[&[in_file[0].1[0] | 0x20], &in_file[0].1[1..]].concat());
    assert!(why(Codec::Vp9, &other).contains("has the profile 1"));
    let mut other = header.bytes().to_vec();
    ivf::write_frame(&mut other, 0, in_file[0].1);
    let mut larger = in_file[0].1.to_vec();
    larger[6] ^= 0x10;
    ivf::write_frame(&mut other, 1, &larger);
    assert!(why(Codec::Vp9, &other).contains("changes its size in frame 1"));
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
        codec in prop::sample::select(Codec::ALL.to_vec()),
        from in 0usize..600, length in 0usize..3_000,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = file(codec)[if from < 300 { 0 } else { from }..][..length].to_vec();
        for (at, byte) in edits {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if let Ok(clip) = Clip::parse(codec, &bytes, 30.0, true) {
            let mut player = Player::new((Arc::new(clip), None), IDENTITY, &Seed::new(1), Instant::ZERO);
            let played = frames(&mut player, Instant::from_millis(200));
            prop_assert!(played.iter().all(|(_, packets)| !packets.is_empty()));
        }
    }
}
