//! Who plays a clip: its frames in a loop, on the clip's own time.
//!
//! A player has no encoder, so it cannot make a keyframe where one is asked for. It does what a server of recordings
//! does: it goes on at the clip's next keyframe (behind the last one: at its first), at most every 300 ms, as an encoder
//! answers. The picture jumps, time does not: frames stay on their grid, RTP time goes on.
//!
//! Players of the layers of one film stay at the same frame: who sends them asks all of them for a keyframe at the same
//! instant, and one that is paused plays on unseen.

use super::{Clip, Unit, describer, vp9};
use crate::clock::{Duration, Instant};
use crate::conference::Codec;
use crate::media::described::Describer;
use crate::media::encoder::{Frame, Identity};
use crate::media::keyframes::Keyframes;
use crate::media::payload::Payload;
use crate::media::rtp_clock::RtpClock;
use crate::media::scalability::Scalability;
use crate::media::stamp::Stamp;
use crate::rtp::vp8;
use crate::seed::Seed;
use crate::units::Bitrate;
use std::sync::Arc;

pub(in crate::media) struct Player {
    identity: Identity,
    clip: Arc<Clip>,
    /// Index among the layers of its media.
    layer: u8,
    pub(super) at: usize,
    due: Instant,
    number: u32,
    now: Option<Instant>,
    muted: bool,
    /// Nobody takes it, or the target does not afford it.
    paused: bool,
    /// It goes on at the next keyframe, wherever that is.
    waits: bool,
    clock: RtpClock,
    keyframes: Keyframes,
    place: vp8::Place,
    describer: Option<Describer>,
    /// Pictures since the last keyframe.
    since_key: u32,
}

impl Player {
    /// Layers of one media are due together, and all else is each one's own.
    pub(in crate::media) fn new(
        (clip, layer): (Arc<Clip>, Option<u8>),
        identity: Identity,
        seed: &Seed,
        start: Instant,
    ) -> Self {
        let first = clip.units[0].lasts.as_nanos().max(1) as u64;
        // Players that begin together do not send together.
        let due = start + Duration::from_nanos(seed.child("phase").bits() % first);
        let own = layer.map(|layer| seed.indexed("layer", u64::from(layer)));
        let seed = own.as_ref().unwrap_or(seed);
        let luck = seed.child("picture id").bits();
        let describe = |size| describer(size, (luck >> 32) as u16);
        Self {
            identity,
            layer: layer.unwrap_or(0),
            at: 0,
            due,
            number: 0,
            now: None,
            muted: false,
            paused: false,
            waits: false,
            clock: RtpClock::new(start, seed.child("rtp time").bits() as u32, clip.codec.clock_rate()),
            keyframes: Keyframes::new(None),
            place: vp8::Place {
                picture_id: luck as u16 & 0x7FFF,
                tl0_picture_index: (luck >> 16) as u8,
                temporal: 0,
                sync: false,
                non_reference: false,
                key_index: (luck >> 24) as u8,
            },
            describer: clip.size.filter(|_| clip.described).map(describe),
            since_key: 0,
            clip,
        }
    }

    /// What follows the first three bytes of a keyframe's dependency descriptor.
    pub(in crate::media) fn structure(&self) -> Option<&Arc<[u8]>> {
        self.describer.as_ref().map(Describer::structure)
    }

    pub(in crate::media) fn poll_timeout(&self) -> Option<Instant> {
        (!self.muted && !self.paused).then_some(self.due)
    }

    pub(in crate::media) fn handle_timeout(&mut self, now: Instant) {
        self.now = Some(now);
    }

    pub(in crate::media) fn poll_frame(&mut self, frame: &mut Frame) -> bool {
        while let Some(due) = self.poll_timeout().filter(|due| self.now.is_some_and(|now| *due <= now)) {
            self.decide();
            self.waits &= !self.clip.units[self.at].keyframe;
            if !self.waits {
                self.fill(due, frame);
                self.advance();
                return true;
            }
            self.advance();
        }
        false
    }

    /// Where the frame that is due comes from: the next one, or a keyframe where one was asked for.
    fn decide(&mut self) {
        if !self.clip.is_video() {
            return;
        }
        if self.clip.units[self.at].keyframe {
            self.keyframes.note(self.due);
        } else if self.keyframes.decide(self.due) {
            self.at = self.clip.keyframe_from(self.at);
        }
    }

    fn fill(&mut self, due: Instant, frame: &mut Frame) {
        let clip = self.clip.clone();
        let unit = &clip.units[self.at];
        if unit.keyframe {
            self.place.key_index = self.place.key_index.wrapping_add(1);
            self.since_key = 0;
        }
        frame.packets.clear();
        frame.descriptors.clear();
        frame.packets.extend((0..unit.packets.len()).map(|index| self.payload(unit, index, due)));
        if let Some((describer, of)) = self.describer.as_mut().zip(Scalability::NONE.units(self.since_key).next()) {
            describer.describe(&of, self.since_key, unit.packets.len(), &mut frame.descriptors);
        }
        frame.describe(due, self.clock.at(due), self.number);
        (frame.keyframe, frame.marked) = (unit.keyframe, clip.is_video());
        self.since_key += 1;
        self.number = self.number.wrapping_add(1);
        self.place.picture_id = (self.place.picture_id + 1) & 0x7FFF;
        self.place.tl0_picture_index = self.place.tl0_picture_index.wrapping_add(1);
    }

    /// The payload at `index`, with what is the publisher's own in it.
    fn payload(&self, unit: &Unit, index: usize, due: Instant) -> Payload {
        let whole = &unit.packets[index];
        let payload = match (self.clip.codec, unit.stamp) {
            (Codec::Vp8, _) => {
                let mut bytes = whole.to_vec();
                vp8::write_descriptor(&mut bytes, index == 0, &self.place);
                Payload::whole(bytes.into(), None)
            }
            (Codec::Vp9, _) => {
                let mut bytes = whole.to_vec();
                let vp8::Place { picture_id, tl0_picture_index, .. } = self.place;
                let of = (unit.keyframe, self.clip.size.unwrap_or_default());
                let ends = (index == 0, index + 1 == unit.packets.len());
                vp9::write_descriptor(&mut bytes, of, ends, vp9::Place { picture_id, tl0_picture_index });
                Payload::whole(bytes.into(), None)
            }
            (_, Some((at, payload_crc))) if index == 0 => {
                let Identity { publisher, room, media } = self.identity;
                let (frame, frame_bytes) = (self.number, unit.bytes() as u32);
                let layer = self.layer;
                let stamp = Stamp { layer, media, publisher, room, frame, frame_bytes, due, left: None, payload_crc };
                let mut bytes = whole.to_vec();
                stamp.write(&mut bytes[at..]);
                Payload::whole(bytes.into(), Some(at))
            }
            _ => Payload::whole(whole.clone(), None),
        };
        if index == 0 && !self.clip.is_stamped() { payload.captured() } else { payload }
    }

    fn advance(&mut self) {
        self.due += self.clip.units[self.at].lasts;
        self.at = (self.at + 1) % self.clip.units.len();
    }

    /// What is due before `now` was played, and nobody saw it.
    fn play_unseen(&mut self, now: Instant) {
        while self.due < now {
            self.decide();
            self.advance();
        }
    }

    pub(in crate::media) fn request_keyframe(&mut self, now: Instant) {
        if self.clip.is_video() {
            if self.poll_timeout().is_none() {
                self.play_unseen(now);
            }
            self.keyframes.request(now);
        }
    }

    pub(in crate::media) fn set_muted(&mut self, now: Instant, muted: bool) {
        if self.muted && !muted {
            self.play_unseen(now);
            self.keyframes.restart();
        }
        self.muted = muted;
    }

    /// Of a layer: nothing is sent until the next call, and then from a keyframe on.
    pub(in crate::media) fn set_paused(&mut self, now: Instant, paused: bool) {
        if self.paused && !paused {
            self.play_unseen(now);
            self.waits = true;
        }
        self.paused = paused;
    }

    pub(in crate::media) fn target(&self) -> Bitrate {
        self.clip.bitrate()
    }

    pub(in crate::media) fn rtp_time_at(&self, at: Instant) -> u32 {
        self.clock.at(at)
    }
}
