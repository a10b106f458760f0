//! Who speaks: an election from the audio levels that publishers send (RFC 6464), room by room.
//!
//! Levels are taken as lasting until the next packet, 60 ms at most, so that packets of any length count alike and comfort
//! noise counts little. Every 300 ms each track's share of loud time and its loudness are averaged with those before.
//! Two thresholds make it hard to come in and hard to fall out: who is loud for 40 % of the time is elected, and stays until
//! that is below 15 %, so that a pause between two words is none; and the louder one comes before the other only when it is
//! a quarter louder. All in whole numbers.

use super::timers::Timer;
use super::{LegId, Rooms, State, TrackId};
use crate::clock::{Duration, Instant};
use crate::conference::MediaKind;
use crate::conference::protocol::ServerMessage;
use crate::rtp::extension::AudioLevel;
use std::collections::{BTreeMap, BTreeSet};

/// How often speakers are elected, on a grid that all rooms share.
pub const ELECTION_EVERY: Duration = Duration::from_millis(300);
/// How long a level holds when no packet follows.
const HOLD: Duration = Duration::from_millis(60);
/// What is at least so loud, in −dBov, counts: speech lies between 20 and 40, a quiet room at 70 and beyond.
const LOUD: u8 = 50;
/// Per mille of loud time from which a track is elected.
const ENTERS: u64 = 400;
/// Per mille of loud time below which an elected one is not any more.
const LEAVES: u64 = 150;
/// Below this a silent track is forgotten.
const FORGOTTEN: u64 = 5;

/// What was heard of a track.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Voice {
    /// The last packet's level, and since when it is to be counted.
    last: Option<(Instant, u8)>,
    /// Nanoseconds of loud time since the last election, and of loud time times loudness.
    loud: u64,
    loudness: u64,
    /// Averages, per mille.
    share: u64,
    energy: u64,
}

impl Voice {
    /// A packet of this level arrived; true when it is loud.
    fn hear(&mut self, now: Instant, level: u8) -> bool {
        self.count(now);
        self.last = Some((now, level));
        level <= LOUD
    }

    fn count(&mut self, now: Instant) {
        let Some((since, level)) = self.last else { return };
        let held = now.saturating_since(since);
        if level <= LOUD {
            let counted = held.min(HOLD).as_nanos() as u64;
            self.loud += counted;
            self.loudness += counted * u64::from(127 - level);
        }
        // What was counted of it is not counted again.
        self.last = if held < HOLD { Some((now, level)) } else { None };
    }

    /// An election: averages what was heard since the last one with those before it.
    fn average(&mut self, now: Instant) {
        self.count(now);
        let window = ELECTION_EVERY.as_nanos() as u64;
        let share = (std::mem::take(&mut self.loud) * 1_000 / window).min(1_000);
        let energy = std::mem::take(&mut self.loudness) * 1_000 / window;
        (self.share, self.energy) = ((self.share + share) / 2, (self.energy + energy) / 2);
    }
}

/// The elected of every room.
#[derive(Debug, Default)]
pub(super) struct Speakers {
    /// Tracks that were heard of late.
    awake: BTreeSet<TrackId>,
    rooms: BTreeMap<String, Elected>,
}

/// The elected of one room.
#[derive(Debug, Default)]
struct Elected {
    /// The loudest first.
    tracks: Vec<TrackId>,
    /// What its people were told.
    told: Vec<String>,
}

impl Speakers {
    /// A track is over, or muted: it is elected no more. True when it was.
    fn forget(&mut self, room: &str, track: TrackId) -> bool {
        self.awake.remove(&track);
        let Some(elected) = self.rooms.get_mut(room) else { return false };
        let before = elected.tracks.len();
        elected.tracks.retain(|one| *one != track);
        elected.tracks.len() < before
    }
}

impl Rooms {
    /// Tells how loud a packet of `track` is, before or after it is forwarded.
    pub fn hear(&mut self, now: Instant, track: TrackId, level: AudioLevel) {
        let Some(entry) = self.tracks.get_mut(track.index()) else { return };
        if entry.kind() != MediaKind::Audio || entry.muted {
            return;
        }
        // Most packets of most tracks are silence, and change nothing.
        if entry.voice.hear(now, level.below_overload) && self.speakers.awake.insert(track) {
            self.plan_election(now);
        }
    }

    fn plan_election(&mut self, now: Instant) {
        if !self.timers.is_set(Timer::Election) {
            let every = ELECTION_EVERY.as_nanos() as u64;
            self.timers.set(Instant::from_nanos((now.as_nanos() / every + 1) * every), Timer::Election);
        }
    }

    /// Elects the speakers of every room in which somebody was heard.
    pub(super) fn elect(&mut self, now: Instant) {
        let mut speakers = std::mem::take(&mut self.speakers);
        let mut loud: BTreeMap<&str, Vec<TrackId>> = BTreeMap::new();
        for &track in &speakers.awake {
            let entry = &mut self.tracks[track.index()];
            entry.voice.average(now);
            loud.entry(&self.members[entry.owner.index()].room).or_default().push(track);
        }
        for (room, tracks) in loud {
            if !speakers.rooms.contains_key(room) {
                speakers.rooms.insert(room.to_owned(), Elected::default());
            }
            let elected = speakers.rooms.get_mut(room).expect("it is there by now");
            for track in tracks {
                let voice = &self.tracks[track.index()].voice;
                match elected.tracks.iter().position(|one| *one == track) {
                    Some(place) if voice.share < LEAVES => drop(elected.tracks.remove(place)),
                    None if voice.share >= ENTERS => elected.tracks.push(track),
                    _ => {}
                }
            }
            let energy = |track: &TrackId| self.tracks[track.index()].voice.energy;
            for place in (1..elected.tracks.len()).rev() {
                let (ahead, behind) = (energy(&elected.tracks[place - 1]), energy(&elected.tracks[place]));
                if behind > ahead + ahead / 4 {
                    elected.tracks.swap(place - 1, place);
                }
            }
        }
        let tracks = &self.tracks;
        speakers.awake.retain(|track| tracks[track.index()].voice.share >= FORGOTTEN);
        self.speakers = speakers;
        self.tell_elected();
        if !self.speakers.awake.is_empty() {
            self.plan_election(now);
        }
    }

    /// Tells the rooms whose elected are others than they were told.
    fn tell_elected(&mut self) {
        let mut rooms = std::mem::take(&mut self.speakers.rooms);
        rooms.retain(|room, elected| {
            let mut names: Vec<String> = Vec::with_capacity(elected.tracks.len());
            for track in &elected.tracks {
                let name = &self.tracks[track.index()].name.participant;
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            if names != elected.told {
                elected.told.clone_from(&names);
                self.tell_room(room, ServerMessage::Speakers { speakers: names });
            }
            !elected.tracks.is_empty()
        });
        self.speakers.rooms = rooms;
    }

    /// A track is over or muted: if it was elected, its room hears at once that it is not any more.
    pub(super) fn silence(&mut self, owner: LegId, track: TrackId) {
        let Some(member) = self.members.get(owner.index()) else { return };
        if self.speakers.forget(&member.room, track) {
            self.tell_elected();
        }
    }

    /// Who speaks in a room, as its people were told.
    pub(super) fn speakers_of(&self, room: &str) -> Vec<String> {
        self.speakers.rooms.get(room).map(|elected| elected.told.clone()).unwrap_or_default()
    }

    fn tell_room(&mut self, room: &str, message: ServerMessage) {
        let Some(room) = self.rooms.get(room) else { return };
        let people = room.values().map(|one| &self.members[one.index()]).filter(|one| one.state != State::Opening);
        let to: Vec<_> = people.map(|one| one.connection).collect();
        if !to.is_empty() {
            self.outputs.push_back(super::Output::Tell { to, message });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share that a voice of these levels has after each election; one packet each 20 ms.
    fn shares(levels: impl Iterator<Item = u8>) -> Vec<u64> {
        let mut voice = Voice::default();
        let mut shares = Vec::new();
        for (slot, level) in (0u64..).zip(levels) {
            let now = Instant::from_millis(slot * 20);
            if slot.is_multiple_of(15) && slot > 0 {
                voice.average(now);
                shares.push(voice.share);
            }
            voice.hear(now, level);
        }
        shares
    }

    #[test]
    fn it_takes_a_word_to_come_in_and_a_pause_to_fall_out() {
        let shares = shares([30u8; 45].into_iter().chain([80; 90]));
        assert!(shares[0] >= ENTERS, "{shares:?}");
        assert!(shares[2] > 800, "{shares:?}");
        // Talk ends after 900 ms: elected for two more elections, out with the third or fourth.
        let out = shares.iter().skip(3).position(|share| *share < LEAVES).expect("out");
        assert!((2..=3).contains(&out), "{shares:?}");
    }

    #[test]
    fn comfort_noise_and_one_loud_packet_elect_nobody() {
        assert!(shares([78u8; 60].into_iter()).iter().all(|share| *share == 0));
        let cough = (0..60).map(|slot| if slot == 20 { 20 } else { 80 });
        assert!(shares(cough).iter().all(|share| *share < ENTERS));
    }

    #[test]
    fn packets_of_any_length_count_alike() {
        for millis in [10u64, 20, 40, 60] {
            let mut voice = Voice::default();
            (0..=300 / millis).for_each(|slot| assert!(voice.hear(Instant::from_millis(slot * millis), 30)));
            voice.average(Instant::from_millis(300));
            assert_eq!(voice.share, 500, "{millis}");
        }
    }
}
