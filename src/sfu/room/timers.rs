//! What is due when: an ordered set, at most one entry a timer.

use super::{LegId, TrackId};
use crate::clock::Instant;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// A keyframe request that the throttle held back.
    Keyframe(TrackId, u8),
    /// The layers of a track are to be looked at again.
    Layers(TrackId),
    /// The next announcement of the ceiling.
    Ceiling(TrackId),
    /// A leg has had its time to connect.
    Handshake(LegId),
    /// The next election of speakers.
    Election,
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Instant, Timer)>,
    at: BTreeMap<Timer, Instant>,
}

impl Timers {
    pub fn set(&mut self, at: Instant, timer: Timer) {
        self.cancel(timer);
        self.due.insert((at, timer));
        self.at.insert(timer, at);
    }

    pub fn cancel(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    pub fn is_set(&self, timer: Timer) -> bool {
        self.at.contains_key(&timer)
    }

    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.due.pop_first();
        self.at.remove(&timer);
        Some(timer)
    }
}
