//! Which participants have anything to do with each other: rooms that share nothing are islands, each a world of its own.
//!
//! A room never hears of another one, so that rooms can be computed one after the other, or side by side, and come out the
//! same; and one room's clients fit the cache where a thousand do not. They share something where a core of the SFU serves
//! several of them at a cost, where a closed population fills its places in all of them, and where admission has an end.

use crate::plan::Plan;
use crate::plan::target::AdapterPlan;
use crate::sfu::room::Limits;

/// Participants who may meet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Island {
    /// The first of its rooms.
    pub number: u64,
    /// Indices in the plan, ascending.
    pub members: Vec<u32>,
}

/// The islands of a plan, in the order of their first rooms.
pub(super) fn islands(plan: &Plan) -> Vec<Island> {
    let limits = Limits::default();
    let closed = plan.populations.iter().any(|population| population.concurrency.is_some());
    let full = plan.participants.len() > limits.participants || plan.rooms.len() > limits.rooms;
    if closed || full {
        return vec![Island { number: 0, members: (0..plan.participants.len() as u32).collect() }];
    }
    let cores = match &plan.target.adapter {
        AdapterPlan::Reference(reference) if !reference.service.per_packet.is_zero() => Some(reference.service.cores),
        AdapterPlan::Reference(_) | AdapterPlan::Room { .. } | AdapterPlan::WhipWhep(_) => None,
    };
    let mut islands: Vec<Island> = Vec::new();
    let mut of_core = vec![None; cores.unwrap_or(0)];
    for (number, room) in (0u64..).zip(&plan.rooms) {
        if room.participants.is_empty() {
            continue;
        }
        let core = cores.map(|cores| super::service::core(&room.name, cores));
        let known = core.and_then(|core| of_core[core]);
        let index: usize = known.unwrap_or(islands.len());
        if known.is_none() {
            islands.push(Island { number, members: Vec::new() });
        }
        if let Some(core) = core {
            of_core[core] = Some(index);
        }
        islands[index].members.extend(&room.participants);
    }
    islands.iter_mut().for_each(|island| island.members.sort_unstable());
    islands
}
