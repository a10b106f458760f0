//! How many participants the plan means to be in, at any time.

use crate::clock::Instant;
use crate::plan::{Arrival, ParticipantPlan, Plan};

/// Participants meant to be in at `at`: those whose intended stay holds it, and the targets of closed populations.
#[must_use]
pub fn planned(plan: &Plan, at: Instant) -> u64 {
    let open = plan.participants.iter().filter(|participant| stays_at(participant, at)).count() as u64;
    let closed: u64 = plan
        .populations
        .iter()
        .filter_map(|population| Some(population.concurrency.as_ref()?.target(at).min(population.count)))
        .map(u64::from)
        .sum();
    open + closed
}

fn stays_at(participant: &ParticipantPlan, at: Instant) -> bool {
    let Arrival::At(mut from) = participant.arrival else { return false };
    for session in &participant.sessions {
        if at < from {
            return false;
        }
        let Some(length) = session.length else { return true };
        if at < from + length {
            return true;
        }
        let Some(away) = session.rejoin_after else { return false };
        from = from + length + away;
    }
    false
}
