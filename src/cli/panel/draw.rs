//! The panel's rows: which there are at a height, and what stands in each at a width.
//!
//! From 100 columns on (A) trends and thresholds stand side by side; below (B) the missed thresholds have rows of their
//! own and the others are counted. Everything is placed by column, so numbers stay where they are while they change.

use super::canvas::Row;
use super::look::{Look, SECONDS_A_CELL};
use super::numbers::{BITS, BYTES, Ladder, MANY, SECONDS, SHARE, STREAMS, clock, in_rung, number, rung, short, whole};
use super::standing::{Counts, cut, ordered, put_rest, put_threshold};
use crate::clock::Duration;
use crate::drive::status::{Stage, Standing, Status, Trend};
use crate::outcome::words::{digits, exact};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

/// From this width on layout A is drawn.
pub(super) const WIDE: u16 = 100;
/// Below this width B has short trends and no `max`.
const NARROW: u16 = 60;
/// Beyond this width nothing grows any more.
const WIDEST: u16 = 140;
/// Where a trend's value ends, and its cells begin.
const VALUE_END: u16 = 23;
const CELLS_AT: u16 = 25;

/// One row of the panel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Title,
    Progress,
    People,
    Joins,
    Blank,
    Head,
    Trend(Figure),
    /// Layout B: the missed threshold of this place.
    Missed(usize),
    /// Layout B: the nearest threshold, and the counts.
    Near,
    Held,
    Generator,
    Event,
    Keys,
}

/// A figure over time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Figure {
    Down,
    Up,
    Loss,
    Jitter,
    Delay,
    Frozen,
    Cpu,
    Memory,
}

const FIGURES: [Figure; 8] = [
    Figure::Down,
    Figure::Up,
    Figure::Loss,
    Figure::Jitter,
    Figure::Delay,
    Figure::Frozen,
    Figure::Cpu,
    Figure::Memory,
];

/// What goes when there are too few rows, first to last; progress, participants, thresholds and generator never go.
const DROPPED: [Line; 12] = [
    Line::Trend(Figure::Memory),
    Line::Keys,
    Line::Trend(Figure::Cpu),
    Line::Trend(Figure::Up),
    Line::Trend(Figure::Delay),
    Line::Blank,
    Line::Event,
    Line::Trend(Figure::Jitter),
    Line::Title,
    Line::Joins,
    Line::Trend(Figure::Frozen),
    Line::Trend(Figure::Loss),
];

/// Rungs of the trends' units, kept from frame to frame so that no unit flickers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rungs([Option<usize>; FIGURES.len()]);

impl Rungs {
    /// No unit was chosen yet.
    pub(super) const NONE: Self = Self([None; FIGURES.len()]);
}

/// Draws the panel into `area`.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, status: &Status, look: Look, rungs: &mut Rungs) {
    let width = area.width.min(WIDEST);
    let wide = width >= WIDE;
    let lines = lines(status, wide, usize::from(area.height));
    let beside = lines.iter().filter(|line| matches!(line, Line::Trend(_))).count();
    let keys_shown = lines.contains(&Line::Keys);
    let mut place = 0;
    for (y, line) in (0..area.height).zip(lines) {
        let mut row = Row::new(buffer, area, y, width);
        let row = &mut row;
        match line {
            Line::Title => title(row, status, look, wide),
            Line::Progress => progress(row, status, look, wide),
            Line::People => people(row, status, look, wide),
            Line::Joins => joins(row, status, look, wide),
            Line::Blank => {}
            Line::Head => head(row, look, width),
            Line::Trend(figure) => {
                trend(row, status, look, figure, width, rungs);
                if wide {
                    beside_trend(row, status, look, place, beside, cells(width) as u16 + 36);
                }
                place += 1;
            }
            Line::Missed(index) => put_threshold(row, ordered(&status.thresholds)[index], look, 0),
            Line::Near => near(row, status, look),
            Line::Held => held(row, status, look),
            Line::Generator => generator(row, status, look, wide),
            Line::Event => event(row, status, look, wide, keys_shown),
            Line::Keys => keys(row, status, look),
        }
    }
}

fn lines(status: &Status, wide: bool, height: usize) -> Vec<Line> {
    let mut lines = vec![Line::Title, Line::Progress];
    if wide {
        lines.extend([Line::Blank, Line::People, Line::Joins, Line::Blank, Line::Head]);
        lines.extend(FIGURES.map(Line::Trend));
        lines.extend([Line::Generator, Line::Event, Line::Keys]);
    } else {
        lines.extend([Line::People, Line::Joins, Line::Blank, Line::Head]);
        lines.extend(FIGURES[..7].iter().map(|&figure| Line::Trend(figure)));
        lines.push(Line::Blank);
        lines.extend((0..Counts::of(&status.thresholds).missed).map(Line::Missed));
        lines.extend([Line::Near, Line::Held, Line::Generator, Line::Event]);
    }
    for dropped in DROPPED {
        while lines.len() > height {
            let Some(at) = lines.iter().rposition(|&line| line == dropped) else { break };
            lines.remove(at);
        }
    }
    lines
}

fn title(row: &mut Row, status: &Status, look: Look, wide: bool) {
    let seed = format!("  seed {}", status.seed);
    row.put(0, "throng  ", look.dim()).put(0, &status.scenario, look.bold()).put(0, seed, Style::new());
    if wide {
        row.put(0, format!("   {}", status.target), look.dim());
    }
}

fn progress(row: &mut Row, status: &Status, look: Look, wide: bool) {
    let (stage, past, whole) = status.stage();
    let (word, style) = match stage {
        Stage::Ramp => ("ramp", look.yellow()),
        Stage::Measured => ("measured", look.bold()),
        Stage::CoolDown => ("cool-down", look.bold()),
        Stage::Writing => ("writing report", look.bold()),
    };
    if stage == Stage::Writing {
        row.put(0, word, style);
        return;
    }
    // What is past and what is left add up, as they are shown.
    let left = clock(whole.saturating_sub(Duration::from_secs(past.as_secs())));
    let of = format!("  {} of {}", clock(past), clock(whole));
    let (start, blank) = if wide { (11, 17) } else { (10, 10) };
    let left = format!("{left} left");
    row.tail([Span::raw(of), Span::styled(format!("{left:>blank$}"), look.dim())]).put(0, word, style);
    let done = past.as_secs_f64() / whole.as_secs_f64().max(1e-9);
    row.put(start, "", Style::new());
    let (filled, rest) = look.bar(done, row.room());
    row.put(0, filled, if stage == Stage::Ramp { look.yellow() } else { look.blue() }).put(0, rest, look.dim());
}

/// The first of several ways to say who is there that fits: exact numbers far apart, then closer, then short ones.
fn people(row: &mut Row, status: &Status, look: Look, wide: bool) {
    let lead = if wide { "participants" } else { "" };
    type Way = (fn(u64) -> String, usize, bool);
    let ways: [Way; 5] = [(whole, 4, true), (whole, 3, false), (whole, 2, false), (short, 2, false), (short, 1, false)];
    let counts =
        [(status.in_room, "in room"), (status.joining, "joining"), (status.away, "away"), (status.failed, "failed")];
    for (at, (say, gap, arrived)) in ways.into_iter().enumerate() {
        let digits = say(status.planned).len().max(3);
        let mut spans = vec![Span::styled(lead, look.dim())];
        for (index, (count, name)) in counts.into_iter().enumerate() {
            let style = if index >= 2 && count > 0 { look.red() } else { look.bold() };
            let gap = if index == 0 { if wide { 2 } else { 0 } } else { gap };
            spans.push(Span::styled(format!("{:gap$}{:>digits$}", "", say(count)), style));
            spans.push(Span::styled(format!(" {name}"), look.dim()));
        }
        let tail = match arrived && wide {
            true => format!("  {} of {} arrived", say(status.arrived), say(status.planned)),
            false => format!("  of {}", say(status.planned)),
        };
        let width: usize = spans.iter().map(Span::width).sum();
        if width + tail.len() <= row.room() || at == ways.len() - 1 {
            row.at(0, spans).tail([Span::styled(tail, look.dim())]);
            return;
        }
    }
}

fn joins(row: &mut Row, status: &Status, look: Look, wide: bool) {
    let gap = if wide { 4 } else { 2 };
    row.put(0, "joins", look.dim()).put(if wide { 14 } else { 7 }, "", Style::new());
    for (name, value) in ["p50", "p95", "p99"].into_iter().zip(status.joins) {
        let value = format!("{:>7}", number(SECONDS, value));
        row.put(0, name, look.dim()).put(0, value, look.bold()).put(0, " ".repeat(gap), Style::new());
    }
    if wide {
        let (down, up) = (number(MANY, status.packets_down), number(MANY, status.packets_up));
        row.tail([
            Span::styled(down, look.bold()),
            Span::styled(" packets/s down, ", look.dim()),
            Span::styled(up, look.bold()),
            Span::styled(" up", look.dim()),
        ]);
    }
}

fn head(row: &mut Row, look: Look, width: u16) {
    let cells = cells(width);
    row.until(VALUE_END, [Span::styled("now", look.dim())]);
    row.put(CELLS_AT, format!("last {} s", cells as u64 * SECONDS_A_CELL), look.dim());
    if width >= WIDE {
        let column = cells as u16 + 36;
        row.put(column + 2, "thresholds so far", look.dim());
        row.until(column + 33, [Span::styled("value", look.dim())]).put(column + 35, "limit", look.dim());
    }
}

/// Cells of a trend at a width.
fn cells(width: u16) -> usize {
    match width {
        WIDE.. => usize::from(width.min(WIDEST) - WIDE) + 20,
        NARROW.. => 20,
        _ => 10,
    }
}

fn trend(row: &mut Row, status: &Status, look: Look, figure: Figure, width: u16, rungs: &mut Rungs) {
    let (name, ladder, trend, top): (_, Ladder, &Trend, f64) = match figure {
        Figure::Down => ("down", BITS, &status.down, 0.0),
        Figure::Up => ("up", BITS, &status.up, 0.0),
        Figure::Loss => ("loss", SHARE, &status.loss, 0.0),
        Figure::Jitter => ("jitter p95", SECONDS, &status.jitter, 0.0),
        Figure::Delay => ("delay p95", SECONDS, &status.delay, 0.0),
        Figure::Frozen => ("frozen", STREAMS, &status.frozen, 0.0),
        Figure::Cpu => ("SFU CPU", SHARE, &status.sfu_cpu, 1.0),
        Figure::Memory => ("SFU memory", BYTES, &status.sfu_memory, 0.0),
    };
    let kept = &mut rungs.0[figure as usize];
    *kept = trend.now.map(|now| rung(ladder, now, *kept)).or(*kept);
    let at = kept.unwrap_or(0);
    row.put(0, name, look.dim());
    let value = trend.now.map_or_else(|| "-".to_owned(), |now| in_rung(ladder, at, now));
    let (figure, unit) = value.split_once(' ').unwrap_or((&value, ""));
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    row.until(VALUE_END, [Span::styled(figure, look.bold()), Span::styled(unit, look.dim())]);
    let cells = cells(width);
    let (sparks, max) = look.trend(trend, cells, top);
    row.put(CELLS_AT, sparks, look.blue());
    let end = if width >= WIDE { CELLS_AT + cells as u16 + 9 } else { width };
    if let (Some(max), NARROW..) = (max, width) {
        let digits = in_rung(ladder, at, max);
        let digits = digits.split(' ').next().unwrap_or_default();
        let text = format!("max {digits}");
        let fits = text.len() < usize::from(end - CELLS_AT - cells as u16);
        row.until(end, [Span::styled(if fits { text } else { digits.to_owned() }, look.dim())]);
    }
}

/// Layout A: the threshold beside the trend of place `place` of `places`; the last place counts what does not fit.
fn beside_trend(row: &mut Row, status: &Status, look: Look, place: usize, places: usize, column: u16) {
    let ordered = ordered(&status.thresholds);
    if place + 1 == places && ordered.len() > places {
        put_rest(row, Counts::of_these(ordered[place..].iter().copied()), look, column);
    } else if let Some(threshold) = ordered.get(place) {
        put_threshold(row, threshold, look, column);
    }
}

fn near(row: &mut Row, status: &Status, look: Look) {
    let counts = Counts::of(&status.thresholds);
    let ordered = ordered(&status.thresholds);
    if ordered.is_empty() {
        row.put(0, "no thresholds", look.dim());
        return;
    }
    let near = format!("{} near", counts.near);
    row.put(0, "!", if counts.near > 0 { look.yellow() } else { look.dim() }).put(2, near, Style::new());
    if let Some(nearest) = ordered.iter().find(|one| one.standing >= Standing::Near) {
        if nearest.value == "-" || nearest.used == 0.0 {
            return;
        }
        let name =
            if nearest.of.is_empty() { nearest.metric.clone() } else { format!("{} {}", nearest.metric, nearest.of) };
        row.tail([
            Span::styled(&nearest.value, look.bold()),
            Span::styled(look.signs(&format!(" {}", nearest.limit)), look.dim()),
        ]);
        row.put(12, "nearest: ", look.dim());
        let room = row.room().saturating_sub(1);
        row.put(0, cut(&name, room), Style::new());
    }
}

fn held(row: &mut Row, status: &Status, look: Look) {
    let counts = Counts::of(&status.thresholds);
    let (sign, style, _) = look.standing(Standing::Held);
    if counts.held + counts.near + counts.missed + counts.too_few == 0 {
        return;
    }
    row.put(0, sign, style).put(2, format!("{} hold", counts.held), Style::new());
    if counts.too_few > 0 {
        let has = if counts.too_few == 1 { "has" } else { "have" };
        row.put(12, "?", look.magenta()).put(14, format!("{} {has} too few samples", counts.too_few), Style::new());
    }
}

fn generator(row: &mut Row, status: &Status, look: Look, wide: bool) {
    let generator = &status.generator;
    let plain = if generator.exceeded { look.magenta() } else { Style::new() };
    let dim = if generator.exceeded { look.magenta() } else { look.dim() };
    let word = match (generator.exceeded, wide) {
        (false, _) => "healthy",
        (true, true) => "TOO SLOW, this run will be INVALID",
        (true, false) => "TOO SLOW: INVALID",
    };
    row.put(0, "generator", dim).put(if wide { 14 } else { 10 }, word, plain);
    let gap = if wide && !generator.exceeded { "    " } else { "  " };
    let (late, core) = if wide { ("late p99 ", "busiest core ") } else { ("late ", "core ") };
    let late_value = of_limit(generator.late_p99, generator.late_limit, 1e3, "ms");
    let core_value = of_limit(generator.busiest, generator.busiest_limit, 1e2, "%");
    let mut spans = vec![
        Span::raw(gap),
        Span::styled(late, dim),
        Span::styled(late_value, plain),
        Span::raw(gap),
        Span::styled(core, dim),
        Span::styled(core_value, plain),
    ];
    if wide {
        spans.extend([Span::raw(gap), Span::styled("kernel drops ", dim), Span::styled(whole(generator.drops), plain)]);
    }
    row.at(0, spans);
}

/// `0.60 of 2 ms`.
fn of_limit(value: Option<f64>, limit: Option<f64>, per: f64, unit: &str) -> String {
    let value = value.map_or_else(|| "-".to_owned(), |value| digits(value * per));
    match limit {
        Some(limit) => format!("{value} of {} {unit}", exact(limit * per, "1")),
        None => format!("{value} {unit}"),
    }
}

fn event(row: &mut Row, status: &Status, look: Look, wide: bool, keys: bool) {
    if !keys {
        let (text, style) = match status.ending {
            Some(ending) => (format!("  ending, {} s", ending.left.as_secs()), look.yellow()),
            None => ("  ^C: end".to_owned(), look.dim()),
        };
        row.tail([Span::styled(text, style)]);
    }
    let Some(event) = &status.event else { return };
    let style = if event.on { look.yellow() } else { Style::new() };
    let at = clock(event.at.saturating_since(crate::clock::Instant::ZERO));
    let more = if event.more > 0 { format!(" and {} more", event.more) } else { String::new() };
    let gap = if wide { "   " } else { " " };
    row.put(0, format!("{at}{gap}"), look.dim());
    let room = row.room();
    row.put(0, cut(&format!("{}{more}", event.text), room), style);
}

fn keys(row: &mut Row, status: &Status, look: Look) {
    match status.ending {
        Some(ending) => {
            let (people, left) = (whole(ending.participants), ending.left.as_secs());
            row.put(0, format!("ending: {people} participants leave, {left} s"), look.yellow());
        }
        None => {
            row.put(0, "Ctrl-C ends the run and writes its report; a second one leaves at once", look.dim());
        }
    }
}
