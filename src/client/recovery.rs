//! How soon one participant has again what a fault took from it.
//!
//! When a fault begins, a participant in the room notes what it has: the tracks that it receives of publishers who mean
//! to stay, and whether it publishes. From the fault's end on each of them is waited for: a decodable frame (sound: a
//! packet) that was due after that end, or word from the SFU that it has something sent after it. The last of them ends
//! the recovery. What had not stood still around that end took no time: a gap of half a second is no more than DTX and
//! slow screens leave between two packets.

use super::turn::Turn;
use crate::clock::{Duration, Instant};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::{RunPhase, Spell};
use std::collections::BTreeSet;

/// The longest gap between two units that nobody notices.
const UNNOTICED: Duration = Duration::from_millis(500);

/// What a participant has.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Possession {
    /// Tracks that it receives, `publisher/media`.
    pub tracks: BTreeSet<String>,
    /// Whether it publishes.
    pub publishes: bool,
    /// ICE that is to restart.
    pub restarts: bool,
}

/// Recoveries that are not over.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    list: Vec<Recovery>,
    /// Counts the times that what is waited for changed.
    version: u32,
}

#[derive(Debug)]
struct Recovery {
    fault: u16,
    begun: Instant,
    /// When the fault ended.
    over: Option<Instant>,
    missing: Possession,
    /// When the last of what is back was back; `None` while nothing had stood still.
    back: Option<Instant>,
}

/// Something is back.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Back {
    /// When it had been due, or sent.
    pub due: Instant,
    /// When it was there.
    pub at: Instant,
    /// Whether it had stood still before that.
    pub stood_still: bool,
}

impl Back {
    /// A unit that was due at `due` and here at `at`; the one before it had been due at `before`, in this session.
    pub fn after_gap(due: Instant, at: Instant, before: Option<Instant>) -> Self {
        Self { due, at, stood_still: before.is_none_or(|before| due.saturating_since(before) > UNNOTICED) }
    }
}

impl Recoveries {
    /// Whether nothing is waited for.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Changes with what is waited for.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// A fault begins; `had` is what it may take.
    pub fn begin(&mut self, fault: u16, at: Instant, had: Possession) {
        self.list.push(Recovery { fault, begun: at, over: None, missing: had, back: None });
    }

    /// A fault ended at `at`.
    pub fn end(&mut self, turn: &mut Turn<'_>, fault: u16, at: Instant) {
        for recovery in self.list.iter_mut().filter(|recovery| recovery.fault == fault) {
            recovery.over.get_or_insert(at);
        }
        self.settle(turn);
    }

    /// Since when a unit of this track is waited for: the earliest of all recoveries.
    pub fn waits_for(&self, track: &str) -> Option<Instant> {
        let missing = self.list.iter().filter(|recovery| recovery.missing.tracks.contains(track));
        missing.filter_map(|recovery| recovery.over).min()
    }

    /// Since when word of what is published is waited for.
    pub fn waits_for_word(&self) -> Option<Instant> {
        let missing = self.list.iter().filter(|recovery| recovery.missing.publishes);
        missing.filter_map(|recovery| recovery.over).min()
    }

    /// A unit of this track is there that was due since [`Self::waits_for`].
    pub fn handle_track(&mut self, turn: &mut Turn<'_>, track: &str, back: Back) {
        for recovery in self.list.iter_mut().filter(|recovery| recovery.is_over_by(back.due)) {
            if recovery.missing.tracks.remove(track) {
                recovery.note(back);
            }
        }
        self.settle(turn);
    }

    /// A track stands still by somebody's choice: nobody waits for it any more.
    pub fn forget(&mut self, turn: &mut Turn<'_>, track: &str) {
        let forgotten = self.list.iter_mut().map(|recovery| recovery.missing.tracks.remove(track));
        if forgotten.fold(false, |any, one| any | one) {
            self.settle(turn);
        }
    }

    /// Nothing is sent any more: nobody waits for word of it.
    pub fn forget_word(&mut self, turn: &mut Turn<'_>) {
        let forgotten = self.list.iter_mut().map(|recovery| std::mem::take(&mut recovery.missing.publishes));
        if forgotten.fold(false, |any, one| any | one) {
            self.settle(turn);
        }
    }

    /// The SFU has something that was sent since [`Self::waits_for_word`].
    pub fn handle_word(&mut self, turn: &mut Turn<'_>, back: Back) {
        for recovery in self.list.iter_mut().filter(|recovery| recovery.is_over_by(back.due)) {
            if std::mem::take(&mut recovery.missing.publishes) {
                recovery.note(back);
            }
        }
        self.settle(turn);
    }

    /// ICE has restarted: a pair works under new credentials. It takes media with it, which has its own say about time.
    pub fn handle_restarted(&mut self, turn: &mut Turn<'_>) {
        for recovery in self.list.iter_mut().filter(|recovery| recovery.is_over_by(turn.now)) {
            recovery.missing.restarts = false;
        }
        self.settle(turn);
    }

    /// It will have nothing back any more: censored, never forgotten.
    pub fn give_up(&mut self, turn: &mut Turn<'_>) {
        for recovery in std::mem::take(&mut self.list) {
            let since = recovery.over.unwrap_or(recovery.begun);
            let key = key(turn, recovery.fault, since);
            let waited = turn.now.saturating_since(since).as_secs_f64();
            turn.sink.recorder.record_censored(Metric::FaultRecovery, key, waited);
            turn.sink.recorder.count(Metric::FaultUnrecovered, key, 1);
        }
        self.version += 1;
    }

    /// Records what is over.
    fn settle(&mut self, turn: &mut Turn<'_>) {
        self.version += 1;
        self.list.retain(|recovery| {
            let Some(over) = recovery.over.filter(|_| recovery.missing == Possession::default()) else { return true };
            let key = key(turn, recovery.fault, over);
            let took = recovery.back.map_or(Duration::ZERO, |back| back.saturating_since(over));
            turn.sink.recorder.record(Metric::FaultRecovery, key, took.as_secs_f64());
            turn.sink.recorder.count(Metric::FaultUnrecovered, key, 0);
            false
        });
    }
}

impl Recovery {
    fn is_over_by(&self, at: Instant) -> bool {
        self.over.is_some_and(|over| over <= at)
    }

    fn note(&mut self, back: Back) {
        if back.stood_still {
            self.back = self.back.max(Some(back.at));
        }
    }
}

/// A recovery's samples belong to its own phase, whatever else goes on by then.
fn key(turn: &Turn<'_>, fault: u16, at: Instant) -> crate::metrics::labels::Key {
    let key = turn.shared.key(turn.me, None, at, false);
    crate::metrics::labels::Key { phase: RunPhase::Steady, spell: Some(Spell { fault, after: true }), ..key }
}
