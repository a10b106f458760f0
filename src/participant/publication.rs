//! One stream that a participant sends (of simulcast, one layer): frames become packets with sequence numbers, lost ones are answered from a cache.
//!
//! Packets are described, not written: the payload is filler by reference, so a retransmission copies nothing. They are
//! written and sealed where they leave the emulated uplink. Sources: RFC 3550 (SR), RFC 4588 (RTX), RFC 4585 (NACK).

mod size;
mod write;

use super::cache::{Cache, Cached, Written};
use crate::clock::{Duration, Instant};
use crate::conference::SendParameters;
use crate::media::source::Sending;
use crate::media::{Encoder, Frame, PacketDescriptor, Payload};
use crate::rtp::extension::{AudioLevel, ExtensionKind, ExtensionMap};
use crate::rtp::ntp::Ntp;
use crate::rtp::rtcp::SenderInfo;
use crate::rtp::rtx;
use crate::seed::Seed;
use crate::units::Bitrate;
use size::Extras;
use std::sync::Arc;

/// How often a sender report is sent: once a second, as browsers do for video (RFC 3550 allows 5 s at least for audio).
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// The mid extension is sent on the first packets only: servers learn it from one of them.
const MID_PACKETS: u64 = 100;
/// Bytes of padding in a packet of a probe: all that its count can say (RFC 3550 §5.1).
const PADDING: usize = 255;
/// Two retransmissions of one packet within this time answer one loss: the first is still under way.
const RESEND_AFTER: Duration = Duration::from_millis(20);

/// One packet on its way out, not yet written.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Index of the publication within its leg.
    pub publication: u16,
    /// Extended sequence number of the stream that carries it.
    pub sequence: u64,
    /// RTP time.
    pub rtp_time: u32,
    /// Marker bit.
    pub marker: bool,
    /// For a retransmission the sequence number of the original.
    pub rtx_of: Option<u16>,
    /// Audio level, where the frame has one.
    pub level: Option<AudioLevel>,
    /// What the dependency descriptor says of it, where that was negotiated.
    pub descriptor: Option<PacketDescriptor>,
    /// When the frame was due.
    pub due: Instant,
    /// What it carries.
    pub payload: Payload,
    /// Bytes of UDP payload once sealed.
    pub size: u16,
    /// For a packet that is sent again as it was: what it was written with.
    pub again: Option<Box<Written>>,
    /// The transport-wide sequence number that congestion control gave it; `None` where it gets one as it leaves.
    pub transport_sequence: Option<u16>,
    /// Whether it is padding alone, of a probe, in the stream of retransmissions.
    pub padding: bool,
}

/// What came of the frames that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Produced {
    /// Frames.
    pub frames: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes of UDP payload.
    pub bytes: u64,
    /// Frames of speech among them.
    pub voiced: u64,
}

/// One stream that is sent.
pub struct Publication {
    index: u16,
    /// As agreed with the SFU.
    pub parameters: SendParameters,
    /// Its name among the layers of its media.
    rid: Option<String>,
    extensions: ExtensionMap,
    encoder: Encoder,
    /// What follows the first bytes of a keyframe's dependency descriptor.
    structure: Option<Arc<[u8]>>,
    sequence: u64,
    rtx: Option<Rtx>,
    cache: Cache,
    packets: u32,
    octets: u32,
    next_report: Instant,
    /// When the next frame is due: `delay` after its capture.
    frame_due: Option<Instant>,
    delay: Duration,
    began: Instant,
    tag: usize,
    /// Under which its packets are sent: that of RED where they are in it.
    payload_type: u8,
    audio: bool,
    stopped: bool,
    nominal: Bitrate,
    /// Everything sent since the measured window began, or since the start before that.
    pub sent: Produced,
    /// The same when the window closed.
    pub totals: Option<Produced>,
}

impl std::fmt::Debug for Publication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publication").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

impl Produced {
    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.voiced += other.voiced;
    }
}

#[derive(Debug)]
struct Rtx {
    payload_type: u8,
    ssrc: u32,
    sequence: u64,
}

impl Publication {
    /// A publication whose first frame is due at the encoder's start. `tag` is what SRTP adds to a packet, in bytes.
    #[must_use]
    pub fn new(
        index: u16,
        parameters: SendParameters,
        mut encoder: Encoder,
        seed: &Seed,
        tag: usize,
        now: Instant,
    ) -> Self {
        let mut extensions = ExtensionMap::default();
        for (&id, uri) in &parameters.extensions {
            if let Some(kind) = ExtensionKind::from_uri(uri) {
                // Two kinds under one id cannot come out of a map by id.
                let _ = extensions.set(kind, id);
            }
        }
        let bits = seed.child("sequence").bits();
        // Streams start in the lower half: one that starts just before a wrap and loses packets there is never opened.
        let start = |bits: u64| bits & 0x7fff;
        let rtx = parameters.codec.rtx_payload_type.zip(parameters.rtx_ssrc).map(|(payload_type, ssrc)| Rtx {
            payload_type,
            ssrc,
            sequence: start(bits >> 16),
        });
        let codec = parameters.codec.codec;
        encoder.set_red(parameters.codec.red_payload_type.map(|_| parameters.codec.payload_type));
        if parameters.codec.without_fec {
            encoder.leave_out_fec();
        }
        let nominal = encoder.target();
        let red = parameters.codec.red_payload_type.filter(|_| encoder.is_red());
        Self {
            index,
            rid: None,
            extensions,
            sequence: start(bits),
            rtx,
            cache: Cache::default(),
            packets: 0,
            octets: 0,
            next_report: now + REPORT_EVERY / 4,
            frame_due: encoder.poll_timeout(),
            delay: Duration::ZERO,
            began: now,
            structure: encoder
                .structure()
                .filter(|_| extensions.id(ExtensionKind::DependencyDescriptor).is_some())
                .cloned(),
            encoder,
            tag,
            audio: codec.kind() == crate::conference::MediaKind::Audio,
            stopped: false,
            nominal,
            sent: Produced::default(),
            totals: None,
            payload_type: red.unwrap_or(parameters.codec.payload_type),
            parameters,
        }
    }

    /// The same sent in this way. Its encoder must be of the same plan.
    #[must_use]
    pub fn sent_as(mut self, sending: Sending) -> Self {
        self.delay = sending.encode_delay;
        self.note_due();
        if sending.near_wrap {
            self.sequence = Sending::SEQUENCE;
            self.rtx.iter_mut().for_each(|rtx| rtx.sequence = Sending::SEQUENCE);
        }
        self
    }

    /// The capture that the encoder has come to at `now`.
    fn capture(&self, now: Instant) -> Instant {
        now.saturating_sub(self.delay).max(self.began)
    }

    /// The same as the simulcast layer of that name.
    #[must_use]
    pub fn as_layer(mut self, rid: &str) -> Self {
        self.rid = Some(rid.to_owned());
        self
    }

    /// The name of the simulcast layer that it is.
    #[must_use]
    pub fn rid(&self) -> Option<&str> {
        self.rid.as_deref()
    }

    /// Sends with this rate from `now` on, within what is configured; with `None` not at all until the next call.
    pub fn allot(&mut self, now: Instant, rate: Option<Bitrate>) {
        if !self.stopped {
            self.encoder.allot(self.capture(now), rate);
            self.note_due();
        }
    }

    /// When the next frame is due; `None` while muted or paused and for a silent source.
    #[must_use]
    pub const fn frame_due(&self) -> Option<Instant> {
        self.frame_due
    }

    /// When the next sender report is due.
    #[must_use]
    pub const fn report_due(&self) -> Instant {
        self.next_report
    }

    /// The encoder is asked once after each change, not each time that anybody wants to know.
    fn note_due(&mut self) {
        let captured = if self.stopped { None } else { self.encoder.poll_timeout() };
        self.frame_due = captured.map(|at| at + self.delay);
    }

    /// Appends the packets of every frame that is due to `out`. `frame` is scratch space. `late` is told when each frame
    /// was due to leave the encoder.
    pub fn produce(
        &mut self,
        now: Instant,
        frame: &mut Frame,
        out: &mut Vec<Outgoing>,
        mut late: impl FnMut(Instant),
    ) -> Produced {
        let mut produced = Produced::default();
        self.encoder.handle_timeout(self.capture(now));
        while self.encoder.poll_frame(frame) {
            late(frame.due + self.delay);
            produced.frames += 1;
            produced.voiced += u64::from(frame.voice);
            let level = frame.audio_level.map(|level| AudioLevel { voice: frame.voice, below_overload: level });
            for (position, payload) in frame.packets.iter().enumerate() {
                let descriptor = frame.descriptors.get(position).copied().filter(|_| self.structure.is_some());
                let extras = Extras { level, descriptor, captured: payload.is_captured() };
                let packet = self.packet(payload, frame.rtp_time, frame.marker(position), extras, frame.due);
                produced.packets += 1;
                produced.bytes += u64::from(packet.size);
                out.push(packet);
            }
        }
        self.note_due();
        produced
    }

    fn packet(&mut self, payload: &Payload, rtp_time: u32, marker: bool, extras: Extras, due: Instant) -> Outgoing {
        let Extras { level, descriptor, .. } = extras;
        let sequence = self.sequence;
        self.sequence += 1;
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        if self.parameters.codec.feedback.nack {
            self.cache.store(Cached {
                sequence,
                rtp_time,
                marker,
                level,
                descriptor,
                due,
                payload: payload.clone(),
                resent: None,
                written: None,
            });
        }
        let size = self.size(payload.len(), self.sends_mid(sequence), extras);
        Outgoing {
            publication: self.index,
            sequence,
            rtp_time,
            marker,
            rtx_of: None,
            level,
            descriptor,
            due,
            payload: payload.clone(),
            size,
            again: None,
            transport_sequence: None,
            padding: false,
        }
    }

    /// Answers a NACK for one packet from the cache; nothing when it is not there, or was answered just now. Without
    /// RTX the packet itself is sent again. `round_trip`, where it is known to be current, tells two losses from one.
    pub fn resend(&mut self, now: Instant, sequence: u16, round_trip: Option<Duration>) -> Option<Outgoing> {
        let cached = self.cache.find(sequence)?;
        // Three quarters of it, so that an error of its measure does not refuse who asks exactly once a round trip.
        let apart = round_trip.map_or(RESEND_AFTER, |trip| (trip * 3 / 4).max(RESEND_AFTER));
        if cached.resent.is_some_and(|at| now.saturating_since(at) < apart) {
            return None;
        }
        cached.resent = Some(now);
        let (original, rtp_time, marker, due) = (cached.sequence, cached.rtp_time, cached.marker, cached.due);
        let (level, descriptor) = (cached.level, cached.descriptor);
        let (payload, written) = (cached.payload.clone(), cached.written.clone());
        let (sequence, rtx_of, extra, again) = match &mut self.rtx {
            Some(rtx) => {
                let sequence = rtx.sequence;
                rtx.sequence += 1;
                (sequence, Some(original as u16), rtx::OVERHEAD, None)
            }
            // One that has not left yet cannot have been lost.
            None => (original, None, 0, Some(written?)),
        };
        let names = self.sends_mid(original) || self.rid.is_some() && rtx_of.is_some();
        let extras = Extras { level, descriptor, captured: payload.is_captured() };
        let size = self.size(payload.len() + extra, names, extras);
        Some(Outgoing {
            publication: self.index,
            sequence,
            rtp_time,
            marker,
            rtx_of,
            level,
            descriptor,
            due,
            payload,
            size,
            again,
            transport_sequence: None,
            padding: false,
        })
    }

    /// One packet of padding for a probe, in the stream of retransmissions: it carries nothing, and costs media no sequence
    /// number. `None` where there is no such stream.
    pub fn pad(&mut self, now: Instant) -> Option<Outgoing> {
        let rtx = self.rtx.as_mut()?;
        let sequence = rtx.sequence;
        rtx.sequence += 1;
        Some(Outgoing {
            publication: self.index,
            sequence,
            rtp_time: self.encoder.rtp_time_at(now),
            marker: false,
            rtx_of: None,
            level: None,
            descriptor: None,
            due: now,
            payload: Payload::new(&[], 0, PADDING - 1),
            size: self.size(PADDING, false, Extras::default()),
            again: None,
            transport_sequence: None,
            padding: true,
        })
    }

    /// It is muted from now on, or not any more. What was due before is made first.
    pub fn set_muted(&mut self, now: Instant, muted: bool) {
        if !self.stopped {
            self.encoder.set_muted(self.capture(now), muted);
            self.note_due();
        }
    }

    /// It is published no longer: nothing comes of it any more.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.frame_due = None;
        self.next_report = Instant::MAX;
        self.cache = Cache::default();
    }

    /// Whether it is published no longer.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The sequence number of the next packet.
    #[must_use]
    pub const fn next_sequence(&self) -> u16 {
        self.sequence as u16
    }

    /// Whether transport-wide sequence numbers were negotiated.
    #[must_use]
    pub fn wants_transport_sequence(&self) -> bool {
        self.extensions.id(ExtensionKind::TransportSequence).is_some()
    }

    /// The sender report that is due, if one is.
    pub fn report(&mut self, now: Instant, ntp: Ntp) -> Option<SenderInfo> {
        if now < self.next_report {
            return None;
        }
        self.next_report = now + REPORT_EVERY;
        // Nothing is reported of a stream that has not begun.
        (self.packets > 0).then(|| SenderInfo {
            ntp,
            rtp_time: self.encoder.rtp_time_at(now),
            packets: self.packets,
            octets: self.octets,
        })
    }

    /// A receiver lost the picture (PLI, FIR).
    pub fn request_keyframe(&mut self, now: Instant) {
        self.encoder.request_keyframe(self.capture(now));
        self.note_due();
    }

    /// The receiver's estimate of what can be sent (REMB).
    pub fn set_remb(&mut self, now: Instant, rate: Bitrate) {
        self.encoder.set_remb(self.capture(now), rate);
        self.note_due();
    }

    /// The least and the most that it can aim at, where a congestion controller says how much.
    #[must_use]
    pub fn bounds(&self) -> Option<(Bitrate, Bitrate)> {
        self.encoder.bounds()
    }

    /// A congestion controller leaves this much for it.
    pub fn set_target(&mut self, now: Instant, rate: Bitrate) {
        self.encoder.set_target(self.capture(now), rate);
        self.note_due();
    }

    /// What its frames aim at.
    #[must_use]
    pub fn target(&self) -> Bitrate {
        self.encoder.target()
    }

    /// The bitrate that the scenario asks for.
    #[must_use]
    pub fn nominal(&self) -> Bitrate {
        self.nominal
    }

    /// How much sound a packet holds; zero of pictures.
    #[must_use]
    pub fn unit(&self) -> Duration {
        self.encoder.unit()
    }

    /// Index of its media in the plan.
    #[must_use]
    pub fn media(&self) -> u16 {
        self.encoder.identity().media
    }

    /// Whether it carries pictures.
    #[must_use]
    pub fn is_video(&self) -> bool {
        !self.audio
    }
}

#[cfg(test)]
mod tests;
