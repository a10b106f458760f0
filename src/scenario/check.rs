//! What parts of a scenario say about each other: names that must exist, shares that must add up, what a target can do.

use super::action::{self, ActionKind, check_layer};
use super::error::Errors;
use super::fault;
use super::network::{LinkGroup, Network, builtin, unknown};
use super::population::{Headcount, Population};
use super::run::World;
use super::subscribe::{LayerWish, Selection};
use super::suggest::instead;
use super::target::{AdapterPlan, ServicePlan};
use super::threshold::{self, LabelValues, ThresholdPlan};
use super::{
    Scenario,
    arrivals::Start,
    document::{Node, Table, Value},
};
use crate::conference::protocol::LayerChoice;
use crate::conference::{Codec, LegKind, MediaKind};
use crate::media::source::Source;
use std::collections::BTreeSet;

/// Where a check reports.
pub(crate) struct Report<'a> {
    pub(crate) root: &'a Table,
    pub(crate) errors: &'a Errors<'a>,
}

impl Report<'_> {
    /// Whether the file has this key, right or wrong; arrays of tables are gone through by `name`.
    pub(crate) fn has(&self, key: &str) -> bool {
        let (mut table, mut list): (Option<&Table>, &[Node]) = (Some(self.root), &[]);
        for part in key.split('.') {
            let found = match table {
                Some(table) => table.get(part).map(|entry| &entry.node),
                None => list.iter().find(|node| node.name() == Some(part)),
            };
            (table, list) = match found.map(|node| &node.value) {
                Some(Value::Table(inner)) => (Some(inner), &[][..]),
                Some(Value::Array(items)) => (None, items.as_slice()),
                Some(_) => (None, &[][..]),
                None => return false,
            };
        }
        true
    }

    pub(crate) fn fail(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(&self.root.locate(key), key, message, help);
    }
}

/// Checks a whole scenario; `thresholds` come with the place of each.
pub(crate) fn check(scenario: &Scenario, thresholds: &[(String, ThresholdPlan)], report: &Report<'_>) {
    let mut names = BTreeSet::new();
    for population in &scenario.populations {
        if !names.insert(&population.name) {
            let message = format!("two populations are named `{}`", population.name);
            report.fail(&format!("{}.name", population.path), message, "rename one of them");
        }
        check_publish(scenario, population, report);
        check_speaker(scenario, population, report);
        action::check(scenario, population, report);
        check_networks(scenario, population, report);
        check_start(population, report);
    }
    check_silence(scenario, report);
    check_shares(scenario, report);
    check_target(scenario, report);
    check_world(scenario, report);
    fault::check(scenario, report);
    check_thresholds(scenario, thresholds, report);
}

/// What exists in one world only is refused in the other.
fn check_world(scenario: &Scenario, report: &Report<'_>) {
    let live = "write world = \"live\" in [run]";
    match (scenario.run.world, &scenario.target.adapter) {
        (World::Simulated, AdapterPlan::Room { .. } | AdapterPlan::WhipWhep(_)) => {
            let message = "a simulated run has no server but the reference SFU, which it runs itself";
            report.fail("target.adapter", message, format!("take `[target]` out, or {live}"));
        }
        (World::Simulated, AdapterPlan::Reference(reference)) if reference.egress.is_some() => {
            let message = "the egress network is one of the SFU that a live run starts";
            report.fail("target.egress", message, format!("put it on the viewers' `network`, or {live}"));
        }
        (World::Simulated, AdapterPlan::Reference(reference)) if is_str0m(reference.leg, report) => {
            let message = "str0m's leg needs real time and cryptography, which a simulated run does not have";
            report.fail("target.leg", message, format!("write leg = \"own\", or {live}"));
        }
        (World::Live, AdapterPlan::Reference(reference)) if reference.service != ServicePlan::default() => {
            let message = "what a packet costs is modelled in a simulated run only; a live SFU costs what it does";
            report.fail("target.service", message, "take `service` out, or write world = \"simulated\" in [run]");
        }
        (World::Live | World::Simulated, _) => {}
    }
}

/// Whether the file itself asks for str0m's leg; left out, a run has the one that fits it.
fn is_str0m(leg: LegKind, report: &Report<'_>) -> bool {
    let target = report.root.get("target").map(|entry| &entry.node.value);
    let written = matches!(target, Some(Value::Table(target)) if target.get("leg").is_some());
    leg == LegKind::Str0m && written
}

fn check_publish(scenario: &Scenario, population: &Population, report: &Report<'_>) {
    let key = |index: usize| format!("{}.publish[{index}]", population.path);
    for (index, name) in population.publish.iter().enumerate() {
        if scenario.channels.iter().any(|channel| channel.name == *name) {
            if matches!(scenario.target.adapter, AdapterPlan::WhipWhep(_)) {
                let help = "take it out, or write adapter = \"reference\"";
                report.fail(&key(index), format!("WHIP has no data channels, and `{name}` is one"), help);
            }
        } else if !scenario.media.iter().any(|media| media.name == *name) {
            let tracks = scenario.media.iter().map(|media| media.name.as_str());
            let known: Vec<&str> = tracks.chain(scenario.channels.iter().map(|one| one.name.as_str())).collect();
            let help = if known.is_empty() { format!("write `[media.{name}]`") } else { instead(name, known) };
            report.fail(&key(index), format!("there is no media `{name}`"), help);
        }
        if population.publish[..index].contains(name) {
            report.fail(&key(index), format!("`{name}` is published twice"), "once is enough");
        }
    }
}

fn publishes(scenario: &Scenario, population: &Population, kind: MediaKind) -> bool {
    scenario.media.iter().any(|media| media.kind() == kind && population.publish.contains(&media.name))
}

fn check_speaker(scenario: &Scenario, population: &Population, report: &Report<'_>) {
    if population.speaker.is_some() && !publishes(scenario, population, MediaKind::Audio) {
        let message = "who publishes no sound cannot be heard to speak";
        let help = "publish a media with kind = \"audio\", or take `speaker` out";
        report.fail(&format!("{}.speaker", population.path), message, help);
    }
}

/// Silence that is to be suppressed has to come from somewhere: pauses of the media's own, or of a conversation.
fn check_silence(scenario: &Scenario, report: &Report<'_>) {
    for media in &scenario.media {
        let dtx = matches!(&media.source, Source::Audio(audio) if audio.dtx && audio.talk.is_none());
        let mut publishers = scenario.populations.iter().filter(|population| population.publish.contains(&media.name));
        let by_turns = publishers.clone().next().is_some() && publishers.all(|one| one.speaker.is_some());
        let key = |key: &str| format!("media.{}.{key}", media.name);
        if dtx && !by_turns && !report.has(&key("talk")) {
            let help = "write talk = { on = \"exp(4s)\", off = \"exp(8s)\" }, give everybody who publishes it a `speaker`, or dtx = false";
            report.fail(&key("dtx"), "`dtx` without `talk` never finds silence", help);
        }
    }
}

fn check_networks(scenario: &Scenario, population: &Population, report: &Report<'_>) {
    for (index, (name, _)) in population.networks.iter().enumerate() {
        let known = name == "none" || scenario.networks.iter().any(|network| network.name == *name);
        if !known && builtin(name).is_none() {
            let one = format!("{}.network", population.path);
            let key = if population.networks.len() > 1 { format!("{one}[{index}].use") } else { one };
            report.fail(&key, format!("there is no network `{name}`"), unknown(name, &scenario.networks));
        }
    }
}

fn check_start(population: &Population, report: &Report<'_>) {
    if let (Start::Open(arrivals), Headcount::Count(count)) = (&population.start, population.head)
        && let Some(max) = arrivals.max.filter(|max| *max > count)
    {
        let message = format!("`max` is {max}, and the population has {count}");
        report.fail(&format!("{}.start.arrivals.max", population.path), message, "write at most the headcount");
    }
}

fn check_shares(scenario: &Scenario, report: &Report<'_>) {
    let shares: Vec<(&str, f64)> = scenario
        .populations
        .iter()
        .filter_map(|population| match population.head {
            Headcount::Share(share) => Some((population.path.as_str(), share)),
            Headcount::Count(_) | Headcount::PerRoom(_) => None,
        })
        .collect();
    let Some((first, _)) = shares.first() else { return };
    let Some(participants) = scenario.rooms.participants else {
        let help = "write `[rooms] participants`, how many there are together";
        report.fail(&format!("{first}.share"), "a share needs a whole", help);
        return;
    };
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    if sum > 1.0 + 1e-9 {
        let (last, _) = shares.last().expect("there is a first one");
        let message = format!("the shares add up to {}", (sum * 1e6).round() / 1e6);
        report.fail(&format!("{last}.share"), message, "let them add up to at most 1");
    }
    for (path, share) in shares {
        let exact = share * f64::from(participants);
        if (exact - exact.round()).abs() > 1e-6 || exact.round() < 1.0 {
            let message = format!("{share} of {participants} participants is {exact}, which is no number of people");
            report.fail(&format!("{path}.share"), message, "write a share that comes out whole, or `count`");
        }
    }
}

fn check_target(scenario: &Scenario, report: &Report<'_>) {
    if let AdapterPlan::Reference(reference) = &scenario.target.adapter
        && let Some(name) = reference.egress.as_deref().filter(|name| !name.contains('#'))
        && builtin(name).is_none()
    {
        let help = "write one of `throng profiles`, or \"FILE.toml#name\"";
        report.fail("target.egress", format!("there is no built-in profile `{name}`"), help);
    }
    for population in &scenario.populations {
        let layer = match population.subscribe.layer {
            LayerWish::Always(layer) => layer,
            LayerWish::Random(_) => LayerChoice::Low,
        };
        check_layer(scenario, layer, &format!("{}.subscribe.layer", population.path), report);
    }
    let AdapterPlan::WhipWhep(whip) = &scenario.target.adapter else { return };
    let publishers = scenario.populations.iter().filter(|population| !population.publish.is_empty());
    for population in publishers.clone() {
        let of_kind = |kind: MediaKind| {
            let media = |name: &&String| scenario.media.iter().any(|m| m.name == **name && m.kind() == kind);
            population.publish.iter().filter(media).count()
        };
        if of_kind(MediaKind::Audio) > 1 || of_kind(MediaKind::Video) > 1 {
            let message = "WHIP carries one audio and one video track a participant";
            report.fail(&format!("{}.publish", population.path), message, "publish one of each kind at most");
        }
    }
    if whip.whip.is_none() && publishers.clone().next().is_some() {
        report.fail(
            "target.whip",
            "somebody publishes, and `whip` is not there",
            "write whip = \"http://…/{room}/{participant}/whip\"",
        );
    }
    scenario.populations.iter().for_each(|population| check_played(population, report));
    let subscribes =
        |p: &&Population| [&p.subscribe.audio, &p.subscribe.video].iter().any(|one| **one != Selection::None);
    if whip.whep.is_none() && scenario.populations.iter().any(|p| subscribes(&p)) && publishers.clone().next().is_some()
    {
        let help = "write whep = \"http://…/{room}/{participant}/whep\", or subscribe = \"none\"";
        report.fail("target.whep", "somebody subscribes, and `whep` is not there", help);
    }
}

/// WHEP plays one publisher a session, and says neither who is there nor who speaks.
fn check_played(population: &Population, report: &Report<'_>) {
    for (word, selection) in [("audio", &population.subscribe.audio), ("video", &population.subscribe.video)] {
        match selection {
            Selection::All | Selection::None | Selection::Pinned { active: 0, .. } => {}
            Selection::LastN(_) | Selection::Active(_) | Selection::Page { .. } | Selection::Pinned { .. } => {
                let key = format!("{}.subscribe.{word}", population.path);
                let key = if report.has(&key) { key } else { format!("{}.subscribe", population.path) };
                let message = "WHEP says neither who is there nor who speaks, so nobody can choose among publishers";
                report.fail(&key, message, "write \"all\", \"none\" or \"pinned(NAME)\"");
                if !report.has(&format!("{}.subscribe.{word}", population.path)) {
                    return;
                }
            }
        }
    }
}

fn check_thresholds(scenario: &Scenario, thresholds: &[(String, ThresholdPlan)], report: &Report<'_>) {
    let used = used_networks(scenario);
    let codecs: BTreeSet<&str> = scenario.media.iter().map(|media| codec_word(media.codec)).collect();
    let values = LabelValues {
        populations: scenario.populations.iter().map(|population| population.name.as_str()).collect(),
        networks: used.iter().map(String::as_str).collect(),
        media: scenario
            .media
            .iter()
            .map(|media| media.name.as_str())
            .chain(scenario.channels.iter().map(|channel| channel.name.as_str()))
            .collect(),
        codecs: codecs.into_iter().collect(),
        rooms: scenario.rooms.count,
        faults: scenario
            .faults
            .iter()
            .map(|fault| {
                (fault.name.as_str(), !fault.kind.is_instant() && (fault.until > fault.at || fault.kind.is_of_sfu()))
            })
            .collect(),
    };
    for (path, plan) in thresholds {
        for (label, (message, help)) in threshold::check_filter(plan, &values) {
            report.fail(&format!("{path}.where.{label}"), message, help);
        }
    }
}

/// The word for a codec in a file.
pub(crate) fn codec_word(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Vp8 => "vp8",
        Codec::H264 => "h264",
        Codec::Vp9 => "vp9",
        Codec::Av1 => "av1",
    }
}

/// Networks that some population uses, or switches to, in the order of first use, `none` among them where somebody lives there.
pub(crate) fn used_networks(scenario: &Scenario) -> Vec<String> {
    let mut used: Vec<String> = Vec::new();
    let homes = scenario.populations.iter().flat_map(|population| &population.networks).map(|(name, _)| name);
    let switched = scenario
        .populations
        .iter()
        .flat_map(|population| &population.actions)
        .filter_map(|action| if let ActionKind::SwitchNetwork(name) = &action.kind { Some(name) } else { None });
    for name in homes.chain(switched) {
        if !used.contains(name) {
            used.push(name.clone());
        }
    }
    used
}

/// The network of that name: of the file, else built in, else the unimpaired path.
pub(crate) fn network_of(scenario: &Scenario, name: &str) -> Network {
    let own = scenario.networks.iter().find(|network| network.name == name).cloned();
    let plain = || Network {
        name: name.to_owned(),
        base: Default::default(),
        link_group: LinkGroup::None,
        schedule: Vec::new(),
        is_base: false,
    };
    own.or_else(|| builtin(name)).unwrap_or_else(plain)
}
