//! `[[fault]]`: what goes wrong on purpose, when, for whom, and how soon all is to be well again.
//!
//! What a kind cannot mean (a length of an instant, people of an SFU's own fault, a recovery of what never ends) is
//! refused here; who is selected is drawn by the plan.

use super::check::Report;
use super::document::Value;
use super::section::{Section, Shape};
use super::suggest::instead;
use super::target::AdapterPlan;
use super::{Scenario, network::builtin};
use crate::clock::{Duration, Instant};
use std::collections::BTreeSet;

pub(crate) static FAULT: Shape = Shape {
    name: "Fault",
    keys: &["name", "at", "kind", "for", "restart_after", "ports", "select", "expect"],
    refused: &[],
};
pub(crate) static SELECT: Shape =
    Shape { name: "FaultSelect", keys: &["population", "network", "room", "fraction"], refused: &[] };
pub(crate) static EXPECT: Shape = Shape { name: "FaultExpect", keys: &["recover_within"], refused: &[] };

/// The most faults of one run.
pub const MOST: usize = 64;

/// One `[[fault]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Its name, part of the phases `fault:<name>` and `recovery:<name>`.
    pub name: String,
    /// When it begins, from the start of the run.
    pub at: Instant,
    /// When it ends: `at` for an instant, and for an SFU that is not started again.
    pub until: Instant,
    /// What happens.
    pub kind: FaultKind,
    /// To whom.
    pub select: Select,
    /// How soon after its end everybody selected must have again what they had.
    pub recover_within: Option<Duration>,
    /// Where it stands, as a dotted key.
    pub(crate) path: String,
}

/// What a fault does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The SFU's process is killed.
    SfuKill {
        /// How long after it is started again; `None` for never.
        restart_after: Option<Duration>,
    },
    /// The SFU's process stands still.
    SfuPause,
    /// Nothing gets through, either way, neither datagrams nor signalling.
    Partition,
    /// No datagram gets through.
    UdpBlock,
    /// A firewall lets nothing to or from some ports of the SFU.
    PortBlock(Ports),
    /// The signalling connection breaks, and no other can be opened.
    SignalDrop,
    /// ICE begins anew with other credentials.
    IceRestart,
    /// The NAT gives the participant's sockets other ports.
    NatRebind,
}

/// The ports of the SFU that a firewall closes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ports {
    /// Every port that datagrams go to or come from.
    Media,
    /// The port of its signalling.
    Signalling,
    /// These, of media and signalling alike.
    These(Vec<u16>),
}

impl FaultKind {
    /// The word of the file.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::SfuKill { .. } => "sfu-kill",
            Self::SfuPause => "sfu-pause",
            Self::Partition => "partition",
            Self::UdpBlock => "udp-block",
            Self::PortBlock(_) => "port-block",
            Self::SignalDrop => "signal-drop",
            Self::IceRestart => "ice-restart",
            Self::NatRebind => "nat-rebind",
        }
    }

    /// Whether it happens to the SFU's process, and so to everybody.
    #[must_use]
    pub const fn is_of_sfu(&self) -> bool {
        matches!(self, Self::SfuKill { .. } | Self::SfuPause)
    }

    /// Whether it is over as soon as it has happened.
    #[must_use]
    pub const fn is_instant(&self) -> bool {
        matches!(self, Self::IceRestart | Self::NatRebind)
    }

    /// Whether anything can come of it that is better than before: an SFU that stays dead does not.
    #[must_use]
    pub const fn can_recover(&self) -> bool {
        !matches!(self, Self::SfuKill { restart_after: None })
    }

    /// Whether signalling stands still or breaks while it lasts.
    const fn stops_signalling(&self) -> bool {
        matches!(self, Self::SfuKill { .. } | Self::SfuPause | Self::Partition | Self::SignalDrop)
    }
}

/// To whom a fault happens; everybody without any of them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Select {
    /// People of this population.
    pub population: Option<String>,
    /// People behind this network.
    pub network: Option<String>,
    /// People of this room, from 1.
    pub room: Option<u32>,
    /// This share of them, exactly, in seeded order; `None` for all.
    pub fraction: Option<f64>,
}

/// Reads `[[fault]]`, in the file's order.
pub(crate) fn read(root: &Section<'_>) -> Vec<Fault> {
    let sections = root.tables("fault", &FAULT, "write `[[fault]]` with `name`, `at` and `kind`");
    sections.iter().filter_map(read_one).collect()
}

fn read_one(section: &Section<'_>) -> Option<Fault> {
    section.missing("name", "write name = \"blocked\"");
    section.missing("at", "write when it begins, from the start of the run, as in at = \"20s\"");
    section.missing("kind", "write kind = \"udp-block\", or another of the kinds");
    let kind = read_kind(section);
    let length = read_length(section, kind.as_ref());
    let select = read_select(section, kind.as_ref());
    let recover_within = read_expect(section, kind.as_ref());
    let (name, at) = (section.name("name"), section.duration("at"));
    let at = Instant::ZERO + at?;
    let path = section.path.clone();
    Some(Fault { name: name?, at, until: at + length, kind: kind?, select, recover_within, path })
}

fn read_kind(section: &Section<'_>) -> Option<FaultKind> {
    let words = [
        ("sfu-kill", FaultKind::SfuKill { restart_after: None }),
        ("sfu-pause", FaultKind::SfuPause),
        ("partition", FaultKind::Partition),
        ("udp-block", FaultKind::UdpBlock),
        ("port-block", FaultKind::PortBlock(Ports::Media)),
        ("signal-drop", FaultKind::SignalDrop),
        ("ice-restart", FaultKind::IceRestart),
        ("nat-rebind", FaultKind::NatRebind),
    ];
    let kind =
        section.choice("kind", &words, &[("clock-skew", "shifting clocks (`clock-skew`) does not exist yet")])?;
    if section.has("restart_after") && !matches!(kind, FaultKind::SfuKill { .. }) {
        let message = format!("`restart_after` does not belong to kind \"{}\"", kind.word());
        section.fail("restart_after", message, "take it out, or write kind = \"sfu-kill\"");
    }
    if section.has("ports") && !matches!(kind, FaultKind::PortBlock(_)) {
        let message = format!("`ports` does not belong to kind \"{}\"", kind.word());
        section.fail("ports", message, "take it out, or write kind = \"port-block\"");
    }
    Some(match kind {
        FaultKind::SfuKill { .. } => FaultKind::SfuKill { restart_after: positive(section, "restart_after") },
        FaultKind::PortBlock(_) => FaultKind::PortBlock(read_ports(section)?),
        kind => kind,
    })
}

const PORTS_HELP: &str = "write ports = \"media\", \"signalling\", or a list of ports, as in [3478, 5349]";

fn read_ports(section: &Section<'_>) -> Option<Ports> {
    section.missing("ports", PORTS_HELP);
    let node = section.node("ports")?;
    if let Value::Text(_) = node.value {
        return section.choice("ports", &[("media", Ports::Media), ("signalling", Ports::Signalling)], &[]);
    }
    let mut ports = Vec::new();
    let items = section.array("ports", PORTS_HELP)?;
    for item in items {
        match item.value {
            Value::Integer(port @ 1..=65_535) => ports.push(port as u16),
            _ => section.errors.push(&item.origin, &section.key("ports"), "this is not a port", PORTS_HELP),
        }
    }
    if items.is_empty() {
        section.fail("ports", "no port is blocked", PORTS_HELP);
    }
    (!ports.is_empty()).then_some(Ports::These(ports))
}

/// How long it lasts, as far as its kind has a length.
fn read_length(section: &Section<'_>, kind: Option<&FaultKind>) -> Duration {
    let Some(kind) = kind else { return Duration::ZERO };
    let wrong = |help: &str| {
        if section.has("for") {
            section.fail("for", format!("`for` does not belong to kind \"{}\"", kind.word()), help);
        }
    };
    match kind {
        FaultKind::SfuKill { restart_after } => {
            wrong("write how long the SFU stays away as `restart_after`");
            restart_after.unwrap_or_default()
        }
        FaultKind::IceRestart | FaultKind::NatRebind => {
            wrong("it is an instant: take it out");
            Duration::ZERO
        }
        // Without a length the connection breaks once, and may be opened again at once.
        FaultKind::SignalDrop => positive(section, "for").unwrap_or_default(),
        FaultKind::SfuPause | FaultKind::Partition | FaultKind::UdpBlock | FaultKind::PortBlock(_) => {
            section.missing("for", "write how long it lasts, as in for = \"5s\"");
            positive(section, "for").unwrap_or_default()
        }
    }
}

fn positive(section: &Section<'_>, key: &str) -> Option<Duration> {
    let value = section.duration(key)?;
    if value.is_zero() {
        section.fail(key, format!("`{key}` is nothing"), "write a duration above 0, as in \"5s\"");
        return None;
    }
    Some(value)
}

fn read_select(section: &Section<'_>, kind: Option<&FaultKind>) -> Select {
    let help = "write select = { population = \"viewers\", fraction = 0.1 }";
    let Some(table) = section.sub("select", &SELECT, help) else { return Select::default() };
    if let Some(kind) = kind.filter(|kind| kind.is_of_sfu()) {
        let message = format!("kind \"{}\" happens to the SFU, and so to everybody", kind.word());
        section.fail("select", message, "take `select` out");
    }
    let fraction = table.number("fraction");
    if let Some(value) = fraction.filter(|value| !(*value > 0.0 && *value <= 1.0)) {
        table.fail("fraction", format!("`fraction` is {value}"), "write a share above 0 and up to 1; without it, all");
    }
    Select {
        population: table.text("population", "write a population's name").map(str::to_owned),
        network: table.text("network", "write a network's name").map(str::to_owned),
        room: read_room(&table),
        fraction,
    }
}

/// Rooms are numbered from 1, as in a threshold's `where`.
fn read_room(table: &Section<'_>) -> Option<u32> {
    match &table.node("room")?.value {
        Value::Text(text) if text.parse::<u32>().is_ok() => text.parse().ok(),
        _ => table.integer("room", 1..=u64::from(u32::MAX)).map(|room| room as u32),
    }
}

fn read_expect(section: &Section<'_>, kind: Option<&FaultKind>) -> Option<Duration> {
    let help = "write expect = { recover_within = \"8s\" }";
    let table = section.sub("expect", &EXPECT, help)?;
    table.missing("recover_within", help);
    if kind.is_some_and(|kind| !kind.can_recover()) && !section.has("restart_after") {
        let message = "nobody recovers from an SFU that is not started again";
        section.fail("expect", message, "write `restart_after`, or take `expect` out");
    }
    positive(&table, "recover_within")
}

/// Checks the faults against the rest of the file.
pub(crate) fn check(scenario: &Scenario, report: &Report<'_>) {
    if let Some(one_more) = scenario.faults.get(MOST) {
        let message = format!("there are {} faults", scenario.faults.len());
        report.fail(&one_more.path, message, format!("a run has at most {MOST}"));
    }
    let mut names = BTreeSet::new();
    for fault in &scenario.faults {
        if !names.insert(&fault.name) {
            let message = format!("two faults are named `{}`", fault.name);
            report.fail(&format!("{}.name", fault.path), message, "rename one of them");
        }
        check_window(scenario, fault, report);
        check_select(scenario, fault, report);
        check_target(scenario, fault, report);
    }
    for (index, later) in scenario.faults.iter().enumerate() {
        for earlier in scenario.faults.iter().take(index) {
            check_pair(earlier, later, report);
        }
    }
}

/// Thresholds judge the measured window, and so a fault lies within it.
fn check_window(scenario: &Scenario, fault: &Fault, report: &Report<'_>) {
    let (from, until) = (scenario.run.steady_from(), scenario.run.steady_until());
    let seconds = |at: Instant| at.as_secs_f64();
    if fault.at < from || fault.at >= until {
        let message = format!(
            "it begins at {} s, and the measured window goes from {} s to {} s",
            seconds(fault.at),
            seconds(from),
            seconds(until)
        );
        report.fail(&format!("{}.at", fault.path), message, "begin within the measured window, or lengthen the run");
    } else if fault.until > until {
        let key = if matches!(fault.kind, FaultKind::SfuKill { .. }) { "restart_after" } else { "for" };
        let message = format!("it ends at {} s, and the measured window at {} s", seconds(fault.until), seconds(until));
        report.fail(&format!("{}.{key}", fault.path), message, "shorten it, begin earlier, or lengthen the run");
    } else if let Some(within) = fault.recover_within.filter(|within| fault.until + *within > scenario.run.end()) {
        let message = format!(
            "everybody is to have recovered by {} s, and the run ends at {} s",
            seconds(fault.until + within),
            seconds(scenario.run.end())
        );
        report.fail(
            &format!("{}.expect.recover_within", fault.path),
            message,
            "leave time for it: begin earlier, or lengthen the run",
        );
    }
}

fn check_select(scenario: &Scenario, fault: &Fault, report: &Report<'_>) {
    let key = |key: &str| format!("{}.select.{key}", fault.path);
    if let Some(name) = &fault.select.population {
        let known: Vec<&str> = scenario.populations.iter().map(|population| population.name.as_str()).collect();
        if !known.contains(&name.as_str()) {
            report.fail(&key("population"), format!("there is no population `{name}`"), instead(name, known));
        }
    }
    if let Some(name) = &fault.select.network {
        let used = super::check::used_networks(scenario);
        if !used.contains(name) {
            let known: Vec<&str> = used.iter().map(String::as_str).collect();
            let exists = builtin(name).is_some() || scenario.networks.iter().any(|network| network.name == *name);
            let what = if exists { "nobody lives behind" } else { "there is no" };
            report.fail(&key("network"), format!("{what} network `{name}`"), instead(name, known));
        }
    }
    if let Some(room) = fault.select.room.filter(|room| !(1..=scenario.rooms.count).contains(room)) {
        let help = format!("number the rooms from 1 to {}", scenario.rooms.count);
        report.fail(&key("room"), format!("there is no room `{room}`"), help);
    }
}

fn check_target(scenario: &Scenario, fault: &Fault, report: &Report<'_>) {
    let target = &scenario.target;
    let owned = target.process.is_some() || matches!(target.adapter, AdapterPlan::Reference(_));
    let key = format!("{}.kind", fault.path);
    if fault.kind.is_of_sfu() && !owned {
        let message = format!("kind \"{}\" needs an SFU that the run itself started", fault.kind.word());
        report.fail(&key, message, "write adapter = \"reference\", or `[target.process]`");
    }
}

/// Two faults at once that contradict each other. Those of one kind for the same people are the plan's to find.
fn check_pair(one: &Fault, other: &Fault, report: &Report<'_>) {
    let (first, second) = if other.at < one.at { (other, one) } else { (one, other) };
    // An SFU that is not started again is away until the end.
    let goes_on = matches!(first.kind, FaultKind::SfuKill { restart_after: None });
    if second.at >= first.until && !goes_on && second.at > first.at {
        return;
    }
    let key = format!("{}.at", second.path);
    let help = format!("let `{}` begin after `{}` has ended", second.name, first.name);
    if first.kind.is_of_sfu() && second.kind.is_of_sfu() {
        report.fail(&key, format!("`{}` still has the SFU's process in hand then", first.name), help);
    } else {
        let restarts = [(first, second), (second, first)]
            .into_iter()
            .any(|(a, b)| matches!(a.kind, FaultKind::IceRestart) && b.kind.stops_signalling());
        if restarts {
            let message = format!(
                "ICE cannot restart without signalling, which `{}` and `{}` contradict",
                first.name, second.name
            );
            report.fail(&key, message, help);
        }
    }
}
