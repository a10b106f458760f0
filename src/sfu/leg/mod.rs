//! Legs: one participant's transport each, machines without a socket.
//!
//! [`str0m::Leg`] is a whole WebRTC stack that throng did not write, so that the participants' own transport is tested
//! against something else. [`own::Leg`] is made of throng's transport, SRTP and RTP: it is lean, tells the same story
//! twice, and is what a simulated world runs. A [`Leg`] is either, as its [`Maker`] decides. It obeys the rooms'
//! [`LegCommand`]s and hands out datagrams, packets and events; who gets a packet is the rooms' business.

mod body;
mod dtls;
mod maker;
mod nomination;
pub mod own;
mod packet;
pub mod str0m;
mod wall;

use crate::clock::Instant;
pub use crate::conference::LegKind;
use crate::conference::{Credentials, TransportParameters};
use crate::media::Folded;
use crate::sfu::room::{LegCommand, LegSetup, Numbers, StreamId};
use crate::units::Bitrate;
pub use body::Body;
pub use packet::{FrameNumbers, Packet};
use std::net::SocketAddr;
use std::sync::Arc;

/// User fragments of one leg that are known at once: after an ICE restart those of before it go on for a while.
pub const FRAGMENT_LIMIT: usize = 3;

/// What a leg has to say.
#[derive(Debug)]
pub enum LegOutput {
    /// Send this datagram.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// The datagram.
        datagram: Folded,
        /// What it carries.
        sent: Sent,
    },
    /// The transport is up: media can flow.
    Connected,
    /// The transport is lost or closed. Nothing follows.
    Closed,
    /// A packet of a track arrived, or was recovered.
    Packet(Arc<Packet>),
    /// A message came over a data channel.
    Message {
        /// The SCTP stream.
        id: u16,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// The subscriber asks for a keyframe of this stream.
    KeyframeWanted(StreamId),
    /// What the way to the participant is estimated to carry, all that is sent to it together.
    Estimate(Bitrate),
}

/// What a datagram carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// STUN, DTLS or RTCP.
    Control,
    /// A packet of a stream.
    Media {
        /// Which.
        stream: StreamId,
        /// The sequence number in its header.
        sequence: u16,
    },
    /// A packet sent again (RFC 4588).
    Retransmission {
        /// The source of the retransmissions.
        ssrc: u32,
        /// The sequence number in its header.
        sequence: u16,
    },
    /// Padding alone that probes the way, in a stream of retransmissions.
    Padding {
        /// The source of the retransmissions.
        ssrc: u32,
        /// The sequence number in its header.
        sequence: u16,
    },
}

/// Makes the legs of one socket.
#[derive(Debug)]
pub enum Maker {
    /// Legs on str0m.
    Str0m(str0m::Maker),
    /// throng's own.
    Own(own::Maker),
}

impl Maker {
    /// The same cryptography on another socket: bound to `local`, told to participants as `announced`.
    #[must_use]
    pub fn on(&self, local: SocketAddr, announced: SocketAddr) -> Self {
        match self {
            Self::Str0m(maker) => Self::Str0m(maker.on(local, announced)),
            Self::Own(maker) => Self::Own(maker.on(local, announced)),
        }
    }

    /// Opens a leg; returns it with our side of its transport.
    ///
    /// # Errors
    /// When the participant's transport cannot be used; a sentence for it.
    pub fn open(&mut self, now: Instant, setup: &LegSetup) -> Result<(Leg, TransportParameters), String> {
        match self {
            Self::Str0m(maker) => {
                str0m::Leg::open(maker, now, setup).map(|(leg, ours)| (Leg::Str0m(Box::new(leg)), ours))
            }
            Self::Own(maker) => own::Leg::open(maker, now, setup).map(|(leg, ours)| (Leg::Own(Box::new(leg)), ours)),
        }
    }
}

/// One participant's transport.
#[derive(Debug)]
pub enum Leg {
    /// On str0m.
    Str0m(Box<str0m::Leg>),
    /// throng's own.
    Own(Box<own::Leg>),
}

/// The same call of whichever it is.
macro_rules! either {
    ($self:expr, $leg:ident => $call:expr) => {
        match $self {
            Leg::Str0m($leg) => $call,
            Leg::Own($leg) => $call,
        }
    };
}

impl Leg {
    /// Obeys a command of the rooms; [`LegCommand::Open`] and [`LegCommand::Close`] are for whoever keeps legs.
    pub fn handle_command(&mut self, now: Instant, command: LegCommand) {
        either!(self, leg => leg.handle_command(now, command));
    }

    /// A datagram from the participant.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        either!(self, leg => leg.handle_datagram(now, source, datagram));
    }

    /// Restarts ICE with the participant's new credentials; returns our side with new ones. The pair in use carries media
    /// until the participant's checks come under these (RFC 8445 §9).
    pub fn restart(&mut self, now: Instant, remote: &Credentials) -> TransportParameters {
        either!(self, leg => leg.restart(now, remote))
    }

    /// Sends one packet to the participant under these numbers: at once, or with the next [`Self::handle_timeout`].
    pub fn write(&mut self, now: Instant, stream: StreamId, numbers: Numbers, packet: &Arc<Packet>) {
        either!(self, leg => leg.write(now, stream, numbers, packet));
    }

    /// Whether [`Self::write`] sends at once, and changes nothing about when the leg is to be told the time.
    #[must_use]
    pub fn writes_at_once(&self) -> bool {
        match self {
            Self::Str0m(_) => false,
            Self::Own(leg) => leg.writes_at_once(),
        }
    }

    /// Sends one message over a data channel: at once, or with the next [`Self::handle_timeout`]. False when it was not
    /// taken: the channel is not open yet, or too much waits for the participant already.
    pub fn send_message(&mut self, now: Instant, id: u16, bytes: &[u8]) -> bool {
        either!(self, leg => leg.send_message(now, id, bytes))
    }

    /// Time has passed, or packets were written.
    pub fn handle_timeout(&mut self, now: Instant) {
        either!(self, leg => leg.handle_timeout(now));
    }

    /// When to be told the time again; exact only after [`Self::poll_output`] returned `None`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        either!(self, leg => leg.poll_timeout())
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<LegOutput> {
        either!(self, leg => leg.poll_output())
    }
}
