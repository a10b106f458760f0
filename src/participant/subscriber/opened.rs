//! What an opened payload of each codec, and the dependency descriptor of any, says of its frame.

use crate::conference::Codec;
use crate::media::Stamp;
use crate::qos::frames::{Opened, Timing};
use crate::qos::references::Place;
use crate::qos::units::Unit;
use crate::rtp::extension::dependency_descriptor;
use crate::rtp::vp8::PictureId;
use crate::rtp::vp9::{Descriptor, Differences};
use crate::rtp::{av1, h264, vp8, vp9};

/// Bits of a frame number in the dependency descriptor.
const FRAME_NUMBER_BITS: u32 = 16;
/// Spatial layers that a VP9 picture id has room for in the number of a unit.
const LAYERS: u32 = 8;

/// Reads the payloads of one video stream; it remembers what VP9 says once for many pictures.
#[derive(Clone, Debug)]
pub struct Reader {
    codec: Codec,
    /// What the pictures of a group refer to, and the picture id of the first.
    group: Vec<Differences>,
    group_start: u16,
    /// A keyframe was read: whether there are spatial layers is known.
    settled: bool,
    spatial: bool,
    temporal: bool,
    /// Of streams that carry dependency descriptors.
    described: Option<Box<dependency_descriptor::Reader>>,
    /// The last descriptor was malformed.
    malformed: bool,
}

impl Reader {
    pub const fn new(codec: Codec) -> Self {
        Self {
            codec,
            group: Vec::new(),
            group_start: 0,
            settled: false,
            spatial: false,
            temporal: false,
            described: None,
            malformed: false,
        }
    }

    /// Whether the last descriptor that was read was malformed.
    pub const fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// Whether frames may begin at packets that nothing in the RTP header tells apart.
    pub const fn opens_all(&self) -> bool {
        matches!(self.codec, Codec::Vp9 | Codec::Av1) && (self.spatial || !self.settled)
    }

    /// What a video payload says. The stamp's own verdict is `qos::integrity`'s; only a right one comes here.
    pub fn read(&mut self, payload: &[u8], descriptor: Option<&[u8]>, stamp: Option<&Stamp>) -> Opened {
        let timing = stamp.map(|stamp| Timing {
            due: stamp.due,
            left: stamp.left,
            bytes: stamp.frame_bytes,
            layer: stamp.layer,
        });
        let opened = match self.codec {
            Codec::Vp8 => vp8(payload),
            Codec::H264 => h264(payload),
            Codec::Vp9 => self.vp9(payload),
            Codec::Av1 => self.av1(payload, stamp.is_some()),
            Codec::Opus => Opened::default(),
        };
        // Only the first packet of a frame carries a stamp; what frames with layers say of themselves is more exact.
        let stamped = stamp.is_some() && !matches!(self.codec, Codec::Vp9 | Codec::Av1);
        let opened = Opened { starts: opened.starts || stamped, timing, ..opened };
        self.malformed = false;
        descriptor.map_or(opened, |value| self.described(opened, value))
    }

    /// What the dependency descriptor says goes before what the payload does.
    fn described(&mut self, opened: Opened, value: &[u8]) -> Opened {
        let reader = self.described.get_or_insert_default();
        let Some(frame) = reader.read(value) else {
            self.malformed = reader.is_malformed(value);
            return opened;
        };
        self.spatial |= frame.structure.max_spatial() > 0;
        if !frame.starts {
            return Opened { starts: false, unit: None, ..opened };
        }
        let mut unit = Unit::new(u32::from(frame.number), FRAME_NUMBER_BITS, frame.temporal == 0);
        frame.differences.iter().for_each(|difference| unit.refer(*difference));
        Opened {
            starts: frame.spatial == 0,
            keyframe: opened.keyframe || frame.is_key() && frame.structured,
            unit: Some(unit),
            ..opened
        }
    }

    /// Without a descriptor each picture needs the one before it; of several layers the lowest begins it.
    fn av1(&mut self, payload: &[u8], stamped: bool) -> Opened {
        let Some(packet) = av1::parse(payload) else { return Opened::default() };
        let last = packet.pieces().skip(usize::from(packet.continues)).filter_map(av1::Obu::parse).last();
        let spatial = last.and_then(|obu| obu.layer).map_or(0, |(_, spatial)| spatial);
        self.spatial |= spatial > 0;
        self.settled |= packet.new_sequence;
        Opened {
            starts: (packet.starts_frame() || stamped) && spatial == 0,
            keyframe: packet.new_sequence,
            ..Opened::default()
        }
    }

    fn vp9(&mut self, payload: &[u8]) -> Opened {
        let Some(packet) = vp9::parse(payload) else { return Opened::default() };
        let keyframe = packet.starts_keyframe();
        let descriptor = packet.descriptor;
        let id = descriptor.picture_id.map(width);
        self.settled |= keyframe;
        self.spatial |= descriptor.spatial() > 0;
        // Who gets the base layer alone sees it in that alone.
        self.temporal |= descriptor.layer.is_some_and(|layer| layer.temporal > 0 || layer.switching_up);
        if let Some(structure) = &descriptor.structure {
            self.spatial = structure.spatial_layers > 1;
            self.group = structure.group.iter().map(|picture| picture.references).collect();
            self.temporal |= structure.group.iter().any(|picture| picture.temporal > 0);
            self.group_start = id.map_or(0, |(id, _)| id);
        }
        if !descriptor.starts_frame {
            return Opened::default();
        }
        let layer = descriptor.layer.unwrap_or_default();
        Opened {
            // A higher layer may be the first that comes; what stands before it in the stream tells.
            starts: layer.spatial == 0,
            keyframe,
            place: Place {
                // Who takes temporal layers away leaves the others their ids: references are counted in them.
                picture_id: id.filter(|_| !self.temporal),
                tl0: descriptor.tl0_picture_index,
                layer: descriptor.layer.map(|layer| (layer.temporal, false)),
            },
            unit: self.unit(&descriptor),
            timing: None,
        }
    }

    /// What the frame refers to; `None` where neither it nor its group says so.
    fn unit(&self, descriptor: &Descriptor) -> Option<Unit> {
        let (id, bits) = descriptor.picture_id.map(width)?;
        let layer = descriptor.layer.unwrap_or_default();
        let number = u32::from(id) * LAYERS + u32::from(layer.spatial);
        let mut unit = Unit::new(number, bits + LAYERS.ilog2(), layer.temporal == 0);
        if layer.inter_layer {
            unit.refer(1);
        }
        if descriptor.inter_picture {
            let differences = if descriptor.flexible {
                descriptor.references
            } else {
                let since = usize::from(id.wrapping_sub(self.group_start) & ((1u32 << bits) - 1) as u16);
                *self.group.get(since.checked_rem(self.group.len())?)?
            };
            differences.as_slice().iter().for_each(|pictures| unit.refer(u16::from(*pictures) * LAYERS as u16));
        }
        Some(unit)
    }
}

/// A picture id with its width in bits.
const fn width(id: PictureId) -> (u16, u32) {
    match id {
        PictureId::Short(id) => (id as u16, 7),
        PictureId::Long(id) => (id, 15),
    }
}

fn vp8(payload: &[u8]) -> Opened {
    let Some(packet) = vp8::parse(payload) else { return Opened::default() };
    let descriptor = packet.descriptor;
    Opened {
        starts: packet.starts_frame(),
        keyframe: packet.starts_keyframe(),
        place: Place {
            picture_id: descriptor.picture_id.map(width),
            tl0: descriptor.tl0_picture_index,
            layer: descriptor.temporal,
        },
        unit: None,
        timing: None,
    }
}

/// A sequence parameter set begins an access unit; an IDR slice does not say whether something came before it.
fn h264(payload: &[u8]) -> Opened {
    let is_sps = |nal: &[u8]| nal.first().is_some_and(|header| h264::nal_type(*header) == h264::SPS);
    let starts = match h264::parse(payload) {
        Some(h264::Packet::Single(nal)) => is_sps(nal),
        Some(h264::Packet::Aggregate(mut nals)) => nals.any(is_sps),
        Some(h264::Packet::Fragment(_)) | None => false,
    };
    Opened { starts, keyframe: h264::starts_keyframe(payload), ..Opened::default() }
}
