//! `[network.*]`: named conditions of both directions, each built on another network or a built-in profile.
//!
//! Only what is written is changed: [`PathChange`] holds the fields of one `up` or `down`, and the same type serves the
//! steps of a `schedule`. Limits of the fields themselves are netem's (`LinkConfig::problems`).

use super::Files;
use super::document::Value;
use super::path::{self, PathChange};
use super::section::{Section, Shape};
use super::suggest::instead;
use crate::clock::Duration;
use netem::{LinkConfig, QueueLimit, QueuePolicy};

pub(crate) static NETWORK: Shape =
    Shape { name: "Network", keys: &["extends", "up", "down", "link_group", "schedule"], refused: &[] };
pub(crate) static STEP: Shape = Shape {
    name: "Step",
    keys: &["at", "up", "down", "ramp", "reset", "outage", "every", "prob", "dir", "mode"],
    refused: &[("clock", "times of a participant's own are not built yet: `at` counts from the start of the run")],
};

/// Conditions of both directions.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Conditions {
    /// From the participant.
    pub up: Path,
    /// Towards the participant.
    pub down: Path,
}

/// Conditions of one direction, and whether anybody chose its queue.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Path {
    /// The conditions.
    pub config: LinkConfig,
    /// Whether the queue was written rather than being the default of a rate.
    pub queue_given: bool,
}

impl Path {
    fn of(config: &LinkConfig) -> Self {
        Self { config: config.clone(), queue_given: config.queue != QueueLimit::Unlimited }
    }
}

/// Whose links behind a network share their bottlenecks: the queue and the serialiser of each direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LinkGroup {
    /// Nobody's: each participant has links of its own.
    #[default]
    None,
    /// Everybody's, of all rooms.
    All,
    /// Those of one room.
    Room,
    /// Those of so many participants, who are taken room by room.
    Size(u32),
}

/// One `[network.*]`, resolved to its base conditions.
#[derive(Clone, PartialEq, Debug)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// At the start of the run.
    pub base: Conditions,
    /// Who shares its bottlenecks.
    pub link_group: LinkGroup,
    /// In the order of time.
    pub schedule: Vec<Step>,
    /// Another network of the file extends it.
    pub is_base: bool,
}

/// One step of a `schedule`.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// From the start of the run.
    pub at: Duration,
    /// What happens.
    pub change: Change,
    /// Where it stands, as a dotted key.
    pub(crate) path: String,
}

/// What a step does.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// New conditions.
    Conditions {
        /// Back to the base first.
        reset: bool,
        /// Then this.
        up: Box<PathChange>,
        /// And this.
        down: Box<PathChange>,
        /// Linear over this time: rate, delay and loss.
        ramp: Duration,
    },
    /// Nothing gets through for a while.
    Outage(OutageRule),
}

/// An outage, once or again and again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OutageRule {
    /// How long each.
    pub length: Duration,
    /// From start to start; `None` happens once.
    pub every: Option<Duration>,
    /// Probability of each, for each participant.
    pub prob: f64,
    /// Whether the uplink is out.
    pub up: bool,
    /// Whether the downlink is out.
    pub down: bool,
    /// Whether packets wait rather than being dropped.
    pub pause: bool,
}

/// A network as written, before what it extends is known.
struct Written<'a> {
    name: String,
    extends: Option<&'a str>,
    up: PathChange,
    down: PathChange,
    link_group: Option<LinkGroup>,
    schedule: Option<Vec<Step>>,
    section: Section<'a>,
}

/// Reads `[network.*]`, in the file's order.
pub(crate) fn read(root: &Section<'_>, files: Files<'_>) -> Vec<Network> {
    let written: Vec<Written<'_>> = root
        .named("network", |_| &NETWORK)
        .into_iter()
        .map(|(name, section)| Written {
            extends: section.text("extends", "write the name of a network or of a built-in profile"),
            up: path::read(&section, "up", files),
            down: path::read(&section, "down", files),
            link_group: read_link_group(&section),
            schedule: read_schedule(&section, files),
            section,
            name,
        })
        .collect();
    let mut networks = Vec::new();
    for network in &written {
        if network.name == "none" {
            let message = "`none` is the name of the unimpaired path";
            network.section.errors.push(
                &root_origin(root, "none"),
                &network.section.path,
                message,
                "choose another name",
            );
            continue;
        }
        let Resolved { base, link_group, schedule } = resolve(network, &written, &mut Vec::new());
        for (direction, path) in [("up", &base.up), ("down", &base.down)] {
            report(&network.section, &format!("{}.{direction}", network.section.path), &path.config);
        }
        let is_base = written.iter().any(|other| other.extends == Some(&network.name) && other.name != network.name);
        networks.push(Network { name: network.name.clone(), base, link_group, schedule, is_base });
    }
    networks
}

fn root_origin(root: &Section<'_>, name: &str) -> super::document::Origin {
    root.table.locate(&format!("network.{name}"))
}

/// Reports what netem cannot honour, at the field where it was written.
fn report(section: &Section<'_>, path: &str, config: &LinkConfig) {
    let fail = |field: &str, message: String, help: String| {
        let key = format!("{path}.{field}");
        let below = key.strip_prefix(&format!("{}.", section.path)).unwrap_or(&key).to_owned();
        section.errors.push(&section.table.locate(&below), &key, message, help);
    };
    let problems = config.problems();
    if problems.is_empty() && config.policy != QueuePolicy::DropTail && !path::has_bottleneck(config) {
        let help = "write a `rate` or a `trace`, or take the policy out".to_owned();
        fail("queue.aqm", "nothing ever waits in this queue: the path has no rate".to_owned(), help);
    }
    for problem in problems {
        let field = path::key(problem.field, config);
        fail(&field, format!("`{field}` is {}", problem.given), format!("write {}", problem.allowed));
    }
}

/// What a network comes to with all that it extends.
#[derive(Default)]
struct Resolved {
    base: Conditions,
    link_group: LinkGroup,
    schedule: Vec<Step>,
}

fn resolve<'a>(network: &'a Written<'a>, all: &'a [Written<'a>], open: &mut Vec<&'a str>) -> Resolved {
    open.push(&network.name);
    let mut resolved = match network.extends {
        None => Resolved::default(),
        Some(parent) => parent_of(network, parent, all, open),
    };
    open.pop();
    network.up.apply(&mut resolved.base.up);
    network.down.apply(&mut resolved.base.down);
    resolved.link_group = network.link_group.unwrap_or(resolved.link_group);
    if let Some(schedule) = &network.schedule {
        resolved.schedule.clone_from(schedule);
    }
    resolved
}

fn parent_of<'a>(
    network: &'a Written<'a>,
    parent: &'a str,
    all: &'a [Written<'a>],
    open: &mut Vec<&'a str>,
) -> Resolved {
    // A network may carry a built-in's name and extend that very profile.
    let other = all.iter().find(|other| other.name == parent && other.name != network.name);
    if let Some(other) = other {
        if open.contains(&parent) {
            let chain = open.iter().skip_while(|name| **name != parent).copied().chain([parent]);
            let chain: Vec<&str> = chain.collect();
            let message = format!("networks extend each other in a circle: {}", chain.join(" → "));
            network.section.fail("extends", message, "let one of them extend nothing, or a built-in profile");
            return Resolved::default();
        }
        return resolve(other, all, open);
    }
    if let Some(profile) = netem::profile(parent) {
        let base = Conditions { up: Path::of(&profile.up), down: Path::of(&profile.down) };
        return Resolved { base, ..Resolved::default() };
    }
    let known: Vec<&str> =
        all.iter().map(|other| other.name.as_str()).chain(netem::profiles().iter().map(|p| p.name)).collect();
    let help = match super::suggest::nearest(parent, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a network of this file or a built-in profile (`throng profiles` lists them)".to_owned(),
    };
    network.section.fail("extends", format!("there is no network `{parent}`"), help);
    Resolved::default()
}

/// The built-in profile of that name, as a network without a schedule.
pub(crate) fn builtin(name: &str) -> Option<Network> {
    let profile = netem::profile(name)?;
    let base = Conditions { up: Path::of(&profile.up), down: Path::of(&profile.down) };
    Some(Network { name: name.to_owned(), base, link_group: LinkGroup::None, schedule: Vec::new(), is_base: false })
}

fn read_link_group(section: &Section<'_>) -> Option<LinkGroup> {
    let node = section.node("link_group")?;
    if let Value::Integer(_) = node.value {
        return section.integer("link_group", 1..=1_000_000).map(|size| LinkGroup::Size(size as u32));
    }
    let words = [("all", LinkGroup::All), ("room", LinkGroup::Room), ("none", LinkGroup::None)];
    let Value::Text(_) = node.value else {
        let help = "write \"all\", \"room\", \"none\", or how many participants share one";
        section.fail("link_group", "`link_group` says who shares the bottlenecks", help);
        return None;
    };
    section.choice("link_group", &words, &[])
}

fn read_schedule(section: &Section<'_>, files: Files<'_>) -> Option<Vec<Step>> {
    if !section.has("schedule") {
        return None;
    }
    let help = "write a list of steps, as in [{ at = \"60s\", down = { rate = \"1Mbps\" } }]";
    let sections = section.tables("schedule", &STEP, help);
    let mut steps: Vec<Step> = sections.iter().filter_map(|step| read_step(step, files)).collect();
    steps.sort_by_key(|step| step.at);
    Some(steps)
}

fn read_step(step: &Section<'_>, files: Files<'_>) -> Option<Step> {
    step.missing("at", "write when, from the start of the run, as in at = \"60s\"");
    let at = step.duration("at");
    let outage = step.has("outage");
    let own: &[&str] = if outage { &["up", "down", "ramp", "reset"] } else { &["every", "prob", "dir", "mode"] };
    for key in own.iter().filter(|key| step.has(key)) {
        if outage {
            step.fail(key, format!("an outage has no `{key}`"), "write a step of its own");
        } else {
            step.fail(key, format!("`{key}` belongs to an outage"), "add `outage = \"800ms\"`, or take it out");
        }
    }
    let change = if outage {
        Change::Outage(read_outage(step)?)
    } else {
        let reset = step.bool("reset").unwrap_or(false);
        if !reset && !step.has("up") && !step.has("down") {
            step.fail("at", "this step changes nothing", "write `up`, `down`, `reset = true` or `outage`");
        }
        let ramp = step.duration("ramp").unwrap_or_default();
        Change::Conditions {
            reset,
            up: Box::new(path::read(step, "up", files)),
            down: Box::new(path::read(step, "down", files)),
            ramp,
        }
    };
    Some(Step { at: at?, change, path: step.path.clone() })
}

fn read_outage(step: &Section<'_>) -> Option<OutageRule> {
    let length = step.duration("outage")?;
    if length.is_zero() {
        step.fail("outage", "an outage of no length is none", "write how long, as in \"800ms\"");
        return None;
    }
    let every = step.duration("every");
    if let Some(every) = every
        && every <= length
    {
        let help = "write a time longer than the outage: it counts from start to start";
        step.fail("every", "the next outage would begin before this one ends", help);
        return None;
    }
    let dirs = [("both", (true, true)), ("up", (true, false)), ("down", (false, true))];
    let (up, down) = if step.has("dir") { step.choice("dir", &dirs, &[])? } else { (true, true) };
    let pause = if step.has("mode") { step.choice("mode", &[("drop", false), ("pause", true)], &[])? } else { false };
    Some(OutageRule { length, every, prob: step.ratio("prob").unwrap_or(1.0), up, down, pause })
}

/// A list for "did you mean" over networks that may be used.
pub(crate) fn unknown(name: &str, networks: &[Network]) -> String {
    let own = networks.iter().map(|network| network.name.as_str());
    let all: Vec<&str> = own.clone().chain(["none"]).chain(netem::profiles().iter().map(|p| p.name)).collect();
    match super::suggest::nearest(name, all) {
        Some(near) => format!("did you mean `{near}`?"),
        None if networks.is_empty() => {
            "write `[network.…]`, or a built-in profile (`throng profiles` lists them)".to_owned()
        }
        None => format!("{}, or a built-in profile (`throng profiles`)", instead(name, own)),
    }
}
