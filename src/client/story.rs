//! What became of a participant, kept for its line in the outcome: its first join, its scalars, its timeline.

use super::item::CLASS_NAMES;
use super::join::Join;
use super::network::Network;
use super::session::{Ended, Session};
use super::shared::Shared;
use crate::clock::Instant;
use crate::conference::{Cause, MediaKind};
use crate::metrics::catalog::{Kind, Metric};
use crate::outcome::{LinkOutcome, ParticipantDetail, Timeline, TrackDetail, Voice};
use crate::participant::Publication;
use crate::participant::publication::Produced;
use crate::participant::subscriber::Scalar;
use std::collections::BTreeMap;

/// What a client shows of itself once an interval.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Snapshot {
    /// It is in the room.
    pub in_room: bool,
    /// It is joining.
    pub joining: bool,
    /// Video streams that it watches.
    pub watching: u32,
    /// Video streams among them that were frozen during any part of the interval.
    pub frozen: u32,
    /// Share of the interval in which any was frozen.
    pub frozen_share: f32,
    /// Decodable frames per second, of all its video streams together.
    pub fps: f32,
    /// Share of the interval in which it spoke, and in which the SFU said so.
    pub voice: (f32, f32),
}

/// The story so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    arrival: Option<Instant>,
    sessions: u32,
    /// It was in the room at some time.
    has_joined: bool,
    first: Option<FirstJoin>,
    state: &'static str,
    tracks: BTreeMap<(String, &'static str), Track>,
    timeline: Timeline,
    /// Intervals before it first spoke.
    silent: u32,
    voice: Voice,
}

#[derive(Debug)]
struct FirstJoin {
    phases: Vec<(String, f64)>,
    total: Option<f64>,
    failure: Option<(Cause, String)>,
}

#[derive(Debug)]
struct Track {
    kind: MediaKind,
    codec: &'static str,
    scalars: Totals,
}

/// Totals by metric.
type Totals = BTreeMap<Metric, Total>;

impl Story {
    /// A session begins.
    pub fn begin(&mut self, intended: Instant) {
        self.arrival.get_or_insert(intended);
        self.sessions += 1;
        self.state = "joining";
    }

    /// One interval of the timeline ended.
    pub fn interval(&mut self, snapshot: Snapshot) {
        let watching = snapshot.watching > 0;
        self.timeline.fps.push(watching.then(|| snapshot.fps / snapshot.watching as f32));
        self.timeline.frozen.push(snapshot.frozen_share);
        let (talked, named) = snapshot.voice;
        // Most never speak: for them nothing is kept.
        if self.voice.talked.is_empty() && talked == 0.0 {
            self.silent += 1;
            return;
        }
        (0..std::mem::take(&mut self.silent)).for_each(|_| self.voice.push(0.0, 0.0));
        self.voice.push(talked, named);
    }

    /// A session ended.
    pub fn end(&mut self, session: &Session, ended: &Ended) {
        if self.first.is_none() {
            self.first = Some(first_join(&session.join, ended));
        }
        self.has_joined |= session.join.succeeded();
        self.state = match ended {
            // An attempt to come back is no join that failed: the session was lost.
            Ended::Failed(..) if self.has_joined => "lost",
            Ended::Failed(..) => "failed",
            Ended::Lost(..) => "lost",
            Ended::Left { .. } => "left",
            Ended::Run => "joined",
        };
        for leg in &session.legs {
            for publication in &leg.publications {
                self.add_publication(publication, session.window.is_over());
            }
            for past in &leg.received.past {
                let track = self.track(past.name.clone(), "receive", past.kind, past.codec);
                for &(metric, scalar) in &past.totals {
                    add(&mut track.scalars, metric, Total::of(metric, scalar));
                }
            }
            for incoming in &leg.received.streams {
                let name = incoming.name.clone();
                let codec = incoming.parameters.codecs.first().map_or("", |codec| codec.codec.name());
                let track = self.track(name, "receive", incoming.parameters.kind, codec);
                // What began after the measured window has nothing in it.
                let measured = !session.window.is_over() || incoming.totals.is_some();
                for (metric, scalar) in measured.then(|| incoming.totals()).into_iter().flatten() {
                    add(&mut track.scalars, metric, Total::of(metric, scalar));
                }
            }
        }
    }

    fn add_publication(&mut self, publication: &Publication, is_over: bool) {
        let codec = publication.parameters.codec.codec;
        let name = format!("{}/{}", publication.parameters.cname, publication.parameters.media);
        let sent = publication.totals.unwrap_or(if is_over { Produced::default() } else { publication.sent });
        let track = self.track(name, "send", codec.kind(), codec.name());
        let counts = [
            (Metric::RtpPacketsSent, sent.packets),
            (Metric::RtpBytesSent, sent.bytes),
            (Metric::VideoFramesPublished, if codec.kind() == MediaKind::Video { sent.frames } else { 0 }),
        ];
        for (metric, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
            add(&mut track.scalars, metric, Total::Count(n as f64));
        }
    }

    fn track(&mut self, name: String, direction: &'static str, kind: MediaKind, codec: &'static str) -> &mut Track {
        self.tracks.entry((name, direction)).or_insert_with(|| Track { kind, codec, scalars: Totals::new() })
    }

    /// Its line in the outcome.
    pub fn detail(&self, shared: &Shared, index: u32) -> ParticipantDetail {
        let plan = shared.participant(index);
        let mut all = Totals::new();
        let mut tracks = Vec::new();
        for ((name, direction), track) in &self.tracks {
            for (&metric, &total) in &track.scalars {
                add(&mut all, metric, total);
            }
            tracks.push(TrackDetail {
                track: name.clone(),
                direction: (*direction).to_owned(),
                kind: if track.kind == MediaKind::Video { "video" } else { "audio" }.to_owned(),
                codec: track.codec.to_owned(),
                scalars: values(&track.scalars),
            });
        }
        let first = self.first.as_ref();
        let failure = first.and_then(|first| first.failure.as_ref());
        ParticipantDetail {
            index,
            name: plan.name.clone(),
            population: shared.plan.populations[usize::from(plan.population)].name.clone(),
            network: shared.plan.networks[usize::from(plan.network)].name.clone(),
            room: shared.plan.rooms[plan.room as usize].name.clone(),
            kind: "light".to_owned(),
            state: if self.sessions == 0 { "never arrived" } else { self.state }.to_owned(),
            cause: failure.map(|(cause, _)| cause.name().to_owned()),
            detail: failure.map(|(_, detail)| detail.clone()),
            arrival: self.arrival.unwrap_or_default().as_secs_f64(),
            join: first.map(|first| first.phases.clone()).unwrap_or_default(),
            join_total: first.and_then(|first| first.total),
            sessions: self.sessions,
            scalars: values(&all),
            tracks,
            timeline: Some(self.timeline.clone()),
            voice: Some(self.voice.clone()).filter(|voice| voice.total() > 0.0),
        }
    }
}

fn first_join(join: &Join, ended: &Ended) -> FirstJoin {
    let phases =
        join.phases().into_iter().map(|(phase, length)| (phase.name().to_owned(), length.as_secs_f64())).collect();
    let failure = match ended {
        Ended::Failed(cause, detail) => Some((*cause, detail.clone())),
        Ended::Lost(..) | Ended::Left { .. } | Ended::Run => None,
    };
    let total = join.total().map(|total| total.as_secs_f64());
    // Who left before its join was over neither joined nor failed by itself: it counts as not joined.
    let failure = failure.or_else(|| {
        (total.is_none())
            .then(|| (Cause::stuck_in(join.stuck_in()), "its session was over before the join was".to_owned()))
    });
    FirstJoin { phases, total, failure }
}

/// A total over tracks: counts add up, parts of ratios are pooled, of means the unweighted mean is kept.
#[derive(Clone, Copy, Debug)]
enum Total {
    Count(f64),
    Share(u64, u64),
    Mean(f64, u32),
}

impl Total {
    fn of(metric: Metric, scalar: Scalar) -> Self {
        match scalar {
            Scalar::Share(part, whole) => Self::Share(part, whole),
            Scalar::Value(value) if metric.spec().kind == Kind::Counter => Self::Count(value),
            Scalar::Value(value) => Self::Mean(value, 1),
        }
    }

    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Count(sum), Self::Count(more)) => *sum += more,
            (Self::Share(part, whole), Self::Share(more, of)) => {
                *part += more;
                *whole += of;
            }
            (Self::Mean(sum, count), Self::Mean(more, of)) => {
                *sum += more;
                *count += of;
            }
            // One metric has one kind.
            (Self::Count(_) | Self::Share(..) | Self::Mean(..), _) => {}
        }
    }

    fn value(self) -> Option<f64> {
        match self {
            Self::Count(sum) => Some(sum),
            Self::Share(part, whole) => (whole > 0).then(|| part as f64 / whole as f64),
            Self::Mean(sum, count) => (count > 0).then(|| sum / f64::from(count)),
        }
    }
}

fn add(into: &mut Totals, metric: Metric, total: Total) {
    into.entry(metric).and_modify(|known| known.add(total)).or_insert(total);
}

fn values(scalars: &Totals) -> BTreeMap<String, f64> {
    scalars.iter().filter_map(|(metric, scalar)| Some((metric.name().to_owned(), scalar.value()?))).collect()
}

/// The books of both links, a line a class that was used.
pub(super) fn links(participant: u32, network: &Network) -> Vec<LinkOutcome> {
    let mut lines = Vec::new();
    for (direction, books) in ["up", "down"].into_iter().zip(network.books()) {
        for (class, (name, counts)) in CLASS_NAMES.iter().zip(books).enumerate() {
            if counts.offered == 0 && class > 0 {
                continue;
            }
            lines.push(LinkOutcome {
                participant,
                direction: direction.to_owned(),
                class: (*name).to_owned(),
                offered: counts.offered,
                delivered: counts.delivered,
                lost: counts.lost,
                overflowed: counts.overflowed,
                marked: counts.marked,
                duplicated: counts.duplicated,
                corrupted: counts.corrupted,
                waiting: counts.waiting,
                flying: counts.flying,
            });
        }
    }
    lines
}
