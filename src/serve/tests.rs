//! The SFU over real sockets: participants made of plain str0m, WebSocket and HTTP clients that throng did not write.

use super::*;
use crate::conference::protocol::{ClientMessage, PROTOCOL_VERSION, Refusal, RosterEntry, ServerMessage};
use crate::conference::{
    Codec, CodecParameters, Feedback, ReceiveParameters, SendParameters, Setup, TrackName, TransportParameters,
};
use crate::sdp::Fragment;
use crate::sfu::leg::LegKind;
use crate::sfu::room::STANDARD_EXTENSIONS;
use futures_util::{SinkExt as _, StreamExt as _};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use str0m::media::{Frequency, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig};
use tokio_tungstenite::tungstenite::Message;

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

fn options() -> ServeOptions {
    ServeOptions {
        media_ports: Vec::new(),
        listen: "127.0.0.1:0".parse().expect("address"),
        announce: None,
        workers: 1,
        limits: Limits::default(),
        message_limit: Bytes(64 << 10),
        ceiling: Bitrate::from_kbps(2_500),
        seed: 1,
        egress: None,
        estimates: false,
        leg: LegKind::default(),
        misroute_every: 0,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

fn now() -> Instant {
    clock::start()
}

/// A participant's transport on plain str0m.
struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    connected: bool,
    packets: Vec<RtpPacket>,
    keyframes_wanted: Vec<Mid>,
    ceilings: Vec<f64>,
    /// Every so many RTP datagrams one is thrown away; 0 none.
    drop_every: usize,
    rtp_seen: usize,
    retransmitted: usize,
}

impl Peer {
    fn new() -> Self {
        let mut map = ExtensionMap::empty();
        for extension in
            [Extension::AudioLevel, Extension::AbsoluteSendTime, Extension::RtpMid, Extension::TransportSequenceNumber]
        {
            let (id, _) = STANDARD_EXTENSIONS.iter().find(|(_, uri)| *uri == extension.as_uri()).expect("standard");
            map.set(*id, extension);
        }
        let mut config = RtcConfig::new().set_rtp_mode(true).clear_codecs().set_extension_map(map);
        let video = (str0m::format::Codec::Vp8, Frequency::NINETY_KHZ);
        config.codec_config().add_config(96.into(), Some(97.into()), video.0, video.1, None, Default::default());
        let audio = (str0m::format::Codec::Opus, Frequency::FORTY_EIGHT_KHZ);
        config.codec_config().add_config(111.into(), None, audio.0, audio.1, Some(2), Default::default());
        let mut rtc = config.build(now());
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        let address = socket.local_addr().expect("bound");
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("a host"));
        rtc.direct_api().enable_twcc_feedback();
        Self {
            rtc,
            socket,
            address,
            connected: false,
            packets: vec![],
            keyframes_wanted: vec![],
            ceilings: vec![],
            drop_every: 0,
            rtp_seen: 0,
            retransmitted: 0,
        }
    }

    fn transport(&mut self) -> TransportParameters {
        let direct = self.rtc.direct_api();
        let IceCreds { ufrag, pass } = direct.local_ice_credentials();
        TransportParameters {
            ufrag,
            pwd: pass,
            fingerprint: direct.local_dtls_fingerprint().to_string(),
            setup: Setup::Actpass,
            ice_lite: false,
            candidates: vec![],
        }
    }

    fn connect(&mut self, remote: &TransportParameters) {
        assert!(remote.ice_lite && remote.setup == Setup::Passive && remote.candidates.len() == 1);
        let candidate = Candidate::from_sdp_string(&remote.candidates[0]).expect("a candidate");
        self.rtc.add_remote_candidate(candidate);
        let mut direct = self.rtc.direct_api();
        direct.set_ice_controlling(true);
        direct.set_remote_ice_credentials(IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() });
        direct.set_remote_fingerprint(remote.fingerprint.parse().expect("a fingerprint"));
        direct.start_dtls(true).expect("dtls starts");
        self.turn();
    }

    fn expect(&mut self, stream: &ReceiveParameters) {
        let mid = Mid::from(stream.mid.as_deref().expect("announced"));
        let kind = if stream.kind == crate::conference::MediaKind::Audio { MediaKind::Audio } else { MediaKind::Video };
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid, kind);
        let (ssrc, rtx) = (stream.ssrc.expect("announced"), stream.rtx_ssrc);
        direct.expect_stream_rx(ssrc.into(), rtx.map(Into::into), mid, None).suppress_nack(rtx.is_none());
    }

    fn declare(&mut self, track: &SendParameters) {
        let kind = if track.codec.codec == Codec::Opus { MediaKind::Audio } else { MediaKind::Video };
        let mid = Mid::from(track.mid.as_str());
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid, kind);
        direct.declare_stream_tx(track.ssrc.into(), track.rtx_ssrc.map(Into::into), mid, None);
    }

    fn send(&mut self, track: &SendParameters, sequence: u64, payload: Vec<u8>) {
        let (pt, time) = (track.codec.payload_type.into(), sequence as u32 * 3_000);
        let write = RtpWrite::new(pt, sequence.into(), time, now(), payload).marker(true).nackable(true);
        self.rtc.direct_api().stream_tx(&track.ssrc.into()).expect("declared").write_rtp(write);
        self.turn();
    }

    /// Reads what is there (at least a millisecond passes when nothing is) and lets time pass.
    fn turn(&mut self) {
        self.rtc.handle_input(Input::Timeout(now())).expect("time passes");
        self.drain();
        let mut buffer = [0; 2_000];
        while let Ok((length, source)) = self.socket.recv_from(&mut buffer) {
            let datagram = &buffer[..length];
            if (128..192).contains(&datagram[0]) && !(192..224).contains(&datagram[1]) {
                self.rtp_seen += 1;
                self.retransmitted += usize::from(datagram[1] & 0x7f == 97);
                if self.drop_every > 0 && self.rtp_seen.is_multiple_of(self.drop_every) {
                    continue;
                }
            }
            let received = Receive::new(Protocol::Udp, source, self.address, datagram).expect("a known kind");
            self.rtc.handle_input(Input::Receive(now(), received)).expect("accepted");
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().expect("healthy") {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => {
                    self.socket.send_to(&transmit.contents, transmit.destination).expect("sent");
                }
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.packets.push(packet),
                Output::Event(Event::KeyframeRequest(request)) => {
                    assert_eq!(request.kind, KeyframeRequestKind::Pli);
                    self.keyframes_wanted.push(request.mid);
                }
                Output::Event(Event::EgressBitrateEstimate(str0m::bwe::BweKind::Remb { estimate, .. })) => {
                    self.ceilings.push(estimate.as_f64());
                }
                Output::Event(_) => {}
            }
        }
    }
}

fn until(peers: &mut [&mut Peer], what: &str, done: impl Fn(&[&mut Peer]) -> bool) {
    let start = now();
    while !done(peers) {
        assert!(start.elapsed() < Duration::from_secs(5), "{what} did not happen");
        peers.iter_mut().for_each(|peer| peer.turn());
    }
}

async fn dial(server: &Server) -> Socket {
    tokio_tungstenite::connect_async(format!("ws://{}/ws", server.http())).await.expect("a WebSocket").0
}

async fn say(socket: &mut Socket, message: &ClientMessage) {
    let text = serde_json::to_string(message).expect("serialises");
    socket.send(Message::text(text)).await.expect("sent");
}

async fn hear(socket: &mut Socket) -> Option<ServerMessage> {
    loop {
        match tokio::time::timeout(Duration::from_secs(5), socket.next()).await.expect("an answer in time") {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).expect("of the protocol")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

fn track(media: &str, mid: &str, ssrc: u32) -> SendParameters {
    let is_video = media != "mic";
    let feedback = Feedback { nack: is_video, pli: is_video, fir: is_video, remb: is_video, twcc: true };
    let (codec, payload_type, rtx) = if is_video { (Codec::Vp8, 96, Some(97)) } else { (Codec::Opus, 111, None) };
    SendParameters {
        media: media.into(),
        mid: mid.into(),
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

async fn join(
    server: &Server,
    room: &str,
    name: &str,
    peer: &mut Peer,
    publish: Vec<SendParameters>,
) -> (Socket, Vec<RosterEntry>) {
    let mut socket = dial(server).await;
    let (room, participant, transport) = (room.to_owned(), name.to_owned(), peer.transport());
    let version = PROTOCOL_VERSION;
    say(&mut socket, &ClientMessage::Join { version, room, participant, transport, publish }).await;
    let Some(ServerMessage::Joined { transport, roster }) = hear(&mut socket).await else { panic!("not joined") };
    peer.connect(&transport);
    (socket, roster)
}

async fn subscribe(socket: &mut Socket, tracks: Vec<TrackName>) -> Vec<ReceiveParameters> {
    say(socket, &ClientMessage::Subscribe { tracks }).await;
    match hear(socket).await {
        Some(ServerMessage::Subscribed { streams }) => streams,
        other => panic!("{other:?}"),
    }
}

fn http(server: &Server) -> (reqwest::Client, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    (client, format!("http://{}", server.http()))
}

const KEYFRAME: [u8; 4] = [0x10, 0x00, 0x9d, 0x01];
const DELTA: [u8; 4] = [0x10, 0x01, 0x00, 0x00];

fn payload(start: [u8; 4], number: u64) -> Vec<u8> {
    [&start[..], &number.to_be_bytes(), &[7; 900]].concat()
}

#[test]
fn a_subscriber_gets_every_packet_of_a_publisher_though_its_path_loses_some() {
    LegKind::ALL.into_iter().for_each(every_packet_over);
}

fn every_packet_over(leg: LegKind) {
    let runtime = runtime();
    let server = runtime.block_on(Server::start(&ServeOptions { leg, ..options() })).expect("starts");
    let (camera, mic) = (track("camera", "v", 1_000), track("mic", "a", 2_000));
    let (mut alice, mut bob) = (Peer::new(), Peer::new());
    bob.drop_every = 7;
    let (mut alice_says, _) =
        runtime.block_on(join(&server, "red", "alice", &mut alice, vec![camera.clone(), mic.clone()]));
    let (mut bob_says, roster) = runtime.block_on(join(&server, "red", "bob", &mut bob, vec![]));
    assert_eq!(roster.len(), 1);
    assert_eq!(roster[0].tracks.iter().map(|track| track.media.as_str()).collect::<Vec<_>>(), ["camera", "mic"]);
    let entered = runtime.block_on(hear(&mut alice_says));
    let bob_entry = RosterEntry { participant: "bob".into(), tracks: vec![] };
    assert_eq!(entered, Some(ServerMessage::Entered { entry: bob_entry }));

    let name = |media: &str| TrackName { participant: "alice".into(), media: media.into() };
    let wanted = vec![name("camera"), name("mic"), name("nothing")];
    let streams = runtime.block_on(subscribe(&mut bob_says, wanted));
    assert_eq!(streams.len(), 2);
    streams.iter().for_each(|stream| bob.expect(stream));
    alice.declare(&camera);
    alice.declare(&mic);
    until(&mut [&mut alice, &mut bob], "connecting", |peers| peers.iter().all(|peer| peer.connected));
    until(&mut [&mut alice, &mut bob], "a keyframe request", |peers| !peers[0].keyframes_wanted.is_empty());
    until(&mut [&mut alice, &mut bob], "a ceiling", |peers| !peers[0].ceilings.is_empty());
    assert!((alice.ceilings[0] - 2_500_000.0).abs() < 10_000.0);

    // The publisher's numbers roll over on the way.
    let first = 65_500;
    for number in 0..100 {
        let start = if number == 0 { KEYFRAME } else { DELTA };
        if number == 90 {
            // Nothing after the last packet would tell that it was lost.
            bob.drop_every = 0;
        }
        alice.send(&camera, first + number, payload(start, number));
        alice.send(&mic, first + number, payload(DELTA, number));
        bob.turn();
    }
    let ssrc = |kind| streams.iter().find(|stream| stream.kind == kind).and_then(|stream| stream.ssrc).expect("there");
    let video = ssrc(crate::conference::MediaKind::Video);
    let of = |peer: &Peer, ssrc: u32| peer.packets.iter().filter(|p| *p.header.ssrc == ssrc).count();
    until(&mut [&mut alice, &mut bob], "every video packet", |peers| of(peers[1], video) == 100);

    let mut got: Vec<&RtpPacket> = bob.packets.iter().filter(|packet| *packet.header.ssrc == video).collect();
    got.sort_by_key(|packet| packet.seq_no);
    let base = *got[0].seq_no;
    for (number, packet) in (0u64..).zip(&got) {
        assert_eq!(*packet.seq_no, base + number, "continuous");
        assert_eq!(packet.payload[4..12], number.to_be_bytes(), "what was sent, in its place");
        assert_eq!(packet.header.timestamp, (first + number) as u32 * 3_000);
        assert_eq!(*packet.header.payload_type, 96);
    }
    assert!(bob.retransmitted > 0, "losses were repaired by RTX");
    let audio = of(&bob, ssrc(crate::conference::MediaKind::Audio));
    assert!((60..100).contains(&audio), "audio has no RTX: {audio}");

    let metrics = runtime.block_on(async {
        let (client, base) = http(&server);
        client.get(format!("{base}/metrics")).send().await.expect("answers").text().await.expect("text")
    });
    assert!(metrics.contains(&format!("throng_sfu_leg_info{{kind=\"{}\"}} 1", leg.name())), "{metrics}");
    assert!(metrics.contains("throng_sfu_participants{worker=\"0\"} 2"), "{metrics}");
    assert!(metrics.contains("throng_sfu_packets_in_total{worker=\"0\"} 200"), "{metrics}");
    assert!(metrics.contains("throng_sfu_packets_out_total{worker=\"0\"} 200"), "{metrics}");
    assert!(metrics.contains("throng_sfu_kernel_drops_total{worker=\"0\"} 0"), "{metrics}");
    runtime.block_on(server.stop());
}

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/sdp/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a fixture")
}

async fn post(server: &Server, path: &str, body: String) -> reqwest::Response {
    let (client, base) = http(server);
    let request = client.post(format!("{base}{path}")).header("content-type", "application/sdp");
    request.body(body).send().await.expect("answers")
}

async fn expect_problem(response: reqwest::Response, status: u16) -> String {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = serde_json::from_str(&response.text().await.expect("text")).expect("json");
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().expect("a detail").to_owned()
}

#[test]
fn a_browsers_whip_session_lives_by_the_rfc() {
    let runtime = runtime();
    runtime.block_on(async {
        let server = Server::start(&options()).await.expect("starts");
        let (client, base) = http(&server);
        let offer = fixture("cr-ans-12-active.offer.sdp");
        let created = post(&server, "/whip/red/ann", offer.clone()).await;
        assert_eq!(created.status(), 201);
        let field = |name: &str| created.headers()[name].to_str().expect("ascii").to_owned();
        assert_eq!(field("content-type"), "application/sdp");
        let (location, tag) = (format!("{base}{}", field("location")), field("etag"));
        let answer = crate::sdp::Description::parse(&created.text().await.expect("text")).expect("an answer");
        assert!(answer.transport.ice_lite);
        assert_eq!(answer.transport.setup, Setup::Passive);
        assert!(answer.transport.candidates[0].contains(&server.udp()[0].port().to_string()));
        assert_eq!(tag, format!("\"{}\"", answer.transport.ufrag));
        let video = &answer.sections[1];
        assert_eq!((video.codecs[0].payload_type, video.codecs[0].rtx_payload_type), (96, Some(97)));
        assert_eq!(video.extensions[&3], STANDARD_EXTENSIONS[STANDARD_EXTENSIONS.len() - 1].1, "the offer's own id");
        assert!(video.direction.receives() && !video.direction.sends());

        let patch = |tag: Option<&str>, kind: &str, body: &str| {
            let request = client.patch(&location).header("content-type", kind).body(body.to_owned());
            if let Some(tag) = tag { request.header("if-match", tag) } else { request }.send()
        };
        let fragment = "a=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n";
        let kind = "application/trickle-ice-sdpfrag";
        expect_problem(patch(None, kind, fragment).await.expect("answers"), 428).await;
        expect_problem(patch(Some("\"old\""), kind, fragment).await.expect("answers"), 412).await;
        expect_problem(patch(Some("*"), kind, fragment).await.expect("answers"), 422).await;
        expect_problem(patch(Some(&tag), "text/plain", fragment).await.expect("answers"), 415).await;
        expect_problem(patch(Some(&tag), kind, "hello").await.expect("answers"), 400).await;
        assert_eq!(patch(Some(&tag), kind, fragment).await.expect("answers").status(), 204);

        let anew = format!("a=ice-ufrag:wxyz\r\na=ice-pwd:{}\r\n{fragment}", "p".repeat(22));
        let restarted = patch(Some("*"), kind, &anew).await.expect("answers");
        assert_eq!(restarted.status(), 200);
        let field = |name: &str| restarted.headers()[name].to_str().expect("ascii").to_owned();
        assert_eq!(field("content-type"), kind);
        let new_tag = field("etag");
        let new = Fragment::parse(&restarted.text().await.expect("text")).expect("a fragment");
        assert_eq!(new_tag, format!("\"{}\"", new.ufrag.as_deref().expect("a fragment")));
        assert!(new_tag != tag && new.pwd != Some(answer.transport.pwd), "both are new");
        expect_problem(patch(Some(&tag), kind, fragment).await.expect("answers"), 412).await;
        assert_eq!(patch(Some(&new_tag), kind, fragment).await.expect("answers").status(), 204);
        expect_problem(patch(Some("*"), kind, &anew.replace("wxyz", "wx")).await.expect("answers"), 422).await;

        assert_eq!(client.delete(&location).send().await.expect("answers").status(), 200);
        expect_problem(client.delete(&location).send().await.expect("answers"), 404).await;
        let healthy = async || {
            let health =
                client.get(format!("{base}/health")).send().await.expect("answers").text().await.expect("text");
            serde_json::from_str::<serde_json::Value>(&health).expect("json")
        };
        // A worker takes the leaving in its own time.
        let mut health = healthy().await;
        for _ in 0..100 {
            if health["participants"] == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            health = healthy().await;
        }
        assert_eq!((&health["status"], &health["participants"]), (&"ok".into(), &0.into()));
        assert!(health["workers"][0]["receive_buffer"].as_u64().expect("a number") >= 4_096);
        server.stop().await;
    });
}

#[test]
fn what_whip_and_whep_cannot_do_is_a_problem_with_a_sentence() {
    let runtime = runtime();
    runtime.block_on(async {
        let limits = Limits { participants: 2, ..Limits::default() };
        let server = Server::start(&ServeOptions { limits, ..options() }).await.expect("starts");
        let offer = fixture("cr-ans-12-active.offer.sdp");
        let viewer = offer.replace("a=sendonly", "a=recvonly");

        let waiting = post(&server, "/whep/red/ann", viewer.clone()).await;
        assert_eq!(waiting.headers()["retry-after"], "1");
        expect_problem(waiting, 409).await;
        assert_eq!(post(&server, "/whip/red/ann", offer.clone()).await.status(), 201);
        let played = post(&server, "/whep/red/ann", viewer.clone()).await;
        assert_eq!(played.status(), 201);
        let answer = crate::sdp::Description::parse(&played.text().await.expect("text")).expect("an answer");
        assert!(answer.sections.iter().all(|s| s.direction.sends() && s.ssrc.is_some() && !s.rejected));
        assert!(answer.sections[1].rtx_ssrc.is_some());

        let full = post(&server, "/whip/red/bob", offer.clone()).await;
        assert_eq!(full.headers()["retry-after"], "1");
        expect_problem(full, 503).await;
        expect_problem(post(&server, "/whip/red/bob", "v=0".into()).await, 400).await;
        expect_problem(post(&server, "/whip/red/bob", viewer).await, 422).await;
        let twice = offer.replace("m=audio", "m=video").replace("opus/48000/2", "VP8/90000");
        let detail = expect_problem(post(&server, "/whip/red/bob", twice).await, 422).await;
        assert!(detail.contains("more than one"), "{detail}");
        let detail = expect_problem(post(&server, "/whip/red/bob", " ".repeat(70_000)).await, 413).await;
        assert!(detail.contains("65536"), "{detail}");
        let (client, base) = http(&server);
        let text = client.post(format!("{base}/whip/red/bob")).header("content-type", "text/plain").body(offer);
        expect_problem(text.send().await.expect("answers"), 415).await;
        expect_problem(client.get(format!("{base}/nowhere")).send().await.expect("answers"), 404).await;
        expect_problem(client.put(format!("{base}/health")).send().await.expect("answers"), 405).await;
        server.stop().await;
    });
}

#[test]
fn the_room_protocol_refuses_what_it_does_not_admit() {
    let runtime = runtime();
    runtime.block_on(async {
        let limits = Limits { rooms: 1, ..Limits::default() };
        let server = Server::start(&ServeOptions { limits, ..options() }).await.expect("starts");
        let join_as = |room: &str, version: u32| ClientMessage::Join {
            version,
            room: room.into(),
            participant: "ann".into(),
            transport: Peer::new().transport(),
            publish: vec![],
        };
        let refusal = async |text: String| {
            let mut socket = dial(&server).await;
            socket.send(Message::text(text)).await.expect("sent");
            let Some(ServerMessage::Refused { reason, detail }) = hear(&mut socket).await else { panic!("admitted") };
            assert_eq!(hear(&mut socket).await, None, "the connection ends");
            (reason, detail)
        };
        let text = |message: &ClientMessage| serde_json::to_string(message).expect("serialises");
        let mut first = dial(&server).await;
        say(&mut first, &join_as("red", PROTOCOL_VERSION)).await;
        assert!(matches!(hear(&mut first).await, Some(ServerMessage::Joined { .. })));

        assert_eq!(refusal("hello".into()).await.0, Refusal::Malformed);
        assert_eq!(refusal(text(&ClientMessage::Leave)).await.0, Refusal::Malformed);
        assert_eq!(refusal(text(&join_as("red", 99))).await.0, Refusal::Version);
        assert_eq!(refusal(text(&join_as("blue", PROTOCOL_VERSION))).await.0, Refusal::RoomsFull);
        let (reason, detail) = refusal(" ".repeat(70_000)).await;
        assert_eq!(reason, Refusal::Malformed);
        assert!(detail.contains("65536"), "{detail}");

        let mut second = dial(&server).await;
        say(&mut second, &join_as("red", PROTOCOL_VERSION)).await;
        assert!(matches!(hear(&mut second).await, Some(ServerMessage::Joined { .. })));
        assert_eq!(hear(&mut first).await, None, "the second entry under a name replaces the first");
        server.stop().await;
    });
}

#[test]
fn a_named_network_delays_what_subscribers_get_and_nothing_else() {
    LegKind::ALL.into_iter().for_each(delayed_over);
}

fn delayed_over(leg: LegKind) {
    let runtime = runtime();
    // 100 ms towards the participant, none lost.
    let egress = Egress::named("3g", 7).expect("built in");
    let server =
        runtime.block_on(Server::start(&ServeOptions { leg, egress: Some(egress), ..options() })).expect("starts");
    let camera = track("camera", "v", 1_000);
    let (mut alice, mut bob) = (Peer::new(), Peer::new());
    let (_alice_says, _) = runtime.block_on(join(&server, "red", "alice", &mut alice, vec![camera.clone()]));
    let (mut bob_says, _) = runtime.block_on(join(&server, "red", "bob", &mut bob, vec![]));
    let wanted = vec![TrackName { participant: "alice".into(), media: "camera".into() }];
    let streams = runtime.block_on(subscribe(&mut bob_says, wanted));
    bob.expect(&streams[0]);
    alice.declare(&camera);
    until(&mut [&mut alice, &mut bob], "connecting", |peers| peers.iter().all(|peer| peer.connected));
    let start = now();
    alice.send(&camera, 1, payload(KEYFRAME, 0));
    until(&mut [&mut alice, &mut bob], "the packet", |peers| !peers[1].packets.is_empty());
    assert!(start.elapsed() >= Duration::from_millis(99), "{:?}", start.elapsed());
    runtime.block_on(server.stop());
}

/// A real offer with some of its bytes overwritten, or something that never was one.
fn damaged_offers() -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((0usize..4_000, "[ -~\r\n]{0,6}"), 1..5);
    let damaged = edits.prop_map(|edits| {
        let mut text = fixture("cr-ans-12-active.offer.sdp");
        for (at, with) in edits {
            let at = at.min(text.len());
            text.replace_range(at..(at + with.len()).min(text.len()), &with);
        }
        text
    });
    prop_oneof![4 => damaged, 1 => ".{0,200}"]
}

#[test]
fn no_body_takes_the_server_down() {
    let runtime = runtime();
    runtime.block_on(async {
        let server = Server::start(&options()).await.expect("starts");
        let (client, base) = http(&server);
        let mut runner = TestRunner::deterministic();
        for round in 0..120 {
            let body = damaged_offers().new_tree(&mut runner).expect("a body").current();
            let path = ["whip/r/a", "whep/r/a", "whip/r/b", "session/none"][round % 4];
            let url = format!("{base}/{path}");
            let request = if path.starts_with("session") { client.patch(url) } else { client.post(url) };
            let kind = if path.starts_with("session") { "application/trickle-ice-sdpfrag" } else { "application/sdp" };
            let answer = request.header("content-type", kind).body(body.clone()).send().await.expect("is answered");
            let status = answer.status().as_u16();
            assert!(status < 500 || status == 503, "{status} to {body:?}");
        }
        let mut socket = dial(&server).await;
        socket.send(Message::text("{\"type\":\"join\",\"version\":1}")).await.expect("is sent");
        assert!(matches!(hear(&mut socket).await, Some(ServerMessage::Refused { reason: Refusal::Malformed, .. })));
        let health = client.get(format!("{base}/health")).send().await.expect("answers");
        assert_eq!(health.status(), 200, "and it serves on");
        server.stop().await;
    });
}
