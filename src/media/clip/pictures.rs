//! The pictures of an IVF: each with how long it lasts, and the size that all of them have.

use super::{Refused, WHOLE, refused};
use crate::clock::Duration;
use crate::conference::Codec;
use crate::container::ivf;

/// What an IVF of a codec calls itself, and how one is made.
pub(super) const fn named(codec: Codec) -> (&'static [u8; 4], &'static str) {
    match codec {
        Codec::Vp9 => {
            (b"VP90", "give an IVF of VP9 of profile 0, as ffmpeg -c:v libvpx-vp9 -pix_fmt yuv420p clip.ivf writes it")
        }
        Codec::Av1 => (
            b"AV01",
            "give an IVF of AV1 of the main profile, as ffmpeg -c:v libaom-av1 -usage realtime clip.ivf writes it",
        ),
        Codec::Vp8 | Codec::H264 | Codec::Opus => {
            (b"VP80", "give an IVF of VP8, as ffmpeg -c:v libvpx -auto-alt-ref 0 clip.ivf writes it")
        }
    }
}

/// The frames of an IVF of this codec, in order, each with how long it lasts.
pub(super) fn read(codec: Codec, file: &[u8]) -> Result<Vec<(Duration, &[u8])>, Refused> {
    let (fourcc, help) = named(codec);
    let (header, frames) = ivf::parse(file).map_err(|sentence| refused(sentence, help))?;
    if &header.fourcc != fourcc {
        let found = String::from_utf8_lossy(&header.fourcc).into_owned();
        let wanted = codec.name().to_uppercase();
        return Err(refused(format!("holds {found}, not {wanted}"), help));
    }
    if header.rate == 0 || header.scale == 0 {
        return Err(refused("has no time base", help));
    }
    let lasts = |index: usize| {
        let time = frames[index].0;
        let ticks = match frames.get(index + 1) {
            Some((next, _)) => next.checked_sub(time).filter(|ticks| *ticks > 0),
            // The last one lasts as long as the one before it.
            None if index > 0 => time.checked_sub(frames[index - 1].0),
            None => Some(1),
        };
        let ticks = ticks.ok_or_else(|| refused(format!("goes back in time after frame {index}"), WHOLE))?;
        let nanos = u128::from(ticks) * u128::from(header.scale) * 1_000_000_000 / u128::from(header.rate);
        Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    };
    frames.iter().enumerate().map(|(index, (_, frame))| Ok((lasts(index)?, *frame))).collect()
}

/// The one size of a clip's pictures.
#[derive(Default)]
pub(super) struct Size(Option<(u32, u32)>);

impl Size {
    /// A picture names its size.
    pub(super) fn hold(&mut self, index: usize, found: (u32, u32)) -> Result<(), Refused> {
        if *self.0.get_or_insert(found) == found {
            return Ok(());
        }
        Err(refused(format!("changes its size in frame {index}"), "encode it in one size"))
    }

    /// Width and height in pixels.
    pub(super) fn found(&self) -> (u32, u32) {
        self.0.unwrap_or_default()
    }
}

/// What stands before the first keyframe cannot be decoded.
pub(super) fn check_first(index: usize, keyframe: bool) -> Result<(), Refused> {
    if index == 0 && !keyframe {
        return Err(refused("does not begin with a keyframe", "cut it at a keyframe"));
    }
    Ok(())
}
