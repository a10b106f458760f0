//! Verbs only: parse the command line, call the library, print, exit with the documented code. One file a verb.
//!
//! Results go to stdout, what is wrong goes to stderr. Exit codes: 0 done (or pass) · 1 passed, but not everything
//! could be written · 2 bad usage or scenario; the other codes of a run are the verdict's (`outcome`).
#![allow(clippy::disallowed_methods, reason = "the command line may read the environment")]

pub mod artifacts;
pub mod check;
pub mod completions;
pub mod diagnostics;
pub mod dump;
pub mod init;
pub mod interrupt;
pub mod load;
pub mod metrics;
pub mod panel;
pub mod path;
pub mod profiles;
pub mod quick;
pub mod report;
pub mod run;
pub mod schema;
pub mod sfu;
pub mod simulate;
pub mod table;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Exit code of bad usage and of a bad scenario, as clap's own.
pub const BAD_INPUT: u8 = 2;

/// Load testing and QoS simulation of SFUs: thousands of synthetic participants, each behind its own emulated network,
/// measured and judged.
#[derive(Parser, Debug)]
#[command(name = "throng", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 pass · 99 threshold failed · 98 inconclusive · 97 invalid · 2 bad scenario or usage · 3 target unreachable · 130 interrupted · 1 passed, but not everything could be written"
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a scenario, judge it, and write the report
    Run(run::Arguments),
    /// Render an earlier run's artifacts again
    Report(report::ReportArgs),
    /// Run a few rooms without a file
    Quick(quick::Arguments),
    /// The reference SFU on its own, for other clients
    Sfu(sfu::SfuArgs),
    /// Put any UDP application behind an emulated network
    Path(path::Arguments),
    /// Say what is wrong with a scenario, or what it will offer and cost; no traffic
    Check(check::Arguments),
    /// Write a commented scenario to start from
    Init(init::Arguments),
    /// Print the JSON Schema of the scenario file
    Schema,
    /// List the metrics with unit, kind and meaning
    Metrics(metrics::Arguments),
    /// List the built-in network profiles
    Profiles(profiles::Arguments),
    /// Print completions for a shell
    Completions(completions::Arguments),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Quick(arguments) => quick::run(&arguments),
        Command::Sfu(arguments) => sfu::run(&arguments),
        Command::Path(arguments) => path::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Schema => schema::run(),
        Command::Metrics(arguments) => metrics::run(&arguments),
        Command::Profiles(arguments) => profiles::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Writes a result to stdout. A reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot write the result: {error}")),
    }
}

/// Writes a sentence to stderr and gives the exit code of bad input.
pub(crate) fn fail(sentence: &str) -> ExitCode {
    // Nobody is left to be told when stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "error: {sentence}");
    ExitCode::from(BAD_INPUT)
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// Commands of the README: in code between backticks, and lines of code blocks, up to a pipe or a comment.
    fn documented() -> Vec<String> {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the page");
        let page = page.replace("cargo run --release --", "throng").replace("- run: throng", "throng");
        let spans = page.split('`').map(str::to_owned);
        let lines = page.lines().map(|line| line.trim().split(['|', '#']).next().unwrap_or_default().to_owned());
        spans.chain(lines).filter(|code| code.starts_with("throng ") && !code.contains('\n')).collect()
    }

    #[test]
    fn every_command_of_the_readme_is_one() {
        let commands = documented();
        let mut parsed = 0;
        for line in &commands {
            // Prose that begins a line is no command: those of a sentence have words that no verb has.
            let words: Vec<String> = line.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect();
            let verb = Arguments::command().get_subcommands().any(|known| known.get_name() == words[1]);
            if verb {
                assert!(Arguments::try_parse_from(&words).is_ok(), "{line}");
                parsed += 1;
            }
        }
        assert!(parsed >= 12, "{commands:#?}");
    }
}
