//! Extended reports (RFC 3611 §4.4 and §4.5): how one that sends no media measures its round trip.
//!
//! The receiver sends its reference time (RRTR), the sender echoes it with the delay in between (DLRR). Other blocks are
//! named by their type and passed over.

use super::{EXTENDED_REPORT, Records, begin, finish, push_u32, records};
use crate::clock::Duration;
use crate::rtp::bytes;
use crate::rtp::ntp::{Ntp, round_trip};

const REFERENCE_TIME: u8 = 4;
const LAST_REFERENCES: u8 = 5;

/// One block of an extended report.
#[derive(Clone, Debug)]
pub enum ExtendedBlock<'a> {
    /// RRTR: the sender of the report says what time it is.
    ReferenceTime(Ntp),
    /// DLRR: reference times that came back.
    LastReferences(LastReferences<'a>),
    /// A block of another type, or one too short for its own.
    Unknown(u8),
}

/// An echoed reference time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastReference {
    /// Whose reference time it was.
    pub ssrc: u32,
    /// LRR: its middle 32 bits; 0 before there was one.
    pub last: u32,
    /// DLRR: time since it came, in 1/65,536 s.
    pub delay_since: u32,
}

impl LastReference {
    /// The round-trip time of an echo that came at `arrival`; see [`round_trip`].
    #[must_use]
    pub fn round_trip(&self, arrival: Ntp) -> Option<Duration> {
        round_trip(arrival, self.last, self.delay_since)
    }

    fn read(block: &[u8; 12]) -> Self {
        let [ssrc, last, delay_since] =
            [0, 4, 8].map(|at| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]));
        Self { ssrc, last, delay_since }
    }
}

/// The echoes of a DLRR block.
pub type LastReferences<'a> = Records<'a, 12, LastReference>;

/// The blocks of an extended report; a block cut off ends them.
#[derive(Clone, Debug)]
pub struct ExtendedBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> ExtendedBlocks<'a> {
    pub(super) const fn new(blocks: &'a [u8]) -> Self {
        Self { rest: blocks }
    }
}

impl<'a> Iterator for ExtendedBlocks<'a> {
    type Item = ExtendedBlock<'a>;

    fn next(&mut self) -> Option<ExtendedBlock<'a>> {
        let (&[block_type, _, l0, l1], after) = self.rest.split_first_chunk()?;
        let len = 4 * usize::from(u16::from_be_bytes([l0, l1]));
        let Some((block, rest)) = after.split_at_checked(len) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(match (block_type, bytes::u64_at(block, 0)) {
            (REFERENCE_TIME, Some(ntp)) => ExtendedBlock::ReferenceTime(Ntp(ntp)),
            (LAST_REFERENCES, _) => ExtendedBlock::LastReferences(records(block, LastReference::read)),
            _ => ExtendedBlock::Unknown(block_type),
        })
    }
}

/// Appends an extended report with the reference time of `ssrc`.
pub fn write_reference_time(out: &mut Vec<u8>, ssrc: u32, now: Ntp) {
    let start = begin(out, 0, EXTENDED_REPORT);
    push_u32(out, ssrc);
    out.extend_from_slice(&[REFERENCE_TIME, 0, 0, 2]);
    out.extend_from_slice(&now.0.to_be_bytes());
    finish(out, start);
}

/// Appends an extended report of `ssrc` that echoes reference times; nothing without any.
pub fn write_last_references(out: &mut Vec<u8>, ssrc: u32, echoes: &[LastReference]) {
    if echoes.is_empty() {
        return;
    }
    let start = begin(out, 0, EXTENDED_REPORT);
    push_u32(out, ssrc);
    let words = u16::try_from(3 * echoes.len()).expect("one packet echoes to at most 21,845 receivers");
    out.extend_from_slice(&[LAST_REFERENCES, 0]);
    out.extend_from_slice(&words.to_be_bytes());
    for echo in echoes {
        push_u32(out, echo.ssrc);
        push_u32(out, echo.last);
        push_u32(out, echo.delay_since);
    }
    finish(out, start);
}
