//! The receiving side: remembers what arrived when, and writes feedback about it.

use super::chunk::ChunkWriter;
use super::{FORMAT, LARGE_DELTA, NOT_RECEIVED, SMALL_DELTA, TICK_MICROS, TICKS_A_REFERENCE};
use crate::clock::Instant;
use crate::rtp::sequence::Sequence;
use std::collections::VecDeque;

/// RTPFB, whose format 15 this is.
const PACKET_TYPE: u8 = 205;
/// Bytes of one packet: with SRTCP's tag and index it stays within a datagram of 1,200.
const MAX_LEN: usize = 1_160;
/// What one more arrival can add besides its delta: chunks for a gap of half a cycle and for what was pending, padding.
const ARRIVAL_LEN: usize = 20;
/// Statuses in one packet; half a cycle, so that a base stays unambiguous.
const MAX_STATUSES: i64 = 1 << 15;
/// How long an arrival is kept, so that a late packet's feedback can tell it again. As long as libwebrtc keeps it.
const KEPT_TICKS: i64 = 500_000 / TICK_MICROS;

/// Gathers arrivals of one transport and turns them into feedback packets.
///
/// Each arrival is told at least once; each gap below a told arrival is told as not received. A packet that comes after
/// its gap was told makes the next feedback begin there again, while what followed it is still remembered (500 ms).
#[derive(Default, Debug)]
pub struct FeedbackBuilder {
    sequence: Sequence,
    /// In order of their sequence.
    arrivals: VecDeque<Received>,
    /// The first sequence number that the next feedback tells; `None` before the first arrival.
    next: Option<i64>,
    /// Below it arrivals have been forgotten.
    forgotten: Option<i64>,
    feedback_count: u8,
}

#[derive(Clone, Copy, Debug)]
struct Received {
    sequence: i64,
    /// In 250 µs since the run began.
    tick: i64,
}

impl FeedbackBuilder {
    /// A builder that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers that the packet with this transport sequence number arrived; of duplicates the first counts.
    pub fn record(&mut self, sequence: u16, received: Instant) {
        let sequence = self.sequence.unwrap(sequence.into());
        if self.forgotten.is_some_and(|below| sequence < below) {
            return;
        }
        let tick = (received.as_micros() / TICK_MICROS as u64) as i64;
        let arrival = Received { sequence, tick };
        match self.arrivals.back() {
            Some(last) if last.sequence >= sequence => {
                let at = self.arrivals.partition_point(|known| known.sequence < sequence);
                if self.arrivals.get(at).is_some_and(|known| known.sequence == sequence) {
                    return;
                }
                self.arrivals.insert(at, arrival);
            }
            _ => self.arrivals.push_back(arrival),
        }
        self.next = Some(self.next.map_or(sequence, |next| next.min(sequence)));
    }

    /// Whether an arrival is waiting to be told.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.arrivals.back().zip(self.next).is_some_and(|(last, next)| last.sequence >= next)
    }

    /// Appends one feedback packet (RTCP, at most 1,160 bytes) about arrivals not told yet; `false` when there are none.
    ///
    /// Call it until it says so: a gap of 8 s or several hundred arrivals take more than one packet.
    pub fn build(&mut self, out: &mut Vec<u8>, sender: u32, media: u32) -> bool {
        let Some(base) = self.next else { return false };
        let begin = self.arrivals.partition_point(|arrival| arrival.sequence < base);
        let Some(&first) = self.arrivals.get(begin) else { return false };
        let reference = first.tick / TICKS_A_REFERENCE;
        let start = self.write_head(out, [sender, media], reference);
        let count = self.write_chunks(out, start, base, begin);
        let end = begin + count;
        self.write_deltas(out, begin..end);
        let last = self.arrivals[end - 1];
        let statuses = (last.sequence - base + 1) as u16;
        out[start + 12..start + 14].copy_from_slice(&(base as u16).to_be_bytes());
        out[start + 14..start + 16].copy_from_slice(&statuses.to_be_bytes());
        seal_length(out, start);
        self.next = Some(last.sequence + 1);
        self.forget();
        true
    }

    fn write_head(&mut self, out: &mut Vec<u8>, ssrcs: [u32; 2], reference: i64) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0x80 | FORMAT, PACKET_TYPE, 0, 0]);
        ssrcs.iter().for_each(|ssrc| out.extend_from_slice(&ssrc.to_be_bytes()));
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(reference as u32).to_be_bytes()[1..]);
        out.push(self.feedback_count);
        self.feedback_count = self.feedback_count.wrapping_add(1);
        start
    }

    /// Writes the states of as many arrivals from `begin` on as fit, and of the gaps before them; how many arrivals fitted.
    ///
    /// The first always fits: unwrapping keeps it within half a cycle of the last one told.
    fn write_chunks(&self, out: &mut Vec<u8>, start: usize, base: i64, begin: usize) -> usize {
        let mut chunks = ChunkWriter::default();
        let (mut next, mut clock, mut count) = (base, self.clock_before(begin), 0);
        for arrival in self.arrivals.range(begin..) {
            let symbol = match arrival.tick - clock {
                0..=255 => SMALL_DELTA,
                delta if i16::try_from(delta).is_ok() => LARGE_DELTA,
                _ => break,
            };
            let len = out.len() - start + 2 * count + ARRIVAL_LEN;
            if arrival.sequence - base >= MAX_STATUSES || len > MAX_LEN {
                break;
            }
            for _ in next..arrival.sequence {
                chunks.push(out, NOT_RECEIVED);
            }
            chunks.push(out, symbol);
            next = arrival.sequence + 1;
            clock = arrival.tick;
            count += 1;
        }
        chunks.finish(out);
        count
    }

    fn write_deltas(&self, out: &mut Vec<u8>, range: std::ops::Range<usize>) {
        let mut clock = self.clock_before(range.start);
        for arrival in self.arrivals.range(range) {
            let delta = (arrival.tick - clock) as i16;
            match u8::try_from(delta) {
                Ok(small) => out.push(small),
                Err(_) => out.extend_from_slice(&delta.to_be_bytes()),
            }
            clock = arrival.tick;
        }
    }

    /// The tick that deltas of a packet beginning with this arrival count from: a whole reference time.
    fn clock_before(&self, begin: usize) -> i64 {
        self.arrivals.get(begin).map_or(0, |first| first.tick / TICKS_A_REFERENCE * TICKS_A_REFERENCE)
    }

    /// Drops told arrivals that are too old to be told again.
    fn forget(&mut self) {
        let newest = self.arrivals.back().map_or(0, |arrival| arrival.tick);
        let next = self.next.unwrap_or(i64::MIN);
        while let Some(front) = self.arrivals.front() {
            if front.sequence >= next || front.tick + KEPT_TICKS >= newest {
                return;
            }
            self.forgotten = Some(front.sequence + 1);
            self.arrivals.pop_front();
        }
    }
}

/// Fills the packet up to whole words, with RTCP padding as libwebrtc does, and writes its length.
fn seal_length(out: &mut Vec<u8>, start: usize) {
    let padding = (out.len() - start).next_multiple_of(4) - (out.len() - start);
    if padding > 0 {
        out.resize(out.len() + padding - 1, 0);
        out.push(padding as u8);
        out[start] |= 0x20;
    }
    let words = u16::try_from((out.len() - start) / 4 - 1).expect("a feedback packet is smaller than a datagram");
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}
