//! A session description as facts: one transport, and sections in the order of their m-lines.
//!
//! Parsing is total: lines that say nothing to us are passed over, and only what a connection cannot do without is an
//! error. All sections of a bundle share the transport of the first one that is not rejected (RFC 9143 §7.3).

use super::SdpError;
use crate::conference::{Codec, CodecParameters, Feedback, MediaKind, Setup, TransportParameters};
use sdp_types::{Attribute, Media, Session};
use std::collections::BTreeMap;

/// Direction of a section, seen from who wrote it (RFC 8866 §6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both ways; also what no attribute means.
    #[default]
    SendRecv,
    /// From who wrote it.
    SendOnly,
    /// Towards who wrote it.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether who wrote it sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether who wrote it receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// What an offer or an answer says.
#[derive(Clone, PartialEq, Debug)]
pub struct Description {
    /// The bundle's transport. `setup` is as written, `actpass` when the line is missing (RFC 8842 §5.2).
    pub transport: TransportParameters,
    /// One entry an m-line, in order, the unusable ones included.
    pub sections: Vec<Section>,
}

/// One m-line.
#[derive(Clone, PartialEq, Debug)]
pub struct Section {
    /// `audio`, `video`, `application`, or whatever stands there.
    pub media: String,
    /// Transport protocol as written.
    pub protocol: String,
    /// Formats as written.
    pub formats: String,
    /// Media identification; the index of the section where there is no `a=mid`.
    pub mid: String,
    /// Whether its port is zero without being bundle-only.
    pub rejected: bool,
    /// Direction, seen from who wrote it.
    pub direction: Direction,
    /// The codecs that throng knows, in order of preference; H.264 of every packetization mode.
    pub codecs: Vec<CodecParameters>,
    /// Format parameters by payload type.
    pub format_parameters: BTreeMap<u8, String>,
    /// Header extensions: URI by id.
    pub extensions: BTreeMap<u8, String>,
    /// The stream's source, where announced.
    pub ssrc: Option<u32>,
    /// The source of its retransmissions, where announced.
    pub rtx_ssrc: Option<u32>,
    /// RTCP canonical name, where announced.
    pub cname: Option<String>,
    /// MediaStream id and track id, where announced.
    pub msid: Option<(String, String)>,
    /// Simulcast layers (RFC 8853), of alternatives the first.
    pub simulcast: Simulcast,
}

/// Names of simulcast layers, seen from who wrote them, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Simulcast {
    /// Those that it sends.
    pub send: Vec<String>,
    /// Those that it receives.
    pub receive: Vec<String>,
}

impl Section {
    /// Audio or video; `None` for anything else.
    #[must_use]
    pub fn kind(&self) -> Option<MediaKind> {
        match self.media.as_str() {
            "audio" => Some(MediaKind::Audio),
            "video" => Some(MediaKind::Video),
            _ => None,
        }
    }

    /// The payload types under which `codec` is listed, the best first: H.264 needs packetization-mode 1 (RFC 6184
    /// §8.1), and its constrained baseline profile comes before the others; so do profile 0 of VP9
    /// (RFC 9628 §6) and the main profile of AV1.
    #[must_use]
    pub fn codec(&self, codec: Codec) -> Option<&CodecParameters> {
        let rank = |parameters: &CodecParameters| {
            let format = self.format_parameters.get(&parameters.payload_type).map_or("", String::as_str).to_lowercase();
            let mode = codec != Codec::H264 || format.contains("packetization-mode=1");
            let profile = match codec {
                Codec::H264 => format.contains("profile-level-id=42e0"),
                Codec::Vp9 => !format.contains("profile-id=") || format.contains("profile-id=0"),
                Codec::Av1 => !format.split(';').any(|pair| matches!(pair.trim(), "profile=1" | "profile=2")),
                Codec::Opus | Codec::Vp8 => true,
            };
            (!mode, !profile)
        };
        self.codecs.iter().filter(|parameters| parameters.codec == codec).min_by_key(|parameters| rank(parameters))
    }
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// When the text is no session description, no audio or video section is left, or ICE credentials or a fingerprint
    /// are missing.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let session = Session::parse(text.as_bytes()).map_err(|error| SdpError::Syntax(error.to_string()))?;
        let sections: Vec<Section> =
            session.medias.iter().enumerate().map(|(index, media)| section(index, media)).collect();
        let first = sections.iter().position(|section| !section.rejected && section.kind().is_some());
        let first = first.ok_or(SdpError::NoMedia)?;
        let transport = transport(&session, first)?;
        Ok(Self { transport, sections })
    }
}

fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    values(attributes, name).next()
}

fn values<'a>(attributes: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |a| a.attribute == name).filter_map(|a| a.value.as_deref()).map(str::trim)
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|a| a.attribute == name)
}

fn transport(session: &Session, first: usize) -> Result<TransportParameters, SdpError> {
    let own = &session.medias[first].attributes;
    let either = |name: &'static str| {
        value(own, name).or_else(|| value(&session.attributes, name)).ok_or(SdpError::Missing(name))
    };
    let setup = match either("setup") {
        Err(_) | Ok("actpass") => Setup::Actpass,
        Ok("active") => Setup::Active,
        Ok("passive") => Setup::Passive,
        Ok(other) => return Err(SdpError::Setup(other.to_owned())),
    };
    let mut candidates = candidates(own);
    if candidates.is_empty() {
        candidates = session
            .medias
            .iter()
            .map(|m| self::candidates(&m.attributes))
            .find(|c| !c.is_empty())
            .unwrap_or(candidates_of_session(session));
    }
    Ok(TransportParameters {
        ufrag: either("ice-ufrag")?.to_owned(),
        pwd: either("ice-pwd")?.to_owned(),
        fingerprint: fingerprint(own)
            .or_else(|| fingerprint(&session.attributes))
            .ok_or(SdpError::Missing("fingerprint"))?,
        setup,
        ice_lite: has(&session.attributes, "ice-lite"),
        candidates,
    })
}

fn candidates_of_session(session: &Session) -> Vec<String> {
    candidates(&session.attributes)
}

/// UDP candidates of component 1, each once.
fn candidates(attributes: &[Attribute]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for value in values(attributes, "candidate") {
        if is_usable_candidate(value) {
            let line = format!("candidate:{value}");
            if !found.contains(&line) {
                found.push(line);
            }
        }
    }
    found
}

/// Whether the value of an `a=candidate` line is a UDP candidate of component 1 (rtcp-mux leaves no other).
pub(super) fn is_usable_candidate(value: &str) -> bool {
    let mut words = value.split_ascii_whitespace().skip(1);
    words.next() == Some("1") && words.next().is_some_and(|transport| transport.eq_ignore_ascii_case("udp"))
}

/// The fingerprint that both str0m and we can check: sha-256, else sha-1, else whatever there is.
fn fingerprint(attributes: &[Attribute]) -> Option<String> {
    let rank = |line: &&str| match line.split_ascii_whitespace().next() {
        Some(hash) if hash.eq_ignore_ascii_case("sha-256") => 0,
        Some(hash) if hash.eq_ignore_ascii_case("sha-1") => 1,
        _ => 2,
    };
    values(attributes, "fingerprint").min_by_key(rank).map(str::to_owned)
}

fn section(index: usize, media: &Media) -> Section {
    let attributes = &media.attributes;
    let direction = [Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
        .into_iter()
        .find(|direction| has(attributes, direction.name()))
        .unwrap_or_default();
    let format_parameters = format_parameters(attributes);
    let (ssrc, rtx_ssrc) = sources(attributes);
    let cname = values(attributes, "ssrc").find_map(|line| line.split_once(" cname:").map(|(_, name)| name.to_owned()));
    Section {
        media: media.media.clone(),
        protocol: media.proto.clone(),
        formats: media.fmt.clone(),
        mid: value(attributes, "mid").map_or_else(|| index.to_string(), str::to_owned),
        rejected: media.port == 0 && !has(attributes, "bundle-only"),
        direction,
        codecs: codecs(media, &format_parameters),
        format_parameters,
        extensions: values(attributes, "extmap").filter_map(extension).collect(),
        ssrc,
        rtx_ssrc,
        cname,
        msid: msid(attributes),
        simulcast: simulcast(attributes),
    }
}

fn format_parameters(attributes: &[Attribute]) -> BTreeMap<u8, String> {
    let pairs = values(attributes, "fmtp").filter_map(|line| {
        let (payload_type, parameters) = line.split_once(' ')?;
        Some((payload_type.parse().ok()?, parameters.trim().to_owned()))
    });
    pairs.collect()
}

/// `12[/direction] URI [attributes]` (RFC 8285 §8).
fn extension(line: &str) -> Option<(u8, String)> {
    let mut words = line.split_ascii_whitespace();
    let id = words.next()?.split('/').next()?.parse().ok().filter(|id| *id > 0)?;
    Some((id, words.next()?.to_owned()))
}

/// The primary source and its retransmissions: the FID group (RFC 5576 §4.2), else the first source.
fn sources(attributes: &[Attribute]) -> (Option<u32>, Option<u32>) {
    let group = values(attributes, "ssrc-group").find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("FID")).then(|| (number(words.next()), number(words.next())))
    });
    match group {
        Some((Some(primary), rtx)) => (Some(primary), rtx),
        _ => (values(attributes, "ssrc").find_map(|line| number(line.split_ascii_whitespace().next())), None),
    }
}

fn number(word: Option<&str>) -> Option<u32> {
    word?.parse().ok().filter(|ssrc| *ssrc != 0)
}

fn msid(attributes: &[Attribute]) -> Option<(String, String)> {
    let own = value(attributes, "msid");
    let of_source = || values(attributes, "ssrc").find_map(|line| line.split_once(" msid:").map(|(_, ids)| ids));
    let mut words = own.or_else(of_source)?.split_ascii_whitespace();
    let stream = words.next()?;
    Some((stream.to_owned(), words.next().unwrap_or(stream).to_owned()))
}

/// `a=simulcast:send q;h,x;~f recv a` (RFC 8853 §5.1): `;` between layers, `,` between alternatives, `~` before one that is
/// paused at first.
fn simulcast(attributes: &[Attribute]) -> Simulcast {
    let mut found = Simulcast::default();
    let mut words = value(attributes, "simulcast").unwrap_or_default().split_ascii_whitespace();
    while let (Some(direction), Some(list)) = (words.next(), words.next()) {
        let first = |layer: &str| layer.split(',').next().unwrap_or_default().trim_start_matches('~').to_owned();
        let rids = list.split(';').map(first).filter(|rid| !rid.is_empty()).collect();
        match direction {
            "send" => found.send = rids,
            "recv" => found.receive = rids,
            _ => {}
        }
    }
    found
}

/// Whether the format parameters of Opus say that in-band FEC is of use (RFC 7587 §6.1).
fn uses_fec(parameters: &str) -> bool {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.any(|(name, value)| name.trim().eq_ignore_ascii_case("useinbandfec") && value.trim() == "1")
}

fn codecs(media: &Media, format_parameters: &BTreeMap<u8, String>) -> Vec<CodecParameters> {
    let attributes = &media.attributes;
    let names: BTreeMap<u8, &str> = values(attributes, "rtpmap")
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(payload_type, name)| Some((payload_type.parse().ok()?, name.trim())))
        .collect();
    let listed = media.fmt.split_ascii_whitespace().filter_map(|word| word.parse::<u8>().ok()).filter(|pt| *pt < 128);
    let known = listed.filter_map(|payload_type| {
        let codec = codec_of(names.get(&payload_type)?)?;
        let rtx_payload_type = names
            .iter()
            .filter(|(_, name)| name.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("rtx/")))
            .map(|(rtx, _)| *rtx)
            .find(|rtx| *rtx < 128 && format_parameters.get(rtx).and_then(|text| apt(text)) == Some(payload_type));
        // `red/48000/2` with the payload types of its blocks (RFC 2198 §5): ours are all of one.
        let red_payload_type = names
            .iter()
            .filter(|(_, name)| name.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("red/")))
            .map(|(red, _)| *red)
            .filter(|_| codec.kind() == MediaKind::Audio)
            .find(|red| *red < 128 && format_parameters.get(red).is_some_and(|text| is_of(text, payload_type)));
        let feedback = feedback(attributes, payload_type);
        let uses_fec = || format_parameters.get(&payload_type).is_some_and(|text| uses_fec(text));
        let without_fec = codec == Codec::Opus && !uses_fec();
        Some(CodecParameters { codec, payload_type, rtx_payload_type, red_payload_type, without_fec, feedback })
    });
    known.collect()
}

/// `opus/48000/2`, `VP8/90000`: the codec, when its clock rate is the registered one.
fn codec_of(rtpmap: &str) -> Option<Codec> {
    let mut words = rtpmap.split('/');
    let codec = Codec::from_name(words.next()?)?;
    (words.next()?.trim().parse() == Ok(codec.clock_rate())).then_some(codec)
}

/// Whether RED's format parameters name this payload type alone.
fn is_of(format: &str, payload_type: u8) -> bool {
    format.split('/').all(|block| block.trim().parse() == Ok(payload_type))
}

fn apt(format: &str) -> Option<u8> {
    format.split(';').find_map(|pair| pair.trim().strip_prefix("apt="))?.trim().parse().ok()
}

fn feedback(attributes: &[Attribute], payload_type: u8) -> Feedback {
    let mut feedback = Feedback::default();
    for line in values(attributes, "rtcp-fb") {
        let Some((who, what)) = line.split_once(' ') else { continue };
        if who != "*" && who.parse() != Ok(payload_type) {
            continue;
        }
        match what.trim() {
            "nack" => feedback.nack = true,
            "nack pli" => feedback.pli = true,
            "ccm fir" => feedback.fir = true,
            "goog-remb" => feedback.remb = true,
            "transport-cc" => feedback.twcc = true,
            _ => {}
        }
    }
    feedback
}
