//! What crosses a participant's emulated links.

use crate::clock::Instant;
use crate::media::Folded;
use crate::participant::Outgoing;
use crate::rtp::bytes::flip_bit;
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
    /// RTP that is padding alone, in the stream of retransmissions: it probes the path.
    Probe,
}

/// The names of the classes in an outcome.
pub const CLASS_NAMES: [&str; 7] = ["media", "rtx", "rtcp", "stun", "dtls", "other", "probe"];

/// One datagram to the SFU: media is described and sealed where it leaves the link, the rest is bytes.
#[derive(Clone, Debug)]
pub struct UpItem {
    /// Whose session sent it: what is still on its way when the participant comes back is nobody's any more.
    pub session: u32,
    /// Index of the leg.
    pub leg: u8,
    /// What it is.
    pub load: UpLoad,
    /// Damaged on the way: which bit, by [`flip_bit`], once it is sealed.
    pub damage: Option<u64>,
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
            UpLoad::Media(packet) if packet.padding => Class::Probe,
            UpLoad::Media(packet) if packet.rtx_of.is_some() => Class::Rtx,
            UpLoad::Media(_) => Class::Media,
            UpLoad::Rtcp { .. } => Class::Rtcp,
            UpLoad::Control { bytes, .. } => control_class(bytes),
        };
        class as usize
    }

    fn flow(&self) -> u64 {
        flow(self.session, self.leg)
    }

    fn ecn_capable(&self) -> bool {
        matches!(self.load, UpLoad::Media(_))
    }

    // A mark is counted by the link, and told to nobody: nothing here reads ECN (RFC 6679), so no sender slows down.
    fn corrupt(&mut self, bits: u64) {
        self.damage = Some(bits);
    }
}

/// A datagram as a driver has it, which the client may open in place.
#[derive(Debug)]
pub enum Datagram<'a> {
    /// In a buffer that the driver wants back: what the downlink holds is a copy.
    Lent(&'a mut [u8]),
    /// The client's to keep: the downlink holds these very bytes.
    Given(Vec<u8>),
    /// The same without its filler, which is given back when it leaves the downlink.
    Folded(Folded),
}

impl Datagram<'_> {
    /// Its headers at least.
    pub(super) fn beginning(&self) -> &[u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Given(bytes) => bytes,
            Self::Folded(folded) => folded.beginning(),
        }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Lent(bytes) => bytes.len(),
            Self::Given(bytes) => bytes.len(),
            Self::Folded(folded) => folded.len(),
        }
    }

    /// All of its bytes.
    pub(super) fn get(&mut self) -> &mut [u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Given(bytes) => bytes,
            Self::Folded(folded) => folded.unfold(),
        }
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
    pub bytes: Folded,
    /// Damaged on the way: a bit of `bytes` is flipped.
    pub damaged: bool,
}

impl netem::Packet for DownItem {
    fn wire_size(&self) -> usize {
        self.bytes.len()
    }

    fn class(&self) -> usize {
        self.class as usize
    }

    fn flow(&self) -> u64 {
        flow(self.session, self.leg)
    }

    fn ecn_capable(&self) -> bool {
        matches!(self.class, Class::Media | Class::Rtx)
    }

    fn corrupt(&mut self, bits: u64) {
        flip_bit(self.bytes.unfold(), bits);
        self.damaged = true;
    }
}

/// What a router hashes into a flow is addresses and ports: one socket a leg, a new one each session. All media of a leg
/// is bundled on it (RFC 8843), so a fair queue tells participants apart and never their streams.
fn flow(session: u32, leg: u8) -> u64 {
    u64::from(session) << 8 | u64::from(leg)
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
