use super::*;
use crate::clock::Duration;
use crate::container::{annexb, ivf, ogg};
use crate::media::scalability::Scalability;
use crate::media::source::{AudioSource, FrameModel, RateControl, Sending, Source, VideoSource};
use crate::media::{Encoder, Frame, Identity, MediaPlan};
use crate::rtp::vp8;
use crate::seed::Seed;
use crate::units::Bitrate;

/// Payloads of the frames of one second, each with the frame's RTP time.
fn frames(codec: Codec) -> Vec<(i64, Vec<Vec<u8>>)> {
    let source = match codec {
        Codec::Opus => {
            Source::Audio(AudioSource { ptime: Duration::from_millis(20), dtx: false, fec: false, red: 0, talk: None })
        }
        _ => Source::Video(VideoSource {
            width: 640,
            height: 360,
            fps: 30.0,
            keyframe_interval: None,
            frames: FrameModel { noise: 0.15, key_ratio: 3.0 },
            rate_control: RateControl::Fixed,
            scalability: Scalability::NONE,
            flexible: false,
            dependency_descriptor: false,
            layers: Vec::new(),
            silent: false,
        }),
    };
    let bitrate = Bitrate::from_kbps(if codec == Codec::Opus { 32 } else { 800 });
    let plan = MediaPlan { name: "one".to_owned(), codec, bitrate, sending: Sending::default(), source };
    let identity = Identity { publisher: 0, room: 0, media: 0 };
    let mut encoder = Encoder::new(&plan, identity, &Seed::new(3), Instant::ZERO);
    encoder.handle_timeout(Instant::from_secs(1));
    let (mut frame, mut frames) = (Frame::default(), Vec::new());
    while encoder.poll_frame(&mut frame) {
        let bytes = |payload: &crate::media::Payload| {
            let mut out = Vec::new();
            payload.write_into(&mut out);
            out
        };
        frames.push((i64::from(frame.rtp_time), frame.packets.iter().map(bytes).collect()));
    }
    frames
}

/// The files that come of records.
fn files(records: impl IntoIterator<Item = Record>) -> std::collections::BTreeMap<Arc<str>, Vec<u8>> {
    let mut files = std::collections::BTreeMap::<Arc<str>, Vec<u8>>::new();
    for record in records {
        let file = files.entry(record.file).or_default();
        match record.place {
            Place::End => file.extend(record.bytes),
            Place::At(at) => file[at as usize..][..record.bytes.len()].copy_from_slice(&record.bytes),
        }
    }
    files
}

fn tap() -> Tap {
    Tap::new("viewers-3", 0, 1, Ntp::from_unix_nanos(1_767_225_600_000_000_000))
}

fn only(track: &mut Track, name: &str) -> Vec<u8> {
    let mut files = files(std::iter::from_fn(|| track.poll_record()));
    assert_eq!(files.len(), 1);
    files.remove(name).unwrap_or_else(|| panic!("no {name} in {:?}", files.keys()))
}

/// Feeds pictures to a track, in the reverse order of their packets, and tells it of all but those in `lost`.
fn feed_pictures(track: &mut Track, frames: &[(i64, Vec<Vec<u8>>)], lost: &[usize]) {
    let mut number = 65_530;
    for (index, (rtp_time, packets)) in frames.iter().enumerate() {
        let (low, high) = (number, number + packets.len() as i64 - 1);
        number = high + 1;
        let here = packets.len() - usize::from(lost.contains(&index));
        for (offset, packet) in packets.iter().enumerate().take(here).rev() {
            track.handle_packet(low + offset as i64, *rtp_time, packet, low);
        }
        if lost.contains(&index) {
            track.handle_gone(high);
        } else {
            track.handle_picture(low, high, packets.len() as u32, *rtp_time);
        }
    }
    track.finish();
}

fn without_descriptors(packets: &[Vec<u8>]) -> Vec<u8> {
    packets.iter().flat_map(|packet| packet[vp8::DESCRIPTOR_LEN..].to_vec()).collect()
}

#[test]
fn pictures_of_vp8_become_an_ivf_without_those_that_were_lost() {
    let frames = frames(Codec::Vp8);
    let mut track = tap().track(2, "hosts-0/camera", Codec::Vp8);
    feed_pictures(&mut track, &frames, &[4, 9]);
    let file = only(&mut track, "viewers-3/0.1.2-hosts-0-camera.ivf");
    let (header, read) = ivf::parse(&file).unwrap();
    assert_eq!((header.fourcc, header.width, header.height, header.rate), (*b"VP80", 640, 360, 90_000));
    let length = (frames.last().unwrap().0 - frames[0].0) as u32 + 3_000;
    assert_eq!(file[24..28], length.to_le_bytes());
    let kept = frames.iter().enumerate().filter(|(index, _)| ![4, 9].contains(index));
    let expected: Vec<(u64, Vec<u8>)> =
        kept.map(|(_, (at, packets))| ((at - frames[0].0) as u64, without_descriptors(packets))).collect();
    assert_eq!(read.iter().map(|(at, frame)| (*at, frame.to_vec())).collect::<Vec<_>>(), expected);
}

#[test]
fn pictures_of_h264_become_a_byte_stream_of_whole_units() {
    let frames = frames(Codec::H264);
    let mut track = tap().track(0, "hosts-0/camera", Codec::H264);
    feed_pictures(&mut track, &frames, &[1]);
    let file = only(&mut track, "viewers-3/0.1.0-hosts-0-camera.h264");
    let kinds: Vec<u8> = annexb::nals(&file).map(h264_type).collect();
    assert_eq!(kinds[..4], [7, 8, 6, 5]);
    assert_eq!(kinds[4..], vec![1; frames.len() - 2]);
    // Fragments lose their two bytes a packet and give a header back; nothing else is taken or added.
    let last = frames.last().unwrap().1.concat();
    let nal = annexb::nals(&file).last().unwrap().to_vec();
    assert!(last.ends_with(&nal[nal.len() - 40..]));
}

fn h264_type(nal: &[u8]) -> u8 {
    crate::rtp::h264::nal_type(nal[0])
}

#[test]
fn sound_is_put_into_order_and_what_was_lost_is_a_gap() {
    let frames = frames(Codec::Opus);
    let mut track = tap().track(0, "hosts-0/mic", Codec::Opus);
    // 3 comes after 5, 7 never does; the floor follows as a receiver's would.
    let numbers = (0..frames.len() as i64).filter(|number| *number != 3 && *number != 7);
    for number in numbers {
        let floor = if number < 5 { number.min(3) } else { number + 1 };
        if number == 5 {
            track.handle_packet(3, frames[3].0, &frames[3].1[0], 3);
        }
        track.handle_packet(number, frames[number as usize].0, &frames[number as usize].1[0], floor);
    }
    // It comes when it has been given up.
    track.handle_packet(7, frames[7].0, &frames[7].1[0], 12);
    track.finish();
    let file = only(&mut track, "viewers-3/0.1.0-hosts-0-mic.opus");
    let packets = ogg::parse_opus(&file).unwrap();
    let expected: Vec<Vec<u8>> =
        frames.iter().enumerate().filter(|(number, _)| *number != 7).map(|(_, (_, p))| p[0].clone()).collect();
    assert_eq!(packets, expected);
    // The last page says how much sound there would have been.
    let last = file.windows(4).rposition(|four| four == b"OggS").unwrap();
    let granule = u64::from_le_bytes(file[last + 6..last + 14].try_into().unwrap());
    assert_eq!((file[last + 5], granule), (ogg::ENDS, frames.len() as u64 * 960));
}

#[test]
fn a_stream_that_begins_again_goes_on_in_its_file() {
    let frames = frames(Codec::Vp8);
    let mut track = tap().track(0, "a", Codec::Vp8);
    for (round, base) in [(0, 90_000), (1, -5)] {
        track.handle_packet(7, base, &frames[0].1[0], 7);
        track.handle_picture(7, 7, 1, base);
        if round == 0 {
            track.restart();
        }
    }
    let file = only(&mut track, "viewers-3/0.1.0-a.ivf");
    let times: Vec<u64> = ivf::parse(&file).unwrap().1.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 3_000]);
}

#[test]
fn what_waits_for_its_frame_is_bounded() {
    let mut track = tap().track(0, "a", Codec::Vp8);
    let packet = vec![0x10; 1_000];
    for number in 0..(MAX_HELD as i64 / 1_000 + 100) {
        track.handle_packet(number, 0, &packet, 0);
    }
    // The oldest packet was let go, so its frame is not written; the newest is there, but is no keyframe.
    track.handle_picture(0, 0, 1, 0);
    assert_eq!(track.poll_record(), None);
}

#[test]
fn packets_are_dumped_with_their_milliseconds() {
    let mut tap = tap();
    let records =
        [(1_500, [0x80, 96]), (1_520, [0x80, 97])].map(|(at, packet)| tap.packet(Instant::from_millis(at), &packet));
    let file = files(records).remove("viewers-3/0.1-received.rtpdump").unwrap();
    assert_eq!(rtpdump::parse(&file).unwrap(), [(1_500, &[0x80, 96][..]), (1_520, &[0x80, 97])]);
    assert_eq!(file[28..32], 1_767_225_600u32.to_be_bytes());
}

#[test]
fn no_name_leads_out_of_the_directory() {
    assert_eq!(plain("../a b/ü"), "..-a-b-ü");
    assert_eq!(plain(".."), "unnamed");
    assert_eq!(plain(""), "unnamed");
}

proptest::proptest! {
    #[test]
    fn arbitrary_payloads_never_fail(
        codec in proptest::sample::select(Codec::ALL.to_vec()),
        packets in proptest::collection::vec((0i64..6, -9i64..9, proptest::collection::vec(proptest::prelude::any::<u8>(), 0..30), 0u8..5), 0..40),
    ) {
        let mut track = tap().track(0, "a", codec);
        for (number, rtp_time, payload, act) in packets {
            match act {
                0 => track.handle_picture(number, number + 1, 2, rtp_time),
                1 => track.handle_gone(number),
                2 if rtp_time == 3 => track.restart(),
                _ => track.handle_packet(number, rtp_time * 1_000, &payload, number - 2),
            }
        }
        track.finish();
        for (name, file) in files(std::iter::from_fn(|| track.poll_record())) {
            match codec {
                Codec::Vp8 | Codec::Vp9 | Codec::Av1 => drop(ivf::parse(&file).unwrap()),
                Codec::Opus => drop(ogg::parse_opus(&file).unwrap()),
                _ => proptest::prop_assert!(!file.is_empty(), "{name}"),
            }
        }
    }
}
