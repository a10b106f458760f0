//! What a received stream is told and what it says.

use crate::clock::{Duration, Instant};
use crate::conference::{Codec, Feedback};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Key;
use crate::qos::integrity::Origin;
use crate::qos::nack::Ask;

/// What is known of a stream before its first packet.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expect {
    /// Whose frames it should carry, for `integrity.misroute`.
    pub origin: Origin,
    /// The codec that was negotiated.
    pub codec: Codec,
    /// What may be asked of the sender.
    pub feedback: Feedback,
    /// The labels of its samples; the phase in it is replaced by that of each sample's due time.
    pub key: Key,
    /// The arrival that its time to first frame counts from; `None` for a track published after we had joined, which
    /// has none.
    pub intended_arrival: Option<Instant>,
    /// When it was subscribed to.
    pub subscribed: Instant,
    /// When it was asked for; `None` for what comes without asking.
    pub requested: Option<Instant>,
    /// How long after that a video's first decodable frame may take before it counts as black.
    pub first_frame: Duration,
    /// Sizes of picture that its publisher has, as far as that is known: simulcast layers, or spatial layers of one stream.
    pub layers: u8,
    /// They are in one stream, where a lower one can be shown from any picture on.
    pub one_stream: bool,
    /// Which packets are to be opened.
    pub opening: Opening,
}

/// Which packets are opened besides retransmissions, the first packet of each video frame and packets after a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// The first packets of a stream.
    pub first: u32,
    /// One video frame in this many is opened whole; 0 opens none.
    pub one_frame_in: u32,
    /// One packet of sound in this many; 1 opens all.
    pub one_sound_in: u16,
}

impl Opening {
    /// Every packet, of one who dumps what it receives.
    pub const ALL: Self = Self { first: u32::MAX, one_frame_in: 64, one_sound_in: 1 };
}

impl Default for Opening {
    fn default() -> Self {
        Self { first: 20, one_frame_in: 64, one_sound_in: 8 }
    }
}

/// One packet that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// When it came out of the emulated network: the kernel's stamp plus the link's delay. Never the tick.
    pub received: Instant,
    /// When it went into the subscriber's emulated downlink: the kernel's stamp.
    pub entered: Instant,
    /// Its sequence number; of a retransmission the original one (RFC 4588 OSN).
    pub sequence: u16,
    /// Its RTP time.
    pub rtp_time: u32,
    /// Its marker bit.
    pub marker: bool,
    /// Its payload, where it was opened: padding and OSN removed. Empty: nothing but padding.
    pub payload: Option<&'a [u8]>,
    /// Bytes of payload, opened or not: without RTP header, padding where known, OSN and SRTP tag.
    pub payload_bytes: usize,
    /// Bytes of UDP payload.
    pub wire_bytes: usize,
    /// Its dependency descriptor, where it has one.
    pub descriptor: Option<&'a [u8]>,
    /// Its payload is redundant audio (RFC 2198).
    pub red: bool,
    /// It came as a retransmission on the stream's RTX SSRC.
    pub rtx: bool,
}

/// What is to be asked of the sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// These packets again (generic NACK).
    Nack(Ask),
    /// A keyframe, by picture loss indication.
    Pli,
    /// A keyframe, by full intra request, where PLI was not negotiated.
    Fir,
}

/// The firsts that a join waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum First {
    /// The first packet.
    Rtp,
    /// The first packet of a keyframe; for sound the first packet.
    Keyframe,
    /// The first decodable frame; for sound the first packet.
    Frame,
}

/// What a stream has to say; `due` is when the thing was due, which decides the phase it is counted in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Output {
    /// Ask the sender.
    Request(Request),
    /// A value of a trend.
    Sample {
        /// Which.
        metric: Metric,
        /// When it was due.
        due: Instant,
        /// In the unit of the catalog.
        value: f64,
    },
    /// A value of a trend that is at least this much: what was waited for never came.
    Censored {
        /// Which.
        metric: Metric,
        /// When it was due.
        due: Instant,
        /// How long it was waited for, in the unit of the catalog.
        value: f64,
    },
    /// More of a counter.
    Count {
        /// Which.
        metric: Metric,
        /// When it was due.
        due: Instant,
        /// How many more.
        n: u64,
    },
    /// More of both parts of a ratio.
    Ratio {
        /// Which.
        metric: Metric,
        /// When it was due.
        due: Instant,
        /// The part.
        numerator: u64,
        /// The whole.
        denominator: u64,
    },
    /// Something came for the first time.
    First(First, Instant),
    /// The first unit that was due since [`super::Stream::arm`] said so.
    Delivered {
        /// When it had been due at the publisher.
        due: Instant,
        /// When it could be decoded (sound: received).
        at: Instant,
        /// When the one delivered before it had been due; `None` for the stream's first.
        before: Option<Instant>,
    },
}

/// A total over a window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scalar {
    /// A count, a mean or a single value.
    Value(f64),
    /// Parts of a ratio.
    Share(u64, u64),
}

impl Scalar {
    /// As one number; `None` for a share of nothing.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Share(_, 0) => None,
            Self::Share(part, whole) => Some(part as f64 / whole as f64),
        }
    }
}

/// What a video showed in an interval.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Interval {
    /// Decodable frames per second of watched time; `None` while nothing was watched.
    pub fps: Option<f32>,
    /// Share of the watched time that was frozen, at most 1: the beginning of a freeze is known only later.
    pub frozen: f32,
}
