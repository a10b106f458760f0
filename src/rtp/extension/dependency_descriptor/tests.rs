use super::*;
use proptest::prelude::*;

/// Two temporal layers: decode targets 0 (15 fps) and 1 (30 fps), one chain.
fn l1t2() -> Structure {
    use Indication::{Discardable as D, NotPresent as N, Switch as S};
    let template = |temporal, indications: [Indication; 2], differences: &[u16], chain| Template {
        spatial: 0,
        temporal,
        indications: indications.to_vec(),
        differences: differences.to_vec(),
        chains: vec![chain],
    };
    Structure {
        template_id_offset: 5,
        targets: 2,
        templates: vec![template(0, [S, S], &[], 0), template(0, [S, S], &[2], 2), template(1, [N, D], &[1], 1)],
        protected_by: vec![0, 0],
        chains: 1,
        sizes: vec![(640, 360)],
    }
}

/// The same, bit by bit from the syntax of A.4.1: 24 bits of mandatory fields, 5 flags, then the structure.
fn l1t2_bytes() -> Vec<u8> {
    let bits = concat!(
        "1",
        "0",
        "000101",
        "0000000100000010", // starts, does not end, template 5, frame 258
        "1",
        "0",
        "0",
        "0",
        "0", // a structure, nothing else
        "000101",
        "00001", // offset 5, two decode targets
        "00",
        "01",
        "11", // same layer, one temporal layer up, no more
        "1010",
        "1010",
        "0001", // SS, SS, -D
        "0",
        "1",
        "0001",
        "0",
        "1",
        "0000",
        "0",  // none; 2; 1
        "10", // one chain: ns(3) of 1 is 10
        "0000",
        "0010",
        "0001", // no chain yet; 2 back; 1 back (protected_by: ns(1) takes no bits)
        "1",
        "0000001001111111",
        "0000000101100111", // sizes: 639, 359
    );
    bytes_of(bits)
}

/// Bytes of bits, the last one filled up with zeros.
fn bytes_of(bits: &str) -> Vec<u8> {
    let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | (bit - b'0') << (7 - at));
    bits.as_bytes().chunks(8).map(byte).collect()
}

fn with_structure() -> Descriptor {
    Descriptor {
        starts: true,
        template_id: 5,
        frame_number: 258,
        structure: Some(Box::new(l1t2())),
        ..Descriptor::default()
    }
}

#[test]
fn a_structure_reads_and_writes_as_the_syntax_has_it() {
    assert_eq!(Descriptor::parse(&l1t2_bytes(), None), Some(with_structure()));
    assert_eq!(with_structure().write(0), l1t2_bytes());
    for cut in (0..l1t2_bytes().len()).filter(|cut| *cut != SHORT_LEN) {
        assert_eq!(Descriptor::parse(&l1t2_bytes()[..cut], None), None, "cut at {cut}");
    }
}

#[test]
fn custom_fields_read_and_write_as_the_syntax_has_it() {
    let bytes = bytes_of(concat!(
        "1",
        "1",
        "000111",
        "1111111111111111", // starts and ends, template 7, frame 65535
        "0",
        "1",
        "1",
        "1",
        "1",  // no structure, all the rest
        "01", // the first of two decode targets is active
        "00",
        "10", // -S
        "01",
        "0000",
        "10",
        "00010000",
        "11",
        "111111111111",
        "00",       // 1 in a nibble, 17 in two, 4096 in three, no more
        "11001000", // 200 frames back
    ));
    let structure = l1t2();
    let read = Descriptor::parse(&bytes, Some(&structure)).expect("well formed");
    let expected = Descriptor {
        starts: true,
        ends: true,
        template_id: 7,
        frame_number: 65_535,
        structure: None,
        active_targets: Some(1),
        indications: Some(vec![Indication::NotPresent, Indication::Switch]),
        differences: Some(vec![1, 17, 4_096]),
        chains: Some(vec![200]),
    };
    assert_eq!(read, expected);
    assert_eq!(expected.write(2), bytes);
    assert_eq!(Descriptor::parse(&bytes, None), None, "without a structure nobody knows how long it is");
}

#[test]
fn three_bytes_are_resolved_by_the_structure_that_came_before() {
    let mut reader = Reader::default();
    assert_eq!(reader.read(&[0xC6, 1, 3]), None);
    let key = reader.read(&l1t2_bytes()).expect("a structure");
    assert!(key.is_key() && key.structured && key.starts && !key.ends);
    assert_eq!((key.number, key.spatial, key.temporal, key.chains), (258, 0, 0, &[0][..]));
    let delta = reader.read(&[0b1100_0111, 1, 3]).expect("template 7");
    assert_eq!((delta.number, delta.temporal, delta.differences, delta.chains), (259, 1, &[1][..], &[1][..]));
    assert_eq!(delta.indication(0, 0), Some(Indication::NotPresent));
    assert_eq!(delta.indication(0, 1), Some(Indication::Discardable));
    assert_eq!(delta.indication(1, 0), None);
    assert_eq!(reader.read(&[0b1100_1000, 1, 4]), None, "there is no template 8");
    let custom = Descriptor { template_id: 6, frame_number: 260, differences: Some(vec![30]), ..Descriptor::default() };
    let bytes = custom.write(2);
    assert_eq!(reader.read(&bytes).map(|frame| frame.differences.to_vec()), Some(vec![30]));
}

#[test]
fn a_structure_that_came_late_does_not_replace_a_newer_one() {
    let mut reader = Reader::default();
    let mut newer = with_structure();
    newer.frame_number = 400;
    newer.template_id = 30;
    newer.structure.as_mut().unwrap().template_id_offset = 30;
    assert!(reader.read(&newer.write(0)).is_some());
    let _ = reader.read(&l1t2_bytes());
    assert_eq!(reader.structure().map(|structure| structure.template_id_offset), Some(30));
}

fn any_structure() -> impl Strategy<Value = Structure> {
    let indication = (0u32..4).prop_map(Indication::from_bits);
    (1u8..10, 0u8..10, 1usize..12, 0u8..64).prop_flat_map(move |(targets, chains, count, offset)| {
        let chains = chains.min(targets);
        let template = (
            0u32..3,
            prop::collection::vec(indication.clone(), usize::from(targets)),
            prop::collection::vec(1u16..=16, 0..5),
            prop::collection::vec(0u8..16, usize::from(chains)),
        );
        let protected = if chains == 0 { 0 } else { usize::from(targets) };
        let parts = (
            prop::collection::vec(template, count),
            prop::collection::vec(0..chains.max(1), protected),
            any::<bool>(),
            prop::array::uniform4((1u32..=65_536, 1u32..=65_536)),
        );
        parts.prop_map(move |(parts, protected_by, sized, sizes)| {
            let (mut spatial, mut temporal) = (0u8, 0u8);
            let templates: Vec<Template> = parts
                .into_iter()
                .enumerate()
                .map(|(index, (step, indications, differences, chains))| {
                    match step {
                        1 if index > 0 && temporal < 7 => temporal += 1,
                        2 if index > 0 && spatial < 3 => (spatial, temporal) = (spatial + 1, 0),
                        _ => {}
                    }
                    Template { spatial, temporal, indications, differences, chains }
                })
                .collect();
            let layers = if sized { usize::from(spatial) + 1 } else { 0 };
            let sizes = sizes[..layers].to_vec();
            Structure { template_id_offset: offset, targets, templates, protected_by, chains, sizes }
        })
    })
}

proptest! {
    #[test]
    fn any_structure_comes_back(structure in any_structure(), number: u16, active: Option<u8>) {
        let targets = structure.targets;
        let descriptor = Descriptor {
            starts: true,
            template_id: structure.template_id_offset,
            frame_number: number,
            active_targets: active.map(|bits| u32::from(bits) & ((1 << targets) - 1)),
            structure: Some(Box::new(structure)),
            ..Descriptor::default()
        };
        prop_assert_eq!(Descriptor::parse(&descriptor.write(0), None), Some(descriptor));
    }

    #[test]
    fn any_custom_fields_come_back(
        differences in prop::option::of(prop::collection::vec(1u16..=4_096, 0..10)),
        chain in prop::option::of(any::<u8>()),
        dtis in prop::option::of(0u32..16),
    ) {
        let structure = l1t2();
        let descriptor = Descriptor {
            differences,
            chains: chain.map(|chain| vec![chain]),
            indications: dtis.map(|bits| vec![Indication::from_bits(bits), Indication::from_bits(bits >> 2)]),
            ..Descriptor::default()
        };
        prop_assert_eq!(Descriptor::parse(&descriptor.write(2), Some(&structure)), Some(descriptor));
    }

    #[test]
    fn arbitrary_values_never_fail(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6)) {
        let mut reader = Reader::default();
        for value in values {
            if let Some(frame) = reader.read(&value) {
                prop_assert!(frame.spatial <= 3 && frame.temporal <= 7);
                let _ = (frame.is_key(), frame.is_inter_layer(), frame.indication(0, 0));
            }
        }
    }
}
