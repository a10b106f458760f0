//! VP9: a descriptor in each packet, a scalability structure in keyframes (RFC 9628).

use super::{Cut, Prefix};
use crate::media::scalability::{Scalability, Unit};
use crate::media::source::VideoSource;
use crate::rtp::vp8::PictureId;
use crate::rtp::vp9::{Descriptor, Differences, FrameHeader, GroupPicture, LayerIndices, MAX_SPATIAL, Structure};

/// The numbers of a VP9 stream.
pub(in super::super) struct Vp9 {
    scalability: Scalability,
    flexible: bool,
    structure: Structure,
    picture_id: u16,
    /// Of the newest picture of the base layer that was cut.
    tl0_picture_index: u8,
}

impl Vp9 {
    pub(super) fn new(source: &VideoSource, luck: u64) -> Self {
        let mode = source.scalability;
        let mut sizes = [(0, 0); MAX_SPATIAL];
        for layer in 0..mode.spatial {
            let side = |full: u32| mode.scaled(layer, full) as u16;
            sizes[usize::from(layer)] = (side(source.width), side(source.height));
        }
        let picture = |(temporal, distance): (u8, u8)| GroupPicture {
            temporal,
            switching_up: mode.temporal > 1,
            references: Differences::new(&[distance]),
        };
        let group = if source.flexible { Vec::new() } else { mode.pattern().map(picture).collect() };
        Self {
            scalability: mode,
            flexible: source.flexible,
            structure: Structure { spatial_layers: mode.spatial, sizes: Some(sizes), group },
            picture_id: luck as u16 & 0x7FFF,
            tl0_picture_index: ((luck >> 16) as u8).wrapping_sub(1),
        }
    }

    pub(super) fn prefix(&self, unit: &Unit, cut: &Cut, prefix: &mut Prefix) {
        let first = cut.index == 0;
        let distance = unit.distance.filter(|_| self.flexible);
        let descriptor = Descriptor {
            picture_id: Some(PictureId::Long(self.picture_id)),
            inter_picture: !unit.keyframe,
            flexible: self.flexible,
            starts_frame: first,
            ends_frame: cut.last,
            not_for_upper: self.scalability.spatial > 1 && !unit.for_upper,
            layer: Some(LayerIndices {
                temporal: unit.temporal,
                // No picture of the pattern refers past one of its own or a lower layer to a higher one.
                switching_up: self.scalability.temporal > 1,
                spatial: unit.spatial,
                inter_layer: unit.inter_layer,
            }),
            tl0_picture_index: Some(self.tl0_picture_index.wrapping_add(u8::from(unit.temporal == 0))),
            references: distance.map_or_else(Differences::default, |distance| Differences::new(&[distance])),
            structure: (unit.keyframe && unit.spatial == 0 && first).then(|| Box::new(self.structure.clone())),
            len: 0,
        };
        prefix.put_with(|out| descriptor.write(out));
        if first {
            // Only the lowest layer of a keyframe refers to nothing at all.
            let keyframe = unit.keyframe && unit.spatial == 0;
            let size = keyframe.then_some(self.structure.sizes.map_or((1, 1), |sizes| sizes[0]));
            prefix.put_with(|out| FrameHeader { keyframe, shown: true, size }.write(out));
            prefix.reserve_stamp();
        }
    }

    pub(super) const fn count(&mut self, unit: &Unit) {
        if unit.top {
            self.picture_id = (self.picture_id + 1) & 0x7FFF;
            self.tl0_picture_index = self.tl0_picture_index.wrapping_add((unit.temporal == 0) as u8);
        }
    }
}
