//! One participant's story, event by event: what it said and heard, what its links did, and what was measured of it.
//!
//! It is told what passes between the participant and the world around it, and writes a line for each, in virtual time.
//! Samples that come with every packet are left out: packets have lines of their own.

use crate::client::{Client, Order, Sink};
use crate::clock::Instant;
use crate::conference::protocol::{ClientMessage, ServerMessage};
use crate::metrics::catalog::{Metric, Unit};
use crate::metrics::recorder::{Sample, Watched};
use crate::outcome::LinkOutcome;
use crate::outcome::words::exact;
use crate::rtp::header::{Kind, View};
use crate::signalling::{Carried, Carry};
use std::collections::BTreeMap;

/// The story of one participant.
#[derive(Debug)]
pub(super) struct Story {
    client: u32,
    lines: Vec<String>,
    /// What its links had lost, dropped and doubled, by direction and class.
    links: BTreeMap<(String, String), [u64; 3]>,
}

impl Story {
    /// The story of the participant with this index.
    pub const fn new(client: u32) -> Self {
        Self { client, lines: Vec::new(), links: BTreeMap::new() }
    }

    /// Whether it is this participant's.
    pub const fn is_of(&self, client: u32) -> bool {
        self.client == client
    }

    /// The lines so far.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    fn line(&mut self, at: Instant, who: &str, what: &str) {
        let (millis, micros) = (at.as_millis(), at.as_micros() % 1_000);
        self.lines.push(format!("{:>6}.{:03} {micros:03}  {who:<8} {what}", millis / 1_000, millis % 1_000));
    }

    /// The participant is about to be told something.
    pub fn begin(&mut self, sink: &mut Sink) {
        sink.recorder.watch();
    }

    /// It was told.
    pub fn end(&mut self, at: Instant, sink: &mut Sink, client: &Client) {
        for link in client.links() {
            self.compare(at, &link);
        }
        for watched in sink.recorder.take_watched() {
            if tells(watched.metric) {
                self.line(at, "measured", &measured(&watched));
            }
        }
    }

    fn compare(&mut self, at: Instant, link: &LinkOutcome) {
        let now = [link.lost, link.overflowed, link.duplicated];
        let before = self.links.insert((link.direction.clone(), link.class.clone()), now).unwrap_or_default();
        for ((now, before), what) in now.iter().zip(before).zip(["lost", "dropped by the queue", "duplicated"]) {
            let more = now - before;
            if more > 0 {
                let text = format!("{}: {more} {} packet{} {what}", link.direction, link.class, plural(more));
                self.line(at, "link", &text);
            }
        }
    }

    /// It wants something done.
    pub fn order(&mut self, at: Instant, order: &Order) {
        let text = match order {
            Order::Bind { leg } => format!("binds the socket of leg {leg}"),
            Order::Unbind { leg } => format!("closes the socket of leg {leg}"),
            Order::Rebind { leg } => format!("leg {leg} appears under another port"),
            Order::Connect { .. } => return,
            Order::Carry { carry: Carry::Open { .. }, .. } => "opens its WebSocket".to_owned(),
            Order::Carry { carry: Carry::Close, .. } => "closes its WebSocket".to_owned(),
            Order::Carry { carry: Carry::Abort, .. } => "its WebSocket breaks".to_owned(),
            Order::Carry { carry: Carry::Text(text), .. } => said(text),
            Order::Carry { carry: Carry::Request(request), .. } => format!("{:?} {}", request.method, request.url),
        };
        self.line(at, "signals", &text);
    }

    /// Something comes to it over signalling, and enters its downlink.
    pub fn heard(&mut self, at: Instant, carried: &Carried) {
        let text = match carried {
            Carried::Opened => "the WebSocket is open".to_owned(),
            Carried::Text(text) => heard(text),
            Carried::Closed { reason, .. } => format!("the WebSocket is closed: {reason}"),
            Carried::Response(response) => format!("status {}", response.status),
            Carried::RequestFailed { reason, .. } => format!("no answer: {reason}"),
        };
        self.line(at, "hears", &text);
    }

    /// A datagram left its uplink.
    pub fn sent(&mut self, at: Instant, bytes: &[u8]) {
        self.line(at, "sends", &datagram(bytes));
    }

    /// A datagram enters its downlink.
    pub fn arrived(&mut self, at: Instant, bytes: &[u8]) {
        self.line(at, "is sent", &datagram(bytes));
    }
}

/// Whether a metric's samples are events, and not as many as packets.
fn tells(metric: Metric) -> bool {
    let name = metric.name();
    let by_packet = [
        Metric::RtpPacketsSent,
        Metric::RtpBytesSent,
        Metric::RtpPacketsReceived,
        Metric::RtpBytesReceived,
        Metric::RtpInterarrival,
        Metric::RtpReorder,
        Metric::RtpLossNet,
        Metric::RtpLossResidual,
        Metric::RtpLossLate,
        Metric::VideoIfd,
        Metric::VideoAssembly,
        Metric::SfuForwardDelay,
    ];
    !name.starts_with("harness.") && !name.starts_with("net.") && !by_packet.contains(&metric)
}

fn measured(watched: &Watched) -> String {
    let spec = watched.metric.spec();
    let unit = spec.unit.name();
    match watched.sample {
        Sample::Value(value) => format!("{} {}", spec.name, exact(value, unit)),
        Sample::Censored(waited) => format!("{} given up after {}", spec.name, exact(waited, Unit::Seconds.name())),
        Sample::Count(count) => format!("{} +{count}", spec.name),
        Sample::Share(part, whole) => format!("{} {part} of {whole}", spec.name),
    }
}

/// A datagram in a few words.
fn datagram(bytes: &[u8]) -> String {
    let len = bytes.len();
    match Kind::of(bytes) {
        Kind::Stun => {
            let what = if bytes[0] == 0 { "request" } else { "response" };
            format!("STUN binding {what}, {len} bytes")
        }
        Kind::Dtls => format!("DTLS, {len} bytes"),
        Kind::Rtcp => format!("RTCP, {len} bytes"),
        Kind::Rtp => match View::parse(bytes) {
            Some(view) => {
                let marker = if view.marker() { ", marker" } else { "" };
                let (ssrc, sequence, time) = (view.ssrc(), view.sequence(), view.rtp_time());
                format!("RTP {ssrc:08x} #{sequence} pt {} at {time}{marker}, {len} bytes", view.payload_type())
            }
            None => format!("malformed RTP, {len} bytes"),
        },
        Kind::Other => format!("{len} bytes of nothing known"),
    }
}

fn said(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(ClientMessage::Join { room, publish, .. }) => format!("join {room}, publishing {} tracks", publish.len()),
        Ok(ClientMessage::Publish { track }) => format!("publish {}", track.media),
        Ok(ClientMessage::Unpublish { media }) => format!("unpublish {media}"),
        Ok(ClientMessage::Subscribe { tracks }) => format!("subscribe to {}", names(tracks.iter())),
        Ok(ClientMessage::Unsubscribe { tracks }) => format!("unsubscribe from {}", names(tracks.iter())),
        Ok(ClientMessage::Mute { media, muted }) => format!("{} {media}", if muted { "mute" } else { "unmute" }),
        Ok(ClientMessage::Restart { .. }) => "restart ICE".to_owned(),
        Ok(ClientMessage::Leave) => "leave".to_owned(),
        Err(_) => text.to_owned(),
    }
}

fn heard(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(ServerMessage::Joined { roster, .. }) => format!("joined, {} others are there", roster.len()),
        Ok(ServerMessage::Subscribed { streams }) => {
            format!("subscribed: {}", names(streams.iter().filter_map(|stream| stream.track.as_ref())))
        }
        Ok(message) => serde_json::to_string(&message).unwrap_or_default(),
        Err(_) => text.to_owned(),
    }
}

fn names<'a>(tracks: impl Iterator<Item = &'a crate::conference::TrackName>) -> String {
    tracks.map(|track| format!("{}/{}", track.participant, track.media)).collect::<Vec<_>>().join(", ")
}

const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
