//! The congestion controller of one transport that sends: feedback in, estimate and probes out.

use super::acknowledged::Acknowledged;
use super::aimd::Aimd;
use super::alr::Alr;
use super::detector::Detector;
use super::groups::Groups;
use super::loss::Loss;
use super::probe::{Cluster, ClusterId, Limited, Prober, Results};
use super::{Usage, whole};
use crate::clock::{Duration, Instant};
use crate::rtp::twcc::{Feedback, Report, SentHistory};
use crate::units::Bitrate;
use std::collections::VecDeque;

/// Packets whose fate may still be told: at 4,000 packets/s four seconds.
const HISTORY: usize = 1 << 14;
/// What leaves the pacer in a second, against the estimate: a frame takes two fifths of the time until the next.
const PACING: f64 = 2.5;
/// Feedback after a pause of this length says nothing of the queue before it.
const STALE: Duration = Duration::from_secs(2);
/// Without any feedback for so long the rate falls by a fifth, and so it does every second from then on (libwebrtc
/// `RttBasedBackoff`).
const SILENCE: Duration = Duration::from_secs(3);
const SILENCE_STEP: Duration = Duration::from_secs(1);
const SILENCE_KEEPS: f64 = 0.8;
/// Probes of which packets may still be told.
const CLUSTERS: usize = 16;

/// What a [`Sender`] begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// What the path is taken to carry before anything is known.
    pub start: Bitrate,
    /// What is sent at least.
    pub least: Bitrate,
    /// The first transport-wide sequence number.
    pub first_sequence: u16,
}

impl Config {
    /// The start of libwebrtc, 300 kbit/s.
    pub const START: Bitrate = Bitrate::from_kbps(300);
    /// What libwebrtc sends at least, 30 kbit/s.
    pub const LEAST: Bitrate = Bitrate::from_kbps(30);

    /// libwebrtc's.
    #[must_use]
    pub const fn usual(first_sequence: u16) -> Self {
        Self { start: Self::START, least: Self::LEAST, first_sequence }
    }
}

/// The controller.
#[derive(Debug)]
pub struct Sender {
    history: SentHistory,
    /// The number of the next packet, unwrapped as the history has it.
    next: i64,
    groups: Groups,
    detector: Detector,
    acknowledged: Acknowledged,
    aimd: Aimd,
    loss: Loss,
    alr: Alr,
    prober: Prober,
    results: Results,
    /// The first and one past the last packet of each probe.
    clusters: VecDeque<(ClusterId, i64, i64)>,
    remb: Option<f64>,
    least: f64,
    estimate: f64,
    round_trip: Option<Duration>,
    /// When feedback came last.
    heard: Option<Instant>,
    /// When the first packet was sent after that.
    unheard: Option<Instant>,
    /// When the rate last fell because nothing was heard, and the estimate before it first did.
    silence: Option<(Instant, f64)>,
    reports: Vec<Report>,
}

impl Sender {
    /// A controller that has sent nothing.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let (start, least) = (config.start.bps() as f64, config.least.bps() as f64);
        Self {
            history: SentHistory::new(config.first_sequence, HISTORY),
            next: i64::from(config.first_sequence),
            groups: Groups::default(),
            detector: Detector::new(),
            acknowledged: Acknowledged::new(),
            aimd: Aimd::new(start, least),
            loss: Loss::new(),
            alr: Alr::new(start),
            prober: Prober::new(start),
            results: Results::default(),
            clusters: VecDeque::new(),
            remb: None,
            least,
            estimate: start,
            round_trip: None,
            heard: None,
            unheard: None,
            silence: None,
            reports: Vec::new(),
        }
    }

    /// What the path is estimated to carry, datagrams' headers included where they were counted in what was sent.
    #[must_use]
    pub fn estimate(&self) -> Bitrate {
        whole(self.estimate)
    }

    /// The rate at which a pacer sends.
    #[must_use]
    pub fn pacing_rate(&self) -> Bitrate {
        whole(self.estimate * PACING)
    }

    /// Round trip of the last feedback, with the time that the receiver gathered it.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// All that could be sent if the path allowed it: probes look for that much.
    pub fn set_desired(&mut self, now: Instant, rate: Bitrate) {
        self.prober.set_desired(now, rate.bps() as f64);
    }

    /// The transport-wide sequence number of the next packet.
    #[must_use]
    pub const fn next_sequence(&self) -> u16 {
        self.next as u16
    }

    /// A packet of `bytes` bytes leaves at `at`, for a probe or not: the transport-wide sequence number that it carries.
    pub fn handle_sent(&mut self, at: Instant, bytes: u32, cluster: Option<ClusterId>) -> u16 {
        self.prober.begin(at);
        self.unheard.get_or_insert(at);
        if self.alr.handle_sent(at, bytes) {
            self.acknowledged.expect_change();
        }
        let number = self.next;
        self.next += 1;
        if let Some(id) = cluster {
            match self.clusters.back_mut() {
                Some((last, _, end)) if *last == id => *end = number + 1,
                _ => {
                    if self.clusters.len() == CLUSTERS {
                        self.clusters.pop_front();
                    }
                    self.clusters.push_back((id, number, number + 1));
                }
            }
        }
        self.history.record(at, bytes)
    }

    /// The receiver's own estimate (REMB): nothing above it is sent.
    pub fn handle_remb(&mut self, rate: Bitrate) {
        self.remb = Some(rate.bps() as f64);
        self.settle();
    }

    /// Feedback came.
    pub fn handle_feedback(&mut self, now: Instant, feedback: &Feedback<'_>) {
        let mut reports = std::mem::take(&mut self.reports);
        self.history.apply(feedback, &mut reports);
        if !reports.is_empty() {
            self.handle_reports(now, &mut reports);
        }
        reports.clear();
        self.reports = reports;
    }

    fn handle_reports(&mut self, now: Instant, reports: &mut [Report]) {
        if self.heard.replace(now).is_some_and(|before| now.saturating_since(before) >= STALE) {
            (self.groups, self.detector) = (Groups::default(), Detector::new());
        }
        self.unheard = None;
        // What was lost while nothing was heard has lowered the rate already.
        if self.silence.is_none() {
            reports.iter().for_each(|report| self.loss.handle(report.sequence, report.received.is_some()));
        }
        // Stable: equal arrivals stay in the order of their numbers.
        reports.sort_by_key(|report| report.received);
        let mut probed = None;
        let limited = self.alr.since().is_some();
        for report in reports.iter() {
            let Some(received) = report.received else { continue };
            let sent = report.sent.as_micros() as i64;
            self.acknowledged.handle(received, report.bytes, limited);
            if let Some(delta) = self.groups.push(sent, received) {
                self.detector.handle(delta);
            }
            if let Some(id) = self.cluster_of(report.sequence) {
                probed = self.results.handle(id, sent, received, report.bytes).or(probed);
            }
        }
        let newest = reports.iter().filter(|report| report.received.is_some()).map(|report| report.sent).max();
        if let Some(sent) = newest {
            let round_trip = now.saturating_since(sent);
            self.round_trip = Some(round_trip);
            self.aimd.set_round_trip(round_trip);
        }
        let usage = self.detector.usage();
        match probed {
            Some(rate) if usage != Usage::Over => self.aimd.handle_probe(now, rate),
            _ => self.aimd.handle(now, usage, self.acknowledged.rate(), limited),
        }
        self.loss.judge(now, self.estimate, self.acknowledged.rate(), self.round_trip.unwrap_or_default());
        self.loss.release_above(self.aimd.rate());
        self.settle();
        self.prober.handle_estimate(now, self.estimate, usage, self.limited());
        if let Some((_, before)) = self.silence.take() {
            self.prober.handle_return(now, before);
        }
    }

    /// When to be told the time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.prober.poll_timeout(self.limited()).into_iter().chain(self.silence_due()).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.prober.handle_timeout(now, self.limited());
        if self.silence_due().is_some_and(|at| at <= now) {
            let before = self.silence.map_or(self.estimate, |(_, before)| before);
            self.silence = Some((now, before));
            self.aimd.fall(SILENCE_KEEPS);
            self.settle();
        }
    }

    /// The next probe to be sent.
    pub fn poll_probe(&mut self) -> Option<Cluster> {
        let cluster = self.prober.poll()?;
        self.results.expect(cluster);
        Some(cluster)
    }

    /// When the rate falls because nothing is heard of what was sent.
    fn silence_due(&self) -> Option<Instant> {
        let unheard = self.unheard.filter(|_| self.estimate > self.least)?;
        Some(self.silence.map_or(unheard + SILENCE, |(at, _)| at + SILENCE_STEP))
    }

    const fn limited(&self) -> Limited {
        Limited { since: self.alr.since(), ended: self.alr.ended() }
    }

    fn cluster_of(&self, sequence: i64) -> Option<ClusterId> {
        let found = self.clusters.iter().find(|(_, first, end)| (*first..*end).contains(&sequence));
        found.map(|(id, ..)| *id)
    }

    fn settle(&mut self) {
        let bounds = [self.loss.bound(), self.remb].into_iter().flatten();
        self.estimate = bounds.fold(self.aimd.rate(), f64::min).max(self.least);
        self.alr.set_estimate(self.estimate);
    }
}
