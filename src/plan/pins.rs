//! Whether everybody whom somebody pins is there: in the same room, and publishing what is to be received.

use super::{ParticipantPlan, Plan};
use crate::conference::MediaKind;
use crate::scenario::Scenario;
use crate::scenario::check::Report;
use crate::scenario::subscribe::Selection;

const KINDS: [(MediaKind, &str); 2] = [(MediaKind::Audio, "audio"), (MediaKind::Video, "video")];

/// Refuses a selection that pins nobody, once for each population and kind.
pub(super) fn check(plan: &Plan, scenario: &Scenario, report: &Report<'_>) {
    for (index, population) in (0u16..).zip(&scenario.populations) {
        for (kind, word) in KINDS {
            let Selection::Pinned { name, .. } = population.subscribe.of(kind) else { continue };
            let of_it = plan.participants.iter().filter(|one| one.population == index);
            let Some(lonely) = of_it.into_iter().find(|one| pinned(plan, one, kind) == 0) else { continue };
            let key = format!("{}.subscribe.{word}", population.path);
            let key = if report.has(&key) { key } else { format!("{}.subscribe", population.path) };
            let room = &plan.rooms[lonely.room as usize].name;
            let message = format!("nobody called `{name}` publishes {word} to {} in the room {room}", lonely.name);
            let help = "write the name of a participant in everybody's room, as in \"pinned(speakers-1)\", or of a population, which stands for all of it";
            report.fail(&key, message, help);
        }
    }
}

/// How many others in its room, of whom something of this kind can be received, a participant pins.
pub(super) fn pinned(plan: &Plan, one: &ParticipantPlan, kind: MediaKind) -> u32 {
    let selection = one.subscribe.of(kind);
    others(plan, one, kind).filter(|other| selection.pins(&other.name)).count() as u32
}

/// The others in its room of whom something of this kind can be received.
pub(super) fn others<'a>(
    plan: &'a Plan,
    one: &'a ParticipantPlan,
    kind: MediaKind,
) -> impl Iterator<Item = &'a ParticipantPlan> {
    let room = plan.rooms[one.room as usize].participants.iter().map(|&other| &plan.participants[other as usize]);
    let publishes = move |other: &&ParticipantPlan| {
        other.publish.iter().any(|media| plan.media[usize::from(*media)].kind() == kind)
    };
    room.filter(move |other| other.index != one.index).filter(publishes)
}
