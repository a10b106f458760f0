//! One direction of a stream: segments through serialiser, loss and delay, sent again until they are through, and
//! messages put together in order at the far end.

use super::FIRST_TIMER;
use crate::config::{LinkConfig, OutageMode};
use crate::dice::Dice;
use crate::link::{Bottleneck, LossStage, Luck, draw_delay, expect_valid};
use crate::{Instant, Packet, Seed};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// Payload of a full segment.
const SEGMENT: usize = 1_400;
/// A TCP header is this much longer than a UDP header.
const TCP_EXTRA: usize = 12;
/// Linux's `TCP_RTO_MAX`.
const LONGEST_TIMER: Duration = Duration::from_secs(120);

pub(super) struct Half<L> {
    config: LinkConfig,
    seed: Seed,
    outage: Option<OutageMode>,
    bottleneck: Bottleneck<Segment>,
    loss: LossStage,
    delay: Dice,
    luck: Luck,
    reorder: Dice,
    /// Lost segments by the instant at which their timer runs out.
    timers: BinaryHeap<Reverse<(Instant, Segment)>>,
    messages: VecDeque<Message<L>>,
    /// The number of the message in front.
    first: u64,
    /// When the last message was delivered: none may come before it.
    delivered: Instant,
    retransmitted: u64,
}

/// Ordered by message and place in it, so that timers which run out together keep the order of sending.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Segment {
    message: u64,
    index: u32,
    size: u32,
    losses: u32,
    /// Whether it belongs to TCP's first round trip.
    first: bool,
}

impl Packet for Segment {
    fn wire_size(&self) -> usize {
        self.size as usize
    }
}

/// The serialiser of a path behind a sender's own queue, which has no limit and no policy.
fn own_queue(config: &LinkConfig) -> LinkConfig {
    LinkConfig { rate: config.rate, serialiser: config.serialiser.clone(), ..LinkConfig::TRANSPARENT }
}

struct Message<L> {
    load: L,
    missing: u32,
    complete: Instant,
}

impl<L> Half<L> {
    pub(super) fn new(config: LinkConfig, seed: Seed) -> Self {
        expect_valid(&config);
        Self {
            bottleneck: Bottleneck::new(&own_queue(&config), &seed),
            config,
            seed,
            outage: None,
            loss: LossStage::new(),
            delay: Dice::new("delay"),
            luck: None,
            reorder: Dice::new("reorder"),
            timers: BinaryHeap::new(),
            messages: VecDeque::new(),
            first: 0,
            delivered: Instant::ZERO,
            retransmitted: 0,
        }
    }

    /// Sends a load of `bytes` in as many segments as it takes, at least one; `first` marks TCP's first round trip.
    pub(super) fn send(&mut self, now: Instant, bytes: usize, first: bool, load: L) {
        let message = self.first + self.messages.len() as u64;
        let count = bytes.div_ceil(SEGMENT).max(1);
        let count = u32::try_from(count).expect("a message is below 5 TB");
        self.messages.push_back(Message { load, missing: count, complete: now });
        for index in 0..count {
            let payload = (bytes - index as usize * SEGMENT).min(SEGMENT);
            let size = payload as u32;
            self.transmit(now, Segment { message, index, size, losses: 0, first });
        }
    }

    /// Gives back the memory of what was under way, once nothing is: most connections say little after their beginning.
    pub(super) fn rest(&mut self) {
        if self.messages.is_empty() && self.messages.capacity() > 0 {
            self.messages = VecDeque::new();
            self.timers = BinaryHeap::new();
            self.bottleneck.rest();
        }
    }

    /// When something happens next: a segment has left, a timer has run out, or a message is delivered.
    pub(super) fn next_event(&self) -> Option<Instant> {
        let departure = self.bottleneck.next_departure();
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        [departure, timer, self.next_delivery()].into_iter().flatten().min()
    }

    /// Takes one event at `at`; `timer` is what a lost segment waits for. The load of a message that is delivered.
    pub(super) fn step(&mut self, at: Instant, timer: Duration) -> Option<L> {
        if let Some(departure) = self.bottleneck.depart(at) {
            self.handle_departure(departure.at, departure.item, timer);
            return None;
        }
        if self.timers.peek().is_some_and(|Reverse((due, _))| *due <= at) {
            let Reverse((due, segment)) = self.timers.pop()?;
            self.transmit(due, segment);
            return None;
        }
        self.delivered = self.next_delivery().filter(|due| *due <= at)?;
        self.first += 1;
        self.messages.pop_front().map(|message| message.load)
    }

    pub(super) fn apply(&mut self, now: Instant, config: LinkConfig) {
        expect_valid(&config);
        self.bottleneck.apply(now, &own_queue(&config), &self.seed);
        self.config = config;
    }

    pub(super) fn set_outage(&mut self, now: Instant, outage: Option<OutageMode>) {
        self.outage = outage;
        self.bottleneck.set_paused(now, outage == Some(OutageMode::Pause));
    }

    /// Forgets what is under way.
    pub(super) fn clear(&mut self) {
        self.bottleneck.clear();
        self.timers.clear();
        self.first += self.messages.len() as u64;
        self.messages.clear();
    }

    pub(super) const fn delay(&self) -> Duration {
        self.config.delay
    }

    pub(super) const fn retransmitted(&self) -> u64 {
        self.retransmitted
    }

    /// Delivery of the message in front, once nothing of it is missing.
    fn next_delivery(&self) -> Option<Instant> {
        let front = self.messages.front().filter(|message| message.missing == 0)?;
        Some(front.complete.max(self.delivered))
    }

    fn transmit(&mut self, now: Instant, segment: Segment) {
        let size = segment.size as usize + self.config.overhead + TCP_EXTRA;
        assert!(self.bottleneck.offer(now, size, segment).is_ok(), "a sender's own queue has no limit");
    }

    fn handle_departure(&mut self, at: Instant, mut segment: Segment, timer: Duration) {
        let dropped = self.outage == Some(OutageMode::Drop);
        if dropped || self.loss.loses(&self.config.loss, &self.seed, None, at) {
            let timer = if segment.first { FIRST_TIMER } else { timer };
            let timer = timer.saturating_mul(1 << segment.losses.min(16)).min(LONGEST_TIMER);
            segment.losses += 1;
            self.retransmitted += 1;
            self.timers.push(Reverse((at + timer, segment)));
            return;
        }
        let mut arrival = at + draw_delay(&self.config, &mut self.delay, &mut self.luck, &self.seed);
        if let Some(reorder) = self.config.reorder
            && self.reorder.hits(&self.seed, reorder.ratio)
        {
            arrival += reorder.by;
        }
        let index = usize::try_from(segment.message - self.first).expect("it is among the messages under way");
        let message = &mut self.messages[index];
        message.missing -= 1;
        message.complete = message.complete.max(arrival);
    }
}
