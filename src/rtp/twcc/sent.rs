//! The sending side: numbers what is sent, and matches feedback with it.

use super::{Feedback, TICK_MICROS, TICKS_A_REFERENCE};
use crate::clock::Instant;
use crate::rtp::sequence::Bits24;
use std::collections::VecDeque;

/// What became of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Its transport sequence number, unwrapped.
    pub sequence: i64,
    /// When it was sent.
    pub sent: Instant,
    /// Its size in bytes, as recorded.
    pub bytes: u32,
    /// When it arrived, in µs on the receiver's clock, unwrapped; `None` when the receiver says that it did not.
    pub received: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Nothing,
    Lost,
    Received,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    bytes: u32,
    told: Told,
}

/// The last packets sent over one transport, by transport sequence number.
///
/// What became of packets whose own feedback was lost is never told; later feedback begins behind them.
#[derive(Debug)]
pub struct SentHistory {
    /// The sequence number of the front.
    first: i64,
    packets: VecDeque<Sent>,
    limit: usize,
    reference: Bits24,
}

impl SentHistory {
    /// A history that numbers from `first` on and remembers the last `limit` packets.
    ///
    /// # Panics
    /// When `limit` is 0 or beyond half a cycle (32,768), where numbers become ambiguous.
    #[must_use]
    pub fn new(first: u16, limit: usize) -> Self {
        assert!((1..=1 << 15).contains(&limit), "a history of {limit} packets");
        Self { first: first.into(), packets: VecDeque::new(), limit, reference: Bits24::new() }
    }

    /// Remembers a packet of `bytes` bytes sent `at`; the transport sequence number that it must carry.
    pub fn record(&mut self, at: Instant, bytes: u32) -> u16 {
        if self.packets.len() == self.limit {
            self.packets.pop_front();
            self.first += 1;
        }
        let sequence = self.first + self.packets.len() as i64;
        self.packets.push_back(Sent { at, bytes, told: Told::Nothing });
        sequence as u16
    }

    /// Appends what `feedback` tells anew, in sequence.
    ///
    /// An arrival is told once, a loss once at most, and a packet told lost is told again when it did arrive. Packets no
    /// longer, or not yet, in the history are passed over.
    pub fn apply(&mut self, feedback: &Feedback<'_>, reports: &mut Vec<Report>) {
        let reference = self.reference.unwrap(feedback.reference_time as u32);
        let turns = (reference - i64::from(feedback.reference_time)) * TICKS_A_REFERENCE * TICK_MICROS;
        let newest = self.first + self.packets.len() as i64 - 1;
        let ahead = feedback.base_sequence.wrapping_sub(newest as u16) as i16;
        let base = newest + i64::from(ahead);
        for (sequence, arrival) in (base..).zip(feedback.arrivals()) {
            let Ok(at) = usize::try_from(sequence - self.first) else { continue };
            let Some(packet) = self.packets.get_mut(at) else { break };
            let told = if arrival.received.is_some() { Told::Received } else { Told::Lost };
            if packet.told == told || packet.told == Told::Received {
                continue;
            }
            packet.told = told;
            let received = arrival.received.map(|micros| micros + turns);
            reports.push(Report { sequence, sent: packet.at, bytes: packet.bytes, received });
        }
    }
}
