//! Packets that arrive in batches: each waits at the far end for the next slot with room.

use crate::config::{SlotGap, Slots};
use crate::dice::Dice;
use crate::{Instant, Seed};
use std::collections::VecDeque;
use std::time::Duration;

/// After so many of the longest gaps without a packet, the slots are looked at anew instead of drawn one by one.
const IDLE_GAPS: u32 = 64;

pub(crate) struct SlotStage<T> {
    dice: Dice,
    /// With the slot that each was given.
    held: VecDeque<(Instant, T)>,
    /// The slot that takes packets now, once there is one.
    open: Option<Instant>,
    packets: u64,
    bytes: u64,
}

impl<T> SlotStage<T> {
    pub(crate) const fn new() -> Self {
        Self { dice: Dice::new("slots"), held: VecDeque::new(), open: None, packets: 0, bytes: 0 }
    }

    /// Takes a packet that has crossed the wire at `at`. Without slots it only keeps behind those that wait for one.
    pub(crate) fn hold(&mut self, slots: Option<&Slots>, seed: &Seed, at: Instant, size: usize, item: T) {
        let slot = match slots {
            Some(slots) => self.slot(slots, seed, at, size as u64),
            None => self.held.back().map_or(at, |(last, _)| at.max(*last)),
        };
        self.held.push_back((slot, item));
    }

    /// The next packet whose slot has come by `until`.
    pub(crate) fn arrive(&mut self, until: Instant) -> Option<(Instant, T)> {
        if self.held.front()?.0 > until {
            return None;
        }
        self.held.pop_front()
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.held.front().map(|(slot, _)| *slot)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The first slot from `at` on that has room.
    fn slot(&mut self, slots: &Slots, seed: &Seed, at: Instant, size: u64) -> Instant {
        let mut open = match self.open {
            Some(open) if at <= open + slots.gap.longest() * IDLE_GAPS => open,
            _ => {
                let wait = self.residual(&slots.gap, seed);
                self.renew(at + wait)
            }
        };
        let full = |stage: &Self| {
            slots.packets.is_some_and(|most| stage.packets >= most)
                || slots.bytes.is_some_and(|most| stage.bytes >= most)
        };
        while open < at || full(self) {
            let gap = slots.gap.at(self.dice.unit(seed));
            open = self.renew(open + gap);
        }
        self.packets += 1;
        self.bytes += size;
        open
    }

    fn renew(&mut self, open: Instant) -> Instant {
        self.open = Some(open);
        (self.packets, self.bytes) = (0, 0);
        open
    }

    /// How long until the next slot for somebody who looks at any time: a gap is met as likely as it is long, and
    /// anywhere within.
    fn residual(&mut self, gap: &SlotGap, seed: &Seed) -> Duration {
        let longest = gap.longest().as_nanos() as f64;
        loop {
            let met = gap.at(self.dice.unit(seed)).as_nanos() as f64;
            if self.dice.unit(seed) * longest < met {
                return Duration::from_nanos(libm::round(met * self.dice.unit(seed)) as u64);
            }
        }
    }
}
