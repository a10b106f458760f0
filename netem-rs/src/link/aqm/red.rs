//! RED (Floyd and Jacobson 1993): what enters a queue is dropped by the queue's average length, spread evenly.

use super::pie::Fate;
use crate::Instant;
use crate::config::Red;

#[derive(Default)]
pub(super) struct State {
    average: f64,
    /// Packets since the last drop while drops were possible; `None` before the first.
    count: Option<u64>,
    /// Since when nothing waits.
    idle: Option<Instant>,
}

impl State {
    /// Notes that from `now` on nothing waits.
    pub(super) const fn rest(&mut self, now: Instant) {
        if self.idle.is_none() {
            self.idle = Some(now);
        }
    }

    /// What becomes of a packet that comes at `now`, finds `waiting` bytes and leaves at `rate`.
    pub(super) fn judge(
        &mut self,
        red: &Red,
        now: Instant,
        waiting: u64,
        rate: Option<u64>,
        random: impl FnOnce() -> f64,
    ) -> Fate {
        match self.idle.take() {
            // As if an idle link had sent small packets all the while.
            Some(since) => {
                let sent = rate.map_or(f64::INFINITY, |rate| {
                    now.saturating_since(since).as_secs_f64() * rate as f64 / (8.0 * f64::from(red.packet))
                });
                self.average *= if sent.is_finite() { libm::pow(1.0 - red.weight, sent) } else { 0.0 };
            }
            None => self.average = (1.0 - red.weight) * self.average + red.weight * waiting as f64,
        }
        let (min, max) = (red.min as f64, red.max as f64);
        let most = if red.gentle { 2.0 * max } else { max };
        if self.average < min {
            self.count = None;
            return Fate::Enter;
        }
        if self.average >= most {
            self.count = Some(0);
            return Fate::Drop;
        }
        let share = if self.average < max {
            red.probability * (self.average - min) / (max - min)
        } else {
            red.probability + (1.0 - red.probability) * (self.average - max) / max
        };
        let count = self.count.map_or(0, |count| count + 1);
        let rest = 1.0 - count as f64 * share;
        if rest <= 0.0 || random() < share / rest {
            self.count = Some(0);
            return if red.ecn { Fate::Mark } else { Fate::Drop };
        }
        self.count = Some(count);
        Fate::Enter
    }
}
