//! What a participant offers to send: SSRCs of its own (one a simulcast layer), payload types and header extensions as [`numbering`] has them.
//!
//! [`numbering`]: crate::conference::numbering

use crate::conference::numbering::{
    capture_extension, codec_parameters, descriptor_extension, extensions, layered_extensions, with_red,
};
use crate::conference::{SendLayer, SendParameters};
use crate::media::MediaPlan;
use crate::media::source::Source;
use crate::seed::Seed;

/// The parameters under which a participant called `cname` offers `media`, its `index`th publication. SSRCs come from
/// `seed`, a branch of the participant's session, so that a rejoining one has new ones.
#[must_use]
pub fn offer(media: &MediaPlan, index: usize, cname: &str, seed: &Seed) -> SendParameters {
    let repeats = matches!(&media.source, Source::Audio(audio) if audio.red > 0);
    let codec = codec_parameters(media.codec);
    let codec = if repeats { with_red(codec) } else { codec };
    let (ssrcs, rtx_ssrcs) = (seed.indexed("ssrc", index as u64), seed.indexed("rtx ssrc", index as u64));
    let sources = |ssrcs: &Seed, rtx_ssrcs: &Seed| {
        let ssrc = ssrc(ssrcs);
        let rtx_ssrc = codec.rtx_payload_type.map(|_| {
            let rtx = self::ssrc(rtx_ssrcs);
            if rtx == ssrc { rtx ^ 1 } else { rtx }
        });
        (ssrc, rtx_ssrc)
    };
    let layers = media.layers().iter().enumerate().map(|(number, layer)| {
        let number = number as u64;
        let (ssrc, rtx_ssrc) = sources(&ssrcs.indexed("layer", number), &rtx_ssrcs.indexed("layer", number));
        SendLayer { rid: layer.rid.clone(), ssrc, rtx_ssrc, max_bitrate: Some(layer.bitrate.bps()) }
    });
    let layers: Vec<SendLayer> = layers.collect();
    let first = layers.first().map(|layer| (layer.ssrc, layer.rtx_ssrc));
    let (ssrc, rtx_ssrc) = first.unwrap_or_else(|| sources(&ssrcs, &rtx_ssrcs));
    let named = if layers.is_empty() { extensions(media.kind()) } else { layered_extensions() };
    let more = [media.is_described().then(descriptor_extension), media.is_captured().then(capture_extension)];
    SendParameters {
        media: media.name.clone(),
        mid: index.to_string(),
        codec,
        ssrc,
        rtx_ssrc,
        cname: cname.to_owned(),
        extensions: named.into_iter().chain(more.into_iter().flatten()).collect(),
        layers,
    }
}

/// An SSRC of a branch; 0 is avoided because some servers read it as "none".
fn ssrc(seed: &Seed) -> u32 {
    (seed.bits() as u32).max(1)
}
