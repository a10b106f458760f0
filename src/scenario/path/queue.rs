//! The bottleneck's queue as written: a limit, or a table with the policy that keeps it short.

use super::{is_table, tag};
use crate::scenario::section::{Section, Shape};
use crate::units::{Bytes, parse_duration};
use netem::{CoDel, FqCoDel, Pie, QueueLimit, QueuePolicy, Red};

const NO_MARKS: &[(&str, &str)] = &[("ecn", "this policy drops by the limit alone and marks nothing")];

static DROP_TAIL: Shape = Shape { name: "Queue.drop-tail", keys: &["aqm", "limit"], refused: NO_MARKS };
static DROP_HEAD: Shape = Shape { name: "Queue.drop-head", keys: &["aqm", "limit"], refused: NO_MARKS };
static CODEL: Shape = Shape { name: "Queue.codel", keys: &["aqm", "limit", "target", "interval", "ecn"], refused: &[] };
static FQ_CODEL: Shape = Shape {
    name: "Queue.fq-codel",
    keys: &["aqm", "limit", "target", "interval", "quantum", "flows", "ecn"],
    refused: &[],
};
static PIE: Shape = Shape {
    name: "Queue.pie",
    keys: &["aqm", "limit", "target", "update", "alpha", "beta", "burst", "ecn"],
    refused: &[],
};
static RED: Shape = Shape {
    name: "Queue.red",
    keys: &["aqm", "limit", "min", "max", "probability", "weight", "packet", "gentle", "ecn"],
    refused: &[],
};

const LIMIT_HELP: &str = "write a time or a size, as in \"200ms\", \"64KiB\", \"100 packets\" or \"unlimited\"";
const SIZE_HELP: &str = "write a size with its unit, as in \"30kB\"";

/// A queue: how much may wait, and who is dropped or marked.
#[derive(Clone, PartialEq, Debug)]
pub struct Queue {
    /// How much; `None` is what the rate gets where nobody says.
    pub limit: Option<QueueLimit>,
    /// Who.
    pub policy: QueuePolicy,
}

/// Reads `queue`.
pub(super) fn read(path: &Section<'_>) -> Option<Queue> {
    if !is_table(path, "queue") {
        let limit = path.parsed("queue", limit, LIMIT_HELP)?;
        return Some(Queue { limit: Some(limit), policy: QueuePolicy::DropTail });
    }
    // Mahimahi writes the first two in one word.
    let shape = match tag(path, "queue", "aqm") {
        Some("drop-head" | "drophead") => &DROP_HEAD,
        Some("codel") => &CODEL,
        Some("fq-codel") => &FQ_CODEL,
        Some("pie") => &PIE,
        Some("red") => &RED,
        _ => &DROP_TAIL,
    };
    let queue = path.sub("queue", shape, LIMIT_HELP)?;
    queue.missing("aqm", "write the policy, as in aqm = \"codel\"");
    if !matches!(tag(path, "queue", "aqm"), Some("droptail" | "drophead")) {
        let words = ["drop-tail", "drop-head", "codel", "fq-codel", "pie", "red"].map(|word| (word, ()));
        queue.choice("aqm", &words, &[])?;
    }
    let limit = queue.parsed("limit", limit, LIMIT_HELP);
    Some(Queue { limit, policy: read_policy(&queue, shape)? })
}

fn limit(text: &str) -> Option<QueueLimit> {
    if text == "unlimited" {
        return Some(QueueLimit::Unlimited);
    }
    let packets = text.strip_suffix("packets").and_then(|number| number.trim().parse().ok());
    packets
        .map(QueueLimit::Packets)
        .or_else(|| parse_duration(text).map(QueueLimit::Time))
        .or_else(|| Bytes::parse(text).map(|bytes| QueueLimit::Bytes(bytes.0)))
}

fn read_policy(queue: &Section<'_>, shape: &'static Shape) -> Option<QueuePolicy> {
    if std::ptr::eq(shape, &DROP_TAIL) {
        return Some(QueuePolicy::DropTail);
    }
    if std::ptr::eq(shape, &DROP_HEAD) {
        return Some(QueuePolicy::DropHead);
    }
    let ecn = queue.bool("ecn").unwrap_or(false);
    if std::ptr::eq(shape, &PIE) {
        return Some(QueuePolicy::Pie(read_pie(queue, ecn)));
    }
    if std::ptr::eq(shape, &RED) {
        return read_red(queue, ecn).map(QueuePolicy::Red);
    }
    let default = CoDel::default();
    let codel = CoDel {
        target: queue.duration("target").unwrap_or(default.target),
        interval: queue.duration("interval").unwrap_or(default.interval),
        ecn,
    };
    if std::ptr::eq(shape, &CODEL) {
        return Some(QueuePolicy::CoDel(codel));
    }
    let default = FqCoDel::default();
    let whole = |key: &str, most: u64| queue.integer(key, 1..=most).map(|value| value as u32);
    Some(QueuePolicy::FqCoDel(FqCoDel {
        codel,
        quantum: whole("quantum", 1 << 30).unwrap_or(default.quantum),
        flows: whole("flows", 65_536).unwrap_or(default.flows),
    }))
}

fn read_pie(queue: &Section<'_>, ecn: bool) -> Pie {
    let default = Pie::default();
    Pie {
        target: queue.duration("target").unwrap_or(default.target),
        update: queue.duration("update").unwrap_or(default.update),
        alpha: queue.number("alpha").unwrap_or(default.alpha),
        beta: queue.number("beta").unwrap_or(default.beta),
        burst: queue.duration("burst").unwrap_or(default.burst),
        ecn,
    }
}

fn read_red(queue: &Section<'_>, ecn: bool) -> Option<Red> {
    queue.missing("min", "write the average below which nothing is dropped, as in min = \"30kB\"");
    queue.missing("max", "write the average from which everything is dropped, as in max = \"90kB\"");
    let size = |key: &str| queue.parsed(key, Bytes::parse, SIZE_HELP).map(|bytes| bytes.0);
    let (min, max) = (size("min"), size("max"));
    let red = Red {
        min: 0,
        max: 0,
        probability: queue.ratio("probability").unwrap_or(0.02),
        weight: queue.ratio("weight").unwrap_or(0.002),
        packet: queue.integer("packet", 1..=65_535).unwrap_or(1_000) as u32,
        gentle: queue.bool("gentle").unwrap_or(false),
        ecn,
    };
    Some(Red { min: min?, max: max?, ..red })
}

/// Every table of this file, for the schema's tests.
#[cfg(test)]
pub(super) static SHAPES: [&Shape; 6] = [&DROP_TAIL, &DROP_HEAD, &CODEL, &FQ_CODEL, &PIE, &RED];
