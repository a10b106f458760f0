//! Who plays a clip: its frames in a loop, on the clip's own time.
//!
//! A player has no encoder, so it cannot make a keyframe where one is asked for. It does what a server of recordings
//! does: it goes on at the clip's next keyframe (behind the last one: at its first), at most every 300 ms, as an encoder
//! answers. The picture jumps, time does not: frames stay on their grid, RTP time goes on.

use super::{Clip, Unit};
use crate::clock::{Duration, Instant};
use crate::conference::Codec;
use crate::media::encoder::{Frame, Identity};
use crate::media::keyframes::Keyframes;
use crate::media::payload::Payload;
use crate::media::rtp_clock::RtpClock;
use crate::media::stamp::Stamp;
use crate::rtp::vp8;
use crate::seed::Seed;
use crate::units::Bitrate;
use std::sync::Arc;

pub(in crate::media) struct Player {
    identity: Identity,
    clip: Arc<Clip>,
    pub(super) at: usize,
    due: Instant,
    number: u32,
    now: Option<Instant>,
    muted: bool,
    clock: RtpClock,
    keyframes: Keyframes,
    place: vp8::Place,
}

impl Player {
    pub(in crate::media) fn new(clip: Arc<Clip>, identity: Identity, seed: &Seed, start: Instant) -> Self {
        let first = clip.units[0].lasts.as_nanos().max(1) as u64;
        let luck = seed.child("picture id").bits();
        Self {
            identity,
            at: 0,
            // Players that begin together do not send together.
            due: start + Duration::from_nanos(seed.child("phase").bits() % first),
            number: 0,
            now: None,
            muted: false,
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
            clip,
        }
    }

    pub(in crate::media) fn poll_timeout(&self) -> Option<Instant> {
        (!self.muted).then_some(self.due)
    }

    pub(in crate::media) fn handle_timeout(&mut self, now: Instant) {
        self.now = Some(now);
    }

    pub(in crate::media) fn poll_frame(&mut self, frame: &mut Frame) -> bool {
        let Some(due) = self.poll_timeout().filter(|due| self.now.is_some_and(|now| *due <= now)) else { return false };
        let video = self.clip.is_video();
        if video && self.clip.units[self.at].keyframe {
            self.keyframes.note(due);
        } else if video && self.keyframes.decide(due) {
            self.at = self.clip.keyframe_from(self.at);
        }
        if self.clip.units[self.at].keyframe {
            self.place.key_index = self.place.key_index.wrapping_add(1);
        }
        let clip = self.clip.clone();
        let unit = &clip.units[self.at];
        frame.packets.clear();
        frame.descriptors.clear();
        frame.packets.extend((0..unit.packets.len()).map(|index| self.payload(unit, index, due)));
        frame.describe(due, self.clock.at(due), self.number);
        (frame.keyframe, frame.marked) = (unit.keyframe, video);
        self.number = self.number.wrapping_add(1);
        self.place.picture_id = (self.place.picture_id + 1) & 0x7FFF;
        self.place.tl0_picture_index = self.place.tl0_picture_index.wrapping_add(1);
        self.advance();
        true
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
            (_, Some((at, payload_crc))) if index == 0 => {
                let Identity { publisher, room, media } = self.identity;
                let (frame, frame_bytes) = (self.number, unit.bytes() as u32);
                let stamp =
                    Stamp { layer: 0, media, publisher, room, frame, frame_bytes, due, left: None, payload_crc };
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

    pub(in crate::media) fn request_keyframe(&mut self, now: Instant) {
        if self.clip.is_video() {
            self.keyframes.request(now);
        }
    }

    pub(in crate::media) fn set_muted(&mut self, now: Instant, muted: bool) {
        if self.muted && !muted {
            // The clip has played on unseen.
            while self.due < now {
                self.advance();
            }
            self.keyframes.restart();
        }
        self.muted = muted;
    }

    pub(in crate::media) fn target(&self) -> Bitrate {
        self.clip.bitrate()
    }

    pub(in crate::media) fn rtp_time_at(&self, at: Instant) -> u32 {
        self.clock.at(at)
    }
}
