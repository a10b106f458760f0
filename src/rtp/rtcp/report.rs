//! Sender and receiver reports, descriptions and farewells (RFC 3550 §6.4 to §6.6), read and written.

use super::{BYE, DESCRIPTION, MAX_COUNT, Packet, RECEIVER_REPORT, Records, SENDER_REPORT};
use super::{begin, finish, push_u32, records};
use crate::clock::Duration;
use crate::rtp::bytes;
use crate::rtp::ntp::{Ntp, round_trip};

const REPORT_LEN: usize = 24;
const SENDER_INFO_LEN: usize = 20;
const CNAME: u8 = 1;

/// A sender's clocks and counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderInfo {
    /// When the report was made.
    pub ntp: Ntp,
    /// The same instant on the stream's RTP clock, extrapolated: not the time of the last packet.
    pub rtp_time: u32,
    /// RTP packets sent, modulo 2^32.
    pub packets: u32,
    /// Bytes of payload sent, without headers and padding, modulo 2^32.
    pub octets: u32,
}

/// The reception of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: u32,
    /// Lost of what was expected since the report before, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the stream began; negative when duplicates outnumber losses. Written, it stops at 24 bits (RFC 3550 §6.4.1).
    pub cumulative_lost: i32,
    /// The highest sequence number received, below the number of its wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter, in units of the RTP clock.
    pub jitter: u32,
    /// LSR: middle 32 bits of the last sender report's NTP time; 0 before there was one.
    pub last_sender_report: u32,
    /// DLSR: time since that report came, in 1/65,536 s.
    pub delay_since: u32,
}

impl ReportBlock {
    /// The round-trip time of a report that came at `arrival`; see [`round_trip`].
    #[must_use]
    pub fn round_trip(&self, arrival: Ntp) -> Option<Duration> {
        round_trip(arrival, self.last_sender_report, self.delay_since)
    }

    fn read(block: &[u8; REPORT_LEN]) -> Self {
        let word = |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        Self {
            ssrc: word(0),
            fraction_lost: block[4],
            // The shift up and down extends the sign of the low 24 bits.
            cumulative_lost: (word(4) << 8) as i32 >> 8,
            highest_sequence: word(8),
            jitter: word(12),
            last_sender_report: word(16),
            delay_since: word(20),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        const LIMIT: i32 = (1 << 23) - 1;
        let lost = self.cumulative_lost.clamp(-LIMIT - 1, LIMIT) as u32 & 0xFF_FFFF;
        push_u32(out, self.ssrc);
        push_u32(out, u32::from(self.fraction_lost) << 24 | lost);
        push_u32(out, self.highest_sequence);
        push_u32(out, self.jitter);
        push_u32(out, self.last_sender_report);
        push_u32(out, self.delay_since);
    }
}

/// The report blocks of a packet.
pub type ReportBlocks<'a> = Records<'a, REPORT_LEN, ReportBlock>;

fn blocks(count: u8, bytes: &[u8]) -> Option<ReportBlocks<'_>> {
    // Profile-specific extensions may follow the blocks.
    Some(records(bytes.get(..REPORT_LEN * usize::from(count))?, ReportBlock::read))
}

pub(super) fn read_sender_report(count: u8, body: &[u8]) -> Option<Packet<'_>> {
    let info = SenderInfo {
        ntp: Ntp(bytes::u64_at(body, 4)?),
        rtp_time: bytes::u32_at(body, 12)?,
        packets: bytes::u32_at(body, 16)?,
        octets: bytes::u32_at(body, 20)?,
    };
    let reports = blocks(count, body.get(4 + SENDER_INFO_LEN..)?)?;
    Some(Packet::SenderReport { ssrc: bytes::u32_at(body, 0)?, info, reports })
}

pub(super) fn read_receiver_report(count: u8, body: &[u8]) -> Option<Packet<'_>> {
    Some(Packet::ReceiverReport { ssrc: bytes::u32_at(body, 0)?, reports: blocks(count, body.get(4..)?)? })
}

/// What one SDES chunk says of a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Description<'a> {
    /// The source.
    pub ssrc: u32,
    /// Its canonical name, common to all streams of one participant; not necessarily UTF-8.
    pub cname: Option<&'a [u8]>,
}

/// The chunks of an SDES packet.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    left: u8,
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    pub(super) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let chunks = Self { left: count, rest: body };
        (chunks.clone().count() == usize::from(count)).then_some(chunks)
    }

    /// The first chunk and the bytes after it.
    fn split(chunk: &'a [u8]) -> Option<(Description<'a>, &'a [u8])> {
        let mut description = Description { ssrc: bytes::u32_at(chunk, 0)?, cname: None };
        let mut at = 4;
        loop {
            let kind = *chunk.get(at)?;
            if kind == 0 {
                // One null ends the items, more fill up the word.
                return Some((description, chunk.get(at / 4 * 4 + 4..)?));
            }
            let len = usize::from(*chunk.get(at + 1)?);
            let text = chunk.get(at + 2..at + 2 + len)?;
            if kind == CNAME {
                description.cname = Some(text);
            }
            at += 2 + len;
        }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Description<'a>;

    fn next(&mut self) -> Option<Description<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (description, rest) = Self::split(self.rest)?;
        self.rest = rest;
        Some(description)
    }
}

/// Appends an SR; blocks beyond the 31 that it can hold follow in RRs of the same source.
pub fn write_sender_report(out: &mut Vec<u8>, ssrc: u32, info: &SenderInfo, reports: &[ReportBlock]) {
    let (first, more) = reports.split_at(reports.len().min(MAX_COUNT));
    let start = begin(out, first.len() as u8, SENDER_REPORT);
    push_u32(out, ssrc);
    out.extend_from_slice(&info.ntp.0.to_be_bytes());
    push_u32(out, info.rtp_time);
    push_u32(out, info.packets);
    push_u32(out, info.octets);
    first.iter().for_each(|report| report.write(out));
    finish(out, start);
    if !more.is_empty() {
        write_receiver_report(out, ssrc, more);
    }
}

/// Appends an RR, or one for every 31 blocks; an empty one without blocks.
pub fn write_receiver_report(out: &mut Vec<u8>, ssrc: u32, reports: &[ReportBlock]) {
    let mut rest = reports;
    loop {
        let (now, later) = rest.split_at(rest.len().min(MAX_COUNT));
        let start = begin(out, now.len() as u8, RECEIVER_REPORT);
        push_u32(out, ssrc);
        now.iter().for_each(|report| report.write(out));
        finish(out, start);
        rest = later;
        if rest.is_empty() {
            return;
        }
    }
}

/// Appends an SDES packet with one chunk, the canonical name of `ssrc`.
///
/// # Panics
/// When the name is longer than 255 bytes.
pub fn write_description(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let len = u8::try_from(cname.len()).expect("a canonical name has at most 255 bytes");
    let start = begin(out, 1, DESCRIPTION);
    push_u32(out, ssrc);
    out.extend_from_slice(&[CNAME, len]);
    out.extend_from_slice(cname.as_bytes());
    let filled = out.len() - start;
    out.resize(start + filled / 4 * 4 + 4, 0);
    finish(out, start);
}

/// Appends a BYE, or one for every 31 streams; nothing without streams.
pub fn write_bye(out: &mut Vec<u8>, ssrcs: &[u32]) {
    for ssrcs in ssrcs.chunks(MAX_COUNT) {
        let start = begin(out, ssrcs.len() as u8, BYE);
        ssrcs.iter().for_each(|&ssrc| push_u32(out, ssrc));
        finish(out, start);
    }
}
