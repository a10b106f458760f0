//! A value of several words: a model's name, then `key=value` for each parameter, in any order.

use super::{LineError, units};
use std::cell::RefCell;
use std::time::Duration;

/// The words of one line.
pub(super) struct Words<'a> {
    line: usize,
    /// The first word.
    pub(super) name: &'a str,
    /// Words without `=` after the first.
    pub(super) plain: Vec<&'a str>,
    /// Those with it, until they are asked for.
    pairs: RefCell<Vec<(&'a str, &'a str)>>,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: usize, text: &'a str) -> Self {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let (mut plain, mut pairs) = (Vec::new(), Vec::new());
        for word in words {
            match word.split_once('=') {
                Some(pair) => pairs.push(pair),
                None => plain.push(word),
            }
        }
        Self { line, name, plain, pairs: RefCell::new(pairs) }
    }

    /// The words of `reorder`, which has no models: every word is a pair.
    pub(super) fn as_pairs<'b>(&self, text: &'b str) -> Words<'b> {
        let pairs: Vec<_> = text.split_whitespace().filter_map(|word| word.split_once('=')).collect();
        let plain = text.split_whitespace().filter(|word| !word.contains('=')).collect();
        Words { line: self.line, name: "reorder", plain, pairs: RefCell::new(pairs) }
    }

    /// An error in this line.
    pub(super) fn error<V>(&self, problem: impl Into<String>) -> Result<V, LineError> {
        Err(LineError::new(self.line, problem.into()))
    }

    /// The pairs that nobody has asked for yet.
    pub(super) fn rest(&self) -> Vec<(&'a str, &'a str)> {
        self.pairs.take()
    }

    /// Refuses what nobody has asked for.
    pub(super) fn finish(self) -> Result<(), LineError> {
        match (self.pairs.borrow().first(), self.plain.first()) {
            (Some((key, _)), _) => self.error(format!("`{}` has no `{key}`", self.name)),
            (None, Some(word)) => self.error(format!("`{word}` after `{}`: write parameters as key=value", self.name)),
            (None, None) => Ok(()),
        }
    }

    /// A word on its own that may be there.
    pub(super) fn flag(&mut self, word: &str) -> bool {
        let before = self.plain.len();
        self.plain.retain(|other| *other != word);
        self.plain.len() < before
    }

    pub(super) fn optional<V>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Option<V>,
        example: &str,
    ) -> Result<Option<V>, LineError> {
        let mut pairs = self.pairs.borrow_mut();
        let Some(index) = pairs.iter().position(|(name, _)| *name == key) else { return Ok(None) };
        let (_, value) = pairs.remove(index);
        match parse(value) {
            Some(value) => Ok(Some(value)),
            None => self.error(format!("`{key}={value}`: write it as in `{key}={example}`")),
        }
    }

    pub(super) fn required<V>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Option<V>,
        example: &str,
    ) -> Result<V, LineError> {
        match self.optional(key, parse, example)? {
            Some(value) => Ok(value),
            None => self.error(format!("`{}` needs `{key}`, as in `{key}={example}`", self.name)),
        }
    }

    pub(super) fn time(&self, key: &str, example: &str) -> Result<Duration, LineError> {
        self.required(key, units::time, example)
    }

    pub(super) fn ratio(&self, key: &str, example: &str) -> Result<f64, LineError> {
        self.required(key, units::ratio, example)
    }

    pub(super) fn whole<V: std::str::FromStr>(&self, key: &str, example: &str) -> Result<Option<V>, LineError> {
        self.optional(key, |text| text.parse().ok(), example)
    }
}
