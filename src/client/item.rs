//! What crosses a participant's emulated links.

use crate::clock::Instant;
use crate::participant::Outgoing;
use std::net::SocketAddr;

/// Classes under which links count; the order is that of [`CLASS_NAMES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Class {
    /// RTP.
    Media,
    /// Retransmissions.
    Rtx,
    /// RTCP.
    Rtcp,
    /// STUN.
    Stun,
    /// DTLS.
    Dtls,
    /// Anything else.
    Other,
}

/// The names of the classes in an outcome.
pub const CLASS_NAMES: [&str; 6] = ["media", "rtx", "rtcp", "stun", "dtls", "other"];

/// One datagram to the SFU: media is described and sealed where it leaves the link, the rest is bytes.
#[derive(Clone, Debug)]
pub struct UpItem {
    /// Whose session sent it: what is still on its way when the participant comes back is nobody's any more.
    pub session: u32,
    /// Index of the leg.
    pub leg: u8,
    /// What it is.
    pub load: UpLoad,
}

/// What an [`UpItem`] is.
#[derive(Clone, Debug)]
pub enum UpLoad {
    /// A packet of a publication.
    Media(Outgoing),
    /// A compound RTCP packet, unsealed; `tag` bytes are added when it is.
    Rtcp {
        /// The compound.
        bytes: Vec<u8>,
        /// What SRTCP adds.
        tag: u16,
    },
    /// STUN or DTLS.
    Control {
        /// Where to.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
}

impl netem::Packet for UpItem {
    fn wire_size(&self) -> usize {
        match &self.load {
            UpLoad::Media(packet) => usize::from(packet.size),
            UpLoad::Rtcp { bytes, tag } => bytes.len() + usize::from(*tag),
            UpLoad::Control { bytes, .. } => bytes.len(),
        }
    }

    fn class(&self) -> usize {
        let class = match &self.load {
            UpLoad::Media(packet) if packet.rtx_of.is_some() => Class::Rtx,
            UpLoad::Media(_) => Class::Media,
            UpLoad::Rtcp { .. } => Class::Rtcp,
            UpLoad::Control { bytes, .. } => control_class(bytes),
        };
        class as usize
    }
}

/// One datagram from the SFU, as the socket gave it.
#[derive(Clone, Debug)]
pub struct DownItem {
    /// To whose session it was sent.
    pub session: u32,
    /// Index of the leg.
    pub leg: u8,
    /// What it is counted as.
    pub class: Class,
    /// Who sent it.
    pub source: SocketAddr,
    /// When it entered the link: the kernel's stamp.
    pub entered: Instant,
    /// The datagram.
    pub bytes: Vec<u8>,
}

impl netem::Packet for DownItem {
    fn wire_size(&self) -> usize {
        self.bytes.len()
    }

    fn class(&self) -> usize {
        self.class as usize
    }
}

/// STUN or DTLS by the first byte (RFC 7983).
#[must_use]
pub fn control_class(bytes: &[u8]) -> Class {
    match bytes.first() {
        Some(0..=3) => Class::Stun,
        Some(20..=63) => Class::Dtls,
        _ => Class::Other,
    }
}
