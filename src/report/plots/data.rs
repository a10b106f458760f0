//! Data channels: how many messages, how long they took, and which share of them came.

use super::strips::{Shape, Strip, trace};
use super::views::PLAIN;
use crate::metrics::catalog::Metric;
use crate::outcome::{Labels, Outcome};
use crate::report::draw::Role;
use crate::report::facts::Facts;
use crate::report::facts::over_time::{quantiles, rate, series, values};

/// Whether any message was to be sent.
#[must_use]
pub fn is_known(outcome: &Outcome) -> bool {
    series(outcome, Metric::DataMessagesSent.name(), &Labels::new()).is_some()
}

/// The strips of messages.
#[must_use]
pub fn data(facts: &Facts) -> Vec<Strip> {
    let of = |metric| rate(facts.outcome, metric, 1.0);
    let messages = vec![
        trace("received", of(Metric::DataMessagesReceived), Role::S1),
        trace("sent", of(Metric::DataMessagesSent), Role::S2),
    ];
    let latency = quantiles(facts.outcome, Metric::DataLatency, [0.5, 0.95, 0.99], 1e3);
    let latency = ["p50", "p95", "p99"].into_iter().zip(latency);
    let latency = latency.map(|(label, line)| trace(label, line, Role::Ink)).collect();
    let delivery = vec![trace("", values(facts.outcome, Metric::DataDelivery, 100.0), Role::S1)];
    let empty = "no message came";
    vec![
        Strip { title: "Messages", unit: "a second", traces: messages, empty: "no message was sent", ..PLAIN },
        Strip { title: "Latency", unit: "ms", shape: Shape::Bands, traces: latency, empty, ..PLAIN },
        Strip { title: "Delivery", unit: "% of messages", traces: delivery, top: 100.0, empty, ..PLAIN },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::MetricSeries;
    use crate::report::sample::{Sample, outcome};

    #[test]
    fn messages_are_drawn_where_there_are_some() {
        let mut outcome = outcome(&Sample::of(3));
        outcome.series.metrics.retain(|series| !series.name.starts_with("data."));
        assert!(!is_known(&outcome));
        let values = vec![Some(5.0); outcome.series.intervals];
        let name = Metric::DataMessagesSent.name().to_owned();
        outcome.series.metrics.push(MetricSeries { name, labels: Labels::new(), values, histograms: Vec::new() });
        assert!(is_known(&outcome));
        let strips = data(&Facts::of(&outcome));
        assert!(strips[0].traces[1].line.iter().all(Option::is_some));
        assert!(strips[2].traces[0].line.iter().all(Option::is_none));
    }
}
