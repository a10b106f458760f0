//! What a session asks the SFU for, as its tiles want it, and what comes of that.

use super::leg::Role;
use super::session::Session;
use super::turn::Turn;
use crate::conference::protocol::{LayerChoice, RosterEntry};
use crate::conference::{Phase, ReceiveParameters, TrackName};
use crate::participant::chooser::Changes;
use crate::signalling;

impl Session {
    pub(super) fn handle_joined(&mut self, turn: &mut Turn<'_>, index: usize, roster: &[RosterEntry]) {
        self.join.mark(turn, Phase::Signal, turn.now);
        if self.legs[index].role == Role::Room {
            self.chooses = true;
            // Pages went by before it was in: it asks for the one that is shown by now.
            self.chooser.handle_timeout(turn.now);
            roster.iter().for_each(|entry| self.chooser.handle_entered(entry));
            self.catch_up(turn);
        }
    }

    /// Streams will arrive; of muted tracks nothing is expected yet.
    pub(super) fn handle_subscribed(&mut self, turn: &mut Turn<'_>, index: usize, streams: Vec<ReceiveParameters>) {
        self.choose_layers(turn, index, &streams);
        self.legs[index].received.reserve(streams.len());
        for stream in streams {
            let track = stream.track.clone();
            let requested = track.as_ref().and_then(|track| self.asked.remove(track));
            self.legs[index].received.expect(turn, stream, requested);
            if let Some(track) = track.filter(|track| self.chooser.is_muted(track)) {
                self.legs[index].received.set_muted(turn.now, &track, true);
            }
        }
    }

    /// Asks for the layer that it wants, of what has layers.
    fn choose_layers(&mut self, turn: &mut Turn<'_>, index: usize, streams: &[ReceiveParameters]) {
        if self.layer != LayerChoice::Auto {
            let tracks = streams.iter().filter_map(|stream| stream.track.clone()).collect();
            self.ask_for_layers(turn, index, tracks);
        }
    }

    /// It wants everything in this layer from now on.
    pub fn switch_layer(&mut self, turn: &mut Turn<'_>, layer: LayerChoice) {
        self.layer = layer;
        for index in 0..self.legs.len() {
            let leg = &self.legs[index];
            if self.chooses && leg.role == Role::Room && !leg.has_left {
                self.ask_for_layers(turn, index, leg.received.tracks());
            }
        }
    }

    fn ask_for_layers(&mut self, turn: &mut Turn<'_>, index: usize, tracks: Vec<TrackName>) {
        let layer = self.layer;
        let has_layers = |track: &TrackName| {
            let media = turn.shared.media_named(&track.media).map(|media| &turn.shared.plan.media[usize::from(media)]);
            // A layer within one stream is asked for where there are some, whatever else has layers of its own.
            media.is_some_and(|media| match layer {
                LayerChoice::Svc { .. } => media.layers().is_empty() && media.is_scalable(),
                LayerChoice::Auto | LayerChoice::Low | LayerChoice::Mid | LayerChoice::High => media.levels() > 1,
            })
        };
        let tracks: Vec<TrackName> = tracks.into_iter().filter(has_layers).collect();
        for track in tracks {
            self.legs[index].tell(turn, signalling::Input::Layer { track, layer });
        }
    }

    /// Asks for what is wanted, and gives up what is not any more.
    pub(super) fn choose(&mut self, turn: &mut Turn<'_>, index: usize) {
        if self.ended.is_some() {
            return;
        }
        let Changes { ask, give_up } = self.chooser.changes();
        if !give_up.is_empty() {
            self.given_up.extend(give_up.iter().cloned());
            self.legs[index].tell(turn, signalling::Input::Unsubscribe(give_up));
        }
        if !ask.is_empty() {
            self.asked.extend(ask.iter().map(|track| (track.clone(), turn.now)));
            self.legs[index].tell(turn, signalling::Input::Subscribe(ask));
        }
    }

    /// Tracks that came to stand still without a fault since the last call.
    pub fn take_given_up(&mut self) -> Vec<TrackName> {
        std::mem::take(&mut self.given_up)
    }
}
