//! The low-overhead byte stream (AV1 bitstream §5.2), and what whoever sends a finished stream must know of its headers.

use super::{Obu, read_leb128};
use crate::rtp::bits::BitReader;

/// One OBU of a temporal unit: its header, and what follows header and size.
pub type Split<'a> = (Obu, &'a [u8]);

/// The OBUs of a temporal unit. `None` when one is cut off, or has no size and is not the last.
#[must_use]
pub fn obus(mut unit: &[u8]) -> Option<Vec<Split<'_>>> {
    let mut obus = Vec::new();
    while !unit.is_empty() {
        let obu = Obu::parse(unit)?;
        let after = unit.get(obu.header_len()..)?;
        let (body, rest) = if obu.sized {
            let (size, len) = read_leb128(after)?;
            after.get(len..)?.split_at_checked(usize::try_from(size).ok()?)?
        } else {
            (after, &[][..])
        };
        obus.push((obu, body));
        unit = rest;
    }
    Some(obus)
}

/// What a sequence header says (§5.5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SequenceHeader {
    /// Profile: 0 is 8 or 10 bits and 4:2:0.
    pub profile: u8,
    /// The stream is one picture, whose headers are shorter.
    pub still: bool,
    /// Width of the largest picture, in pixels.
    pub width: u32,
    /// Height of the largest picture, in pixels.
    pub height: u32,
}

impl SequenceHeader {
    /// Reads the body of a sequence header as far as the size; `None` when it ends before.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut bits = BitReader::new(body);
        let (profile, still, reduced) = (bits.bits(3)? as u8, bits.bit()?, bits.bit()?);
        if reduced {
            bits.bits(5)?; // seq_level_idx
        } else {
            operating_points(&mut bits)?;
        }
        let (across, down) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
        let (width, height) = (bits.bits(across)? + 1, bits.bits(down)? + 1);
        Some(Self { profile, still, width, height })
    }
}

/// Passes timing, decoder model and operating points.
fn operating_points(bits: &mut BitReader<'_>) -> Option<()> {
    let mut delay_bits = None;
    // timing_info_present_flag
    if bits.bit()? {
        bits.bits(32)?; // num_units_in_display_tick
        bits.bits(32)?; // time_scale
        if bits.bit()? {
            skip_uvlc(bits)?; // num_ticks_per_picture_minus_1
        }
        // decoder_model_info_present_flag
        if bits.bit()? {
            delay_bits = Some(bits.bits(5)? + 1);
            bits.bits(32)?; // num_units_in_decoding_tick
            bits.bits(5 + 5)?; // lengths of buffer_removal_time and frame_presentation_time
        }
    }
    let displays = bits.bit()?; // initial_display_delay_present_flag
    for _ in 0..=bits.bits(5)? {
        bits.bits(12)?; // operating_point_idc
        // seq_level_idx; above 7 a tier follows
        if bits.bits(5)? > 7 {
            bits.bit()?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.bit()?
        {
            bits.bits(delay_bits)?; // decoder_buffer_delay
            bits.bits(delay_bits)?; // encoder_buffer_delay
            bits.bit()?; // low_delay_mode_flag
        }
        if displays && bits.bit()? {
            bits.bits(4)?; // initial_display_delay_minus_1
        }
    }
    Some(())
}

/// Passes a number of variable length (§4.10.3).
fn skip_uvlc(bits: &mut BitReader<'_>) -> Option<()> {
    let mut zeros = 0;
    while !bits.bit()? {
        zeros += 1;
    }
    // More zeros say that it is 2^32 - 1, with nothing behind them.
    if zeros >= 32 {
        return Some(());
    }
    bits.bits(zeros).map(drop)
}

/// The first bits of a frame header, of a stream that is no still picture (§5.9.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameStart {
    /// It refers to no other frame, and is shown at once.
    pub keyframe: bool,
    /// It is shown, or shows one that was decoded before.
    pub shown: bool,
}

impl FrameStart {
    /// Reads the body of a frame or of a frame header; `None` when it is empty.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let first = *body.first()?;
        if first & 0x80 != 0 {
            return Some(Self { keyframe: false, shown: true });
        }
        let shown = first & 0x10 != 0;
        Some(Self { keyframe: first >> 5 & 0x03 == 0 && shown, shown })
    }
}
