//! A serialiser whose rate is not one number: plans, traces, token buckets. Work is bits times 10⁹, as in the queue.

use crate::config::{LinkConfig, RatePlan, Serialiser};
use crate::mahimahi::Mahimahi;
use crate::{Instant, Seed};
use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

pub(super) enum Shape {
    Plan { plan: RatePlan, phase: u128 },
    Trace { trace: Mahimahi, phase: u128 },
    Bucket(Bucket),
}

/// Tokens are work.
pub(super) struct Bucket {
    rate: u64,
    most: u128,
    peak: Option<u64>,
    tokens: u128,
    /// When there were so many.
    at: Instant,
    /// Work at the peak rate beyond the last packet, within the nanosecond in which that ended.
    spare: u128,
}

impl Shape {
    /// What a configuration asks for, unless that is a steady rate.
    pub(super) fn new(config: &LinkConfig, now: Instant, seed: &Seed) -> Option<Self> {
        match &config.serialiser {
            Serialiser::Steady => None,
            Serialiser::Plan { plan, phase } => Some(Self::Plan { plan: plan.clone(), phase: phase.as_nanos() }),
            Serialiser::Trace { trace, phase } => {
                let phase = phase.map_or_else(|| drawn(trace, seed), |phase| phase.as_nanos());
                Some(Self::Trace { trace: trace.clone(), phase })
            }
            Serialiser::TokenBucket { burst, peak } => {
                let most = u128::from(*burst) * 8 * NANOS;
                let rate = config.rate.expect("a validated bucket has a rate");
                Some(Self::Bucket(Bucket { rate, most, peak: *peak, tokens: most, at: now, spare: 0 }))
            }
        }
    }

    /// The next shape, with the tokens of the last.
    pub(super) fn follow(last: Option<&Self>, config: &LinkConfig, now: Instant, seed: &Seed) -> Option<Self> {
        let mut shape = Self::new(config, now, seed)?;
        if let (Self::Bucket(bucket), Some(Self::Bucket(last))) = (&mut shape, last) {
            bucket.tokens = last.tokens_at(now).min(bucket.most);
        }
        Some(shape)
    }

    /// A packet's first bit goes at `start`.
    pub(super) fn begin(&mut self, start: Instant) {
        if let Self::Bucket(bucket) = self {
            if start != bucket.at {
                bucket.spare = 0;
            }
            bucket.tokens = bucket.tokens_at(start);
            bucket.at = start;
        }
    }

    /// When `left` is done that goes on from `since`.
    pub(super) fn finish(&self, since: Instant, left: u64) -> Instant {
        if left == 0 {
            return since;
        }
        let left = u128::from(left);
        let (done, phase) = match self {
            Self::Plan { plan, phase } => (plan.when(plan.work(at(since, *phase)) + left), *phase),
            Self::Trace { trace, phase } => (trace.when(trace.work(at(since, *phase)) + left), *phase),
            Self::Bucket(bucket) => (at(since, 0) + bucket.time(left), 0),
        };
        Instant::from_nanos(u64::try_from(done.saturating_sub(phase)).unwrap_or(u64::MAX)).max(since)
    }

    /// What can be sent between two instants, of which the first is when the packet being sent began or went on.
    pub(super) fn sent(&self, since: Instant, now: Instant) -> u64 {
        let sent = match self {
            Self::Plan { plan, phase } => plan.work(at(now, *phase)) - plan.work(at(since, *phase)),
            Self::Trace { trace, phase } => trace.work(at(now, *phase)) - trace.work(at(since, *phase)),
            Self::Bucket(bucket) => bucket.work(now.saturating_since(since)),
        };
        u64::try_from(sent).unwrap_or(u64::MAX)
    }

    /// Books `work` sent from `since` to `now`; what could have been sent beyond it is returned, unless it is kept here.
    pub(super) fn spend(&mut self, since: Instant, now: Instant, work: u64) -> u64 {
        match self {
            Self::Bucket(bucket) => {
                let time = now.saturating_since(since).as_nanos();
                if let Some(peak) = bucket.peak {
                    bucket.spare = (u128::from(peak) * time + bucket.spare).saturating_sub(u128::from(work));
                    bucket.spare = bucket.spare.min(u128::from(peak));
                }
                let tokens = bucket.tokens + u128::from(bucket.rate) * time;
                bucket.tokens = tokens.saturating_sub(u128::from(work)).min(bucket.most);
                bucket.at = now;
                0
            }
            Self::Plan { .. } | Self::Trace { .. } => self.sent(since, now).saturating_sub(work),
        }
    }

    /// Bits a second now; for a trace and a bucket, in the long run.
    pub(super) fn rate(&self, now: Instant) -> u64 {
        match self {
            Self::Plan { plan, phase } => {
                plan.rate_at(Duration::from_nanos_u128(at(now, *phase).min(u128::from(u64::MAX))))
            }
            Self::Trace { trace, .. } => trace.rate(),
            Self::Bucket(bucket) => bucket.rate,
        }
    }
}

impl Bucket {
    fn tokens_at(&self, now: Instant) -> u128 {
        let filled = u128::from(self.rate) * now.saturating_since(self.at).as_nanos();
        (self.tokens + filled).min(self.most.max(self.tokens))
    }

    /// Nanoseconds until `left` is sent: until there are tokens for it, and not faster than the peak.
    fn time(&self, left: u128) -> u128 {
        let filled = left.saturating_sub(self.tokens).div_ceil(u128::from(self.rate));
        let peaked = self.peak.map_or(0, |peak| left.saturating_sub(self.spare).div_ceil(u128::from(peak)));
        filled.max(peaked)
    }

    fn work(&self, time: Duration) -> u128 {
        let tokens = self.tokens + u128::from(self.rate) * time.as_nanos();
        self.peak.map_or(tokens, |peak| tokens.min(u128::from(peak) * time.as_nanos() + self.spare))
    }
}

/// Any nanosecond of a trace's period.
fn drawn(trace: &Mahimahi, seed: &Seed) -> u128 {
    let period = u128::from(trace.period_ms()) * 1_000_000;
    (u128::from(seed.child("phase").bits()) * period) >> 64
}

fn at(now: Instant, phase: u128) -> u128 {
    u128::from(now.as_nanos()) + phase
}
