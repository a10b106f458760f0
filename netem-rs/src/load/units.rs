//! Quantities as text: a number and its unit, and a ratio with or without a percent sign.

use std::time::Duration;

/// A time, as in `300ms` or `1.5 s`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let units = [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3_600e9)];
    scaled(text, &units).map(Duration::from_nanos)
}

/// Bits a second, as in `1.5Mbit/s` or `300 kbps`.
pub(super) fn rate(text: &str) -> Option<u64> {
    let units = [
        ("bit/s", 1.0),
        ("kbit/s", 1e3),
        ("Mbit/s", 1e6),
        ("Gbit/s", 1e9),
        ("bps", 1.0),
        ("kbps", 1e3),
        ("Mbps", 1e6),
        ("Gbps", 1e9),
    ];
    scaled(text, &units)
}

/// Bytes, as in `64KiB` or `15 kB`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    scaled(text, &[("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("KiB", 1_024.0), ("MiB", 1_048_576.0)])
}

/// A ratio, as in `0.01` or `1%`.
pub(super) fn ratio(text: &str) -> Option<f64> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    match text.strip_suffix('%') {
        Some(percent) => number(percent).map(|value| value / 100.0),
        None => number(text),
    }
}

/// A number that is not negative and its unit, to the nearest whole of the smallest.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    let value = number.parse::<f64>().ok()? * factor;
    (value <= 9e18).then(|| libm::round(value) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        assert_eq!(time("1.5 s"), Some(Duration::from_millis(1_500)));
        assert_eq!(time("20µs"), Some(Duration::from_micros(20)));
        assert_eq!((time("20"), time("ms"), time("-1ms"), time("1e3ms")), (None, None, None, None));
        assert_eq!((rate("1.5Mbit/s"), rate("64 kbps"), rate("3 MB")), (Some(1_500_000), Some(64_000), None));
        assert_eq!((bytes("2KiB"), bytes("15 kB"), bytes("99999999999999999MB")), (Some(2_048), Some(15_000), None));
        assert_eq!((ratio("1.5%"), ratio("0.25"), ratio("x"), ratio("inf")), (Some(0.015), Some(0.25), None, None));
    }
}
