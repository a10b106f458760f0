//! An IVF of VP9, one RTP picture a frame of the file, in non-flexible mode with a group of one picture: each needs the
//! one before it (RFC 9628 §4.2.1).
//!
//! A superframe goes out whole, as its encoder made it: hidden frames with the one that is shown, and the index that tells
//! a decoder where each begins.

use super::pictures::{self, Size, named};
use super::{Parsed, Refused, Unit, WHOLE, pieces, refused};
use crate::conference::Codec;
use crate::rtp::vp8::PictureId;
use crate::rtp::vp9::{self, Descriptor, Differences, GroupPicture, LayerIndices, MAX_SPATIAL, Structure};

/// Where a picture stands in its stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub picture_id: u16,
    pub tl0_picture_index: u8,
}

/// Size and pictures, in packets of at most `most(keyframe)` bytes.
pub(super) fn parse(file: &[u8], most: impl Fn(bool) -> usize) -> Result<Parsed, Refused> {
    let mut size = Size::default();
    let mut checked = Vec::new();
    for (index, (lasts, frame)) in pictures::read(Codec::Vp9, file)?.into_iter().enumerate() {
        checked.push((lasts, check(index, frame, &mut size)?, frame));
    }
    let unit = |(lasts, keyframe, frame)| {
        let room = descriptor_len(keyframe, size.found());
        let packets = pieces(frame, most(keyframe) - room).enumerate().map(|(index, piece)| {
            let room = if index == 0 { room } else { descriptor_len(false, size.found()) };
            [&vec![0; room], piece].concat().into()
        });
        Unit { keyframe, lasts, packets: packets.collect(), stamp: None }
    };
    let units = checked.into_iter().map(unit).collect();
    Ok((size.found(), units))
}

/// Whether what the file calls a frame is a keyframe, if it can be sent.
fn check(index: usize, bytes: &[u8], size: &mut Size) -> Result<bool, Refused> {
    let (_, help) = named(Codec::Vp9);
    let cut = || refused(format!("is cut off inside frame {index}"), WHOLE);
    let frames = vp9::frames(bytes).ok_or_else(cut)?;
    let mut headers = Vec::with_capacity(frames.len());
    for frame in frames {
        let header = vp9::Frame::parse(frame);
        let header = header.ok_or_else(|| refused(format!("has no picture of VP9 in frame {index}"), help))?;
        if header.profile != 0 {
            let sentence = format!("has the profile {}, and WebRTC is offered profile 0", header.profile);
            return Err(refused(sentence, help));
        }
        if let Some(found) = header.size {
            size.hold(index, found)?;
        }
        headers.push(header);
    }
    match headers.iter().filter(|header| header.shown).count() {
        0 => {
            let help = "encode it without them: ffmpeg -auto-alt-ref 0, or have them in superframes";
            return Err(refused(format!("holds frames that are not shown (frame {index})"), help));
        }
        1 => {}
        layers => {
            return Err(refused(format!("shows {layers} pictures in frame {index}: it has spatial layers"), help));
        }
    }
    let keyframe = headers[0].keyframe;
    pictures::check_first(index, keyframe)?;
    Ok(keyframe)
}

/// Writes the descriptor of a packet over the room before its piece.
pub(super) fn write_descriptor(
    bytes: &mut [u8],
    (keyframe, size): (bool, (u32, u32)),
    (starts, ends): (bool, bool),
    place: Place,
) -> usize {
    let structure = (keyframe && starts).then(|| {
        let mut sizes = [(0, 0); MAX_SPATIAL];
        sizes[0] = (size.0.min(0xFFFF) as u16, size.1.min(0xFFFF) as u16);
        let picture = GroupPicture { temporal: 0, switching_up: false, references: Differences::new(&[1]) };
        Box::new(Structure { spatial_layers: 1, sizes: Some(sizes), group: vec![picture] })
    });
    let descriptor = Descriptor {
        picture_id: Some(PictureId::Long(place.picture_id)),
        inter_picture: !keyframe,
        starts_frame: starts,
        ends_frame: ends,
        layer: Some(LayerIndices::default()),
        tl0_picture_index: Some(place.tl0_picture_index),
        structure,
        ..Descriptor::default()
    };
    descriptor.write(bytes)
}

/// Bytes of the descriptor of the first packet of a keyframe, or of any other.
fn descriptor_len(keyframe: bool, size: (u32, u32)) -> usize {
    let mut room = [0; 64];
    write_descriptor(&mut room, (keyframe, size), (true, false), Place { picture_id: 0, tl0_picture_index: 0 })
}
