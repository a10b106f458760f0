//! `throng init [NAME]`: a commented scenario to start from, with the default objectives written into it.

use super::{fail, print};
use clap::Args;
use std::io::Write;
use std::process::ExitCode;

/// Options.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Its name; the file is NAME.toml
    #[arg(default_value = "scenario")]
    pub name: String,
}

/// The default objectives, as `[[threshold]]`s: engineering judgement, to be edited. They are written into a scenario,
/// never applied silently.
pub const DEFAULT_OBJECTIVES: &str = include_str!("objectives.toml");

const TEMPLATE: &str = include_str!("template.toml");

/// Writes it, and never over anything.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let name = &arguments.name;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return fail(&format!("`{name}` is not a name: write 1 to 64 letters, digits, `-` or `_`"));
    }
    let file = format!("{name}.toml");
    let written = std::fs::File::create_new(&file).and_then(|mut out| out.write_all(text(name).as_bytes()));
    match written {
        Ok(()) => print(&format!("wrote {file}\n\n  throng check {file}\n  throng run {file}\n")),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            fail(&format!("`{file}` is there already and stays as it is: choose another name, or move it"))
        }
        Err(error) => fail(&format!("cannot write `{file}`: {error}")),
    }
}

/// The scenario called `name`.
#[must_use]
pub fn text(name: &str) -> String {
    TEMPLATE.replace("NAME", name) + DEFAULT_OBJECTIVES
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::plan::load;
    use crate::scenario::{Settings, no_files};

    #[test]
    fn what_init_writes_can_run() {
        let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
        let (scenario, plan) = load("x.toml", &text("my-first"), &settings, None).expect("a template without errors");
        assert_eq!(scenario.name, "my-first");
        assert!(plan.participants.len() > 10 && plan.thresholds.len() >= 6);
    }

    #[test]
    fn what_init_writes_has_people_enough_for_its_thresholds() {
        let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
        let (_, plan) = load("x.toml", &text("x"), &settings, None).expect("a template without errors");
        for threshold in &plan.thresholds {
            // Joins and shares have a sample a participant, everything else has many more.
            let (needs, has) = (threshold.min_samples, plan.participants.len() as u64);
            assert!(needs <= has || threshold.metric.name() == "sfu.forward_delay", "{}: {needs}", threshold.expect);
        }
    }
}
