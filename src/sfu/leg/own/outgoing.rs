//! What a leg sends: streams with numbers of their own, written and sealed, and sent again when they are asked for.

use super::super::Packet;
use super::cache::Cache;
use super::extension_map;
use crate::clock::{Duration, Instant};
use crate::conference::ReceiveParameters;
use crate::media::Folded;
use crate::media::payload::Filler;
use crate::rtp::extension::{AbsSendTime, ExtensionKind, ExtensionMap, Extensions};
use crate::rtp::header::{FIXED_LEN, Header, write_header};
use crate::rtp::ntp::Ntp;
use crate::rtp::rtcp::{self, SenderInfo};
use crate::rtp::rtx;
use crate::rtp::srtp::Session;
use crate::sfu::room::{Numbers, StreamId};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Two retransmissions of a packet are at least this far apart, however short the way is.
const RESEND_AFTER: Duration = Duration::from_millis(20);
/// Bytes of padding in a packet of a probe.
const PADDING: usize = 255;
/// An RTP time further back than this is another timeline's.
const JUMP_SECONDS: i32 = 5;
/// Room for header extensions: the values of all that subscribers are sent, without the mid.
const EXTENSIONS_LEN: usize = 32;

/// The streams that a leg sends, by [`StreamId`].
#[derive(Default, Debug)]
pub(super) struct Sending {
    streams: Vec<Option<Box<Outgoing>>>,
    by_ssrc: FxHashMap<u32, StreamId>,
}

/// One stream to a subscriber.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub ssrc: u32,
    payload_type: u8,
    /// That of redundant audio, where the subscriber takes it.
    red: Option<u8>,
    clock_rate: u32,
    rtx: Option<Rtx>,
    extensions: ExtensionMap,
    mid: String,
    cname: String,
    /// The subscriber has reported on this stream: it knows whose packets these are without their mid.
    acknowledged: bool,
    cache: Cache,
    packets: u32,
    octets: u32,
    /// The RTP time of the newest frame, and when that was captured: the stream's clock.
    clock: Option<(u32, Instant)>,
    fir: Option<u8>,
}

/// The stream that carries retransmissions (RFC 4588).
#[derive(Debug)]
struct Rtx {
    ssrc: u32,
    payload_type: u8,
    sequence: u64,
}

/// A packet sent again.
#[derive(Debug)]
pub(super) struct Resent {
    pub datagram: Folded,
    pub ssrc: u32,
    pub sequence: u16,
}

impl Sending {
    /// Declares a stream.
    pub fn add(&mut self, stream: StreamId, parameters: &ReceiveParameters) {
        let Some(outgoing) = Outgoing::new(parameters) else { return };
        if self.streams.len() <= stream.index() {
            self.streams.resize_with(stream.index() + 1, || None);
        }
        self.by_ssrc.insert(outgoing.ssrc, stream);
        self.streams[stream.index()] = Some(Box::new(outgoing));
    }

    /// Ends a stream, and says so.
    pub fn remove(&mut self, stream: StreamId, rtcp: &mut Vec<u8>) {
        if let Some(ended) = self.streams.get_mut(stream.index()).and_then(Option::take) {
            self.by_ssrc.remove(&ended.ssrc);
            rtcp::write_bye(rtcp, &[ended.ssrc]);
        }
    }

    /// Says that all streams end.
    pub fn farewell(&self, rtcp: &mut Vec<u8>) {
        let ssrcs: Vec<u32> = self.streams.iter().flatten().map(|outgoing| outgoing.ssrc).collect();
        rtcp::write_bye(rtcp, &ssrcs);
    }

    pub fn get_mut(&mut self, stream: StreamId) -> Option<&mut Outgoing> {
        self.streams.get_mut(stream.index())?.as_deref_mut()
    }

    /// The stream of this source.
    pub fn of(&mut self, ssrc: u32) -> Option<(StreamId, &mut Outgoing)> {
        let stream = *self.by_ssrc.get(&ssrc)?;
        Some((stream, self.get_mut(stream)?))
    }

    /// A source of ours that feedback can come from; 1, as browsers have it, where nothing is sent.
    pub fn source(&self) -> u32 {
        self.streams.iter().flatten().next().map_or(1, |outgoing| outgoing.ssrc)
    }

    /// A packet of padding for a probe, in the first stream of retransmissions whose packets are numbered; `None` where
    /// there is none.
    pub fn pad(&mut self, ntp: Ntp, srtp: &mut Session, number: u16) -> Option<Resent> {
        let mut streams = self.streams.iter_mut().flatten().filter(|outgoing| outgoing.is_numbered());
        streams.find_map(|outgoing| outgoing.pad(ntp, srtp, number))
    }

    /// All streams.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Outgoing> {
        self.streams.iter_mut().flatten().map(|outgoing| &mut **outgoing)
    }
}

impl Outgoing {
    /// `None` for a stream without a codec or an SSRC: it cannot be sent.
    fn new(parameters: &ReceiveParameters) -> Option<Self> {
        let (codec, ssrc) = (parameters.codecs.first()?, parameters.ssrc?);
        let rtx = codec.rtx_payload_type.zip(parameters.rtx_ssrc).map(|(payload_type, ssrc)| {
            // In the lower half, so that no receiver can take it for one after a wrap.
            Rtx { ssrc, payload_type, sequence: u64::from(ssrc & 0x7FFF) }
        });
        let publisher = parameters.track.as_ref().map(|track| track.participant.clone());
        Some(Self {
            ssrc,
            payload_type: codec.payload_type & 0x7F,
            red: codec.red_payload_type.map(|payload_type| payload_type & 0x7F),
            clock_rate: codec.codec.clock_rate(),
            rtx,
            extensions: extension_map(&parameters.extensions),
            mid: parameters.mid.clone().filter(|mid| mid.len() <= 255).unwrap_or_default(),
            // What one participant publishes is played in step, so it has one canonical name.
            cname: publisher.filter(|name| name.len() <= 255).unwrap_or_else(|| "throng".to_owned()),
            acknowledged: false,
            cache: Cache::default(),
            packets: 0,
            octets: 0,
            clock: None,
            fir: None,
        })
    }

    /// Whether its packets carry transport-wide numbers.
    pub fn is_numbered(&self) -> bool {
        self.extensions.id(ExtensionKind::TransportSequence).is_some()
    }

    /// The sealed datagram of a packet, under its number in the stream and in the transport.
    pub fn write(
        &mut self,
        ntp: Ntp,
        srtp: &mut Session,
        (numbers, number): (Numbers, Option<u16>),
        packet: &Arc<Packet>,
    ) -> Folded {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        if self.clock.is_none_or(|(newest, _)| self.is_newer(numbers.rtp_time, newest)) {
            self.clock = Some((numbers.rtp_time, packet.captured(self.clock_rate)));
        }
        if self.rtx.is_some() {
            self.cache.store(numbers, packet);
        }
        let source = (self.ssrc, self.payload_type, numbers.sequence);
        self.datagram((ntp, number), srtp, source, (packet, numbers), false)
    }

    /// Whether an RTP time begins a newer frame, or a timeline of its own: nothing is reordered that far.
    const fn is_newer(&self, rtp_time: u32, newest: u32) -> bool {
        let ahead = rtp_time.wrapping_sub(newest) as i32;
        ahead > 0 || ahead < -(JUMP_SECONDS * self.clock_rate as i32)
    }

    /// The packet with this number again, where it can and may be: not when it is on its way again already.
    pub fn resend(
        &mut self,
        now: Instant,
        stamps: (Ntp, Option<u16>),
        srtp: &mut Session,
        round_trip: Option<Duration>,
        sequence: u16,
    ) -> Option<Resent> {
        // Three quarters of it, so that an error of its measure does not refuse who asks exactly once a round trip.
        let apart = round_trip.map_or(RESEND_AFTER, |trip| (trip * 3 / 4).max(RESEND_AFTER));
        let (packet, numbers) = self.cache.again(now, apart, sequence)?;
        let rtx = self.rtx.as_mut()?;
        let source = (rtx.ssrc, rtx.payload_type, rtx.sequence);
        rtx.sequence += 1;
        let datagram = self.datagram(stamps, srtp, source, (&packet, numbers), true);
        Some(Resent { datagram, ssrc: source.0, sequence: source.2 as u16 })
    }

    /// Padding alone in the stream of retransmissions, as much as its count can say (RFC 3550 §5.1).
    fn pad(&mut self, ntp: Ntp, srtp: &mut Session, number: u16) -> Option<Resent> {
        let rtx = self.rtx.as_mut()?;
        let sequence = rtx.sequence;
        rtx.sequence += 1;
        let (ssrc, payload_type) = (rtx.ssrc, rtx.payload_type);
        let rtp_time = self.clock.map_or(0, |(rtp_time, _)| rtp_time);
        let header = Header { marker: false, payload_type, sequence: sequence as u16, rtp_time, ssrc };
        let values = Extensions {
            abs_send_time: Some(AbsSendTime::from_ntp(ntp)),
            transport_sequence: Some(number),
            ..Extensions::default()
        };
        let mut bytes = Vec::with_capacity(FIXED_LEN + EXTENSIONS_LEN + PADDING + srtp.profile().rtp_overhead());
        write_header(&mut bytes, &header, &self.extensions, &values);
        bytes[0] |= 0x20;
        bytes.resize(bytes.len() + PADDING - 1, 0);
        bytes.push(PADDING as u8);
        srtp.tx.seal_rtp(&mut bytes, sequence);
        Some(Resent { datagram: bytes.into(), ssrc, sequence: sequence as u16 })
    }

    fn datagram(
        &self,
        (ntp, transport_sequence): (Ntp, Option<u16>),
        srtp: &mut Session,
        (ssrc, payload_type, sequence): (u32, u8, u64),
        (packet, numbers): (&Packet, Numbers),
        again: bool,
    ) -> Folded {
        let (media, (payload, filler)) = packet.outward(self.payload_type, self.red);
        let (filler, written) =
            if numbers.keeps_payload() { (filler, Filler::default()) } else { (Filler::default(), filler) };
        let payload_type = if !again { media } else { payload_type };
        let mid = (!self.acknowledged && !self.mid.is_empty()).then_some(self.mid.as_str());
        let room =
            FIXED_LEN + EXTENSIONS_LEN + rtx::OVERHEAD + payload.len() + written.len() + srtp.profile().rtp_overhead();
        let mut scratch = Vec::new();
        let descriptor = packet.described(numbers, &mut scratch);
        let described = descriptor.map_or(0, |value| value.len() + 2);
        let mut bytes = Vec::with_capacity(room + described + mid.map_or(0, |mid| mid.len() + 2));
        let header = Header {
            marker: packet.marker || numbers.marker,
            payload_type,
            sequence: sequence as u16,
            rtp_time: numbers.rtp_time,
            ssrc,
        };
        let values = Extensions {
            mid,
            transport_sequence,
            abs_send_time: Some(AbsSendTime::from_ntp(ntp)),
            abs_capture_time: packet.capture_time,
            audio_level: packet.audio_level,
            dependency_descriptor: descriptor,
            ..Extensions::default()
        };
        write_header(&mut bytes, &header, &self.extensions, &values);
        if again {
            rtx::write_original_sequence(&mut bytes, numbers.sequence as u16);
        }
        let start = bytes.len();
        if !numbers.empty {
            bytes.extend_from_slice(&payload);
            bytes.extend_from_slice(written.bytes());
        }
        if let Some(picture) = numbers.picture {
            packet.renumber(&mut bytes[start..], picture);
        }
        if filler.is_empty() {
            srtp.tx.seal_rtp(&mut bytes, sequence);
            return bytes.into();
        }
        let at = bytes.len();
        srtp.tx.seal_folded(&mut bytes, filler.sum());
        Folded::new(bytes, at, filler)
    }

    /// The subscriber reported on this stream.
    pub const fn acknowledge(&mut self) {
        self.acknowledged = true;
    }

    /// Whether a demand for a keyframe is a new one (RFC 5104 §4.3.1.1: equal numbers are one demand repeated).
    pub fn is_new_demand(&mut self, number: u8) -> bool {
        self.fir.replace(number) != Some(number)
    }

    /// Appends what is to be reported of the stream: nothing before it began.
    pub fn report(&mut self, now: Instant, ntp: Ntp, rtcp: &mut Vec<u8>) {
        self.cache.expire(now);
        let Some((rtp_time, at)) = self.clock else { return };
        let passed = u128::from(now.saturating_since(at).as_nanos() as u64) * u128::from(self.clock_rate);
        let rtp_time = rtp_time.wrapping_add((passed / 1_000_000_000) as u32);
        let info = SenderInfo { ntp, rtp_time, packets: self.packets, octets: self.octets };
        rtcp::write_sender_report(rtcp, self.ssrc, &info, &[]);
        rtcp::write_description(rtcp, self.ssrc, &self.cname);
    }
}
