//! PIE, RFC 8033: what enters a queue is dropped with a probability that a controller moves every update interval.

use crate::Instant;
use crate::config::Pie;
use std::time::Duration;

/// RFC 8033 section 4.1: two packets of this mean size are no queue to control.
const MEAN_PACKET: u64 = 1_024;
/// Above this probability packets are dropped and not marked.
const MARK_UP_TO: f64 = 0.1;

pub(super) struct State {
    probability: f64,
    last_delay: Duration,
    burst: Duration,
    /// Probabilities summed up since the last drop.
    summed: f64,
    next: Instant,
}

/// What becomes of a packet that enters a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Enter,
    /// Marked if it can be, else dropped.
    Mark,
    Drop,
}

impl State {
    pub(super) fn new(now: Instant, pie: &Pie) -> Self {
        let burst = pie.burst;
        Self { probability: 0.0, last_delay: Duration::ZERO, burst, summed: 0.0, next: now + pie.update }
    }

    /// Makes the updates that are due by `now`, during which the packet in front was the one that came at `front`.
    pub(super) fn pass_time(&mut self, now: Instant, pie: &Pie, front: Option<Instant>) {
        while self.next <= now {
            let before = (self.probability, self.last_delay, self.burst);
            let delay = front.map_or(Duration::ZERO, |arrived| self.next.saturating_since(arrived));
            self.update(pie, delay);
            self.next += pie.update;
            if delay.is_zero() && before == (self.probability, self.last_delay, self.burst) && self.next <= now {
                // Nothing will change until a packet comes.
                let missed = now.saturating_since(self.next).as_nanos() / pie.update.as_nanos() + 1;
                self.next += Duration::from_nanos_u128(pie.update.as_nanos() * missed);
            }
        }
    }

    /// Sections 4.2, 4.4 and 5.5.
    fn update(&mut self, pie: &Pie, delay: Duration) {
        let (seconds, last) = (delay.as_secs_f64(), self.last_delay.as_secs_f64());
        let mut step = pie.alpha * (seconds - pie.target.as_secs_f64()) + pie.beta * (seconds - last);
        step /= match self.probability {
            p if p < 0.000_001 => 2_048.0,
            p if p < 0.000_01 => 512.0,
            p if p < 0.000_1 => 128.0,
            p if p < 0.001 => 32.0,
            p if p < 0.01 => 8.0,
            p if p < 0.1 => 2.0,
            _ => 1.0,
        };
        if self.probability >= 0.1 {
            step = step.min(0.02);
        }
        self.probability += step;
        if delay.is_zero() && self.last_delay.is_zero() {
            self.probability *= 0.98;
        }
        self.probability = self.probability.clamp(0.0, 1.0);
        if self.probability == 0.0 && delay < pie.target / 2 && self.last_delay < pie.target / 2 {
            self.burst = pie.burst;
        }
        self.burst = self.burst.saturating_sub(pie.update);
        self.last_delay = delay;
    }

    /// Sections 4.1 and 5.4, for a packet that finds `waiting` bytes; `random` gives a number in [0, 1).
    pub(super) fn judge(&mut self, pie: &Pie, waiting: u64, random: impl FnOnce() -> f64) -> Fate {
        let calm = self.last_delay < pie.target / 2 && self.probability < 0.2;
        if !self.burst.is_zero() || calm || waiting <= 2 * MEAN_PACKET {
            return Fate::Enter;
        }
        if self.probability == 0.0 {
            self.summed = 0.0;
        }
        self.summed += self.probability;
        if self.summed < 0.85 || (self.summed < 8.5 && random() >= self.probability) {
            return Fate::Enter;
        }
        self.summed = 0.0;
        if pie.ecn && self.probability <= MARK_UP_TO { Fate::Mark } else { Fate::Drop }
    }
}
