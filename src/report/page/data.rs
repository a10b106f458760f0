//! Data channels: what came of the messages, a row a channel and network. Only where there were any.

use super::parts::{about, figure, marks, numbers};
use crate::metrics::catalog::Metric;
use crate::outcome::{Labels, MetricOutcome};
use crate::report::facts::Facts;
use crate::report::facts::pool::overall;
use crate::report::figures::Figure;
use crate::report::number::{count, percent, seconds};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The section; there is one where messages were sent.
#[must_use]
pub fn data(facts: &Facts, plot: &Figure) -> Markup {
    let caption = html! {
        "All channels together, each message in the interval in which it came; one that never came counts in the interval in "
        "which it was given up."
    };
    html! {
        section id="data" {
            h2 { "Data channels" }
            p class="lead" { (lead(facts)) }
            (figure(plot, "c-data", "Messages, their latency and their delivery", &caption, &marks(&facts.times)))
            (table(facts))
            p class="note" {
                "Measures: " (about(Metric::DataDelivery, "delivery")) ", " (about(Metric::DataLatency, "latency")) ", "
                (about(Metric::DataMessagesDropped, "messages dropped by their sender")) ", "
                (about(Metric::IntegrityMessageOrder, "order")) "."
            }
        }
    }
}

fn lead(facts: &Facts) -> String {
    let of = |metric: Metric| overall(facts.outcome, metric.name()).filter(|found| found.count > 0);
    let Some(delivery) = of(Metric::DataDelivery).and_then(|found| found.value) else {
        return "Messages were sent, and none came.".to_owned();
    };
    let mut text = format!("{} of the messages came", percent(delivery));
    if let Some((half, most)) = of(Metric::DataLatency).and_then(|found| found.p50.zip(found.p99)) {
        text += &format!(", half of those within {}, 99\u{202f}% within {}", seconds(half), seconds(most));
    }
    text + "."
}

/// The value of a metric under exactly these labels.
fn find<'a>(facts: &Facts<'a>, metric: Metric, labels: &Labels) -> Option<&'a MetricOutcome> {
    facts.outcome.metrics.iter().find(|entry| entry.name == metric.name() && entry.labels == *labels)
}

fn table(facts: &Facts) -> Markup {
    let labelled = facts.outcome.metrics.iter().filter(|entry| entry.name == Metric::DataDelivery.name());
    let steady = labelled.filter(|entry| entry.labels.get("phase").is_some_and(|phase| phase == "steady"));
    let keys: BTreeSet<&Labels> =
        steady.filter(|entry| entry.labels.contains_key("media")).map(|entry| &entry.labels).collect();
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .filter_map(|labels| {
            let word = |label: &str| labels.get(label).cloned().unwrap_or_default();
            let delivery = find(facts, Metric::DataDelivery, labels)?;
            let latency = find(facts, Metric::DataLatency, labels);
            let time = |read: fn(&MetricOutcome) -> Option<f64>| {
                latency.and_then(read).map_or_else(|| "none".to_owned(), seconds)
            };
            Some(vec![
                word("media"),
                word("population"),
                word("network"),
                find(facts, Metric::DataMessagesReceived, labels).map_or_else(|| "0".to_owned(), |n| count(n.count)),
                delivery.value.map_or_else(|| "none".to_owned(), percent),
                time(|found| found.p50),
                time(|found| found.p99),
                time(|found| found.max),
            ])
        })
        .collect();
    let head = ["channel", "receivers", "network", "messages", "delivery", "p50", "p99", "most"].map(str::to_owned);
    numbers("The numbers, of the measured time", &head, &rows)
}
