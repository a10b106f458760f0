//! `[run]`, `[target]`, `[media.*]`, `[[threshold]]`, `[output]`.

use super::OneOrMany;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// Phases of the run and limits of the generator. Every time of a scenario counts from the start of the run.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Run {
    /// Where it happens: `live` with real sockets, or `simulated` in one process with a virtual clock.
    #[schemars(extend("default" = "live"))]
    pub world: Option<World>,
    /// Excluded from thresholds, except for joins (`join.*`, `video.ttff`, `audio.ttfa`).
    #[schemars(extend("default" = "0s"))]
    pub warmup: Option<String>,
    /// The measured window, as in "60s" or "1m30s".
    pub duration: String,
    /// Excluded from thresholds.
    #[schemars(extend("default" = "0s"))]
    pub cooldown: Option<String>,
    /// Media worker threads; 0 for all cores, minus one where the run also owns the SFU.
    #[schemars(extend("default" = 0))]
    pub workers: Option<u32>,
    /// Conditions on the generator's own health: past one of them the run says nothing about the target.
    #[schemars(extend("default" = ["harness.send_lateness p99 > 5ms", "harness.cpu max > 0.90", "harness.rx_drops count > 0"]))]
    pub invalid_if: Option<Vec<String>>,
}

/// Where a run happens.
#[derive(JsonSchema, Debug)]
#[schemars(rename_all = "kebab-case")]
pub enum World {
    /// Real sockets, the machine's clock.
    Live,
    /// No socket, a virtual clock: the same scenario and seed give the same bytes.
    Simulated,
}

/// How to talk to the target.
#[derive(JsonSchema, Debug)]
#[schemars(rename_all = "kebab-case")]
pub enum Adapter {
    /// The run starts the reference SFU as its child.
    Reference,
    /// A reference SFU that already runs at `url`.
    Room,
    /// Any server with WHIP and WHEP endpoints.
    WhipWhep,
}

/// What the reference SFU's legs are made of.
#[derive(JsonSchema, Debug)]
#[schemars(rename_all = "kebab-case")]
pub enum Leg {
    /// str0m.
    Str0m,
    /// throng's own transport, SRTP and RTP.
    Own,
}

/// What is tested.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Target {
    /// How to talk to it.
    #[schemars(extend("default" = "reference"))]
    pub adapter: Option<Adapter>,
    /// `room`: the server's address, without a path.
    pub url: Option<String>,
    /// `whip-whep`: the publishing endpoint, with `{room}` and `{participant}`.
    pub whip: Option<String>,
    /// `whip-whep`: the playing endpoint, with `{room}` and `{participant}`, the publisher that is played.
    pub whep: Option<String>,
    /// `whip-whep`: credentials; never written into an outcome.
    pub auth: Option<Auth>,
    /// `whip-whep`: how the server deviates from RFC 9725 and the WHEP draft.
    pub quirks: Option<Quirks>,
    /// What is expected of ICE; it says what throng does anyway.
    pub ice: Option<Ice>,
    /// `reference`: its media workers; 0 lets it choose.
    #[schemars(extend("default" = 0))]
    pub workers: Option<u32>,
    /// `reference`: what its ends of the participants' transports are made of: `str0m`, a WebRTC stack that throng did not
    /// write, or throng's `own`.
    #[schemars(extend("default" = "str0m"))]
    pub leg: Option<Leg>,
    /// `reference`: whether it estimates the way to each subscriber: packets are numbered transport-wide, subscribers give
    /// feedback, and padding probes the way.
    #[schemars(extend("default" = false))]
    pub estimates: Option<bool>,
    /// `reference`: a seeded network on every subscriber's downlink inside the SFU: a built-in profile or
    /// `FILE.toml#name`, relative to this file.
    pub egress: Option<String>,
    /// `reference`, simulated: what packets cost it, so that overload can be studied. Nothing when it is left out.
    pub service: Option<Service>,
    /// `room` and `whip-whep`: a server of one's own that the run starts and stops.
    pub process: Option<Process>,
}

/// What packets cost a simulated SFU.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Service {
    /// Time of one core for each datagram taken in and each one sent, "0s" to "100ms".
    pub per_packet: String,
    /// Cores; a room lives on one of them.
    #[schemars(extend("default" = 1))]
    pub cores: Option<u32>,
    /// Work that may wait for a core, "1ms" to "10s"; what comes beyond it is dropped.
    #[schemars(extend("default" = "100ms"))]
    pub queue: Option<String>,
}

/// Credentials.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Auth {
    /// `Authorization: Bearer`.
    pub kind: AuthKind,
    /// The token, with `{room}` and `{participant}`. Better not here: see `token_env`.
    pub token: Option<String>,
    /// The environment variable that holds the token.
    pub token_env: Option<String>,
}

/// The kind of credentials.
#[derive(JsonSchema, Debug)]
#[schemars(rename_all = "kebab-case")]
pub enum AuthKind {
    /// A bearer token.
    Bearer,
}

/// How a WHIP and WHEP server deviates.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Quirks {
    /// Whether candidates gathered late may be sent by PATCH; otherwise all of them stand in the offer.
    #[schemars(extend("default" = false))]
    pub trickle: Option<bool>,
    /// Whether `DELETE` exists.
    #[schemars(extend("default" = true))]
    pub delete: Option<bool>,
    /// Statuses of a WHEP POST that mean "not yet live".
    #[schemars(extend("default" = [404, 409]))]
    pub not_live: Option<Vec<u16>>,
    /// First pause before asking again for what is not yet live, "50ms" to "5s"; it doubles up to 5 s.
    #[schemars(extend("default" = "500ms"))]
    pub retry_after: Option<String>,
    /// Whether the server wants `a=setup:active` in offers.
    #[schemars(extend("default" = false))]
    pub offer_active: Option<bool>,
}

/// What is expected of ICE.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Ice {
    /// "lite-ok": an ICE-lite server is welcome.
    #[schemars(extend("default" = "lite-ok", "enum" = ["lite-ok"]))]
    pub mode: Option<String>,
    /// "never": TURN is not built yet.
    #[schemars(extend("default" = "never", "enum" = ["never"]))]
    pub relay: Option<String>,
    /// STUN servers: not built yet, so empty.
    #[schemars(length(max = 0), extend("default" = []))]
    pub stun: Option<Vec<String>>,
}

/// A server of one's own.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Process {
    /// Program and arguments.
    #[schemars(length(min = 1))]
    pub cmd: Vec<String>,
    /// How it says that it is up; without it, it is taken to be up at once.
    pub ready: Option<Ready>,
    /// What is sampled of it: always both.
    #[schemars(extend("default" = ["cpu", "rss"]))]
    pub sample: Option<Vec<String>>,
}

/// How a process says that it is up.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Ready {
    /// Up when this URL answers with a 2xx status.
    pub http: String,
    /// How long that may take.
    #[schemars(extend("default" = "10s"))]
    pub timeout: Option<String>,
}

/// What publishers send.
#[derive(JsonSchema, Debug)]
#[schemars(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Media {
    /// Sound.
    Audio {
        /// The codec.
        #[schemars(extend("default" = "opus", "enum" = ["opus"]))]
        codec: Option<String>,
        /// Target of the encoder; each packet carries a stamp of 49 bytes, so 20 ms packets need "21kbps".
        #[schemars(extend("default" = "32kbps"))]
        bitrate: Option<String>,
        /// Sound per packet.
        #[schemars(extend("default" = "20ms", "enum" = ["2.5ms", "5ms", "10ms", "20ms", "40ms", "60ms"]))]
        ptime: Option<String>,
        /// Whether silence is sent as updates every 400 ms only; needs `talk`, or a `speaker` of everybody who publishes it.
        #[schemars(extend("default" = false))]
        dtx: Option<bool>,
        /// In-band FEC: whether each packet brings the one before it again at a low rate, within the same bitrate.
        #[schemars(extend("default" = false))]
        fec: Option<bool>,
        /// RED: how many packets before it each packet brings again whole, besides the bitrate, where the SFU takes it.
        #[schemars(extend("default" = 0), range(max = 9))]
        red: Option<u8>,
        /// When the speaker talks; without it, all the time.
        talk: Option<Talk>,
        /// How long after its capture a frame leaves the encoder, up to "2s": what a camera and an encoder take, which delays
        /// and lip sync count.
        #[schemars(extend("default" = "0ms"))]
        encode_delay: Option<String>,
        /// Where RTP sequence numbers, RTP time, picture ids and TL0PICIDX begin: "random", or just before they "wrap" (65,530;
        /// 3 s before; 32,760; 250), so that a server must carry them over it.
        #[schemars(extend("default" = "random", "enum" = ["random", "wrap"]))]
        numbers: Option<String>,
    },
    /// Pictures, in one stream or in simulcast layers.
    Video {
        /// The codec.
        #[schemars(extend("default" = "vp8", "enum" = ["vp8", "h264", "vp9", "av1"]))]
        codec: Option<String>,
        /// Target of the encoder, as in "1.5Mbps"; must not be there with simulcast, whose layers have their
        /// own, and must be there without.
        bitrate: Option<String>,
        /// Width and height, as in "1280x720".
        size: String,
        /// Frames a second.
        #[schemars(extend("default" = 30), range(min = 0.5, max = 120.0))]
        fps: Option<f64>,
        /// Keyframes besides the first: "on-request", or the time between them.
        #[schemars(extend("default" = "on-request"))]
        gop: Option<String>,
        /// Sizes of frames.
        frame_model: Option<FrameModel>,
        /// What the encoder's rate follows: "remb" takes the smaller of its target and what receivers allow, "gcc" what a
        /// congestion controller finds the uplink to carry (transport-wide feedback, paced, with probes; "remb" where the
        /// server gives no such feedback), "fixed" keeps the target.
        #[schemars(extend("default" = "remb", "enum" = ["remb", "gcc", "fixed"]))]
        cc: Option<String>,
        /// What the picture shows.
        #[schemars(extend("default" = "camera", "enum" = ["camera"]))]
        content: Option<String>,
        /// Layers: simulcast, or within the stream; without it there is one.
        layers: Option<Layers>,
        /// Whether VP9 names what each frame refers to in its packets (flexible mode), not once in its keyframes.
        #[schemars(extend("default" = false))]
        flexible: Option<bool>,
        /// Whether packets carry the dependency descriptor in their headers, where the SFU takes it: true for AV1, false
        /// for the others unless it is written.
        dependency_descriptor: Option<bool>,
        /// Whether nothing is sent although the track is announced: a broken camera.
        #[schemars(extend("default" = false))]
        silent: Option<bool>,
        /// How long after its capture a frame leaves the encoder, up to "2s": what a camera and an encoder take, which delays
        /// and lip sync count.
        #[schemars(extend("default" = "0ms"))]
        encode_delay: Option<String>,
        /// Where RTP sequence numbers, RTP time, picture ids and TL0PICIDX begin: "random", or just before they "wrap" (65,530;
        /// 3 s before; 32,760; 250), so that a server must carry them over it.
        #[schemars(extend("default" = "random", "enum" = ["random", "wrap"]))]
        numbers: Option<String>,
    },
    /// A clip of one's own, played in a loop.
    File {
        /// What the file holds: an IVF of VP8, VP9 or AV1, a byte stream (Annex B) of H.264, an Ogg of Opus.
        #[schemars(extend("enum" = ["vp8", "vp9", "h264", "av1", "opus"]))]
        codec: String,
        /// The file, relative to the scenario, of at most 16 MiB; must not be there with `layers`, and must be there
        /// without.
        file: Option<String>,
        /// What the clip's pictures must measure (those of the largest layer); another size is refused.
        size: Option<String>,
        /// Frames a second: required for H.264, which has no times of its own; otherwise what the clip must have.
        #[schemars(range(min = 0.5, max = 120.0))]
        fps: Option<f64>,
        /// Simulcast layers, a file each, of VP8 or H.264.
        layers: Option<FileLayers>,
        /// Whether packets carry the dependency descriptor in their headers, where the SFU takes it: true for AV1, false
        /// for the others unless it is written.
        dependency_descriptor: Option<bool>,
        /// How long after its capture a frame leaves the encoder, up to "2s": what a camera and an encoder take, which delays
        /// and lip sync count.
        #[schemars(extend("default" = "0ms"))]
        encode_delay: Option<String>,
    },
    /// Messages over a data channel, which the SFU forwards to everybody who wants them (`subscribe.data`).
    Data {
        /// Bytes of a message, as in "200B" or "16KiB", from 49 (its stamp) to 64 KiB.
        message: String,
        /// Messages a second.
        #[schemars(range(min = 0.01, max = 1000.0))]
        rate: f64,
        /// Whether messages are handed on in the order in which they were sent: one that is late holds up those behind it.
        #[schemars(extend("default" = true))]
        ordered: Option<bool>,
        /// How often a message is sent again before it is given up; without this and `max_lifetime` it is never given up.
        #[schemars(range(max = 65535))]
        max_retransmits: Option<u16>,
        /// How long after it was sent a message may still be sent again, from "1ms" to "65s"; not with `max_retransmits`.
        max_lifetime: Option<String>,
    },
}

/// Layers of a clip.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct FileLayers {
    /// A stream a layer (RFC 8853).
    #[schemars(extend("enum" = ["simulcast"]))]
    pub mode: String,
    /// Names of 1 to 3 layers, the smallest picture first.
    #[schemars(length(min = 1, max = 3))]
    pub rids: Vec<String>,
    /// The file of each, relative to the scenario: from the smallest picture and rate to the largest, with the same
    /// frames at the same times, and keyframes in the same places.
    #[schemars(length(min = 1, max = 3))]
    pub files: Vec<String>,
}

/// Layers of a video.
#[derive(JsonSchema, Debug)]
#[schemars(tag = "mode", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Layers {
    /// A stream a layer (RFC 8853), from the smallest picture to the largest. Under its target the encoder drops them from
    /// the top, as libwebrtc does.
    Simulcast {
        /// Names of 1 to 3 layers, the smallest picture first, or tables of them.
        #[schemars(length(min = 1, max = 3))]
        rids: Vec<RidForm>,
        /// Temporal layers of each; more than 1 is not for H.264.
        #[schemars(extend("default" = 1), range(min = 1, max = 3))]
        temporal: Option<u8>,
    },
    /// Layers within one stream.
    Svc {
        /// The W3C's name of the mode: "L1T2" and "L1T3" are two and three temporal layers, of every codec; "L2T1" to
        /// "L3T3" and the same with "_KEY" have spatial layers too, of half the size each: VP9
        /// and AV1.
        #[schemars(regex(pattern = r"^(L1T[1-3]|L[23]T[1-3](_KEY)?)$"))]
        scalability: String,
    },
}

/// A layer's name, or a table.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum RidForm {
    /// Its name.
    Name(String),
    /// The layer.
    Layer(Layer),
}

/// A simulcast layer.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Layer {
    /// Its name: letters and digits, at most 8 (RFC 8851).
    #[schemars(regex(pattern = r"^[A-Za-z0-9]{1,8}$"))]
    pub rid: String,
    /// How much smaller its picture is a side; without it the last has the whole size, each one before it half the sides
    /// of the next.
    #[schemars(range(min = 1.0, max = 64.0))]
    pub scale: Option<f64>,
    /// Target of its encoder; without it what libwebrtc gives a picture of its size.
    pub bitrate: Option<String>,
}

/// When a speaker talks.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Talk {
    /// The model.
    #[schemars(extend("default" = "on-off", "enum" = ["on-off"]))]
    pub model: Option<String>,
    /// Length of a talk spurt, as in "exp(4s)".
    pub on: String,
    /// Length of a pause, as in "exp(8s)".
    pub off: String,
}

/// Sizes of encoded frames (RFC 8593 §6).
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct FrameModel {
    /// The model.
    #[schemars(extend("default" = "rfc8593", "enum" = ["rfc8593"]))]
    pub kind: Option<String>,
    /// Scale of the Laplace noise on a frame's size, relative to the mean.
    #[schemars(extend("default" = 0.15), range(min = 0.0, max = 1.0))]
    pub noise: Option<f64>,
    /// Size of a keyframe relative to the mean frame.
    #[schemars(extend("default" = 6.0), range(min = 1.0, max = 50.0))]
    pub key_ratio: Option<f64>,
}

/// What is expected of a metric.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Threshold {
    /// A metric of `throng metrics`.
    pub metric: String,
    /// Only samples with these labels: population, network, room (its number from 1), media, codec, phase,
    /// participant_kind, rejoin. Without `phase`: the measured window, for `join.*`, `video.ttff` and `audio.ttfa` the whole run.
    #[schemars(rename = "where")]
    pub filter: Option<BTreeMap<String, Label>>,
    /// Aggregate, operator, limit: "p95 < 2s". Aggregates: counter count, rate; ratio value, p<number> over
    /// participants; trend p<number>, min, max, mean, med, count; gauge min, max, mean, last.
    pub expect: OneOrMany<String>,
    /// Fewer samples are inconclusive; without it 72 for p95, 368 for p99, 3688 for p99.9, else 1.
    #[schemars(range(min = 1))]
    pub min_samples: Option<u32>,
    /// "fail" fails the run, "warn" is shown and decides nothing.
    #[schemars(extend("default" = "fail", "enum" = ["fail", "warn"]))]
    pub severity: Option<String>,
    /// Ends the run early when it is missed.
    pub abort: Option<Abort>,
}

/// The value of a label.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum Label {
    /// A name.
    Name(String),
    /// `rejoin`.
    Flag(bool),
    /// A room's number.
    Number(u32),
}

/// Ends the run early.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Abort {
    /// Whether a miss ends the run.
    pub on_fail: bool,
    /// Not before this time of the run.
    #[schemars(extend("default" = "0s"))]
    pub after: Option<String>,
    /// Only when it has been missed for so long.
    #[schemars(rename = "for", extend("default" = "0s"))]
    pub lasting: Option<String>,
}

/// What is written, and where.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Output {
    /// The directory, with `{name}` and `{time}`.
    #[schemars(extend("default" = "reports/{name}-{time}"))]
    pub dir: Option<String>,
    /// Artifacts; `outcome.json` is always written.
    #[schemars(extend("default" = ["html", "json", "csv", "junit", "markdown"]))]
    pub formats: Option<Vec<Format>>,
    /// One interval of the series, "100ms" to "1m".
    #[schemars(extend("default" = "1s"))]
    pub interval: Option<String>,
}

/// An artifact.
#[derive(JsonSchema, Debug)]
#[schemars(rename_all = "kebab-case")]
pub enum Format {
    /// `report.html` and the SVG files.
    Html,
    /// `outcome.json`.
    Json,
    /// `metrics.csv` and `series.csv`.
    Csv,
    /// `junit.xml`.
    Junit,
    /// `summary.md`.
    Markdown,
}
