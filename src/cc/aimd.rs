//! The rate that a path's queue allows: more while it is short, a share of what arrived when it grows
//! (draft-ietf-rmcat-gcc-02 §5.5; libwebrtc `AimdRateControl`).

use super::Usage;
use super::capacity::Capacity;
use crate::clock::{Duration, Instant};

/// What is kept of the arriving rate when the queue grows.
const BACK_OFF: f64 = 0.85;
/// Growth in a second while the capacity is not known.
const GROWTH: f64 = 1.08;
/// Growth in a second near a known capacity, at least, in bit/s.
const LEAST_GROWTH: f64 = 4_000.0;
/// How far above what arrives the rate may be: this many times, and this many bit/s more.
const AHEAD: (f64, f64) = (1.5, 10_000.0);
/// What the receiver adds to a round trip: how long it gathers feedback.
const FEEDBACK_TIME: Duration = Duration::from_millis(100);
/// The round trip before one was measured.
const USUAL_ROUND_TRIP: Duration = Duration::from_millis(200);
/// Bytes of a packet, and frames in a second, of which the step of growth is made.
const PACKET: f64 = 1_200.0;
const FRAMES: f64 = 30.0;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Hold,
    Increase,
}

/// The controller of the rate.
#[derive(Debug)]
pub(super) struct Aimd {
    rate: f64,
    least: f64,
    state: State,
    capacity: Capacity,
    changed: Option<Instant>,
    decreased: Option<Instant>,
    round_trip: Duration,
}

impl Aimd {
    pub const fn new(start: f64, least: f64) -> Self {
        Self {
            rate: start,
            least,
            state: State::Hold,
            capacity: Capacity::new(),
            changed: None,
            decreased: None,
            round_trip: USUAL_ROUND_TRIP,
        }
    }

    /// The rate in bit/s.
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    pub const fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// A probe found that the path carries this.
    pub fn handle_probe(&mut self, now: Instant, rate: f64) {
        self.capacity.handle_probe(rate);
        self.rate = rate.max(self.least);
        self.changed = Some(now);
    }

    /// Nothing is heard any more: this share of the rate is kept.
    pub fn fall(&mut self, keeps: f64) {
        self.rate = (self.rate * keeps).max(self.least);
    }

    /// Feedback came: what the queue does, what arrives, and whether the application sends too little for the path.
    pub fn handle(&mut self, now: Instant, usage: Usage, arriving: Option<f64>, limited: bool) {
        match usage {
            Usage::Over => {
                if self.may_reduce(now, arriving) {
                    self.decrease(now, arriving);
                }
            }
            Usage::Under => {
                self.state = State::Hold;
                self.changed = Some(now);
            }
            Usage::Normal => {
                if self.state == State::Hold {
                    self.state = State::Increase;
                    self.changed = Some(now);
                }
                self.increase(now, arriving, limited);
            }
        }
    }

    /// One reduction a round trip: its effect is seen no sooner. Two, when much less arrives than was meant to.
    fn may_reduce(&self, now: Instant, arriving: Option<f64>) -> bool {
        let apart = self.round_trip.clamp(Duration::from_millis(10), Duration::from_millis(200));
        let waited = self.decreased.is_none_or(|at| now.saturating_since(at) >= apart);
        waited || arriving.is_some_and(|arriving| arriving < self.rate / 2.0)
    }

    fn decrease(&mut self, now: Instant, arriving: Option<f64>) {
        let arriving = arriving.unwrap_or(self.rate / 2.0 / BACK_OFF);
        let mut lower = arriving * BACK_OFF;
        if lower > self.rate
            && let Some(capacity) = self.capacity.rate()
        {
            lower = capacity * BACK_OFF;
        }
        if self.capacity.is_above(arriving) {
            self.capacity.forget();
        }
        self.capacity.handle_overuse(arriving);
        self.rate = lower.min(self.rate).max(self.least);
        self.state = State::Hold;
        (self.changed, self.decreased) = (Some(now), Some(now));
    }

    fn increase(&mut self, now: Instant, arriving: Option<f64>, limited: bool) {
        if arriving.is_some_and(|arriving| self.capacity.is_below(arriving)) {
            self.capacity.forget();
        }
        let passed = self.changed.replace(now).map_or(0.0, |at| now.saturating_since(at).as_secs_f64()).min(1.0);
        let limit = match arriving {
            _ if limited => self.rate,
            Some(arriving) => AHEAD.0 * arriving + AHEAD.1,
            None => self.rate * GROWTH,
        };
        if self.rate >= limit {
            return;
        }
        let step = match self.capacity.rate() {
            Some(_) => self.step() * passed,
            None => (self.rate * (libm::pow(GROWTH, passed) - 1.0)).max(1_000.0 * passed),
        };
        self.rate = (self.rate + step).min(limit);
    }

    /// Near the capacity: about one packet more in the time that its effect takes to be seen, each second's worth.
    fn step(&self) -> f64 {
        let frame = self.rate / 8.0 / FRAMES;
        let packet = frame / libm::ceil(frame / PACKET).max(1.0);
        let response = (self.round_trip + FEEDBACK_TIME).as_secs_f64() * 2.0;
        (packet * 8.0 / response).max(LEAST_GROWTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn it_grows_by_eight_percent_a_second_until_something_is_known() {
        let mut aimd = Aimd::new(300e3, 30e3);
        for step in 0..=100 {
            aimd.handle(at(step * 100), Usage::Normal, Some(aimd.rate()), false);
        }
        let grown = aimd.rate() / 300e3;
        assert!((2.1..2.2).contains(&grown), "1.08 to the tenth is 2.16, not {grown}");
    }

    #[test]
    fn overuse_falls_below_what_arrives_and_growth_is_then_slow() {
        let mut aimd = Aimd::new(1e6, 30e3);
        aimd.handle(at(0), Usage::Over, Some(800e3), false);
        assert!((aimd.rate() - 680e3).abs() < 1.0);
        for step in 1..=10 {
            aimd.handle(at(step * 100), Usage::Normal, Some(680e3), false);
        }
        assert!((690e3..720e3).contains(&aimd.rate()), "{}", aimd.rate());
    }

    #[test]
    fn it_stands_still_while_the_application_sends_too_little() {
        let mut aimd = Aimd::new(1e6, 30e3);
        for step in 0..=20 {
            aimd.handle(at(step * 100), Usage::Normal, Some(200e3), true);
        }
        assert!((aimd.rate() - 1e6).abs() < 1.0);
        for step in 21..=40 {
            aimd.handle(at(step * 100), Usage::Normal, Some(200e3), false);
        }
        assert!((aimd.rate() - 1e6).abs() < 1.0, "nor runs ahead of what arrives");
    }

    #[test]
    fn one_round_trip_sees_one_reduction() {
        let mut aimd = Aimd::new(1e6, 30e3);
        for step in 0..10 {
            aimd.handle(at(step), Usage::Over, Some(900e3), false);
        }
        assert!((aimd.rate() - 765e3).abs() < 1.0);
        aimd.handle(at(250), Usage::Over, Some(800e3), false);
        assert!((aimd.rate() - 680e3).abs() < 1.0);
    }
}
