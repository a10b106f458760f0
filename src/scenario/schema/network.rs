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
    /// Changes over time; replaces the schedule of what is extended.
    pub schedule: Option<Vec<Step>>,
}

/// Conditions of one direction.
#[derive(JsonSchema, Debug)]
#[schemars(deny_unknown_fields)]
pub struct Path {
    /// The bottleneck's rate, as in "1.5Mbps", or "unlimited".
    #[schemars(extend("default" = "unlimited"))]
    pub rate: Option<String>,
    /// The bottleneck's queue, dropping at its tail: "200ms" (at the current rate), "64KiB", "100 packets" or
    /// "unlimited". A rate without a queue has 300 ms, and never less than four packets of 1,500 bytes.
    pub queue: Option<String>,
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
    /// Packets that are held back so that later ones overtake them.
    pub reorder: Option<Reorder>,
    /// Ratio of packets that arrive twice.
    #[schemars(extend("default" = 0.0), range(min = 0.0, max = 1.0))]
    pub duplicate: Option<f64>,
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
        /// Ratio lost, at most burst/(1+burst).
        #[schemars(range(min = 0.0, max = 1.0))]
        mean: f64,
        /// Mean length of a burst, in packets.
        #[schemars(range(min = 1.0))]
        burst: f64,
        /// What bursts are counted in.
        #[schemars(extend("default" = "packet", "enum" = ["packet"]))]
        domain: Option<String>,
    },
    /// Gilbert–Elliott in full. Each packet steps the chain.
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
    /// Nothing: takes back what is extended.
    None {},
}

/// What is drawn for each packet on top of the delay. Order is kept unless `reordering`.
#[derive(JsonSchema, Debug)]
#[schemars(tag = "dist", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DelayVariation {
    /// Adds the magnitude of a Gaussian, cut at `max` (RFC 8868's NR-BPDV).
    NrGauss {
        /// Standard deviation before folding.
        sd: String,
        /// The most that is added; without it three standard deviations.
        max: Option<String>,
        /// Whether packets may overtake each other.
        #[schemars(extend("default" = false))]
        reordering: Option<bool>,
    },
    /// Adds or takes away a Gaussian held to ±`max`; `max` is at most the delay.
    Normal {
        /// Standard deviation.
        sd: String,
        /// The most that is added or taken away; without it three standard deviations.
        max: Option<String>,
        /// Whether packets may overtake each other.
        #[schemars(extend("default" = false))]
        reordering: Option<bool>,
    },
    /// Adds a time between nothing and `max`.
    Uniform {
        /// The most that is added.
        max: String,
        /// Whether packets may overtake each other.
        #[schemars(extend("default" = false))]
        reordering: Option<bool>,
    },
    /// Nothing: takes back what is extended.
    None {},
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
    /// Rate, delay and loss change linearly over this time.
    #[schemars(extend("default" = "0s"))]
    pub ramp: Option<String>,
    /// Whether everything goes back to the network's base first.
    #[schemars(extend("default" = false))]
    pub reset: Option<bool>,
    /// Nothing gets through for so long.
    pub outage: Option<String>,
    /// The outage comes again and again, from start to start, until the end of the run.
    pub every: Option<String>,
    /// Probability of each outage, drawn for each participant.
    #[schemars(extend("default" = 1.0), range(min = 0.0, max = 1.0))]
    pub prob: Option<f64>,
    /// Which direction is out.
    #[schemars(extend("default" = "both", "enum" = ["both", "up", "down"]))]
    pub dir: Option<String>,
    /// Whether packets are dropped, or wait.
    #[schemars(extend("default" = "drop", "enum" = ["drop", "pause"]))]
    pub mode: Option<String>,
}
