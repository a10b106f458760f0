//! Who speaks, and what the way to a subscriber is estimated to carry.

use super::*;

#[test]
fn who_talks_is_elected_told_once_and_hard_to_unseat() {
    let mut world = World::new(Limits::default());
    let people: Vec<ConnectionId> = (1..=3).map(ConnectionId).collect();
    for (connection, who) in people.iter().zip(["a", "b", "c"]) {
        let publish = vec![track("mic", 10 * (1 + connection.0 as u32))];
        let request = Request::Enter(Box::new(entry("r", who, publish)));
        world.tell(Input::Request { connection: *connection, request });
    }
    let mics: Vec<TrackId> = people.iter().map(|one| world.receiving[&world.legs[one]]["mic"]).collect();
    // Levels of a, b and c for so many slots of 20 ms.
    let talk = |world: &mut World, slots: u32, levels: [u8; 3]| {
        for _ in 0..slots {
            world.now += Duration::from_millis(20);
            for (mic, level) in mics.iter().zip(levels) {
                let level = crate::rtp::extension::AudioLevel { voice: level < 60, below_overload: level };
                world.rooms.hear(world.now, *mic, level);
            }
            world.rooms.handle_timeout(world.now);
            world.drain(None);
        }
    };
    let told = |world: &World| -> Vec<Vec<String>> {
        let of_speakers = |message: &ServerMessage| match message {
            ServerMessage::Speakers { speakers } => Some(speakers.clone()),
            _ => None,
        };
        world.heard[&people[2]].iter().filter_map(of_speakers).collect()
    };
    talk(&mut world, 50, [30, 80, 80]);
    assert_eq!(told(&world), [vec!["a".to_owned()]]);
    // A little louder does not unseat, half a second's pause ends nothing, and much louder does come first.
    talk(&mut world, 50, [32, 28, 80]);
    assert_eq!(told(&world).last().unwrap(), &["a", "b"]);
    talk(&mut world, 25, [80, 28, 80]);
    assert_eq!(told(&world).last().unwrap()[..], ["b", "a"]);
    talk(&mut world, 60, [80, 28, 80]);
    assert_eq!(told(&world).last().unwrap(), &["b"]);
    let before = told(&world).len();
    talk(&mut world, 200, [80, 28, 80]);
    assert_eq!(told(&world).len(), before, "nothing changes, nothing is said");
    // A late comer is told; a muted one is out at once, and its packets are not heard.
    let late = ConnectionId(9);
    world.tell(Input::Request { connection: late, request: Request::Enter(Box::new(entry("r", "d", vec![]))) });
    let says_b =
        |message: &ServerMessage| matches!(message, ServerMessage::Speakers { speakers } if speakers == &["b"]);
    assert!(world.heard[&late].iter().any(says_b));
    let mute = Request::Mute { media: "mic".into(), muted: true };
    world.tell(Input::Request { connection: people[1], request: mute });
    assert_eq!(told(&world).last().unwrap().len(), 0);
    talk(&mut world, 100, [80, 28, 80]);
    assert_eq!(told(&world).last().unwrap().len(), 0);
    assert_eq!(world.rooms.poll_timeout().filter(|at| *at <= world.now + ELECTION_EVERY), None, "nobody is heard");
    // Who leaves while speaking is out too.
    talk(&mut world, 50, [80, 80, 25]);
    assert_eq!(told(&world).last().unwrap(), &["c"]);
    world.tell(Input::Request { connection: people[2], request: Request::Leave });
    let last = world.heard[&people[0]].iter().rev().find(|one| matches!(one, ServerMessage::Speakers { .. })).unwrap();
    assert_eq!(*last, ServerMessage::Speakers { speakers: vec![] });
}

/// Whether a subscriber's stream is numbered transport-wide, and asked for feedback.
fn estimable(estimates: bool) -> (bool, bool, bool) {
    let mut world = World::new(Limits::default());
    world.rooms.config.estimates = estimates;
    world.enter(1, "red", "ann", vec![track("camera", 10)]);
    world.enter(2, "red", "bob", vec![]);
    world.ask(2, Request::Subscribe(vec![name("ann", "camera")]));
    let streams = world.heard(2).into_iter().find_map(|message| match message {
        ServerMessage::Subscribed { streams } => Some(streams),
        _ => None,
    });
    let stream = &streams.expect("subscribed")[0];
    let numbered = stream.extensions.values().any(|uri| *uri == STANDARD_EXTENSIONS[STANDARD_EXTENSIONS.len() - 1].1);
    let setups = world.commands.iter().filter_map(|(_, command)| match command {
        LegCommand::Open(setup) => Some(setup.estimates),
        _ => None,
    });
    assert!(setups.clone().count() == 2 && setups.clone().all(|told| told == estimates));
    (numbered, stream.codecs[0].feedback.twcc, stream.codecs[0].feedback.remb)
}

#[test]
fn streams_are_numbered_for_feedback_where_the_way_is_estimated() {
    assert_eq!(estimable(true), (true, true, true));
    assert_eq!(estimable(false), (false, false, false));
}

#[test]
fn a_legs_estimate_is_the_last_one_told_and_ends_with_it() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![]);
    let leg = world.leg(1);
    assert_eq!(world.rooms.estimate(leg), None);
    for rate in [300_000, 800_000] {
        world.tell(Input::Estimate { leg, rate: Bitrate(rate) });
    }
    assert_eq!(world.rooms.estimate(leg), Some(Bitrate(800_000)));
    world.ask(1, Request::Leave);
    world.tell(Input::Estimate { leg, rate: Bitrate(1) });
    assert_eq!(world.rooms.estimate(leg), None);
}
