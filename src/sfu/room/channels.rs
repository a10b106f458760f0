//! Data channels: who publishes which, and to whom their messages go.
//!
//! A message goes on whole, over a channel of each receiver's own that is ordered and as reliable as the publisher's: an
//! SFU that receives a message late or not at all cannot do better than its publisher asked for. The rooms see no
//! message, only its length.

use super::admission::{PUBLISH_LIMIT, is_name};
use super::member::State;
use super::{LegCommand, LegId, Rooms};
use crate::conference::channel::{MAX_MESSAGE_LEN, MAX_STREAM_ID};
use crate::conference::protocol::{Refusal, ServerMessage};
use crate::conference::{ChannelParameters, ReceiveChannel, SendChannel, TrackName};

/// A published data channel.
#[derive(Debug)]
pub(super) struct Channel {
    owner: LegId,
    name: TrackName,
    parameters: ChannelParameters,
    /// Who receives it, each over a stream of its own.
    routes: Vec<(LegId, u16)>,
}

/// One copy of a message to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageCopy {
    /// To whom.
    pub leg: LegId,
    /// Over which of its channels.
    pub id: u16,
}

impl Rooms {
    /// Tells where a message goes that came over a channel of `leg`, each copy into `out`. One that is too long goes
    /// nowhere and is counted.
    pub fn forward_message(&mut self, leg: LegId, id: u16, length: usize, out: &mut Vec<MessageCopy>) {
        let Some(key) = self.members.get(leg.index()).and_then(|member| member.channels.get(&id)) else { return };
        let routes = &self.channels[*key].routes;
        if length > MAX_MESSAGE_LEN {
            self.messages_dropped += routes.len() as u64;
            return;
        }
        out.extend(routes.iter().map(|&(leg, id)| MessageCopy { leg, id }));
    }

    /// A copy was not taken by its leg: too much waits there already.
    pub fn note_message_dropped(&mut self) {
        self.messages_dropped += 1;
    }

    /// Copies of messages that reached nobody: too long, or too much waited for that receiver.
    #[must_use]
    pub fn messages_dropped(&self) -> u64 {
        self.messages_dropped
    }

    pub(super) fn open_channel(&mut self, leg: LegId, channel: SendChannel) {
        let member = &self.members[leg.index()];
        let (connection, id) = (member.connection, channel.channel.id);
        let named = |name: &str| member.channels.values().any(|key| self.channels[*key].name.media == name);
        let problem = if member.state == State::Opening {
            Some("a data channel is opened once the room is entered")
        } else if !is_name(&channel.media) {
            Some("a media's name is visible ASCII")
        } else if member.channels.len() >= PUBLISH_LIMIT {
            Some("a participant publishes 16 data channels at most")
        } else if id % 2 == 1 || id > MAX_STREAM_ID || member.channels.contains_key(&id) {
            Some("a participant's data channels have even stream ids, each its own")
        } else if named(&channel.media) || member.published.contains_key(&channel.media) {
            Some("two of a participant's media have one name")
        } else {
            None
        };
        if let Some(detail) = problem {
            return self.refuse(connection, Refusal::Malformed, detail);
        }
        let (room, participant) = (member.room.clone(), member.name.clone());
        let SendChannel { media, channel: parameters } = channel;
        let name = TrackName { participant, media: media.clone() };
        let published = vec![name.clone()];
        let key = self.channels.insert(Channel { owner: leg, name, parameters, routes: Vec::new() });
        self.members[leg.index()].channels.insert(id, key);
        self.command(leg, LegCommand::OpenChannel(parameters));
        self.tell(leg, ServerMessage::ChannelAccepted { media });
        self.tell_others(&room, leg, ServerMessage::Channels { published });
    }

    /// Tells somebody who has entered which channels there are.
    pub(super) fn tell_channels(&mut self, leg: LegId) {
        let Some(room) = self.rooms.get(&self.members[leg.index()].room) else { return };
        let others = room.values().filter(|other| **other != leg);
        let keys = others.flat_map(|other| self.members[other.index()].channels.values());
        let published: Vec<TrackName> = keys.map(|key| self.channels[*key].name.clone()).collect();
        if !published.is_empty() {
            self.tell(leg, ServerMessage::Channels { published });
        }
    }

    pub(super) fn receive_channels(&mut self, leg: LegId, names: &[TrackName]) {
        let mut channels = Vec::new();
        for name in names {
            let Some(key) = self.find_channel(leg, name) else { continue };
            let member = &mut self.members[leg.index()];
            let id = member.next_stream;
            if member.received.values().any(|known| *known == key) || id > MAX_STREAM_ID {
                continue;
            }
            // Never one that was used before: that would take a reset (RFC 6525) to have ended.
            member.next_stream = id + 2;
            member.received.insert(id, key);
            let channel = &mut self.channels[key];
            channel.routes.push((leg, id));
            let parameters = ChannelParameters { id, ..channel.parameters };
            channels.push(ReceiveChannel { track: name.clone(), channel: parameters });
            self.command(leg, LegCommand::OpenChannel(parameters));
        }
        self.tell(leg, ServerMessage::ChannelsReceived { channels });
    }

    /// The channel of that name in the room of `leg`, of somebody else.
    fn find_channel(&self, leg: LegId, name: &TrackName) -> Option<usize> {
        let room = self.rooms.get(&self.members[leg.index()].room)?;
        let owner = room.get(&name.participant).filter(|owner| **owner != leg)?;
        let mut keys = self.members[owner.index()].channels.values().copied();
        keys.find(|key| self.channels[*key].name == *name)
    }

    /// Takes a participant's channels out, both ways.
    pub(super) fn remove_channels(&mut self, leg: LegId) {
        for key in std::mem::take(&mut self.members[leg.index()].received).into_values() {
            self.channels[key].routes.retain(|(to, _)| *to != leg);
        }
        for key in std::mem::take(&mut self.members[leg.index()].channels).into_values() {
            let ended = self.channels.remove(key);
            debug_assert_eq!(ended.owner, leg, "a channel is its publisher's");
            for (to, id) in ended.routes {
                self.members[to.index()].received.remove(&id);
                self.command(to, LegCommand::CloseChannel(id));
            }
        }
    }
}
