//! What is wrong with a scenario: a list, each with its place, and what to write instead.
//!
//! Reading never stops at the first error. Nothing here prints; `cli::diagnostics` draws the list.

use super::document::{Origin, Source};
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError {
    /// The file, or `--set …` (secrets redacted) for what came from the command line.
    pub file: String,
    /// Line from 1; 0 when the place is not in the file.
    pub line: usize,
    /// Column from 1, in characters; 0 when the place is not in the file.
    pub column: usize,
    /// The same place in bytes of the file.
    pub span: Range<usize>,
    /// The key, dotted, as `--set` writes it.
    pub key: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

/// Collects errors while a scenario is read and resolved.
#[derive(Debug)]
pub(crate) struct Errors<'a> {
    source: &'a Source,
    list: RefCell<Vec<ScenarioError>>,
}

impl<'a> Errors<'a> {
    pub(crate) fn new(source: &'a Source) -> Self {
        Self { source, list: RefCell::new(Vec::new()) }
    }

    pub(crate) fn push(&self, origin: &Origin, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let (file, line, column, span) = self.source.place(origin);
        let error =
            ScenarioError { file, line, column, span, key: key.to_owned(), message: message.into(), help: help.into() };
        let mut list = self.list.borrow_mut();
        if !list.contains(&error) {
            list.push(error);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    /// In the order of the file, what is not in it last.
    pub(crate) fn into_sorted(self) -> Vec<ScenarioError> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|error| (error.line == 0, error.span.start));
        list
    }
}
