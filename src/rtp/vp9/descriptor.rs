//! The payload descriptor in front of each packet (RFC 9628 §4.2).

use super::structure::Structure;
use crate::rtp::vp8::PictureId;

/// The most references that one frame names (RFC 9628 §4.2: up to three P_DIFF).
const MAX_REFERENCES: usize = 3;

/// The payload descriptor of one packet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Descriptor {
    /// Picture id, of 7 or 15 bits (I, M).
    pub picture_id: Option<PictureId>,
    /// The frame refers to earlier pictures (P).
    pub inter_picture: bool,
    /// References stand in the packet, not in a structure sent before (F).
    pub flexible: bool,
    /// A frame begins with this packet (B).
    pub starts_frame: bool,
    /// A frame ends with this packet (E).
    pub ends_frame: bool,
    /// No higher spatial layer of this picture or of later ones refers to the frame (Z).
    pub not_for_upper: bool,
    /// Layer indices (L).
    pub layer: Option<LayerIndices>,
    /// Temporal level zero index; beside the layer indices, in non-flexible mode.
    pub tl0_picture_index: Option<u8>,
    /// How many pictures before this one those lie that it refers to; in flexible mode of a frame with P.
    pub references: Differences,
    /// The scalability structure (V).
    pub structure: Option<Box<Structure>>,
    /// Bytes of the descriptor as it was read; the VP9 payload follows.
    pub len: usize,
}

/// Where a frame stands among the layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LayerIndices {
    /// Temporal layer, 0..=7 (TID).
    pub temporal: u8,
    /// No later picture of a higher temporal layer refers to one of a higher layer before this one (U).
    pub switching_up: bool,
    /// Spatial layer, 0..=7 (SID).
    pub spatial: u8,
    /// The frame refers to the next lower spatial layer of its own picture (D).
    pub inter_layer: bool,
}

/// Up to three distances to earlier pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Differences {
    distances: [u8; MAX_REFERENCES],
    count: u8,
}

impl Differences {
    /// These distances, each below 128.
    ///
    /// # Panics
    /// When there are more than three.
    #[must_use]
    pub fn new(distances: &[u8]) -> Self {
        let mut all = Self::default();
        distances.iter().for_each(|distance| assert!(all.push(*distance), "more than {MAX_REFERENCES} references"));
        all
    }

    /// The distances.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.distances[..usize::from(self.count)]
    }

    /// Adds a distance; false when there is no room.
    pub(super) fn push(&mut self, distance: u8) -> bool {
        let Some(place) = self.distances.get_mut(usize::from(self.count)) else { return false };
        *place = distance & 0x7F;
        self.count += 1;
        true
    }
}

impl Descriptor {
    /// Reads a descriptor; `None` when the payload ends inside it or a fourth reference is named.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut bytes = payload.iter().copied();
        let first = bytes.next()?;
        let bit = |mask: u8| first & mask != 0;
        let mut descriptor = Self {
            inter_picture: bit(0x40),
            flexible: bit(0x10),
            starts_frame: bit(0x08),
            ends_frame: bit(0x04),
            not_for_upper: bit(0x01),
            ..Self::default()
        };
        if bit(0x80) {
            let high = bytes.next()?;
            descriptor.picture_id = Some(if high & 0x80 != 0 {
                PictureId::Long(u16::from(high & 0x7F) << 8 | u16::from(bytes.next()?))
            } else {
                PictureId::Short(high)
            });
        }
        if bit(0x20) {
            let byte = bytes.next()?;
            descriptor.layer = Some(LayerIndices {
                temporal: byte >> 5,
                switching_up: byte & 0x10 != 0,
                spatial: byte >> 1 & 0x07,
                inter_layer: byte & 0x01 != 0,
            });
            if !descriptor.flexible {
                descriptor.tl0_picture_index = Some(bytes.next()?);
            }
        }
        if descriptor.flexible && descriptor.inter_picture {
            loop {
                let byte = bytes.next()?;
                if !descriptor.references.push(byte >> 1) {
                    return None;
                }
                if byte & 1 == 0 {
                    break;
                }
            }
        }
        if bit(0x02) {
            descriptor.structure = Some(Box::new(Structure::parse(&mut bytes)?));
        }
        descriptor.len = payload.len() - bytes.len();
        Some(descriptor)
    }

    /// Its spatial layer, 0 without layer indices.
    #[must_use]
    pub fn spatial(&self) -> u8 {
        self.layer.map_or(0, |layer| layer.spatial)
    }

    /// Its temporal layer, 0 without layer indices.
    #[must_use]
    pub fn temporal(&self) -> u8 {
        self.layer.map_or(0, |layer| layer.temporal)
    }

    /// Writes the descriptor to the front of `out` and says how many bytes it takes. In flexible mode a frame with P names
    /// at least one reference, in non-flexible mode TL0PICIDX stands beside the layer indices (0 where it is absent):
    /// fields that the mode does not have are left out.
    ///
    /// # Panics
    /// When `out` is too short.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let mut writer = Writer { out, len: 1 };
        let flags = [
            self.picture_id.is_some(),
            self.inter_picture,
            self.layer.is_some(),
            self.flexible,
            self.starts_frame,
            self.ends_frame,
            self.structure.is_some(),
            self.not_for_upper,
        ];
        let first = flags.into_iter().fold(0, |byte, flag| byte << 1 | u8::from(flag));
        match self.picture_id {
            Some(PictureId::Short(id)) => writer.put(id & 0x7F),
            Some(PictureId::Long(id)) => {
                id.to_be_bytes().into_iter().zip([0x80, 0]).for_each(|(b, m)| writer.put(b | m))
            }
            None => {}
        }
        if let Some(layer) = self.layer {
            let up = u8::from(layer.switching_up) << 4;
            writer.put(layer.temporal << 5 | up | (layer.spatial & 0x07) << 1 | u8::from(layer.inter_layer));
            if !self.flexible {
                writer.put(self.tl0_picture_index.unwrap_or_default());
            }
        }
        if self.flexible && self.inter_picture {
            let distances = self.references.as_slice();
            assert!(!distances.is_empty(), "a frame with P names a reference in flexible mode");
            for (index, distance) in distances.iter().enumerate() {
                writer.put(distance << 1 | u8::from(index + 1 < distances.len()));
            }
        }
        if let Some(structure) = &self.structure {
            structure.write(&mut writer);
        }
        let len = writer.len;
        out[0] = first;
        len
    }
}

/// Writes bytes to the front of a buffer.
pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    pub(super) fn put(&mut self, byte: u8) {
        self.out[self.len] = byte;
        self.len += 1;
    }
}
