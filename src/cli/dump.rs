//! `--dump`: who is dumped, and what is said of it.

use super::run::RunOptions;
use crate::drive::dump::{Dump, Writer};
use crate::plan::Plan;
use std::io::Write as _;
use std::path::Path;

/// Below a run's directory.
const DIRECTORY: &str = "dump";

/// The participants with these names.
///
/// # Errors
/// A sentence that names who does not exist, and who does.
pub fn participants(plan: &Plan, names: &[String]) -> Result<Vec<u32>, String> {
    let index = |name: &String| {
        let found = plan.participants.iter().find(|participant| participant.name == *name);
        found
            .map(|participant| participant.index)
            .ok_or_else(|| format!("--dump {name}: there is no such participant; there are {}", known(plan)))
    };
    names.iter().map(index).collect()
}

/// The first and the last of each population.
fn known(plan: &Plan) -> String {
    let mut ranges: Vec<String> = Vec::new();
    for population in 0..plan.populations.len() {
        let mut of = plan.participants.iter().filter(|one| usize::from(one.population) == population);
        let Some(first) = of.next() else { continue };
        ranges.push(match of.next_back() {
            Some(last) => format!("{} to {}", first.name, last.name),
            None => first.name.clone(),
        });
    }
    ranges.join(", ")
}

/// Begins to write what the options ask for, into the run's directory.
///
/// # Errors
/// A sentence.
pub fn start(plan: &Plan, options: &RunOptions, dir: &Path, patient: bool) -> Result<Option<(Writer, Dump)>, String> {
    if options.dump.is_empty() {
        return Ok(None);
    }
    let participants = participants(plan, &options.dump)?;
    let (writer, hose) = Writer::start(dir.join(DIRECTORY), patient)
        .map_err(|error| format!("what participants receive cannot be written: {error}"))?;
    Ok(Some((writer, Dump { participants, hose })))
}

/// Writes what is left and says what there is.
///
/// # Errors
/// A sentence on each file that is not whole.
pub fn finish(writer: Option<Writer>, options: &RunOptions, dir: &Path) -> Result<(), String> {
    let Some(writer) = writer else { return Ok(()) };
    let written = writer.finish();
    if !options.quiet && !options.json {
        let dir = dir.join(DIRECTORY);
        let megabytes = written.bytes as f64 / 1e6;
        // Nobody is left to be told when stderr is closed.
        let _ =
            writeln!(std::io::stderr().lock(), "dump: {} files, {megabytes:.1} MB in {}", written.files, dir.display());
    }
    if written.wrong.is_empty() { Ok(()) } else { Err(written.wrong.join("\nerror: ")) }
}
