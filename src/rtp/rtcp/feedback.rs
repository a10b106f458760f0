//! Feedback that asks a sender for something: NACK and PLI (RFC 4585), FIR (RFC 5104), REMB (draft-alvestrand-rmcat-remb).

use super::{PAYLOAD_FEEDBACK, Packet, Records, Ssrcs, TRANSPORT_FEEDBACK};
use super::{begin, finish, push_u32, records};
use crate::rtp::{bytes, twcc};

const NACK: u8 = 1;
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;
const REMB: &[u8; 4] = b"REMB";

/// Sender and media SSRC, at the front of every feedback packet.
const SSRCS_LEN: usize = 8;
/// Packets that one NACK entry can name besides its first.
const MASK_LEN: u16 = 16;
/// Bits of REMB's mantissa.
const MANTISSA: u32 = 18;

/// Reads a feedback packet: `None` when malformed, `Some(None)` when it is of a format not known here.
pub(super) fn read(packet_type: u8, format: u8, body: &[u8]) -> Option<Option<Packet<'_>>> {
    let (sender, media) = (bytes::u32_at(body, 0)?, bytes::u32_at(body, 4)?);
    let rest = body.get(SSRCS_LEN..)?;
    Some(match (packet_type, format) {
        (TRANSPORT_FEEDBACK, NACK) => Some(Packet::Nack { sender, media, lost: NackSequences::new(rest) }),
        (TRANSPORT_FEEDBACK, twcc::FORMAT) => Some(Packet::Transport(twcc::Feedback::read(sender, media, rest)?)),
        (PAYLOAD_FEEDBACK, PLI) => Some(Packet::Pli { sender, media }),
        (PAYLOAD_FEEDBACK, FIR) => Some(Packet::Fir { sender, requests: records(rest, FirRequest::read) }),
        (PAYLOAD_FEEDBACK, APPLICATION) if rest.starts_with(REMB) => Some(Packet::Remb(Remb::read(sender, rest)?)),
        _ => None,
    })
}

/// The sequence numbers that a NACK names.
#[derive(Clone, Debug)]
pub struct NackSequences<'a> {
    entries: std::slice::Iter<'a, [u8; 4]>,
    first: u16,
    /// What is left of the entry at hand: bit n stands for `first + 1 + n`.
    mask: u16,
}

impl<'a> NackSequences<'a> {
    fn new(entries: &'a [u8]) -> Self {
        Self { entries: entries.as_chunks().0.iter(), first: 0, mask: 0 }
    }
}

impl Iterator for NackSequences<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let &[p0, p1, m0, m1] = self.entries.next()?;
            self.first = u16::from_be_bytes([p0, p1]);
            self.mask = u16::from_be_bytes([m0, m1]);
            return Some(self.first);
        }
        let bit = self.mask.trailing_zeros() as u16;
        self.mask &= self.mask - 1;
        Some(self.first.wrapping_add(1 + bit))
    }
}

/// A keyframe demanded of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirRequest {
    /// The stream.
    pub ssrc: u32,
    /// The command's number, one more for each new demand; equal numbers are one demand repeated.
    pub sequence: u8,
}

impl FirRequest {
    fn read(&[s0, s1, s2, s3, sequence, ..]: &[u8; 8]) -> Self {
        Self { ssrc: u32::from_be_bytes([s0, s1, s2, s3]), sequence }
    }
}

/// The demands of a FIR.
pub type FirRequests<'a> = Records<'a, 8, FirRequest>;

/// A receiver's estimate of what it can be sent.
#[derive(Clone, Debug)]
pub struct Remb<'a> {
    /// Who estimates.
    pub sender: u32,
    /// The estimate, in bit/s, for all of `ssrcs` together.
    pub rate: u64,
    /// The streams that it is for.
    pub ssrcs: Ssrcs<'a>,
}

impl<'a> Remb<'a> {
    fn read(sender: u32, body: &'a [u8]) -> Option<Self> {
        let count = usize::from(*body.get(4)?);
        let scaled = bytes::u24_at(body, 5)?;
        let (exponent, mantissa) = (scaled >> MANTISSA, u64::from(scaled & ((1 << MANTISSA) - 1)));
        let rate = mantissa << exponent;
        let ssrcs = body.get(8..8 + 4 * count)?;
        (rate >> exponent == mantissa).then(|| Self {
            sender,
            rate,
            ssrcs: records(ssrcs, |ssrc| u32::from_be_bytes(*ssrc)),
        })
    }
}

fn begin_feedback(out: &mut Vec<u8>, packet_type: u8, format: u8, sender: u32, media: u32) -> usize {
    let start = begin(out, format, packet_type);
    push_u32(out, sender);
    push_u32(out, media);
    start
}

/// Appends a NACK for the packets `lost` of stream `media`, given in the order of the stream; nothing when there are none.
///
/// Repeated numbers are written once. Out of order they are still all named, in more bytes.
pub fn write_nack(out: &mut Vec<u8>, sender: u32, media: u32, lost: &[u16]) {
    let [first, rest @ ..] = lost else { return };
    let start = begin_feedback(out, TRANSPORT_FEEDBACK, NACK, sender, media);
    let (mut first, mut mask) = (*first, 0u16);
    for &sequence in rest {
        match sequence.wrapping_sub(first) {
            0 => {}
            ahead @ 1..=MASK_LEN => mask |= 1 << (ahead - 1),
            _ => {
                push_u32(out, u32::from(first) << 16 | u32::from(mask));
                (first, mask) = (sequence, 0);
            }
        }
    }
    push_u32(out, u32::from(first) << 16 | u32::from(mask));
    finish(out, start);
}

/// Appends a PLI for stream `media`.
pub fn write_pli(out: &mut Vec<u8>, sender: u32, media: u32) {
    let start = begin_feedback(out, PAYLOAD_FEEDBACK, PLI, sender, media);
    finish(out, start);
}

/// Appends a FIR; nothing without requests.
pub fn write_fir(out: &mut Vec<u8>, sender: u32, requests: &[FirRequest]) {
    if requests.is_empty() {
        return;
    }
    // RFC 5104 §4.3.1.2: the media source is not used and zero, each request names its own.
    let start = begin_feedback(out, PAYLOAD_FEEDBACK, FIR, sender, 0);
    for request in requests {
        push_u32(out, request.ssrc);
        out.extend_from_slice(&[request.sequence, 0, 0, 0]);
    }
    finish(out, start);
}

/// Appends a REMB of `rate` bit/s for `ssrcs`; the rate is rounded down to 18 significant bits.
///
/// # Panics
/// With more than the 255 streams that its count can say.
pub fn write_remb(out: &mut Vec<u8>, sender: u32, rate: u64, ssrcs: &[u32]) {
    let count = u8::try_from(ssrcs.len()).expect("a REMB names at most 255 streams");
    let start = begin_feedback(out, PAYLOAD_FEEDBACK, APPLICATION, sender, 0);
    let exponent = (u64::BITS - rate.leading_zeros()).saturating_sub(MANTISSA);
    let mantissa = (rate >> exponent) as u32;
    out.extend_from_slice(REMB);
    push_u32(out, u32::from(count) << 24 | exponent << MANTISSA | mantissa);
    ssrcs.iter().for_each(|&ssrc| push_u32(out, ssrc));
    finish(out, start);
}
