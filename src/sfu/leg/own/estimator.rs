//! What the way to a participant carries, learned from its transport-wide feedback.
//!
//! Media leaves as it comes: it was paced by whoever published it. Probes are padding in a stream of retransmissions.

use crate::cc::{ClusterId, Config, DATAGRAM_OVERHEAD, Pacer, Sender};
use crate::clock::Instant;
use crate::rtp::twcc::Feedback;
use crate::units::Bitrate;

/// A new estimate is told when it differs from the last one by this share.
const WORTH_TELLING: f64 = 0.02;

/// The estimator of one leg.
#[derive(Debug)]
pub(super) struct Estimator {
    sender: Sender,
    /// Nothing waits in it: it says when padding is due.
    pacer: Pacer<()>,
    told: Bitrate,
}

impl Estimator {
    pub fn new() -> Self {
        let sender = Sender::new(Config::usual(1));
        Self { pacer: Pacer::new(sender.pacing_rate()), sender, told: Bitrate(0) }
    }

    /// The number that the next packet carries.
    pub const fn next_sequence(&self) -> u16 {
        self.sender.next_sequence()
    }

    /// A datagram of media left under that number.
    pub fn handle_sent(&mut self, now: Instant, bytes: usize) {
        let bytes = bytes as u32 + DATAGRAM_OVERHEAD;
        let cluster = self.pacer.handle_passed(now, bytes);
        self.sender.handle_sent(now, bytes, cluster);
        self.take_probes();
    }

    /// Padding left under that number, as it was asked for.
    pub fn handle_padding(&mut self, at: Instant, bytes: usize, cluster: Option<ClusterId>) {
        let bytes = bytes as u32 + DATAGRAM_OVERHEAD;
        self.pacer.handle_padding(at, bytes);
        self.sender.handle_sent(at, bytes, cluster);
    }

    /// Whether a packet of padding is due, and of which probe.
    pub fn poll_padding(&mut self, now: Instant) -> Option<(Instant, Option<ClusterId>)> {
        self.pacer.poll(now).map(|departure| (departure.at, departure.cluster))
    }

    /// There is no stream that padding could go in.
    pub fn abandon_probes(&mut self) {
        self.pacer.abandon_probes();
    }

    /// The participant says what arrived.
    pub fn handle_feedback(&mut self, now: Instant, feedback: &Feedback<'_>) {
        self.sender.handle_feedback(now, feedback);
        self.take_probes();
    }

    /// The participant's own estimate (REMB).
    pub fn handle_remb(&mut self, rate: Bitrate) {
        self.sender.handle_remb(rate);
    }

    /// What would be sent if the way allowed everything.
    pub fn set_desired(&mut self, now: Instant, rate: Bitrate) {
        self.sender.set_desired(now, rate);
        self.take_probes();
    }

    /// When padding or something else is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.pacer.poll_timeout(), self.sender.poll_timeout()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.sender.poll_timeout().is_some_and(|at| at <= now) {
            self.sender.handle_timeout(now);
            self.take_probes();
        }
    }

    /// The estimate, when there is news of it.
    pub fn poll_estimate(&mut self) -> Option<Bitrate> {
        let estimate = self.sender.estimate();
        let (now, before) = (estimate.bps() as f64, self.told.bps() as f64);
        ((now - before).abs() > before * WORTH_TELLING).then(|| {
            self.told = estimate;
            estimate
        })
    }

    fn take_probes(&mut self) {
        while let Some(cluster) = self.sender.poll_probe() {
            self.pacer.probe(cluster);
        }
        self.pacer.set_rate(self.sender.pacing_rate());
    }
}
