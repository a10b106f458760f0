//! `outcome.json` as text: the same outcome gives the same bytes, and another version is refused with a sentence.
//!
//! Reading and writing files is the drivers' and the verbs'.

use super::document::{OUTCOME_VERSION, Outcome};
use super::finite::assert_finite;
use serde::Deserialize;
use thiserror::Error;

/// Why a text is not an outcome.
#[derive(Debug, Error)]
pub enum OutcomeError {
    /// It is not JSON.
    #[error("{file}:{line}:{column}: not JSON, or cut off: {what}")]
    Json {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser says.
        what: String,
    },
    /// It is JSON without a version.
    #[error("{file}: not an outcome of throng: it has no `version`")]
    NoVersion {
        /// The file.
        file: String,
    },
    /// It is of another version.
    #[error("{file}: an outcome of version {found}; this throng reads version {OUTCOME_VERSION}")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        found: u64,
    },
    /// It is of this version, but something is missing, or of another shape.
    #[error("{file}:{line}:{column}: not an outcome of version {OUTCOME_VERSION}: {what}")]
    Shape {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
struct Versioned {
    version: Option<u64>,
}

/// Parses the text of the file called `file`.
///
/// # Errors
/// The text is not JSON, of another version, or of another shape; the message names the file.
pub fn parse(file: &str, text: &str) -> Result<Outcome, OutcomeError> {
    let file = || file.to_owned();
    let versioned: Versioned = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => OutcomeError::NoVersion { file: file() },
        _ => OutcomeError::Json { file: file(), line: error.line(), column: error.column(), what: message(&error) },
    })?;
    match versioned.version {
        None => return Err(OutcomeError::NoVersion { file: file() }),
        Some(found) if found != u64::from(OUTCOME_VERSION) => {
            return Err(OutcomeError::Version { file: file(), found });
        }
        Some(_) => {}
    }
    serde_json::from_str(text).map_err(|error| OutcomeError::Shape {
        file: file(),
        line: error.line(),
        column: error.column(),
        what: message(&error),
    })
}

/// The parser's message without the place, which the error names first.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// The outcome's text, one line and a line's end.
///
/// # Panics
/// When a number in it is not finite, for JSON would quietly turn it into null.
#[must_use]
pub fn to_json(outcome: &Outcome) -> String {
    assert_finite(outcome);
    let mut text = serde_json::to_string(outcome).expect("an outcome has string keys and nothing that can fail");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
