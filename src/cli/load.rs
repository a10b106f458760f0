//! Reading a scenario file for the verbs that need one, with the options that they share.

use super::{diagnostics, fail};
use crate::plan::{self, Plan};
use crate::scenario::{Scenario, Settings, beside};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// The scenario, and what the command line changes in it.
#[derive(Args, Debug, Clone)]
pub struct ScenarioArguments {
    /// The scenario file
    #[arg(value_name = "SCENARIO.toml")]
    pub file: PathBuf,
    /// Set any key of the scenario: `run.duration=15s`, `population.viewers.count=500`; values are TOML, else strings
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The seed that everything random comes from, instead of the scenario's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

impl ScenarioArguments {
    /// Reads, checks and resolves. Without a `run_id` it is derived from scenario and seed.
    ///
    /// # Errors
    /// The exit code, once everything that is wrong has been printed to stderr.
    pub fn load(&self, run_id: Option<&str>) -> Result<(Scenario, Plan), ExitCode> {
        let name = self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| fail(&format!("cannot read the scenario `{name}`: {error}")))?;
        load_text(&name, &text, &self.set, self.seed, run_id)
    }
}

/// The same for a text that is not in a file.
///
/// # Errors
/// The exit code, once everything that is wrong has been printed to stderr.
pub fn load_text(
    name: &str,
    text: &str,
    set: &[String],
    seed: Option<u64>,
    run_id: Option<&str>,
) -> Result<(Scenario, Plan), ExitCode> {
    let environment = |variable: &str| std::env::var(variable).ok();
    let files = beside(name);
    let settings = Settings { set, seed, environment: &environment, files: &files };
    plan::load(name, text, &settings, run_id).map_err(|errors| diagnostics::report(text, &errors))
}
