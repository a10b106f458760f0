//! How many people each population has.

use crate::scenario::population::{Headcount, Population};
use crate::scenario::rooms::{MOST, Rooms};

/// The headcount of one population; a share was checked to come out whole.
pub(super) fn of(population: &Population, rooms: &Rooms) -> u64 {
    match population.head {
        Headcount::Count(count) => u64::from(count),
        Headcount::Share(share) => (share * f64::from(rooms.participants.unwrap_or(0))).round() as u64,
        Headcount::PerRoom(people) => u64::from(people) * u64::from(rooms.count),
    }
}

/// People whom `per_room` populations put into each room.
pub(super) fn fixed(populations: &[Population]) -> u64 {
    let per_room = |population: &Population| match population.head {
        Headcount::PerRoom(people) => u64::from(people),
        Headcount::Count(_) | Headcount::Share(_) => 0,
    };
    populations.iter().map(per_room).sum()
}

/// Whether a run can hold so many.
pub(super) fn fits(total: u64) -> Result<(), (String, String)> {
    if total <= MOST {
        return Ok(());
    }
    Err((format!("{total} people are more than a run can hold"), format!("write at most {MOST}")))
}
