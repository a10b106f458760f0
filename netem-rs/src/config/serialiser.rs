//! How the serialiser's rate goes over time.

use crate::mahimahi::Mahimahi;
use crate::validate::ConfigError;
use std::sync::Arc;
use std::time::Duration;

/// How the serialiser's rate goes over time. What a packet has of its bits behind it is kept at every change.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Serialiser {
    /// [`LinkConfig::rate`](crate::LinkConfig::rate), all the time.
    #[default]
    Steady,
    /// A bucket of tokens that [`LinkConfig::rate`](crate::LinkConfig::rate) fills: a packet leaves when the bucket has
    /// a token for each of its bits, so a burst may pass at `peak` after a rest. The bucket is full at first. A packet
    /// larger than the bucket waits for the rest of its tokens instead of being stuck.
    TokenBucket {
        /// Bytes in a full bucket, overhead of packets included.
        burst: u64,
        /// Bits a second at which packets leave while there are tokens; `None` is at once.
        peak: Option<u64>,
    },
    /// Steps and ramps; `rate` is left out.
    Plan {
        /// The rate over time.
        plan: RatePlan,
        /// Where in the plan the link's time 0 is.
        phase: Duration,
    },
    /// A trace of opportunities to deliver, over and over; `rate` is left out.
    Trace {
        /// The trace.
        trace: Mahimahi,
        /// Where in the trace the link's time 0 is; `None` draws it from the link's seed, or all links would fade
        /// together.
        phase: Option<Duration>,
    },
}

/// A rate over time: steps, ramps, once or over and over. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RatePlan {
    points: Arc<[RatePoint]>,
    /// Bits times 10⁹ that can be sent before each point, rounded down.
    before: Arc<[u128]>,
    period: Option<Duration>,
}

/// The rate from a time on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RatePoint {
    /// From when, since the start of the plan.
    pub at: Duration,
    /// Bits a second, at least 1.
    pub rate: u64,
    /// Whether the rate goes evenly to that of the next point, instead of staying until then.
    pub ramp: bool,
}

/// A ramp is at most an hour: squares of its nanoseconds stay exact in 128 bits.
const LONGEST_RAMP: Duration = Duration::from_secs(3_600);
const LONGEST_PLAN: Duration = Duration::from_secs(7 * 24 * 3_600);

impl RatePlan {
    /// A plan through these points, the first at 0; with a period it begins anew after that time. The last point's rate
    /// holds for ever, or to the end of the period.
    ///
    /// ```
    /// use netem_rs::{RatePlan, RatePoint};
    /// use std::time::Duration;
    ///
    /// // 1 Mbit/s, from 2 s on rising to 3 Mbit/s at 4 s.
    /// let at = Duration::from_secs;
    /// let plan = RatePlan::new(
    ///     &[
    ///         RatePoint { at: at(0), rate: 1_000_000, ramp: false },
    ///         RatePoint { at: at(2), rate: 1_000_000, ramp: true },
    ///         RatePoint { at: at(4), rate: 3_000_000, ramp: false },
    ///     ],
    ///     None,
    /// )?;
    /// assert_eq!(plan.rate_at(at(3)), 2_000_000);
    /// # Ok::<(), netem_rs::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no point, the first is not at 0, times do not rise, a rate is not from 1 bit/s to 10 Tbit/s, the
    /// last point is a ramp, or a time is beyond a week (an hour for a ramp).
    pub fn new(points: &[RatePoint], period: Option<Duration>) -> Result<Self, ConfigError> {
        let refuse =
            |field, given: String, allowed: &str| Err(ConfigError { field, given, allowed: allowed.to_owned() });
        if points.first().is_none_or(|first| !first.at.is_zero()) {
            let first = points.first().map_or("empty".to_owned(), |first| format!("{:?}", first.at));
            return refuse("serialiser.plan.at", first, "points of which the first is at 0");
        }
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            if to.at <= from.at || to.at > LONGEST_PLAN {
                let given = format!("{:?} after {:?}", to.at, from.at);
                return refuse("serialiser.plan.at", given, "later than the point before it, and at most a week");
            }
            if from.ramp && to.at - from.at > LONGEST_RAMP {
                return refuse("serialiser.plan.ramp", format!("{:?} long", to.at - from.at), "at most an hour long");
            }
        }
        if let Some(point) = points.iter().find(|point| !(1..=crate::validate::FASTEST).contains(&point.rate)) {
            return refuse("serialiser.plan.rate", point.rate.to_string(), "1 bit/s to 10 Tbit/s");
        }
        let last = points[points.len() - 1];
        if last.ramp {
            return refuse("serialiser.plan.ramp", "set at the last point".to_owned(), "a ramp to a further point");
        }
        if period.is_some_and(|period| period <= last.at || period > LONGEST_PLAN) {
            return refuse("serialiser.plan.period", format!("{period:?}"), "longer than the points, at most a week");
        }
        let mut before = vec![0];
        for index in 0..points.len() - 1 {
            let length = nanos(points[index + 1].at - points[index].at);
            before.push(before[index] + within(points, index, length));
        }
        Ok(Self { points: points.into(), before: before.into(), period })
    }

    /// Steps of the rate, each from its time on.
    pub fn steps(steps: &[(Duration, u64)]) -> Result<Self, ConfigError> {
        let points: Vec<RatePoint> =
            steps.iter().map(|(at, rate)| RatePoint { at: *at, rate: *rate, ramp: false }).collect();
        Self::new(&points, None)
    }

    /// The points.
    #[must_use]
    pub fn points(&self) -> &[RatePoint] {
        &self.points
    }

    /// Bits a second at a time since the plan's start.
    #[must_use]
    pub fn rate_at(&self, time: Duration) -> u64 {
        let time = self.period.map_or(nanos(time), |period| nanos(time) % nanos(period));
        let index = self.index(time);
        let point = self.points[index];
        if !point.ramp {
            return point.rate;
        }
        let next = self.points[index + 1];
        let change = i128::from(next.rate) - i128::from(point.rate);
        let moved = change * (time - nanos(point.at)) as i128 / nanos(next.at - point.at) as i128;
        (i128::from(point.rate) + moved) as u64
    }

    /// Bits times 10⁹ that can be sent in the first `time` nanoseconds, rounded down.
    pub(crate) fn work(&self, time: u128) -> u128 {
        let Some(period) = self.period.map(nanos) else { return self.work_once(time) };
        time / period * self.work_once(period) + self.work_once(time % period)
    }

    /// The first nanosecond by which that work is done.
    pub(crate) fn when(&self, work: u128) -> u128 {
        let Some(period) = self.period.map(nanos) else { return self.when_once(work) };
        let a_period = self.work_once(period);
        // The last of a period's work is done by its end.
        let whole = work.saturating_sub(1) / a_period;
        whole * period + self.when_once(work - whole * a_period)
    }

    fn work_once(&self, time: u128) -> u128 {
        let index = self.index(time);
        self.before[index] + within(&self.points, index, time - nanos(self.points[index].at))
    }

    fn when_once(&self, work: u128) -> u128 {
        // The last point before which less than this is done.
        let index = self.before.partition_point(|before| *before < work).saturating_sub(1);
        let (point, left) = (self.points[index], work - self.before[index].min(work));
        let start = nanos(point.at);
        if !point.ramp {
            return start + left.div_ceil(u128::from(point.rate));
        }
        let (mut low, mut high) = (0, nanos(self.points[index + 1].at) - start);
        while low < high {
            let middle = low + (high - low) / 2;
            if within(&self.points, index, middle) >= left {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        start + low
    }

    /// The point whose rate holds at a nanosecond.
    fn index(&self, time: u128) -> usize {
        self.points.partition_point(|point| nanos(point.at) <= time) - 1
    }
}

/// Bits times 10⁹ in the first `time` nanoseconds after a point, rounded down: the integral of its rate.
fn within(points: &[RatePoint], index: usize, time: u128) -> u128 {
    let point = points[index];
    let flat = u128::from(point.rate) * time;
    if !point.ramp {
        return flat;
    }
    let next = points[index + 1];
    let change = i128::from(next.rate) - i128::from(point.rate);
    let twice = 2 * nanos(next.at - point.at) as i128;
    let bent = (change * (time * time) as i128).div_euclid(twice);
    flat.saturating_add_signed(bent)
}

fn nanos(time: Duration) -> u128 {
    time.as_nanos()
}
