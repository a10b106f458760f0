//! `kind = "file"`: the user's own clip.

use super::unknown;
use crate::conference::{Codec, MediaKind};
use crate::media::clip::{Clip, Refused};
use crate::media::source::{MediaPlan, Source};
use crate::scenario::Files;
use crate::scenario::section::Section;
use std::sync::Arc;

/// How far a clip's rate may lie from the one that is written, as a share.
const NEAR: f64 = 0.01;

/// Reads the file too: what cannot be played is refused.
pub(super) fn read(name: String, section: &Section<'_>, files: Files<'_>) -> MediaPlan {
    section.missing("file", "write the clip's path, relative to this file, as in file = \"media/clip.ivf\"");
    section.missing("codec", "write codec = \"vp8\", \"h264\" or \"opus\"");
    let later = [("vp9", "clips of VP9 are not built yet"), ("av1", "clips of AV1 are not built yet")];
    let codecs = [("vp8", Codec::Vp8), ("h264", Codec::H264), ("opus", Codec::Opus)];
    let codec = if section.has("codec") { section.choice("codec", &codecs, &later) } else { None };
    let path = section.text("file", "write the clip's path, relative to this file");
    let fps = section.within("fps", 0.5..=120.0, "frames a second, from 0.5 to 120");
    let (Some(codec), Some(path)) = (codec, path) else { return unknown(name) };
    if codec.kind() == MediaKind::Audio {
        for key in ["size", "fps"].into_iter().filter(|key| section.has(key)) {
            section.fail(key, format!("`{key}` is of pictures, and opus is sound"), "take it out");
        }
    } else if codec == Codec::H264 {
        section.missing("fps", "a byte stream of H.264 has no times: write its frames a second, as in fps = 30");
    }
    let clip = files(path).map_err(|unreadable| Refused {
        sentence: format!("cannot be read: {}", unreadable.why),
        help: unreadable.mend.to_owned(),
    });
    match clip.and_then(|bytes| Clip::parse(codec, &bytes, fps.unwrap_or(30.0))) {
        Ok(clip) => checked(name, section, clip, fps),
        Err(Refused { sentence, help }) => {
            section.fail("file", format!("`{path}` {sentence}"), help);
            unknown(name)
        }
    }
}

/// Holds the clip to what is written of it.
fn checked(name: String, section: &Section<'_>, clip: Clip, fps: Option<f64>) -> MediaPlan {
    let written = section.parsed("size", super::size, "write it as \"1280x720\", or take it out");
    if let Some(((width, height), (w, h))) = clip.size().zip(written).filter(|(is, written)| is != written) {
        let help = format!("write size = \"{width}x{height}\", or take it out");
        section.fail("size", format!("the clip's pictures are {width}x{height}, not {w}x{h}"), help);
    }
    let (is, pictures) = (clip.fps(), clip.size().is_some());
    if let Some(fps) = fps.filter(|fps| pictures && (fps / is - 1.0).abs() > NEAR) {
        let help = format!("write fps = {is:.3}, or take it out");
        section.fail("fps", format!("the clip has {is:.3} frames a second, not {fps}"), help);
    }
    MediaPlan { name, codec: clip.codec(), bitrate: clip.bitrate(), source: Source::File(Arc::new(clip)) }
}
