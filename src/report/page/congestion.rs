//! Congestion control: what publishers estimated, what their uplinks carried, how well the two agreed.

use super::parts::{about, figure, marks, numbers};
use crate::metrics::catalog::Metric;
use crate::outcome::MetricOutcome;
use crate::report::facts::Facts;
use crate::report::facts::pool::overall;
use crate::report::figures::Figure;
use crate::report::number::{count, percent, seconds};
use maud::{Markup, html};

/// The section; there is one where publishers were under congestion control.
#[must_use]
pub fn congestion(facts: &Facts, plot: &Figure) -> Markup {
    let caption = html! {
        "Medians over publishers, warm-up and all. The uplink is the emulated one; where it has no steady rate nothing is known "
        "of it. Above 100 % the queue grows."
    };
    html! {
        section id="congestion" {
            h2 { "Congestion control" }
            p class="lead" { (lead(facts)) }
            (figure(plot, "c-congestion", "Estimate against capacity", &caption, &marks(&facts.times)))
            (table(facts))
            p class="note" {
                "Measures: " (about(Metric::BweEstimate, "estimate")) ", " (about(Metric::BweTarget, "target")) ", "
                (about(Metric::BweCapacity, "capacity")) ", " (about(Metric::BweUtil, "use")) ", "
                (about(Metric::BweOvershoot, "overshoot")) ", " (about(Metric::BweConvergence, "convergence")) ", "
                (about(Metric::RtpProbeSent, "probes")) "."
            }
        }
    }
}

fn of<'a>(facts: &Facts<'a>, metric: Metric) -> Option<&'a MetricOutcome> {
    overall(facts.outcome, metric.name()).filter(|found| found.count > 0)
}

fn lead(facts: &Facts) -> String {
    let mut text = String::new();
    if let Some(half) = of(facts, Metric::BweUtil).and_then(|found| found.p50) {
        text += &format!("In half of the seconds {} of the uplink or more was used. ", percent(half));
    }
    if let Some(found) = of(facts, Metric::BweConvergence) {
        let open = found.censored;
        let steps = found.count;
        text += &format!(
            "Of {} steps of an uplink\u{2019}s rate {} had been followed before the next one or the end",
            count(steps),
            count(steps.saturating_sub(open))
        );
        text += &found.p50.map_or_else(|| ".".to_owned(), |half| format!(", half of them within {}.", seconds(half)));
    }
    text
}

fn table(facts: &Facts) -> Markup {
    let shares = [Metric::BweUtil, Metric::BweOvershoot];
    let rows: Vec<Vec<String>> = shares
        .into_iter()
        .filter_map(|metric| {
            let found = of(facts, metric)?;
            let cell = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), percent);
            Some(vec![metric.name().to_owned(), cell(found.p50), cell(found.p95), cell(found.p99), cell(found.max)])
        })
        .collect();
    let head = ["of a second", "p50", "p95", "p99", "most"].map(str::to_owned);
    numbers("The numbers, of all seconds", &head, &rows)
}
