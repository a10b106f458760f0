//! Where packets go: a track's subscribers, their sequence numbers, and the throttle of keyframe requests.
//!
//! This is the path of every packet. It looks nothing up by name and allocates nothing once `out` has grown.

use super::speakers::Voice;
use super::timers::Timer;
use super::{KEYFRAME_INTERVAL, LegCommand, LegId, Rooms, StreamId, TrackId};
use crate::clock::Instant;
use crate::conference::protocol::RosterTrack;
use crate::conference::{MediaKind, SendParameters, TrackName};

/// One copy of a packet to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forward {
    /// To whom.
    pub leg: LegId,
    /// As which stream.
    pub stream: StreamId,
    /// Its extended sequence number in that stream: 65,536 times the roll-overs, plus what stands in the header.
    pub sequence: u64,
}

/// A published track.
#[derive(Debug)]
pub(super) struct Track {
    pub owner: LegId,
    pub name: TrackName,
    pub parameters: SendParameters,
    pub muted: bool,
    pub voice: Voice,
    routes: Vec<Route>,
    keyframe_asked: Option<Instant>,
}

#[derive(Debug)]
struct Route {
    leg: LegId,
    stream: StreamId,
    active: bool,
    /// The subscriber's first sequence number, and the publisher's that became it.
    first_sequence: u64,
    base: Option<u64>,
}

impl Track {
    pub fn new(owner: LegId, name: TrackName, parameters: SendParameters) -> Self {
        Self {
            owner,
            name,
            parameters,
            muted: false,
            voice: Voice::default(),
            routes: Vec::new(),
            keyframe_asked: None,
        }
    }

    pub fn kind(&self) -> MediaKind {
        self.parameters.codec.codec.kind()
    }

    pub fn roster_track(&self) -> RosterTrack {
        let codec = self.parameters.codec.codec;
        RosterTrack { media: self.name.media.clone(), kind: codec.kind(), codec, muted: self.muted }
    }

    pub fn subscribers(&self) -> impl Iterator<Item = (LegId, StreamId)> + '_ {
        self.routes.iter().map(|route| (route.leg, route.stream))
    }

    pub fn add_route(&mut self, leg: LegId, stream: StreamId, first_sequence: u64, active: bool) {
        self.routes.push(Route { leg, stream, active, first_sequence, base: None });
    }

    pub fn remove_route(&mut self, leg: LegId, stream: StreamId) {
        self.routes.retain(|route| (route.leg, route.stream) != (leg, stream));
    }

    pub fn activate(&mut self, leg: LegId, stream: StreamId) {
        let route = self.routes.iter_mut().find(|route| (route.leg, route.stream) == (leg, stream));
        if let Some(route) = route {
            route.active = true;
        }
    }
}

impl Rooms {
    /// Tells where a packet of `track` goes, each copy into `out`. `sequence` is the publisher's extended sequence
    /// number; what is older than a subscriber's first packet does not reach it. `keyframe`: the packet begins one.
    pub fn forward(&mut self, track: TrackId, sequence: u64, keyframe: bool, out: &mut Vec<Forward>) {
        let Some(entry) = self.tracks.get_mut(track.index()) else { return };
        for route in entry.routes.iter_mut().filter(|route| route.active) {
            let base = *route.base.get_or_insert(sequence);
            if let Some(offset) = sequence.checked_sub(base) {
                out.push(Forward { leg: route.leg, stream: route.stream, sequence: route.first_sequence + offset });
            }
        }
        if keyframe {
            self.timers.cancel(Timer::Keyframe(track));
        }
    }

    /// Asks for a keyframe now, or when the throttle allows: one request at a time.
    pub(super) fn want_keyframe(&mut self, now: Instant, track: TrackId) {
        let entry = &self.tracks[track.index()];
        if entry.kind() != MediaKind::Video {
            return;
        }
        match entry.keyframe_asked.map(|asked| asked + KEYFRAME_INTERVAL) {
            Some(allowed) if allowed > now => self.timers.set(allowed, Timer::Keyframe(track)),
            _ => self.keyframe_due(now, track),
        }
    }

    pub(super) fn keyframe_due(&mut self, now: Instant, track: TrackId) {
        let entry = &mut self.tracks[track.index()];
        entry.keyframe_asked = Some(now);
        let owner = entry.owner;
        self.command(owner, LegCommand::Keyframe(track));
    }
}
