//! Colours and signs: the sixteen named colours only, so that the user's theme decides, and never a colour alone.

use crate::drive::status::{Standing, Trend};
use ratatui::style::{Color, Modifier, Style};

/// What the terminal can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Colours, `NO_COLOR` not set.
    pub color: bool,
    /// Signs beyond ASCII: the locale says UTF-8.
    pub unicode: bool,
}

impl Look {
    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    /// Names, units, heads.
    pub(super) const fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The number on a line.
    pub(super) const fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Trends and progress.
    pub(super) fn blue(self) -> Style {
        self.colored(Color::Blue)
    }

    /// The ramp, a fault, what is near its limit.
    pub(super) fn yellow(self) -> Style {
        self.colored(Color::Yellow)
    }

    /// What is beyond its limit.
    pub(super) fn red(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What cannot be judged, and a generator that is too slow.
    pub(super) fn magenta(self) -> Style {
        self.colored(Color::Magenta)
    }

    /// A threshold's sign, the sign's style, and its value's.
    pub(super) fn standing(self, standing: Standing) -> (&'static str, Style, Style) {
        match standing {
            Standing::Missed => (if self.unicode { "✗" } else { "x" }, self.red(), self.red()),
            Standing::Near => ("!", self.yellow(), self.yellow()),
            Standing::TooFew => ("?", self.magenta(), self.magenta()),
            Standing::Held => (if self.unicode { "✓" } else { "+" }, self.colored(Color::Green), self.bold()),
        }
    }

    /// A text with the signs that the terminal can show.
    pub(super) fn signs(self, text: &str) -> String {
        if self.unicode {
            return text.to_owned();
        }
        text.replace('≤', "<=").replace('≥', ">=").replace('µ', "u")
    }

    /// A bar of `width` cells: its filled part, and the rest.
    pub(super) fn bar(self, done: f64, width: usize) -> (String, String) {
        let eighths = (done.clamp(0.0, 1.0) * (width * 8) as f64) as usize;
        if !self.unicode {
            return ("#".repeat(eighths / 8), "-".repeat(width - eighths / 8));
        }
        let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
        let used = eighths / 8 + usize::from(!part.is_empty());
        (format!("{}{part}", "█".repeat(eighths / 8)), "─".repeat(width - used))
    }

    /// A trend of `cells` cells of three seconds, each their highest value, newest right; and the highest value in view.
    ///
    /// The floor is zero, the top is `top` or the highest in view where that is more. No value is a blank.
    pub(super) fn trend(self, trend: &Trend, cells: usize, top: f64) -> (String, Option<f64>) {
        let first = trend.pushed - trend.history.len() as u64;
        let newest = trend.pushed.saturating_sub(1) / SECONDS_A_CELL;
        let mut highest: Vec<Option<f64>> = vec![None; cells];
        for (second, value) in (first..).zip(&trend.history) {
            let back = (newest - second / SECONDS_A_CELL) as usize;
            if let (Some(value), true) = (*value, back < cells) {
                let cell = &mut highest[cells - 1 - back];
                *cell = Some(cell.map_or(value, |so_far: f64| so_far.max(value)));
            }
        }
        let max = highest.iter().flatten().copied().reduce(f64::max);
        let top = max.unwrap_or(0.0).max(top);
        (highest.into_iter().map(|value| value.map_or(' ', |value| self.spark(value, top))).collect(), max)
    }

    fn spark(self, value: f64, top: f64) -> char {
        let levels = if self.unicode { SPARKS } else { ASCII_SPARKS };
        let level = if top > 0.0 { (value / top * 7.0).round() as usize } else { 0 };
        levels[level.min(7)]
    }
}

/// Seconds in one cell of a trend.
pub(super) const SECONDS_A_CELL: u64 = 3;
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_SPARKS: [char; 8] = ['.', ':', '-', '=', '+', '*', '#', '@'];

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { color: true, unicode: true };

    fn trend(values: &[Option<f64>]) -> Trend {
        let mut trend = Trend::default();
        values.iter().for_each(|value| trend.push(*value));
        trend
    }

    #[test]
    fn a_gap_looks_like_a_gap_and_zero_like_the_floor() {
        let values = [Some(0.0); 3].into_iter().chain([None; 3]).chain([Some(8.0); 3]).collect::<Vec<_>>();
        assert_eq!(LOOK.trend(&trend(&values), 5, 0.0), ("  ▁ █".to_owned(), Some(8.0)));
        assert_eq!(LOOK.trend(&trend(&[Some(0.0)]), 1, 0.0).0, "▁");
        assert_eq!(LOOK.trend(&Trend::default(), 2, 0.0), ("  ".to_owned(), None));
    }

    #[test]
    fn a_cell_shows_its_highest_second_and_keeps_it_while_time_goes_on() {
        let mut trend = trend(&[Some(1.0), Some(7.0), Some(1.0)]);
        assert_eq!(LOOK.trend(&trend, 3, 7.0).0, "  █");
        trend.push(Some(0.0));
        assert_eq!(LOOK.trend(&trend, 3, 7.0).0, " █▁");
        trend.push(Some(0.0));
        assert_eq!(LOOK.trend(&trend, 3, 7.0).0, " █▁");
    }

    #[test]
    fn a_share_is_drawn_against_the_whole() {
        assert_eq!(LOOK.trend(&trend(&[Some(0.5)]), 1, 1.0).0, "▅");
    }

    #[test]
    fn a_bar_has_the_width_it_was_given() {
        for look in [LOOK, Look { unicode: false, ..LOOK }] {
            for done in [0.0, 0.001, 0.5, 0.999, 1.0, 2.0] {
                let (filled, rest) = look.bar(done, 17);
                assert_eq!(filled.chars().count() + rest.chars().count(), 17, "{done}");
            }
        }
    }
}
