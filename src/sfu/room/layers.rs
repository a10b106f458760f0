//! Who gets which layer of what, be it a stream of its own (simulcast) or a spatial layer of one stream (SVC): by what a subscriber asks for, what the way to it carries, and what is there.
//!
//! Twice a second, and whenever something changes, each subscriber's estimate is shared among its streams: every one has
//! its lowest step first, then all rise in turn, step by step, as far as it carries them. A step up must fit with a tenth
//! to spare, so that a stream does not swing between two. A layer that nobody takes for [`IDLE`] is paused at its
//! publisher; the lowest never is, so that whoever comes has a picture soon and the publisher hears of its packets.

use super::forward::Track;
use super::meter::Meter;
use super::route::Route;
use super::timers::Timer;
use super::{LegCommand, LegId, Rooms, StreamId, TrackId};
use crate::clock::{Duration, Instant};
use crate::conference::TrackName;
use crate::conference::protocol::{LayerChoice, Refusal, ServerMessage};
use crate::units::Bitrate;

/// How often rates are read and layers shared anew.
pub(super) const REVIEW_INTERVAL: Duration = Duration::from_millis(500);
/// How long nobody takes a layer until its publisher is told.
pub const IDLE: Duration = Duration::from_secs(2);
/// A step up takes this many hundredths of its rate.
const UPWARD: u64 = 110;

/// Every temporal layer that there is.
const ALL: u8 = u8::MAX;

/// One step of a stream: level, temporal layer, and the rate of both.
type Step = (u8, u8, u64);

impl Rooms {
    /// A subscriber asks for a layer of a track.
    pub(super) fn choose_layer(&mut self, now: Instant, leg: LegId, name: &TrackName, choice: LayerChoice) {
        let found =
            self.find_track(leg, name).and_then(|track| Some((track, self.members[leg.index()].stream_of(track)?)));
        let Some((track, stream)) = found else {
            let connection = self.members[leg.index()].connection;
            return self.refuse(connection, Refusal::Malformed, "no track of that name is subscribed to");
        };
        let route = self.tracks[track.index()].route_mut(leg, stream);
        if let Some(aim) = route.and_then(Route::aim_mut) {
            aim.choice = choice;
            self.share(now, leg);
        }
    }

    /// Rates and layers of a track are looked at again.
    pub(super) fn review(&mut self, now: Instant, track: TrackId) {
        let entry = &mut self.tracks[track.index()];
        entry.tick(now);
        let mut legs: Vec<LegId> = entry.routes.iter().filter(|route| route.active).map(|route| route.leg).collect();
        legs.sort_unstable();
        legs.dedup();
        for leg in legs {
            self.share(now, leg);
        }
        self.tell_wanted(now, track);
        self.timers.set(now + REVIEW_INTERVAL, Timer::Layers(track));
    }

    /// Shares what the way to a subscriber carries among its streams.
    pub(super) fn share(&mut self, now: Instant, leg: LegId) {
        let member = &self.members[leg.index()];
        let (estimate, all) = (member.estimate, member.streams().collect::<Vec<_>>());
        let mut plain = 0;
        let mut streams: Vec<(StreamId, TrackId, Vec<Step>, usize)> = Vec::new();
        for (stream, track) in all {
            let entry = &mut self.tracks[track.index()];
            let Some(route) = entry.route(leg, stream).filter(|route| route.active) else { continue };
            let Some(aim) = route.aim() else {
                entry.streams[0].meter.tick(now);
                plain += entry.streams[0].meter.up_to(u8::MAX).map_or(0, Bitrate::bps);
                continue;
            };
            let (wanted, limit) = (aim.wanted, limit(aim.choice, entry.levels()));
            let steps = steps(entry, limit);
            let current = steps.iter().rposition(|step| (step.0, step.1) <= wanted).unwrap_or(0);
            streams.push((stream, track, steps, current));
        }
        let most: u64 =
            plain + streams.iter().filter_map(|(_, _, steps, _)| steps.last()).map(|step| step.2).sum::<u64>();
        let budget = estimate.map_or(u64::MAX, |estimate| estimate.bps().saturating_sub(plain));
        let chosen = climb(&streams, budget);
        for ((stream, track, steps, _), at) in streams.iter().zip(chosen) {
            let (layer, temporal, _) = steps[at];
            self.aim(now, *track, leg, *stream, (layer, temporal));
        }
        self.desire(leg, Bitrate(most));
    }

    /// Tells the leg how much it would be sent if it could, where that is worth telling.
    fn desire(&mut self, leg: LegId, most: Bitrate) {
        let member = &mut self.members[leg.index()];
        let differs = most.bps().abs_diff(member.desired.bps()) * 20 > member.desired.bps();
        if self.config.estimates && differs {
            member.desired = most;
            self.command(leg, LegCommand::Desire(most));
        }
    }

    /// A subscriber is to get this layer, or the next best that is there, from its next keyframe on.
    fn aim(&mut self, now: Instant, track: TrackId, leg: LegId, stream: StreamId, wanted: (u8, u8)) {
        let entry = &mut self.tracks[track.index()];
        let is_live = |layer: &u8| entry.is_live(*layer, now);
        let below = (0..=wanted.0).rev().find(is_live);
        let top = entry.levels() as u8 - 1;
        let target = below.or_else(|| (wanted.0..=top).find(is_live)).unwrap_or(wanted.0);
        let is_stalled = |layer: u8| entry.is_layered() && entry.streams[usize::from(layer)].is_stalled(now);
        let instead = wanted.0.checked_sub(1).filter(|_| is_stalled(wanted.0));
        let sleeps = |layer: u8| entry.told.get(usize::from(layer)) == Some(&false);
        let wakes = sleeps(wanted.0) || instead.is_some_and(sleeps);
        let is_layered = entry.is_layered();
        let Some(route) = entry.route_mut(leg, stream) else { return };
        let Some(aim) = route.aim_mut() else { return };
        (aim.wanted, aim.target, aim.top) = (wanted, target, top);
        let waits = route.waits();
        if wakes {
            self.tell_wanted(now, track);
        }
        if waits {
            self.want_keyframe(now, track, if is_layered { target } else { 0 });
        }
    }

    /// Tells a publisher which layers somebody takes, where that has changed: at once when one is wanted again, after a
    /// while when one no longer is.
    fn tell_wanted(&mut self, now: Instant, track: TrackId) {
        let entry = &mut self.tracks[track.index()];
        let mut told = entry.told.clone();
        for (layer, told) in told.iter_mut().enumerate() {
            let stalled: Vec<bool> = entry.streams.iter().map(|stream| stream.is_stalled(now)).collect();
            // Where the wanted one has stopped by itself, the one below it is taken meanwhile.
            let takes = |route: &Route| {
                route.aim().is_some_and(|aim| {
                    let wanted = usize::from(aim.wanted.0);
                    wanted == layer
                        || route.layer().map(usize::from) == Some(layer)
                        || wanted == layer + 1 && stalled[wanted]
                })
            };
            let taken = layer == 0 || entry.routes.iter().any(takes);
            let stream = &mut entry.streams[layer];
            if taken {
                (stream.idle, *told) = (None, true);
            } else if now >= *stream.idle.get_or_insert(now) + IDLE {
                *told = false;
            }
        }
        if told == entry.told {
            return;
        }
        for (stream, told) in entry.streams.iter_mut().zip(&told) {
            if !told {
                stream.stop();
            }
        }
        let layers = entry.parameters.layers.iter().zip(&told);
        let wanted = layers.filter(|(_, told)| **told).map(|(layer, _)| layer.rid.clone()).collect();
        let (media, owner) = (entry.name.media.clone(), entry.owner);
        entry.told = told;
        self.tell(owner, ServerMessage::Layers { media, wanted });
    }
}

/// The highest of so many levels, and the highest temporal layer, that a choice allows.
fn limit(choice: LayerChoice, levels: usize) -> (u8, u8) {
    let top = levels as u8 - 1;
    match choice {
        LayerChoice::Low => (0, ALL),
        LayerChoice::Mid => (levels as u8 / 2, ALL),
        LayerChoice::Auto | LayerChoice::High => (top, ALL),
        LayerChoice::Svc { spatial, temporal } => (spatial.min(top), temporal),
    }
}

/// The steps of a track up to a level and a temporal layer: of the lowest level its temporal layers one by one, of each other
/// all at once. A level whose rate nobody knows has that which its publisher announced.
fn steps(track: &Track, (limit, most): (u8, u8)) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for level in 0..=limit {
        let announced =
            track.parameters.layers.get(usize::from(level)).and_then(|layer| layer.max_bitrate).unwrap_or(0);
        let meter = track.meter(usize::from(level));
        let top = meter.map_or(0, Meter::top).min(most);
        let temporal = if level == 0 { 0..=top } else { most..=most };
        for temporal in temporal {
            let rate = meter.and_then(|meter| meter.up_to(temporal)).map_or(announced, Bitrate::bps);
            // The last step of the lowest level is all of it, whatever comes to be in it.
            steps.push((level, if level == 0 && temporal == top { most } else { temporal }, rate));
        }
    }
    steps
}

/// How far each stream gets with a budget: all by one step in turn, those that stand higher already without the tenth.
fn climb(streams: &[(StreamId, TrackId, Vec<Step>, usize)], budget: u64) -> Vec<usize> {
    let mut at = vec![0; streams.len()];
    let mut left = budget.saturating_sub(streams.iter().map(|(_, _, steps, _)| steps[0].2).sum());
    loop {
        let mut rose = false;
        for ((_, _, steps, current), at) in streams.iter().zip(&mut at) {
            let Some(next) = steps.get(*at + 1) else { continue };
            let more = next.2.saturating_sub(steps[*at].2);
            let spare = if *at + 1 > *current { next.2.saturating_mul(UPWARD - 100) / 100 } else { 0 };
            if more.saturating_add(spare) <= left {
                left -= more;
                *at += 1;
                rose = true;
            }
        }
        if !rose {
            return at;
        }
    }
}
