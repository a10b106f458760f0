//! What publishers send, resolved from `[media.*]`; `plan` holds these.

use crate::clock::Duration;
use crate::conference::{Codec, MediaKind};
use crate::dist::Dist;
use crate::media::clip::Clip;
use crate::media::layers::{LayerPlan, MAX_LAYERS};
use crate::media::payload::MAX_PAYLOAD;
use crate::media::scalability::Scalability;
use crate::media::stamp::STAMP_LEN;
use crate::rtp::opus::Toc;
use crate::rtp::red;
use crate::rtp::vp8;
use crate::units::{Bitrate, format_duration};
use std::sync::Arc;

/// One `[media.*]`.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaPlan {
    /// Its name.
    pub name: String,
    /// Its codec.
    pub codec: Codec,
    /// Target bitrate of the codec's output, headers not counted.
    pub bitrate: Bitrate,
    /// How it is sent.
    pub sending: Sending,
    /// What depends on the kind.
    pub source: Source,
}

/// How frames leave their encoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// How long after its capture.
    pub encode_delay: Duration,
    /// Whether every number that a stream counts in begins just before it wraps; else where luck has it.
    pub near_wrap: bool,
}

impl Sending {
    /// Where sequence numbers begin near their wrap.
    pub const SEQUENCE: u64 = 65_530;
    /// Where picture ids do, and TL0PICIDX in the bits above.
    pub(super) const PICTURE: u64 = 32_760 | 250 << 16;

    /// Where RTP time begins: 3 s before its wrap, so that streams run when it comes; else where `luck` has it.
    pub(super) const fn rtp_time(self, luck: u32, clock_rate: u32) -> u32 {
        if self.near_wrap { 0u32.wrapping_sub(3 * clock_rate) } else { luck }
    }
}

impl MediaPlan {
    /// Audio or video.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    /// Its simulcast layers, the smallest picture first; none where it is sent once.
    #[must_use]
    pub fn layers(&self) -> &[LayerPlan] {
        match &self.source {
            Source::Video(video) => &video.layers,
            Source::File(file) => &file.layers,
            Source::Audio(_) => &[],
        }
    }

    /// Whether its layers are clips, which stay in step only when they are asked for keyframes together.
    #[must_use]
    pub fn keeps_step(&self) -> bool {
        matches!(&self.source, Source::File(file) if !file.layers.is_empty())
    }

    /// Whether it is sent in one stream with layers in itself (SVC).
    #[must_use]
    pub fn is_scalable(&self) -> bool {
        matches!(&self.source, Source::Video(video) if video.layers.is_empty() && video.scalability != Scalability::NONE)
    }

    /// How many sizes of picture there are to choose from: simulcast layers, or spatial layers of one stream.
    #[must_use]
    pub fn levels(&self) -> u8 {
        match &self.source {
            Source::Video(video) if video.layers.is_empty() => video.scalability.spatial,
            Source::Video(video) => video.layers.len() as u8,
            Source::File(file) => file.layers.len().max(1) as u8,
            Source::Audio(_) => 1,
        }
    }

    /// One of its layers as a media of its own.
    #[must_use]
    pub fn layer(&self, index: usize) -> Option<Self> {
        let LayerPlan { width, height, bitrate, .. } = *self.layers().get(index)?;
        let source = match &self.source {
            Source::Video(video) => Source::Video(VideoSource { width, height, layers: Vec::new(), ..video.clone() }),
            Source::File(file) => Source::File(FileSource::one(file.clips.get(index)?.clone())),
            Source::Audio(_) => return None,
        };
        Some(Self { name: self.name.clone(), codec: self.codec, bitrate, sending: self.sending, source })
    }

    /// Whether its frames carry no stamp, and a header extension (abs-capture-time) says when each was due.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        matches!(&self.source, Source::File(file) if !file.clip().is_stamped())
    }

    /// Whether its packets carry the dependency descriptor, where it was negotiated.
    #[must_use]
    pub fn is_described(&self) -> bool {
        match &self.source {
            Source::Video(video) => video.dependency_descriptor,
            Source::File(file) => file.clip().is_described(),
            Source::Audio(_) => false,
        }
    }

    /// Whether an encoder can send this exactly as it is written.
    ///
    /// # Errors
    /// A sentence that says what cannot be honoured and what to write instead, without the media's name.
    pub fn check(&self) -> Result<(), String> {
        match (&self.source, self.kind()) {
            (Source::Audio(audio), MediaKind::Audio) => audio.check(self.bitrate),
            (Source::Video(video), MediaKind::Video) => {
                video.check_streams()?;
                let layers = (0..video.layers.len()).filter_map(|index| self.layer(index));
                let mut refused = layers.filter_map(|layer| layer.check().err());
                refused.next().map_or(Ok(()), Err)?;
                if video.layers.is_empty() { video.check(self.codec, self.bitrate) } else { Ok(()) }
            }
            (Source::File(file), _) => file.check(self.codec),
            (Source::Audio(_), MediaKind::Video) | (Source::Video(_), MediaKind::Audio) => {
                Err(format!("{} is a codec of the other kind of media", self.codec.name()))
            }
        }
    }
}

/// Bytes of the smallest audio packet that carries a stamp: TOC, SILK's flags, stamp, one byte of sound.
const SMALLEST_AUDIO: u64 = 3 + STAMP_LEN as u64;
/// Bytes of an Opus frame, at most (RFC 6716 §3.2.1), and not more than one packet holds.
const LARGEST_AUDIO: u64 = if MAX_PAYLOAD < 1_275 { MAX_PAYLOAD as u64 } else { 1_275 };
/// Bytes of the smallest mean frame of video: stamp and headers, and as much again to repay keyframes from.
const SMALLEST_FRAME: f64 = 125.0;
/// Bytes of the largest keyframe: far beyond any codec's, and its packets still fit a jitter buffer.
const LARGEST_FRAME: f64 = 4e6;

impl AudioSource {
    fn check(&self, bitrate: Bitrate) -> Result<(), String> {
        if Toc::for_frame(self.ptime).is_none() {
            let ptime = format_duration(self.ptime);
            return Err(format!("an Opus packet holds 2.5, 5, 10, 20, 40 or 60 ms of sound, not {ptime}"));
        }
        let rate = |bytes: u64| Bitrate((bytes as f64 * 8.0 / self.ptime.as_secs_f64()).ceil() as u64);
        let (least, most) = (rate(SMALLEST_AUDIO), rate(LARGEST_AUDIO));
        if !(least..=most).contains(&bitrate) {
            let ptime = format_duration(self.ptime);
            return Err(format!(
                "with {ptime} of sound a packet the bitrate lies between {least} (every packet carries a stamp of {STAMP_LEN} bytes) and {most}, not {bitrate}; a longer ptime allows less"
            ));
        }
        self.check_redundancy(bitrate)?;
        match self.talk {
            Some(talk) if talk.on.mean() + talk.off.mean() < self.ptime => {
                Err("talk spurts and pauses are together shorter than a packet".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl AudioSource {
    /// Whether the redundancy fits Opus' modes and RED's headers.
    fn check_redundancy(&self, bitrate: Bitrate) -> Result<(), String> {
        let ptime = format_duration(self.ptime);
        if self.fec && Toc::for_frame(self.ptime).is_some_and(|toc| !toc.has_silk()) {
            return Err(format!(
                "in-band FEC is SILK's, and Opus codes {ptime} by CELT alone: a packet holds 10 ms or more"
            ));
        }
        let back = self.ptime.as_nanos() * u128::from(self.red) * 48 / 1_000_000;
        let block = (bitrate.bps() as f64 * self.ptime.as_secs_f64() / 8.0).ceil() as usize + 1;
        let copies = usize::from(self.red);
        let whole = copies * (block + red::HEADER_LEN) + red::PRIMARY_HEADER_LEN + block;
        if copies > 0 && (back > u128::from(red::MAX_OFFSET) || block > red::MAX_BLOCK_LEN || whole > MAX_PAYLOAD) {
            return Err(format!(
                "with red = {copies} a packet of {ptime} at {bitrate} has {whole} bytes and reaches {back} RTP units back; one holds {MAX_PAYLOAD} bytes, and RED reaches {} units",
                red::MAX_OFFSET
            ));
        }
        Ok(())
    }
}

impl FileSource {
    /// A clip in one stream.
    #[must_use]
    pub fn one(clip: Arc<Clip>) -> Self {
        Self { clips: vec![clip], layers: Vec::new() }
    }

    /// The only clip, or that of the largest picture.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn clip(&self) -> &Arc<Clip> {
        self.clips.last().expect("a file's clip")
    }

    fn check(&self, codec: Codec) -> Result<(), String> {
        let Some(first) = self.clips.first() else { return Err("there is no clip".to_owned()) };
        if let Some(other) = self.clips.iter().find(|clip| clip.codec() != codec) {
            return Err(format!("the clip is of the codec {}, not {}", other.codec().name(), codec.name()));
        }
        if self.clips.len() != self.layers.len().max(1) {
            return Err(format!("{} layers have as many clips, not {}", self.layers.len(), self.clips.len()));
        }
        check_order(&self.layers)?;
        let apart = self.clips.iter().find_map(|clip| first.keeps_step(clip).err());
        apart.map_or(Ok(()), |how| Err(format!("the clips of two layers {how}")))
    }
}

/// Whether layers stand from the smallest to the largest.
fn check_order(layers: &[LayerPlan]) -> Result<(), String> {
    if layers.len() > MAX_LAYERS {
        return Err(format!("a video has at most {MAX_LAYERS} simulcast layers, not {}", layers.len()));
    }
    let pixels = |layer: &LayerPlan| u64::from(layer.width) * u64::from(layer.height);
    let ascends = |pair: &[LayerPlan]| pixels(&pair[0]) < pixels(&pair[1]) && pair[0].bitrate < pair[1].bitrate;
    let Some(pair) = layers.windows(2).find(|pair| !ascends(pair)) else { return Ok(()) };
    let words = |layer: &LayerPlan| format!("\"{}\" ({}x{}, {})", layer.rid, layer.width, layer.height, layer.bitrate);
    Err(format!(
        "layers stand from the smallest to the largest, in pixels and in bitrate: {} does not come before {}",
        words(&pair[0]),
        words(&pair[1])
    ))
}

impl VideoSource {
    /// The lowest target that an encoder of these pictures can hold.
    #[must_use]
    pub fn smallest_bitrate(&self) -> Bitrate {
        Bitrate((SMALLEST_FRAME * 8.0 * self.fps / self.scalability.smallest()).ceil() as u64)
    }

    fn check_streams(&self) -> Result<(), String> {
        check_order(&self.layers)?;
        if !self.layers.is_empty() && self.scalability.spatial > 1 {
            return Err("a layer of simulcast has no spatial layers of its own".to_owned());
        }
        Ok(())
    }

    fn check(&self, codec: Codec, bitrate: Bitrate) -> Result<(), String> {
        let (width, height) = (self.width, self.height);
        let sides = [width, height];
        if sides.contains(&0) || sides.iter().any(|side| *side > vp8::MAX_DIMENSION) {
            return Err(format!("pictures have 1 to {} pixels a side, not {width}x{height}", vp8::MAX_DIMENSION));
        }
        if codec == Codec::H264 && sides.iter().any(|side| side % 2 == 1) {
            return Err(format!("H.264 pictures (4:2:0) have an even number of pixels a side, not {width}x{height}"));
        }
        if !(0.1..=1_000.0).contains(&self.fps) {
            return Err(format!("fps lies between 0.1 and 1000, not {}", self.fps));
        }
        if !(0.0..=2.0).contains(&self.frames.noise) {
            return Err(format!("noise lies between 0 and 2, not {}", self.frames.noise));
        }
        if !(1.0..=100.0).contains(&self.frames.key_ratio) {
            return Err(format!("key_ratio lies between 1 and 100, not {}", self.frames.key_ratio));
        }
        if self.keyframe_interval.is_some_and(|interval| interval.is_zero()) {
            return Err("a keyframe interval is longer than zero; leave it out for keyframes on request".to_owned());
        }
        self.check_layers(codec)?;
        let least = self.smallest_bitrate();
        if bitrate < least {
            let layers =
                if self.scalability == Scalability::NONE { String::new() } else { format!(" in {}", self.scalability) };
            return Err(format!(
                "at {} fps{layers} the bitrate is at least {least}, not {bitrate}; or lower the fps",
                self.fps
            ));
        }
        if bitrate.bps() as f64 / 8.0 / self.fps * self.frames.key_ratio > LARGEST_FRAME {
            return Err(format!(
                "a keyframe would be larger than {} MB; lower the bitrate or key_ratio",
                LARGEST_FRAME / 1e6
            ));
        }
        Ok(())
    }
}

impl VideoSource {
    /// Whether the codec has these layers.
    fn check_layers(&self, codec: Codec) -> Result<(), String> {
        let mode = self.scalability;
        if mode.spatial > 1 && !has_spatial_layers(codec) {
            return Err(format!("{} has no spatial layers in one stream, so no {mode}", codec.name()));
        }
        let odd = |side: u32| !side.is_multiple_of(1 << (mode.spatial - 1));
        if odd(self.width) || odd(self.height) {
            let size = format!("{}x{}", self.width, self.height);
            return Err(format!("the lower layers of {mode} are halves, and {size} cannot be halved that often"));
        }
        Ok(())
    }
}

/// Whether a codec has spatial layers in one stream.
#[must_use]
pub const fn has_spatial_layers(codec: Codec) -> bool {
    matches!(codec, Codec::Vp9 | Codec::Av1)
}

/// What depends on the kind of media.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Sound.
    Audio(AudioSource),
    /// Pictures.
    Video(VideoSource),
    /// The user's own clips, of either kind.
    File(FileSource),
}

/// A clip, or one for each simulcast layer.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSource {
    /// The only one, or those of the layers, the smallest picture first.
    pub clips: Vec<Arc<Clip>>,
    /// Simulcast layers, the smallest picture first; empty for one stream.
    pub layers: Vec<LayerPlan>,
}

/// Sound.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioSource {
    /// Sound per packet.
    pub ptime: Duration,
    /// Whether silence is sent as comfort-noise updates only (RFC 7587 §3.1.3: one every 400 ms).
    pub dtx: bool,
    /// Whether packets bring the packet before them again at a low rate (in-band FEC, RFC 6716 §2.1.7).
    pub fec: bool,
    /// How many packets before it each one brings again whole (RED, RFC 2198), where that is negotiated.
    pub red: u8,
    /// Talk spurts and pauses; `None` talks all the time.
    pub talk: Option<Talk>,
}

/// An on-off talk model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Talk {
    /// Length of a talk spurt.
    pub on: Dist,
    /// Length of a pause.
    pub off: Dist,
}

/// Pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoSource {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
    /// Keyframes besides those asked for: `None` sends the first one and then on request.
    pub keyframe_interval: Option<Duration>,
    /// Frame sizes.
    pub frames: FrameModel,
    /// What the encoder's rate follows.
    pub rate_control: RateControl,
    /// The layers of the one stream.
    pub scalability: Scalability,
    /// Whether VP9 names references in each packet (flexible mode) instead of once in a structure of its keyframes.
    pub flexible: bool,
    /// Whether packets carry the dependency descriptor, where it was negotiated.
    pub dependency_descriptor: bool,
    /// Simulcast layers, the smallest picture first; empty for one stream.
    pub layers: Vec<LayerPlan>,
    /// The publisher sends nothing although it says that it does: what a broken camera looks like from outside.
    pub silent: bool,
}

/// Sizes of encoded frames (RFC 8593 §6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameModel {
    /// Scale of the Laplace noise on a frame's size, relative to the mean (0.15 in RFC 8593).
    pub noise: f64,
    /// Size of a keyframe relative to the mean frame.
    pub key_ratio: f64,
}

/// What the encoder's rate follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateControl {
    /// The configured bitrate, whatever comes back.
    Fixed,
    /// The smaller of the configured bitrate and what REMB says.
    Remb,
    /// The smaller of the configured bitrate and what a congestion controller of ours leaves for it; REMB where the other
    /// side gives no transport-wide feedback.
    Gcc,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(codec: Codec, kbps: u64, change: impl FnOnce(&mut VideoSource)) -> Result<(), String> {
        let mut source = VideoSource {
            width: 640,
            height: 360,
            fps: 30.0,
            keyframe_interval: None,
            frames: FrameModel { noise: 0.15, key_ratio: 6.0 },
            rate_control: RateControl::Remb,
            scalability: Scalability::NONE,
            flexible: false,
            dependency_descriptor: false,
            layers: Vec::new(),
            silent: false,
        };
        change(&mut source);
        let bitrate = Bitrate::from_kbps(kbps);
        MediaPlan {
            name: "camera".to_owned(),
            codec,
            bitrate,
            sending: Sending::default(),
            source: Source::Video(source),
        }
        .check()
    }

    fn audio(codec: Codec, kbps: u64, ptime: u64, talk: Option<Talk>) -> Result<(), String> {
        let source =
            Source::Audio(AudioSource { ptime: Duration::from_millis(ptime), dtx: true, fec: false, red: 0, talk });
        MediaPlan {
            name: "mic".to_owned(),
            codec,
            bitrate: Bitrate::from_kbps(kbps),
            sending: Sending::default(),
            source,
        }
        .check()
    }

    #[test]
    fn what_an_encoder_cannot_honour_is_refused() {
        assert_eq!(video(Codec::Vp8, 30, |_| ()), Ok(()));
        assert_eq!(video(Codec::H264, 2_000, |_| ()), Ok(()));
        assert_eq!(video(Codec::Vp8, 500, |source| source.width = 641), Ok(()));
        assert_eq!(audio(Codec::Opus, 32, 20, None), Ok(()));
        let endless = Talk { on: Dist::Constant(Duration::ZERO), off: Dist::Constant(Duration::ZERO) };
        let refused = [
            video(Codec::Vp8, 29, |_| ()),
            video(Codec::Vp8, 500, |source| source.width = 0),
            video(Codec::Vp8, 500, |source| source.height = 16_384),
            video(Codec::H264, 500, |source| source.width = 641),
            video(Codec::Vp8, 500, |source| source.fps = f64::NAN),
            video(Codec::Vp8, 500, |source| source.frames.noise = -0.1),
            video(Codec::Vp8, 500, |source| source.frames.key_ratio = 0.5),
            video(Codec::Vp8, 500, |source| source.keyframe_interval = Some(Duration::ZERO)),
            video(Codec::Vp8, 500_000_000, |_| ()),
            video(Codec::Opus, 500, |_| ()),
            audio(Codec::Vp8, 32, 20, None),
            audio(Codec::Opus, 20, 20, None),
            audio(Codec::Opus, 500, 20, None),
            audio(Codec::Opus, 32, 30, None),
            audio(Codec::Opus, 32, 20, Some(endless)),
        ];
        for (index, result) in refused.into_iter().enumerate() {
            assert!(result.is_err(), "case {index}");
        }
    }
}
