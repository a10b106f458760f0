//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), as bytes and as state.
//!
//! [`Feedback`] reads a packet, [`FeedbackBuilder`] is the receiver that writes them, [`SentHistory`] the sender that
//! learns from them what arrived and when. No estimator is in here, and no timer: who owns one of these decides how often.

mod build;
mod chunk;
mod sent;

pub use build::FeedbackBuilder;
pub use sent::{Report, SentHistory};

use super::bytes;
use chunk::Symbols;

/// The feedback format of this kind under RTPFB.
pub(super) const FORMAT: u8 = 15;
/// Bytes from the base sequence number to the first chunk.
const FIXED_LEN: usize = 8;
/// Unit of a delta, in microseconds.
const TICK_MICROS: i64 = 250;
/// Ticks in a unit of the reference time, 64 ms.
const TICKS_A_REFERENCE: i64 = 256;

/// A packet's state in two bits of a chunk.
const NOT_RECEIVED: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;

/// One feedback packet, whole: its chunks cover every status that it counts, and every delta is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Feedback<'a> {
    /// Who received.
    pub sender: u32,
    /// A stream of the transport; any of them.
    pub media: u32,
    /// The transport sequence number of the first status.
    pub base_sequence: u16,
    /// How many packets, one behind the other, it has a status of.
    pub status_count: u16,
    /// When counting of deltas begins, on the receiver's clock, in 64 ms: 24 bits, signed, wrapping after 12.4 days.
    pub reference_time: i32,
    /// The number of this feedback packet, wrapping.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What a receiver says of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The packet's transport sequence number.
    pub sequence: u16,
    /// When it arrived, in µs (steps of 250) on the receiver's clock, whose zero is that of the reference time; `None` if not.
    pub received: Option<i64>,
}

impl<'a> Feedback<'a> {
    /// Reads what follows the SSRCs; `None` when anything that it counts is missing.
    pub(super) fn read(sender: u32, media: u32, body: &'a [u8]) -> Option<Self> {
        let base_sequence = bytes::u16_at(body, 0)?;
        let status_count = bytes::u16_at(body, 2)?;
        // The shift up and down extends the sign of 24 bits.
        let reference_time = (bytes::u24_at(body, 4)? << 8) as i32 >> 8;
        let feedback_count = *body.get(7)?;
        let rest = body.get(FIXED_LEN..)?;
        let mut symbols = Symbols::new(rest, status_count);
        let mut delta_bytes = 0;
        for _ in 0..status_count {
            delta_bytes += delta_len(symbols.next()?)?;
        }
        let (chunks, deltas) = rest.split_at(rest.len() - symbols.unread().len());
        let deltas = deltas.get(..delta_bytes)?;
        Some(Self { sender, media, base_sequence, status_count, reference_time, feedback_count, chunks, deltas })
    }

    /// The state of each packet, in sequence.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals<'a> {
        Arrivals {
            symbols: Symbols::new(self.chunks, self.status_count),
            deltas: self.deltas,
            sequence: self.base_sequence,
            clock: i64::from(self.reference_time) * TICKS_A_REFERENCE * TICK_MICROS,
        }
    }
}

/// Bytes of the delta that a state brings along; `None` for the reserved state.
const fn delta_len(symbol: u8) -> Option<usize> {
    match symbol {
        NOT_RECEIVED => Some(0),
        SMALL_DELTA => Some(1),
        LARGE_DELTA => Some(2),
        _ => None,
    }
}

/// The states of a feedback packet; see [`Feedback::arrivals`].
#[derive(Clone, Debug)]
pub struct Arrivals<'a> {
    symbols: Symbols<'a>,
    deltas: &'a [u8],
    sequence: u16,
    clock: i64,
}

impl Iterator for Arrivals<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let symbol = self.symbols.next()?;
        let (delta, rest) = self.deltas.split_at_checked(delta_len(symbol)?)?;
        self.deltas = rest;
        let ticks = match *delta {
            [small] => Some(i64::from(small)),
            [high, low] => Some(i64::from(i16::from_be_bytes([high, low]))),
            _ => None,
        };
        self.clock += ticks.unwrap_or(0) * TICK_MICROS;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Some(Arrival { sequence, received: ticks.map(|_| self.clock) })
    }
}

#[cfg(test)]
mod tests;
