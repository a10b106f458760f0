//! One direction of a network as written: only the fields that are there change anything.

use super::document::Value;
use super::network::Path;
use super::section::{Section, Shape};
use crate::clock::Duration;
use crate::units::{Bitrate, Bytes, parse_duration};
use netem::{DelayVariation, Loss, QueueLimit, Reorder};

pub(crate) static PATH: Shape = Shape {
    name: "Path",
    keys: &["rate", "queue", "overhead", "loss", "delay", "delay_variation", "reorder", "duplicate"],
    refused: &[
        ("trace", "replaying traces is not built yet"),
        ("slot", "slotted release of packets is not built yet"),
        ("jitter", "a link has no jitter: what it adds is `delay_variation`"),
        ("corrupt", "corrupting packets is not built yet"),
    ],
};
pub(crate) static IID: Shape = Shape { name: "Loss.iid", keys: &["model", "p"], refused: &[] };
pub(crate) static GILBERT: Shape =
    Shape { name: "Loss.gilbert", keys: &["model", "mean", "burst", "domain"], refused: &[] };
pub(crate) static GE: Shape = Shape { name: "Loss.ge", keys: &["model", "p", "r", "h", "k"], refused: &[] };
pub(crate) static NO_LOSS: Shape = Shape { name: "Loss.none", keys: &["model"], refused: &[] };
pub(crate) static NR_GAUSS: Shape =
    Shape { name: "DelayVariation.nr-gauss", keys: &["dist", "sd", "max", "reordering"], refused: &[] };
pub(crate) static NORMAL: Shape =
    Shape { name: "DelayVariation.normal", keys: &["dist", "sd", "max", "reordering"], refused: &[] };
pub(crate) static UNIFORM: Shape =
    Shape { name: "DelayVariation.uniform", keys: &["dist", "max", "reordering"], refused: &[] };
pub(crate) static NO_VARIATION: Shape = Shape { name: "DelayVariation.none", keys: &["dist"], refused: &[] };
pub(crate) static REORDER: Shape = Shape { name: "Reorder", keys: &["ratio", "by"], refused: &[] };

/// Fields of one `up` or `down`; `None` keeps what was.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PathChange {
    /// Bit/s; inner `None` is unlimited.
    pub rate: Option<Option<u64>>,
    /// The bottleneck's queue.
    pub queue: Option<QueueLimit>,
    /// Bytes of headers a packet.
    pub overhead: Option<usize>,
    /// Loss after the bottleneck.
    pub loss: Option<Loss>,
    /// Propagation.
    pub delay: Option<Duration>,
    /// Delay variation; inner `None` is none.
    pub delay_variation: Option<Option<DelayVariation>>,
    /// Reordering.
    pub reorder: Option<Reorder>,
    /// Share of packets that arrive twice.
    pub duplicate: Option<f64>,
}

impl PathChange {
    /// Changes what is given. A rate without any queue gets netem's typical one.
    pub fn apply(&self, path: &mut Path) {
        let config = &mut path.config;
        if let Some(rate) = self.rate {
            config.rate = rate;
        }
        if let Some(queue) = self.queue {
            config.queue = queue;
            path.queue_given = true;
        }
        if !path.queue_given {
            // A rate of 0 is reported by netem's own limits.
            config.queue = config.rate.map_or(QueueLimit::Unlimited, |rate| QueueLimit::typical(rate.max(1)));
        }
        config.overhead = self.overhead.unwrap_or(config.overhead);
        if let Some(loss) = &self.loss {
            config.loss = loss.clone();
        }
        config.delay = self.delay.unwrap_or(config.delay);
        if let Some(variation) = &self.delay_variation {
            config.delay_variation = variation.clone();
        }
        config.reorder = self.reorder.or(config.reorder);
        config.duplicate = self.duplicate.unwrap_or(config.duplicate);
    }
}

/// Reads the direction under `key`; empty when it is not there.
pub(crate) fn read(section: &Section<'_>, key: &str) -> PathChange {
    let help = "write a table, as in { rate = \"2Mbps\", delay = \"40ms\" }";
    let Some(path) = section.sub(key, &PATH, help) else { return PathChange::default() };
    PathChange {
        rate: path.parsed("rate", rate, "write a rate with its unit, as in \"1.5Mbps\", or \"unlimited\""),
        queue: read_queue(&path),
        overhead: path.integer("overhead", 0..=65_535).map(|bytes| bytes as usize),
        loss: read_loss(&path),
        delay: path.duration("delay"),
        delay_variation: read_variation(&path),
        reorder: read_reorder(&path),
        duplicate: path.ratio("duplicate"),
    }
}

fn rate(text: &str) -> Option<Option<u64>> {
    if text == "unlimited" { Some(None) } else { Bitrate::parse(text).map(|rate| Some(rate.bps())) }
}

fn read_queue(path: &Section<'_>) -> Option<QueueLimit> {
    if matches!(path.node("queue")?.value, Value::Table(_)) {
        path.fail(
            "queue",
            "queue policies (`aqm`) are not built yet: queues drop at the tail",
            "write queue = \"200ms\"",
        );
        return None;
    }
    let parse = |text: &str| {
        if text == "unlimited" {
            return Some(QueueLimit::Unlimited);
        }
        let packets = text.strip_suffix("packets").and_then(|number| number.trim().parse().ok());
        packets
            .map(QueueLimit::Packets)
            .or_else(|| parse_duration(text).map(QueueLimit::Time))
            .or_else(|| Bytes::parse(text).map(|bytes| QueueLimit::Bytes(bytes.0)))
    };
    path.parsed("queue", parse, "write a time or a size, as in \"200ms\", \"64KiB\", \"100 packets\" or \"unlimited\"")
}

/// The word under a tag of the table under `key`, before its shape is known.
fn tag<'a>(section: &Section<'a>, key: &str, tag: &str) -> Option<&'a str> {
    let Value::Table(table) = &section.node(key)?.value else { return None };
    match &table.get(tag)?.node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn read_loss(path: &Section<'_>) -> Option<Loss> {
    let shape = match tag(path, "loss", "model") {
        Some("gilbert") => &GILBERT,
        Some("ge") => &GE,
        Some("none") => &NO_LOSS,
        _ => &IID,
    };
    let loss = path.sub("loss", shape, "write loss = { model = \"iid\", p = 0.01 }")?;
    let later = [("4-state", "the 4-state loss model is not built yet"), ("trace", "replaying loss is not built yet")];
    let words = [("iid", ()), ("gilbert", ()), ("ge", ()), ("none", ())];
    if loss.has("model") {
        loss.choice("model", &words, &later)?;
    }
    let ratio = |key: &str, example: &str| -> Option<f64> {
        loss.missing(key, example);
        loss.ratio(key)
    };
    if std::ptr::eq(shape, &NO_LOSS) {
        return Some(Loss::None);
    }
    if std::ptr::eq(shape, &IID) {
        return Some(Loss::Iid { p: ratio("p", "write the ratio that is lost, as in p = 0.01")? });
    }
    if std::ptr::eq(shape, &GILBERT) {
        if loss.has("domain") {
            loss.choice("domain", &[("packet", ())], &[("time", "bursts measured in time are not built yet")]);
        }
        let mean = ratio("mean", "write the ratio that is lost, as in mean = 0.02");
        loss.missing("burst", "write the mean burst in packets, as in burst = 3.0");
        let burst = loss.within("burst", 1.0..=1e6, "a mean burst of at least 1 packet");
        return Some(Loss::Gilbert { mean: mean?, burst: burst? });
    }
    let p = ratio("p", "write the probability of going bad, as in p = 0.01");
    let r = ratio("r", "write the probability of going good again, as in r = 0.3");
    let h = ratio("h", "write the ratio lost while bad, as in h = 0.9");
    let k = ratio("k", "write the ratio lost while good, as in k = 0.001");
    Some(Loss::GilbertElliott { p: p?, r: r?, h: h?, k: k? })
}

fn read_variation(path: &Section<'_>) -> Option<Option<DelayVariation>> {
    let shape = match tag(path, "delay_variation", "dist") {
        Some("uniform") => &UNIFORM,
        Some("normal") => &NORMAL,
        Some("none") => &NO_VARIATION,
        _ => &NR_GAUSS,
    };
    let help = "write delay_variation = { dist = \"nr-gauss\", sd = \"5ms\", max = \"15ms\" }";
    let table = path.sub("delay_variation", shape, help)?;
    table.missing("dist", "write dist = \"nr-gauss\" or dist = \"uniform\"");
    let later = [("slot", "slotted release of packets is not built yet")];
    table.choice("dist", &[("nr-gauss", ()), ("normal", ()), ("uniform", ()), ("none", ())], &later)?;
    if std::ptr::eq(shape, &NO_VARIATION) {
        return Some(None);
    }
    let reordering = table.bool("reordering").unwrap_or(false);
    if std::ptr::eq(shape, &UNIFORM) {
        table.missing("max", "write the most that is added, as in max = \"20ms\"");
        return Some(Some(DelayVariation::Uniform { max: table.duration("max")?, reordering }));
    }
    table.missing("sd", "write the standard deviation, as in sd = \"5ms\"");
    let sd = table.duration("sd")?;
    // RFC 8868 cuts at three standard deviations.
    let max = table.duration("max").unwrap_or(sd * 3);
    Some(Some(if std::ptr::eq(shape, &NORMAL) {
        DelayVariation::Normal { sd, max, reordering }
    } else {
        DelayVariation::Gaussian { sd, max, reordering }
    }))
}

fn read_reorder(path: &Section<'_>) -> Option<Reorder> {
    let reorder = path.sub("reorder", &REORDER, "write reorder = { ratio = 0.01, by = \"20ms\" }")?;
    reorder.missing("ratio", "write the share of packets that are held back, as in ratio = 0.01");
    reorder.missing("by", "write how long they are held back, as in by = \"20ms\"");
    let (ratio, by) = (reorder.ratio("ratio"), reorder.duration("by"));
    Some(Reorder { ratio: ratio?, by: by? })
}
