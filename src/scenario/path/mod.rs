//! One direction of a network as written: only the fields that are there change anything.
//!
//! A file for each stage of a path: `rate`, `queue`, `loss`, `variation`. Limits of the values themselves are
//! netem's; `key` says under which key of a scenario a field of netem's stands.

mod loss;
mod queue;
mod rate;
mod variation;

#[cfg(test)]
mod tests;

use super::Files;
use super::document::Value;
use super::network::Path;
use super::section::{Section, Shape};
use crate::clock::Duration;
pub(crate) use loss::on_off;
use netem::{LineError, LinkConfig, Loss, QueueLimit, Reorder, Serialiser, Slots};
pub use queue::Queue;
pub use rate::{Bucket, Rate};
pub use variation::Variation;

pub(crate) static PATH: Shape = Shape {
    name: "Path",
    keys: &[
        "rate",
        "trace",
        "token_bucket",
        "queue",
        "overhead",
        "loss",
        "delay",
        "delay_variation",
        "slot",
        "reorder",
        "duplicate",
        "corrupt",
    ],
    refused: &[("jitter", "a link has no jitter: what it adds is `delay_variation`")],
};

/// Fields of one `up` or `down`; `None` keeps what was.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PathChange {
    /// The bottleneck's rate, over time or by a trace.
    pub rate: Option<Rate>,
    /// The token bucket; inner `None` is none.
    pub bucket: Option<Option<Bucket>>,
    /// The bottleneck's queue.
    pub queue: Option<Queue>,
    /// Bytes of headers a packet.
    pub overhead: Option<usize>,
    /// Loss after the bottleneck.
    pub loss: Option<Loss>,
    /// Propagation.
    pub delay: Option<Duration>,
    /// Delay variation.
    pub delay_variation: Option<Variation>,
    /// Slots; inner `None` is none.
    pub slots: Option<Option<Slots>>,
    /// Reordering.
    pub reorder: Option<Reorder>,
    /// Share of packets that arrive twice.
    pub duplicate: Option<f64>,
    /// Share of packets that are corrupted.
    pub corrupt: Option<f64>,
}

impl PathChange {
    /// Changes what is given. A rate without any queue gets netem's typical one.
    pub fn apply(&self, path: &mut Path) {
        let config = &mut path.config;
        if let Some(rate) = &self.rate {
            rate.apply(config);
        }
        match self.bucket {
            Some(Some(Bucket { burst, peak })) => config.serialiser = Serialiser::TokenBucket { burst, peak },
            Some(None) if matches!(config.serialiser, Serialiser::TokenBucket { .. }) => {
                config.serialiser = Serialiser::Steady;
            }
            Some(None) | None => {}
        }
        if let Some(queue) = &self.queue {
            config.policy = queue.policy.clone();
            path.queue_given = queue.limit.is_some();
            config.queue = queue.limit.unwrap_or(config.queue);
        }
        if !path.queue_given {
            config.queue = typical_queue(config);
        }
        config.overhead = self.overhead.unwrap_or(config.overhead);
        if let Some(loss) = &self.loss {
            config.loss = loss.clone();
        }
        config.delay = self.delay.unwrap_or(config.delay);
        if let Some(Variation { variation, correlation }) = &self.delay_variation {
            config.delay_variation = variation.clone();
            config.delay_correlation = *correlation;
        }
        if let Some(slots) = &self.slots {
            config.slots = slots.clone();
        }
        config.reorder = self.reorder.or(config.reorder);
        config.duplicate = self.duplicate.unwrap_or(config.duplicate);
        config.corrupt = self.corrupt.unwrap_or(config.corrupt);
    }
}

/// The queue of a bottleneck whose queue nobody chose: that of its rate, or of the lowest of a plan.
fn typical_queue(config: &LinkConfig) -> QueueLimit {
    let rate = match &config.serialiser {
        Serialiser::Steady | Serialiser::TokenBucket { .. } => config.rate,
        Serialiser::Plan { plan, .. } => plan.points().iter().map(|point| point.rate).min(),
        Serialiser::Trace { trace, .. } => Some(trace.rate()),
    };
    // A rate of 0 is reported by netem's own limits.
    rate.map_or(QueueLimit::Unlimited, |rate| QueueLimit::typical(rate.max(1)))
}

/// Whether anything ever waits on a path with these conditions.
pub(crate) const fn has_bottleneck(config: &LinkConfig) -> bool {
    config.rate.is_some() || matches!(config.serialiser, Serialiser::Plan { .. } | Serialiser::Trace { .. })
}

/// The key, below `up` or `down`, under which a field that netem names stands in a scenario.
pub(crate) fn key(field: &str, config: &LinkConfig) -> String {
    let traced = matches!(config.serialiser, Serialiser::Trace { .. });
    let renamed = [
        ("serialiser.phase", if traced { "trace.phase" } else { "rate.phase" }),
        ("serialiser.", "token_bucket."),
        ("policy.", "queue."),
        ("delay_correlation", "delay_variation.correlation"),
        ("slots.gap.", "slot."),
        ("slots.", "slot."),
    ];
    let found = renamed.iter().find_map(|(theirs, ours)| Some(format!("{ours}{}", field.strip_prefix(theirs)?)));
    found.unwrap_or_else(|| field.to_owned())
}

/// Reads the direction under `key`; empty when it is not there.
pub(crate) fn read(section: &Section<'_>, key: &str, files: Files<'_>) -> PathChange {
    let help = "write a table, as in { rate = \"2Mbps\", delay = \"40ms\" }";
    let Some(path) = section.sub(key, &PATH, help) else { return PathChange::default() };
    let (delay_variation, slots) = variation::read(&path, files);
    PathChange {
        rate: rate::read(&path, files),
        bucket: rate::read_bucket(&path),
        queue: queue::read(&path),
        overhead: path.integer("overhead", 0..=65_535).map(|bytes| bytes as usize),
        loss: loss::read(&path, files),
        delay: path.duration("delay"),
        delay_variation,
        slots,
        reorder: variation::read_reorder(&path),
        duplicate: path.ratio("duplicate"),
        corrupt: path.ratio("corrupt"),
    }
}

/// The word under a tag of the table under `key`, before its shape is known.
fn tag<'a>(section: &Section<'a>, key: &str, tag: &str) -> Option<&'a str> {
    let Value::Table(table) = &section.node(key)?.value else { return None };
    match &table.get(tag)?.node.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether the value under a key is a table.
fn is_table(section: &Section<'_>, key: &str) -> bool {
    section.node(key).is_some_and(|node| matches!(node.value, Value::Table(_)))
}

/// Whether the value under a key is the word `none`.
fn is_none(section: &Section<'_>, key: &str) -> bool {
    section.node(key).is_some_and(|node| node.value == Value::Text("none".to_owned()))
}

/// What the file under a key holds, read by `parse`; `help` says what may stand in it.
fn of_file<T>(
    section: &Section<'_>,
    key: &str,
    files: Files<'_>,
    parse: impl Fn(&str) -> Result<T, LineError>,
    help: &str,
) -> Option<T> {
    let name = section.text(key, "write the name of a file, relative to this one")?;
    match super::files::text(files, name).map(|text| parse(&text)) {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => section.fail(key, format!("`{name}`, {error}"), help),
        Err(unreadable) => section.fail(key, format!("`{name}` cannot be read: {}", unreadable.why), unreadable.mend),
    }
    None
}

/// Every table that may stand in a path, for the schema's tests.
#[cfg(test)]
pub(crate) fn shapes() -> Vec<&'static Shape> {
    [&[&PATH][..], &rate::SHAPES, &queue::SHAPES, &loss::SHAPES, &variation::SHAPES].concat()
}
