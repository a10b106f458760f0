//! What is read from text: traces and profiles, with errors that name the line.

mod path;
mod profile;
mod units;
mod words;

pub use profile::LoadedProfile;

use std::fmt;

/// What is wrong with a text, and in which line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there and what may stand there.
    pub problem: String,
}

impl LineError {
    /// An error in the line of this index, counted from 0.
    pub(crate) const fn new(index: usize, problem: String) -> Self {
        Self { line: index + 1, problem }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for LineError {}
