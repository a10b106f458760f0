//! What a transport wants done, and what it has to say.

use crate::clock::Duration;
use crate::conference::Cause;
use crate::rtp::srtp;
use std::net::SocketAddr;

/// What a transport wants done, or has to say.
#[derive(Debug)]
pub enum Output {
    /// Send this datagram (STUN or DTLS).
    Datagram {
        /// Where to.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// This happened.
    Event(Event),
}

/// What a transport has to say.
#[derive(Debug)]
pub enum Event {
    /// A candidate pair works.
    IceConnected,
    /// The DTLS handshake ended: these keys seal and open media. A new handshake gives new ones.
    Keys(Box<srtp::Session>),
    /// Consent was lost (RFC 7675), or an agent or handshake failed. Nothing follows.
    Failed(Cause, String),
    /// The peer closed the DTLS association. Nothing follows.
    Closed,
    /// After a restart a candidate pair works under the new credentials.
    Restarted,
    /// A STUN binding request of ours was answered after this long.
    RoundTrip(Duration),
    /// The data channel of this SCTP stream carries messages from now on.
    ChannelOpen(u16),
}

/// A message that came over a data channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The SCTP stream.
    pub id: u16,
    /// What it says.
    pub bytes: Vec<u8>,
}
