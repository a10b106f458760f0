//! What the rooms are told of a packet that may be forwarded, and what they say of each copy.

use super::{LegId, StreamId, TrackId};
use crate::clock::Instant;
use crate::rtp::layer::Layer;
use crate::rtp::ntp::Ntp;

/// A packet of a published track, as far as it matters to where it goes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Offered {
    /// Whose.
    pub track: TrackId,
    /// Which of its simulcast layers, 0 the lowest; 0 where there is one stream.
    pub layer: u8,
    /// Its extended sequence number in that layer.
    pub sequence: u64,
    /// RTP time.
    pub rtp_time: u32,
    /// When it arrived.
    pub arrival: Instant,
    /// It begins a keyframe.
    pub keyframe: bool,
    /// Bytes of payload; 0 for padding.
    pub bytes: u32,
    /// What its payload says of its frame's place, where it is video and says so.
    pub place: Option<Layer>,
    /// Its frame's numbers, where the payload has some (VP8, VP9).
    pub picture: Option<Picture>,
    /// Its frame's number in the dependency descriptor, where it has one.
    pub frame: Option<u16>,
    /// The publisher's last sender report of that layer.
    pub clock: Option<SenderClock>,
}

/// The numbers that a descriptor of VP8 or VP9 gives its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Picture {
    /// Picture id.
    pub id: u16,
    /// TL0PICIDX; 0 where there is none.
    pub tl0: u8,
}

/// An instant of a publisher's clock, as a sender report gives it (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderClock {
    /// Wall-clock time.
    pub ntp: Ntp,
    /// The layer's RTP time then.
    pub rtp_time: u32,
    /// The instant of ours that stands for it, the same for all streams of the publisher.
    pub at: Instant,
}

/// One copy of a packet to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forward {
    /// To whom.
    pub leg: LegId,
    /// As which stream.
    pub stream: StreamId,
    /// Under which numbers.
    pub numbers: Numbers,
}

/// The numbers of a packet in a subscriber's stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// Extended sequence number: 65,536 times the roll-overs, plus what stands in the header.
    pub sequence: u64,
    /// RTP time.
    pub rtp_time: u32,
    /// Picture id and TL0PICIDX to be written over those in its payload; `None` leaves the payload as it is.
    pub picture: Option<(u16, u8)>,
    /// Frame number to be written over that in its dependency descriptor; `None` leaves it.
    pub frame: Option<u16>,
    /// The highest spatial and temporal layer that the subscriber is sent from this packet on, to be said in its dependency
    /// descriptor; [`u8::MAX`] for all that there are, `None` where nothing is to be said.
    pub active: Option<(u8, u8)>,
    /// A picture ends here for the subscriber: the marker bit is set whatever the publisher's is.
    pub marker: bool,
    /// Only the number is sent, without a payload: it was kept free for a packet that the subscriber does not get.
    pub empty: bool,
}

impl Numbers {
    /// Whether the payload goes out as it came.
    #[must_use]
    pub const fn keeps_payload(&self) -> bool {
        self.picture.is_none() && !self.empty
    }
}
