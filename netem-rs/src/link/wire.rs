//! What is in flight, handed out in order of arrival time; ties go by order of launch.
//!
//! Packets that keep order are already sorted and cost a queue, not a heap: only those that may overtake, or be
//! overtaken, are kept in one.

use crate::Instant;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

pub(crate) struct Wire<T> {
    ordered: VecDeque<Flight<T>>,
    strays: BinaryHeap<Flight<T>>,
    /// Arrival of the last packet that kept order.
    last: Instant,
    launched: u64,
}

struct Flight<T> {
    at: Instant,
    number: u64,
    item: T,
}

impl<T> Wire<T> {
    pub(crate) const fn new() -> Self {
        Self { ordered: VecDeque::new(), strays: BinaryHeap::new(), last: Instant::ZERO, launched: 0 }
    }

    /// Launches a packet that arrives at `at`, or with the one before it when that is later.
    pub(crate) fn launch_in_order(&mut self, at: Instant, item: T) {
        self.last = self.last.max(at);
        let number = self.number();
        self.ordered.push_back(Flight { at: self.last, number, item });
    }

    /// Launches a packet that arrives at `at`, whatever else is in flight.
    pub(crate) fn launch_freely(&mut self, at: Instant, item: T) {
        let number = self.number();
        self.strays.push(Flight { at, number, item });
    }

    /// When the next packet arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        let ordered = self.ordered.front().map(|flight| flight.at);
        let stray = self.strays.peek().map(|flight| flight.at);
        match (ordered, stray) {
            (Some(ordered), Some(stray)) => Some(ordered.min(stray)),
            (one, other) => one.or(other),
        }
    }

    /// The next packet that has arrived by `until`.
    pub(crate) fn arrive(&mut self, until: Instant) -> Option<(Instant, T)> {
        let stray_first = match (self.ordered.front(), self.strays.peek()) {
            (Some(ordered), Some(stray)) => stray.key() < ordered.key(),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let flight = if stray_first {
            if self.strays.peek()?.at > until {
                return None;
            }
            self.strays.pop()?
        } else {
            if self.ordered.front()?.at > until {
                return None;
            }
            self.ordered.pop_front()?
        };
        Some((flight.at, flight.item))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ordered.is_empty() && self.strays.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> (usize, usize) {
        (self.ordered.capacity(), self.strays.capacity())
    }

    fn number(&mut self) -> u64 {
        self.launched += 1;
        self.launched
    }
}

impl<T> Flight<T> {
    const fn key(&self) -> (Instant, u64) {
        (self.at, self.number)
    }
}

/// Reversed, so that the heap's greatest is the next to arrive.
impl<T> Ord for Flight<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<T> PartialOrd for Flight<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Flight<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Flight<T> {}
