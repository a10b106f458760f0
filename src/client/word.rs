//! Word from the SFU that it has what is published: after a fault a publisher has recovered when there is some.
//!
//! Transport-wide feedback names single packets, ten times a second; where a server sends none, receiver reports say how
//! far it has come, every few seconds.

use super::recovery::Back;
use crate::clock::{Duration, Instant};
use crate::rtp::twcc::Feedback;

/// Feedback that comes in such steps goes on without a break: a publisher in DTX sends a packet every 400 ms.
const FEEDBACK_GAP: Duration = Duration::from_secs(1);
/// The same of receiver reports: one every 5 s, and half as much again (RFC 3550 §6.2).
const REPORT_GAP: Duration = Duration::from_millis(7_500);

/// What a leg hears of its publications.
#[derive(Debug, Default)]
pub(super) struct Word {
    /// The first packet of each kind that counts.
    armed: Option<Armed>,
    /// When there was word last.
    heard: Option<Instant>,
    /// Word of something that counts.
    pub back: Option<Back>,
}

#[derive(Debug)]
struct Armed {
    since: Instant,
    /// The last transport sequence number before it.
    transport: u16,
    /// The next sequence number by SSRC.
    streams: Vec<(u32, u16)>,
}

impl Word {
    /// From now on what is sent after the packet with this transport sequence number counts, and from these sequence
    /// numbers on.
    pub fn arm(&mut self, now: Instant, transport: u16, streams: Vec<(u32, u16)>) {
        self.armed = Some(Armed { since: now, transport, streams });
        self.back = None;
    }

    /// Whether it waits for some.
    pub fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// Transport-wide feedback came.
    pub fn handle_feedback(&mut self, at: Instant, feedback: &Feedback<'_>) {
        let covers = self.armed.as_ref().is_some_and(|armed| {
            feedback
                .arrivals()
                .any(|one| one.received.is_some() && (one.sequence.wrapping_sub(armed.transport) as i16) > 0)
        });
        self.note(at, covers, FEEDBACK_GAP);
    }

    /// A receiver report came.
    pub fn handle_report(&mut self, at: Instant, ssrc: u32, highest: u32) {
        let covers = self.armed.as_ref().is_some_and(|armed| {
            let after = |next: u16| ((highest as u16).wrapping_sub(next) as i16) >= 0;
            armed.streams.iter().any(|&(of, next)| of == ssrc && after(next))
        });
        self.note(at, covers, REPORT_GAP);
    }

    fn note(&mut self, at: Instant, covers: bool, gap: Duration) {
        if let Some(armed) = self.armed.take_if(|_| covers) {
            // Word that came in its usual steps came without a break.
            let stood_still = self.heard.is_none_or(|heard| at.saturating_since(heard) > gap);
            self.back = Some(Back { due: armed.since, at, stood_still });
        }
        self.heard = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_report_counts_once_it_covers_what_was_sent_after_the_fault() {
        let mut word = Word::default();
        word.handle_report(at(1_000), 7, 65_530);
        word.arm(at(1_500), 0, vec![(7, 2)]);
        word.handle_report(at(2_000), 7, 65_535);
        word.handle_report(at(2_100), 8, 0x1_0004);
        assert_eq!(word.back, None, "neither goes so far, and the other is not ours");
        word.handle_report(at(3_000), 7, 0x1_0002);
        assert_eq!(word.back, Some(Back { due: at(1_500), at: at(3_000), stood_still: false }));
        word.arm(at(3_500), 0, vec![(7, 9)]);
        word.handle_report(at(20_000), 7, 0x1_0009);
        assert!(word.back.expect("word").stood_still, "a break");
    }
}
