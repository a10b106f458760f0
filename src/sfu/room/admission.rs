//! What is admitted: numbers of rooms, participants and tracks, and the shape of names.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Longest name of a room, a participant or a media, in bytes.
pub const NAME_LIMIT: usize = 128;

/// Most tracks that one participant may publish.
pub const PUBLISH_LIMIT: usize = 16;

/// What is admitted at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Rooms.
    pub rooms: usize,
    /// Participants in all rooms together.
    pub participants: usize,
    /// Participants in one room.
    pub participants_per_room: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rooms: 10_000, participants: 20_000, participants_per_room: 5_000 }
    }
}

/// How many rooms and participants there are, over all workers that share it.
#[derive(Debug, Default)]
pub struct Census {
    rooms: AtomicUsize,
    participants: AtomicUsize,
}

impl Census {
    pub(super) fn admit_room(&self, limit: usize) -> bool {
        admit(&self.rooms, limit)
    }

    pub(super) fn admit_participant(&self, limit: usize) -> bool {
        admit(&self.participants, limit)
    }

    pub(super) fn room_gone(&self) {
        self.rooms.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn participant_gone(&self) {
        self.participants.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many rooms there are.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }

    /// How many participants there are.
    #[must_use]
    pub fn participants(&self) -> usize {
        self.participants.load(Ordering::Relaxed)
    }
}

fn admit(counter: &AtomicUsize, limit: usize) -> bool {
    let more = |count: usize| (count < limit).then_some(count + 1);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

/// Whether a name is 1 to 128 bytes of visible ASCII.
pub(super) fn is_name(name: &str) -> bool {
    (1..=NAME_LIMIT).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
