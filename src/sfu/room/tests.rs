//! The laws of the rooms, without any transport: legs open as soon as they are asked for.

mod layers;

use super::*;
use crate::conference::protocol::{RosterEntry, RosterTrack};
use crate::conference::{
    Codec, CodecParameters, Credentials, Feedback, MediaKind, SendParameters, Setup, TransportParameters,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The rooms with a driver around them that opens legs at once and remembers what was said.
struct World {
    rooms: Rooms,
    now: Instant,
    heard: BTreeMap<ConnectionId, Vec<ServerMessage>>,
    closed: BTreeSet<ConnectionId>,
    not_live: BTreeSet<ConnectionId>,
    commands: Vec<(LegId, LegCommand)>,
    legs: BTreeMap<ConnectionId, LegId>,
    receiving: BTreeMap<LegId, BTreeMap<String, TrackId>>,
    refuse_legs: bool,
}

fn transport() -> TransportParameters {
    TransportParameters {
        ufrag: "abcd".into(),
        pwd: "0123456789abcdef01234567".into(),
        fingerprint: "sha-256 AA".into(),
        setup: Setup::Actpass,
        ice_lite: false,
        candidates: vec![],
    }
}

fn track(media: &str, ssrc: u32) -> SendParameters {
    let video = media != "mic";
    let (codec, payload_type, rtx) = if video { (Codec::Vp8, 96, Some(97)) } else { (Codec::Opus, 111, None) };
    let feedback = Feedback { nack: video, pli: video, fir: video, remb: video, twcc: true };
    SendParameters {
        media: media.into(),
        mid: media.into(),
        codec: CodecParameters {
            codec,
            payload_type,
            rtx_payload_type: rtx,
            red_payload_type: None,
            without_fec: false,
            feedback,
        },
        ssrc,
        rtx_ssrc: rtx.map(|_| ssrc + 1),
        cname: "x".into(),
        extensions: STANDARD_EXTENSIONS.iter().map(|(id, uri)| (*id, (*uri).to_owned())).collect(),
        layers: Vec::new(),
    }
}

fn name(participant: &str, media: &str) -> TrackName {
    TrackName { participant: participant.into(), media: media.into() }
}

fn entry(room: &str, participant: &str, publish: Vec<SendParameters>) -> Entry {
    Entry { room: room.into(), participant: participant.into(), transport: transport(), publish }
}

impl World {
    fn new(limits: Limits) -> Self {
        let config = RoomsConfig {
            limits,
            ceiling: Bitrate::from_kbps(1_500),
            estimates: false,
            seed: Seed::new(7),
            defect: None,
        };
        Self {
            rooms: Rooms::new(config, Arc::new(Census::default())),
            now: Instant::ZERO,
            heard: BTreeMap::new(),
            closed: BTreeSet::new(),
            not_live: BTreeSet::new(),
            commands: vec![],
            legs: BTreeMap::new(),
            receiving: BTreeMap::new(),
            refuse_legs: false,
        }
    }

    fn tell(&mut self, input: Input) {
        let asked = if let Input::Request { connection, .. } = &input { Some(*connection) } else { None };
        self.rooms.handle_input(self.now, input);
        self.drain(asked);
    }

    fn drain(&mut self, asked: Option<ConnectionId>) {
        while let Some(output) = self.rooms.poll_output() {
            match output {
                Output::Tell { to, message } => {
                    to.into_iter().for_each(|to| self.heard.entry(to).or_default().push(message.clone()));
                }
                Output::NotLive(connection) => drop(self.not_live.insert(connection)),
                Output::Close(connection) => drop(self.closed.insert(connection)),
                Output::Leg { leg, command } => {
                    match &command {
                        LegCommand::Open(_) => {
                            self.legs.insert(asked.expect("only requests open legs"), leg);
                            self.receiving.insert(leg, BTreeMap::new());
                            let answer = if self.refuse_legs {
                                Input::LegRefused { leg, detail: "no".into() }
                            } else {
                                Input::LegOpened { leg, transport: transport() }
                            };
                            self.rooms.handle_input(self.now, answer);
                        }
                        LegCommand::Receive { track, parameters } => {
                            let tracks = self.receiving.get_mut(&leg).expect("open");
                            tracks.insert(parameters.media.clone(), *track);
                        }
                        LegCommand::Restart(_) => {
                            self.rooms.handle_input(self.now, Input::LegRestarted { leg, transport: transport() });
                        }
                        LegCommand::Close => drop(self.receiving.remove(&leg).expect("open")),
                        _ => {}
                    }
                    self.commands.push((leg, command));
                }
            }
        }
    }

    fn ask(&mut self, connection: u64, request: Request) {
        self.tell(Input::Request { connection: ConnectionId(connection), request });
    }

    fn enter(&mut self, connection: u64, room: &str, participant: &str, publish: Vec<SendParameters>) {
        self.ask(connection, Request::Enter(Box::new(entry(room, participant, publish))));
    }

    fn connect(&mut self, connection: u64) {
        self.tell(Input::LegConnected(self.leg(connection)));
    }

    fn leg(&self, connection: u64) -> LegId {
        self.legs[&ConnectionId(connection)]
    }

    fn heard(&mut self, connection: u64) -> Vec<ServerMessage> {
        self.heard.remove(&ConnectionId(connection)).unwrap_or_default()
    }

    fn pass(&mut self, to: Instant) {
        while let Some(at) = self.rooms.poll_timeout().filter(|at| *at <= to) {
            self.now = self.now.max(at);
            self.rooms.handle_timeout(self.now);
            self.drain(None);
        }
        self.now = to;
    }

    /// Sends a packet; the connections that it reaches, with the sequence numbers there.
    fn packet(&mut self, from: u64, media: &str, sequence: u64, keyframe: bool) -> Vec<(u64, u64)> {
        let packet = Offered { keyframe, ..self.offered(from, media, sequence) };
        self.forward(&packet).into_iter().map(|(to, numbers)| (to, numbers.sequence)).collect()
    }

    /// A packet that could be sent now.
    fn offered(&self, from: u64, media: &str, sequence: u64) -> Offered {
        let track = self.receiving[&self.leg(from)][media];
        let (arrival, rtp_time) = (self.now, sequence as u32 * 3_000);
        let (place, picture, clock) = (None, None, None);
        Offered { track, layer: 0, sequence, rtp_time, arrival, keyframe: false, bytes: 100, place, picture, clock }
    }

    /// The connections that a packet reaches, with the numbers there.
    fn forward(&mut self, packet: &Offered) -> Vec<(u64, Numbers)> {
        let mut out = vec![];
        self.rooms.forward(packet, &mut out);
        let owner = |leg| self.legs.iter().rfind(|(_, of)| **of == leg).expect("a leg of somebody").0.0;
        out.iter().map(|forward| (owner(forward.leg), forward.numbers)).collect()
    }

    fn keyframes_asked(&mut self) -> usize {
        let asked = self.commands.iter().filter(|(_, command)| matches!(command, LegCommand::Keyframe { .. })).count();
        self.commands.retain(|(_, command)| !matches!(command, LegCommand::Keyframe { .. }));
        asked
    }
}

fn roster_track(media: &str) -> RosterTrack {
    let codec = if media == "mic" { Codec::Opus } else { Codec::Vp8 };
    RosterTrack { media: media.into(), kind: codec.kind(), codec, muted: false }
}

#[test]
fn everybody_is_told_of_everybody() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![track("mic", 10)]);
    world.enter(2, "red", "bob", vec![]);
    world.enter(3, "blue", "cat", vec![]);
    let ann = RosterEntry { participant: "ann".into(), tracks: vec![roster_track("mic")] };
    let bob = RosterEntry { participant: "bob".into(), tracks: vec![] };
    let joined = |roster| ServerMessage::Joined { transport: transport(), roster };
    assert_eq!(world.heard(1), [joined(vec![]), ServerMessage::Entered { entry: bob }]);
    assert_eq!(world.heard(2), [joined(vec![ann])]);
    assert_eq!(world.heard(3), [joined(vec![])]);

    world.ask(1, Request::Publish(track("camera", 20)));
    assert_eq!(world.heard(1), [ServerMessage::PublishAccepted { media: "camera".into() }]);
    let published = ServerMessage::Published { participant: "ann".into(), track: roster_track("camera") };
    assert_eq!(world.heard(2), [published]);

    world.ask(1, Request::Mute { media: "mic".into(), muted: true });
    world.ask(1, Request::Mute { media: "mic".into(), muted: true });
    assert_eq!(world.heard(2), [ServerMessage::Muted { track: name("ann", "mic"), muted: true }], "said once");

    world.ask(1, Request::Unpublish("camera".into()));
    assert_eq!(world.heard(2), [ServerMessage::Unpublished { track: name("ann", "camera") }]);
    world.ask(1, Request::Leave);
    assert_eq!(world.heard(2), [ServerMessage::Left { participant: "ann".into() }]);
    assert!(world.closed.contains(&ConnectionId(1)));
    assert_eq!(world.heard(3), [], "another room");
    world.tell(Input::Disconnected(ConnectionId(2)));
    assert_eq!((world.rooms.rooms(), world.rooms.participants()), (1, 1), "an empty room is gone");
}

#[test]
fn a_second_entry_under_a_name_replaces_the_first() {
    let mut world = World::new(Limits { participants_per_room: 2, ..Limits::default() });
    world.enter(1, "red", "ann", vec![track("camera", 10)]);
    world.enter(2, "red", "bob", vec![]);
    world.ask(2, Request::Subscribe(vec![name("ann", "camera")]));
    world.heard(2);
    world.enter(3, "red", "ann", vec![track("camera", 30)]);
    assert!(world.closed.contains(&ConnectionId(1)));
    let ended = ServerMessage::Unsubscribed { tracks: vec![name("ann", "camera")] };
    let ann = RosterEntry { participant: "ann".into(), tracks: vec![roster_track("camera")] };
    let left = ServerMessage::Left { participant: "ann".into() };
    assert_eq!(world.heard(2), [ended, left, ServerMessage::Entered { entry: ann }]);
    assert_eq!(world.rooms.participants(), 2);
    world.tell(Input::Disconnected(ConnectionId(1)));
    assert_eq!(world.rooms.participants(), 2, "the first connection's end does not touch the second entry");
}

#[test]
fn a_restart_is_the_legs_and_is_answered_to_who_asked_alone() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![track("camera", 10)]);
    world.enter(2, "red", "bob", vec![]);
    world.connect(1);
    drop((world.heard(1), world.heard(2)));
    let credentials = Credentials { ufrag: "abcd".into(), pwd: "0123456789abcdef012345".into() };
    world.ask(1, Request::Restart(credentials.clone()));
    assert_eq!(world.commands.last(), Some(&(world.leg(1), LegCommand::Restart(credentials.clone()))));
    assert_eq!(world.heard(1), [ServerMessage::Restarted { transport: transport() }]);
    assert_eq!(world.heard(2), [], "the others are not told");
    for short in
        [Credentials { ufrag: "abc".into(), ..credentials.clone() }, Credentials { pwd: "short".into(), ..credentials }]
    {
        let before = world.commands.len();
        world.ask(1, Request::Restart(short));
        assert!(matches!(world.heard(1)[..], [ServerMessage::Refused { reason: Refusal::Malformed, .. }]));
        assert_eq!(world.commands.len(), before);
    }
    assert_eq!(world.rooms.participants(), 2, "a restart that is refused ends nothing");
}

#[test]
fn packets_stay_in_their_room_and_reach_whoever_subscribed_and_is_connected() {
    let mut world = World::new(Limits::default());
    for (connection, room) in [(1, "red"), (11, "blue")] {
        world.enter(connection, room, "ann", vec![track("camera", 10)]);
        for (at, who) in ["bob", "cat", "dan"].into_iter().enumerate() {
            let connection = connection + 1 + at as u64;
            world.enter(connection, room, who, vec![]);
            if who != "dan" {
                world.ask(connection, Request::Subscribe(vec![name("ann", "camera")]));
            }
            if who != "cat" {
                world.connect(connection);
            }
        }
    }
    let reached = |packets: Vec<(u64, u64)>| packets.into_iter().map(|(who, _)| who).collect::<Vec<_>>();
    assert_eq!(reached(world.packet(1, "camera", 100, false)), [2]);
    assert_eq!(reached(world.packet(11, "camera", 100, false)), [12]);
    world.connect(3);
    assert_eq!(reached(world.packet(1, "camera", 101, false)), [2, 3]);
    world.ask(2, Request::Unsubscribe(vec![name("ann", "camera")]));
    assert_eq!(reached(world.packet(1, "camera", 102, false)), [3]);
    world.tell(Input::LegClosed(world.leg(3)));
    assert!(world.packet(1, "camera", 103, false).is_empty());
}

#[test]
fn a_subscribers_numbers_follow_the_publishers_without_a_gap() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![track("camera", 10)]);
    world.enter(2, "red", "bob", vec![]);
    world.ask(2, Request::Subscribe(vec![name("ann", "camera")]));
    world.connect(2);
    let first = world.packet(1, "camera", 65_530, true)[0].1;
    assert!(first < 32_768, "a fresh SRTP stream starts before its first roll-over");
    for sequence in [65_531, 65_533, 65_532, 65_536, 70_000] {
        assert_eq!(world.packet(1, "camera", sequence, false), [(2, first + sequence - 65_530)]);
    }
    assert_eq!(world.packet(1, "camera", 65_529, false), [], "older than what it was first sent");
}

#[test]
fn streams_are_announced_with_numbers_of_their_own() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![track("camera", 10), track("mic", 20)]);
    let mut own = track("screen", 30);
    (own.codec.payload_type, own.codec.rtx_payload_type) = (111, Some(112));
    world.enter(2, "red", "bob", vec![own]);
    world.heard(2);
    let wanted = ["camera", "mic", "nothing", "camera"].map(|media| name("ann", media));
    world.ask(2, Request::Subscribe([&wanted[..], &[name("bob", "screen")]].concat()));
    let heard = world.heard(2);
    let [ServerMessage::Subscribed { streams }] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(streams.len(), 2, "each once, nothing of one's own, nothing that is not there");
    let numbers: Vec<_> = streams.iter().flat_map(|s| s.ssrc.into_iter().chain(s.rtx_ssrc)).collect();
    assert_eq!(numbers.iter().chain(&[30, 31]).collect::<BTreeSet<_>>().len(), 5);
    assert_eq!(streams[0].kind, MediaKind::Video);
    assert_eq!((streams[0].codecs[0].payload_type, streams[0].codecs[0].rtx_payload_type), (111, Some(112)));
    assert_ne!(streams[1].codecs[0].payload_type, 111, "taken by the subscriber's own video");
    assert!(streams.iter().all(|stream| !stream.extensions.values().any(|uri| uri.contains("transport-wide"))));
}

#[test]
fn keyframe_requests_are_throttled_to_one_at_a_time() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![track("camera", 10)]);
    world.connect(1);
    for connection in 2..50 {
        world.enter(connection, "red", &format!("v{connection}"), vec![]);
        world.ask(connection, Request::Subscribe(vec![name("ann", "camera")]));
    }
    assert_eq!(world.keyframes_asked(), 0, "nobody is connected");
    for connection in 2..50 {
        world.connect(connection);
    }
    assert_eq!(world.keyframes_asked(), 1);
    world.pass(Instant::from_millis(499));
    assert_eq!(world.keyframes_asked(), 0);
    world.pass(Instant::from_millis(500));
    assert_eq!(world.keyframes_asked(), 1, "the others asked after the first request was sent");
    world.packet(1, "camera", 1, true);
    for at in 1..100 {
        world.pass(Instant::from_millis(500 + 100 * at));
        world.tell(Input::KeyframeWanted { leg: world.leg(2), stream: StreamId(0) });
    }
    assert!((18..=21).contains(&world.keyframes_asked()), "two a second for ten seconds");
    world.packet(1, "camera", 2, true);
    world.pass(Instant::from_secs(20));
    assert_eq!(world.keyframes_asked(), 0, "a keyframe answers the request that waited");
}

#[test]
fn publishers_are_told_their_ceiling_every_second() {
    let mut world = World::new(Limits::default());
    world.enter(1, "red", "ann", vec![track("camera", 10), track("mic", 20)]);
    world.pass(Instant::from_secs(1));
    let ceilings = |world: &World| {
        let all = world.commands.iter();
        all.filter(|(_, command)| matches!(command, LegCommand::Ceiling { rate: Bitrate(1_500_000), .. })).count()
    };
    assert_eq!(ceilings(&world), 0, "nobody is connected");
    world.connect(1);
    world.pass(Instant::from_secs(11));
    assert_eq!(ceilings(&world), 11);
}

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
