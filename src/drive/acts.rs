//! What the plan's faults do to the SFU, and when; whoever has it in hand does it.

use crate::clock::Instant;
use crate::plan::{FaultKind, Plan};

/// One thing to do to the SFU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// It ends without a goodbye.
    Kill,
    /// It begins again, with nobody in it.
    Start,
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
}

/// Everything that is to be done, with the index of its fault: by time, the next one last.
#[must_use]
pub fn acts(plan: &Plan) -> Vec<(Instant, Act, u16)> {
    let mut ahead = Vec::new();
    for (index, fault) in (0u16..).zip(&plan.faults) {
        match fault.kind {
            FaultKind::SfuKill { restart_after } => {
                ahead.push((fault.at, Act::Kill, index));
                ahead.extend(restart_after.map(|after| (fault.at + after, Act::Start, index)));
            }
            FaultKind::SfuPause => ahead.extend([(fault.at, Act::Pause, index), (fault.until, Act::Resume, index)]),
            _ => {}
        }
    }
    ahead.sort_by_key(|(at, _, index)| std::cmp::Reverse((*at, *index)));
    ahead
}
