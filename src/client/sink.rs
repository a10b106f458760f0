//! What clients write into: one a worker, drained by the driver after each client that it told something.

use super::group::Crossing;
use crate::clock::Instant;
use crate::dump::Record;
use crate::media::Frame;
use crate::metrics::Recorder;
use crate::participant::Outgoing;
use crate::participant::subscriber::Output;
use crate::signalling::Carry;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Where the outputs of a worker's clients go. Buffers are kept, so that nothing is allocated once warm.
#[derive(Debug)]
pub struct Sink {
    /// Datagrams of the client that was told last.
    pub datagrams: Outbox,
    /// Signalling to carry out, and sockets to open or close, for the client that was told last.
    pub orders: Vec<Order>,
    /// Samples of all clients of the worker.
    pub recorder: Recorder,
    /// Packets that meet those of others, for the driver to hand to their link groups.
    pub crossings: Vec<Crossing>,
    /// What participants that dump have received, for the driver to write.
    pub dumped: Vec<Record>,
    /// Scratch: the frame being packetised.
    pub(super) frame: Frame,
    /// Scratch: packets on their way into the uplink.
    pub(super) outgoing: Vec<Outgoing>,
    /// Scratch: a datagram that was folded while it was under way.
    pub(super) whole: Vec<u8>,
    /// Scratch: what the stream at hand has to say.
    pub(super) room: VecDeque<Output>,
    /// Buffers of datagrams that have left a downlink, for those that enter one.
    spare: Vec<Vec<u8>>,
    /// How many of them are kept.
    kept: usize,
}

/// Buffers that are kept: as many datagrams as a thousand downlinks hold for some ten milliseconds.
const SPARE: usize = 8_192;

impl Sink {
    /// An empty sink around a recorder.
    #[must_use]
    pub fn new(recorder: Recorder) -> Self {
        Self {
            datagrams: Outbox::default(),
            orders: Vec::new(),
            recorder,
            crossings: Vec::new(),
            dumped: Vec::new(),
            frame: Frame::default(),
            outgoing: Vec::new(),
            whole: Vec::new(),
            room: VecDeque::new(),
            spare: Vec::new(),
            kept: SPARE,
        }
    }

    /// The same for a driver that gives its datagrams away ([`super::Datagram::Folded`]): no buffer is kept for others.
    #[must_use]
    pub fn for_given(recorder: Recorder) -> Self {
        Self { kept: 0, ..Self::new(recorder) }
    }

    /// A copy of a datagram, in a buffer that was used before where there is one.
    pub(super) fn copy(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(datagram);
        bytes
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&mut self, bytes: Vec<u8>) {
        if self.spare.len() < self.kept {
            self.spare.push(bytes);
        }
    }
}

/// Something for the driver to do for a client, besides sending datagrams.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    /// Bind a UDP socket for this leg and answer with `Client::handle_bound`.
    Bind {
        /// Index of the leg.
        leg: u8,
    },
    /// Everything of this leg goes to and comes from one address: connect its socket, which spares a route lookup a call.
    Connect {
        /// Index of the leg.
        leg: u8,
        /// The address.
        peer: SocketAddr,
    },
    /// Give the leg's socket another local port, as a NAT does that has forgotten it: what was sent to the old one is lost,
    /// the socket is not connected any more, and nothing is answered. Whoever sits behind a NAT is not told.
    Rebind {
        /// Index of the leg.
        leg: u8,
    },
    /// Close the leg's socket.
    Unbind {
        /// Index of the leg.
        leg: u8,
    },
    /// Carry this out and answer with `Client::handle_carried`.
    Carry {
        /// Index of the leg.
        leg: u8,
        /// Which of the participant's sessions it belongs to: an answer to an earlier one is void.
        session: u32,
        /// What.
        carry: Carry,
    },
}

/// Datagrams one behind the other.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The bytes of all of them.
    pub bytes: Vec<u8>,
    /// Where each of them lies.
    pub entries: Vec<Entry>,
}

/// One datagram of an [`Outbox`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Index of the leg, whose socket sends it.
    pub leg: u8,
    /// Where to.
    pub to: SocketAddr,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Outbox {
    /// Appends the datagram that was written into `bytes` from `start` on.
    pub fn finish(&mut self, leg: u8, to: SocketAddr, start: usize) {
        self.entries.push(Entry { leg, to, start: start as u32, end: self.bytes.len() as u32 });
    }

    /// Appends a datagram.
    pub fn push(&mut self, leg: u8, to: SocketAddr, datagram: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.finish(leg, to, start);
    }

    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

/// What happened to a client, for the driver's counts and for closed arrivals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Milestone {
    /// A join began.
    Joining,
    /// It is in the room.
    Joined,
    /// The join failed.
    Failed,
    /// It left in order, or lost its session; its place is free since `at`.
    Left {
        /// Since when.
        at: Instant,
    },
}
