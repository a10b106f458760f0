//! `[network.*]`.

use schemars::JsonSchema;

/// An emulated network; `up` and `down` are seen from the participant.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Network {
    /// A network of this file or a built-in profile (`throng profiles`) that this one changes.
    pub extends: Option<String>,
    /// From the participant; what is not written stays as it was.
    pub up: Option<Path>,
    /// Towards the participant; what is not written stays as it was.
    pub down: Option<Path>,
    /// Whose links share their bottlenecks, queue and serialiser of each direction: "all" who live behind this network, those
    /// of one "room", or so many participants each, taken room by room. "none" takes back what is extended.
    #[schemars(extend("default" = "none"))]
    pub link_group: Option<LinkGroup>,
    /// Changes over time; replaces the schedule of what is extended.
    pub schedule: Option<Vec<Step>>,
}

/// Who shares bottlenecks.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum LinkGroup {
    /// A word.
    Word(LinkGroupWord),
    /// So many participants.
    Size(#[schemars(range(min = 1, max = 1_000_000))] u32),
}

/// Who shares bottlenecks.
#[derive(JsonSchema, Debug)]
#[schemars(rename_all = "kebab-case")]
pub enum LinkGroupWord {
    /// Everybody behind the network.
    All,
    /// Those of one room.
    Room,
    /// Nobody.
    None,
}

/// Conditions of one direction.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Path {
    /// The bottleneck's rate, as in "1.5Mbps", or "unlimited", or a plan of rates over time.
    #[schemars(extend("default" = "unlimited"))]
    pub rate: Option<WordOr<RatePlan>>,
    /// A recorded bottleneck instead of a rate.
    pub trace: Option<Trace>,
    /// Lets bursts pass after a rest: a bucket of tokens that `rate` fills. "none" takes back what is extended.
    pub token_bucket: Option<WordOr<TokenBucket>>,
    /// The bottleneck's queue: "200ms" (at the current rate), "64KiB", "100 packets" or "unlimited", dropping at its tail,
    /// or a table with a policy. A rate without a limit has 300 ms, and never less than four packets of 1,500 bytes.
    pub queue: Option<WordOr<Queue>>,
    /// Bytes of headers that each packet has on the wire: 28 over IPv4, 48 over IPv6.
    #[schemars(extend("default" = 28))]
    pub overhead: Option<u16>,
    /// What is lost after the bottleneck.
    pub loss: Option<Loss>,
    /// Propagation, one way.
    #[schemars(extend("default" = "0s"))]
    pub delay: Option<String>,
    /// What is drawn for each packet on top of the delay.
    pub delay_variation: Option<DelayVariation>,
    /// Times at which packets arrive in batches, as from Wi-Fi or LTE. "none" takes back what is extended.
    pub slot: Option<WordOr<Slot>>,
    /// Packets that are held back so that later ones overtake them.
    pub reorder: Option<Reorder>,
    /// Ratio of packets that arrive twice.
    #[schemars(extend("default" = 0.0), range(min = 0.0, max = 1.0))]
    pub duplicate: Option<f64>,
    /// Ratio of packets that arrive with a bit flipped, past the UDP checksum: what opens them finds out.
    #[schemars(extend("default" = 0.0), range(min = 0.0, max = 1.0))]
    pub corrupt: Option<f64>,
}

/// A word, or a table.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum WordOr<T> {
    /// A word.
    Word(String),
    /// A table.
    Table(T),
}

/// A number, or a time.
#[derive(JsonSchema, Debug)]
#[schemars(untagged)]
pub enum NumberOrTime {
    /// A number.
    Number(f64),
    /// A time.
    Time(String),
}

/// A rate over time.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct RatePlan {
    /// The points, the first at "0s".
    #[schemars(length(min = 1))]
    pub plan: Vec<RatePoint>,
    /// After this time the plan begins anew; without it the last rate stays.
    pub period: Option<String>,
    /// Where in the plan the start of the run is.
    #[schemars(extend("default" = "0s"))]
    pub phase: Option<String>,
}

/// The rate from a time on.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct RatePoint {
    /// When, from the start of the run.
    pub at: String,
    /// The rate from then on.
    pub rate: String,
    /// Whether the rate goes there evenly from the point before, instead of changing at once.
    #[schemars(extend("default" = false))]
    pub ramp: Option<bool>,
}

/// A recorded bottleneck.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Trace {
    /// A Mahimahi trace, relative to this file: a line in milliseconds for each opportunity to deliver, over and over.
    pub mahimahi: String,
    /// Where in the trace the start of the run is: "random" (each participant elsewhere, or all would fade together, with
    /// both directions at the same share of their traces), or a time.
    #[schemars(extend("default" = "random"))]
    pub phase: Option<String>,
    /// Bytes that one opportunity delivers; Mahimahi's manual has 1,500, its code 1,504.
    #[schemars(extend("default" = 1500), range(min = 1, max = 65_535))]
    pub bytes: Option<u32>,
}

/// A token bucket (tc's tbf).
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct TokenBucket {
    /// Bytes in a full bucket, headers included; at least 1,500. It is full at first.
    pub burst: String,
    /// Rate at which packets leave while there are tokens; without it at once.
    pub peak: Option<String>,
}

/// The bottleneck's queue. Drops of all policies count as overflowed. With `ecn` media is marked instead of dropped, except
/// by the limit.
#[derive(JsonSchema, Debug)]
#[schemars(tag = "aqm", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Queue {
    /// Drops the packet that comes.
    DropTail {
        /// How much may wait; without it as much as a rate without a queue has.
        limit: Option<String>,
    },
    /// Drops the packets that have waited longest.
    DropHead {
        /// How much may wait; without it as much as a rate without a queue has.
        limit: Option<String>,
    },
    /// Controlled delay (RFC 8289): drops from the head, ever faster, while packets have waited too long.
    Codel {
        /// How much may wait; without it as much as a rate without a queue has.
        limit: Option<String>,
        /// How long packets may wait.
        #[schemars(extend("default" = "5ms"))]
        target: Option<String>,
        /// For how long they must have waited longer before one is dropped.
        #[schemars(extend("default" = "100ms"))]
        interval: Option<String>,
        /// Whether media is marked instead of dropped.
        #[schemars(extend("default" = false))]
        ecn: Option<bool>,
    },
    /// Fair queueing with CoDel in each flow (RFC 8290). A flow is a 5-tuple: one a participant, or one a WHIP or WHEP
    /// session.
    FqCodel {
        /// How much may wait; without it as much as a rate without a queue has.
        limit: Option<String>,
        /// How long packets may wait.
        #[schemars(extend("default" = "5ms"))]
        target: Option<String>,
        /// For how long they must have waited longer before one is dropped.
        #[schemars(extend("default" = "100ms"))]
        interval: Option<String>,
        /// Bytes that a flow may send before the next one's turn.
        #[schemars(extend("default" = 1514), range(min = 1))]
        quantum: Option<u32>,
        /// Into how many queues flows are hashed.
        #[schemars(extend("default" = 1024), range(min = 1, max = 65_536))]
        flows: Option<u32>,
        /// Whether media is marked instead of dropped. (RFC 8290 marks by default.)
        #[schemars(extend("default" = false))]
        ecn: Option<bool>,
    },
    /// Proportional integral controller enhanced (RFC 8033): drops what comes with a controlled probability.
    Pie {
        /// How much may wait; without it as much as a rate without a queue has.
        limit: Option<String>,
        /// How long packets shall wait.
        #[schemars(extend("default" = "15ms"))]
        target: Option<String>,
        /// Between two looks at the delay.
        #[schemars(extend("default" = "15ms"))]
        update: Option<String>,
        /// Weight of the delay's distance from the target, a second.
        #[schemars(extend("default" = 0.125))]
        alpha: Option<f64>,
        /// Weight of the delay's change since the last look, a second.
        #[schemars(extend("default" = 1.25))]
        beta: Option<f64>,
        /// For how long a burst after silence passes untouched.
        #[schemars(extend("default" = "150ms"))]
        burst: Option<String>,
        /// Whether media is marked instead of dropped while the probability is at most a tenth.
        #[schemars(extend("default" = false))]
        ecn: Option<bool>,
    },
    /// Random early detection: drops what comes by the queue's average length.
    Red {
        /// How much may wait; without it as much as a rate without a queue has.
        limit: Option<String>,
        /// Average length below which nothing is dropped, as in "30kB".
        min: String,
        /// Average length from which everything is dropped.
        max: String,
        /// Probability of a drop just below `max`.
        #[schemars(extend("default" = 0.02), range(min = 0.0, max = 1.0))]
        probability: Option<f64>,
        /// Weight of the length now in its average.
        #[schemars(extend("default" = 0.002), range(min = 0.0, max = 1.0))]
        weight: Option<f64>,
        /// Bytes of the small packets that an idle link is thought to have sent meanwhile.
        #[schemars(extend("default" = 1000), range(min = 1, max = 65_535))]
        packet: Option<u32>,
        /// Whether the probability goes on rising from `max` to twice that, instead of jumping to 1.
        #[schemars(extend("default" = false))]
        gentle: Option<bool>,
        /// Whether media is marked instead of dropped below `max`.
        #[schemars(extend("default" = false))]
        ecn: Option<bool>,
    },
}

/// Which packets are lost.
#[derive(JsonSchema, Debug)]
#[schemars(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// Each packet on its own; the model when none is named.
    Iid {
        /// Ratio lost.
        #[schemars(range(min = 0.0, max = 1.0))]
        p: f64,
    },
    /// Bursts of consecutive losses.
    Gilbert {
        /// Ratio lost: in packets at most burst/(1+burst), in time below 1.
        #[schemars(range(min = 0.0, max = 1.0))]
        mean: f64,
        /// Mean length of a burst: packets, at least 1, or a time with `domain = "time"`, as in "200ms".
        burst: NumberOrTime,
        /// What bursts are measured in: in "time" they last as long at 50 packets a second as at 500.
        #[schemars(extend("default" = "packet", "enum" = ["packet", "time"]))]
        domain: Option<String>,
    },
    /// Gilbert–Elliott in full. Each packet steps the chain. (tc-netem writes 1-h and 1-k for these two ratios.)
    Ge {
        /// Probability of going from good to bad.
        #[schemars(range(min = 0.0, max = 1.0))]
        p: f64,
        /// Probability of going from bad to good.
        #[schemars(range(min = 0.0, max = 1.0))]
        r: f64,
        /// Ratio lost in the bad state.
        #[schemars(range(min = 0.0, max = 1.0))]
        h: f64,
        /// Ratio lost in the good state.
        #[schemars(range(min = 0.0, max = 1.0))]
        k: f64,
    },
    /// Four states (tc-netem's `loss state`): 1 received in a gap, 2 received in a burst, 3 lost in a burst, 4 lost alone.
    #[schemars(rename = "4-state")]
    FourState {
        /// From a gap into a burst.
        #[schemars(range(min = 0.0, max = 1.0))]
        p13: f64,
        /// From a burst back to a gap; without it 1 - `p13`.
        #[schemars(range(min = 0.0, max = 1.0))]
        p31: Option<f64>,
        /// From a loss in a burst to a packet that gets through within it.
        #[schemars(extend("default" = 0.0), range(min = 0.0, max = 1.0))]
        p32: Option<f64>,
        /// From that packet back to a loss of the burst.
        #[schemars(extend("default" = 1.0), range(min = 0.0, max = 1.0))]
        p23: Option<f64>,
        /// A loss on its own in a gap.
        #[schemars(extend("default" = 0.0), range(min = 0.0, max = 1.0))]
        p14: Option<f64>,
    },
    /// Good and bad by turns, each for an exponential time; everything is lost while it is bad.
    OnOff {
        /// Mean time that the path stays good.
        good: String,
        /// Mean time that it stays bad.
        bad: String,
    },
    /// A recorded pattern, over and over, from each link's first packet on.
    Trace {
        /// A text file, relative to this one: `.` or `0` for each packet that got through, `x` or `1` for each lost one.
        file: String,
    },
    /// The n-th packet, the 2n-th and so on.
    Nth {
        /// Which one.
        #[schemars(range(min = 1))]
        n: u64,
    },
    /// Nothing: takes back what is extended.
    None {},
}

/// What all laws of a delay variation have in common.
#[derive(JsonSchema, Debug)]
pub struct Drawn {
    /// How much of the last packet's luck the next one keeps.
    #[schemars(extend("default" = 0.0), range(min = 0.0, max = 1.0))]
    pub correlation: Option<f64>,
    /// Whether packets may overtake each other.
    #[schemars(extend("default" = false))]
    pub reordering: Option<bool>,
}

/// What is drawn for each packet on top of the delay. Order is kept unless `reordering`. `correlation`, from 0 to below 1,
/// is how much of the last packet's luck the next one keeps; the law stays the same.
#[derive(JsonSchema, Debug)]
#[schemars(tag = "dist", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DelayVariation {
    /// Adds the magnitude of a Gaussian, cut at `max` (RFC 8868's NR-BPDV).
    NrGauss {
        /// Standard deviation before folding.
        sd: String,
        /// The most that is added; without it three standard deviations.
        max: Option<String>,
        #[schemars(flatten)]
        drawn: Drawn,
    },
    /// Adds or takes away a Gaussian held to ±`max`; `max` is at most the delay.
    Normal {
        /// Standard deviation.
        sd: String,
        /// The most that is added or taken away; without it three standard deviations.
        max: Option<String>,
        #[schemars(flatten)]
        drawn: Drawn,
    },
    /// Adds a time between nothing and `max`.
    Uniform {
        /// The most that is added.
        max: String,
        #[schemars(flatten)]
        drawn: Drawn,
    },
    /// A heavy tail (tc-netem's `pareto`): takes away up to ⅔ `sd`, in the median 0.32 `sd`, and adds up to `max`.
    Pareto {
        /// The scale.
        sd: String,
        /// The most that is added; without it four times `sd`.
        max: Option<String>,
        #[schemars(flatten)]
        drawn: Drawn,
    },
    /// A quarter normal, three quarters Pareto (tc-netem's `paretonormal`): takes away up to 1½ `sd`, adds up to `max`.
    #[schemars(rename = "paretonormal")]
    ParetoNormal {
        /// The scale.
        sd: String,
        /// The most that is added; without it four times `sd`.
        max: Option<String>,
        #[schemars(flatten)]
        drawn: Drawn,
    },
    /// Adds `sd` times a value of a table, all equally likely.
    Table {
        /// A table in tc's .dist format, relative to this file: whole numbers, 8192 for one `sd`.
        file: String,
        /// What 8192 in the table stands for.
        sd: String,
        #[schemars(flatten)]
        drawn: Drawn,
    },
    /// Slots and no variation: packets arrive in batches. The same as the key `slot`, which goes with the others.
    Slot {
        /// Shortest time from one slot to the next.
        min: Option<String>,
        /// Longest; without it `min`.
        max: Option<String>,
        /// A table in tc's .dist format instead, relative to this file.
        file: Option<String>,
        /// With `file`: the time at 0 of the table.
        delay: Option<String>,
        /// With `file`: what 8192 in the table stands for.
        sd: Option<String>,
        /// Packets that one slot takes at most.
        #[schemars(range(min = 1))]
        packets: Option<u64>,
        /// A slot takes packets until it has taken so many bytes or more.
        #[schemars(range(min = 1))]
        bytes: Option<u64>,
    },
    /// Nothing: takes back what is extended.
    None {},
}

/// Times at which packets arrive in batches: whatever would have arrived since the last one arrives then, in its order.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Slot {
    /// Shortest time from one slot to the next.
    pub min: Option<String>,
    /// Longest; without it `min`.
    pub max: Option<String>,
    /// A table in tc's .dist format instead, relative to this file.
    pub file: Option<String>,
    /// With `file`: the time at 0 of the table.
    pub delay: Option<String>,
    /// With `file`: what 8192 in the table stands for.
    pub sd: Option<String>,
    /// Packets that one slot takes at most.
    #[schemars(range(min = 1))]
    pub packets: Option<u64>,
    /// A slot takes packets until it has taken so many bytes or more.
    #[schemars(range(min = 1))]
    pub bytes: Option<u64>,
}

/// Packets that are held back.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Reorder {
    /// Ratio of packets held back.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ratio: f64,
    /// How long, on top of everything else.
    pub by: String,
}

/// A change over time: new conditions, or an outage.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Step {
    /// When, from the start of the run.
    pub at: String,
    /// New conditions from the participant; what is not written stays as it was.
    pub up: Option<Path>,
    /// New conditions towards the participant; what is not written stays as it was.
    pub down: Option<Path>,
    /// Rate, delay and loss change linearly over this time, everything else at its begin.
    #[schemars(extend("default" = "0s"))]
    pub ramp: Option<String>,
    /// Whether everything goes back to the network's base first.
    #[schemars(extend("default" = false))]
    pub reset: Option<bool>,
    /// Nothing gets through for so long.
    pub outage: Option<String>,
    /// The outage comes again and again, from start to start, until the end of the run.
    pub every: Option<String>,
    /// Probability of each outage, drawn for each participant, or each link group.
    #[schemars(extend("default" = 1.0), range(min = 0.0, max = 1.0))]
    pub prob: Option<f64>,
    /// Which direction is out.
    #[schemars(extend("default" = "both", "enum" = ["both", "up", "down"]))]
    pub dir: Option<String>,
    /// Whether packets are dropped, or wait.
    #[schemars(extend("default" = "drop", "enum" = ["drop", "pause"]))]
    pub mode: Option<String>,
}
