//! A camera and its encoder: frames on an exact grid, sized to the target, cut into packets.
//!
//! The grid begins within one frame interval of the start, where the seed says, so that participants who join together
//! do not send together. A frame is due on the grid, however late it is asked for.

use super::described::{Describer, LONG_FORM};
use super::encoder::{Frame, Identity};
use super::keyframes::Keyframes;
use super::packetise::Packetiser;
use super::rtp_clock::RtpClock;
use super::scalability::Scalability;
use super::sizes::Sizes;
use super::source::{MediaPlan, RateControl, Sending, VideoSource};
use super::stamp::Stamp;
use crate::clock::{Duration, Instant};
use crate::dist;
use crate::seed::Seed;
use crate::units::Bitrate;
use std::sync::Arc;

/// What an encoder keeps sending at, however little the network says it can take (libwebrtc's minimum bitrate).
pub const LOWEST_TARGET: Bitrate = Bitrate::from_kbps(30);

pub(super) struct Video {
    identity: Identity,
    fps: f64,
    rate_control: RateControl,
    configured: Bitrate,
    lowest: Bitrate,
    target: Bitrate,
    /// A target that holds for frames due from an instant on.
    ordered: Option<(Instant, Bitrate)>,
    first: Instant,
    slot: u64,
    number: u32,
    now: Option<Instant>,
    silent: bool,
    muted: bool,
    /// Nobody takes it, or the target does not afford it.
    paused: bool,
    /// Index among the layers of its media.
    layer: u8,
    clock: RtpClock,
    keyframes: Keyframes,
    scalability: Scalability,
    /// Pictures since the last keyframe.
    since_key: u32,
    describer: Option<Describer>,
    sizes: Sizes,
    packetiser: Packetiser,
}

impl Video {
    /// Layers of one media see the same camera: their frames are due together, and all else is each one's own.
    pub(super) fn new(
        (plan, layer): (&MediaPlan, Option<u8>),
        source: &VideoSource,
        identity: Identity,
        seed: &Seed,
        start: Instant,
    ) -> Self {
        let phase = dist::unit(&mut seed.child("phase").rng()) / source.fps;
        let own = layer.map(|layer| seed.indexed("layer", u64::from(layer)));
        let seed = own.as_ref().unwrap_or(seed);
        let lowest = LOWEST_TARGET.max(source.smallest_bitrate()).min(plan.bitrate);
        let luck = if plan.sending.near_wrap { Sending::PICTURE } else { seed.child("picture id").bits() };
        let clock_rate = plan.codec.clock_rate();
        let base = plan.sending.rtp_time(seed.child("rtp time").bits() as u32, clock_rate);
        Self {
            identity,
            fps: source.fps,
            rate_control: source.rate_control,
            configured: plan.bitrate,
            lowest,
            target: plan.bitrate,
            ordered: None,
            first: start + Duration::from_nanos((phase * 1e9) as u64),
            slot: 0,
            number: 0,
            now: None,
            silent: source.silent,
            muted: false,
            paused: false,
            layer: layer.unwrap_or(0),
            clock: RtpClock::new(start, base, clock_rate),
            keyframes: Keyframes::new(source.keyframe_interval),
            scalability: source.scalability,
            since_key: 0,
            describer: source
                .dependency_descriptor
                .then(|| Describer::new(source.scalability, source.width, source.height, (luck >> 32) as u16)),
            sizes: Sizes::new(source.frames, seed.child("sizes").rng()),
            packetiser: Packetiser::new(plan.codec, source, luck),
        }
    }

    pub(super) fn structure(&self) -> Option<&Arc<[u8]>> {
        self.describer.as_ref().map(Describer::structure)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.silent && !self.muted && !self.paused).then(|| self.due())
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.now = Some(now);
    }

    pub(super) fn poll_frame(&mut self, frame: &mut Frame) -> bool {
        let Some(due) = self.poll_timeout().filter(|due| self.now.is_some_and(|now| *due <= now)) else { return false };
        if let Some((_, target)) = self.ordered.take_if(|(from, _)| *from <= due) {
            self.target = target;
        }
        let keyframe = self.keyframes.decide(due);
        let Identity { publisher, room, media } = self.identity;
        let number = self.number;
        let stamp = Stamp {
            layer: self.layer,
            media,
            publisher,
            room,
            frame: number,
            frame_bytes: 0,
            due,
            left: None,
            payload_crc: 0,
        };
        if keyframe {
            self.since_key = 0;
        }
        let mean = self.target.bps() as f64 / 8.0 / self.fps;
        let weight = self.scalability.weight(self.since_key);
        let bytes = self.sizes.next(mean, weight, keyframe);
        frame.packets.clear();
        frame.descriptors.clear();
        let mut taken = 0;
        for unit in self.scalability.units(self.since_key) {
            let bytes = match self.scalability.spatial {
                1 => bytes,
                _ => (bytes as f64 * self.scalability.share(unit.spatial)).round() as usize,
            };
            let stamp = Stamp { layer: self.layer + unit.spatial, ..stamp };
            let describer = self.describer.as_mut();
            // Two bytes of each element's header instead of one, where the structure makes the long form necessary.
            let structured = unit.keyframe && unit.spatial == 0;
            let reserved = describer.as_deref().filter(|_| structured).map_or(0, |d| d.structure().len() + LONG_FORM);
            let first = frame.packets.len();
            taken += self.packetiser.cut(&unit, bytes, stamp, reserved, &mut frame.packets);
            if let Some(describer) = describer {
                describer.describe(&unit, self.since_key, frame.packets.len() - first, &mut frame.descriptors);
            }
        }
        self.sizes.spend(mean, weight, taken);
        self.since_key += 1;
        frame.describe(due, self.clock.at(due), number);
        (frame.keyframe, frame.marked) = (keyframe, true);
        self.slot += 1;
        self.number = number.wrapping_add(1);
        true
    }

    pub(super) fn request_keyframe(&mut self, now: Instant) {
        self.keyframes.request(now);
    }

    pub(super) fn set_remb(&mut self, now: Instant, rate: Bitrate) {
        match self.rate_control {
            RateControl::Fixed => {}
            RateControl::Remb | RateControl::Gcc => self.set_target(now, rate),
        }
    }

    pub(super) fn set_target(&mut self, now: Instant, rate: Bitrate) {
        self.ordered = Some((now, rate.min(self.configured).max(self.lowest)));
    }

    pub(super) fn bounds(&self) -> Option<(Bitrate, Bitrate)> {
        (self.rate_control == RateControl::Gcc).then_some((self.lowest, self.configured))
    }

    /// Sends with this rate from `now` on, within what is configured; `None` sends nothing until the next call. It begins
    /// again with a keyframe.
    pub(super) fn allot(&mut self, now: Instant, rate: Option<Bitrate>) {
        if let Some(rate) = rate {
            self.ordered = Some((now, rate.min(self.configured).max(self.lowest)));
        }
        if self.paused && rate.is_some() {
            self.resume(now);
        }
        self.paused = rate.is_none();
    }

    pub(super) fn set_muted(&mut self, now: Instant, muted: bool) {
        if self.muted && !muted {
            self.resume(now);
        }
        self.muted = muted;
    }

    /// Goes on after a pause.
    fn resume(&mut self, now: Instant) {
        // Nobody looked into the camera meanwhile: the grid goes on, the frames in between never existed.
        let passed = now.saturating_since(self.first).as_nanos() as f64 * self.fps / 1e9;
        self.slot = self.slot.max(passed as u64);
        while self.due() < now {
            self.slot += 1;
        }
        self.keyframes.restart();
    }

    pub(super) fn target(&self) -> Bitrate {
        self.ordered.map_or(self.target, |(_, target)| target)
    }

    pub(super) fn rtp_time_at(&self, at: Instant) -> u32 {
        self.clock.at(at)
    }

    /// When the next frame is due: computed from the grid's start, so that no error adds up.
    fn due(&self) -> Instant {
        self.first + Duration::from_nanos((self.slot as f64 * 1e9 / self.fps).round() as u64)
    }
}
