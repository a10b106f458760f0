//! The clock of one join: from the intended arrival through the phases of `conference::Phase` to the first frame.
//!
//! Phases are deltas that add up to the total exactly, in nanoseconds. Marks may come in any order and more than once; the
//! first of each counts, and a phase that ended before the one in front of it took no time. A join that failed is not
//! forgotten: the phase that it was stuck in and the total are censored at the time it had waited.

use crate::clock::{Duration, Instant};
use crate::conference::{Cause, Phase};
use crate::metrics::catalog::Metric;

const PHASES: usize = Phase::ALL.len();

/// How a join ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// In, at this time.
    Joined(Instant),
    /// Given up at this time, stuck in this phase.
    Failed {
        /// When it was given up.
        at: Instant,
        /// Where it was stuck.
        phase: Phase,
        /// Why.
        cause: Cause,
    },
}

/// One figure of a finished join; all are due at the intended arrival.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Figure {
    /// A phase that ended, or the total, in seconds.
    Sample(Metric, f64),
    /// What did not end: it took longer than this many seconds.
    Censored(Metric, f64),
    /// `join.success`: numerator 0 or 1, denominator 1.
    Success(bool),
}

/// The clock of one join.
#[derive(Clone, Copy, Debug)]
pub struct JoinClock {
    intended: Instant,
    ends: [Option<Instant>; PHASES],
    /// The phase with which this join is complete.
    last: Phase,
    end: Option<End>,
}

impl JoinClock {
    /// A join that was intended at `intended` and is complete when `last` ended: `FirstFrame`, or `Dtls` for who has
    /// nothing to receive.
    #[must_use]
    pub const fn new(intended: Instant, last: Phase) -> Self {
        Self { intended, ends: [None; PHASES], last, end: None }
    }

    /// When it was meant to happen.
    #[must_use]
    pub const fn intended(&self) -> Instant {
        self.intended
    }

    /// How it ended; `None` while it goes on.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// Only now is it known what there is to receive. Whether this completed the join.
    pub fn set_last(&mut self, last: Phase) -> bool {
        self.last = last;
        self.complete()
    }

    /// `phase` ended at `at`. Whether this completed the join.
    pub fn mark(&mut self, phase: Phase, at: Instant) -> bool {
        let end = &mut self.ends[phase as usize];
        if self.end.is_some() || end.is_some() {
            return false;
        }
        *end = Some(at);
        self.complete()
    }

    /// The join is given up at `at`; `cause` is the phase's own where nothing better is known. Whether this ended it.
    pub fn fail(&mut self, at: Instant, cause: Option<Cause>) -> bool {
        if self.end.is_some() {
            return false;
        }
        let phase = self.phase();
        self.end = Some(End::Failed { at, phase, cause: cause.unwrap_or(Cause::stuck_in(phase)) });
        true
    }

    /// The phase that it is in: the first that has not ended.
    #[must_use]
    pub fn phase(&self) -> Phase {
        Phase::ALL.into_iter().find(|&phase| self.ends[phase as usize].is_none()).unwrap_or(Phase::FirstFrame)
    }

    /// How long each phase that ended took, in order.
    pub fn deltas(&self) -> impl Iterator<Item = (Phase, Duration)> {
        let mut before = self.intended;
        let last = self.last;
        let ended = Phase::ALL.into_iter().take_while(move |&phase| phase <= last).map_while(|phase| {
            let end = self.ends[phase as usize]?;
            Some((phase, end))
        });
        ended.map(move |(phase, end)| {
            let delta = end.saturating_since(before);
            before = before.max(end);
            (phase, delta)
        })
    }

    /// The figures of a join that ended; nothing while it goes on.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        let ended = self.end.into_iter();
        ended.flat_map(|end| {
            let phases = self.deltas().map(|(phase, delta)| Figure::Sample(metric(phase), delta.as_secs_f64()));
            let waited = |at: Instant, from: Instant| at.saturating_since(from).as_secs_f64();
            let [first, second, third] = match end {
                End::Joined(at) => [
                    None,
                    Some(Figure::Sample(Metric::JoinTotal, waited(at, self.intended))),
                    Some(Figure::Success(true)),
                ],
                End::Failed { at, phase, .. } => [
                    Some(Figure::Censored(metric(phase), waited(at, self.reached()))),
                    Some(Figure::Censored(Metric::JoinTotal, waited(at, self.intended))),
                    Some(Figure::Success(false)),
                ],
            };
            phases.chain(first).chain(second).chain(third)
        })
    }

    /// When the last phase in an unbroken row ended.
    fn reached(&self) -> Instant {
        self.deltas().fold(self.intended, |at, (_, delta)| at + delta)
    }

    fn complete(&mut self) -> bool {
        let last = self.last;
        let done = self.end.is_none()
            && Phase::ALL.into_iter().filter(|&phase| phase <= last).all(|phase| self.ends[phase as usize].is_some());
        if done {
            self.end = Some(End::Joined(self.reached()));
        }
        done
    }
}

/// The metric of a phase.
#[must_use]
pub const fn metric(phase: Phase) -> Metric {
    match phase {
        Phase::Dispatch => Metric::JoinDispatch,
        Phase::Signal => Metric::JoinSignal,
        Phase::Ice => Metric::JoinIce,
        Phase::Dtls => Metric::JoinDtls,
        Phase::FirstRtp => Metric::JoinFirstRtp,
        Phase::FirstKeyframe => Metric::JoinFirstKeyframe,
        Phase::FirstFrame => Metric::JoinFirstFrame,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined() -> JoinClock {
        let mut clock = JoinClock::new(Instant::from_millis(1_000), Phase::FirstFrame);
        for (phase, at) in Phase::ALL.into_iter().zip([1_003, 1_050, 1_160, 1_200, 1_260, 1_260, 1_290]) {
            assert_eq!(clock.mark(phase, Instant::from_millis(at)), phase == Phase::FirstFrame);
        }
        clock
    }

    #[test]
    fn the_phases_add_up_to_the_total() {
        let figures: Vec<_> = joined().figures().collect();
        assert_eq!(figures[0], Figure::Sample(Metric::JoinDispatch, 0.003));
        assert_eq!(figures[5], Figure::Sample(Metric::JoinFirstKeyframe, 0.0));
        assert_eq!(figures[7..], [Figure::Sample(Metric::JoinTotal, 0.29), Figure::Success(true)]);
    }

    #[test]
    fn a_failed_join_is_censored_where_it_was_stuck() {
        let mut clock = JoinClock::new(Instant::from_secs(1), Phase::FirstFrame);
        clock.mark(Phase::Dispatch, Instant::from_secs(1));
        clock.mark(Phase::Signal, Instant::from_millis(1_100));
        assert!(clock.fail(Instant::from_secs(16), None));
        assert!(!clock.fail(Instant::from_secs(17), None));
        let cause = Cause::TransportFailed;
        assert_eq!(clock.end(), Some(End::Failed { at: Instant::from_secs(16), phase: Phase::Ice, cause }));
        let figures: Vec<_> = clock.figures().skip(2).collect();
        let expected = [
            Figure::Censored(Metric::JoinIce, 14.9),
            Figure::Censored(Metric::JoinTotal, 15.0),
            Figure::Success(false),
        ];
        assert_eq!(figures, expected);
        assert!(!clock.mark(Phase::Ice, Instant::from_secs(18)), "too late");
    }

    #[test]
    fn who_has_nothing_to_receive_has_joined_with_the_keys() {
        let mut clock = JoinClock::new(Instant::ZERO, Phase::Dtls);
        for phase in [Phase::Dispatch, Phase::Signal, Phase::Ice] {
            assert!(!clock.mark(phase, Instant::from_millis(5)));
        }
        assert!(clock.mark(Phase::Dtls, Instant::from_millis(9)));
        assert_eq!(clock.figures().count(), 6);
        let mut waiting = JoinClock::new(Instant::ZERO, Phase::FirstFrame);
        [Phase::Dispatch, Phase::Signal, Phase::Ice, Phase::Dtls].into_iter().for_each(|phase| {
            waiting.mark(phase, Instant::from_millis(9));
        });
        assert_eq!(waiting.figures().count(), 0);
        assert!(waiting.set_last(Phase::Dtls), "everybody else left");
    }

    proptest! {
        #[test]
        fn any_order_of_marks_adds_up(marks in prop::collection::vec((0usize..7, 0u64..10_000), 0..40), failed in any::<bool>()) {
            let mut clock = JoinClock::new(Instant::from_millis(3_000), Phase::FirstFrame);
            for (phase, at) in marks {
                clock.mark(Phase::ALL[phase], Instant::from_millis(at));
            }
            if failed {
                clock.fail(Instant::from_secs(11), None);
            }
            let sum: Duration = clock.deltas().map(|(_, delta)| delta).sum();
            if let Some(End::Joined(at)) = clock.end() {
                prop_assert_eq!(sum, at.saturating_since(clock.intended()));
                prop_assert_eq!(clock.figures().count(), 9);
            }
            let censored: Vec<f64> = clock.figures().filter_map(|figure| match figure {
                Figure::Censored(_, waited) => Some(waited),
                _ => None,
            }).collect();
            if let [stuck, total] = censored[..] {
                prop_assert!((stuck + sum.as_secs_f64() - total).abs() < 1e-6);
            }
        }
    }
}
