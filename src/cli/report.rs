//! `throng report`: renders an earlier run again, byte for byte.

use super::artifacts::{prepare, write_artifacts};
use super::{fail, print};
use crate::outcome::Outcome;
use crate::outcome::io::{self, OutcomeError};
use crate::report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `throng report` takes.
#[derive(clap::Args, Clone, Debug)]
pub struct ReportArgs {
    /// The outcome.json of an earlier run, or its directory
    #[arg(value_name = "OUTCOME.json|DIR")]
    pub outcome: PathBuf,
    /// Directory for the artifacts [default: the outcome's own]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Why nothing was rendered.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The outcome could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The directory is none of a run's.
    #[error("there is no outcome.json in {}: name the directory that a run wrote, or an outcome.json", .0.display())]
    NoRun(PathBuf),
    /// It is no outcome, or one of another version.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// An artifact could not be written; the sentence names it.
    #[error("{0}")]
    Write(String),
}

/// Renders, and prints where the page is. Exits with 0, or with 2 and a sentence on stderr.
#[must_use]
pub fn run(args: &ReportArgs) -> ExitCode {
    let file = file(args);
    match read(&file).and_then(|outcome| write(&outcome, &directory(args, &file))) {
        Ok(page) => print(&format!("{}\n", page.display())),
        Err(error) => fail(&error.to_string()),
    }
}

/// The outcome's file: a directory stands for the one in it.
fn file(args: &ReportArgs) -> PathBuf {
    if args.outcome.is_dir() { args.outcome.join("outcome.json") } else { args.outcome.clone() }
}

fn directory(args: &ReportArgs, file: &Path) -> PathBuf {
    // A file named alone has an empty parent, and an empty path is no directory.
    let own = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    args.out.clone().unwrap_or_else(|| own.to_owned())
}

/// Reads an outcome.
///
/// # Errors
///
/// When the file cannot be read, is of another version, or is no outcome.
pub fn read(path: &Path) -> Result<Outcome, ReportError> {
    let text = std::fs::read_to_string(path).map_err(|source| match (source.kind(), path.parent()) {
        (std::io::ErrorKind::NotFound, Some(dir)) if path.ends_with("outcome.json") && dir.is_dir() => {
            ReportError::NoRun(dir.to_owned())
        }
        _ => ReportError::Read { path: path.to_owned(), source },
    })?;
    Ok(io::parse(&path.display().to_string(), &text)?)
}

/// Writes the artifacts of an outcome below `directory`; returns the page's path.
///
/// # Errors
///
/// When a directory or file cannot be written.
pub fn write(outcome: &Outcome, directory: &Path) -> Result<PathBuf, ReportError> {
    prepare(directory)
        .and_then(|()| write_artifacts(directory, &report::render(outcome)))
        .map_err(ReportError::Write)?;
    Ok(directory.join("report.html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("outcome.json");
        std::fs::write(&path, text).expect("written");
        read(&path).expect_err("no outcome").to_string()
    }

    #[test]
    fn what_is_no_outcome_is_refused_with_a_sentence() {
        assert!(refused("{").contains("not JSON, or cut off"));
        assert!(refused("{\"version\":1}").contains("missing field"));
        assert!(refused("{\"version\":7}").contains("version 7; this throng reads version 1"));
        let missing = read(Path::new("/nonexistent/outcome.json")).expect_err("no file").to_string();
        assert!(missing.starts_with("cannot read /nonexistent/outcome.json"), "{missing}");
        let empty = tempfile::tempdir().expect("a directory");
        let args = ReportArgs { outcome: empty.path().to_owned(), out: None };
        let none = read(&file(&args)).expect_err("no run's").to_string();
        assert!(none.starts_with("there is no outcome.json in ") && none.contains("name the directory"), "{none}");
    }

    #[test]
    fn artifacts_stand_beside_the_outcome_unless_told_otherwise() {
        let directory = |outcome: &str, out: Option<&str>| {
            let args = ReportArgs { outcome: outcome.into(), out: out.map(PathBuf::from) };
            directory(&args, &file(&args))
        };
        assert_eq!(directory("runs/a/outcome.json", None), Path::new("runs/a"));
        assert_eq!(directory("runs/a/outcome.json", Some("elsewhere")), Path::new("elsewhere"));
        assert_eq!(directory("outcome.json", None), Path::new("."));
    }
}
