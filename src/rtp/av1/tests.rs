#![expect(clippy::unusual_byte_groupings, reason = "bits are grouped by field")]

use super::*;
use proptest::prelude::*;

#[test]
fn aggregation_headers_read_as_the_specification_draws_them() {
    // |Z|Y| W |N|-|-|-|
    type Case<'a> = (&'a [u8], [bool; 3], &'a [&'a [u8]]);
    let cases: [Case<'_>; 6] = [
        (&[0b0001_1000, 0x0A, 1, 2], [false, false, true], &[&[0x0A, 1, 2]]),
        (&[0b0010_1000, 2, 0x08, 9, 0x30, 7, 7], [false, false, true], &[&[0x08, 9], &[0x30, 7, 7]]),
        (&[0b1101_0000, 5, 6], [true, true, false], &[&[5, 6]]),
        (&[0b0000_0000, 1, 0x30, 2, 0x30, 4], [false, false, false], &[&[0x30], &[0x30, 4]]),
        (&[0b1011_0000, 1, 9, 1, 0x30, 0x32], [true, false, false], &[&[9], &[0x30], &[0x32]]),
        // The second of three pieces is cut off.
        (&[0b0011_0000, 1, 0x30, 9, 1], [false, false, false], &[&[0x30]]),
    ];
    for (payload, [continues, continued, new_sequence], pieces) in cases {
        let packet = parse(payload).unwrap();
        assert_eq!([packet.continues, packet.continued, packet.new_sequence], [continues, continued, new_sequence]);
        assert_eq!(packet.pieces().collect::<Vec<_>>(), pieces, "{payload:02x?}");
    }
    assert_eq!(parse(&[0b1001_1000, 1]), None, "a sequence does not begin within an OBU");
    assert_eq!(parse(&[]), None);
}

#[test]
fn obu_headers_read_as_the_bitstream_has_them() {
    // Forbidden 0, type 6, extension, no size; temporal layer 2, spatial layer 1.
    let obu = Obu::parse(&[0b0_0110_1_0_0, 0b010_01_000]).unwrap();
    assert_eq!(obu, Obu { kind: FRAME, layer: Some((2, 1)), sized: false });
    assert_eq!(Obu::parse(&[0b0_0001_0_1_0]), Some(Obu { kind: SEQUENCE_HEADER, layer: None, sized: true }));
    assert_eq!(Obu::parse(&[0b0_0110_1_0_0]), None);
    assert_eq!(Obu::parse(&[0x80]), None);
    assert!(parse(&[0x10, 0x30, 1]).unwrap().starts_frame());
    assert!(!parse(&[0x90, 0x30, 1]).unwrap().starts_frame());
    assert!(!parse(&[0x10, 4 << 3, 1]).unwrap().starts_frame(), "a tile group");
}

#[test]
fn numbers_in_leb128_are_those_of_the_bitstream() {
    let mut out = [0; 8];
    for (value, bytes) in [(0u64, &[0u8][..]), (127, &[0x7F]), (128, &[0x80, 1]), (16_384, &[0x80, 0x80, 1])] {
        let len = write_leb128(value, &mut out);
        assert_eq!(&out[..len], bytes);
        assert_eq!(read_leb128(bytes), Some((value, bytes.len())));
    }
    assert_eq!(read_leb128(&[0x80; 9]), None);
    assert_eq!(read_leb128(&[0x80]), None);
    // Zeros after the number are part of it.
    assert_eq!(read_leb128(&[0x85, 0x80, 0]), Some((5, 3)));
}

/// The sequence header again, field by field.
fn read_sequence_header(bytes: &[u8]) -> (u32, u32, u32) {
    let mut bits = crate::rtp::bits::BitReader::new(bytes);
    let mut u = |count: u32| bits.bits(count).unwrap();
    assert_eq!([u(3), u(1), u(1), u(1), u(1), u(5)], [0; 6]);
    let point = u(12);
    assert!(u(5) <= 7, "a tier would follow");
    let (width_bits, height_bits) = (u(4) + 1, u(4) + 1);
    let size = (u(width_bits) + 1, u(height_bits) + 1);
    assert_eq!(u(1), 0);
    let _ = (u(3), u(4));
    assert_eq!(u(1), 1, "order hints, so two more bits now and three later");
    assert_eq!((u(2), u(1), u(1), u(3)), (0, 1, 1, 6));
    let _ = u(3);
    assert_eq!((u(4), u(2), u(1), u(1)), (0, 0, 0, 0));
    assert_eq!(u(1), 1);
    (size.0, size.1, point)
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_fail_and_never_overrun(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(packet) = parse(&bytes) {
            prop_assert!(packet.pieces().map(<[u8]>::len).sum::<usize>() < bytes.len());
            let _ = (packet.first_obu(), packet.starts_frame());
        }
        let _ = (starts_keyframe(&bytes), read_leb128(&bytes), Obu::parse(&bytes));
    }

    #[test]
    fn what_is_written_is_read(value in 0u64..1 << 56, kind in 0u8..16, layer in prop::option::of((0u8..8, 0u8..4)), sized: bool) {
        let mut out = [0; 8];
        let len = write_leb128(value, &mut out);
        prop_assert_eq!(read_leb128(&out[..len]), Some((value, len)));
        let obu = Obu { kind, layer, sized };
        let len = obu.write(&mut out);
        prop_assert_eq!(Obu::parse(&out[..len]), Some(obu));
    }

    #[test]
    fn a_sequence_header_names_its_size(width in 1u32..=65_536, height in 1u32..=65_536, point in 0u16..0x1000) {
        let mut out = [0; MAX_SEQUENCE_HEADER_LEN];
        let len = write_sequence_header(width, height, point, &mut out);
        prop_assert_eq!(read_sequence_header(&out[..len]), (width, height, u32::from(point)));
    }
}

#[test]
fn temporal_units_come_apart_obu_by_obu() {
    let unit = [0x12, 0, 0x0A, 2, 7, 8, 0x32, 1, 9];
    let found = obus(&unit).unwrap();
    let kinds: Vec<(u8, &[u8])> = found.iter().map(|(obu, body)| (obu.kind, *body)).collect();
    assert_eq!(kinds, [(TEMPORAL_DELIMITER, &[][..]), (SEQUENCE_HEADER, &[7, 8]), (FRAME, &[9])]);
    // The last may have no size; nothing is cut off.
    assert_eq!(
        obus(&[0x12, 0, 0x30, 1, 2]).unwrap().last(),
        Some(&(Obu { kind: FRAME, ..Obu::default() }, &[1, 2][..]))
    );
    assert_eq!(obus(&unit[..8]), None);
    assert_eq!(obus(&[0x92, 0]), None);
}

#[test]
fn sequence_headers_say_their_size_behind_whatever_stands_before_it() {
    let mut body = [0; MAX_SEQUENCE_HEADER_LEN];
    let len = write_sequence_header(320, 180, 0x101, &mut body);
    let header = SequenceHeader::parse(&body[..len]);
    assert_eq!(header, Some(SequenceHeader { profile: 0, still: false, width: 320, height: 180 }));
    // With timing, a decoder model, two operating points, tiers and display delays.
    let mut bits = crate::rtp::bits::BitWriter::default();
    for (value, count) in [(1, 3), (0, 2), (1, 1), (1, 16), (0, 16), (30, 32), (1, 1), (0b00101, 5), (1, 1)] {
        bits.bits(value, count);
    }
    for (value, count) in [(9, 5), (1, 32), (9, 5), (9, 5), (1, 1), (1, 5)] {
        bits.bits(value, count);
    }
    for (level, tier) in [(9, Some(1)), (5, None)] {
        bits.bits(0x101, 12);
        bits.bits(level, 5);
        tier.into_iter().for_each(|tier| bits.bits(tier, 1));
        for (value, count) in [(1, 1), (3, 10), (4, 10), (0, 1), (1, 1), (7, 4)] {
            bits.bits(value, count);
        }
    }
    for (value, count) in [(8, 4), (7, 4), (319, 9), (179, 8)] {
        bits.bits(value, count);
    }
    let bytes = bits.finish();
    let header = SequenceHeader::parse(&bytes);
    assert_eq!(header, Some(SequenceHeader { profile: 1, still: false, width: 320, height: 180 }));
    assert_eq!(SequenceHeader::parse(&bytes[..bytes.len() - 1]), None);
}

#[test]
fn the_first_byte_of_a_frame_says_whether_it_is_shown_and_stands_alone() {
    let start = |keyframe, shown| Some(FrameStart { keyframe, shown });
    assert_eq!(FrameStart::parse(&[frame_header(true)]), start(true, true));
    assert_eq!(FrameStart::parse(&[frame_header(false)]), start(false, true));
    assert_eq!(FrameStart::parse(&[0b0010_0000]), start(false, false));
    assert_eq!(FrameStart::parse(&[0b0000_0000]), start(false, false), "a keyframe that is shown later");
    assert_eq!(FrameStart::parse(&[0b1000_0000]), start(false, true), "one that was there already");
    assert_eq!(FrameStart::parse(&[]), None);
}

proptest! {
    #[test]
    fn whatever_a_file_calls_a_temporal_unit_is_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Some(obus) = obus(&bytes) {
            prop_assert!(obus.iter().map(|(_, body)| body.len() + 1).sum::<usize>() <= bytes.len());
        }
        let _ = (SequenceHeader::parse(&bytes), FrameStart::parse(&bytes));
    }
}
