//! What a participant received, as files that other programs open: `--dump`.
//!
//! No file is opened here. A [`Tap`] stands where a leg opens its packets and makes a [`Record`] of each (rtpdump); a
//! [`Track`] stands where a stream's frames complete and makes one of each frame. A record is whole: a file that ends
//! after any of them can be read. Frames are written as they become decodable, in decoding order; what was lost, or
//! leans on what was lost, is absent.

mod track;

pub use track::{MAX_HELD, Track};

use crate::clock::Instant;
use crate::conference::Codec;
use crate::container::rtpdump;
use crate::rtp::ntp::Ntp;
use std::sync::Arc;

/// More bytes of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its path below the dump's directory.
    pub file: Arc<str>,
    /// Where in the file they belong: at its end, or over what stands there.
    pub place: Place,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Where bytes belong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Behind everything that is there.
    End,
    /// Over what begins at this byte.
    At(u64),
}

/// What one connection of a participant receives.
#[derive(Clone, Debug)]
pub struct Tap {
    /// `participant/session.leg`
    stem: String,
    packets: Arc<str>,
    origin: Ntp,
    begun: bool,
}

impl Tap {
    /// Of this leg of this session of a participant, in a run that began at `origin`.
    #[must_use]
    pub fn new(participant: &str, session: u32, leg: u8, origin: Ntp) -> Self {
        let stem = format!("{}/{session}.{leg}", plain(participant));
        let packets = format!("{stem}-received.rtpdump").into();
        Self { stem, packets, origin, begun: false }
    }

    /// An RTP packet that came at `received`, in the clear.
    pub fn packet(&mut self, received: Instant, packet: &[u8]) -> Record {
        let mut bytes = Vec::with_capacity(packet.len() + 64);
        if !std::mem::replace(&mut self.begun, true) {
            rtpdump::write_header(&mut bytes, self.origin.unix_nanos());
        }
        rtpdump::write_packet(&mut bytes, received.as_millis() as u32, packet);
        Record { file: self.packets.clone(), place: Place::End, bytes }
    }

    /// The frames of the leg's stream at `index`, called `name`.
    #[must_use]
    pub fn track(&self, index: usize, name: &str, codec: Codec) -> Track {
        Track::new(format!("{}.{index}-{}", self.stem, plain(name)), codec)
    }
}

/// A name as part of a path: whatever is no letter, digit, dot, dash or underscore becomes a dash, and no name is a
/// directory's.
fn plain(name: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let plain: String = name.chars().take(100).map(kept).collect();
    if plain.chars().all(|c| c == '.') { "unnamed".to_owned() } else { plain }
}

#[cfg(test)]
mod tests;
