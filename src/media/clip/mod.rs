//! A user's own clip: read whole before the run, cut into packets once, played in a loop by whoever publishes it.
//!
//! Payload formats are those of the synthetic media (RFC 7741, RFC 9628, RFC 6184, AV1's, RFC 7587), the payload is the
//! clip's. Nothing is encoded, so a clip has one rate, and its keyframes are where they are (`player`). What a publisher
//! without an encoder cannot send as WebRTC has it is refused here, with what to do about it. Several clips of one film are
//! its simulcast layers where they keep step: the same frames at the same times, the same ones of them keyframes.

mod av1;
mod h264;
mod opus;
mod pictures;
pub(super) mod player;
mod vp8;
mod vp9;

use super::described::{Describer, LONG_FORM};
use super::payload::MAX_PAYLOAD;
use super::scalability::Scalability;
use crate::clock::Duration;
use crate::conference::{Codec, MediaKind};
use crate::units::Bitrate;
use std::sync::Arc;

const WHOLE: &str = "write it again, to its end";
/// The size of a clip's pictures, and they themselves.
type Parsed = ((u32, u32), Vec<Unit>);

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
    described: bool,
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
    /// Packets of pictures keep room for a dependency descriptor where they are to be `described`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(codec: Codec, file: &[u8], fps: f64, described: bool) -> Result<Self, Refused> {
        let structure = if described { describer((1, 1), 0).structure().len() + LONG_FORM } else { 0 };
        let most = |keyframe: bool| if keyframe { MAX_PAYLOAD - structure } else { MAX_PAYLOAD };
        let pictures = match codec {
            Codec::Vp8 => Some(vp8::parse(file, most)?),
            Codec::Vp9 => Some(vp9::parse(file, most)?),
            Codec::H264 => Some(h264::parse(file, fps, most)?),
            Codec::Av1 => Some(av1::parse(file, most)?),
            Codec::Opus => None,
        };
        let described = described && pictures.is_some();
        let clip = match pictures {
            Some((size, units)) => Self { codec, size: Some(size), described, units },
            None => Self { codec, size: None, described, units: opus::parse(file)? },
        };
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

    /// Whether its packets carry the dependency descriptor, where that is negotiated.
    #[must_use]
    pub const fn is_described(&self) -> bool {
        self.described
    }

    /// Whether the two keep step as layers of one film do, so that a viewer of the one can go on with the other: the same
    /// frames at the same times, the same ones of them keyframes.
    ///
    /// # Errors
    /// How they differ, in words that follow "the two".
    pub fn keeps_step(&self, other: &Self) -> Result<(), String> {
        if self.units.len() != other.units.len() {
            return Err(format!("have {} and {} frames", self.units.len(), other.units.len()));
        }
        let pairs = || self.units.iter().zip(&other.units).enumerate();
        if let Some((index, (one, two))) = pairs().find(|(_, (one, two))| one.lasts != two.lasts) {
            let (lasts, other) = (one.lasts, two.lasts);
            return Err(format!(
                "differ in their rate: frame {index} lasts {lasts:?} in the one and {other:?} in the other"
            ));
        }
        match pairs().find(|(_, (one, two))| one.keyframe != two.keyframe) {
            Some((index, _)) => Err(format!("differ in their keyframes: frame {index} is one in only one of them")),
            None => Ok(()),
        }
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

/// What describes pictures of this size, each of which needs the one before it; the first has the number `number`.
fn describer((width, height): (u32, u32), number: u16) -> Describer {
    Describer::new(Scalability::NONE, width, height, number)
}

/// Pieces of nearly equal length, none longer than `most`, of bytes that are not empty.
fn pieces(bytes: &[u8], most: usize) -> std::slice::Chunks<'_, u8> {
    bytes.chunks(bytes.len().div_ceil(bytes.len().div_ceil(most).max(1)).max(1))
}

#[cfg(test)]
mod tests;
