//! When a full ICE agent checks its pair, and when it gives it up: the times of libwebrtc and str0m.
//!
//! Checks are sent again after 250 ms, twice that, and so on to 3 s; answered ones go on at that pace as consent
//! (RFC 7675). After 1.5 s without an answer the pace begins anew, and nine unanswered ones end the pair.

use crate::clock::{Duration, Instant};
use std::collections::VecDeque;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(3);
/// Unanswered checks after which the pair is lost, and the checks that are counted at all.
const LIMIT: u32 = 9;
/// How long no answer came before checks get denser again.
const UNEASY: Duration = Duration::from_millis(1_500);

/// The checks of one pair.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    /// Checks sent so far, [`LIMIT`] at most.
    sent: u32,
    /// Those after the newest that was answered, [`LIMIT`] at most: number, and when it was sent.
    unanswered: VecDeque<(u64, Instant)>,
    /// The newest: its number and when it was sent.
    newest: Option<(u64, Instant)>,
    /// The first number that counts: those before belong to other credentials.
    first: u64,
    next: Option<Instant>,
}

/// What a check is answered to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    /// Time from the newest check to its answer; `None` when an older one was answered.
    pub round_trip: Option<Duration>,
}

impl Checks {
    /// The first check goes out at `now`, or after a restart the first one under new credentials.
    pub fn begin(&mut self, now: Instant) {
        let first = self.newest.map_or(0, |(number, _)| number + 1);
        *self = Self { newest: self.newest, first, next: Some(now), ..Self::default() };
    }

    /// When the next check is due, or the pair is lost.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Whether the pair is lost at `now`: its last check had its time too.
    pub fn is_lost(&self, now: Instant) -> bool {
        self.unanswered.len() >= LIMIT as usize && self.next.is_some_and(|at| at <= now)
    }

    /// Notes that a check is sent; answers its number.
    pub fn send(&mut self, now: Instant) -> u64 {
        let number = self.newest.map_or(0, |(number, _)| number + 1);
        self.newest = Some((number, now));
        self.sent = (self.sent + 1).min(LIMIT);
        if self.unanswered.len() == LIMIT as usize {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back((number, now));
        self.schedule(now);
        number
    }

    /// Check `number` was answered; `None` when it was never sent under these credentials.
    pub fn handle_answer(&mut self, now: Instant, number: u64) -> Option<Answer> {
        let (newest, at) = self.newest.filter(|(newest, _)| (self.first..=*newest).contains(&number))?;
        // Those before it are no longer waited for.
        self.unanswered.retain(|(other, _)| *other > number);
        self.schedule(now);
        Some(Answer { round_trip: (number == newest).then(|| now.saturating_since(at)) })
    }

    /// The next check: denser again where no answer has come for a while.
    fn schedule(&mut self, now: Instant) {
        let Some((_, at)) = self.newest else { return };
        let uneasy = self.unanswered.front().is_some_and(|(_, since)| now.saturating_since(*since) > UNEASY);
        let count = if uneasy { self.unanswered.len() as u32 } else { self.sent };
        self.next = Some(at + delay(count));
    }
}

/// How long after the `sent`-th check the next one follows.
fn delay(sent: u32) -> Duration {
    (FIRST * (1 << (sent.max(1) - 1).min(LIMIT))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When checks are sent, those up to `answered_until` being answered after 100 ms.
    fn times(answered_until: Instant, until: Instant) -> (Vec<u64>, Option<u64>) {
        let (mut checks, mut sent) = (Checks::default(), vec![]);
        checks.begin(Instant::ZERO);
        while let Some(at) = checks.poll_timeout().filter(|at| *at <= until) {
            if checks.is_lost(at) {
                return (sent, Some(at.as_millis()));
            }
            let number = checks.send(at);
            sent.push(at.as_millis());
            if at <= answered_until {
                let answer = checks.handle_answer(at + Duration::from_millis(100), number).expect("it was sent");
                assert_eq!(answer.round_trip, Some(Duration::from_millis(100)));
            }
        }
        (sent, None)
    }

    #[test]
    fn answered_checks_slow_down_to_three_seconds() {
        let (sent, lost) = times(Instant::MAX, Instant::from_secs(13));
        assert_eq!((sent, lost), (vec![0, 250, 750, 1_750, 3_750, 6_750, 9_750, 12_750], None));
    }

    #[test]
    fn on_a_slow_path_the_silence_begins_with_the_first_check_that_was_not_answered() {
        let (mut checks, ms) = (Checks::default(), Instant::from_millis);
        checks.begin(ms(0));
        for at in [0, 250, 750] {
            assert_eq!(checks.poll_timeout(), Some(ms(at)));
            checks.send(ms(at));
        }
        // A round trip of 1.2 s: the first answer comes while two more are out.
        assert_eq!(checks.handle_answer(ms(1_200), 0), Some(Answer { round_trip: None }));
        assert_eq!(checks.poll_timeout(), Some(ms(1_750)));
        checks.send(ms(1_750));
        assert_eq!(checks.poll_timeout(), Some(ms(3_750)), "the second one has been out for 1.5 s and no longer");
    }

    #[test]
    fn a_pair_that_was_never_answered_is_lost_after_nine_checks() {
        let (sent, lost) = times(Instant::ZERO, Instant::from_secs(60));
        assert!(sent.len() == 10, "{sent:?}");
        assert_eq!(lost.expect("nobody answers"), sent[9] + 3_000);
    }

    #[test]
    fn silence_after_consent_makes_checks_dense_before_the_pair_is_lost() {
        let (sent, lost) = times(Instant::from_secs(30), Instant::from_secs(90));
        let last = sent.iter().copied().filter(|at| *at <= 30_000).max().expect("some were answered");
        let after: Vec<u64> = sent.iter().filter(|at| **at > last).map(|at| at - last).collect();
        assert_eq!(after, [3_000, 6_000, 6_500, 7_500, 9_500, 12_500, 15_500, 18_500, 21_500]);
        assert_eq!(lost, Some(last + 24_500));
    }
}
