//! Joins: where the time goes, and how the tail looks.

use super::parts::{about, figure, key, numbers};
use crate::metrics::catalog::Metric;
use crate::report::facts::Facts;
use crate::report::facts::groups::By;
use crate::report::facts::joins::{AROUND, PHASES};
use crate::report::facts::level::Level;
use crate::report::figures::Figures;
use crate::report::number::{Quantity, count, seconds, things};
use crate::report::plots::{percentiles, phases};
use maud::{Markup, html};

const PHASE_METRICS: [Metric; PHASES.len()] = [
    Metric::JoinDispatch,
    Metric::JoinSignal,
    Metric::JoinIce,
    Metric::JoinDtls,
    Metric::JoinFirstRtp,
    Metric::JoinFirstKeyframe,
    Metric::JoinFirstFrame,
];

/// The section.
#[must_use]
pub fn joins(facts: &Facts, figures: &Figures) -> Markup {
    let grey = if facts.is_simulated() { "" } else { " Grey is our own lateness." };
    let caption = if facts.joins.len() >= phases::SINGLE {
        html! { "Each bar is the mean of the " (AROUND) " joins nearest to that quantile, scaled to it, so its parts add up." (grey) }
    } else {
        html! { "One bar a join, the quickest first." (grey) }
    };
    let list = PHASES.iter().enumerate().skip(first(facts)).map(|(i, word)| (format!("p{i}"), *word));
    html! {
        section id="joins" {
            h2 { (about(Metric::JoinTotal, "Joins")) }
            p class="lead" { (lead(facts)) }
            div class="two" {
                (figure(&figures.phases, "c-phases", "Where the time goes", &caption, &key(list)))
                (figure(&figures.percentiles, "c-tail", "How the tail looks", &tail(facts), &html! {}))
            }
            (table(facts))
        }
    }
}

/// The first phase that is shown: the first of all is our own lateness, of which a simulation has none.
fn first(facts: &Facts) -> usize {
    usize::from(facts.is_simulated())
}

fn tail(facts: &Facts) -> Markup {
    let networks = facts.names(By::Network).len();
    let few = facts.joins.len() < phases::SINGLE;
    html! {
        "Both axes are logarithmic. "
        @if few { "A dot is a join; too few for lines." }
        @else {
            "The grey band is the 95 % interval of all; a line is dotted where its sample is too small for the quantile. Failed joins rank last."
        }
        @if percentiles::limit(facts).is_some() { " The dashed mark is the limit of p95." }
        @if networks > percentiles::LINES { " The " (percentiles::LINES) " largest of " (networks) " networks." }
    }
}

fn lead(facts: &Facts) -> String {
    let joins = &facts.joins;
    if joins.is_empty() {
        return "Nobody was to join.".to_owned();
    }
    if joins.joined.is_empty() {
        return format!("None of {} succeeded.", things(joins.len(), "join"));
    }
    let mut text = match (joins.level(0.5), joins.level(0.95)) {
        (Level::Value(half), Level::Value(most)) => {
            format!("Half of the participants were in within {}, 95 % within {}.", seconds(half), seconds(most))
        }
        (Level::Value(half), _) => format!("Half of the participants were in within {}.", seconds(half)),
        _ => format!("{} of {} succeeded.", count(joins.joined.len() as u64), things(joins.len(), "join")),
    };
    let tail =
        [(0.99, "p99"), (0.95, "p95"), (0.5, "p50")].into_iter().find_map(|(q, n)| joins.parts(q).map(|p| (p, n)));
    // Without a delay anywhere a simulated join takes no time, and no part of it is the largest.
    if let Some((parts, name)) = tail.filter(|(parts, _)| parts.total > 0.0) {
        let largest = (0..PHASES.len()).max_by(|&a, &b| parts.phases[a].total_cmp(&parts.phases[b])).unwrap_or(0);
        let (part, all) = (seconds(parts.phases[largest]), seconds(parts.total));
        text += &format!(" Of the joins around {name} the largest part was {}, {part} of {all}.", PHASES[largest]);
    }
    if !joins.failed.is_empty() {
        text += &format!(" {} never joined.", count(joins.failed.len() as u64));
    }
    text
}

fn table(facts: &Facts) -> Markup {
    let mut head = vec![String::new()];
    let first = first(facts);
    head.extend(PHASES[first..].iter().map(|p| (*p).to_owned()));
    head.push("together".to_owned());
    let rows: Vec<Vec<String>> = phases::rows(facts)
        .into_iter()
        .filter_map(|row| row.parts.ok().map(|parts| (row.name, parts)))
        .map(|(name, parts)| {
            let cells = parts.phases[first..].iter().chain([&parts.total]).map(|v| Quantity::Seconds.write(*v));
            std::iter::once(name).chain(cells).collect()
        })
        .collect();
    html! {
        (numbers("The numbers", &head, &rows))
        p class="note" {
            "Phases: "
            @for (i, metric) in PHASE_METRICS.iter().enumerate().skip(first) {
                @if i > first { ", " }
                (about(*metric, PHASES[i]))
            }
            "."
        }
    }
}
