//! Closed arrivals: a population that holds a number of participants, whoever they are.
//!
//! A place is free since the plan's target rose, or since somebody left; the next participant in the seeded order takes
//! it, and that instant is its intended arrival. It is a machine: told the time and who left, asked whom to start.

use crate::clock::{Duration, Instant};
use crate::plan::{Arrival, Concurrency, Plan};
use std::collections::{BTreeMap, VecDeque};

/// What to do about a closed population.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// Start this participant; its place was free since then.
    Start {
        /// Index in the plan.
        participant: u32,
        /// Its intended arrival.
        intended: Instant,
    },
    /// The population shrinks: this one, who has been there longest, leaves.
    Leave {
        /// Index in the plan.
        participant: u32,
    },
}

/// One closed population.
#[derive(Debug)]
pub struct Closed {
    concurrency: Concurrency,
    waiting: VecDeque<u32>,
    /// Who is in, or joining, by when it came.
    present: VecDeque<u32>,
    /// Since when places of leavers are free.
    freed: VecDeque<Instant>,
}

impl Closed {
    /// The closed populations of a plan, by index.
    #[must_use]
    pub fn of(plan: &Plan) -> BTreeMap<u16, Self> {
        let mut closed = BTreeMap::new();
        for (index, population) in (0u16..).zip(&plan.populations) {
            let Some(concurrency) = &population.concurrency else { continue };
            let mut order: Vec<(u32, u32)> = plan
                .participants
                .iter()
                .filter(|participant| participant.population == index)
                .filter_map(|participant| match participant.arrival {
                    Arrival::InOrder(position) => Some((position, participant.index)),
                    Arrival::At(_) => None,
                })
                .collect();
            order.sort_unstable();
            let waiting = order.into_iter().map(|(_, participant)| participant).collect();
            let concurrency = concurrency.clone();
            closed.insert(index, Self { concurrency, waiting, present: VecDeque::new(), freed: VecDeque::new() });
        }
        closed
    }

    /// Somebody left, or failed to come in; its place is free since `at`.
    pub fn handle_left(&mut self, participant: u32, at: Instant) {
        if let Some(position) = self.present.iter().position(|&other| other == participant) {
            self.present.remove(position);
            self.freed.push_back(at);
        }
    }

    /// Somebody came back by itself (a rejoin).
    pub fn handle_back(&mut self, participant: u32) {
        if !self.present.contains(&participant) {
            self.present.push_back(participant);
            self.freed.pop_front();
        }
    }

    /// When the number of places changes next after `now`.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        self.concurrency.next_change(now)
    }

    /// The next move at `now`; ask until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Move> {
        let target = self.concurrency.target(now) as usize;
        if self.present.len() > target {
            let participant = self.present.pop_front()?;
            return Some(Move::Leave { participant });
        }
        if self.present.len() == target {
            // A place that is not to be filled any more was never free.
            self.freed.clear();
            return None;
        }
        let participant = self.waiting.pop_front()?;
        let freed = self.freed.pop_front();
        let intended = freed.unwrap_or_else(|| self.reached(self.present.len() as u32 + 1, now));
        self.present.push_back(participant);
        Some(Move::Start { participant, intended })
    }

    /// Since when, in the newest rise before `now`, the target was at least `count`.
    fn reached(&self, count: u32, now: Instant) -> Instant {
        let points = &self.concurrency.points;
        let mut since = now;
        for (index, point) in points.iter().enumerate().rev() {
            let (from, before) = index.checked_sub(1).map_or((Instant::ZERO, 0), |i| (points[i].at, points[i].target));
            if point.ramp && from <= now && before < count && point.target >= count {
                let length = point.at.saturating_since(from).as_nanos() as f64;
                let share = f64::from(count - before) / f64::from(point.target - before);
                return (from + Duration::from_nanos((length * share).ceil() as u64)).min(now);
            }
            if point.at <= now {
                if point.target < count {
                    break;
                }
                since = point.at;
            }
        }
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ConcurrencyPoint;

    fn closed(points: &[(u64, u32, bool)], people: u32) -> Closed {
        let points = points
            .iter()
            .map(|&(secs, target, ramp)| ConcurrencyPoint { at: Instant::from_secs(secs), target, ramp })
            .collect();
        Closed {
            concurrency: Concurrency { points },
            waiting: (0..people).collect(),
            present: VecDeque::new(),
            freed: VecDeque::new(),
        }
    }

    fn moves(closed: &mut Closed, now: Instant) -> Vec<Move> {
        std::iter::from_fn(|| closed.poll(now)).collect()
    }

    #[test]
    fn a_step_frees_its_places_at_its_own_time_however_late_it_is_seen() {
        let mut closed = closed(&[(0, 0, false), (2, 2, false)], 5);
        assert_eq!(moves(&mut closed, Instant::from_millis(1_999)), []);
        let intended = Instant::from_secs(2);
        let started = [Move::Start { participant: 0, intended }, Move::Start { participant: 1, intended }];
        assert_eq!(moves(&mut closed, Instant::from_millis(2_400)), started);
    }

    #[test]
    fn a_ramp_frees_places_one_after_the_other() {
        let mut closed = closed(&[(0, 0, false), (10, 10, true)], 20);
        let at = moves(&mut closed, Instant::from_millis(3_500));
        let intended: Vec<u64> =
            at.iter().map(|m| if let Move::Start { intended, .. } = m { intended.as_millis() } else { 0 }).collect();
        assert_eq!(intended, [1_000, 2_000, 3_000]);
    }

    #[test]
    fn a_leaver_is_replaced_from_the_moment_it_left() {
        let mut closed = closed(&[(0, 1, false)], 3);
        assert_eq!(moves(&mut closed, Instant::ZERO).len(), 1);
        closed.handle_left(0, Instant::from_millis(700));
        let intended = Instant::from_millis(700);
        assert_eq!(moves(&mut closed, Instant::from_secs(1)), [Move::Start { participant: 1, intended }]);
    }

    #[test]
    fn a_falling_target_sends_the_longest_present_home_and_refills_nothing() {
        let mut closed = closed(&[(0, 3, false), (5, 1, false)], 9);
        assert_eq!(moves(&mut closed, Instant::ZERO).len(), 3);
        let leave = [Move::Leave { participant: 0 }, Move::Leave { participant: 1 }];
        assert_eq!(moves(&mut closed, Instant::from_secs(5)), leave);
        closed.handle_left(0, Instant::from_secs(5));
        assert_eq!(moves(&mut closed, Instant::from_secs(6)), []);
    }

    #[test]
    fn the_number_of_places_changes_when_it_says_and_not_before() {
        let closed = closed(&[(0, 0, false), (2, 2, false), (10, 9, true), (11, 3, true), (12, 3, true)], 20);
        let (mut now, mut changes) = (Instant::ZERO, 0);
        while let Some(next) = closed.next_change(now) {
            let before = closed.concurrency.target(now);
            let just = Instant::from_nanos(next.as_nanos() - 1);
            assert_eq!(closed.concurrency.target(just), before, "between {now:?} and {next:?}");
            changes += u32::from(closed.concurrency.target(next) != before);
            now = next;
        }
        assert_eq!((changes, now), (1 + 7 + 6, Instant::from_secs(12)));
    }

    #[test]
    fn nobody_is_started_twice_and_the_order_is_the_plans() {
        let mut closed = closed(&[(0, 2, false)], 2);
        moves(&mut closed, Instant::ZERO);
        closed.handle_left(0, Instant::from_secs(1));
        assert_eq!(moves(&mut closed, Instant::from_secs(2)), []);
    }
}
