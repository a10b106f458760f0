//! `[run]` and `[output]`: phases, limits of the generator, and what is written.

use super::section::{Section, Shape};
use super::threshold::{self, ThresholdPlan};
use crate::clock::{Duration, Instant};
use crate::metrics::labels::RunPhase;

pub(crate) static RUN: Shape =
    Shape { name: "Run", keys: &["world", "warmup", "duration", "cooldown", "workers", "invalid_if"], refused: &[] };

pub(crate) static OUTPUT: Shape = Shape {
    name: "Output",
    keys: &["dir", "formats", "interval"],
    refused: &[("keep", "`output.keep` does not exist yet: what is kept cannot be chosen")],
};

/// D4.14: past these the run says nothing about the target.
pub const DEFAULT_INVALID_IF: [&str; 3] =
    ["harness.send_lateness p99 > 5ms", "harness.cpu max > 0.90", "harness.rx_drops count > 0"];

/// The longest run: a day and its night.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Where a run happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum World {
    /// Real sockets, and the machine's clock.
    #[default]
    Live,
    /// One process, no socket, a virtual clock.
    Simulated,
}

/// Phases and limits of the run itself.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// Where it happens.
    pub world: World,
    /// Excluded from thresholds, except for `join.*`.
    pub warmup: Duration,
    /// The measured window.
    pub duration: Duration,
    /// Excluded from thresholds.
    pub cooldown: Duration,
    /// Media worker threads; 0 lets the driver choose.
    pub workers: usize,
}

impl RunPlan {
    /// End of the warm-up.
    #[must_use]
    pub fn steady_from(&self) -> Instant {
        Instant::ZERO + self.warmup
    }

    /// Start of the cool-down.
    #[must_use]
    pub fn steady_until(&self) -> Instant {
        self.steady_from() + self.duration
    }

    /// End of the run.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.steady_until() + self.cooldown
    }

    /// The phase at `at`.
    #[must_use]
    pub fn phase(&self, at: Instant) -> RunPhase {
        if at < self.steady_from() {
            RunPhase::Warmup
        } else if at < self.steady_until() {
            RunPhase::Steady
        } else {
            RunPhase::Cooldown
        }
    }
}

/// Where and how results are written.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputPlan {
    /// The directory; `None` for `reports/<name>-<utc time>/`. May hold `{name}` and `{time}`.
    pub dir: Option<String>,
    /// Artifacts beside `outcome.json`.
    pub formats: Vec<Format>,
    /// Length of one interval of the series.
    pub interval: Duration,
}

/// An artifact's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// `report.html` and the SVG files.
    Html,
    /// `outcome.json` (always written).
    Json,
    /// `metrics.csv` and `series.csv`.
    Csv,
    /// `junit.xml`.
    Junit,
    /// `summary.md`.
    Markdown,
}

const FORMATS: [(&str, Format); 5] = [
    ("html", Format::Html),
    ("json", Format::Json),
    ("csv", Format::Csv),
    ("junit", Format::Junit),
    ("markdown", Format::Markdown),
];

/// Reads `[run]`; without a readable duration the other parts are still checked, against a minute.
pub(crate) fn read(root: &Section<'_>) -> (RunPlan, Vec<ThresholdPlan>) {
    root.missing("run", "write `[run]` with `duration = \"60s\"`");
    let section = root.sub("run", &RUN, "write `[run]` with `duration = \"60s\"`");
    let default = RunPlan {
        world: World::Live,
        warmup: Duration::ZERO,
        duration: Duration::from_secs(60),
        cooldown: Duration::ZERO,
        workers: 0,
    };
    let Some(section) = section else { return (default, Vec::new()) };
    section.missing("duration", "write how long is measured, as in `duration = \"60s\"`");
    let phase = |key: &str, default: Duration, least: Duration| {
        let value = section.duration(key).unwrap_or(default);
        if value > LONGEST || value < least {
            section.fail(
                key,
                format!("`{key}` is out of bounds"),
                "write a duration from \"1s\" (\"0s\" for warmup and cooldown) to \"24h\"",
            );
            return default;
        }
        value
    };
    let worlds = [("live", World::Live), ("simulated", World::Simulated)];
    let run = RunPlan {
        world: section.choice("world", &worlds, &[]).unwrap_or_default(),
        warmup: phase("warmup", default.warmup, Duration::ZERO),
        duration: phase("duration", default.duration, Duration::from_secs(1)),
        cooldown: phase("cooldown", default.cooldown, Duration::ZERO),
        workers: section.integer("workers", 0..=1024).unwrap_or(0) as usize,
    };
    (run, invalid_if(&section))
}

fn invalid_if(section: &Section<'_>) -> Vec<ThresholdPlan> {
    let help = "write conditions such as \"harness.cpu max > 0.90\"; an empty list never calls a run invalid";
    let Some(texts) = section.texts("invalid_if", help) else {
        let default = |text: &&str| threshold::parse_condition(text).expect("the defaults are in the grammar");
        return if section.has("invalid_if") { Vec::new() } else { DEFAULT_INVALID_IF.iter().map(default).collect() };
    };
    let mut conditions = Vec::new();
    for (text, origin) in texts {
        match threshold::parse_condition(text) {
            Ok(condition) => conditions.push(condition),
            Err((message, help)) => section.errors.push(origin, &section.key("invalid_if"), message, help),
        }
    }
    conditions
}

/// Reads `[output]`.
pub(crate) fn read_output(root: &Section<'_>) -> OutputPlan {
    let all = || FORMATS.iter().map(|(_, format)| *format).collect();
    let default = OutputPlan { dir: None, formats: all(), interval: Duration::from_secs(1) };
    let Some(section) = root.sub("output", &OUTPUT, "write `[output]`") else { return default };
    let interval = section.duration("interval").unwrap_or(default.interval);
    if !(Duration::from_millis(100)..=Duration::from_secs(60)).contains(&interval) {
        section.fail("interval", "`interval` is out of bounds", "write a duration from \"100ms\" to \"1m\"");
    }
    let dir = section.text("dir", "write a path, as in \"reports/{name}-{time}\"").map(str::to_owned);
    if let Some(dir) = &dir {
        let rest = dir.replace("{name}", "").replace("{time}", "");
        if rest.contains(['{', '}']) || dir.trim().is_empty() {
            section.fail("dir", format!("`{dir}` is not understood here"), "only `{name}` and `{time}` are filled in");
        }
    }
    OutputPlan { dir, formats: formats(&section).unwrap_or_else(all), interval }
}

fn formats(section: &Section<'_>) -> Option<Vec<Format>> {
    let help = "write a list of \"html\", \"json\", \"csv\", \"junit\", \"markdown\"";
    let mut formats = Vec::new();
    for (text, origin) in section.texts("formats", help)? {
        let key = section.key("formats");
        match (FORMATS.iter().find(|(name, _)| *name == text), text) {
            (Some((_, format)), _) if !formats.contains(format) => formats.push(*format),
            (Some(_), _) => section.errors.push(origin, &key, format!("`{text}` stands there twice"), "once is enough"),
            (None, "hdr" | "prometheus") => {
                section.errors.push(origin, &key, format!("the format `{text}` is not built yet"), help);
            }
            (None, _) => section.errors.push(origin, &key, format!("`{text}` is not a format"), help),
        }
    }
    Some(formats)
}
