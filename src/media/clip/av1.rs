//! An IVF of AV1, one RTP picture a temporal unit (RTP Payload Format for AV1 §4 and §5).
//!
//! Before each keyframe stands the clip's sequence header. What is no picture (delimiters, metadata, padding) is left out, and
//! OBUs lose their sizes, which the packets say. Hidden frames go out with the one that is shown.

use super::pictures::{self, Size, named};
use super::{Parsed, Refused, Unit, WHOLE, refused};
use crate::conference::Codec;
use crate::rtp::av1::{
    self, FRAME, FRAME_HEADER, FrameStart, Obu, REDUNDANT_FRAME_HEADER, SEQUENCE_HEADER, SequenceHeader, TILE_GROUP,
    TILE_LIST,
};
use std::sync::Arc;

/// The most bytes of a piece's size in LEB128: a packet is shorter than 2^14.
const SIZE_LEN: usize = 2;
/// The most pieces that an aggregation header counts.
const COUNTED: usize = 3;

/// Size and pictures, in packets of at most `most(keyframe)` bytes.
pub(super) fn parse(file: &[u8], most: impl Fn(bool) -> usize) -> Result<Parsed, Refused> {
    let mut reader = Reader::default();
    let mut units = Vec::new();
    for (index, (lasts, unit)) in pictures::read(Codec::Av1, file)?.into_iter().enumerate() {
        let (keyframe, obus) = reader.read(index, unit)?;
        units.push(Unit { keyframe, lasts, packets: packets(&obus, keyframe, most(keyframe)), stamp: None });
    }
    Ok((reader.size.found(), units))
}

/// What earlier temporal units said.
#[derive(Default)]
struct Reader {
    sequence: Option<Vec<u8>>,
    size: Size,
}

impl Reader {
    /// Whether a temporal unit is a keyframe, and its OBUs as they are sent.
    fn read(&mut self, index: usize, unit: &[u8]) -> Result<(bool, Vec<Vec<u8>>), Refused> {
        let (_, help) = named(Codec::Av1);
        let obus = av1::obus(unit).ok_or_else(|| refused(format!("is cut off inside frame {index}"), WHOLE))?;
        let (mut sent, mut starts) = (Vec::new(), Vec::new());
        for (obu, body) in obus {
            if obu.layer.is_some_and(|layer| layer != (0, 0)) {
                return Err(refused(format!("has layers (frame {index})"), help));
            }
            match obu.kind {
                SEQUENCE_HEADER => self.take_sequence(index, body)?,
                FRAME | FRAME_HEADER | TILE_GROUP | REDUNDANT_FRAME_HEADER => {
                    if matches!(obu.kind, FRAME | FRAME_HEADER) {
                        starts.extend(FrameStart::parse(body));
                    }
                    sent.push(bare(obu.kind, body));
                }
                TILE_LIST => return Err(refused(format!("holds lists of tiles (frame {index})"), help)),
                // Delimiter, metadata, padding, and kinds that are reserved.
                _ => {}
            }
        }
        match starts.iter().filter(|start| start.shown).count() {
            0 if starts.is_empty() => return Err(refused(format!("has no picture of AV1 in frame {index}"), help)),
            0 => return Err(refused(format!("holds frames that are not shown (frame {index})"), help)),
            1 => {}
            shown => return Err(refused(format!("shows {shown} pictures in frame {index}"), help)),
        }
        let keyframe = starts[0].keyframe;
        pictures::check_first(index, keyframe)?;
        let Some(sequence) = &self.sequence else { return Err(refused("has no sequence header", help)) };
        if keyframe {
            sent.insert(0, bare(SEQUENCE_HEADER, sequence));
        }
        Ok((keyframe, sent))
    }

    fn take_sequence(&mut self, index: usize, body: &[u8]) -> Result<(), Refused> {
        let (_, help) = named(Codec::Av1);
        if self.sequence.as_deref().is_some_and(|known| known != body) {
            let sentence = format!("changes its sequence header in frame {index}");
            return Err(refused(sentence, "encode it in one piece and one size"));
        }
        let header = SequenceHeader::parse(body).filter(|header| !header.still);
        let header = header.ok_or_else(|| refused("has a sequence header that is of no video", help))?;
        if header.profile != 0 {
            let sentence = format!("has the profile {}, and WebRTC is offered the main profile (0)", header.profile);
            return Err(refused(sentence, help));
        }
        self.size.hold(index, (header.width, header.height))?;
        self.sequence = Some(body.to_vec());
        Ok(())
    }
}

/// An OBU without a size.
fn bare(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut obu = vec![0; 1];
    Obu { kind, layer: None, sized: false }.write(&mut obu);
    obu.extend_from_slice(body);
    obu
}

/// One packet in the making: pieces of OBUs, and whether the last goes on in the next.
#[derive(Default)]
struct Packet<'a> {
    pieces: Vec<&'a [u8]>,
    continues: bool,
    continued: bool,
}

impl Packet<'_> {
    /// Bytes as it is written, at most.
    fn len(&self) -> usize {
        1 + self.pieces.iter().map(|piece| piece.len() + SIZE_LEN).sum::<usize>()
    }

    fn write(&self, new_sequence: bool) -> Arc<[u8]> {
        let counted = self.pieces.len() <= COUNTED;
        let count = if counted { self.pieces.len() as u8 } else { 0 };
        let mut out = vec![av1::aggregation_header(self.continues, self.continued, count, new_sequence)];
        for (index, piece) in self.pieces.iter().enumerate() {
            // The last of a known number of pieces takes what is left.
            if !counted || index + 1 < self.pieces.len() {
                let mut size = [0; 8];
                let len = av1::write_leb128(piece.len() as u64, &mut size);
                out.extend_from_slice(&size[..len]);
            }
            out.extend_from_slice(piece);
        }
        out.into()
    }
}

/// The packets of a temporal unit, of nearly equal length, none longer than `most`.
fn packets(obus: &[Vec<u8>], new_sequence: bool, most: usize) -> Vec<Arc<[u8]>> {
    let whole: usize = obus.iter().map(|obu| obu.len() + SIZE_LEN).sum();
    // Each has an aggregation header, and each but the first the size of a piece more.
    let room = most - 1 - SIZE_LEN;
    let length = whole.div_ceil(whole.div_ceil(room).max(1)) + 1 + SIZE_LEN;
    let mut packets: Vec<Packet<'_>> = vec![Packet::default()];
    for obu in obus {
        let mut rest = &obu[..];
        while !rest.is_empty() {
            let last = packets.last_mut().expect("there is one");
            let free = length.saturating_sub(last.len() + SIZE_LEN);
            if free == 0 {
                last.continued = rest.len() < obu.len();
                let continues = last.continued;
                packets.push(Packet { continues, ..Packet::default() });
                continue;
            }
            let (piece, after) = rest.split_at(free.min(rest.len()));
            last.pieces.push(piece);
            rest = after;
        }
    }
    packets.iter().enumerate().map(|(index, packet)| packet.write(new_sequence && index == 0)).collect()
}
