//! Delays of a frame, from the stamp that its publisher put into it and the times at which it came.
//!
//! Both ends share the run's clock. Without a stamp there is no delay: it is not available, never zero. The playout is a
//! model, not a decoder: a frame is shown once it is decodable, not before the frame before it, and not before the 95th
//! percentile of the frame delays of the last 10 s (at most [`KEPT`] frames) has passed since it was due.

use crate::clock::{Duration, Instant};
use std::collections::VecDeque;

/// How long a frame delay bears on the playout.
const MEMORY: Duration = Duration::from_secs(10);
/// How many frame delays bear on the playout: 10 s at 30 frames per second.
pub const KEPT: usize = 300;

/// How many more are made room for at a time: most streams have far fewer in 10 s, and thousands of them are kept.
const STEP: usize = 32;

/// Time from `earlier` to `later` in seconds; `None` when a stamp claims to come from the future.
#[must_use]
pub fn between(earlier: Instant, later: Instant) -> Option<f64> {
    (later >= earlier).then(|| (later - earlier).as_secs_f64())
}

/// The 95th percentile of what was told in the last 10 s, exact.
#[derive(Clone, Debug, Default)]
struct SlidingP95 {
    /// In order of time: when, and how many microseconds.
    recent: VecDeque<(u32, u32)>,
    /// In order of size.
    sorted: Vec<u32>,
}

impl SlidingP95 {
    fn push(&mut self, now: Instant, value: Duration) {
        // Milliseconds of a run fit for 49 days, microseconds of a delay for an hour.
        let (millis, micros) = (now.as_millis() as u32, u32::try_from(value.as_micros()).unwrap_or(u32::MAX));
        while self.recent.len() == KEPT || self.recent.front().is_some_and(|&(then, _)| is_forgotten(then, millis)) {
            self.drop_oldest();
        }
        if self.recent.len() == self.recent.capacity() {
            self.recent.reserve_exact(STEP);
            self.sorted.reserve_exact(STEP);
        }
        self.recent.push_back((millis, micros));
        self.sorted.insert(self.sorted.partition_point(|&other| other < micros), micros);
    }

    fn drop_oldest(&mut self) {
        if let Some((_, micros)) = self.recent.pop_front() {
            self.sorted.remove(self.sorted.partition_point(|&other| other < micros));
        }
    }

    fn value(&self) -> Duration {
        let rank = (self.sorted.len() * 95).div_ceil(100);
        rank.checked_sub(1).map_or(Duration::ZERO, |index| Duration::from_micros(u64::from(self.sorted[index])))
    }
}

const fn is_forgotten(then: u32, now: u32) -> bool {
    now.saturating_sub(then) > MEMORY.as_millis() as u32
}

/// A virtual player that adapts to the delays it sees.
#[derive(Clone, Debug, Default)]
pub struct Playout {
    delays: SlidingP95,
    last_shown: Instant,
}

impl Playout {
    /// A frame that was `due` became decodable: its end-to-end delay until it is shown, in seconds.
    pub fn handle_frame(&mut self, due: Instant, decodable: Instant) -> Option<f64> {
        let delay = decodable.saturating_since(due);
        between(due, decodable)?;
        self.delays.push(decodable, delay);
        let shown = decodable.max(due + self.delays.value()).max(self.last_shown);
        self.last_shown = shown;
        between(due, shown)
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.delays.recent.capacity() * 8 + self.delays.sorted.capacity() * 4
    }

    /// What the player waits after a frame was due, as of the last frame.
    #[must_use]
    pub fn target(&self) -> Duration {
        self.delays.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_delay_is_shown_as_it_is() {
        let mut playout = Playout::default();
        for frame in 0..600u64 {
            let due = Instant::from_millis(frame * 33);
            let e2e = playout.handle_frame(due, due + Duration::from_millis(80)).expect("stamped");
            assert!((e2e - 0.080).abs() < 1e-9);
        }
        assert!(playout.delays.sorted.len() <= KEPT);
    }

    #[test]
    fn the_playout_waits_for_the_slowest_twentieth_and_forgets_them_after_ten_seconds() {
        let mut playout = Playout::default();
        let delay = |frame: u64| Duration::from_millis(if frame < 200 && frame.is_multiple_of(10) { 150 } else { 50 });
        let mut shown = Vec::new();
        for frame in 0..600u64 {
            let due = Instant::from_millis(frame * 40);
            shown.push(playout.handle_frame(due, due + delay(frame)).expect("stamped"));
        }
        assert!((shown[199] - 0.150).abs() < 1e-9, "a tenth is slow: {}", shown[199]);
        assert!((shown[599] - 0.050).abs() < 1e-9, "16 s later: {}", shown[599]);
    }

    #[test]
    fn frames_are_shown_in_order_after_an_outage() {
        let mut playout = Playout::default();
        let back = Instant::from_secs(2);
        let first = playout.handle_frame(Instant::from_millis(0), back).expect("stamped");
        let second = playout.handle_frame(Instant::from_millis(100), back).expect("stamped");
        assert!(first >= 2.0 && second >= 1.9);
        let shown = |due: f64, e2e: f64| due + e2e;
        assert!(shown(0.1, second) >= shown(0.0, first));
    }

    #[test]
    fn a_stamp_from_the_future_has_no_delay() {
        assert_eq!(Playout::default().handle_frame(Instant::from_secs(2), Instant::from_secs(1)), None);
        assert_eq!(between(Instant::from_secs(2), Instant::from_secs(1)), None);
    }

    #[test]
    fn the_percentile_is_exact() {
        let mut window = SlidingP95::default();
        for value in (1..=100).rev() {
            window.push(Instant::from_secs(1), Duration::from_micros(value));
        }
        assert_eq!(window.value(), Duration::from_micros(95));
    }
}
