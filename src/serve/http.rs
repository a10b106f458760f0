//! The routes, and what their handlers share: the desk that numbers connections and knows the workers' doors.

use super::door::{Command, Door, Heard, WorkerHandle};
use super::metrics::{WorkerFacts, prometheus_text};
use super::problem::Problem;
use super::{websocket, whip};
use crate::conference::LegKind;
use crate::sfu::room::{Census, ConnectionId};
use crate::units::Bytes;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Messages that wait for one connection at most; whoever lets more pile up is dropped.
const BACKLOG: usize = 8_192;

/// What handlers share.
#[derive(Debug)]
pub(super) struct Desk {
    doors: Vec<Door>,
    facts: Vec<WorkerFacts>,
    census: Arc<Census>,
    leg: LegKind,
    pub message_limit: usize,
    next_connection: AtomicU64,
    /// WHIP and WHEP sessions by their unguessable names.
    pub sessions: Mutex<BTreeMap<String, whip::Session>>,
}

/// A connection to one worker.
#[derive(Debug)]
pub(super) struct Line {
    pub connection: ConnectionId,
    pub door: Door,
    pub hears: mpsc::Receiver<Heard>,
}

impl Desk {
    pub fn new(workers: &[WorkerHandle], census: Arc<Census>, leg: LegKind, message_limit: Bytes) -> Self {
        let facts = workers.iter().map(|worker| WorkerFacts {
            address: worker.address,
            receive_buffer: worker.receive_buffer,
            counters: Arc::clone(&worker.counters),
        });
        Self {
            doors: workers.iter().map(|worker| worker.door.clone()).collect(),
            facts: facts.collect(),
            census,
            leg,
            message_limit: usize::try_from(message_limit.0).unwrap_or(usize::MAX),
            next_connection: AtomicU64::new(1),
            sessions: Mutex::new(BTreeMap::new()),
        }
    }

    /// Opens a line to the worker of `room`: a room's name alone decides where it lives.
    pub fn line(&self, room: &str) -> Line {
        let index = crc32fast::hash(room.as_bytes()) as usize % self.doors.len();
        let connection = ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed));
        let door = self.doors[index].clone();
        let (says, hears) = mpsc::channel(BACKLOG);
        door.send(Command::Connect(connection, says));
        Line { connection, door, hears }
    }

    /// Reads a body of at most the limit, as text.
    pub async fn body(&self, body: Body) -> Result<String, Problem> {
        let too_long = || {
            let detail = format!("a body may have {} bytes", self.message_limit);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        };
        let bytes = to_bytes(body, self.message_limit).await.map_err(|_| too_long())?;
        String::from_utf8(bytes.into()).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is not UTF-8"))
    }
}

pub(super) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/ws", any(websocket::upgrade))
        .route("/whip/{room}/{participant}", post(whip::publish).get(whip::discover).options(whip::options))
        .route("/whep/{room}/{participant}", post(whip::play).get(whip::discover).options(whip::options))
        .route("/session/{session}", axum::routing::patch(whip::patch).delete(whip::delete).options(whip::options))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this method means nothing at this path")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::map_response(open_to_browsers))
        .with_state(desk)
}

/// A page of any origin may use WHIP and WHEP here (CORS): this SFU is a laboratory's, and has no credentials to steal.
async fn open_to_browsers(mut response: Response) -> Response {
    const FIELDS: [(HeaderName, &str); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-match"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, link, location, retry-after"),
    ];
    for (name, value) in FIELDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn health(State(desk): State<Arc<Desk>>) -> Response {
    let workers = desk
        .facts
        .iter()
        .map(|facts| serde_json::json!({ "udp": facts.address.to_string(), "receive_buffer": facts.receive_buffer }));
    let body = serde_json::json!({
        "status": "ok",
        "rooms": desk.census.rooms(),
        "participants": desk.census.participants(),
        "workers": workers.collect::<Vec<_>>(),
    });
    axum::Json(body).into_response()
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], prometheus_text(desk.leg, &desk.facts)).into_response()
}
