//! Which messages of a data channel came, which did not, and in which order: by the numbers that their publisher gave
//! them, from 0 at a steady rate.
//!
//! A message is delivered when it comes, however late. It is lost when it has not come [`PATIENCE`] after it was due; at
//! the end of the channel what was due [`GRACE`] before is lost, and what is younger is nobody's. As messages are due
//! at a steady rate, those that would have followed the newest are known too: a channel that fell silent loses them.

use crate::clock::{Duration, Instant};
use std::collections::BTreeMap;

/// How long after it was due a message may come while others do.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long before the end of the channel a message must have been due to be missed.
pub const GRACE: Duration = Duration::from_secs(5);

/// Messages that are missing at once and waited for, at most: the oldest are lost sooner.
const REACH: usize = 4_096;

/// What a message that came is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// The newest so far.
    Newest,
    /// Here for the first time, after a newer one.
    Behind,
    /// Here again, or after it was given up.
    Again,
}

/// The messages of one channel at one receiver.
#[derive(Debug)]
pub struct Messages {
    interval: Duration,
    /// The newest: its number and when it was due.
    newest: Option<(u32, Instant)>,
    /// What is missing before it, with when it was due.
    missing: BTreeMap<u32, Instant>,
    /// Numbers below this one are over.
    over: u32,
    /// Those that are lost and were not told.
    lost: Vec<Instant>,
}

impl Messages {
    /// Nothing has come. One message follows another after `interval`.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self { interval, newest: None, missing: BTreeMap::new(), over: 0, lost: Vec::new() }
    }

    /// A message came at `now` that was due at `due`.
    pub fn handle_message(&mut self, now: Instant, number: u32, due: Instant) -> Came {
        let came = match self.newest {
            None => {
                // What was sent before this receiver was there is nobody's.
                self.over = number;
                self.newest = Some((number, due));
                Came::Newest
            }
            Some((newest, _)) if number > newest => {
                self.skip(newest + 1, number, due);
                self.newest = Some((number, due));
                Came::Newest
            }
            Some(_) if self.missing.remove(&number).is_some() => Came::Behind,
            Some(_) => Came::Again,
        };
        self.give_up(|due| due + PATIENCE <= now);
        came
    }

    /// The channel ends: what should have come by now is lost.
    pub fn handle_end(&mut self, now: Instant) {
        if let Some((newest, due)) = self.newest {
            let behind = now.saturating_since(due).saturating_sub(GRACE).as_nanos() / self.interval.as_nanos().max(1);
            let next = newest.saturating_add(u32::try_from(behind).unwrap_or(u32::MAX));
            for step in 1..=next - newest {
                self.lost.push(due + self.interval * step);
            }
        }
        self.give_up(|due| due + GRACE <= now);
        (self.newest, self.missing) = (None, BTreeMap::new());
    }

    /// When each message was due that is lost, and was not told before.
    pub fn take_lost(&mut self) -> impl Iterator<Item = Instant> + '_ {
        self.lost.drain(..)
    }

    /// Messages from `from` to before `to`, which was due at `due`, are missing.
    fn skip(&mut self, from: u32, to: u32, due: Instant) {
        for number in from..to {
            let before = due.saturating_sub(self.interval.saturating_mul(to - number));
            if to - number > REACH as u32 {
                self.lost.push(before);
                continue;
            }
            self.missing.insert(number, before);
        }
        while self.missing.len() > REACH {
            self.lost.extend(self.missing.pop_first().map(|(_, due)| due));
        }
    }

    fn give_up(&mut self, is_over: impl Fn(Instant) -> bool) {
        while let Some(first) = self.missing.first_entry() {
            if !is_over(*first.get()) {
                break;
            }
            self.lost.push(first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(number: u32) -> Instant {
        Instant::from_millis(1_000 + 100 * u64::from(number))
    }

    fn channel() -> Messages {
        Messages::new(Duration::from_millis(100))
    }

    #[test]
    fn gaps_are_lost_in_the_end_and_nothing_without_them() {
        let mut messages = channel();
        for number in (5..100).filter(|number| number % 10 != 7) {
            assert_eq!(messages.handle_message(due(number), number, due(number)), Came::Newest);
        }
        messages.handle_end(due(100));
        // 97 was due less than the grace before.
        let lost: Vec<Instant> = messages.take_lost().collect();
        assert_eq!(lost, [7, 17, 27, 37, 47].map(due));
        let mut messages = channel();
        for number in 0..100 {
            messages.handle_message(due(number), number, due(number));
        }
        messages.handle_end(due(120));
        assert_eq!(messages.take_lost().count(), 0);
    }

    #[test]
    fn what_comes_late_is_delivered_and_what_comes_again_is_not() {
        let mut messages = channel();
        messages.handle_message(due(0), 0, due(0));
        messages.handle_message(due(2), 2, due(2));
        assert_eq!(messages.handle_message(due(90), 1, due(1)), Came::Behind);
        assert_eq!(messages.handle_message(due(91), 1, due(1)), Came::Again);
        messages.handle_end(due(40));
        assert_eq!(messages.take_lost().count(), 0);
    }

    #[test]
    fn a_channel_that_falls_silent_loses_what_would_have_followed() {
        let mut messages = channel();
        messages.handle_message(due(0), 0, due(0));
        messages.handle_end(due(80));
        assert_eq!(messages.take_lost().count(), 30, "3 s are due 5 s before the end");
    }

    #[test]
    fn patience_has_an_end_and_so_has_memory() {
        let mut messages = channel();
        messages.handle_message(due(0), 0, due(0));
        messages.handle_message(due(2), 2, due(2));
        messages.handle_message(due(3) + PATIENCE, 3, due(3));
        assert_eq!(messages.take_lost().collect::<Vec<_>>(), [due(1)]);
        assert_eq!(messages.handle_message(due(4) + PATIENCE, 1, due(1)), Came::Again);
        messages.handle_message(due(5) + PATIENCE, 20_000, due(20_000));
        assert!(messages.missing.len() <= REACH);
        assert_eq!(messages.take_lost().count() + messages.missing.len(), 20_000 - 4);
    }
}
