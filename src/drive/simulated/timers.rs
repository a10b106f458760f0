//! Who is to be told the time next: one deadline a member, looked up in the order of time, then of number.
//!
//! A member's deadline changes with almost everything that it is told, mostly to a later one. So the heap keeps at most
//! one live entry a member, the earliest that it was given; when that comes up too soon it is put back.

use crate::clock::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The deadlines of members with dense numbers.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    /// By member: when it is to be told the time.
    due: Vec<Instant>,
    /// By member: when its live entry stands in the heap.
    queued: Vec<Instant>,
}

impl Timers {
    /// Sets, moves or (with `None`) takes away a member's deadline.
    pub fn set(&mut self, member: u32, at: Option<Instant>) {
        let index = member as usize;
        if self.due.len() <= index {
            self.due.resize(index + 1, Instant::MAX);
            self.queued.resize(index + 1, Instant::MAX);
        }
        let at = at.unwrap_or(Instant::MAX);
        self.due[index] = at;
        if at < self.queued[index] {
            self.queued[index] = at;
            self.heap.push(Reverse((at, member)));
        }
    }

    /// When the first deadline is.
    pub fn next(&mut self) -> Option<Instant> {
        loop {
            let Reverse((at, member)) = *self.heap.peek()?;
            let index = member as usize;
            if self.queued[index] != at {
                // An earlier entry took its place.
                self.heap.pop();
            } else if self.due[index] == at {
                return Some(at);
            } else {
                self.heap.pop();
                self.queued[index] = Instant::MAX;
                let due = self.due[index];
                if due < Instant::MAX {
                    self.set(member, Some(due));
                }
            }
        }
    }

    /// The member whose deadline is first and has come, the lowest of those at one instant; its deadline is gone then.
    pub fn pop_due(&mut self, now: Instant) -> Option<u32> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, member)) = self.heap.pop()?;
        self.due[member as usize] = Instant::MAX;
        self.queued[member as usize] = Instant::MAX;
        Some(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn members_come_by_time_and_then_by_number() {
        let mut timers = Timers::default();
        for (member, at) in [(3, 20), (1, 20), (2, 10)] {
            timers.set(member, Some(ms(at)));
        }
        timers.set(3, Some(ms(5)));
        timers.set(2, Some(ms(30)));
        let order: Vec<Option<u32>> = [4, 5, 19, 20, 29, 30].map(|at| timers.pop_due(ms(at))).into();
        assert_eq!(order, [None, Some(3), None, Some(1), None, Some(2)]);
        assert_eq!(timers.next(), None);
    }

    proptest! {
        #[test]
        fn what_comes_is_what_a_list_would_say(steps in proptest::collection::vec((0u32..6, proptest::option::of(0u64..50), 0u64..60), 1..60)) {
            let (mut timers, mut list) = (Timers::default(), [None; 6]);
            for (member, at, now) in steps {
                timers.set(member, at.map(ms));
                list[member as usize] = at.map(ms);
                let first = (0..6).filter_map(|member| list[member].map(|at| (at, member as u32))).min();
                prop_assert_eq!(timers.next(), first.map(|(at, _)| at));
                let due = first.filter(|(at, _)| *at <= ms(now)).map(|(_, member)| member);
                prop_assert_eq!(timers.pop_due(ms(now)), due);
                if let Some(member) = due {
                    list[member as usize] = None;
                }
            }
        }
    }
}
