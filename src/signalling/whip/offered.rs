//! What a session offers, and whether the answer grants it.
//!
//! WHIP and WHEP carry one MediaStream with at most one track a kind (RFC 9725 §4.4), and know no partial answers: a
//! kind that the server refuses is a failure, never a quiet half of what the plan asks for.

use crate::conference::numbering::{codecs, descriptor_extension, extensions, with_red};
use crate::conference::{Cause, MediaKind, ReceiveParameters, SendParameters, Setup, TransportParameters};
use crate::sdp::{Answer, OfferSpec, offer};
use std::collections::BTreeMap;

/// The offer of a publisher.
pub(super) fn to_publish(transport: TransportParameters, send: Vec<SendParameters>) -> Result<OfferSpec, String> {
    if send.is_empty() {
        return Err("a WHIP session needs something to publish".to_owned());
    }
    for kind in [MediaKind::Audio, MediaKind::Video] {
        let mut of_kind = send.iter().filter(|stream| stream.codec.codec.kind() == kind);
        if let (Some(first), Some(second)) = (of_kind.next(), of_kind.next()) {
            return Err(format!(
                "WHIP carries one {} track, and both {} and {} are published; give each participant one of them",
                name(kind),
                first.media,
                second.media
            ));
        }
    }
    Ok(OfferSpec { session_id: session_id(&transport), transport, send, receive: Vec::new() })
}

/// The offer of a viewer: every codec of each kind, since only the server knows what is published.
pub(super) fn to_play(transport: TransportParameters, kinds: &[MediaKind]) -> Result<OfferSpec, String> {
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return Err("a WHEP session needs something to play".to_owned());
    }
    let receive = kinds.iter().enumerate().map(|(index, &kind)| ReceiveParameters {
        track: None,
        kind,
        mid: Some(index.to_string()),
        codecs: codecs(kind).into_iter().map(with_red).collect(),
        ssrc: None,
        rtx_ssrc: None,
        extensions: read(kind),
    });
    Ok(OfferSpec { session_id: session_id(&transport), receive: receive.collect(), transport, send: Vec::new() })
}

/// The header extensions that a viewer reads.
fn read(kind: MediaKind) -> BTreeMap<u8, String> {
    extensions(kind).into_iter().chain((kind == MediaKind::Video).then(descriptor_extension)).collect()
}

/// The offer as text. With `trickle` the candidates follow by PATCH, and the offer says so.
pub(super) fn text(spec: &OfferSpec, trickle: bool) -> String {
    if !trickle {
        return offer(spec);
    }
    let transport = TransportParameters { candidates: Vec::new(), ..spec.transport.clone() };
    offer(&OfferSpec { transport, ..spec.clone() })
        .replace("a=end-of-candidates\r\n", "")
        .replace("a=extmap-allow-mixed\r\n", "a=extmap-allow-mixed\r\na=ice-options:trickle\r\n")
}

/// Kind and mid of the first section, under which candidates are trickled.
pub(super) fn first_section(spec: &OfferSpec) -> (&'static str, String) {
    let sent = spec.send.first().map(|stream| (name(stream.codec.codec.kind()), stream.mid.clone()));
    let received = || spec.receive.first().map(|stream| (name(stream.kind), stream.mid.clone().unwrap_or_default()));
    sent.or_else(received).expect("an offer has a section: both kinds of offer refuse to be empty")
}

/// Whether the answer grants what was offered.
pub(super) fn check(spec: &OfferSpec, answer: Answer) -> Result<Answer, (Cause, String)> {
    if spec.transport.setup == Setup::Active && answer.transport.setup == Setup::Active {
        let detail = "the answer says a=setup:active to an offer that did so too".to_owned();
        return Err((Cause::SignalSetup, detail));
    }
    if answer.rejected.is_empty() {
        return Ok(answer);
    }
    let refused: Vec<String> = answer.rejected.iter().map(|mid| described(spec, mid)).collect();
    Err((Cause::Config, format!("the server refused {}", refused.join(" and "))))
}

fn described(spec: &OfferSpec, mid: &str) -> String {
    let sent = spec.send.iter().find(|stream| stream.mid == mid);
    match (sent, spec.receive.iter().find(|stream| stream.mid.as_deref() == Some(mid))) {
        (Some(stream), _) => format!("{} ({})", stream.media, stream.codec.codec.name()),
        (None, Some(stream)) => {
            let codecs: Vec<_> = stream.codecs.iter().map(|codec| codec.codec.name()).collect();
            format!("to send {} as {}", name(stream.kind), codecs.join(" or "))
        }
        (None, None) => format!("section {mid}"),
    }
}

const fn name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

/// A number for the `o=` line that differs from session to session, as the ICE credentials do.
fn session_id(transport: &TransportParameters) -> u64 {
    let half = |text: &str| u64::from(crc32fast::hash(text.as_bytes()));
    half(&transport.ufrag) << 31 | half(&transport.pwd)
}
