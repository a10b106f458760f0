//! What became of every packet, by class: the books of a link.
//!
//! `offered + duplicated = delivered + lost + overflowed + waiting + flying` holds between any two calls.

use crate::packet::CLASSES;
use std::ops::AddAssign;
use std::time::Duration;

/// The counts of one class, in packets unless they say bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Handed to the link.
    pub offered: u64,
    /// Handed out by the link, copies included.
    pub delivered: u64,
    /// Lost by the loss model or an outage.
    pub lost: u64,
    /// Dropped by the queue: beyond its limit, or early by its policy.
    pub overflowed: u64,
    /// Marked by the queue as having met congestion, counted when they leave it; they go on like all others.
    pub marked: u64,
    /// Copies made on the wire.
    pub duplicated: u64,
    /// Corrupted on the wire, copies apart; they arrive, so they are counted as delivered too.
    pub corrupted: u64,
    /// In the queue or the serialiser now.
    pub waiting: u64,
    /// On the wire now.
    pub flying: u64,
    /// Payload bytes handed to the link, without overhead.
    pub offered_bytes: u64,
    /// Payload bytes handed out by the link, without overhead.
    pub delivered_bytes: u64,
}

impl Counts {
    /// Whether every packet is accounted for exactly once.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.offered + self.duplicated == self.delivered + self.lost + self.overflowed + self.waiting + self.flying
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.offered += other.offered;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.overflowed += other.overflowed;
        self.marked += other.marked;
        self.duplicated += other.duplicated;
        self.corrupted += other.corrupted;
        self.waiting += other.waiting;
        self.flying += other.flying;
        self.offered_bytes += other.offered_bytes;
        self.delivered_bytes += other.delivered_bytes;
    }
}

/// The books of one link.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    pub(crate) classes: [Counts; CLASSES],
    pub(crate) queue_delay: Duration,
}

impl Report {
    /// The counts of one class, below [`CLASSES`].
    #[must_use]
    pub const fn class(&self, class: usize) -> &Counts {
        &self.classes[class]
    }

    /// The counts of every class, by number.
    #[must_use]
    pub const fn classes(&self) -> &[Counts; CLASSES] {
        &self.classes
    }

    /// All classes together.
    #[must_use]
    pub fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        for counts in &self.classes {
            totals += *counts;
        }
        totals
    }

    /// How long the packet that left the serialiser last had waited before its first bit was sent.
    #[must_use]
    pub const fn queue_delay(&self) -> Duration {
        self.queue_delay
    }

    /// Whether every packet of every class is accounted for exactly once.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.classes.iter().all(Counts::holds)
    }
}
