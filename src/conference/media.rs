//! Tracks and the RTP streams that carry them, as both ends agree on them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Audio or video.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A codec that throng can publish.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 6184, packetization-mode 1.
    H264,
    /// RFC 9628.
    Vp9,
    /// RTP Payload Format for AV1, version 1.0.
    Av1,
}

impl Codec {
    /// Every codec, those of a kind in the order in which throng prefers them.
    pub const ALL: [Self; 5] = [Self::Opus, Self::Vp8, Self::H264, Self::Vp9, Self::Av1];

    /// Audio or video.
    #[must_use]
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::Vp8 | Self::H264 | Self::Vp9 | Self::Av1 => MediaKind::Video,
        }
    }

    /// RTP clock rate in Hz.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::H264 | Self::Vp9 | Self::Av1 => 90_000,
        }
    }

    /// The name in `a=rtpmap` (case as registered).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }

    /// The codec of an rtpmap encoding name, whatever its case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }
}

/// What `a=rtcp-fb` lists for a codec.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// Generic NACK (RFC 4585 §6.2.1).
    pub nack: bool,
    /// Picture loss indication (RFC 4585 §6.3.1).
    pub pli: bool,
    /// Full intra request (RFC 5104 §4.3.1).
    pub fir: bool,
    /// Receiver-estimated maximum bitrate.
    pub remb: bool,
    /// Transport-wide congestion control feedback.
    pub twcc: bool,
}

/// A codec with its payload types.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodecParameters {
    /// Which codec.
    pub codec: Codec,
    /// RTP payload type, 0..=127.
    pub payload_type: u8,
    /// Payload type of its retransmissions (RFC 4588), where negotiated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx_payload_type: Option<u8>,
    /// Payload type of redundant audio (RFC 2198) whose blocks are of this codec, where negotiated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red_payload_type: Option<u8>,
    /// Who receives it has no use for Opus' in-band FEC: `useinbandfec` is 0 or absent (RFC 7587 §6.1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_fec: bool,
    /// Feedback that both sides support.
    #[serde(default)]
    pub feedback: Feedback,
}

/// The name of a track: who publishes it and which of the publisher's media it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackName {
    /// The publisher's name in the room.
    pub participant: String,
    /// The media's name, as `[media.*]` has it.
    pub media: String,
}

impl fmt::Display for TrackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.participant, self.media)
    }
}

/// One stream that we send, as agreed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendParameters {
    /// The media's name, as `[media.*]` has it.
    pub media: String,
    /// Media identification (RFC 8843), sent in the header extension where mapped.
    pub mid: String,
    /// Codec and payload types.
    pub codec: CodecParameters,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Synchronisation source of its retransmissions, where RTX was negotiated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx_ssrc: Option<u32>,
    /// RTCP canonical name.
    pub cname: String,
    /// Header extensions: URI by id (RFC 8285).
    #[serde(default, deserialize_with = "ids")]
    pub extensions: BTreeMap<u8, String>,
    /// Simulcast layers (RFC 8853), the smallest picture first, where there are any: `ssrc` and `rtx_ssrc` are then those
    /// of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<SendLayer>,
}

/// One simulcast layer of a stream that we send.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendLayer {
    /// Its name (RFC 8851), sent in the header extension where mapped.
    pub rid: String,
    /// Synchronisation source; 0 means not announced: it is known by its `rid`.
    pub ssrc: u32,
    /// Synchronisation source of its retransmissions, where RTX was negotiated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx_ssrc: Option<u32>,
    /// The most bits a second that it is sent with, where the publisher says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bitrate: Option<u64>,
}

impl SendParameters {
    /// Every source with that of its retransmissions: one a layer.
    pub fn sources(&self) -> impl Iterator<Item = (u32, Option<u32>)> + '_ {
        let only = self.layers.is_empty().then_some((self.ssrc, self.rtx_ssrc));
        only.into_iter().chain(self.layers.iter().map(|layer| (layer.ssrc, layer.rtx_ssrc)))
    }
}

/// One stream that we receive, as agreed. A server that does not announce an SSRC is matched by mid or payload type.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiveParameters {
    /// Whose track it is, where signalling says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackName>,
    /// Audio or video.
    pub kind: MediaKind,
    /// Media identification, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Codecs that may arrive.
    pub codecs: Vec<CodecParameters>,
    /// Synchronisation source, where announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    /// Synchronisation source of the retransmissions, where announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtx_ssrc: Option<u32>,
    /// Header extensions: URI by id (RFC 8285).
    #[serde(default, deserialize_with = "ids")]
    pub extensions: BTreeMap<u8, String>,
}

/// Keys of JSON objects are text, and inside a tagged enum serde does not turn them into numbers by itself.
fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u8, String>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let number = |id: String| id.parse().map_err(|_| D::Error::custom(format!("{id} is no id of a header extension")));
    texts.into_iter().map(|(id, uri)| Ok((number(id)?, uri))).collect()
}

#[cfg(test)]
mod tests {
    use crate::conference::protocol::ServerMessage;

    #[test]
    fn streams_survive_the_room_protocol() {
        let text = r#"{"type":"subscribed","streams":[{"kind":"audio","codecs":[],"extensions":{"4":"mid"}}]}"#;
        let message: ServerMessage = serde_json::from_str(text).expect("of the protocol");
        assert_eq!(serde_json::to_string(&message).expect("serialises"), text);
        let bad = text.replace("\"4\"", "\"300\"");
        assert!(serde_json::from_str::<ServerMessage>(&bad).is_err());
    }
}
