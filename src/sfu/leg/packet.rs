//! A packet of a published track as legs hand it on: opened, and without anything of the publisher's own transport.

use super::wall;
use crate::clock::Instant;
use crate::conference::Codec;
use crate::rtp::extension::{AbsCaptureTime, AudioLevel};
use crate::rtp::layer::Layer;
use crate::rtp::{av1, h264, red, vp8, vp9};
use crate::sfu::room::{Numbers, Offered, Picture, SenderClock, TrackId};
use std::borrow::Cow;
use std::sync::Arc;

/// A packet of a published track, opened.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Whose.
    pub track: TrackId,
    /// Which of its simulcast layers, 0 the lowest; 0 where there is one stream.
    pub layer: u8,
    /// Its extended sequence number.
    pub sequence: u64,
    /// The marker bit.
    pub marker: bool,
    /// RTP time.
    pub rtp_time: u32,
    /// When it arrived.
    pub arrival: Instant,
    /// What it carries, without padding; empty when it was all padding.
    pub payload: Arc<[u8]>,
    /// Loudness, where the publisher said it; goes on to subscribers.
    pub audio_level: Option<AudioLevel>,
    /// When it was captured, where the publisher said it; goes on to subscribers.
    pub capture_time: Option<AbsCaptureTime>,
    /// The dependency descriptor, where the publisher sent one; goes on to subscribers.
    pub descriptor: Option<Box<[u8]>>,
    /// The payload is redundant audio (RFC 2198).
    pub red: bool,
    /// What its payload says of its frame.
    pub frame: FrameNumbers,
    /// The publisher's last sender report of its layer.
    pub clock: Option<SenderClock>,
}

/// What a payload says of its frame.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct FrameNumbers {
    /// It begins a keyframe.
    pub keyframe: bool,
    /// Its layer, of video.
    pub place: Option<Layer>,
    /// Picture id and TL0PICIDX, of VP8 with picture ids.
    pub picture: Option<Picture>,
}

impl Packet {
    /// What the rooms must know of it.
    #[must_use]
    pub fn offered(&self) -> Offered {
        Offered {
            track: self.track,
            layer: self.layer,
            sequence: self.sequence,
            rtp_time: self.rtp_time,
            arrival: self.arrival,
            keyframe: self.frame.keyframe,
            bytes: self.payload.len() as u32,
            place: self.frame.place,
            picture: self.frame.picture,
            clock: self.clock,
        }
    }

    /// Its numbers in a subscriber's stream that has only its sequence numbers of its own.
    #[must_use]
    pub const fn under(&self, sequence: u64) -> Numbers {
        Numbers { sequence, rtp_time: self.rtp_time, picture: None, empty: false }
    }

    /// When its frame was captured, in our time, as its publisher's sender reports tell it; when it arrived where they do
    /// not. `clock_rate` is that of its RTP time.
    pub(super) fn captured(&self, clock_rate: u32) -> Instant {
        let reported = self.clock.map(|clock| (clock.at, clock.rtp_time));
        let captured = reported.and_then(|reported| wall::captured(self.arrival, self.rtp_time, reported, clock_rate));
        captured.unwrap_or(self.arrival)
    }

    /// Bytes of RTP payload.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// What a subscriber gets of it, and under which payload type: redundant audio only where it takes that, as `red`.
    pub(super) fn outward(&self, payload_type: u8, red: Option<u8>) -> (u8, Cow<'_, [u8]>) {
        let Some(packet) = self.red.then(|| red::parse(&self.payload)).flatten() else {
            return (payload_type, Cow::Borrowed(&self.payload));
        };
        match red {
            None => (payload_type, Cow::Borrowed(packet.primary.payload)),
            Some(red) if packet.primary.payload_type == payload_type => (red, Cow::Borrowed(&self.payload)),
            Some(red) => {
                let mut payload = self.payload.to_vec();
                red::renumber(&mut payload, payload_type);
                (red, Cow::Owned(payload))
            }
        }
    }
}

impl FrameNumbers {
    /// Of a payload.
    pub(super) fn read(codec: Codec, payload: &[u8], marker: bool) -> Self {
        match codec {
            Codec::Opus => Self::default(),
            Codec::Vp8 => {
                let place = Layer::of_vp8(payload, marker);
                let descriptor = vp8::Descriptor::parse(payload);
                let picture = descriptor.and_then(|descriptor| {
                    let tl0 = descriptor.tl0_picture_index.unwrap_or_default();
                    Some(Picture { id: descriptor.picture_id?.value(), tl0 })
                });
                Self { keyframe: place.is_some_and(|place| place.keyframe), place, picture }
            }
            Codec::H264 => {
                let place = Layer::of_h264(payload, marker);
                Self { keyframe: h264::starts_keyframe(payload), place, picture: None }
            }
            // Which layers there are only publishers know: what is sent in one stream goes on whole.
            Codec::Vp9 => {
                let keyframe = vp9::parse(payload).is_some_and(|packet| packet.starts_keyframe());
                Self { keyframe, ..Self::default() }
            }
            Codec::Av1 => Self { keyframe: av1::starts_keyframe(payload), ..Self::default() },
        }
    }
}
