//! What a video stream shows: frames, freezes, requests for keyframes, delays.

use super::opened::Reader;
use super::outbox::Outbox;
use super::output::{Expect, First, Interval, Request};
use crate::clock::{Duration, Instant};
use crate::conference::Feedback;
use crate::media::Stamp;
use crate::metrics::catalog::Metric;
use crate::qos::delay::{Playout, between};
use crate::qos::frames::{Event, Frame, Frames, Opened, Piece};
use crate::qos::freeze::{Freeze, Smoothness, Watched};
use crate::qos::integrity::WholeFrame;
use crate::qos::keyframe::KeyframeRequests;

/// A keyframe that was asked for is missed when it has not come after so long.
const MISSED_AFTER: Duration = Duration::from_secs(1);
/// Watched seconds below which no frame rate is told.
const SHORTEST_RATE: f64 = 0.5;

/// The picture of one stream.
#[derive(Clone, Debug)]
pub struct Video {
    reader: Reader,
    frames: Frames,
    smoothness: Smoothness,
    requests: KeyframeRequests,
    playout: Playout,
    /// When it will be black; `None` once it showed something, was judged, or is muted.
    black_at: Option<Instant>,
    black_after: Duration,
    black: bool,
    seen_keyframe: bool,
    seen_frame: bool,
    /// When it was asked for, until it shows something or is muted.
    requested: Option<Instant>,
    muted: bool,
    second: Watched,
    interval: Watched,
    whole: Option<WholeFrame>,
    frames_begun: u32,
    /// Sizes of picture of its publisher, whether they are in one stream, and the one that is shown.
    layers: u8,
    one_stream: bool,
    layer: Option<u8>,
}

impl Video {
    pub fn new(expect: &Expect) -> Self {
        Self {
            reader: Reader::new(expect.codec),
            frames: Frames::default(),
            smoothness: Smoothness::default(),
            requests: KeyframeRequests::default(),
            playout: Playout::default(),
            black_at: Some(expect.subscribed + expect.first_frame),
            black_after: expect.first_frame,
            black: false,
            seen_keyframe: false,
            seen_frame: false,
            requested: expect.requested,
            muted: false,
            second: Watched::default(),
            interval: Watched::default(),
            whole: None,
            frames_begun: 0,
            layers: expect.layers,
            one_stream: expect.one_stream,
            layer: None,
        }
    }

    /// Whether the packets of this frame are opened although only its first one is needed; asked at each frame's first.
    pub fn opens_whole(&mut self, expect: &Expect, rtp_time: u32, begins: bool) -> bool {
        let one_in = expect.opening.one_frame_in;
        if begins && one_in > 0 {
            self.frames_begun = self.frames_begun.wrapping_add(1);
            if self.frames_begun.is_multiple_of(one_in) {
                self.whole = Some(WholeFrame::new(expect.codec, rtp_time));
            }
        }
        self.whole.as_ref().is_some_and(|whole| whole.rtp_time() == rtp_time)
    }

    /// Whether every packet must be opened: frames begin within a picture where only the payload tells.
    pub const fn opens_all(&self) -> bool {
        self.reader.opens_all()
    }

    /// What an opened payload and its dependency descriptor say.
    pub fn read(
        &mut self,
        payload: &[u8],
        descriptor: Option<&[u8]>,
        stamp: Option<&Stamp>,
        out: &mut Outbox,
    ) -> Opened {
        let opened = self.reader.read(payload, descriptor, stamp);
        if self.reader.is_malformed() {
            out.count(Metric::IntegrityDescriptor);
        }
        opened
    }

    /// Takes an opened packet of a frame that is to be opened whole.
    pub fn check_whole(
        &mut self,
        number: i64,
        rtp_time: u32,
        payload: &[u8],
        marker: bool,
        stamp: Option<&Stamp>,
        out: &mut Outbox,
    ) {
        let Some(whole) = self.whole.as_mut().filter(|whole| whole.rtp_time() == rtp_time) else { return };
        if let Some(wrong) = whole.handle_packet(number, payload, marker, stamp) {
            self.whole = None;
            if wrong.is_some() {
                out.count(Metric::IntegrityPayloadCrc);
            }
        }
    }

    /// Takes a packet that is here for the first time. A keyframe decoded by it makes all packets below the returned number
    /// useless.
    pub fn handle_piece(
        &mut self,
        now: Instant,
        piece: &Piece,
        floor: i64,
        expect: &Expect,
        out: &mut Outbox,
    ) -> Option<i64> {
        if !self.seen_keyframe && piece.opened.is_some_and(|opened| opened.keyframe) {
            self.seen_keyframe = true;
            out.first(First::Keyframe, piece.received);
        }
        self.frames.handle_piece(piece, floor);
        self.drain(now, expect, out)
    }

    /// Takes a packet of nothing but padding.
    pub fn handle_filler(&mut self, now: Instant, number: i64, floor: i64, expect: &Expect, out: &mut Outbox) {
        self.frames.handle_filler(number, now, floor);
        self.drain(now, expect, out);
    }

    /// Packets below `floor` are settled.
    pub fn handle_settled(&mut self, now: Instant, floor: i64, expect: &Expect, out: &mut Outbox) {
        self.frames.handle_settled(now, floor);
        self.drain(now, expect, out);
    }

    /// The stream began again.
    pub fn restart(&mut self, now: Instant, expect: &Expect, out: &mut Outbox) {
        self.whole = None;
        self.frames.restart(now);
        self.drain(now, expect, out);
    }

    pub fn handle_timeout(&mut self, now: Instant, feedback: Feedback, out: &mut Outbox) {
        if self.black_at.is_some_and(|at| now >= at) {
            self.black_at = None;
            self.black = true;
            out.count(Metric::VideoBlack);
        }
        if self.requests.handle_timeout(now) {
            ask_for_keyframe(feedback, out);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.black_at, self.requests.poll_timeout()].into_iter().flatten().min()
    }

    pub fn set_muted(&mut self, now: Instant, muted: bool, out: &mut Outbox) {
        if muted == self.muted {
            return;
        }
        self.muted = muted;
        if muted {
            self.requested = None;
            self.requests.cancel();
        }
        if !self.seen_frame && !self.black {
            self.black_at = (!muted).then_some(now + self.black_after);
        }
        if let Some(freeze) = self.smoothness.set_muted(now, muted) {
            note_freeze(freeze, out);
        }
    }

    /// A second ended at `end`: what was shown in it. Only a second that was watched whole has a frame rate.
    pub fn handle_second(&mut self, end: Instant, due: Instant, whole: bool, out: &mut Outbox) {
        self.watch_to(end, out);
        let watched = std::mem::take(&mut self.second);
        let dark = self.black && !self.seen_frame && !self.muted;
        if whole && (watched.watched >= Duration::from_secs(1) || dark) {
            out.sample(Metric::VideoFps, due, f64::from(watched.frames));
            if let Some(distance) = self.distance() {
                out.sample(Metric::VideoLayerDistance, due, f64::from(distance));
            }
        }
    }

    /// What was shown since the last time this was asked.
    pub fn take_interval(&mut self, now: Instant, out: &mut Outbox) -> Interval {
        self.watch_to(now, out);
        let shown = std::mem::take(&mut self.interval);
        let seconds = shown.watched.as_secs_f64();
        if seconds == 0.0 {
            return Interval::default();
        }
        Interval {
            // A stream's first moment is no time to take a rate from.
            fps: (seconds >= SHORTEST_RATE).then(|| (f64::from(shown.frames) / seconds) as f32),
            frozen: (shown.frozen.as_secs_f64() / seconds).min(1.0) as f32,
        }
    }

    /// The stream ends.
    pub fn finish(&mut self, now: Instant, feedback: Feedback, expect: &Expect, out: &mut Outbox) {
        self.handle_timeout(now, feedback, out);
        self.frames.finish(now);
        self.drain(now, expect, out);
        if self.requests.unanswered(now).is_some_and(|asked| asked >= MISSED_AFTER) {
            out.count(Metric::VideoKeyframesMissed);
        }
        out.unanswered(Metric::VideoSubscribeWait, &mut self.requested, now);
        if let Some(freeze) = self.smoothness.finish(now) {
            note_freeze(freeze, out);
        }
        self.watch_to(now, out);
        if let Some(fps) = self.smoothness.harmonic_fps() {
            out.sample(Metric::VideoHfps, now, fps);
        }
    }

    pub fn is_frozen(&self, now: Instant) -> bool {
        self.smoothness.is_frozen(now)
    }

    pub fn harmonic_fps(&self) -> Option<f64> {
        self.smoothness.harmonic_fps()
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.frames.heap_bytes() + self.playout.heap_bytes()
    }

    fn watch_to(&mut self, now: Instant, out: &mut Outbox) {
        let more = self.smoothness.take_watched(now);
        for total in [&mut self.second, &mut self.interval] {
            total.watched += more.watched;
            total.frozen += more.frozen;
            total.frames += more.frames;
        }
        if !more.watched.is_zero() || !more.frozen.is_zero() {
            out.tally.add(Metric::VideoFreezeRatio, more.frozen.as_nanos() as u64, more.watched.as_nanos() as u64);
        }
        if let Some(distance) = self.distance() {
            let watched = more.watched.as_nanos() as u64;
            out.tally.add(Metric::VideoResolutionTime, if distance == 0 { watched } else { 0 }, watched);
        }
    }

    /// How far below the highest layer what is shown is; `None` where there is one layer, or nothing is shown.
    fn distance(&self) -> Option<u8> {
        self.layer.filter(|_| self.layers > 1).map(|layer| (self.layers - 1).saturating_sub(layer))
    }

    /// A frame of this layer is shown.
    fn note_layer(&mut self, layer: u8, keyframe: bool, at: Instant, out: &mut Outbox) {
        if self.layer == Some(layer) {
            return;
        }
        // What was watched until now was watched in the layer before.
        self.watch_to(at, out);
        if let Some(before) = self.layer.replace(layer) {
            out.count(Metric::VideoLayerSwitch);
            let is_free = self.one_stream && layer < before;
            if !keyframe && !is_free {
                out.count(Metric::IntegrityLayerStart);
            }
        }
    }

    fn drain(&mut self, now: Instant, expect: &Expect, out: &mut Outbox) -> Option<i64> {
        let mut useless_below = None;
        while let Some(event) = self.frames.poll_event() {
            match event {
                Event::Complete(frame) => note_complete(&frame, out),
                Event::Decodable(frame, at) => {
                    out.left(&frame, true);
                    self.show(&frame, at, expect, out);
                    if frame.keyframe {
                        useless_below = Some(frame.low);
                    }
                }
                Event::Undecodable(frame) => {
                    out.left(&frame, false);
                    out.count(Metric::VideoFramesUndecodable);
                }
                Event::Torn(_) => out.count(Metric::IntegrityTornFrames),
                Event::PictureGap(_) => out.count(Metric::IntegrityPidGap),
                Event::BaseGap(_) => out.count(Metric::IntegrityTl0Gap),
                Event::Blocked(_) => {
                    if !self.muted && self.requests.handle_blocked(now) {
                        ask_for_keyframe(expect.feedback, out);
                    }
                }
            }
        }
        useless_below
    }

    /// A frame became decodable at `at`.
    fn show(&mut self, frame: &Frame, at: Instant, expect: &Expect, out: &mut Outbox) {
        out.count(Metric::VideoFramesDecodable);
        if let Some(timing) = frame.timing {
            self.note_layer(timing.layer, frame.keyframe, at, out);
        }
        if frame.keyframe {
            out.count(Metric::VideoKeyframes);
            if let Some((asked, wait)) = self.requests.handle_keyframe(at) {
                out.sample(Metric::VideoKeyframeWait, asked, wait.as_secs_f64());
            }
        }
        if !self.seen_frame {
            self.seen_frame = true;
            self.black_at = None;
            out.first(First::Frame, at);
            out.answered(Metric::VideoSubscribeWait, &mut self.requested, at);
            if let Some(intended) = expect.intended_arrival {
                out.sample(Metric::VideoTtff, intended, at.saturating_since(intended).as_secs_f64());
            }
        }
        out.timeline.handle_frame(frame.rtp_time as u32, at);
        out.delivered(frame.timing.map_or(at, |timing| timing.due), at);
        let shown = self.smoothness.handle_frame(at);
        if let Some(gap) = shown.gap {
            out.sample(Metric::VideoIfd, frame.due(), gap.as_secs_f64());
        }
        if let Some(freeze) = shown.freeze {
            note_freeze(freeze, out);
        }
        if let Some(timing) = frame.timing
            && let Some(delay) = between(timing.due, at)
        {
            out.sample(Metric::DelayFrame, timing.due, delay);
            if let Some(e2e) = self.playout.handle_frame(timing.due, at) {
                out.sample(Metric::DelayE2e, timing.due, e2e);
            }
        }
    }
}

fn note_complete(frame: &Frame, out: &mut Outbox) {
    out.count(Metric::VideoFramesReceived);
    if frame.held > 1 {
        out.sample(Metric::VideoAssembly, frame.due(), frame.last.saturating_since(frame.first).as_secs_f64());
    }
    if let Some(timing) = frame.timing
        && let Some(delay) = timing.left.and_then(|left| between(left, frame.last))
    {
        out.sample(Metric::DelayTransport, timing.due, delay);
    }
}

/// A freeze belongs to the time at which it began.
fn note_freeze(freeze: Freeze, out: &mut Outbox) {
    out.count(Metric::VideoFreezeCount);
    if freeze.pause {
        out.count(Metric::VideoPauseCount);
    }
    out.sample(Metric::VideoFreezeTime, freeze.began, freeze.length.as_secs_f64());
}

fn ask_for_keyframe(feedback: Feedback, out: &mut Outbox) {
    if feedback.pli {
        out.count(Metric::RtpPliSent);
        out.request(Request::Pli);
    } else if feedback.fir {
        out.count(Metric::RtpFirSent);
        out.request(Request::Fir);
    }
}
