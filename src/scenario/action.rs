//! `actions` of a population: what its people do in the room, at a time or again and again.

use super::Scenario;
use super::check::Report;
use super::network::{builtin, unknown};
use super::population::Population;
use super::section::{Section, Shape};
use super::subscribe::{ONE_LAYER_HELP, layer_choice};
use super::suggest::instead;
use super::target::AdapterPlan;
use crate::clock::Duration;
use crate::conference::MediaKind;
use crate::conference::protocol::LayerChoice;
use crate::dist::Dist;
use crate::media::scalability::Scalability;
use crate::media::source::Source;
use crate::scenario::arrivals::Start;

pub(crate) static ACTION: Shape =
    Shape { name: "Action", keys: &["do", "media", "network", "layer", "at", "every", "for", "prob"], refused: &[] };

/// One of a population's `actions`.
#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    /// What.
    pub kind: ActionKind,
    /// When.
    pub when: When,
    /// How long it lasts; `None` to the end of the run, and for an instant.
    pub lasting: Option<Dist>,
    /// The probability that a participant does it at all.
    pub prob: f64,
    /// Where it stands, as a dotted key.
    pub(crate) path: String,
}

/// What people do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActionKind {
    /// Mute a media.
    Mute(String),
    /// Stop publishing a media, and publish it again.
    Unpublish(String),
    /// Publish one more media for a while: a screen.
    Share(String),
    /// Live behind another network: another address, too, and ICE restarts.
    SwitchNetwork(String),
    /// Ask for what is received in another layer, and for the one of before again.
    SwitchLayer(LayerChoice),
    /// Leave, and come back.
    Rejoin,
    /// Restart ICE.
    RestartIce,
}

/// When people do it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum When {
    /// Once, at this time of the run.
    At(Duration),
    /// Again and again: so long after the start of the run, and after each end.
    Every(Dist),
}

impl ActionKind {
    /// The word in a file.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Mute(_) => "mute",
            Self::Unpublish(_) => "unpublish",
            Self::Share(_) => "share",
            Self::SwitchNetwork(_) => "switch-network",
            Self::SwitchLayer(_) => "switch-layer",
            Self::Rejoin => "rejoin",
            Self::RestartIce => "restart-ice",
        }
    }

    /// The media that it is about.
    #[must_use]
    pub fn media(&self) -> Option<&str> {
        match self {
            Self::Mute(media) | Self::Unpublish(media) | Self::Share(media) => Some(media),
            Self::SwitchNetwork(_) | Self::SwitchLayer(_) | Self::Rejoin | Self::RestartIce => None,
        }
    }
}

const HELP: &str = "write actions = [{ do = \"mute\", media = \"mic\", at = \"20s\", for = \"5s\" }]";

/// Reads `actions`.
pub(crate) fn read(section: &Section<'_>) -> Vec<Action> {
    if !section.has("actions") {
        return Vec::new();
    }
    section.tables("actions", &ACTION, HELP).iter().filter_map(read_one).collect()
}

fn read_one(table: &Section<'_>) -> Option<Action> {
    table.missing("do", "write what is done, as in do = \"mute\"");
    let words = ["mute", "unpublish", "share", "switch-network", "switch-layer", "rejoin", "restart-ice"];
    let word = table.choice("do", &words.map(|word| (word, word)), &[])?;
    let about = match word {
        "mute" | "unpublish" | "share" => Some("media"),
        "switch-network" => Some("network"),
        "switch-layer" => Some("layer"),
        _ => None,
    };
    for key in ["media", "network", "layer"].into_iter().filter(|key| table.has(key) && about != Some(key)) {
        table.fail(key, format!("`{word}` is not about a {key}"), "take it out");
    }
    let name = match about {
        Some(key) => {
            table.missing(key, &format!("write which {key}, as in {key} = \"some-name\""));
            let help = if key == "layer" { ONE_LAYER_HELP } else { "write its name" };
            Some(table.text(key, help)?.to_owned())
        }
        None => None,
    };
    let kind = match (word, name) {
        ("mute", Some(name)) => ActionKind::Mute(name),
        ("unpublish", Some(name)) => ActionKind::Unpublish(name),
        ("share", Some(name)) => ActionKind::Share(name),
        ("switch-network", Some(name)) => ActionKind::SwitchNetwork(name),
        ("switch-layer", Some(text)) => match layer_choice(&text) {
            Ok(layer) => ActionKind::SwitchLayer(layer),
            Err(sentence) => {
                table.fail("layer", sentence, ONE_LAYER_HELP);
                return None;
            }
        },
        ("rejoin", _) => ActionKind::Rejoin,
        _ => ActionKind::RestartIce,
    };
    let when = read_when(table)?;
    let lasting = read_lasting(table, &kind, when);
    let prob = if table.has("prob") { table.ratio("prob")? } else { 1.0 };
    Some(Action { kind, when, lasting, prob, path: table.path.clone() })
}

fn read_when(table: &Section<'_>) -> Option<When> {
    match (table.has("at"), table.has("every")) {
        (true, true) => {
            table.fail("every", "`at` and `every` are both there", "keep exactly one of them");
            None
        }
        (false, false) => {
            table.missing("at", "write when, as in at = \"20s\" or every = \"exp(60s)\"");
            None
        }
        (true, false) => table.duration("at").map(When::At),
        (false, true) => {
            let every = table.dist("every")?;
            if every.mean() < Duration::from_secs(1) {
                table.fail("every", "nobody does anything more than once a second", "write at least \"1s\"");
                return None;
            }
            Some(When::Every(every))
        }
    }
}

fn read_lasting(table: &Section<'_>, kind: &ActionKind, when: When) -> Option<Dist> {
    let word = kind.word();
    let (has, ends) = (table.has("for"), !matches!(kind, ActionKind::RestartIce));
    if has && !ends {
        table.fail("for", format!("`{word}` takes no time"), "take it out");
        return None;
    }
    let needed = matches!(kind, ActionKind::Rejoin) || matches!(when, When::Every(_)) && ends;
    if needed {
        table.missing("for", "write how long, as in for = \"5s\"");
    }
    if !has {
        return None;
    }
    let lasting = table.dist("for")?;
    if lasting.mean() < Duration::from_millis(100) {
        table.fail("for", "`for` is shorter than anybody would notice", "write at least \"100ms\"");
        return None;
    }
    Some(lasting)
}

/// Checks the actions of a population against the rest of the scenario.
pub(crate) fn check(scenario: &Scenario, population: &Population, report: &Report<'_>) {
    for action in &population.actions {
        let key = |key: &str| format!("{}.{key}", action.path);
        if let When::At(at) = action.when
            && at >= scenario.run.end() - crate::clock::Instant::ZERO
        {
            report.fail(&key("at"), "the run is over by then", "write a time within the run");
        }
        check_media(scenario, population, action, report);
        if let ActionKind::SwitchNetwork(name) = &action.kind {
            let known = name == "none" || scenario.networks.iter().any(|network| network.name == *name);
            if !known && builtin(name).is_none() {
                let help = unknown(name, &scenario.networks);
                report.fail(&key("network"), format!("there is no network `{name}`"), help);
            }
        }
        if let ActionKind::SwitchLayer(layer) = action.kind {
            check_layer(scenario, layer, &key("layer"), report);
        }
        if action.kind == ActionKind::Rejoin && matches!(population.start, Start::Closed(_)) {
            let message = "who leaves a population of `concurrency` gives the place to somebody else";
            report.fail(&key("do"), message, "write `session` with `rejoin`, or another `start`");
        }
        if matches!(scenario.target.adapter, AdapterPlan::WhipWhep(_)) && action.kind.media().is_some() {
            let message = format!(
                "WHIP cannot `{}`: a session's tracks are settled when it begins, and it has no word for silence",
                action.kind.word()
            );
            report.fail(&key("do"), message, "take the action out, or take another adapter");
        }
    }
}

/// Whether there is somebody to ask for this layer, and video that has it: a layer within one stream (SVC) of each that is sent
/// so.
pub(crate) fn check_layer(scenario: &Scenario, layer: LayerChoice, key: &str, report: &Report<'_>) {
    if matches!(scenario.target.adapter, AdapterPlan::WhipWhep(_)) && layer != LayerChoice::Auto {
        return report.fail(key, "WHEP has no words to choose a layer", "take it out, or write layer = \"auto\"");
    }
    let LayerChoice::Svc { spatial, temporal } = layer else { return };
    let modes = scenario.media.iter().filter_map(|media| match &media.source {
        Source::Video(video) if video.scalability != Scalability::NONE && video.layers.is_empty() => {
            Some((media, video.scalability))
        }
        _ => None,
    });
    let mut known = false;
    for (media, mode) in modes {
        known = true;
        if spatial >= mode.spatial || temporal >= mode.temporal {
            let (name, top) = (&media.name, (mode.spatial - 1, mode.temporal - 1));
            let message = format!("`svc({spatial},{temporal})` is not among the layers of `{name}`, which is {mode}");
            return report.fail(key, message, format!("write at most \"svc({},{})\"", top.0, top.1));
        }
    }
    if !known {
        let message = format!("no video has layers in one stream, so none has `svc({spatial},{temporal})`");
        let help =
            "write \"low\", \"mid\" or \"high\", or layers = { mode = \"svc\", scalability = \"L3T3\" } of a media";
        report.fail(key, message, help);
    }
}

fn check_media(scenario: &Scenario, population: &Population, action: &Action, report: &Report<'_>) {
    let Some(name) = action.kind.media() else { return };
    let key = format!("{}.media", action.path);
    if scenario.channels.iter().any(|channel| channel.name == name) {
        let message = format!("`{name}` is a data channel, which stays as long as its publisher");
        return report.fail(&key, message, "write a media of sound or pictures");
    }
    let Some(media) = scenario.media.iter().find(|media| media.name == name) else {
        let known = scenario.media.iter().map(|media| media.name.as_str());
        return report.fail(&key, format!("there is no media `{name}`"), instead(name, known));
    };
    let is_published = population.publish.iter().any(|one| one == name);
    let is_shared = population.actions.iter().any(|one| one.kind == ActionKind::Share(name.to_owned()));
    match &action.kind {
        ActionKind::Share(_) if is_published => {
            report.fail(
                &key,
                format!("`{name}` is published anyway"),
                "share another media, or take it out of `publish`",
            );
        }
        ActionKind::Share(_) if media.kind() != MediaKind::Video => {
            report.fail(&key, "a screen is seen, not heard", "share a media with kind = \"video\"");
        }
        ActionKind::Unpublish(_) if !is_published => {
            report.fail(&key, format!("`{name}` is not published"), "write one of the population's `publish`");
        }
        ActionKind::Mute(_) if !is_published && !is_shared => {
            report.fail(
                &key,
                format!("`{name}` is neither published nor shared"),
                "write one of the population's `publish`",
            );
        }
        _ => {}
    }
}
