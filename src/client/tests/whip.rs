//! Sessions of several legs (WHIP and WHEP), answered by hand.

use super::*;
use crate::signalling::{Carry, HttpRequest, HttpResponse, Method};

const TARGET: &str = r#"
version = 1
name = "whip"
[run]
duration = "60s"
[target]
adapter = "whip-whep"
whip = "http://127.0.0.1:9/{room}/{participant}/whip"
whep = "http://127.0.0.1:9/{room}/{participant}/whep"
[media.mic]
kind = "audio"
[rooms]
count = 1
[[population]]
name = "speakers"
per_room = 2
publish = ["mic"]
[[population]]
name = "viewers"
per_room = 1
timeouts = { join = "8s" }
"#;

struct Bench {
    shared: Shared,
    sink: Sink,
    client: Client,
    now: Instant,
    requests: Vec<(u8, u32, HttpRequest)>,
    unbound: Vec<u8>,
    milestones: Vec<Milestone>,
}

impl Bench {
    /// The participant with this index, joining; every offer is on its way.
    fn joining(index: u32) -> Self {
        let shared = shared(TARGET, epoch());
        let (sink, client) = (sink(&shared), Client::new(&shared, index));
        let (requests, unbound, milestones) = (Vec::new(), Vec::new(), Vec::new());
        let mut bench = Self { shared, sink, client, now: Instant::from_millis(5), requests, unbound, milestones };
        bench.client.start(bench.now, Instant::ZERO, &bench.shared, &mut bench.sink);
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        while !self.sink.orders.is_empty() {
            for order in std::mem::take(&mut self.sink.orders) {
                match order {
                    Order::Connect { .. } | Order::Rebind { .. } => {}
                    Order::Bind { leg } => {
                        let local = SocketAddr::from(([127, 0, 0, 1], 5_000 + u16::from(leg)));
                        self.client.handle_bound(self.now, leg, local, &self.shared, &mut self.sink);
                    }
                    Order::Unbind { leg } => self.unbound.push(leg),
                    Order::Carry { leg, session, carry: Carry::Request(request) } => {
                        self.requests.push((leg, session, request));
                    }
                    Order::Carry { carry, .. } => panic!("WHIP has no WebSocket: {carry:?}"),
                }
            }
        }
        self.sink.datagrams.clear();
        self.milestones.extend(std::iter::from_fn(|| self.client.poll_milestone()));
    }

    /// Answers the last request of a leg.
    fn answer(&mut self, leg: u8, status: u16, location: Option<&str>, body: &str) {
        let asked = self.requests.iter().rev().find(|(of, ..)| *of == leg).expect("it asked");
        let (session, id) = (asked.1, asked.2.id);
        let headers = location.map(|at| ("location".to_owned(), at.to_owned())).into_iter().collect();
        let response = HttpResponse { id, status, headers, body: body.to_owned() };
        let carried = Carried::Response(response);
        self.client.handle_carried(self.now, leg, session, carried, &self.shared, &mut self.sink);
        self.drain();
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now, &self.shared, &mut self.sink);
            self.drain();
        }
        self.now = until;
    }

    fn leave(&mut self) {
        self.client.leave(self.now, &self.shared, &mut self.sink);
        self.drain();
    }

    fn deleted(&self) -> Vec<&str> {
        let deletes = self.requests.iter().filter(|(.., request)| request.method == Method::Delete);
        deletes.map(|(.., request)| request.url.as_str()).collect()
    }
}

const VIEWER: u32 = 2;

#[test]
fn a_viewer_whose_publisher_fails_goes_on_with_the_others() {
    let mut bench = Bench::joining(VIEWER);
    assert_eq!(bench.requests.len(), 2, "an offer for each publisher");
    bench.answer(0, 403, None, "");
    assert_eq!(bench.milestones, [Milestone::Joining]);
    assert_eq!(bench.unbound, [0], "the leg's socket is given back");
    bench.answer(1, 403, None, "");
    assert_eq!(bench.milestones, [Milestone::Joining, Milestone::Failed], "with the last one it is over");
    assert_eq!(bench.client.detail(&bench.shared).cause.as_deref(), Some("auth"));
    assert_eq!(bench.client.poll_timeout(), None);
}

#[test]
fn a_publisher_that_can_watch_nobody_has_not_joined() {
    let mut bench = Bench::joining(0);
    let legs: Vec<u8> = bench.requests.iter().map(|(leg, ..)| *leg).collect();
    assert_eq!(legs, [0, 1], "its own publication, and the other speaker");
    bench.answer(1, 403, None, "");
    assert_eq!(bench.milestones, [Milestone::Joining, Milestone::Failed]);
    assert_eq!(bench.client.detail(&bench.shared).cause.as_deref(), Some("auth"));
}

#[test]
fn a_publisher_that_is_refused_is_out_at_once() {
    let mut bench = Bench::joining(0);
    bench.answer(0, 503, None, "");
    assert_eq!(bench.milestones, [Milestone::Joining, Milestone::Failed]);
    assert_eq!(bench.unbound, [0, 1]);
}

#[test]
fn what_the_server_accepts_after_we_left_is_deleted() {
    let mut bench = Bench::joining(0);
    bench.leave();
    assert_eq!(bench.unbound, [0, 1]);
    assert_eq!(bench.deleted(), [""; 0]);
    bench.answer(0, 201, Some("/session/7"), "v=0\r\n");
    assert_eq!(bench.deleted(), ["http://127.0.0.1:9/session/7"]);
    bench.answer(0, 200, None, "");
    assert!(bench.client.is_leaving(), "the other offer is not answered yet");
    bench.answer(1, 404, None, "");
    assert!(!bench.client.is_leaving());
}

#[test]
fn an_offer_that_is_never_answered_fails_at_the_deadline_and_is_deleted_when_it_is() {
    let mut bench = Bench::joining(VIEWER);
    bench.pass(Duration::from_millis(7_900));
    assert_eq!(bench.milestones, [Milestone::Joining]);
    bench.pass(Duration::from_millis(200));
    assert_eq!(bench.milestones, [Milestone::Joining, Milestone::Failed]);
    assert_eq!(bench.client.detail(&bench.shared).cause.as_deref(), Some("join_timeout"));
    bench.answer(1, 201, Some("/session/8"), "");
    assert_eq!(bench.deleted(), ["http://127.0.0.1:9/session/8"]);
}
