//! `throng run` in the simulated world: one seed, many seeds pooled, or one participant's story.
//!
//! What a simulation answers depends on throng's version, scenario and seed alone. Where and how it was made (machine,
//! command, time taken) goes into `run.json` beside it.

use super::load::load_text;
use super::panel::{self, Panel};
use super::run::{RunOptions, close};
use super::{artifacts, dump, fail, interrupt};
use crate::clock::Duration;
use crate::drive::live::{machine, wall};
use crate::drive::simulated::{self, SimulateError, Simulated};
use crate::outcome::Verdict;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::scenario::secret::redact_command;
use std::cell::{Cell, RefCell};
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

/// How often the panel is drawn: virtual seconds may pass by the hundred.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// The most seeds of one run.
const MOST_SEEDS: u64 = 10_000;

/// What is simulated.
#[derive(Debug)]
pub struct Source<'a> {
    /// The scenario file's name.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// `--set`, the world among them.
    pub set: &'a [String],
    /// `--seed`.
    pub seed: Option<u64>,
}

impl Source<'_> {
    fn load(&self, seed: Option<u64>) -> Result<(Scenario, Plan), ExitCode> {
        load_text(self.file, self.text, self.set, seed, None)
    }
}

/// Runs it.
#[must_use]
pub fn run(source: &Source<'_>, options: &RunOptions) -> ExitCode {
    match (&options.replay, &options.participant) {
        (Some(seed), Some(participant)) => replay(source, *seed, participant),
        _ => simulate(source, options).unwrap_or_else(|code| code),
    }
}

/// Prints one participant's story.
fn replay(source: &Source<'_>, seed: u64, participant: &str) -> ExitCode {
    let (scenario, plan) = match source.load(Some(seed)) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let by_index = participant.parse().ok().and_then(|index: usize| plan.participants.get(index));
    let name = by_index.map_or_else(|| participant.to_owned(), |participant| participant.name.clone());
    let options = match options(&scenario) {
        Ok(options) => simulated::Options { story_of: Some(name), ..options },
        Err(code) => return code,
    };
    let interrupted = options.interrupted.clone();
    // Nobody reads on (`| head`): nothing is left to tell, and that is no error.
    let gone = Cell::new(false);
    let out = RefCell::new(std::io::BufWriter::new(std::io::stdout().lock()));
    let told = simulated::run(plan, &options, &mut |_| {}, &mut |line| {
        if writeln!(out.borrow_mut(), "{line}").is_err() {
            gone.set(true);
            interrupted.store(true, Ordering::Relaxed);
        }
    });
    let _ = out.into_inner().flush();
    match told {
        Err(error) => fail(&error.to_string()),
        Ok(_) if interrupted.load(Ordering::Relaxed) && !gone.get() => {
            let _ = fail("the story was interrupted and ends before the run does");
            super::exit(Verdict::Interrupted.exit_code())
        }
        Ok(_) => ExitCode::SUCCESS,
    }
}

fn simulate(source: &Source<'_>, options: &RunOptions) -> Result<ExitCode, ExitCode> {
    let seeds = options.seeds.as_deref().map(parse_seeds).transpose().map_err(|sentence| fail(&sentence))?;
    let first = seeds.as_ref().map(|seeds| *seeds.start()).or(source.seed);
    let (scenario, plan) = source.load(first)?;
    super::run::tell_unused(&plan, options);
    let formats = plan.output.formats.clone();
    let dir = artifacts::directory(options.out.as_deref(), &plan.output, &plan.scenario, &wall::file_stamp());
    let (writer, dumping) = dump::participants(&plan, &options.dump)
        .and_then(|_| artifacts::prepare(&dir))
        .and_then(|()| dump::start(&plan, options, &dir, true))
        .map_err(|sentence| fail(&sentence))?
        .unzip();
    let driving = simulated::Options { dump: dumping, ..self::options(&scenario)? };
    let (started, _) = wall::wall_clock();
    let watch = wall::Stopwatch::start();
    let done = match seeds {
        None => one(plan, &driving, options),
        Some(seeds) => many(source, plan, seeds, &driving, options)?,
    };
    let done = done.map_err(|error| fail(&error.to_string()))?;
    let took = watch.elapsed();
    let arguments: Vec<String> = std::env::args().collect();
    let command = redact_command(arguments.iter().map(String::as_str));
    let made = serde_json::json!({
        "environment": machine::environment(command, started),
        "took_seconds": took.as_secs_f64(),
        "packet_deliveries": done.deliveries,
        "deliveries_per_second": done.deliveries as f64 / took.as_secs_f64().max(1e-9),
    });
    let made = serde_json::to_string_pretty(&made).expect("figures are plain JSON") + "\n";
    let written = artifacts::write(&dir, &done.outcome, &formats)
        .and_then(|()| artifacts::write_beside(&dir, "run.json", &made))
        .and(dump::finish(writer, options, &dir));
    Ok(close(&done.outcome, 0, &dir, written, options))
}

fn options(scenario: &Scenario) -> Result<simulated::Options, ExitCode> {
    let interrupted =
        interrupt::watch(panel::restore).map_err(|error| fail(&format!("signals cannot be watched: {error}")))?;
    let threads = machine::cores() as usize;
    Ok(simulated::Options { interrupted, scenario_text: scenario.redacted_text(), story_of: None, dump: None, threads })
}

/// One seed, with the panel in front of it.
fn one(plan: Plan, driving: &simulated::Options, options: &RunOptions) -> Result<Simulated, SimulateError> {
    let quiet = options.quiet || options.json;
    let mut panel = if quiet { Panel::quiet() } else { Panel::start(std::io::stderr().is_terminal()) };
    let mut drawn: Option<wall::Stopwatch> = None;
    let done = simulated::run(
        plan,
        driving,
        &mut |status| {
            if drawn.as_ref().is_none_or(|drawn| drawn.elapsed() >= DRAW_EVERY) {
                drawn = Some(wall::Stopwatch::start());
                panel.draw(status);
            }
        },
        &mut |_| {},
    );
    panel.finish("");
    done
}

/// Many seeds, each a run of its own, pooled; the first one's plan is there already.
fn many(
    source: &Source<'_>,
    first: Plan,
    seeds: std::ops::RangeInclusive<u64>,
    driving: &simulated::Options,
    options: &RunOptions,
) -> Result<Result<Simulated, SimulateError>, ExitCode> {
    let mut plans = vec![first];
    // A seed may draw what cannot be: fewer arrivals than are needed, say. That is told before anything runs.
    for seed in seeds.skip(1) {
        plans.push(source.load(Some(seed))?.1);
    }
    let quiet = options.quiet || options.json;
    let told = |seed: u64, done: usize, of: usize, verdict: &str| {
        if !quiet {
            let _ = writeln!(std::io::stderr().lock(), "seed {seed}: {verdict} ({done} of {of})");
        }
    };
    Ok(simulated::pool::run(plans, machine::cores() as usize, driving, &told))
}

/// `A..B`, both included; `A..=B` is the same.
fn parse_seeds(text: &str) -> Result<std::ops::RangeInclusive<u64>, String> {
    let help = "write --seeds 1..20, first and last seed, both included";
    let (first, last) = text.split_once("..").ok_or_else(|| format!("`{text}` is no range of seeds: {help}"))?;
    let last = last.strip_prefix('=').unwrap_or(last);
    let number = |part: &str, which: &str| match part.trim() {
        "" => Err(format!("`{text}` has no {which} seed: {help}")),
        part => part.parse::<u64>().map_err(|_| format!("`{part}` is no seed: {help}")),
    };
    let (first, last) = (number(first, "first")?, number(last, "last")?);
    match last.checked_sub(first) {
        None => Err(format!("the last seed of `{text}` is before its first: {help}")),
        Some(more) if more >= MOST_SEEDS => Err(format!(
            "`{text}` are {} seeds, and at most {MOST_SEEDS} are pooled: take fewer, or several runs",
            u128::from(more) + 1
        )),
        Some(_) => Ok(first..=last),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_seeds;

    #[test]
    fn a_range_of_seeds_has_both_its_ends() {
        assert_eq!(parse_seeds("3..5"), Ok(3..=5));
        assert_eq!(parse_seeds("7..7"), Ok(7..=7));
        assert_eq!(parse_seeds("1..=3"), Ok(1..=3));
        let says = |text: &str, part: &str| {
            let sentence = parse_seeds(text).expect_err(text);
            assert!(sentence.contains(part), "{sentence}");
        };
        says("1..", "`1..` has no last seed: write --seeds 1..20");
        says("..4", "has no first seed");
        says("1..x", "`x` is no seed");
        says("0..10000", "are 10001 seeds, and at most 10000 are pooled");
        says("0..18446744073709551615", "18446744073709551616 seeds");
        for wrong in ["5", "5..3", "a..b", "1..==3"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
