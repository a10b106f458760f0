//! H.264 in packetization-mode 1: parameter sets and SEI aggregated, slices alone or in fragments (RFC 6184).
//!
//! A keyframe opens with a STAP-A of SPS, PPS and an SEI (user_data_unregistered) that carries the stamp and is filled up
//! to the length of the packets after it; its IDR slice follows.

use super::{Cut, Prefix};
use crate::media::payload::END_EVERY;
use crate::media::scalability::Unit;
use crate::media::source::VideoSource;
use crate::media::stamp::STAMP_LEN;
use crate::rtp::h264::{self, headers};

/// The parameter sets and numbers of an H.264 stream.
pub(in super::super) struct H264 {
    sps: [u8; headers::MAX_SPS_LEN],
    sps_len: usize,
    temporal_layers: u8,
    /// Reference pictures since the last IDR picture.
    frame_number: u32,
    idr_id: u32,
}

impl H264 {
    pub(super) fn new(source: &VideoSource) -> Self {
        let temporal_layers = source.scalability.temporal;
        let mut sps = [0; headers::MAX_SPS_LEN];
        // In three layers a base picture passes over the one of layer 1 to the base before it.
        let references = if temporal_layers == 3 { 2 } else { 1 };
        let sps_len = headers::write_sps_for(source.width, source.height, source.fps, references, &mut sps);
        Self { sps, sps_len, temporal_layers, frame_number: 0, idr_id: 0 }
    }

    /// The length of a keyframe's packets, at least `length`, that its SEI can fill.
    pub(super) fn keyframe_length(&self, length: usize) -> usize {
        let before = sei_at(self.sps_len);
        let length = length.max(before + headers::sei_prefix_len(STAMP_LEN) + STAMP_LEN + 1);
        // An SEI's size is written in bytes of up to 255, so some lengths do not exist.
        if sei_user_bytes(length - before).is_some() { length } else { length + 1 }
    }

    /// How much later the filler of a keyframe with such packets begins, so that its SEI ends in trailing bits.
    pub(super) fn sei_offset(&self, length: usize) -> usize {
        let user = sei_user_bytes(length - sei_at(self.sps_len)).expect("keyframe_length chose a length that exists");
        END_EVERY - (user + 1 - STAMP_LEN) % END_EVERY
    }

    pub(super) fn prefix(&self, unit: &Unit, cut: &Cut, prefix: &mut Prefix) {
        if unit.keyframe && cut.index == 0 {
            return parameter_sets(prefix, &self.sps[..self.sps_len], cut.length);
        }
        let slice = headers::slice_of(&headers::Slice {
            idr: unit.keyframe,
            importance: self.importance(unit),
            frame_number: self.frame_number,
            idr_id: self.idr_id,
            passes_over: self.temporal_layers == 3 && unit.temporal == 0 && !unit.keyframe,
        });
        let starts = cut.index == usize::from(unit.keyframe);
        if !(starts && cut.last) {
            prefix.put(&h264::fragment_prefix(slice[0], starts, cut.last));
        }
        if starts {
            prefix.put(&slice[usize::from(!cut.last)..]);
            if !unit.keyframe {
                prefix.reserve_stamp();
            }
        }
    }

    /// The `nal_ref_idc` of its slice: the lower the layer, the higher; 0 where nobody refers to it.
    const fn importance(&self, unit: &Unit) -> u8 {
        match (unit.keyframe, unit.temporal) {
            (true, _) => 3,
            (false, 0) => 2,
            (false, temporal) if temporal + 1 < self.temporal_layers => 1,
            (false, _) => 0,
        }
    }

    pub(super) const fn count(&mut self, unit: &Unit) {
        let refers = self.importance(unit) > 0;
        self.frame_number = if unit.keyframe { 1 } else { self.frame_number.wrapping_add(refers as u32) };
        self.idr_id = self.idr_id.wrapping_add(unit.keyframe as u32);
    }
}

/// STAP-A header, SPS, PPS and the beginning of the SEI, of a packet of `length` bytes.
fn parameter_sets(prefix: &mut Prefix, sps: &[u8], length: usize) {
    let sei = length - sei_at(sps.len());
    let user = sei_user_bytes(sei).expect("keyframe_length chose a length that exists");
    prefix.put(&[h264::aggregate_header()]);
    for nal in [sps, &headers::PPS_NAL] {
        prefix.put(&(nal.len() as u16).to_be_bytes());
        prefix.put(nal);
    }
    prefix.put(&(sei as u16).to_be_bytes());
    prefix.put_with(|out| headers::write_sei_prefix(user, out));
    prefix.reserve_stamp();
}

/// Bytes of a STAP-A before its third NAL unit.
const fn sei_at(sps_len: usize) -> usize {
    1 + 2 + sps_len + 2 + headers::PPS_NAL.len() + 2
}

/// The user's bytes in an SEI of `sei` bytes (trailing bits included), where such an SEI exists.
fn sei_user_bytes(sei: usize) -> Option<usize> {
    // NAL header, type and trailing bits take 3; n bytes of message take n / 255 + 1 of size besides.
    let with_size = sei.checked_sub(4)?;
    let message = with_size - with_size / 256;
    (with_size % 256 != 255).then(|| message.checked_sub(headers::SEI_UUID.len())).flatten()
}
