//! H.264 parameter sets, slice headers and a user-data SEI that real parsers accept (ITU-T H.264 §7.3, Annex A, D.1.6).
//!
//! The stream is constrained baseline, 4:2:0, progressive, one reference frame and picture order count type 2, because
//! that needs the fewest bits and is what WebRTC negotiates as `42e0xx`. Only headers are real: the slice data that
//! follows is filler, so a decoder gets as far as the first macroblock.

use super::{IDR, PPS, SEI, SLICE, SPS};

/// Bytes that a sequence parameter set never exceeds here.
pub const MAX_SPS_LEN: usize = 24;
/// The picture parameter set: CAVLC, one slice group, no weights, no deblocking control.
pub const PPS_NAL: [u8; 4] = [3 << 5 | PPS, 0b1100_1110, 0b0011_1000, 0b1000_0000];
/// Bytes of [`slice()`]: NAL header and slice header.
pub const SLICE_LEN: usize = 4;
/// Marks our SEI among those of others (a random UUID, D.2.6).
pub const SEI_UUID: [u8; 16] =
    [0x8E, 0x21, 0xC7, 0x5A, 0x3D, 0x94, 0x4F, 0xB6, 0xA1, 0x6C, 0x5D, 0xE3, 0x72, 0x18, 0xF9, 0x0B];
const USER_DATA_UNREGISTERED: u8 = 5;

/// A constrained baseline sequence parameter set for this picture size and rate, written to the front of `out`; says
/// how many bytes it takes. The picture is cropped from whole macroblocks in steps of two pixels, so sizes are even.
///
/// # Panics
/// When a side is zero, odd or above 16,384 pixels.
pub fn write_sps(width: u32, height: u32, fps: f64, out: &mut [u8; MAX_SPS_LEN]) -> usize {
    write_sps_for(width, height, fps, 1, out)
}

/// As [`write_sps`], for a stream whose pictures choose among so many reference pictures. With more than one, reference
/// pictures may be missing (gaps in `frame_num`): who takes a temporal layer away takes them too.
///
/// # Panics
/// As [`write_sps`].
pub fn write_sps_for(width: u32, height: u32, fps: f64, references: u32, out: &mut [u8; MAX_SPS_LEN]) -> usize {
    for side in [width, height] {
        assert!(side > 0 && side <= 16_384 && side % 2 == 0, "4:2:0 pictures have even sides up to 16,384, not {side}");
    }
    let (across, down) = (width.div_ceil(16), height.div_ceil(16));
    let mut bits = BitWriter::new(out);
    bits.put(u32::from(3u8 << 5 | SPS), 8);
    bits.put(66, 8); // Baseline,
    bits.put(0b1110_0000, 8); // constrained.
    bits.put(level(across * down, fps), 8);
    bits.ue(0); // seq_parameter_set_id
    bits.ue(0); // log2_max_frame_num_minus4
    bits.ue(2); // pic_order_cnt_type: output order is decoding order
    bits.ue(references); // max_num_ref_frames
    bits.put(u32::from(references > 1), 1); // gaps_in_frame_num_value_allowed_flag
    bits.ue(across - 1);
    bits.ue(down - 1);
    bits.put(0b11, 2); // frame_mbs_only_flag, direct_8x8_inference_flag
    let (right, bottom) = ((across * 16 - width) / 2, (down * 16 - height) / 2);
    let cropped = right + bottom > 0;
    bits.put(u32::from(cropped), 1);
    if cropped {
        [0, right, 0, bottom].into_iter().for_each(|side| bits.ue(side));
    }
    bits.put(0, 1); // vui_parameters_present_flag
    bits.trailing();
    bits.len
}

/// The lowest level (Table A-1) that allows this many macroblocks a frame at this rate; level 6.2 when none does.
fn level(macroblocks: u32, fps: f64) -> u32 {
    const LEVELS: [(u32, u32, f64); 12] = [
        (10, 99, 1_485.0),
        (12, 396, 6_000.0),
        (13, 396, 11_880.0),
        (22, 1_620, 20_250.0),
        (30, 1_620, 40_500.0),
        (31, 3_600, 108_000.0),
        (32, 5_120, 216_000.0),
        (40, 8_192, 245_760.0),
        (42, 8_704, 522_240.0),
        (50, 22_080, 589_824.0),
        (51, 36_864, 983_040.0),
        (52, 36_864, 2_073_600.0),
    ];
    let rate = f64::from(macroblocks) * fps;
    LEVELS.iter().find(|(_, frame, second)| macroblocks <= *frame && rate <= *second).map_or(62, |(level, ..)| *level)
}

/// NAL header and slice header of a picture that is one slice. `frame_number` counts frames since the last IDR,
/// `idr_id` tells neighbouring IDR pictures apart (its lowest bit is used). The unused bits at the end are ones, where
/// slice data would begin.
#[must_use]
pub fn slice(idr: bool, frame_number: u32, idr_id: u32) -> [u8; SLICE_LEN] {
    slice_of(&Slice { idr, importance: if idr { 3 } else { 2 }, frame_number, idr_id, passes_over: false })
}

/// What a slice header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// An IDR picture.
    pub idr: bool,
    /// `nal_ref_idc`, 0..=3; 0: no other picture refers to this one.
    pub importance: u8,
    /// Reference pictures since the last IDR picture.
    pub frame_number: u32,
    /// Tells neighbouring IDR pictures apart.
    pub idr_id: u32,
    /// It refers to the reference picture before the newest one.
    pub passes_over: bool,
}

/// NAL header and slice header of a picture that is one slice; see [`slice()`].
#[must_use]
pub fn slice_of(slice: &Slice) -> [u8; SLICE_LEN] {
    let Slice { idr, importance, frame_number, idr_id, passes_over } = *slice;
    let mut out = [0; SLICE_LEN];
    let mut bits = BitWriter::new(&mut out);
    bits.put(u32::from((importance & 3) << 5 | if idr { IDR } else { SLICE }), 8);
    bits.ue(0); // first_mb_in_slice
    bits.ue(if idr { 7 } else { 5 }); // slice_type: all I, all P
    bits.ue(0); // pic_parameter_set_id
    bits.put(if idr { 0 } else { frame_number & 0xF }, 4);
    if idr {
        bits.ue(idr_id & 1);
    } else {
        bits.put(0, 1); // num_ref_idx_active_override_flag
        bits.put(u32::from(passes_over), 1); // ref_pic_list_modification_flag_l0
        if passes_over {
            // modification_of_pic_nums_idc 0: back by abs_diff_pic_num_minus1 + 1; 3: no more.
            [0, 1, 3].into_iter().for_each(|value| bits.ue(value));
        }
    }
    // no_output_of_prior_pics_flag, long_term_reference_flag; or adaptive_ref_pic_marking_mode_flag, of references
    bits.put(0, if idr { 2 } else { u32::from(importance > 0) });
    bits.ue(0); // slice_qp_delta
    let left = SLICE_LEN as u32 * 8 - bits.used();
    bits.put(u32::MAX, left);
    out
}

/// Writes NAL header, SEI header and UUID of a user_data_unregistered message with `user_bytes` bytes after the UUID to
/// the front of `out`; says how many bytes it takes. The caller writes the user's bytes and then `0x80`, the trailing bits.
///
/// # Panics
/// When `out` is too short.
pub fn write_sei_prefix(user_bytes: usize, out: &mut [u8]) -> usize {
    let size = SEI_UUID.len() + user_bytes;
    out[..2].copy_from_slice(&[SEI, USER_DATA_UNREGISTERED]);
    let ones = size / 255;
    out[2..2 + ones].fill(0xFF);
    out[2 + ones] = (size % 255) as u8;
    let at = 3 + ones;
    out[at..at + SEI_UUID.len()].copy_from_slice(&SEI_UUID);
    at + SEI_UUID.len()
}

/// Bytes that [`write_sei_prefix`] writes.
#[must_use]
pub const fn sei_prefix_len(user_bytes: usize) -> usize {
    3 + (SEI_UUID.len() + user_bytes) / 255 + SEI_UUID.len()
}

/// The user's bytes of our SEI, and what follows them (the trailing bits); `None` when the NAL unit is something else.
#[must_use]
pub fn read_sei(nal: &[u8]) -> Option<&[u8]> {
    let sizes = nal.strip_prefix(&[SEI, USER_DATA_UNREGISTERED])?;
    let ones = sizes.iter().take_while(|byte| **byte == 0xFF).count();
    sizes.get(ones + 1..)?.strip_prefix(&SEI_UUID)
}

/// Writes bits from the highest on, and emulation prevention bytes where three bytes would look like a start code
/// (§7.4.1: `00 00 0x` with x ≤ 3 becomes `00 00 03 0x`).
struct BitWriter<'a> {
    out: &'a mut [u8],
    len: usize,
    byte: u8,
    bits: u32,
    zeros: u32,
}

impl<'a> BitWriter<'a> {
    fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0, byte: 0, bits: 0, zeros: 0 }
    }

    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.byte = self.byte << 1 | (value >> bit & 1) as u8;
            self.bits += 1;
            if self.bits == 8 {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        if self.zeros == 2 && self.byte <= 3 {
            self.push(3);
        }
        self.push(self.byte);
        (self.byte, self.bits) = (0, 0);
    }

    fn push(&mut self, byte: u8) {
        self.out[self.len] = byte;
        self.len += 1;
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
    }

    /// Exp-Golomb, unsigned (§9.1).
    fn ue(&mut self, value: u32) {
        let length = 32 - (value + 1).leading_zeros();
        self.put(0, length - 1);
        self.put(value + 1, length);
    }

    /// rbsp_trailing_bits: a one, then zeros to the end of the byte.
    fn trailing(&mut self) {
        self.put(1, 1);
        if self.bits > 0 {
            self.put(0, 8 - self.bits);
        }
    }

    /// Bits written so far, emulation prevention included.
    const fn used(&self) -> u32 {
        self.len as u32 * 8 + self.bits
    }
}

#[cfg(test)]
mod tests;
