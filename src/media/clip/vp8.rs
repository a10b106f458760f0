//! An IVF of VP8, one RTP frame a frame.

use super::{Refused, Unit, pieces, refused};
use crate::clock::Duration;
use crate::container::ivf;
use crate::media::payload::MAX_PAYLOAD;
use crate::rtp::vp8;

const WHOLE: &str = "write it again, to its end";

/// Size and frames.
pub(super) fn parse(file: &[u8]) -> Result<((u32, u32), Vec<Unit>), Refused> {
    let help = "give an IVF of VP8, as ffmpeg -c:v libvpx -auto-alt-ref 0 clip.ivf writes it";
    let (header, frames) = ivf::parse(file).map_err(|sentence| refused(sentence, help))?;
    if &header.fourcc != b"VP80" {
        let found = String::from_utf8_lossy(&header.fourcc).into_owned();
        return Err(refused(format!("holds {found}, not VP8"), help));
    }
    if header.rate == 0 || header.scale == 0 {
        return Err(refused("has no time base", help));
    }
    let mut size = None;
    let mut units = Vec::with_capacity(frames.len());
    for (index, (time, frame)) in frames.iter().enumerate() {
        let keyframe = check(index, frame, &mut size)?;
        let last = index.saturating_sub(1);
        let ticks = match frames.get(index + 1) {
            Some((next, _)) => next.checked_sub(*time).filter(|ticks| *ticks > 0),
            // The last one lasts as long as the one before it.
            None if index > 0 => time.checked_sub(frames[last].0),
            None => Some(1),
        };
        let Some(ticks) = ticks else {
            return Err(refused(format!("goes back in time after frame {index}"), WHOLE));
        };
        let nanos = u128::from(ticks) * u128::from(header.scale) * 1_000_000_000 / u128::from(header.rate);
        let lasts = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        units.push(Unit { keyframe, lasts, packets: packets(frame), stamp: None });
    }
    Ok((size.unwrap_or_default(), units))
}

/// Whether the frame is a keyframe, if it can be sent.
fn check(index: usize, frame: &[u8], size: &mut Option<(u32, u32)>) -> Result<bool, Refused> {
    let header = vp8::FrameHeader::parse(frame);
    let Some(header) = header else { return Err(refused(format!("has no picture in frame {index}"), WHOLE)) };
    if frame.len() < vp8::FrameHeader::len(header.keyframe) + header.first_partition as usize {
        return Err(refused(format!("is cut off inside frame {index}"), WHOLE));
    }
    if !header.shown {
        let help = "encode it without them: ffmpeg -auto-alt-ref 0";
        return Err(refused(format!("holds frames that are not shown (frame {index})"), help));
    }
    match (header.keyframe, header.size) {
        (false, _) if index == 0 => Err(refused("does not begin with a keyframe", "cut it at a keyframe")),
        (false, _) => Ok(false),
        (true, None) => Err(refused(format!("has a keyframe without a size (frame {index})"), WHOLE)),
        (true, Some((width, height))) => {
            let found = (u32::from(width), u32::from(height));
            if *size.get_or_insert(found) == found {
                return Ok(true);
            }
            Err(refused(format!("changes its size in frame {index}"), "encode it in one size"))
        }
    }
}

/// The packets of a frame, with room for their descriptors.
fn packets(frame: &[u8]) -> Vec<std::sync::Arc<[u8]>> {
    let pieces = pieces(frame, MAX_PAYLOAD - vp8::DESCRIPTOR_LEN);
    pieces.map(|piece| [&[0; vp8::DESCRIPTOR_LEN], piece].concat().into()).collect()
}
