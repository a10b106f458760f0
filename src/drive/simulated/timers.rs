//! Who is to be told the time next: one deadline a member, looked up in the order of time, then of number.
//!
//! A member's deadline changes with almost everything that it is told. So the deadlines are the leaves of a tournament:
//! every node has the earlier one of the two below it, a change is carried up as far as it decides anything, and nothing
//! that was set before is left behind.

use crate::clock::Instant;

/// Nothing is due.
const NEVER: Instant = Instant::MAX;

/// The deadlines of members with dense numbers.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// The first of all at 1, the two below node `n` at `2n` and `2n + 1`, members in the second half.
    nodes: Vec<Instant>,
}

impl Timers {
    /// Sets, moves or (with `None`) takes away a member's deadline.
    pub fn set(&mut self, member: u32, at: Option<Instant>) {
        let at = at.unwrap_or(NEVER);
        let mut node = self.leaf(member);
        if self.nodes.len() <= node {
            if at == NEVER {
                return;
            }
            self.grow(member);
            node = self.leaf(member);
        }
        self.nodes[node] = at;
        while node > 1 {
            node /= 2;
            let first = self.nodes[2 * node].min(self.nodes[2 * node + 1]);
            if std::mem::replace(&mut self.nodes[node], first) == first {
                break;
            }
        }
    }

    /// Moves a member's deadline to `at`, unless it is earlier already.
    pub fn hasten(&mut self, member: u32, at: Option<Instant>) {
        if at.is_some_and(|at| self.due(member).is_none_or(|due| at < due)) {
            self.set(member, at);
        }
    }

    /// A member's deadline.
    pub fn due(&self, member: u32) -> Option<Instant> {
        self.nodes.get(self.leaf(member)).copied().filter(|at| *at < NEVER)
    }

    /// When the first deadline is.
    pub fn next(&self) -> Option<Instant> {
        self.nodes.get(1).copied().filter(|at| *at < NEVER)
    }

    /// The member whose deadline is first and has come, the lowest of those at one instant; its deadline is gone then.
    pub fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let first = self.next().filter(|at| *at <= now)?;
        let (half, mut node) = (self.nodes.len() / 2, 1);
        while node < half {
            node = if self.nodes[2 * node] == first { 2 * node } else { 2 * node + 1 };
        }
        let member = (node - half) as u32;
        self.set(member, None);
        Some(member)
    }

    fn leaf(&self, member: u32) -> usize {
        self.nodes.len() / 2 + member as usize
    }

    /// Makes room for a member, and plays the tournament anew.
    fn grow(&mut self, member: u32) {
        let (before, half) = (self.nodes.len() / 2, (member as usize + 1).next_power_of_two());
        let mut nodes = vec![NEVER; 2 * half];
        nodes[half..half + before].copy_from_slice(&self.nodes[before..]);
        (1..half).rev().for_each(|node| nodes[node] = nodes[2 * node].min(nodes[2 * node + 1]));
        self.nodes = nodes;
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

    #[test]
    fn one_is_hastened_and_never_put_off() {
        let mut timers = Timers::default();
        timers.hasten(9, None);
        assert_eq!(timers.due(9), None);
        for (at, due) in [(30, 30), (20, 20), (25, 20)] {
            timers.hasten(9, Some(ms(at)));
            assert_eq!(timers.due(9), Some(ms(due)));
        }
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
                prop_assert!((0..6).all(|member| timers.due(member) == list[member as usize]));
            }
        }
    }
}
