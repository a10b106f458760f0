//! All measures, participants, environment, glossary: what one looks up.

use super::first::moment;
use super::parts::{metric, ticked};
use super::people::joined;
use crate::metrics::catalog::{CATALOG, Metric};
use crate::outcome::{MetricOutcome, World};
use crate::report::facts::level::{Level, needed};
use crate::report::facts::worst::scalar;
use crate::report::facts::{Facts, pool};
use crate::report::number::{Quantity, bytes, count, percent, samples as written, seconds, span};
use maud::{Markup, html};

/// Rows by label that are shown; all are in metrics.csv.
const LABELLED: usize = 300;
/// Participants that are shown; all are in outcome.json.
const PEOPLE: usize = 50;
/// Where more is better, the low quantiles tell.
const MORE_IS_BETTER: [Metric; 3] = [Metric::VideoFps, Metric::VideoHfps, Metric::AudioMosEst];

/// Every measure.
#[must_use]
pub fn measures(facts: &Facts) -> Markup {
    let told = || facts.outcome.metrics.iter().filter(|m| facts.tells(&m.name));
    let all: Vec<_> = told().filter(|m| m.labels.is_empty()).collect();
    let labelled: Vec<_> = told().filter(|m| !m.labels.is_empty()).collect();
    let known = CATALOG.iter().filter(|spec| facts.tells(spec.name)).count();
    let shown = &labelled[..labelled.len().min(LABELLED)];
    html! {
        section id="measures" {
            h2 { "All measures" }
            p class="lead" {
                (all.len()) " of " (known) " measures of the catalog occurred. " @if facts.is_simulated() { "Those of the generator itself are left out: in virtual time it is never late. " } "Counters show their sum and their rate, ratios and gauges their value."
            }
            details open { summary { "Everything together" } (table(facts, &all)) }
            @if !labelled.is_empty() {
                details {
                    summary {
                        "By label: " (count(shown.len() as u64)) " of " (count(labelled.len() as u64))
                        @if shown.len() < labelled.len() { "; all are in metrics.csv" }
                    }
                    (table(facts, shown))
                }
            }
        }
    }
}

fn table(facts: &Facts, list: &[&MetricOutcome]) -> Markup {
    const HEAD: [&str; 6] = ["Samples", "Min", "p50", "p95", "p99", "Max"];
    let labels = list.iter().any(|m| !m.labels.is_empty());
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="All measures" {
            table {
                thead {
                    tr {
                        th scope="col" { "Measure" }
                        @if labels { th scope="col" { "Labels" } }
                        th scope="col" class="r" { "Value" }
                        @for head in HEAD { th scope="col" class="r" { (head) } }
                    }
                }
                tbody { @for m in list { (row(facts, m, labels)) } }
            }
        }
    }
}

fn row(facts: &Facts, m: &MetricOutcome, labels: bool) -> Markup {
    let quantity = Quantity::of(&m.name, &m.unit);
    let words: Vec<String> = m.labels.iter().map(|(k, v)| format!("{k} {v}")).collect();
    let samples = match (m.censored, m.out_of_range) {
        (0, 0) if m.kind == "ratio" => written(&m.name, m.count),
        (0, 0) => count(m.count),
        (failed, 0) => format!("{} + {} failed", count(m.count), count(failed)),
        (failed, out) => format!("{} + {} failed, {} out of range", count(m.count), count(failed), count(out)),
    };
    let value = match m.kind.as_str() {
        "counter" if quantity == Quantity::Bytes => {
            format!("{} ({}/s)", bytes(m.count as f64), bytes(m.value.unwrap_or(0.0)))
        }
        "counter" => format!("{} ({})", count(m.count), Quantity::PerSecond.write(m.value.unwrap_or(0.0))),
        "trend" => String::new(),
        _ => m.value.map_or_else(|| "no sample".to_owned(), |v| quantity.write(v)),
    };
    let cells = match m.kind.as_str() {
        "trend" => trend(facts, m, quantity),
        "gauge" => [m.min, None, None, None, m.max].map(|v| v.map_or_else(String::new, |v| quantity.write(v))),
        _ => Default::default(),
    };
    html! {
        tr {
            td class="name" { (metric(&m.name)) }
            @if labels { td { (words.join(", ")) } }
            td class="r" { (value) }
            td class="r" { @if m.kind != "counter" { (samples) } }
            @for cell in cells { td class="r" { (cell) } }
        }
    }
}

fn trend(facts: &Facts, m: &MetricOutcome, quantity: Quantity) -> [String; 5] {
    let write = |value: Option<f64>| value.map_or_else(String::new, |v| quantity.write(v));
    let total = m.count + m.censored;
    let level = |q: f64, value: Option<f64>| {
        let level = match value {
            _ if total == 0 => Level::None,
            _ if total < needed(q) => Level::TooFew(total, needed(q)),
            Some(value) => Level::Value(value),
            None => Level::Beyond,
        };
        level.write(quantity, facts.deadline)
    };
    if MORE_IS_BETTER.iter().any(|b| b.name() == m.name) && m.labels.is_empty() {
        let all = pool::by_filter(facts.outcome, &m.name, &m.labels);
        let low = |q: f64, name: &str| match all.level(1.0 - q) {
            _ if total < needed(q) => level(q, None),
            found => format!("{name} {}", found.write(quantity, None)),
        };
        return [write(m.min), level(0.5, m.p50), low(0.95, "p5"), low(0.99, "p1"), write(m.max)];
    }
    [write(m.min), level(0.5, m.p50), level(0.95, m.p95), level(0.99, m.p99), write(m.max)]
}

/// Some participants, the worst first.
#[must_use]
pub fn participants(facts: &Facts) -> Markup {
    let all = &facts.worst.all;
    let mut shown = all.clone();
    shown.sort_by_key(|p| p.join_total.is_some());
    shown.truncate(PEOPLE);
    let cell = |value: Option<f64>, write: fn(f64) -> String| value.map_or_else(String::new, write);
    html! {
        section id="participants" {
            h2 { "Participants" }
            p class="lead" {
                (count(shown.len() as u64)) " of " (count(all.len() as u64)) ": the failed, then the worst first."
                @if shown.len() < all.len() { " All are in outcome.json." }
            }
            details {
                summary { "The list" }
                div class="scroll" tabindex="0" role="region" aria-label="Participants" {
                    table {
                        thead {
                            tr {
                                @for head in ["Participant", "Room", "Population", "Network", "State"] { th scope="col" { (head) } }
                                @for head in ["Arrival", "Joined in", "Sessions", "Frozen", "Delay p95", "Loss after repair"] { th scope="col" class="r" { (head) } }
                            }
                        }
                        tbody {
                            @for p in &shown {
                                tr {
                                    td { code { (p.name) } } td { (p.room) } td { (p.population) } td { (p.network) }
                                    td { (p.state) @if let Some(cause) = &p.cause { ": " (cause) } }
                                    td class="r" { (seconds(p.arrival)) } td class="r" { (joined(p)) } td class="r" { (p.sessions) }
                                    td class="r" { (cell(scalar(p, Metric::VideoFreezeRatio), percent)) }
                                    td class="r" { (cell(scalar(p, Metric::DelayFrame), seconds)) }
                                    td class="r" { (cell(scalar(p, Metric::RtpLossResidual), percent)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where and how it was made.
#[must_use]
pub fn environment(facts: &Facts) -> Markup {
    let outcome = facts.outcome;
    let mut list = vec![
        ("scenario", outcome.scenario.clone()),
        ("seed", outcome.seed.to_string()),
        ("world", if outcome.world == World::Live { "live" } else { "simulated" }.to_owned()),
        ("target", outcome.target.clone()),
        (if facts.is_simulated() { "simulated time" } else { "took" }, span(outcome.run.ended)),
        ("exit code", outcome.exit_code.to_string()),
    ];
    if let Some(e) = &outcome.environment {
        list.extend([
            ("throng", format!("{}, commit {}", e.throng, e.commit)),
            ("started", moment(&e.started)),
            ("CPU", e.cpu.clone()),
            ("cores", e.cores.to_string()),
            ("memory", bytes(e.memory as f64)),
            ("kernel", e.kernel.clone()),
            ("rustc", e.rustc.clone()),
            ("command", e.command.clone()),
        ]);
    }
    html! {
        section id="environment" {
            h2 { "Environment" }
            dl class="env" { @for (name, value) in list { dt { (name) } dd { (value) } } }
            @if !outcome.events.is_empty() {
                details {
                    summary { "What happened: " (outcome.events.len()) " events" }
                    ul class="key" { @for event in &outcome.events { li { (crate::report::number::clock(event.at)) " " (event.kind) ": " (event.text) } } }
                }
            }
            details { summary { "The scenario as it ran" } pre { (outcome.scenario_text) } }
        }
    }
}

/// Every measure's meaning.
#[must_use]
pub fn glossary(facts: &Facts) -> Markup {
    html! {
        section id="glossary" {
            h2 { "Glossary" }
            dl class="gloss" {
                @for spec in CATALOG.iter().filter(|spec| facts.tells(spec.name)) {
                    div id={ "m-" (spec.name) } {
                        dt {
                            code { (spec.name) }
                            span { " · " (spec.kind.name()) @if !["1", spec.kind.name()].contains(&spec.unit.name()) { ", " (spec.unit.name()) } @if let Some(w3c) = spec.w3c { " · W3C " (w3c) } }
                        }
                        dd { (ticked(spec.meaning)) }
                    }
                }
                div { dt { "n too small" } dd { "A quantile needs samples: p95 72, p99 368, p99.9 3,688. With fewer its 95 % interval has no upper end, so no number is shown." } }
                div { dt { "last digit" } dd { "Thresholds are judged on histograms that keep three digits, and over all joins; tiles and plots of joins have each first join's exact time. They may differ by one in the last digit." } }
                div { dt { "failed joins" } dd { "Failed joins rank behind every join that succeeded; a quantile among them is beyond the deadline of the join." } }
            }
        }
    }
}
