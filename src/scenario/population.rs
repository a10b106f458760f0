//! `[[population]]`: who comes, how many, when, what they publish and ask for, and where they live.

use super::action::{self, Action};
use super::arrivals::{self, Start};
use super::document::Value;
use super::rooms::MOST;
use super::section::{Section, Shape};
use super::subscribe::{self, Subscribe};
use crate::clock::Duration;
use crate::dist::Dist;
use std::collections::BTreeMap;

pub(crate) static POPULATION: Shape = Shape {
    name: "Population",
    keys: &[
        "name",
        "tags",
        "count",
        "share",
        "per_room",
        "publish",
        "subscribe",
        "speaker",
        "actions",
        "network",
        "start",
        "session",
        "timeouts",
        "reconnect",
    ],
    refused: &[
        ("kind", "full-stack probes are not built yet: every participant is light"),
        ("data", "data channels are media: write `[media.chat]` with kind = \"data\", and its name in `publish`"),
    ],
};
pub(crate) static SPEAKER: Shape = Shape { name: "Speaker", keys: &["active", "rotate"], refused: &[] };
pub(crate) static USE: Shape = Shape { name: "Use", keys: &["use", "weight"], refused: &[] };
pub(crate) static SESSION: Shape = Shape { name: "Session", keys: &["length", "rejoin"], refused: &[] };
pub(crate) static REJOIN: Shape = Shape { name: "Rejoin", keys: &["prob", "after"], refused: &[] };
pub(crate) static TIMEOUTS: Shape = Shape { name: "Timeouts", keys: &["join", "first_frame"], refused: &[] };

pub(crate) static RECONNECT: Shape =
    Shape { name: "Reconnect", keys: &["first", "factor", "max", "attempts"], refused: &[] };

/// One `[[population]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Population {
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// How many.
    pub head: Headcount,
    /// Names of media.
    pub publish: Vec<String>,
    /// What each asks for.
    pub subscribe: Subscribe,
    /// The conversation that they hold in each room, and who has the floor in it.
    pub speaker: Option<Speaker>,
    /// Names of networks with their weights; never empty.
    pub networks: Vec<(String, f64)>,
    /// What they do in the room.
    pub actions: Vec<Action>,
    /// When they come.
    pub start: Start,
    /// How long they stay.
    pub session: Session,
    /// How long a join may take.
    pub join_timeout: Duration,
    /// How long the first frame may take.
    pub first_frame_timeout: Duration,
    /// How they come back when they lose their session; `None` for never.
    pub reconnect: Option<Reconnect>,
    /// Where it stands, as a dotted key.
    pub(crate) path: String,
}

/// How many: exactly one of three.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Headcount {
    /// So many.
    Count(u32),
    /// This share of `[rooms] participants`.
    Share(f64),
    /// So many in each room.
    PerRoom(u32),
}

/// A conversation of a population's people in one room.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Speaker {
    /// How many have the floor at once.
    pub active: u32,
    /// How long until one of them hands it on; `None` for never.
    pub rotate: Option<Dist>,
}

/// How long people stay.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Session {
    /// `None` stays until the end of the run.
    pub length: Option<Dist>,
    /// Whether and when they come back.
    pub rejoin: Option<Rejoin>,
}

/// Whether and when people come back.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rejoin {
    /// Probability after each leaving.
    pub prob: f64,
    /// How long they are away.
    pub after: Dist,
}

/// How somebody who lost the session comes back: pauses that grow, and an end of patience.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reconnect {
    /// The first pause.
    pub first: Duration,
    /// How much longer each pause is than the one before it.
    pub factor: f64,
    /// The longest pause.
    pub max: Duration,
    /// Attempts until it gives up.
    pub attempts: u32,
}

impl Default for Reconnect {
    /// As the JavaScript SDK of LiveKit: 300 ms to 7 s, ten attempts (`DefaultReconnectPolicy`, whose pauses grow with the
    /// square of the attempt).
    fn default() -> Self {
        Self { first: Duration::from_millis(300), factor: 2.0, max: Duration::from_secs(7), attempts: 10 }
    }
}

impl Reconnect {
    /// The pause before attempt `number`, from 0; `luck` between 0 and 1 spreads it from half of it to one and a half.
    #[must_use]
    pub fn pause(&self, number: u32, luck: f64) -> Duration {
        // Doubled until it is longest: no power, whose last bit differs between C libraries.
        let mut pause = self.first.as_secs_f64();
        for _ in 0..number.min(64) {
            pause = (pause * self.factor).min(self.max.as_secs_f64());
        }
        Duration::from_secs_f64(pause.min(self.max.as_secs_f64()) * (0.5 + luck))
    }
}

/// Reads `[[population]]`, in the file's order.
pub(crate) fn read(root: &Section<'_>) -> Vec<Population> {
    root.missing("population", "write `[[population]]` with `name` and `count`");
    let sections = root.tables("population", &POPULATION, "write `[[population]]` with `name` and `count`");
    sections.iter().map(read_one).collect()
}

fn read_one(section: &Section<'_>) -> Population {
    section.missing("name", "write name = \"viewers\"");
    let network_help = "write a network's name, or [{ use = \"home\", weight = 0.8 }, …]";
    let list =
        section.texts("publish", "write a list of media, as in publish = [\"mic\", \"cam\"]").unwrap_or_default();
    Population {
        name: section.name("name").unwrap_or_else(|| section.path.clone()),
        tags: read_tags(section),
        head: read_headcount(section),
        publish: list.into_iter().map(|(name, _)| name.to_owned()).collect(),
        subscribe: subscribe::read(section),
        speaker: read_speaker(section),
        actions: action::read(section),
        networks: read_networks(section, network_help),
        start: arrivals::read(section),
        session: read_session(section),
        join_timeout: timeout(section, "join", Duration::from_secs(15)),
        first_frame_timeout: timeout(section, "first_frame", Duration::from_secs(5)),
        reconnect: read_reconnect(section),
        path: section.path.clone(),
    }
}

const RECONNECT_HELP: &str =
    "write reconnect = { first = \"300ms\", factor = 2.0, max = \"7s\", attempts = 10 }, or \"never\"";

fn read_reconnect(section: &Section<'_>) -> Option<Reconnect> {
    let default = Reconnect::default();
    let Some(node) = section.node("reconnect") else { return Some(default) };
    if let Value::Text(text) = &node.value {
        if text != "never" {
            section.fail("reconnect", format!("`{text}` is not understood here"), RECONNECT_HELP);
        }
        return None;
    }
    let table = section.sub("reconnect", &RECONNECT, RECONNECT_HELP)?;
    let pause = |key: &str, default: Duration| {
        let value = table.duration(key).unwrap_or(default);
        if !(Duration::from_millis(1)..=Duration::from_secs(600)).contains(&value) {
            table.fail(key, format!("`{key}` is out of bounds"), "write a duration from \"1ms\" to \"10m\"");
            return default;
        }
        value
    };
    let first = pause("first", default.first);
    let max = pause("max", default.max.max(first));
    if max < first {
        table.fail("max", "the longest pause is shorter than the first", "write at least `first`");
    }
    Some(Reconnect {
        first,
        factor: table.within("factor", 1.0..=10.0, "a factor from 1 to 10").unwrap_or(default.factor),
        max,
        attempts: table.integer("attempts", 1..=1_000).map_or(default.attempts, |attempts| attempts as u32),
    })
}

fn read_headcount(section: &Section<'_>) -> Headcount {
    let given: Vec<&str> = ["count", "share", "per_room"].into_iter().filter(|key| section.has(key)).collect();
    match given.as_slice() {
        [] => section.missing("count", "write count = 20, share = 0.05 or per_room = 2"),
        [_] => {}
        [_, second, ..] => section.fail(second, format!("{} are both there", and(&given)), "keep exactly one of them"),
    }
    let count = section.integer("count", 1..=MOST).map(|n| Headcount::Count(n as u32));
    let share = section.ratio("share").map(Headcount::Share);
    let per_room = section.integer("per_room", 1..=MOST).map(|n| Headcount::PerRoom(n as u32));
    count.or(share).or(per_room).unwrap_or(Headcount::Count(1))
}

fn and(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
}

fn read_tags(section: &Section<'_>) -> BTreeMap<String, String> {
    let Some(node) = section.node("tags") else { return BTreeMap::new() };
    let help = "write strings by name, as in tags = { role = \"pub\" }";
    let Value::Table(table) = &node.value else {
        section.fail("tags", format!("`tags` is {}", node.value.kind()), help);
        return BTreeMap::new();
    };
    let mut tags = BTreeMap::new();
    for entry in &table.entries {
        match &entry.node.value {
            Value::Text(text) => {
                tags.insert(entry.key.clone(), text.clone());
            }
            other => {
                let key = format!("{}.{}", section.key("tags"), entry.key);
                section.errors.push(&entry.node.origin, &key, format!("this is {}", other.kind()), help);
            }
        }
    }
    tags
}

fn read_speaker(section: &Section<'_>) -> Option<Speaker> {
    let help = "write speaker = { active = 3, rotate = \"exp(20s)\" }";
    let table = section.sub("speaker", &SPEAKER, help)?;
    table.missing("active", help);
    let active = table.integer("active", 1..=MOST)? as u32;
    if !table.has("rotate") {
        return Some(Speaker { active, rotate: None });
    }
    let rotate = table.dist("rotate")?;
    if rotate.mean() < Duration::from_millis(100) {
        table.fail("rotate", "the floor goes round faster than anybody could talk", "write at least \"100ms\"");
        return None;
    }
    Some(Speaker { active, rotate: Some(rotate) })
}

fn read_networks(section: &Section<'_>, help: &str) -> Vec<(String, f64)> {
    let plain = || vec![("none".to_owned(), 1.0)];
    let Some(node) = section.node("network") else { return plain() };
    if let Value::Text(name) = &node.value {
        return vec![(name.clone(), 1.0)];
    }
    let mut networks: Vec<(String, f64)> = Vec::new();
    for entry in section.tables("network", &USE, help) {
        entry.missing("use", "write the network's name, as in use = \"home\"");
        entry.missing("weight", "write its weight, as in weight = 0.8");
        let name = entry.text("use", help);
        let weight = entry.within("weight", 0.0..=1e9, "a weight of 0 or more");
        if let (Some(name), Some(weight)) = (name, weight) {
            if networks.iter().any(|(other, _)| other == name) {
                entry.fail("use", format!("`{name}` stands there twice"), "add the weights up");
            }
            networks.push((name.to_owned(), weight));
        }
    }
    let sum: f64 = networks.iter().map(|(_, weight)| weight).sum();
    if networks.is_empty() || sum <= 0.0 {
        if matches!(&node.value, Value::Array(items) if items.is_empty()) || !networks.is_empty() {
            section.fail("network", "the weights add up to nothing", help);
        }
        return plain();
    }
    networks
}

fn read_session(section: &Section<'_>) -> Session {
    let Some(table) = section.sub("session", &SESSION, "write session = { length = \"exp(60s)\" }") else {
        return Session::default();
    };
    let length = match table.text("length", "write \"inf\", or a duration or distribution, as in \"exp(60s)\"") {
        None | Some("inf") => None,
        Some(_) => table.dist("length"),
    };
    if length.is_some_and(|length| length.mean() < Duration::from_secs(1)) {
        table.fail("length", "sessions are shorter than a second on average", "write at least \"1s\"");
        return Session::default();
    }
    let rejoin =
        table.sub("rejoin", &REJOIN, "write rejoin = { prob = 0.2, after = \"exp(10s)\" }").and_then(|rejoin| {
            rejoin.missing("prob", "write the probability of coming back, as in prob = 0.2");
            rejoin.missing("after", "write how long they are away, as in after = \"exp(10s)\"");
            let (prob, after) = (rejoin.ratio("prob"), rejoin.dist("after"));
            Some(Rejoin { prob: prob?, after: after? })
        });
    if rejoin.is_some() && length.is_none() && (!table.has("length") || table.text("length", "") == Some("inf")) {
        table.fail("rejoin", "who never leaves never comes back", "write a `length`, or take `rejoin` out");
    }
    Session { length, rejoin: length.and(rejoin) }
}

fn timeout(section: &Section<'_>, key: &str, default: Duration) -> Duration {
    let Some(table) = section.sub("timeouts", &TIMEOUTS, "write timeouts = { join = \"10s\" }") else { return default };
    let value = table.duration(key).unwrap_or(default);
    if !(Duration::from_millis(100)..=Duration::from_secs(600)).contains(&value) {
        table.fail(key, format!("`{key}` is out of bounds"), "write a duration from \"100ms\" to \"10m\"");
        return default;
    }
    value
}
