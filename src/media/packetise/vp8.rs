//! VP8: one partition a picture, a descriptor in each packet (RFC 7741).

use super::{Cut, Prefix};
use crate::media::scalability::Unit;
use crate::media::source::VideoSource;
use crate::rtp::vp8;

/// The numbers of a VP8 stream.
pub(in super::super) struct Vp8 {
    size: (u16, u16),
    temporal_layers: u8,
    picture_id: u16,
    /// Of the newest picture of the base layer that was cut.
    tl0_picture_index: u8,
    key_index: u8,
}

impl Vp8 {
    pub(super) fn new(source: &VideoSource, luck: u64) -> Self {
        Self {
            size: (source.width as u16, source.height as u16),
            temporal_layers: source.scalability.temporal,
            picture_id: luck as u16 & 0x7FFF,
            tl0_picture_index: ((luck >> 16) as u8).wrapping_sub(1),
            key_index: (luck >> 24) as u8 & 0x1F,
        }
    }

    pub(super) fn prefix(&self, unit: &Unit, cut: &Cut, prefix: &mut Prefix) {
        let place = vp8::Place {
            picture_id: self.picture_id,
            tl0_picture_index: self.tl0_picture_index.wrapping_add(u8::from(unit.temporal == 0)),
            temporal: unit.temporal,
            // The second picture of layer 2 refers to layer 1.
            sync: unit.temporal > 0 && unit.refers_to_base,
            non_reference: unit.temporal > 0 && unit.temporal + 1 == self.temporal_layers,
            key_index: self.key_index.wrapping_add(u8::from(unit.keyframe)),
        };
        vp8::write_descriptor(&mut prefix.bytes, cut.index == 0, &place);
        prefix.len = vp8::DESCRIPTOR_LEN;
        if cut.index == 0 {
            let header = vp8::FrameHeader {
                keyframe: unit.keyframe,
                shown: true,
                first_partition: (cut.bytes / 2).min(0x7_FFFF) as u32,
                size: unit.keyframe.then_some(self.size),
            };
            prefix.put_with(|out| header.write(out));
            prefix.reserve_stamp();
        }
    }

    pub(super) const fn count(&mut self, unit: &Unit) {
        self.picture_id = (self.picture_id + 1) & 0x7FFF;
        self.tl0_picture_index = self.tl0_picture_index.wrapping_add((unit.temporal == 0) as u8);
        self.key_index = self.key_index.wrapping_add(unit.keyframe as u8) & 0x1F;
    }
}
