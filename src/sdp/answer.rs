//! The side that answers: the reference SFU, section by section as it was offered (RFC 3264 §6).

use super::{Description, Direction, Section, write};
use crate::conference::{CodecParameters, SendParameters, TransportParameters};
use sdp_types::{Media, MediaType, TransportProto};
use std::collections::BTreeMap;

/// What to answer: one entry for each section of the offer, in its order.
#[derive(Clone, PartialEq, Debug)]
pub struct AnswerSpec<'a> {
    /// A number for the `o=` line.
    pub session_id: u64,
    /// The local transport, `setup` decided, all candidates in it.
    pub transport: &'a TransportParameters,
    /// The offer.
    pub offer: &'a Description,
    /// What becomes of each section; sections without an entry are rejected.
    pub sections: &'a [Answered],
}

/// What becomes of one offered section.
#[derive(Clone, PartialEq, Debug)]
pub enum Answered {
    /// We receive it, in this codec (the offer's payload types) and with these extensions of the offer.
    Receive {
        /// The one codec that may arrive.
        codec: CodecParameters,
        /// Header extensions that we read: URI by the offer's id.
        extensions: BTreeMap<u8, String>,
        /// Names of the simulcast layers that we take; none for one stream.
        layers: Vec<String>,
    },
    /// We send this stream in it; `cname` also names the MediaStream.
    Send(SendParameters),
    /// Nothing flows.
    Rejected,
}

/// Writes an answer.
#[must_use]
pub fn answer(spec: &AnswerSpec<'_>) -> String {
    let of = |index: usize| spec.sections.get(index).unwrap_or(&Answered::Rejected);
    let bundled: Vec<&str> = spec
        .offer
        .sections
        .iter()
        .enumerate()
        .filter(|(index, section)| section.kind().is_some() && *of(*index) != Answered::Rejected)
        .map(|(_, section)| section.mid.as_str())
        .collect();
    let mut session = write::session(spec.session_id, &bundled, spec.transport.ice_lite);
    for (index, section) in spec.offer.sections.iter().enumerate() {
        session.add_media(answered(spec.transport, section, of(index)));
    }
    write::text(&session)
}

fn answered(transport: &TransportParameters, section: &Section, answered: &Answered) -> Media {
    let (Some(kind), mid) = (section.kind(), &section.mid) else { return rejected(section) };
    match answered {
        Answered::Rejected => rejected(section),
        Answered::Receive { codec, extensions, layers } => {
            let format = [format_of(section, codec, true)];
            let mut media = write::section(kind, mid, Direction::RecvOnly, transport, &format, extensions, None);
            let rids: Vec<&str> = layers.iter().map(String::as_str).collect();
            write::add_layers(&mut media, "recv", &rids);
            media
        }
        Answered::Send(stream) => {
            let source = write::Source {
                ssrc: stream.ssrc,
                rtx_ssrc: stream.rtx_ssrc,
                cname: &stream.cname,
                stream: &stream.cname,
                track: &stream.media,
            };
            let format = [format_of(section, &stream.codec, stream.rtx_ssrc.is_some())];
            write::section(kind, mid, Direction::SendOnly, transport, &format, &stream.extensions, Some(&source))
        }
    }
}

/// The offer's own format parameters are echoed, so that an H.264 profile stays the offered one (RFC 6184 §8.2.2).
fn format_of<'a>(section: &Section, parameters: &'a CodecParameters, rtx: bool) -> write::Format<'a> {
    let fmtp = section.format_parameters.get(&parameters.payload_type).cloned();
    write::Format { parameters, fmtp, rtx }
}

fn rejected(section: &Section) -> Media {
    let mut media = Media::new(MediaType::Audio, 0, TransportProto::UdpTlsRtpSavpf, &section.formats);
    media.media.clone_from(&section.media);
    media.proto.clone_from(&section.protocol);
    media.add_attribute_with_value("mid", &section.mid);
    media.add_attribute_from_str(Direction::Inactive.name());
    media
}
