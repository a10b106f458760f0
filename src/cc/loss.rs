//! What losses allow: less when a tenth and more of the packets are lost, more again below two in a hundred
//! (draft-ietf-rmcat-gcc-02 §6).
//!
//! It bounds the delay-based estimate and never raises it. Before any loss there is no bound.

use crate::clock::{Duration, Instant};
use std::collections::BTreeSet;

/// Packets that a judgement is made of at least, and the time it takes at least.
const PACKETS: u64 = 20;
const INTERVAL: Duration = Duration::from_millis(500);
/// Below the first share of losses the bound rises; from the second on it falls.
const RISES: f64 = 0.02;
const FALLS: f64 = 0.10;
/// Growth of the bound in a second.
const GROWTH: f64 = 1.08;
/// Two reductions are a round trip and this apart.
const APART: Duration = Duration::from_millis(300);
/// Packets told lost that may still be told received.
const REMEMBERED: usize = 1_024;

/// The bound that losses set.
#[derive(Debug)]
pub(super) struct Loss {
    bound: Option<f64>,
    told: u64,
    lost: u64,
    since: Option<Instant>,
    fell: Option<Instant>,
    grown: Instant,
    missing: BTreeSet<i64>,
}

impl Loss {
    pub const fn new() -> Self {
        Self { bound: None, told: 0, lost: 0, since: None, fell: None, grown: Instant::ZERO, missing: BTreeSet::new() }
    }

    /// The bound in bit/s.
    pub const fn bound(&self) -> Option<f64> {
        self.bound
    }

    /// What became of a packet. One that was told lost may come after all.
    pub fn handle(&mut self, sequence: i64, received: bool) {
        if received && self.missing.remove(&sequence) {
            self.lost = self.lost.saturating_sub(1);
            return;
        }
        self.told += 1;
        if !received && self.missing.insert(sequence) {
            self.lost += 1;
            if self.missing.len() > REMEMBERED {
                self.missing.pop_first();
            }
        }
    }

    /// All of one feedback was told; `current` is the rate that is sent at, `arriving` what comes through.
    pub fn judge(&mut self, now: Instant, current: f64, arriving: Option<f64>, round_trip: Duration) {
        let since = *self.since.get_or_insert(now);
        if self.told < PACKETS || now.saturating_since(since) < INTERVAL {
            return;
        }
        let share = self.lost as f64 / self.told as f64;
        (self.told, self.lost, self.since) = (0, 0, Some(now));
        if share >= FALLS {
            let may = self.fell.is_none_or(|at| now.saturating_since(at) >= round_trip + APART);
            if may {
                // What a full queue dropped has lowered the rate already: what comes through in spite of it is no loss's.
                let through = arriving.unwrap_or(0.0).min(current);
                self.bound = Some((current * (1.0 - 0.5 * share)).max(through));
                self.fell = Some(now);
            }
        } else if share < RISES
            && let Some(bound) = self.bound
        {
            let passed = now.saturating_since(self.grown).as_secs_f64().min(1.0);
            let bound = bound * libm::pow(GROWTH, passed) + 1_000.0 * passed;
            self.bound = Some(bound);
        }
        self.grown = now;
    }

    /// The path allows less than the bound by other means: it bounds no more.
    pub fn release_above(&mut self, estimate: f64) {
        if self.bound.is_some_and(|bound| bound > estimate) {
            self.bound = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound after so many seconds, 100 packets each, of which every `nth` is lost, sent at the bound.
    fn after(loss: &mut Loss, from: u64, seconds: u64, nth: i64) -> Option<f64> {
        let first = from as i64 * 100;
        for second in 0..seconds {
            for packet in 0..100 {
                let sequence = first + second as i64 * 100 + packet;
                loss.handle(sequence, sequence % nth != 0);
            }
            let current = loss.bound().unwrap_or(1e6);
            let arriving = Some(current * (1.0 - 1.0 / nth as f64));
            loss.judge(Instant::from_secs(from + second + 1), current, arriving, Duration::from_millis(100));
        }
        loss.bound()
    }

    #[test]
    fn a_tenth_lost_lowers_and_a_fiftieth_does_not() {
        let mut loss = Loss::new();
        assert_eq!(after(&mut loss, 0, 10, 20), None, "5 % holds");
        let bound = after(&mut loss, 10, 5, 10).expect("10 % bounds");
        assert!((770e3..820e3).contains(&bound), "0.95 to the fifth, {bound}");
        let held = after(&mut loss, 15, 5, 20).expect("5 % holds");
        assert!((held - bound).abs() < 1.0);
        let grown = after(&mut loss, 20, 5, 1_000_000).expect("still bound");
        assert!(grown > 1.4 * bound, "8 % a second");
        loss.release_above(1e6);
        assert_eq!(loss.bound(), None);
    }

    #[test]
    fn what_a_queue_dropped_before_the_rate_fell_does_not_lower_it_twice() {
        let mut loss = Loss::new();
        for second in 0..5 {
            for packet in 0..100 {
                loss.handle(second * 100 + packet, packet % 2 == 0);
            }
            loss.judge(Instant::from_secs(second as u64 + 1), 500e3, Some(600e3), Duration::from_millis(100));
        }
        assert_eq!(loss.bound(), Some(500e3));
    }

    #[test]
    fn a_packet_that_was_only_late_is_not_lost() {
        let mut loss = Loss::new();
        for second in 0..5 {
            for packet in 0..100 {
                let sequence = second * 100 + packet;
                loss.handle(sequence, sequence % 3 != 0);
                if sequence % 3 == 0 {
                    loss.handle(sequence, true);
                }
            }
            loss.judge(Instant::from_secs(second as u64 + 1), 1e6, None, Duration::from_millis(100));
        }
        assert_eq!(loss.bound(), None);
    }
}
