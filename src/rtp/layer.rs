//! Which layer a packet belongs to, whatever its codec: what whoever forwards layers must read out of a packet.
//!
//! Read from the payload descriptor of VP8 (RFC 7741) and VP9 (RFC 9628), from `nal_ref_idc` of H.264 (RFC 6184 §5.3),
//! from the OBU header of AV1, or from the dependency descriptor in the RTP header, which says it for every codec.
//! A *picture* is what shares one RTP time; a *frame* is one spatial layer of it. Nothing here keeps state.

use super::extension::dependency_descriptor::{Frame, Indication};
use super::{av1, h264, vp8, vp9};

/// The place of a packet's frame among the layers of its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Layer {
    /// Spatial layer, 0 the lowest.
    pub spatial: u8,
    /// Temporal layer, 0 the base. H.264 alone knows two: 1 is what no other picture refers to.
    pub temporal: u8,
    /// The packet belongs to a picture that refers to no earlier one. VP9 and the dependency descriptor say so in
    /// every packet of it, the others in its first.
    pub keyframe: bool,
    /// A receiver of lower temporal layers can begin this frame's temporal layer with this very frame: it refers to the
    /// base layer only (Y of VP8, a switch indication of the dependency descriptor); true of every base frame.
    pub begins_here: bool,
    /// A receiver of lower spatial layers can begin this frame's spatial layer with this very frame: it refers to nothing
    /// but lower layers of its own picture (not P of VP9, with the dependency descriptor a switch indication besides).
    pub opens_spatial: bool,
    /// A receiver that gets this frame can get any higher temporal layer from the next picture on (U of VP9).
    pub opens_above: bool,
    /// A higher spatial layer refers to this frame: it is needed although a higher one is shown (not Z of VP9).
    pub needed_above: bool,
    /// The frame begins with this packet, as far as the packet itself can tell.
    pub starts_frame: bool,
    /// The frame ends with this packet.
    pub ends_frame: bool,
    /// The picture ends with this packet: the marker bit as it was sent. Whoever takes the highest spatial layer away
    /// sets the marker where the highest one left has `ends_frame`.
    pub ends_picture: bool,
}

impl Layer {
    /// Of a VP8 payload; `None` when it has no descriptor.
    #[must_use]
    pub fn of_vp8(payload: &[u8], marker: bool) -> Option<Self> {
        let packet = vp8::parse(payload)?;
        let (temporal, sync) = packet.descriptor.temporal.unwrap_or_default();
        Some(Self {
            spatial: 0,
            temporal,
            keyframe: packet.starts_keyframe(),
            begins_here: temporal == 0 || sync,
            opens_spatial: packet.starts_keyframe(),
            opens_above: false,
            needed_above: false,
            starts_frame: packet.starts_frame(),
            ends_frame: marker,
            ends_picture: marker,
        })
    }

    /// Of a VP9 payload; `None` when it has no descriptor.
    #[must_use]
    pub fn of_vp9(payload: &[u8], marker: bool) -> Option<Self> {
        Some(Self::of_vp9_descriptor(&vp9::Descriptor::parse(payload)?, marker))
    }

    /// Of a VP9 payload whose descriptor was read.
    #[must_use]
    pub fn of_vp9_descriptor(descriptor: &vp9::Descriptor, marker: bool) -> Self {
        Self {
            spatial: descriptor.spatial(),
            temporal: descriptor.temporal(),
            keyframe: !descriptor.inter_picture,
            begins_here: descriptor.temporal() == 0,
            opens_spatial: !descriptor.inter_picture && descriptor.temporal() == 0,
            opens_above: descriptor.layer.is_some_and(|layer| layer.switching_up),
            needed_above: !descriptor.not_for_upper,
            starts_frame: descriptor.starts_frame,
            ends_frame: descriptor.ends_frame,
            ends_picture: marker,
        }
    }

    /// Of an H.264 payload in packetization-mode 1; `None` when it is none. A picture to which none refers
    /// (`nal_ref_idc` 0) is of temporal layer 1, and needs no other of that layer.
    #[must_use]
    pub fn of_h264(payload: &[u8], marker: bool) -> Option<Self> {
        let (starts_frame, header) = match h264::parse(payload)? {
            h264::Packet::Single(nal) => (true, *nal.first()?),
            h264::Packet::Aggregate(mut nals) => (true, *nals.next()?.first()?),
            h264::Packet::Fragment(fragment) => (fragment.starts, fragment.nal_header),
        };
        // Parameter sets and SEI have no layer of their own; SEI has a nal_ref_idc of 0 and goes with what it describes.
        let discardable = h264::nal_type(header) <= h264::IDR && header & 0x60 == 0;
        Some(Self {
            spatial: 0,
            temporal: u8::from(discardable),
            keyframe: h264::starts_keyframe(payload),
            begins_here: true,
            opens_spatial: h264::starts_keyframe(payload),
            opens_above: true,
            needed_above: false,
            starts_frame,
            ends_frame: marker,
            ends_picture: marker,
        })
    }

    /// Of an AV1 payload, by the header of its first OBU; `None` when it is none. A packet that only goes on with an OBU
    /// says nothing of its layer: it is that of the packet before it. Layers of AV1 are told in whole by the descriptor.
    #[must_use]
    pub fn of_av1(payload: &[u8], marker: bool) -> Option<Self> {
        let packet = av1::parse(payload)?;
        let obus = packet.pieces().skip(usize::from(packet.continues)).filter_map(av1::Obu::parse);
        let (temporal, spatial) = obus.filter_map(|obu| obu.layer).last().unwrap_or_default();
        Some(Self {
            spatial,
            temporal,
            keyframe: packet.new_sequence,
            begins_here: temporal == 0,
            opens_spatial: packet.new_sequence,
            opens_above: false,
            needed_above: true,
            starts_frame: packet.starts_frame(),
            ends_frame: !packet.continued,
            ends_picture: marker,
        })
    }

    /// Of a packet with a dependency descriptor, whatever its codec.
    #[must_use]
    pub fn of_descriptor(frame: &Frame<'_>, marker: bool) -> Self {
        let (spatial, temporal) = (frame.spatial, frame.temporal);
        let keyframe = !frame.differences.iter().any(|difference| *difference > u16::from(spatial));
        let begins_here = frame.indication(spatial, temporal) == Some(Indication::Switch);
        Self {
            spatial,
            temporal,
            keyframe,
            begins_here,
            opens_spatial: keyframe && begins_here,
            opens_above: frame.opens_temporal(),
            needed_above: frame.is_needed_above(),
            starts_frame: frame.starts,
            ends_frame: frame.ends,
            ends_picture: marker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vp8_layers_are_read_from_tid_and_y() {
        // X, S; I, L and T; picture id 5, TL0PICIDX 3, TID 1 with Y; a delta frame.
        let layer = Layer::of_vp8(&[0x90, 0xE0, 0x80, 5, 3, 0x60, 0x11, 0, 0], true).unwrap();
        assert_eq!((layer.temporal, layer.begins_here, layer.keyframe), (1, true, false));
        assert!(layer.starts_frame && layer.ends_picture);
        let layer = Layer::of_vp8(&[0x80, 0xE0, 0x80, 5, 3, 0x80], false).unwrap();
        assert_eq!((layer.temporal, layer.begins_here, layer.starts_frame), (2, false, false));
    }

    #[test]
    fn vp9_layers_are_read_from_the_layer_indices() {
        let layer = Layer::of_vp9(&[0b1010_1101, 9, 0b0011_0101, 0], false).unwrap();
        assert_eq!((layer.spatial, layer.temporal, layer.keyframe), (2, 1, true));
        assert!(layer.opens_above && !layer.begins_here && !layer.needed_above && layer.ends_frame);
        assert!(!layer.ends_picture);
        assert_eq!(Layer::of_vp9(&[0x80], false), None);
    }

    #[test]
    fn h264_pictures_that_none_refers_to_are_the_upper_layer() {
        assert_eq!(Layer::of_h264(&[0x41, 0x9A], true).unwrap().temporal, 0);
        assert_eq!(Layer::of_h264(&[0x01, 0x9A], true).unwrap().temporal, 1);
        let fragment = Layer::of_h264(&[0x1C, 0x01, 7], false).unwrap();
        assert_eq!((fragment.temporal, fragment.starts_frame), (1, false));
        let key = Layer::of_h264(&[0x65, 0x88], false).unwrap();
        assert!(key.keyframe && key.temporal == 0);
        assert_eq!(Layer::of_h264(&[0x06, 5], false).unwrap().temporal, 0, "an SEI");
    }

    #[test]
    fn av1_layers_are_read_from_the_obu_header() {
        // A sequence header without a layer, then a frame of temporal layer 2 and spatial layer 1.
        let layer = Layer::of_av1(&[0x28, 2, 0x08, 0, 0x34, 0b0100_1000, 7], true).unwrap();
        assert_eq!((layer.spatial, layer.temporal, layer.keyframe, layer.starts_frame), (1, 2, true, true));
        let layer = Layer::of_av1(&[0xD0, 9, 9], false).unwrap();
        assert_eq!((layer.temporal, layer.starts_frame, layer.ends_frame), (0, false, false));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail(bytes in prop::collection::vec(any::<u8>(), 0..60), marker: bool) {
            let _ = (Layer::of_vp8(&bytes, marker), Layer::of_vp9(&bytes, marker));
            let _ = (Layer::of_h264(&bytes, marker), Layer::of_av1(&bytes, marker));
        }
    }
}
