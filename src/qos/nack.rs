//! What is missing, when to ask for it again, and when to give it up (RFC 4585 §6.2.1).
//!
//! Packets that went missing together are one gap and share its times, so a long outage is one entry. A gap is asked for
//! once reordering is no longer likely, again after each round trip, and given up at the deadline of its frame; then its
//! packets are settled: what is still missing is residual loss, what comes later is late. Which packets are here is
//! `sequence`'s to know. At most [`GAPS`] gaps are open; beyond that the oldest is given up early.

use super::sequence::Arrivals;
use crate::clock::{Duration, Instant};
use crate::rtp::rtcp;
use std::collections::VecDeque;

/// How many gaps are kept open.
pub const GAPS: usize = 128;
/// How long a missing packet may just be late before it is asked for.
const REORDER_TIME: Duration = Duration::from_millis(10);
/// How many later packets show that a missing one is not just late.
const REORDER_PACKETS: i64 = 3;
/// A packet is asked for again no sooner than this.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// A packet is asked for this often.
const MAX_TRIES: u8 = 10;
/// How long a jitter buffer would wait besides the round trips.
const BUFFER: Duration = Duration::from_millis(100);
/// No frame's deadline is sooner than this.
const MIN_DEADLINE: Duration = Duration::from_millis(500);
/// A round trip until one was measured.
const ASSUMED_RTT: Duration = Duration::from_millis(100);

/// One generic NACK: a packet and those of the 16 after it that are set in the mask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// Sequence number of the first packet (PID).
    pub packet: u16,
    /// Bit `i` set: `packet + i + 1` is missing too (BLP).
    pub following: u16,
}

impl Ask {
    /// Appends it as a NACK of `sender` for the stream `media`.
    pub fn write(self, out: &mut Vec<u8>, sender: u32, media: u32) {
        let mut lost = [self.packet; 17];
        let mut count = 1;
        for bit in (0..16u16).filter(|bit| self.following >> bit & 1 == 1) {
            lost[count] = self.packet.wrapping_add(bit + 1);
            count += 1;
        }
        rtcp::write_nack(out, sender, media, &lost[..count]);
    }
}

/// What a settled stretch of packets came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    /// Packets that did not arrive by themselves.
    pub lost: u64,
    /// Packets still missing after retransmissions.
    pub residual: u64,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    first: i64,
    length: u32,
    /// Not here at all.
    missing: u32,
    /// Not here by themselves.
    lost: u32,
    tries: u8,
    found: Instant,
    asked: Instant,
}

impl Gap {
    const fn end(&self) -> i64 {
        self.first + self.length as i64
    }
}

/// The missing packets of one stream.
#[derive(Clone, Debug)]
pub struct Missing {
    gaps: VecDeque<Gap>,
    asks: bool,
    rtt: Option<Duration>,
    /// Packets below need not be asked for: a keyframe made them useless.
    useless_below: i64,
    wake: Instant,
    settled: Settled,
    runs: u64,
    asked: u64,
}

impl Missing {
    /// Nothing is missing; `asks` says whether NACK was negotiated.
    #[must_use]
    pub const fn new(asks: bool) -> Self {
        Self {
            gaps: VecDeque::new(),
            asks,
            rtt: None,
            useless_below: i64::MIN,
            wake: Instant::MAX,
            settled: Settled { lost: 0, residual: 0 },
            runs: 0,
            asked: 0,
        }
    }

    /// The round trip to who repairs.
    pub const fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    /// How long after it was missed a packet is given up.
    #[must_use]
    pub fn patience(&self) -> Duration {
        MIN_DEADLINE.max(2 * self.rtt.unwrap_or(ASSUMED_RTT) + BUFFER)
    }

    /// Everything below is settled: here, or given up.
    #[must_use]
    pub fn floor(&self, arrivals: &Arrivals) -> i64 {
        self.gaps.front().map_or(arrivals.newest() + 1, |gap| gap.first)
    }

    /// Packets `first..first + length` are missing, seen at `found`; newer than all gaps, or older than all.
    pub fn handle_gap(&mut self, arrivals: &Arrivals, found: Instant, first: i64, length: i64) {
        let oldest = arrivals.newest() - super::sequence::WINDOW + 1;
        while self.gaps.front().is_some_and(|gap| gap.first < oldest) {
            self.settle_front();
        }
        let beyond = (oldest - first).clamp(0, length);
        self.settled.lost += beyond as u64;
        self.settled.residual += beyond as u64;
        self.runs += u64::from(beyond > 0);
        let (first, length) = (first + beyond, (length - beyond) as u32);
        if length == 0 {
            return;
        }
        if self.gaps.len() == GAPS {
            self.settle_front();
        }
        let gap = Gap { first, length, missing: length, lost: length, tries: 0, found, asked: found };
        if self.gaps.front().is_some_and(|front| first < front.first) {
            self.gaps.push_front(gap);
        } else {
            self.gaps.push_back(gap);
        }
        self.wake = self.wake.min(found + REORDER_TIME);
    }

    /// A packet that was missing arrived by itself or by a retransmission. Whether it was in time: not given up before.
    pub fn handle_filled(&mut self, number: i64, by_itself: bool, was_here: bool) -> bool {
        let index = self.gaps.partition_point(|gap| gap.end() <= number);
        let Some(gap) = self.gaps.get_mut(index).filter(|gap| gap.first <= number) else {
            if by_itself {
                // It was settled as lost; it is not lost after all.
                self.settled.lost = self.settled.lost.saturating_sub(1);
            }
            return false;
        };
        gap.missing -= u32::from(!was_here);
        gap.lost -= u32::from(by_itself);
        while self.gaps.front().is_some_and(|gap| gap.missing == 0 && gap.lost == 0) {
            self.gaps.pop_front();
        }
        true
    }

    /// Packets below `number` are of no more use, though still missing.
    pub fn set_useless_below(&mut self, number: i64) {
        self.useless_below = self.useless_below.max(number);
    }

    /// Whether a packet that just came makes it time to ask.
    #[must_use]
    pub fn is_due(&self, now: Instant, newest: i64) -> bool {
        now >= self.wake
            || self
                .gaps
                .back()
                .is_some_and(|gap| gap.tries == 0 && self.asks && newest + 1 >= gap.end() + REORDER_PACKETS)
    }

    /// When something is to be asked for or given up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.wake != Instant::MAX).then_some(self.wake)
    }

    /// Gives up what is past its deadline and asks for what is due.
    pub fn handle_timeout(&mut self, now: Instant, arrivals: &Arrivals, mut ask: impl FnMut(Ask)) {
        let patience = self.patience();
        while self.gaps.front().is_some_and(|gap| gap.missing == 0 || now >= gap.found + patience) {
            self.settle_front();
        }
        let again = self.rtt.unwrap_or(ASSUMED_RTT).max(ASK_AGAIN);
        self.wake = self.gaps.front().map_or(Instant::MAX, |gap| gap.found + patience);
        for gap in &mut self.gaps {
            if !self.asks || gap.missing == 0 || gap.tries == MAX_TRIES || gap.end() <= self.useless_below {
                continue;
            }
            let due = if gap.tries == 0 { gap.found + REORDER_TIME } else { gap.asked + again };
            let overtaken = gap.tries == 0 && arrivals.newest() + 1 >= gap.end() + REORDER_PACKETS;
            if now >= due || overtaken {
                if gap.tries == 0 {
                    self.asked += u64::from(gap.missing);
                }
                gap.tries += 1;
                gap.asked = now;
                ask_for(gap, arrivals, &mut ask);
                self.wake = self.wake.min(now + again);
            } else {
                self.wake = self.wake.min(due);
            }
        }
    }

    /// Gives up everything: the stream ended or began again.
    pub fn settle_all(&mut self) {
        while !self.gaps.is_empty() {
            self.settle_front();
        }
        self.wake = Instant::MAX;
    }

    /// What all settled packets came to, since the start.
    #[must_use]
    pub const fn settled(&self) -> Settled {
        self.settled
    }

    /// Runs of packets that were settled as residual loss, since the start.
    #[must_use]
    pub const fn runs(&self) -> u64 {
        self.runs
    }

    /// Packets asked for, each counted once, since the start.
    #[must_use]
    pub const fn asked(&self) -> u64 {
        self.asked
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.gaps.capacity() * size_of::<Gap>()
    }

    fn settle_front(&mut self) {
        if let Some(gap) = self.gaps.pop_front() {
            self.settled.lost += u64::from(gap.lost);
            self.settled.residual += u64::from(gap.missing);
            self.runs += u64::from(gap.missing > 0);
        }
    }
}

fn ask_for(gap: &Gap, arrivals: &Arrivals, ask: &mut impl FnMut(Ask)) {
    let mut next = gap.first;
    while let Some(packet) = (next..gap.end()).find(|&number| !arrivals.holds(number)) {
        let following = (0..16).filter(|bit| {
            let number = packet + 1 + bit;
            number < gap.end() && !arrivals.holds(number)
        });
        ask(Ask { packet: packet as u16, following: following.fold(0, |mask, bit| mask | 1 << bit) });
        next = packet + 17;
    }
}

#[cfg(test)]
mod tests {
    use super::super::sequence::Arrival;
    use super::*;

    struct Bench {
        arrivals: Arrivals,
        missing: Missing,
        asks: Vec<Ask>,
    }

    impl Bench {
        fn new() -> Self {
            let mut missing = Missing::new(true);
            missing.set_rtt(Duration::from_millis(50));
            Self { arrivals: Arrivals::new(90_000), missing, asks: Vec::new() }
        }

        fn packet(&mut self, millis: u64, sequence: u16) -> bool {
            let at = Instant::from_millis(millis);
            let (number, arrival) = self.arrivals.handle_packet(at, sequence, 0);
            let in_time = match arrival {
                Arrival::Ahead { skipped: skipped @ 1.. } | Arrival::Before { skipped: skipped @ 1.. } => {
                    self.missing.handle_gap(&self.arrivals, at, number - skipped, skipped);
                    true
                }
                Arrival::Behind { repaired } => self.missing.handle_filled(number, true, repaired),
                _ => true,
            };
            if self.missing.is_due(at, self.arrivals.newest()) {
                self.tick(millis);
            }
            in_time
        }

        fn repair(&mut self, sequence: u16) -> Option<bool> {
            self.arrivals.handle_repair(sequence).map(|number| self.missing.handle_filled(number, false, false))
        }

        fn tick(&mut self, millis: u64) {
            let asks = &mut self.asks;
            self.missing.handle_timeout(Instant::from_millis(millis), &self.arrivals, |ask| asks.push(ask));
        }
    }

    #[test]
    fn a_packet_that_is_only_late_is_never_asked_for() {
        let mut bench = Bench::new();
        bench.packet(0, 1);
        bench.packet(2, 3);
        bench.packet(5, 2);
        bench.tick(600);
        assert_eq!((bench.asks.len(), bench.missing.settled()), (0, Settled::default()));
        assert_eq!(bench.missing.poll_timeout(), None);
    }

    #[test]
    fn three_later_packets_or_ten_milliseconds_make_it_ask() {
        let mut bench = Bench::new();
        for (millis, sequence) in [(0, 65_534), (1, 1), (1, 2), (1, 3)] {
            bench.packet(millis, sequence);
        }
        assert_eq!(bench.asks, [Ask { packet: 65_535, following: 0b1 }]);
        let mut bench = Bench::new();
        bench.packet(0, 1);
        bench.packet(1, 4);
        assert_eq!(bench.missing.poll_timeout(), Some(Instant::from_millis(11)));
        bench.tick(10);
        assert!(bench.asks.is_empty());
        bench.tick(11);
        assert_eq!(bench.asks, [Ask { packet: 2, following: 0b1 }]);
    }

    #[test]
    fn it_asks_again_each_round_trip_counts_once_and_gives_up_at_the_deadline() {
        let mut bench = Bench::new();
        bench.packet(0, 1);
        bench.packet(0, 3);
        for millis in 0..499 {
            bench.tick(millis);
        }
        assert_eq!(bench.asks.len(), 10, "at 10, 60, .. 460");
        assert_eq!((bench.missing.asked(), bench.missing.settled()), (1, Settled::default()));
        bench.tick(500);
        assert_eq!(bench.missing.settled(), Settled { lost: 1, residual: 1 });
        assert_eq!(bench.missing.floor(&bench.arrivals), 4);
    }

    #[test]
    fn a_repaired_packet_is_lost_on_the_net_and_not_residual() {
        let mut bench = Bench::new();
        bench.packet(0, 1);
        bench.packet(0, 4);
        bench.tick(10);
        assert_eq!(bench.repair(2), Some(true));
        bench.tick(60);
        assert_eq!(bench.asks[1], Ask { packet: 3, following: 0 });
        assert_eq!(bench.repair(3), Some(true));
        bench.tick(61);
        assert_eq!(bench.missing.settled(), Settled { lost: 2, residual: 0 });
    }

    #[test]
    fn what_comes_after_the_deadline_is_late_and_what_came_by_itself_is_not_lost() {
        let mut bench = Bench::new();
        bench.packet(0, 1);
        bench.packet(0, 4);
        bench.tick(500);
        assert_eq!(bench.repair(2), Some(false));
        assert!(!bench.packet(700, 3));
        assert_eq!(bench.missing.settled(), Settled { lost: 1, residual: 2 });
    }

    #[test]
    fn an_outage_longer_than_the_window_is_counted_whole() {
        let mut bench = Bench::new();
        bench.packet(0, 0);
        bench.packet(20_000, 2_900);
        bench.missing.settle_all();
        assert_eq!(bench.missing.settled(), Settled { lost: 2_899, residual: 2_899 });
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_forgotten() {
        let mut bench = Bench::new();
        for i in 0..1_000u16 {
            bench.packet(1, i * 2);
        }
        assert!(bench.missing.gaps.len() <= GAPS);
        bench.missing.settle_all();
        assert_eq!(bench.missing.settled(), Settled { lost: 999, residual: 999 });
    }
}
