//! What packets cost the simulated SFU: cores with a queue each, first come first served.
//!
//! A datagram taken in occupies a core for a while, and so does each copy that goes out, one behind the other. What comes
//! while more work waits than the queue holds is dropped, as by a full receive buffer. Without a cost everything happens
//! at once, and none of this is asked.

use crate::clock::{Duration, Instant};
use crate::plan::target::ServicePlan;

/// The cores of one SFU.
#[derive(Debug)]
pub(super) struct Service {
    plan: ServicePlan,
    /// By core: until when it has work.
    busy_until: Vec<Instant>,
    /// Work taken on since the last look.
    taken: Duration,
    dropped: u64,
}

/// The core, of so many, on which a room lives.
pub(super) fn core(room: &str, cores: usize) -> usize {
    crc32fast::hash(room.as_bytes()) as usize % cores
}

impl Service {
    /// Idle cores; `None` where packets cost nothing.
    pub fn new(plan: ServicePlan) -> Option<Self> {
        let busy_until = vec![Instant::ZERO; plan.cores];
        (!plan.per_packet.is_zero()).then_some(Self { plan, busy_until, taken: Duration::ZERO, dropped: 0 })
    }

    /// The core of a room.
    pub fn core(&self, room: &str) -> usize {
        core(room, self.plan.cores)
    }

    /// A datagram comes for `core`; answers when it has been taken in, or `None` when it is dropped.
    pub fn take_in(&mut self, now: Instant, core: usize) -> Option<Instant> {
        let waits = self.busy_until[core].saturating_since(now);
        if waits > self.plan.queue {
            self.dropped += 1;
            return None;
        }
        Some(self.occupy(now, core))
    }

    /// A datagram goes out; answers when.
    pub fn send(&mut self, now: Instant, core: usize) -> Instant {
        self.occupy(now, core)
    }

    fn occupy(&mut self, now: Instant, core: usize) -> Instant {
        let until = self.busy_until[core].max(now) + self.plan.per_packet;
        self.busy_until[core] = until;
        self.taken += self.plan.per_packet;
        until
    }

    /// Work done since the last call, of all cores together. What still waits is not done.
    pub fn take_done(&mut self, now: Instant) -> Duration {
        let waiting: Duration = self.busy_until.iter().map(|until| until.saturating_since(now)).sum();
        let done = self.taken.saturating_sub(waiting);
        self.taken = waiting;
        done
    }

    /// The cores stood still for so long.
    pub fn shift(&mut self, stood: Duration) {
        self.busy_until.iter_mut().for_each(|until| *until += stood);
    }

    /// Datagrams dropped so far.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Instant {
        Instant::from_nanos(micros * 1_000)
    }

    fn service(cores: usize, queue: u64) -> Service {
        let plan = ServicePlan { per_packet: Duration::from_micros(10), cores, queue: Duration::from_micros(queue) };
        Service::new(plan).expect("packets cost something")
    }

    #[test]
    fn packets_of_one_core_wait_for_each_other() {
        let mut service = service(2, 1_000);
        assert_eq!(service.take_in(us(0), 0), Some(us(10)));
        assert_eq!([service.send(us(10), 0), service.send(us(10), 0)], [us(20), us(30)]);
        assert_eq!(service.take_in(us(15), 0), Some(us(40)));
        assert_eq!(service.take_in(us(15), 1), Some(us(25)), "another core is idle");
    }

    #[test]
    fn a_full_queue_drops_and_a_served_one_does_not() {
        let mut service = service(1, 20);
        let taken: Vec<_> = (0..5).map(|_| service.take_in(us(0), 0)).collect();
        assert_eq!(taken, [Some(us(10)), Some(us(20)), Some(us(30)), None, None]);
        assert_eq!((service.dropped(), service.take_in(us(25), 0)), (2, Some(us(40))));
    }

    #[test]
    fn work_is_counted_when_it_is_done_and_never_twice() {
        let mut service = service(1, 10_000);
        assert!((0..15).all(|_| service.take_in(us(0), 0).is_some()));
        let done = [100, 200, 300].map(|at| service.take_done(us(at)).as_micros());
        assert_eq!(done, [100, 50, 0]);
    }

    #[test]
    fn without_a_cost_there_is_no_service() {
        assert!(Service::new(ServicePlan::default()).is_none());
    }
}
