//! The machine of one received stream.

mod redundancy;
mod stamps;
mod sync;

use super::outbox::Outbox;
use super::output::{Arrived, Expect, First, Interval, Output, Request, Scalar};
use super::sound::Sound;
use super::video::Video;
use crate::clock::{Duration, Instant};
use crate::conference::MediaKind;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::{Key, RunPhase};
use crate::qos::delay::between;
use crate::qos::frames::Piece;
use crate::qos::integrity::TimeOrder;
use crate::qos::jitter::Jitter;
use crate::qos::nack::{Missing, Settled};
use crate::qos::rtt::Echo;
use crate::qos::sequence::{Arrival, Arrivals};
use crate::qos::sync::Timeline;
use crate::rtp::header::Header;
use crate::rtp::rtcp::{ReportBlock, SenderInfo};

const SECOND: u64 = 1_000_000_000;
/// What counts per second is handed out within this share of the next one, each stream at its own moment.
const SPREAD: u64 = 900_000_000;

#[derive(Clone, Debug)]
enum Media {
    Sound(Box<Sound>),
    Video(Box<Video>),
}

/// What was handed out of counters that only grow.
#[derive(Clone, Copy, Debug, Default)]
struct HandedOut {
    expected: u64,
    settled: Settled,
    late: u64,
    asked: u64,
}

/// One received stream.
#[derive(Clone, Debug)]
pub struct Stream {
    expect: Expect,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    arrivals: Arrivals,
    order: TimeOrder,
    jitter: Jitter,
    missing: Missing,
    echo: Echo,
    media: Media,
    pub(super) out: Outbox,
    /// The end of the second that is being counted.
    second_end: Instant,
    /// How long after the end of a second it is handed out at the latest.
    stagger: Duration,
    opened: u32,
    heard: bool,
    heard_in_second: bool,
    reordered: u64,
    unique: u64,
    late: u64,
    /// Residual loss and runs of it that sound knows of.
    told_sound: (u64, u64),
    handed_out: HandedOut,
    /// How many packets before it a packet of sound brings again, as far as was seen: what follows a gap is opened.
    repeats: u8,
    muted: bool,
    finished: bool,
}

impl Stream {
    /// A stream of which nothing has arrived.
    #[must_use]
    pub fn new(expect: Expect, ssrc: u32, rtx_ssrc: Option<u32>) -> Self {
        let clock_rate = expect.codec.clock_rate();
        let media = match expect.codec.kind() {
            MediaKind::Audio => Media::Sound(Box::new(Sound::new(&expect))),
            MediaKind::Video => Media::Video(Box::new(Video::new(&expect))),
        };
        // Fibonacci hashing: SSRCs that follow one another lie far apart.
        let stagger = (u64::from(ssrc.wrapping_mul(0x9E37_79B9)) * SPREAD) >> 32;
        Self {
            expect,
            ssrc,
            rtx_ssrc,
            arrivals: Arrivals::new(clock_rate),
            order: TimeOrder::default(),
            jitter: Jitter::new(clock_rate),
            missing: Missing::new(expect.feedback.nack),
            echo: Echo::default(),
            media,
            out: Outbox { timeline: Timeline::new(clock_rate), ..Outbox::default() },
            second_end: Instant::from_nanos((expect.subscribed.as_nanos() / SECOND + 1) * SECOND),
            stagger: Duration::from_nanos(stagger),
            opened: 0,
            heard: false,
            heard_in_second: false,
            reordered: 0,
            unique: 0,
            late: 0,
            told_sound: (0, 0),
            handed_out: HandedOut::default(),
            repeats: 0,
            muted: false,
            finished: false,
        }
    }

    /// The stream's SSRC.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The SSRC of its retransmissions.
    #[must_use]
    pub const fn rtx_ssrc(&self) -> Option<u32> {
        self.rtx_ssrc
    }

    /// The labels of a sample that falls into `phase`.
    #[must_use]
    pub const fn key(&self, phase: RunPhase) -> Key {
        Key { phase, ..self.expect.key }
    }

    /// Whether a packet must be opened before it is told: `padded` is its padding bit, which hides how long the payload is.
    pub fn wants_payload(&mut self, header: &Header, padded: bool, rtx: bool) -> bool {
        if rtx {
            return true;
        }
        let first = self.opened < self.expect.opening.first;
        match &mut self.media {
            Media::Sound(_) => {
                let one_in = self.expect.opening.one_sound_in.max(1);
                let number = self.arrivals.nearest(header.sequence);
                let gap = (1..=i64::from(self.repeats)).any(|back| !self.arrivals.holds(number - back));
                first || padded || gap || header.sequence.is_multiple_of(one_in)
            }
            Media::Video(video) => {
                let begins = self.order.newest() != Some(header.rtp_time);
                let whole = video.opens_whole(&self.expect, header.rtp_time, begins);
                // What fills a gap, or follows one, may be the first packet of its frame.
                let number = self.arrivals.nearest(header.sequence);
                let odd = number <= self.arrivals.newest() || !self.arrivals.holds(number - 1);
                first || padded || begins || whole || odd || video.opens_all()
            }
        }
    }

    /// Takes a packet that arrived. One whose authentication failed never did.
    pub fn handle_packet(&mut self, now: Instant, arrived: &Arrived) {
        if self.finished {
            return;
        }
        self.roll(arrived.received);
        if arrived.payload.is_some() {
            self.opened = self.opened.saturating_add(1);
        }
        if arrived.rtx {
            self.take_repair(now, arrived);
        } else {
            self.take_with_redundancy(now, arrived);
        }
        if self.missing.is_due(now, self.arrivals.newest()) {
            self.chase(now);
        }
    }

    /// A sender report of this stream came.
    pub const fn handle_sender_report(&mut self, info: &SenderInfo, received: Instant) {
        self.echo.handle_sender_report(info.ntp.middle(), received);
        self.out.timeline.handle_sender_report(info.ntp, info.rtp_time);
    }

    /// The report block to send at `now` (RFC 3550 §6.4.1); begins the next interval. `None` before the first packet.
    pub fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        if !self.arrivals.is_started() {
            return None;
        }
        Some(self.arrivals.report_block(now, self.ssrc, &self.jitter, &self.echo))
    }

    /// The round trip to who repairs, for the timing of NACKs and for the score of sound without stamps.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.missing.set_rtt(rtt);
        if let Media::Sound(sound) = &mut self.media {
            sound.set_rtt(rtt);
        }
    }

    /// The publisher muted or unmuted the track.
    pub fn set_muted(&mut self, now: Instant, muted: bool) {
        if self.finished || muted == self.muted {
            return;
        }
        self.roll(now);
        self.muted = muted;
        match &mut self.media {
            Media::Sound(sound) => sound.set_muted(now, muted),
            Media::Video(video) => video.set_muted(now, muted, &mut self.out),
        }
    }

    /// Whether the publisher has muted the track.
    #[must_use]
    pub const fn is_muted(&self) -> bool {
        self.muted
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.finished {
            return;
        }
        self.roll(now);
        if self.missing.is_due(now, self.arrivals.newest()) {
            self.chase(now);
        }
        match &mut self.media {
            Media::Sound(sound) => sound.handle_timeout(now, &mut self.out),
            Media::Video(video) => video.handle_timeout(now, self.expect.feedback, &mut self.out),
        }
    }

    /// When to be told the time again; `None` once finished.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.finished {
            return None;
        }
        let media = match &self.media {
            Media::Sound(sound) => sound.poll_timeout(),
            Media::Video(video) => video.poll_timeout(),
        };
        let second = self.second_end + self.stagger;
        [self.missing.poll_timeout(), media].into_iter().flatten().min().map_or(Some(second), |at| Some(at.min(second)))
    }

    /// The next output; drain to `None` after every input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.poll()
    }

    /// Whether the picture stands still at `now`.
    #[must_use]
    pub fn is_frozen(&self, now: Instant) -> bool {
        matches!(&self.media, Media::Video(video) if video.is_frozen(now))
    }

    /// Has the first unit told that was due at `after` or later, once.
    pub const fn arm(&mut self, after: Instant) {
        self.out.armed = Some(after);
    }

    /// Whether anything of it was ever delivered.
    #[must_use]
    pub const fn has_delivered(&self) -> bool {
        self.out.newest.is_some()
    }

    /// What a video showed since the last time this was asked; `None` for sound.
    pub fn take_interval(&mut self, now: Instant) -> Option<Interval> {
        self.roll(now);
        match &mut self.media {
            Media::Sound(_) => None,
            Media::Video(video) => Some(video.take_interval(now, &mut self.out)),
        }
    }

    /// The window of [`Self::scalars`] begins at `now`.
    pub fn begin_window(&mut self, now: Instant) {
        self.roll(now);
        self.hand_out(now.saturating_sub(Duration::from_nanos(1)), now, false);
        self.out.tally.begin_window();
    }

    /// Totals of the window, up to the last whole second, or whole once finished. Harmonic fps are of the session.
    #[must_use]
    pub fn scalars(&self) -> Vec<(Metric, Scalar)> {
        let mut scalars: Vec<_> = self.out.tally.scalars().collect();
        if let Media::Video(video) = &self.media {
            scalars.extend(video.harmonic_fps().map(|fps| (Metric::VideoHfps, Scalar::Value(fps))));
        }
        scalars
    }

    /// The session or the run ends: open freezes count, missing packets are lost, black is judged. Nothing is taken after it.
    pub fn finish(&mut self, now: Instant) {
        if self.finished {
            return;
        }
        self.handle_timeout(now);
        self.missing.settle_all();
        self.tell_settled(now);
        match &mut self.media {
            Media::Sound(sound) => sound.finish(now, &mut self.out),
            Media::Video(video) => video.finish(now, self.expect.feedback, &self.expect, &mut self.out),
        }
        self.hand_out(now.saturating_sub(Duration::from_nanos(1)), now, false);
        self.out.track.iter_mut().for_each(|track| track.finish());
        self.finished = true;
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let media = match &self.media {
            Media::Sound(sound) => size_of::<Sound>() + sound.heap_bytes(),
            Media::Video(video) => size_of::<Video>() + video.heap_bytes(),
        };
        media + self.missing.heap_bytes() + self.out.queue.capacity() * size_of::<Output>()
    }

    fn take_original(&mut self, now: Instant, arrived: &Arrived) {
        let (number, arrival) = self.arrivals.handle_packet(arrived.received, arrived.sequence, arrived.rtp_time);
        let mut in_time = true;
        match arrival {
            Arrival::Duplicate => return self.out.count(Metric::RtpDup),
            Arrival::Suspect => return,
            Arrival::Restart => self.restart(now),
            Arrival::Ahead { skipped: 0 } | Arrival::Before { skipped: 0 } => {}
            Arrival::Ahead { skipped } => {
                self.missing.handle_gap(&self.arrivals, arrived.received, number - skipped, skipped);
            }
            Arrival::Before { skipped } => {
                self.missing.handle_gap(&self.arrivals, arrived.received, number + 1, skipped);
            }
            Arrival::Behind { repaired } => {
                in_time = self.missing.handle_filled(number, true, repaired);
                self.late += u64::from(!in_time && !repaired);
                self.out.tally.count(Metric::RtpDup, u32::from(repaired));
            }
        }
        self.heard_in_second = true;
        self.unique += 1;
        self.out.count(Metric::RtpPacketsReceived);
        self.out.tally.count(Metric::RtpBytesReceived, arrived.wire_bytes as u32);
        let newer = matches!(arrival, Arrival::Ahead { .. } | Arrival::Restart);
        self.reordered += u64::from(!newer);
        let is_padding = arrived.payload.is_some_and(<[u8]>::is_empty);
        let rtp_time = if newer { self.take_newer(arrived, is_padding) } else { self.order.unwrap(arrived.rtp_time) };
        match arrival {
            Arrival::Behind { repaired: true } => {}
            _ if is_padding => self.take_padding(now, number),
            _ => self.take_media(now, number, rtp_time, in_time, arrived),
        }
    }

    /// A packet newer than all before it.
    fn take_newer(&mut self, arrived: &Arrived, is_padding: bool) -> i64 {
        let (rtp_time, fell) = self.order.handle_newer(arrived.rtp_time);
        self.out.tally.count(Metric::IntegrityTsBackwards, u32::from(fell));
        if !is_padding && let Some(difference) = self.jitter.handle_packet(arrived.received, arrived.rtp_time) {
            self.out.sample(Metric::RtpInterarrival, arrived.received, difference);
        }
        rtp_time
    }

    fn take_repair(&mut self, now: Instant, arrived: &Arrived) {
        self.out.count(Metric::RtpRtxReceived);
        let nearest = self.arrivals.nearest(arrived.sequence);
        let Some(number) = self.arrivals.handle_repair(arrived.sequence) else {
            self.out.tally.count(Metric::RtpDup, u32::from(self.arrivals.holds(nearest)));
            return;
        };
        let in_time = self.missing.handle_filled(number, false, false);
        self.late += u64::from(!in_time);
        if arrived.payload.is_some_and(<[u8]>::is_empty) {
            return self.take_padding(now, number);
        }
        let rtp_time = self.order.unwrap(arrived.rtp_time);
        self.take_media(now, number, rtp_time, in_time, arrived);
    }

    fn take_padding(&mut self, now: Instant, number: i64) {
        let floor = self.missing.floor(&self.arrivals);
        if let Media::Video(video) = &mut self.media {
            video.handle_filler(now, number, floor, &self.expect, &mut self.out);
        }
    }

    /// A packet of sound or picture that is here for the first time.
    fn take_media(&mut self, now: Instant, number: i64, rtp_time: i64, in_time: bool, arrived: &Arrived) {
        if !self.heard {
            self.heard = true;
            self.out.first(First::Rtp, arrived.received);
        }
        let stamp = arrived.payload.and_then(|payload| self.read_stamp(payload));
        if let Some(stamp) = stamp
            && !arrived.rtx
            && let Some(delay) = stamp.left.and_then(|left| between(left, arrived.entered))
        {
            self.out.sample(Metric::SfuForwardDelay, stamp.due, delay);
        }
        let floor = self.missing.floor(&self.arrivals);
        let (expect, out) = (&self.expect, &mut self.out);
        let told = stamp.or_else(|| out.captured.filter(|_| arrived.payload.is_some()).map(stamps::of_capture));
        if let Some((track, payload)) = out.track.as_mut().zip(arrived.payload) {
            track.handle_packet(number, rtp_time, payload, floor);
        }
        match &mut self.media {
            Media::Sound(sound) => sound.handle_unit(number, arrived, in_time, told.as_ref(), expect, out),
            Media::Video(video) => {
                let (marker, received) = (arrived.marker, arrived.received);
                if let Some(payload) = arrived.payload {
                    video.check_whole(number, arrived.rtp_time, payload, marker, stamp.as_ref(), out);
                }
                let descriptor = arrived.descriptor;
                let opened = arrived.payload.map(|payload| video.read(payload, descriptor, told.as_ref(), out));
                let piece = Piece { number, rtp_time, marker, received, bytes: arrived.payload_bytes as u32, opened };
                if let Some(useless_below) = video.handle_piece(now, &piece, floor, expect, out) {
                    self.missing.set_useless_below(useless_below);
                }
            }
        }
    }

    fn restart(&mut self, now: Instant) {
        self.out.count(Metric::IntegritySeqJump);
        self.missing.settle_all();
        self.tell_settled(now);
        self.jitter.forget_timeline();
        self.order = TimeOrder::default();
        if let Media::Video(video) = &mut self.media {
            video.restart(now, &self.expect, &mut self.out);
        }
        self.out.track.iter_mut().for_each(|track| track.restart());
    }

    /// Asks for missing packets and gives up those past their deadline.
    fn chase(&mut self, now: Instant) {
        let out = &mut self.out;
        self.missing.handle_timeout(now, &self.arrivals, |ask| out.request(Request::Nack(ask)));
        self.tell_settled(now);
    }

    /// Tells picture and sound what was given up.
    fn tell_settled(&mut self, now: Instant) {
        let floor = self.missing.floor(&self.arrivals);
        match &mut self.media {
            Media::Sound(sound) => {
                let (residual, runs) = (self.missing.settled().residual, self.missing.runs());
                if residual > self.told_sound.0 {
                    sound.handle_lost(residual - self.told_sound.0, runs - self.told_sound.1);
                }
                self.told_sound = (residual, runs);
            }
            Media::Video(video) => video.handle_settled(now, floor, &self.expect, &mut self.out),
        }
    }

    /// Hands out the seconds that ended by `at`.
    fn roll(&mut self, at: Instant) {
        while at >= self.second_end {
            let end = self.second_end;
            self.hand_out(end.saturating_sub(Duration::from_nanos(1)), end, true);
            self.second_end = end + Duration::from_secs(1);
        }
    }

    /// Hands out what was counted up to `end`; `whole`: a whole second ends there.
    fn hand_out(&mut self, due: Instant, end: Instant, whole: bool) {
        match &mut self.media {
            Media::Sound(sound) => sound.handle_second(&mut self.out),
            Media::Video(video) => video.handle_second(end, due, whole, &mut self.out),
        }
        if whole && std::mem::take(&mut self.heard_in_second) {
            self.out.sample(Metric::RtpJitter, due, self.jitter.duration().as_secs_f64());
        }
        let before = self.handed_out;
        // A packet that came by itself after it was settled as lost is taken from the next loss, so totals stay exact.
        let settled = self.missing.settled();
        let floor = self.missing.floor(&self.arrivals);
        self.handed_out = HandedOut {
            expected: (self.arrivals.expected_below(floor).max(0) as u64).max(before.expected),
            settled: Settled { lost: settled.lost.max(before.settled.lost), residual: settled.residual },
            late: self.late,
            asked: self.missing.asked(),
        };
        let after = self.handed_out;
        let expected = after.expected - before.expected;
        let tally = &mut self.out.tally;
        tally.add(Metric::RtpLossNet, after.settled.lost - before.settled.lost, expected);
        tally.add(Metric::RtpLossResidual, after.settled.residual - before.settled.residual, expected);
        tally.add(Metric::RtpLossLate, after.late - before.late, expected);
        tally.add(Metric::RtpReorder, std::mem::take(&mut self.reordered), std::mem::take(&mut self.unique));
        tally.count(Metric::RtpNackSent, (after.asked - before.asked) as u32);
        self.out.flush(due);
    }
}
