//! One participant: where it is, what it publishes, what it receives.

use super::{ConnectionId, LegId, StreamId, TrackId, WatchSection};
use crate::conference::{CodecParameters, SendParameters, TrackName};
use crate::units::Bitrate;
use slab::Slab;
use std::collections::BTreeMap;

/// How far a participant has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Its leg is being opened; nobody has been told of it.
    Opening,
    /// It is in the room, and its transport is connecting.
    Entered,
    /// Media can flow.
    Connected,
}

/// What waits for the leg to be opened.
#[derive(Debug)]
pub(super) enum Waiting {
    Publish(Vec<SendParameters>),
    Watch(Vec<(TrackName, WatchSection)>),
}

#[derive(Debug)]
pub(super) struct Member {
    pub connection: ConnectionId,
    pub room: String,
    pub name: String,
    pub state: State,
    pub waiting: Option<Waiting>,
    pub codecs: Vec<CodecParameters>,
    pub extensions: BTreeMap<u8, String>,
    pub published: BTreeMap<String, TrackId>,
    /// The track behind each stream that it receives.
    pub subscriptions: Slab<TrackId>,
    /// The data channels that it publishes, and those over which it receives others', by stream id.
    pub channels: BTreeMap<u16, usize>,
    pub received: BTreeMap<u16, usize>,
    /// The stream id of the next one that is opened to it.
    pub next_stream: u16,
    /// SSRCs that this leg uses in either direction; a new one must differ.
    pub ssrcs: Vec<u32>,
    /// What the way to it is estimated to carry.
    pub estimate: Option<Bitrate>,
    /// What it would be sent if the way allowed everything, as its leg was told.
    pub desired: Bitrate,
}

impl Member {
    pub fn track_of(&self, stream: StreamId) -> Option<TrackId> {
        self.subscriptions.get(stream.index()).copied()
    }

    pub fn streams(&self) -> impl Iterator<Item = (StreamId, TrackId)> + '_ {
        self.subscriptions.iter().map(|(index, track)| (StreamId::from_index(index), *track))
    }

    pub fn stream_of(&self, track: TrackId) -> Option<StreamId> {
        self.streams().find(|(_, of)| *of == track).map(|(stream, _)| stream)
    }

    pub fn codec(&self, like: &CodecParameters) -> Option<&CodecParameters> {
        self.codecs.iter().find(|codec| codec.codec == like.codec)
    }
}

impl LegId {
    pub(super) fn of<T>(entry: &slab::VacantEntry<'_, T>) -> Self {
        Self::from_index(entry.key())
    }
}
