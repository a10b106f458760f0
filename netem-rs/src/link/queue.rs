//! The bottleneck: packets that wait, and the serialiser that sends the first of them bit by bit.
//!
//! Work is counted in bits times a billion, so that `rate × nanoseconds` is exact: a change of the rate keeps what was
//! sent to the last fraction of a bit, and back-to-back packets never gain or lose a nanosecond. Tail drop is decided
//! here; every other policy is asked, between `offer` and `begin`.

use super::aqm::{Aqm, Fifo};
use crate::config::{LinkConfig, QueueLimit, QueuePolicy};
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
            limit: Limit::new(config.queue, rate),
            free_at: Instant::ZERO,
            credit: 0,
            paused: false,
            aqm: (*policy != QueuePolicy::DropTail).then(|| Box::new(Aqm::new(policy.clone(), Instant::ZERO, *seed))),
        }
    }

    /// Takes a packet of `size` bytes, overhead included, or gives it back when the queue is full.
    pub(crate) fn offer(&mut self, now: Instant, size: usize, item: T) -> Result<(), T> {
        assert!(size < LARGEST, "a packet of {size} bytes: packets are below 1 GiB");
        let packet = Waiting { arrived: now, size: size as u32, marked: false, item };
        let busy = usize::from(self.service.is_some());
        if let Some(aqm) = &mut self.aqm {
            let mut fifo = Fifo { queue: &mut self.queue, waiting: &mut self.waiting, busy };
            aqm.offer(packet, self.limit, self.rate, &mut fifo)?;
        } else {
            let ahead = self.queue.len() - busy;
            if ahead > 0 && !self.limit.admits(ahead as u64, self.waiting, u64::from(packet.size)) {
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
        self.credit += self.work_since(&service, service.done).saturating_sub(service.left);
        self.free_at = service.done;
        self.service = None;
        self.begin(service.done);
        let waited = service.began.saturating_since(packet.arrived);
        Some(Departure { at: service.done, waited, marked: packet.marked, item: packet.item })
    }

    /// Changes rate, limit and policy from `now` on; what was sent stays sent, what waits stays.
    pub(crate) fn apply(&mut self, now: Instant, config: &LinkConfig, seed: &Seed) {
        let rate = config.rate;
        if self.aqm.is_some() || config.policy != QueuePolicy::DropTail {
            self.set_policy(now, &config.policy, seed);
        }
        if rate != self.rate {
            self.settle(now);
            self.rate = rate;
            self.resume(now);
        }
        self.limit = Limit::new(config.queue, rate);
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
        self.service = Some(Service { began: start, since: start, left, done: finish(start, left, self.rate) });
    }

    /// Books the work done up to `now` at the current rate.
    fn settle(&mut self, now: Instant) {
        if self.paused {
            return;
        }
        let Some(service) = self.service else { return };
        let left = service.left.saturating_sub(self.work_since(&service, now));
        self.service = Some(Service { since: service.since.max(now), left, ..service });
    }

    /// Goes on from `now` with what is left.
    fn resume(&mut self, now: Instant) {
        if self.free_at < now {
            self.free_at = now;
            self.credit = 0;
        }
        if let Some(service) = &mut self.service {
            service.since = service.since.max(now);
            service.done = finish(service.since, service.left, self.rate);
        }
        self.begin(now);
    }

    fn work_since(&self, service: &Service, now: Instant) -> u64 {
        let nanos = now.saturating_since(service.since).as_nanos();
        self.rate.map_or(0, |rate| u64::try_from(nanos * u128::from(rate)).unwrap_or(u64::MAX))
    }
}

fn finish(since: Instant, left: u64, rate: Option<u64>) -> Instant {
    match rate {
        None => since,
        Some(rate) => since + Duration::from_nanos(left.div_ceil(rate)),
    }
}

impl Limit {
    fn new(queue: QueueLimit, rate: Option<u64>) -> Self {
        match queue {
            QueueLimit::Unlimited => Self::Bytes(u64::MAX),
            QueueLimit::Bytes(bytes) => Self::Bytes(bytes),
            QueueLimit::Packets(packets) => Self::Packets(packets),
            QueueLimit::Time(time) => {
                let rate = u128::from(rate.expect("a validated limit in time has a rate"));
                let bytes = time.as_nanos() * rate / (8 * u128::from(NANOS));
                Self::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
            }
        }
    }

    pub(super) fn admits(self, packets: u64, bytes: u64, size: u64) -> bool {
        match self {
            Self::Bytes(limit) => bytes.saturating_add(size) <= limit,
            Self::Packets(limit) => packets < limit,
        }
    }
}
