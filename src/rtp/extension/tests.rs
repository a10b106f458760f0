use super::*;
use crate::clock::Instant;
use crate::rtp::header::{Header, View, write_header};
use crate::rtp::ntp::Ntp;
use proptest::prelude::*;

const HEADER: Header = Header { marker: false, payload_type: 111, sequence: 1, rtp_time: 2, ssrc: 3 };

fn map(ids: &[(ExtensionKind, u8)]) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for &(kind, id) in ids {
        map.set(kind, id).expect("distinct ids");
    }
    map
}

fn all_from(first: u8) -> ExtensionMap {
    map(&ExtensionKind::ALL.into_iter().zip(first..).collect::<Vec<_>>())
}

fn written(map: &ExtensionMap, values: &Extensions<'_>) -> Vec<u8> {
    let mut packet = Vec::new();
    write_header(&mut packet, &HEADER, map, values);
    packet
}

fn everything() -> Extensions<'static> {
    Extensions {
        mid: Some("0"),
        rid: Some("hi"),
        repaired_rid: Some("low"),
        transport_sequence: Some(65_530),
        abs_send_time: Some(AbsSendTime::from_raw(0xFE_DCBA)),
        abs_capture_time: Some(AbsCaptureTime { captured: Ntp(u64::MAX - 5), clock_offset: Some(-7) }),
        audio_level: Some(AudioLevel { voice: true, below_overload: 127 }),
        video_orientation: Some(VideoOrientation { back_camera: true, flipped: false, quarter_turns: 3 }),
        playout_delay: Some(PlayoutDelay { min: 0, max: 4_095 }),
        dependency_descriptor: Some(&[0xC1, 2, 3]),
    }
}

#[test]
fn every_kind_is_found_by_its_uri() {
    for (at, kind) in ExtensionKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, at, "the map is indexed by position");
        assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
    }
    assert_eq!(ExtensionKind::from_uri("urn:example:none"), None);
}

#[test]
fn an_id_belongs_to_one_kind() {
    let mut map = map(&[(ExtensionKind::Mid, 4)]);
    assert_eq!(map.set(ExtensionKind::Rid, 0), Err(IdError::Zero));
    assert_eq!(map.set(ExtensionKind::Rid, 4), Err(IdError::Taken { id: 4, taken_by: ExtensionKind::Mid }));
    assert_eq!(map.set(ExtensionKind::Mid, 5), Ok(()));
    assert_eq!(map.set(ExtensionKind::Rid, 4), Ok(()));
    assert_eq!((map.kind(5), map.id(ExtensionKind::Rid)), (Some(ExtensionKind::Mid), Some(4)));
    assert_eq!((map.kind(0), map.id(ExtensionKind::AudioLevel)), (None, None));
}

#[test]
fn all_values_come_back_in_either_form() {
    for (first, profile) in [(1, 0xBEDE), (5, 0xBEDE), (6, 0x1000), (200, 0x1000)] {
        let (map, values) = (all_from(first), everything());
        let packet = written(&map, &values);
        assert_eq!(u16::from_be_bytes([packet[12], packet[13]]), profile, "ids from {first}");
        assert_eq!(packet.len() % 4, 0);
        let view = View::parse(&packet).expect("well formed");
        assert_eq!(view.header_len(), packet.len());
        assert_eq!(map.read(&view), values);
    }
}

#[test]
fn one_small_value_costs_eight_bytes() {
    let map = map(&[(ExtensionKind::TransportSequence, 3)]);
    let packet = written(&map, &everything());
    assert_eq!(packet[12..], [0xBE, 0xDE, 0, 1, 0x31, 0xFF, 0xFA, 0], "only what was negotiated is written");
}

#[test]
fn long_and_empty_values_take_the_two_byte_form() {
    let map = map(&[(ExtensionKind::Mid, 1)]);
    for mid in ["", "seventeen bytes!!", &"x".repeat(255)] {
        let values = Extensions { mid: Some(mid), ..Extensions::default() };
        let packet = written(&map, &values);
        assert_eq!(packet[12..14], [0x10, 0x00]);
        assert_eq!(map.read(&View::parse(&packet).expect("well formed")), values);
    }
    let sixteen = Extensions { mid: Some("sixteen bytes !!"), ..Extensions::default() };
    assert_eq!(written(&map, &sixteen)[12..14], [0xBE, 0xDE]);
}

#[test]
fn without_a_negotiated_value_there_is_no_block() {
    let packet = written(&map(&[(ExtensionKind::Rid, 1)]), &Extensions { mid: Some("0"), ..Extensions::default() });
    assert_eq!((packet.len(), packet[0]), (12, 0x80));
}

#[test]
fn padding_is_skipped_and_what_does_not_add_up_ends_the_walk() {
    let elements = |profile, block: &[u8]| {
        Elements::new(profile, block).map(|(id, value)| (id, value.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(elements(0xBEDE, &[0, 0x10, 9, 0, 0x21, 1, 2]), [(1, vec![9]), (2, vec![1, 2])]);
    assert_eq!(elements(0xBEDE, &[0x10, 9, 0x02, 1, 2, 0x20, 7]), [(1, vec![9])], "id 0 with a length");
    assert_eq!(elements(0xBEDE, &[0x10, 9, 0xF0, 1, 0x20, 7]), [(1, vec![9])], "id 15");
    assert_eq!(elements(0xBEDE, &[0x10, 9, 0x23, 1]), [(1, vec![9])], "cut off");
    assert_eq!(elements(0x1005, &[15, 0, 0, 0, 99, 1, 8]), [(15, vec![]), (99, vec![8])]);
    assert_eq!(elements(0x1000, &[1, 4, 0]), [], "cut off");
    assert_eq!(elements(0x1000, &[1]), []);
    assert_eq!(elements(0x2000, &[0x10, 9]), [], "another profile");
}

#[test]
fn a_send_time_has_64_seconds_and_is_read_as_the_nearest() {
    let origin = Ntp::from_unix_nanos(1_700_000_000_123_456_789);
    let at = |now: Instant| AbsSendTime::from_ntp(Ntp::at(origin, now));
    assert_eq!(at(Instant::ZERO), at(Instant::from_secs(64)));
    let (early, late) = (at(Instant::from_secs(50)), at(Instant::from_millis(81_500)));
    let error = late.signed_nanos_since(early) - 31_500_000_000;
    assert!(error.abs() < 4_000, "{error}");
    let error = early.signed_nanos_since(late) + 31_500_000_000;
    assert!(error.abs() < 4_000, "{error}");
    assert_eq!(AbsSendTime::from_ntp(Ntp(1 << 32)).raw(), 1 << 18, "a second");
}

#[test]
fn a_capture_time_without_an_offset_has_eight_bytes() {
    let map = map(&[(ExtensionKind::AbsCaptureTime, 1)]);
    let time = AbsCaptureTime { captured: Ntp(0x0102_0304_0506_0708), clock_offset: None };
    let packet = written(&map, &Extensions { abs_capture_time: Some(time), ..Extensions::default() });
    assert_eq!(packet[16..25], [0x17, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(map.read(&View::parse(&packet).expect("well formed")).abs_capture_time, Some(time));
}

#[test]
fn values_too_short_for_their_kind_are_absent() {
    let packet =
        [&[0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 2][..], &[0x40, 9, 0x51, 9, 9, 0x10, 0xFF, 0]]
            .concat();
    let values = all_from(1).read(&View::parse(&packet).expect("well formed"));
    assert_eq!(values, Extensions::default(), "a sequence of one byte, a send time of two, a mid that is not UTF-8");
}

proptest! {
    #[test]
    fn any_values_come_back(
        mid in prop::option::of("[a-z0-9]{0,40}"), rid in prop::option::of("[a-z]{1,8}"), first in 1u8..=240,
        transport_sequence in any::<Option<u16>>(), send in any::<Option<u32>>(), capture in any::<Option<(u64, Option<i64>)>>(),
        level in any::<Option<(bool, u8)>>(), turns in any::<Option<u8>>(), delay in any::<Option<(u16, u16)>>(),
        descriptor in prop::option::of(prop::collection::vec(any::<u8>(), 3..120)),
    ) {
        let values = Extensions {
            mid: mid.as_deref(), rid: rid.as_deref(), repaired_rid: rid.as_deref(), transport_sequence,
            abs_send_time: send.map(AbsSendTime::from_raw),
            abs_capture_time: capture.map(|(at, clock_offset)| AbsCaptureTime { captured: Ntp(at), clock_offset }),
            audio_level: level.map(|(voice, below)| AudioLevel { voice, below_overload: below & 127 }),
            video_orientation: turns.map(|turns| VideoOrientation { quarter_turns: turns & 3, ..VideoOrientation::default() }),
            playout_delay: delay.map(|(min, max)| PlayoutDelay { min: min & 0xFFF, max: max & 0xFFF }),
            dependency_descriptor: descriptor.as_deref(),
        };
        let map = all_from(first);
        let packet = written(&map, &values);
        prop_assert_eq!(map.read(&View::parse(&packet).expect("well formed")), values);
    }
}
