//! FQ-CoDel, RFC 8290: one queue a flow, new flows first, each flow a quantum at a time, CoDel within.

use super::codel::{Line, State};
use crate::config::FqCoDel;
use crate::dice::scramble;
use crate::link::queue::Waiting;
use crate::{Instant, Packet};
use std::collections::{BTreeMap, VecDeque};

/// At most so many packets are dropped at once from the flow with most bytes.
const BATCH: usize = 64;

pub(super) struct Fair<T> {
    /// One for each hash that was ever met: its CoDel remembers.
    flows: Vec<Flow<T>>,
    places: BTreeMap<u64, usize>,
    /// Flows that have had no turn since they had nothing to send, in order of their turns.
    fresh: VecDeque<usize>,
    /// The others that have something to send, or had when they were last asked.
    old: VecDeque<usize>,
    /// Decides which flows meet in one queue.
    salt: u64,
    packets: usize,
}

struct Flow<T> {
    queue: VecDeque<Waiting<T>>,
    bytes: u64,
    deficit: i64,
    listed: bool,
    codel: State,
}

/// A flow's queue as CoDel sees it.
struct FlowLine<'a, T> {
    flow: &'a mut Flow<T>,
    refused: &'a mut VecDeque<T>,
    waiting: &'a mut u64,
    packets: &'a mut usize,
}

impl<T: Packet> Line for FlowLine<'_, T> {
    fn front(&self) -> Option<(Instant, u64)> {
        let front = self.flow.queue.front()?;
        Some((front.arrived, self.flow.bytes - u64::from(front.size)))
    }

    fn drop_front(&mut self) {
        let Some(packet) = self.flow.queue.pop_front() else { return };
        self.flow.bytes -= u64::from(packet.size);
        *self.waiting -= u64::from(packet.size);
        *self.packets -= 1;
        self.refused.push_back(packet.item);
    }

    fn mark_front(&mut self) -> bool {
        self.flow.queue.front_mut().is_some_and(Waiting::mark)
    }
}

impl<T: Packet> Fair<T> {
    pub(super) const fn new(salt: u64) -> Self {
        Self {
            flows: Vec::new(),
            places: BTreeMap::new(),
            fresh: VecDeque::new(),
            old: VecDeque::new(),
            salt,
            packets: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.packets
    }

    pub(super) fn push(&mut self, config: &FqCoDel, packet: Waiting<T>) {
        let hash = scramble(self.salt ^ packet.item.flow()) % u64::from(config.flows);
        let flows = &mut self.flows;
        let place = *self.places.entry(hash).or_insert_with(|| {
            flows.push(Flow { queue: VecDeque::new(), bytes: 0, deficit: 0, listed: false, codel: State::default() });
            flows.len() - 1
        });
        let flow = &mut self.flows[place];
        flow.bytes += u64::from(packet.size);
        flow.queue.push_back(packet);
        self.packets += 1;
        if !flow.listed {
            flow.listed = true;
            flow.deficit = i64::from(config.quantum);
            self.fresh.push_back(place);
        }
    }

    /// Drops half of the flow with most bytes from its head, but not more than a batch.
    pub(super) fn shed(&mut self, waiting: &mut u64, refused: &mut VecDeque<T>) {
        let fattest = (0..self.flows.len()).max_by_key(|place| (self.flows[*place].bytes, usize::MAX - place));
        let Some(place) = fattest else { return };
        let many = (self.flows[place].queue.len() / 2).clamp(1, BATCH);
        let flow = &mut self.flows[place];
        let mut line = FlowLine { flow, refused, waiting, packets: &mut self.packets };
        (0..many).for_each(|_| line.drop_front());
    }

    /// The packet to send at `now`.
    pub(super) fn next(
        &mut self,
        now: Instant,
        config: &FqCoDel,
        largest: u64,
        waiting: &mut u64,
        refused: &mut VecDeque<T>,
    ) -> Option<Waiting<T>> {
        loop {
            let (place, is_fresh) = match (self.fresh.front(), self.old.front()) {
                (Some(place), _) => (*place, true),
                (None, Some(place)) => (*place, false),
                (None, None) => return None,
            };
            let flow = &mut self.flows[place];
            if flow.deficit <= 0 {
                flow.deficit += i64::from(config.quantum);
                self.take_turn(is_fresh);
                self.old.push_back(place);
                continue;
            }
            let mut line = FlowLine { flow, refused, waiting, packets: &mut self.packets };
            let mut codel = std::mem::take(&mut line.flow.codel);
            codel.choose(now, &config.codel, largest, &mut line);
            line.flow.codel = codel;
            if let Some(packet) = flow.queue.pop_front() {
                flow.bytes -= u64::from(packet.size);
                flow.deficit -= i64::from(packet.size);
                self.packets -= 1;
                return Some(packet);
            }
            // A flow that was new and has nothing left waits its turn once more, so that it cannot starve the others.
            self.take_turn(is_fresh);
            if is_fresh {
                self.old.push_back(place);
            } else {
                self.flows[place].listed = false;
            }
        }
    }

    fn take_turn(&mut self, is_fresh: bool) {
        if is_fresh {
            self.fresh.pop_front();
        } else {
            self.old.pop_front();
        }
    }

    /// Everything that waits, in order of arrival.
    pub(super) fn take_all(&mut self) -> Vec<Waiting<T>> {
        let mut all: Vec<Waiting<T>> = self.flows.iter_mut().flat_map(|flow| flow.queue.drain(..)).collect();
        all.sort_by_key(|packet| packet.arrived);
        self.clear();
        all
    }

    pub(super) fn clear(&mut self) {
        for flow in &mut self.flows {
            flow.queue.clear();
            flow.bytes = 0;
            flow.listed = false;
        }
        self.fresh.clear();
        self.old.clear();
        self.packets = 0;
    }
}
