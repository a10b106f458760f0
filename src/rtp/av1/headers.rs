//! The headers inside the OBUs that throng sends (AV1 bitstream §5.5 and §5.9): main profile, 8 bits, 4:2:0.

use crate::rtp::bits::BitWriter;

/// Bytes that the sequence header never exceeds, its OBU header not included.
pub const MAX_SEQUENCE_HEADER_LEN: usize = 16;
/// Bytes of [`frame_header`].
pub const FRAME_HEADER_LEN: usize = 1;

/// Writes the payload of a sequence header for pictures of this size to the front of `out` and says how many bytes it
/// takes. `operating_point` is its one operating point: a bit for each temporal layer from bit 0 on, one for each spatial
/// layer from bit 8 on; 0 where there are no layers.
///
/// # Panics
/// When a side is zero or above 65,536 pixels, or `out` is shorter than [`MAX_SEQUENCE_HEADER_LEN`].
pub fn write_sequence_header(width: u32, height: u32, operating_point: u16, out: &mut [u8]) -> usize {
    for side in [width, height] {
        assert!((1..=65_536).contains(&side), "a picture is 1 to 65,536 pixels wide and high, not {side}");
    }
    let mut bits = BitWriter::default();
    bits.bits(0, 3); // seq_profile: main
    bits.bits(0, 2); // still_picture, reduced_still_picture_header
    bits.bits(0, 2); // timing_info_present_flag, initial_display_delay_present_flag
    bits.bits(0, 5); // operating_points_cnt_minus_1
    bits.bits(u32::from(operating_point) & 0xFFF, 12);
    bits.bits(5, 5); // seq_level_idx: 3.1
    bits.bits(15, 4); // frame_width_bits_minus_1
    bits.bits(15, 4); // frame_height_bits_minus_1
    bits.bits(width - 1, 16);
    bits.bits(height - 1, 16);
    bits.bits(0, 1); // frame_id_numbers_present_flag
    bits.bits(0b011, 3); // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    bits.bits(0, 4); // interintra and masked compounds, warped motion, dual filter
    bits.bits(0b100, 3); // enable_order_hint, enable_jnt_comp, enable_ref_frame_mvs
    bits.bits(0b11, 2); // seq_choose_screen_content_tools, seq_choose_integer_mv
    bits.bits(6, 3); // order_hint_bits_minus_1
    bits.bits(0b010, 3); // enable_superres, enable_cdef, enable_restoration
    bits.bits(0, 4); // high_bitdepth, mono_chrome, color_description_present_flag, color_range
    bits.bits(0, 3); // chroma_sample_position, separate_uv_delta_q
    bits.bits(0, 1); // film_grain_params_present
    bits.bits(1, 1); // trailing bits
    let bytes = bits.finish();
    out[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}

/// The first byte of a frame header: a key frame or an inter frame, shown; filler takes the place of what follows.
#[must_use]
pub const fn frame_header(keyframe: bool) -> u8 {
    // show_existing_frame, two bits of frame_type, show_frame; of an inter frame error_resilient_mode; disable_cdf_update.
    if keyframe { 0b0001_1000 } else { 0b0011_0100 }
}
