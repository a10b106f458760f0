//! The packets that a publication can send again: the newest ones, described rather than copied.

use crate::clock::Instant;
use crate::media::{PacketDescriptor, Payload};
use crate::rtp::extension::AudioLevel;
use crate::rtp::ntp::Ntp;
use std::collections::VecDeque;

/// Packets kept. At 160 packets/s this is 1.6 s: longer than any receiver asks for one.
const CAPACITY: usize = 256;
/// How many more are made room for at a time: there are thousands of publications.
const STEP: usize = 16;

/// One packet that can be sent again.
#[derive(Clone, Debug)]
pub struct Cached {
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP time.
    pub rtp_time: u32,
    /// Marker bit.
    pub marker: bool,
    /// Audio level.
    pub level: Option<AudioLevel>,
    /// What the dependency descriptor says of it.
    pub descriptor: Option<PacketDescriptor>,
    /// When its frame was due.
    pub due: Instant,
    /// What it carries.
    pub payload: Payload,
    /// When it was sent again last.
    pub resent: Option<Instant>,
    /// What was written into it besides the above when it left, where it may be sent again as it was.
    pub written: Option<Box<Written>>,
}

/// What a packet gets when it leaves. One that is sent again under its own sequence number must be the same to the
/// byte: SRTP would repeat a nonce over other bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// NTP time, for abs-send-time.
    pub ntp: Ntp,
    /// When it left our network, for the stamp.
    pub left: Instant,
    /// Its transport-wide sequence number.
    pub transport_sequence: Option<u16>,
}

/// A ring of the newest packets in order of their sequence.
#[derive(Debug, Default)]
pub struct Cache {
    packets: VecDeque<Cached>,
}

impl Cache {
    /// Keeps a packet, whose sequence number follows the one before it.
    pub fn store(&mut self, packet: Cached) {
        if self.packets.len() == CAPACITY {
            self.packets.pop_front();
        }
        if self.packets.len() == self.packets.capacity() {
            self.packets.reserve_exact(STEP);
        }
        self.packets.push_back(packet);
    }

    /// The packet with this sequence number, if it is still there.
    pub fn find(&mut self, sequence: u16) -> Option<&mut Cached> {
        let newest = self.packets.back()?.sequence;
        let back = usize::from((newest as u16).wrapping_sub(sequence));
        let index = self.packets.len().checked_sub(1 + back)?;
        self.packets.get_mut(index)
    }
}
