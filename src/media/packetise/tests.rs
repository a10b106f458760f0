use super::*;
use crate::clock::Instant;
use crate::media::payload::{filler_of, frame_crc_update};
use crate::media::stamp::Found;
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

fn codec_of(h264: bool) -> Codec {
    if h264 { Codec::H264 } else { Codec::Vp8 }
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
    fn a_picture_is_cut_stamped_and_verified(h264: bool, keyframe: bool, bytes in 0usize..200_000, frame: u32) {
        let codec = codec_of(h264);
        let mut packets = Vec::new();
        let taken = Packetiser::new(codec, 1_280, 720, 30.0, 9).cut(keyframe, bytes, stamp(frame), &mut packets);
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
        Packetiser::new(Codec::H264, 640, 360, 30.0, 9).cut(keyframe, bytes, stamp(frame), &mut packets);
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
        Packetiser::new(Codec::Vp8, 640, 360, 30.0, luck).cut(keyframe, bytes, stamp(0), &mut packets);
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

#[test]
fn picture_ids_wrap_at_15_bits_and_tl0_at_8() {
    let mut packetiser = Packetiser::new(Codec::Vp8, 640, 360, 30.0, 254 << 16 | 32_766);
    let mut packets = Vec::new();
    let ids: Vec<(u16, u8)> = (0..4)
        .map(|frame| {
            packetiser.cut(false, 500, stamp(frame), &mut packets);
            let descriptor = vp8::parse(&opened(&packets)[0]).unwrap().descriptor;
            (descriptor.picture_id.unwrap().value(), descriptor.tl0_picture_index.unwrap())
        })
        .collect();
    assert_eq!(ids, [(32_766, 254), (32_767, 255), (0, 0), (1, 1)]);
}

#[test]
fn a_missing_swapped_or_foreign_packet_changes_the_crc() {
    let mut packets = Vec::new();
    let mut packetiser = Packetiser::new(Codec::Vp8, 640, 360, 30.0, 1);
    packetiser.cut(false, 4_000, stamp(7), &mut packets);
    let ours = opened(&packets);
    let Found::Stamp(found, _) = Stamp::find(&ours[0]) else { panic!("no stamp") };
    packetiser.cut(false, 4_000, stamp(8), &mut packets);
    let next = opened(&packets);
    let crc = |order: &[&Vec<u8>]| order.iter().fold(0, |crc, packet| frame_crc_update(Codec::Vp8, crc, packet));
    assert_eq!(crc(&[&ours[0], &ours[1], &ours[2], &ours[3]]), found.payload_crc);
    assert_ne!(crc(&[&ours[0], &ours[2], &ours[1], &ours[3]]), found.payload_crc);
    assert_ne!(crc(&[&ours[0], &ours[1], &ours[3]]), found.payload_crc);
    assert_ne!(crc(&[&ours[0], &ours[1], &next[2], &ours[3]]), found.payload_crc);
}
