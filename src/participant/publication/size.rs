//! How large a packet will be once it is written and sealed.

use super::{MID_PACKETS, Outgoing, Publication};
use crate::media::PacketDescriptor;
use crate::rtp::extension::dependency_descriptor::SHORT_LEN;
use crate::rtp::extension::{AudioLevel, ExtensionKind, ONE_BYTE_MAX_LEN};

/// What only some packets have in their headers.
#[derive(Clone, Copy, Default)]
pub(super) struct Extras {
    pub level: Option<AudioLevel>,
    pub descriptor: Option<PacketDescriptor>,
    /// When the frame was due.
    pub captured: bool,
}

impl Publication {
    /// Retransmissions of a layer are rare, and each may be the first that a server sees.
    pub(super) fn sends_names(&self, packet: &Outgoing) -> bool {
        !packet.padding && (self.sends_mid(packet.sequence) || self.rid.is_some() && packet.rtx_of.is_some())
    }

    pub(super) fn sends_mid(&self, sequence: u64) -> bool {
        sequence.wrapping_sub(self.sequence.saturating_sub(u64::from(self.packets))) < MID_PACKETS
            && self.extensions.id(ExtensionKind::Mid).is_some()
    }

    /// Bytes of UDP payload of a sealed packet: header, extensions as [`Self::write`] writes them, payload, tag.
    pub(super) fn size(&self, payload: usize, names: bool, extras: Extras) -> u16 {
        let structure = self.structure.as_deref().map_or(0, <[u8]>::len);
        let described =
            extras.descriptor.map(|descriptor| SHORT_LEN + if descriptor.structured { structure } else { 0 });
        // The longest value decides the form of all (RFC 8285 §4).
        let head = if described.is_some_and(|length| length > ONE_BYTE_MAX_LEN) { 2 } else { 1 };
        let one = |kind: ExtensionKind, length: usize| self.extensions.id(kind).map_or(0, |_| head + length);
        let mut elements = one(ExtensionKind::TransportSequence, 2) + one(ExtensionKind::AbsSendTime, 3);
        if extras.level.is_some() {
            elements += one(ExtensionKind::AudioLevel, 1);
        }
        if extras.captured {
            elements += one(ExtensionKind::AbsCaptureTime, 8);
        }
        if names {
            elements += one(ExtensionKind::Mid, self.parameters.mid.len());
            elements += self.rid.as_deref().map_or(0, |rid| one(ExtensionKind::Rid, rid.len()));
        }
        if let Some(length) = described {
            elements += one(ExtensionKind::DependencyDescriptor, length);
        }
        let extensions = if elements == 0 { 0 } else { 4 + elements.next_multiple_of(4) };
        (12 + extensions + payload + self.tag) as u16
    }
}
