//! What a leg receives: streams of a publisher, opened, numbered, repaired, and reported on.

use super::super::body::Body;
use super::super::packet::{FrameReader, Packet};
use super::super::wall::WallClock;
use crate::clock::{Duration, Instant};
use crate::conference::{CodecParameters, SendParameters};
use crate::qos::jitter::Jitter;
use crate::qos::nack::Missing;
use crate::qos::rtt::Echo;
use crate::qos::sequence::{Arrival, Arrivals};
use crate::rtp::extension::{ExtensionMap, Extensions};
use crate::rtp::header::{Header, View};
use crate::rtp::rtcp::{self, ReportBlock, SenderInfo};
use crate::rtp::rtx;
use crate::rtp::srtp::Session;
use crate::rtp::twcc::FeedbackBuilder;
use crate::sfu::room::{SenderClock, TrackId};
use crate::units::Bitrate;

/// How long arrivals are gathered for transport-wide feedback.
const FEEDBACK_EVERY: Duration = Duration::from_millis(50);

/// The streams that a leg receives.
#[derive(Debug)]
pub(super) struct Receiving {
    extensions: ExtensionMap,
    /// Payloads are kept without their filler.
    folds: bool,
    streams: Vec<Incoming>,
    /// Whose packets a source's are, and whether they are retransmissions. Few: looked through, not hashed.
    sources: Vec<(u32, Place, bool)>,
    feedback: FeedbackBuilder,
    next_feedback: Option<Instant>,
    wall: WallClock,
}

/// A track, and which of its layers.
type Place = (TrackId, u8);

/// One stream of a publisher.
#[derive(Debug)]
struct Incoming {
    place: Place,
    mid: String,
    rid: Option<String>,
    codec: CodecParameters,
    /// 0 while it is known by its mid only.
    ssrc: u32,
    has_rtx: bool,
    arrivals: Arrivals,
    /// The highest extended sequence number, as SRTP counts them.
    highest: u64,
    missing: Missing,
    jitter: Jitter,
    echo: Echo,
    clock: Option<SenderClock>,
    reader: FrameReader,
    keyframe_wanted: bool,
    ceiling: Option<Bitrate>,
}

impl Receiving {
    /// Nothing is expected yet. `folds`: all that comes is throng's own media, whose filler need not be kept.
    pub fn new(extensions: ExtensionMap, folds: bool) -> Self {
        Self {
            extensions,
            folds,
            streams: Vec::new(),
            sources: Vec::new(),
            feedback: FeedbackBuilder::new(),
            next_feedback: None,
            wall: WallClock::default(),
        }
    }

    /// Expects a track, of simulcast each of its layers.
    pub fn add(&mut self, track: TrackId, parameters: &SendParameters) {
        for (layer, (ssrc, rtx_ssrc)) in parameters.sources().enumerate() {
            let rid = parameters.layers.get(layer).map(|layer| layer.rid.clone());
            self.add_stream((track, layer as u8), rid, (ssrc, rtx_ssrc), parameters);
        }
    }

    fn add_stream(
        &mut self,
        place: Place,
        rid: Option<String>,
        (ssrc, rtx_ssrc): (u32, Option<u32>),
        parameters: &SendParameters,
    ) {
        let codec = parameters.codec.clone();
        let rtx_ssrc = rtx_ssrc.filter(|_| codec.rtx_payload_type.is_some() && ssrc != 0);
        let rate = codec.codec.clock_rate();
        if ssrc != 0 {
            self.sources.push((ssrc, place, false));
        }
        self.sources.extend(rtx_ssrc.map(|ssrc| (ssrc, place, true)));
        self.streams.push(Incoming {
            place,
            mid: parameters.mid.clone(),
            rid,
            ssrc,
            has_rtx: rtx_ssrc.is_some(),
            arrivals: Arrivals::new(rate),
            highest: 0,
            missing: Missing::new(codec.feedback.nack),
            jitter: Jitter::new(rate),
            echo: Echo::default(),
            clock: None,
            reader: FrameReader::new(codec.codec),
            keyframe_wanted: false,
            ceiling: None,
            codec,
        });
    }

    /// Expects it no longer.
    pub fn remove(&mut self, track: TrackId) {
        self.streams.retain(|incoming| incoming.place.0 != track);
        self.sources.retain(|(_, of, _)| of.0 != track);
    }

    /// Asks the publisher for a keyframe of a layer as soon as it can be asked.
    pub fn want_keyframe(&mut self, track: TrackId, layer: u8) {
        self.with((track, layer), |incoming| incoming.keyframe_wanted = true);
    }

    /// Tells the publisher the ceiling of all layers together as soon as it can be told.
    pub fn set_ceiling(&mut self, track: TrackId, rate: Bitrate) {
        self.with((track, 0), |incoming| incoming.ceiling = Some(rate));
    }

    fn with(&mut self, place: Place, change: impl FnOnce(&mut Incoming)) {
        if let Some(incoming) = self.streams.iter_mut().find(|incoming| incoming.place == place) {
            change(incoming);
        }
    }

    /// Takes a sealed packet: what of it is here for the first time.
    pub fn handle_rtp(
        &mut self,
        now: Instant,
        srtp: &mut Session,
        datagram: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Option<Packet> {
        let view = View::parse(datagram)?;
        let header = view.header();
        let values = self.extensions.read(&view);
        let known = self.sources.iter().find(|(ssrc, ..)| *ssrc == header.ssrc);
        let (place, is_rtx) = match known {
            Some(&(_, place, is_rtx)) => (place, is_rtx),
            None => self.guess(&header, &values)?,
        };
        scratch.clear();
        scratch.extend_from_slice(datagram);
        let opened = srtp.rx.open_rtp(scratch).ok()?;
        if known.is_none() {
            self.learn(header.ssrc, place, is_rtx);
        }
        if let Some(sequence) = values.transport_sequence {
            self.feedback.record(sequence, now);
            self.next_feedback.get_or_insert(now + FEEDBACK_EVERY);
        }
        let incoming = self.streams.iter_mut().find(|incoming| incoming.place == place)?;
        let payload = opened.payload(scratch);
        let (sequence, payload) = if is_rtx {
            let (original, payload) = rtx::split(payload)?;
            (incoming.take_repair(header.payload_type, original)?, payload)
        } else {
            (incoming.take_original(now, &header, opened.sequence, payload.is_empty())?, payload)
        };
        let frame = incoming.reader.read(payload, header.marker, values.dependency_descriptor);
        let red = !is_rtx && incoming.codec.red_payload_type == Some(header.payload_type);
        Some(Packet {
            track: place.0,
            codec: incoming.codec.codec,
            layer: place.1,
            sequence,
            marker: header.marker,
            rtp_time: header.rtp_time,
            arrival: now,
            payload: if self.folds && !red { Body::folded(payload) } else { Body::from(payload) },
            audio_level: values.audio_level,
            capture_time: values.abs_capture_time,
            descriptor: values.dependency_descriptor.map(Box::from),
            structure: incoming.reader.structure(),
            frame,
            red,
            clock: incoming.clock,
        })
    }

    /// Whose packet one of an unknown source may be: that of a stream whose source was not announced, by its mid, of a
    /// layer by its name too.
    fn guess(&self, header: &Header, values: &Extensions<'_>) -> Option<(Place, bool)> {
        let mid = values.mid?;
        let fits = |incoming: &&Incoming| {
            let codec = &incoming.codec;
            let main = incoming.ssrc == 0 && incoming.carries(header.payload_type);
            let rtx = !incoming.has_rtx && codec.rtx_payload_type == Some(header.payload_type);
            let named = incoming.rid.is_none()
                || main && incoming.rid.as_deref() == values.rid
                || rtx && incoming.rid.as_deref() == values.repaired_rid;
            incoming.mid == mid && (main || rtx) && named
        };
        let incoming = self.streams.iter().find(fits)?;
        Some((incoming.place, !incoming.carries(header.payload_type)))
    }

    /// An authentic packet came from a source that was not announced.
    fn learn(&mut self, ssrc: u32, place: Place, is_rtx: bool) {
        self.sources.push((ssrc, place, is_rtx));
        self.with(place, |incoming| {
            if is_rtx {
                incoming.has_rtx = true;
            } else {
                incoming.ssrc = ssrc;
            }
        });
    }

    /// A sender report of a stream came.
    pub fn handle_sender_report(&mut self, now: Instant, ssrc: u32, info: &SenderInfo) {
        if let Some(incoming) = self.streams.iter_mut().find(|incoming| incoming.ssrc == ssrc) {
            incoming.echo.handle_sender_report(info.ntp.middle(), now);
            let at = self.wall.handle_report(now, info.ntp);
            incoming.clock = Some(SenderClock { ntp: info.ntp, rtp_time: info.rtp_time, at });
        }
    }

    /// The round trip to the publisher.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.streams.iter_mut().for_each(|incoming| incoming.missing.set_rtt(rtt));
    }

    /// Appends the requests and the feedback that are due.
    pub fn request(&mut self, now: Instant, sender: u32, rtcp: &mut Vec<u8>) {
        for index in 0..self.streams.len() {
            self.request_one(index, now, sender, rtcp);
        }
        if self.next_feedback.is_some_and(|at| at <= now) {
            self.next_feedback = None;
            let media = self.streams.first().map_or(0, |incoming| incoming.ssrc);
            while self.feedback.build(rtcp, sender, media) {}
        }
    }

    fn request_one(&mut self, index: usize, now: Instant, sender: u32, rtcp: &mut Vec<u8>) {
        let track = self.streams[index].place.0;
        let incoming = &mut self.streams[index];
        let ssrc = incoming.ssrc;
        if ssrc == 0 {
            return;
        }
        if std::mem::take(&mut incoming.keyframe_wanted) {
            rtcp::write_pli(rtcp, sender, ssrc);
        }
        if incoming.missing.is_due(now, incoming.arrivals.newest()) {
            incoming.missing.handle_timeout(now, &incoming.arrivals, |ask| ask.write(rtcp, sender, ssrc));
        }
        if let Some(rate) = incoming.ceiling.take() {
            let known = |incoming: &&Incoming| incoming.place.0 == track && incoming.ssrc != 0;
            let ssrcs: Vec<u32> = self.streams.iter().filter(known).map(|incoming| incoming.ssrc).collect();
            rtcp::write_remb(rtcp, sender, rate.bps(), &ssrcs);
        }
    }

    /// When something is to be asked for, given up, or told.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let missing = self.streams.iter().filter_map(|incoming| incoming.missing.poll_timeout());
        missing.chain(self.next_feedback).min()
    }

    /// Reports on every stream that began.
    pub fn blocks(&mut self, now: Instant) -> Vec<ReportBlock> {
        let begun = self.streams.iter_mut().filter(|incoming| incoming.arrivals.is_started());
        begun.map(|incoming| incoming.block(now)).collect()
    }
}

impl Incoming {
    /// Whether media comes under this payload type.
    fn carries(&self, payload_type: u8) -> bool {
        self.codec.payload_type == payload_type || self.codec.red_payload_type == Some(payload_type)
    }

    /// A retransmission came: the number of what it brings, if that was missing.
    fn take_repair(&mut self, payload_type: u8, original: u16) -> Option<u64> {
        if self.codec.rtx_payload_type != Some(payload_type) {
            return None;
        }
        let number = self.arrivals.handle_repair(original)?;
        if self.codec.feedback.nack {
            self.missing.handle_filled(number, false, false);
        }
        self.highest.checked_add_signed(i64::from(original.wrapping_sub(self.highest as u16) as i16))
    }

    /// A packet came by itself: its number, if it is here for the first time.
    fn take_original(&mut self, now: Instant, header: &Header, index: u64, is_padding: bool) -> Option<u64> {
        if !self.carries(header.payload_type) {
            return None;
        }
        let (number, arrival) = self.arrivals.handle_packet(now, header.sequence, header.rtp_time);
        let asks = self.codec.feedback.nack;
        match arrival {
            Arrival::Duplicate | Arrival::Suspect => return None,
            Arrival::Restart => {
                self.missing.settle_all();
                self.jitter.forget_timeline();
            }
            Arrival::Ahead { skipped } => {
                if skipped > 0 && asks {
                    self.missing.handle_gap(&self.arrivals, now, number - skipped, skipped);
                }
            }
            Arrival::Before { skipped } => {
                if skipped > 0 && asks {
                    self.missing.handle_gap(&self.arrivals, now, number + 1, skipped);
                }
            }
            Arrival::Behind { repaired } => {
                if asks {
                    self.missing.handle_filled(number, true, repaired);
                }
                if repaired {
                    return None;
                }
            }
        }
        if matches!(arrival, Arrival::Ahead { .. } | Arrival::Restart) {
            self.highest = index;
            if !is_padding {
                self.jitter.handle_packet(now, header.rtp_time);
            }
        }
        Some(index)
    }

    fn block(&mut self, now: Instant) -> ReportBlock {
        self.arrivals.report_block(now, self.ssrc, &self.jitter, &self.echo)
    }
}
