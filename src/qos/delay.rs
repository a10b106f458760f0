//! Delays of a frame, from the stamp that its publisher put into it and the times at which it came.
//!
//! Both ends share the run's clock. Without a stamp there is no delay: it is not available, never zero. The playout is a
//! model, not a decoder: a frame is shown once it is decodable, not before the frame before it, and not before the 95th
//! percentile of the frame delays of the last 10 s (at most [`KEPT`] frames) has passed since it was due.

use crate::clock::{Duration, Instant};
use std::collections::VecDeque;

/// How long a frame delay bears on the playout.
const MEMORY_MILLIS: i16 = 10_000;
/// How many frame delays bear on the playout: 10 s at 30 frames per second.
pub const KEPT: usize = 300;

/// How many more are made room for at a time: most streams have far fewer in 10 s, and thousands of them are kept.
const STEP: usize = 16;
/// How many of the largest are known beyond those that are needed, so that they are not looked for anew each time.
const SPARE: usize = 6;

/// Time from `earlier` to `later` in seconds; `None` when a stamp claims to come from the future.
#[must_use]
pub fn between(earlier: Instant, later: Instant) -> Option<f64> {
    (later >= earlier).then(|| (later - earlier).as_secs_f64())
}

/// The 95th percentile of what was told in the last 10 s, exact. Thousands of streams have one, so it keeps no more than
/// what was told, and in order of size only the values that the percentile is looked up among.
#[derive(Clone, Debug, Default)]
struct SlidingP95 {
    /// In order of time: when, in milliseconds, and how many microseconds, in two halves.
    recent: VecDeque<[u16; 3]>,
    /// When the last one was.
    last: u32,
    /// The largest of them, the largest first: a twentieth at least, unless they are to be looked for anew.
    largest: Vec<u32>,
}

impl SlidingP95 {
    fn push(&mut self, now: Instant, value: Duration) {
        // Milliseconds of a run fit for 49 days, microseconds of a delay for an hour.
        let (millis, micros) = (now.as_millis() as u32, u32::try_from(value.as_micros()).unwrap_or(u32::MAX));
        if is_forgotten(self.last, millis) {
            self.recent.clear();
            self.largest.clear();
        }
        self.last = self.last.max(millis);
        // No two are further apart than half a minute, so that the low half of the milliseconds tells them apart.
        while self.recent.len() == KEPT
            || self.recent.front().is_some_and(|entry| (millis as u16).wrapping_sub(entry[0]) as i16 > MEMORY_MILLIS)
        {
            self.drop_oldest();
        }
        if self.recent.len() == self.recent.capacity() {
            self.recent.reserve_exact(STEP);
        }
        self.recent.push_back([millis as u16, (micros >> 16) as u16, micros as u16]);
        let all_known = self.largest.len() + 1 == self.recent.len();
        let at = self.largest.partition_point(|&other| other > micros);
        if at < self.largest.len() || all_known {
            self.largest.insert(at, micros);
        }
        self.look();
    }

    fn drop_oldest(&mut self) {
        let Some(entry) = self.recent.pop_front() else { return };
        let at = self.largest.partition_point(|&other| other > micros_of(entry));
        if self.largest.get(at) == Some(&micros_of(entry)) {
            self.largest.remove(at);
        }
    }

    /// Sees that as many of the largest are known as are needed, and not many more.
    fn look(&mut self) {
        let needed = self.recent.len() - self.rank() + 1;
        if self.largest.len() > 2 * needed + SPARE {
            self.largest.truncate(needed + SPARE);
        }
        if self.largest.len() < needed {
            let mut all: Vec<u32> = self.recent.iter().map(|&entry| micros_of(entry)).collect();
            all.sort_unstable_by(|a, b| b.cmp(a));
            all.truncate(needed + SPARE);
            self.largest.clear();
            self.largest.extend(all);
        }
    }

    /// How many of them are at most as large as the percentile.
    fn rank(&self) -> usize {
        (self.recent.len() * 95).div_ceil(100)
    }

    fn value(&self) -> Duration {
        let micros = self.largest.get(self.recent.len() - self.rank()).copied().unwrap_or_default();
        Duration::from_micros(u64::from(micros))
    }
}

const fn micros_of([_, high, low]: [u16; 3]) -> u32 {
    (high as u32) << 16 | low as u32
}

const fn is_forgotten(then: u32, now: u32) -> bool {
    now.saturating_sub(then) > MEMORY_MILLIS as u32
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
        self.delays.recent.capacity() * 6 + self.delays.largest.capacity() * 4
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
        assert!(playout.delays.recent.len() <= KEPT && playout.heap_bytes() < 2_200);
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

    proptest::proptest! {
        #[test]
        fn it_is_what_sorting_everything_would_say(told in proptest::collection::vec((0u64..400, 0u64..90_000), 1..900)) {
            let (mut window, mut all, mut now) = (SlidingP95::default(), VecDeque::new(), 0);
            for (step, micros) in told {
                // Now and then nothing comes for a while.
                now += if step > 395 { step * 40 } else { step };
                while all.len() == KEPT || all.front().is_some_and(|(then, _)| now - then > 10_000) {
                    all.pop_front();
                }
                all.push_back((now, micros));
                window.push(Instant::from_millis(now), Duration::from_micros(micros));
                let mut sorted: Vec<u64> = all.iter().map(|(_, micros)| *micros).collect();
                sorted.sort_unstable();
                let expected = sorted[(sorted.len() * 95).div_ceil(100) - 1];
                proptest::prop_assert_eq!(window.value(), Duration::from_micros(expected));
            }
        }
    }
}
