//! The encoder model: one media of one publisher, from the plan to the payloads of its packets.
//!
//! A machine that is told the time. Frames are due on an exact grid; asked late it yields every frame that was due, in
//! order, each with the time at which it was due (no coordinated omission). It reacts as an encoder does: a keyframe
//! within one frame interval of a request, throttled; a new rate from the next frame on. It knows neither SSRC nor
//! sequence numbers, those belong to whoever sends.

use super::audio::Audio;
use super::clip::player::Player;
use super::conversation::Seat;
use super::described::PacketDescriptor;
use super::payload::Payload;
use super::source::{MediaPlan, Source};
use super::video::Video;
use crate::clock::{Duration, Instant};
use crate::seed::Seed;
use crate::units::Bitrate;
use std::sync::Arc;

/// Who a stamp says it is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Index of the publisher in the run.
    pub publisher: u32,
    /// Index of the room in the run.
    pub room: u32,
    /// Index of the media among the publisher's.
    pub media: u16,
}

/// One encoded frame: a picture, or the sound of one packet. Owned by the caller and filled again and again.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// When it was due.
    pub due: Instant,
    /// RTP time of `due`.
    pub rtp_time: u32,
    /// Number in the track, from 0; comfort noise counts, though it carries no stamp.
    pub number: u32,
    /// Whether it is a keyframe; sound never is.
    pub keyframe: bool,
    /// Whether its last packet has the marker bit: always for pictures, for sound where a talk spurt opens.
    pub marked: bool,
    /// Whether it is the comfort noise of a pause.
    pub dtx: bool,
    /// Whether it is speech (the V bit of RFC 6464).
    pub voice: bool,
    /// Level of the sound in −dBov, 0..=127 (RFC 6464); `None` for pictures.
    pub audio_level: Option<u8>,
    /// Its packets' payloads, in order, at least one.
    pub packets: Vec<Payload>,
    /// What the dependency descriptor says of each of them; empty where the media has none.
    pub descriptors: Vec<PacketDescriptor>,
}

impl Frame {
    /// The marker bit of its packet at `index`.
    #[must_use]
    pub fn marker(&self, index: usize) -> bool {
        self.marked && index + 1 == self.packets.len()
    }

    /// Bytes of payload.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.packets.iter().map(Payload::len).sum()
    }

    /// Sets what every frame has and clears what only some have; the packets stay.
    pub(super) fn describe(&mut self, due: Instant, rtp_time: u32, number: u32) {
        (self.due, self.rtp_time, self.number) = (due, rtp_time, number);
        (self.keyframe, self.marked, self.dtx, self.voice, self.audio_level) = (false, false, false, false, None);
    }
}

/// The encoder of one media.
pub struct Encoder {
    identity: Identity,
    stream: Stream,
}

enum Stream {
    Audio(Box<Audio>),
    Video(Box<Video>),
    Clip(Box<Player>),
}

impl Encoder {
    /// An encoder that begins at `start`. `seed` is the branch of this publisher's media alone.
    ///
    /// # Panics
    /// When [`MediaPlan::check`] refuses the plan.
    #[must_use]
    pub fn new(plan: &MediaPlan, identity: Identity, seed: &Seed, start: Instant) -> Self {
        Self::seated(plan, identity, None, seed, start)
    }

    /// The same with a seat in a conversation: sound is speech only when it is this one's turn. Nothing to pictures.
    ///
    /// # Panics
    /// When [`MediaPlan::check`] refuses the plan.
    #[must_use]
    pub fn seated(plan: &MediaPlan, identity: Identity, seat: Option<&Seat>, seed: &Seed, start: Instant) -> Self {
        if let Err(reason) = plan.check() {
            panic!("media {} was planned unchecked: {reason}", plan.name);
        }
        let stream = match &plan.source {
            Source::Audio(source) => Stream::Audio(Box::new(Audio::new(plan, source, identity, seat, seed, start))),
            Source::Video(source) => Stream::Video(Box::new(Video::new((plan, None), source, identity, seed, start))),
            Source::File(file) => {
                Stream::Clip(Box::new(Player::new((file.clip().clone(), None), identity, seed, start)))
            }
        };
        Self { identity, stream }
    }

    /// The encoder of one simulcast layer. All layers of a media are given the same seed.
    ///
    /// # Panics
    /// When [`MediaPlan::check`] refuses the plan, or it has no such layer.
    #[must_use]
    pub fn of_layer(plan: &MediaPlan, layer: u8, identity: Identity, seed: &Seed, start: Instant) -> Self {
        let plan = plan.layer(usize::from(layer)).expect("a layer of the plan");
        let stream = match &plan.source {
            Source::Video(source) => {
                Stream::Video(Box::new(Video::new((&plan, Some(layer)), source, identity, seed, start)))
            }
            Source::File(file) => {
                Stream::Clip(Box::new(Player::new((file.clip().clone(), Some(layer)), identity, seed, start)))
            }
            Source::Audio(_) => panic!("sound has no layers"),
        };
        Self { identity, stream }
    }

    /// Whose frames these are.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// The structure that follows a dependency descriptor's first three bytes in keyframes; `None` where the media has
    /// none.
    #[must_use]
    pub fn structure(&self) -> Option<&Arc<[u8]>> {
        match &self.stream {
            Stream::Audio(_) => None,
            Stream::Video(video) => video.structure(),
            Stream::Clip(clip) => clip.structure(),
        }
    }

    /// When the next frame is due; `None` while muted and for a silent source.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.stream {
            Stream::Audio(audio) => audio.poll_timeout(),
            Stream::Video(video) => video.poll_timeout(),
            Stream::Clip(clip) => clip.poll_timeout(),
        }
    }

    /// It is `now`: whatever is due until then can be polled.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.stream {
            Stream::Audio(audio) => audio.handle_timeout(now),
            Stream::Video(video) => video.handle_timeout(now),
            Stream::Clip(clip) => clip.handle_timeout(now),
        }
    }

    /// Fills `frame` with the next frame that is due and says whether there was one. Allocates only while
    /// `frame.packets` grows.
    pub fn poll_frame(&mut self, frame: &mut Frame) -> bool {
        match &mut self.stream {
            Stream::Audio(audio) => audio.poll_frame(frame),
            Stream::Video(video) => video.poll_frame(frame),
            Stream::Clip(clip) => clip.poll_frame(frame),
        }
    }

    /// A receiver asks for a keyframe (PLI or FIR): the first frame due from `now` on is one, or the first that is due
    /// 300 ms after the last; a clip jumps to its next one. Nothing to sound.
    pub fn request_keyframe(&mut self, now: Instant) {
        match &mut self.stream {
            Stream::Audio(_) => {}
            Stream::Video(video) => video.request_keyframe(now),
            Stream::Clip(clip) => clip.request_keyframe(now),
        }
    }

    /// A receiver estimates that this media may take `rate` (REMB): frames due from `now` on aim at it, within the
    /// configured rate and a floor of 30 kbps. Nothing to sound and to clips, nor where the rate is fixed.
    pub fn set_remb(&mut self, now: Instant, rate: Bitrate) {
        match &mut self.stream {
            Stream::Audio(_) | Stream::Clip(_) => {}
            Stream::Video(video) => video.set_remb(now, rate),
        }
    }

    /// The least and the most that this media can aim at, where a congestion controller says how much; `None` where none
    /// is asked.
    #[must_use]
    pub fn bounds(&self) -> Option<(Bitrate, Bitrate)> {
        match &self.stream {
            Stream::Audio(_) | Stream::Clip(_) => None,
            Stream::Video(video) => video.bounds(),
        }
    }

    /// A congestion controller leaves `rate` for this media: frames due from `now` on aim at it, within [`Self::bounds`].
    /// Nothing where none is asked.
    pub fn set_target(&mut self, now: Instant, rate: Bitrate) {
        match &mut self.stream {
            Stream::Video(video) if video.bounds().is_some() => video.set_target(now, rate),
            Stream::Audio(_) | Stream::Video(_) | Stream::Clip(_) => {}
        }
    }

    /// Pictures are sent with this rate from `now` on, within what is configured; with `None` not at all until the next
    /// call, and then from a keyframe on. Of a clip the rate is what it is. Nothing to sound.
    pub fn allot(&mut self, now: Instant, rate: Option<Bitrate>) {
        match &mut self.stream {
            Stream::Audio(_) => {}
            Stream::Video(video) => video.allot(now, rate),
            Stream::Clip(clip) => clip.set_paused(now, rate.is_none()),
        }
    }

    /// Muted pictures send nothing at all, and neither does muted sound, but for the comfort noise of DTX where it has that,
    /// as browsers send it. What was due before `now` is polled first. Unmuted, pictures begin with a
    /// keyframe and sound with a new talk spurt; RTP time has gone on.
    pub fn set_muted(&mut self, now: Instant, muted: bool) {
        match &mut self.stream {
            Stream::Audio(audio) => audio.set_muted(now, muted),
            Stream::Video(video) => video.set_muted(now, muted),
            Stream::Clip(clip) => clip.set_muted(now, muted),
        }
    }

    /// How much sound a frame holds; zero of pictures.
    #[must_use]
    pub fn unit(&self) -> Duration {
        match &self.stream {
            Stream::Audio(audio) => audio.unit(),
            Stream::Video(_) | Stream::Clip(_) => Duration::ZERO,
        }
    }

    /// What was negotiated of RED (RFC 2198): sound is sent in it, its blocks under this payload type; or not at all.
    pub fn set_red(&mut self, payload_type: Option<u8>) {
        match &mut self.stream {
            Stream::Audio(audio) => audio.set_red(payload_type),
            Stream::Video(_) | Stream::Clip(_) => {}
        }
    }

    /// Who receives it has no use for Opus' in-band FEC (RFC 7587 §6.1): none is sent. Nothing to pictures and clips.
    pub fn leave_out_fec(&mut self) {
        match &mut self.stream {
            Stream::Audio(audio) => audio.leave_out_fec(),
            Stream::Video(_) | Stream::Clip(_) => {}
        }
    }

    /// Whether payloads are RED's.
    #[must_use]
    pub fn is_red(&self) -> bool {
        match &self.stream {
            Stream::Audio(audio) => audio.is_red(),
            Stream::Video(_) | Stream::Clip(_) => false,
        }
    }

    /// The rate that frames due from now on aim at.
    #[must_use]
    pub fn target(&self) -> Bitrate {
        match &self.stream {
            Stream::Audio(audio) => audio.target(),
            Stream::Video(video) => video.target(),
            Stream::Clip(clip) => clip.target(),
        }
    }

    /// The stream's RTP time at any instant, as sender reports need it (RFC 3550 §6.4.1).
    #[must_use]
    pub fn rtp_time_at(&self, at: Instant) -> u32 {
        match &self.stream {
            Stream::Audio(audio) => audio.rtp_time_at(at),
            Stream::Video(video) => video.rtp_time_at(at),
            Stream::Clip(clip) => clip.rtp_time_at(at),
        }
    }
}

#[cfg(test)]
mod tests;
