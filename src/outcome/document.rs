//! `outcome.json`: the document's types, and nothing that computes.

pub use super::health::{Health, HealthCheck};
pub use super::voice::Voice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the document.
pub const OUTCOME_VERSION: u32 = 1;

/// Labels of an entry: exact matches by label name; empty for everything together.
pub type Labels = BTreeMap<String, String>;

/// One run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// [`OUTCOME_VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// `live` (or `simulated`).
    pub world: World,
    /// How it was judged.
    pub verdict: Verdict,
    /// What the process exited with.
    pub exit_code: i32,
    /// One sentence with the number that decided the verdict.
    pub reason: String,
    /// The run's phases as planned, and when it ended.
    pub run: RunTimes,
    /// Which target, for people: `reference SFU`, `whip-whep http://127.0.0.1:8080`.
    pub target: String,
    /// The scenario as it ran, expanded, as TOML text; secrets redacted.
    pub scenario_text: String,
    /// Who came.
    pub participants: Participants,
    /// In the scenario's order.
    pub thresholds: Vec<ThresholdOutcome>,
    /// Of a simulated run of many seeds: each run by itself. Everything else pools them; participants are named
    /// `seed/name`, and a limit on a count is judged by the worst run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<SeedOutcome>,
    /// By name, then labels; one entry per combination of labels that occurred, and one with no labels.
    pub metrics: Vec<MetricOutcome>,
    /// Means over the measured window.
    pub rates: Rates,
    /// Over time.
    pub series: Series,
    /// Conservation counts of every participant's links.
    pub links: Vec<LinkOutcome>,
    /// The books of the bottlenecks that participants share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link_groups: Vec<LinkGroupOutcome>,
    /// By index.
    pub participants_detail: Vec<ParticipantDetail>,
    /// The generator's.
    pub health: Health,
    /// In the scenario's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultOutcome>,
    /// What happened that is worth a line: outages, aborts, a dead SFU. By time.
    pub events: Vec<RunEvent>,
    /// Where and how a live run was made; absent from a simulated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// Which world it ran in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// Real sockets, the machine's clock.
    Live,
    /// One process, no socket, a virtual clock.
    Simulated,
}

/// How a run, or a threshold, was judged. The order is that of precedence in a run: the later one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything held.
    Pass,
    /// Too few samples to say.
    Inconclusive,
    /// A threshold was missed, or the target died.
    Fail,
    /// Our own generator was late: the figures say nothing about the target.
    Invalid,
    /// Ended by the user.
    Interrupted,
}

impl Verdict {
    /// The exit code: 0, 98, 99, 97, 130. A target that could not be reached, or died, is a `Fail` with 3 instead.
    #[must_use]
    pub const fn exit_code(self) -> i32 {
        match self {
            Self::Pass => 0,
            Self::Inconclusive => 98,
            Self::Fail => 99,
            Self::Invalid => 97,
            Self::Interrupted => 130,
        }
    }

    /// The word in capitals that people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Fail => "FAIL",
            Self::Invalid => "INVALID",
            Self::Interrupted => "INTERRUPTED",
        }
    }
}

/// The run's phases, in seconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunTimes {
    /// Length of the warm-up.
    pub warmup: f64,
    /// Length of the measured window as planned.
    pub duration: f64,
    /// Length of the cool-down as planned.
    pub cooldown: f64,
    /// When it ended, from the start of the run.
    pub ended: f64,
}

/// Who came.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Participants {
    /// Participants of the plan.
    pub planned: u64,
    /// Whose first join succeeded.
    pub joined: u64,
    /// Whose first join failed, or had not finished.
    pub failed: u64,
    /// Open arrivals beyond a population's `max`.
    pub arrivals_dropped: u64,
    /// Failed participants by cause, each once, by their first join.
    pub causes: BTreeMap<String, u64>,
    /// Joins after the first, of all participants.
    pub rejoins: u64,
    /// Rejoins that failed.
    pub rejoins_failed: u64,
    /// Sessions that ended unasked after joining.
    pub sessions_lost: u64,
}

/// One run of many.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SeedOutcome {
    /// Its seed.
    pub seed: u64,
    /// How it was judged by itself.
    pub verdict: Verdict,
    /// Participants whose first join succeeded.
    pub joined: u64,
    /// Each threshold's value, in order; null where there was none.
    pub thresholds: Vec<Option<f64>>,
}

/// One comparison.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ThresholdOutcome {
    /// The metric's name.
    pub metric: String,
    /// The filter.
    #[serde(rename = "where")]
    pub filter: Labels,
    /// As written: `"p95 < 2s"`.
    pub expect: String,
    /// The aggregate's value in the metric's unit; null when there is none (no sample, or a quantile beyond the censoring).
    pub value: Option<f64>,
    /// The limit in the metric's unit.
    pub limit: f64,
    /// The metric's unit.
    pub unit: String,
    /// Samples that it was judged on, censored ones included.
    pub samples: u64,
    /// Samples that it needs.
    pub min_samples: u64,
    /// Censored samples among them.
    pub censored: u64,
    /// `fail`, or `warn`, which decides nothing.
    pub severity: String,
    /// How it was judged.
    pub verdict: Verdict,
}

/// One metric under one combination of labels.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MetricOutcome {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// `trend`, `counter`, `ratio` or `gauge`.
    pub kind: String,
    /// The labels; empty for everything together.
    pub labels: Labels,
    /// Samples (trend, gauge), or the sum (counter), or the denominator (ratio).
    pub count: u64,
    /// Right-censored samples, beyond every value.
    pub censored: u64,
    /// Values beyond the histogram's bounds, counted at the bound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub out_of_range: u64,
    /// Numerator over denominator (ratio), last (gauge), per second of the measured window (counter).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Numerator of a ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerator: Option<u64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Arithmetic mean of the uncensored.
    pub mean: Option<f64>,
    /// Median; null when it lies beyond the censoring, as for the others.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// HDR V2, deflated, base64; values in the metric's histogram unit (`scale` of the unit). Trends only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<String>,
    /// The unit's value of 1 in the histogram: 1e-6 for seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Means over the measured window, of all participants together.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Rates {
    /// RTP packets per second from publishers.
    pub packets_up: f64,
    /// RTP packets per second to subscribers.
    pub packets_down: f64,
    /// Bit/s from publishers, UDP payload.
    pub bits_up: f64,
    /// Bit/s to subscribers, UDP payload.
    pub bits_down: f64,
    /// Expected packets/s by the plan, for comparison.
    pub planned_packets_up: f64,
    /// Expected packets/s by the plan, for comparison.
    pub planned_packets_down: f64,
}

/// Everything over time: intervals of equal length from the start of the run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// Length of an interval, seconds.
    pub interval: f64,
    /// Number of intervals.
    pub intervals: usize,
    /// Participants planned to be in, at each interval's end.
    pub planned: Vec<u64>,
    /// Participants joining, at each interval's end.
    pub joining: Vec<u64>,
    /// Participants in the room, at each interval's end.
    pub joined: Vec<u64>,
    /// Participants that had failed, at each interval's end.
    pub failed: Vec<u64>,
    /// Subscribed video streams that were frozen during any part of each interval.
    pub frozen: Vec<u64>,
    /// By metric and labels (none, population, network).
    pub metrics: Vec<MetricSeries>,
}

/// One metric over time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MetricSeries {
    /// The metric's name.
    pub name: String,
    /// The labels; empty for everything together.
    pub labels: Labels,
    /// Counter: increase in each interval. Gauge: last value. Ratio: value. Null where there was none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<f64>>,
    /// Trend: a sparse histogram an interval, `[bucket, count]` in ascending buckets (see `metrics::sparse`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub histograms: Vec<Vec<(u32, u32)>>,
}

/// Conservation counts of one link, one class of packets: offered + duplicated = delivered + lost + overflowed + waiting + flying.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkOutcome {
    /// Index of the participant.
    pub participant: u32,
    /// `up` or `down`, seen from the participant.
    pub direction: String,
    /// `media`, `rtx`, `rtcp`, `stun`, `dtls`, `other` or `probe`.
    pub class: String,
    /// Handed to the link.
    pub offered: u64,
    /// Came out of it.
    pub delivered: u64,
    /// Lost on the wire, or in an outage.
    pub lost: u64,
    /// Dropped by the queue.
    pub overflowed: u64,
    /// Marked by the queue as having met congestion (ECN); they go on.
    #[serde(default)]
    pub marked: u64,
    /// Made by it.
    pub duplicated: u64,
    /// Damaged on the wire; they arrive, and are among the delivered.
    #[serde(default)]
    pub corrupted: u64,
    /// In the queue at the end.
    pub waiting: u64,
    /// On the wire at the end.
    pub flying: u64,
}

/// The books of the bottlenecks that a link group shares, all classes and members together: offered = delivered + lost +
/// overflowed + waiting. What is delivered enters the members' own links.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkGroupOutcome {
    /// Its name.
    pub group: String,
    /// The network whose bottlenecks they are.
    pub network: String,
    /// Members.
    pub participants: u32,
    /// `up` or `down`, seen from the participants.
    pub direction: String,
    /// Handed to the bottleneck.
    pub offered: u64,
    /// Came out of it.
    pub delivered: u64,
    /// Lost in an outage.
    pub lost: u64,
    /// Dropped by the queue.
    pub overflowed: u64,
    /// Marked by the queue as having met congestion (ECN); they go on.
    pub marked: u64,
    /// In the queue at the end.
    pub waiting: u64,
}

/// One participant.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ParticipantDetail {
    /// Its index in the plan.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its population.
    pub population: String,
    /// Its network.
    pub network: String,
    /// Its room.
    pub room: String,
    /// `light`.
    pub kind: String,
    /// `joined`, `failed`, or `left` for who left in order.
    pub state: String,
    /// Why the first join failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// One sentence on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Intended arrival, seconds from the start of the run.
    pub arrival: f64,
    /// Phases of the first join in order, seconds each; those reached.
    pub join: Vec<(String, f64)>,
    /// Total of the first join, seconds; null when it failed.
    pub join_total: Option<f64>,
    /// Sessions begun.
    pub sessions: u32,
    /// Over the measured window: metric name → value (a ratio's value, a counter's sum, the mean of a trend).
    pub scalars: BTreeMap<String, f64>,
    /// Its received and sent tracks.
    pub tracks: Vec<TrackDetail>,
    /// For the worst participants only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// Of those who spoke most in the first rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
}

/// One track at one participant.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TrackDetail {
    /// `publisher/media`.
    pub track: String,
    /// `send` or `receive`.
    pub direction: String,
    /// `audio` or `video`.
    pub kind: String,
    /// The codec.
    pub codec: String,
    /// Metric name → value, as for the participant.
    pub scalars: BTreeMap<String, f64>,
}

/// A participant's video, interval by interval.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Timeline {
    /// Decodable frames per second, mean over its video streams; null while it watched none.
    pub fps: Vec<Option<f32>>,
    /// Share of the interval in which any of its video streams was frozen.
    pub frozen: Vec<f32>,
}

/// One fault, and how soon people had again what it took.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct FaultOutcome {
    /// Its name.
    pub name: String,
    /// `sfu-kill`, `udp-block` and so on, as in the scenario.
    pub kind: String,
    /// When it began, seconds from the start of the run.
    pub at: f64,
    /// When it ended; the same for an instant.
    pub until: f64,
    /// Participants whom it selected.
    pub selected: u64,
    /// Those of them who were in the room then, and so had something to lose.
    pub present: u64,
    /// Those of them who have again what they had.
    pub recovered: u64,
    /// Those who had not when the run, or their stay, was over.
    pub unrecovered: u64,
    /// Quantiles of the times until they had.
    pub recovery: RecoveryTimes,
    /// As written: `8s` of `recover_within`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// How `expect` was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// Times until people had recovered from a fault, seconds; null beyond the censoring, and where nobody was.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RecoveryTimes {
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// The longest; null when somebody never did.
    pub max: Option<f64>,
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunEvent {
    /// Seconds from the start of the run.
    pub at: f64,
    /// How long it lasted, seconds; 0 for an instant.
    pub lasting: f64,
    /// `network`, `fault`, `target`, `abort`, `generator`.
    pub kind: String,
    /// One sentence.
    pub text: String,
}

/// Where and how a live run was made.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Environment {
    /// throng's version.
    pub throng: String,
    /// The commit it was built from, `unknown` outside a checkout.
    pub commit: String,
    /// Processor model.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: u32,
    /// Memory of the machine, bytes.
    pub memory: u64,
    /// Kernel release.
    pub kernel: String,
    /// Compiler.
    pub rustc: String,
    /// The command, secrets redacted.
    pub command: String,
    /// UTC time of the start, RFC 3339.
    pub started: String,
}
