//! What a leg publishes changes while it is in the room: tracks come and go, and fall silent.

use super::leg::Leg;
use super::turn::Turn;
use crate::conference::SendParameters;
use crate::signalling;

impl Leg {
    /// Asks the SFU to take one more track.
    pub fn publish(&mut self, turn: &mut Turn<'_>, parameters: SendParameters) {
        self.offered.push(parameters.clone());
        self.tell(turn, signalling::Input::Publish(parameters));
    }

    /// The SFU takes what was offered: it is sent as soon as it can be sealed.
    pub fn handle_accepted(&mut self, turn: &mut Turn<'_>, media: &str) {
        let Some(place) = self.offered.iter().position(|one| one.media == media) else { return };
        let parameters = self.offered.remove(place);
        self.tell_muted(turn, vec![media.to_owned()]);
        self.accepted.push(parameters);
        if let Some(tag) = self.srtp.as_ref().map(|srtp| srtp.profile().rtp_overhead()) {
            self.start_publishing(turn, tag);
        }
    }

    /// A media is published no longer.
    pub fn unpublish(&mut self, turn: &mut Turn<'_>, media: u16) {
        let name = &turn.shared.plan.media[usize::from(media)].name;
        // What was offered and not accepted is taken back: the SFU hears both in their order.
        self.offered.retain(|one| one.media != *name);
        self.accepted.retain(|one| one.media != *name);
        for publication in self.publications.iter_mut().filter(|one| one.media() == media && !one.is_stopped()) {
            publication.stop();
            self.by_ssrc.remove(&publication.parameters.ssrc);
        }
        self.tell(turn, signalling::Input::Unpublish(name.clone()));
    }

    /// A media is muted, or no longer; the SFU is told, where it is published.
    pub fn set_muted(&mut self, turn: &mut Turn<'_>, media: u16, muted: bool) {
        self.muted.retain(|one| *one != media);
        if muted {
            self.muted.push(media);
        }
        let name = turn.shared.plan.media[usize::from(media)].name.clone();
        let mut is_known = self.accepted.iter().any(|one| one.media == name);
        for publication in self.publications.iter_mut().filter(|one| one.media() == media && !one.is_stopped()) {
            publication.set_muted(turn.now, muted);
            is_known = true;
        }
        if is_known {
            self.tell(turn, signalling::Input::Mute { media: name, muted });
        }
    }

    /// Says of these media, by name, which are muted from the start.
    pub(super) fn tell_muted(&mut self, turn: &mut Turn<'_>, names: Vec<String>) {
        for media in names {
            if turn.shared.media_named(&media).is_some_and(|index| self.muted.contains(&index)) {
                // Not drained here: whoever tells the adapter something drains it.
                self.stirred = true;
                self.adapter.handle_input(turn.now, signalling::Input::Mute { media, muted: true });
            }
        }
    }
}
