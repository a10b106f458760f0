//! Strips: when did it happen? Small plots one below the other over one time axis.
//!
//! Gaps stay gaps. Where there are more intervals than px, a bin keeps its smallest and its largest value, so no spike
//! is lost. A strip without data keeps its frame and says what was looked at.

use super::frame::{FOOT, Frame, HEAD, WIDE};
use crate::report::draw::advance::spread;
use crate::report::draw::{Anchor, Canvas, Drawing, Face, Role, Scale, draw, scale};
use crate::report::facts::over_time::{Line, peak};
use crate::report::facts::times::Times;
use crate::report::number::{clock, count, fixed, significant};

const HEIGHT: f64 = 64.0;
const BINS: usize = 420;

/// How the lines of a strip are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One line each.
    Lines,
    /// p50, p95, p99 as a line with two bands.
    Bands,
    /// One filled line.
    Area,
}

/// One line with the label at its right end.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Label.
    pub label: String,
    /// Values in the strip's unit.
    pub line: Line,
    /// Colour.
    pub role: Role,
}

/// One strip.
#[derive(Clone, Debug)]
pub struct Strip {
    /// Title.
    pub title: &'static str,
    /// Unit, below the title.
    pub unit: &'static str,
    /// How it is drawn.
    pub shape: Shape,
    /// Its lines; for bands p50, p95, p99.
    pub traces: Vec<Trace>,
    /// End of the y axis at least.
    pub top: f64,
    /// Unit after the largest value, which is then written.
    pub peak: Option<&'static str>,
    /// Whether its values come whole.
    pub whole: bool,
    /// What is written when there is nothing.
    pub empty: &'static str,
    /// What is written when it was 0 throughout.
    pub none: &'static str,
}

impl Strip {
    fn known(&self) -> bool {
        self.traces.iter().any(|t| t.line.iter().any(Option::is_some))
    }

    fn most(&self) -> f64 {
        let tops = self.traces.iter().filter_map(|t| peak(&t.line)).map(|(_, v)| v);
        tops.fold(self.top, f64::max)
    }

    fn ticks(&self) -> scale::Ticks {
        if self.whole { scale::whole_from_zero(self.most(), 3) } else { scale::from_zero(self.most(), 3) }
    }
}

/// A trace.
#[must_use]
pub fn trace(label: impl Into<String>, line: Line, role: Role) -> Trace {
    Trace { label: label.into(), line, role }
}

/// Draws the strips below one another.
#[must_use]
pub fn strips(times: &Times, width: f64, list: &[Strip]) -> Drawing {
    let beside = |s: &&Strip| width >= WIDE || s.traces.len() > 1;
    let faces = list.iter().filter(beside).flat_map(|s| s.traces.iter()).map(|t| Face::QUIET.width(&t.label));
    let labels = faces.fold(0.0, f64::max);
    let ticks = list.iter().map(|s| s.ticks()).flat_map(|t| tick_texts(&t)).map(|t| Face::QUIET.width(&t));
    let frame = Frame::new(times, width, ticks.fold(0.0, f64::max), labels);
    let (title, gap) = if frame.wide { (0.0, 24.0) } else { (22.0, 12.0) };
    let each = title + HEIGHT + gap;
    let height = HEAD + each * list.len() as f64 - gap + FOOT;
    draw(width, height, |canvas| {
        frame.head(canvas);
        let bottom = height - FOOT;
        for (i, strip) in list.iter().enumerate() {
            let top = HEAD + each * i as f64 + title;
            frame.shade(canvas, top, top + HEIGHT);
            frame.grid(canvas, top, top + HEIGHT);
            paint(canvas, &frame, strip, top);
        }
        frame.foot(canvas, bottom);
        frame.tips(canvas, HEAD, bottom, |range| tip(list, range));
    })
}

fn tick_texts(ticks: &scale::Ticks) -> Vec<String> {
    ticks.at.iter().map(|v| fixed(*v, ticks.decimals)).collect()
}

fn paint(canvas: &mut Canvas, frame: &Frame, strip: &Strip, top: f64) {
    let ticks = strip.ticks();
    let y = Scale::linear(0.0, ticks.end, top + HEIGHT, top);
    titles(canvas, frame, strip, top);
    for (value, text) in ticks.at.iter().zip(tick_texts(&ticks)) {
        canvas.line((frame.left, y.at(*value)), (frame.right, y.at(*value)), 1.0, Role::Grid);
        canvas.text(frame.left - 6.0, y.at(*value), Anchor::End, &text, Face::QUIET);
    }
    canvas.line((frame.left, top + HEIGHT), (frame.right, top + HEIGHT), 1.0, Role::Rule);
    if !strip.known() {
        let middle = (frame.left + frame.right) / 2.0;
        canvas.text(middle, top + HEIGHT / 2.0, Anchor::Middle, strip.empty, Face::QUIET);
        return;
    }
    match strip.shape {
        Shape::Lines => lines(canvas, frame, strip, y),
        Shape::Bands => bands(canvas, frame, strip, y),
        Shape::Area => area(canvas, frame, &strip.traces[0], y),
    }
    labels(canvas, frame, strip, y, top);
    if let Some(unit) = strip.peak {
        note(canvas, frame, strip, y, top, unit);
    }
}

fn titles(canvas: &mut Canvas, frame: &Frame, strip: &Strip, top: f64) {
    if frame.wide {
        canvas.text(0.0, top + 8.0, Anchor::Start, strip.title, Face::HEAVY);
        canvas.text(0.0, top + 24.0, Anchor::Start, strip.unit, Face::QUIET);
        return;
    }
    canvas.text(0.0, top - 13.0, Anchor::Start, strip.title, Face::HEAVY);
    let x = Face::HEAVY.width(strip.title) + 6.0;
    canvas.text(x, top - 13.0, Anchor::Start, strip.unit, Face::QUIET);
    // There is no room within the plot: the one figure stands in the line of the title.
    let figure = match (strip.peak, highest(strip)) {
        (Some(unit), Some(peak)) if peak.1 > 0.0 => peak_text(frame, strip, peak, unit),
        (None, _) if strip.traces.len() == 1 => strip.traces[0].label.clone(),
        _ => return,
    };
    canvas.text(frame.width, top - 13.0, Anchor::End, &figure, Face::PLAIN);
}

/// The highest value of a strip: interval, value, and the trace it is of.
fn highest(strip: &Strip) -> Option<(usize, f64, &Trace)> {
    let peaks = strip.traces.iter().filter_map(|t| peak(&t.line).map(|(i, v)| (i, v, t)));
    peaks.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn peak_text(frame: &Frame, strip: &Strip, (i, value, trace): (usize, f64, &Trace), unit: &str) -> String {
    let which = if strip.shape == Shape::Bands { trace.label.as_str() } else { "peak" };
    format!("{which} {}{unit} at {}", figure(strip, value), clock(i as f64 * frame.times.interval))
}

fn lines(canvas: &mut Canvas, frame: &Frame, strip: &Strip, y: Scale) {
    for trace in &strip.traces {
        for run in runs(frame, &trace.line) {
            let points: Vec<_> = run.iter().flat_map(|&(x, low, high)| [(x, y.at(low)), (x, y.at(high))]).collect();
            let width = if trace.role == Role::Ink { 1.75 } else { 1.4 };
            canvas.path(&points, width, trace.role);
            if run.len() == 1 {
                canvas.dot(points[0].0, points[0].1, 1.4, trace.role);
            }
        }
    }
}

fn bands(canvas: &mut Canvas, frame: &Frame, strip: &Strip, y: Scale) {
    let [p50, p95, p99] = [0, 1, 2].map(|i| &strip.traces[i].line);
    for (low, high, role) in [(p95, p99, Role::Band99), (p50, p95, Role::Band95)] {
        let (low, high) = (runs(frame, low), runs(frame, high));
        for (low, high) in low.iter().zip(&high) {
            let upper = high.iter().map(|&(x, _, top)| (x, y.at(top)));
            let lower = low.iter().rev().map(|&(x, bottom, _)| (x, y.at(bottom)));
            let mut outline: Vec<_> = upper.chain(lower).collect();
            if let [(x, a), (_, b)] = outline[..] {
                outline = vec![(x - 1.0, a), (x + 1.0, a), (x + 1.0, b), (x - 1.0, b)];
            }
            canvas.area(&outline, role);
        }
    }
    let only = Strip { traces: vec![Trace { role: Role::S1, ..strip.traces[0].clone() }], ..strip.clone() };
    lines(canvas, frame, &only, y);
}

fn area(canvas: &mut Canvas, frame: &Frame, trace: &Trace, y: Scale) {
    let half = (frame.right - frame.left) / trace.line.len().clamp(1, BINS) as f64 / 2.0;
    for run in runs(frame, &trace.line) {
        let base = y.at(0.0);
        let mut points = Vec::with_capacity(run.len() * 2 + 2);
        for &(x, _, high) in &run {
            points.extend([(x - half, y.at(high)), (x + half, y.at(high))]);
        }
        let (first, last) = (points[0].0, points[points.len() - 1].0);
        points.extend([(last, base), (first, base)]);
        canvas.area(&points, trace.role);
    }
    lines_at_zero(canvas, frame, trace, y);
}

/// A flat line where the value is 0: it was looked at.
fn lines_at_zero(canvas: &mut Canvas, frame: &Frame, trace: &Trace, y: Scale) {
    for run in runs(frame, &trace.line) {
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        canvas.line((first, y.at(0.0)), (last, y.at(0.0)), 1.4, trace.role);
    }
}

/// Pieces without a gap: x, smallest and largest of each bin.
fn runs(frame: &Frame, line: &Line) -> Vec<Vec<(f64, f64, f64)>> {
    let room = ((frame.right - frame.left) as usize).clamp(1, BINS);
    let per = line.len().div_ceil(room).max(1);
    let mut out: Vec<Vec<(f64, f64, f64)>> = vec![Vec::new()];
    for (i, bin) in line.chunks(per).enumerate() {
        let known = bin.iter().flatten().copied();
        let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            out.push(Vec::new());
            continue;
        }
        let x = (frame.middle(i * per) + frame.middle(i * per + bin.len() - 1)) / 2.0;
        out.last_mut().expect("begins with one").push((x, low, high));
    }
    out.retain(|run| !run.is_empty());
    out
}

fn labels(canvas: &mut Canvas, frame: &Frame, strip: &Strip, y: Scale, top: f64) {
    // From the last on: where lines end together, p99 stands above p50.
    let beside = frame.wide || strip.traces.len() > 1;
    let known = strip.traces.iter().rev().filter(|t| beside && !t.label.is_empty());
    let shown: Vec<(&Trace, f64)> = known.filter_map(|t| level(frame.times, &t.line).map(|v| (t, y.at(v)))).collect();
    let ends: Vec<f64> = shown.iter().map(|s| s.1).collect();
    let places = spread(&ends, 13.0, top + 5.0, top + HEIGHT - 1.0);
    for ((trace, _), place) in shown.iter().zip(places) {
        let role = match trace.role {
            Role::Ink | Role::S1 | Role::S2 | Role::S3 | Role::Bad => trace.role,
            _ => Role::Ink2,
        };
        canvas.text(frame.right + 6.0, place, Anchor::Start, &trace.label, Face::QUIET.in_role(role));
    }
}

/// Where a line stood at the end of the measured window, else at its own end.
fn level(times: &Times, line: &Line) -> Option<f64> {
    let measured = line.iter().enumerate().rev().filter(|(i, _)| times.is_measured(*i)).find_map(|(_, v)| *v);
    measured.or_else(|| line.iter().rev().find_map(|v| *v))
}

fn note(canvas: &mut Canvas, frame: &Frame, strip: &Strip, y: Scale, top: f64, unit: &str) {
    let Some((i, value, trace)) = highest(strip) else { return };
    if value == 0.0 {
        let middle = (frame.left + frame.right) / 2.0;
        canvas.text(middle, top + HEIGHT - 12.0, Anchor::Middle, strip.none, Face::QUIET);
        return;
    }
    let (x, height) = (frame.middle(i), y.at(value));
    canvas.dot(x, height, 2.25, Role::Ink);
    if !frame.wide {
        return;
    }
    let text = peak_text(frame, strip, (i, value, trace), unit);
    let level = height.max(top + 7.0);
    if x - 7.0 - Face::PLAIN.width(&text) > frame.left {
        canvas.text(x - 7.0, level, Anchor::End, &text, Face::PLAIN);
    } else {
        canvas.text(x + 7.0, level, Anchor::Start, &text, Face::PLAIN);
    }
}

fn figure(strip: &Strip, value: f64) -> String {
    if strip.whole { count(value as u64) } else { significant(value, 2) }
}

fn tip(list: &[Strip], range: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    for strip in list {
        let values: Vec<String> = strip
            .traces
            .iter()
            .filter_map(|trace| {
                let known: Vec<f64> = trace.line.get(range.clone())?.iter().flatten().copied().collect();
                let top = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                // A line that stands alone is labelled with a figure, which the title makes needless here.
                let word = if strip.traces.len() > 1 { trace.label.as_str() } else { "" };
                (!known.is_empty()).then(|| format!("{word} {}", figure(strip, top)).trim().to_owned())
            })
            .collect();
        if !values.is_empty() {
            text += &format!("{}, {}, at most: {}\n", strip.title, strip.unit, values.join(", "));
        }
    }
    text
}
