//! Where a session stands towards the measured window: totals of tracks begin and end with it, to the tick.

use crate::clock::Instant;
use crate::metrics::labels::RunPhase;
use crate::plan::RunPlan;

/// The edges of the measured window that lie ahead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    begin: Option<Instant>,
    end: Option<Instant>,
    is_over: bool,
}

/// One edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge {
    /// The window begins: what came before does not count.
    Begin,
    /// The window ends: what comes after does not count.
    End,
}

impl Window {
    /// For a session that begins at `now`. One that begins within the window counts from its own beginning.
    pub fn at(run: &RunPlan, now: Instant) -> Self {
        let phase = run.phase(now);
        Self {
            begin: (phase == RunPhase::Warmup).then(|| run.steady_from()),
            end: (phase != RunPhase::Cooldown).then(|| run.steady_until()),
            is_over: phase == RunPhase::Cooldown,
        }
    }

    /// Whether the window has ended: what has no totals by now has nothing in it.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// When the next edge is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.begin.or(self.end)
    }

    /// The edges that are due, one after the other.
    pub fn take_edge(&mut self, now: Instant) -> Option<Edge> {
        if self.begin.is_some_and(|at| at <= now) {
            self.begin = None;
            return Some(Edge::Begin);
        }
        if self.begin.is_none() && self.end.is_some_and(|at| at <= now) {
            self.end = None;
            self.is_over = true;
            return Some(Edge::End);
        }
        None
    }
}
