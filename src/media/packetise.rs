//! A picture of a given size, cut into the payloads of its RTP packets, one spatial layer after the other.
//!
//! All packets of a frame are equally long but for the last one, so that a kernel can segment them (UDP GSO). The first
//! packet carries the stamp: behind the frame header of VP8, VP9 or AV1, or behind the H.264 slice header, where an SFU never
//! looks. Each spatial layer has a stamp of its own, so that what is left of a picture can be checked. A reader searches
//! any packet that it opens.

mod av1;
mod h264;
mod vp8;
mod vp9;

use super::payload::{END_EVERY, MAX_PAYLOAD, MAX_PREFIX, PERIOD, Payload};
use super::scalability::Unit;
use super::source::VideoSource;
use super::stamp::{STAMP_LEN, Stamp};
use crate::conference::Codec;
use av1::Av1;
use h264::H264;
use vp8::Vp8;
use vp9::Vp9;

/// From one frame's filler to the next one's: 37 and the 128 possible beginnings have no common divisor, so 128 frames
/// in a row begin differently.
const FILLER_STEP: usize = END_EVERY * 37;
/// From one spatial layer's filler to the next one's of the same picture.
const LAYER_STEP: usize = END_EVERY * 11;

/// Cuts the pictures of one stream.
pub(super) enum Packetiser {
    /// RFC 7741.
    Vp8(Vp8),
    /// RFC 9628.
    Vp9(Box<Vp9>),
    /// RFC 6184.
    H264(Box<H264>),
    /// RTP Payload Format for AV1.
    Av1(Box<Av1>),
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

    /// What `write` writes to the front of the free bytes; it says how many.
    fn put_with(&mut self, write: impl FnOnce(&mut [u8]) -> usize) {
        self.len += write(&mut self.bytes[self.len..]);
    }

    fn reserve_stamp(&mut self) {
        self.len += STAMP_LEN;
        self.stamped = true;
    }
}

/// Which packet of a frame it is.
struct Cut {
    /// Its index.
    index: usize,
    /// Bytes of payload in each packet but the last.
    length: usize,
    /// Whether nothing comes after it.
    last: bool,
    /// Bytes of the whole frame.
    bytes: usize,
}

impl Packetiser {
    /// For the pictures of a source. `luck` decides where picture id and TL0PICIDX begin, so that they wrap in any run.
    pub(super) fn new(codec: Codec, source: &VideoSource, luck: u64) -> Self {
        match codec {
            Codec::H264 => Self::H264(Box::new(H264::new(source))),
            Codec::Av1 => Self::Av1(Box::new(Av1::new(source))),
            Codec::Vp9 => Self::Vp9(Box::new(Vp9::new(source, luck))),
            Codec::Vp8 | Codec::Opus => Self::Vp8(Vp8::new(source, luck)),
        }
    }

    /// Cuts a frame of about `bytes` bytes of payload (never fewer than its headers need), adds it to `packets`, and stamps
    /// it. `reserved` bytes of its packets are kept free for what the RTP header has besides. Says how many bytes it took.
    pub(super) fn cut(
        &mut self,
        unit: &Unit,
        bytes: usize,
        stamp: Stamp,
        reserved: usize,
        packets: &mut Vec<Payload>,
    ) -> usize {
        let first = packets.len();
        let fewest = self.fewest(unit);
        let length = self.packet_length(unit, bytes, fewest, MAX_PAYLOAD - reserved);
        let mut filler_at = self.filler_start(unit, length, stamp.frame);
        let mut crc = crc32fast::Hasher::new();
        let (mut left, mut taken) = (bytes, 0);
        while packets.len() < first + fewest || left > 0 {
            let cut = Cut { index: packets.len() - first, length, last: left <= length, bytes };
            let prefix = self.prefix(unit, &cut);
            let take = length.min(left).max(prefix.len + 1);
            let payload = Payload::new(&prefix.bytes[..prefix.len], filler_at, take - prefix.len);
            debug_assert_eq!(prefix.stamped, cut.index == 0);
            crc.update(payload.filler());
            packets.push(payload);
            filler_at += take - prefix.len;
            taken += take;
            left = left.saturating_sub(take);
        }
        packets[first].stamp(&Stamp { frame_bytes: taken as u32, payload_crc: crc.finalize(), ..stamp });
        self.count(unit);
        taken
    }

    /// The fewest packets of a frame: an H.264 keyframe has its parameter sets apart.
    fn fewest(&self, unit: &Unit) -> usize {
        if unit.keyframe && matches!(self, Self::H264(_)) { 2 } else { 1 }
    }

    /// Bytes of payload in each packet but the last.
    fn packet_length(&self, unit: &Unit, bytes: usize, fewest: usize, most: usize) -> usize {
        let packets = bytes.div_ceil(most).max(fewest);
        let length = bytes.div_ceil(packets);
        match self {
            Self::H264(h264) if unit.keyframe => h264.keyframe_length(length),
            _ => length,
        }
    }

    /// Where a frame's filler begins: anywhere, but so that the SEI of an H.264 keyframe ends in its trailing bits.
    fn filler_start(&self, unit: &Unit, length: usize, frame: u32) -> usize {
        let at = frame as usize % PERIOD * FILLER_STEP + usize::from(unit.spatial) * LAYER_STEP;
        match self {
            Self::H264(h264) if unit.keyframe => at + h264.sei_offset(length),
            _ => at,
        }
    }

    fn prefix(&self, unit: &Unit, cut: &Cut) -> Prefix {
        let mut prefix = Prefix::new();
        match self {
            Self::Vp8(vp8) => vp8.prefix(unit, cut, &mut prefix),
            Self::Vp9(vp9) => vp9.prefix(unit, cut, &mut prefix),
            Self::H264(h264) => h264.prefix(unit, cut, &mut prefix),
            Self::Av1(av1) => av1.prefix(unit, cut, &mut prefix),
        }
        prefix
    }

    /// The frame is cut: moves on to the next one.
    fn count(&mut self, unit: &Unit) {
        match self {
            Self::Vp8(vp8) => vp8.count(unit),
            Self::Vp9(vp9) => vp9.count(unit),
            Self::H264(h264) => h264.count(unit),
            // Its numbers are those of the dependency descriptor.
            Self::Av1(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
