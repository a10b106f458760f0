//! The ten participants that had it worst: by frozen time, else by delay. Failed joins rank last.

use crate::metrics::catalog::Metric;
use crate::outcome::{Outcome, ParticipantDetail};
use std::cmp::Ordering;

/// How many are shown.
pub const SHOWN: usize = 10;

/// By what they were ranked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rank {
    /// Share of watch time with a frozen picture.
    Frozen,
    /// p95 of frame delay: nobody froze.
    Delay,
    /// Time to join: nobody watched anything.
    Join,
}

/// Everyone, the worst first.
#[derive(Clone, Debug)]
pub struct Worst<'a> {
    /// By what.
    pub by: Rank,
    /// All participants.
    pub all: Vec<&'a ParticipantDetail>,
    /// How many froze at all.
    pub froze: usize,
    /// How many were watching.
    pub watched: usize,
}

/// A scalar of a participant.
#[must_use]
pub fn scalar(participant: &ParticipantDetail, metric: Metric) -> Option<f64> {
    participant.scalars.get(metric.name()).copied()
}

impl<'a> Worst<'a> {
    /// Ranks the participants of a run.
    #[must_use]
    pub fn of(outcome: &'a Outcome) -> Self {
        let people = &outcome.participants_detail;
        let frozen: Vec<f64> = people.iter().filter_map(|p| scalar(p, Metric::VideoFreezeRatio)).collect();
        let froze = frozen.iter().filter(|v| **v > 0.0).count();
        let delayed = people.iter().any(|p| scalar(p, Metric::DelayFrame).is_some());
        let by = match (froze > 0, delayed) {
            (true, _) => Rank::Frozen,
            (false, true) => Rank::Delay,
            (false, false) => Rank::Join,
        };
        let mut all: Vec<_> = people.iter().collect();
        all.sort_by(|a, b| compare(by, a, b));
        Self { by, all, froze, watched: frozen.len() }
    }
}

fn compare(by: Rank, a: &ParticipantDetail, b: &ParticipantDetail) -> Ordering {
    let figure = |p: &ParticipantDetail| match by {
        Rank::Frozen => scalar(p, Metric::VideoFreezeRatio),
        Rank::Delay => scalar(p, Metric::DelayFrame),
        Rank::Join => p.join_total,
    };
    let second = |p: &ParticipantDetail| scalar(p, Metric::DelayFrame).unwrap_or(-1.0);
    let failed = |p: &ParticipantDetail| p.join_total.is_none();
    failed(a)
        .cmp(&failed(b))
        .then(figure(b).unwrap_or(-1.0).total_cmp(&figure(a).unwrap_or(-1.0)))
        .then(second(b).total_cmp(&second(a)))
        .then(a.index.cmp(&b.index))
}
