//! Rates, sizes and ratios as types, so that a unit is never a guess.
//!
//! Rates are decimal (1 Mbps = 10⁶ bit/s), sizes are bytes, ratios lie between 0 and 1. The text forms are those of the
//! scenario file: `"1.5Mbps"`, `"64KiB"`, `"200ms"`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A rate in bits per second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bitrate(pub u64);

impl Bitrate {
    /// `kbps` thousand bits per second.
    #[must_use]
    pub const fn from_kbps(kbps: u64) -> Self {
        Self(kbps * 1_000)
    }

    /// Bits per second.
    #[must_use]
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// Parses `"1.5Mbps"`, `"32kbps"`, `"800bps"` or `"1Gbps"`; `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let units = [("Gbps", 1e9), ("Mbps", 1e6), ("kbps", 1e3), ("bps", 1.0)];
        number_with_unit(text, &units).map(|bps| Self(bps.round() as u64))
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bps if bps >= 1_000_000_000 => write!(f, "{}Gbps", bps as f64 / 1e9),
            bps if bps >= 1_000_000 => write!(f, "{}Mbps", bps as f64 / 1e6),
            bps if bps >= 1_000 => write!(f, "{}kbps", bps as f64 / 1e3),
            bps => write!(f, "{bps}bps"),
        }
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Parses `"1500B"`, `"64kB"`, `"64KiB"`, `"2MB"`, `"2MiB"`; `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let units = [("KiB", 1024.0), ("MiB", 1_048_576.0), ("kB", 1e3), ("MB", 1e6), ("B", 1.0)];
        number_with_unit(text, &units).map(|bytes| Self(bytes.round() as u64))
    }
}

/// Parses `"200ms"`, `"1.5s"`, `"5m"`, `"1m30s"`, `"250us"`, `"2h"`; `None` when it is something else.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 6] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
    let mut rest = text.trim();
    let mut nanos = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |i| digits + i);
        let (_, scale) = UNITS.iter().find(|(unit, _)| *unit == &rest[digits..unit_end])?;
        nanos += value * scale;
        rest = rest[unit_end..].trim_start();
    }
    (nanos.is_finite() && nanos < u64::MAX as f64).then(|| Duration::from_nanos(nanos.round() as u64))
}

/// Writes a duration as the scenario file does: the largest unit that needs at most three decimals.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    let (value, unit) = match duration.as_nanos() {
        0 => (0.0, "s"),
        n if n < 1_000_000 => (nanos / 1e3, "us"),
        n if n < 1_000_000_000 => (nanos / 1e6, "ms"),
        n if n >= 60_000_000_000 && n % 60_000_000_000 == 0 => (nanos / 6e10, "m"),
        _ => (nanos / 1e9, "s"),
    };
    let text = format!("{value:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn number_with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let (number, scale) = units.iter().find_map(|(unit, scale)| text.strip_suffix(unit).map(|n| (n, scale)))?;
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_sizes_read_as_people_write_them() {
        assert_eq!(Bitrate::parse("1.5Mbps"), Some(Bitrate(1_500_000)));
        assert_eq!(Bitrate::parse("32 kbps"), Some(Bitrate(32_000)));
        assert_eq!(Bitrate::parse("32"), None);
        assert_eq!(Bitrate::parse("-1kbps"), None);
        assert_eq!(Bytes::parse("64KiB"), Some(Bytes(65_536)));
        assert_eq!(Bitrate(1_500_000).to_string(), "1.5Mbps");
    }

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("0.5s"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("250us"), Some(Duration::from_micros(250)));
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration("5 parsecs"), None);
        assert_eq!(format_duration(Duration::from_millis(1500)), "1.5s");
        assert_eq!(format_duration(Duration::from_secs(300)), "5m");
    }
}
