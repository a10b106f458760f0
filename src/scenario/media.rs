//! `[media.*]`: what publishers send.
//!
//! Read straight into [`MediaPlan`]s. What an encoder could not do (a packet too small for its stamp) is refused here.

pub(crate) mod clip;
mod data;

use super::Files;
use super::document::Table;
use super::layers;
use super::section::{Section, Shape};
use crate::clock::Duration;
use crate::conference::{Codec, MediaKind};
use crate::dist::Dist;
use crate::media::channel::ChannelPlan;
use crate::media::scalability::Scalability;
use crate::media::source::{AudioSource, FrameModel, MediaPlan, RateControl, Sending, Source, Talk, VideoSource};
use crate::rtp::red;
use crate::units::Bitrate;

pub(crate) static AUDIO: Shape = Shape {
    name: "Media.audio",
    keys: &["kind", "codec", "bitrate", "ptime", "dtx", "fec", "red", "talk", "encode_delay", "numbers"],
    refused: &[],
};
pub(crate) static VIDEO: Shape = Shape {
    name: "Media.video",
    keys: &[
        "kind",
        "codec",
        "bitrate",
        "size",
        "fps",
        "gop",
        "frame_model",
        "cc",
        "content",
        "layers",
        "flexible",
        "dependency_descriptor",
        "silent",
        "encode_delay",
        "numbers",
    ],
    refused: &[(
        "temporal",
        "temporal layers are part of `layers`: write layers = { mode = \"svc\", scalability = \"L1T3\" }",
    )],
};
pub(crate) static FILE: Shape = Shape {
    name: "Media.file",
    keys: &["kind", "codec", "file", "size", "fps", "layers", "dependency_descriptor", "encode_delay"],
    refused: &[],
};
pub(crate) static DATA: Shape = Shape {
    name: "Media.data",
    keys: &["kind", "message", "rate", "ordered", "max_retransmits", "max_lifetime"],
    refused: &[],
};
pub(crate) static NEITHER: Shape = Shape {
    name: "",
    keys: &[
        "kind",
        "codec",
        "bitrate",
        "ptime",
        "dtx",
        "fec",
        "red",
        "talk",
        "size",
        "fps",
        "gop",
        "frame_model",
        "cc",
        "content",
        "silent",
        "layers",
        "flexible",
        "dependency_descriptor",
        "file",
        "encode_delay",
        "numbers",
        "message",
        "rate",
        "ordered",
        "max_retransmits",
        "max_lifetime",
    ],
    refused: &[],
};
pub(crate) static TALK: Shape = Shape { name: "Talk.on-off", keys: &["model", "on", "off"], refused: &[] };
pub(crate) static FRAME_MODEL: Shape =
    Shape { name: "FrameModel.rfc8593", keys: &["kind", "noise", "key_ratio"], refused: &[] };

/// Reads `[media.*]`, in the file's order: tracks, and data channels.
pub(crate) fn read(root: &Section<'_>, files: Files<'_>) -> (Vec<MediaPlan>, Vec<ChannelPlan>) {
    let (mut tracks, mut channels) = (Vec::new(), Vec::new());
    for (name, section) in root.named("media", shape_of) {
        match read_one(name, &section, files) {
            One::Track(track) => tracks.push(track),
            One::Channel(channel) => channels.push(channel),
        }
    }
    (tracks, channels)
}

/// What a table is.
enum One {
    Track(MediaPlan),
    Channel(ChannelPlan),
}

fn shape_of(table: &Table) -> &'static Shape {
    let kind = table.get("kind").map(|entry| &entry.node.value);
    match kind {
        Some(super::document::Value::Text(kind)) if kind == "audio" => &AUDIO,
        Some(super::document::Value::Text(kind)) if kind == "video" => &VIDEO,
        Some(super::document::Value::Text(kind)) if kind == "file" => &FILE,
        Some(super::document::Value::Text(kind)) if kind == "data" => &DATA,
        _ => &NEITHER,
    }
}

/// What `kind` says.
#[derive(Clone, Copy)]
enum Kind {
    Audio,
    Video,
    File,
    Data,
}

fn read_one(name: String, section: &Section<'_>, files: Files<'_>) -> One {
    section.missing("kind", "write kind = \"audio\", kind = \"video\", kind = \"file\" or kind = \"data\"");
    let kinds = [("audio", Kind::Audio), ("video", Kind::Video), ("file", Kind::File), ("data", Kind::Data)];
    let kind = section.choice("kind", &kinds, &[]);
    let plan = match kind {
        Some(Kind::Data) => return One::Channel(data::read(name, section)),
        Some(Kind::Audio) => read_audio(name, section),
        Some(Kind::Video) => read_video(name, section),
        Some(Kind::File) => clip::read(name, section, files),
        // The name still exists for whoever publishes it.
        None => unknown(name),
    };
    One::Track(MediaPlan { sending: sending(section, kind), ..plan })
}

fn sending(section: &Section<'_>, kind: Option<Kind>) -> Sending {
    let encode_delay = section.duration("encode_delay").unwrap_or_default();
    if encode_delay > LONGEST_ENCODING {
        section.fail("encode_delay", "`encode_delay` is out of bounds", "write a duration up to \"2s\"");
    }
    let numbers = [("random", false), ("wrap", true)];
    let numbered = section.has("numbers") && !matches!(kind, Some(Kind::File));
    let near_wrap = numbered && section.choice("numbers", &numbers, &[]).unwrap_or(false);
    Sending { encode_delay, near_wrap }
}

/// No encoder of a call holds a frame for longer.
const LONGEST_ENCODING: Duration = Duration::from_secs(2);

/// Stands for media that could not be read, and was said so.
fn unknown(name: String) -> MediaPlan {
    MediaPlan {
        name,
        codec: Codec::Opus,
        bitrate: Bitrate::from_kbps(32),
        sending: Sending::default(),
        source: Source::Audio(PLAIN),
    }
}

const PLAIN: AudioSource = AudioSource { ptime: Duration::from_millis(20), dtx: false, fec: false, red: 0, talk: None };

fn read_audio(name: String, section: &Section<'_>) -> MediaPlan {
    if section.has("codec") {
        section.choice("codec", &[("opus", ())], &[]);
    }
    let fec = section.bool("fec").unwrap_or(false);
    let red = section.integer("red", 0..=red::MAX_BLOCKS as u64).unwrap_or(0) as u8;
    let bitrate = section.bitrate("bitrate").unwrap_or(Bitrate::from_kbps(32));
    let ptime = section.duration("ptime").unwrap_or(PLAIN.ptime);
    let dtx = section.bool("dtx").unwrap_or(false);
    let talk = read_talk(section);
    let plan = MediaPlan {
        name,
        codec: Codec::Opus,
        bitrate,
        sending: Sending::default(),
        source: Source::Audio(AudioSource { ptime, dtx, fec, red, talk }),
    };
    checked(section, plan)
}

fn read_talk(section: &Section<'_>) -> Option<Talk> {
    let talk = section.sub("talk", &TALK, "write talk = { on = \"exp(4s)\", off = \"exp(8s)\" }")?;
    if talk.has("model") {
        talk.choice("model", &[("on-off", ())], &[]);
    }
    let length = |key: &str| -> Option<Dist> {
        talk.missing(key, "write how long, as in \"exp(4s)\"");
        let dist = talk.dist(key)?;
        if dist.mean() < Duration::from_millis(20) {
            talk.fail(key, format!("`{key}` is shorter than a packet on average"), "write at least \"20ms\"");
            return None;
        }
        Some(dist)
    };
    let (on, off) = (length("on"), length("off"));
    Some(Talk { on: on?, off: off? })
}

fn read_video(name: String, section: &Section<'_>) -> MediaPlan {
    let codecs = [("vp8", Codec::Vp8), ("h264", Codec::H264), ("vp9", Codec::Vp9), ("av1", Codec::Av1)];
    let codec = if section.has("codec") { section.choice("codec", &codecs, &[]) } else { Some(Codec::Vp8) };
    let codec = codec.unwrap_or(Codec::Vp8);
    let flexible = section.bool("flexible");
    if flexible.is_some() && codec != Codec::Vp9 {
        section.fail(
            "flexible",
            "`flexible` is a mode of VP9's payload format",
            "write codec = \"vp9\", or take it out",
        );
    }
    section.missing("size", "write the picture's size, as in size = \"1280x720\"");
    let (width, height) =
        section.parsed("size", size, "write it as \"1280x720\": even, from 16 to 7680").unwrap_or((640, 360));
    let fps = section.within("fps", 0.5..=120.0, "frames a second, from 0.5 to 120").unwrap_or(30.0);
    let layers = layers::read(section, codec, (width, height));
    let simulcast = layers::is_simulcast(section);
    if simulcast && section.has("bitrate") {
        let help = "take it out, or write { rid = ..., bitrate = ... } in `layers.rids`";
        section.fail("bitrate", "each layer has its own bitrate", help);
    } else if !simulcast {
        section.missing("bitrate", "write the encoder's target, as in bitrate = \"1.5Mbps\"");
    }
    let (plans, scalability) =
        layers.map_or((Vec::new(), Scalability::NONE), |layers| (layers.plans, layers.scalability));
    let sum = simulcast.then(|| Bitrate(plans.iter().map(|layer| layer.bitrate.bps()).sum()));
    let bitrate =
        sum.filter(|sum| sum.bps() > 0).or_else(|| section.bitrate("bitrate")).unwrap_or(Bitrate::from_kbps(500));
    let controls = [("remb", RateControl::Remb), ("gcc", RateControl::Gcc), ("fixed", RateControl::Fixed)];
    let rate_control = if section.has("cc") { section.choice("cc", &controls, &[]) } else { None };
    if section.has("content") {
        section.choice("content", &[("camera", ())], &[("screen", "screen content is not built yet")]);
    }
    let source = VideoSource {
        width,
        height,
        fps,
        keyframe_interval: gop(section),
        frames: frame_model(section),
        rate_control: rate_control.unwrap_or(RateControl::Remb),
        scalability,
        flexible: flexible.unwrap_or(false),
        dependency_descriptor: section.bool("dependency_descriptor").unwrap_or(codec == Codec::Av1),
        layers: plans,
        silent: section.bool("silent").unwrap_or(false),
    };
    checked(section, MediaPlan { name, codec, bitrate, sending: Sending::default(), source: Source::Video(source) })
}

/// What an encoder could not send as it is written is refused; `media` knows its limits.
fn checked(section: &Section<'_>, plan: MediaPlan) -> MediaPlan {
    if let Err(sentence) = plan.check() {
        // Each part is within its own bounds by now, so the sentence is about how they go together.
        let (key, help) = match plan.kind() {
            MediaKind::Audio if sentence.contains("with red =") => ("red", "lower `red`, `ptime` or `bitrate`"),
            MediaKind::Audio if sentence.contains("packet holds") => ("ptime", "write ptime = \"20ms\""),
            MediaKind::Audio => ("bitrate", "change `bitrate` or `ptime`"),
            MediaKind::Video if section.has("layers") => ("layers", "change `layers`, `fps` or `size`"),
            MediaKind::Video => ("bitrate", "change `bitrate`, `fps` or `size`"),
        };
        section.fail(key, sentence, help);
    }
    plan
}

fn size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| (16..=7680).contains(side) && side % 2 == 0);
    Some((side(width)?, side(height)?))
}

fn gop(section: &Section<'_>) -> Option<Duration> {
    let help = "write \"on-request\", or the time between keyframes, as in \"10s\"";
    let text = section.text("gop", help)?;
    if text == "on-request" {
        return None;
    }
    let interval = section.duration("gop")?;
    if !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&interval) {
        section.fail("gop", "`gop` is out of bounds", "write \"on-request\", or a duration from \"100ms\" to \"1h\"");
    }
    Some(interval)
}

fn frame_model(section: &Section<'_>) -> FrameModel {
    let mut model = FrameModel { noise: 0.15, key_ratio: 6.0 };
    let help = "write frame_model = { kind = \"rfc8593\", noise = 0.15, key_ratio = 6.0 }";
    if let Some(table) = section.sub("frame_model", &FRAME_MODEL, help) {
        if table.has("kind") {
            table.choice("kind", &[("rfc8593", ())], &[]);
        }
        model.noise = table.within("noise", 0.0..=1.0, "a scale from 0 to 1").unwrap_or(model.noise);
        model.key_ratio = table.within("key_ratio", 1.0..=50.0, "a ratio from 1 to 50").unwrap_or(model.key_ratio);
    }
    model
}
