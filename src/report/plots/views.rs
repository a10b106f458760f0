//! Which strips stand together: media and SFU over the run, and the generator's own.

use super::strips::{Shape, Strip, trace};
use crate::metrics::catalog::Metric;
use crate::report::draw::Role;
use crate::report::facts::over_time::{heads, mean, quantiles, rate, values};
use crate::report::facts::{Facts, over_time};
use crate::report::number::significant;

/// A strip without anything of its own.
pub(super) const PLAIN: Strip = Strip {
    title: "",
    unit: "",
    shape: Shape::Lines,
    traces: Vec::new(),
    top: 0.0,
    peak: None,
    whole: false,
    empty: "not measured in this run",
    none: "none",
};
const MIB: f64 = 1.0 / 1_048_576.0;

/// What publishers under congestion control estimated beside what their uplinks carried, and how full these were; nothing
/// where nobody was.
#[must_use]
pub fn congestion(facts: &Facts) -> Vec<Strip> {
    let half = |metric, factor| {
        let [line] = quantiles(facts.outcome, metric, [0.5], factor);
        line
    };
    let estimate = half(Metric::BweEstimate, 1e-6);
    if estimate.iter().all(Option::is_none) {
        return Vec::new();
    }
    let traces = vec![
        trace("carried", half(Metric::BweCapacity, 1e-6), Role::Planned),
        trace("target", half(Metric::BweTarget, 1e-6), Role::S2),
        trace("estimate", estimate, Role::Ink),
    ];
    let rates = Strip { title: "Estimate", unit: "Mbit/s, median", traces, ..PLAIN };
    let use_of = quantiles(facts.outcome, Metric::BweUtil, [0.5, 0.95, 0.99], 100.0);
    let traces = ["p50", "p95", "p99"].into_iter().zip(use_of);
    let traces = traces.map(|(label, line)| trace(label, line, Role::Ink)).collect();
    let empty = "the uplink has no rate";
    let used =
        Strip { title: "Uplink used", unit: "% of its rate", shape: Shape::Bands, traces, top: 100.0, empty, ..PLAIN };
    vec![rates, used]
}

/// The run over time: who was there, what flowed, what it was like, what the SFU needed.
#[must_use]
pub fn over_the_run(facts: &Facts) -> Vec<Strip> {
    let mut list = vec![people(facts), packets(facts), bits(facts), loss(facts), jitter(facts), frozen(facts)];
    list.extend(facts.has_process(Metric::SfuCpu).then(|| sfu_cpu(facts)));
    list.extend(facts.has_process(Metric::SfuRss).then(|| sfu_rss(facts)));
    list
}

fn people(facts: &Facts) -> Strip {
    let series = &facts.outcome.series;
    let traces = vec![
        trace("planned", heads(&series.planned), Role::Planned),
        trace("joining", heads(&series.joining), Role::S1),
        trace("failed", heads(&series.failed), Role::Bad),
        trace("joined", heads(&series.joined), Role::Ink),
    ];
    Strip { title: "Participants", unit: "at a time", traces, empty: "nobody was planned", whole: true, ..PLAIN }
}

fn packets(facts: &Facts) -> Strip {
    let of = |metric| rate(facts.outcome, metric, 1.0);
    let traces = vec![
        trace("down", of(Metric::RtpPacketsReceived), Role::S1),
        trace("up", of(Metric::RtpPacketsSent), Role::S2),
    ];
    Strip { title: "Packets", unit: "RTP, a second", traces, empty: "no packet was sent", ..PLAIN }
}

fn bits(facts: &Facts) -> Strip {
    let of = |metric| rate(facts.outcome, metric, 8e-6);
    let traces =
        vec![trace("down", of(Metric::RtpBytesReceived), Role::S1), trace("up", of(Metric::RtpBytesSent), Role::S2)];
    Strip { title: "Media rate", unit: "Mbit/s", traces, empty: "no packet was sent", ..PLAIN }
}

fn loss(facts: &Facts) -> Strip {
    let of = |metric| values(facts.outcome, metric, 100.0);
    let traces = vec![
        trace("after repair", of(Metric::RtpLossResidual), Role::S2),
        trace("network", of(Metric::RtpLossNet), Role::S1),
    ];
    let empty = "no packet was expected";
    Strip {
        title: "Packet loss",
        unit: "% of packets",
        traces,
        peak: Some("\u{202f}%"),
        empty,
        none: "none lost",
        ..PLAIN
    }
}

fn bands(facts: &Facts, metric: Metric) -> Vec<super::strips::Trace> {
    let [p50, p95, p99] = quantiles(facts.outcome, metric, [0.5, 0.95, 0.99], 1e3);
    vec![trace("p50", p50, Role::S1), trace("p95", p95, Role::Band95), trace("p99", p99, Role::Band99)]
}

fn jitter(facts: &Facts) -> Strip {
    let traces = bands(facts, Metric::RtpJitter);
    let empty = "no stream arrived";
    Strip {
        title: "Jitter",
        unit: "ms, RFC 3550",
        shape: Shape::Bands,
        traces,
        peak: Some("\u{202f}ms"),
        empty,
        ..PLAIN
    }
}

fn frozen(facts: &Facts) -> Strip {
    let line = heads(&facts.outcome.series.frozen);
    let traces = vec![trace("", line, Role::Heat(3))];
    let (empty, none) = ("no video was watched", "no freeze");
    Strip {
        title: "Frozen now",
        unit: "video streams",
        shape: Shape::Area,
        traces,
        peak: Some(""),
        whole: true,
        empty,
        none,
        ..PLAIN
    }
}

fn sfu_cpu(facts: &Facts) -> Strip {
    let line = values(facts.outcome, Metric::SfuCpu, 1.0);
    let label = mean(&line, |i| facts.times.is_measured(i))
        .map_or(String::new(), |v| format!("mean {}\u{202f}cores", significant(v, 2)));
    let empty = "the SFU is not a process of this run";
    Strip { title: "SFU CPU", unit: "cores", traces: vec![trace(label, line, Role::S1)], empty, ..PLAIN }
}

fn sfu_rss(facts: &Facts) -> Strip {
    memory(facts, Metric::SfuRss, "SFU memory", "the SFU is not a process of this run")
}

fn memory(facts: &Facts, metric: Metric, title: &'static str, empty: &'static str) -> Strip {
    let line = values(facts.outcome, metric, MIB);
    let top = over_time::peak(&line).map_or(String::new(), |(_, v)| format!("most {}\u{202f}MiB", significant(v, 1)));
    Strip { title, unit: "MiB resident", traces: vec![trace(top, line, Role::S1)], empty, ..PLAIN }
}

/// The generator over the run.
#[must_use]
pub fn generator(facts: &Facts) -> Vec<Strip> {
    let busy = values(facts.outcome, Metric::HarnessCpu, 100.0);
    let own = values(facts.outcome, Metric::HarnessProcessCpu, 1.0);
    let label = |line: &over_time::Line, unit: &str| {
        let mean = mean(line, |i| facts.times.is_measured(i));
        mean.map_or(String::new(), |v| format!("mean {}\u{202f}{unit}", significant(v, 2)))
    };
    let drops = values(facts.outcome, Metric::HarnessRxDrops, 1.0);
    let lag = |metric, title, unit, empty| Strip {
        title,
        unit,
        shape: Shape::Bands,
        traces: bands(facts, metric),
        peak: Some("\u{202f}ms"),
        empty,
        ..PLAIN
    };
    vec![
        lag(Metric::HarnessSendLateness, "Send lateness", "ms after due", "no frame was sent"),
        lag(Metric::HarnessLoopLag, "Loop lag", "ms after tick", "no worker ran"),
        Strip {
            title: "Busiest worker",
            unit: "% of a core",
            top: 100.0,
            traces: vec![trace(label(&busy, "%"), busy, Role::S1)],
            ..PLAIN
        },
        Strip { title: "Own CPU", unit: "cores", traces: vec![trace(label(&own, "cores"), own, Role::S1)], ..PLAIN },
        memory(facts, Metric::HarnessRss, "Own memory", "not measured in this run"),
        Strip {
            title: "Kernel drops",
            unit: "datagrams",
            shape: Shape::Area,
            traces: vec![trace("", drops, Role::Bad)],
            peak: Some(""),
            whole: true,
            none: "no datagram dropped",
            ..PLAIN
        },
    ]
}
