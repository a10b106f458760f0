//! `throng completions SHELL`.

use super::print;
use clap::{Args, CommandFactory};
use std::process::ExitCode;

/// Options.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Which shell
    pub shell: clap_complete::Shell,
}

/// Prints them.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "throng", &mut script);
    print(&String::from_utf8_lossy(&script))
}
