use super::*;
use crate::clock::Instant;
use crate::media::payload::{filler_of, frame_crc_update};
use crate::media::scalability::Scalability;
use crate::media::source::{FrameModel, RateControl};
use crate::media::stamp::Found;
use crate::rtp::{av1, h264, vp8, vp9};
use proptest::prelude::*;

fn stamp(frame: u32) -> Stamp {
    let due = Instant::from_millis(5);
    Stamp { layer: 0, media: 1, publisher: 2, room: 3, frame, frame_bytes: 0, due, left: None, payload_crc: 0 }
}

fn opened(packets: &[Payload]) -> Vec<Vec<u8>> {
    packets
        .iter()
        .map(|packet| {
            let mut bytes = Vec::new();
            packet.write_into(&mut bytes);
            bytes
        })
        .collect()
}

/// Pictures of 640 × 360 in a mode.
fn source(mode: Scalability, flexible: bool) -> VideoSource {
    VideoSource {
        width: 640,
        height: 360,
        fps: 30.0,
        keyframe_interval: None,
        frames: FrameModel { noise: 0.15, key_ratio: 6.0 },
        rate_control: RateControl::Remb,
        scalability: mode,
        flexible,
        dependency_descriptor: false,
        layers: Vec::new(),
        silent: false,
    }
}

fn packetiser(codec: Codec, luck: u64) -> Packetiser {
    Packetiser::new(codec, &source(Scalability::NONE, false), luck)
}

/// The only frame of a picture without layers.
fn alone(keyframe: bool) -> Unit {
    Scalability::NONE.units(u32::from(!keyframe)).next().unwrap()
}

fn any_video() -> impl Strategy<Value = Codec> {
    prop_oneof![Just(Codec::Vp8), Just(Codec::H264), Just(Codec::Vp9), Just(Codec::Av1)]
}

fn any_mode(spatial: bool) -> impl Strategy<Value = Scalability> {
    let modes: Vec<Scalability> = Scalability::all().filter(|mode| spatial || mode.spatial == 1).collect();
    prop::sample::select(modes)
}

/// Puts NAL units together again as RFC 6184 receivers do.
fn nals(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut nals: Vec<Vec<u8>> = Vec::new();
    for packet in packets {
        match h264::parse(packet).expect("a packet of mode 1") {
            h264::Packet::Single(nal) => nals.push(nal.to_vec()),
            h264::Packet::Aggregate(units) => nals.extend(units.map(<[u8]>::to_vec)),
            h264::Packet::Fragment(piece) => {
                if piece.starts {
                    nals.push(vec![piece.nal_header]);
                }
                nals.last_mut().expect("a first piece came before").extend_from_slice(piece.bytes);
            }
        }
    }
    nals
}

proptest! {
    #[test]
    fn a_picture_is_cut_stamped_and_verified(codec in any_video(), keyframe: bool, bytes in 0usize..200_000, frame: u32) {
        let mut packets = Vec::new();
        let taken = packetiser(codec, 9).cut(&alone(keyframe), bytes, stamp(frame), 0, &mut packets);
        let opened = opened(&packets);
        prop_assert_eq!(opened.iter().map(Vec::len).sum::<usize>(), taken);
        prop_assert!(taken >= bytes && taken <= bytes.max(125) + 8, "{} asked, {} taken", bytes, taken);

        let (last, others) = opened.split_last().unwrap();
        prop_assert!(opened[0].len() <= MAX_PAYLOAD && last.len() <= opened[0].len());
        prop_assert!(others.iter().all(|packet| packet.len() == opened[0].len()), "not one length");

        let Found::Stamp(found, at) = Stamp::find(&opened[0]) else { panic!("no stamp in the first packet") };
        prop_assert_eq!(packets[0].stamp_at(), Some(at));
        prop_assert_eq!((found.frame, found.frame_bytes as usize), (frame, taken));
        let crc = opened.iter().fold(0, |crc, packet| frame_crc_update(codec, crc, packet));
        prop_assert_eq!(crc, found.payload_crc);
        for (packet, opened) in packets.iter().zip(&opened) {
            prop_assert_eq!(filler_of(codec, opened), packet.filler());
        }
    }

    #[test]
    fn an_h264_picture_is_whole_nal_units_without_start_codes(keyframe: bool, bytes in 0usize..60_000, frame: u32) {
        let mut packets = Vec::new();
        packetiser(Codec::H264, 9).cut(&alone(keyframe), bytes, stamp(frame), 0, &mut packets);
        let opened = opened(&packets);
        prop_assert_eq!(h264::starts_keyframe(&opened[0]), keyframe);
        let nals = nals(&opened);
        let kinds: Vec<u8> = nals.iter().map(|nal| h264::nal_type(nal[0])).collect();
        let expected: &[u8] = if keyframe { &[h264::SPS, h264::PPS, h264::SEI, h264::IDR] } else { &[h264::SLICE] };
        prop_assert_eq!(&kinds, expected);
        for nal in &nals {
            prop_assert!(nal.windows(3).all(|bytes| bytes[..2] != [0, 0]), "a start code");
            prop_assert_ne!(*nal.last().unwrap(), 0);
        }
        if keyframe {
            // The message is as long as its size says, and the trailing bits end the unit.
            let sei = &nals[2];
            let ones = sei[2..].iter().take_while(|byte| **byte == 255).count();
            let size = ones * 255 + usize::from(sei[2 + ones]);
            prop_assert_eq!(3 + ones + size + 1, sei.len());
            prop_assert_eq!(sei.last(), Some(&0x80));
        }
    }

    #[test]
    fn a_vp8_picture_is_one_partition_with_one_picture_id(keyframe: bool, bytes in 0usize..60_000, luck: u64) {
        let mut packets = Vec::new();
        packetiser(Codec::Vp8, luck).cut(&alone(keyframe), bytes, stamp(0), 0, &mut packets);
        for (index, packet) in opened(&packets).iter().enumerate() {
            let read = vp8::parse(packet).unwrap();
            prop_assert_eq!(read.starts_frame(), index == 0);
            prop_assert_eq!(read.starts_keyframe(), index == 0 && keyframe);
            prop_assert_eq!(read.descriptor.picture_id, Some(vp8::PictureId::Long(luck as u16 & 0x7FFF)));
            if index == 0 && keyframe {
                prop_assert_eq!(read.header.unwrap().size, Some((640, 360)));
            }
        }
    }
}

/// The first packet of each frame of so many pictures, opened, with what the pattern says of it.
fn first_packets(codec: Codec, mode: Scalability, flexible: bool, pictures: u32) -> Vec<(Unit, Vec<u8>)> {
    let mut packetiser = Packetiser::new(codec, &source(mode, flexible), 254 << 16 | 32_766);
    let mut firsts = Vec::new();
    for picture in 0..pictures {
        for unit in mode.units(picture) {
            let mut packets = Vec::new();
            let taken = packetiser.cut(&unit, 2_500, stamp(picture), 0, &mut packets);
            assert_eq!(packets.iter().map(Payload::len).sum::<usize>(), taken);
            let opened = opened(&packets);
            let crc = opened.iter().fold(0, |crc, packet| frame_crc_update(codec, crc, packet));
            let Found::Stamp(found, _) = Stamp::find(&opened[0]) else { panic!("no stamp") };
            assert_eq!(crc, found.payload_crc);
            // In H.264 the slice of a keyframe follows its parameter sets.
            let at = if codec == Codec::H264 && unit.keyframe { 1 } else { 0 };
            firsts.push((unit, opened[at].clone()));
        }
    }
    firsts
}

proptest! {
    #[test]
    fn vp8_temporal_layers_are_numbered_as_rfc_7741_asks(mode in any_mode(false)) {
        let mut tl0 = 253;
        for (picture, (unit, packet)) in first_packets(Codec::Vp8, mode, false, 20).into_iter().enumerate() {
            let descriptor = vp8::parse(&packet).unwrap().descriptor;
            tl0 = if unit.temporal == 0 { (tl0 + 1) % 256 } else { tl0 };
            prop_assert_eq!(descriptor.picture_id.unwrap().value(), (32_766 + picture as u16) & 0x7FFF);
            prop_assert_eq!(descriptor.tl0_picture_index.map(i32::from), Some(tl0));
            let sync = unit.temporal == 1 || unit.temporal == 2 && picture % 4 == 1;
            prop_assert_eq!(descriptor.temporal, Some((unit.temporal, sync)), "picture {}", picture);
            prop_assert_eq!(descriptor.key_index, Some(1));
            prop_assert_eq!(descriptor.non_reference, unit.temporal > 0 && unit.temporal + 1 == mode.temporal);
        }
    }

    #[test]
    fn vp9_frames_say_what_the_pattern_does(mode in any_mode(true), flexible: bool) {
        let mut tl0 = 253;
        for (index, (unit, packet)) in first_packets(Codec::Vp9, mode, flexible, 20).into_iter().enumerate() {
            let picture = index / usize::from(mode.spatial);
            let read = vp9::parse(&packet).unwrap();
            tl0 = if unit.temporal == 0 && unit.spatial == 0 { (tl0 + 1) % 256 } else { tl0 };
            prop_assert_eq!(read.starts_keyframe(), picture == 0 && unit.spatial == 0);
            prop_assert_eq!(read.header.map(|header| header.keyframe), Some(picture == 0 && unit.spatial == 0));
            let descriptor = read.descriptor;
            prop_assert_eq!(descriptor.picture_id.unwrap().value(), (32_766 + picture as u16) & 0x7FFF);
            prop_assert_eq!(descriptor.tl0_picture_index.map(i32::from), (!flexible).then_some(tl0));
            let layer = descriptor.layer.unwrap();
            prop_assert_eq!((layer.temporal, layer.spatial, layer.inter_layer), (unit.temporal, unit.spatial, unit.inter_layer));
            let referred: Vec<u8> = unit.distance.filter(|_| flexible).into_iter().collect();
            prop_assert_eq!(descriptor.references.as_slice(), &referred[..]);
            prop_assert_eq!(descriptor.structure.is_some(), picture == 0 && unit.spatial == 0);
            if let Some(structure) = descriptor.structure {
                let top = usize::from(mode.spatial) - 1;
                prop_assert_eq!(structure.sizes.unwrap()[top], (640, 360));
                prop_assert_eq!(structure.group.len(), if flexible { 0 } else { mode.pattern().count() });
            }
        }
    }

    #[test]
    fn av1_frames_are_one_obu_that_names_its_layer(mode in any_mode(true), bytes in 0usize..5_000) {
        for picture in 0..6 {
            for unit in mode.units(picture) {
                let mut packets = Vec::new();
                let mut packetiser = Packetiser::new(Codec::Av1, &source(mode, false), 0);
                packetiser.cut(&unit, bytes, stamp(picture), 0, &mut packets);
                let opened = opened(&packets);
                let new = picture == 0 && unit.spatial == 0;
                prop_assert_eq!(av1::starts_keyframe(&opened[0]), new);
                let count = opened.len();
                for (index, packet) in opened.iter().enumerate() {
                    let read = av1::parse(packet).unwrap();
                    prop_assert_eq!((read.continues, read.continued), (index > 0, index + 1 < count));
                    prop_assert_eq!(read.starts_frame(), index == 0);
                }
                let obus: Vec<av1::Obu> = av1::parse(&opened[0]).unwrap().pieces().filter_map(av1::Obu::parse).collect();
                let (frame, before) = obus.split_last().unwrap();
                prop_assert_eq!(before.iter().map(|obu| obu.kind).collect::<Vec<_>>(), vec![av1::SEQUENCE_HEADER; usize::from(new)]);
                let layered = mode != Scalability::NONE;
                prop_assert_eq!((frame.kind, frame.layer), (av1::FRAME, layered.then_some((unit.temporal, unit.spatial))));
            }
        }
    }

    #[test]
    fn h264_pictures_that_nobody_refers_to_have_a_nal_ref_idc_of_0(mode in any_mode(false)) {
        for (unit, packet) in first_packets(Codec::H264, mode, false, 20) {
            let Some(h264::Packet::Fragment(fragment)) = h264::parse(&packet) else { panic!("a fragment") };
            let top = unit.temporal > 0 && unit.temporal + 1 == mode.temporal;
            prop_assert_eq!(fragment.nal_header >> 5 == 0, top);
        }
    }
}

#[test]
fn picture_ids_wrap_at_15_bits_and_tl0_at_8() {
    let mut packetiser = packetiser(Codec::Vp8, 254 << 16 | 32_766);
    let mut packets = Vec::new();
    let ids: Vec<(u16, u8)> = (0..4)
        .map(|frame| {
            packets.clear();
            packetiser.cut(&alone(false), 500, stamp(frame), 0, &mut packets);
            let descriptor = vp8::parse(&opened(&packets)[0]).unwrap().descriptor;
            (descriptor.picture_id.unwrap().value(), descriptor.tl0_picture_index.unwrap())
        })
        .collect();
    assert_eq!(ids, [(32_766, 254), (32_767, 255), (0, 0), (1, 1)]);
}

#[test]
fn a_missing_swapped_or_foreign_packet_changes_the_crc() {
    let mut packets = Vec::new();
    let mut packetiser = packetiser(Codec::Vp8, 1);
    packetiser.cut(&alone(false), 4_000, stamp(7), 0, &mut packets);
    let ours = opened(&packets);
    let Found::Stamp(found, _) = Stamp::find(&ours[0]) else { panic!("no stamp") };
    packets.clear();
    packetiser.cut(&alone(false), 4_000, stamp(8), 0, &mut packets);
    let next = opened(&packets);
    let crc = |order: &[&Vec<u8>]| order.iter().fold(0, |crc, packet| frame_crc_update(Codec::Vp8, crc, packet));
    assert_eq!(crc(&[&ours[0], &ours[1], &ours[2], &ours[3]]), found.payload_crc);
    assert_ne!(crc(&[&ours[0], &ours[2], &ours[1], &ours[3]]), found.payload_crc);
    assert_ne!(crc(&[&ours[0], &ours[1], &ours[3]]), found.payload_crc);
    assert_ne!(crc(&[&ours[0], &ours[1], &next[2], &ours[3]]), found.payload_crc);
}
