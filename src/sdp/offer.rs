//! The side that offers: a client that publishes (WHIP) or plays (WHEP), and what it makes of the answer.

use super::{Description, Direction, SdpError, Section, write};
use crate::conference::{
    CodecParameters, Feedback, ReceiveParameters, SendLayer, SendParameters, Setup, TransportParameters,
};
use crate::rtp::extension::ExtensionKind;
use std::collections::BTreeMap;

/// What to offer. Sections come in this order: `send` first, then `receive`; all of them share one transport, and every
/// candidate stands in the offer.
#[derive(Clone, PartialEq, Debug)]
pub struct OfferSpec {
    /// A number for the `o=` line.
    pub session_id: u64,
    /// The local transport; its `setup` (`actpass`, or `active` for servers that want that) is written as it is.
    pub transport: TransportParameters,
    /// One `sendonly` section each.
    pub send: Vec<SendParameters>,
    /// One `recvonly` section each; each has a `mid`.
    pub receive: Vec<ReceiveParameters>,
}

/// What an answer agreed to.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The server's transport; `setup` is `active` or `passive`.
    pub transport: TransportParameters,
    /// What may be sent, with the server's payload types, extensions and feedback; what it refused is left out.
    pub send: Vec<SendParameters>,
    /// What will be received; what it refused is left out.
    pub receive: Vec<ReceiveParameters>,
    /// Mids of the sections that the server refused.
    pub rejected: Vec<String>,
}

/// Writes an offer.
#[must_use]
pub fn offer(spec: &OfferSpec) -> String {
    let mids: Vec<&str> = mids(spec).collect();
    let mut session = write::session(spec.session_id, &mids, spec.transport.ice_lite);
    for stream in &spec.send {
        let rtx = stream.rtx_ssrc.is_some();
        // As browsers do: what has layers announces their names and no sources.
        let has_layers = !stream.layers.is_empty();
        let source = write::Source {
            ssrc: if has_layers { 0 } else { stream.ssrc },
            rtx_ssrc: stream.rtx_ssrc.filter(|_| !has_layers),
            cname: &stream.cname,
            stream: &stream.cname,
            track: &stream.media,
        };
        let format = [format_of(&stream.codec, rtx)];
        let kind = stream.codec.codec.kind();
        let direction = Direction::SendOnly;
        let transport = &spec.transport;
        let mut section =
            write::section(kind, &stream.mid, direction, transport, &format, &stream.extensions, Some(&source));
        let rids: Vec<&str> = stream.layers.iter().map(|layer| layer.rid.as_str()).collect();
        write::add_layers(&mut section, "send", &rids);
        session.add_media(section);
    }
    for (stream, mid) in spec.receive.iter().zip(mids.iter().skip(spec.send.len())) {
        let formats: Vec<_> = stream.codecs.iter().map(|codec| format_of(codec, true)).collect();
        let direction = Direction::RecvOnly;
        session.add_media(write::section(
            stream.kind,
            mid,
            direction,
            &spec.transport,
            &formats,
            &stream.extensions,
            None,
        ));
    }
    write::text(&session)
}

fn mids(spec: &OfferSpec) -> impl Iterator<Item = &str> {
    let received = spec.receive.iter().map(|stream| stream.mid.as_deref().unwrap_or_default());
    spec.send.iter().map(|stream| stream.mid.as_str()).chain(received)
}

fn format_of(parameters: &CodecParameters, rtx: bool) -> write::Format<'_> {
    write::Format { parameters, fmtp: write::own_format_parameters(parameters), rtx }
}

/// Reads the answer to `spec`. Sections are matched by mid, else by their place.
///
/// # Errors
/// When the text is no session description, fewer sections are answered than were offered, the transport is incomplete,
/// or `a=setup` is neither `active` nor `passive`.
pub fn parse_answer(text: &str, spec: &OfferSpec) -> Result<Answer, SdpError> {
    let description = Description::parse(text)?;
    if description.transport.setup == Setup::Actpass {
        return Err(SdpError::Setup("actpass".to_owned()));
    }
    let offered = spec.send.len() + spec.receive.len();
    let answered = description.sections.len();
    if answered < offered {
        return Err(SdpError::Sections { offered, answered });
    }
    let mut answer = Answer { transport: description.transport, send: vec![], receive: vec![], rejected: vec![] };
    for (index, mid) in mids(spec).enumerate() {
        let by_mid = description.sections.iter().find(|section| section.mid == mid);
        let section = by_mid.unwrap_or(&description.sections[index]);
        if let Some(stream) = spec.send.get(index) {
            match accepted_send(section, stream) {
                Some(stream) => answer.send.push(stream),
                None => answer.rejected.push(mid.to_owned()),
            }
        } else {
            match accepted_receive(section, &spec.receive[index - spec.send.len()]) {
                Some(stream) => answer.receive.push(stream),
                None => answer.rejected.push(mid.to_owned()),
            }
        }
    }
    Ok(answer)
}

fn accepted_send(section: &Section, offered: &SendParameters) -> Option<SendParameters> {
    if section.rejected || !section.direction.receives() {
        return None;
    }
    let same = |codec: &&CodecParameters| codec.payload_type == offered.codec.payload_type;
    let of_codec = || section.codecs.iter().filter(|codec| codec.codec == offered.codec.codec);
    let codec = agreed(of_codec().find(same).or_else(|| of_codec().next())?, &offered.codec);
    let rtx_ssrc = codec.rtx_payload_type.and(offered.rtx_ssrc);
    let extensions = common_extensions(section, &offered.extensions);
    let layers = accepted_layers(section, offered, &codec, &extensions);
    Some(SendParameters { rtx_ssrc, codec, extensions, layers, ..offered.clone() })
}

/// The layers that the server takes: none where it does not say so, or does not read their names.
fn accepted_layers(
    section: &Section,
    offered: &SendParameters,
    codec: &CodecParameters,
    extensions: &BTreeMap<u8, String>,
) -> Vec<SendLayer> {
    if !extensions.values().any(|uri| uri == ExtensionKind::Rid.uri()) {
        return Vec::new();
    }
    let taken = |layer: &&SendLayer| section.simulcast.receive.contains(&layer.rid);
    let with_rtx =
        |layer: &SendLayer| SendLayer { rtx_ssrc: codec.rtx_payload_type.and(layer.rtx_ssrc), ..layer.clone() };
    offered.layers.iter().filter(taken).map(with_rtx).collect()
}

fn accepted_receive(section: &Section, offered: &ReceiveParameters) -> Option<ReceiveParameters> {
    if section.rejected || !section.direction.sends() {
        return None;
    }
    let pairs = section.codecs.iter().filter_map(|answered| {
        let same = offered.codecs.iter().find(|codec| codec.codec == answered.codec)?;
        Some(agreed(answered, same))
    });
    let codecs: Vec<_> = pairs.collect();
    (!codecs.is_empty()).then(|| ReceiveParameters {
        track: offered.track.clone(),
        kind: offered.kind,
        mid: offered.mid.clone(),
        codecs,
        ssrc: section.ssrc,
        rtx_ssrc: section.rtx_ssrc,
        extensions: common_extensions(section, &offered.extensions),
    })
}

/// The answered payload types; retransmissions and feedback only where both sides have them.
fn agreed(answered: &CodecParameters, offered: &CodecParameters) -> CodecParameters {
    let (a, b) = (answered.feedback, offered.feedback);
    CodecParameters {
        codec: answered.codec,
        payload_type: answered.payload_type,
        rtx_payload_type: answered.rtx_payload_type.filter(|_| offered.rtx_payload_type.is_some()),
        red_payload_type: answered.red_payload_type.filter(|_| offered.red_payload_type.is_some()),
        without_fec: answered.without_fec,
        feedback: Feedback {
            nack: a.nack && b.nack,
            pli: a.pli && b.pli,
            fir: a.fir && b.fir,
            remb: a.remb && b.remb,
            twcc: a.twcc && b.twcc,
        },
    }
}

fn common_extensions(section: &Section, offered: &BTreeMap<u8, String>) -> BTreeMap<u8, String> {
    let answered = section.extensions.iter().filter(|(_, uri)| offered.values().any(|known| known == *uri));
    answered.map(|(id, uri)| (*id, uri.clone())).collect()
}
