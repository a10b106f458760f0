//! Frame delay over time, every frame: a cell's shade is its share of the frames of its column.
//!
//! Eleven rows a decade; columns of at least 8 px. A column of fewer than twenty frames shows each as a dot. The rows
//! follow the sparse histograms, whose buckets are finer (1.6 %) than a row (23 %).

use super::frame::{FOOT, Frame, HEAD};
use crate::metrics::catalog::Metric;
use crate::metrics::sparse;
use crate::outcome::Labels;
use crate::report::draw::advance::spread;
use crate::report::draw::{Anchor, Canvas, Drawing, Face, Role, Scale, draw, scale};
use crate::report::facts::{Facts, over_time};
use crate::report::number::{clock, count, fixed, seconds};

const DECADE: f64 = 11.0;
const PLOT: f64 = 170.0;
const FEW: u64 = 20;
/// Lower bounds of the shades, share of a column.
pub const SHADES: [f64; 6] = [0.003, 0.01, 0.03, 0.08, 0.16, 0.28];

/// One column: when, and its delays in seconds with their counts.
struct Column {
    from: f64,
    until: f64,
    cells: Vec<(u32, u32)>,
}

impl Column {
    fn frames(&self) -> u64 {
        self.cells.iter().map(|(_, n)| u64::from(*n)).sum()
    }

    fn quantile(&self, q: f64) -> Option<f64> {
        sparse::quantile(&self.cells, q).filter(|_| !self.cells.is_empty()).map(|v| v.max(1.0) * unit())
    }
}

fn unit() -> f64 {
    Metric::DelayFrame.spec().unit.scale()
}

fn row_of(bucket: u32) -> i32 {
    libm::floor(libm::log10(sparse::value_of(bucket).max(1.0) * unit()) * DECADE) as i32
}

fn row_edge(row: i32) -> f64 {
    libm::pow(10.0, f64::from(row) / DECADE)
}

/// Length of a column in seconds for a plot of `room` px.
#[must_use]
pub fn column_length(facts: &Facts, room: f64) -> f64 {
    const STEPS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0];
    let times = &facts.times;
    // Short runs get finer columns than 5 s, so that there is something to see.
    let wanted = if times.end >= 150.0 { 5.0 } else { 1.0 };
    let least = (times.end * 8.0 / room).max(wanted).max(times.interval);
    STEPS.into_iter().find(|s| *s >= least).unwrap_or(least)
}

/// The time and p95 of the worst column of `length` seconds.
#[must_use]
pub fn worst(facts: &Facts, length: f64) -> Option<(f64, f64)> {
    let list = columns(facts, length);
    let levels = list.iter().filter(|c| c.frames() >= FEW).filter_map(|c| c.quantile(0.95).map(|v| (c.from, v)));
    levels.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn columns(facts: &Facts, length: f64) -> Vec<Column> {
    let Some(series) = over_time::series(facts.outcome, Metric::DelayFrame.name(), &Labels::new()) else {
        return Vec::new();
    };
    let interval = facts.times.interval;
    let per = (length / interval).round().max(1.0) as usize;
    series
        .histograms
        .chunks(per)
        .enumerate()
        .map(|(i, chunk)| {
            let mut cells = Vec::new();
            chunk.iter().for_each(|h| sparse::merge(&mut cells, h));
            let from = (i * per) as f64 * interval;
            Column { from, until: (from + per as f64 * interval).min(facts.times.end), cells }
        })
        .filter(|c| !c.cells.is_empty())
        .collect()
}

/// Draws it.
#[must_use]
pub fn heat(facts: &Facts, width: f64) -> Drawing {
    let frame = Frame::new(&facts.times, width, 38.0, if width > 700.0 { 60.0 } else { 54.0 });
    let length = column_length(facts, frame.right - frame.left);
    let columns = columns(facts, length);
    let rows = columns.iter().flat_map(|c| &c.cells).map(|(bucket, _)| row_of(*bucket));
    let (low, high) = rows.fold((i32::MAX, i32::MIN), |(l, h), r| (l.min(r), h.max(r)));
    let (low, high) = if low > high { (-22, 0) } else { (low, high.max(low + 5)) };
    let title = if frame.wide { 0.0 } else { 22.0 };
    let (top, bottom) = (HEAD + title, HEAD + title + PLOT);
    let y = Scale::log(row_edge(low), row_edge(high + 1), bottom, top);
    draw(width, bottom + FOOT, |canvas| {
        frame.head(canvas);
        frame.shade(canvas, top, bottom);
        heading(canvas, &frame, top);
        ticks(canvas, &frame, y, row_edge(low), row_edge(high + 1));
        columns.iter().for_each(|column| cells(canvas, &frame, y, column));
        lines(canvas, &frame, y, &columns, (top, bottom), limit(facts));
        canvas.line((frame.left, bottom), (frame.right, bottom), 1.0, Role::Rule);
        frame.foot(canvas, bottom);
        if columns.is_empty() {
            let middle = (frame.left + frame.right) / 2.0;
            let text = "no stamped frame arrived";
            canvas.text(middle, (top + bottom) / 2.0, Anchor::Middle, text, Face::QUIET);
        }
        columns.iter().for_each(|column| tip(canvas, &frame, column, top, bottom));
    })
}

fn heading(canvas: &mut Canvas, frame: &Frame, top: f64) {
    let (title, unit) = ("Frame delay", "ms, log scale");
    if frame.wide {
        canvas.text(0.0, top + 8.0, Anchor::Start, title, Face::HEAVY);
        canvas.text(0.0, top + 24.0, Anchor::Start, unit, Face::QUIET);
    } else {
        canvas.text(0.0, top - 13.0, Anchor::Start, title, Face::HEAVY);
        canvas.text(Face::HEAVY.width(title) + 8.0, top - 13.0, Anchor::Start, unit, Face::QUIET);
    }
}

fn ticks(canvas: &mut Canvas, frame: &Frame, y: Scale, low: f64, high: f64) {
    for value in scale::decades(low, high, 9) {
        let at = y.at(value);
        canvas.line((frame.left, at), (frame.right, at), 1.0, Role::Grid);
        let ms = value * 1e3;
        canvas.text(frame.left - 6.0, at, Anchor::End, &fixed(ms, scale::decimals_of(ms)), Face::QUIET);
    }
}

fn cells(canvas: &mut Canvas, frame: &Frame, y: Scale, column: &Column) {
    let (x0, x1) = (frame.x.at(column.from), frame.x.at(column.until));
    let frames = column.frames();
    if frames < FEW {
        for (bucket, _) in &column.cells {
            let value = sparse::value_of(*bucket).max(1.0) * unit();
            canvas.dot((x0 + x1) / 2.0, y.at(value), 1.6, Role::S1);
        }
        return;
    }
    let mut shades: Vec<(i32, u8)> = Vec::new();
    let mut rows: Vec<(i32, u64)> = Vec::new();
    for (bucket, n) in &column.cells {
        match rows.last_mut() {
            Some((row, sum)) if *row == row_of(*bucket) => *sum += u64::from(*n),
            _ => rows.push((row_of(*bucket), u64::from(*n))),
        }
    }
    for (row, n) in rows {
        let share = n as f64 / frames as f64;
        if let Some(shade) = SHADES.iter().rposition(|bound| share >= *bound) {
            shades.push((row, shade as u8));
        }
    }
    // Equal neighbours are one rectangle: half the page's size.
    for run in shades.chunk_by(|a, b| a.1 == b.1 && b.0 == a.0 + 1) {
        let (bottom, top) = (y.at(row_edge(run[0].0)), y.at(row_edge(run[run.len() - 1].0 + 1)));
        canvas.rect(x0, top, x1 - x0, bottom - top, Role::Heat(run[0].1));
    }
}

fn limit(facts: &Facts) -> Option<f64> {
    let is = |j: &&crate::report::facts::judged::Judged| {
        j.outcome.metric == "delay.frame" && j.outcome.filter.is_empty() && j.quantile == Some(0.95)
    };
    facts.judged.iter().find(is).map(|j| j.outcome.limit)
}

fn lines(canvas: &mut Canvas, frame: &Frame, y: Scale, columns: &[Column], span: (f64, f64), limit: Option<f64>) {
    let (top, bottom) = span;
    let mut ends = Vec::new();
    for (q, name) in [(0.95, "p95"), (0.5, "p50")] {
        let middle = |c: &Column| (frame.x.at(c.from) + frame.x.at(c.until)) / 2.0;
        let full = columns.iter().filter(|c| c.frames() >= FEW);
        let points: Vec<_> = full.filter_map(|c| c.quantile(q).map(|v| (c.until, middle(c), y.at(v)))).collect();
        // A gap in time is a gap in the line.
        for run in points.chunk_by(|a, b| (b.1 - a.1) < 1.6 * (frame.x.at(a.0) - a.1).max(1.0) * 2.0) {
            let run: Vec<_> = run.iter().map(|&(_, x, y)| (x, y)).collect();
            canvas.path(&run, 4.0, Role::Paper);
            canvas.path(&run, 1.4, Role::Ink);
        }
        if let Some(&(_, _, end)) = points.last() {
            ends.push((end, name, Face::PLAIN));
        }
    }
    if let Some(at) = limit.map(|l| y.at(l)).filter(|at| *at >= top && *at <= bottom) {
        canvas.line((frame.left, at), (frame.right, at), 1.0, Role::Limit);
        ends.push((at, "limit p95", Face::QUIET));
    }
    let places = spread(&ends.iter().map(|e| e.0).collect::<Vec<_>>(), 14.0, top + 6.0, bottom - 2.0);
    for ((_, name, face), place) in ends.into_iter().zip(places) {
        canvas.text(frame.right + 6.0, place, Anchor::Start, name, face);
    }
}

fn tip(canvas: &mut Canvas, frame: &Frame, column: &Column, top: f64, bottom: f64) {
    let (x0, x1) = (frame.x.at(column.from), frame.x.at(column.until));
    let level = |q| column.quantile(q).map_or_else(|| "none".to_owned(), seconds);
    let text = format!(
        "{} to {}\n{} frames\np50 {}, p95 {}",
        clock(column.from),
        clock(column.until),
        count(column.frames()),
        level(0.5),
        level(0.95)
    );
    canvas.tip(x0, top, x1 - x0, bottom - top, &text);
}
