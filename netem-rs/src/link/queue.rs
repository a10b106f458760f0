//! The bottleneck: packets that wait, and the serialiser that sends the first of them bit by bit.
//!
//! Work is counted in bits times a billion, so that `rate × nanoseconds` is exact: a change of the rate keeps what was
//! sent to the last fraction of a bit, and back-to-back packets never gain or lose a nanosecond. Tail drop is decided
//! here; every other policy is asked, between `offer` and `begin`.

use super::aqm::{Aqm, Fifo};
use super::shape::Shape;
use crate::config::{LinkConfig, QueueLimit, QueuePolicy, Serialiser};
use crate::{Instant, Packet, Seed};
use std::collections::VecDeque;
use std::time::Duration;

const NANOS: u64 = 1_000_000_000;
/// Packets below 1 GiB keep the work of one packet within 64 bits.
const LARGEST: usize = 1 << 30;

pub(crate) struct Bottleneck<T> {
    /// The front one is being sent while `service` is there.
    queue: VecDeque<Waiting<T>>,
    service: Option<Service>,
    /// Bytes of the packets that wait, without the one being sent.
    waiting: u64,
    rate: Option<u64>,
    /// What the rate is instead when it is not one number, and what asked for it.
    shape: Option<Box<(Serialiser, Shape)>>,
    limit: Limit,
    /// No packet starts before this: the end of the last one, of a pause or of an earlier rate.
    free_at: Instant,
    /// Work that the serialiser did beyond the last packet, within the nanosecond in which that ended.
    credit: u64,
    paused: bool,
    /// Made by the first policy that is not tail drop.
    aqm: Option<Box<Aqm<T>>>,
}

pub(crate) struct Waiting<T> {
    pub(super) arrived: Instant,
    pub(super) size: u32,
    pub(super) marked: bool,
    pub(super) item: T,
}

impl<T: Packet> Waiting<T> {
    /// Whether it could be marked, and now is.
    pub(super) fn mark(&mut self) -> bool {
        let capable = self.item.ecn_capable();
        if capable {
            self.item.mark();
            self.marked = true;
        }
        capable
    }
}

/// The packet at the front: `left` of its work is to be done from `since` on, and its first bit went at `began`.
#[derive(Clone, Copy)]
struct Service {
    began: Instant,
    since: Instant,
    left: u64,
    done: Instant,
}

#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Bytes(u64),
    Packets(u64),
    /// Nanoseconds at the rate of the moment.
    Time(u64),
}

/// A packet whose last bit has left.
pub(crate) struct Departure<T> {
    pub(crate) at: Instant,
    pub(crate) waited: Duration,
    /// Whether the queue marked it.
    pub(crate) marked: bool,
    pub(crate) item: T,
}

impl<T: Packet> Bottleneck<T> {
    /// One with nothing in it; its policy draws from `seed`'s child `queue`.
    pub(crate) fn new(config: &LinkConfig, seed: &Seed) -> Self {
        let (rate, policy) = (config.rate, &config.policy);
        Self {
            queue: VecDeque::new(),
            service: None,
            waiting: 0,
            rate,
            shape: Shape::new(config, Instant::ZERO, seed).map(|shape| Box::new((config.serialiser.clone(), shape))),
            limit: Limit::new(config),
            free_at: Instant::ZERO,
            credit: 0,
            paused: false,
            aqm: (*policy != QueuePolicy::DropTail).then(|| Box::new(Aqm::new(policy.clone(), Instant::ZERO, *seed))),
        }
    }

    /// Gives back the memory of an empty queue.
    pub(crate) fn rest(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// Takes a packet of `size` bytes, overhead included, or gives it back when the queue is full.
    pub(crate) fn offer(&mut self, now: Instant, size: usize, item: T) -> Result<(), T> {
        assert!(size < LARGEST, "a packet of {size} bytes: packets are below 1 GiB");
        let packet = Waiting { arrived: now, size: size as u32, marked: false, item };
        let busy = usize::from(self.service.is_some());
        let limit = self.limit_at(now);
        if self.aqm.is_some() {
            let rate = self.rate_at(now);
            if let Some(aqm) = &mut self.aqm {
                let mut fifo = Fifo { queue: &mut self.queue, waiting: &mut self.waiting, busy };
                aqm.offer(packet, limit, rate, &mut fifo)?;
            }
        } else {
            let ahead = self.queue.len() - busy;
            if ahead > 0 && !limit.admits(ahead as u64, self.waiting, u64::from(packet.size)) {
                return Err(packet.item);
            }
            self.waiting += u64::from(packet.size);
            self.queue.push_back(packet);
        }
        self.begin(now);
        Ok(())
    }

    /// The next packet that the policy dropped for others or for having waited.
    pub(crate) fn take_refused(&mut self) -> Option<T> {
        self.aqm.as_mut()?.take_refused()
    }

    /// When the packet being sent has left, if nothing changes.
    pub(crate) fn next_departure(&self) -> Option<Instant> {
        if self.paused { None } else { self.service.map(|service| service.done) }
    }

    /// The next packet that has left by `until`.
    pub(crate) fn depart(&mut self, until: Instant) -> Option<Departure<T>> {
        if self.paused {
            return None;
        }
        let service = self.service.filter(|service| service.done <= until)?;
        if let Some(aqm) = &mut self.aqm {
            aqm.pass_time(service.done, &Fifo { queue: &mut self.queue, waiting: &mut self.waiting, busy: 1 });
        }
        let packet = self.queue.pop_front().expect("the packet being sent is at the front");
        self.credit += match &mut self.shape {
            None => self.work_since(&service, service.done).saturating_sub(service.left),
            Some(shape) => shape.1.spend(service.since, service.done, service.left),
        };
        self.free_at = service.done;
        self.service = None;
        self.begin(service.done);
        let waited = service.began.saturating_since(packet.arrived);
        Some(Departure { at: service.done, waited, marked: packet.marked, item: packet.item })
    }

    /// Changes rate, limit and policy from `now` on; what was sent stays sent, what waits stays.
    pub(crate) fn apply(&mut self, now: Instant, config: &LinkConfig, seed: &Seed) {
        let rate = config.rate;
        let asked = self.shape.as_ref().map_or(&Serialiser::Steady, |shape| &shape.0);
        let reshaped = *asked != config.serialiser;
        if self.aqm.is_some() || config.policy != QueuePolicy::DropTail {
            self.set_policy(now, &config.policy, seed);
        }
        if rate != self.rate || reshaped {
            self.settle(now);
            self.rate = rate;
            let shape = Shape::follow(self.shape.as_ref().map(|shape| &shape.1), config, now, seed);
            self.shape = shape.map(|shape| Box::new((config.serialiser.clone(), shape)));
            self.resume(now);
        }
        self.limit = Limit::new(config);
    }

    /// The limit as a packet meets it at `now`.
    fn limit_at(&self, now: Instant) -> Limit {
        match self.limit {
            Limit::Time(time) => {
                let rate = self.rate_at(now).expect("a validated limit in time has a rate");
                Limit::Bytes(bytes(Duration::from_nanos(time), rate))
            }
            limit => limit,
        }
    }

    fn rate_at(&self, now: Instant) -> Option<u64> {
        self.shape.as_ref().map_or(self.rate, |shape| Some(shape.1.rate(now)))
    }

    fn set_policy(&mut self, now: Instant, policy: &QueuePolicy, seed: &Seed) {
        let busy = usize::from(self.service.is_some());
        let aqm = self.aqm.get_or_insert_with(|| Box::new(Aqm::new(QueuePolicy::DropTail, now, *seed)));
        aqm.set(policy, now, &mut Fifo { queue: &mut self.queue, waiting: &mut self.waiting, busy });
    }

    /// Holds everything from `now` on, or lets it go on.
    pub(crate) fn set_paused(&mut self, now: Instant, paused: bool) {
        if paused == self.paused {
            return;
        }
        if paused {
            self.settle(now);
        }
        self.paused = paused;
        if !paused {
            self.resume(now);
        }
    }

    /// Forgets every packet.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.service = None;
        self.waiting = 0;
        if let Some(aqm) = &mut self.aqm {
            aqm.clear();
        }
    }

    /// Bytes that wait, without the packet being sent.
    pub(crate) const fn waiting_bytes(&self) -> u64 {
        self.waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.aqm.as_ref().is_none_or(|aqm| aqm.apart() == 0)
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    /// Starts on the front packet when the serialiser is free, at `now` or when the last one has left.
    fn begin(&mut self, now: Instant) {
        if self.service.is_some() || self.paused {
            return;
        }
        if let Some(aqm) = &mut self.aqm {
            let mut fifo = Fifo { queue: &mut self.queue, waiting: &mut self.waiting, busy: 0 };
            aqm.choose(now.max(self.free_at), &mut fifo);
        }
        let Some(packet) = self.queue.front() else { return };
        let start = packet.arrived.max(self.free_at);
        // The rest of the nanosecond in which the last packet ended belongs to a packet that follows at once.
        let credit = if start == self.free_at { self.credit } else { 0 };
        let work = u64::from(packet.size) * 8 * NANOS;
        let left = work.saturating_sub(credit);
        self.credit = credit - (work - left);
        self.waiting -= u64::from(packet.size);
        if self.waiting == 0
            && let Some(aqm) = &mut self.aqm
        {
            aqm.rest(start);
        }
        if let Some(shape) = &mut self.shape {
            shape.1.begin(start);
        }
        let done = self.finish(start, left);
        self.service = Some(Service { began: start, since: start, left, done });
    }

    /// Books the work done up to `now` at the current rate.
    fn settle(&mut self, now: Instant) {
        if self.paused {
            return;
        }
        let Some(service) = self.service else { return };
        let sent = self.work_since(&service, now).min(service.left);
        let left = service.left - sent;
        if let Some(shape) = &mut self.shape {
            shape.1.spend(service.since, now.max(service.since), sent);
        }
        self.service = Some(Service { since: service.since.max(now), left, ..service });
    }

    /// Goes on from `now` with what is left.
    fn resume(&mut self, now: Instant) {
        if self.free_at < now {
            self.free_at = now;
            self.credit = 0;
        }
        if let Some(service) = self.service {
            let since = service.since.max(now);
            if let Some(shape) = &mut self.shape {
                shape.1.begin(since);
            }
            self.service = Some(Service { since, done: self.finish(since, service.left), ..service });
        }
        self.begin(now);
    }

    fn work_since(&self, service: &Service, now: Instant) -> u64 {
        if let Some(shape) = &self.shape {
            return shape.1.sent(service.since, now.max(service.since));
        }
        self.rate.map_or(0, |rate| now.nanos_since(service.since).saturating_mul(rate))
    }

    fn finish(&self, since: Instant, left: u64) -> Instant {
        match (&self.shape, self.rate) {
            (Some(shape), _) => shape.1.finish(since, left),
            (None, None) => since,
            (None, Some(rate)) => since.plus_nanos(left.div_ceil(rate)),
        }
    }
}

/// Bytes that leave in a time at a rate.
fn bytes(time: Duration, rate: u64) -> u64 {
    u64::try_from(time.as_nanos() * u128::from(rate) / (8 * u128::from(NANOS))).unwrap_or(u64::MAX)
}

impl Limit {
    fn new(config: &LinkConfig) -> Self {
        match (config.queue, &config.serialiser, config.rate) {
            (QueueLimit::Unlimited, ..) => Self::Bytes(u64::MAX),
            (QueueLimit::Bytes(bytes), ..) => Self::Bytes(bytes),
            (QueueLimit::Packets(packets), ..) => Self::Packets(packets),
            (QueueLimit::Time(time), Serialiser::Steady | Serialiser::TokenBucket { .. }, rate) => {
                Self::Bytes(bytes(time, rate.expect("a validated limit in time has a rate")))
            }
            (QueueLimit::Time(time), Serialiser::Trace { trace, .. }, _) => Self::Bytes(bytes(time, trace.rate())),
            (QueueLimit::Time(time), Serialiser::Plan { .. }, _) => {
                Self::Time(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
            }
        }
    }

    pub(super) fn admits(self, packets: u64, bytes: u64, size: u64) -> bool {
        match self {
            Self::Bytes(limit) => bytes.saturating_add(size) <= limit,
            Self::Packets(limit) => packets < limit,
            Self::Time(_) => true, // a packet meets it in bytes
        }
    }
}
