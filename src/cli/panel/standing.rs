//! Thresholds in the panel: in which order, how one is written, and how many there are of each sort.

use super::canvas::Row;
use super::look::Look;
use crate::drive::status::{Standing, ThresholdStatus};
use ratatui::style::Style;
use ratatui::text::Span;

/// Missed, near, too few, held; nearest to the limit first.
pub(super) fn ordered(thresholds: &[ThresholdStatus]) -> Vec<&ThresholdStatus> {
    let mut ordered: Vec<_> = thresholds.iter().collect();
    ordered.sort_by(|a, b| a.standing.cmp(&b.standing).then(b.used.total_cmp(&a.used)));
    ordered
}

/// How many thresholds stand how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    pub(super) missed: usize,
    pub(super) near: usize,
    pub(super) too_few: usize,
    pub(super) held: usize,
}

impl Counts {
    pub(super) fn of(thresholds: &[ThresholdStatus]) -> Self {
        Self::of_these(thresholds)
    }

    pub(super) fn of_these<'a>(thresholds: impl IntoIterator<Item = &'a ThresholdStatus>) -> Self {
        let mut counts = Self::default();
        for threshold in thresholds {
            match threshold.standing {
                Standing::Missed => counts.missed += 1,
                Standing::Near => counts.near += 1,
                Standing::TooFew => counts.too_few += 1,
                Standing::Held => counts.held += 1,
            }
        }
        counts
    }
}

/// Columns from a threshold's sign to the end of its value.
const VALUE_END: u16 = 33;

/// One threshold from `column` on: sign, name, value, limit.
pub(super) fn put_threshold(row: &mut Row, threshold: &ThresholdStatus, look: Look, column: u16) {
    let (sign, sign_style, value_style) = look.standing(threshold.standing);
    row.put(column, sign, sign_style).put(column + 2, "", Style::new());
    let room = usize::from(VALUE_END - 2).saturating_sub(threshold.value.len() + 1);
    row.put(0, name(threshold, room), Style::new());
    row.until(column + VALUE_END, [Span::styled(&threshold.value, value_style)]);
    row.put(column + VALUE_END + 2, look.signs(&threshold.limit), look.dim());
}

/// What does not fit, counted: `✗ 3 more missed`, or `✓ 2 more hold`.
pub(super) fn put_rest(row: &mut Row, rest: Counts, look: Look, column: u16) {
    let parts = [
        (Standing::Missed, rest.missed, "missed"),
        (Standing::Near, rest.near, "near"),
        (Standing::TooFew, rest.too_few, "too few"),
        (Standing::Held, rest.held, "hold"),
    ];
    row.put(column, "", Style::new());
    let mut more = " more";
    for (standing, count, word) in parts.into_iter().filter(|&(_, count, _)| count > 0) {
        let (sign, style, _) = look.standing(standing);
        row.put(0, sign, style).put(0, format!(" {count}{more} {word}  "), Style::new());
        more = "";
    }
}

/// A threshold's name in `room` columns: without its metric's family when that is too long, then cut.
fn name(threshold: &ThresholdStatus, room: usize) -> String {
    let whole = |metric: &str| match threshold.of.as_str() {
        "" => metric.to_owned(),
        of => format!("{metric} {of}"),
    };
    let full = whole(&threshold.metric);
    if full.len() <= room {
        return full;
    }
    cut(&whole(threshold.metric.split_once('.').map_or(threshold.metric.as_str(), |(_, rest)| rest)), room)
}

/// `text` in `room` columns, its end replaced by two dots when it is longer.
pub(super) fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(2)).collect();
    format!("{}..", kept.trim_end())
}
