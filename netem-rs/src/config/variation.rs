//! What is drawn for each packet on top of the delay, and the times at which packets arrive in batches.

use crate::load::LineError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What is drawn for each packet on top of the delay. Order is kept unless `reordering`: a packet that would overtake
/// arrives together with the one before it (RFC 8868's NR-BPDV).
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// A heavy tail: adds sd·(u^(-1/3) - 3/2)·4/3 for u uniform in (0, 1], the curve behind tc-netem's `pareto` table.
    /// It takes away up to ⅔ sd, in the median 0.32 sd, and adds up to `max` (the table ends at 4 sd).
    Pareto {
        /// The scale; the standard deviation itself is √3·2/3·sd before `max` cuts the tail.
        sd: Duration,
        /// The most that is added.
        max: Duration,
        /// Whether packets may overtake each other.
        reordering: bool,
    },
    /// A quarter of a normal number within ±4 and three quarters of the Pareto curve at the same quantile, times `sd`:
    /// the curve behind tc-netem's `paretonormal` table. It takes away up to 1½ sd and adds up to `max`.
    ParetoNormal {
        /// The scale.
        sd: Duration,
        /// The most that is added.
        max: Duration,
        /// Whether packets may overtake each other.
        reordering: bool,
    },
    /// Adds `sd` times a value of a table, all values equally likely: tc-netem's `distribution FILE`, by its arithmetic.
    Table {
        /// The values.
        table: DelayTable,
        /// What 1.0 in the table stands for.
        sd: Duration,
        /// Whether packets may overtake each other.
        reordering: bool,
    },
}

/// Equally likely values in units of 1/8192, sorted: a distribution by its quantiles. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct DelayTable(Arc<[i16]>);

/// What 1.0 is in a [`DelayTable`].
const ONE: i64 = 8_192;

impl DelayTable {
    /// The most values a table may have.
    pub const LARGEST: usize = 65_536;

    /// The table of these values, each divided by 8,192.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = i16>) -> Self {
        let mut values: Vec<i16> = values.into_iter().collect();
        values.sort_unstable();
        Self(values.into())
    }

    /// Reads tc's `.dist` format: whole numbers from -32768 to 32767 apart by blanks and line ends; `#` begins a
    /// comment.
    ///
    /// ```
    /// use netem_rs::DelayTable;
    ///
    /// let table = DelayTable::parse("# steps\n-8192 0\n0 8192\n")?;
    /// assert_eq!(table.len(), 4);
    /// let error = DelayTable::parse("0 1\n2 40000\n").unwrap_err();
    /// assert_eq!(error.to_string(), "line 2: `40000` is no whole number from -32768 to 32767");
    /// # Ok::<(), netem_rs::LineError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let mut values = Vec::new();
        for (index, line) in text.lines().enumerate() {
            for word in line.split('#').next().unwrap_or_default().split_whitespace() {
                let problem = || LineError::new(index, format!("`{word}` is no whole number from -32768 to 32767"));
                values.push(word.parse().map_err(|_| problem())?);
                if values.len() > Self::LARGEST {
                    return Err(LineError::new(index, format!("more than {} values", Self::LARGEST)));
                }
            }
        }
        if values.is_empty() {
            return Err(LineError::new(0, "no value in the whole table".to_owned()));
        }
        Ok(Self::new(values))
    }

    /// The table of measured delays, with their mean and standard deviation: a link with that delay and `sd` repeats
    /// their distribution, cut off at four standard deviations. `None` for fewer than two, or for more than
    /// [`DelayTable::LARGEST`].
    #[must_use]
    pub fn from_samples(samples: &[Duration]) -> Option<(Self, Duration, Duration)> {
        if samples.len() < 2 || samples.len() > Self::LARGEST {
            return None;
        }
        let seconds: Vec<f64> = samples.iter().map(Duration::as_secs_f64).collect();
        let count = seconds.len() as f64;
        let mean = seconds.iter().sum::<f64>() / count;
        let variance = seconds.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
        let sd = variance.sqrt();
        let value = |second: f64| {
            let scaled = if sd > 0.0 { (second - mean) / sd * ONE as f64 } else { 0.0 };
            libm::round(scaled).clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
        };
        let table = Self::new(seconds.into_iter().map(value));
        Some((table, Duration::from_secs_f64(mean), Duration::from_secs_f64(sd)))
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none. Such a table draws nothing, so validation refuses it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nanoseconds that the value at `share` of the table, 0..1, comes to: sch_netem's `tabledist`, which multiplies
    /// the remainder of sd/8192 first and rounds it to the nearest.
    pub(crate) fn nanos(&self, share: f64, sd: Duration) -> i64 {
        let index = ((share * self.0.len() as f64) as usize).min(self.0.len() - 1);
        times(self.0[index], sd)
    }

    /// The lowest value, in nanoseconds.
    pub(crate) fn lowest(&self, sd: Duration) -> i64 {
        self.0.first().map_or(0, |value| times(*value, sd))
    }

    /// The highest value, in nanoseconds.
    pub(crate) fn highest(&self, sd: Duration) -> i64 {
        self.0.last().map_or(0, |value| times(*value, sd))
    }
}

fn times(value: i16, sd: Duration) -> i64 {
    // Validation holds `sd` to an hour, so nothing overflows.
    let (sd, value) = (i64::try_from(sd.as_nanos()).unwrap_or(i64::MAX), i64::from(value));
    let rest = (sd % ONE) * value;
    let half = if rest >= 0 { ONE / 2 } else { -(ONE / 2) };
    (rest + half) / ONE + (sd / ONE) * value
}

/// Thousands of values would fill a screen.
impl fmt::Debug for DelayTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DelayTable({} values)", self.0.len())
    }
}

/// Times at which packets arrive in batches, at the far end of everything else: whatever would have arrived since the
/// last one arrives then, in its order. Slots go on while nothing is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slots {
    /// The time from one slot to the next.
    pub gap: SlotGap,
    /// Packets that one slot takes at most; the others wait for the next.
    pub packets: Option<u64>,
    /// A slot takes packets until it has taken this many bytes of payload or more.
    pub bytes: Option<u64>,
}

/// The time from one slot to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SlotGap {
    /// Between `min` and `max`, all equally likely.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest, longer than nothing.
        max: Duration,
    },
    /// `delay` and `sd` times a value of the table.
    Table {
        /// The values.
        table: DelayTable,
        /// The time at 0.0 in the table.
        delay: Duration,
        /// What 1.0 in the table stands for.
        sd: Duration,
    },
}

impl DelayVariation {
    /// Whether packets may overtake each other.
    #[must_use]
    pub const fn reorders(&self) -> bool {
        match *self {
            Self::Gaussian { reordering, .. }
            | Self::Uniform { reordering, .. }
            | Self::Normal { reordering, .. }
            | Self::Pareto { reordering, .. }
            | Self::ParetoNormal { reordering, .. }
            | Self::Table { reordering, .. } => reordering,
        }
    }

    /// The most that it can take away from the delay.
    pub(crate) fn most_taken(&self) -> Duration {
        match *self {
            Self::Gaussian { .. } | Self::Uniform { .. } => Duration::ZERO,
            Self::Normal { max, .. } => max,
            // Rounded up: a draw is rounded to the nearest.
            Self::Pareto { sd, .. } => Duration::from_nanos(nanos(sd).saturating_mul(2) / 3 + 1),
            Self::ParetoNormal { sd, .. } => Duration::from_nanos(nanos(sd).saturating_mul(3) / 2 + 1),
            Self::Table { ref table, sd, .. } => Duration::from_nanos(table.lowest(sd).min(0).unsigned_abs()),
        }
    }
}

impl SlotGap {
    /// The longest time from one slot to the next.
    pub(crate) fn longest(&self) -> Duration {
        match *self {
            Self::Uniform { max, .. } => max,
            Self::Table { ref table, delay, sd } => {
                Duration::from_nanos(nanos(delay).saturating_add_signed(table.highest(sd)))
            }
        }
    }

    /// The gap that a number in [0, 1) stands for.
    pub(crate) fn at(&self, unit: f64) -> Duration {
        match *self {
            Self::Uniform { min, max } => {
                let spread = (nanos(max) - nanos(min)) as f64;
                Duration::from_nanos(nanos(min) + libm::round(spread * unit) as u64)
            }
            Self::Table { ref table, delay, sd } => {
                Duration::from_nanos(nanos(delay).saturating_add_signed(table.nanos(unit, sd)))
            }
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
