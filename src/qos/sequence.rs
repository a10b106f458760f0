//! Which packets of one stream arrived: RFC 3550 appendices A.1 and A.3, with a window that knows every packet by itself.
//!
//! Sequence numbers become 64-bit ones that never wrap and keep their low 16 bits. A window of [`WINDOW`] packets
//! remembers what arrived by itself and what a retransmission brought, so duplicates, reordering and loss are exact and
//! none of them is inferred from another. Packets lost after the last one that arrived cannot be known to anybody here.
//! Unlike A.1 a long outage is loss, not a restart, when the RTP time moved on as the clock did; anything else that jumps
//! is believed on its second packet.

use super::jitter::Jitter;
use super::rtt::Echo;
use crate::clock::{Duration, Instant};
use crate::rtp::rtcp::ReportBlock;

/// How many packets behind the newest are remembered.
pub const WINDOW: i64 = 2048;
/// A forward jump of at most this many packets is loss (MAX_DROPOUT of RFC 3550 A.1).
const MAX_DROPOUT: i64 = 3000;
/// How far before the first packet an early reordered one may still move the base (MAX_MISORDER of RFC 3550 A.1).
const MAX_MISORDER: i64 = 100;
/// No stream sends more packets per second than this.
const MAX_RATE: f64 = 5_000.0;

/// What became of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// Newer than everything before it; `skipped` packets between are missing.
    Ahead {
        /// How many.
        skipped: i64,
    },
    /// Older than the newest, and here for the first time.
    Behind {
        /// A retransmission had brought it already.
        repaired: bool,
    },
    /// Older than the first one, within the first packets of the stream; `skipped` packets between are missing.
    Before {
        /// How many.
        skipped: i64,
    },
    /// Here already, by itself.
    Duplicate,
    /// Too far from all others to be believed; not counted.
    Suspect,
    /// The second in sequence after a jump: the stream began again.
    Restart,
}

/// What a receiver says of a stream in a report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LossFields {
    /// Share lost since the report before, in 1/256.
    pub fraction: u8,
    /// Packets lost since the start, 24 bits signed; duplicates can make it negative.
    pub cumulative: i32,
    /// Cycles and highest sequence number.
    pub highest: u32,
}

/// Presence of the last [`WINDOW`] packets, a bit each.
#[derive(Clone, Debug)]
struct Bits([u64; (WINDOW / 64) as usize]);

impl Bits {
    const fn place(sequence: i64) -> (usize, u64) {
        let bit = (sequence & (WINDOW - 1)) as usize;
        (bit / 64, 1 << (bit % 64))
    }

    const fn has(&self, sequence: i64) -> bool {
        let (word, bit) = Self::place(sequence);
        self.0[word] & bit != 0
    }

    const fn set(&mut self, sequence: i64) {
        let (word, bit) = Self::place(sequence);
        self.0[word] |= bit;
    }

    const fn clear(&mut self, sequence: i64) {
        let (word, bit) = Self::place(sequence);
        self.0[word] &= !bit;
    }
}

/// The arrivals of one stream.
#[derive(Clone, Debug)]
pub struct Arrivals {
    started: bool,
    base: i64,
    newest: i64,
    /// Expected in earlier lives of the stream, before it restarted.
    earlier_expected: i64,
    held: Bits,
    /// Those that came by themselves, once a retransmission has brought one: until then all that are held.
    own: Option<Box<Bits>>,
    unique: i64,
    total: i64,
    suspect: Option<u16>,
    last: (Instant, u32),
    clock_rate: u32,
    reported: (i64, i64),
}

impl Arrivals {
    /// Nothing has arrived on a stream of `clock_rate` Hz.
    #[must_use]
    pub const fn new(clock_rate: u32) -> Self {
        Self {
            started: false,
            base: 0,
            newest: 0,
            earlier_expected: 0,
            held: Bits([0; (WINDOW / 64) as usize]),
            own: None,
            unique: 0,
            total: 0,
            suspect: None,
            last: (Instant::ZERO, 0),
            clock_rate,
            reported: (0, 0),
        }
    }

    /// Takes a packet that arrived by itself: its unwrapped number, and what became of it.
    pub fn handle_packet(&mut self, received: Instant, sequence: u16, rtp_time: u32) -> (i64, Arrival) {
        if !self.started {
            self.begin(i64::from(sequence));
            self.take(i64::from(sequence), received, rtp_time);
            return (self.newest, Arrival::Ahead { skipped: 0 });
        }
        let number = self.nearest(sequence);
        let arrival = match number - self.newest {
            1 => Arrival::Ahead { skipped: 0 },
            ahead @ 2.. if ahead <= MAX_DROPOUT || self.is_an_outage(received, rtp_time, ahead) => {
                Arrival::Ahead { skipped: ahead - 1 }
            }
            2.. => return self.doubt(received, sequence, rtp_time),
            _ if number < self.base => match self.base - number {
                early if early <= MAX_MISORDER && self.newest - self.base < MAX_MISORDER => {
                    Arrival::Before { skipped: early - 1 }
                }
                _ => return self.doubt(received, sequence, rtp_time),
            },
            behind if behind <= -WINDOW => return self.doubt(received, sequence, rtp_time),
            _ if self.own.as_deref().unwrap_or(&self.held).has(number) => Arrival::Duplicate,
            _ => Arrival::Behind { repaired: self.held.has(number) },
        };
        match arrival {
            Arrival::Ahead { .. } => {
                self.advance(number);
                self.take(number, received, rtp_time);
            }
            Arrival::Before { .. } => {
                (number..self.base).for_each(|missing| self.forget(missing));
                self.base = number;
                self.mark(number);
            }
            Arrival::Behind { .. } => self.mark(number),
            Arrival::Duplicate => self.total += 1,
            Arrival::Suspect | Arrival::Restart => {}
        }
        self.suspect = None;
        (number, arrival)
    }

    /// Takes what a retransmission brought: the unwrapped number, if the packet was missing until now.
    ///
    /// One that is newer than everything received is not believed: its original may still be on the way.
    pub fn handle_repair(&mut self, sequence: u16) -> Option<i64> {
        let number = self.nearest(sequence);
        let known = self.started && number >= self.base && number < self.newest && self.newest - number < WINDOW;
        (known && !self.held.has(number)).then(|| {
            self.own.get_or_insert_with(|| Box::new(self.held.clone()));
            self.held.set(number);
            number
        })
    }

    /// Whether the packet is here, by itself or repaired. Outside of the window: no.
    #[must_use]
    pub fn holds(&self, number: i64) -> bool {
        self.started && number <= self.newest && self.newest - number < WINDOW && self.held.has(number)
    }

    /// The number nearest to the newest that ends in `sequence`.
    #[must_use]
    pub fn nearest(&self, sequence: u16) -> i64 {
        self.newest + i64::from(sequence.wrapping_sub(self.newest as u16) as i16)
    }

    /// The newest number; meaningless before the first packet.
    #[must_use]
    pub const fn newest(&self) -> i64 {
        self.newest
    }

    /// Whether anything arrived yet.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.started
    }

    /// Packets that must have been sent so that those below `end` could arrive.
    #[must_use]
    pub const fn expected_below(&self, end: i64) -> i64 {
        if self.started { self.earlier_expected + end - self.base } else { 0 }
    }

    /// Packets that must have been sent so that the newest could arrive.
    #[must_use]
    pub const fn expected(&self) -> i64 {
        self.expected_below(self.newest + 1)
    }

    /// Packets that arrived by themselves, each counted once.
    #[must_use]
    pub const fn unique(&self) -> i64 {
        self.unique
    }

    /// Packets expected that did not arrive by themselves.
    #[must_use]
    pub const fn lost(&self) -> i64 {
        self.expected() - self.unique
    }

    /// The loss fields of a report block (RFC 3550 A.3); begins the next interval.
    pub fn report(&mut self) -> LossFields {
        let (expected, received) = (self.expected() - self.reported.0, self.total - self.reported.1);
        self.reported = (self.expected(), self.total);
        let lost = expected - received;
        let fraction = if expected <= 0 || lost <= 0 { 0 } else { ((lost << 8) / expected).min(255) };
        LossFields {
            fraction: fraction as u8,
            cumulative: (self.expected() - self.total).clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest: self.newest as u32,
        }
    }

    /// The report block on the stream `ssrc` to send at `now` (RFC 3550 §6.4.1); begins the next interval.
    pub fn report_block(&mut self, now: Instant, ssrc: u32, jitter: &Jitter, echo: &Echo) -> ReportBlock {
        let LossFields { fraction, cumulative, highest } = self.report();
        let (last_sender_report, delay_since) = echo.fields(now);
        ReportBlock {
            ssrc,
            fraction_lost: fraction,
            cumulative_lost: cumulative,
            highest_sequence: highest,
            jitter: jitter.clock_units(),
            last_sender_report,
            delay_since,
        }
    }

    fn begin(&mut self, number: i64) {
        self.started = true;
        self.base = number;
        self.newest = number;
        self.held = Bits([0; (WINDOW / 64) as usize]);
        self.own = None;
        self.suspect = None;
    }

    fn take(&mut self, number: i64, received: Instant, rtp_time: u32) {
        self.mark(number);
        self.last = (received, rtp_time);
    }

    fn mark(&mut self, number: i64) {
        self.held.set(number);
        if let Some(own) = &mut self.own {
            own.set(number);
        }
        self.unique += 1;
        self.total += 1;
    }

    fn forget(&mut self, number: i64) {
        self.held.clear(number);
        if let Some(own) = &mut self.own {
            own.clear(number);
        }
    }

    fn advance(&mut self, number: i64) {
        for missing in (self.newest + 1).max(number - WINDOW + 1)..=number {
            self.forget(missing);
        }
        self.newest = number;
    }

    /// Whether the RTP time moved on as far as the clock did while nothing came, for long enough to send so many packets.
    fn is_an_outage(&self, received: Instant, rtp_time: u32, packets: i64) -> bool {
        let silence = received.saturating_since(self.last.0);
        if silence.as_secs_f64() * MAX_RATE < packets as f64 {
            return false;
        }
        let media = f64::from(rtp_time.wrapping_sub(self.last.1) as i32) / f64::from(self.clock_rate);
        let tolerance = Duration::from_secs(1).max(silence / 4).as_secs_f64();
        (media - silence.as_secs_f64()).abs() <= tolerance
    }

    fn doubt(&mut self, received: Instant, sequence: u16, rtp_time: u32) -> (i64, Arrival) {
        if self.suspect != Some(sequence) {
            self.suspect = Some(sequence.wrapping_add(1));
            return (self.newest, Arrival::Suspect);
        }
        self.earlier_expected = self.expected();
        // Two cycles on, so that no number of the new life is one of the old.
        let number = (self.newest & !0xFFFF) + 0x2_0000 + i64::from(sequence);
        self.begin(number);
        self.take(number, received, rtp_time);
        (number, Arrival::Restart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(arrivals: &mut Arrivals, sequences: &[u16]) -> Vec<Arrival> {
        sequences.iter().map(|&sequence| arrivals.handle_packet(Instant::ZERO, sequence, 0).1).collect()
    }

    #[test]
    fn packets_in_order_across_the_wrap_lose_nothing() {
        let mut arrivals = Arrivals::new(90_000);
        let sequences: Vec<u16> = (65_530..65_550u32).map(|n| n as u16).collect();
        assert!(feed(&mut arrivals, &sequences).iter().all(|&a| a == Arrival::Ahead { skipped: 0 }));
        assert_eq!((arrivals.expected(), arrivals.lost(), arrivals.newest()), (20, 0, 65_549));
        assert_eq!(arrivals.report(), LossFields { fraction: 0, cumulative: 0, highest: 0x1_000D });
    }

    #[test]
    fn k_lost_on_the_wire_are_k_lost_here_once_a_later_one_came() {
        let mut arrivals = Arrivals::new(90_000);
        feed(&mut arrivals, &[65_534, 3]);
        assert_eq!((arrivals.expected(), arrivals.lost()), (6, 4));
        let fields = arrivals.report();
        assert_eq!((fields.fraction, fields.cumulative), ((4 * 256 / 6) as u8, 4));
        feed(&mut arrivals, &[4, 5]);
        assert_eq!(arrivals.report().fraction, 0, "a report speaks of its own interval");
    }

    #[test]
    fn a_report_block_says_what_was_lost_how_even_it_came_and_what_is_echoed() {
        let (mut arrivals, mut jitter, mut echo) = (Arrivals::new(90_000), Jitter::new(90_000), Echo::default());
        feed(&mut arrivals, &[65_534, 3]);
        for (at, rtp_time) in [(0, 0), (24, 720)] {
            jitter.handle_packet(Instant::from_millis(at), rtp_time);
        }
        echo.handle_sender_report(0xABCD_0123, Instant::from_secs(1));
        let first = arrivals.report_block(Instant::from_millis(1_500), 7, &jitter, &echo);
        let expected = ReportBlock {
            ssrc: 7,
            fraction_lost: (4 * 256 / 6) as u8,
            cumulative_lost: 4,
            highest_sequence: 65_539,
            jitter: 16 * 90 / 16,
            last_sender_report: 0xABCD_0123,
            delay_since: 1 << 15,
        };
        assert_eq!(first, expected);
        let second = arrivals.report_block(Instant::from_secs(2), 7, &jitter, &echo);
        assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 4), "a report speaks of its own interval");
    }

    #[test]
    fn a_reordered_packet_is_not_lost_and_a_duplicate_is_known() {
        let mut arrivals = Arrivals::new(90_000);
        let seen = feed(&mut arrivals, &[10, 12, 11, 11, 13]);
        assert_eq!(seen[1], Arrival::Ahead { skipped: 1 });
        assert_eq!(seen[2], Arrival::Behind { repaired: false });
        assert_eq!(seen[3], Arrival::Duplicate);
        assert_eq!((arrivals.lost(), arrivals.unique()), (0, 4));
        assert_eq!(arrivals.report().cumulative, -1, "RFC 3550: duplicates count as received");
    }

    #[test]
    fn a_retransmission_repairs_and_does_not_undo_the_loss() {
        let mut arrivals = Arrivals::new(90_000);
        feed(&mut arrivals, &[10, 12]);
        assert_eq!(arrivals.handle_repair(11), Some(11));
        assert_eq!(arrivals.handle_repair(11), None);
        assert_eq!(arrivals.handle_repair(13), None, "its original may still come");
        assert_eq!(arrivals.lost(), 1);
        assert_eq!(feed(&mut arrivals, &[11]), [Arrival::Behind { repaired: true }]);
        assert_eq!(arrivals.lost(), 0);
    }

    #[test]
    fn the_first_packets_may_come_in_any_order() {
        let mut arrivals = Arrivals::new(90_000);
        assert_eq!(feed(&mut arrivals, &[5, 2])[1], Arrival::Before { skipped: 2 });
        assert_eq!((arrivals.expected(), arrivals.lost()), (4, 2));
        feed(&mut arrivals, &[3, 4]);
        assert_eq!(arrivals.lost(), 0);
    }

    #[test]
    fn an_outage_of_many_thousand_packets_is_loss_when_rtp_time_kept_pace() {
        let mut arrivals = Arrivals::new(90_000);
        arrivals.handle_packet(Instant::from_secs(1), 0, 0);
        let (_, arrival) = arrivals.handle_packet(Instant::from_secs(61), 9_600, 60 * 90_000);
        assert_eq!((arrival, arrivals.lost()), (Arrival::Ahead { skipped: 9_599 }, 9_599));
    }

    #[test]
    fn a_restart_is_believed_on_its_second_packet_and_is_no_loss() {
        let mut arrivals = Arrivals::new(90_000);
        feed(&mut arrivals, &[10, 11, 12]);
        assert_eq!(feed(&mut arrivals, &[30_000, 30_001]), [Arrival::Suspect, Arrival::Restart]);
        feed(&mut arrivals, &[30_002]);
        assert_eq!((arrivals.expected(), arrivals.lost()), (5, 0));
    }

    #[test]
    fn one_stray_packet_restarts_nothing() {
        let mut arrivals = Arrivals::new(90_000);
        assert_eq!(feed(&mut arrivals, &[10, 40_000, 11, 40_001])[3], Arrival::Suspect);
        assert_eq!((arrivals.newest(), arrivals.lost()), (11, 0));
    }

    proptest! {
        #[test]
        fn any_packets_keep_the_counts_consistent(
            packets in prop::collection::vec((any::<u16>(), any::<u32>(), 0u64..1_000_000, any::<bool>()), 0..300),
        ) {
            let mut arrivals = Arrivals::new(48_000);
            for (sequence, rtp_time, micros, repair) in packets {
                if repair {
                    arrivals.handle_repair(sequence);
                } else {
                    arrivals.handle_packet(Instant::from_micros(micros), sequence, rtp_time);
                }
                prop_assert!(arrivals.lost() >= 0 && arrivals.expected() >= arrivals.unique());
            }
            arrivals.report();
        }

        #[test]
        fn whatever_is_dropped_between_two_packets_is_lost_exactly(
            start in any::<u16>(), kept in prop::collection::vec(any::<bool>(), 1..3000),
        ) {
            let mut arrivals = Arrivals::new(90_000);
            let sent = |i: usize| start.wrapping_add(i as u16);
            arrivals.handle_packet(Instant::ZERO, sent(0), 0);
            kept.iter().enumerate().filter(|(_, kept)| **kept).for_each(|(i, _)| {
                arrivals.handle_packet(Instant::ZERO, sent(i + 1), 0);
            });
            arrivals.handle_packet(Instant::ZERO, sent(kept.len() + 1), 0);
            prop_assert_eq!(arrivals.lost(), kept.iter().filter(|kept| !**kept).count() as i64);
        }
    }
}
