//! Values with their units as people read them in sentences and on the console; their digits are `number`'s.

use super::number::{bits, bytes, percent, plain, seconds};

/// A value of a metric's unit (`Unit::name`): `237 ms`, `1.90 s`, `2.53 %`, `1,500`, `418 MiB`.
#[must_use]
pub fn readable(value: f64, unit: &str) -> String {
    match unit {
        "s" => plain(&seconds(value)),
        "ratio" => plain(&percent(value)),
        "B" => plain(&bytes(value)),
        "1/s" => format!("{} per s", digits(value)),
        "bit/s" => plain(&bits(value)),
        _ => digits(value),
    }
}

/// A value that somebody wrote, such as a limit, not rounded: `2 s`, `250 ms`, `99.99 %`.
#[must_use]
pub fn exact(value: f64, unit: &str) -> String {
    let (value, unit) = match unit {
        "s" if value.abs() < 1.0 => (value * 1e3, " ms"),
        "s" => (value, " s"),
        "ratio" => (value * 100.0, " %"),
        "B" if value.abs() >= 1_048_576.0 => (value / 1_048_576.0, " MiB"),
        "B" => (value, " B"),
        "1/s" => (value, " per s"),
        "bit/s" if value.abs() >= 1e6 => (value / 1e6, " Mbit/s"),
        "bit/s" => (value / 1e3, " kbit/s"),
        _ => (value, ""),
    };
    // A millionth is finer than anyone writes, and coarser than what the multiplication leaves behind.
    let text = format!("{value:.6}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A number to three significant digits at most; whole numbers whole, with thousands apart: `0.37`, `12.4`, `1,500`.
#[must_use]
pub fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if size >= 99.95 || (size.fract() == 0.0 && size >= 10.0) {
        return grouped(value.round() as i64);
    }
    match size {
        s if s >= 9.995 => format!("{value:.1}"),
        s if s >= 0.005 => format!("{value:.2}"),
        _ => "< 0.01".to_owned(),
    }
}

/// A whole number with its thousands apart: `1,000,000`.
#[must_use]
pub fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_with_their_unit_and_three_digits() {
        let cases = [
            (0.2374, "s", "237 ms"),
            (1.9, "s", "1.90 s"),
            (0.0006, "s", "0.60 ms"),
            (0.0253, "ratio", "2.53 %"),
            (1.0, "ratio", "100 %"),
            (0.999_04, "ratio", "99.9 %"),
            (0.999_99, "ratio", "> 99.99 %"),
            (0.000_001, "s", "1.0 µs"),
            (0.689_5, "s", "690 ms"),
            (1_500.0, "1", "1,500"),
            (438_304_768.0, "B", "418 MiB"),
            (0.0, "s", "0 ms"),
            (29.97, "1/s", "30.0 per s"),
        ];
        for (value, unit, text) in cases {
            assert_eq!(readable(value, unit), text);
        }
        assert_eq!(exact(0.9999, "ratio"), "99.99 %");
        assert_eq!(exact(2.0, "s"), "2 s");
        assert_eq!(exact(0.25, "s"), "250 ms");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-999), "-999");
    }
}
