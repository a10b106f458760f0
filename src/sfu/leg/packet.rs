//! A packet of a published track as legs hand it on: opened, and without anything of the publisher's own transport.

use super::body::{Body, Pieces};
use super::wall;
use crate::clock::Instant;
use crate::conference::Codec;
use crate::media::payload::Filler;
use crate::rtp::extension::dependency_descriptor::{self, Descriptor, SHORT_LEN, Structure};
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
    /// Its codec.
    pub codec: Codec,
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
    pub payload: Body,
    /// Loudness, where the publisher said it; goes on to subscribers.
    pub audio_level: Option<AudioLevel>,
    /// When it was captured, where the publisher said it; goes on to subscribers.
    pub capture_time: Option<AbsCaptureTime>,
    /// The dependency descriptor, where the publisher sent one; goes on to subscribers.
    pub descriptor: Option<Box<[u8]>>,
    /// The structure by which the descriptor is read, of VP9 and AV1.
    pub structure: Option<Arc<Structure>>,
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
    /// Picture id and TL0PICIDX, of VP8 and VP9 with picture ids.
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
            frame: self.descriptor.as_deref().and_then(frame_number),
            clock: self.clock,
        }
    }

    /// Its numbers in a subscriber's stream that has only its sequence numbers of its own.
    #[must_use]
    pub const fn under(&self, sequence: u64) -> Numbers {
        Numbers {
            sequence,
            rtp_time: self.rtp_time,
            picture: None,
            frame: None,
            active: None,
            marker: false,
            empty: false,
        }
    }

    /// Writes a subscriber's numbers over those of its payload.
    pub(super) fn renumber(&self, payload: &mut [u8], (picture, tl0): (u16, u8)) {
        match self.codec {
            Codec::Vp8 => vp8::renumber(payload, picture, tl0),
            Codec::Vp9 => vp9::renumber(payload, picture, tl0),
            Codec::Opus | Codec::H264 | Codec::Av1 => {}
        }
    }

    /// The dependency descriptor that a subscriber gets under these numbers; `scratch` is written to where it differs from
    /// the publisher's.
    pub(super) fn described<'a>(&'a self, numbers: Numbers, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let value = self.descriptor.as_deref()?;
        if numbers.frame.is_none() && numbers.active.is_none() {
            return Some(value);
        }
        scratch.clear();
        scratch.extend_from_slice(value);
        if let Some((active, structure)) = numbers.active.zip(self.structure.as_deref())
            && let Some(mut descriptor) = Descriptor::parse(value, Some(structure))
        {
            descriptor.active_targets = Some(structure.targets_within(active));
            *scratch = descriptor.write(structure.targets);
        }
        if let (Some(frame), Some(place)) = (numbers.frame, scratch.get_mut(1..SHORT_LEN)) {
            place.copy_from_slice(&frame.to_be_bytes());
        }
        Some(scratch)
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
    pub(super) fn outward(&self, payload_type: u8, red: Option<u8>) -> (u8, Pieces<'_>) {
        let (payload, filler) = self.payload.pieces();
        let as_it_is = (Cow::Borrowed(payload), filler);
        let Some(packet) = self.red.then(|| red::parse(payload)).flatten() else {
            return (payload_type, as_it_is);
        };
        match red {
            None => (payload_type, (Cow::Borrowed(packet.primary.payload), Filler::default())),
            Some(red) if packet.primary.payload_type == payload_type => (red, as_it_is),
            Some(red) => {
                let mut payload = payload.to_vec();
                red::renumber(&mut payload, payload_type);
                (red, (Cow::Owned(payload), Filler::default()))
            }
        }
    }
}

/// The frame's number in a dependency descriptor.
fn frame_number(value: &[u8]) -> Option<u16> {
    let [_, high, low, ..] = *value else { return None };
    Some(u16::from_be_bytes([high, low]))
}

/// Reads the packets of one stream of a publisher; it remembers the structure of its dependency descriptors.
#[derive(Clone, Debug)]
pub(super) struct FrameReader {
    codec: Codec,
    descriptors: dependency_descriptor::Reader,
    structure: Option<Arc<Structure>>,
    /// What is known of frames by their template.
    layers: Vec<Option<Layer>>,
}

/// Templates that a structure has at most.
const TEMPLATES: usize = 64;

impl FrameReader {
    pub fn new(codec: Codec) -> Self {
        Self { codec, descriptors: dependency_descriptor::Reader::default(), structure: None, layers: Vec::new() }
    }

    /// What a packet says of its frame. The payload of AV1 names no layer in most packets, so there the descriptor does.
    pub fn read(&mut self, payload: &[u8], marker: bool, descriptor: Option<&[u8]>) -> FrameNumbers {
        let numbers = FrameNumbers::read(self.codec, payload, marker);
        match (self.codec, descriptor) {
            (Codec::Av1, Some(value)) => FrameNumbers { place: self.described(value, marker), ..numbers },
            (Codec::Vp9, Some(value)) if value.len() > SHORT_LEN => {
                self.described(value, marker);
                numbers
            }
            _ => numbers,
        }
    }

    /// The structure in force.
    pub fn structure(&self) -> Option<Arc<Structure>> {
        self.structure.clone()
    }

    fn described(&mut self, value: &[u8], marker: bool) -> Option<Layer> {
        let frame = self.descriptors.read(value)?;
        if frame.structured {
            self.structure = Some(Arc::new(frame.structure.clone()));
            self.layers.clear();
            self.layers.resize(TEMPLATES, None);
        }
        if frame.custom {
            return Some(Layer::of_descriptor(&frame, marker));
        }
        // Looked up, as a structure has hundreds of indications and most packets none of their own.
        let known = self.layers.get_mut(usize::from(frame.template))?;
        let layer = *known.get_or_insert_with(|| Layer::of_descriptor(&frame, marker));
        Some(Layer { starts_frame: frame.starts, ends_frame: frame.ends, ends_picture: marker, ..layer })
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
            Codec::Vp9 => {
                let Some(descriptor) = vp9::Descriptor::parse(payload) else { return Self::default() };
                let tl0 = descriptor.tl0_picture_index.unwrap_or_default();
                let picture = descriptor.picture_id.map(|id| Picture { id: id.value(), tl0 });
                let starts = descriptor.starts_frame && descriptor.spatial() == 0;
                let keyframe = starts && !descriptor.inter_picture;
                Self { keyframe, place: Some(Layer::of_vp9_descriptor(&descriptor, marker)), picture }
            }
            Codec::Av1 => Self { keyframe: av1::starts_keyframe(payload), ..Self::default() },
        }
    }
}
