//! What a participant offers to send: SSRCs of its own, payload types and header extensions as [`numbering`] has them.
//!
//! [`numbering`]: crate::conference::numbering

use crate::conference::SendParameters;
use crate::conference::numbering::{codec_parameters, descriptor_extension, extensions, with_red};
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
    let ssrc = ssrc(&seed.indexed("ssrc", index as u64));
    let rtx_ssrc = codec.rtx_payload_type.map(|_| {
        let rtx = self::ssrc(&seed.indexed("rtx ssrc", index as u64));
        if rtx == ssrc { rtx ^ 1 } else { rtx }
    });
    let described = matches!(&media.source, Source::Video(video) if video.dependency_descriptor);
    SendParameters {
        media: media.name.clone(),
        mid: index.to_string(),
        codec,
        ssrc,
        rtx_ssrc,
        cname: cname.to_owned(),
        extensions: extensions(media.kind()).into_iter().chain(described.then(descriptor_extension)).collect(),
    }
}

/// An SSRC of a branch; 0 is avoided because some servers read it as "none".
fn ssrc(seed: &Seed) -> u32 {
    (seed.bits() as u32).max(1)
}
