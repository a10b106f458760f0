//! Where packets go: a track's subscribers, and the throttle of keyframe requests.
//!
//! This is the path of every packet. It looks nothing up by name and allocates nothing once `out` has grown.

use super::meter::Meter;
use super::offered::{Forward, Offered};
use super::route::{Layered, Route};
use super::speakers::Voice;
use super::timers::Timer;
use super::{KEYFRAME_INTERVAL, LegCommand, LegId, Rooms, StreamId, TrackId};
use crate::clock::{Duration, Instant};
use crate::conference::protocol::RosterTrack;
use crate::conference::{MediaKind, SendParameters, TrackName};

/// A layer of which nothing comes for so long is not there; one with less than four frames in that time is given four.
const SILENCE: Duration = Duration::from_secs(1);

/// A published track.
#[derive(Debug)]
pub(super) struct Track {
    pub owner: LegId,
    pub name: TrackName,
    pub parameters: SendParameters,
    pub muted: bool,
    pub voice: Voice,
    pub routes: Vec<Route>,
    /// Its simulcast layers, the lowest first; one where there is one stream.
    pub streams: Vec<Stream>,
    /// Which layers the publisher was told that somebody takes.
    pub told: Vec<bool>,
}

/// One layer as it comes from the publisher.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub meter: Meter,
    keyframe_asked: Option<Instant>,
    /// When a packet of it came last, and the longest pause between two frames lately.
    heard: Option<Instant>,
    pause: Duration,
    frame: u32,
    highest: u64,
    /// Since when nobody takes it.
    pub idle: Option<Instant>,
}

impl Stream {
    /// Notes a packet; whether no later one of the layer came before it.
    fn note(&mut self, packet: &Offered) -> bool {
        if self.frame != packet.rtp_time || self.heard.is_none() {
            let gap = self.heard.map_or(Duration::ZERO, |heard| packet.arrival.saturating_since(heard));
            self.pause = gap.max(self.pause - self.pause / 8).min(SILENCE * 4);
            self.frame = packet.rtp_time;
        }
        self.heard = Some(packet.arrival);
        self.meter.note(packet.arrival, packet.place.map_or(0, |place| place.temporal), packet.bytes);
        let is_newest = packet.sequence >= self.highest;
        self.highest = self.highest.max(packet.sequence);
        is_newest
    }

    /// Whether it is being sent.
    pub fn is_live(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.saturating_since(heard) < SILENCE.max(self.pause * 4))
    }

    /// Whether it was being sent, and nobody told its publisher to stop.
    pub fn is_stalled(&self, now: Instant) -> bool {
        self.heard.is_some() && !self.is_live(now)
    }

    /// The publisher stops sending it.
    pub fn stop(&mut self) {
        (self.heard, self.pause) = (None, Duration::ZERO);
        self.meter.stop();
    }
}

impl Track {
    pub fn new(owner: LegId, name: TrackName, parameters: SendParameters) -> Self {
        let layers = parameters.layers.len();
        let streams = (0..layers.max(1)).map(|_| Stream::default()).collect();
        Self {
            owner,
            name,
            parameters,
            muted: false,
            voice: Voice::default(),
            routes: Vec::new(),
            streams,
            told: vec![true; layers],
        }
    }

    pub fn kind(&self) -> MediaKind {
        self.parameters.codec.codec.kind()
    }

    /// Whether subscribers can get it in one layer or another.
    pub fn is_layered(&self) -> bool {
        !self.parameters.layers.is_empty()
    }

    pub fn roster_track(&self) -> RosterTrack {
        let codec = self.parameters.codec.codec;
        RosterTrack { media: self.name.media.clone(), kind: codec.kind(), codec, muted: self.muted }
    }

    pub fn subscribers(&self) -> impl Iterator<Item = (LegId, StreamId)> + '_ {
        self.routes.iter().map(|route| (route.leg, route.stream))
    }

    pub fn add_route(&mut self, leg: LegId, stream: StreamId, first_sequence: u64, active: bool) {
        self.routes.push(if self.is_layered() {
            let (rate, top) = (self.parameters.codec.codec.clock_rate(), self.streams.len() as u8 - 1);
            Route::layered(leg, stream, Layered::new(first_sequence, rate, top), active)
        } else {
            Route::plain(leg, stream, first_sequence, active)
        });
    }

    pub fn remove_route(&mut self, leg: LegId, stream: StreamId) {
        self.routes.retain(|route| (route.leg, route.stream) != (leg, stream));
    }

    pub fn route(&self, leg: LegId, stream: StreamId) -> Option<&Route> {
        self.routes.iter().find(|route| (route.leg, route.stream) == (leg, stream))
    }

    pub fn route_mut(&mut self, leg: LegId, stream: StreamId) -> Option<&mut Route> {
        self.routes.iter_mut().find(|route| (route.leg, route.stream) == (leg, stream))
    }

    pub fn activate(&mut self, leg: LegId, stream: StreamId) {
        if let Some(route) = self.route_mut(leg, stream) {
            route.active = true;
        }
    }
}

impl Rooms {
    /// Tells where a packet goes, each copy into `out`. What is older than a subscriber's first packet does not reach it.
    pub fn forward(&mut self, packet: &Offered, out: &mut Vec<Forward>) {
        let Some(entry) = self.tracks.get_mut(packet.track.index()) else { return };
        let Some(stream) = entry.streams.get_mut(usize::from(packet.layer)) else { return };
        // Who begins with a keyframe that comes after its own other packets would miss those.
        let begins = stream.note(packet) && packet.keyframe;
        let packet = &Offered { keyframe: begins, ..*packet };
        for route in entry.routes.iter_mut().filter(|route| route.active) {
            #[cfg(test)]
            let taken = super::defect::take(self.config.defect, route, packet);
            #[cfg(not(test))]
            let taken = route.take(packet);
            if let Some(numbers) = taken {
                out.push(Forward { leg: route.leg, stream: route.stream, numbers });
            }
        }
        if packet.keyframe {
            self.timers.cancel(Timer::Keyframe(packet.track, packet.layer));
        }
    }

    /// Asks for a keyframe of a layer now, or when the throttle allows: one request at a time.
    pub(super) fn want_keyframe(&mut self, now: Instant, track: TrackId, layer: u8) {
        let entry = &self.tracks[track.index()];
        let Some(stream) = entry.streams.get(usize::from(layer)).filter(|_| entry.kind() == MediaKind::Video) else {
            return;
        };
        match stream.keyframe_asked.map(|asked| asked + KEYFRAME_INTERVAL) {
            Some(allowed) if allowed > now => self.timers.set(allowed, Timer::Keyframe(track, layer)),
            _ => self.keyframe_due(now, track, layer),
        }
    }

    /// Asks for a keyframe of what a subscriber gets, or is about to.
    pub(super) fn want_keyframe_for(&mut self, now: Instant, track: TrackId, leg: LegId, stream: StreamId) {
        let layered = self.tracks[track.index()].route(leg, stream).and_then(Route::layers);
        let layer = layered.map_or(0, |layered| layered.layer().unwrap_or(layered.target));
        self.want_keyframe(now, track, layer);
    }

    pub(super) fn keyframe_due(&mut self, now: Instant, track: TrackId, layer: u8) {
        let entry = &mut self.tracks[track.index()];
        entry.streams[usize::from(layer)].keyframe_asked = Some(now);
        let owner = entry.owner;
        self.command(owner, LegCommand::Keyframe { track, layer });
    }
}
