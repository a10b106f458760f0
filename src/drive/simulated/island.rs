//! Which participants have anything to do with each other: rooms that share nothing are islands, each a world of its own.
//!
//! A room never hears of another one, so that rooms can be computed one after the other, or side by side, and come out the
//! same; and one room's clients fit the cache where a thousand do not. They share something where a core of the SFU serves
//! several of them at a cost, where people of theirs are in one link group, where a closed population fills its places in all
//! of them, and where admission has an end.

use crate::plan::Plan;
use crate::plan::groups::Ties;
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
    let ties = ties(plan, cores);
    let mut islands: Vec<Island> = Vec::new();
    let mut of_root = vec![None; plan.rooms.len()];
    for (number, room) in (0u64..).zip(&plan.rooms) {
        if room.participants.is_empty() {
            continue;
        }
        let index: usize = *of_root[ties.root(number as usize)].get_or_insert_with(|| {
            islands.push(Island { number, members: Vec::new() });
            islands.len() - 1
        });
        islands[index].members.extend(&room.participants);
    }
    islands.iter_mut().for_each(|island| island.members.sort_unstable());
    islands
}

/// Which rooms are tied together: by link groups, and by the core that serves them.
fn ties(plan: &Plan, cores: Option<usize>) -> Ties {
    let mut ties = plan.ties();
    let mut of_core = vec![None; cores.unwrap_or(0)];
    for (number, room) in plan.rooms.iter().enumerate().filter(|(_, room)| !room.participants.is_empty()) {
        if let Some(cores) = cores {
            let first = *of_core[super::service::core(&room.name, cores)].get_or_insert(number);
            ties.tie(first, number);
        }
    }
    ties
}
