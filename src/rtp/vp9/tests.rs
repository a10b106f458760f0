#![expect(clippy::unusual_byte_groupings, reason = "bits are grouped by field")]

use super::*;
use crate::rtp::vp8::PictureId;
use proptest::prelude::*;

fn layer(temporal: u8, switching_up: bool, spatial: u8, inter_layer: bool) -> Option<LayerIndices> {
    Some(LayerIndices { temporal, switching_up, spatial, inter_layer })
}

/// Descriptors written bit by bit from the pictures of RFC 9628 §4.2, and what they say.
fn vectors() -> Vec<(&'static str, Vec<u8>, Descriptor)> {
    let whole = Descriptor { starts_frame: true, ends_frame: true, ..Descriptor::default() };
    vec![
        ("only B and E", vec![0b0000_1100], whole.clone()),
        (
            "I without M: a picture id of 7 bits",
            vec![0b1100_1000, 0x7F],
            Descriptor {
                picture_id: Some(PictureId::Short(127)),
                inter_picture: true,
                ends_frame: false,
                ..whole.clone()
            },
        ),
        (
            "I with M: a picture id of 15 bits; Z",
            vec![0b1000_0101, 0xFF, 0xFE],
            Descriptor {
                picture_id: Some(PictureId::Long(32_766)),
                starts_frame: false,
                not_for_upper: true,
                ..whole.clone()
            },
        ),
        (
            "L in non-flexible mode: TL0PICIDX follows",
            vec![0b1110_1100, 0x80, 0x05, 0b010_1_001_1, 0xC8],
            Descriptor {
                picture_id: Some(PictureId::Long(5)),
                inter_picture: true,
                layer: layer(2, true, 1, true),
                tl0_picture_index: Some(200),
                ..whole.clone()
            },
        ),
        (
            "L in flexible mode: P_DIFF 1, 3 and 127 with N, N and no N",
            vec![0b1111_1100, 0x11, 0b001_0_010_0, 0b0000_0011, 0b0000_0111, 0b1111_1110],
            Descriptor {
                picture_id: Some(PictureId::Short(17)),
                inter_picture: true,
                flexible: true,
                layer: layer(1, false, 2, false),
                references: Differences::new(&[1, 3, 127]),
                ..whole.clone()
            },
        ),
        (
            "V: two spatial layers with sizes, two pictures a group",
            vec![
                0b1010_1010,
                0x11,
                0b000_1_000_0,
                0x07, // I, L, B, V
                0b001_1_1_000,
                0x01,
                0x40,
                0x00,
                0xB4,
                0x02,
                0x80,
                0x01,
                0x68, // N_S 1, Y, G; 320 × 180, 640 × 360
                2,
                0b000_1_01_00,
                2,
                0b001_1_10_00,
                1,
                2, // TID 0 refers to −2; TID 1 to −1 and −2
            ],
            Descriptor {
                picture_id: Some(PictureId::Short(17)),
                starts_frame: true,
                layer: layer(0, true, 0, false),
                tl0_picture_index: Some(7),
                structure: Some(Box::new(Structure {
                    spatial_layers: 2,
                    sizes: Some([(320, 180), (640, 360), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]),
                    group: vec![
                        GroupPicture { temporal: 0, switching_up: true, references: Differences::new(&[2]) },
                        GroupPicture { temporal: 1, switching_up: true, references: Differences::new(&[1, 2]) },
                    ],
                })),
                ..Descriptor::default()
            },
        ),
    ]
}

#[test]
fn descriptors_read_and_write_as_the_rfc_draws_them() {
    for (name, bytes, expected) in vectors() {
        let expected = Descriptor { len: bytes.len(), ..expected };
        let mut long = bytes.clone();
        long.extend_from_slice(&[0xA5; 3]);
        assert_eq!(Descriptor::parse(&long), Some(expected.clone()), "{name}");
        let mut written = [0; 64];
        let len = expected.write(&mut written);
        assert_eq!(written[..len], bytes, "{name}");
        for cut in 0..bytes.len() {
            assert_eq!(Descriptor::parse(&bytes[..cut]), None, "{name}, cut at {cut}");
        }
    }
}

#[test]
fn a_fourth_reference_is_malformed() {
    assert!(Descriptor::parse(&[0b0101_1000, 3, 3, 2]).is_some());
    assert_eq!(Descriptor::parse(&[0b0101_1000, 3, 3, 3, 2]), None);
}

#[test]
fn a_keyframe_is_told_by_its_descriptor_and_its_size_by_its_header() {
    // frame_marker 2, profile 0, shown key frame; sync code; BT.709, studio range; 1279, 719.
    let header = [0b1000_0010, 0x49, 0x83, 0x42, 0x40, 0x4F, 0xF0, 0x2C, 0xF7];
    let packet = parse(&[&[0b0000_1000][..], &header].concat()).unwrap();
    assert!(packet.starts_keyframe() && packet.starts_picture());
    assert_eq!(packet.header, Some(FrameHeader { keyframe: true, shown: true, size: Some((1_280, 720)) }));
    let mut written = [0; KEYFRAME_HEADER_LEN];
    packet.header.unwrap().write(&mut written);
    assert_eq!(written, header);
    let delta = parse(&[0b0100_1000, 0b1000_0110]).unwrap();
    assert!(!delta.starts_keyframe() && delta.starts_picture());
    assert_eq!(delta.header, Some(FrameHeader { keyframe: false, shown: true, size: None }));
    // The second spatial layer of a keyframe begins no picture.
    let upper = parse(&[0b0010_1000, 0b000_0_001_1, 0, 0b1000_0110]).unwrap();
    assert!(!upper.starts_keyframe() && !upper.starts_picture());
    // A frame that only repeats another one, and bytes that are not VP9.
    assert_eq!(FrameHeader::parse(&[0b1000_1000]), None);
    assert_eq!(FrameHeader::parse(&[0b0100_0010]), None);
}

fn any_structure() -> impl Strategy<Value = Structure> {
    let picture =
        (0u8..8, any::<bool>(), prop::collection::vec(0u8..128, 0..4)).prop_map(|(temporal, up, distances)| {
            GroupPicture { temporal, switching_up: up, references: Differences::new(&distances) }
        });
    let size = prop::option::of(prop::array::uniform8(any::<(u16, u16)>()));
    (1u8..9, size, prop::collection::vec(picture, 0..12)).prop_map(|(spatial_layers, mut sizes, group)| {
        sizes.iter_mut().for_each(|sizes| sizes[usize::from(spatial_layers)..].fill((0, 0)));
        Structure { spatial_layers, sizes, group }
    })
}

fn any_descriptor() -> impl Strategy<Value = Descriptor> {
    let id =
        prop::option::of(prop_oneof![(0u8..128).prop_map(PictureId::Short), (0u16..0x8000).prop_map(PictureId::Long)]);
    let layer = prop::option::of((0u8..8, any::<bool>(), 0u8..8, any::<bool>()));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let references = prop::collection::vec(0u8..128, 1..4);
    (id, layer, flags, any::<u8>(), references, prop::option::of(any_structure())).prop_map(
        |(picture_id, layer, flags, tl0, references, structure)| {
            let (inter_picture, flexible, starts_frame, ends_frame, not_for_upper) = flags;
            let layer = layer.map(|(temporal, switching_up, spatial, inter_layer)| LayerIndices {
                temporal,
                switching_up,
                spatial,
                inter_layer,
            });
            Descriptor {
                picture_id,
                inter_picture,
                flexible,
                starts_frame,
                ends_frame,
                not_for_upper,
                layer,
                tl0_picture_index: (layer.is_some() && !flexible).then_some(tl0),
                references: if flexible && inter_picture {
                    Differences::new(&references)
                } else {
                    Differences::default()
                },
                structure: structure.map(Box::new),
                len: 0,
            }
        },
    )
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_fail_and_never_overrun(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some(packet) = parse(&bytes) {
            prop_assert!((1..=bytes.len()).contains(&packet.descriptor.len));
            prop_assert!(packet.descriptor.references.as_slice().len() <= 3);
        }
        let _ = FrameHeader::parse(&bytes);
    }

    #[test]
    fn what_is_written_is_read(descriptor in any_descriptor()) {
        let mut bytes = [0; 256];
        let len = descriptor.write(&mut bytes);
        prop_assert_eq!(Descriptor::parse(&bytes), Some(Descriptor { len, ..descriptor }));
    }

    #[test]
    fn a_written_frame_header_is_read(keyframe: bool, shown: bool, width in 1u16..=65_535, height in 1u16..=65_535) {
        let header = FrameHeader { keyframe, shown, size: keyframe.then_some((width, height)) };
        let mut bytes = [0; KEYFRAME_HEADER_LEN];
        let len = header.write(&mut bytes);
        prop_assert_eq!(FrameHeader::parse(&bytes[..len]), Some(header));
    }
}

#[test]
fn superframes_come_apart_where_their_index_says() {
    // Two frames, of three and one bytes; sizes of one byte each, little endian of two.
    let one = [0x82, 1, 2, 0x88, 0b1100_0001, 3, 1, 0b1100_0001];
    assert_eq!(frames(&one), Some(vec![&one[..3], &one[3..4]]));
    let two = [0x82, 1, 2, 0x88, 0b1100_1001, 3, 0, 1, 0, 0b1100_1001];
    assert_eq!(frames(&two), Some(vec![&two[..3], &two[3..4]]));
    // No index: the byte in front differs, or the last one is of a frame.
    assert_eq!(frames(&[0x82, 1, 2, 3, 3, 1, 0b1100_0001]), Some(vec![&[0x82, 1, 2, 3, 3, 1, 0b1100_0001][..]]));
    assert_eq!(frames(&[0x82, 1]), Some(vec![&[0x82, 1][..]]));
    // Sizes that are not those of what is there, an index longer than the bytes, nothing.
    assert_eq!(frames(&[0x82, 1, 0b1100_0001, 3, 1, 0b1100_0001]), None);
    assert_eq!(frames(&[0x82, 1, 2, 3, 0b1100_0001, 3, 0, 0b1100_0001]), None);
    assert_eq!(frames(&[0b1100_0111]), None);
    assert_eq!(frames(&[]), None);
}

#[test]
fn frames_say_what_a_sender_must_know() {
    let mut key = [0xFF; KEYFRAME_HEADER_LEN];
    FrameHeader { keyframe: true, shown: true, size: Some((320, 180)) }.write(&mut key);
    let found = Frame::parse(&key).unwrap();
    assert_eq!(found, Frame { profile: 0, keyframe: true, shown: true, size: Some((320, 180)) });
    // Marker 10, profile 00, shows an existing frame, which one 011.
    let again = Frame::parse(&[0b1000_1011]).unwrap();
    assert_eq!(again, Frame { profile: 0, keyframe: false, shown: true, size: None });
    // An inter frame, hidden, resilient, not intra-only; eight bits of refresh, three references; the first has the size.
    let hidden = Frame::parse(&[0b1000_0101, 0, 0, 0b0000_0100]);
    assert_eq!(hidden, Some(Frame { profile: 0, keyframe: false, shown: false, size: None }));
    // The same, and none of the three has it: 64 x 32, minus one.
    let sized = Frame::parse(&[0b1000_0101, 0, 0, 0, 0, 63, 0, 31]);
    assert_eq!(sized.and_then(|frame| frame.size), Some((64, 32)));
    // Intra-only brings sync code and size of its own.
    let intra = Frame::parse(&[0x85, 0xA4, 0xC1, 0xA1, 0, 0, 0x1F, 0x80, 0x0F, 0x80]);
    assert_eq!(intra, Some(Frame { profile: 0, keyframe: false, shown: false, size: Some((64, 32)) }));
    assert_eq!(Frame::parse(&[0b1001_0000, 0]).map(|frame| frame.profile), Some(2));
    assert_eq!(Frame::parse(&[0x40, 0, 0]), None);
    assert_eq!(Frame::parse(&key[..6]), None, "cut off");
}

proptest! {
    #[test]
    fn whatever_a_file_calls_a_frame_is_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Some(frames) = frames(&bytes) {
            prop_assert!(frames.iter().map(|frame| frame.len()).sum::<usize>() <= bytes.len() && frames.len() <= MAX_FRAMES);
        }
        let _ = Frame::parse(&bytes);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_renumbered_in_place(bytes in prop::collection::vec(any::<u8>(), 0..40), id in 0u16..0x8000, tl0: u8) {
        let mut renumbered = bytes.clone();
        renumber(&mut renumbered, id, tl0);
        let (before, after) = (Descriptor::parse(&bytes), Descriptor::parse(&renumbered));
        let Some(before) = before else {
            prop_assert_eq!(renumbered, bytes);
            return Ok(());
        };
        let picture_id = before.picture_id.map(|known| match known {
            PictureId::Long(_) => PictureId::Long(id),
            PictureId::Short(_) => PictureId::Short(id as u8 & 0x7F),
        });
        let tl0_picture_index = before.tl0_picture_index.map(|_| tl0);
        prop_assert_eq!(after, Some(Descriptor { picture_id, tl0_picture_index, ..before }));
    }
}
