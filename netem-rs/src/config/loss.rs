//! Which packets are lost: the models, their parameters and the ratio each comes to.

use crate::load::LineError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which packets are lost. Chains step once a packet and start in their stationary state.
#[derive(Clone, PartialEq, Debug)]
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
    /// Four states, as tc-netem's `loss state` (Salsano, Ludovici and Ordine's GI): 1 received in a gap, 2 received
    /// in a burst, 3 lost in a burst, 4 lost alone in a gap. One draw a packet moves the state, and the packet meets
    /// the state after its move. From 1 to 3 with `p13` and to 4 with `p14`; from 2 to 3 with `p23`; from 3 to 2 with
    /// `p32` and to 1 with `p31`; from 4 always to 1. Losses in a burst come 1/(p31+p32) at a time.
    FourState {
        /// From a gap into a burst, 0..=1, with `p14` at most 1.
        p13: f64,
        /// From a burst back to a gap, 0..=1, with `p32` at most 1.
        p31: f64,
        /// From a loss in a burst to a packet that gets through within it, 0..=1.
        p32: f64,
        /// From that packet back to a loss of the burst, 0..=1.
        p23: f64,
        /// A loss on its own in a gap, 0..=1.
        p14: f64,
    },
    /// Bursts measured in time: the path is good and bad by turns, each for an exponential time, and what leaves the
    /// serialiser while it is bad is lost. Unlike a chain in packets, a burst lasts as long for 50 packets a second
    /// as for 500. Packets with an identity are judged by their time as well.
    OnOff {
        /// Mean time that the path stays good, longer than nothing.
        good: Duration,
        /// Mean time that it stays bad, longer than nothing.
        bad: Duration,
    },
    /// A recorded pattern, over and over: one bit a packet. A packet with an identity takes the bit of its number.
    Trace(LossTrace),
    /// The `n`-th packet, the 2`n`-th and so on; with an identity, by its number.
    Nth {
        /// At least 1, which loses everything.
        n: u64,
    },
}

/// One bit a packet, lost or not: cheap to clone, however long it is.
#[derive(Clone, PartialEq, Eq)]
pub struct LossTrace {
    words: Arc<[u64]>,
    len: u64,
    lost: u64,
}

impl LossTrace {
    /// The trace of these verdicts, `true` for lost.
    #[must_use]
    pub fn new(verdicts: impl IntoIterator<Item = bool>) -> Self {
        let (mut words, mut len, mut lost) = (Vec::new(), 0_u64, 0_u64);
        for verdict in verdicts {
            if len.is_multiple_of(64) {
                words.push(0);
            }
            let last = words.last_mut().expect("a word was pushed for the first bit");
            *last |= u64::from(verdict) << (len % 64);
            len += 1;
            lost += u64::from(verdict);
        }
        Self { words: words.into(), len, lost }
    }

    /// Reads a trace as text: `.` or `0` for a packet that got through, `x` or `1` for a lost one, in lines of any
    /// length. What follows a `#` is a comment.
    ///
    /// ```
    /// use netem_rs::LossTrace;
    ///
    /// let trace = LossTrace::parse("# from a train\n....x\n..xxx\n")?;
    /// assert_eq!((trace.len(), trace.lost()), (10, 4));
    /// assert_eq!(LossTrace::parse("...\n.y.").unwrap_err().to_string(), "line 2: `y` is neither `.`, `0`, `x` nor `1`");
    /// # Ok::<(), netem_rs::LineError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut verdicts = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let bits = line.split('#').next().unwrap_or_default();
            for mark in bits.chars().filter(|mark| !mark.is_whitespace()) {
                verdicts.push(match mark {
                    '.' | '0' => false,
                    'x' | '1' => true,
                    other => return Err(LineError::new(index, format!("`{other}` is neither `.`, `0`, `x` nor `1`"))),
                });
            }
        }
        if verdicts.is_empty() {
            return Err(LineError::new(0, "no packet in the whole trace; write `.` and `x`".to_owned()));
        }
        Ok(Self::new(verdicts))
    }

    /// Packets in the trace.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no packet in it. Such a trace judges nothing, so validation refuses it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many of them are lost.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether packet `number` is lost, counted from 0 over all repetitions.
    #[must_use]
    pub fn loses(&self, number: u64) -> bool {
        let at = number % self.len.max(1);
        self.words.get((at / 64) as usize).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

/// Long traces would fill a screen with bits.
impl fmt::Debug for LossTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LossTrace({} of {} lost)", self.lost, self.len)
    }
}

impl Loss {
    /// The ratio of packets lost in the long run; for [`Loss::OnOff`], of time.
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
            Self::FourState { p13, p31, p32, p23, p14 } => {
                let states = four_state_equilibrium(p13, p31, p32, p23, p14);
                states[2] + states[3]
            }
            Self::OnOff { good, bad } => bad.as_secs_f64() / (good + bad).as_secs_f64(),
            Self::Trace(ref trace) => trace.lost() as f64 / trace.len().max(1) as f64,
            Self::Nth { n } => 1.0 / n as f64,
        }
    }

    /// Whether it can be told at once that nothing is ever lost.
    pub(crate) fn is_none(&self) -> bool {
        match *self {
            Self::None => true,
            Self::Iid { p } => p == 0.0,
            Self::Gilbert { mean, .. } => mean == 0.0,
            Self::Trace(ref trace) => trace.lost() == 0,
            Self::GilbertElliott { .. } | Self::FourState { .. } | Self::OnOff { .. } | Self::Nth { .. } => false,
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

/// Probabilities of the states 1 to 4 of the four-state chain in equilibrium: what flows from a gap into a burst flows
/// back, π₁·p13 = π₃·p31, and within a burst π₃·p32 = π₂·p23. A chain that starts in a gap and can be caught for good
/// ends where it is caught.
pub(crate) fn four_state_equilibrium(p13: f64, p31: f64, p32: f64, p23: f64, p14: f64) -> [f64; 4] {
    if p13 == 0.0 {
        return [1.0 / (1.0 + p14), 0.0, 0.0, p14 / (1.0 + p14)];
    }
    if p32 > 0.0 && p23 == 0.0 {
        return [0.0, 1.0, 0.0, 0.0];
    }
    let within = if p32 == 0.0 { 0.0 } else { p32 / p23 };
    if p31 == 0.0 {
        return [0.0, within / (1.0 + within), 1.0 / (1.0 + within), 0.0];
    }
    let burst = p13 / p31;
    let sum = 1.0 + burst * (1.0 + within) + p14;
    [1.0 / sum, burst * within / sum, burst / sum, p14 / sum]
}
