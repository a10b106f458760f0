//! The laws of the rooms, without any transport: legs open as soon as they are asked for.

mod admission;
mod channels;
mod estimates;
mod layers;
mod rosters;

use super::*;
use crate::conference::protocol::{RosterEntry, RosterTrack};
use crate::conference::{
    Codec, CodecParameters, Credentials, Feedback, MediaKind, SendParameters, Setup, TransportParameters,
};
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
        Offered {
            track,
            layer: 0,
            sequence,
            rtp_time,
            arrival,
            keyframe: false,
            bytes: 100,
            place: None,
            picture: None,
            frame: None,
            clock: None,
        }
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
