//! A packet of a published track as legs hand it on: opened, and without anything of the publisher's own transport.

use crate::clock::Instant;
use crate::conference::Codec;
use crate::rtp::extension::{AbsCaptureTime, AudioLevel};
use crate::rtp::{av1, h264, red, vp8, vp9};
use crate::sfu::room::TrackId;
use std::borrow::Cow;
use std::sync::Arc;

/// A packet of a published track, opened.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Whose.
    pub track: TrackId,
    /// Its extended sequence number.
    pub sequence: u64,
    /// Whether it begins a keyframe.
    pub keyframe: bool,
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
}

impl Packet {
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

/// Whether a payload begins a keyframe.
pub(super) fn begins_keyframe(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => false,
        Codec::Vp8 => vp8::parse(payload).is_some_and(|packet| packet.starts_keyframe()),
        Codec::H264 => h264::starts_keyframe(payload),
        Codec::Av1 => av1::starts_keyframe(payload),
        Codec::Vp9 => vp9::parse(payload).is_some_and(|packet| packet.starts_keyframe()),
    }
}
