//! Whatever happens, everybody knows who is there.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Enter(u64, u8, u8),
    Subscribe(u64, u8),
    Publish(u64),
    Unpublish(u64),
    Connect(u64),
    Leave(u64),
    Lose(u64),
    Pass(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..8u64;
    let step = prop_oneof![
        (0..8u64, 0..2u8, 0..4u8).prop_map(|(c, r, n)| Step::Enter(c, r, n)),
        (who.clone(), 0..4u8).prop_map(|(c, n)| Step::Subscribe(c, n)),
        who.clone().prop_map(Step::Publish),
        who.clone().prop_map(Step::Unpublish),
        who.clone().prop_map(Step::Connect),
        who.clone().prop_map(Step::Leave),
        who.prop_map(Step::Lose),
        (1..2_000u16).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A participant's view of its room, kept up to date from what it hears.
fn view(messages: &[ServerMessage]) -> BTreeMap<String, BTreeSet<String>> {
    let mut room = BTreeMap::new();
    let tracks = |entry: &RosterEntry| entry.tracks.iter().map(|track| track.media.clone()).collect::<BTreeSet<_>>();
    for message in messages {
        match message {
            ServerMessage::Joined { roster, .. } => {
                room = roster.iter().map(|entry| (entry.participant.clone(), tracks(entry))).collect();
            }
            ServerMessage::Entered { entry } => drop(room.insert(entry.participant.clone(), tracks(entry))),
            ServerMessage::Left { participant } => drop(room.remove(participant)),
            ServerMessage::Published { participant, track } => {
                room.get_mut(participant).expect("known").insert(track.media.clone());
            }
            ServerMessage::Unpublished { track } => {
                room.get_mut(&track.participant).expect("known").remove(&track.media);
            }
            _ => {}
        }
    }
    room
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens, everybody's roster is the room, streams and routes agree, and equal inputs give equal outputs.
    #[test]
    fn rosters_converge(steps in steps()) {
        let play = || {
            let mut world = World::new(Limits::default());
            let mut inside: BTreeMap<u64, (u8, u8)> = BTreeMap::new();
            for (number, step) in steps.iter().enumerate() {
                // A connection is used once; its number tells who it is.
                let connection = |slot: u64| 8 * number as u64 + slot;
                let of = |inside: &BTreeMap<u64, (u8, u8)>, slot: u64| inside.keys().copied().find(|c| c % 8 == slot);
                match *step {
                    Step::Enter(slot, room, who) => {
                        inside.retain(|_, at| *at != (room, who));
                        world.enter(connection(slot), &format!("r{room}"), &format!("p{who}"), vec![track("mic", 1)]);
                        inside.insert(connection(slot), (room, who));
                    }
                    Step::Subscribe(slot, who) => if let Some(c) = of(&inside, slot) {
                        let wanted = ["mic", "camera"].map(|media| name(&format!("p{who}"), media));
                        world.ask(c, Request::Subscribe(wanted.to_vec()));
                    },
                    Step::Publish(slot) => if let Some(c) = of(&inside, slot) {
                        world.ask(c, Request::Publish(track("camera", 50)));
                    },
                    Step::Unpublish(slot) => if let Some(c) = of(&inside, slot) {
                        world.ask(c, Request::Unpublish("camera".into()));
                    },
                    Step::Connect(slot) => if let Some(c) = of(&inside, slot) { world.connect(c) },
                    Step::Leave(slot) => if let Some(c) = of(&inside, slot) {
                        inside.remove(&c);
                        world.ask(c, Request::Leave);
                    },
                    Step::Lose(slot) => if let Some(c) = of(&inside, slot) {
                        inside.remove(&c);
                        world.tell(Input::LegClosed(world.leg(c)));
                    },
                    Step::Pass(millis) => world.pass(world.now + Duration::from_millis(millis.into())),
                }
                // Time alone may remove whoever never connected.
                inside.retain(|c, _| !world.closed.contains(&ConnectionId(*c)));
            }
            (world, inside)
        };
        let (mut world, inside) = play();
        prop_assert_eq!(world.rooms.participants(), inside.len());
        for (connection, (room, who)) in &inside {
            let others = inside.iter().filter(|(_, at)| at.0 == *room && at.1 != *who);
            let expected: BTreeMap<_, _> = others.map(|(c, at)| {
                let tracks = world.receiving[&world.leg(*c)].keys();
                let published = tracks.filter(|m| world.rooms.find_track(world.leg(*c), &name(&format!("p{}", at.1), m)).is_some());
                (format!("p{}", at.1), published.cloned().collect::<BTreeSet<_>>())
            }).collect();
            let heard = world.heard.get(&ConnectionId(*connection)).cloned().unwrap_or_default();
            prop_assert_eq!(view(&heard), expected);
        }
        for connection in inside.keys() {
            for (reached, _) in world.packet(*connection, "mic", 1, false) {
                prop_assert_eq!(inside[&reached].0, inside[connection].0, "another room");
            }
        }
        let (again, _) = play();
        prop_assert_eq!(world.commands, again.commands);
    }
}
