//! The distribution of join times on a percentile axis: how does the tail look, and for whom?
//!
//! x = −log10(1 − p). A line is dotted where its sample is too small for the quantile (p beyond 0.025^(1/n)), and ends
//! where the failed joins begin. The band is the 95 % interval of everything by order statistics.

use super::phases::SINGLE;
use crate::outcome::ParticipantDetail;
use crate::report::draw::advance::{cut, spread};
use crate::report::draw::{Anchor, Canvas, Drawing, Face, Role, Scale, draw, scale};
use crate::report::facts::Facts;
use crate::report::facts::groups::By;
use crate::report::facts::joins::Joins;
use crate::report::facts::level::interval;
use crate::report::number::{fixed, things};

/// Most networks with a line of their own.
pub const LINES: usize = 4;
const POINTS: usize = 110;
const TICKS: [(f64, &str); 8] = [
    (0.0, "0"),
    (0.5, "50"),
    (0.75, "75"),
    (0.9, "90"),
    (0.95, "95"),
    (0.99, "99"),
    (0.999, "99.9"),
    (0.9999, "99.99"),
];

struct Plane {
    x: Scale,
    y: Scale,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    log_end: f64,
}

impl Plane {
    fn at(&self, p: f64) -> f64 {
        self.x.at(stretch(p))
    }
}

fn stretch(p: f64) -> f64 {
    -libm::log10(1.0 - p)
}

struct Group<'a> {
    name: String,
    joins: Joins<'a>,
    role: Role,
    thin: Role,
}

/// The networks that get a line: the largest ones.
#[must_use]
pub fn shown<'f>(facts: &'f Facts) -> Vec<&'f str> {
    let size = |name: &str| facts.outcome.participants_detail.iter().filter(|p| p.network == name).count();
    let mut names: Vec<&str> = facts.names(By::Network).iter().map(String::as_str).collect();
    names.sort_by_cached_key(|name| std::cmp::Reverse(size(name)));
    names.truncate(LINES);
    names
}

fn groups<'a>(facts: &Facts<'a>) -> Vec<Group<'a>> {
    let names = if facts.names(By::Network).len() > 1 { shown(facts) } else { Vec::new() };
    let mut list: Vec<Group> = names
        .iter()
        .enumerate()
        .map(|(i, name)| Group {
            name: (*name).to_owned(),
            joins: Joins::of(facts.outcome, |p: &ParticipantDetail| p.network == *name),
            role: Role::series(i + 1),
            thin: Role::Thin(i as u8 + 1),
        })
        .collect();
    if facts.joins.len() < SINGLE && list.len() > 1 {
        return list;
    }
    list.push(Group { name: "all".to_owned(), joins: facts.joins.clone(), role: Role::Ink, thin: Role::Thin(0) });
    list
}

/// Draws it.
#[must_use]
pub fn percentiles(facts: &Facts, width: f64) -> Drawing {
    let groups = groups(facts);
    let n = facts.joins.len().max(2) as f64;
    let totals: Vec<f64> = facts.joins.joined.iter().filter_map(|p| p.join_total).filter(|t| *t > 0.0).collect();
    let (low, high) = (totals.first().copied().unwrap_or(0.1), totals.last().copied().unwrap_or(1.0));
    let in_ms = high < 1.0;
    let limit = limit(facts).filter(|l| *l < high * 4.0);
    let (low, high) = (low / 1.25, high.max(limit.unwrap_or(0.0)) * 1.6);
    let names: Vec<String> = groups.iter().map(|g| cut(&g.name, 12.0, true, 96.0)).collect();
    let gutter = names.iter().map(|n| Face::HEAVY.width(n)).fold(28.0, f64::max);
    let (left, right, top, bottom) = (44.0, width - gutter - 8.0, 8.0, 208.0);
    let log_end = stretch(1.0 - 0.4 / n);
    let plane = Plane {
        x: Scale::linear(0.0, log_end, left, right),
        y: Scale::log(low, high, bottom, top),
        left,
        right,
        top,
        bottom,
        log_end,
    };
    draw(width, 250.0, |canvas| {
        axes(canvas, &plane, low, high, in_ms);
        if facts.joins.joined.is_empty() {
            let text = format!("none of {} succeeded", things(facts.joins.len(), "join"));
            canvas.text((left + right) / 2.0, 108.0, Anchor::Middle, &text, Face::QUIET);
            return;
        }
        if facts.joins.len() >= SINGLE {
            band(canvas, &plane, &facts.joins);
            groups.iter().for_each(|group| line(canvas, &plane, group));
        } else {
            single(canvas, &plane, facts, &groups);
        }
        if let Some(limit) = limit {
            mark(canvas, &plane, limit);
        }
        failed(canvas, &plane, facts);
        labels(canvas, &plane, &groups, &names);
    })
}

/// The limit of a threshold on p95 of all joins.
#[must_use]
pub fn limit(facts: &Facts) -> Option<f64> {
    let is = |j: &&crate::report::facts::judged::Judged| {
        j.outcome.metric == "join.total" && j.outcome.filter.is_empty() && j.quantile == Some(0.95)
    };
    facts.judged.iter().find(is).map(|j| j.outcome.limit)
}

fn axes(canvas: &mut Canvas, plane: &Plane, low: f64, high: f64, in_ms: bool) {
    let factor = if in_ms { 1e3 } else { 1.0 };
    // No tick where its label would stand above the plot: every one has a label.
    let room = 4.0 / (plane.bottom - plane.top);
    let top = libm::pow(10.0, libm::log10(high) - room * (libm::log10(high) - libm::log10(low)));
    for value in scale::decades(low, top, 8) {
        let y = plane.y.at(value);
        canvas.line((plane.left, y), (plane.right, y), 1.0, Role::Grid);
        let shown = value * factor;
        let text = fixed(shown, scale::decimals_of(shown));
        canvas.text(plane.left - 6.0, y, Anchor::End, &text, Face::QUIET);
    }
    canvas.text(plane.left + 4.0, plane.top + 6.0, Anchor::Start, if in_ms { "ms" } else { "seconds" }, Face::QUIET);
    canvas.line((plane.left, plane.bottom), (plane.right, plane.bottom), 1.0, Role::Rule);
    let mut free = f64::NEG_INFINITY;
    for (p, text) in TICKS.iter().filter(|(p, _)| stretch(*p) <= plane.log_end) {
        let (x, half) = (plane.at(*p), Face::QUIET.width(text) / 2.0);
        canvas.line((x, plane.top), (x, plane.bottom), 1.0, Role::Grid);
        if x - half > free {
            canvas.text(x, plane.bottom + 11.0, Anchor::Middle, text, Face::QUIET);
            free = x + half + 4.0;
        }
    }
    canvas.text(plane.left, plane.bottom + 31.0, Anchor::Start, "percentile of joins", Face::QUIET);
}

fn mark(canvas: &mut Canvas, plane: &Plane, limit: f64) {
    let (x, y) = (stretch(0.95).min(plane.log_end), plane.y.at(limit));
    let until = plane.x.at((x + 0.35).min(plane.log_end));
    canvas.line((plane.x.at((x - 0.35).max(0.0)), y), (until, y), 1.4, Role::Limit);
}

/// Ranks (from 1) that are drawn, with their p.
fn ranks(n: u64, end: f64) -> Vec<(u64, f64)> {
    let mut ranks: Vec<u64> = (0..POINTS)
        .map(|i| 1.0 - libm::pow(10.0, -(end * i as f64 / (POINTS - 1) as f64)))
        .map(|p| ((p * n as f64) as u64 + 1).min(n))
        .collect();
    ranks.dedup();
    ranks.into_iter().map(|r| (r, (r as f64 - 0.5) / n as f64)).collect()
}

fn band(canvas: &mut Canvas, plane: &Plane, joins: &Joins) {
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for (_, p) in ranks(joins.len(), plane.log_end) {
        let (low, high) = interval(p, joins.len());
        if let Some((low, high)) = joins.at_rank(low).value().zip(joins.at_rank(high).value()) {
            upper.push((plane.at(p), plane.y.at(high)));
            lower.push((plane.at(p), plane.y.at(low)));
        }
    }
    lower.reverse();
    upper.append(&mut lower);
    canvas.area(&upper, Role::Grid);
}

fn line(canvas: &mut Canvas, plane: &Plane, group: &Group) {
    let n = group.joins.len();
    let enough = libm::pow(0.025, 1.0 / n.max(1) as f64);
    let points: Vec<(f64, f64, f64)> = ranks(n, plane.log_end)
        .into_iter()
        .filter_map(|(rank, p)| group.joins.at_rank(rank).value().map(|v| (p, plane.at(p), plane.y.at(v))))
        .collect();
    let is_all = group.role == Role::Ink;
    let split = points.partition_point(|(p, ..)| *p <= enough);
    let at = |slice: &[(f64, f64, f64)]| -> Vec<(f64, f64)> { slice.iter().map(|&(_, x, y)| (x, y)).collect() };
    canvas.path(&at(&points[..split]), if is_all { 2.4 } else { 1.6 }, group.role);
    canvas.path(&at(&points[split.saturating_sub(1)..]), 1.6, group.thin);
}

/// Too few for lines: a dot a join, in its network's colour.
fn single(canvas: &mut Canvas, plane: &Plane, facts: &Facts, groups: &[Group]) {
    for (i, person) in facts.joins.joined.iter().enumerate() {
        let role = groups.iter().find(|g| g.name == person.network).map_or(Role::Ink, |g| g.role);
        let p = (i as f64 + 0.5) / facts.joins.len() as f64;
        if let Some(total) = person.join_total.filter(|t| *t > 0.0) {
            canvas.dot(plane.at(p), plane.y.at(total), 4.0, role);
        }
    }
}

fn failed(canvas: &mut Canvas, plane: &Plane, facts: &Facts) {
    let (n, failed) = (facts.joins.len() as f64, facts.joins.failed.len());
    if failed == 0 {
        return;
    }
    let text = format!("{} never joined", failed);
    let from = plane.at(1.0 - failed as f64 / n).min(plane.right - 6.0);
    canvas.line((from, plane.top), (plane.right, plane.top), 2.4, Role::Ink);
    canvas.text(plane.right - 2.0, plane.top + 11.0, Anchor::End, &text, Face::PLAIN);
}

fn labels(canvas: &mut Canvas, plane: &Plane, groups: &[Group], names: &[String]) {
    let last = |g: &Group| g.joins.joined.last().and_then(|p| p.join_total);
    // Joins that took no time at all stand nowhere on a logarithmic axis: there is nothing to label.
    let drawn = groups.iter().zip(names).filter(|(group, _)| last(group).is_none_or(|total| total > 0.0));
    let drawn: Vec<(&Group, &String)> = drawn.collect();
    let ends: Vec<f64> = drawn.iter().map(|(g, _)| last(g).map_or(plane.top, |t| plane.y.at(t))).collect();
    for ((group, name), y) in drawn.into_iter().zip(spread(&ends, 14.0, plane.top + 6.0, plane.bottom)) {
        let face = if group.role == Role::Ink { Face::HEAVY } else { Face::PLAIN.in_role(group.role) };
        canvas.text(plane.right + 6.0, y, Anchor::Start, name, face);
    }
}
