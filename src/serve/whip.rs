//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): one participant enters by one offer and one answer.
//!
//! A publisher's tracks are named by their kind (`audio`, `video`), at most one of each. A viewer enters under a name of
//! its own making and plays what the named participant publishes at that moment. The SFU is ICE-lite and gathers
//! nothing, so trickled candidates are accepted and not needed.

use super::door::{Command, Door, Heard};
use super::http::{Desk, Line};
use super::problem::Problem;
use crate::conference::protocol::ServerMessage;
use crate::conference::{Credentials, MediaKind, ReceiveParameters, SendLayer, SendParameters, TransportParameters};
use crate::media::layers::MAX_LAYERS;
use crate::rtp::extension::ExtensionKind;
use crate::sdp::{self, Answered, Description, Fragment, Section};
use crate::sfu::room::{ConnectionId, Entry, Request, STANDARD_EXTENSIONS, Watch, WatchSection};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a worker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// A session that lasts until DELETE, or until its transport is gone.
#[derive(Debug)]
pub(super) struct Session {
    connection: ConnectionId,
    door: Door,
    tag: String,
    /// Who waits for an ICE restart.
    restarting: Option<oneshot::Sender<TransportParameters>>,
}

pub(super) async fn publish(
    State(desk): State<Arc<Desk>>,
    Path((room, participant)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offer = offer(&desk, &headers, body).await?;
    let (publish, answered) = publications(&offer)?;
    let entry = Entry { room, participant, transport: offer.transport.clone(), publish };
    let mut line = desk.line(&entry.room);
    line.door.send(Command::Request(line.connection, Request::Enter(Box::new(entry))));
    let transport = joined(&mut line).await?;
    created(&desk, line, &offer, &transport, &answered)
}

pub(super) async fn play(
    State(desk): State<Arc<Desk>>,
    Path((room, publisher)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offer = offer(&desk, &headers, body).await?;
    let sections: Vec<WatchSection> = offer.sections.iter().filter_map(place).collect();
    if sections.is_empty() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no section of the offer receives audio or video"));
    }
    let participant = format!("whep-{}", unguessable()?);
    let entry = Entry { room, participant, transport: offer.transport.clone(), publish: vec![] };
    let mut line = desk.line(&entry.room);
    let watch = Watch { entry, publisher: publisher.clone(), sections };
    line.door.send(Command::Request(line.connection, Request::Watch(Box::new(watch))));
    let transport = joined(&mut line).await?;
    let streams = match hear(&mut line).await? {
        ServerMessage::Subscribed { streams } => streams,
        _ => return Err(gone()),
    };
    let answered = offer.sections.iter().map(|section| sent(section, &streams, &publisher)).collect::<Vec<_>>();
    created(&desk, line, &offer, &transport, &answered)
}

pub(super) async fn discover() -> Response {
    ([(header::CONTENT_TYPE, SDP)], "").into_response()
}

pub(super) async fn options() -> Response {
    (StatusCode::OK, [("accept-post", SDP), ("accept-patch", FRAGMENT)]).into_response()
}

pub(super) async fn patch(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    expect_type(&headers, FRAGMENT)?;
    let text = desk.body(body).await?;
    let tag = {
        let sessions = desk.sessions.lock().expect("no handler panics while it holds the sessions");
        sessions.get(&name).ok_or_else(no_session)?.tag.clone()
    };
    let Some(matches) = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()) else {
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "If-Match is missing"));
    };
    let any = matches.trim() == "*";
    if !any && matches.trim() != tag {
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "the ICE session is another one by now"));
    }
    let fragment = Fragment::parse(&text);
    let fragment = fragment.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "this is no trickle fragment"))?;
    if any { restart(&desk, &name, fragment).await } else { Ok(StatusCode::NO_CONTENT.into_response()) }
}

/// RFC 9725 §4.3.2: both sides take new credentials, and the entity tag is another one.
async fn restart(desk: &Desk, name: &str, fragment: Fragment) -> Result<Response, Problem> {
    let (Some(ufrag), Some(pwd)) = (fragment.ufrag, fragment.pwd) else {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "an ICE restart needs new credentials"));
    };
    let credentials = Credentials { ufrag, pwd };
    if !credentials.is_long_enough() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the ICE credentials are too short or too long"));
    }
    let (restarted, waiting) = oneshot::channel();
    {
        let mut sessions = desk.sessions.lock().expect("no handler panics while it holds the sessions");
        let session = sessions.get_mut(name).ok_or_else(no_session)?;
        session.restarting = Some(restarted);
        session.door.send(Command::Request(session.connection, Request::Restart(credentials)));
    }
    let silent = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the media worker does not answer");
    let transport = tokio::time::timeout(PATIENCE, waiting).await.ok().and_then(Result::ok).ok_or_else(silent)?;
    let tag = format!("\"{}\"", transport.ufrag);
    let TransportParameters { ufrag, pwd, candidates, .. } = transport;
    let answer = Fragment { mid: fragment.mid, ufrag: Some(ufrag), pwd: Some(pwd), candidates, end: true };
    let fields = [(header::CONTENT_TYPE, FRAGMENT.to_owned()), (header::ETAG, tag)];
    Ok((StatusCode::OK, fields, answer.text("audio")).into_response())
}

pub(super) async fn delete(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let session = desk.sessions.lock().expect("no handler panics while it holds the sessions").remove(&name);
    let session = session.ok_or_else(no_session)?;
    session.door.send(Command::Request(session.connection, Request::Leave));
    Ok(StatusCode::OK)
}

async fn offer(desk: &Desk, headers: &HeaderMap, body: Body) -> Result<Description, Problem> {
    expect_type(headers, SDP)?;
    let text = desk.body(body).await?;
    sdp::parse_offer(&text).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))
}

fn expect_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_wanted = given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted));
    let problem = || Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("the content type must be {wanted}"));
    is_wanted.then_some(()).ok_or_else(problem)
}

/// What an offer publishes, and what its sections are answered with.
fn publications(offer: &Description) -> Result<(Vec<SendParameters>, Vec<Answered>), Problem> {
    let mut publish: Vec<SendParameters> = Vec::new();
    let mut answered = Vec::new();
    for section in &offer.sections {
        let kind = section.kind().filter(|_| !section.rejected && section.direction.sends());
        let Some((kind, codec)) = kind.and_then(|kind| Some((kind, best_codec(section)?))) else {
            answered.push(Answered::Rejected);
            continue;
        };
        let media = match kind {
            MediaKind::Audio => "audio",
            MediaKind::Video => "video",
        };
        if publish.iter().any(|track| track.media == media) {
            let detail = format!("more than one {media} track is offered (RFC 9725 §4.4.2)");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        let extensions = known_extensions(section);
        let layers = layers(section, &extensions);
        let rids = layers.iter().map(|layer| layer.rid.clone()).collect();
        answered.push(Answered::Receive { codec: codec.clone(), extensions: extensions.clone(), layers: rids });
        publish.push(SendParameters {
            media: media.to_owned(),
            mid: section.mid.clone(),
            codec,
            ssrc: section.ssrc.filter(|_| layers.is_empty()).unwrap_or(0),
            rtx_ssrc: section.rtx_ssrc.filter(|_| layers.is_empty()),
            cname: section.cname.clone().unwrap_or_default(),
            extensions,
            layers,
        });
    }
    if publish.is_empty() {
        let detail = "no section of the offer sends opus, VP8, VP9, AV1 or H264";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok((publish, answered))
}

/// The simulcast layers of a section, in its order, as far as they can be taken: their names have to come with their
/// packets. An offer whose layers cannot be is answered with one stream.
fn layers(section: &Section, extensions: &BTreeMap<u8, String>) -> Vec<SendLayer> {
    let rids = &section.simulcast.send;
    let named = extensions.values().any(|uri| uri == ExtensionKind::Rid.uri());
    let short = |rid: &String| rid.len() <= 8 && rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if section.kind() != Some(MediaKind::Video) || !named || rids.len() > MAX_LAYERS || !rids.iter().all(short) {
        return Vec::new();
    }
    let layer = |rid: &String| SendLayer { rid: rid.clone(), ssrc: 0, rtx_ssrc: None, max_bitrate: None };
    rids.iter().map(layer).collect()
}

/// The codec that the offer prefers, under its best payload type.
fn best_codec(section: &Section) -> Option<crate::conference::CodecParameters> {
    section.codecs.first().and_then(|first| section.codec(first.codec)).cloned()
}

fn known_extensions(section: &Section) -> BTreeMap<u8, String> {
    let known = |uri: &str| STANDARD_EXTENSIONS.iter().any(|(_, standard)| *standard == uri);
    section.extensions.iter().filter(|(_, uri)| known(uri)).map(|(id, uri)| (*id, uri.clone())).collect()
}

/// The place that a section of a viewer's offer has for a stream.
fn place(section: &Section) -> Option<WatchSection> {
    let kind = section.kind().filter(|_| !section.rejected && section.direction.receives())?;
    let mut codecs = Vec::new();
    for listed in &section.codecs {
        let best = section.codec(listed.codec)?;
        if !codecs.contains(best) {
            codecs.push(best.clone());
        }
    }
    Some(WatchSection { mid: section.mid.clone(), kind, codecs, extensions: known_extensions(section) })
}

fn sent(section: &Section, streams: &[ReceiveParameters], publisher: &str) -> Answered {
    let stream = streams.iter().find(|stream| stream.mid.as_deref() == Some(&section.mid));
    let Some((stream, codec, ssrc)) = stream.and_then(|s| Some((s, s.codecs.first()?, s.ssrc?))) else {
        return Answered::Rejected;
    };
    Answered::Send(SendParameters {
        media: stream.track.as_ref().map_or_else(|| section.media.clone(), |track| track.media.clone()),
        mid: section.mid.clone(),
        codec: codec.clone(),
        ssrc,
        rtx_ssrc: stream.rtx_ssrc,
        cname: publisher.to_owned(),
        extensions: stream.extensions.clone(),
        layers: Vec::new(),
    })
}

async fn joined(line: &mut Line) -> Result<TransportParameters, Problem> {
    match hear(line).await? {
        ServerMessage::Joined { transport, roster: _ } => Ok(transport),
        ServerMessage::Refused { reason, detail } => Err(Problem::refused(reason, detail)),
        _ => Err(gone()),
    }
}

async fn hear(line: &mut Line) -> Result<ServerMessage, Problem> {
    match tokio::time::timeout(PATIENCE, line.hears.recv()).await {
        Ok(Some(Heard::Said(said))) => Ok(said.message.clone()),
        Ok(Some(Heard::NotLive)) => Err(Problem::new(StatusCode::CONFLICT, "nothing that you could play is published")),
        Ok(Some(Heard::Closed) | None) => Err(gone()),
        Err(_) => {
            line.door.send(Command::Disconnect(line.connection));
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the media worker does not answer"))
        }
    }
}

fn gone() -> Problem {
    Problem::new(StatusCode::CONFLICT, "another entry under this name came first")
}

fn no_session() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such session, or none any more")
}

fn created(
    desk: &Arc<Desk>,
    line: Line,
    offer: &Description,
    transport: &TransportParameters,
    answered: &[Answered],
) -> Result<Response, Problem> {
    let name = unguessable()?;
    let tag = format!("\"{}\"", transport.ufrag);
    let session_id = line.connection.0;
    let session = Session { connection: line.connection, door: line.door.clone(), tag: tag.clone(), restarting: None };
    desk.sessions.lock().expect("no handler panics while it holds the sessions").insert(name.clone(), session);
    tokio::spawn(outlive(Arc::clone(desk), line, name.clone()));
    let answer = sdp::answer(&sdp::AnswerSpec { session_id, transport, offer, sections: answered });
    let fields =
        [(header::CONTENT_TYPE, SDP.to_owned()), (header::LOCATION, format!("/session/{name}")), (header::ETAG, tag)];
    Ok((StatusCode::CREATED, fields, answer).into_response())
}

/// Listens until the session is over, and forgets it.
async fn outlive(desk: Arc<Desk>, mut line: Line, name: String) {
    loop {
        match line.hears.recv().await {
            None | Some(Heard::Closed) => break,
            Some(Heard::Said(said)) => {
                let ServerMessage::Restarted { transport } = &said.message else { continue };
                let mut sessions = desk.sessions.lock().expect("no handler panics while it holds the sessions");
                let Some(session) = sessions.get_mut(&name) else { continue };
                session.tag = format!("\"{}\"", transport.ufrag);
                if let Some(waiting) = session.restarting.take() {
                    // Whoever asked may have gone.
                    let _ = waiting.send(transport.clone());
                }
            }
            Some(Heard::NotLive) => {}
        }
    }
    desk.sessions.lock().expect("no handler panics while it holds the sessions").remove(&name);
}

/// A name that nobody guesses: 128 random bits.
fn unguessable() -> Result<String, Problem> {
    let mut bits = [0; 16];
    let problem = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the machine has no randomness");
    aws_lc_rs::rand::fill(&mut bits).map_err(problem)?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}
