//! Payloads: VP8, H.264, Opus, and the stamp that throng writes into each.

use throng::clock::Instant;
use throng::conference::Codec;
use throng::media::channel::{self, Checked};
use throng::media::payload::{filler_of, frame_crc_update};
use throng::media::{Found, STAMP_LEN, Stamp};
use throng::rtp::extension::dependency_descriptor::{Descriptor, Indication, Reader, Structure, Template};
use throng::rtp::layer::Layer;
use throng::rtp::red::{self, Block};
use throng::rtp::{av1, h264, opus, vp8, vp9};

pub fn vp8_seeds() -> Vec<Vec<u8>> {
    let mut keyframe = vec![0; 40];
    let place = vp8::Place { picture_id: 32_760, tl0_picture_index: 255, ..vp8::Place::default() };
    vp8::write_descriptor(&mut keyframe, true, &place);
    let header = vp8::FrameHeader { keyframe: true, shown: true, first_partition: 900, size: Some((640, 360)) };
    let at = vp8::parse(&keyframe).expect("a descriptor was written").descriptor.len;
    header.write(&mut keyframe[at..]);
    vec![keyframe, vec![0x90, 0xF0, 0x7F, 0x01, 0xA3, 0x11, 0, 0]]
}

pub fn vp8(bytes: &[u8]) {
    let _ = vp8::FrameHeader::parse(bytes);
    let Some(packet) = vp8::parse(bytes) else { return };
    assert!((1..=6).contains(&packet.descriptor.len) && packet.descriptor.len <= bytes.len());
    assert!(!packet.starts_keyframe() || packet.starts_frame());
    assert!(packet.descriptor.picture_id.is_none_or(|id| id.value() < 1 << 15));
    payload(Codec::Vp8, bytes);
}

pub fn vp9_seeds() -> Vec<Vec<u8>> {
    let sizes = Some([(320, 180), (640, 360), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]);
    let picture = vp9::GroupPicture { temporal: 1, switching_up: true, references: vp9::Differences::new(&[1, 2]) };
    let structure = vp9::Structure { spatial_layers: 2, sizes, group: vec![picture; 3] };
    let keyframe = vp9::Descriptor {
        picture_id: Some(vp8::PictureId::Long(32_760)),
        starts_frame: true,
        layer: Some(vp9::LayerIndices::default()),
        tl0_picture_index: Some(255),
        structure: Some(Box::new(structure)),
        ..vp9::Descriptor::default()
    };
    let flexible = vp9::Descriptor {
        inter_picture: true,
        flexible: true,
        references: vp9::Differences::new(&[1, 2, 127]),
        structure: None,
        ..keyframe.clone()
    };
    [keyframe, flexible]
        .map(|descriptor| {
            let mut bytes = vec![0x55; 80];
            let at = descriptor.write(&mut bytes);
            vp9::FrameHeader { keyframe: true, shown: true, size: Some((640, 360)) }.write(&mut bytes[at..]);
            bytes
        })
        .to_vec()
}

pub fn vp9(bytes: &[u8]) {
    let _ = (vp9::FrameHeader::parse(bytes), vp9::Frame::parse(bytes));
    if let Some(frames) = vp9::frames(bytes) {
        assert!(!frames.is_empty() && frames.iter().map(|frame| frame.len()).sum::<usize>() <= bytes.len());
    }
    let Some(packet) = vp9::parse(bytes) else { return };
    let descriptor = &packet.descriptor;
    assert!((1..=bytes.len()).contains(&descriptor.len));
    assert!(!packet.starts_keyframe() || packet.starts_picture());
    let mut written = vec![0; bytes.len() + 8];
    let len = descriptor.write(&mut written);
    let again = vp9::Descriptor::parse(&written[..len]).expect("what was written is read");
    assert_eq!(vp9::Descriptor { len: descriptor.len, ..again }, *descriptor);
    let mut renumbered = bytes.to_vec();
    vp9::renumber(&mut renumbered, 0x1234, 7);
    let other = vp9::Descriptor::parse(&renumbered).expect("it is as long as it was");
    assert_eq!((other.len, other.layer, other.references), (descriptor.len, descriptor.layer, descriptor.references));
    for marker in [false, true] {
        let _ = (Layer::of_vp8(bytes, marker), Layer::of_vp9(bytes, marker), Layer::of_h264(bytes, marker));
    }
    payload(Codec::Vp9, bytes);
}

pub fn av1_seeds() -> Vec<Vec<u8>> {
    let mut keyframe = vec![av1::aggregation_header(false, true, 2, true), 0, 0x08];
    let mut header = [0; av1::MAX_SEQUENCE_HEADER_LEN];
    let len = av1::write_sequence_header(640, 360, 0x101, &mut header);
    keyframe[1] = 1 + len as u8;
    keyframe.extend_from_slice(&header[..len]);
    keyframe.extend_from_slice(&[0x34, 0x20, av1::frame_header(true), 0x55, 0x55]);
    vec![keyframe, vec![0x90, 1, 2, 3], vec![0x00, 2, 0x30, 1, 3, 0x30, 2, 2]]
}

pub fn av1(bytes: &[u8]) {
    let _ = (av1::read_leb128(bytes), av1::Obu::parse(bytes), Layer::of_av1(bytes, true));
    let _ = (av1::SequenceHeader::parse(bytes), av1::FrameStart::parse(bytes));
    if let Some(obus) = av1::obus(bytes) {
        assert!(obus.iter().map(|(obu, body)| obu.header_len() + body.len()).sum::<usize>() <= bytes.len());
    }
    if let Some(packet) = av1::parse(bytes) {
        assert!(packet.pieces().map(<[u8]>::len).sum::<usize>() < bytes.len());
        let _ = (packet.first_obu(), packet.starts_frame());
    }
    payload(Codec::Av1, bytes);
}

/// Values of one stream, each with its length before it.
pub fn descriptor_seeds() -> Vec<Vec<u8>> {
    let template = |temporal: u8, difference: &[u16]| Template {
        spatial: 0,
        temporal,
        indications: vec![Indication::Switch, Indication::Discardable],
        differences: difference.to_vec(),
        chains: vec![1],
    };
    let structure = Structure {
        template_id_offset: 3,
        targets: 2,
        templates: vec![template(0, &[]), template(0, &[2]), template(1, &[1])],
        protected_by: vec![0, 0],
        chains: 1,
        sizes: vec![(640, 360)],
    };
    let first =
        Descriptor { starts: true, template_id: 3, structure: Some(Box::new(structure)), ..Descriptor::default() };
    let custom =
        Descriptor { template_id: 5, frame_number: 1, differences: Some(vec![1, 300]), ..Descriptor::default() };
    let values = [first.write(0), vec![0xC4, 0, 1], custom.write(2)];
    vec![values.iter().flat_map(|value| std::iter::once(value.len() as u8).chain(value.iter().copied())).collect()]
}

pub fn descriptor(bytes: &[u8]) {
    let mut reader = Reader::default();
    let mut rest = bytes;
    while let Some((&len, after)) = rest.split_first() {
        let (value, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let known = reader.structure().cloned();
        if let Some(read) = Descriptor::parse(value, known.as_ref()) {
            let targets = known.as_ref().map_or(0, |structure| structure.targets);
            let written = read.write(targets);
            assert_eq!(Descriptor::parse(&written, known.as_ref()).as_ref(), Some(&read), "what is written is read");
        }
        if let Some(frame) = reader.read(value) {
            assert!(frame.spatial <= 3 && frame.temporal <= 7);
            let _ = (Layer::of_descriptor(&frame, false), frame.is_inter_layer());
        }
    }
}

pub fn h264_seeds() -> Vec<Vec<u8>> {
    let mut sps = [0; h264::headers::MAX_SPS_LEN];
    let len = h264::headers::write_sps(640, 360, 30.0, &mut sps);
    let mut aggregate = vec![h264::aggregate_header(), 0, len as u8];
    aggregate.extend_from_slice(&sps[..len]);
    aggregate.extend_from_slice(&[0, 4, 0x68, 0xCE, 0x3C, 0x80]);
    let mut fragment = h264::fragment_prefix(0x65, true, false).to_vec();
    fragment.extend_from_slice(&h264::headers::slice(true, 0, 0));
    let mut sei = vec![0; 120];
    h264::headers::write_sei_prefix(64, &mut sei);
    vec![aggregate, fragment, sei]
}

pub fn h264(bytes: &[u8]) {
    let key = h264::starts_keyframe(bytes);
    match h264::parse(bytes) {
        Some(h264::Packet::Aggregate(nals)) => {
            assert!(nals.map(|nal| nal.len() + 2).sum::<usize>() < bytes.len());
        }
        Some(h264::Packet::Fragment(fragment)) => assert!(fragment.bytes.len() + 2 == bytes.len()),
        Some(h264::Packet::Single(nal)) => assert!(nal.len() == bytes.len()),
        None => assert!(!key),
    }
    if let Some(data) = h264::headers::read_sei(bytes) {
        assert!(data.len() < bytes.len());
    }
    payload(Codec::H264, bytes);
}

pub fn opus_seeds() -> Vec<Vec<u8>> {
    vec![vec![0x78, 1, 2, 3], vec![0xFB, 0x83, 4, 5, 6, 7], vec![0x08]]
}

pub fn opus(bytes: &[u8]) {
    assert!(opus::duration(bytes).is_none_or(|sound| !sound.is_zero() && sound.as_millis() <= 120));
    assert!(!(opus::is_dtx(bytes) && opus::has_redundancy(bytes)));
    payload(Codec::Opus, bytes);
}

pub fn red_seeds() -> Vec<Vec<u8>> {
    let block = |offset, payload| Block { payload_type: 111, offset, payload };
    let mut two = Vec::new();
    red::write(&mut two, &[block(1_920, &[0x78, 1]), block(960, &[0x78, 2, 3])], &block(0, &[0x78, 4, 5, 6]));
    vec![two, vec![0x6F, 0x78, 1, 2]]
}

pub fn red(bytes: &[u8]) {
    let mut renumbered = bytes.to_vec();
    red::renumber(&mut renumbered, 96);
    let Some(packet) = red::parse(bytes) else { return assert_eq!(renumbered, bytes) };
    let mut written = Vec::new();
    red::write(&mut written, packet.redundant(), &packet.primary);
    assert_eq!(written, bytes, "what was read is written");
    let again = red::parse(&renumbered).expect("renumbered");
    assert!(again.redundant().iter().chain([&again.primary]).all(|block| block.payload_type == 96));
    packet.redundant().iter().chain([&packet.primary]).for_each(|block| opus(block.payload));
}

pub fn stamp_seeds() -> Vec<Vec<u8>> {
    let stamp = Stamp {
        layer: 0,
        media: 1,
        publisher: 2,
        room: 3,
        frame: 4,
        frame_bytes: 1_000,
        due: Instant::from_millis(5),
        left: Some(Instant::from_millis(6)),
        payload_crc: 0,
    };
    [0, 17]
        .map(|at| {
            let mut payload = vec![0x55; at + STAMP_LEN + 20];
            stamp.write(&mut payload[at..]);
            payload
        })
        .to_vec()
}

pub fn stamp(bytes: &[u8]) {
    if let Checked::Whole(stamp) = channel::check(bytes) {
        assert_eq!(stamp.frame_bytes as usize, bytes.len(), "a whole message is as long as it says");
    }
    if let Found::Stamp(stamp, at) = Stamp::find(bytes) {
        assert_eq!(Stamp::read(&bytes[at..]), Some(stamp), "what is found can be read there");
        let mut patched = bytes.to_vec();
        assert!(Stamp::patch_left(&mut patched[at..], Instant::from_millis(99)));
        let again = Stamp::read(&patched[at..]).expect("a patched stamp is whole");
        assert_eq!(again.left, Some(Instant::from_millis(99)));
    }
    assert!(Stamp::read(bytes).is_none() || Stamp::begins(bytes));
    let _ = Stamp::patch_left(&mut bytes.to_vec(), Instant::from_millis(1));
}

fn payload(codec: Codec, bytes: &[u8]) {
    assert!(filler_of(codec, bytes).len() <= bytes.len());
    let _ = frame_crc_update(codec, 0, bytes);
    stamp(bytes);
}
