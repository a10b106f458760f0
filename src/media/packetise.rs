//! A picture of a given size, cut into the payloads of its RTP packets.
//!
//! All packets of a frame are equally long but for the last one, so that a kernel can segment them (UDP GSO). The first
//! packet carries the stamp: behind the VP8 frame header, or behind the H.264 slice header, where an SFU never looks.
//! An H.264 keyframe opens with a STAP-A of SPS, PPS and an SEI (user_data_unregistered) that carries the stamp and is
//! filled up to the length of the packets after it; its IDR slice follows. A reader searches any packet that it opens.

use super::payload::{END_EVERY, MAX_PAYLOAD, MAX_PREFIX, Payload};
use super::stamp::{STAMP_LEN, Stamp};
use crate::conference::Codec;
use crate::rtp::h264::{self, headers};
use crate::rtp::vp8;

/// From one frame's filler to the next one's: 37 and the 128 possible beginnings have no common divisor, so 128 frames
/// in a row begin differently.
const FILLER_STEP: usize = END_EVERY * 37;

/// Cuts the pictures of one stream.
pub(super) enum Packetiser {
    /// RFC 7741.
    Vp8 { size: (u16, u16), picture_id: u16, tl0_picture_index: u8 },
    /// RFC 6184.
    H264 { sps: [u8; headers::MAX_SPS_LEN], sps_len: usize, since_idr: u32, idr_id: u32 },
}

/// A prefix in the making; the stamp, where there is one, is its end.
struct Prefix {
    bytes: [u8; MAX_PREFIX],
    len: usize,
    stamped: bool,
}

impl Prefix {
    fn new() -> Self {
        Self { bytes: [0; MAX_PREFIX], len: 0, stamped: false }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn reserve_stamp(&mut self) {
        self.len += STAMP_LEN;
        self.stamped = true;
    }
}

impl Packetiser {
    /// For pictures of this size. `luck` decides where picture id and TL0PICIDX begin, so that they wrap in any run.
    pub(super) fn new(codec: Codec, width: u32, height: u32, fps: f64, luck: u64) -> Self {
        match codec {
            Codec::H264 => {
                let mut sps = [0; headers::MAX_SPS_LEN];
                let sps_len = headers::write_sps(width, height, fps, &mut sps);
                Self::H264 { sps, sps_len, since_idr: 0, idr_id: 0 }
            }
            Codec::Vp8 | Codec::Opus => Self::Vp8 {
                size: (width as u16, height as u16),
                picture_id: luck as u16 & 0x7FFF,
                tl0_picture_index: (luck >> 16) as u8,
            },
        }
    }

    /// Cuts a picture of about `bytes` bytes of payload (never fewer than its headers need) into `packets`, which is
    /// cleared first, and stamps it. Says how many bytes it took.
    pub(super) fn cut(&mut self, keyframe: bool, bytes: usize, stamp: Stamp, packets: &mut Vec<Payload>) -> usize {
        packets.clear();
        let length = self.packet_length(keyframe, bytes);
        let mut filler_at = self.filler_start(keyframe, length, stamp.frame);
        let mut crc = crc32fast::Hasher::new();
        let (mut left, mut taken) = (bytes, 0);
        while packets.len() < self.fewest(keyframe) || left > 0 {
            let prefix = self.prefix(keyframe, packets.len(), length, left <= length, bytes);
            let take = length.min(left).max(prefix.len + 1);
            let payload = Payload::new(&prefix.bytes[..prefix.len], filler_at, take - prefix.len);
            debug_assert_eq!(prefix.stamped, packets.is_empty());
            crc.update(payload.filler());
            packets.push(payload);
            filler_at += take - prefix.len;
            taken += take;
            left = left.saturating_sub(take);
        }
        packets[0].stamp(&Stamp { frame_bytes: taken as u32, payload_crc: crc.finalize(), ..stamp });
        self.count(keyframe);
        taken
    }

    /// The fewest packets of a picture: an H.264 keyframe has its parameter sets apart.
    fn fewest(&self, keyframe: bool) -> usize {
        if keyframe && matches!(self, Self::H264 { .. }) { 2 } else { 1 }
    }

    /// Bytes of payload in each packet but the last.
    fn packet_length(&self, keyframe: bool, bytes: usize) -> usize {
        let packets = bytes.div_ceil(MAX_PAYLOAD).max(self.fewest(keyframe));
        let length = bytes.div_ceil(packets);
        match self {
            Self::H264 { sps_len, .. } if keyframe => {
                let before = sei_at(*sps_len);
                let length = length.max(before + headers::sei_prefix_len(STAMP_LEN) + STAMP_LEN + 1);
                // An SEI's size is written in bytes of up to 255, so some lengths do not exist.
                if sei_user_bytes(length - before).is_some() { length } else { length + 1 }
            }
            _ => length,
        }
    }

    /// Where a picture's filler begins: anywhere, but so that the SEI of an H.264 keyframe ends in its trailing bits.
    fn filler_start(&self, keyframe: bool, length: usize, frame: u32) -> usize {
        let at = frame as usize % super::payload::PERIOD * FILLER_STEP;
        match self {
            Self::H264 { sps_len, .. } if keyframe => {
                let user = sei_user_bytes(length - sei_at(*sps_len)).expect("packet_length chose a length that exists");
                at + END_EVERY - (user + 1 - STAMP_LEN) % END_EVERY
            }
            _ => at,
        }
    }

    fn prefix(&self, keyframe: bool, index: usize, length: usize, last: bool, bytes: usize) -> Prefix {
        let mut prefix = Prefix::new();
        match self {
            Self::Vp8 { size, picture_id, tl0_picture_index } => {
                vp8::write_descriptor(&mut prefix.bytes, index == 0, *picture_id, *tl0_picture_index);
                prefix.len = vp8::DESCRIPTOR_LEN;
                if index == 0 {
                    let first_partition = (bytes / 2).min(0x7_FFFF) as u32;
                    let header =
                        vp8::FrameHeader { keyframe, shown: true, first_partition, size: keyframe.then_some(*size) };
                    prefix.len += header.write(&mut prefix.bytes[prefix.len..]);
                    prefix.reserve_stamp();
                }
            }
            Self::H264 { sps, sps_len, .. } if keyframe && index == 0 => {
                parameter_sets(&mut prefix, &sps[..*sps_len], length);
            }
            Self::H264 { since_idr, idr_id, .. } => {
                let slice = headers::slice(keyframe, *since_idr, *idr_id);
                let starts = index + 1 == self.fewest(keyframe);
                if !(starts && last) {
                    prefix.put(&h264::fragment_prefix(slice[0], starts, last));
                }
                if starts {
                    prefix.put(&slice[usize::from(!last)..]);
                    if !keyframe {
                        prefix.reserve_stamp();
                    }
                }
            }
        }
        prefix
    }

    /// Moves on to the next picture.
    fn count(&mut self, keyframe: bool) {
        match self {
            Self::Vp8 { picture_id, tl0_picture_index, .. } => {
                *picture_id = (*picture_id + 1) & 0x7FFF;
                *tl0_picture_index = tl0_picture_index.wrapping_add(1);
            }
            Self::H264 { since_idr, idr_id, .. } => {
                *since_idr = if keyframe { 1 } else { since_idr.wrapping_add(1) };
                *idr_id = idr_id.wrapping_add(u32::from(keyframe));
            }
        }
    }
}

/// STAP-A header, SPS, PPS and the beginning of the SEI, of a packet of `length` bytes.
fn parameter_sets(prefix: &mut Prefix, sps: &[u8], length: usize) {
    let sei = length - sei_at(sps.len());
    let user = sei_user_bytes(sei).expect("packet_length chose a length that exists");
    prefix.put(&[h264::aggregate_header()]);
    for nal in [sps, &headers::PPS_NAL] {
        prefix.put(&(nal.len() as u16).to_be_bytes());
        prefix.put(nal);
    }
    prefix.put(&(sei as u16).to_be_bytes());
    prefix.len += headers::write_sei_prefix(user, &mut prefix.bytes[prefix.len..]);
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

#[cfg(test)]
mod tests;
