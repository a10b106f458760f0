//! Queue policies other than tail drop. The bottleneck asks at three moments: a packet comes, the next one is chosen,
//! time passes; and it hands over what is dropped.

mod codel;
mod fair;
mod pie;
mod red;

use crate::config::{CoDel, QueuePolicy};
use crate::dice::Dice;
use crate::link::queue::{Limit, Waiting};
use crate::{Instant, Packet, Seed};
use fair::Fair;
use pie::Fate;
use std::collections::VecDeque;

/// The state of a policy, kept from its first use on: its random stream outlives every change.
pub(crate) struct Aqm<T> {
    policy: QueuePolicy,
    codel: codel::State,
    pie: pie::State,
    red: red::State,
    /// Where packets wait under FQ-CoDel.
    fair: Fair<T>,
    /// The largest packet so far, overhead included.
    largest: u64,
    /// Dropped, and not yet handed over.
    refused: VecDeque<T>,
    dice: Dice,
    seed: Seed,
}

/// The bottleneck's one line and how many bytes wait.
pub(super) struct Fifo<'a, T> {
    pub(super) queue: &'a mut VecDeque<Waiting<T>>,
    pub(super) waiting: &'a mut u64,
    /// 1 while the front packet is being sent, and so does not wait.
    pub(super) busy: usize,
}

/// The line as CoDel sees it.
struct FifoLine<'a, 'b, T> {
    fifo: &'a mut Fifo<'b, T>,
    refused: &'a mut VecDeque<T>,
}

impl<T: Packet> codel::Line for FifoLine<'_, '_, T> {
    fn front(&self) -> Option<(Instant, u64)> {
        let front = self.fifo.queue.front()?;
        Some((front.arrived, *self.fifo.waiting - u64::from(front.size)))
    }

    fn drop_front(&mut self) {
        self.fifo.drop_first(self.refused);
    }

    fn mark_front(&mut self) -> bool {
        self.fifo.queue.front_mut().is_some_and(Waiting::mark)
    }
}

impl<T> Fifo<'_, T> {
    /// Drops the first packet that waits.
    fn drop_first(&mut self, refused: &mut VecDeque<T>) {
        let Some(packet) = self.queue.remove(self.busy) else { return };
        *self.waiting -= u64::from(packet.size);
        refused.push_back(packet.item);
    }

    fn first_arrival(&self) -> Option<Instant> {
        self.queue.get(self.busy).map(|packet| packet.arrived)
    }
}

impl<T: Packet> Aqm<T> {
    /// The state of a policy that begins at `now`; draws from `seed`'s child `queue`.
    pub(super) fn new(policy: QueuePolicy, now: Instant, seed: Seed) -> Self {
        let mut aqm = Self {
            policy: QueuePolicy::DropTail,
            codel: codel::State::default(),
            pie: pie::State::new(now, &crate::Pie::default()),
            red: red::State::default(),
            fair: Fair::new(seed.child("flows").bits()),
            largest: 0,
            refused: VecDeque::new(),
            dice: Dice::new("queue"),
            seed,
        };
        aqm.begin(policy, now, true);
        aqm
    }

    /// Packets that wait apart from the bottleneck's line.
    pub(super) const fn apart(&self) -> usize {
        self.fair.len()
    }

    /// Another policy from `now` on: what waits stays. The line is where packets wait but for FQ-CoDel.
    pub(super) fn set(&mut self, policy: &QueuePolicy, now: Instant, fifo: &mut Fifo<'_, T>) {
        if self.policy == *policy {
            return;
        }
        let waits = self.fair.take_all();
        fifo.queue.extend(waits);
        self.begin(policy.clone(), now, *fifo.waiting == 0);
        if let QueuePolicy::FqCoDel(fair) = &self.policy {
            fifo.queue.drain(fifo.busy..).for_each(|packet| self.fair.push(fair, packet));
        }
    }

    fn begin(&mut self, policy: QueuePolicy, now: Instant, idle: bool) {
        match &policy {
            QueuePolicy::CoDel(_) => self.codel = codel::State::default(),
            QueuePolicy::Pie(pie) => self.pie = pie::State::new(now, pie),
            QueuePolicy::Red(_) => {
                self.red = red::State::default();
                if idle {
                    self.red.rest(now);
                }
            }
            QueuePolicy::DropTail | QueuePolicy::DropHead | QueuePolicy::FqCoDel(_) => {}
        }
        self.policy = policy;
    }

    /// Lets a packet in, drops others for it, or gives it back.
    pub(super) fn offer(
        &mut self,
        mut packet: Waiting<T>,
        limit: Limit,
        rate: Option<u64>,
        fifo: &mut Fifo<'_, T>,
    ) -> Result<(), T> {
        let (now, size) = (packet.arrived, u64::from(packet.size));
        self.pass_time(now, fifo);
        self.largest = self.largest.max(size);
        let ahead = |fifo: &Fifo<'_, T>, apart: usize| (fifo.queue.len() - fifo.busy + apart) as u64;
        let full = |packets: u64, waiting: u64| packets > 0 && !limit.admits(packets, waiting, size);
        match &self.policy {
            QueuePolicy::DropHead => {
                while full(ahead(fifo, 0), *fifo.waiting) {
                    fifo.drop_first(&mut self.refused);
                }
            }
            QueuePolicy::FqCoDel(fair) => {
                let fair = *fair;
                let packets = self.fair.len() as u64;
                let over = full(packets, *fifo.waiting);
                *fifo.waiting += size;
                self.fair.push(&fair, packet);
                if over {
                    self.fair.shed(fifo.waiting, &mut self.refused);
                }
                return Ok(());
            }
            _ if full(ahead(fifo, 0), *fifo.waiting) => return Err(packet.item),
            QueuePolicy::DropTail | QueuePolicy::CoDel(_) => {}
            QueuePolicy::Pie(pie) => {
                let fate = self.pie.judge(pie, *fifo.waiting, || self.dice.unit(&self.seed));
                packet = judged(packet, fate)?;
            }
            QueuePolicy::Red(red) => {
                let fate = self.red.judge(red, now, *fifo.waiting, rate, || self.dice.unit(&self.seed));
                packet = judged(packet, fate).inspect_err(|_| {
                    if *fifo.waiting == 0 {
                        self.red.rest(now);
                    }
                })?;
            }
        }
        *fifo.waiting += size;
        fifo.queue.push_back(packet);
        Ok(())
    }

    /// Lets time pass up to `now`, before anything changes then.
    pub(super) fn pass_time(&mut self, now: Instant, fifo: &Fifo<'_, T>) {
        if let QueuePolicy::Pie(pie) = &self.policy {
            self.pie.pass_time(now, pie, fifo.first_arrival());
        }
    }

    /// Sees to it that the front of the line may be sent at `now`.
    pub(super) fn choose(&mut self, now: Instant, fifo: &mut Fifo<'_, T>) {
        match &self.policy {
            QueuePolicy::CoDel(codel) => {
                let codel: CoDel = *codel;
                let mut line = FifoLine { fifo, refused: &mut self.refused };
                self.codel.choose(now, &codel, self.largest, &mut line);
            }
            QueuePolicy::FqCoDel(fair) => {
                if fifo.queue.is_empty()
                    && let Some(packet) = self.fair.next(now, fair, self.largest, fifo.waiting, &mut self.refused)
                {
                    fifo.queue.push_back(packet);
                }
            }
            _ => {}
        }
    }

    /// Notes that nothing waits from `now` on.
    pub(super) fn rest(&mut self, now: Instant) {
        if matches!(self.policy, QueuePolicy::Red(_)) {
            self.red.rest(now);
        }
    }

    /// The next packet that was dropped since the last call.
    pub(super) fn take_refused(&mut self) -> Option<T> {
        self.refused.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.fair.clear();
        self.refused.clear();
    }
}

fn judged<T: Packet>(mut packet: Waiting<T>, fate: Fate) -> Result<Waiting<T>, T> {
    match fate {
        Fate::Enter => Ok(packet),
        Fate::Mark if packet.mark() => Ok(packet),
        Fate::Mark | Fate::Drop => Err(packet.item),
    }
}
