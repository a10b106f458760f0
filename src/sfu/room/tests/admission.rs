//! Who is let in, what it is offered, and what is left when it is not.

use super::*;

#[test]
fn limits_refuse_and_leave_nothing_behind() {
    let limits = Limits { rooms: 2, participants: 4, participants_per_room: 2 };
    let mut world = World::new(limits);
    let refused = |world: &mut World, connection| match &world.heard(connection)[..] {
        [ServerMessage::Refused { reason, .. }] => Some(*reason),
        _ => None,
    };
    world.enter(1, "red", "a", vec![]);
    world.enter(2, "red", "b", vec![]);
    world.enter(3, "red", "c", vec![]);
    assert_eq!(refused(&mut world, 3), Some(Refusal::ParticipantsFull));
    assert!(world.closed.contains(&ConnectionId(3)));
    world.enter(4, "blue", "a", vec![]);
    world.enter(5, "green", "a", vec![]);
    assert_eq!(refused(&mut world, 5), Some(Refusal::RoomsFull));
    world.enter(6, "", "a", vec![]);
    assert_eq!(refused(&mut world, 6), Some(Refusal::Malformed));
    world.enter(7, "blue", "b", vec![track("mic", 5), track("mic", 9)]);
    assert_eq!(refused(&mut world, 7), Some(Refusal::Malformed));
    world.refuse_legs = true;
    world.enter(8, "blue", "b", vec![]);
    assert_eq!(refused(&mut world, 8), Some(Refusal::Unsupported));
    world.refuse_legs = false;
    world.ask(9, Request::Leave);
    assert_eq!(refused(&mut world, 9), Some(Refusal::Malformed));
    assert_eq!((world.rooms.rooms(), world.rooms.participants()), (2, 3));
    world.enter(10, "blue", "b", vec![]);
    assert_eq!(world.rooms.participants(), 4, "room was left for one more");
}

#[test]
fn a_leg_that_never_connects_is_given_up() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![]);
    world.enter(2, "red", "bob", vec![]);
    world.connect(2);
    world.pass(Instant::from_secs(31));
    assert_eq!(world.rooms.participants(), 1);
    assert!(world.closed.contains(&ConnectionId(1)));
}

#[test]
fn a_viewer_gets_what_its_offer_has_room_for() {
    let mut world = World::new(Limits::default());
    let section = |mid: &str, kind, payload_type| WatchSection {
        mid: mid.into(),
        kind,
        codecs: vec![CodecParameters {
            payload_type,
            ..track(if kind == MediaKind::Audio { "mic" } else { "v" }, 1).codec
        }],
        extensions: BTreeMap::from([(9, "urn:ietf:params:rtp-hdrext:sdes:mid".into())]),
    };
    let watch = || Watch {
        entry: entry("red", "viewer", vec![]),
        publisher: "ann".into(),
        sections: vec![
            section("0", MediaKind::Audio, 120),
            section("1", MediaKind::Video, 121),
            section("2", MediaKind::Video, 122),
        ],
    };
    world.ask(1, Request::Watch(Box::new(watch())));
    assert!(world.not_live.contains(&ConnectionId(1)));
    assert_eq!(world.rooms.participants(), 0);
    world.enter(2, "red", "ann", vec![track("camera", 10), track("mic", 20)]);
    world.ask(3, Request::Watch(Box::new(watch())));
    let heard = world.heard(3);
    let [ServerMessage::Joined { .. }, ServerMessage::Subscribed { streams }] = &heard[..] else { panic!("{heard:?}") };
    let numbers: Vec<_> = streams.iter().map(|s| (s.mid.as_deref(), s.codecs[0].payload_type)).collect();
    assert_eq!(numbers, [(Some("0"), 120), (Some("1"), 121)]);
    assert!(streams.iter().all(|stream| stream.extensions.contains_key(&9)));
    world.connect(3);
    assert_eq!(world.packet(2, "camera", 5, true).len(), 1);
}
