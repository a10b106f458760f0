//! Whether the queue of a path grows: the slope of the delay over the last groups, against a threshold that adapts
//! (draft-ietf-rmcat-gcc-02 §5.3–5.4; libwebrtc `TrendlineEstimator`).

use super::Usage;
use super::groups::Delta;
use std::collections::VecDeque;

/// Groups that the slope is taken over.
const WINDOW: usize = 20;
/// How much of the smoothed delay is kept at each group.
const SMOOTHING: f64 = 0.9;
/// The slope times this, and times the groups seen, is what the threshold judges: libwebrtc's scale.
const GAIN: f64 = 4.0;
/// Groups beyond which a longer history does not make the slope surer.
const MOST_DELTAS: u32 = 60;
/// How long a slope above the threshold must last, in milliseconds.
const OVERUSE_TIME: f64 = 10.0;
/// The threshold at first, and its bounds.
const THRESHOLD: f64 = 12.5;
const THRESHOLDS: (f64, f64) = (6.0, 600.0);
/// How fast it follows upwards and downwards, per millisecond: faster down, so that flows of other kinds do not starve us
/// and we do not starve others.
const UP: f64 = 0.0087;
const DOWN: f64 = 0.039;
/// What is beyond it by more than this is a spike, and says nothing of what is usual.
const SPIKE: f64 = 15.0;
/// The longest step of its adaptation, in milliseconds.
const LONGEST_STEP: f64 = 100.0;

/// The detector of one path.
#[derive(Debug)]
pub(super) struct Detector {
    deltas: u32,
    /// When the first group arrived, in microseconds.
    first: Option<i64>,
    accumulated: f64,
    smoothed: f64,
    /// Arrival since the first and smoothed delay, in milliseconds.
    history: VecDeque<(f64, f64)>,
    threshold: f64,
    last_update: Option<i64>,
    over: Option<f64>,
    overs: u32,
    last_slope: f64,
    usage: Usage,
}

impl Detector {
    pub fn new() -> Self {
        Self {
            deltas: 0,
            first: None,
            accumulated: 0.0,
            smoothed: 0.0,
            history: VecDeque::with_capacity(WINDOW),
            threshold: THRESHOLD,
            last_update: None,
            over: None,
            overs: 0,
            last_slope: 0.0,
            usage: Usage::Normal,
        }
    }

    /// What the queue does as of the last group.
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// One more group has arrived.
    pub fn handle(&mut self, delta: Delta) {
        let first = *self.first.get_or_insert(delta.at);
        self.deltas = (self.deltas + 1).min(1_000);
        self.accumulated += (delta.arrived - delta.sent) as f64 / 1e3;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        if self.history.len() == WINDOW {
            self.history.pop_front();
        }
        self.history.push_back(((delta.at - first) as f64 / 1e3, self.smoothed));
        let slope = if self.history.len() == WINDOW { self.fit().unwrap_or(self.last_slope) } else { 0.0 };
        self.judge(slope, delta.sent as f64 / 1e3, delta.at);
    }

    /// The slope of a line through the history by least squares; `None` when all arrived at once.
    fn fit(&self) -> Option<f64> {
        let count = self.history.len() as f64;
        let (sum_x, sum_y) = self.history.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (mut over, mut under) = (0.0, 0.0);
        for (x, y) in &self.history {
            over += (x - mean_x) * (y - mean_y);
            under += (x - mean_x) * (x - mean_x);
        }
        (under > 0.0).then(|| over / under)
    }

    fn judge(&mut self, slope: f64, sent_apart: f64, at: i64) {
        if self.deltas < 2 {
            self.usage = Usage::Normal;
            return;
        }
        let scaled = f64::from(self.deltas.min(MOST_DELTAS)) * slope * GAIN;
        if scaled > self.threshold {
            // The first group may have crossed it at any time since the last one: half of that on average.
            let over = self.over.map_or(sent_apart / 2.0, |over| over + sent_apart);
            self.over = Some(over);
            self.overs += 1;
            if over > OVERUSE_TIME && self.overs > 1 && slope >= self.last_slope {
                self.over = Some(0.0);
                self.overs = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over = None;
            self.overs = 0;
            self.usage = if scaled < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last_slope = slope;
        self.adapt(scaled, at);
    }

    fn adapt(&mut self, scaled: f64, at: i64) {
        let last = self.last_update.replace(at).unwrap_or(at);
        let size = scaled.abs();
        if size > self.threshold + SPIKE {
            return;
        }
        let gain = if size < self.threshold { DOWN } else { UP };
        let step = ((at - last) as f64 / 1e3).clamp(0.0, LONGEST_STEP);
        self.threshold = (self.threshold + gain * (size - self.threshold) * step).clamp(THRESHOLDS.0, THRESHOLDS.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// Groups 20 ms apart whose delay is `delay` of their number, in milliseconds: where overuse was seen.
    fn overuses(count: i64, mut delay: impl FnMut(i64) -> f64) -> Vec<i64> {
        let mut detector = Detector::new();
        let mut last = delay(0);
        let mut found = Vec::new();
        for n in 1..count {
            let now = delay(n);
            let arrived = 20_000 + ((now - last) * 1e3) as i64;
            detector.handle(Delta { sent: 20_000, arrived, at: n * 20_000 + (now * 1e3) as i64 });
            last = now;
            if detector.usage() == Usage::Over {
                found.push(n);
            }
        }
        found
    }

    #[test]
    fn a_queue_that_grows_is_seen_within_a_second() {
        let found = overuses(200, |n| (n - 50).max(0) as f64 * 2.0);
        assert!(found.first().is_some_and(|first| (51..100).contains(first)), "{found:?}");
    }

    #[test]
    fn jitter_without_a_trend_is_no_overuse() {
        let mut luck = Seed::new(3).rng();
        let found = overuses(3_000, |_| crate::dist::unit(&mut luck) * 10.0);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_queue_that_drains_is_underuse() {
        let mut detector = Detector::new();
        for n in 0..30 {
            detector.handle(Delta { sent: 20_000, arrived: 25_000, at: n * 25_000 });
        }
        let mut seen = false;
        for n in 0..60 {
            detector.handle(Delta { sent: 20_000, arrived: 15_000, at: 750_000 + n * 15_000 });
            seen |= detector.usage() == Usage::Under;
        }
        assert!(seen);
    }

    #[test]
    fn the_threshold_stays_within_its_bounds() {
        let mut detector = Detector::new();
        for n in 0..2_000 {
            detector.handle(Delta { sent: 20_000, arrived: 20_000, at: n * 20_000 });
        }
        assert!((detector.threshold - THRESHOLDS.0).abs() < 1e-9);
    }
}
