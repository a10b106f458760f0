//! What an audio stream sounds like: concealed units, delays, and a score every 10 s.

use super::outbox::Outbox;
use super::output::{Arrived, Expect, First};
use crate::clock::{Duration, Instant};
use crate::media::Stamp;
use crate::metrics::catalog::Metric;
use crate::qos::concealment::Concealment;
use crate::qos::delay::{Playout, between};
use crate::qos::mos;

/// One score in this time.
const SCORE_EVERY: Duration = Duration::from_secs(10);

/// The sound of one stream.
#[derive(Clone, Debug)]
pub struct Sound {
    concealment: Concealment,
    playout: Playout,
    /// When the next score is due; `None` before the first packet.
    score_at: Option<Instant>,
    muted: bool,
    /// When it was asked for, until it is heard or muted.
    requested: Option<Instant>,
    /// Sum and count of end-to-end delays since the last score, seconds.
    delays: (f64, u32),
    /// The mean of them when there last were any.
    delay: Option<f64>,
    rtt: Option<Duration>,
    clock_rate: u32,
    /// The newest stamp: when its packet was due, and its RTP time.
    stamped: Option<(Instant, u32)>,
}

impl Sound {
    pub fn new(expect: &Expect) -> Self {
        Self {
            concealment: Concealment::new(expect.codec.clock_rate()),
            playout: Playout::default(),
            score_at: None,
            muted: false,
            requested: expect.requested,
            delays: (0.0, 0),
            delay: None,
            rtt: None,
            clock_rate: expect.codec.clock_rate(),
            stamped: None,
        }
    }

    /// Takes a packet that is here for the first time; `in_time`: it had not been given up.
    pub fn handle_unit(
        &mut self,
        number: i64,
        arrived: &Arrived,
        in_time: bool,
        stamp: Option<&Stamp>,
        expect: &Expect,
        out: &mut Outbox,
    ) {
        let received = arrived.received;
        if self.score_at.is_none() {
            self.score_at = Some(received + SCORE_EVERY);
            self.concealment.begin_score(received);
            out.first(First::Keyframe, received);
            out.first(First::Frame, received);
            out.answered(Metric::AudioSubscribeWait, &mut self.requested, received);
            if let Some(intended) = expect.intended_arrival {
                out.sample(Metric::AudioTtfa, intended, received.saturating_since(intended).as_secs_f64());
            }
        }
        if let Some(stamp) = stamp {
            self.stamped = Some((stamp.due, arrived.rtp_time));
        }
        if in_time {
            out.timeline.handle_frame(arrived.rtp_time, received);
            out.delivered(self.due(arrived), received);
            self.concealment.handle_unit(received, number, arrived.rtp_time, arrived.rtx);
        } else {
            self.concealment.handle_given_up(received);
        }
        if let Some(stamp) = stamp {
            self.note_delays(received, stamp, out);
        }
    }

    /// When a packet was due: as its stamp says, or as its RTP time says against the newest stamp.
    fn due(&self, arrived: &Arrived) -> Instant {
        let Some((due, rtp_time)) = self.stamped else { return arrived.received };
        let ticks = i64::from(arrived.rtp_time.wrapping_sub(rtp_time) as i32);
        let nanos = ticks * 1_000_000_000 / i64::from(self.clock_rate.max(1));
        Instant::from_nanos(due.as_nanos().saturating_add_signed(nanos))
    }

    /// Units that were given up, and in how many runs.
    pub fn handle_lost(&mut self, count: u64, runs: u64) {
        self.concealment.handle_lost(count, runs);
    }

    pub const fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    pub const fn set_muted(&mut self, now: Instant, muted: bool) {
        self.muted = muted;
        if muted {
            self.requested = None;
        }
        self.concealment.set_muted(now, muted);
    }

    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.score_at
    }

    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        let Some(at) = self.score_at.filter(|&at| now >= at) else { return };
        self.score_at = Some(now + SCORE_EVERY);
        let units = self.concealment.take_score_units(now);
        let (sum, count) = std::mem::take(&mut self.delays);
        if count > 0 {
            self.delay = Some(sum / f64::from(count));
        }
        // Without a stamp half a round trip stands for the way; without either there is no score.
        let halves = self.rtt.map(|rtt| (rtt / 2 + self.concealment.target()).as_secs_f64());
        let Some(delay) = self.delay.or(halves) else { return };
        if units.all == 0 || self.muted {
            return;
        }
        let loss = units.concealed as f64 / units.all as f64;
        let bursts = mos::burst_ratio(units.concealed, units.bursts, units.all);
        let mouth_to_ear = Duration::from_secs_f64(delay) + mos::PACKET_AND_LOOKAHEAD;
        out.sample(Metric::AudioMosEst, at, mos::estimate(mouth_to_ear, loss, bursts));
    }

    /// A second ended.
    pub fn handle_second(&mut self, out: &mut Outbox) {
        let units = self.concealment.take_units();
        if units.all > 0 {
            out.tally.add(Metric::AudioConcealedRatio, units.concealed, units.all);
        }
    }

    /// The stream ends.
    pub fn finish(&mut self, now: Instant, out: &mut Outbox) {
        out.unanswered(Metric::AudioSubscribeWait, &mut self.requested, now);
        self.concealment.finish(now);
        self.handle_second(out);
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.playout.heap_bytes()
    }

    fn note_delays(&mut self, received: Instant, stamp: &Stamp, out: &mut Outbox) {
        if let Some(transport) = stamp.left.and_then(|left| between(left, received)) {
            out.sample(Metric::DelayTransport, stamp.due, transport);
        }
        if let Some(delay) = between(stamp.due, received) {
            out.sample(Metric::DelayFrame, stamp.due, delay);
        }
        if let Some(e2e) = self.playout.handle_frame(stamp.due, received) {
            out.sample(Metric::DelayE2e, stamp.due, e2e);
            self.delays = (self.delays.0 + e2e, self.delays.1 + 1);
        }
    }
}
