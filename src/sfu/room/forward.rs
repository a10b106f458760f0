//! Where packets go: a track's subscribers, and the throttle of keyframe requests.
//!
//! This is the path of every packet. It looks nothing up by name and allocates nothing once `out` has grown.

use super::meter::Meter;
use super::offered::{Forward, Offered};
use super::renumber::Renumberer;
use super::route::Route;
use super::speakers::Voice;
use super::timers::Timer;
use super::{KEYFRAME_INTERVAL, LegCommand, LegId, Rooms, StreamId, TrackId};
use crate::clock::{Duration, Instant};
use crate::conference::protocol::RosterTrack;
use crate::conference::{Codec, MediaKind, SendParameters, TrackName};
use crate::media::source::has_spatial_layers;

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
    /// Of one stream that may have spatial layers in itself, those that were seen, the lowest first.
    pub spatial: Vec<Spatial>,
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

/// One spatial layer of a stream.
#[derive(Debug, Default)]
pub(super) struct Spatial {
    /// What who is shown this layer gets.
    pub meter: Meter,
    heard: Option<Instant>,
}

/// Spatial layers that are told apart (three bits in a descriptor of VP9).
const SPATIAL: usize = 8;

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
            spatial: Vec::new(),
            told: vec![true; layers],
        }
    }

    pub fn kind(&self) -> MediaKind {
        self.parameters.codec.codec.kind()
    }

    /// Whether it comes in several streams.
    pub fn is_layered(&self) -> bool {
        !self.parameters.layers.is_empty()
    }

    /// Whether it comes in one stream that may have spatial layers in itself.
    pub fn is_scalable(&self) -> bool {
        !self.is_layered() && has_spatial_layers(self.parameters.codec.codec)
    }

    /// How many levels there are: streams, or spatial layers of one; at least one.
    pub fn levels(&self) -> usize {
        if self.is_layered() { self.streams.len() } else { self.spatial.len().max(1) }
    }

    /// What a level takes, with all that it needs of those below.
    pub fn meter(&self, level: usize) -> Option<&Meter> {
        if self.is_layered() {
            return self.streams.get(level).map(|stream| &stream.meter);
        }
        self.spatial.get(level).map(|spatial| &spatial.meter)
    }

    /// Whether a level is being sent.
    pub fn is_live(&self, level: u8, now: Instant) -> bool {
        let stream = |index: usize| self.streams.get(index).is_some_and(|stream| stream.is_live(now));
        if self.is_layered() {
            return stream(usize::from(level));
        }
        let heard = self.spatial.get(usize::from(level)).and_then(|spatial| spatial.heard);
        stream(0) && heard.is_some_and(|heard| now.saturating_since(heard) < SILENCE.max(self.streams[0].pause * 4))
    }

    /// Ends the windows of its rates where they are long enough.
    pub fn tick(&mut self, now: Instant) {
        self.streams.iter_mut().for_each(|stream| stream.meter.tick(now));
        self.spatial.iter_mut().for_each(|spatial| spatial.meter.tick(now));
    }

    /// A packet of one stream that may have spatial layers.
    fn note_spatial(&mut self, packet: &Offered) {
        let place = packet.place.unwrap_or_default();
        let at = usize::from(place.spatial).min(SPATIAL - 1);
        if self.spatial.len() <= at {
            self.spatial.resize_with(at + 1, Spatial::default);
        }
        self.spatial[at].heard = Some(packet.arrival);
        let reach = if place.needed_above { self.spatial.len() } else { at + 1 };
        for spatial in &mut self.spatial[at..reach] {
            spatial.meter.note(packet.arrival, place.temporal, packet.bytes);
        }
    }

    pub fn roster_track(&self) -> RosterTrack {
        let codec = self.parameters.codec.codec;
        RosterTrack { media: self.name.media.clone(), kind: codec.kind(), codec, muted: self.muted }
    }

    pub fn subscribers(&self) -> impl Iterator<Item = (LegId, StreamId)> + '_ {
        self.routes.iter().map(|route| (route.leg, route.stream))
    }

    pub fn add_route(&mut self, leg: LegId, stream: StreamId, first_sequence: u64, active: bool) {
        let codec = self.parameters.codec.codec;
        let numbers = Renumberer::new(first_sequence, codec.clock_rate(), codec == Codec::Vp8);
        self.routes.push(if self.is_layered() {
            Route::layered(leg, stream, numbers, self.streams.len() as u8 - 1, active)
        } else if self.is_scalable() {
            Route::scalable(leg, stream, numbers, active)
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
        if entry.is_scalable() {
            entry.note_spatial(packet);
        }
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
        let layer = self.tracks[track.index()].route(leg, stream).map_or(0, Route::source);
        self.want_keyframe(now, track, layer);
    }

    pub(super) fn keyframe_due(&mut self, now: Instant, track: TrackId, layer: u8) {
        let entry = &mut self.tracks[track.index()];
        entry.streams[usize::from(layer)].keyframe_asked = Some(now);
        let owner = entry.owner;
        self.command(owner, LegCommand::Keyframe { track, layer });
    }
}
