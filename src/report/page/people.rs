//! For whom: networks, populations, the worst ten, failures.

use super::parts::{metric, numbers, svg, ticked, unticked};
use crate::metrics::catalog::Metric;
use crate::outcome::ParticipantDetail;
use crate::report::facts::Facts;
use crate::report::facts::failures::Failure;
use crate::report::facts::groups::{By, Panel, Row};
use crate::report::facts::worst::{Rank, SHOWN, scalar};
use crate::report::figures::{Figure, Figures};
use crate::report::number::{count, percent, seconds, significant, things};
use maud::{Markup, html};

/// Networks or populations beside one another.
#[must_use]
pub fn groups(facts: &Facts, by: By, panels: &[Panel], figures: &[Figure]) -> Markup {
    let (id, title) = match by {
        By::Network => ("networks", "Networks"),
        By::Population => ("populations", "Populations"),
    };
    let caption = format!("c-{id}");
    html! {
        section id=(id) {
            h2 { (title) }
            p class="lead" { (group_lead(facts, by, panels)) }
            p class="note" id=(caption) {
                @match by {
                    By::Network => "A dot is the value, its bar the 95 % interval, an upright tick the limit of a threshold on that row; red is beyond it. Intervals are over joins, over participants for ratios, and over ten parts of the measured time for delay and jitter. All axes start at zero.",
                    By::Population => "Drawn as the networks are.",
                }
            }
            div class="three" { @for figure in figures { figure { (svg(figure, "p", &caption)) } } }
            (group_table(by, panels))
            p class="note" { "Measures: " @for (i, panel) in panels.iter().enumerate() { @if i > 0 { ", " } (metric(panel.metric.name())) } "." }
        }
    }
}

fn group_lead(facts: &Facts, by: By, panels: &[Panel]) -> String {
    let names = facts.names(by);
    if names.is_empty() {
        return "Nobody took part.".to_owned();
    }
    if let [only] = names {
        return format!("One {} only, {only}: nothing to compare.", by.label());
    }
    let mut parts = Vec::new();
    for panel in panels {
        let missed: Vec<&str> = panel.rows.iter().filter(|r| r.missed && !r.is_all).map(|r| r.name.as_str()).collect();
        if !missed.is_empty() {
            parts.push(format!("Beyond the limit of {}: {}.", panel.title.to_lowercase(), missed.join(", ")));
        }
    }
    for (i, words) in [(0, "Slowest to join was"), (2, "Most frozen was")] {
        if let Some((row, value)) = highest(&panels[i]) {
            parts.push(format!(
                "{words} {}, with {}{}.",
                row.name,
                if i == 0 { "a p95 of " } else { "" },
                panels[i].quantity.write(value)
            ));
        }
    }
    if parts.is_empty() {
        parts.push(format!(
            "{}, of which none has enough samples to be compared, or all are at zero.",
            things(names.len() as u64, by.label())
        ));
    }
    parts.join(" ")
}

/// The highest row, where every row has a value: among some of them it would say nothing.
fn highest(panel: &Panel) -> Option<(&Row, f64)> {
    if panel.rows.iter().any(|r| r.level.value().is_none()) {
        return None;
    }
    let known = panel.rows.iter().filter(|r| !r.is_all && !r.is_rest).filter_map(|r| r.level.value().map(|v| (r, v)));
    known.filter(|(_, v)| *v > 0.0).max_by(|a, b| a.1.total_cmp(&b.1))
}

fn group_table(by: By, panels: &[Panel]) -> Markup {
    let mut head = vec![by.label().to_owned()];
    head.extend(panels.iter().map(|p| p.title.to_owned()));
    // Rows beyond a dozen are the worst of each panel: they differ, so each name is looked up.
    let names: Vec<&str> = panels.first().map_or_else(Vec::new, |p| p.rows.iter().map(|r| r.name.as_str()).collect());
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| {
            let cell = |panel: &Panel| {
                panel
                    .rows
                    .iter()
                    .find(|r| r.name == *name)
                    .map_or_else(|| "among others".to_owned(), |r| write(panel, r))
            };
            std::iter::once((*name).to_owned()).chain(panels.iter().map(cell)).collect()
        })
        .collect();
    numbers("The numbers, with 95 % intervals", &head, &rows)
}

fn write(panel: &Panel, row: &Row) -> String {
    let value = row.level.write(panel.quantity, None);
    match row.interval {
        Some((low, high)) => format!("{value} ({} to {})", panel.quantity.write(low), panel.quantity.write(high)),
        None => value,
    }
}

/// The worst ten.
#[must_use]
pub fn worst(facts: &Facts, figures: &Figures) -> Markup {
    let shown = &facts.worst.all[..facts.worst.all.len().min(SHOWN)];
    html! {
        section id="worst" {
            h2 { @if shown.len() < SHOWN { "Participants, the worst first" } @else { "Worst ten participants" } }
            p class="lead" { (worst_lead(facts, shown)) }
            @if !shown.is_empty() {
                table class="stack worst" {
                    thead {
                        tr {
                            th scope="col" { "Participant" } th scope="col" { "Network" } th scope="col" class="r" { "Frozen" }
                            th scope="col" class="r" { "Delay p95" } th scope="col" class="r" { "Joined in" }
                            th scope="col" { "Frames a second over the run, 0 to " (significant(figures.fps, 0)) ", frozen time below" }
                        }
                    }
                    tbody { @for (person, figure) in shown.iter().zip(&figures.worst) { (worst_row(person, figure)) } }
                }
            }
        }
    }
}

fn worst_row(person: &ParticipantDetail, figure: &Figure) -> Markup {
    let or = |value: Option<f64>, write: fn(f64) -> String| value.map_or_else(|| "none".to_owned(), write);
    html! {
        tr {
            td class="name" { code { (person.name) } " " span class="q" { (person.room) } }
            td class="name" { (person.network) }
            td class="r nw" { b { (or(scalar(person, Metric::VideoFreezeRatio), percent)) } span class="q only" { " frozen" } }
            td class="r nw" { (or(scalar(person, Metric::DelayFrame), seconds)) span class="q only" { " delay" } }
            td class="r nw" { (joined(person)) span class="q only" { " to join" } }
            td class="tl" { (svg(figure, "tl", "")) }
        }
    }
}

/// How long it took to join, or that it did not.
#[must_use]
pub fn joined(person: &ParticipantDetail) -> String {
    person.join_total.map_or_else(|| "never".to_owned(), seconds)
}

fn worst_lead(facts: &Facts, shown: &[&ParticipantDetail]) -> String {
    let worst = &facts.worst;
    if shown.is_empty() {
        return "Nobody took part.".to_owned();
    }
    let mut text = match worst.by {
        Rank::Frozen => format!(
            "{} of {} who watched video saw it freeze. Ranked by share of watch time with a frozen picture, marked in red below each line.",
            count(worst.froze as u64),
            count(worst.watched as u64)
        ),
        Rank::Delay => "Nobody froze. Ranked by the 95th percentile of frame delay.".to_owned(),
        Rank::Join => "Nobody watched anything. Ranked by the time to join.".to_owned(),
    };
    let failed = facts.joins.failed.len() as u64;
    if failed > 0 {
        text += &format!(" Last {} the {}.", if failed == 1 { "ranks" } else { "rank" }, things(failed, "failed join"));
    }
    text
}

/// What failed, and when.
#[must_use]
pub fn failures(facts: &Facts, failures: &[Failure], figures: &Figures) -> Markup {
    html! {
        section id="failures" {
            h2 { "Failures" }
            p class="lead" { (failures_lead(facts, failures)) }
            table class="stack fails" {
                thead {
                    tr {
                        th scope="col" { "What failed" } th scope="col" class="r" { "Count" } th scope="col" { "When" }
                        th scope="col" { "Where to look" }
                    }
                }
                tbody { @for (failure, figure) in failures.iter().zip(&figures.failures) { (failure_row(failure, figure.as_ref())) } }
            }
        }
    }
}

fn failure_row(failure: &Failure, figure: Option<&Figure>) -> Markup {
    let meaning = failure.metric.map(|m| unticked(m.spec().meaning));
    html! {
        tr {
            td class="name" title=[meaning] { span class="q" { (failure.area) " · " } (failure.text) }
            td class="r nw" { b { @match failure.count { Some(n) => (count(n)), None => "–" } } }
            @match figure {
                Some(figure) => td class="rug" { (svg(figure, "rug", "")) },
                None => td class="rug empty" {},
            }
            @if failure.note.is_empty() { td class="q name where empty" {} } @else { td class="q name where" { (ticked(&failure.note)) } }
        }
    }
}

fn failures_lead(facts: &Facts, failures: &[Failure]) -> String {
    let failed = &facts.joins.failed;
    let planned = facts.outcome.participants.planned;
    let mut text = match facts.outcome.participants.failed {
        0 if planned == 0 => "Nobody was to join.".to_owned(),
        0 => format!("None of {} failed.", things(planned, "join")),
        n => format!("{} of {} failed", count(n), things(planned, "join")),
    };
    let most = facts.names(By::Network).iter().map(|n| (failed.iter().filter(|p| p.network == *n).count(), n));
    if let Some((n, network)) = most.max_by_key(|(n, _)| *n).filter(|(n, _)| *n > 0) {
        text += &format!(", {} of them on {network}.", count(n as u64));
    } else if facts.outcome.participants.failed > 0 {
        text.push('.');
    }
    let integrity: Vec<&Failure> = failures.iter().filter(|f| f.area == "integrity").collect();
    let wrong: u64 = integrity.iter().filter_map(|f| f.count).sum();
    text += match (wrong, integrity.iter().any(|f| f.count.is_some())) {
        (_, false) => " Integrity was not measured.",
        (0, true) => " Nothing arrived torn, misrouted or forged.",
        _ => " Some of what arrived was wrong: see integrity.",
    };
    text
}
