//! A user's own clip: read whole before the run, cut into packets once, played in a loop by whoever publishes it.
//!
//! Payload formats are those of the synthetic media (RFC 7741, RFC 6184, RFC 7587), the payload is the clip's. Nothing is
//! encoded, so a clip has one rate, and its keyframes are where they are (`player`). What a publisher without an encoder
//! cannot send as WebRTC has it is refused here, with what to do about it.

mod h264;
mod opus;
pub(super) mod player;
mod vp8;

use crate::clock::Duration;
use crate::conference::{Codec, MediaKind};
use crate::units::Bitrate;
use std::sync::Arc;

/// Why a clip cannot be played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// What is wrong, in words that follow "the file".
    pub sentence: String,
    /// What to do about it.
    pub help: String,
}

fn refused(sentence: impl Into<String>, help: impl Into<String>) -> Refused {
    Refused { sentence: sentence.into(), help: help.into() }
}

/// A clip, cut into packets.
#[derive(Clone, PartialEq)]
pub struct Clip {
    codec: Codec,
    size: Option<(u32, u32)>,
    units: Vec<Unit>,
}

/// A picture, or the sound of one packet.
#[derive(Clone, PartialEq)]
struct Unit {
    keyframe: bool,
    /// From its beginning to that of the next one.
    lasts: Duration,
    /// Payloads, each whole but for what the player writes into it.
    packets: Vec<Arc<[u8]>>,
    /// Where in the first payload room for a stamp begins, and the checksum that belongs into it.
    stamp: Option<(usize, u32)>,
}

impl Unit {
    fn bytes(&self) -> usize {
        self.packets.iter().map(|packet| packet.len()).sum()
    }
}

/// Two frames may not lie closer, nor further apart.
const GAPS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(10);

impl Clip {
    /// Reads the bytes of a file; `fps` is the rate of pictures in a byte stream (H.264), which has no times of its own.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(codec: Codec, file: &[u8], fps: f64) -> Result<Self, Refused> {
        let (size, units) = match codec {
            Codec::Vp8 => vp8::parse(file).map(|(size, units)| (Some(size), units))?,
            Codec::H264 => h264::parse(file, fps).map(|(size, units)| (Some(size), units))?,
            Codec::Opus => (None, opus::parse(file)?),
            Codec::Vp9 | Codec::Av1 => {
                let sentence = format!("is to hold {}, and clips of it are not built yet", codec.name());
                return Err(refused(sentence, "encode it as VP8 or H.264"));
            }
        };
        let clip = Self { codec, size, units };
        if clip.units.is_empty() {
            return Err(refused("holds no frame", "name a clip that was written to its end"));
        }
        if let Some(index) = clip.units.iter().position(|unit| !GAPS.contains(&unit.lasts)) {
            let lasts = clip.units[index].lasts;
            let sentence = format!("has {lasts:?} between frame {index} and the next; it may be 1 ms to 10 s");
            return Err(refused(sentence, "encode it at a constant rate, as with ffmpeg -r 30"));
        }
        Ok(clip)
    }

    /// Its codec.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Width and height of its pictures, in pixels.
    #[must_use]
    pub const fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    /// How long it takes until it begins again.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.units.iter().map(|unit| unit.lasts).sum()
    }

    /// Frames a second, on average.
    #[must_use]
    pub fn fps(&self) -> f64 {
        self.units.len() as f64 / self.length().as_secs_f64()
    }

    /// Packets a second, on average.
    #[must_use]
    pub fn packets_a_second(&self) -> f64 {
        self.units.iter().map(|unit| unit.packets.len()).sum::<usize>() as f64 / self.length().as_secs_f64()
    }

    /// Payload a second, on average.
    #[must_use]
    pub fn bitrate(&self) -> Bitrate {
        let bits = self.units.iter().map(Unit::bytes).sum::<usize>() as f64 * 8.0;
        Bitrate((bits / self.length().as_secs_f64()).round() as u64)
    }

    /// How many keyframes it has.
    #[must_use]
    pub fn keyframes(&self) -> usize {
        self.units.iter().filter(|unit| unit.keyframe).count()
    }

    /// Whether its frames have room for a stamp: where not, a header extension says when each was due.
    #[must_use]
    pub fn is_stamped(&self) -> bool {
        self.codec == Codec::H264
    }

    fn is_video(&self) -> bool {
        self.codec.kind() == MediaKind::Video
    }

    /// The first keyframe at or after a unit, or after the clip's end.
    fn keyframe_from(&self, unit: usize) -> usize {
        let is_key = |index: &usize| self.units[*index].keyframe;
        (unit..self.units.len()).find(is_key).or_else(|| (0..unit).find(is_key)).unwrap_or(0)
    }
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip({:?}, {} frames in {:?})", self.codec, self.units.len(), self.length())
    }
}

/// Pieces of nearly equal length, none longer than `most`, of bytes that are not empty.
fn pieces(bytes: &[u8], most: usize) -> std::slice::Chunks<'_, u8> {
    bytes.chunks(bytes.len().div_ceil(bytes.len().div_ceil(most).max(1)).max(1))
}

#[cfg(test)]
mod tests;
