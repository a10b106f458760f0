//! Who sits in which conversation: the people of a population with `speaker`, room by room, in their order.

use super::{Plan, Seat};
use crate::media::conversation::Place;
use crate::scenario::Scenario;
use crate::seed::Seed;

/// Gives everybody of a population that converses a seat.
pub(super) fn take(mut plan: Plan, scenario: &Scenario, root: Seed) -> Plan {
    for (number, room) in (0u64..).zip(&plan.rooms) {
        for (index, population) in (0u16..).zip(&scenario.populations) {
            let Some(speaker) = population.speaker else { continue };
            let of_it = |one: &&u32| plan.participants[**one as usize].population == index;
            let people: Vec<u32> = room.participants.iter().filter(of_it).copied().collect();
            // One more population, or room, changes no other conversation.
            let seed = root.child("conversation").child(&population.name).indexed("room", number);
            for (position, one) in (0u32..).zip(&people) {
                let place = Place { position, seed, people: people.len() as u32, active: speaker.active };
                plan.participants[*one as usize].seat = Some(Seat { place, rotate: speaker.rotate });
            }
        }
    }
    plan
}
