//! Faults: what went wrong on purpose, and how soon people had again what it took.

use super::parts::{about, tag};
use crate::metrics::catalog::Metric;
use crate::outcome::{FaultOutcome, Verdict};
use crate::report::facts::Facts;
use crate::report::facts::judged::trimmed;
use crate::report::facts::level::{Level, needed};
use crate::report::number::{Quantity, clock, count, seconds, things};
use maud::{Markup, html};

/// The section; nothing where the scenario has no fault.
#[must_use]
pub fn faults(facts: &Facts) -> Markup {
    let list = &facts.outcome.faults;
    html! {
        @if !list.is_empty() {
            section id="faults" {
                h2 { (about(Metric::FaultRecovery, "Faults")) }
                p class="lead" { (lead(list)) }
                table class="flt stack" {
                    thead {
                        tr {
                            th scope="col" { "Fault" } th scope="col" { "When" } th scope="col" class="r" { "Hit" }
                            th scope="col" class="r" { "Recovered" } th scope="col" class="r" { "p50" }
                            th scope="col" class="r" { "p95" } th scope="col" class="r" { "Longest" }
                            th scope="col" class="r" { "Limit" } th scope="col" { "Verdict" }
                        }
                    }
                    tbody { @for fault in list { (row(fault)) } }
                }
                p class="note" {
                    "Hit are those whom a fault selected and who were in the room. Times count from the end of the fault until the last of what "
                    "they had was back; 0 ms for whom nothing stood still."
                }
            }
        }
    }
}

fn lead(list: &[FaultOutcome]) -> String {
    let present: u64 = list.iter().map(|fault| fault.present).sum();
    let lost: u64 = list.iter().map(|fault| fault.unrecovered).sum();
    let longest = list.iter().filter_map(|fault| Some((fault.recovery.max?, &fault.name)));
    let longest = longest.max_by(|a, b| a.0.total_cmp(&b.0));
    let mut text = match list {
        [_] => format!("1 fault hit {}", things(present, "participant")),
        // Whom two of them hit is there twice.
        _ => format!("{} hit participants {} in all", things(list.len() as u64, "fault"), things(present, "time")),
    };
    text += &match (lost, list) {
        (0, _) if present == 0 => ".".to_owned(),
        (0, [_]) => "; everyone had again what they had.".to_owned(),
        (0, _) => "; each time they had again what they had.".to_owned(),
        (lost, [_]) => format!("; {} of them never had again what they had.", count(lost)),
        (lost, _) => format!("; {} they never had again what they had.", things(lost, "time")),
    };
    if let Some((longest, name)) = longest.filter(|(longest, _)| *longest > 0.0) {
        text += &format!(" The longest recovery took {}, from {name}.", seconds(longest));
    }
    text
}

fn row(fault: &FaultOutcome) -> Markup {
    let when = match fault.until > fault.at {
        true => format!("{}–{}", clock(fault.at), clock(fault.until)),
        false => clock(fault.at),
    };
    let time = |q: f64, value: Option<f64>| match (value, fault.present) {
        (_, 0) => "none hit".to_owned(),
        (_, present) if q < 1.0 && present < needed(q) => {
            Level::TooFew(present, needed(q)).write(Quantity::Seconds, None)
        }
        (Some(value), _) => seconds(value),
        (None, _) => "never".to_owned(),
    };
    let cell = |label: &str, value: String| html! { td class="r" { span class="only" { (label) " " } (value) } };
    html! {
        tr {
            td class="name" { b { (fault.name) } " " code { (fault.kind) } }
            td { (when) }
            (cell("hit", format!("{} of {}", count(fault.present), count(fault.selected))))
            (cell("recovered", count(fault.recovered)))
            (cell("p50", time(0.5, fault.recovery.p50)))
            (cell("p95", time(0.95, fault.recovery.p95)))
            (cell("longest", time(1.0, fault.recovery.max)))
            (cell("limit", fault.expect.as_ref().map_or_else(|| "none".to_owned(), |limit| format!("≤ {}", written(limit)))))
            td { @match fault.verdict {
                Some(verdict) => (tag(verdict, word(verdict))),
                None => span class="q" { "not judged" },
            } }
        }
    }
}

/// A duration of the scenario as the page writes it: `2 s` for `2s`.
fn written(duration: &str) -> String {
    let parsed = crate::units::parse_duration(duration);
    parsed.map_or_else(|| duration.to_owned(), |d| trimmed(&seconds(d.as_secs_f64())))
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "held",
        Verdict::Fail => "missed",
        _ => "unknown",
    }
}
