//! Open arrivals as a seeded timetable, drawn before the run (open loop: nobody waits for the SFU).
//!
//! A staged rate is a piecewise linear intensity; arrivals are where its integral passes the points of a unit process
//! (every whole number, or a Poisson process of rate 1), so both laws follow any ramp exactly.

use crate::clock::Instant;
use crate::dist::unit;
use crate::scenario::arrivals::{Arrivals, Process};
use crate::seed::Seed;

/// Who comes when.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Timetable {
    /// In the order of time.
    pub(super) times: Vec<Instant>,
    /// Arrivals beyond the most that may come.
    pub(super) dropped: u64,
}

/// A stretch of time over which the rate is linear.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: f64,
    length: f64,
    rate: f64,
    slope: f64,
    area: f64,
}

/// People that the arrivals bring on average before `end`.
pub(super) fn expected(arrivals: &Arrivals, end: Instant) -> f64 {
    pieces(arrivals, end).iter().map(|piece| piece.area).sum()
}

/// Draws the timetable of at most `most` people before `end`.
pub(super) fn timetable(arrivals: &Arrivals, most: u32, end: Instant, seed: Seed) -> Timetable {
    let pieces = pieces(arrivals, end);
    let total: f64 = pieces.iter().map(|piece| piece.area).sum();
    let mut rng = seed.rng();
    let mut next = |k: u64, last: f64| match arrivals.process {
        Process::Constant => k as f64,
        Process::Poisson => last - libm::log(unit(&mut rng)),
    };
    let mut table = Timetable { times: Vec::new(), dropped: 0 };
    let (mut piece, mut before) = (0, 0.0);
    let mut passed = next(0, 0.0);
    for k in 1.. {
        // A constant process of 10/s brings exactly 90 in 9 s, whatever the sum of the pieces rounds to.
        if passed >= total - 1e-9 {
            break;
        }
        while passed >= before + pieces[piece].area {
            before += pieces[piece].area;
            piece += 1;
        }
        if table.times.len() < most as usize {
            let seconds = pieces[piece].from + pieces[piece].time_of(passed - before);
            table.times.push(Instant::from_nanos((seconds * 1e9).round() as u64));
        } else {
            table.dropped += 1;
        }
        passed = next(k, passed);
    }
    table
}

/// The stages until `end`, cut there.
fn pieces(arrivals: &Arrivals, end: Instant) -> Vec<Piece> {
    let end = end.as_secs_f64();
    let (mut at, mut previous) = (0.0, 0.0);
    let mut pieces = Vec::new();
    for stage in &arrivals.stages {
        let whole = stage.length.map_or(end - at, |length| length.as_secs_f64());
        let rate = if stage.ramp { previous } else { stage.rate };
        let slope = if stage.ramp && whole > 0.0 { (stage.rate - previous) / whole } else { 0.0 };
        let length = whole.min(end - at);
        if length > 0.0 {
            pieces.push(Piece { from: at, length, rate, slope, area: length * (rate + slope * length / 2.0) });
        }
        at += whole;
        previous = stage.rate;
    }
    pieces
}

impl Piece {
    /// When its integral reaches `area`: the root of rate·t + slope·t²/2 = area, in the form that does not cancel.
    fn time_of(&self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let root = libm::sqrt((self.rate * self.rate + 2.0 * self.slope * area).max(0.0));
        (2.0 * area / (self.rate + root)).min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Duration;
    use crate::scenario::arrivals::Stage;

    fn stage(secs: u64, rate: f64, ramp: bool) -> Stage {
        Stage { length: Some(Duration::from_secs(secs)), rate, ramp }
    }

    fn draw(process: Process, stages: Vec<Stage>, most: u32, seed: u64) -> Timetable {
        let arrivals = Arrivals { process, stages, max: None };
        timetable(&arrivals, most, Instant::from_secs(100_000), Seed::new(seed))
    }

    #[test]
    fn constant_arrivals_are_evenly_spaced_and_exactly_as_many() {
        let table = draw(Process::Constant, vec![stage(9, 10.0, false)], 1_000, 1);
        assert_eq!(table.times.len(), 90);
        assert_eq!(table.times[0], Instant::ZERO);
        let gaps: Vec<Duration> = table.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| gap.as_millis() == 100), "{gaps:?}");
    }

    #[test]
    fn a_ramp_brings_the_area_under_it() {
        let table = draw(Process::Constant, vec![stage(10, 20.0, true), stage(10, 20.0, false)], 1_000, 1);
        assert_eq!(table.times.len(), 300, "100 in the ramp, 200 after it");
        // Half of the way up the ramp a quarter of its people have come.
        assert_eq!(table.times.iter().filter(|time| **time < Instant::from_secs(5)).count(), 25);
        assert_eq!(table.times.iter().filter(|time| **time < Instant::from_secs(10)).count(), 100);
    }

    #[test]
    fn beyond_the_most_arrivals_are_counted_as_dropped() {
        let table = draw(Process::Constant, vec![stage(10, 10.0, false)], 60, 1);
        assert_eq!((table.times.len(), table.dropped), (60, 40));
    }

    #[test]
    fn poisson_arrivals_have_their_rate_and_law() {
        // 200 s at 50/s: 10,000 ± 5·100.
        let table = draw(Process::Poisson, vec![stage(200, 50.0, false)], u32::MAX, 3);
        let n = table.times.len() as f64;
        assert!((n - 10_000.0).abs() < 500.0, "{n}");
        // Gaps are exponential: mean = standard deviation, and a share of 1/e is longer than the mean.
        let gaps: Vec<f64> = table.times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{}", variance.sqrt() / mean);
        let long = gaps.iter().filter(|gap| **gap > mean).count() as f64 / gaps.len() as f64;
        assert!((long - (-1.0f64).exp()).abs() < 0.025, "{long}");
        assert!(table.times.is_sorted());
    }

    #[test]
    fn nobody_comes_after_the_end_of_the_run() {
        let arrivals = Arrivals { process: Process::Constant, stages: vec![stage(100, 10.0, false)], max: None };
        let table = timetable(&arrivals, 5_000, Instant::from_secs(3), Seed::new(1));
        assert_eq!(table.times.len(), 30);
        assert!((expected(&arrivals, Instant::from_secs(3)) - 30.0).abs() < 1e-9);
    }

    #[test]
    fn a_stage_of_nobody_brings_nobody() {
        let table = draw(Process::Constant, vec![stage(5, 0.0, false), stage(5, 2.0, false)], 100, 1);
        assert_eq!((table.times.len(), table.times[0]), (10, Instant::from_secs(5)));
        assert_eq!(draw(Process::Poisson, vec![stage(5, 0.0, false)], 100, 1).times, []);
    }
}
