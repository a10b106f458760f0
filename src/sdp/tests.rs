//! Offers and answers of real servers and browsers, our own there and back, and arbitrary text.

use super::*;
use crate::conference::{
    Codec, CodecParameters, Feedback, MediaKind, ReceiveParameters, SendLayer, SendParameters, Setup,
    TransportParameters, numbering,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn corpus() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sdp");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("fixtures exist")
        .map(|entry| entry.expect("readable").path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("text")))
        .collect();
    files.sort();
    assert!(files.len() >= 16);
    files
}

fn fixture(name: &str) -> String {
    corpus().into_iter().find(|(path, _)| path.ends_with(name)).expect("fixture exists").1
}

fn transport(setup: Setup) -> TransportParameters {
    TransportParameters {
        ufrag: "abcd".into(),
        pwd: "0123456789abcdef01234567".into(),
        fingerprint: "sha-256 AA:BB".into(),
        setup,
        ice_lite: false,
        candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host".into()],
    }
}

fn video() -> CodecParameters {
    let feedback = Feedback { nack: true, pli: true, fir: true, remb: true, twcc: true };
    CodecParameters {
        codec: Codec::Vp8,
        payload_type: 96,
        rtx_payload_type: Some(97),
        red_payload_type: None,
        without_fec: false,
        feedback,
    }
}

fn opus() -> CodecParameters {
    let feedback = Feedback { twcc: true, ..Feedback::default() };
    CodecParameters {
        codec: Codec::Opus,
        payload_type: 111,
        rtx_payload_type: None,
        red_payload_type: None,
        without_fec: false,
        feedback,
    }
}

fn stream(mid: &str, codec: CodecParameters, ssrc: u32) -> SendParameters {
    SendParameters {
        media: format!("media{mid}"),
        mid: mid.into(),
        rtx_ssrc: codec.rtx_payload_type.map(|_| ssrc + 1),
        codec,
        ssrc,
        cname: "someone".into(),
        extensions: BTreeMap::from([(4, "urn:ietf:params:rtp-hdrext:sdes:mid".into())]),
        layers: Vec::new(),
    }
}

/// What must have been offered to get such an offer.
fn spec_of(offer: &Description) -> OfferSpec {
    let mut spec = OfferSpec { session_id: 1, transport: offer.transport.clone(), send: vec![], receive: vec![] };
    for section in offer.sections.iter().filter(|section| section.kind().is_some()) {
        if section.direction.sends() {
            spec.send.push(SendParameters {
                media: section.mid.clone(),
                mid: section.mid.clone(),
                codec: section.codecs[0].clone(),
                ssrc: section.ssrc.unwrap_or(1),
                rtx_ssrc: section.rtx_ssrc,
                cname: "x".into(),
                extensions: section.extensions.clone(),
                layers: Vec::new(),
            });
        } else {
            spec.receive.push(ReceiveParameters {
                track: None,
                kind: section.kind().expect("filtered"),
                mid: Some(section.mid.clone()),
                codecs: section.codecs.clone(),
                ssrc: None,
                rtx_ssrc: None,
                extensions: section.extensions.clone(),
            });
        }
    }
    spec
}

#[test]
fn every_description_of_the_corpus_is_read() {
    for (path, text) in corpus() {
        let description = Description::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(description.sections.len() >= 2, "{path}");
        assert!(!description.transport.candidates.is_empty(), "{path}");
        assert!(description.transport.fingerprint.starts_with("sha-256 "), "{path}");
        for section in description.sections.iter().filter(|section| section.kind().is_some()) {
            assert!(!section.codecs.is_empty(), "{path}: {section:?}");
        }
    }
}

#[test]
fn every_answer_of_the_corpus_accepts_its_offer() {
    let files = corpus();
    let mut answers = 0;
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".answer.sdp")) {
        let offer = path.replace(".answer.", ".offer.");
        let offer = &files.iter().find(|(path, _)| *path == offer).expect("offer beside the answer").1;
        let spec = spec_of(&parse_offer(offer).expect("read above"));
        let answer = parse_answer(text, &spec).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(matches!(answer.transport.setup, Setup::Active | Setup::Passive), "{path}");
        assert_eq!(answer.send.len() + answer.receive.len() + answer.rejected.len(), 2, "{path}");
        assert!(answer.rejected.is_empty(), "{path}: {:?}", answer.rejected);
        answers += 1;
    }
    assert!(answers >= 6);
}

#[test]
fn a_browsers_offer_is_understood() {
    let offer = parse_offer(&fixture("cr-ans-12-active.offer.sdp")).expect("reads");
    assert_eq!(offer.transport.setup, Setup::Actpass);
    assert_eq!(offer.transport.candidates.len(), 4, "component 1 over UDP only");
    let video = &offer.sections[1];
    assert_eq!(video.kind(), Some(MediaKind::Video));
    assert_eq!((video.ssrc, video.rtx_ssrc), (Some(3_891_216_177), Some(3_289_529_455)));
    let vp8 = video.codec(Codec::Vp8).expect("offered");
    assert_eq!((vp8.payload_type, vp8.rtx_payload_type), (96, Some(97)));
    assert!(vp8.feedback.nack && vp8.feedback.pli && vp8.feedback.fir && vp8.feedback.remb && vp8.feedback.twcc);
    let h264 = video.codec(Codec::H264).expect("offered");
    assert_eq!((h264.payload_type, h264.rtx_payload_type), (108, Some(109)), "constrained baseline, mode 1");
    assert_eq!(video.extensions[&4], "urn:ietf:params:rtp-hdrext:sdes:mid");
    assert!(video.direction.sends() && !video.direction.receives());
}

#[test]
fn the_session_level_serves_what_a_section_leaves_out() {
    let answer = Description::parse(&fixture("mmx-sub.answer.sdp")).expect("reads");
    assert!(answer.transport.fingerprint.starts_with("sha-256 21:C2"));
    assert_eq!(answer.transport.candidates, ["candidate:3784189850 1 udp 2130706431 127.0.0.1 8189 typ host"]);
    assert!(Description::parse(&fixture("jan-lite-pub-actpass.answer.sdp")).expect("reads").transport.ice_lite);
}

#[test]
fn an_offer_reads_back_as_it_was_meant() {
    let receive = ReceiveParameters {
        track: None,
        kind: MediaKind::Video,
        mid: Some("2".into()),
        codecs: vec![video()],
        ssrc: None,
        rtx_ssrc: None,
        extensions: BTreeMap::new(),
    };
    let spec = OfferSpec {
        session_id: 7,
        transport: transport(Setup::Actpass),
        send: vec![stream("0", opus(), 10), stream("1", video(), 20)],
        receive: vec![receive],
    };
    let read = parse_offer(&offer(&spec)).expect("our own");
    assert_eq!(read.transport, spec.transport);
    for (section, sent) in read.sections.iter().zip(&spec.send) {
        assert_eq!(section.mid, sent.mid);
        assert_eq!(section.codecs, std::slice::from_ref(&sent.codec));
        assert_eq!((section.ssrc, section.rtx_ssrc), (Some(sent.ssrc), sent.rtx_ssrc));
        assert_eq!(section.extensions, sent.extensions);
        assert_eq!(section.cname.as_deref(), Some("someone"));
    }
    assert_eq!(read.sections[2].direction, Direction::RecvOnly);
}

#[test]
fn an_answer_echoes_the_offers_numbers() {
    let offer = parse_offer(&fixture("cr-ans-12-active.offer.sdp")).expect("reads");
    let codec = offer.sections[1].codec(Codec::H264).expect("offered").clone();
    let extensions = BTreeMap::from([(4, offer.sections[1].extensions[&4].clone())]);
    let sections = [
        Answered::Rejected,
        Answered::Receive { codec: codec.clone(), extensions: extensions.clone(), layers: vec![] },
    ];
    let local = TransportParameters { ice_lite: true, ..transport(Setup::Passive) };
    let text = answer(&AnswerSpec { session_id: 1, transport: &local, offer: &offer, sections: &sections });
    assert!(text.contains("a=group:BUNDLE 1\r\n"), "{text}");
    assert!(text.contains("profile-level-id=42e01f"), "{text}");
    let spec = spec_of(&offer);
    let spec = OfferSpec { send: vec![spec.send[0].clone(), SendParameters { codec, ..spec.send[1].clone() }], ..spec };
    let read = parse_answer(&text, &spec).expect("our own");
    assert_eq!(read.transport, local);
    assert_eq!(read.rejected, ["0"]);
    assert_eq!(read.send[0].codec.payload_type, 108);
    assert_eq!(read.send[0].extensions, extensions);
    assert_eq!(read.send[0].rtx_ssrc, spec.send[1].rtx_ssrc);
}

#[test]
fn a_played_stream_is_announced_with_its_sources() {
    let spec = OfferSpec {
        session_id: 1,
        transport: transport(Setup::Actpass),
        send: vec![],
        receive: vec![ReceiveParameters {
            track: None,
            kind: MediaKind::Video,
            mid: Some("v".into()),
            codecs: vec![video()],
            ssrc: None,
            rtx_ssrc: None,
            extensions: BTreeMap::from([(4, "urn:ietf:params:rtp-hdrext:sdes:mid".into())]),
        }],
    };
    let offered = parse_offer(&offer(&spec)).expect("our own");
    let sections = [Answered::Send(stream("v", video(), 30))];
    let local = transport(Setup::Passive);
    let text = answer(&AnswerSpec { session_id: 1, transport: &local, offer: &offered, sections: &sections });
    let read = parse_answer(&text, &spec).expect("our own");
    assert_eq!((read.receive[0].ssrc, read.receive[0].rtx_ssrc), (Some(30), Some(31)));
    assert_eq!(read.receive[0].codecs, [video()]);
}

#[test]
fn what_cannot_connect_is_refused_in_a_sentence() {
    let good = fixture("mmx-sub.answer.sdp");
    assert!(matches!(Description::parse("hello"), Err(SdpError::Syntax(_))));
    assert_eq!(Description::parse("v=0\r\ns=-\r\n"), Err(SdpError::NoMedia));
    let without = |prefix: &str| {
        good.lines().filter(|line| !line.starts_with(prefix)).map(|line| format!("{line}\r\n")).collect::<String>()
    };
    assert_eq!(Description::parse(&without("a=ice-pwd")), Err(SdpError::Missing("ice-pwd")));
    assert_eq!(Description::parse(&without("a=fingerprint")), Err(SdpError::Missing("fingerprint")));
    let odd = good.replace("a=setup:active", "a=setup:holdconn");
    assert_eq!(Description::parse(&odd), Err(SdpError::Setup("holdconn".into())));
}

#[test]
fn a_fragment_reads_back_as_it_was_written() {
    let fragment = Fragment {
        mid: Some("0".into()),
        ufrag: Some("abcd".into()),
        pwd: Some("0123456789abcdef01234567".into()),
        candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 4000 typ host".into()],
        end: true,
    };
    assert_eq!(Fragment::parse(&fragment.text("audio")), Some(fragment));
    assert_eq!(Fragment::parse("nothing of the kind"), None);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,400}") {
        let _ = Description::parse(&text);
        let _ = Fragment::parse(&text);
    }

    #[test]
    fn a_damaged_description_never_panics(at in 0usize..4000, with in "[ -~\r\n]{0,8}", cut in 0usize..60) {
        let good = fixture("cr-ans-12-active.offer.sdp");
        let (start, end) = (at.min(good.len()), (at + cut).min(good.len()));
        let damaged = format!("{}{with}{}", &good[..start], &good[end..]);
        if let Ok(offer) = parse_offer(&damaged) {
            let local = transport(Setup::Passive);
            let _ = answer(&AnswerSpec { session_id: 1, transport: &local, offer: &offer, sections: &[] });
        }
    }
}

#[test]
fn redundant_audio_is_offered_with_the_payload_type_of_its_blocks_and_found_again() {
    let red = CodecParameters { red_payload_type: Some(63), ..opus() };
    let sections = |codec: CodecParameters| {
        let transport = transport(Setup::Actpass);
        let send = vec![stream("0", codec, 5)];
        let text = offer(&OfferSpec { session_id: 1, transport, send, receive: vec![] });
        let parsed = parse_offer(&text).expect("our own").sections[0].codecs.clone();
        (text, parsed)
    };
    let (text, parsed) = sections(red.clone());
    assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 63"), "{text}");
    assert!(text.contains("a=rtpmap:63 red/48000/2") && text.contains("a=fmtp:63 111/111"), "{text}");
    assert_eq!(parsed, std::slice::from_ref(&red));
    let foreign = text.replace("a=fmtp:63 111/111", "a=fmtp:63 111/110");
    assert_eq!(parse_offer(&foreign).expect("still one").sections[0].codecs[0].red_payload_type, None);
    assert_eq!(sections(opus()).1, [opus()]);
}

#[test]
fn layers_are_offered_by_name_and_only_those_that_are_answered_are_sent() {
    let video = numbering::codec_parameters(Codec::Vp8);
    let layer = |rid: &str, ssrc| SendLayer { rid: rid.into(), ssrc, rtx_ssrc: Some(ssrc + 1), max_bitrate: None };
    let layers = vec![layer("q", 10), layer("h", 20), layer("f", 30)];
    let stream =
        SendParameters { layers, extensions: numbering::layered_extensions(), ..stream("0", video.clone(), 10) };
    let spec = OfferSpec { session_id: 1, transport: transport(Setup::Actpass), send: vec![stream], receive: vec![] };
    let text = offer(&spec);
    for line in ["a=rid:q send", "a=rid:f send", "a=simulcast:send q;h;f"] {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
    }
    assert!(!text.contains("a=ssrc:"), "layers are known by their names: {text}");
    let read = parse_offer(&text).expect("our own");
    assert_eq!(read.sections[0].simulcast.send, ["q", "h", "f"]);
    let answered = |layers: &[&str], extensions: BTreeMap<u8, String>| {
        let layers = layers.iter().map(|rid| (*rid).to_owned()).collect();
        let sections = [Answered::Receive { codec: video.clone(), extensions, layers }];
        let local = transport(Setup::Passive);
        let text = answer(&AnswerSpec { session_id: 2, transport: &local, offer: &read, sections: &sections });
        let answer = parse_answer(&text, &spec).expect("our own");
        answer.send[0].layers.iter().map(|layer| (layer.rid.clone(), layer.ssrc)).collect::<Vec<_>>()
    };
    assert_eq!(answered(&["f", "q"], numbering::layered_extensions()), [("q".into(), 10), ("f".into(), 30)]);
    assert_eq!(answered(&[], numbering::layered_extensions()), []);
    assert_eq!(answered(&["q"], numbering::extensions(MediaKind::Video)), [], "a server that cannot read their names");
}

#[test]
fn simulcast_lines_of_others_are_read() {
    let read = |line: &str| {
        let text = OFFER_LINES.replace("@", line);
        parse_offer(&text).expect("an offer").sections[0].simulcast.clone()
    };
    let rids = |rids: &[&str]| rids.iter().map(|rid| (*rid).to_owned()).collect::<Vec<_>>();
    assert_eq!(read("send 1;~2,3 recv a"), Simulcast { send: rids(&["1", "2"]), receive: rids(&["a"]) });
    assert_eq!(read("recv a;b send"), Simulcast { send: vec![], receive: rids(&["a", "b"]) });
    assert_eq!(read(""), Simulcast::default());
}

const OFFER_LINES: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef01234567\r\na=fingerprint:sha-256 AA\r\na=setup:actpass\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtpmap:96 VP8/90000\r\na=simulcast:@\r\n";

#[test]
fn an_answer_says_whether_in_band_fec_is_of_use() {
    let (transport, send) = (transport(Setup::Actpass), vec![stream("0", opus(), 5)]);
    let spec = OfferSpec { session_id: 1, transport, send, receive: vec![] };
    let text = offer(&spec);
    assert!(text.contains("a=fmtp:111 minptime=10;useinbandfec=1"), "{text}");
    for (format, without) in [
        ("minptime=10;useinbandfec=1", false),
        ("minptime=10; UseInbandFec = 1", false),
        ("useinbandfec=0", true),
        ("minptime=10", true),
        ("stereo=1;xuseinbandfec=1", true),
    ] {
        let text = text.replace("minptime=10;useinbandfec=1", format);
        let parsed = Description::parse(&text).expect("it is read");
        assert_eq!(parsed.sections[0].codecs[0].without_fec, without, "{format}");
        let local = self::transport(Setup::Passive);
        let codec = parsed.sections[0].codecs[0].clone();
        let sections = [Answered::Receive { codec, extensions: BTreeMap::new(), layers: vec![] }];
        let answered = answer(&AnswerSpec { session_id: 2, transport: &local, offer: &parsed, sections: &sections });
        let accepted = parse_answer(&answered, &spec).expect("it is read");
        assert_eq!(accepted.send[0].codec.without_fec, without, "{format}");
    }
}
