//! The live read-out of `throng path` on stderr: drawn in place on a terminal, a plain line every five seconds without one.

use crate::cli::panel::{Look, look};
use crate::clock::{Duration, Instant};
use crate::drive::path::{Side, Status};
use crate::outcome::words::{digits, grouped};
use ratatui::crossterm::terminal;
use std::collections::VecDeque;
use std::io::{self, Write as _};

/// How often a plain line is printed.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Over how long rates are taken in place: what is told four times a second would flicker.
const RATE_OVER: Duration = Duration::from_secs(1);

/// The read-out.
#[derive(Debug)]
pub struct Readout {
    mode: Mode,
    look: Look,
    /// What rates are taken from, oldest first.
    past: VecDeque<Status>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// So many lines stand there.
    InPlace(u16),
    Lines,
    Silent,
}

impl Readout {
    /// Says what it is, and starts.
    pub fn start(head: &str, described: &str, is_terminal: bool) -> Self {
        let look = look();
        let head = if look.unicode { head.to_owned() } else { head.replace('→', "->") };
        let _ = writeln!(io::stderr().lock(), "{head}\n{described}");
        let mode = if is_terminal { Mode::InPlace(0) } else { Mode::Lines };
        Self { mode, look, past: VecDeque::from([Status::default()]) }
    }

    /// Says where it listens, as a script may have asked for any port, and nothing else.
    pub fn silent(head: &str) -> Self {
        let _ = writeln!(io::stderr().lock(), "{head}");
        Self { mode: Mode::Silent, look: look(), past: VecDeque::new() }
    }

    /// Shows how it stands.
    pub fn show(&mut self, status: &Status) {
        match self.mode {
            Mode::Silent => {}
            Mode::Lines => {
                let before = self.past[0];
                if status.now.saturating_since(before.now) >= LINE_EVERY {
                    let _ = writeln!(io::stderr().lock(), "{}", line(&before, status));
                    self.past = VecDeque::from([*status]);
                }
            }
            Mode::InPlace(lines) => {
                while self.past.len() > 1 && status.now.saturating_since(self.past[1].now) >= RATE_OVER {
                    self.past.pop_front();
                }
                let width = terminal::size().map_or(80, |(width, _)| usize::from(width));
                let rows = table(&self.past[0], status, width, self.look.unicode);
                self.past.push_back(*status);
                let mut text = if lines > 0 { format!("\x1b[{lines}A") } else { String::new() };
                rows.iter().for_each(|row| text.push_str(&format!("\r\x1b[2K{row}\r\n")));
                // A terminal that is gone is no reason to stop relaying.
                let _ = io::stderr().lock().write_all(text.as_bytes());
                self.mode = Mode::InPlace(rows.len() as u16);
            }
        }
    }

    /// Leaves what stands there.
    pub fn finish(self) {
        if self.mode != Mode::Silent {
            let _ = io::stderr().lock().flush();
        }
    }
}

/// Rates of one direction between two looks.
struct Rates {
    packets: f64,
    bits: f64,
}

fn rates(before: (&Side, Instant), now: (&Side, Instant)) -> Rates {
    let seconds = now.1.saturating_since(before.1).as_secs_f64().max(1e-3);
    let per_second = |of: fn(&Side) -> u64| of(now.0).saturating_sub(of(before.0)) as f64 / seconds;
    Rates {
        packets: per_second(|side| side.counts.delivered),
        bits: 8.0 * per_second(|side| side.counts.delivered_bytes),
    }
}

fn sides<'a>(before: &'a Status, now: &'a Status) -> [(&'static str, &'a Side, Rates); 2] {
    let of = |a: &Side, b: &Side| rates((a, before.now), (b, now.now));
    [("up", &now.up, of(&before.up, &now.up)), ("down", &now.down, of(&before.down, &now.down))]
}

fn clock(at: Instant) -> String {
    let seconds = at.as_millis() / 1_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn millis(time: Duration) -> String {
    format!("{} ms", digits(time.as_secs_f64() * 1e3))
}

/// Always the same fields in the same order, without blanks in them.
fn line(before: &Status, now: &Status) -> String {
    let mut text = format!("{} clients={}", clock(now.now), now.clients);
    for (name, side, rates) in sides(before, now) {
        let counts = &side.counts;
        text.push_str(&format!(
            " {name}={:.0}/s {name}_rate={:.2}Mbps {name}_lost={} {name}_overflowed={} {name}_queue={:.1}ms {name}_marked={}",
            rates.packets,
            rates.bits / 1e6,
            counts.lost,
            counts.overflowed,
            side.queue_delay.as_secs_f64() * 1e3,
            counts.marked,
        ));
    }
    text
}

/// The same as a small table, no row wider than the terminal.
fn table(before: &Status, now: &Status, width: usize, unicode: bool) -> Vec<String> {
    let count = |value: u64| grouped(i64::try_from(value).unwrap_or(i64::MAX));
    let columns = |cells: [&str; 7]| {
        let [name, packets, rate, lost, overflowed, queue, marked] = cells;
        format!("{name:<5}{packets:>11}{rate:>13}{lost:>16}{overflowed:>12}{queue:>10}{marked:>9}")
    };
    let mut rows = vec![
        format!("{} {}", clock(now.now), super::many(now.clients as u64)),
        columns(["", "packets/s", "Mbit/s", "lost", "overflowed", "queue", "marked"]),
    ];
    for (name, side, rates) in sides(before, now) {
        let counts = &side.counts;
        let share = if counts.offered > 0 { counts.lost as f64 / counts.offered as f64 } else { 0.0 };
        let lost = format!("{} ({:.1}%)", count(counts.lost), share * 100.0);
        rows.push(columns([
            name,
            &digits(rates.packets.round()),
            &digits(rates.bits / 1e6),
            &lost,
            &count(counts.overflowed),
            &millis(side.queue_delay),
            &count(counts.marked),
        ]));
    }
    if now.turned_away + now.unsent > 0 {
        let mark = if unicode { "·" } else { "-" };
        rows.push(format!("{} turned away {mark} {} not sent", count(now.turned_away), count(now.unsent)));
    }
    rows.into_iter().map(|row| row.chars().take(width.saturating_sub(1)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netem::Counts;

    fn status(seconds: u64, delivered: u64) -> Status {
        let counts = Counts {
            offered: delivered + 10,
            delivered,
            delivered_bytes: delivered * 1_000,
            lost: 7,
            overflowed: 3,
            marked: 1,
            ..Counts::default()
        };
        let up = Side { counts, queue_delay: Duration::from_micros(12_345) };
        Status { now: Instant::from_secs(seconds), clients: 2, up, ..Status::default() }
    }

    #[test]
    fn rates_are_those_between_two_looks_and_counts_those_since_the_begin() {
        let text = line(&status(60, 1_000), &status(65, 1_500));
        let up = "up=100/s up_rate=0.80Mbps up_lost=7 up_overflowed=3 up_queue=12.3ms up_marked=1";
        let down = "down=0/s down_rate=0.00Mbps down_lost=0 down_overflowed=0 down_queue=0.0ms down_marked=0";
        assert_eq!(text, format!("1:05 clients=2 {up} {down}"));
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let (before, now) = (status(60, 1_000), Status { unsent: 5, ..status(61, 1_000_000_000) });
        for width in [1, 20, 80, 200] {
            let rows = table(&before, &now, width, true);
            assert_eq!(rows.len(), 5, "{rows:#?}");
            assert!(rows.iter().all(|row| row.chars().count() < width), "{rows:#?}");
        }
        assert!(table(&before, &now, 200, true)[2].contains("7 (0.0%)"));
        assert_eq!(table(&before, &status(61, 5), 200, true).len(), 4, "what never happens has no row");
    }

    #[test]
    fn two_looks_at_once_divide_by_no_time() {
        assert!(line(&status(5, 1), &status(5, 2)).contains("up=1000/s"));
    }
}
