//! Joins, one a participant, from the participants' details: exact times, phases, and the failed ranked last.

use super::level::{Level, interval, needed, rank};
use crate::conference::failure::Phase;
use crate::outcome::{Outcome, ParticipantDetail};

/// First joins, the quickest first.
#[derive(Clone, Debug, Default)]
pub struct Joins<'a> {
    /// Those that succeeded, by their total.
    pub joined: Vec<&'a ParticipantDetail>,
    /// Those that did not, by their arrival.
    pub failed: Vec<&'a ParticipantDetail>,
}

/// A total and its phases in seconds, in the order of [`Phase::ALL`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Parts {
    /// Their sum.
    pub total: f64,
    /// Each phase.
    pub phases: [f64; Phase::ALL.len()],
}

/// The words for the phases on plots and in keys.
pub const PHASES: [&str; Phase::ALL.len()] =
    ["dispatch", "signalling", "ICE", "DTLS", "first packet", "keyframe", "first frame"];

/// How many joins around a quantile its parts are the mean of.
pub const AROUND: usize = 11;

impl<'a> Joins<'a> {
    /// The joins of the participants that `keep` keeps.
    #[must_use]
    pub fn of(outcome: &'a Outcome, keep: impl Fn(&ParticipantDetail) -> bool) -> Self {
        let kept = outcome.participants_detail.iter().filter(|p| keep(p));
        let (mut joined, mut failed): (Vec<_>, Vec<_>) = kept.partition(|p| p.join_total.is_some());
        let total = |p: &ParticipantDetail| p.join_total.unwrap_or(f64::INFINITY);
        joined.sort_by(|a, b| total(a).total_cmp(&total(b)).then(a.index.cmp(&b.index)));
        failed.sort_by(|a, b| a.arrival.total_cmp(&b.arrival).then(a.index.cmp(&b.index)));
        Self { joined, failed }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        (self.joined.len() + self.failed.len()) as u64
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The total at a rank from 1.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> Level {
        match self.joined.get(rank.max(1) as usize - 1) {
            Some(p) => p.join_total.map_or(Level::Beyond, Level::Value),
            None => Level::Beyond,
        }
    }

    /// The quantile `q` of the totals.
    #[must_use]
    pub fn level(&self, q: f64) -> Level {
        match self.len() {
            0 => Level::None,
            n if n < needed(q) => Level::TooFew(n, needed(q)),
            n => self.at_rank(rank(q, n)),
        }
    }

    /// The 95 % interval of the quantile `q`; an end among the failed is [`Level::Beyond`].
    #[must_use]
    pub fn interval(&self, q: f64) -> (Level, Level) {
        let (low, high) = interval(q, self.len());
        (self.at_rank(low), self.at_rank(high))
    }

    /// The parts at the quantile `q`: the mean of the joins around it, scaled to it.
    #[must_use]
    pub fn parts(&self, q: f64) -> Option<Parts> {
        let total = self.level(q).value()?;
        let middle = rank(q, self.len()) as usize - 1;
        let from = middle.saturating_sub(AROUND / 2).min(self.joined.len().saturating_sub(AROUND));
        let near = &self.joined[from..self.joined.len().min(from + AROUND)];
        let mut phases = [0.0; Phase::ALL.len()];
        for participant in near {
            for (sum, part) in phases.iter_mut().zip(phases_of(participant)) {
                *sum += part;
            }
        }
        let sum: f64 = phases.iter().sum();
        if sum > 0.0 {
            phases.iter_mut().for_each(|part| *part *= total / sum);
        }
        Some(Parts { total, phases })
    }
}

/// The phases of one join; those it did not reach are 0.
#[must_use]
pub fn phases_of(participant: &ParticipantDetail) -> [f64; Phase::ALL.len()] {
    const NAMES: [&str; Phase::ALL.len()] =
        ["dispatch", "signal", "ice", "dtls", "first_rtp", "first_keyframe", "first_frame"];
    NAMES.map(|name| {
        let is = |reached: &str| reached == name || reached.strip_prefix("join.") == Some(name);
        participant.join.iter().filter(|(reached, _)| is(reached)).map(|&(_, seconds)| seconds).sum()
    })
}
