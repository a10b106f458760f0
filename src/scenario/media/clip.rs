//! `kind = "file"`: the user's own clip, or one for each simulcast layer.

use super::unknown;
use crate::conference::{Codec, MediaKind};
use crate::media::LayerPlan;
use crate::media::clip::{Clip, Refused};
use crate::media::layers::MAX_LAYERS;
use crate::media::source::{FileSource, MediaPlan, Sending, Source};
use crate::scenario::Files;
use crate::scenario::layers::is_rid;
use crate::scenario::section::{Section, Shape};
use std::sync::Arc;

pub(crate) static LAYERS: Shape = Shape { name: "FileLayers", keys: &["mode", "rids", "files"], refused: &[] };

/// How far a clip's rate may lie from the one that is written, as a share.
const NEAR: f64 = 0.01;
const EXAMPLE: &str =
    "write layers = { mode = \"simulcast\", rids = [\"h\", \"f\"], files = [\"media/low.ivf\", \"media/clip.ivf\"] }";
const CODECS: [(&str, Codec); 5] =
    [("vp8", Codec::Vp8), ("vp9", Codec::Vp9), ("h264", Codec::H264), ("av1", Codec::Av1), ("opus", Codec::Opus)];

/// Reads the files too: what cannot be played is refused.
pub(super) fn read(name: String, section: &Section<'_>, files: Files<'_>) -> MediaPlan {
    section.missing("codec", "write codec = \"vp8\", \"vp9\", \"h264\", \"av1\" or \"opus\"");
    let codec = if section.has("codec") { section.choice("codec", &CODECS, &[]) } else { None };
    let fps = section.within("fps", 0.5..=120.0, "frames a second, from 0.5 to 120");
    let described = section.bool("dependency_descriptor");
    let read = codec.and_then(|codec| {
        check_kind(section, codec);
        let how = How { codec, fps, described: described.unwrap_or(codec == Codec::Av1) };
        if section.has("layers") { layered(section, &how, files) } else { single(section, &how, files) }
    });
    let Some(source) = read else { return unknown(name) };
    checked(section, source.clip(), fps);
    let bitrate = match &source.layers[..] {
        [] => source.clip().bitrate(),
        layers => crate::units::Bitrate(layers.iter().map(|layer| layer.bitrate.bps()).sum()),
    };
    let codec = source.clip().codec();
    super::checked(
        section,
        MediaPlan { name, codec, bitrate, sending: Sending::default(), source: Source::File(source) },
    )
}

/// How every file is read.
struct How {
    codec: Codec,
    fps: Option<f64>,
    described: bool,
}

impl How {
    fn clip(&self, path: &str, files: Files<'_>) -> Result<Arc<Clip>, Refused> {
        let bytes = files(path).map_err(|unreadable| Refused {
            sentence: format!("cannot be read: {}", unreadable.why),
            help: unreadable.mend.to_owned(),
        })?;
        Clip::parse(self.codec, &bytes, self.fps.unwrap_or(30.0), self.described).map(Arc::new)
    }
}

/// Keys that the kind of media does not have, or needs.
fn check_kind(section: &Section<'_>, codec: Codec) {
    if codec.kind() == MediaKind::Audio {
        for key in ["size", "fps", "layers", "dependency_descriptor"].into_iter().filter(|key| section.has(key)) {
            section.fail(key, format!("`{key}` is of pictures, and opus is sound"), "take it out");
        }
    } else if codec == Codec::H264 {
        section.missing("fps", "a byte stream of H.264 has no times: write its frames a second, as in fps = 30");
    }
}

fn single(section: &Section<'_>, how: &How, files: Files<'_>) -> Option<FileSource> {
    section.missing("file", "write the clip's path, relative to this file, as in file = \"media/clip.ivf\"");
    let path = section.text("file", "write the clip's path, relative to this file")?;
    match how.clip(path, files) {
        Ok(clip) => Some(FileSource::one(clip)),
        Err(Refused { sentence, help }) => {
            section.fail("file", format!("`{path}` {sentence}"), help);
            None
        }
    }
}

/// Whether clips of the codec can be layers; it is refused where not.
fn is_layered(layers: &Section<'_>, codec: Codec) -> bool {
    let built = matches!(codec, Codec::Vp8 | Codec::H264);
    if !built {
        let message = format!("clips of {} as layers are not built", codec.name());
        layers.fail("mode", message, "write codec = \"vp8\" or \"h264\", or take `layers` out");
    }
    built
}

fn layered(section: &Section<'_>, how: &How, files: Files<'_>) -> Option<FileSource> {
    if section.has("file") {
        section.fail("file", "each layer has its own file", "take it out, or take `layers` out");
    }
    let layers = section.sub("layers", &LAYERS, EXAMPLE)?;
    ["mode", "rids", "files"].into_iter().for_each(|key| layers.missing(key, EXAMPLE));
    if layers.has("mode") {
        let svc = "the layers of one stream are in its one clip, and throng sends those of one layer";
        layers.choice("mode", &[("simulcast", ())], &[("svc", svc)])?;
    }
    if how.codec.kind() == MediaKind::Audio || !is_layered(&layers, how.codec) {
        return None;
    }
    let texts = |key: &str| -> Option<Vec<&str>> {
        let texts = layers.texts(key, EXAMPLE)?;
        // What is no string was said.
        let all = layers.array(key, EXAMPLE)?.len() == texts.len();
        all.then(|| texts.into_iter().map(|(text, _)| text).collect())
    };
    let (rids, paths) = (texts("rids")?, texts("files")?);
    if rids.is_empty() || rids.len() > MAX_LAYERS {
        let message = format!("a video has 1 to {MAX_LAYERS} simulcast layers, not {}", rids.len());
        layers.fail("rids", message, EXAMPLE);
        return None;
    }
    if let Some(index) = (0..rids.len()).find(|index| !is_rid(rids[*index]) || rids[..*index].contains(&rids[*index])) {
        let message = format!("`{}` is no name for a layer, or another has it", rids[index]);
        layers.fail("rids", message, "write letters and digits, at most 8, each name once: [\"q\", \"h\", \"f\"]");
        return None;
    }
    if paths.len() != rids.len() {
        let message = format!("{} layers have as many files, not {}", rids.len(), paths.len());
        layers.fail("files", message, "write one file for each of `rids`, the smallest picture first");
        return None;
    }
    let mut clips: Vec<Arc<Clip>> = Vec::new();
    for path in &paths {
        match how.clip(path, files) {
            Ok(clip) => clips.push(clip),
            Err(Refused { sentence, help }) => layers.fail("files", format!("`{path}` {sentence}"), help),
        }
    }
    if clips.len() < paths.len() {
        return None;
    }
    let plans = rids.iter().zip(&clips).map(|(rid, clip)| plan(rid, clip)).collect();
    in_step(&layers, &paths, &clips).then_some(FileSource { clips, layers: plans })
}

/// A clip has one rate: that is the most and the least of its layer.
fn plan(rid: &str, clip: &Clip) -> LayerPlan {
    let (width, height) = clip.size().unwrap_or_default();
    LayerPlan { rid: rid.to_owned(), width, height, bitrate: clip.bitrate(), least: clip.bitrate() }
}

/// Whether a viewer of one clip can go on with the next larger one, and gets a larger picture for more.
fn in_step(layers: &Section<'_>, paths: &[&str], clips: &[Arc<Clip>]) -> bool {
    for (path, clip) in paths.windows(2).zip(clips.windows(2)) {
        if let Err(how) = clip[0].keeps_step(&clip[1]) {
            let help = "encode all of them from one source with one rate and one distance of keyframes, as with ffmpeg -r 30 -g 60 -keyint_min 60 -sc_threshold 0";
            layers.fail("files", format!("`{}` and `{}` {how}", path[0], path[1]), help);
            return false;
        }
        let pixels = |clip: &Clip| clip.size().map(|(width, height)| u64::from(width) * u64::from(height));
        if pixels(&clip[0]) >= pixels(&clip[1]) || clip[0].bitrate() >= clip[1].bitrate() {
            let words = |path: &str, clip: &Clip| {
                let (width, height) = clip.size().unwrap_or_default();
                format!("`{path}` ({width}x{height}, {})", clip.bitrate())
            };
            let message = format!("{} is not smaller than {}", words(path[0], &clip[0]), words(path[1], &clip[1]));
            layers.fail("files", message, "write them so that picture and rate grow from each to the next");
            return false;
        }
    }
    true
}

/// Holds the clip to what is written of it.
fn checked(section: &Section<'_>, clip: &Clip, fps: Option<f64>) {
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
}
