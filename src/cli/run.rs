//! `throng run`: a scenario in, a judged and plotted run out.

use super::load::{ScenarioArguments, load_text};
use super::panel::{self, Panel};
use super::{artifacts, dump, fail, interrupt, simulate};
use crate::drive::dump::Dump;
use crate::drive::live::{self, wall};
use crate::outcome::{Outcome, io};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::scenario::run::World;
use crate::scenario::secret::redact_command;
use clap::Args;
use std::cell::RefCell;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code of a run that passed and whose artifacts could not all be written: it must not look like a pass.
const NOT_WRITTEN: u8 = 1;

/// `run`
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    #[command(flatten)]
    options: RunOptions,
}

/// What every verb that runs something takes.
#[derive(Args, Debug, Clone, Default)]
pub struct RunOptions {
    /// Directory for the artifacts, instead of `reports/<name>-<utc time>`
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// Print the outcome as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// Load a target that is not on this machine, because it is yours
    #[arg(long)]
    pub i_own_target: bool,
    /// Where it happens, instead of the scenario's `run.world`
    #[arg(long, value_name = "WORLD", value_parser = ["live", "simulated"])]
    pub world: Option<String>,
    /// Write what this participant receives into `dump/`: RTP as rtpdump, pictures as IVF or H.264, sound as Ogg; repeatable
    #[arg(long, value_name = "PARTICIPANT", conflicts_with_all = ["seeds", "replay"])]
    pub dump: Vec<String>,
    /// Simulated: run every seed from A to B, both included (A..=B is the same), on all cores, and pool what was measured
    #[arg(long, value_name = "A..B", conflicts_with_all = ["seed", "replay"])]
    pub seeds: Option<String>,
    /// Simulated: print one participant's story of the run with this seed, event by event, and write nothing
    #[arg(
        long,
        value_name = "SEED",
        requires = "participant",
        conflicts_with_all = ["seed", "json", "out", "quiet"],
        long_help = "Simulated: print one participant's story of the run with this seed, event by event, and write nothing, which is why it goes with none of --out, --json and --quiet"
    )]
    pub replay: Option<u64>,
    /// Whose story `--replay` prints: its name, as in `viewers-17`, or its index in the plan, from 0
    #[arg(long, value_name = "ID", requires = "replay")]
    pub participant: Option<String>,
}

/// Runs it.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let file = arguments.scenario.file.display().to_string();
    match std::fs::read_to_string(&arguments.scenario.file) {
        Ok(text) => run_text(&file, &text, &arguments.scenario.set, arguments.scenario.seed, &arguments.options),
        Err(error) => fail(&format!("cannot read the scenario `{file}`: {error}")),
    }
}

/// Runs a scenario's text; `file` is its name for messages.
#[must_use]
pub fn run_text(file: &str, text: &str, set: &[String], seed: Option<u64>, options: &RunOptions) -> ExitCode {
    let mut set = set.to_vec();
    set.extend(options.world.as_ref().map(|world| format!("run.world={world}")));
    let run_id = format!("{:08x}", wall::random_bits());
    let (scenario, plan) = match load_text(file, text, &set, seed, Some(&run_id)) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    if plan.run.world == World::Simulated {
        return simulate::run(&simulate::Source { file, text, set: &set, seed }, options);
    }
    if options.seeds.is_some() || options.replay.is_some() {
        return fail("--seeds and --replay are of the simulated world: add --world simulated");
    }
    tell_unused(&plan, options);
    let formats = plan.output.formats.clone();
    let dir = artifacts::directory(options.out.as_deref(), &plan.output, &plan.scenario, &wall::file_stamp());
    let begun = dump::participants(&plan, &options.dump)
        .and_then(|_| artifacts::prepare(&dir))
        .and_then(|()| dump::start(&plan, options, &dir, false));
    let (writer, dumping) = match begun {
        Ok(begun) => begun.unzip(),
        Err(sentence) => return fail(&sentence),
    };
    let (outcome, warnings) = match drive(&scenario, plan, options, dumping) {
        Ok(driven) => driven,
        Err(code) => return code,
    };
    let written = artifacts::write(&dir, &outcome, &formats).and(dump::finish(writer, options, &dir));
    close(&outcome, warnings, &dir, written, options)
}

/// Says what of the scenario the run makes no use of.
pub(super) fn tell_unused(plan: &Plan, options: &RunOptions) {
    if !(options.quiet || options.json) {
        for note in plan.unused() {
            let _ = writeln!(std::io::stderr().lock(), "note: {note}");
        }
    }
}

/// Tells how it ended; answers what the process exits with.
pub(super) fn close(
    outcome: &Outcome,
    warnings: u64,
    dir: &Path,
    written: Result<(), String>,
    options: &RunOptions,
) -> ExitCode {
    tell(outcome, warnings, dir, options);
    let code = super::exit(outcome.exit_code);
    match written {
        Ok(()) => code,
        Err(sentence) => {
            let _ = fail(&sentence);
            if outcome.exit_code == 0 { ExitCode::from(NOT_WRITTEN) } else { code }
        }
    }
}

/// Drives the run with the panel in front of it.
fn drive(
    scenario: &Scenario,
    plan: Plan,
    options: &RunOptions,
    dump: Option<Dump>,
) -> Result<(Outcome, u64), ExitCode> {
    let interrupted =
        interrupt::watch(panel::restore).map_err(|error| fail(&format!("signals cannot be watched: {error}")))?;
    let arguments: Vec<String> = std::env::args().collect();
    let driving = live::Options {
        i_own_target: options.i_own_target,
        interrupted,
        command: redact_command(arguments.iter().map(String::as_str)),
        scenario_text: scenario.redacted_text(),
        dump,
    };
    let quiet = options.quiet || options.json;
    let panel = if quiet { Panel::quiet() } else { Panel::start(std::io::stderr().is_terminal()) };
    let panel = RefCell::new(panel);
    let outcome = live::run(plan, &driving, &mut |status| panel.borrow_mut().draw(status), &mut |warning| {
        panel.borrow_mut().warn(warning)
    });
    let panel = panel.into_inner();
    let warnings = panel.warnings();
    panel.finish("");
    match outcome {
        Ok(outcome) => Ok((outcome, warnings)),
        Err(error) => {
            let _ = fail(&error.to_string());
            Err(ExitCode::from(error.exit_code()))
        }
    }
}

fn tell(outcome: &Outcome, warnings: u64, dir: &Path, options: &RunOptions) {
    if options.json {
        let _ = super::print(&io::to_json(outcome));
    } else if !options.quiet {
        let report = dir.join("report.html").display().to_string();
        let _ = super::print(&panel::closing(outcome, warnings, Some(&report), panel::look()));
    }
}
