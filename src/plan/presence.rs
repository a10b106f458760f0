//! Who is meant to be in when: the share of each bucket of time that every participant spends in its room.
//!
//! For closed arrivals nobody knows who; each of the population counts with the share that is meant to be in.

use super::{Arrival, ParticipantPlan, Plan};
use crate::clock::{Duration, Instant};

/// Equal buckets from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    pub(super) count: usize,
    /// Seconds of one.
    pub(super) width: f64,
}

impl Buckets {
    /// A second each, and wider in long runs, so that there are never more than 1,200.
    pub(super) fn of(plan: &Plan) -> Self {
        let seconds = plan.run.end().as_secs_f64().ceil().max(1.0);
        let width = (seconds / 1_200.0).ceil();
        Self { count: (seconds / width).ceil() as usize, width }
    }

    fn middle(self, bucket: usize) -> Instant {
        Instant::ZERO + Duration::from_secs_f64((bucket as f64 + 0.5) * self.width)
    }
}

/// Stays of one participant of open arrivals, in seconds of the run.
fn stays(plan: &Plan, participant: &ParticipantPlan) -> Vec<(f64, f64)> {
    let end = plan.run.end();
    let Arrival::At(arrival) = participant.arrival else { return Vec::new() };
    let mut at = arrival;
    let mut stays = Vec::new();
    for session in &participant.sessions {
        let until = session.length.map_or(end, |length| at + length).min(end);
        if at < end {
            stays.push((at.as_secs_f64(), until.as_secs_f64()));
        }
        match session.rejoin_after {
            Some(away) => at = until + away,
            None => break,
        }
    }
    stays
}

/// Adds to `joins` the joins of one participant in each bucket, and puts the share for which it is in into `shares`.
pub(super) fn presence(
    plan: &Plan,
    participant: &ParticipantPlan,
    buckets: Buckets,
    shares: &mut Vec<f64>,
    joins: &mut [f64],
) {
    shares.clear();
    shares.resize(buckets.count, 0.0);
    let population = &plan.populations[usize::from(participant.population)];
    if let Some(concurrency) = &population.concurrency {
        let people = f64::from(population.count.max(1));
        let lengths: Vec<f64> = participant.sessions.iter().filter_map(|s| s.length).map(|l| l.as_secs_f64()).collect();
        let churn = if lengths.is_empty() { 0.0 } else { lengths.len() as f64 / lengths.iter().sum::<f64>() };
        let mut before = 0.0;
        for bucket in 0..buckets.count {
            let share = (f64::from(concurrency.target(buckets.middle(bucket))) / people).min(1.0);
            shares[bucket] = share;
            joins[bucket] += (share - before).max(0.0) + share * churn * buckets.width;
            before = share;
        }
        return;
    }
    for (from, until) in stays(plan, participant) {
        let first = (from / buckets.width) as usize;
        let last = ((until / buckets.width).ceil() as usize).min(buckets.count);
        if let Some(joins) = joins.get_mut(first) {
            *joins += 1.0;
        }
        for (bucket, share) in shares.iter_mut().enumerate().take(last).skip(first) {
            let start = bucket as f64 * buckets.width;
            *share += (until.min(start + buckets.width) - from.max(start)).max(0.0) / buckets.width;
        }
    }
}
