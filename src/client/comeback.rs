//! Coming back after a session was lost, as apps do: pauses that grow, spread by the seed, and an end of patience.
//!
//! One loss is one story, however many attempts it takes: its length is recorded when the participant is in again, and
//! censored when it gives up. An attempt that fails and is followed by another is no join of its own.

use super::turn::Turn;
use crate::clock::{Duration, Instant};
use crate::dist::unit;
use crate::metrics::catalog::Metric;
use crate::plan::ParticipantPlan;

/// Somebody who lost the session and is on the way back.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Comeback {
    /// When the session was lost.
    lost: Instant,
    /// Attempts begun.
    attempts: u32,
}

impl Comeback {
    /// A session was lost at `now`.
    pub fn new(now: Instant) -> Self {
        Self { lost: now, attempts: 0 }
    }

    /// When the next attempt begins; `None` when patience has ended. `session` is the number of the next session, which
    /// names the stream of luck.
    pub fn next(&self, plan: &ParticipantPlan, session: u32, now: Instant) -> Option<Instant> {
        let law = plan.reconnect.filter(|law| self.attempts < law.attempts)?;
        let luck = unit(&mut plan.seed.indexed("reconnect", u64::from(session)).rng());
        Some(now + law.pause(self.attempts, luck))
    }

    /// An attempt begins; whether another may follow it.
    pub fn attempt(&mut self, turn: &mut Turn<'_>) -> bool {
        self.attempts += 1;
        turn.count(Metric::SessionReconnects, None, turn.now, 1);
        let law = turn.shared.participant(turn.me).reconnect;
        law.is_some_and(|law| self.attempts < law.attempts)
    }

    /// It is in again.
    pub fn succeed(self, turn: &mut Turn<'_>) {
        turn.record(Metric::SessionReconnect, None, self.lost, self.waited(turn.now));
    }

    /// It will not be in again.
    pub fn fail(self, turn: &mut Turn<'_>) {
        let key = turn.key(None, self.lost);
        let waited = self.waited(turn.now).as_secs_f64();
        turn.sink.recorder.record_censored(Metric::SessionReconnect, key, waited);
    }

    fn waited(self, now: Instant) -> Duration {
        now.saturating_since(self.lost)
    }
}
