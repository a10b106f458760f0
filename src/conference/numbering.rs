//! The payload types and header extension ids that throng gives where it is free to: those of libwebrtc, so that captures
//! read as usual.
//!
//! Publishers, players and the reference SFU take them from here, and an answer may change any of them: they are where a
//! negotiation begins, never what it ended with.

use super::{Codec, CodecParameters, Feedback, MediaKind};
use crate::rtp::extension::ExtensionKind;
use std::collections::BTreeMap;

/// A codec under its usual payload types, with the feedback that browsers offer for it.
#[must_use]
pub fn codec_parameters(codec: Codec) -> CodecParameters {
    let video = Feedback { nack: true, pli: true, fir: true, remb: true, twcc: true };
    let (payload_type, rtx_payload_type, feedback) = match codec {
        Codec::Opus => (111, None, Feedback { twcc: true, ..Feedback::default() }),
        Codec::Vp8 => (96, Some(97), video),
        Codec::H264 => (102, Some(103), video),
        Codec::Vp9 => (98, Some(99), video),
        Codec::Av1 => (45, Some(46), video),
    };
    CodecParameters { codec, payload_type, rtx_payload_type, red_payload_type: None, without_fec: false, feedback }
}

/// The payload type of redundant audio (RFC 2198), for those who send or read it.
pub const RED: u8 = 63;

/// The same, with redundant audio where the codec is one of sound.
#[must_use]
pub fn with_red(codec: CodecParameters) -> CodecParameters {
    let red_payload_type = (codec.codec == Codec::Opus).then_some(RED);
    CodecParameters { red_payload_type, ..codec }
}

/// Every codec of a kind, in order of preference.
#[must_use]
pub fn codecs(kind: MediaKind) -> Vec<CodecParameters> {
    let of_kind = Codec::ALL.into_iter().filter(|codec| codec.kind() == kind);
    of_kind.map(codec_parameters).collect()
}

/// The header extensions offered for a kind: URI by id (RFC 8285).
#[must_use]
pub fn extensions(kind: MediaKind) -> BTreeMap<u8, String> {
    let mut kinds =
        vec![(2, ExtensionKind::AbsSendTime), (3, ExtensionKind::TransportSequence), (4, ExtensionKind::Mid)];
    if kind == MediaKind::Audio {
        kinds.push((1, ExtensionKind::AudioLevel));
    }
    kinds.into_iter().map(|(id, kind)| (id, kind.uri().to_owned())).collect()
}

/// The header extension that only those offer who send or read it: the dependency descriptor of video, with its id.
#[must_use]
pub fn descriptor_extension() -> (u8, String) {
    (6, ExtensionKind::DependencyDescriptor.uri().to_owned())
}

/// Those offered for video in simulcast layers: their names come with them (RFC 8852).
#[must_use]
pub fn layered_extensions() -> BTreeMap<u8, String> {
    let names = [(10, ExtensionKind::Rid), (11, ExtensionKind::RepairedRid)];
    let names = names.into_iter().map(|(id, kind)| (id, kind.uri().to_owned()));
    extensions(MediaKind::Video).into_iter().chain(names).collect()
}

/// The header extension that only those offer whose payloads have no stamp: when a frame was captured, with its id.
#[must_use]
pub fn capture_extension() -> (u8, String) {
    (5, ExtensionKind::AbsCaptureTime.uri().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_one_transport_carries_is_numbered_apart() {
        let codecs: Vec<_> = [MediaKind::Audio, MediaKind::Video].into_iter().flat_map(codecs).collect();
        let mut numbers: Vec<u8> =
            codecs.iter().flat_map(|codec| std::iter::once(codec.payload_type).chain(codec.rtx_payload_type)).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [45, 46, 96, 97, 98, 99, 102, 103, 111]);
        let (audio, video) = (extensions(MediaKind::Audio), extensions(MediaKind::Video));
        assert!(video.iter().all(|(id, uri)| audio.get(id) == Some(uri)), "one id means one extension on a transport");
        assert_eq!(audio.len(), video.len() + 1);
    }
}
