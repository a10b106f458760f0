//! An IVF of VP8, one RTP frame a frame.

use super::pictures::{self, Size};
use super::{Parsed, Refused, Unit, WHOLE, pieces, refused};
use crate::conference::Codec;
use crate::rtp::vp8;

/// Size and frames, in packets of at most `most(keyframe)` bytes.
pub(super) fn parse(file: &[u8], most: impl Fn(bool) -> usize) -> Result<Parsed, Refused> {
    let mut size = Size::default();
    let mut units = Vec::new();
    for (index, (lasts, frame)) in pictures::read(Codec::Vp8, file)?.into_iter().enumerate() {
        let keyframe = check(index, frame, &mut size)?;
        let pieces = pieces(frame, most(keyframe) - vp8::DESCRIPTOR_LEN);
        let packets = pieces.map(|piece| [&[0; vp8::DESCRIPTOR_LEN], piece].concat().into()).collect();
        units.push(Unit { keyframe, lasts, packets, stamp: None });
    }
    Ok((size.found(), units))
}

/// Whether the frame is a keyframe, if it can be sent.
fn check(index: usize, frame: &[u8], size: &mut Size) -> Result<bool, Refused> {
    let header = vp8::FrameHeader::parse(frame);
    let Some(header) = header else { return Err(refused(format!("has no picture in frame {index}"), WHOLE)) };
    if frame.len() < vp8::FrameHeader::len(header.keyframe) + header.first_partition as usize {
        return Err(refused(format!("is cut off inside frame {index}"), WHOLE));
    }
    if !header.shown {
        let help = "encode it without them: ffmpeg -auto-alt-ref 0";
        return Err(refused(format!("holds frames that are not shown (frame {index})"), help));
    }
    pictures::check_first(index, header.keyframe)?;
    match (header.keyframe, header.size) {
        (false, _) => {}
        (true, None) => return Err(refused(format!("has a keyframe without a size (frame {index})"), WHOLE)),
        (true, Some((width, height))) => size.hold(index, (u32::from(width), u32::from(height)))?,
    }
    Ok(header.keyframe)
}
