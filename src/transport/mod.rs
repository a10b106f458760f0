//! The transports of a participant: ICE, DTLS and SRTP keys over datagrams, as machines.
//!
//! `secure` is the real one, on str0m's control plane; media packets never pass through it, only their keys come out.
//! `modelled` has the same flights, sizes and timers without crypto, for the simulated world. A [`Transport`] is either,
//! as its [`Factory`] decides, so that nobody above has to know. `stun` reads and writes the messages of ICE's checks.

pub mod dtls;
mod event;
pub mod modelled;
pub mod secure;
pub mod stun;

pub use event::{Event, Message, Output};
pub use modelled::Modelled;
pub use secure::Secure;

use crate::clock::Instant;
use crate::conference::{Cause, ChannelParameters, Credentials, TransportParameters};
use std::net::SocketAddr;

/// Which end of an association a transport is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// A full ICE agent that controls and offers either DTLS role.
    Participant,
    /// An ICE-lite agent (RFC 8445 §2.5) that answers checks, and the DTLS server: what an SFU is. Its candidate is
    /// `announced`, wherever its socket is bound.
    Server {
        /// What participants are told.
        announced: SocketAddr,
    },
}

/// What all transports of a run share.
#[derive(Clone, Debug)]
pub enum Factory {
    /// Real ones.
    Secure(secure::Factory),
    /// Modelled ones.
    Modelled,
}

impl Factory {
    /// A factory of real transports; `epoch` is the machine's clock at the start of the run.
    ///
    /// # Errors
    /// A sentence when the crypto library refuses its configuration.
    pub fn new(epoch: std::time::Instant) -> Result<Self, String> {
        secure::Factory::new(epoch).map(Self::Secure)
    }

    /// A transport on a socket bound to `local`. `identity` tells it from all others of the run; real ones draw their
    /// credentials instead.
    ///
    /// # Errors
    /// A sentence when `local` cannot be a host candidate.
    pub fn transport(&self, now: Instant, local: SocketAddr, end: End, identity: u64) -> Result<Transport, String> {
        match self {
            Self::Secure(factory) => Secure::at(factory, now, local, end).map(Box::new).map(Transport::Secure),
            Self::Modelled => Ok(Transport::Modelled(Box::new(Modelled::new(local, end, identity)))),
        }
    }
}

/// One ICE and DTLS transport.
#[derive(Debug)]
pub enum Transport {
    /// Real.
    Secure(Box<Secure>),
    /// Modelled.
    Modelled(Box<Modelled>),
}

/// The same call of whichever it is.
macro_rules! either {
    ($self:expr, $transport:ident => $call:expr) => {
        match $self {
            Transport::Secure($transport) => $call,
            Transport::Modelled($transport) => $call,
        }
    };
}

impl Transport {
    /// What the other side must know of us; a participant's `setup` is `actpass`, a server's `passive`.
    pub fn local_parameters(&mut self) -> TransportParameters {
        either!(self, transport => transport.local_parameters())
    }

    /// Connects to the other side. `offerer` says whether our parameters were the offer. Addresses that `allowed`
    /// refuses are not used; when none is left the join has no candidate. A server needs none.
    ///
    /// # Errors
    /// The cause of the failed join and a sentence.
    pub fn connect(
        &mut self,
        now: Instant,
        remote: &TransportParameters,
        offerer: bool,
        allowed: impl Fn(SocketAddr) -> bool,
    ) -> Result<(), (Cause, String)> {
        either!(self, transport => transport.connect(now, remote, offerer, allowed))
    }

    /// A participant's new credentials, to be told to the other side; until it answers nothing changes.
    pub fn restart(&mut self) -> Credentials {
        either!(self, transport => transport.restart())
    }

    /// The other side answered a restart: pairs are checked anew under the credentials of both. Media goes on to where it
    /// went until one of them works (RFC 8445 §9), which [`Event::Restarted`] says.
    pub fn handle_restarted(
        &mut self,
        now: Instant,
        remote: &TransportParameters,
        allowed: impl Fn(SocketAddr) -> bool,
    ) {
        either!(self, transport => transport.handle_restarted(now, remote, allowed));
    }

    /// A server is told a participant's new credentials; answers our side with new ones.
    pub fn accept_restart(&mut self, now: Instant, remote: &Credentials) -> TransportParameters {
        either!(self, transport => transport.accept_restart(now, remote))
    }

    /// One datagram whose first byte is below 128 came from `source`.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        either!(self, transport => transport.handle_datagram(now, source, bytes));
    }

    /// Opens a data channel that both ends agreed on; with the first one SCTP begins. Its id is no other channel's.
    /// [`Event::ChannelOpen`] says when it carries messages.
    pub fn open_channel(&mut self, now: Instant, parameters: &ChannelParameters) {
        either!(self, transport => transport.open_channel(now, parameters));
    }

    /// Closes a data channel; both ends do.
    pub fn close_channel(&mut self, now: Instant, id: u16) {
        either!(self, transport => transport.close_channel(now, id));
    }

    /// Sends a message. False when it was not taken: the channel is not open, the message is longer than
    /// [`MAX_MESSAGE_LEN`], or more than [`BUFFER_LIMIT`] would wait for the other side.
    ///
    /// [`MAX_MESSAGE_LEN`]: crate::conference::channel::MAX_MESSAGE_LEN
    /// [`BUFFER_LIMIT`]: crate::conference::channel::BUFFER_LIMIT
    pub fn send_message(&mut self, now: Instant, id: u16, bytes: &[u8]) -> bool {
        either!(self, transport => transport.send_message(now, id, bytes))
    }

    /// The next message that came over a data channel; drain to `None` after every datagram where there are any.
    pub fn poll_message(&mut self) -> Option<Message> {
        either!(self, transport => transport.poll_message())
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        either!(self, transport => transport.handle_timeout(now));
    }

    /// Says goodbye to the peer (DTLS close_notify). Drain the outputs once more afterwards.
    pub fn close(&mut self, now: Instant) {
        either!(self, transport => transport.close(now));
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        either!(self, transport => transport.poll_output())
    }

    /// When to be told the time again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        either!(self, transport => transport.poll_timeout())
    }

    /// Where media goes: the address that DTLS settled on.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        either!(self, transport => transport.peer())
    }

    /// The same where the peer has no other address: nothing of this association will come from elsewhere.
    #[must_use]
    pub fn only_peer(&self) -> Option<SocketAddr> {
        either!(self, transport => transport.only_peer())
    }
}

#[cfg(test)]
mod tests;
