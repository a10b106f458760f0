//! A carrier against a server of its own on loopback.

use super::*;
use crate::signalling::{HttpRequest, HttpResponse, Method};
use axum::Router as App;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Path};
use axum::http::{HeaderMap, Method as Verb, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use crossbeam_channel::{Receiver, unbounded};
use std::net::SocketAddr;

const SOON: Duration = Duration::from_secs(20);
const TICKET: Ticket = Ticket { client: 7, leg: 1, session: 2 };

/// The server, and a carrier with the channel that its answers come through.
struct Bench {
    server: SocketAddr,
    carrier: Carrier,
    handle: CarrierHandle,
    reply: Reply,
    answers: Receiver<(Ticket, Carried)>,
    _runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("starts");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("binds");
        let server = listener.local_addr().expect("bound");
        let service = app().into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, service).await });
        let carrier = Carrier::start(false, 1).expect("starts");
        let (reply, answers) = unbounded();
        Self { server, handle: carrier.handle(), carrier, reply, answers, _runtime: runtime }
    }

    fn carry(&self, carry: Carry) {
        self.handle.carry(TICKET, carry, &self.reply);
    }

    fn next(&self) -> Carried {
        let (ticket, carried) = self.answers.recv_timeout(SOON).expect("an answer comes");
        assert_eq!(ticket, TICKET);
        carried
    }

    fn open(&self, path: &str) -> Carried {
        let headers = vec![("Authorization".to_owned(), "Bearer t".to_owned())];
        self.carry(Carry::Open { url: format!("ws://{}{path}", self.server), headers });
        self.next()
    }

    fn request(&self, method: Method, url: &str, body: &str) -> Carried {
        let headers = vec![("Content-Type".to_owned(), "application/sdp".to_owned())];
        let (url, body) = (url.to_owned(), body.to_owned());
        self.carry(Carry::Request(HttpRequest { id: 5, method, url, headers, body }));
        self.next()
    }

    fn get(&self, path: &str) -> Carried {
        self.request(Method::Get, &format!("http://{}{path}", self.server), "")
    }
}

fn app() -> App {
    App::new()
        .route("/echo", any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) }))
        .route(
            "/ws/{what}",
            any(|Path(what): Path<String>, up: WebSocketUpgrade| async { up.on_upgrade(|s| act(s, what)) }),
        )
        .route("/refuse/{status}", any(refuse_upgrade))
        .route("/mirror", any(mirror))
        .route("/port", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.port().to_string() }))
        .route("/long/{bytes}", get(|Path(bytes): Path<usize>| async move { "x".repeat(bytes) }))
        .route("/moved", any(|| async { (StatusCode::TEMPORARY_REDIRECT, [("Location", "/mirror")]) }))
        .route("/slow/{millis}", any(slow))
}

async fn refuse_upgrade(Path(status): Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).expect("a status")
}

async fn mirror(verb: Verb, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    (StatusCode::CREATED, [("ETag", "*"), ("Location", "/s/1")], format!("{verb} {kind} {body}")).into_response()
}

async fn slow(Path(millis): Path<u64>) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(text) = message
            && socket.send(Message::Text(text)).await.is_err()
        {
            break;
        }
    }
}

async fn act(mut socket: WebSocket, what: String) {
    let message = match what.as_str() {
        "full" => Message::Close(Some(CloseFrame { code: 1013, reason: "no room".into() })),
        "binary" => Message::Binary(Bytes::from_static(b"\0")),
        _ => Message::Text("x".repeat(256 * 1024 + 1).into()),
    };
    let _ = socket.send(message).await;
    while let Some(Ok(_)) = socket.recv().await {}
}

fn reason(carried: Carried) -> (String, Option<u16>) {
    match carried {
        Carried::Closed { reason, status } => (reason, status),
        Carried::RequestFailed { id: 5, reason } => (reason, None),
        other => panic!("it did not fail: {other:?}"),
    }
}

#[test]
fn texts_go_both_ways_in_order_until_the_close() {
    let bench = Bench::new();
    assert_eq!(bench.open("/echo"), Carried::Opened);
    for number in 0..200 {
        bench.carry(Carry::Text(number.to_string()));
    }
    bench.carry(Carry::Close);
    for number in 0..200 {
        assert_eq!(bench.next(), Carried::Text(number.to_string()), "a close flushes what was sent before it");
    }
    assert_eq!(reason(bench.next()), ("closed by this side".to_owned(), None));
    bench.carry(Carry::Text("late".to_owned()));
    assert_eq!(bench.carrier.shutdown(SOON), 0);
    assert!(bench.answers.is_empty(), "nothing follows a close");
}

#[test]
fn what_is_said_before_the_socket_is_open_is_said_when_it_is() {
    let bench = Bench::new();
    bench.carry(Carry::Open { url: format!("ws://{}/echo", bench.server), headers: vec![] });
    bench.carry(Carry::Text("early".to_owned()));
    bench.carry(Carry::Close);
    assert_eq!((bench.next(), bench.next()), (Carried::Opened, Carried::Text("early".to_owned())));
    assert!(reason(bench.next()).0.contains("this side"));
}

#[test]
fn a_second_socket_under_one_ticket_closes_the_first() {
    let bench = Bench::new();
    assert_eq!(bench.open("/echo"), Carried::Opened);
    bench.carry(Carry::Open { url: format!("ws://{}/echo", bench.server), headers: vec![] });
    let mut both = vec![bench.next(), bench.next()];
    both.sort_by_key(|carried| *carried != Carried::Opened);
    assert_eq!(both[0], Carried::Opened);
    assert_eq!(reason(both.remove(1)).0, "closed by this side");
    bench.carry(Carry::Text("to the second".to_owned()));
    assert_eq!(bench.next(), Carried::Text("to the second".to_owned()));
}

#[test]
fn a_refused_upgrade_says_its_status() {
    let bench = Bench::new();
    for status in [401, 404, 503] {
        let (reason, told) = reason(bench.open(&format!("/refuse/{status}")));
        assert_eq!(told, Some(status));
        assert!(reason.contains(&status.to_string()), "{reason}");
    }
}

#[test]
fn the_servers_end_of_a_socket_has_a_reason() {
    let bench = Bench::new();
    let expected = [("full", "code 1013: no room"), ("binary", "binary message"), ("long", "longer than 262144 bytes")];
    for (what, part) in expected {
        assert_eq!(bench.open(&format!("/ws/{what}")), Carried::Opened);
        let (reason, status) = reason(bench.next());
        assert!(reason.contains(part) && status.is_none(), "{reason}");
    }
}

#[test]
fn a_request_is_answered_with_status_headers_and_body() {
    let bench = Bench::new();
    let methods = [(Method::Post, "POST"), (Method::Patch, "PATCH"), (Method::Delete, "DELETE"), (Method::Get, "GET")];
    for (method, name) in methods {
        let answer = bench.request(method, &format!("http://localhost:{}/mirror", bench.server.port()), "v=0");
        let Carried::Response(response) = answer else { panic!("{answer:?}") };
        assert_eq!((response.id, response.status), (5, 201));
        assert_eq!(response.body, format!("{name} application/sdp v=0"));
        assert_eq!((response.header("etag"), response.header("location")), (Some("*"), Some("/s/1")));
    }
}

#[test]
fn a_proxy_of_the_environment_is_ignored() {
    let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
    child.args(["--exact", "drive::carry::tests::a_request_is_answered_with_status_headers_and_body"]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        // Port 1: whoever obeys it cannot connect.
        child.env(name, "http://127.0.0.1:1");
    }
    let output = child.env_remove("NO_PROXY").env_remove("no_proxy").output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn redirects_are_the_adapters_to_follow() {
    let answer = Bench::new().get("/moved");
    let Carried::Response(response) = answer else { panic!("{answer:?}") };
    assert_eq!((response.status, response.header("location")), (307, Some("/mirror")));
}

#[test]
fn every_request_connects_anew() {
    let bench = Bench::new();
    let port = || match bench.get("/port") {
        Carried::Response(HttpResponse { body, .. }) => body,
        other => panic!("{other:?}"),
    };
    assert_ne!(port(), port());
}

#[test]
fn a_body_ends_at_64_kib() {
    let bench = Bench::new();
    assert!(matches!(bench.get("/long/65536"), Carried::Response(response) if response.body.len() == 65_536));
    assert!(reason(bench.get("/long/65537")).0.ends_with("is longer than 65536 bytes"));
}

#[test]
fn what_is_not_on_this_machine_is_refused_before_anything_is_sent() {
    let bench = Bench::new();
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        let (said, status) = reason(bench.request(Method::Post, &format!("http://{host}:9/x?token=hush"), ""));
        assert!(said.contains("--i-own-target") && !said.contains("hush") && status.is_none(), "{said}");
        bench.carry(Carry::Open { url: format!("ws://{host}:9/x?token=hush"), headers: vec![] });
        let (said, status) = reason(bench.next());
        assert!(said.contains("--i-own-target") && !said.contains("hush") && status.is_none(), "{said}");
    }
}

#[test]
fn failures_are_sentences_without_the_url() {
    let bench = Bench::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("bound");
    let expected = format!("nothing listens at {free}");
    assert_eq!(reason(bench.request(Method::Get, &format!("http://{free}/x?token=hush"), "")).0, expected);
    bench.carry(Carry::Open { url: format!("ws://{free}/x?token=hush"), headers: vec![] });
    assert_eq!(reason(bench.next()).0, expected);
    for scheme in ["http", "ws"] {
        let url = format!("{scheme}://nowhere.invalid/?token=hush");
        let said = match scheme {
            "http" => reason(bench.request(Method::Get, &url, "")).0,
            _ => {
                bench.carry(Carry::Open { url, headers: vec![] });
                reason(bench.next()).0
            }
        };
        assert!(said.starts_with("no address is known for nowhere.invalid"), "{said}");
    }
    for url in ["ftp://127.0.0.1/", "nonsense", "http:///"] {
        assert!(!reason(bench.request(Method::Get, url, "")).0.is_empty());
    }
    let headers = vec![("Authorization".to_owned(), "Bearer hush\r\nX: y".to_owned())];
    bench.carry(Carry::Open { url: format!("ws://{}/echo", bench.server), headers });
    assert_eq!(reason(bench.next()).0, "the value of Authorization cannot stand in a header");
}

#[test]
fn a_thousand_connect_at_once() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("readable");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let bench = Bench::new();
    let ticket = |client| Ticket { client, leg: 0, session: 0 };
    for client in 0..1_000 {
        let open = Carry::Open { url: format!("ws://localhost:{}/echo", bench.server.port()), headers: vec![] };
        bench.handle.carry(ticket(client), open, &bench.reply);
        bench.handle.carry(ticket(client), Carry::Text(client.to_string()), &bench.reply);
    }
    let mut texts = Vec::new();
    while texts.len() < 1_000 {
        match bench.answers.recv_timeout(SOON).expect("every one is answered") {
            (ticket, Carried::Text(text)) => texts.push((ticket.client, text)),
            (_, Carried::Opened) => {}
            (_, other) => panic!("{other:?}"),
        }
    }
    texts.sort_unstable();
    assert!((0..).zip(&texts).all(|(client, text)| *text == (client, client.to_string())));
    assert_eq!(bench.carrier.shutdown(SOON), 0, "all of them close in order");
}

#[test]
fn a_shutdown_waits_for_what_is_under_way_and_no_longer_than_it_may() {
    let bench = Bench::new();
    let delete = |path: &str| {
        let (url, headers) = (format!("http://{}{path}", bench.server), vec![]);
        Carry::Request(HttpRequest { id: 5, method: Method::Delete, url, headers, body: String::new() })
    };
    bench.handle.carry(TICKET, delete("/slow/300"), &bench.reply);
    assert_eq!(bench.carrier.shutdown(SOON), 0);
    assert!(matches!(bench.answers.try_recv(), Ok((_, Carried::Response(_)))), "the DELETE was answered");
    bench.handle.carry(TICKET, delete("/slow/0"), &bench.reply);
    assert_eq!(reason(bench.answers.try_recv().expect("at once").1).0, "signalling has been shut down");

    let bench = Bench::new();
    bench.get("/port");
    let url = format!("http://{}/slow/60000", bench.server);
    bench.carry(Carry::Request(HttpRequest {
        id: 5,
        method: Method::Delete,
        url,
        headers: vec![],
        body: String::new(),
    }));
    assert_eq!(bench.carrier.shutdown(Duration::from_millis(200)), 1);
}
