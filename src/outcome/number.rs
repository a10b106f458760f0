//! How numbers are written: one place, so that console, page, summary and plots say the same.
//!
//! Three significant digits, thousands separated, a narrow no-break space before units, U+2212 for minus. Zero is
//! written only for zero, and a hundred percent only for all.

/// The space before a unit.
pub const THIN: char = '\u{202f}';
const MINUS: char = '\u{2212}';

/// The same for lines that are typed and searched: plain spaces and hyphens.
#[must_use]
pub fn plain(text: &str) -> String {
    text.replace(THIN, " ").replace(MINUS, "-")
}

/// `decimals` decimals, thousands separated.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::with_capacity(text.len() + 4);
    if value < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push(MINUS);
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// Decimals that give three significant digits, at most `most`.
#[must_use]
pub fn decimals(value: f64, most: usize) -> usize {
    let needed = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v >= 0.09995 => 3,
        v if v > 0.0 => 4,
        _ => 0,
    };
    needed.min(most)
}

/// Three significant digits with at most `most` decimals; what would round to nothing is written `< 0.01`.
#[must_use]
pub fn significant(value: f64, most: usize) -> String {
    let least = libm::pow(10.0, -(most as f64));
    if value != 0.0 && value.abs() < least / 2.0 {
        return format!("<{THIN}{least:.most$}");
    }
    fixed(value, decimals(value, most))
}

/// Seconds: µs below a tenth of a millisecond, ms below one second, else seconds with two decimals.
#[must_use]
pub fn seconds(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.999_5e-4 {
        return format!("{}{THIN}µs", significant(value * 1e6, 1));
    }
    if value.abs() < 0.9995 {
        let ms = value * 1e3;
        let most = if ms.abs() >= 10.0 { 1 } else { 2 };
        return format!("{}{THIN}ms", significant(ms, most));
    }
    format!("{}{THIN}s", fixed(value, 2))
}

/// A share in percent.
#[must_use]
pub fn percent(ratio: f64) -> String {
    if ratio == 1.0 {
        return format!("100{THIN}%");
    }
    let value = ratio * 100.0;
    if ratio < 1.0 && value > 99.995 {
        return format!(">{THIN}99.99{THIN}%");
    }
    if value > 99.5 && ratio < 1.0 {
        return format!("{}{THIN}%", fixed(value, if value > 99.95 { 2 } else { 1 }));
    }
    format!("{}{THIN}%", significant(value, 2))
}

/// Bytes in MiB, small ones in KiB or B.
#[must_use]
pub fn bytes(value: f64) -> String {
    match value {
        v if v >= 1_048_576.0 => format!("{}{THIN}MiB", significant(v / 1_048_576.0, 1)),
        v if v >= 1_024.0 => format!("{}{THIN}KiB", significant(v / 1_024.0, 1)),
        v => format!("{}{THIN}B", fixed(v, 0)),
    }
}

/// A rate in kbit/s or Mbit/s.
#[must_use]
pub fn bits(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}{THIN}Mbit/s", significant(v / 1e6, 2)),
        v => format!("{}{THIN}kbit/s", significant(v / 1e3, 1)),
    }
}

/// A count, exact below ten million.
#[must_use]
pub fn count(value: u64) -> String {
    if value >= 10_000_000_000 {
        return format!("{}{THIN}G", significant(value as f64 / 1e9, 1));
    }
    if value >= 10_000_000 {
        return format!("{}{THIN}M", significant(value as f64 / 1e6, 1));
    }
    fixed(value as f64, 0)
}

/// A count that came as a float: exact when whole.
#[must_use]
pub fn count_of(value: f64) -> String {
    if value.fract() == 0.0 && value >= 0.0 { count(value as u64) } else { significant(value, 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_their_unit() {
        assert_eq!(seconds(0.0614), "61.4\u{202f}ms");
        assert_eq!(seconds(0.231), "231\u{202f}ms");
        assert_eq!(seconds(1.9), "1.90\u{202f}s");
        assert_eq!(seconds(0.9996), "1.00\u{202f}s");
        assert_eq!(seconds(0.0001), "0.10\u{202f}ms");
        assert_eq!(percent(0.0253), "2.53\u{202f}%");
        assert_eq!(bytes(444_596_224.0), "424\u{202f}MiB");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(14_900_000), "14.9\u{202f}M");
        assert_eq!(fixed(-1234.5, 1), "\u{2212}1,234.5");
        assert_eq!(fixed(-0.0001, 1), "0.0");
    }

    #[test]
    fn below_a_tenth_of_a_millisecond_there_are_microseconds() {
        assert_eq!(seconds(0.000_001), "1.0\u{202f}µs");
        assert_eq!(seconds(0.000_052_4), "52.4\u{202f}µs");
        assert_eq!(seconds(1e-9), "<\u{202f}0.1\u{202f}µs");
        assert_eq!(seconds(0.0), "0\u{202f}ms");
    }

    #[test]
    fn nothing_and_everything_are_written_only_when_they_are() {
        assert_eq!(percent(0.0), "0\u{202f}%");
        assert_eq!(percent(0.000_01), "<\u{202f}0.01\u{202f}%");
        assert_eq!(percent(1.0), "100\u{202f}%");
        assert_eq!(percent(0.999), "99.9\u{202f}%");
        assert_eq!(percent(0.999_99), ">\u{202f}99.99\u{202f}%");
    }
}
