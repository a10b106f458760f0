//! The five numbers of the first screen: joined, join time, frozen picture, frame delay, loss after repair.

use super::failures::words;
use super::level::Level;
use super::{Facts, pool};
use crate::metrics::catalog::Metric;
use crate::report::number::{Quantity, count, percent, things};

/// One of them.
#[derive(Clone, PartialEq, Debug)]
pub struct Number {
    /// What it is.
    pub title: &'static str,
    /// The metric that it is about.
    pub metric: Metric,
    /// The number with its unit, or why there is none.
    pub big: String,
    /// Beside it.
    pub aside: String,
    /// Below it.
    pub below: String,
    /// Whether there is a number at all.
    pub known: bool,
    /// Samples there are and samples it needs, where they are too few for it.
    pub few: Option<(u64, u64)>,
}

/// The five, in order.
#[must_use]
pub fn of(facts: &Facts) -> [Number; 5] {
    [joined(facts), join_time(facts), frozen(facts), delay(facts), loss(facts)]
}

fn joined(facts: &Facts) -> Number {
    let people = &facts.outcome.participants;
    let causes: Vec<String> = people
        .causes
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(cause, n)| {
            format!("{} {}", count(*n), words(cause).to_lowercase().replace("ice ", "ICE ").replace("dtls ", "DTLS "))
        })
        .collect();
    let below = match (people.failed, causes.len()) {
        (0, _) if people.planned == 0 => "nobody was to join".to_owned(),
        (0, _) => "none failed".to_owned(),
        (n, 1 | 2) => format!("{} failed: {}", count(n), causes.join(", ")),
        (n, _) => format!("{} failed", count(n)),
    };
    // Thresholds on `join.*` judge every join; who reads both must not wonder.
    let below = match people.rejoins {
        0 => below,
        n => format!("{below} · first joins; {} apart, which thresholds count too", things(n, "rejoin")),
    };
    let share = people.joined as f64 / people.planned as f64;
    let (big, known) = if people.planned == 0 { ("nobody".to_owned(), false) } else { (percent(share), true) };
    let aside = if known { format!("of {}", count(people.planned)) } else { String::new() };
    Number { title: "Joined", metric: Metric::JoinSuccess, big, aside, below, known, few: None }
}

fn join_time(facts: &Facts) -> Number {
    let joins = &facts.joins;
    let write = |level: Level| level.write(Quantity::Seconds, facts.deadline);
    let mut below = format!("p50 {}", write(joins.level(0.5)));
    if let level @ (Level::Value(_) | Level::Beyond) = joins.level(0.99) {
        below += &format!(" · p99 {}", write(level));
    }
    if facts.outcome.participants.rejoins > 0 {
        below += " · first joins";
    }
    let level = joins.level(0.95);
    let slowest = joins.joined.last().and_then(|p| p.join_total).map(|t| Quantity::Seconds.write(t));
    match (level, slowest) {
        (Level::TooFew(have, need), slowest) => {
            let below = slowest.map_or(below.clone(), |s| format!("{below} · slowest {s}"));
            short("Join time, p95", Metric::JoinTotal, have, need, below)
        }
        (level, _) => {
            let known = !matches!(level, Level::None);
            let below = if known { below } else { "nobody was to join".to_owned() };
            Number {
                title: "Join time, p95",
                metric: Metric::JoinTotal,
                big: write(level),
                aside: String::new(),
                below,
                known,
                few: None,
            }
        }
    }
}

fn short(title: &'static str, metric: Metric, have: u64, need: u64, below: String) -> Number {
    let below = format!("{} of {} · {below}", count(have), count(need));
    let few = Some((have, need));
    Number { title, metric, big: "n too small".to_owned(), aside: String::new(), below, known: false, few }
}

fn frozen(facts: &Facts) -> Number {
    let freezes = pool::overall(facts.outcome, Metric::VideoFreezeCount.name()).map(|m| m.count);
    let below = freezes.map_or_else(
        || "of watch time".to_owned(),
        |n| format!("of watch time; {}", if n == 0 { "no freeze".to_owned() } else { things(n, "freeze") }),
    );
    ratio(facts, "Frozen picture", Metric::VideoFreezeRatio, below, "no video was watched")
}

fn loss(facts: &Facts) -> Number {
    let of = |metric: Metric| pool::overall(facts.outcome, metric.name()).and_then(|m| m.value);
    let before = of(Metric::RtpLossNet);
    let mut below = before.map_or_else(|| "of packets".to_owned(), |v| format!("{} before repair", percent(v)));
    // Repair alone never makes it more: what came by itself and too late counts as well.
    if let (Some(after), Some(late)) = (of(Metric::RtpLossResidual), of(Metric::RtpLossLate))
        && before.is_some_and(|before| after > before)
    {
        below += &format!(", {} too late", percent(late));
    }
    ratio(facts, "Loss after repair", Metric::RtpLossResidual, below, "no packet was expected")
}

fn ratio(facts: &Facts, title: &'static str, metric: Metric, below: String, nothing: &str) -> Number {
    match pool::overall(facts.outcome, metric.name()).and_then(|m| m.value) {
        Some(value) => {
            Number { title, metric, big: percent(value), aside: String::new(), below, known: true, few: None }
        }
        None => none(title, metric, nothing),
    }
}

fn none(title: &'static str, metric: Metric, why: &str) -> Number {
    Number {
        title,
        metric,
        big: "no data".to_owned(),
        aside: String::new(),
        below: why.to_owned(),
        known: false,
        few: None,
    }
}

fn delay(facts: &Facts) -> Number {
    let (title, metric) = ("Frame delay, p95", Metric::DelayFrame);
    let pool = pool::by_filter(facts.outcome, metric.name(), &crate::outcome::Labels::new());
    let write = |q| pool.level(q).write(Quantity::Seconds, None);
    match pool.level(0.95) {
        Level::None => none(title, metric, "no stamped frame arrived"),
        Level::TooFew(have, need) => short(title, metric, have, need, format!("p50 {}", write(0.5))),
        level => {
            let below = match pool.level(0.99) {
                Level::Value(_) => format!("p50 {} · p99 {}", write(0.5), write(0.99)),
                _ => format!("p50 {}", write(0.5)),
            };
            let big = level.write(Quantity::Seconds, None);
            Number { title, metric, big, aside: String::new(), below, known: true, few: None }
        }
    }
}
