//! The first screen: verdict, one sentence, five numbers, thresholds, the command. Who stops here has the decision.

use super::parts::{about, colour, icon, metric, svg, tag};
use crate::outcome::{Outcome, Verdict, World};
use crate::report::facts::judged::{Judged, beside, by_weight};
use crate::report::facts::{Facts, five};
use crate::report::figures::Figures;
use crate::report::number::{span, things};
use maud::{Markup, html};

/// So many thresholds are shown; of the rest those that held are folded.
const SHOWN: usize = 8;

/// The page's top.
#[must_use]
pub fn top(facts: &Facts) -> Markup {
    let started = facts.outcome.environment.as_ref().map(|e| moment(&e.started));
    html! {
        header class="top" {
            b { "throng" }
            span { "run report" }
            @if let Some(started) = started { span class="end" { (started) } }
        }
    }
}

/// `2026-11-22T14:03:11Z` as people read it.
#[must_use]
pub fn moment(rfc3339: &str) -> String {
    rfc3339.replacen('T', " ", 1).replacen('Z', " UTC", 1).replacen("+00:00", " UTC", 1)
}

/// Verdict, sentence, five numbers, thresholds, command.
#[must_use]
pub fn first(facts: &Facts, figures: &Figures) -> Markup {
    html! {
        div class="verdict" id="verdict" {
            div class={ "word " (colour(facts.outcome.verdict)) } {
                (icon(facts.outcome.verdict)) (facts.outcome.verdict.word())
            }
            div {
                h1 { (facts.outcome.reason) }
                p { (setting(facts)) }
            }
        }
        (numbers(facts))
        (thresholds(facts, figures))
        (again(facts))
    }
}

fn setting(facts: &Facts) -> String {
    let outcome = facts.outcome;
    let runs = outcome.seeds.len() as u64;
    let of_one = |all: u64| all / runs.max(1);
    let people = things(of_one(outcome.participants.planned), "participant");
    let rooms = things(of_one(facts.rooms() as u64), "room");
    let runs = if runs > 0 { format!("{}, each of ", things(runs, "run")) } else { String::new() };
    let warmup = match facts.times.warmup {
        0.0 => String::new(),
        warmup => format!(" after a warm-up of {}", span(warmup)),
    };
    let measured = match facts.times.measured() {
        0.0 => "ended before anything was measured".to_owned(),
        measured => format!("measured for {}{warmup}", span(measured)),
    };
    let judged = beside(&outcome.reason, &facts.judged);
    format!(
        "{}: {runs}{people} in {rooms}, {measured}, against {}. {judged}Exit code {}.",
        outcome.scenario, outcome.target, outcome.exit_code
    )
}

fn numbers(facts: &Facts) -> Markup {
    html! {
        dl class="five" {
            @for number in five::of(facts) {
                div {
                    dt { (about(number.metric, number.title)) }
                    dd class=(if number.known { "big" } else { "big void" }) {
                        (number.big)
                        @if !number.aside.is_empty() { " " small { (number.aside) } }
                    }
                    dd class="sub" { (number.below) }
                }
            }
        }
    }
}

fn thresholds(facts: &Facts, figures: &Figures) -> Markup {
    let list = by_weight(&facts.judged);
    let held = list.iter().filter(|j| j.outcome.verdict == Verdict::Pass).count();
    let open = SHOWN.max(list.len() - held);
    let (shown, folded) = list.split_at(open.min(list.len()));
    html! {
        h2 class="vh" { "Thresholds" }
        @if list.is_empty() {
            p class="note" { "The scenario sets no threshold: a valid run passes." }
        } @else {
            (table(facts, figures, shown))
            @if !folded.is_empty() {
                details {
                    summary { (folded.len()) " more that held" }
                    (table(facts, figures, folded))
                }
            }
        }
    }
}

fn table(facts: &Facts, figures: &Figures, list: &[&Judged]) -> Markup {
    html! {
        table class="thr stack" {
            thead {
                tr {
                    th scope="col" { "Verdict" }
                    th scope="col" { "Measure" }
                    th scope="col" title="The upright line is the limit, the whisker a 95 % interval where one is known. For a ratio that must stay above its limit, the bar is the share of the allowed failures." { "Share of the limit used" }
                    th scope="col" class="r" { "Value" }
                    th scope="col" { "Limit" }
                    th scope="col" class="r" { "Samples" }
                }
            }
            tbody { @for judged in list { (row(facts, figures, judged)) } }
        }
    }
}

fn row(facts: &Facts, figures: &Figures, judged: &Judged) -> Markup {
    let outcome = judged.outcome;
    let index = facts.judged.iter().position(|j| std::ptr::eq(j.outcome, outcome)).unwrap_or(0);
    let word = if judged.is_warning() && outcome.verdict != Verdict::Pass { "WARN" } else { outcome.verdict.word() };
    let unclear = judged.is_thin() || (outcome.value.is_none() && outcome.censored == 0);
    html! {
        tr {
            td class="v" { (tag(outcome.verdict, word)) }
            td class="name" { (metric(&outcome.metric)) " " span class="q" { (judged.which()) } }
            td class="bar" { (svg(&figures.thresholds[index], "bul", "")) }
            td class=(if unclear { "r nw q value" } else { "r nw value" }) { (judged.value(facts.deadline)) }
            td class="nw q lim" { (judged.limit()) }
            td class="r nw q n" { (judged.samples()) }
        }
    }
}

fn again(facts: &Facts) -> Markup {
    let outcome = facts.outcome;
    html! {
        div class="again" {
            span class="q" { "Run it again" }
            @match &outcome.environment {
                Some(environment) => {
                    pre { (environment.command) }
                    span class="q" {
                        "throng " (environment.throng) " (" (environment.commit) ") · seed " (outcome.seed) " · live, "
                        (outcome.target) " · everything else under " a href="#environment" { "Environment" }
                    }
                }
                None => {
                    pre { (facts.again()) }
                    span class="q" {
                        (seeds_of(outcome)) " · " (outcome.scenario) ".toml is the scenario as it ran, with every " code { "--set" } " in it: save it from "
                        a href="#environment" { "Environment" } ". The command as it was typed stands in run.json beside this page."
                    }
                }
            }
            @if outcome.world == World::Simulated { (modelled()) }
        }
    }
}

/// The seed, or of many runs the first and the last.
#[must_use]
fn seeds_of(outcome: &Outcome) -> String {
    match (outcome.seeds.first(), outcome.seeds.last()) {
        (Some(first), Some(last)) => format!("seeds {} to {}", first.seed, last.seed),
        _ => format!("seed {}", outcome.seed),
    }
}

/// A simulation says on its first screen what it is.
fn modelled() -> Markup {
    html! {
        p class="q world" {
            b { "Simulated." } " Real code in virtual time: signalling messages, participants, encoders, RTP and RTCP, emulated networks, the "
            "SFU's rooms, forwarding, NACK and RTX. Modelled: STUN checks and DTLS flights (their sizes, order and timers, no "
            "cryptography), what a packet costs the SFU (nothing, unless the scenario says it). Not there: the machine, its kernel, "
            "sockets and scheduling, TCP's own congestion control, any SFU but throng's reference."
        }
    }
}
