//! Whatever a network brings, a client takes it: arbitrary datagrams, messages and times, in any order.

use super::*;
use crate::conference::TransportParameters;
use crate::conference::protocol::{RosterEntry, RosterTrack, ServerMessage};
use crate::conference::{Codec, CodecParameters, Feedback, MediaKind, ReceiveParameters, Setup, TrackName};
use crate::signalling::HttpResponse;
use proptest::prelude::*;

const ROOMS: &str = r#"
[network.bad]
up = { delay = "30ms", loss = { p = 0.1 }, rate = "1Mbps" }
down = { delay = "30ms", loss = { p = 0.1 }, duplicate = 0.05, rate = "1Mbps" }
schedule = [{ at = "1s", outage = "300ms" }]
[rooms]
count = 1
[[population]]
name = "people"
per_room = 2
publish = ["mic", "cam"]
network = "bad"
session = { length = "3s", rejoin = { prob = 1.0, after = "100ms" } }
[[fault]]
name = "blocked"
at = "500ms"
for = "700ms"
kind = "udp-block"
[[fault]]
name = "closed"
at = "2s"
for = "500ms"
kind = "port-block"
ports = [9, 9999]
[[fault]]
name = "cut"
at = "4s"
for = "1s"
kind = "partition"
[[fault]]
name = "dropped"
at = "5500ms"
for = "300ms"
kind = "signal-drop"
[[fault]]
name = "moved"
at = "1500ms"
kind = "nat-rebind"
"#;

const RESTART: &str = r#"
[[fault]]
name = "again"
at = "3s"
kind = "ice-restart"
"#;

const WHIP: &str = concat!(
    r#"
version = 1
name = "whip"
[run]
duration = "60s"
[target]
adapter = "whip-whep"
whip = "http://127.0.0.1:9/{room}/{participant}"
whep = "http://127.0.0.1:9/{room}/{participant}"
"#,
    mic_and_cam!()
);

#[derive(Clone, Debug)]
enum Step {
    Datagram(u8, Vec<u8>, u64),
    Carried(u8, u32, Carried),
    Pass(u64),
    Interval,
    Leave,
    Refuse,
}

fn transport() -> TransportParameters {
    TransportParameters {
        ufrag: "abcd".into(),
        pwd: "0123456789abcdef01234567".into(),
        fingerprint: format!("sha-256 {}", ["AA"; 32].join(":")),
        setup: Setup::Passive,
        ice_lite: true,
        candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 9999 typ host".into()],
    }
}

fn name(publisher: u8) -> TrackName {
    TrackName { participant: format!("people-{}", publisher % 3), media: "cam".into() }
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    let track = |kind: MediaKind| RosterTrack { media: "cam".into(), kind, codec: Codec::Vp8, muted: false };
    let entry = move |n: u8| RosterEntry { participant: name(n).participant, tracks: vec![track(MediaKind::Video)] };
    prop_oneof![
        any::<u8>().prop_map(move |n| ServerMessage::Joined { transport: transport(), roster: vec![entry(n)] }),
        Just(ServerMessage::Restarted { transport: transport() }),
        any::<u8>().prop_map(move |n| ServerMessage::Entered { entry: entry(n) }),
        any::<u8>().prop_map(|n| ServerMessage::Left { participant: name(n).participant }),
        any::<u8>().prop_map(|n| ServerMessage::Unsubscribed { tracks: vec![name(n)] }),
        (any::<u8>(), any::<bool>()).prop_map(|(n, muted)| ServerMessage::Muted { track: name(n), muted }),
        (any::<u8>(), prop::option::of(0u32..4), prop::option::of(0u32..4), any::<bool>()).prop_map(
            |(n, ssrc, rtx_ssrc, coded)| {
                let feedback = Feedback { nack: true, pli: true, fir: true, remb: true, twcc: true };
                let codec = CodecParameters {
                    codec: Codec::Vp8,
                    payload_type: 96,
                    rtx_payload_type: Some(97),
                    red_payload_type: None,
                    without_fec: false,
                    feedback,
                };
                let codecs = if coded { vec![codec] } else { vec![] };
                let (track, mid) = (Some(name(n)), Some("1".into()));
                let extensions = [(0, "x"), (3, "urn:ietf:params:rtp-hdrext:sdes:mid"), (255, "y")];
                let extensions = extensions.into_iter().map(|(id, uri)| (id, uri.to_owned())).collect();
                let kind = MediaKind::Video;
                let stream = ReceiveParameters { track, kind, mid, codecs, ssrc, rtx_ssrc, extensions };
                ServerMessage::Subscribed { streams: vec![stream] }
            }
        ),
    ]
}

fn carried() -> impl Strategy<Value = Carried> {
    let text = server_message().prop_map(|message| serde_json::to_string(&message).expect("plain data"));
    let response = (0u32..3, prop::sample::select(vec![200u16, 201, 307, 404, 500]), ".{0,60}");
    prop_oneof![
        2 => Just(Carried::Opened),
        6 => text.prop_map(Carried::Text),
        1 => ".{0,80}".prop_map(Carried::Text),
        1 => prop::option::of(any::<u16>()).prop_map(|status| Carried::Closed { reason: String::new(), status }),
        2 => response.prop_map(|(id, status, body)| {
            let headers = vec![("location".into(), "/s".into())];
            Carried::Response(HttpResponse { id, status, headers, body })
        }),
        1 => (0u32..3).prop_map(|id| Carried::RequestFailed { id, reason: String::new() }),
    ]
}

fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..90);
    // Of the kinds that are told apart: STUN, DTLS, RTP of a known or unknown stream, RTCP.
    let begun = prop::sample::select(vec![
        vec![0x00, 0x01, 0, 0, 0x21, 0x12, 0xA4, 0x42],
        vec![0x01, 0x01, 0, 0, 0x21, 0x12, 0xA4, 0x42],
        vec![22, 0xFE, 0xFD, 0, 0],
        vec![0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        vec![0x90, 0xE1, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 2],
        vec![0x81, 201, 0, 7],
        vec![],
    ]);
    (begun, bytes).prop_map(|(begun, bytes)| [begun, bytes].concat())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0u8..3, datagram(), 0u64..50).prop_map(|(leg, bytes, late)| Step::Datagram(leg, bytes, late)),
        6 => (0u8..3, 0u32..3, carried()).prop_map(|(leg, session, carried)| Step::Carried(leg, session, carried)),
        5 => (0u64..1_500).prop_map(Step::Pass),
        1 => Just(Step::Interval),
        1 => Just(Step::Leave),
        1 => Just(Step::Refuse),
    ];
    prop::collection::vec(step, 0..40)
}

/// One client and whatever it wants, granted.
struct Bench<'a> {
    shared: &'a Shared,
    sink: Sink,
    client: Client,
    now: Instant,
    bound: i32,
}

impl Bench<'_> {
    fn drain(&mut self) {
        while !self.sink.orders.is_empty() {
            for order in std::mem::take(&mut self.sink.orders) {
                match order {
                    Order::Connect { .. } | Order::Rebind { .. } => {}
                    Order::Bind { leg } => {
                        self.bound += 1;
                        let local = SocketAddr::from(([127, 0, 0, 1], 5_000 + u16::from(leg)));
                        self.client.handle_bound(self.now, leg, local, self.shared, &mut self.sink);
                    }
                    Order::Unbind { .. } => self.bound -= 1,
                    Order::Carry { .. } => {}
                }
            }
        }
        for entry in &self.sink.datagrams.entries {
            assert!(entry.to.ip().is_loopback() && entry.end as usize <= self.sink.datagrams.bytes.len());
        }
        self.sink.datagrams.clear();
    }

    fn step(&mut self, step: Step) {
        let (shared, sink) = (self.shared, &mut self.sink);
        match step {
            Step::Datagram(leg, mut bytes, late) => {
                let entered = self.now.saturating_sub(Duration::from_millis(late));
                let source = SocketAddr::from(([127, 0, 0, 1], 9_999));
                let bytes =
                    if bytes.len().is_multiple_of(2) { Datagram::Given(bytes) } else { Datagram::Lent(&mut bytes) };
                self.client.handle_datagram(self.now, leg, entered, source, bytes, shared, sink);
                self.client.handle_batch_end(self.now, shared, sink);
            }
            Step::Carried(leg, session, carried) => {
                self.client.handle_carried(self.now, leg, session, carried, shared, sink);
            }
            Step::Pass(millis) => self.pass(millis),
            Step::Interval => drop(self.client.handle_interval(self.now, shared, sink)),
            Step::Leave => self.client.leave(self.now, shared, sink),
            Step::Refuse => self.client.handle_refused(self.now, "no socket".into(), shared, sink),
        }
        self.drain();
    }

    fn pass(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        let mut turns = 0;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due) + Duration::from_micros(1);
            self.client.handle_timeout(self.now, self.shared, &mut self.sink);
            self.drain();
            turns += 1;
            assert!(turns < 20_000, "a timeout that is due again and again: {due:?} at {:?}", self.now);
        }
        self.now = self.now.max(until);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_takes_whatever_comes(steps in steps(), whip in any::<bool>()) {
        let text = if whip { format!("{WHIP}{ROOMS}") } else { format!("{ROOM}{ROOMS}{RESTART}") };
        let shared = shared(&text, epoch());
        let (sink, client) = (sink(&shared), Client::new(&shared, 0));
        let mut bench = Bench { shared: &shared, sink, client, now: Instant::from_millis(3), bound: 0 };
        bench.client.start(bench.now, Instant::ZERO, &shared, &mut bench.sink);
        bench.drain();
        for step in steps {
            bench.step(step);
        }
        bench.client.finish(bench.now, &shared, &mut bench.sink);
        bench.drain();
        prop_assert!(bench.bound <= 0, "a socket was kept");
        // Only the answers to offers that were under way are waited for.
        prop_assert!(bench.client.is_leaving() || bench.client.poll_timeout().is_none());
        let detail = bench.client.detail(&shared);
        prop_assert!(detail.join_total.is_some() != detail.cause.is_some(), "joined, or failed with a cause: {detail:?}");
        for link in bench.client.links() {
            let there = link.delivered + link.lost + link.overflowed + link.waiting + link.flying;
            prop_assert_eq!(link.offered + link.duplicated, there);
        }
    }
}
