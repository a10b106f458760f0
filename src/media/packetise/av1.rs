//! AV1: one frame OBU a frame, cut into pieces; a sequence header before it in keyframes (AV1 RTP payload format §4).

use super::{Cut, Prefix};
use crate::media::scalability::{Scalability, Unit};
use crate::media::source::VideoSource;
use crate::rtp::av1::{self, Obu};

/// The sequence header of an AV1 stream.
pub(in super::super) struct Av1 {
    scalability: Scalability,
    sequence_header: [u8; av1::MAX_SEQUENCE_HEADER_LEN],
    header_len: usize,
}

impl Av1 {
    pub(super) fn new(source: &VideoSource) -> Self {
        let scalability = source.scalability;
        let point = if is_layered(scalability) {
            ((1 << scalability.spatial) - 1) << 8 | ((1 << scalability.temporal) - 1)
        } else {
            0
        };
        let mut sequence_header = [0; av1::MAX_SEQUENCE_HEADER_LEN];
        let header_len = av1::write_sequence_header(source.width, source.height, point, &mut sequence_header);
        Self { scalability, sequence_header, header_len }
    }

    pub(super) fn prefix(&self, unit: &Unit, cut: &Cut, prefix: &mut Prefix) {
        let first = cut.index == 0;
        let new_sequence = first && unit.keyframe && unit.spatial == 0;
        let pieces = if new_sequence { 2 } else { 1 };
        prefix.put(&[av1::aggregation_header(!first, !cut.last, pieces, new_sequence)]);
        if !first {
            return;
        }
        if new_sequence {
            let obu = Obu { kind: av1::SEQUENCE_HEADER, ..Obu::default() };
            prefix.put_with(|out| av1::write_leb128((obu.header_len() + self.header_len) as u64, out));
            prefix.put_with(|out| obu.write(out));
            prefix.put(&self.sequence_header[..self.header_len]);
        }
        let layer = is_layered(self.scalability).then_some((unit.temporal, unit.spatial));
        prefix.put_with(|out| Obu { kind: av1::FRAME, layer, sized: false }.write(out));
        // Only the lowest layer of a keyframe refers to nothing at all.
        prefix.put(&[av1::frame_header(unit.keyframe && unit.spatial == 0)]);
        prefix.reserve_stamp();
    }
}

fn is_layered(mode: Scalability) -> bool {
    mode != Scalability::NONE
}
