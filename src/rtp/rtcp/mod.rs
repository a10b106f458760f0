//! RTCP packets: their frame and kinds (RFC 3550 §6, RFC 4585, RFC 5104, RFC 3611, REMB, transport feedback).
//!
//! [`parse`] walks a compound, or a reduced-size packet (RFC 5506), over borrowed bytes; what a packet does not hold as its
//! counts say comes out as [`Packet::Malformed`], never as a guess. Writers append one packet each, and compounds are made
//! by calling several. When anything is due, and what it should say, is for the floors above.

mod extended;
mod feedback;
mod report;

pub use extended::{
    ExtendedBlock, ExtendedBlocks, LastReference, LastReferences, write_last_references, write_reference_time,
};
pub use feedback::{FirRequest, FirRequests, NackSequences, Remb, write_fir, write_nack, write_pli, write_remb};
pub use report::{
    Chunks, Description, ReportBlock, ReportBlocks, SenderInfo, write_bye, write_description, write_receiver_report,
    write_sender_report,
};

use super::bytes;
use super::twcc;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

/// Bytes of a packet's common header.
const HEADER_LEN: usize = 4;
/// The most that a packet's count field can say.
const MAX_COUNT: usize = 31;

/// One RTCP packet, read in place.
#[derive(Clone, Debug)]
pub enum Packet<'a> {
    /// SR: what a sender has sent, and what it receives.
    SenderReport {
        /// The stream that is described.
        ssrc: u32,
        /// The sender's clocks and counts.
        info: SenderInfo,
        /// Its reception of other streams.
        reports: ReportBlocks<'a>,
    },
    /// RR: reception of streams by one that sends nothing.
    ReceiverReport {
        /// The receiver.
        ssrc: u32,
        /// One a stream.
        reports: ReportBlocks<'a>,
    },
    /// SDES.
    Description(Chunks<'a>),
    /// BYE: these streams have ended.
    Bye(Ssrcs<'a>),
    /// Generic NACK: packets that are missed.
    Nack {
        /// Who misses them.
        sender: u32,
        /// The stream that they belong to.
        media: u32,
        /// Their sequence numbers, in the order of the packet.
        lost: NackSequences<'a>,
    },
    /// Transport-wide feedback: arrivals of all streams of a transport.
    Transport(twcc::Feedback<'a>),
    /// PLI: a picture was lost, a keyframe is needed.
    Pli {
        /// Who asks.
        sender: u32,
        /// The stream that is to be refreshed.
        media: u32,
    },
    /// FIR: keyframes are demanded.
    Fir {
        /// Who asks.
        sender: u32,
        /// One a stream.
        requests: FirRequests<'a>,
    },
    /// REMB: an upper limit for what is sent.
    Remb(Remb<'a>),
    /// XR.
    ExtendedReport {
        /// Who reports.
        ssrc: u32,
        /// What it reports.
        blocks: ExtendedBlocks<'a>,
    },
    /// Well framed, of a kind that is not known here (APP among them).
    Unknown {
        /// The packet type.
        packet_type: u8,
        /// The count or format field, 0 to 31.
        count: u8,
        /// What follows the common header.
        body: &'a [u8],
    },
    /// Bytes that are no RTCP packet, or one that does not hold what it says; the rest of the compound if its frame is broken.
    Malformed(&'a [u8]),
}

/// SSRCs one behind the other.
pub type Ssrcs<'a> = Records<'a, 4, u32>;

/// Fixed-size records one behind the other, read as they are asked for.
pub type Records<'a, const N: usize, T> = std::iter::Map<std::slice::Iter<'a, [u8; N]>, fn(&'a [u8; N]) -> T>;

/// The records that `bytes` is made of; a rest shorter than a record is left out.
fn records<const N: usize, T>(bytes: &[u8], read: fn(&[u8; N]) -> T) -> Records<'_, N, T> {
    bytes.as_chunks().0.iter().map(read)
}

/// The packets of a compound, in order.
#[must_use]
pub const fn parse(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// The packets of a compound; see [`parse`].
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = Frame::split(self.rest);
        let Some((frame, packet, rest)) = frame else {
            return Some(Packet::Malformed(std::mem::take(&mut self.rest)));
        };
        self.rest = rest;
        Some(frame.read().unwrap_or(Packet::Malformed(packet)))
    }
}

/// One packet's common header, and its body without padding.
struct Frame<'a> {
    packet_type: u8,
    count: u8,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The first packet of a compound, its bytes, and what follows them.
    fn split(compound: &'a [u8]) -> Option<(Self, &'a [u8], &'a [u8])> {
        let &[first, packet_type, l0, l1] = compound.first_chunk::<HEADER_LEN>()?;
        if first >> 6 != 2 {
            return None;
        }
        let len = HEADER_LEN + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        let (packet, rest) = compound.split_at_checked(len)?;
        let body = &packet[HEADER_LEN..];
        let padding = super::header::padding_len(first & 0x20 != 0, body)?;
        let body = &body[..body.len() - padding];
        Some((Self { packet_type, count: first & 0x1F, body }, packet, rest))
    }

    /// `None` when a known kind does not hold what it says.
    fn read(self) -> Option<Packet<'a>> {
        let Self { packet_type, count, body } = self;
        let unknown = Packet::Unknown { packet_type, count, body };
        match packet_type {
            SENDER_REPORT => report::read_sender_report(count, body),
            RECEIVER_REPORT => report::read_receiver_report(count, body),
            DESCRIPTION => Chunks::read(count, body).map(Packet::Description),
            BYE => {
                let ssrcs = body.get(..4 * usize::from(count))?;
                Some(Packet::Bye(records(ssrcs, |ssrc| u32::from_be_bytes(*ssrc))))
            }
            TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => feedback::read(packet_type, count, body)?.or(Some(unknown)),
            EXTENDED_REPORT => {
                let blocks = ExtendedBlocks::new(body.get(4..)?);
                Some(Packet::ExtendedReport { ssrc: bytes::u32_at(body, 0)?, blocks })
            }
            _ => Some(unknown),
        }
    }
}

/// Begins a packet at the end of `out`; [`finish`] writes its length.
fn begin(out: &mut Vec<u8>, count: u8, packet_type: u8) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | count, packet_type, 0, 0]);
    start
}

/// Ends the packet that began at `start`.
fn finish(out: &mut [u8], start: usize) {
    let len = out.len() - start;
    assert!(len.is_multiple_of(4), "RTCP packets are whole words");
    let words = u16::try_from(len / 4 - 1).expect("an RTCP packet has at most 2^18 bytes");
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn push_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests;
