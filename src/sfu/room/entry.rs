//! Entering and leaving, publishing and subscribing.

use super::admission::{PUBLISH_LIMIT, is_name};
use super::layers::REVIEW_INTERVAL;
use super::member::{Member, State, Waiting};
use super::speakers::Voice;
use super::timers::Timer;
use super::{
    CEILING_INTERVAL, ConnectionId, Entry, HANDSHAKE_LIMIT, LegCommand, LegId, LegSetup, Output, Rooms, StreamId,
    Track, TrackId, Watch, WatchSection, codecs,
};
use crate::clock::Instant;
#[cfg(test)]
use crate::conference::Defect;
use crate::conference::protocol::{Refusal, RosterEntry, RosterTrack, ServerMessage};
use crate::conference::{
    CodecParameters, Credentials, MediaKind, ReceiveParameters, SendParameters, TrackName, TransportParameters,
};
use crate::media::layers::MAX_LAYERS;
use crate::units::Bitrate;
use rand::Rng as _;
use slab::Slab;
use std::collections::BTreeMap;

type Refused = (Refusal, &'static str);

impl Rooms {
    pub(super) fn enter(&mut self, now: Instant, connection: ConnectionId, entry: Entry) {
        let estimates = self.config.estimates;
        let setup = check_published(&entry.publish).and_then(|()| {
            let contradiction = (Refusal::Unsupported, "two tracks use one number for different things");
            let codecs = codecs::table(&entry.publish).ok_or(contradiction)?;
            let extensions = codecs::extensions(&entry.publish, estimates).ok_or(contradiction)?;
            Ok(LegSetup { room: entry.room.clone(), remote: entry.transport.clone(), codecs, extensions, estimates })
        });
        let waiting = Waiting::Publish(entry.publish);
        let admitted = setup.and_then(|setup| {
            self.admit(connection, &entry.room, &entry.participant, waiting, &setup).map(|leg| (leg, setup))
        });
        self.open(now, connection, admitted);
    }

    pub(super) fn watch(&mut self, now: Instant, connection: ConnectionId, watch: Watch) {
        let Watch { entry, publisher, sections } = watch;
        let picks = self.pick(&entry.room, &publisher, sections);
        if picks.is_empty() {
            return self.outputs.push_back(Output::NotLive(connection));
        }
        let (room, remote, estimates) = (entry.room.clone(), entry.transport, self.config.estimates);
        let mut setup = LegSetup { room, remote, codecs: vec![], extensions: BTreeMap::new(), estimates };
        for (_, section) in &picks {
            setup.codecs.extend(section.codecs.iter().cloned());
            setup.extensions.extend(codecs::downward(&section.extensions, section.kind, estimates));
        }
        let waiting = Waiting::Watch(picks);
        let admitted = self.admit(connection, &entry.room, &entry.participant, waiting, &setup).map(|leg| (leg, setup));
        self.open(now, connection, admitted);
    }

    /// For each place of an offer the next track of its kind in a codec that it lists.
    fn pick(&self, room: &str, publisher: &str, sections: Vec<WatchSection>) -> Vec<(TrackName, WatchSection)> {
        let member = self.rooms.get(room).and_then(|room| room.get(publisher));
        let mut tracks: Vec<&Track> = member
            .map(|leg| self.members[leg.index()].published.values().map(|track| &self.tracks[track.index()]).collect())
            .unwrap_or_default();
        let mut picks = Vec::new();
        for mut section in sections {
            let codec_of =
                |track: &Track| section.codecs.iter().find(|codec| codec.codec == track.parameters.codec.codec);
            if let Some(index) = tracks.iter().position(|track| codec_of(track).is_some()) {
                let track = tracks.remove(index);
                section.codecs = codec_of(track).cloned().into_iter().collect();
                picks.push((track.name.clone(), section));
            }
        }
        picks
    }

    fn admit(
        &mut self,
        connection: ConnectionId,
        room: &str,
        name: &str,
        waiting: Waiting,
        setup: &LegSetup,
    ) -> Result<LegId, Refused> {
        if !is_name(room) || !is_name(name) {
            return Err((Refusal::Malformed, "names are 1 to 128 bytes of visible ASCII"));
        }
        if let Some(before) = self.rooms.get(room).and_then(|room| room.get(name)).copied() {
            self.remove(before);
        }
        let limits = self.config.limits;
        let size = self.rooms.get(room).map_or(0, BTreeMap::len);
        if size >= limits.participants_per_room {
            return Err((Refusal::ParticipantsFull, "this room has as many participants as it admits"));
        }
        if !self.census.admit_participant(limits.participants) {
            return Err((Refusal::ParticipantsFull, "this SFU has as many participants as it admits"));
        }
        if size == 0 && !self.census.admit_room(limits.rooms) {
            self.census.participant_gone();
            return Err((Refusal::RoomsFull, "this SFU has as many rooms as it admits"));
        }
        let slot = self.members.vacant_entry();
        let leg = LegId::of(&slot);
        slot.insert(Member {
            connection,
            room: room.to_owned(),
            name: name.to_owned(),
            state: State::Opening,
            waiting: Some(waiting),
            codecs: setup.codecs.clone(),
            extensions: setup.extensions.clone(),
            published: BTreeMap::new(),
            subscriptions: Slab::new(),
            channels: BTreeMap::new(),
            received: BTreeMap::new(),
            next_stream: 1,
            ssrcs: Vec::new(),
            estimate: None,
            desired: Bitrate::default(),
        });
        self.rooms.entry(room.to_owned()).or_default().insert(name.to_owned(), leg);
        self.connections.insert(connection, leg);
        Ok(leg)
    }

    fn open(&mut self, now: Instant, connection: ConnectionId, admitted: Result<(LegId, LegSetup), Refused>) {
        match admitted {
            Ok((leg, setup)) => {
                self.timers.set(now + HANDSHAKE_LIMIT, Timer::Handshake(leg));
                self.command(leg, LegCommand::Open(Box::new(setup)));
            }
            Err((reason, detail)) => {
                self.refuse(connection, reason, detail);
                self.outputs.push_back(Output::Close(connection));
            }
        }
    }

    pub(super) fn handle_opened(&mut self, now: Instant, leg: LegId, transport: TransportParameters) {
        let Some(member) = self.members.get_mut(leg.index()) else { return };
        let Some(waiting) = member.waiting.take() else { return };
        member.state = State::Entered;
        let room = member.room.clone();
        let roster = self.rooms[&room].values().filter(|other| **other != leg);
        let roster = roster.filter(|other| self.members[other.index()].state != State::Opening);
        let roster = roster.map(|other| self.roster_entry(*other)).collect();
        self.tell(leg, ServerMessage::Joined { transport, roster });
        self.tell_channels(leg);
        match waiting {
            Waiting::Publish(tracks) => {
                for parameters in tracks {
                    self.publish(now, leg, parameters);
                }
            }
            Waiting::Watch(picks) => {
                let found = picks.into_iter().filter_map(|(name, section)| {
                    Some((
                        self.find_track(leg, &name)?,
                        section.mid,
                        section.codecs.into_iter().next()?,
                        section.extensions,
                    ))
                });
                let found: Vec<_> = found.collect();
                let streams = found
                    .into_iter()
                    .map(|(track, mid, codec, extensions)| self.send(now, leg, track, Some(mid), &codec, &extensions))
                    .collect();
                self.tell(leg, ServerMessage::Subscribed { streams });
            }
        }
        let entry = self.roster_entry(leg);
        self.tell_others(&room, leg, ServerMessage::Entered { entry });
        let speakers = self.speakers_of(&room);
        if !speakers.is_empty() {
            self.tell(leg, ServerMessage::Speakers { speakers });
        }
    }

    pub(super) fn restart(&mut self, leg: LegId, credentials: Credentials) {
        if credentials.is_long_enough() {
            return self.command(leg, LegCommand::Restart(credentials));
        }
        let connection = self.members[leg.index()].connection;
        self.refuse(connection, Refusal::Malformed, "the ICE credentials are too short or too long");
    }

    pub(super) fn handle_leg_refused(&mut self, leg: LegId, detail: String) {
        let Some(member) = self.members.get(leg.index()) else { return };
        self.refuse(member.connection, Refusal::Unsupported, detail);
        self.remove(leg);
    }

    fn roster_entry(&self, leg: LegId) -> RosterEntry {
        let member = &self.members[leg.index()];
        let tracks = member.published.values().map(|track| self.tracks[track.index()].roster_track()).collect();
        RosterEntry { participant: member.name.clone(), tracks }
    }

    fn publish(&mut self, now: Instant, leg: LegId, parameters: SendParameters) -> RosterTrack {
        let member = &mut self.members[leg.index()];
        member.ssrcs.extend(numbers(&parameters));
        let name = TrackName { participant: member.name.clone(), media: parameters.media.clone() };
        let connected = member.state == State::Connected;
        let track = TrackId::from_index(self.tracks.insert(Track::new(leg, name, parameters.clone())));
        member.published.insert(parameters.media.clone(), track);
        self.command(leg, LegCommand::Receive { track, parameters: Box::new(parameters) });
        let entry = &self.tracks[track.index()];
        if entry.is_layered() || entry.is_scalable() {
            self.timers.set(now + REVIEW_INTERVAL, Timer::Layers(track));
        }
        if connected {
            self.announce_ceiling(now, track);
        }
        self.tracks[track.index()].roster_track()
    }

    pub(super) fn announce_ceiling(&mut self, now: Instant, track: TrackId) {
        let entry = &self.tracks[track.index()];
        if entry.parameters.codec.feedback.remb {
            let (leg, rate) = (entry.owner, self.config.ceiling);
            self.command(leg, LegCommand::Ceiling { track, rate });
            self.timers.set(now + CEILING_INTERVAL, Timer::Ceiling(track));
        }
    }

    pub(super) fn publish_later(&mut self, now: Instant, leg: LegId, parameters: SendParameters) {
        let member = &self.members[leg.index()];
        let connection = member.connection;
        let mut all: Vec<SendParameters> =
            member.published.values().map(|track| self.tracks[track.index()].parameters.clone()).collect();
        all.push(parameters.clone());
        let listed = member.codecs.iter().any(|codec| codecs::is_same_format(codec, &parameters.codec));
        if let Err((reason, detail)) = check_published(&all) {
            return self.refuse(connection, reason, detail);
        }
        if !listed {
            let detail = "payload types are settled when entering; these are not among them";
            return self.refuse(connection, Refusal::Unsupported, detail);
        }
        let (room, participant, media) = (member.room.clone(), member.name.clone(), parameters.media.clone());
        let track = self.publish(now, leg, parameters);
        self.tell(leg, ServerMessage::PublishAccepted { media });
        self.tell_others(&room, leg, ServerMessage::Published { participant, track });
    }

    pub(super) fn unpublish(&mut self, leg: LegId, media: &str) {
        let member = &mut self.members[leg.index()];
        let Some(track) = member.published.remove(media) else {
            let connection = member.connection;
            return self.refuse(connection, Refusal::Malformed, "no track of that name is published");
        };
        let room = member.room.clone();
        let name = self.end_track(track);
        self.command(leg, LegCommand::StopReceiving(track));
        self.tell_others(&room, leg, ServerMessage::Unpublished { track: name });
    }

    /// Ends a track's streams and forgets it; the publisher's side of it is left to the caller.
    fn end_track(&mut self, track: TrackId) -> TrackName {
        self.silence(self.tracks[track.index()].owner, track);
        let ended = self.tracks.remove(track.index());
        for layer in 0..ended.streams.len() {
            self.timers.cancel(Timer::Keyframe(track, layer as u8));
        }
        self.timers.cancel(Timer::Ceiling(track));
        self.timers.cancel(Timer::Layers(track));
        let gone: Vec<u32> = numbers(&ended.parameters).collect();
        self.members[ended.owner.index()].ssrcs.retain(|ssrc| !gone.contains(ssrc));
        for (leg, stream) in ended.subscribers() {
            self.members[leg.index()].subscriptions.remove(stream.index());
            self.command(leg, LegCommand::StopSending(stream));
            self.tell(leg, ServerMessage::Unsubscribed { tracks: vec![ended.name.clone()] });
        }
        ended.name
    }

    pub(super) fn mute(&mut self, now: Instant, leg: LegId, media: &str, muted: bool) {
        let member = &self.members[leg.index()];
        let Some(track) = member.published.get(media).copied() else {
            let connection = member.connection;
            return self.refuse(connection, Refusal::Malformed, "no track of that name is published");
        };
        let room = member.room.clone();
        let entry = &mut self.tracks[track.index()];
        if std::mem::replace(&mut entry.muted, muted) == muted {
            return;
        }
        let name = entry.name.clone();
        if muted {
            entry.voice = Voice::default();
            self.silence(leg, track);
        }
        self.tell_others(&room, leg, ServerMessage::Muted { track: name, muted });
        if !muted {
            for layer in 0..self.tracks[track.index()].streams.len() {
                self.want_keyframe(now, track, layer as u8);
            }
        }
    }

    pub(super) fn subscribe(&mut self, now: Instant, leg: LegId, names: &[TrackName]) {
        let mut streams = Vec::new();
        for name in names {
            let Some(track) = self.find_track(leg, name) else { continue };
            let member = &self.members[leg.index()];
            let kind = self.tracks[track.index()].kind();
            let codec = member.codec(&self.tracks[track.index()].parameters.codec);
            let Some(codec) = codec.filter(|_| name.participant != member.name && member.stream_of(track).is_none())
            else {
                continue;
            };
            let estimates = self.config.estimates;
            let codec = downward_codec(codec, estimates);
            let extensions = codecs::downward(&member.extensions, kind, estimates);
            streams.push(self.send(now, leg, track, None, &codec, &extensions));
        }
        self.tell(leg, ServerMessage::Subscribed { streams });
    }

    /// Opens a stream of `track` to `leg`.
    fn send(
        &mut self,
        now: Instant,
        leg: LegId,
        track: TrackId,
        mid: Option<String>,
        codec: &CodecParameters,
        extensions: &BTreeMap<u8, String>,
    ) -> ReceiveParameters {
        let (ssrc, rtx_ssrc) = (self.new_ssrc(leg), codec.rtx_payload_type.map(|_| self.new_ssrc(leg)));
        let first_sequence = u64::from(self.luck.next_u32() & 0x7fff);
        #[cfg(test)]
        let first_sequence = if self.config.defect == Some(Defect::NearWrap) { 65_530 } else { first_sequence };
        let member = &mut self.members[leg.index()];
        let name = self.tracks[track.index()].name.clone();
        let stream = StreamId::from_index(member.subscriptions.insert(track));
        let kind = self.tracks[track.index()].kind();
        let parameters = ReceiveParameters {
            track: Some(name),
            kind,
            mid: Some(mid.unwrap_or_else(|| format!("sfu{ssrc:08x}"))),
            codecs: vec![codec.clone()],
            ssrc: Some(ssrc),
            rtx_ssrc,
            extensions: codecs::downward(extensions, kind, self.config.estimates),
        };
        let connected = member.state == State::Connected;
        self.tracks[track.index()].add_route(leg, stream, first_sequence, connected);
        self.command(leg, LegCommand::Send { stream, parameters: Box::new(parameters.clone()) });
        if connected {
            self.share(now, leg);
            self.want_keyframe_for(now, track, leg, stream);
        }
        parameters
    }

    fn new_ssrc(&mut self, leg: LegId) -> u32 {
        let used = &mut self.members[leg.index()].ssrcs;
        loop {
            let ssrc = self.luck.next_u32();
            if ssrc != 0 && !used.contains(&ssrc) {
                used.push(ssrc);
                return ssrc;
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, leg: LegId, names: &[TrackName]) {
        let mut ended = Vec::new();
        for name in names {
            let Some(track) = self.find_track(leg, name) else { continue };
            let Some(stream) = self.members[leg.index()].stream_of(track) else { continue };
            self.members[leg.index()].subscriptions.remove(stream.index());
            self.tracks[track.index()].remove_route(leg, stream);
            self.command(leg, LegCommand::StopSending(stream));
            ended.push(name.clone());
        }
        self.tell(leg, ServerMessage::Unsubscribed { tracks: ended });
    }

    /// Takes a participant out of its room, whatever its state, and ends its connection.
    pub(super) fn remove(&mut self, leg: LegId) {
        let streams: Vec<_> = self.members[leg.index()].streams().collect();
        for (stream, track) in streams {
            self.tracks[track.index()].remove_route(leg, stream);
        }
        self.members[leg.index()].subscriptions.clear();
        self.remove_channels(leg);
        let published = std::mem::take(&mut self.members[leg.index()].published);
        for track in published.into_values() {
            self.end_track(track);
        }
        self.timers.cancel(Timer::Handshake(leg));
        let member = self.members.remove(leg.index());
        self.census.participant_gone();
        self.connections.remove(&member.connection);
        let room = self.rooms.get_mut(&member.room).expect("a member is in its room");
        room.remove(&member.name);
        if room.is_empty() {
            self.rooms.remove(&member.room);
            self.census.room_gone();
        } else if member.state != State::Opening {
            self.tell_others(&member.room, leg, ServerMessage::Left { participant: member.name });
        }
        self.command(leg, LegCommand::Close);
        self.outputs.push_back(Output::Close(member.connection));
    }
}

/// What a subscriber is offered: it is asked for feedback where an estimator stands behind its stream.
fn downward_codec(codec: &CodecParameters, estimates: bool) -> CodecParameters {
    let mut codec = codec.clone();
    codec.feedback.remb = estimates && codec.codec.kind() == MediaKind::Video;
    codec.feedback.twcc = estimates;
    if codec.codec.kind() == MediaKind::Video {
        (codec.feedback.nack, codec.feedback.pli, codec.feedback.fir) = (codec.rtx_payload_type.is_some(), true, true);
    }
    codec
}

fn check_published(tracks: &[SendParameters]) -> Result<(), Refused> {
    let malformed = |detail| Err((Refusal::Malformed, detail));
    if tracks.len() > PUBLISH_LIMIT {
        return malformed("a participant publishes 16 tracks at most");
    }
    if tracks.iter().any(|track| !is_name(&track.media) || !is_mid(&track.mid)) {
        return malformed("a media's name is visible ASCII, its mid 1 to 16 letters and digits");
    }
    if tracks.iter().any(|track| !are_layers(track)) {
        return malformed("a video has at most 3 layers, each with a name of its own of 1 to 8 letters and digits");
    }
    let mut seen = std::collections::BTreeSet::new();
    if !tracks.iter().flat_map(numbers).filter(|ssrc| *ssrc != 0).all(|ssrc| seen.insert(ssrc)) {
        return malformed("two streams have one SSRC");
    }
    let mut names = std::collections::BTreeSet::new();
    let mut mids = std::collections::BTreeSet::new();
    if !tracks.iter().all(|track| names.insert(&track.media) && mids.insert(&track.mid)) {
        return malformed("two tracks have one name or one mid");
    }
    Ok(())
}

/// Every SSRC of a track.
fn numbers(track: &SendParameters) -> impl Iterator<Item = u32> + '_ {
    track.sources().flat_map(|(ssrc, rtx)| std::iter::once(ssrc).chain(rtx))
}

fn are_layers(track: &SendParameters) -> bool {
    let is_rid = |rid: &str| (1..=8).contains(&rid.len()) && rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut rids = std::collections::BTreeSet::new();
    let named = track.layers.iter().all(|layer| is_rid(&layer.rid) && rids.insert(&layer.rid));
    named
        && track.layers.len() <= MAX_LAYERS
        && (track.layers.is_empty() || track.codec.codec.kind() == MediaKind::Video)
}

/// What str0m keeps of a mid; the RFC allows more (RFC 8843 §15.2), nobody sends it.
fn is_mid(mid: &str) -> bool {
    (1..=16).contains(&mid.len()) && mid.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
