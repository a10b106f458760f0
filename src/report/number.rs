//! How numbers of the report are written, by what they measure. The digits are `outcome::number`'s, which the console
//! shares. It does not choose what is shown.

use crate::metrics::catalog::Metric;
pub use crate::outcome::number::{THIN, bits, bytes, count, count_of, decimals, fixed, percent, seconds, significant};

/// What a value is measured in, and so how it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    /// Seconds, written in ms below 1 s.
    Seconds,
    /// 0..=1, written in percent.
    Share,
    /// Processor cores.
    Cores,
    /// Pieces.
    Count,
    /// Pieces a second.
    PerSecond,
    /// Bytes, written in MiB or KiB.
    Bytes,
    /// 1..=5.
    Score,
    /// Bits a second, written in kbit/s or Mbit/s.
    Bits,
}

impl Quantity {
    /// The quantity of a metric's values by the unit's name in the outcome.
    #[must_use]
    pub fn of(metric: &str, unit: &str) -> Self {
        let cores = [Metric::SfuCpu, Metric::HarnessProcessCpu];
        if cores.iter().any(|m| m.name() == metric) {
            return Self::Cores;
        }
        match unit {
            "s" => Self::Seconds,
            "ratio" => Self::Share,
            "B" => Self::Bytes,
            "1/s" => Self::PerSecond,
            "score" => Self::Score,
            "bit/s" => Self::Bits,
            _ => Self::Count,
        }
    }

    /// The quantity of an aggregate as thresholds write it: a count or a rate of anything is pieces.
    #[must_use]
    pub fn aggregated(self, aggregate: &str) -> Self {
        match aggregate {
            "count" => Self::Count,
            "rate" => Self::PerSecond,
            _ => self,
        }
    }

    /// `value` with its unit.
    #[must_use]
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Seconds => seconds(value),
            Self::Share => percent(value),
            Self::Cores => format!("{}{THIN}cores", significant(value, 2)),
            Self::Count => count_of(value),
            Self::PerSecond => format!("{}{THIN}/s", significant(value, 2)),
            Self::Bytes => bytes(value),
            Self::Score => fixed(value, 2),
            Self::Bits => bits(value),
        }
    }
}

/// The samples of a metric: a count, but the watched time of the freeze ratio, whose denominator is nanoseconds.
#[must_use]
pub fn samples(metric: &str, n: u64) -> String {
    if metric == Metric::VideoFreezeRatio.name() { span(n as f64 * 1e-9) } else { count(n) }
}

/// `n thing` or `n things`.
#[must_use]
pub fn things(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A time of the run, parts of a second cut off: `2:05`.
#[must_use]
pub fn clock(at: f64) -> String {
    // What was counted up in parts of a second may come short of a whole one by a rounding.
    let whole = (at.max(0.0) + 1e-6) as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// A length of time for sentences: `40 s`, `5 min`, `2 min 30 s`.
#[must_use]
pub fn span(length: f64) -> String {
    if length < 90.0 {
        let digits = usize::from(length.fract() != 0.0 && length < 10.0);
        return format!("{}{THIN}s", fixed(length, digits));
    }
    let whole = length.round() as u64;
    match whole % 60 {
        0 => format!("{}{THIN}min", count(whole / 60)),
        rest => format!("{}{THIN}min {rest}{THIN}s", count(whole / 60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_watched_time_are_a_length() {
        assert_eq!(samples("video.freeze_ratio", 1_200_000_000_000), "20\u{202f}min");
        assert_eq!(samples("rtp.loss_net", 1_200), "1,200");
    }

    #[test]
    fn times_are_minutes_and_seconds_of_the_run() {
        assert_eq!((clock(125.2), clock(125.9)), ("2:05".to_owned(), "2:05".to_owned()));
        assert_eq!(clock((0..60).map(|_| 0.1).sum()), "0:06");
        assert_eq!(span(300.0), "5\u{202f}min");
        assert_eq!(span(40.0), "40\u{202f}s");
        assert_eq!(span(150.0), "2\u{202f}min 30\u{202f}s");
    }
}
