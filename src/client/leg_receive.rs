//! What a leg receives: which stream a packet belongs to, and the RTCP that its streams ask for.

use super::captured;
use super::leg_drain::{drain_stream, finish_stream, take_packet};
use super::recovery::Back;
use super::remb::Limit;
use super::shared::Shared;
use super::story::Snapshot;
use super::turn::Turn;
use crate::clock::{Duration, Instant};
use crate::conference::{CodecParameters, MediaKind, ReceiveParameters, TrackName};
use crate::dump::Tap;
use crate::metrics::catalog::Metric;
use crate::participant::subscriber::{self, Arrived, Expect, First, Opening, Scalar};
use crate::qos::integrity::Origin;
use crate::rtp::extension::{ExtensionKind, ExtensionMap};
use crate::rtp::header::View;
use crate::rtp::rtcp::{ReportBlock, SenderInfo};
use crate::rtp::rtx;
use crate::rtp::srtp::{OpenError, Session, Skipped};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// A stream that is received, with what it was announced as.
#[derive(Debug)]
pub(super) struct Incoming {
    /// `publisher/media`, as far as it is known.
    pub name: String,
    pub parameters: ReceiveParameters,
    pub media: Option<u16>,
    /// Index of the publisher, where it is known.
    pub publisher: Option<u32>,
    pub stream: subscriber::Stream,
    pub ssrc: u32,
    pub extensions: ExtensionMap,
    /// Ended, and kept for its results.
    pub ended: bool,
    /// Its totals when the measured window closed.
    pub totals: Option<Vec<(Metric, Scalar)>>,
    /// It is back after a fault.
    pub back: Option<Back>,
    pub fir_sequence: u8,
}

impl Incoming {
    /// Whether this payload type is that of redundant audio.
    fn is_red(&self, payload_type: u8) -> bool {
        self.parameters.codecs.first().is_some_and(|codec| codec.red_payload_type == Some(payload_type))
    }

    /// Its totals over the measured window.
    pub fn totals(&self) -> Vec<(Metric, Scalar)> {
        self.totals.clone().unwrap_or_else(|| self.stream.scalars())
    }
}

/// A stream that ended, and is not kept any more.
#[derive(Debug)]
pub(super) struct Past {
    /// `publisher/media`.
    pub name: String,
    pub kind: MediaKind,
    /// Its codec's name.
    pub codec: &'static str,
    /// Its totals over the measured window.
    pub totals: Vec<(Metric, Scalar)>,
}

/// Everything that a leg receives.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub streams: Vec<Incoming>,
    /// What became of streams whose place another one has taken.
    pub past: Vec<Past>,
    /// Streams that there were.
    pub announced: usize,
    by_ssrc: FxHashMap<u32, (u16, bool)>,
    /// When each stream has something to do by itself; `None` for one that ended.
    dues: Vec<Option<Instant>>,
    /// Payload types that carry retransmissions, a bit each: in one bundle a payload type means one thing (RFC 8843 §9.1.1).
    rtx_payload_types: u128,
    /// Announced without an SSRC: matched by mid, then by payload type.
    unmatched: Vec<ReceiveParameters>,
    round_trip: Option<Duration>,
    limit: Limit,
    /// Packets received and opened since the last flush.
    seen: u64,
    opened: u64,
    firsts: VecDeque<(First, Instant)>,
    /// The dependency descriptor of the packet at hand.
    descriptor: Vec<u8>,
    /// Feedback that streams ask for, on its way out.
    pub rtcp: Vec<u8>,
    /// Who sends it.
    pub sender: u32,
    /// The measured window is over: what has no totals by now has nothing in it.
    is_closed: bool,
    /// Where everything is written, of one who dumps what it receives.
    pub tap: Option<Box<Tap>>,
    /// Whose streams these are, where signalling does not say it of each (WHEP).
    pub publisher: Option<u32>,
}

impl Received {
    /// Nothing yet; `sender` is who sends our RTCP until something is published.
    pub fn new(sender: u32, publisher: Option<u32>) -> Self {
        Self { sender, publisher, ..Self::default() }
    }

    /// When a stream has something to do by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.dues.iter().copied().flatten().chain(self.limit.poll_timeout()).min()
    }

    pub fn set_round_trip(&mut self, rtt: Duration) {
        self.round_trip = Some(rtt);
        self.limit.set_round_trip(rtt);
        for incoming in &mut self.streams {
            incoming.stream.set_rtt(rtt);
        }
        self.note_dues();
    }

    /// Which media an SSRC carries, as far as that is known.
    pub fn media_of(&self, ssrc: u32) -> Option<u16> {
        self.by_ssrc.get(&ssrc).and_then(|(index, _)| self.streams[usize::from(*index)].media)
    }

    /// The tracks that come, where signalling says whose they are.
    pub fn tracks(&self) -> Vec<TrackName> {
        self.streams.iter().filter(|one| !one.ended).filter_map(|one| one.parameters.track.clone()).collect()
    }

    /// Whether a payload type carries retransmissions.
    pub const fn is_rtx(&self, payload_type: u8) -> bool {
        self.rtx_payload_types >> (payload_type & 0x7F) & 1 == 1
    }

    /// A stream was told something: asks when it wants to be told the time.
    fn note_due(&mut self, index: usize) {
        let Incoming { stream, ended, .. } = &self.streams[index];
        self.dues[index] = stream.poll_timeout().filter(|_| !ended);
    }

    fn note_dues(&mut self) {
        (0..self.streams.len()).for_each(|index| self.note_due(index));
    }

    /// Whether streams ask for something, or have something for the first time.
    pub fn has_news(&self) -> bool {
        !(self.rtcp.is_empty() && self.firsts.is_empty())
    }

    /// The next first packet, keyframe or frame of a stream.
    pub fn poll_first(&mut self) -> Option<(First, Instant)> {
        self.firsts.pop_front()
    }

    /// So many streams are about to be announced.
    pub fn reserve(&mut self, more: usize) {
        self.streams.reserve_exact(more);
    }

    /// Announces a stream, which was asked for at `requested`. An SSRC that is there already is an integrity fault of the
    /// SFU's.
    pub fn expect(&mut self, turn: &mut Turn<'_>, parameters: ReceiveParameters, requested: Option<Instant>) {
        let rtx = parameters.codecs.iter().filter_map(|codec| codec.rtx_payload_type);
        self.rtx_payload_types |= rtx.fold(0, |bits, payload_type| bits | 1 << (payload_type & 0x7F));
        match parameters.ssrc {
            Some(ssrc) if self.by_ssrc.contains_key(&ssrc) => turn.count(Metric::IntegritySsrcDup, None, turn.now, 1),
            Some(ssrc) => self.add(turn, parameters, ssrc, requested),
            None => self.unmatched.push(parameters),
        }
    }

    fn add(&mut self, turn: &mut Turn<'_>, mut parameters: ReceiveParameters, ssrc: u32, requested: Option<Instant>) {
        let Some(codec) = parameters.codecs.first().map(|codec| codec.codec) else { return };
        let shared = turn.shared;
        let (publisher, media) = match &parameters.track {
            Some(track) => {
                let publisher = shared.participant_named(&track.participant).map(|plan| plan.index);
                (publisher, shared.media_named(&track.media))
            }
            // WHEP does not name the media: it is the publisher's only one of its kind, or the stamps tell.
            None => {
                (self.publisher, self.publisher.and_then(|publisher| shared.only_media(publisher, parameters.kind)))
            }
        };
        let expect = Expect {
            origin: Origin { room: shared.participant(turn.me).room, publisher, media },
            codec,
            feedback: parameters.codecs[0].feedback,
            key: turn.key(media, turn.now),
            intended_arrival: (!turn.joined).then_some(turn.arrival),
            subscribed: turn.now,
            requested,
            first_frame: shared.participant(turn.me).first_frame_timeout,
            layers: media.map_or(1, |media| shared.plan.media[usize::from(media)].levels()),
            one_stream: media.is_some_and(|media| shared.plan.media[usize::from(media)].is_scalable()),
            opening: if self.tap.is_some() { Opening::ALL } else { Opening::default() },
        };
        let mut stream = subscriber::Stream::new(expect, ssrc, parameters.rtx_ssrc);
        if let Some(rtt) = self.round_trip {
            stream.set_rtt(rtt);
        }
        let mut extensions = ExtensionMap::default();
        // Thousands of streams are kept, and none needs the names again.
        for (id, uri) in std::mem::take(&mut parameters.extensions) {
            if let Some(kind) = ExtensionKind::from_uri(&uri) {
                let _ = extensions.set(kind, id);
            }
        }
        self.limit.expect(&parameters, &extensions, ssrc);
        let name = stream_name(shared, &parameters, publisher, media);
        if let Some(tap) = &self.tap {
            stream.dump(tap.track(self.announced, &name, codec));
        }
        let rtx_ssrc = parameters.rtx_ssrc;
        let index = self.place(Incoming {
            name,
            parameters,
            media,
            publisher,
            stream,
            ssrc,
            extensions,
            ended: false,
            totals: None,
            back: None,
            fir_sequence: 0,
        });
        self.by_ssrc.insert(ssrc, (index, false));
        if let Some(rtx) = rtx_ssrc {
            self.by_ssrc.insert(rtx, (index, true));
        }
        self.note_due(usize::from(index));
    }

    /// Keeps a stream, in the place of one that ended where there is one: pages that flip all day need no more of them than
    /// there are tiles.
    fn place(&mut self, incoming: Incoming) -> u16 {
        self.announced += 1;
        let Some(free) = self.streams.iter().position(|one| one.ended) else {
            self.streams.push(incoming);
            self.dues.push(None);
            return (self.streams.len() - 1) as u16;
        };
        let before = std::mem::replace(&mut self.streams[free], incoming);
        if !self.is_closed || before.totals.is_some() {
            let kind = before.parameters.kind;
            let codec = before.parameters.codecs.first().map_or("", |codec| codec.codec.name());
            let totals = before.totals();
            self.past.push(Past { name: before.name, kind, codec, totals });
        }
        free as u16
    }

    /// Finds or makes the stream of an SSRC that was not announced.
    fn match_ssrc(&mut self, turn: &mut Turn<'_>, view: &View<'_>) -> Option<(u16, bool)> {
        let payload_type = view.payload_type();
        if let Some(index) = self.rtx_owner(payload_type) {
            self.by_ssrc.insert(view.ssrc(), (index, true));
            return Some((index, true));
        }
        let position = self.unmatched.iter().position(|parameters| {
            let mid = mid_of(parameters, view);
            mid.map_or_else(|| carries(parameters, payload_type), |mid| parameters.mid.as_deref() == Some(mid))
        })?;
        let mut parameters = self.unmatched.remove(position);
        // The payload type says which of the codecs it is.
        parameters
            .codecs
            .sort_by_key(|codec| codec.payload_type != payload_type && codec.red_payload_type != Some(payload_type));
        self.add(turn, parameters, view.ssrc(), None);
        self.by_ssrc.get(&view.ssrc()).copied()
    }

    /// The stream without an RTX SSRC whose RTX payload type this is.
    fn rtx_owner(&self, payload_type: u8) -> Option<u16> {
        let owner = |incoming: &Incoming| {
            !incoming.ended
                && incoming.parameters.rtx_ssrc.is_none()
                && rtx_of(&incoming.parameters, payload_type).is_some()
        };
        self.streams.iter().position(owner).map(|index| index as u16)
    }

    /// One RTP packet, sealed. Returns its transport-wide sequence number when it has one.
    pub fn handle_rtp(
        &mut self,
        turn: &mut Turn<'_>,
        srtp: &mut Session,
        times: (Instant, Instant),
        bytes: &mut [u8],
    ) -> Option<u16> {
        let bytes_len = bytes.len();
        let view = View::parse(bytes)?;
        let (index, is_rtx) = match self.by_ssrc.get(&view.ssrc()) {
            Some(&known) => known,
            None => self.match_ssrc(turn, &view)?,
        };
        let incoming = &mut self.streams[usize::from(index)];
        self.limit.handle_packet(times.0, &view, &incoming.extensions, bytes_len);
        let (header, padded, clear) = (view.header(), view.has_padding(), view.payload_ciphertext().len());
        let extension = |kind| incoming.extensions.id(kind).and_then(|id| view.extension(id));
        let transport = extension(ExtensionKind::TransportSequence);
        let transport = transport.and_then(|value| value.try_into().ok()).map(u16::from_be_bytes);
        if incoming.ended {
            return transport;
        }
        let described = extension(ExtensionKind::DependencyDescriptor);
        self.descriptor.clear();
        self.descriptor.extend_from_slice(described.unwrap_or_default());
        self.seen += 1;
        captured::note(turn.shared, incoming, &view);
        // What cannot be followed without opening it is opened: the first packet of an SSRC, or one after a long gap.
        let open = incoming.stream.wants_payload(&header, padded, is_rtx)
            || srtp.rx.skip_rtp(header.ssrc, header.sequence) == Skipped::Unfollowed;
        let mut payload = None;
        if open {
            match srtp.rx.open_rtp(bytes) {
                Ok(opened) => {
                    self.opened += 1;
                    let record = self.tap.as_mut().map(|tap| tap.packet(times.0, opened.packet(bytes)));
                    turn.sink.dumped.extend(record);
                    payload = Some(opened.payload(bytes));
                }
                Err(OpenError::Replayed | OpenError::TooOld) => {}
                Err(_) => {
                    turn.count(Metric::IntegrityAuth, incoming.media, turn.now, 1);
                    return transport;
                }
            }
        }
        let mut arrived = Arrived {
            received: times.0,
            entered: times.1,
            sequence: header.sequence,
            rtp_time: header.rtp_time,
            marker: header.marker,
            payload,
            payload_bytes: payload.map_or_else(|| clear.saturating_sub(srtp.profile().rtp_overhead()), <[u8]>::len),
            wire_bytes: bytes_len,
            descriptor: (!self.descriptor.is_empty()).then_some(self.descriptor.as_slice()),
            red: incoming.is_red(header.payload_type),
            rtx: false,
        };
        if is_rtx {
            // Padding-only probes on the RTX stream carry no original.
            let Some((original, rest)) = payload.and_then(rtx::split) else { return transport };
            let (payload, payload_bytes) = (Some(rest), rest.len());
            arrived = Arrived { sequence: original, payload, payload_bytes, rtx: true, ..arrived };
        }
        take_packet(turn, incoming, &arrived, self.sender, &mut self.rtcp, &mut self.firsts);
        self.dues[usize::from(index)] = incoming.stream.poll_timeout();
        transport
    }

    /// A sender report about one of our streams; one of a picture is the time to hold that against its sound.
    pub fn handle_sender_report(&mut self, turn: &mut Turn<'_>, received: Instant, ssrc: u32, info: &SenderInfo) {
        let Some(&(index, false)) = self.by_ssrc.get(&ssrc) else { return };
        let index = usize::from(index);
        self.streams[index].stream.handle_sender_report(info, received);
        let Incoming { publisher, parameters, .. } = &self.streams[index];
        if parameters.kind != MediaKind::Video || publisher.is_none() {
            return;
        }
        let is_sound = |one: &&Incoming| !one.ended && one.parameters.kind == MediaKind::Audio;
        let sound = self.streams.iter().filter(is_sound).find(|one| one.publisher == *publisher);
        if let Some(timeline) = sound.map(|one| one.stream.timeline()) {
            let incoming = &mut self.streams[index];
            incoming.stream.note_skew(received, &timeline);
            drain_stream(turn, incoming, self.sender, &mut self.rtcp, &mut self.firsts);
        }
    }

    /// Lets the streams do what is due.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        for (due, incoming) in self.dues.iter_mut().zip(&mut self.streams) {
            if due.is_some_and(|at| at <= turn.now) {
                incoming.stream.handle_timeout(turn.now);
                drain_stream(turn, incoming, self.sender, &mut self.rtcp, &mut self.firsts);
                *due = incoming.stream.poll_timeout();
            }
        }
        self.limit.write(turn.now, self.sender, &mut self.rtcp);
    }

    /// Reception reports, one a stream that receives.
    pub fn report_blocks(&mut self, now: Instant, blocks: &mut Vec<ReportBlock>) {
        for incoming in self.streams.iter_mut().filter(|incoming| !incoming.ended) {
            blocks.extend(incoming.stream.report_block(now));
        }
    }

    /// Ends the streams of these tracks.
    pub fn end(&mut self, turn: &mut Turn<'_>, ended: impl Fn(&TrackName) -> bool) {
        for (index, incoming) in self.streams.iter_mut().enumerate() {
            if !incoming.ended && incoming.parameters.track.as_ref().is_some_and(&ended) {
                finish_stream(turn, incoming, &mut self.firsts);
                self.by_ssrc.retain(|_, (of, _)| usize::from(*of) != index);
                self.limit.forget(incoming.ssrc);
            }
        }
        self.unmatched.retain(|parameters| !parameters.track.as_ref().is_some_and(&ended));
        self.note_dues();
    }

    /// Ends everything.
    pub fn finish(&mut self, turn: &mut Turn<'_>) {
        for incoming in self.streams.iter_mut().filter(|incoming| !incoming.ended) {
            finish_stream(turn, incoming, &mut self.firsts);
        }
        self.by_ssrc.clear();
        self.note_dues();
        self.flush(turn);
    }

    /// Marks a track as muted or not.
    pub fn set_muted(&mut self, now: Instant, track: &TrackName, muted: bool) {
        for incoming in self.streams.iter_mut().filter(|incoming| incoming.parameters.track.as_ref() == Some(track)) {
            incoming.stream.set_muted(now, muted);
        }
        self.note_dues();
    }

    /// The measured window begins.
    pub fn begin_window(&mut self, now: Instant) {
        // What ended before it has nothing in it.
        self.past.clear();
        self.streams.iter_mut().for_each(|incoming| incoming.stream.begin_window(now));
        self.note_dues();
    }

    /// The measured window ends: totals stay as they are now.
    pub fn close_window(&mut self) {
        self.is_closed = true;
        for incoming in &mut self.streams {
            incoming.totals.get_or_insert_with(|| incoming.stream.scalars());
        }
    }

    /// What the videos showed since the last call.
    pub fn sample(&mut self, turn: &mut Turn<'_>, snapshot: &mut Snapshot) {
        for incoming in
            self.streams.iter_mut().filter(|incoming| !incoming.ended && incoming.parameters.kind == MediaKind::Video)
        {
            let frozen_now = incoming.stream.is_frozen(turn.now);
            if let Some(interval) = incoming.stream.take_interval(turn.now) {
                drain_stream(turn, incoming, self.sender, &mut self.rtcp, &mut self.firsts);
                let Some(fps) = interval.fps else { continue };
                snapshot.watching += 1;
                snapshot.fps += fps;
                snapshot.frozen += u32::from(frozen_now || interval.frozen > 0.0);
                snapshot.frozen_share = snapshot.frozen_share.max(interval.frozen);
            }
        }
        self.note_dues();
    }

    /// Records what is counted in bulk.
    pub fn flush(&mut self, turn: &mut Turn<'_>) {
        turn.ratio(Metric::HarnessOpened, None, turn.now, self.opened, self.seen);
        self.seen = 0;
        self.opened = 0;
    }
}

fn stream_name(shared: &Shared, parameters: &ReceiveParameters, publisher: Option<u32>, media: Option<u16>) -> String {
    if let Some(track) = &parameters.track {
        return track.to_string();
    }
    let publisher = publisher.map_or("unknown", |index| &shared.participant(index).name);
    let kind = if parameters.kind == MediaKind::Video { "video" } else { "audio" };
    let media = media.map_or(kind, |index| &shared.plan.media[usize::from(index)].name);
    format!("{publisher}/{media}")
}

fn carries(parameters: &ReceiveParameters, payload_type: u8) -> bool {
    let of =
        |codec: &CodecParameters| codec.payload_type == payload_type || codec.red_payload_type == Some(payload_type);
    parameters.codecs.iter().any(of)
}

fn rtx_of(parameters: &ReceiveParameters, payload_type: u8) -> Option<&CodecParameters> {
    parameters.codecs.iter().find(|codec| codec.rtx_payload_type == Some(payload_type))
}

fn mid_of<'a>(parameters: &ReceiveParameters, view: &View<'a>) -> Option<&'a str> {
    let uri = ExtensionKind::Mid.uri();
    let (&id, _) = parameters.extensions.iter().find(|(_, known)| *known == uri)?;
    view.extension(id).and_then(|value| std::str::from_utf8(value).ok())
}
