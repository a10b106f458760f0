//! Sessions against what real servers answered (tests/fixtures/sdp) and the headers that they answered it with.

use super::*;
use crate::conference::{Codec, CodecParameters, Feedback};
use crate::sdp::{Direction, parse_offer};
use proptest::prelude::*;
use std::collections::BTreeMap;

const WHIP: &str = "http://127.0.0.1:8889/{room}-{participant}/whip";
const WHEP: &str = "http://127.0.0.1:8889/{room}-{participant}/whep";

fn fixture(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sdp");
    std::fs::read_to_string(format!("{folder}/{name}.answer.sdp")).expect("fixture exists")
}

fn target(change: impl FnOnce(&mut WhipPlan)) -> WhipPlan {
    let (whip, whep) = (Some(WHIP.to_owned()), Some(WHEP.to_owned()));
    let mut target = WhipPlan { whip, whep, bearer: Some("s3cret-{room}".to_owned()), quirks: Quirks::default() };
    change(&mut target);
    target
}

fn transport() -> TransportParameters {
    TransportParameters {
        ufrag: "abcd".into(),
        pwd: "0123456789abcdef01234567".into(),
        fingerprint: "sha-256 AA:BB".into(),
        setup: Setup::Actpass,
        ice_lite: false,
        candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host".into()],
    }
}

fn stream(mid: &str, media: &str, codec: Codec) -> SendParameters {
    let video = codec != Codec::Opus;
    let (payload_type, rtx) = match codec {
        Codec::Opus => (111, None),
        Codec::Vp8 => (96, Some(97)),
        Codec::H264 => (102, Some(103)),
        Codec::Vp9 => (98, Some(99)),
        Codec::Av1 => (45, Some(46)),
    };
    let feedback = Feedback { nack: video, pli: video, fir: video, remb: video, twcc: true };
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
        ssrc: 10 + u32::from(video),
        rtx_ssrc: rtx.map(|_| 20),
        cname: "p".into(),
        extensions: BTreeMap::from([(4, "urn:ietf:params:rtp-hdrext:sdes:mid".into())]),
        layers: Vec::new(),
    }
}

/// A session with what came out of it, collected.
struct Bench {
    session: Session,
    now: Instant,
    requests: Vec<HttpRequest>,
    events: Vec<Event>,
}

impl Bench {
    fn publish(codec: Codec, change: impl FnOnce(&mut WhipPlan)) -> Self {
        let mut bench = Self::new(Session::publish(&target(change), "r 1", "p"));
        let publish = vec![stream("0", "mic", Codec::Opus), stream("1", "cam", codec)];
        bench.tell(Input::Join { transport: transport(), publish });
        bench
    }

    fn play(change: impl FnOnce(&mut WhipPlan)) -> Self {
        let kinds = vec![MediaKind::Video, MediaKind::Audio, MediaKind::Video];
        let mut bench = Self::new(Session::play(&target(change), "r 1", "p", kinds));
        bench.tell(Input::Join { transport: transport(), publish: vec![] });
        bench
    }

    fn new(session: Session) -> Self {
        Self { session, now: Instant::ZERO, requests: vec![], events: vec![] }
    }

    fn tell(&mut self, input: Input) {
        self.session.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Carry(Carry::Request(request)) => self.requests.push(request),
                Output::Carry(other) => panic!("a WHIP session has no WebSocket: {other:?}"),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Answers the last request.
    fn answer(&mut self, status: u16, headers: &[(&str, &str)], body: &str) {
        let id = self.last().id;
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.tell(Input::Carried(Carried::Response(HttpResponse { id, status, headers, body: body.to_owned() })));
    }

    /// Lets the pending pause pass and says how long it was.
    fn wait(&mut self) -> Duration {
        let until = self.session.poll_timeout().expect("waits");
        let waited = until.saturating_since(self.now);
        self.now = until;
        self.session.handle_timeout(self.now);
        self.drain();
        waited
    }

    fn last(&self) -> &HttpRequest {
        self.requests.last().expect("a request was sent")
    }

    fn failure(&self) -> (Cause, &str) {
        match self.events.last() {
            Some(Event::Failed { cause, detail }) => (*cause, detail),
            other => panic!("it did not fail: {other:?}"),
        }
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[test]
fn mediamtx_is_published_to_and_left() {
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    let post = bench.last().clone();
    assert_eq!((post.method, post.url.as_str()), (Method::Post, "http://127.0.0.1:8889/r%201-p/whip"));
    assert_eq!(header(&post, "Content-Type"), Some("application/sdp"));
    assert_eq!(header(&post, "Authorization"), Some("Bearer s3cret-r 1"));
    let offer = parse_offer(&post.body).expect("our own");
    assert_eq!(offer.transport, transport(), "actpass, with every candidate");
    assert!(offer.sections.iter().all(|section| section.direction == Direction::SendOnly));

    let answer = fixture("mmx-pub-vp8");
    bench.answer(201, &[("location", "/r%201-p/whip/6d0?x=1"), ("etag", "*")], &answer);
    let [Event::Joined { transport, send, receive, roster }] = &bench.events[..] else { panic!("{:?}", bench.events) };
    assert_eq!(transport.setup, Setup::Active);
    assert_eq!(transport.candidates, ["candidate:1931277450 1 udp 2130706431 127.0.0.1 8189 typ host"]);
    assert_eq!((send[1].ssrc, send[1].rtx_ssrc), (11, None), "our SSRC, and no retransmissions: it answered none");
    assert_eq!(send[1].extensions, BTreeMap::from([(1, "urn:ietf:params:rtp-hdrext:sdes:mid".into())]), "its own ids");
    assert!(receive.is_empty() && roster.is_empty());

    bench.tell(Input::Leave);
    let delete = bench.last().clone();
    assert_eq!((delete.method, delete.url.as_str()), (Method::Delete, "http://127.0.0.1:8889/r%201-p/whip/6d0?x=1"));
    assert_eq!(header(&delete, "Authorization"), Some("Bearer s3cret-r 1"));
    assert_eq!(header(&delete, "If-Match"), None);
    bench.answer(200, &[], "");
    assert_eq!(bench.events.last(), Some(&Event::Ended));
}

#[test]
fn livekit_and_broadcast_box_accept_h264() {
    for name in ["lk-pub-h264", "bb-pub-h264"] {
        let mut bench = Bench::publish(Codec::H264, |_| {});
        bench.answer(201, &[("location", "http://127.0.0.1:7880/whip/v1/PA_1"), ("etag", "hkzd")], &fixture(name));
        let [Event::Joined { send, .. }] = &bench.events[..] else { panic!("{name}: {:?}", bench.events) };
        assert_eq!(send[1].codec.payload_type, 102, "{name}");
        bench.tell(Input::Leave);
        assert_eq!(bench.last().url, "http://127.0.0.1:7880/whip/v1/PA_1", "an absolute Location");
        bench.answer(204, &[], "");
        assert_eq!(bench.events.last(), Some(&Event::Ended));
    }
}

#[test]
fn what_is_played_has_the_answers_sources_and_no_track() {
    for (name, status) in [("mmx-sub", 201), ("bb-sub", 200)] {
        let mut bench = Bench::play(|_| {});
        assert_eq!(bench.last().url, "http://127.0.0.1:8889/r%201-p/whep");
        let offer = parse_offer(&bench.last().body).expect("our own");
        assert_eq!(offer.sections.len(), 2, "one a kind");
        assert!(offer.sections.iter().all(|section| section.direction == Direction::RecvOnly));
        bench.answer(status, &[("location", "/s/1")], &fixture(name));
        let [Event::Joined { receive, send, .. }] = &bench.events[..] else { panic!("{name}: {:?}", bench.events) };
        let kinds: Vec<_> = receive.iter().map(|stream| stream.kind).collect();
        assert_eq!(kinds, [MediaKind::Audio, MediaKind::Video]);
        assert!(receive.iter().all(|stream| stream.track.is_none() && stream.ssrc.is_some()));
        assert!(send.is_empty());
    }
}

#[test]
fn what_is_not_yet_live_is_asked_for_again_with_doubling_pauses() {
    let mut bench = Bench::play(|_| {});
    let offer = bench.last().body.clone();
    let mut pauses = Vec::new();
    for _ in 0..6 {
        bench.answer(404, &[("content-type", "application/json")], r#"{"error":"no stream is available"}"#);
        pauses.push(bench.wait().as_millis());
    }
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    bench.answer(409, &[("retry-after", "7")], "");
    assert_eq!(bench.wait(), Duration::from_secs(7));
    assert_eq!(bench.requests.len(), 8);
    assert!(bench.requests.iter().all(|request| request.body == offer && request.method == Method::Post));
    assert_eq!(bench.events, vec![Event::NotYetLive; 7]);
    bench.answer(201, &[("location", "/x")], &fixture("mmx-sub"));
    assert!(matches!(bench.events.last(), Some(Event::Joined { .. })));
}

#[test]
fn a_publisher_and_an_exact_target_take_404_for_an_answer() {
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    bench.answer(404, &[], "");
    assert_eq!(bench.failure().0, Cause::Admission);
    let mut bench = Bench::play(|target| target.quirks.not_live = vec![409]);
    bench.answer(404, &[], "");
    assert_eq!(bench.failure().0, Cause::Admission);
}

#[test]
fn redirects_are_followed_with_method_body_and_credentials() {
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    let first = bench.last().clone();
    bench.answer(307, &[("location", "http://127.0.0.2:81/other")], "");
    let second = bench.last().clone();
    assert_eq!(second.url, "http://127.0.0.2:81/other");
    assert_eq!((second.method, &second.body, &second.headers), (Method::Post, &first.body, &first.headers));
    assert_ne!(second.id, first.id);
    bench.answer(201, &[("location", "session/1")], &fixture("mmx-pub-vp8"));
    bench.tell(Input::Leave);
    assert_eq!(bench.last().url, "http://127.0.0.2:81/session/1", "relative to where it was redirected to");
}

#[test]
fn nothing_that_is_printed_shows_credentials() {
    let bench = Bench::publish(Codec::Vp8, |target| {
        target.whip = Some("http://me:hunter2@127.0.0.1:8889/{room}/whip?access_token=hunter2".to_owned());
        target.bearer = Some("hunter2".to_owned());
    });
    let open = Carry::Open {
        url: "wss://127.0.0.1/rtc?access_token=hunter2".to_owned(),
        headers: vec![("authorization".to_owned(), "Bearer hunter2".to_owned())],
    };
    assert!(header(bench.last(), "Authorization").is_some_and(|value| value.contains("hunter2")), "it is sent");
    let carried = Output::Carry(Carry::Request(bench.last().clone()));
    for printed in [format!("{:?}", bench.session), format!("{carried:?}"), format!("{open:?}")] {
        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(printed.contains("127.0.0.1"), "the rest is told: {printed}");
    }
}

#[test]
fn a_ring_of_redirects_ends() {
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    for _ in 0..=MAX_REDIRECTS {
        assert!(bench.events.is_empty());
        bench.answer(307, &[("location", "/again")], "");
    }
    assert_eq!(bench.failure().0, Cause::SignalSetup);
    assert_eq!(bench.requests.len(), 1 + usize::from(MAX_REDIRECTS));
    for status in [301, 302] {
        let mut bench = Bench::publish(Codec::Vp8, |_| {});
        bench.answer(status, &[("location", "/other")], "");
        assert_eq!((bench.failure().0, bench.requests.len()), (Cause::SignalSetup, 1));
    }
}

#[test]
fn refused_credentials_are_told_without_repeating_them() {
    for (status, body) in [(401, "invalid token s3cret-r 1"), (403, "")] {
        let mut bench = Bench::publish(Codec::Vp8, |_| {});
        bench.answer(status, &[("content-type", "text/plain")], body);
        let (cause, detail) = bench.failure();
        assert_eq!(cause, Cause::Auth);
        assert!(detail.contains(&status.to_string()) && !detail.contains("s3cret"), "{detail}");
    }
}

#[test]
fn an_overloaded_server_is_asked_again_as_often_as_it_asks_for_it() {
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    for _ in 0..MAX_RETRIES {
        bench.answer(503, &[("retry-after", "2")], "");
        assert_eq!(bench.wait(), Duration::from_secs(2));
    }
    bench.answer(503, &[("retry-after", "2")], "");
    assert_eq!(bench.failure().0, Cause::Admission);
    for headers in [&[][..], &[("retry-after", "3600")]] {
        let mut bench = Bench::play(|_| {});
        bench.answer(429, headers, "");
        assert_eq!(bench.failure().0, Cause::Admission);
    }
}

#[test]
fn other_refusals_count_by_their_sense() {
    let problem = r#"{"title":"Bad Request","detail":"video/VP8 is not enabled"}"#;
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    bench.answer(422, &[("content-type", "application/problem+json")], problem);
    let detail = "the server refused the offer (status 422): “video/VP8 is not enabled”";
    assert_eq!(bench.failure(), (Cause::Config, detail));
    let causes = [(400, Cause::Config), (405, Cause::Config), (409, Cause::Admission), (500, Cause::SignalSetup)];
    for (status, cause) in causes {
        let mut bench = Bench::publish(Codec::Vp8, |_| {});
        bench.answer(status, &[], "");
        assert_eq!(bench.failure().0, cause, "{status}");
    }
    let mut bench = Bench::play(|_| {});
    bench.answer(406, &[("content-type", "application/sdp; valid-until=\"x\"")], &fixture("mmx-sub"));
    let (cause, detail) = bench.failure();
    assert_eq!((cause, detail.contains("counter-offer")), (Cause::Config, true));
    let mut bench = Bench::play(|_| {});
    let id = bench.last().id;
    bench.tell(Input::Carried(Carried::RequestFailed { id, reason: "connection refused".into() }));
    assert_eq!(bench.failure().0, Cause::SignalSetup);
}

#[test]
fn a_refused_codec_fails_the_join_and_leaves_nothing_behind() {
    let answer = fixture("bb-pub-h264").replace("m=video 9 UDP/TLS/RTP/SAVPF 102", "m=video 0 UDP/TLS/RTP/SAVPF 0");
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    bench.answer(201, &[("location", "/api/whip/1")], &answer);
    assert_eq!(bench.failure(), (Cause::Config, "the server refused cam (VP8)"));
    assert_eq!((bench.last().method, bench.last().url.as_str()), (Method::Delete, "http://127.0.0.1:8889/api/whip/1"));
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    bench.answer(201, &[("location", "/api/whip/1")], "no sdp at all");
    assert_eq!((bench.failure().0, bench.last().method), (Cause::SignalSetup, Method::Delete));
    bench.answer(200, &[], "");
    assert_eq!(bench.events.len(), 1, "nothing follows a failure");
}

#[test]
fn leaving_while_the_offer_is_on_its_way_deletes_what_comes_of_it() {
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    bench.tell(Input::Leave);
    assert!(bench.events.is_empty());
    bench.answer(201, &[("location", "/late/1")], &fixture("mmx-pub-vp8"));
    assert_eq!((bench.last().method, bench.last().url.as_str()), (Method::Delete, "http://127.0.0.1:8889/late/1"));
    bench.answer(404, &[], "");
    assert_eq!(bench.events, [Event::Ended]);
    let mut bench = Bench::play(|_| {});
    bench.answer(404, &[], "");
    bench.tell(Input::Leave);
    assert_eq!(bench.events, [Event::NotYetLive, Event::Ended]);
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn a_server_without_delete_or_location_is_left_without_a_word() {
    let with: &[(&str, &str)] = &[("location", "/s")];
    for (delete, headers) in [(false, with), (true, &[])] {
        let mut bench = Bench::play(|target| target.quirks.delete = delete);
        bench.answer(201, headers, &fixture("bb-sub"));
        bench.tell(Input::Leave);
        assert_eq!((bench.requests.len(), bench.events.last()), (1, Some(&Event::Ended)));
    }
}

#[test]
fn an_active_offer_is_made_where_the_server_wants_it() {
    let mut bench = Bench::publish(Codec::Vp8, |target| target.quirks.offer_active = true);
    assert_eq!(parse_offer(&bench.last().body).expect("our own").transport.setup, Setup::Active);
    let answer = fixture("mmx-pub-vp8");
    bench.answer(201, &[("location", "/s")], &answer.replace("a=setup:active", "a=setup:passive"));
    assert!(matches!(&bench.events[..], [Event::Joined { transport, .. }] if transport.setup == Setup::Passive));
    let mut bench = Bench::publish(Codec::Vp8, |target| target.quirks.offer_active = true);
    bench.answer(201, &[("location", "/s")], &answer);
    assert_eq!(bench.failure().0, Cause::SignalSetup, "two clients and no server of DTLS");
}

#[test]
fn trickled_candidates_follow_in_one_patch_with_the_tag_as_it_came() {
    for (etag, status) in [(Some("*"), 204), (Some("\"a b\""), 200), (Some("hkzd"), 204), (None, 204)] {
        let mut bench = Bench::publish(Codec::Vp8, |target| target.quirks.trickle = true);
        let offer = bench.last().body.clone();
        assert!(!offer.contains("a=candidate") && !offer.contains("end-of-candidates"), "{offer}");
        assert!(offer.contains("a=ice-options:trickle\r\n"));
        let headers: Vec<_> = [("location", "/s/1")].into_iter().chain(etag.map(|etag| ("etag", etag))).collect();
        bench.answer(201, &headers, &fixture("mmx-pub-vp8"));
        let patch = bench.last().clone();
        assert_eq!((patch.method, patch.url.as_str()), (Method::Patch, "http://127.0.0.1:8889/s/1"));
        assert_eq!(header(&patch, "Content-Type"), Some("application/trickle-ice-sdpfrag"));
        assert_eq!(header(&patch, "If-Match"), etag);
        let fragment = Fragment::parse(&patch.body).expect("our own");
        assert_eq!((fragment.candidates, fragment.end), (transport().candidates, true));
        bench.answer(status, &[], "");
        assert!(matches!(bench.events[..], [Event::Joined { .. }]));
    }
}

#[test]
fn a_restart_is_one_patch_under_any_tag_and_a_refused_one_changes_nothing() {
    let credentials = || Credentials { ufrag: "anew".into(), pwd: "p".repeat(22) };
    let answered = "a=ice-ufrag:theirs\r\na=ice-pwd:0123456789abcdef012345\r\na=end-of-candidates\r\n";
    for (status, body, restarts) in
        [(200, answered, true), (200, "hello", false), (405, "", false), (422, answered, false)]
    {
        let mut bench = Bench::publish(Codec::Vp8, |_| {});
        bench.answer(201, &[("location", "/s/1"), ("etag", "x")], &fixture("mmx-pub-vp8"));
        let [Event::Joined { transport: first, .. }] = &bench.events[..] else { panic!("{:?}", bench.events) };
        let first = first.clone();
        bench.tell(Input::Restart(credentials()));
        let patch = bench.last().clone();
        assert_eq!((patch.method, patch.url.as_str()), (Method::Patch, "http://127.0.0.1:8889/s/1"));
        assert_eq!(header(&patch, "If-Match"), Some("*"));
        let fragment = Fragment::parse(&patch.body).expect("our own");
        assert_eq!((fragment.ufrag.as_deref(), fragment.pwd), (Some("anew"), Some("p".repeat(22))));
        let asked = bench.requests.len();
        bench.tell(Input::Restart(credentials()));
        assert_eq!(bench.requests.len(), asked, "one at a time");
        bench.answer(status, &[], body);
        let Some(Event::Restarted(transport)) = bench.events.get(1) else {
            assert!(!restarts && bench.events.len() == 1, "{status}: {:?}", bench.events);
            continue;
        };
        assert!(restarts);
        assert_eq!((transport.ufrag.as_str(), &transport.candidates), ("theirs", &first.candidates), "the same place");
        assert_eq!(transport.fingerprint, first.fingerprint, "and the same DTLS");
    }
}

#[test]
fn a_server_that_does_not_trickle_is_named_with_the_key_to_change() {
    let mut bench = Bench::publish(Codec::Vp8, |target| target.quirks.trickle = true);
    bench.answer(201, &[("location", "/s/1")], &fixture("bb-pub-h264").replace("H264", "VP8"));
    bench.answer(405, &[], "");
    let (cause, detail) = bench.failure();
    assert_eq!((cause, detail.contains("trickle = false")), (Cause::Config, true));
    assert_eq!(bench.last().method, Method::Delete);
}

#[test]
fn what_whip_cannot_carry_is_refused_before_the_first_request() {
    let two = vec![stream("0", "cam", Codec::Vp8), stream("1", "screen", Codec::H264)];
    let refused = |session, publish| {
        let mut bench = Bench::new(session);
        bench.tell(Input::Join { transport: transport(), publish });
        assert!(bench.requests.is_empty());
        assert_eq!(bench.failure().0, Cause::Config);
        bench.failure().1.to_owned()
    };
    let publisher = |change: fn(&mut WhipPlan)| Session::publish(&target(change), "r", "p");
    assert!(refused(publisher(|_| {}), two).contains("both cam and screen"));
    refused(publisher(|_| {}), vec![]);
    refused(Session::play(&target(|_| {}), "r", "p", vec![]), vec![]);
    let one = vec![stream("0", "cam", Codec::Vp8)];
    assert_eq!(refused(publisher(|target| target.whip = None), one), "[target] has no `whip` URL");
}

#[test]
fn answers_to_other_requests_change_nothing() {
    let mut bench = Bench::publish(Codec::Vp8, |_| {});
    let response = HttpResponse { id: 99, status: 201, headers: vec![], body: fixture("mmx-pub-vp8") };
    bench.tell(Input::Carried(Carried::Response(response)));
    bench.tell(Input::Carried(Carried::RequestFailed { id: 99, reason: String::new() }));
    bench.tell(Input::Join { transport: transport(), publish: vec![] });
    assert_eq!((bench.requests.len(), bench.events.len()), (1, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Answer(u16, Vec<(String, String)>, String),
    Fail,
    Leave,
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let statuses = prop_oneof![Just(200), Just(201), Just(204), Just(307), Just(404), Just(503), any::<u16>()];
    let names = prop::sample::select(vec!["location", "etag", "retry-after", "content-type", "link"]);
    let values = prop_oneof!["\\PC{0,30}", "[0-9]{0,12}", Just("/s/1".to_owned()), Just("application/json".to_owned())];
    let headers = prop::collection::vec((names.prop_map(str::to_owned), values), 0..4);
    let bodies = prop_oneof![".{0,80}", Just(fixture("mmx-pub-vp8")), Just(r#"{"detail":"x"}"#.to_owned())];
    let step = prop_oneof![
        6 => (statuses, headers, bodies).prop_map(|(status, headers, body)| Step::Answer(status, headers, body)),
        1 => Just(Step::Fail),
        1 => Just(Step::Leave),
        3 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 0..12)
}

proptest! {
    #[test]
    fn arbitrary_answers_never_panic_and_nothing_follows_the_end(steps in steps(), play: bool, trickle: bool) {
        let change = |target: &mut WhipPlan| target.quirks.trickle = trickle;
        let mut bench = if play { Bench::play(change) } else { Bench::publish(Codec::Vp8, change) };
        for step in steps {
            let id = bench.last().id;
            match step {
                Step::Answer(status, headers, body) => {
                    let response = HttpResponse { id, status, headers, body };
                    bench.tell(Input::Carried(Carried::Response(response)));
                }
                Step::Fail => bench.tell(Input::Carried(Carried::RequestFailed { id, reason: "gone".into() })),
                Step::Leave => bench.tell(Input::Leave),
                Step::Wait if bench.session.poll_timeout().is_some() => drop(bench.wait()),
                Step::Wait => {}
            }
        }
        let end = bench.events.iter().position(|event| matches!(event, Event::Ended | Event::Failed { .. }));
        prop_assert!(end.is_none_or(|end| end + 1 == bench.events.len()));
        let joined = bench.events.iter().filter(|event| matches!(event, Event::Joined { .. })).count();
        prop_assert!(joined <= 1);
    }
}
