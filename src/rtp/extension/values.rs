//! The typed values of header extensions, and their bytes.

use super::ExtensionKind;
use super::dependency_descriptor::SHORT_LEN;
use crate::rtp::bytes;
use crate::rtp::ntp::Ntp;

/// The known values of one packet, read or to be written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Extensions<'a> {
    /// The media section's name, at most 255 bytes.
    pub mid: Option<&'a str>,
    /// The layer's name, at most 255 bytes.
    pub rid: Option<&'a str>,
    /// The name of the repaired layer, at most 255 bytes.
    pub repaired_rid: Option<&'a str>,
    /// The transport-wide sequence number.
    pub transport_sequence: Option<u16>,
    /// When the packet left its sender.
    pub abs_send_time: Option<AbsSendTime>,
    /// When the payload was captured.
    pub abs_capture_time: Option<AbsCaptureTime>,
    /// Loudness of the payload.
    pub audio_level: Option<AudioLevel>,
    /// How the picture is to be turned.
    pub video_orientation: Option<VideoOrientation>,
    /// Limits for the receiver's playout delay.
    pub playout_delay: Option<PlayoutDelay>,
    /// The dependency descriptor as it stands there, at most 255 bytes; see [`super::dependency_descriptor`].
    pub dependency_descriptor: Option<&'a [u8]>,
}

/// A time of 6 bits of seconds and 18 of a fraction (3.8 µs), which wraps every 64 s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// The low 24 bits of `raw`.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw & 0xFF_FFFF)
    }

    /// The 24 bits.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The time of an NTP stamp, rounded down.
    #[must_use]
    pub const fn from_ntp(ntp: Ntp) -> Self {
        Self::from_raw((ntp.0 >> 14) as u32)
    }

    /// Signed nanoseconds from `earlier` to `self`, read as the nearest: right while they lie less than 32 s apart.
    #[must_use]
    pub const fn signed_nanos_since(self, earlier: Self) -> i64 {
        let signed = (self.0.wrapping_sub(earlier.0) << 8) as i32 >> 8;
        (signed as i64 * 1_000_000_000) >> 18
    }
}

/// When the payload was captured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbsCaptureTime {
    /// The capture instant on the clock of whoever captured it.
    pub captured: Ntp,
    /// What to add to the sender's clock to get the capturer's, in signed 32.32 fixed-point seconds.
    pub clock_offset: Option<i64>,
}

/// Loudness of an audio payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioLevel {
    /// Whether the payload holds speech.
    pub voice: bool,
    /// Decibels below overload, 0 (loudest) to 127 (silence).
    pub below_overload: u8,
}

/// How a picture is to be turned for display.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct VideoOrientation {
    /// Whether the camera looks away from its user.
    pub back_camera: bool,
    /// Whether the picture is mirrored.
    pub flipped: bool,
    /// Quarter turns clockwise, 0 to 3.
    pub quarter_turns: u8,
}

/// Limits for the receiver's playout delay, in units of 10 ms, 0 to 4,095.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlayoutDelay {
    /// The least delay.
    pub min: u16,
    /// The greatest delay.
    pub max: u16,
}

impl<'a> Extensions<'a> {
    /// Reads the value of one element; a value that is no value of this kind leaves it as it was.
    pub(super) fn set(&mut self, kind: ExtensionKind, value: &'a [u8]) {
        fn keep<T>(slot: &mut Option<T>, read: Option<T>) {
            if read.is_some() {
                *slot = read;
            }
        }
        let text = || str::from_utf8(value).ok();
        match kind {
            ExtensionKind::Mid => keep(&mut self.mid, text()),
            ExtensionKind::Rid => keep(&mut self.rid, text()),
            ExtensionKind::RepairedRid => keep(&mut self.repaired_rid, text()),
            // Version 2 of the extension has two more bytes, a request for feedback.
            ExtensionKind::TransportSequence => keep(&mut self.transport_sequence, bytes::u16_at(value, 0)),
            ExtensionKind::AbsSendTime => keep(&mut self.abs_send_time, bytes::u24_at(value, 0).map(AbsSendTime)),
            ExtensionKind::AbsCaptureTime => keep(&mut self.abs_capture_time, AbsCaptureTime::read(value)),
            ExtensionKind::AudioLevel => keep(&mut self.audio_level, AudioLevel::read(value)),
            ExtensionKind::VideoOrientation => keep(&mut self.video_orientation, VideoOrientation::read(value)),
            ExtensionKind::PlayoutDelay => keep(&mut self.playout_delay, PlayoutDelay::read(value)),
            ExtensionKind::DependencyDescriptor => {
                keep(&mut self.dependency_descriptor, (value.len() >= SHORT_LEN).then_some(value));
            }
        }
    }

    /// Calls `with` for each value that is present, in the order of [`ExtensionKind::ALL`].
    pub(super) fn each(&self, mut with: impl FnMut(ExtensionKind, &[u8])) {
        let texts = [
            (ExtensionKind::Mid, self.mid),
            (ExtensionKind::Rid, self.rid),
            (ExtensionKind::RepairedRid, self.repaired_rid),
        ];
        for (kind, text) in texts {
            if let Some(text) = text {
                with(kind, text.as_bytes());
            }
        }
        if let Some(sequence) = self.transport_sequence {
            with(ExtensionKind::TransportSequence, &sequence.to_be_bytes());
        }
        if let Some(time) = self.abs_send_time {
            with(ExtensionKind::AbsSendTime, &time.0.to_be_bytes()[1..]);
        }
        if let Some(time) = self.abs_capture_time {
            let bytes = time.bytes();
            with(ExtensionKind::AbsCaptureTime, if time.clock_offset.is_some() { &bytes } else { &bytes[..8] });
        }
        if let Some(level) = self.audio_level {
            with(ExtensionKind::AudioLevel, &[level.byte()]);
        }
        if let Some(orientation) = self.video_orientation {
            with(ExtensionKind::VideoOrientation, &[orientation.byte()]);
        }
        if let Some(delay) = self.playout_delay {
            with(ExtensionKind::PlayoutDelay, &delay.bytes());
        }
        if let Some(value) = self.dependency_descriptor {
            with(ExtensionKind::DependencyDescriptor, value);
        }
    }
}

impl AbsCaptureTime {
    fn read(value: &[u8]) -> Option<Self> {
        let captured = Ntp(bytes::u64_at(value, 0)?);
        Some(Self { captured, clock_offset: bytes::u64_at(value, 8).map(|offset| offset as i64) })
    }

    fn bytes(self) -> [u8; 16] {
        let offset = self.clock_offset.unwrap_or_default();
        ((u128::from(self.captured.0) << 64) | u128::from(offset as u64)).to_be_bytes()
    }
}

impl AudioLevel {
    fn read(value: &[u8]) -> Option<Self> {
        value.first().map(|&byte| Self { voice: byte & 0x80 != 0, below_overload: byte & 0x7F })
    }

    fn byte(self) -> u8 {
        assert!(self.below_overload < 128, "an audio level of -{} dBov does not fit 7 bits", self.below_overload);
        u8::from(self.voice) << 7 | self.below_overload
    }
}

impl VideoOrientation {
    fn read(value: &[u8]) -> Option<Self> {
        value.first().map(|&byte| Self { back_camera: byte & 8 != 0, flipped: byte & 4 != 0, quarter_turns: byte & 3 })
    }

    fn byte(self) -> u8 {
        assert!(self.quarter_turns < 4, "{} quarter turns are more than a full one", self.quarter_turns);
        u8::from(self.back_camera) << 3 | u8::from(self.flipped) << 2 | self.quarter_turns
    }
}

impl PlayoutDelay {
    fn read(value: &[u8]) -> Option<Self> {
        let both = bytes::u24_at(value, 0)?;
        Some(Self { min: (both >> 12) as u16, max: (both & 0xFFF) as u16 })
    }

    fn bytes(self) -> [u8; 3] {
        assert!(self.min < 4_096 && self.max < 4_096, "{self:?} does not fit twice 12 bits");
        let both = u32::from(self.min) << 12 | u32::from(self.max);
        let [_, a, b, c] = both.to_be_bytes();
        [a, b, c]
    }
}
