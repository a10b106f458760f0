//! The AV1 payload format (RTP Payload Format for AV1, version 1.0, §4): the aggregation header and the OBUs behind it.
//!
//! Reads what a packet holds, piece by piece, and of its OBUs the header (AV1 bitstream §5.3) that names type and layer.
//! Writes what a sender needs: aggregation header, LEB128 sizes, OBU headers, a sequence header that real parsers accept,
//! and the first byte of a frame header. It decodes nothing.

mod headers;
mod stream;

pub use headers::{FRAME_HEADER_LEN, MAX_SEQUENCE_HEADER_LEN, frame_header, write_sequence_header};
pub use stream::{FrameStart, SequenceHeader, Split, obus};

/// OBU type of a sequence header.
pub const SEQUENCE_HEADER: u8 = 1;
/// OBU type of a temporal delimiter, which is not sent (§5).
pub const TEMPORAL_DELIMITER: u8 = 2;
/// OBU type of a frame header alone.
pub const FRAME_HEADER: u8 = 3;
/// OBU type of a group of tiles, behind a frame header of its own.
pub const TILE_GROUP: u8 = 4;
/// OBU type of a frame: its header and its tiles.
pub const FRAME: u8 = 6;
/// OBU type of a frame header that is there already.
pub const REDUNDANT_FRAME_HEADER: u8 = 7;
/// OBU type of a list of tiles, which is not sent (§5).
pub const TILE_LIST: u8 = 8;
/// The most bytes of a number in LEB128 (AV1 bitstream §4.10.5).
const MAX_LEB128: usize = 8;

/// What a packet's payload says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// Its first piece goes on with an OBU of the packet before it (Z).
    pub continues: bool,
    /// Its last piece goes on in the next packet (Y).
    pub continued: bool,
    /// A coded video sequence begins with it (N).
    pub new_sequence: bool,
    /// How many pieces it has, where that is said (W); 0: each piece has a size.
    count: u8,
    pieces: &'a [u8],
}

/// The beginning of an OBU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Obu {
    /// Its type, 0..=15.
    pub kind: u8,
    /// Temporal and spatial layer, where the header has its extension.
    pub layer: Option<(u8, u8)>,
    /// A size in LEB128 follows the header.
    pub sized: bool,
}

/// Reads a payload; `None` when it is empty or contradicts itself: a sequence that begins in the middle of an OBU.
#[must_use]
pub fn parse(payload: &[u8]) -> Option<Packet<'_>> {
    let (first, pieces) = payload.split_first()?;
    let packet = Packet {
        continues: first & 0x80 != 0,
        continued: first & 0x40 != 0,
        new_sequence: first & 0x08 != 0,
        count: first >> 4 & 0x03,
        pieces,
    };
    (!(packet.continues && packet.new_sequence)).then_some(packet)
}

impl<'a> Packet<'a> {
    /// Its pieces of OBUs, in order. Iteration ends at the first one that is cut off.
    #[must_use]
    pub const fn pieces(&self) -> Pieces<'a> {
        Pieces { rest: self.pieces, left: self.count, counted: self.count > 0 }
    }

    /// The header of the first OBU that begins in it.
    #[must_use]
    pub fn first_obu(&self) -> Option<Obu> {
        self.pieces().nth(usize::from(self.continues)).and_then(Obu::parse)
    }

    /// Whether a frame begins in it: an OBU that is no mere piece of tiles.
    #[must_use]
    pub fn starts_frame(&self) -> bool {
        let begins = |kind: u8| matches!(kind, SEQUENCE_HEADER | FRAME_HEADER | FRAME);
        !self.continues && self.first_obu().is_some_and(|obu| begins(obu.kind))
    }
}

/// The pieces of a packet.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    left: u8,
    counted: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() || self.counted && self.left == 0 {
            return None;
        }
        // The last of a known number of pieces takes what is left.
        if self.counted && self.left == 1 {
            self.left = 0;
            return Some(std::mem::take(&mut self.rest));
        }
        self.left = self.left.saturating_sub(1);
        let sized = read_leb128(self.rest).and_then(|(size, len)| {
            let size = usize::try_from(size).ok()?;
            self.rest.get(len..)?.split_at_checked(size)
        });
        let Some((piece, rest)) = sized else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(piece)
    }
}

impl Obu {
    /// Reads an OBU's header; `None` when it is cut off or its forbidden bit is set.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        if first & 0x80 != 0 {
            return None;
        }
        let layer = if first & 0x04 != 0 {
            let extension = *bytes.get(1)?;
            Some((extension >> 5, extension >> 3 & 0x03))
        } else {
            None
        };
        Some(Self { kind: first >> 3 & 0x0F, layer, sized: first & 0x02 != 0 })
    }

    /// Bytes of the header, its size not included.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        1 + self.layer.is_some() as usize
    }

    /// Writes the header to the front of `out` and says how many bytes it takes.
    ///
    /// # Panics
    /// When `out` is too short.
    pub fn write(&self, out: &mut [u8]) -> usize {
        out[0] = (self.kind & 0x0F) << 3 | u8::from(self.layer.is_some()) << 2 | u8::from(self.sized) << 1;
        if let Some((temporal, spatial)) = self.layer {
            out[1] = temporal << 5 | (spatial & 0x03) << 3;
        }
        self.header_len()
    }
}

/// Whether a coded video sequence, so a keyframe, begins with this packet.
#[must_use]
pub fn starts_keyframe(payload: &[u8]) -> bool {
    parse(payload).is_some_and(|packet| packet.new_sequence)
}

/// The aggregation header of a packet of `pieces` pieces, 1..=3, of which the last has no size.
#[must_use]
pub const fn aggregation_header(continues: bool, continued: bool, pieces: u8, new_sequence: bool) -> u8 {
    (continues as u8) << 7 | (continued as u8) << 6 | (pieces & 0x03) << 4 | (new_sequence as u8) << 3
}

/// A number in LEB128 and the bytes that it takes; `None` when it is cut off or longer than eight bytes.
#[must_use]
pub fn read_leb128(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(MAX_LEB128).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// Writes a number below 2^56 in LEB128 to the front of `out` and says how many bytes it takes.
///
/// # Panics
/// When `out` is too short or the number too large.
pub fn write_leb128(mut value: u64, out: &mut [u8]) -> usize {
    for (index, byte) in out.iter_mut().take(MAX_LEB128).enumerate() {
        *byte = value as u8 & 0x7F;
        value >>= 7;
        if value == 0 {
            return index + 1;
        }
        *byte |= 0x80;
    }
    panic!("a number of more than 56 bits, or no room for it");
}

#[cfg(test)]
mod tests;
