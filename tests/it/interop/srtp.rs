//! SRTP against plain str0m, whose own SRTP does the other half: roll-over with loss and reordering around it, both ways
//! and in both DTLS roles. No socket and no waiting: both sides are machines that are told the time.

use super::now;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use str0m::media::{Frequency, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, IceCreds, Input, Rtc, RtcConfig};
use throng::clock::Instant;
use throng::conference::{Setup, TransportParameters};
use throng::rtp::{rtcp, srtp};
use throng::transport::secure::Factory;
use throng::transport::{Event, Output, Secure};

const SSRC: u32 = 7_000;
const PAYLOAD_TYPE: u8 = 96;
/// The first packet's number: roll-over comes after 136 more.
const FIRST: u64 = 65_400;
const LAST: u64 = 65_700;

/// Our transport and a plain `Rtc`, with the datagrams between them.
struct Pair {
    now: Instant,
    epoch: std::time::Instant,
    ours: Secure,
    keys: Option<Box<srtp::Session>>,
    theirs: Rtc,
    connected: bool,
    /// Sealed packets that the `Rtc` sent, RTCP among them.
    sealed: Vec<Vec<u8>>,
    /// What it opened: payload by extended sequence number.
    opened: BTreeMap<u64, Vec<u8>>,
    keyframes_wanted: usize,
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn mid() -> Mid {
    Mid::from("v")
}

impl Pair {
    /// Connected, `active` saying whether ours is the DTLS client.
    fn connected(active: bool) -> Self {
        let epoch = now();
        let factory = Factory::new(epoch).expect("crypto");
        let mut ours = Secure::new(&factory, Instant::ZERO, address(1)).expect("a transport");
        let mut config = RtcConfig::new().set_rtp_mode(true).clear_codecs();
        let video = (str0m::format::Codec::Vp8, Frequency::NINETY_KHZ);
        config.codec_config().add_config(PAYLOAD_TYPE.into(), None, video.0, video.1, None, Default::default());
        let mut theirs = config.build(epoch);
        theirs.add_local_candidate(Candidate::host(address(2), "udp").expect("a host"));
        let local = ours.local_parameters();
        theirs.add_remote_candidate(Candidate::from_sdp_string(&local.candidates[0]).expect("ours"));
        let mut direct = theirs.direct_api();
        let IceCreds { ufrag, pass } = direct.local_ice_credentials();
        let remote = TransportParameters {
            ufrag,
            pwd: pass,
            fingerprint: direct.local_dtls_fingerprint().to_string(),
            setup: if active { Setup::Passive } else { Setup::Active },
            ice_lite: false,
            candidates: vec!["candidate:1 1 udp 2130706431 127.0.0.1 2 typ host".to_owned()],
        };
        direct.set_ice_controlling(false);
        direct.set_remote_ice_credentials(IceCreds { ufrag: local.ufrag, pass: local.pwd });
        direct.set_remote_fingerprint(local.fingerprint.parse().expect("a fingerprint"));
        direct.declare_media(mid(), MediaKind::Video);
        direct.start_dtls(!active).expect("DTLS starts");
        ours.connect(Instant::ZERO, &remote, true, |_| true).expect("it connects");
        let (sealed, opened) = (Vec::new(), BTreeMap::new());
        let mut pair = Self {
            now: Instant::ZERO,
            epoch,
            ours,
            keys: None,
            theirs,
            connected: false,
            sealed,
            opened,
            keyframes_wanted: 0,
        };
        for _ in 0..500 {
            if pair.connected && pair.keys.is_some() {
                return pair;
            }
            pair.step();
        }
        panic!("they do not connect within five seconds");
    }

    /// Ten milliseconds pass.
    fn step(&mut self) {
        self.now += Duration::from_millis(10);
        self.ours.handle_timeout(self.now);
        while let Some(output) = self.ours.poll_output() {
            match output {
                Output::Datagram { bytes, .. } => self.deliver(&bytes),
                Output::Event(Event::Keys(keys)) => self.keys = Some(keys),
                Output::Event(Event::Failed(_, detail)) => panic!("{detail}"),
                Output::Event(_) => {}
            }
        }
        let at = self.at();
        self.theirs.handle_input(Input::Timeout(at)).expect("time passes");
        self.drain();
    }

    fn at(&self) -> std::time::Instant {
        self.epoch + Duration::from_nanos(self.now.as_nanos())
    }

    /// A datagram of ours reaches the `Rtc`.
    fn deliver(&mut self, datagram: &[u8]) {
        let at = self.at();
        let receive = Receive::new(Protocol::Udp, address(1), address(2), datagram).expect("a known kind");
        self.theirs.handle_input(Input::Receive(at, receive)).expect("accepted");
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.theirs.poll_output().expect("healthy") {
                str0m::Output::Timeout(_) => return,
                str0m::Output::Transmit(transmit) if transmit.contents[0] < 128 => {
                    self.ours.handle_datagram(self.now, address(2), &transmit.contents);
                }
                str0m::Output::Transmit(transmit) => self.sealed.push(transmit.contents.to_vec()),
                str0m::Output::Event(str0m::Event::Connected) => self.connected = true,
                str0m::Output::Event(str0m::Event::RtpPacket(packet)) => {
                    let before = self.opened.insert(*packet.seq_no, packet.payload.to_vec());
                    assert_eq!(before, None, "no packet comes twice");
                }
                str0m::Output::Event(str0m::Event::KeyframeRequest(request)) => {
                    assert_eq!(request.kind, KeyframeRequestKind::Pli);
                    self.keyframes_wanted += 1;
                }
                str0m::Output::Event(_) => {}
            }
        }
    }
}

fn payload(sequence: u64) -> Vec<u8> {
    [&[0x10, 0x01, 0x00, 0x00][..], &sequence.to_be_bytes(), &[7; 60]].concat()
}

fn packet(sequence: u64) -> Vec<u8> {
    let mut bytes = vec![0x80, PAYLOAD_TYPE];
    bytes.extend_from_slice(&(sequence as u16).to_be_bytes());
    bytes.extend_from_slice(&(sequence as u32).wrapping_mul(3_000).to_be_bytes());
    bytes.extend_from_slice(&SSRC.to_be_bytes());
    bytes.extend_from_slice(&payload(sequence));
    bytes
}

/// What arrives, in which order: every seventh is lost, and what is left of every group of five comes backwards. `gap`:
/// nothing of the ten numbers on either side of the roll-over arrives.
fn arrivals(gap: bool) -> Vec<u64> {
    let mut numbers: Vec<u64> = (FIRST + 1..=LAST).filter(|number| number % 7 != 0).collect();
    numbers.retain(|number| !gap || number.abs_diff(65_536) > 10);
    let mut order = vec![FIRST];
    order.extend(numbers.chunks(5).flat_map(|group| group.iter().rev().copied()));
    assert_eq!(order.iter().any(|&number| number == 65_535 || number == 65_536), !gap);
    order
}

const CASES: [(bool, bool); 4] = [(true, false), (true, true), (false, false), (false, true)];

#[test]
fn str0m_opens_what_we_seal_across_the_roll_over_with_loss_and_reordering() {
    for (active, gap) in CASES {
        let mut pair = Pair::connected(active);
        pair.theirs.direct_api().expect_stream_rx(SSRC.into(), None, mid(), None).suppress_nack(true);
        let order = arrivals(gap);
        for &sequence in &order {
            let mut bytes = packet(sequence);
            pair.keys.as_mut().expect("connected").tx.seal_rtp(&mut bytes, sequence);
            pair.deliver(&bytes);
            // A replay of a packet is refused by them as by us.
            pair.deliver(&bytes);
            pair.step();
        }
        let mut sent = order;
        sent.sort_unstable();
        assert_eq!(pair.opened.keys().copied().collect::<Vec<_>>(), sent, "active {active}, gap {gap}");
        assert!(pair.opened.iter().all(|(&sequence, bytes)| *bytes == payload(sequence)));
    }
}

#[test]
fn we_open_what_str0m_seals_across_the_roll_over_with_loss_and_reordering() {
    for (active, gap) in CASES {
        let mut pair = Pair::connected(active);
        pair.theirs.direct_api().declare_stream_tx(SSRC.into(), None, mid(), None);
        let mut sealed: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for sequence in FIRST..=LAST {
            let at = pair.at();
            let time = (sequence as u32).wrapping_mul(3_000);
            let write = RtpWrite::new(PAYLOAD_TYPE.into(), sequence.into(), time, at, payload(sequence));
            pair.theirs.direct_api().stream_tx(&SSRC.into()).expect("declared").write_rtp(write);
            pair.step();
            let is_rtp = |bytes: &Vec<u8>| !(192..224).contains(&bytes[1]);
            let sent: Vec<Vec<u8>> = pair.sealed.extract_if(.., |bytes| is_rtp(bytes)).collect();
            assert_eq!(sent.len(), 1, "one packet at a time");
            sealed.extend(sent.into_iter().map(|bytes| (sequence, bytes)));
        }
        let keys = pair.keys.as_mut().expect("connected");
        for sequence in arrivals(gap) {
            let mut bytes = sealed[&sequence].clone();
            let opened = keys.rx.open_rtp(&mut bytes).unwrap_or_else(|error| panic!("{sequence}: {error}"));
            assert_eq!(opened.sequence, sequence, "active {active}, gap {gap}");
            assert_eq!(opened.payload(&bytes), payload(sequence));
            let again = keys.rx.open_rtp(&mut sealed[&sequence].clone());
            assert_eq!(again, Err(srtp::OpenError::Replayed));
        }
        assert!(!pair.sealed.is_empty(), "str0m sends reports of its own");
        for mut report in std::mem::take(&mut pair.sealed) {
            let compound = keys.rx.open_rtcp(&mut report).expect("its SRTCP is opened");
            let is_known = |packet| !matches!(packet, rtcp::Packet::Malformed(_) | rtcp::Packet::Unknown { .. });
            assert!(rtcp::parse(compound).all(is_known), "{compound:?}");
        }
    }
}

#[test]
fn str0m_obeys_the_feedback_that_we_seal() {
    for active in [true, false] {
        let mut pair = Pair::connected(active);
        pair.theirs.direct_api().declare_stream_tx(SSRC.into(), None, mid(), None);
        let at = pair.at();
        let write = RtpWrite::new(PAYLOAD_TYPE.into(), FIRST.into(), 0, at, payload(FIRST));
        pair.theirs.direct_api().stream_tx(&SSRC.into()).expect("declared").write_rtp(write);
        pair.step();
        for asked in 1..=2 {
            let mut bytes = Vec::new();
            rtcp::write_receiver_report(&mut bytes, 9, &[]);
            rtcp::write_pli(&mut bytes, 9, SSRC);
            pair.keys.as_mut().expect("connected").tx.seal_rtcp(&mut bytes);
            pair.deliver(&bytes);
            assert_eq!(pair.keyframes_wanted, asked);
            // A changed bit anywhere, and it is nobody's.
            bytes[20] ^= 1;
            pair.deliver(&bytes);
            assert_eq!(pair.keyframes_wanted, asked);
        }
    }
}
