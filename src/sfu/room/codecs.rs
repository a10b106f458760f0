//! Which payload types and header extension ids a leg uses: what the participant publishes with comes first, the
//! standard numbers fill what is left.

use crate::conference::numbering;
use crate::conference::{Codec, CodecParameters, Feedback, MediaKind, SendParameters};
use std::collections::{BTreeMap, BTreeSet};

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const ABS_CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
const DEPENDENCY_DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// The header extensions that the SFU reads or writes, with the ids that it gives them where it is free to. The last,
/// transport-wide sequence numbers, is written to subscribers only where the way to them is estimated; names of layers
/// come from publishers only.
pub const STANDARD_EXTENSIONS: [(u8, &str); 8] = [
    (1, AUDIO_LEVEL),
    (2, ABS_SEND_TIME),
    (4, MID),
    (5, ABS_CAPTURE_TIME),
    (6, DEPENDENCY_DESCRIPTOR),
    (10, RID),
    (11, REPAIRED_RID),
    (3, TRANSPORT_CC),
];

/// The payload types that the SFU uses where it is free to. Which feedback a subscriber is asked for depends on whether the
/// way to it is estimated, so none of that is in here.
#[must_use]
pub fn standard_codecs() -> [CodecParameters; Codec::ALL.len()] {
    Codec::ALL.map(|codec| {
        let usual = numbering::with_red(numbering::codec_parameters(codec));
        CodecParameters { feedback: Feedback { remb: false, twcc: false, ..usual.feedback }, ..usual }
    })
}

/// Payload types of a leg that publishes `published`; `None` when two of them contradict each other.
pub(super) fn table(published: &[SendParameters]) -> Option<Vec<CodecParameters>> {
    let mut table: Vec<CodecParameters> = Vec::new();
    for stream in published {
        if table.iter().all(|codec| !is_same_format(codec, &stream.codec)) {
            table.push(stream.codec.clone());
        }
    }
    let numbers = |codec: &CodecParameters| {
        std::iter::once(codec.payload_type).chain(codec.rtx_payload_type).chain(codec.red_payload_type)
    };
    let mut used = BTreeSet::new();
    if !table.iter().flat_map(numbers).all(|number| number < 128 && used.insert(number)) {
        return None;
    }
    let mut free = |wanted: u8| {
        let number = std::iter::once(wanted).chain(96..=127).find(|number| !used.contains(number))?;
        used.insert(number);
        Some(number)
    };
    // Who publishes no redundant audio may still be sent it.
    for codec in table.iter_mut().filter(|codec| codec.codec == Codec::Opus && codec.red_payload_type.is_none()) {
        codec.red_payload_type = free(numbering::RED);
    }
    for mut standard in standard_codecs() {
        if table.iter().any(|codec| codec.codec == standard.codec) {
            continue;
        }
        standard.payload_type = free(standard.payload_type)?;
        standard.rtx_payload_type = standard.rtx_payload_type.and_then(&mut free);
        standard.red_payload_type = standard.red_payload_type.and_then(&mut free);
        table.push(standard);
    }
    Some(table)
}

pub(super) fn is_same_format(a: &CodecParameters, b: &CodecParameters) -> bool {
    (a.codec, a.payload_type, a.rtx_payload_type) == (b.codec, b.payload_type, b.rtx_payload_type)
}

/// Header extensions of a leg that publishes `published`; `None` when two of them contradict each other.
pub(super) fn extensions(published: &[SendParameters], estimates: bool) -> Option<BTreeMap<u8, String>> {
    let mut ids: BTreeMap<u8, String> = BTreeMap::new();
    for (id, uri) in published.iter().flat_map(|stream| &stream.extensions) {
        let known = STANDARD_EXTENSIONS.iter().any(|(_, standard)| standard == uri);
        if !known {
            continue;
        }
        if ids.insert(*id, uri.clone()).is_some_and(|other| other != *uri) {
            return None;
        }
    }
    for (wanted, uri) in STANDARD_EXTENSIONS {
        // Sequence numbers that nobody asked for would only cost every packet eight bytes.
        let unasked = matches!(uri, RID | REPAIRED_RID) || uri == TRANSPORT_CC && !estimates;
        if unasked || ids.values().any(|known| known == uri) {
            continue;
        }
        // One-byte headers know the ids 1 to 14 (RFC 8285 §4.2).
        let id = std::iter::once(wanted).chain(1..=14).find(|id| !ids.contains_key(id))?;
        ids.insert(id, uri.to_owned());
    }
    Some(ids)
}

/// Of a leg's extensions, those that a subscriber's stream of `kind` carries; transport-wide numbers where the way to it is
/// estimated.
pub(super) fn downward(extensions: &BTreeMap<u8, String>, kind: MediaKind, estimates: bool) -> BTreeMap<u8, String> {
    let other = if kind == MediaKind::Audio { DEPENDENCY_DESCRIPTOR } else { AUDIO_LEVEL };
    let carried = |uri: &str| !matches!(uri, RID | REPAIRED_RID) && (estimates || uri != TRANSPORT_CC) && uri != other;
    let known = |uri: &str| STANDARD_EXTENSIONS.iter().any(|(_, standard)| *standard == uri);
    extensions.iter().filter(|(_, uri)| carried(uri) && known(uri)).map(|(id, uri)| (*id, uri.clone())).collect()
}
