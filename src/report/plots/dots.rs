//! Groups beside one another: a dot is the value, its bar the 95 % interval, an upright tick that row's limit.

use crate::report::draw::advance::cut;
use crate::report::draw::{Anchor, Canvas, Drawing, Face, Role, Scale, draw, scale};
use crate::report::facts::groups::{Panel, Row};
use crate::report::facts::level::Level;
use crate::report::number::{Quantity, THIN, count, decimals, fixed};

/// Width of a panel, px.
pub const WIDTH: f64 = 352.0;
const ROW: f64 = 24.0;
const HEAD: f64 = 40.0;
const NAMES: f64 = 92.0;

/// One unit for the whole panel.
#[derive(Clone, Copy)]
struct Unit {
    factor: f64,
    name: &'static str,
    suffix: &'static str,
}

fn unit(panel: &Panel, most: f64) -> Unit {
    match panel.quantity {
        Quantity::Seconds if most < 1.0 => Unit { factor: 1e3, name: "ms", suffix: "ms" },
        Quantity::Seconds => Unit { factor: 1.0, name: "seconds", suffix: "s" },
        Quantity::Share => Unit { factor: 100.0, name: "%", suffix: "%" },
        _ => Unit { factor: 1.0, name: "", suffix: "" },
    }
}

/// Draws one panel.
#[must_use]
pub fn dots(panel: &Panel, deadline: Option<f64>) -> Drawing {
    let ends = |r: &Row| [r.level.value(), r.interval.map(|i| i.1), r.limit];
    let most = panel.rows.iter().flat_map(ends).flatten().fold(0.0, f64::max);
    let unit = unit(panel, most);
    let bottom = HEAD + ROW * panel.rows.len() as f64;
    let ticks = scale::from_zero(most * unit.factor, 3);
    let (left, right) = (NAMES + 12.0, WIDTH - 84.0);
    let x = Scale::linear(0.0, ticks.end / unit.factor, left, right);
    let values = panel.rows.iter().filter_map(|r| r.level.value()).fold(0.0, f64::max) * unit.factor;
    let places = decimals(values, 2);
    draw(WIDTH, bottom + 24.0, |canvas| {
        canvas.text(0.0, 8.0, Anchor::Start, panel.title, Face::HEAVY);
        let separator = if panel.quantity == Quantity::Share { " " } else { ", " };
        canvas.text(0.0, 24.0, Anchor::Start, &format!("{}{separator}{}", unit.name, panel.over), Face::QUIET);
        if most > 0.0 {
            for value in &ticks.at {
                let at = x.at(value / unit.factor);
                canvas.line((at, HEAD), (at, bottom), 1.0, if *value == 0.0 { Role::Rule } else { Role::Grid });
                canvas.text(at, bottom + 12.0, Anchor::Middle, &fixed(*value, ticks.decimals), Face::QUIET);
            }
        } else if panel.rows.iter().any(|r| r.level.value().is_some()) {
            canvas.line((left, HEAD), (left, bottom), 1.0, Role::Rule);
            canvas.text(left, bottom + 12.0, Anchor::Middle, "0", Face::QUIET);
        }
        for (i, row) in panel.rows.iter().enumerate() {
            paint(canvas, row, x, HEAD + ROW * (i as f64 + 0.5), unit, places, deadline);
        }
    })
}

fn paint(canvas: &mut Canvas, row: &Row, x: Scale, y: f64, unit: Unit, places: usize, deadline: Option<f64>) {
    let name_face = if row.is_all { Face::HEAVY } else { Face::PLAIN };
    canvas.text(0.0, y, Anchor::Start, &cut(&row.name, 12.0, row.is_all, NAMES), name_face);
    let Level::Value(value) = row.level else {
        let text = match row.level {
            Level::TooFew(have, need) => format!("n too small, {} of {}", count(have), count(need)),
            level => level.write(Quantity::Seconds, deadline),
        };
        canvas.text(x.at(0.0) + 8.0, y, Anchor::Start, &text, Face::QUIET);
        return;
    };
    let role = match (row.missed, row.is_all) {
        (true, _) => Role::Bad,
        (_, true) => Role::Ink,
        _ => Role::S1,
    };
    if let Some((low, high)) = row.interval {
        canvas.line((x.at(low), y), (x.at(high), y), 2.0, role);
    }
    if let Some(limit) = row.limit {
        canvas.line((x.at(limit), y - 8.0), (x.at(limit), y + 8.0), 1.5, Role::Ink);
    }
    canvas.dot(x.at(value), y, 4.0, role);
    let text = text(value * unit.factor, places);
    let face = if row.missed { Face::HEAVY } else { Face::PLAIN };
    canvas.text(WIDTH - 2.0, y, Anchor::End, &format!("{text}{THIN}{}", unit.suffix), face);
}

/// Decimals alike down the panel, and 0 only for nothing.
fn text(value: f64, places: usize) -> String {
    let least = libm::pow(10.0, -(places as f64));
    match value {
        0.0 => "0".to_owned(),
        v if v < least / 2.0 => format!("<{THIN}{least:.places$}"),
        v => fixed(v, places),
    }
}
