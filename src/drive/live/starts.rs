//! Whose join is due: open arrivals as planned and closed ones as they come, in the order of their intended times.
//!
//! A worker starts as many in a tick as its budget of handshakes holds. Who was due at an earlier look and was not
//! started then was put off; [`Due::put_off`] says so once, when it does start.

use crate::clock::Instant;
use std::collections::VecDeque;

/// The joins that a worker has to begin.
#[derive(Debug, Default)]
pub(super) struct Starts {
    waiting: VecDeque<Waiting>,
    /// When the queue was last looked through.
    looked: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    intended: Instant,
    /// When the worker was told: a closed arrival is news only after its place was free.
    known: Instant,
    client: u32,
}

/// One join that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    /// When it was meant to begin.
    pub intended: Instant,
    /// The worker's index of who.
    pub client: u32,
    /// It was due at an earlier look already.
    pub put_off: bool,
}

impl Starts {
    /// Arrivals that are known from the start, in any order.
    pub fn new(mut arrivals: Vec<(Instant, u32)>) -> Self {
        arrivals.sort_unstable();
        let known = Instant::ZERO;
        let waiting = arrivals.into_iter().map(|(intended, client)| Waiting { intended, known, client }).collect();
        Self { waiting, looked: None }
    }

    /// One more, behind those that were meant to begin no later.
    pub fn push(&mut self, now: Instant, intended: Instant, client: u32) {
        let at = self.waiting.partition_point(|other| other.intended <= intended);
        self.waiting.insert(at, Waiting { intended, known: now, client });
    }

    /// The next join that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<Due> {
        let next = *self.waiting.front().filter(|next| next.intended <= now)?;
        self.waiting.pop_front();
        Some(Due { intended: next.intended, client: next.client, put_off: self.is_put_off(&next) })
    }

    /// This tick begins no more joins.
    pub fn end_look(&mut self, now: Instant) {
        self.looked = Some(now);
    }

    /// Intended times of those that were put off and never began.
    pub fn put_off(&self) -> impl Iterator<Item = Instant> {
        self.waiting.iter().filter(|waiting| self.is_put_off(waiting)).map(|waiting| waiting.intended)
    }

    fn is_put_off(&self, waiting: &Waiting) -> bool {
        self.looked.is_some_and(|looked| waiting.intended.max(waiting.known) <= looked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn due(starts: &mut Starts, now: u64, budget: usize) -> Vec<(u32, bool)> {
        let begun = (0..budget).map_while(|_| starts.pop_due(ms(now))).map(|due| (due.client, due.put_off)).collect();
        starts.end_look(ms(now));
        begun
    }

    #[test]
    fn who_is_put_off_is_told_once_however_many_ticks_it_waits() {
        let mut starts = Starts::new((0..5).map(|client| (ms(10), client)).collect());
        assert_eq!(due(&mut starts, 9, 9), []);
        assert_eq!(due(&mut starts, 10, 2), [(0, false), (1, false)]);
        assert_eq!(due(&mut starts, 11, 1), [(2, true)]);
        assert_eq!(starts.put_off().count(), 2);
        assert_eq!(due(&mut starts, 12, 9), [(3, true), (4, true)]);
        assert_eq!(starts.put_off().count(), 0);
    }

    #[test]
    fn a_late_tick_puts_nobody_off() {
        let mut starts = Starts::new(vec![(ms(10), 0), (ms(11), 1)]);
        due(&mut starts, 9, 9);
        assert_eq!(due(&mut starts, 500, 9), [(0, false), (1, false)]);
    }

    #[test]
    fn a_closed_arrival_is_news_when_it_is_told_and_keeps_its_turn() {
        let mut starts = Starts::new(vec![(ms(40), 0)]);
        due(&mut starts, 20, 9);
        // Free since 15 ms and 12 ms, told at 21 ms: late, but not put off by a budget.
        starts.push(ms(21), ms(15), 1);
        starts.push(ms(21), ms(12), 2);
        starts.push(ms(21), ms(15), 3);
        assert_eq!(due(&mut starts, 21, 2), [(2, false), (1, false)]);
        assert_eq!(due(&mut starts, 22, 9), [(3, true)]);
        assert_eq!(due(&mut starts, 40, 9), [(0, false)]);
    }

    #[test]
    fn one_that_lies_ahead_of_this_tick_holds_nobody_up() {
        let mut starts = Starts::new(vec![(ms(10), 0)]);
        starts.push(ms(9), ms(11), 1);
        assert_eq!(due(&mut starts, 10, 9), [(0, false)]);
    }
}
