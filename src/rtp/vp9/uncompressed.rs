//! What whoever sends a finished stream must know of each frame (VP9 bitstream §6.2, uncompressed header).

use super::{FRAME_MARKER, SYNC_CODE};
use crate::rtp::bits::BitReader;

/// A frame, as its uncompressed header describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Profile, 0..=3: 0 is 8 bits and 4:2:0.
    pub profile: u8,
    /// It refers to no other frame.
    pub keyframe: bool,
    /// It is shown, or shows one that was decoded before.
    pub shown: bool,
    /// Width and height in pixels, where it names them itself instead of taking those of a frame that it refers to.
    /// Of profile 0 alone.
    pub size: Option<(u32, u32)>,
}

impl Frame {
    /// Reads the beginning of a frame; `None` when it is not VP9 or ends too early.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(frame);
        if bits.bits(2)? != u32::from(FRAME_MARKER) {
            return None;
        }
        let profile = bits.bits(1)? as u8 | (bits.bits(1)? as u8) << 1;
        if profile == 3 {
            bits.bit()?;
        }
        if bits.bit()? {
            bits.bits(3)?; // frame_to_show_map_idx
            return Some(Self { profile, keyframe: false, shown: true, size: None });
        }
        let (keyframe, shown, resilient) = (!bits.bit()?, bits.bit()?, bits.bit()?);
        let size = match (profile, keyframe) {
            (0, true) => Some(key_size(&mut bits)?),
            (0, false) => inter_size(&mut bits, shown, resilient)?,
            _ => None,
        };
        Some(Self { profile, keyframe, shown, size })
    }
}

fn key_size(bits: &mut BitReader<'_>) -> Option<(u32, u32)> {
    sync_code(bits)?;
    bits.bits(3 + 1)?; // color_space, color_range
    frame_size(bits)
}

/// Of a frame that refers to others, or of one that only keeps what others left (intra_only).
fn inter_size(bits: &mut BitReader<'_>, shown: bool, resilient: bool) -> Option<Option<(u32, u32)>> {
    let intra_only = !shown && bits.bit()?;
    if !resilient {
        bits.bits(2)?; // reset_frame_context
    }
    if intra_only {
        sync_code(bits)?;
        bits.bits(8)?; // refresh_frame_flags
        return frame_size(bits).map(Some);
    }
    bits.bits(8 + 3 * 4)?; // refresh_frame_flags; three of ref_frame_idx and its sign bias
    for _ in 0..3 {
        if bits.bit()? {
            return Some(None); // found_ref
        }
    }
    frame_size(bits).map(Some)
}

fn sync_code(bits: &mut BitReader<'_>) -> Option<()> {
    let is = |byte: &u8| bits.bits(8).is_some_and(|read| read == u32::from(*byte));
    SYNC_CODE.iter().all(is).then_some(())
}

fn frame_size(bits: &mut BitReader<'_>) -> Option<(u32, u32)> {
    Some((bits.bits(16)? + 1, bits.bits(16)? + 1))
}
