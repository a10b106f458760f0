//! A microphone and its Opus encoder: packets of constant length while somebody talks, comfort noise while nobody does.
//!
//! With DTX a pause is one small packet when it begins and one every 400 ms (`rtp::opus`), unstamped; without, silence is
//! sent at the full rate. The marker bit opens a talk spurt, and is never set where silence is not suppressed (RFC 3551
//! §4.1). In-band FEC is a flag that says that the packet before is here again, as its bits come out of the same rate;
//! RED repeats whole packets in front of the new one. Comfort noise is never repeated. Levels are
//! those of RFC 6464. The rate is constant (CBR), so that a pause is the only thing that lowers it.

use super::conversation::Seat;
use super::encoder::{Frame, Identity};
use super::payload::{MAX_PREFIX, Payload};
use super::rtp_clock::RtpClock;
use super::source::{AudioSource, MediaPlan};
use super::stamp::{STAMP_LEN, Stamp};
use super::talk::Talking;
use crate::clock::{Duration, Instant};
use crate::rtp::opus::{DTX_INTERVAL, DTX_LEN, SILK_HEADER_LEN, Toc, silk_header};
use crate::rtp::red::{self, Block};
use crate::seed::{ChaCha8Rng, Seed};
use crate::units::Bitrate;
use rand::Rng;
use std::collections::VecDeque;

/// Level of a quiet room, in −dBov (RFC 6464; 127 is digital silence).
const SILENCE_LEVEL: u8 = 80;
/// Level of what is muted: digital silence.
const MUTED_LEVEL: u8 = 127;
/// Levels of speech: these, uniformly.
const TALK_LEVELS: std::ops::Range<u8> = 22..38;
const FILLER_STEP: usize = 2_368;

/// What the next packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sound {
    /// Speech; whether it opens a talk spurt after a gap.
    Talk { opens: bool },
    /// Silence at the full rate.
    Silence,
    /// A comfort-noise update.
    ComfortNoise,
}

pub(super) struct Audio {
    identity: Identity,
    bitrate: Bitrate,
    ptime: Duration,
    toc: Toc,
    dtx: bool,
    fec: bool,
    /// Packets that each one repeats; 0 also where RED was not negotiated.
    red: u8,
    /// The payload type of blocks.
    payload_type: u8,
    /// What was sent last, newest last: RTP time and payload.
    sent: VecDeque<(u32, Vec<u8>)>,
    /// The packet before the next one was full sound.
    follows: bool,
    first: Instant,
    slot: u64,
    next: Sound,
    /// When the last comfort noise was due, in a pause.
    noise: Option<Instant>,
    /// Whether the next speech follows a gap.
    gap: bool,
    /// Sent bits that did not fill a byte, in bit · ns.
    carry: u64,
    number: u32,
    now: Option<Instant>,
    muted: bool,
    clock: RtpClock,
    talking: Talking,
    levels: ChaCha8Rng,
}

impl Audio {
    pub(super) fn new(
        plan: &MediaPlan,
        source: &AudioSource,
        identity: Identity,
        seat: Option<&Seat>,
        seed: &Seed,
        start: Instant,
    ) -> Self {
        let ptime = source.ptime.as_nanos() as u64;
        let first = start + Duration::from_nanos(seed.child("phase").bits() % ptime);
        let mut talking = Talking::new(source.talk, seed.child("talk").rng(), first);
        if let Some(seat) = seat {
            talking.take_seat(seat);
        }
        let clock_rate = plan.codec.clock_rate();
        let base = plan.sending.rtp_time(seed.child("rtp time").bits() as u32, clock_rate);
        let mut audio = Self {
            identity,
            bitrate: plan.bitrate,
            ptime: source.ptime,
            toc: Toc::for_frame(source.ptime).expect("MediaPlan::check allows only lengths of Opus frames"),
            dtx: source.dtx,
            fec: source.fec,
            red: source.red,
            payload_type: 0,
            sent: VecDeque::new(),
            follows: false,
            first,
            slot: 0,
            next: Sound::Silence,
            noise: None,
            gap: true,
            carry: 0,
            number: 0,
            now: None,
            muted: false,
            clock: RtpClock::new(start, base, clock_rate),
            talking,
            levels: seed.child("levels").rng(),
        };
        audio.seek();
        audio
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.muted || self.dtx).then(|| self.due())
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.now = Some(now);
    }

    pub(super) fn poll_frame(&mut self, frame: &mut Frame) -> bool {
        let Some(due) = self.poll_timeout().filter(|due| self.now.is_some_and(|now| *due <= now)) else { return false };
        frame.packets.clear();
        frame.descriptors.clear();
        frame.packets.push(match self.next {
            Sound::Talk { .. } | Sound::Silence => self.stamped(due),
            Sound::ComfortNoise if self.red > 0 => {
                Payload::new(&[self.payload_type, self.toc.0], self.filler_at(), DTX_LEN - 1)
            }
            Sound::ComfortNoise => Payload::new(&[self.toc.0], self.filler_at(), DTX_LEN - 1),
        });
        self.follows = self.next != Sound::ComfortNoise;
        frame.describe(due, self.clock.at(due), self.number);
        frame.marked = self.next == Sound::Talk { opens: true };
        frame.dtx = self.next == Sound::ComfortNoise;
        frame.voice = matches!(self.next, Sound::Talk { .. });
        frame.audio_level = Some(match (self.muted, frame.voice) {
            (true, _) => MUTED_LEVEL,
            (false, true) => self.level(),
            (false, false) => SILENCE_LEVEL,
        });
        self.number = self.number.wrapping_add(1);
        self.slot += 1;
        self.seek();
        true
    }

    pub(super) fn set_muted(&mut self, now: Instant, muted: bool) {
        if self.muted != muted {
            let passed = now.saturating_since(self.first).as_nanos().div_ceil(self.ptime.as_nanos()) as u64;
            self.slot = self.slot.max(passed);
            self.muted = muted;
            (self.gap, self.noise, self.follows) = (true, None, false);
            self.sent.clear();
            self.seek();
        }
    }

    pub(super) fn unit(&self) -> Duration {
        self.ptime
    }

    /// Payloads are RED's, with blocks of this payload type; `None`: that was not negotiated.
    pub(super) fn set_red(&mut self, payload_type: Option<u8>) {
        match payload_type {
            Some(payload_type) => self.payload_type = payload_type,
            None => self.red = 0,
        }
    }

    /// Who receives it has no use for in-band FEC.
    pub(super) const fn leave_out_fec(&mut self) {
        self.fec = false;
    }

    /// Whether payloads are RED's.
    pub(super) const fn is_red(&self) -> bool {
        self.red > 0
    }

    pub(super) fn target(&self) -> Bitrate {
        self.bitrate
    }

    pub(super) fn rtp_time_at(&self, at: Instant) -> u32 {
        self.clock.at(at)
    }

    /// Moves on to the next slot in which something is sent: at most 400 ms away.
    fn seek(&mut self) {
        loop {
            let due = self.due();
            if self.talking.at(due) && !self.muted {
                self.noise = None;
                self.next = Sound::Talk { opens: std::mem::take(&mut self.gap) && self.dtx };
                return;
            }
            if !self.dtx {
                self.next = Sound::Silence;
                return;
            }
            if self.noise.is_none_or(|last| due >= last + DTX_INTERVAL) {
                (self.noise, self.gap) = (Some(due), true);
                self.next = Sound::ComfortNoise;
                return;
            }
            self.slot += 1;
        }
    }

    fn due(&self) -> Instant {
        self.first + Duration::from_nanos(self.slot.saturating_mul(self.ptime.as_nanos() as u64))
    }

    fn stamped(&mut self, due: Instant) -> Payload {
        const BYTE: u64 = 8_000_000_000;
        self.carry += self.bitrate.bps() * self.ptime.as_nanos() as u64;
        let bytes = (self.carry / BYTE) as usize;
        self.carry %= BYTE;
        let head = [self.toc.0, silk_header(self.toc, self.is_voiced(), self.fec && self.follows)];
        // CELT alone has no such flags: its bits begin at once.
        let heads = if self.toc.has_silk() { 1 + SILK_HEADER_LEN } else { 1 };
        let head = &head[..heads];
        let filler = bytes - heads - STAMP_LEN;
        let mut prefix = Vec::with_capacity(MAX_PREFIX);
        let rtp_time = self.clock.at(due);
        if self.red > 0 {
            let oldest = self.sent.len().saturating_sub(usize::from(self.red));
            let blocks: Vec<Block<'_>> = self
                .sent
                .iter()
                .skip(oldest)
                .map(|(then, payload)| (rtp_time.wrapping_sub(*then), payload))
                .filter(|(offset, _)| *offset <= red::MAX_OFFSET)
                .map(|(offset, payload)| Block { payload_type: self.payload_type, offset, payload })
                .collect();
            red::write(&mut prefix, &blocks, &Block { payload_type: self.payload_type, offset: 0, payload: &[] });
        }
        let alone = prefix.len();
        prefix.extend_from_slice(head);
        prefix.resize(prefix.len() + STAMP_LEN, 0);
        let mut payload = Payload::new(&prefix, self.filler_at(), filler);
        let Identity { publisher, room, media } = self.identity;
        payload.stamp(&Stamp {
            layer: 0,
            media,
            publisher,
            room,
            frame: self.number,
            frame_bytes: bytes as u32,
            due,
            left: None,
            payload_crc: crc32fast::hash(payload.filler()),
        });
        self.remember(rtp_time, &payload, alone);
        payload
    }

    /// Keeps what comes after the first `alone` bytes of a payload, to be sent again.
    fn remember(&mut self, rtp_time: u32, payload: &Payload, alone: usize) {
        if self.red == 0 {
            return;
        }
        let mut bytes = if self.sent.len() == usize::from(self.red) {
            self.sent.pop_front().map(|(_, bytes)| bytes).unwrap_or_default()
        } else {
            Vec::new()
        };
        bytes.clear();
        payload.write_into(&mut bytes);
        bytes.drain(..alone);
        self.sent.push_back((rtp_time, bytes));
    }

    fn is_voiced(&self) -> bool {
        matches!(self.next, Sound::Talk { .. })
    }

    fn filler_at(&self) -> usize {
        self.number as usize % super::payload::PERIOD * FILLER_STEP
    }

    fn level(&mut self) -> u8 {
        TALK_LEVELS.start + (self.levels.next_u32() % u32::from(TALK_LEVELS.end - TALK_LEVELS.start)) as u8
    }
}
