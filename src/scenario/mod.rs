//! The scenario file exactly as it is written: TOML, version 1, every key checked, every error found at once.
//!
//! A [`Scenario`] says what is wanted; `plan` draws from it, with a seed, what will happen. Reading opens
//! no file and asks no environment: text, `--set`s and look-ups of variables and of traces come in as arguments. The grammar is documented
//! by [`schema`], and a test holds both to each other.

pub mod action;
pub mod arrivals;
pub(crate) mod check;
mod document;
pub mod error;
pub mod fault;
pub mod files;
pub mod layers;
mod media;
pub mod network;
pub mod path;
pub mod population;
pub mod rooms;
pub mod run;
#[cfg(test)]
pub(crate) mod sample;
pub mod schema;
pub mod secret;
mod section;
mod set;
pub mod subscribe;
mod suggest;
pub mod target;
#[cfg(test)]
mod tests;
pub mod threshold;
mod write;

use crate::media::MediaPlan;
use crate::media::channel::ChannelPlan;
use document::{Origin, Source, Table, Value};
pub(crate) use error::Errors;
pub use error::ScenarioError;
pub use files::{Files, Unreadable, beside, no_files};
use section::{Section, Shape};

static ROOT: Shape = Shape {
    name: "Scenario",
    keys: &[
        "version",
        "name",
        "seed",
        "run",
        "target",
        "media",
        "network",
        "rooms",
        "population",
        "fault",
        "threshold",
        "output",
    ],
    refused: &[
        ("extends", "a file that extends other files (`extends`) is not built yet; `network.X.extends` is"),
        ("search", "searching for capacity (`[search]`) is not built yet"),
        ("baseline", "comparing with a baseline is not built yet"),
    ],
};

/// The seed of a scenario that names none.
pub const DEFAULT_SEED: u64 = 1;

/// What the command line adds to a file.
pub struct Settings<'a> {
    /// `--set key.path=value`, in order.
    pub set: &'a [String],
    /// `--seed`.
    pub seed: Option<u64>,
    /// Looks up an environment variable (for `token_env`).
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Looks up traces and tables of networks.
    pub files: Files<'a>,
}

/// A scenario.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The seed, `--seed` applied.
    pub seed: u64,
    /// Phases and limits.
    pub run: run::RunPlan,
    /// What makes a run invalid.
    pub invalid_if: Vec<threshold::ThresholdPlan>,
    /// What is tested.
    pub target: target::TargetPlan,
    /// In the file's order.
    pub media: Vec<MediaPlan>,
    /// Data channels, in the file's order.
    pub channels: Vec<ChannelPlan>,
    /// In the file's order, whether used or not.
    pub networks: Vec<network::Network>,
    /// Rooms.
    pub rooms: rooms::Rooms,
    /// In the file's order.
    pub populations: Vec<population::Population>,
    /// In the file's order.
    pub faults: Vec<fault::Fault>,
    /// In the file's order.
    pub thresholds: Vec<threshold::ThresholdPlan>,
    /// What is written.
    pub output: run::OutputPlan,
    source: Source,
    root: Table,
}

impl Scenario {
    /// Reads a scenario; `file` is its name for messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the file.
    pub fn parse(file: &str, text: &str, settings: &Settings<'_>) -> Result<Self, Vec<ScenarioError>> {
        let (scenario, errors) = Self::read(file, text, settings);
        match scenario {
            Some(scenario) if errors.is_empty() => Ok(scenario),
            _ => Err(errors),
        }
    }

    /// Reads as much as can be read: what is wrong has been replaced by something harmless and is in the list. `None`
    /// when the text is not TOML.
    #[must_use]
    pub fn read(file: &str, text: &str, settings: &Settings<'_>) -> (Option<Self>, Vec<ScenarioError>) {
        let source = Source {
            file: file.to_owned(),
            text: text.to_owned(),
            sets: settings.set.iter().map(|set| secret::redact_set(set)).collect(),
        };
        let errors = Errors::new(&source);
        let mut root = match Table::parse(text) {
            Ok(root) => root,
            Err(syntax) => {
                for error in syntax {
                    errors.push(&error.origin, "", format!("this is not TOML: {}", error.message), "");
                }
                return (None, errors.into_sorted());
            }
        };
        for (index, argument) in settings.set.iter().enumerate() {
            set::apply(&mut root, argument, index, &errors);
        }
        let (mut scenario, thresholds) = read_document(&root, settings, &errors);
        check::check(&scenario, &thresholds, &check::Report { root: &root, errors: &errors });
        scenario.thresholds = thresholds.into_iter().map(|(_, plan)| plan).collect();
        let list = errors.into_sorted();
        (Some(Self { source, root, ..scenario }), list)
    }

    /// The scenario as it runs, as TOML: every `--set` applied, the seed written down, credentials redacted.
    #[must_use]
    pub fn redacted_text(&self) -> String {
        let mut root = self.root.clone();
        let node = document::Node { value: seed_value(self.seed), origin: Origin::default() };
        match root.entries.iter_mut().find(|entry| entry.key == "seed") {
            Some(entry) => entry.node = node,
            None => {
                let at = root.entries.iter().position(|entry| entry.key == "name").map_or(0, |i| i + 1);
                let entry = document::Entry { key: "seed".to_owned(), origin: Origin::default(), node };
                root.entries.insert(at, entry);
            }
        }
        write::document(&root)
    }

    /// A collector of errors about this scenario, and where to report them by key.
    pub(crate) fn errors(&self) -> (Errors<'_>, &Table) {
        (Errors::new(&self.source), &self.root)
    }

    /// The file's name for messages.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.file
    }
}

/// TOML's integers have 63 bits; a seed beyond them is written as the text that `--seed` takes.
fn seed_value(seed: u64) -> Value {
    i64::try_from(seed).map_or_else(|_| Value::Text(seed.to_string()), Value::Integer)
}

fn read_document(
    root: &Table,
    settings: &Settings<'_>,
    errors: &Errors<'_>,
) -> (Scenario, Vec<(String, threshold::ThresholdPlan)>) {
    let origin = Origin::default();
    let section = Section::open(root, &origin, &ROOT, String::new(), errors);
    read_version(&section);
    section.missing("name", "write name = \"my-scenario\"");
    let seed = settings.seed.or_else(|| read_seed(&section)).unwrap_or(DEFAULT_SEED);
    let (run, invalid_if) = run::read(&section);
    let (media, channels) = media::read(&section, settings.files);
    let scenario = Scenario {
        name: section.name("name").unwrap_or_else(|| "unnamed".to_owned()),
        seed,
        run,
        invalid_if,
        target: target::read(&section, settings.environment, seed),
        media,
        channels,
        networks: network::read(&section, settings.files),
        rooms: rooms::read(&section),
        populations: population::read(&section),
        faults: fault::read(&section),
        thresholds: Vec::new(),
        output: run::read_output(&section),
        source: Source::default(),
        root: Table::default(),
    };
    (scenario, threshold::read(&section))
}

fn read_version(section: &Section<'_>) {
    section.missing("version", "write version = 1");
    if let Some(node) = section.node("version")
        && node.value != Value::Integer(1)
    {
        section.fail("version", "this throng reads version 1 of the format", "write version = 1");
    }
}

fn read_seed(section: &Section<'_>) -> Option<u64> {
    let node = section.node("seed")?;
    if let Value::Text(text) = &node.value
        && let Ok(seed) = text.parse()
    {
        return Some(seed);
    }
    section.integer("seed", 0..=i64::MAX as u64)
}
