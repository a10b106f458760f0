//! Signalling: SDP, the room protocol in both directions, and what WHIP and WHEP servers answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use throng::clock::{Duration, Instant};
use throng::conference::protocol::{ClientMessage, PROTOCOL_VERSION, RosterEntry, RosterTrack, ServerMessage};
use throng::conference::{
    Codec, CodecParameters, Credentials, Feedback, MediaKind, ReceiveParameters, SendParameters, Setup, TrackName,
    TransportParameters,
};
use throng::plan::target::{Quirks, WhipPlan};
use throng::sdp::{self, AnswerSpec, Description, Fragment, OfferSpec};
use throng::seed::Seed;
use throng::sfu::room::{Census, ConnectionId, Input, LegCommand, Limits, Output, Rooms, RoomsConfig};
use throng::signalling::{self, Carried, Carry, HttpResponse, room, whip};
use throng::units::Bitrate;

fn transport(setup: Setup) -> TransportParameters {
    TransportParameters {
        ufrag: "abcd".into(),
        pwd: "0123456789abcdef01234567".into(),
        fingerprint: "sha-256 AA:BB".into(),
        setup,
        ice_lite: false,
        candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host".into()],
    }
}

fn codec(codec: Codec) -> CodecParameters {
    let video = codec != Codec::Opus;
    let (payload_type, rtx_payload_type) = if video { (96, Some(97)) } else { (111, None) };
    let feedback = Feedback { nack: video, pli: video, fir: video, remb: video, twcc: true };
    CodecParameters { codec, payload_type, rtx_payload_type, red_payload_type: None, without_fec: false, feedback }
}

fn publish() -> Vec<SendParameters> {
    [("mic", Codec::Opus), ("cam", Codec::Vp8)]
        .into_iter()
        .enumerate()
        .map(|(index, (media, kind))| SendParameters {
            media: media.into(),
            mid: index.to_string(),
            codec: codec(kind),
            ssrc: 10 + index as u32,
            rtx_ssrc: (kind == Codec::Vp8).then_some(20),
            cname: "p".into(),
            extensions: BTreeMap::from([(4, "urn:ietf:params:rtp-hdrext:sdes:mid".into())]),
            layers: Vec::new(),
        })
        .collect()
}

fn receive() -> ReceiveParameters {
    ReceiveParameters {
        track: None,
        kind: MediaKind::Video,
        mid: Some("2".into()),
        codecs: vec![codec(Codec::Vp8)],
        ssrc: None,
        rtx_ssrc: None,
        extensions: BTreeMap::new(),
    }
}

fn offer_spec() -> OfferSpec {
    OfferSpec { session_id: 1, transport: transport(Setup::Actpass), send: publish(), receive: vec![receive()] }
}

fn fragment() -> Fragment {
    let remote = transport(Setup::Active);
    Fragment {
        mid: Some("0".into()),
        ufrag: Some(remote.ufrag),
        pwd: Some(remote.pwd),
        candidates: remote.candidates,
        end: true,
    }
}

/// An answer that accepts our own offer as far as its sections go the other way round.
fn answer_text() -> String {
    sdp::offer(&offer_spec()).replace("sendonly", "recvonly").replace("a=setup:actpass", "a=setup:passive")
}

pub fn sdp_seeds() -> Vec<Vec<u8>> {
    [sdp::offer(&offer_spec()), answer_text(), fragment().text("audio")].map(String::into_bytes).to_vec()
}

pub fn sdp(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Description::parse(&text);
    if let Ok(offer) = sdp::parse_offer(&text) {
        let local = transport(Setup::Passive);
        let _ = sdp::answer(&AnswerSpec { session_id: 1, transport: &local, offer: &offer, sections: &[] });
    }
    if let Ok(answer) = sdp::parse_answer(&text, &offer_spec()) {
        assert!(answer.transport.setup != Setup::Actpass, "an answer decides");
        assert!(answer.send.len() <= 2 && answer.receive.len() <= 1, "what was not offered was agreed");
    }
    if let Some(fragment) = Fragment::parse(&text) {
        assert!(Fragment::parse(&fragment.text("audio")).is_some());
    }
}

fn json(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).expect("plain data")
}

/// One message a line: the first is a participant's, the second an SFU's, and so on.
pub fn room_seeds() -> Vec<Vec<u8>> {
    let track = TrackName { participant: "a".into(), media: "cam".into() };
    let join = |participant: &str| ClientMessage::Join {
        version: PROTOCOL_VERSION,
        room: "r".into(),
        participant: participant.into(),
        transport: transport(Setup::Actpass),
        publish: publish(),
    };
    let roster_track = RosterTrack { media: "cam".into(), kind: MediaKind::Video, codec: Codec::Vp8, muted: false };
    let entry = RosterEntry { participant: "a".into(), tracks: vec![roster_track.clone()] };
    let clients = [
        join("a"),
        join("b"),
        ClientMessage::Subscribe { tracks: vec![track.clone()] },
        ClientMessage::Mute { media: "cam".into(), muted: true },
        ClientMessage::Unpublish { media: "cam".into() },
        ClientMessage::Restart {
            credentials: Credentials { ufrag: "abcd".into(), pwd: "0123456789abcdef012345".into() },
        },
        ClientMessage::Leave,
    ];
    let stream = ReceiveParameters { track: Some(track.clone()), ssrc: Some(5), ..receive() };
    let servers = [
        ServerMessage::Joined { transport: transport(Setup::Passive), roster: vec![entry.clone()] },
        ServerMessage::Entered { entry },
        ServerMessage::Subscribed { streams: vec![stream] },
        ServerMessage::Published { participant: "a".into(), track: roster_track },
        ServerMessage::Unsubscribed { tracks: vec![track] },
        ServerMessage::Speakers { speakers: vec!["a".into(), "b".into()] },
        ServerMessage::Left { participant: "a".into() },
    ];
    let lines: Vec<String> = clients.iter().map(json).zip(servers.iter().map(json)).flat_map(|(a, b)| [a, b]).collect();
    vec![lines.join("\n").into_bytes(), lines[..3].join("\n").into_bytes()]
}

pub fn room(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut adapter = room::Room::new("http://127.0.0.1:1", "r", "p");
    let join = signalling::Input::Join { transport: transport(Setup::Actpass), publish: publish() };
    adapter.handle_input(Instant::ZERO, join);
    adapter.handle_input(Instant::ZERO, signalling::Input::Carried(Carried::Opened));
    let config = RoomsConfig {
        limits: Limits::default(),
        ceiling: Bitrate::from_kbps(1_500),
        estimates: false,
        seed: Seed::new(7),
    };
    let mut rooms = Rooms::new(config, Arc::new(Census::default()));
    let mut now = Instant::ZERO;
    let mut ended = false;
    for (number, line) in (0..).zip(text.lines().take(40)) {
        now += Duration::from_millis(300);
        let carried = Carried::Text(line.to_owned());
        adapter.handle_input(now, signalling::Input::Carried(carried));
        while let Some(output) = adapter.poll_output() {
            assert!(!ended, "nothing follows the end: {output:?}");
            ended = matches!(output, signalling::Output::Event(signalling::Event::Failed { .. }));
        }
        if let Ok(message) = serde_json::from_str::<ClientMessage>(line) {
            // Three connections, so that a room has several members.
            let connection = ConnectionId(number / 2 % 3);
            rooms.handle_input(now, Input::Request { connection, request: message.into() });
        }
        rooms.handle_timeout(now);
        drain(&mut rooms, now);
    }
    for connection in (0..3).map(ConnectionId) {
        rooms.handle_input(now, Input::Disconnected(connection));
        drain(&mut rooms, now);
    }
    assert_eq!((rooms.rooms(), rooms.participants()), (0, 0), "whoever is disconnected is gone");
}

fn drain(rooms: &mut Rooms, now: Instant) {
    while let Some(output) = rooms.poll_output() {
        match output {
            Output::Leg { leg, command: LegCommand::Open(_) } => {
                rooms.handle_input(now, Input::LegOpened { leg, transport: transport(Setup::Passive) });
                rooms.handle_input(now, Input::LegConnected(leg));
            }
            Output::Leg { leg, command: LegCommand::Restart(_) } => {
                rooms.handle_input(now, Input::LegRestarted { leg, transport: transport(Setup::Passive) });
            }
            _ => {}
        }
    }
}

/// Two bytes of status, then header lines, an empty line and the body.
pub fn whip_seeds() -> Vec<Vec<u8>> {
    let mut accepted = 201_u16.to_be_bytes().to_vec();
    accepted.extend_from_slice(b"location: /s/1\netag: \"a\"\ncontent-type: application/sdp\n\n");
    accepted.extend_from_slice(answer_text().as_bytes());
    let mut refused = 503_u16.to_be_bytes().to_vec();
    refused.extend_from_slice(b"retry-after: 2\ncontent-type: application/problem+json\n\n{\"detail\":\"full\"}");
    let mut redirected = 307_u16.to_be_bytes().to_vec();
    redirected.extend_from_slice(b"location: ../x?y#z\n\n");
    vec![accepted, refused, redirected]
}

pub fn whip(bytes: &[u8]) {
    let Some((status, rest)) = bytes.split_first_chunk::<2>() else { return };
    let text = String::from_utf8_lossy(rest);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    for trickle in [false, true] {
        let target = WhipPlan {
            whip: Some("http://127.0.0.1:1/{room}/{participant}".into()),
            whep: Some("http://127.0.0.1:1/{room}/{participant}".into()),
            bearer: Some("s3cret".into()),
            quirks: Quirks { trickle, ..Quirks::default() },
        };
        let publisher = whip::Session::publish(&target, "r", "p");
        let player = whip::Session::play(&target, "r", "p", vec![MediaKind::Audio, MediaKind::Video]);
        for (mut session, publish) in [(publisher, publish()), (player, Vec::new())] {
            let join = signalling::Input::Join { transport: transport(Setup::Actpass), publish };
            session.handle_input(Instant::ZERO, join);
            answer(&mut session, u16::from_be_bytes(*status), &headers, body);
        }
    }
}

/// Answers every request with the same response, for as long as there are any.
fn answer(session: &mut whip::Session, status: u16, headers: &[(String, String)], body: &str) {
    let mut now = Instant::ZERO;
    for _ in 0..12 {
        let mut asked = None;
        while let Some(output) = session.poll_output() {
            match output {
                signalling::Output::Carry(Carry::Request(request)) => asked = Some(request.id),
                signalling::Output::Event(signalling::Event::Failed { detail, .. }) => {
                    assert!(!detail.contains("s3cret"), "a token was quoted: {detail}");
                }
                _ => {}
            }
        }
        if let Some(id) = asked {
            let response = HttpResponse { id, status, headers: headers.to_vec(), body: body.to_owned() };
            session.handle_input(now, signalling::Input::Carried(Carried::Response(response)));
        } else if let Some(at) = session.poll_timeout() {
            now = at.max(now);
            session.handle_timeout(now);
        } else {
            session.handle_input(now, signalling::Input::Leave);
        }
    }
}
