//! The join of one session: its clock, and what is recorded of it once it is over.

use super::turn::Turn;
use crate::clock::{Duration, Instant};
use crate::conference::{Cause, Phase};
use crate::qos::join::{End, Figure, JoinClock};

/// A join under way, or over.
#[derive(Debug)]
pub(super) struct Join {
    clock: JoinClock,
}

impl Join {
    /// A join that was meant to begin at `intended` and began at `now`.
    pub fn new(intended: Instant, now: Instant) -> Self {
        let mut clock = JoinClock::new(intended, Phase::FirstFrame);
        clock.mark(Phase::Dispatch, now);
        Self { clock }
    }

    /// A phase ended; the first time counts.
    pub fn mark(&mut self, turn: &mut Turn<'_>, phase: Phase, at: Instant) {
        if self.clock.mark(phase, at) {
            self.record(turn);
        }
    }

    /// There is nothing to receive: the join is complete with its keys.
    pub fn expect_nothing(&mut self, turn: &mut Turn<'_>) {
        if self.clock.set_last(Phase::Dtls) {
            self.record(turn);
        }
    }

    /// Whether a phase has ended.
    pub fn reached(&self, phase: Phase) -> bool {
        self.clock.phase() > phase || self.clock.deltas().any(|(ended, _)| ended == phase)
    }

    /// The phase that has not ended.
    pub fn stuck_in(&self) -> Phase {
        self.clock.phase()
    }

    pub fn is_over(&self) -> bool {
        self.clock.end().is_some()
    }

    pub fn succeeded(&self) -> bool {
        matches!(self.clock.end(), Some(End::Joined(_)))
    }

    /// The join is given up: its total, and the phase it was stuck in, are censored at the time they had waited.
    pub fn fail(&mut self, turn: &mut Turn<'_>, cause: Cause) {
        if self.clock.fail(turn.now, Some(cause)) {
            self.record(turn);
        }
    }

    /// An attempt is given up, and another one follows: it is over, and no join of its own.
    pub fn abandon(&mut self, now: Instant, cause: Cause) {
        let _ = self.clock.fail(now, Some(cause));
    }

    /// Phases that have ended, in order.
    pub fn phases(&self) -> Vec<(Phase, Duration)> {
        self.clock.deltas().collect()
    }

    /// From the intended arrival until it was in.
    pub fn total(&self) -> Option<Duration> {
        match self.clock.end() {
            Some(End::Joined(at)) => Some(at.saturating_since(self.clock.intended())),
            Some(End::Failed { .. }) | None => None,
        }
    }

    /// Everything about a join is due at its intended arrival.
    fn record(&self, turn: &mut Turn<'_>) {
        let key = turn.key(None, self.clock.intended());
        for figure in self.clock.figures() {
            let recorder = &mut turn.sink.recorder;
            match figure {
                Figure::Sample(metric, seconds) => recorder.record(metric, key, seconds),
                Figure::Censored(metric, seconds) => recorder.record_censored(metric, key, seconds),
                Figure::Success(joined) => {
                    recorder.ratio(crate::metrics::catalog::Metric::JoinSuccess, key, u64::from(joined), 1);
                }
            }
        }
    }
}
