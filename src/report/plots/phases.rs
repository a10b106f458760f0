//! Join phases: where does the time go? A row a quantile, its parts the mean of the joins around it, scaled to it.
//!
//! A quantile of a phase is nowhere added to another's: such a sum is no quantile. Below twenty joins a row is a join.

use crate::report::draw::advance::cut;
use crate::report::draw::{Anchor, Canvas, Drawing, Face, Role, Scale, draw, scale};
use crate::report::facts::Facts;
use crate::report::facts::joins::{Parts, phases_of};
use crate::report::number::{Quantity, THIN, count, fixed, percent};

/// Below this many joins each one is a row.
pub const SINGLE: u64 = 20;
const ROW: f64 = 24.0;
const BAR: f64 = 17.0;
const QUANTILES: [(f64, &str); 5] = [(0.5, "p50"), (0.75, "p75"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")];

/// A row: its name and its parts, or what is said instead.
#[derive(Clone, Debug)]
pub struct Row {
    /// `p95`, or the participant.
    pub name: String,
    /// Parts.
    pub parts: Result<Parts, String>,
}

/// The rows of the plot, also for its table.
#[must_use]
pub fn rows(facts: &Facts) -> Vec<Row> {
    let joins = &facts.joins;
    let mut rows: Vec<Row> = if joins.len() >= SINGLE {
        QUANTILES
            .iter()
            .map(|&(q, name)| {
                let words = || joins.level(q).write(Quantity::Seconds, facts.deadline);
                Row { name: name.to_owned(), parts: joins.parts(q).ok_or_else(words) }
            })
            .collect()
    } else {
        let parts = |total: f64, phases| Ok(Parts { total, phases });
        let row = |p: &&crate::outcome::ParticipantDetail| Row {
            name: p.name.clone(),
            parts: parts(p.join_total.unwrap_or(0.0), phases_of(p)),
        };
        joins.joined.iter().map(row).collect()
    };
    let failed = joins.failed.len();
    if failed > 0 {
        let share = percent(failed as f64 / joins.len() as f64);
        let text = format!("{} never joined, {share}", count(failed as u64));
        rows.push(Row { name: "failed".to_owned(), parts: Err(text) });
    }
    rows
}

/// Draws it.
#[must_use]
pub fn phases(facts: &Facts, width: f64) -> Drawing {
    let rows = rows(facts);
    let most = rows.iter().filter_map(|r| r.parts.as_ref().ok()).map(|p| p.total).fold(0.0, f64::max);
    let in_ms = most < 1.0;
    let factor = if in_ms { 1e3 } else { 1.0 };
    let names: Vec<String> = rows.iter().map(|r| cut(&r.name, 12.0, false, 96.0)).collect();
    let left = names.iter().map(|n| Face::PLAIN.width(n)).fold(24.0, f64::max) + 8.0;
    let right = width - 64.0;
    let bottom = ROW * rows.len().max(3) as f64 + 4.0;
    let ticks = scale::from_zero(most * factor, if width > 400.0 { 5 } else { 3 });
    let x = Scale::linear(0.0, ticks.end / factor, left, right);
    draw(width, bottom + 40.0, |canvas| {
        for value in &ticks.at {
            let at = x.at(value / factor);
            canvas.line((at, 0.0), (at, bottom), 1.0, if *value == 0.0 { Role::Rule } else { Role::Grid });
            canvas.text(at, bottom + 11.0, Anchor::Middle, &fixed(*value, ticks.decimals), Face::QUIET);
        }
        let unit = if in_ms { "ms" } else { "seconds" };
        let title = format!("time from the intended arrival, {unit}");
        let at = left.min(width - Face::QUIET.width(&title));
        canvas.text(at, bottom + 30.0, Anchor::Start, &title, Face::QUIET);
        for (i, (row, name)) in rows.iter().zip(&names).enumerate() {
            let y = ROW * i as f64 + ROW / 2.0;
            canvas.text(left - 8.0, y, Anchor::End, name, Face::PLAIN);
            match &row.parts {
                Ok(parts) => bar(canvas, parts, x, y, factor),
                Err(text) => canvas.text(left + 6.0, y, Anchor::Start, text, Face::QUIET),
            }
        }
        if rows.is_empty() {
            canvas.text((left + right) / 2.0, bottom / 2.0, Anchor::Middle, "nobody was to join", Face::QUIET);
        }
    })
}

fn bar(canvas: &mut Canvas, parts: &Parts, x: Scale, y: f64, factor: f64) {
    let mut from = 0.0;
    for (i, part) in parts.phases.iter().enumerate() {
        let (x0, x1) = (x.at(from), x.at(from + part));
        from += part;
        canvas.rect(x0, y - BAR / 2.0, (x1 - x0 - 0.5).max(0.0), BAR, Role::Phase(i as u8));
        let text = fixed(part * factor, if factor > 1.0 { 0 } else { 2 });
        let role = if matches!(i, 1 | 6) { Role::OnDark } else { Role::OnLight };
        let face = Face { size: 11.0, bold: false, role };
        if face.width(&text) + 8.0 < x1 - x0 {
            canvas.text((x0 + x1) / 2.0, y, Anchor::Middle, &text, face);
        }
    }
    let total = if factor > 1.0 {
        format!("{}{THIN}ms", fixed(parts.total * factor, 0))
    } else {
        format!("{}{THIN}s", fixed(parts.total, 2))
    };
    canvas.text(x.at(parts.total) + 6.0, y, Anchor::Start, &total, Face::HEAVY);
}
