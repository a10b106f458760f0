//! May the numbers be trusted? The generator's own limits, and how it fared over time.

use super::parts::{about, figure, marks, svg, tag, unticked};
use crate::metrics::catalog::Metric;
use crate::outcome::{Health, HealthCheck, Verdict, World};
use crate::report::facts::Facts;
use crate::report::facts::judged::trimmed;
use crate::report::figures::{Figure, Figures};
use crate::report::number::{Quantity, bytes, count, percent, seconds};
use maud::{Markup, html};

/// The section.
#[must_use]
pub fn generator(facts: &Facts, figures: &Figures) -> Markup {
    let health = &facts.outcome.health;
    if facts.outcome.world == World::Simulated {
        return simulated(health);
    }
    let caption = html! {
        "A stall of the generator would look like one of the SFU: here it shows. Lateness and lag: p50, p95, p99 of each interval."
    };
    html! {
        section id="generator" {
            h2 { "Generator" }
            p class="lead" { (lead(health)) }
            @if health.checks.is_empty() {
                p class="note" { "The scenario sets no limit on the generator." }
            } @else {
                (checks(health, figures))
            }
            @for note in &health.notes { p class="note" { (note) } }
            (figure(&figures.generator, "c-generator", "Was it ever late?", &caption, &marks(&facts.times)))
            (facts_of(facts, health))
        }
    }
}

/// In virtual time nothing of ours can be late; what the model has to say stands here.
fn simulated(health: &Health) -> Markup {
    html! {
        section id="generator" {
            h2 { "Generator" }
            p class="lead" { "A simulated run waits for whoever computes: its clock is virtual, so nothing of the generator's own is in these numbers." }
            @for note in &health.notes { p class="note" { (note) } }
        }
    }
}

fn lead(health: &Health) -> &'static str {
    match health.valid {
        true => "The generator kept its limits, so the numbers here speak about the SFU and the networks.",
        false => "The generator was beyond its own limits: the numbers here do not speak about the SFU.",
    }
}

fn checks(health: &Health, figures: &Figures) -> Markup {
    html! {
        table class="thr stack" {
            thead {
                tr {
                    th scope="col" { "State" } th scope="col" { "Invalid if" } th scope="col" { "Share of the limit used" }
                    th scope="col" class="r" { "Value" } th scope="col" { "Limit" }
                }
            }
            tbody { @for (check, figure) in health.checks.iter().zip(&figures.checks) { (row(check, figure)) } }
        }
    }
}

fn row(check: &HealthCheck, figure: &Figure) -> Markup {
    let name = check.condition.split([' ', '<', '>', '=']).next().unwrap_or("");
    let aggregate = check.condition.split_whitespace().nth(1).unwrap_or("");
    let quantity = Quantity::of(name, &check.unit).aggregated(aggregate);
    let meaning = Metric::from_name(name).map(|m| unticked(m.spec().meaning));
    html! {
        tr {
            td class="v" {
                @match (check.exceeded, check.value) {
                    (true, _) => (tag(Verdict::Invalid, "BEYOND")),
                    (false, Some(_)) => (tag(Verdict::Pass, "WITHIN")),
                    (false, None) => (tag(Verdict::Inconclusive, "NO SAMPLE")),
                }
            }
            td class="name" title=[meaning] { code { (check.condition) } }
            td class="bar" { (svg(figure, "bul", "")) }
            td class="r nw value" { @match check.value { Some(value) => (quantity.write(value)), None => "no sample" } }
            td class="nw q lim" { (trimmed(&quantity.write(check.limit))) }
        }
    }
}

fn facts_of(facts: &Facts, health: &Health) -> Markup {
    let share = |value: Option<f64>| value.map_or_else(|| "not measured".to_owned(), percent);
    let buffer = match (health.receive_buffer, health.receive_buffer_full) {
        (0, _) => "not measured".to_owned(),
        (n, true) => format!("{}, as asked for", bytes(n as f64)),
        (n, false) => format!("{}, less than asked for: the kernel's rmem_max is lower", bytes(n as f64)),
    };
    let deferred = crate::report::facts::pool::overall(facts.outcome, Metric::HarnessHandshakeDeferred.name());
    html! {
        dl class="env" {
            dt { "media workers" } dd { (health.workers) }
            dt { (about(Metric::HarnessRxDrops, "kernel drops")) } dd { (count(health.rx_drops)) " datagrams" }
            dt { "receive buffer" } dd { (buffer) }
            dt { "send errors" } dd { (count(health.send_errors)) " datagrams" }
            dt { (about(Metric::HarnessOpened, "opened")) } dd { (share(health.opened)) " of received media packets" }
            dt { "stolen CPU" } dd { (share(health.steal)) " of the run's CPU time" }
            dt { (about(Metric::HarnessStall, "longest stall")) } dd { (seconds(health.longest_stall)) }
            dt { (about(Metric::HarnessHandshakeDeferred, "joins put off")) }
            dd { @match deferred { Some(m) => (count(m.count)), None => "not measured" } }
        }
    }
}
