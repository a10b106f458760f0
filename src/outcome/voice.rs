//! Who spoke, in `outcome.json`: types, and which of them are kept.

use super::document::ParticipantDetail;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Rooms of which it is kept who spoke: the first ones.
pub const ROOMS: usize = 6;
/// People of a room of whom it is kept: those who spoke most.
pub const PEOPLE: usize = 16;

/// When a participant spoke, interval by interval.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Voice {
    /// Share of the interval that it sent speech.
    pub talked: Vec<f32>,
    /// Share of the interval in which the SFU named it among the active speakers, as it heard of it itself.
    pub named: Vec<f32>,
}

impl Voice {
    /// One interval more; shares are kept to a thousandth.
    pub fn push(&mut self, talked: f32, named: f32) {
        let rounded = |share: f32| (share.clamp(0.0, 1.0) * 1_000.0).round() / 1_000.0;
        self.talked.push(rounded(talked));
        self.named.push(rounded(named));
    }

    /// Intervals that it sent speech, in whole.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.talked.iter().map(|share| f64::from(*share)).sum()
    }
}

/// Keeps the voices of those who spoke most in the first rooms: everybody's would be most of the file.
pub fn keep_loudest(details: &mut [ParticipantDetail]) {
    let mut rooms: Vec<String> = Vec::new();
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    for detail in details.iter().filter(|detail| detail.voice.is_some()) {
        if rooms.len() < ROOMS && !rooms.contains(&detail.room) {
            rooms.push(detail.room.clone());
        }
    }
    for room in rooms {
        let total = |index: usize| details[index].voice.as_ref().map_or(0.0, Voice::total);
        let mut people: Vec<usize> =
            (0..details.len()).filter(|&i| details[i].room == room && details[i].voice.is_some()).collect();
        people.sort_by(|&a, &b| total(b).total_cmp(&total(a)).then(a.cmp(&b)));
        kept.extend(people.into_iter().take(PEOPLE).filter(|&i| total(i) > 0.0));
    }
    for (index, detail) in details.iter_mut().enumerate() {
        if !kept.contains(&index) {
            detail.voice = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(index: u32, room: usize, talked: &[f32]) -> ParticipantDetail {
        let mut voice = Voice::default();
        talked.iter().for_each(|share| voice.push(*share, 0.0));
        let json = serde_json::json!({
            "index": index, "name": format!("p-{index}"), "population": "p", "network": "none",
            "room": format!("r-{room}"), "kind": "light", "state": "joined", "arrival": 0.0, "join": [],
            "join_total": 0.1, "sessions": 1, "scalars": {}, "tracks": [], "voice": voice,
        });
        serde_json::from_value(json).expect("a participant")
    }

    #[test]
    fn those_who_spoke_most_in_the_first_rooms_are_kept() {
        let mut details: Vec<ParticipantDetail> = Vec::new();
        for room in 0..ROOMS + 2 {
            for person in 0..PEOPLE + 4 {
                details.push(detail(details.len() as u32, room, &[person as f32 / 100.0, 0.0]));
            }
        }
        keep_loudest(&mut details);
        let kept: Vec<&ParticipantDetail> = details.iter().filter(|one| one.voice.is_some()).collect();
        assert_eq!(kept.len(), ROOMS * PEOPLE);
        assert!(kept.iter().all(|one| one.index as usize % (PEOPLE + 4) >= 4), "the quiet ones are not");
        let mut silent = vec![detail(0, 0, &[0.0, 0.0])];
        keep_loudest(&mut silent);
        assert!(silent[0].voice.is_none());
    }

    #[test]
    fn shares_are_kept_to_a_thousandth() {
        let mut voice = Voice::default();
        voice.push(0.123_456, 7.0);
        assert_eq!((voice.talked[0], voice.named[0], voice.total()), (0.123, 1.0, f64::from(0.123_f32)));
    }
}
