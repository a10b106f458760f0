//! What a participant does in the course of a session: tracks that come, go and fall silent.

use super::leg::Role;
use super::session::Session;
use super::turn::Turn;
use crate::participant::offer::offer;

impl Session {
    /// Publishes one more media: a new track under a name that may have been there before.
    pub fn publish(&mut self, turn: &mut Turn<'_>, media: u16) {
        self.published.push(media);
        // What is published before the SFU has let it in stands in the request to join, where that has not been made yet.
        if !self.chooses {
            return;
        }
        let me = turn.shared.participant(turn.me);
        let seed = me.seed.indexed("session", u64::from(self.number));
        let track = offer(&turn.shared.plan.media[usize::from(media)], self.offered, &me.name, &seed);
        self.offered += 1;
        self.told.push(media);
        for leg in self.legs.iter_mut().filter(|leg| leg.role == Role::Room && !leg.has_left) {
            leg.publish(turn, track.clone());
        }
    }

    /// Publishes a media no longer.
    pub fn unpublish(&mut self, turn: &mut Turn<'_>, media: u16) {
        self.published.retain(|one| *one != media);
        if !self.chooses || !self.told.contains(&media) {
            return;
        }
        self.told.retain(|one| *one != media);
        for leg in self.legs.iter_mut().filter(|leg| leg.role == Role::Room && !leg.has_left) {
            leg.unpublish(turn, media);
        }
    }

    /// Mutes a media, or unmutes it.
    pub fn mute(&mut self, turn: &mut Turn<'_>, media: u16, muted: bool) {
        for leg in self.legs.iter_mut().filter(|leg| leg.role == Role::Room && !leg.has_left) {
            leg.set_muted(turn, media, muted);
        }
    }

    /// It is in: what changed while it was being let in is said now.
    pub(super) fn catch_up(&mut self, turn: &mut Turn<'_>) {
        let fresh: Vec<u16> = self.published.iter().copied().filter(|one| !self.told.contains(one)).collect();
        let gone: Vec<u16> = self.told.iter().copied().filter(|one| !self.published.contains(one)).collect();
        for media in gone {
            self.unpublish(turn, media);
        }
        for media in fresh {
            self.published.retain(|one| *one != media);
            self.publish(turn, media);
        }
    }

    /// Whether anything of it is on its way, or soon will be.
    pub fn sends(&self) -> bool {
        self.legs.iter().flat_map(|leg| &leg.publications).any(|one| one.frame_due().is_some())
    }
}
