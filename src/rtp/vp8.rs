//! The VP8 payload format (RFC 7741 §4.2) and the beginning of a VP8 frame (RFC 6386 §9.1).
//!
//! Reads the payload descriptor of any packet, and of a frame's first packet whether it is a keyframe and how large.
//! Writes the one descriptor that throng sends: 15-bit picture id, TL0PICIDX, TID, Y and KEYIDX. A server gives a frame other
//! numbers in place ([`renumber`]).
//! It decodes nothing: what follows the frame header is none of its business.

/// Bytes of the descriptor that [`write_descriptor`] writes.
pub const DESCRIPTOR_LEN: usize = 6;
/// Bytes of the frame header of a keyframe: frame tag, start code, dimensions.
pub const KEYFRAME_HEADER_LEN: usize = 10;
/// Bytes of the frame header (the frame tag) of every other frame.
pub const FRAME_HEADER_LEN: usize = 3;
/// The largest width and height that a keyframe can name, in pixels (14 bits).
pub const MAX_DIMENSION: u32 = 16_383;
const START_CODE: [u8; 3] = [0x9D, 0x01, 0x2A];

/// The payload descriptor of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Descriptor {
    /// Nobody refers to this frame (N).
    pub non_reference: bool,
    /// A partition begins with this packet (S).
    pub starts_partition: bool,
    /// Index of the partition, 0..=7 (PID).
    pub partition: u8,
    /// Picture id, of 7 or 15 bits.
    pub picture_id: Option<PictureId>,
    /// Temporal level zero index.
    pub tl0_picture_index: Option<u8>,
    /// Temporal layer and whether only the base layer is referred to (TID, Y).
    pub temporal: Option<(u8, bool)>,
    /// Temporal keyframe index, 0..=31.
    pub key_index: Option<u8>,
    /// Bytes of the descriptor; the VP8 payload follows.
    pub len: usize,
}

/// A picture id and how wide its sender keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PictureId {
    /// Wraps after 127.
    Short(u8),
    /// Wraps after 32,767.
    Long(u16),
}

impl PictureId {
    /// The number, whatever its width.
    #[must_use]
    pub const fn value(self) -> u16 {
        match self {
            Self::Short(id) => id as u16,
            Self::Long(id) => id,
        }
    }
}

/// What a packet's payload says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// The payload descriptor.
    pub descriptor: Descriptor,
    /// The frame's header, in the first packet of a frame that is long enough to hold it.
    pub header: Option<FrameHeader>,
}

impl Packet {
    /// Whether a frame begins with this packet.
    #[must_use]
    pub const fn starts_frame(&self) -> bool {
        self.descriptor.starts_partition && self.descriptor.partition == 0
    }

    /// Whether a keyframe begins with this packet.
    #[must_use]
    pub const fn starts_keyframe(&self) -> bool {
        matches!(self.header, Some(FrameHeader { keyframe: true, .. }))
    }
}

/// The beginning of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Whether the frame refers to no other.
    pub keyframe: bool,
    /// Whether it is to be shown.
    pub shown: bool,
    /// Bytes of the first partition, 19 bits.
    pub first_partition: u32,
    /// Width and height in pixels, of a keyframe whose start code is right.
    pub size: Option<(u16, u16)>,
}

/// Reads a payload; `None` when it is empty or ends inside its descriptor.
#[must_use]
pub fn parse(payload: &[u8]) -> Option<Packet> {
    let descriptor = Descriptor::parse(payload)?;
    let starts = descriptor.starts_partition && descriptor.partition == 0;
    let header = if starts { FrameHeader::parse(&payload[descriptor.len..]) } else { None };
    Some(Packet { descriptor, header })
}

impl Descriptor {
    /// Reads a descriptor; `None` when the payload ends inside it.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut bytes = payload.iter().copied();
        let first = bytes.next()?;
        let mut descriptor = Self {
            non_reference: first & 0x20 != 0,
            starts_partition: first & 0x10 != 0,
            partition: first & 0x07,
            ..Self::default()
        };
        let extended = if first & 0x80 != 0 { bytes.next()? } else { 0 };
        if extended & 0x80 != 0 {
            let high = bytes.next()?;
            descriptor.picture_id = Some(if high & 0x80 != 0 {
                PictureId::Long(u16::from(high & 0x7F) << 8 | u16::from(bytes.next()?))
            } else {
                PictureId::Short(high)
            });
        }
        if extended & 0x40 != 0 {
            descriptor.tl0_picture_index = Some(bytes.next()?);
        }
        if extended & 0x30 != 0 {
            let byte = bytes.next()?;
            descriptor.temporal = (extended & 0x20 != 0).then_some((byte >> 6, byte & 0x20 != 0));
            descriptor.key_index = (extended & 0x10 != 0).then_some(byte & 0x1F);
        }
        descriptor.len = payload.len() - bytes.len();
        Some(descriptor)
    }
}

impl FrameHeader {
    /// Reads the beginning of a frame; `None` when it is shorter than a frame tag.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let tag = u32::from_le_bytes([*frame.first()?, *frame.get(1)?, *frame.get(2)?, 0]);
        let keyframe = tag & 1 == 0;
        let size = match frame.get(3..KEYFRAME_HEADER_LEN) {
            Some(rest) if keyframe && rest.starts_with(&START_CODE) => {
                let dimension = |at: usize| u16::from_le_bytes([rest[at], rest[at + 1]]) & 0x3FFF;
                Some((dimension(3), dimension(5)))
            }
            _ => None,
        };
        Some(Self { keyframe, shown: tag & 0x10 != 0, first_partition: tag >> 5, size })
    }

    /// Bytes that the header takes in a frame.
    #[must_use]
    pub const fn len(keyframe: bool) -> usize {
        if keyframe { KEYFRAME_HEADER_LEN } else { FRAME_HEADER_LEN }
    }

    /// Writes the header to the front of `out` and says how many bytes it takes. Version 0, no scaling. A keyframe
    /// without a size is written as 0 × 0.
    ///
    /// # Panics
    /// When `out` is shorter than [`FrameHeader::len`].
    pub fn write(&self, out: &mut [u8]) -> usize {
        let tag = u32::from(!self.keyframe) | u32::from(self.shown) << 4 | (self.first_partition & 0x7_FFFF) << 5;
        out[..3].copy_from_slice(&tag.to_le_bytes()[..3]);
        if self.keyframe {
            let (width, height) = self.size.unwrap_or_default();
            out[3..6].copy_from_slice(&START_CODE);
            out[6..8].copy_from_slice(&(width & 0x3FFF).to_le_bytes());
            out[8..10].copy_from_slice(&(height & 0x3FFF).to_le_bytes());
        }
        Self::len(self.keyframe)
    }
}

/// Where a frame stands among others, as [`write_descriptor`] says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Picture id; the lower 15 bits count.
    pub picture_id: u16,
    /// Number of the newest frame of the base layer (TL0PICIDX).
    pub tl0_picture_index: u8,
    /// Temporal layer, 0..=3 (TID).
    pub temporal: u8,
    /// It refers to the base layer only (Y).
    pub sync: bool,
    /// Nobody refers to it (N).
    pub non_reference: bool,
    /// Number of the newest keyframe; the lower 5 bits count (KEYIDX).
    pub key_index: u8,
}

/// Writes the descriptor of a packet to the front of `out`: partition 0, `starts_frame` in its first packet, and every
/// field of its place.
///
/// # Panics
/// When `out` is shorter than [`DESCRIPTOR_LEN`].
pub fn write_descriptor(out: &mut [u8], starts_frame: bool, place: &Place) {
    let [high, low] = place.picture_id.to_be_bytes();
    let first = 0x80 | u8::from(place.non_reference) << 5 | u8::from(starts_frame) << 4;
    let layer = place.temporal << 6 | u8::from(place.sync) << 5 | place.key_index & 0x1F;
    out[..DESCRIPTOR_LEN].copy_from_slice(&[first, 0xF0, 0x80 | high, low, place.tl0_picture_index, layer]);
}

/// Writes another picture id and TL0PICIDX over those of a payload's descriptor, each where it has one and as wide as it
/// is there. Of a payload that ends inside its descriptor nothing is changed.
pub fn renumber(payload: &mut [u8], picture_id: u16, tl0_picture_index: u8) {
    let Some(descriptor) = Descriptor::parse(payload) else { return };
    let mut at = 2;
    match descriptor.picture_id {
        Some(PictureId::Long(_)) => {
            let [high, low] = picture_id.to_be_bytes();
            (payload[at], payload[at + 1]) = (0x80 | high, low);
            at += 2;
        }
        Some(PictureId::Short(_)) => {
            payload[at] = picture_id as u8 & 0x7F;
            at += 1;
        }
        None => {}
    }
    if descriptor.tl0_picture_index.is_some() {
        payload[at] = tl0_picture_index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_never_fail_and_never_overrun(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(packet) = parse(&bytes) {
                prop_assert!((1..=DESCRIPTOR_LEN).contains(&packet.descriptor.len));
                prop_assert!(packet.descriptor.len <= bytes.len());
            }
        }

        #[test]
        fn arbitrary_bytes_are_renumbered_in_place(bytes in proptest::collection::vec(any::<u8>(), 0..40), id: u16, tl0: u8) {
            let mut renumbered = bytes.clone();
            renumber(&mut renumbered, id, tl0);
            let (before, after) = (Descriptor::parse(&bytes), Descriptor::parse(&renumbered));
            prop_assert_eq!(before.map(|d| d.len), after.map(|d| d.len));
            if let (Some(before), Some(after)) = (before, after) {
                prop_assert_eq!(&bytes[before.len..], &renumbered[after.len..]);
                let expected = before.picture_id.map(|width| match width {
                    PictureId::Short(_) => PictureId::Short(id as u8 & 0x7F),
                    PictureId::Long(_) => PictureId::Long(id & 0x7FFF),
                });
                prop_assert_eq!(after.picture_id, expected);
                prop_assert_eq!(after.tl0_picture_index, before.tl0_picture_index.map(|_| tl0));
                prop_assert_eq!((before.temporal, before.key_index), (after.temporal, after.key_index));
            }
        }

        #[test]
        fn what_is_written_is_read(
            id in 0u16..0x8000, tl0: u8, starts: bool, keyframe: bool, width in 1u16..0x4000, part in 0u32..0x8_0000,
            layer in (0u8..4, any::<bool>(), any::<bool>(), 0u8..32),
        ) {
            let (temporal, sync, non_reference, key_index) = layer;
            let place = Place { picture_id: id, tl0_picture_index: tl0, temporal, sync, non_reference, key_index };
            let header = FrameHeader { keyframe, shown: true, first_partition: part, size: keyframe.then_some((width, 90)) };
            let mut bytes = [0; DESCRIPTOR_LEN + KEYFRAME_HEADER_LEN];
            write_descriptor(&mut bytes, starts, &place);
            let len = DESCRIPTOR_LEN + header.write(&mut bytes[DESCRIPTOR_LEN..]);
            let packet = parse(&bytes[..len]).unwrap();
            prop_assert_eq!(packet.descriptor.picture_id, Some(PictureId::Long(id)));
            prop_assert_eq!(packet.descriptor.tl0_picture_index, Some(tl0));
            prop_assert_eq!(packet.descriptor.temporal, Some((temporal, sync)));
            prop_assert_eq!(packet.descriptor.key_index, Some(key_index));
            prop_assert_eq!(packet.descriptor.non_reference, non_reference);
            prop_assert_eq!(packet.descriptor.len, DESCRIPTOR_LEN);
            prop_assert_eq!(packet.header, starts.then_some(header));
            prop_assert_eq!(packet.starts_keyframe(), starts && keyframe);
        }
    }

    #[test]
    fn descriptors_of_other_senders_are_read() {
        // No extension: one octet (RFC 7741 §4.2), then a delta frame's tag.
        let packet = parse(&[0x10, 0x11, 0x00, 0x00]).unwrap();
        assert_eq!((packet.descriptor.len, packet.descriptor.picture_id, packet.starts_frame()), (1, None, true));
        assert!(!packet.starts_keyframe());
        // 7-bit picture id, TL0PICIDX, TID 2 with Y, KEYIDX 5.
        let packet = parse(&[0xA3, 0xF0, 0x11, 0x22, 0xA5]).unwrap();
        let expected = Descriptor {
            non_reference: true,
            starts_partition: false,
            partition: 3,
            picture_id: Some(PictureId::Short(0x11)),
            tl0_picture_index: Some(0x22),
            temporal: Some((2, true)),
            key_index: Some(5),
            len: 5,
        };
        assert_eq!(packet.descriptor, expected);
        assert_eq!(parse(&[0x80, 0x80, 0x80]), None);
    }

    #[test]
    fn a_keyframe_without_its_start_code_has_no_size() {
        let mut frame = [0u8; 10];
        FrameHeader { keyframe: true, shown: true, first_partition: 7, size: Some((640, 360)) }.write(&mut frame);
        assert_eq!(FrameHeader::parse(&frame).unwrap().size, Some((640, 360)));
        frame[4] = 0;
        assert_eq!(FrameHeader::parse(&frame).unwrap().size, None);
        assert_eq!(FrameHeader::parse(&frame[..9]).unwrap().size, None);
    }
}
