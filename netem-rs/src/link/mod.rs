//! One direction of one path: **queue → serialiser → loss → wire**.
//!
//! Every time is computed from the packet's own, never from the tick that asks: however late or often `handle_timeout`
//! is called, the same packets arrive at the same instants. Bytes in flight never count as queued, lost packets have
//! used their share of the rate, and conditions can change under a running link without touching what waits, the bits
//! already sent, or any random stream.

mod aqm;
mod four;
mod loss;
mod queue;
mod shape;
mod slots;
mod variation;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use loss::LossStage;
pub(crate) use queue::Bottleneck;
pub(crate) use variation::{Luck, draw_delay};

use crate::config::{LinkConfig, OutageMode};
use crate::dice::Dice;
use crate::packet::Packet;
use crate::report::Report;
use crate::{Instant, Seed};
use queue::Departure;
use slots::SlotStage;
use std::collections::VecDeque;
use std::fmt;
use wire::Wire;

/// A packet at the far end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery<T> {
    /// When it arrived, never later than the time the link was last told.
    pub at: Instant,
    /// The packet.
    pub item: T,
}

/// A packet that a link did not deliver, of one that keeps them ([`Link::keep_dropped`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dropped<T> {
    /// Whether the queue dropped it ([`crate::Counts::overflowed`]); else it was lost ([`crate::Counts::lost`]).
    pub overflowed: bool,
    /// The packet.
    pub item: T,
}

/// One direction of one emulated path.
///
/// Inputs come in order of their time. A packet may be told late: its `now` is the time of the event, and may lie
/// before an earlier `handle_timeout`; its own times are exact all the same, only the room in the queue is judged as
/// it is then. Drain [`Link::poll_output`] after every input.
pub struct Link<T> {
    config: LinkConfig,
    seed: Seed,
    /// The latest time that the link was told.
    clock: Instant,
    outage: Option<OutageMode>,
    /// What `config` and `outage` come to; the fast path asks on every packet.
    transparent: bool,
    bottleneck: Bottleneck<T>,
    loss: LossStage,
    delay: Dice,
    luck: Luck,
    duplicate: Dice,
    reorder: Dice,
    corrupt: Dice,
    wire: Wire<T>,
    /// Made when slots are first asked for.
    slots: Option<Box<SlotStage<T>>>,
    /// What was not delivered, where somebody wants to know.
    #[expect(clippy::box_collection, reason = "eight bytes in every link, of which most keep nothing")]
    dropped: Option<Box<VecDeque<Dropped<T>>>>,
    report: Report,
}

impl<T: Packet + Clone> Link<T> {
    /// A link with nothing on it. Its stages draw from `seed`'s children `loss`, `delay`, `duplicate`, `reorder`,
    /// `corrupt`, `slots`, `queue`, `flows` and `phase`.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    #[must_use]
    pub fn new(config: LinkConfig, seed: Seed) -> Self {
        expect_valid(&config);
        let in_slots = config.slots.is_some();
        Self {
            transparent: config.is_transparent(),
            bottleneck: Bottleneck::new(&config, &seed),
            config,
            seed,
            clock: Instant::ZERO,
            outage: None,
            loss: LossStage::new(),
            delay: Dice::new("delay"),
            luck: None,
            duplicate: Dice::new("duplicate"),
            reorder: Dice::new("reorder"),
            corrupt: Dice::new("corrupt"),
            wire: Wire::new(),
            slots: in_slots.then(|| Box::new(SlotStage::new())),
            dropped: None,
            report: Report::default(),
        }
    }

    /// Offers a packet at `now`.
    pub fn handle_packet(&mut self, now: Instant, item: T) {
        self.advance(now);
        let size = item.wire_size();
        let counts = &mut self.report.classes[item.class()];
        counts.offered += 1;
        counts.offered_bytes += size as u64;
        if self.outage == Some(OutageMode::Drop) {
            counts.lost += 1;
            return self.keep(false, item);
        }
        match self.bottleneck.offer(now, size + self.config.overhead, item) {
            Ok(()) => counts.waiting += 1,
            Err(item) => {
                counts.overflowed += 1;
                self.keep(true, item);
            }
        }
        self.count_refused();
        self.advance(now);
    }

    /// Books what the queue's policy dropped after it was let in.
    fn count_refused(&mut self) {
        while let Some(item) = self.bottleneck.take_refused() {
            let counts = &mut self.report.classes[item.class()];
            counts.waiting -= 1;
            counts.overflowed += 1;
            self.keep(true, item);
        }
    }

    /// From now on keeps what is lost or overflows for [`Link::poll_dropped`], which is then to be drained as
    /// [`Link::poll_output`] is: for whoever has packets of several owners on one link.
    pub fn keep_dropped(&mut self) {
        self.dropped.get_or_insert_default();
    }

    /// The next packet that was not delivered, in the order in which they were dropped; none unless they are kept.
    pub fn poll_dropped(&mut self) -> Option<Dropped<T>> {
        self.dropped.as_mut()?.pop_front()
    }

    fn keep(&mut self, overflowed: bool, item: T) {
        if let Some(dropped) = &mut self.dropped {
            dropped.push_back(Dropped { overflowed, item });
        }
    }

    /// Lets time pass up to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// The next packet that has arrived, in order of [`Delivery::at`].
    pub fn poll_output(&mut self) -> Option<Delivery<T>> {
        let (at, item) = match &mut self.slots {
            None => self.wire.arrive(self.clock)?,
            Some(slots) => slots.arrive(self.clock)?,
        };
        let counts = &mut self.report.classes[item.class()];
        counts.flying -= 1;
        counts.delivered += 1;
        counts.delivered_bytes += item.wire_size() as u64;
        Some(Delivery { at, item })
    }

    /// The earliest instant at which a packet can arrive by itself; `None` when nothing will.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let arrival = self.wire.next_arrival();
        // What leaves the serialiser is not seen before it has crossed the wire: no need to wake for it earlier.
        let next = self.bottleneck.next_departure().map(|at| at + self.config.shortest_delay());
        let slot = self.slots.as_ref().and_then(|slots| slots.next_arrival());
        [arrival, next, slot].into_iter().flatten().min()
    }

    /// The fast path: when nothing would happen to a packet now, counts it as offered and delivered and returns true;
    /// the caller keeps the bytes. Otherwise counts nothing and returns false: use [`Link::handle_packet`].
    pub fn pass(&mut self, class: usize, size: usize) -> bool {
        let held = self.slots.as_ref().is_some_and(|slots| !slots.is_empty());
        if !self.transparent || !self.wire.is_empty() || !self.bottleneck.is_empty() || held {
            return false;
        }
        let counts = &mut self.report.classes[class];
        counts.offered += 1;
        counts.delivered += 1;
        counts.offered_bytes += size as u64;
        counts.delivered_bytes += size as u64;
        true
    }

    /// Changes the conditions from `now` on. Waiting packets, bits already sent, what is in flight, chain states and
    /// random streams are kept.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    pub fn apply(&mut self, now: Instant, config: LinkConfig) {
        expect_valid(&config);
        if config.slots.is_some() {
            // What has arrived by now needs no slot any more.
            self.slots.get_or_insert_with(|| Box::new(SlotStage::new()));
        }
        self.advance(now);
        self.bottleneck.apply(self.clock, &config, &self.seed);
        self.config = config;
        self.changed();
    }

    /// Begins an outage at `now`, or ends it with `None`.
    pub fn set_outage(&mut self, now: Instant, outage: Option<OutageMode>) {
        self.advance(now);
        self.outage = outage;
        self.bottleneck.set_paused(self.clock, outage == Some(OutageMode::Pause));
        self.changed();
    }

    /// The books: what became of every packet, up to the time the link was last told.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// The conditions now.
    #[must_use]
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Bytes that wait now, overhead included, without the packet being sent.
    #[must_use]
    pub const fn waiting_bytes(&self) -> u64 {
        self.bottleneck.waiting_bytes()
    }

    fn changed(&mut self) {
        self.transparent = self.outage.is_none() && self.config.is_transparent();
        self.advance(self.clock);
    }

    /// Moves everything that has left the serialiser by `now` on to the wire.
    fn advance(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
        while let Some(departure) = self.bottleneck.depart(self.clock) {
            self.handle_departure(departure);
        }
        self.count_refused();
        if self.slots.is_some() {
            self.hold_for_slots();
        }
    }

    /// Gives what has crossed the wire the slots in which it arrives.
    fn hold_for_slots(&mut self) {
        let Some(stage) = &mut self.slots else { return };
        while let Some((at, item)) = self.wire.arrive(self.clock) {
            stage.hold(self.config.slots.as_ref(), &self.seed, at, item.wire_size(), item);
        }
    }

    fn handle_departure(&mut self, Departure { at, waited, marked, item }: Departure<T>) {
        let class = item.class();
        self.report.queue_delay = waited;
        self.report.classes[class].waiting -= 1;
        self.report.classes[class].marked += u64::from(marked);
        let dropped = self.outage == Some(OutageMode::Drop);
        if dropped || self.loss.loses(&self.config.loss, &self.seed, item.identity(), at) {
            self.report.classes[class].lost += 1;
            return self.keep(false, item);
        }
        let copied = self.config.duplicate > 0.0 && self.duplicate.hits(&self.seed, self.config.duplicate);
        let copy = copied.then(|| item.clone());
        self.launch(at, class, item);
        if let Some(copy) = copy {
            self.report.classes[class].duplicated += 1;
            self.launch(at, class, copy);
        }
    }

    fn launch(&mut self, at: Instant, class: usize, mut item: T) {
        self.report.classes[class].flying += 1;
        if self.config.corrupt > 0.0 && self.corrupt.hits(&self.seed, self.config.corrupt) {
            item.corrupt(self.corrupt.bits(&self.seed));
            self.report.classes[class].corrupted += 1;
        }
        let arrival = at + draw_delay(&self.config, &mut self.delay, &mut self.luck, &self.seed);
        let held = self.config.reorder.filter(|reorder| self.reorder.hits(&self.seed, reorder.ratio));
        if let Some(reorder) = held {
            self.wire.launch_freely(arrival + reorder.by, item);
        } else if self.config.delay_variation.as_ref().is_some_and(|variation| variation.reorders()) {
            self.wire.launch_freely(arrival, item);
        } else {
            self.wire.launch_in_order(arrival, item);
        }
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut link = f.debug_struct("Link");
        link.field("clock", &self.clock).field("outage", &self.outage).field("config", &self.config);
        link.field("totals", &self.report.totals()).finish_non_exhaustive()
    }
}

/// Whoever builds a configuration has validated it; one that was not is a bug, not an input.
pub(crate) fn expect_valid(config: &LinkConfig) {
    if let Err(error) = config.validate() {
        panic!("an unvalidated path: {error}");
    }
}
