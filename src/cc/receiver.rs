//! A receiver that estimates what its path carries from abs-send-time, and tells the sender by REMB
//! (draft-alvestrand-rmcat-remb-03; libwebrtc `RemoteBitrateEstimatorAbsSendTime`). For senders without transport-wide
//! feedback.

use super::acknowledged::Acknowledged;
use super::aimd::Aimd;
use super::detector::Detector;
use super::groups::Groups;
use super::{Usage, whole};
use crate::clock::{Duration, Instant};
use crate::rtp::sequence::Bits24;
use crate::units::Bitrate;

/// How often the estimate is told, and how soon after it fell.
const EVERY: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_millis(200);
/// Below this share of what was told last it has fallen.
const FALLEN: f64 = 0.97;
/// The lowest estimate.
const LEAST: f64 = 30_000.0;
/// Arrivals after a pause of this length say nothing of the queue before it.
const STALE: Duration = Duration::from_secs(2);

/// The estimator of one transport that receives.
#[derive(Debug)]
pub struct Receiver {
    clock: Bits24,
    groups: Groups,
    detector: Detector,
    acknowledged: Acknowledged,
    aimd: Option<Aimd>,
    round_trip: Option<Duration>,
    last: Option<Instant>,
    told: Option<(Instant, f64)>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// It has received nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            clock: Bits24::new(),
            groups: Groups::default(),
            detector: Detector::new(),
            acknowledged: Acknowledged::new(),
            aimd: None,
            round_trip: None,
            last: None,
            told: None,
        }
    }

    /// The round trip to the sender.
    pub const fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
    }

    /// A packet of `bytes` bytes arrived; `send_time` are the 24 bits of its abs-send-time (units of 2⁻¹⁸ s).
    pub fn handle_packet(&mut self, received: Instant, send_time: u32, bytes: u32) {
        if self.last.replace(received).is_some_and(|last| received.saturating_since(last) >= STALE) {
            (self.groups, self.detector) = (Groups::default(), Detector::new());
        }
        let sent = ((i128::from(self.clock.unwrap(send_time)) * 1_000_000) >> 18) as i64;
        let arrived = received.as_micros() as i64;
        self.acknowledged.handle(arrived, bytes, false);
        let Some(delta) = self.groups.push(sent, arrived) else { return };
        self.detector.handle(delta);
        let Some(arriving) = self.acknowledged.rate() else { return };
        let aimd = self.aimd.get_or_insert_with(|| Aimd::new(arriving.max(LEAST), LEAST));
        if let Some(round_trip) = self.round_trip {
            aimd.set_round_trip(round_trip);
        }
        aimd.handle(received, self.detector.usage(), Some(arriving), false);
    }

    /// The estimate, where there is one.
    #[must_use]
    pub fn estimate(&self) -> Option<Bitrate> {
        self.aimd.as_ref().map(|aimd| whole(aimd.rate()))
    }

    /// When an estimate is to be told.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let rate = self.aimd.as_ref()?.rate();
        let Some((at, told)) = self.told else { return Some(Instant::ZERO) };
        let fallen = rate < told * FALLEN || self.detector.usage() == Usage::Over && rate < told;
        Some(at + if fallen { SOON } else { EVERY })
    }

    /// The estimate, when it is to be told by `now`.
    pub fn poll_remb(&mut self, now: Instant) -> Option<Bitrate> {
        self.poll_timeout().filter(|at| *at <= now)?;
        let rate = self.aimd.as_ref()?.rate();
        self.told = Some((now, rate));
        Some(whole(rate))
    }
}
