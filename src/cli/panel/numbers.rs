//! Numbers of the panel: three digits, a unit that does not flicker, times as minutes and seconds.

use crate::clock::Duration;
use crate::outcome::words::{digits, grouped};

/// Units of one quantity in rising order, each with its size.
pub(super) type Ladder = &'static [(&'static str, f64)];

/// Bit rates.
pub(super) const BITS: Ladder = &[("kbit/s", 1e3), ("Mbit/s", 1e6), ("Gbit/s", 1e9)];
/// Times.
pub(super) const SECONDS: Ladder = &[("ms", 1e-3), ("s", 1.0)];
/// Sizes.
pub(super) const BYTES: Ladder = &[("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];
/// Shares.
pub(super) const SHARE: Ladder = &[("%", 0.01)];
/// Pieces: always whole.
pub(super) const STREAMS: Ladder = &[("streams", 1.0)];
/// Packets and other large counts.
pub(super) const MANY: Ladder = &[("", 1.0), ("k", 1e3), ("M", 1e6)];

/// The rung for `value`. It leaves `before` only when the value is 20 % past the border.
pub(super) fn rung(ladder: Ladder, value: f64, before: Option<usize>) -> usize {
    let fits = |slack: f64| ladder.iter().rposition(|&(_, size)| value >= size * slack).unwrap_or(0);
    match before {
        None => fits(1.0),
        Some(before) if fits(1.2) > before => fits(1.2),
        Some(before) if fits(1.0 / 1.2) < before => fits(1.0),
        Some(before) => before,
    }
}

/// `value` in a ladder's rung, with its unit.
pub(super) fn in_rung(ladder: Ladder, rung: usize, value: f64) -> String {
    let (unit, size) = ladder[rung];
    let figure = if ladder == STREAMS { grouped(value.round() as i64) } else { digits(value / size) };
    format!("{figure} {unit}").trim_end().to_owned()
}

/// `value` in the rung that fits it; `-` without one.
pub(super) fn number(ladder: Ladder, value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| in_rung(ladder, rung(ladder, value, None), value))
}

/// `value` in the rung that fits it, without blanks and with a unit of letters only, for plain lines.
pub(super) fn tight(ladder: Ladder, value: Option<f64>) -> String {
    number(ladder, value).replace(' ', "").replace("bit/s", "bps").replace("streams", "")
}

/// A whole number with its thousands apart.
pub(super) fn whole(count: u64) -> String {
    grouped(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A whole number from a million on as `1.00 M`, below as it is.
pub(super) fn short(count: u64) -> String {
    if count < 1_000_000 { whole(count) } else { format!("{:.2} M", count as f64 / 1e6) }
}

/// `2:12`, or `1:02:12` from an hour on; parts of a second are cut off.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_changes_only_when_the_value_is_well_past_the_border() {
        assert_eq!(rung(SECONDS, 1.1, None), 1);
        assert_eq!(rung(SECONDS, 1.1, Some(0)), 0);
        assert_eq!(in_rung(SECONDS, 0, 1.1), "1,100 ms");
        assert_eq!(rung(SECONDS, 1.2, Some(0)), 1);
        assert_eq!(rung(SECONDS, 0.9, Some(1)), 1);
        assert_eq!(rung(SECONDS, 0.8, Some(1)), 0);
        assert_eq!(rung(BITS, 0.0, Some(2)), 0);
    }

    #[test]
    fn pieces_are_whole() {
        assert_eq!(number(STREAMS, Some(6.0)), "6 streams");
        assert_eq!(tight(STREAMS, Some(6.0)), "6");
        assert_eq!(tight(SECONDS, Some(6.0)), "6.00s");
    }

    #[test]
    fn times_read_as_minutes_and_seconds() {
        assert_eq!(clock(Duration::from_millis(132_900)), "2:12");
        assert_eq!(clock(Duration::from_secs(3_732)), "1:02:12");
    }
}
