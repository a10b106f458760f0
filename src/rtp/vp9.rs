//! The VP9 payload format (RFC 9628 §4) and the beginning of a VP9 frame (bitstream §6.2, uncompressed header).
//!
//! Reads and writes every field of the payload descriptor, in flexible and in non-flexible mode, its scalability structure
//! included, and reads of a frame's first packet whether it is a keyframe and how large. A *frame* here is one spatial
//! layer of a *picture*; the packets of a picture share one RTP time. It decodes nothing.

mod descriptor;
mod structure;
mod superframe;
mod uncompressed;

pub use descriptor::{Descriptor, Differences, LayerIndices};
pub use structure::{GroupPicture, MAX_SPATIAL, Structure};
pub use superframe::{MAX_FRAMES, frames};
pub use uncompressed::Frame;

use super::vp8::PictureId;

/// Bytes of the frame header of a keyframe that [`FrameHeader::write`] writes: marks, sync code, colours, size.
pub const KEYFRAME_HEADER_LEN: usize = 9;
/// Bytes of the frame header of every other frame: the marks.
pub const FRAME_HEADER_LEN: usize = 1;
/// The largest width and height that a keyframe can name, in pixels (16 bits, minus one).
pub const MAX_DIMENSION: u32 = 65_535;
const FRAME_MARKER: u8 = 0b10;
const SYNC_CODE: [u8; 3] = [0x49, 0x83, 0x42];
/// BT.709 in three bits, studio range in one.
const COLOURS: u8 = 0b0100;

/// What a packet's payload says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The payload descriptor.
    pub descriptor: Descriptor,
    /// The frame's header, in the first packet of a frame that holds one.
    pub header: Option<FrameHeader>,
}

impl Packet {
    /// Whether a picture begins with this packet: the first packet of its lowest spatial layer.
    #[must_use]
    pub fn starts_picture(&self) -> bool {
        self.descriptor.starts_frame && self.descriptor.spatial() == 0
    }

    /// Whether a keyframe begins with this packet (RFC 9628 §4.2: P is 0 and SID, where present, is 0).
    #[must_use]
    pub fn starts_keyframe(&self) -> bool {
        self.starts_picture() && !self.descriptor.inter_picture
    }
}

/// Reads a payload; `None` when it is empty, ends inside its descriptor, or names more references than there can be.
#[must_use]
pub fn parse(payload: &[u8]) -> Option<Packet> {
    let descriptor = Descriptor::parse(payload)?;
    let header = if descriptor.starts_frame { FrameHeader::parse(&payload[descriptor.len..]) } else { None };
    Some(Packet { descriptor, header })
}

/// Writes picture id and TL0PICIDX over those that the payload's descriptor has, each as wide as it is there; what it does
/// not have, and what is no payload of VP9, stays as it is.
pub fn renumber(payload: &mut [u8], picture_id: u16, tl0_picture_index: u8) {
    let Some(descriptor) = Descriptor::parse(payload) else { return };
    let mut at = 1;
    match descriptor.picture_id {
        Some(PictureId::Long(_)) => {
            let [high, low] = picture_id.to_be_bytes();
            (payload[at], payload[at + 1]) = (0x80 | high, low);
            at += 2;
        }
        Some(PictureId::Short(_)) => {
            payload[at] = picture_id as u8 & 0x7F;
            at += 1;
        }
        None => {}
    }
    if descriptor.tl0_picture_index.is_some() {
        payload[at + 1] = tl0_picture_index;
    }
}

/// The beginning of a frame's uncompressed header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Whether the frame refers to no other.
    pub keyframe: bool,
    /// Whether it is to be shown.
    pub shown: bool,
    /// Width and height in pixels, of a keyframe of profile 0 whose sync code is right.
    pub size: Option<(u16, u16)>,
}

impl FrameHeader {
    /// Reads the beginning of a frame; `None` when it is empty, not VP9, or shows a frame that was decoded before.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let first = *frame.first()?;
        let profile = first >> 5 & 1 | (first >> 3 & 2);
        let repeats = if profile == 3 { first & 0x04 } else { first & 0x08 } != 0;
        if first >> 6 != FRAME_MARKER || repeats {
            return None;
        }
        // Profile 3 has one more bit before the ones that follow.
        let marks = if profile == 3 { first << 1 } else { first };
        let (keyframe, shown) = (marks & 0x04 == 0, marks & 0x02 != 0);
        let size = match frame.get(1..KEYFRAME_HEADER_LEN) {
            Some(rest) if keyframe && profile == 0 && rest.starts_with(&SYNC_CODE) => {
                // Four bits of colours, then 16 bits each of width and height, minus one.
                let bits = rest[3..8].iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 4;
                let side = |shift: u32| ((bits >> shift & 0xFFFF) + 1).min(u64::from(MAX_DIMENSION)) as u16;
                Some((side(16), side(0)))
            }
            _ => None,
        };
        Some(Self { keyframe, shown, size })
    }

    /// Bytes that the header takes in a frame.
    #[must_use]
    pub const fn len(keyframe: bool) -> usize {
        if keyframe { KEYFRAME_HEADER_LEN } else { FRAME_HEADER_LEN }
    }

    /// Writes the header to the front of `out` and says how many bytes it takes. Profile 0, not error resilient. A
    /// keyframe without a size is written as 1 × 1. The bits that are left in the last byte are ones.
    ///
    /// # Panics
    /// When `out` is shorter than [`FrameHeader::len`].
    pub fn write(&self, out: &mut [u8]) -> usize {
        out[0] = FRAME_MARKER << 6 | u8::from(!self.keyframe) << 2 | u8::from(self.shown) << 1;
        if self.keyframe {
            let (width, height) = self.size.unwrap_or((1, 1));
            out[1..4].copy_from_slice(&SYNC_CODE);
            let sides = u64::from(width.max(1) - 1) << 16 | u64::from(height.max(1) - 1);
            let bits = (u64::from(COLOURS) << 32 | sides) << 4 | 0b0111;
            out[4..KEYFRAME_HEADER_LEN].copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        Self::len(self.keyframe)
    }
}

#[cfg(test)]
mod tests;
