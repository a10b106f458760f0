//! The conditions of one direction of a path, in plain values.
//!
//! Nothing here has state: a [`LinkConfig`] can be cloned, compared and applied to a running link at any time. Limits
//! are checked by [`LinkConfig::validate`]; meanings and closed formulas stand with each field.

use std::time::Duration;

/// Everything that can be wrong with one direction of a path. The default is transparent: every packet at once.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkConfig {
    /// Bits a second that the serialiser sends; `None` is unlimited.
    pub rate: Option<u64>,
    /// How much may wait for the serialiser.
    pub queue: QueueLimit,
    /// Bytes of headers that every packet has on the wire beside its payload: 28 for UDP over IPv4, 48 over IPv6.
    pub overhead: usize,
    /// What is lost after the bottleneck: lost packets have used their share of the rate.
    pub loss: Loss,
    /// Propagation, one way. Packets in flight never count as queued.
    pub delay: Duration,
    /// What is drawn for each packet on top of `delay`.
    pub delay_variation: Option<DelayVariation>,
    /// Packets that are held back so that later ones overtake them.
    pub reorder: Option<Reorder>,
    /// Ratio of packets that arrive twice, 0..=1. The copy makes its own way: its own variation, its own reordering.
    pub duplicate: f64,
}

/// How much may wait for the serialiser (tail drop). The packet that is being sent does not wait, and an empty queue
/// takes one packet of any size, so that no limit can starve a class of packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueLimit {
    /// No limit.
    Unlimited,
    /// Bytes, overhead included.
    Bytes(u64),
    /// This time at the current rate, in bytes: computed anew at each change of the rate; what waits stays.
    Time(Duration),
    /// Packets of any size.
    Packets(u64),
}

/// Which packets are lost. Chains step once a packet and start in their stationary state.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Loss {
    /// Nothing.
    None,
    /// Each packet on its own, with probability `p`; a burst has 1/(1-p) packets on average.
    Iid {
        /// Probability of loss, 0..=1.
        p: f64,
    },
    /// Bursts of consecutive losses: good → bad with p = mean/((1-mean)·burst), bad → good with r = 1/burst, and
    /// exactly the packets of the bad state are lost.
    Gilbert {
        /// Ratio of packets lost, 0..=1 and at most burst/(1+burst), where p reaches 1.
        mean: f64,
        /// Mean length of a burst in packets, at least 1.
        burst: f64,
    },
    /// Gilbert–Elliott in full: `p` good → bad, `r` bad → good, and a **loss ratio** in each state, so the loss is
    /// h·p/(p+r) + k·r/(p+r). tc-netem writes 1-h and 1-k on its command line for these two ratios: there `h` and `k`
    /// are what is *kept*, here they are what is *lost*. As there, a packet meets the state before its transition.
    GilbertElliott {
        /// Probability of going from good to bad, each packet, 0..=1.
        p: f64,
        /// Probability of going from bad to good, each packet, 0..=1.
        r: f64,
        /// Ratio lost in the bad state, 0..=1.
        h: f64,
        /// Ratio lost in the good state, 0..=1.
        k: f64,
    },
}

/// What is drawn for each packet on top of the delay. Order is kept unless `reordering`: a packet that would overtake
/// arrives together with the one before it (RFC 8868's NR-BPDV).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DelayVariation {
    /// `nr-gauss`: adds min(|N(0, sd²)|, max), never less than nothing (RFC 8868 recommends max = 3 sd).
    Gaussian {
        /// Standard deviation before folding.
        sd: Duration,
        /// The most that is added.
        max: Duration,
        /// Whether packets may overtake each other.
        reordering: bool,
    },
    /// Adds a time between nothing and `max`, all equally likely. A source's `d ± j` is delay d-j, max 2j.
    Uniform {
        /// The most that is added.
        max: Duration,
        /// Whether packets may overtake each other.
        reordering: bool,
    },
    /// Adds N(0, sd²) held to ±max, so the delay is symmetric around `delay`; `max` is at most `delay`.
    Normal {
        /// Standard deviation.
        sd: Duration,
        /// The most that is added or taken away.
        max: Duration,
        /// Whether packets may overtake each other.
        reordering: bool,
    },
}

/// Packets that are held back so that later ones overtake them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reorder {
    /// Ratio of packets held back, 0..=1.
    pub ratio: f64,
    /// How long, on top of everything else.
    pub by: Duration,
}

/// What an outage does to packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutageMode {
    /// Everything offered, and everything that leaves the serialiser, is lost. What was in flight still arrives.
    Drop,
    /// The queue holds and nothing leaves the serialiser; what waits goes on afterwards.
    Pause,
}

impl QueueLimit {
    /// The queue that a rate (bits a second, at least 1) gets where nobody says: 300 ms (RFC 8867's drop-tail queue),
    /// and never less than the time of four packets of 1,500 bytes, or a slow path could not hold one.
    #[must_use]
    pub const fn typical(rate: u64) -> Self {
        const FOUR_PACKETS: u64 = 4 * 1_500 * 8 * 1_000;
        let four_packets = FOUR_PACKETS.div_ceil(rate);
        Self::Time(Duration::from_millis(if four_packets > 300 { four_packets } else { 300 }))
    }
}

impl LinkConfig {
    /// A path that changes nothing, with UDP over IPv4 headers.
    pub const TRANSPARENT: Self = Self {
        rate: None,
        queue: QueueLimit::Unlimited,
        overhead: 28,
        loss: Loss::None,
        delay: Duration::ZERO,
        delay_variation: None,
        reorder: None,
        duplicate: 0.0,
    };

    /// Whether packets cross at once and unharmed. (The queue's limit does not matter without a rate.)
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        self.rate.is_none()
            && self.loss.is_none()
            && self.delay.is_zero()
            && self.delay_variation.is_none()
            && self.reorder.is_none_or(|reorder| reorder.ratio == 0.0)
            && self.duplicate == 0.0
    }

    /// The shortest time on the wire that these conditions allow: no packet arrives sooner after it was offered.
    #[must_use]
    pub fn shortest_delay(&self) -> Duration {
        match self.delay_variation {
            Some(DelayVariation::Normal { max, .. }) => self.delay.saturating_sub(max),
            Some(DelayVariation::Gaussian { .. } | DelayVariation::Uniform { .. }) | None => self.delay,
        }
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self::TRANSPARENT
    }
}

impl Loss {
    /// The ratio of packets lost in the long run.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        match *self {
            Self::None => 0.0,
            Self::Iid { p } => p,
            Self::Gilbert { mean, .. } => mean,
            Self::GilbertElliott { p, r, h, k } => {
                let bad = stationary_bad(p, r);
                h * bad + k * (1.0 - bad)
            }
        }
    }

    fn is_none(&self) -> bool {
        match *self {
            Self::None => true,
            Self::Iid { p } => p == 0.0,
            Self::Gilbert { mean, .. } => mean == 0.0,
            Self::GilbertElliott { .. } => false,
        }
    }
}

impl DelayVariation {
    /// Whether packets may overtake each other.
    #[must_use]
    pub fn reorders(&self) -> bool {
        match *self {
            Self::Gaussian { reordering, .. } | Self::Uniform { reordering, .. } | Self::Normal { reordering, .. } => {
                reordering
            }
        }
    }
}

/// Probability of the bad state of a two-state chain; a chain that never moves stays good.
pub(crate) fn stationary_bad(p: f64, r: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p / (p + r) }
}

/// Transition probabilities (p, r) of the Gilbert chain with this loss ratio and mean burst.
pub(crate) fn gilbert_transitions(mean: f64, burst: f64) -> (f64, f64) {
    (mean / ((1.0 - mean) * burst), 1.0 / burst)
}
