//! How a run stands, once a second: plain figures for whoever shows them.
//!
//! A driver fills it, the live panel draws it; neither knows the other. Nothing here is judged anew: thresholds come from
//! `outcome::judge` on what was measured until now.

use crate::clock::{Duration, Instant};
use crate::outcome::judge::used;
use crate::outcome::verdict::limit;
use crate::outcome::words::readable;
use crate::outcome::{ThresholdOutcome, Verdict};
use crate::plan::{RunPlan, ThresholdPlan};
use std::collections::VecDeque;

/// How a run stands.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Status {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The target, for people.
    pub target: String,
    /// Time of the run; a driver may move it more often than the rest.
    pub now: Instant,
    /// How long the phases are.
    pub phases: Phases,
    /// Whether the run is over and its report is being written.
    pub writing: bool,
    /// Participants of the plan.
    pub planned: u64,
    /// Of those, who has come so far, whatever became of them.
    pub arrived: u64,
    /// Joining now.
    pub joining: u64,
    /// In their room now.
    pub in_room: u64,
    /// Away now: left, and may come back.
    pub away: u64,
    /// Failed so far.
    pub failed: u64,
    /// `join.total` so far, seconds: p50, p95, p99; `None` without samples or beyond the censoring.
    pub joins: [Option<f64>; 3],
    /// RTP packets per second from publishers.
    pub packets_up: Option<f64>,
    /// RTP packets per second to subscribers.
    pub packets_down: Option<f64>,
    /// Bit/s from publishers.
    pub up: Trend,
    /// Bit/s to subscribers.
    pub down: Trend,
    /// Loss before repair, 0..=1.
    pub loss: Trend,
    /// p95 of RFC 3550 jitter, seconds.
    pub jitter: Trend,
    /// p95 of frame delay, seconds.
    pub delay: Trend,
    /// Video streams that were frozen during any part of the last second.
    pub frozen: Trend,
    /// CPU of the SFU's process, in cores.
    pub sfu_cpu: Trend,
    /// Resident memory of the SFU's process, bytes.
    pub sfu_memory: Trend,
    /// The generator's health.
    pub generator: Generator,
    /// In the scenario's order.
    pub thresholds: Vec<ThresholdStatus>,
    /// The newest thing that is happening to the network, and how many more are.
    pub event: Option<Event>,
    /// The user asked for the end.
    pub ending: Option<Leaving>,
}

/// How long the phases are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Phases {
    /// Of the warm-up.
    pub warmup: Duration,
    /// Of the measured window.
    pub duration: Duration,
    /// Of the cool-down.
    pub cooldown: Duration,
}

impl From<&RunPlan> for Phases {
    fn from(run: &RunPlan) -> Self {
        Self { warmup: run.warmup, duration: run.duration, cooldown: run.cooldown }
    }
}

/// Where in the run it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The warm-up, in which participants come.
    Ramp,
    /// The measured window.
    Measured,
    /// The cool-down.
    CoolDown,
    /// After it.
    Writing,
}

impl Status {
    /// Where in the run it is, how long it has been there, and how long that lasts.
    #[must_use]
    pub fn stage(&self) -> (Stage, Duration, Duration) {
        let Phases { warmup, duration, cooldown } = self.phases;
        let at = self.now.saturating_since(Instant::ZERO);
        let past = |start: Duration, length: Duration| at.saturating_sub(start).min(length);
        if self.writing {
            (Stage::Writing, at, at)
        } else if at < warmup {
            (Stage::Ramp, at, warmup)
        } else if at < warmup + duration {
            (Stage::Measured, past(warmup, duration), duration)
        } else {
            (Stage::CoolDown, past(warmup + duration, cooldown), cooldown)
        }
    }
}

/// A figure now, and second by second.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trend {
    /// The latest; `None` when there is none.
    pub now: Option<f64>,
    /// The last seconds, oldest first; `None` where there was none.
    pub history: VecDeque<Option<f64>>,
    /// How many seconds were pushed in all, so that a second stays in its cell while the window moves.
    pub pushed: u64,
}

impl Trend {
    /// Seconds that are kept: sixty cells of three.
    pub const KEPT: usize = 180;

    /// Takes the value of the next second.
    pub fn push(&mut self, value: Option<f64>) {
        self.now = value;
        if self.history.len() == Self::KEPT {
            self.history.pop_front();
        }
        self.history.push_back(value);
        self.pushed += 1;
    }
}

/// The generator's health.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Generator {
    /// p99 of its send lateness so far, seconds.
    pub late_p99: Option<f64>,
    /// Its limit, where the scenario has one.
    pub late_limit: Option<f64>,
    /// Busy share of the busiest worker.
    pub busiest: Option<f64>,
    /// Its limit, where the scenario has one.
    pub busiest_limit: Option<f64>,
    /// Datagrams that the kernel dropped at our sockets.
    pub drops: u64,
    /// Whether a limit is passed: the run will be invalid.
    pub exceeded: bool,
}

/// A threshold as it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct ThresholdStatus {
    /// The metric's name.
    pub metric: String,
    /// Aggregate and filter: `p95 lte`; empty for a pooled value of everything.
    pub of: String,
    /// Value with its unit; `97 of 368` before it has its samples; `-` when there is none.
    pub value: String,
    /// The comparison: `< 2 s`.
    pub limit: String,
    /// How it stands.
    pub standing: Standing,
    /// How much of its limit is used, 1 at the limit.
    pub used: f64,
}

/// How a threshold stands, in the order in which they are shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Its limit is passed.
    Missed,
    /// 80 % of its limit is used.
    Near,
    /// It has too few samples.
    TooFew,
    /// It holds.
    Held,
}

/// From this share of its limit a threshold is near it.
const NEAR: f64 = 0.8;

impl ThresholdStatus {
    /// A threshold as it was judged on what was measured until now; `ramp` while nothing is measured yet.
    #[must_use]
    pub fn of(plan: &ThresholdPlan, outcome: &ThresholdOutcome, ramp: bool) -> Self {
        let used = outcome.value.map_or(0.0, |value| used(plan, value));
        let standing = match outcome.verdict {
            _ if ramp => Standing::TooFew,
            Verdict::Fail => Standing::Missed,
            Verdict::Pass if used >= NEAR => Standing::Near,
            Verdict::Pass => Standing::Held,
            Verdict::Inconclusive | Verdict::Invalid | Verdict::Interrupted => Standing::TooFew,
        };
        let value = match (standing, outcome.value) {
            (Standing::TooFew, _) if ramp || outcome.samples == 0 => "-".to_owned(),
            (Standing::TooFew, _) => format!("{} of {}", outcome.samples, outcome.min_samples),
            (_, Some(value)) => readable(value, &outcome.unit),
            (_, None) => "never".to_owned(),
        };
        let aggregate = outcome.expect.split_whitespace().next().filter(|aggregate| *aggregate != "value");
        let labels = outcome.filter.values().map(String::as_str);
        Self {
            metric: outcome.metric.clone(),
            of: aggregate.into_iter().chain(labels).collect::<Vec<_>>().join(" "),
            value,
            limit: limit(outcome),
            standing,
            used,
        }
    }
}

/// Something that is happening.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When it began.
    pub at: Instant,
    /// A short sentence.
    pub text: String,
    /// How many more are happening.
    pub more: usize,
    /// Whether it is still on.
    pub on: bool,
}

/// The end that the user asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// Who still has to leave.
    pub participants: u64,
    /// How long that may take yet.
    pub left: Duration,
}
