//! Who spoke: the people of each room whose voices were kept, those who spoke most first.

use crate::outcome::{Outcome, Voice};

/// Rooms that are shown.
pub const ROOMS: usize = 4;
/// People of a room that are shown.
pub const PEOPLE: usize = 10;

/// One room.
#[derive(Clone, Debug)]
pub struct Room<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its people by name, those who spoke most first.
    pub people: Vec<(&'a str, &'a Voice)>,
}

/// The rooms in which anybody spoke, in the order of the outcome.
#[must_use]
pub fn rooms(outcome: &Outcome) -> Vec<Room<'_>> {
    let mut rooms: Vec<Room<'_>> = Vec::new();
    for detail in &outcome.participants_detail {
        let Some(voice) = detail.voice.as_ref().filter(|voice| voice.total() > 0.0) else { continue };
        match rooms.iter_mut().find(|room| room.name == detail.room) {
            Some(room) => room.people.push((&detail.name, voice)),
            None => rooms.push(Room { name: &detail.room, people: vec![(&detail.name, voice)] }),
        }
    }
    for room in &mut rooms {
        room.people.sort_by(|a, b| b.1.total().total_cmp(&a.1.total()));
        room.people.truncate(PEOPLE);
    }
    rooms.truncate(ROOMS);
    rooms
}

/// Of the time that somebody spoke for most of an interval, the share in which the SFU named them; `None` when nobody did,
/// or no SFU named anybody.
#[must_use]
pub fn named_share(rooms: &[Room<'_>]) -> Option<f64> {
    let pairs = || {
        let voices = rooms.iter().flat_map(|room| room.people.iter().map(|(_, voice)| *voice));
        voices.flat_map(|voice| voice.talked.iter().copied().zip(voice.named.iter().copied()))
    };
    if !pairs().any(|(_, named)| named > 0.0) {
        return None;
    }
    let loud = pairs().filter(|(talked, _)| *talked > 0.5);
    let (count, sum) = loud.fold((0u32, 0.0), |(n, sum), (_, named)| (n + 1, sum + f64::from(named)));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{Sample, empty, outcome};

    #[test]
    fn rooms_hold_those_who_spoke_most_and_the_share_in_which_they_were_named() {
        let outcome = outcome(&Sample::of(100));
        let rooms = rooms(&outcome);
        assert!(!rooms.is_empty() && rooms.len() <= ROOMS);
        for room in &rooms {
            assert!(!room.people.is_empty() && room.people.len() <= PEOPLE);
            assert!(room.people.is_sorted_by(|a, b| a.1.total() >= b.1.total()), "{room:?}");
        }
        // Spurts of three intervals, each named from the second one on.
        let share = named_share(&rooms).expect("they spoke");
        assert!((0.6..0.8).contains(&share), "{share}");
        assert!(super::rooms(&empty()).is_empty() && named_share(&[]).is_none());
    }
}
