//! A leg on plain str0m in RTP mode: its ICE (lite), DTLS, SRTP, RTCP, NACK and RTX, set up through the direct API from
//! structured parameters, without any SDP.
//!
//! The agent is ICE-lite (RFC 8445 §2.5): it answers checks and sends none, so nothing is ever sent to an address that
//! did not ask first. Legs speak DTLS 1.2, where dimpl as a server takes its own order of SRTP profiles (AES-GCM first).
//! Times are told as [`clock::Instant`](crate::clock::Instant) and translated through the start that the [`Maker`] was
//! given.

mod channels;

pub use super::maker::Maker;
use super::maker::{DescriptorValue, config, rtx_payload_types};
use super::nomination::Nomination;
use super::packet::{FrameReader, Packet};
use super::wall::WallClock;
use super::{LegOutput, Sent};
use crate::clock::{Duration, Instant};
use crate::conference::{Codec, Credentials, MediaKind, ReceiveParameters, SendParameters, Setup, TransportParameters};
use crate::rtp::extension::{AbsCaptureTime, AudioLevel};
use crate::rtp::ntp::Ntp;
use crate::sfu::room::{LegCommand, LegSetup, Numbers, SenderClock, StreamId, TrackId};
use crate::units::Bitrate;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use str0m::bwe::BweKind;
use str0m::channel::ChannelId;
use str0m::config::Fingerprint;
use str0m::media::{KeyframeRequestKind, Mid, Pt, Rid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc};

/// Packets kept for retransmission, a stream; at 110 packets/s over two seconds.
const RTX_PACKETS: usize = 256;

/// How long they are kept.
const RTX_AGE: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct Incoming {
    track: TrackId,
    layer: u8,
    mid: Mid,
    rid: Option<Rid>,
    ssrc: u32,
    codec: Codec,
    reader: FrameReader,
    red: Option<Pt>,
    /// The publisher's last sender report of it.
    clock: Option<SenderClock>,
}

#[derive(Debug)]
struct Outgoing {
    mid: Mid,
    ssrc: u32,
    payload_type: u8,
    /// That of redundant audio, where the subscriber takes it.
    red: Option<u8>,
    clock_rate: u32,
    nackable: bool,
}

/// One participant's transport.
#[derive(Debug)]
pub struct Leg {
    rtc: Rtc,
    start: std::time::Instant,
    local: SocketAddr,
    /// Our side of the transport, as the participant was told.
    parameters: TransportParameters,
    nomination: Nomination,
    next: std::time::Instant,
    last: std::time::Instant,
    incoming: Vec<Incoming>,
    by_ssrc: FxHashMap<u32, usize>,
    outgoing: Vec<Option<Outgoing>>,
    wall: WallClock,
    /// A bit for each payload type of retransmissions.
    rtx_payload_types: u128,
    /// Whether this side sends the ClientHello, and SCTP's INIT.
    active: bool,
    /// Data channels by SCTP stream.
    channels: Vec<(u16, ChannelId)>,
    closed: bool,
    told_closed: bool,
}

impl Leg {
    /// Opens a leg; returns it with our side of its transport.
    ///
    /// # Errors
    /// When the participant's transport cannot be used; a sentence for it.
    pub fn open(maker: &Maker, now: Instant, setup: &LegSetup) -> Result<(Self, TransportParameters), String> {
        let remote = &setup.remote;
        if remote.ice_lite {
            return Err("both sides are ICE-lite: neither would check".to_owned());
        }
        let fingerprint: Fingerprint =
            remote.fingerprint.parse().map_err(|_| "the fingerprint cannot be read".to_owned())?;
        if !(4..=256).contains(&remote.ufrag.len()) || !(22..=256).contains(&remote.pwd.len()) {
            return Err("the ICE credentials are too short or too long (RFC 8839 §5.4)".to_owned());
        }
        let start = maker.at(now);
        let mut rtc = config(maker, setup).build(start);
        let candidate = Candidate::host(maker.announced, "udp").map_err(|error| format!("no candidate: {error}"))?;
        let candidates = vec![candidate.to_sdp_string()];
        rtc.add_local_candidate(candidate);
        let active = remote.setup == Setup::Passive;
        let mut direct = rtc.direct_api();
        let credentials = direct.local_ice_credentials();
        let local = TransportParameters {
            ufrag: credentials.ufrag,
            pwd: credentials.pass,
            fingerprint: direct.local_dtls_fingerprint().to_string(),
            setup: if active { Setup::Active } else { Setup::Passive },
            ice_lite: true,
            candidates,
        };
        direct.set_ice_controlling(false);
        direct.set_remote_ice_credentials(IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() });
        direct.set_remote_fingerprint(fingerprint);
        if setup.extensions.values().any(|uri| uri == Extension::TransportSequenceNumber.as_uri()) {
            direct.enable_twcc_feedback();
        }
        direct.start_dtls(active).map_err(|error| format!("DTLS does not start: {error}"))?;
        let mut leg = Self {
            rtc,
            start: maker.start,
            local: maker.local,
            parameters: local.clone(),
            nomination: Nomination::default(),
            next: start,
            last: start,
            incoming: Vec::new(),
            by_ssrc: FxHashMap::default(),
            outgoing: Vec::new(),
            wall: WallClock::default(),
            rtx_payload_types: rtx_payload_types(&setup.codecs),
            active,
            channels: Vec::new(),
            closed: false,
            told_closed: false,
        };
        // An ICE agent that was never told the time reports no deadline.
        leg.handle_timeout(now);
        Ok((leg, local))
    }

    /// Obeys a command of the rooms; [`LegCommand::Open`] and [`LegCommand::Close`] are for whoever keeps legs.
    pub fn handle_command(&mut self, now: Instant, command: LegCommand) {
        match command {
            LegCommand::Open(_) | LegCommand::Restart(_) => {}
            LegCommand::Receive { track, parameters } => self.receive(track, &parameters),
            LegCommand::StopReceiving(track) => self.stop_receiving(track),
            LegCommand::Send { stream, parameters } => self.send(stream, &parameters),
            LegCommand::StopSending(stream) => {
                if let Some(stopped) = self.outgoing.get_mut(stream.index()).and_then(Option::take) {
                    self.rtc.direct_api().remove_media(stopped.mid);
                }
            }
            LegCommand::Keyframe { track, layer } => {
                self.with_stream_rx(track, layer, |stream| stream.request_keyframe(KeyframeRequestKind::Pli));
            }
            LegCommand::Ceiling { track, rate } => {
                // For a track in layers the source of the lowest stands for all of them.
                self.with_stream_rx(track, 0, |stream| stream.request_remb(rate.bps().into()));
            }
            // The least is what is sent anyway: padding in its place would only fill the way.
            LegCommand::Desire(rate) => self.rtc.bwe().set_bitrate(str0m::bwe::Bitrate::ZERO, rate.bps().into()),
            LegCommand::OpenChannel(channel) => self.open_channel(&channel),
            LegCommand::CloseChannel(id) => self.close_channel(id),
            LegCommand::Close => {
                if self.rtc.close().is_err() {
                    self.closed = true;
                }
            }
        }
        self.handle_timeout(now);
    }

    /// A datagram from the participant.
    pub fn handle_datagram(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        self.nomination.handle_datagram(source, datagram);
        let Ok(received) = Receive::new(Protocol::Udp, source, self.local, datagram) else { return };
        let at = self.at(now);
        if self.rtc.handle_input(Input::Receive(at, received)).is_err() {
            self.closed = true;
        }
    }

    /// Restarts ICE with the participant's new credentials; returns our side with new ones. The pair in use carries media
    /// until the participant's checks come under these (RFC 8445 §9).
    pub fn restart(&mut self, now: Instant, remote: &Credentials) -> TransportParameters {
        let local = IceCreds::new();
        let mut direct = self.rtc.direct_api();
        direct.set_local_ice_credentials(local.clone());
        direct.set_remote_ice_credentials(IceCreds { ufrag: remote.ufrag.clone(), pass: remote.pwd.clone() });
        (self.parameters.ufrag, self.parameters.pwd) = (local.ufrag, local.pass);
        self.handle_timeout(now);
        self.parameters.clone()
    }

    /// Queues one packet to the participant; [`Self::handle_timeout`] sends what is queued.
    pub fn write(&mut self, _now: Instant, stream: StreamId, numbers: Numbers, packet: &Arc<Packet>) {
        let Some(outgoing) = self.outgoing.get(stream.index()).and_then(Option::as_ref) else { return };
        let mut direct = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx(&outgoing.ssrc.into()) else { return };
        // str0m reports on no stream whose newest frame it believes to come from the future.
        let captured = packet.captured(outgoing.clock_rate).min(packet.arrival);
        let captured = self.start + Duration::from_nanos(captured.as_nanos());
        let (payload_type, payload) = packet.outward(outgoing.payload_type, outgoing.red);
        let payload = match payload {
            (Cow::Borrowed(whole), filler) if whole.len() + filler.len() == packet.payload.len() => {
                renumbered(packet, numbers)
            }
            (other, filler) => Arc::from([&*other, filler.bytes()].concat()),
        };
        let (sequence, rtp_time) = (numbers.sequence.into(), numbers.rtp_time);
        let write = RtpWrite::new(Pt::from(payload_type), sequence, rtp_time, captured, payload)
            .marker(packet.marker || numbers.marker)
            .ext_vals(written(packet, numbers))
            .nackable(outgoing.nackable);
        stream.write_rtp(write);
    }

    /// Time has passed, or packets were queued.
    pub fn handle_timeout(&mut self, now: Instant) {
        let at = self.at(now);
        if self.rtc.handle_input(Input::Timeout(at)).is_err() {
            self.closed = true;
        }
    }

    /// When to be told the time again; exact only after [`Self::poll_output`] returned `None`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let in_a_year = self.last + Duration::from_secs(31_536_000);
        (!self.told_closed && self.next < in_a_year)
            .then(|| Instant::from_nanos((self.next - self.start).as_nanos() as u64))
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<LegOutput> {
        if self.told_closed {
            return None;
        }
        while !self.closed {
            match self.rtc.poll_output() {
                Err(_) => self.closed = true,
                Ok(Output::Transmit(transmit)) => {
                    let (to, datagram) = (transmit.destination, transmit.contents);
                    let to = self.nomination.handle_transmit(to, &datagram);
                    let sent = self.classify(&datagram);
                    let datagram = Vec::from(datagram).into();
                    return Some(LegOutput::Transmit { to, datagram, sent });
                }
                Ok(Output::Event(event)) => {
                    if let Some(output) = self.translate(event) {
                        return Some(output);
                    }
                }
                Ok(Output::Timeout(at)) if self.rtc.is_alive() => {
                    self.next = at.max(self.start);
                    return None;
                }
                Ok(Output::Timeout(_)) => self.closed = true,
            }
        }
        self.told_closed = true;
        Some(LegOutput::Closed)
    }

    fn at(&mut self, now: Instant) -> std::time::Instant {
        self.last = self.start + Duration::from_nanos(now.as_nanos());
        self.last
    }

    fn classify(&self, datagram: &[u8]) -> Sent {
        let [first, second, high, low, _, _, _, _, a, b, c, d, ..] = *datagram else { return Sent::Control };
        // Second bytes from 192 to 223 are RTCP (RFC 5761 §4).
        if !(128..192).contains(&first) || (192..224).contains(&second) {
            return Sent::Control;
        }
        let (ssrc, sequence) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([high, low]));
        if (self.rtx_payload_types >> (second & 0x7f)) & 1 == 1 {
            // With the P bit it is padding alone: media is not padded.
            let padded = first & 0x20 != 0;
            return if padded { Sent::Padding { ssrc, sequence } } else { Sent::Retransmission { ssrc, sequence } };
        }
        let index = self.outgoing.iter().position(|outgoing| outgoing.as_ref().is_some_and(|o| o.ssrc == ssrc));
        let stream = index.and_then(|index| u32::try_from(index).ok()).map(StreamId);
        stream.map_or(Sent::Control, |stream| Sent::Media { stream, sequence })
    }

    fn translate(&mut self, event: Event) -> Option<LegOutput> {
        match event {
            Event::Connected => Some(LegOutput::Connected),
            Event::RtpPacket(packet) => self.packet(packet),
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, can_probe: true }) => {
                Some(LegOutput::Estimate(Bitrate(estimate.as_u64())))
            }
            Event::ChannelData(data) => {
                let (id, _) = self.channels.iter().find(|(_, channel)| *channel == data.id)?;
                Some(LegOutput::Message { id: *id, bytes: data.data })
            }
            Event::KeyframeRequest(request) => {
                let wanted = |outgoing: &Option<Outgoing>| outgoing.as_ref().is_some_and(|o| o.mid == request.mid);
                let index = self.outgoing.iter().position(wanted)?;
                Some(LegOutput::KeyframeWanted(StreamId(u32::try_from(index).ok()?)))
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) | Event::Closed => {
                self.closed = true;
                None
            }
            _ => None,
        }
    }

    fn packet(&mut self, rtp: RtpPacket) -> Option<LegOutput> {
        let ssrc = *rtp.header.ssrc;
        let index = match self.by_ssrc.get(&ssrc) {
            Some(index) => *index,
            None => self.learn(ssrc)?,
        };
        let arrival = Instant::from_nanos(rtp.timestamp.saturating_duration_since(self.start).as_nanos() as u64);
        let incoming = &mut self.incoming[index];
        if let Some(info) = rtp.last_sender_info {
            let ntp_time = info.ntp_time.duration_since(UNIX_EPOCH).unwrap_or_default();
            let ntp = Ntp::from_unix_nanos(ntp_time.as_nanos() as u64);
            if incoming.clock.is_none_or(|clock| clock.ntp != ntp) {
                let at = self.wall.handle_report(arrival, ntp);
                incoming.clock = Some(SenderClock { ntp, rtp_time: info.rtp_time.numer() as u32, at });
            }
        }
        let Incoming { track, layer, codec, .. } = *incoming;
        let values = &rtp.header.ext_vals;
        let level = values.audio_level.zip(values.voice_activity);
        let descriptor = values.user_values.get().map(|DescriptorValue(value)| value.clone());
        let frame = incoming.reader.read(&rtp.payload, rtp.header.marker, descriptor.as_deref());
        let structure = incoming.reader.structure();
        Some(LegOutput::Packet(Arc::new(Packet {
            track,
            codec,
            layer,
            sequence: *rtp.seq_no,
            marker: rtp.header.marker,
            rtp_time: rtp.header.timestamp,
            arrival,
            audio_level: level.map(|(level, voice)| AudioLevel { voice, below_overload: level.unsigned_abs() & 0x7F }),
            capture_time: values.abs_capture_time.map(captured),
            red: incoming.red == Some(rtp.header.payload_type),
            descriptor,
            structure,
            frame,
            clock: incoming.clock,
            payload: rtp.payload.into(),
        })))
    }

    /// A stream whose SSRC was not announced: str0m has matched it by its mid, of a layer by its name too.
    fn learn(&mut self, ssrc: u32) -> Option<usize> {
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_rx(&ssrc.into())?;
        let (mid, rid) = (stream.mid(), stream.rid());
        let index = self.incoming.iter().position(|incoming| (incoming.mid, incoming.rid) == (mid, rid))?;
        self.incoming[index].ssrc = ssrc;
        self.by_ssrc.insert(ssrc, index);
        Some(index)
    }

    fn receive(&mut self, track: TrackId, parameters: &SendParameters) {
        let codec = parameters.codec.codec;
        let red = parameters.codec.red_payload_type.map(Pt::from);
        let mid = Mid::from(parameters.mid.as_str());
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid, media_kind(codec.kind()));
        for (layer, (ssrc, rtx)) in parameters.sources().enumerate() {
            let rid = parameters.layers.get(layer).map(|layer| Rid::from(layer.rid.as_str()));
            if ssrc != 0 {
                let rtx = rtx.filter(|_| parameters.codec.rtx_payload_type.is_some()).map(Into::into);
                let nack = rtx.is_some() && parameters.codec.feedback.nack;
                direct.expect_stream_rx(ssrc.into(), rtx, mid, rid).suppress_nack(!nack);
                self.by_ssrc.insert(ssrc, self.incoming.len());
            }
            let reader = FrameReader::new(codec);
            self.incoming.push(Incoming { track, layer: layer as u8, mid, rid, ssrc, codec, reader, red, clock: None });
        }
    }

    fn stop_receiving(&mut self, track: TrackId) {
        let Some(stopped) = self.incoming.iter().find(|incoming| incoming.track == track) else { return };
        self.rtc.direct_api().remove_media(stopped.mid);
        self.incoming.retain(|incoming| incoming.track != track);
        let known = self.incoming.iter().enumerate().filter(|(_, incoming)| incoming.ssrc != 0);
        self.by_ssrc = known.map(|(index, incoming)| (incoming.ssrc, index)).collect();
    }

    fn send(&mut self, stream: StreamId, parameters: &ReceiveParameters) {
        let (Some(codec), Some(ssrc)) = (parameters.codecs.first(), parameters.ssrc) else { return };
        let mid = Mid::from(parameters.mid.as_deref().unwrap_or_default());
        let rtx = parameters.rtx_ssrc.map(Into::into);
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid, media_kind(parameters.kind));
        let packets = if rtx.is_some() { RTX_PACKETS } else { 1 };
        direct.declare_stream_tx(ssrc.into(), rtx, mid, None).set_rtx_cache(packets, RTX_AGE, None);
        if self.outgoing.len() <= stream.index() {
            self.outgoing.resize_with(stream.index() + 1, || None);
        }
        let (payload_type, red, clock_rate) = (codec.payload_type, codec.red_payload_type, codec.codec.clock_rate());
        let nackable = rtx.is_some();
        self.outgoing[stream.index()] = Some(Outgoing { mid, ssrc, payload_type, red, clock_rate, nackable });
    }

    fn with_stream_rx(&mut self, track: TrackId, layer: u8, act: impl FnOnce(&mut str0m::rtp::StreamRx)) {
        let place = |incoming: &&Incoming| (incoming.track, incoming.layer) == (track, layer);
        let Some(incoming) = self.incoming.iter().find(place) else { return };
        if let Some(stream) = self.rtc.direct_api().stream_rx_by_mid(incoming.mid, incoming.rid) {
            act(stream);
        }
    }
}

/// The payload under a subscriber's numbers; copied only where they differ from the publisher's.
fn renumbered(packet: &Packet, numbers: Numbers) -> Arc<[u8]> {
    match numbers.picture {
        _ if numbers.empty => Arc::default(),
        None => packet.payload.whole(),
        Some(picture) => {
            let mut payload = packet.payload.whole().to_vec();
            packet.renumber(&mut payload, picture);
            payload.into()
        }
    }
}

/// The header extensions that go on to subscribers, in str0m's words.
fn written(packet: &Packet, numbers: Numbers) -> ExtensionValues {
    let mut values = ExtensionValues {
        audio_level: packet.audio_level.map(|level| -(level.below_overload as i8)),
        voice_activity: packet.audio_level.map(|level| level.voice),
        abs_capture_time: packet.capture_time.map(|time| str0m::rtp::AbsCaptureTime {
            capture_time: UNIX_EPOCH + Duration::from_nanos(unix_nanos(time.captured)),
            clock_offset: time.clock_offset,
        }),
        ..ExtensionValues::default()
    };
    if let Some(value) = packet.described(numbers, &mut Vec::new()) {
        values.user_values.set(DescriptorValue(value.into()));
    }
    values
}

fn captured(time: str0m::rtp::AbsCaptureTime) -> AbsCaptureTime {
    let since = time.capture_time.duration_since(UNIX_EPOCH).unwrap_or_default();
    AbsCaptureTime { captured: Ntp::from_unix_nanos(since.as_nanos() as u64), clock_offset: time.clock_offset }
}

/// Nanoseconds from 1970 to a time that came out of [`captured`].
fn unix_nanos(time: Ntp) -> u64 {
    let fixed = time.0.wrapping_sub(Ntp::from_unix_nanos(0).0);
    let (seconds, fraction) = (fixed >> 32, fixed & 0xFFFF_FFFF);
    // Rounded to the nearest, so that a time survives both ways.
    seconds * 1_000_000_000 + ((fraction * 1_000_000_000 + (1 << 31)) >> 32)
}

fn media_kind(kind: MediaKind) -> str0m::media::MediaKind {
    match kind {
        MediaKind::Audio => str0m::media::MediaKind::Audio,
        MediaKind::Video => str0m::media::MediaKind::Video,
    }
}
