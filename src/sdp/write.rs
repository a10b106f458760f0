//! The lines that offers and answers have in common, written by `sdp-types` (which strips line breaks from values).

use super::Direction;
use crate::conference::{Codec, CodecParameters, MediaKind, Setup, TransportParameters};
use sdp_types::{AddrType, Connection, Media, MediaType, NetType, Origin, Session, TransportProto};
use std::collections::BTreeMap;

/// One codec with the format parameters to write.
pub(super) struct Format<'a> {
    pub parameters: &'a CodecParameters,
    pub fmtp: Option<String>,
    pub rtx: bool,
}

/// The stream of a section that sends.
pub(super) struct Source<'a> {
    /// 0 for one that is not announced.
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub cname: &'a str,
    pub stream: &'a str,
    pub track: &'a str,
}

/// The session's lines above its sections.
pub(super) fn session(id: u64, mids: &[&str], ice_lite: bool) -> Session {
    let origin = Origin {
        username: None,
        sess_id: (id & i64::MAX as u64).to_string(),
        sess_version: 1,
        nettype: NetType::In,
        addrtype: AddrType::Ip4,
        unicast_address: "127.0.0.1".to_owned(),
    };
    let mut session = Session::new(origin, "-");
    let group = std::iter::once("BUNDLE").chain(mids.iter().copied()).collect::<Vec<_>>().join(" ");
    session.add_attribute_with_value("group", group);
    session.add_attribute_from_str("extmap-allow-mixed");
    session.add_attribute_with_value("msid-semantic", " WMS *");
    if ice_lite {
        session.add_attribute_from_str("ice-lite");
    }
    session
}

/// An audio or video section with its transport.
pub(super) fn section(
    kind: MediaKind,
    mid: &str,
    direction: Direction,
    transport: &TransportParameters,
    formats: &[Format<'_>],
    extensions: &BTreeMap<u8, String>,
    source: Option<&Source<'_>>,
) -> Media {
    let kind = match kind {
        MediaKind::Audio => MediaType::Audio,
        MediaKind::Video => MediaType::Video,
    };
    let mut list = Vec::new();
    for format in formats {
        list.push(format.parameters.payload_type.to_string());
        list.extend(format.parameters.red_payload_type.map(|pt| pt.to_string()));
        list.extend(format.rtx.then_some(format.parameters.rtx_payload_type).flatten().map(|pt| pt.to_string()));
    }
    let mut media = Media::new(kind, 9, TransportProto::UdpTlsRtpSavpf, list.join(" "));
    media.add_connection(Connection::new(NetType::In, AddrType::Ip4, "0.0.0.0"));
    media.add_attribute_with_value("rtcp", "9 IN IP4 0.0.0.0");
    add_transport(&mut media, transport);
    media.add_attribute_with_value("mid", mid);
    for (id, uri) in extensions {
        media.add_attribute_with_value("extmap", format!("{id} {uri}"));
    }
    media.add_attribute_from_str(direction.name());
    media.add_attribute_from_str("rtcp-mux");
    media.add_attribute_from_str("rtcp-rsize");
    for format in formats {
        add_format(&mut media, format);
    }
    if let Some(source) = source {
        add_source(&mut media, source);
    }
    for candidate in &transport.candidates {
        media.add_attribute_with_value("candidate", candidate.trim_start_matches("candidate:"));
    }
    media.add_attribute_from_str("end-of-candidates");
    media
}

fn add_transport(media: &mut Media, transport: &TransportParameters) {
    media.add_attribute_with_value("ice-ufrag", &transport.ufrag);
    media.add_attribute_with_value("ice-pwd", &transport.pwd);
    media.add_attribute_with_value("fingerprint", &transport.fingerprint);
    let setup = match transport.setup {
        Setup::Active => "active",
        Setup::Passive => "passive",
        Setup::Actpass => "actpass",
    };
    media.add_attribute_with_value("setup", setup);
}

fn add_format(media: &mut Media, format: &Format<'_>) {
    let CodecParameters { codec, payload_type, rtx_payload_type, red_payload_type, feedback, .. } = format.parameters;
    let channels = if *codec == Codec::Opus { "/2" } else { "" };
    media.add_attribute_with_value(
        "rtpmap",
        format!("{payload_type} {}/{}{channels}", codec.name(), codec.clock_rate()),
    );
    let listed = [
        (feedback.nack, "nack"),
        (feedback.pli, "nack pli"),
        (feedback.fir, "ccm fir"),
        (feedback.remb, "goog-remb"),
        (feedback.twcc, "transport-cc"),
    ];
    for (_, name) in listed.iter().filter(|(supported, _)| *supported) {
        media.add_attribute_with_value("rtcp-fb", format!("{payload_type} {name}"));
    }
    if let Some(fmtp) = &format.fmtp {
        media.add_attribute_with_value("fmtp", format!("{payload_type} {fmtp}"));
    }
    if let Some(red) = red_payload_type {
        media.add_attribute_with_value("rtpmap", format!("{red} red/{}{channels}", codec.clock_rate()));
        media.add_attribute_with_value("fmtp", format!("{red} {payload_type}/{payload_type}"));
    }
    if let (true, Some(rtx)) = (format.rtx, rtx_payload_type) {
        media.add_attribute_with_value("rtpmap", format!("{rtx} rtx/{}", codec.clock_rate()));
        media.add_attribute_with_value("fmtp", format!("{rtx} apt={payload_type}"));
    }
}

/// Simulcast layers by name (RFC 8853, RFC 8851), sent or received.
pub(super) fn add_layers(media: &mut Media, direction: &str, rids: &[&str]) {
    for rid in rids {
        media.add_attribute_with_value("rid", format!("{rid} {direction}"));
    }
    if !rids.is_empty() {
        media.add_attribute_with_value("simulcast", format!("{direction} {}", rids.join(";")));
    }
}

fn add_source(media: &mut Media, source: &Source<'_>) {
    let Source { ssrc, rtx_ssrc, cname, stream, track } = source;
    media.add_attribute_with_value("msid", format!("{stream} {track}"));
    if *ssrc == 0 {
        // Layers are known by their names.
        return;
    }
    if let Some(rtx) = rtx_ssrc {
        media.add_attribute_with_value("ssrc-group", format!("FID {ssrc} {rtx}"));
    }
    for ssrc in std::iter::once(ssrc).chain(rtx_ssrc) {
        media.add_attribute_with_value("ssrc", format!("{ssrc} cname:{cname}"));
        media.add_attribute_with_value("ssrc", format!("{ssrc} msid:{stream} {track}"));
    }
}

/// What throng says of a codec of its own (RFC 7587 §7; RFC 6184 §8.1: constrained baseline, level 3.1;
/// RFC 9628 §6: profile 0; AV1's format §7.2: main profile, level 3.1).
pub(super) fn own_format_parameters(parameters: &CodecParameters) -> Option<String> {
    match parameters.codec {
        Codec::Opus if parameters.without_fec => Some("minptime=10".to_owned()),
        Codec::Opus => Some("minptime=10;useinbandfec=1".to_owned()),
        Codec::Vp8 => None,
        Codec::Vp9 => Some("profile-id=0".to_owned()),
        Codec::Av1 => Some("level-idx=5;profile=0;tier=0".to_owned()),
        Codec::H264 => Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".to_owned()),
    }
}

/// The description as text.
pub(super) fn text(session: &Session) -> String {
    let mut bytes = Vec::new();
    session.write(&mut bytes).expect("writing into memory cannot fail");
    String::from_utf8(bytes).expect("every value was a string")
}
