//! Reading one table: typed keys, each error with its place, unknown keys refused.
//!
//! Every table has a [`Shape`]: the keys that it may have, and those that are meant to exist one day and are refused
//! with a sentence. A test holds the shapes and the published JSON Schema to each other.

use super::document::{Node, Origin, Table, Value};
use super::error::Errors;
use super::suggest::instead;
use crate::dist::Dist;
use crate::units::{Bitrate, parse_duration};
use std::time::Duration;

/// The keys of one table.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Name of its definition in the JSON Schema; `Loss.iid` is the alternative of `Loss` whose tag is `iid`.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static str],
    /// Keys of the format that are not built yet, with the sentence that says so.
    pub(crate) refused: &'static [(&'static str, &'static str)],
}

/// A table that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    shape: &'static Shape,
    pub(crate) table: &'a Table,
    origin: &'a Origin,
    pub(crate) path: String,
    pub(crate) errors: &'a Errors<'a>,
}

impl<'a> Section<'a> {
    /// Opens a table: reports the keys that do not belong there.
    pub(crate) fn open(
        table: &'a Table,
        origin: &'a Origin,
        shape: &'static Shape,
        path: String,
        errors: &'a Errors<'a>,
    ) -> Self {
        let section = Self { shape, table, origin, path, errors };
        for entry in &table.entries {
            if section.shape.keys.contains(&entry.key.as_str()) {
                continue;
            }
            let key = section.key(&entry.key);
            if let Some((_, sentence)) = shape.refused.iter().find(|(refused, _)| *refused == entry.key) {
                errors.push(&entry.origin, &key, *sentence, "take it out");
            } else {
                let place = if section.path.is_empty() { "the file".into() } else { format!("`{}`", section.path) };
                let help = instead(&entry.key, shape.keys.iter().copied());
                errors.push(&entry.origin, &key, format!("`{}` is not a key of {place}", entry.key), help);
            }
        }
        section
    }

    /// The dotted key of one of its keys.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Reports an error about one of its keys, at the value where there is one.
    pub(crate) fn fail(&self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let origin = self.table.get(key).map_or(self.origin, |entry| &entry.node.origin);
        self.errors.push(origin, &self.key(key), message, help);
    }

    /// Reports a key that must be there and is not.
    pub(crate) fn missing(&self, key: &str, help: &str) {
        if self.table.get(key).is_none() {
            let place = if self.path.is_empty() { "the file".into() } else { format!("`{}`", self.path) };
            self.errors.push(self.origin, &self.key(key), format!("{place} needs `{key}`"), help);
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The value of a key.
    pub(crate) fn node(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(self.shape.keys.contains(&key), "`{key}` is not in the shape {}", self.shape.name);
        self.table.get(key).map(|entry| &entry.node)
    }

    fn wrong(&self, key: &str, node: &Node, help: &str) {
        self.fail(key, format!("`{key}` is {}", node.value.kind()), help);
    }

    pub(crate) fn text(&self, key: &str, help: &str) -> Option<&'a str> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some(text),
            _ => {
                self.wrong(key, node, help);
                None
            }
        }
    }

    /// A string that `parse` understands; `help` says how it is written.
    pub(crate) fn parsed<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>, help: &str) -> Option<T> {
        let text = self.text(key, help)?;
        let value = parse(text);
        if value.is_none() {
            self.fail(key, format!("`{text}` is not understood here"), help);
        }
        value
    }

    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        self.parsed(key, parse_duration, "write a duration with its unit, as in \"20s\", \"1m30s\" or \"200ms\"")
    }

    pub(crate) fn bitrate(&self, key: &str) -> Option<Bitrate> {
        self.parsed(key, Bitrate::parse, "write a rate with its unit, as in \"1.5Mbps\" or \"32kbps\"")
    }

    pub(crate) fn dist(&self, key: &str) -> Option<Dist> {
        let help = "write \"5s\", \"exp(4s)\", \"uniform(1s, 3s)\" or \"lognormal(median=8m, sigma=0.8)\"";
        self.parsed(key, |text| Dist::parse(text).ok(), help)
    }

    pub(crate) fn bool(&self, key: &str) -> Option<bool> {
        let node = self.node(key)?;
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        self.wrong(key, node, "write `true` or `false`, without quotes");
        None
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        let node = self.node(key)?;
        match node.value {
            Value::Float(value) if value.is_finite() => Some(value),
            Value::Integer(value) => Some(value as f64),
            _ => {
                self.wrong(key, node, "write a finite number, without quotes");
                None
            }
        }
    }

    /// A number within a range.
    pub(crate) fn within(&self, key: &str, range: std::ops::RangeInclusive<f64>, what: &str) -> Option<f64> {
        let value = self.number(key)?;
        if range.contains(&value) {
            return Some(value);
        }
        self.fail(key, format!("`{key}` is {value}"), format!("write {what}"));
        None
    }

    pub(crate) fn ratio(&self, key: &str) -> Option<f64> {
        self.within(key, 0.0..=1.0, "a ratio between 0 and 1 (5 % is 0.05)")
    }

    /// A whole number within a range.
    pub(crate) fn integer(&self, key: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let node = self.node(key)?;
        let help = format!("write a whole number from {} to {}", range.start(), range.end());
        match node.value {
            Value::Integer(value) => match u64::try_from(value).ok().filter(|value| range.contains(value)) {
                Some(value) => Some(value),
                None => {
                    self.fail(key, format!("`{key}` is {value}"), help);
                    None
                }
            },
            _ => {
                self.wrong(key, node, &help);
                None
            }
        }
    }

    /// One of several words; some words exist in the format and are not built yet.
    pub(crate) fn choice<T: Clone>(&self, key: &str, words: &[(&str, T)], refused: &[(&str, &str)]) -> Option<T> {
        let help = instead("", words.iter().map(|(word, _)| *word));
        let text = self.text(key, &help)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        if let Some((_, sentence)) = refused.iter().find(|(word, _)| *word == text) {
            self.fail(key, *sentence, help);
        } else {
            let help = instead(text, words.iter().map(|(word, _)| *word));
            self.fail(key, format!("`{text}` is no {key} that throng knows"), help);
        }
        None
    }

    pub(crate) fn array(&self, key: &str, help: &str) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        match &node.value {
            Value::Array(items) => Some(items),
            _ => {
                self.wrong(key, node, help);
                None
            }
        }
    }

    /// An array of strings, each with its place.
    pub(crate) fn texts(&self, key: &str, help: &str) -> Option<Vec<(&'a str, &'a Origin)>> {
        let items = self.array(key, help)?;
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push((text.as_str(), &item.origin)),
                other => self.errors.push(&item.origin, &self.key(key), format!("this is {}", other.kind()), help),
            }
        }
        Some(texts)
    }

    /// The table under a key.
    pub(crate) fn sub(&self, key: &str, shape: &'static Shape, help: &str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        self.open_node(node, shape, self.key(key), help)
    }

    /// Opens a node that must be a table.
    pub(crate) fn open_node(
        &self,
        node: &'a Node,
        shape: &'static Shape,
        path: String,
        help: &str,
    ) -> Option<Section<'a>> {
        match &node.value {
            Value::Table(table) => Some(Section::open(table, &node.origin, shape, path, self.errors)),
            other => {
                self.errors.push(&node.origin, &path, format!("this is {}", other.kind()), help);
                None
            }
        }
    }

    /// The tables of an array of tables, named or numbered.
    pub(crate) fn tables(&self, key: &str, shape: &'static Shape, help: &str) -> Vec<Section<'a>> {
        let Some(items) = self.array(key, help) else { return Vec::new() };
        let path = |index: usize, node: &Node| match node.name() {
            Some(name) => format!("{}.{name}", self.key(key)),
            None => format!("{}[{index}]", self.key(key)),
        };
        items.iter().enumerate().filter_map(|(i, node)| self.open_node(node, shape, path(i, node), help)).collect()
    }

    /// Named tables under a key, as in `[media.mic]`, each with its name.
    pub(crate) fn named(&self, key: &str, shape_of: impl Fn(&Table) -> &'static Shape) -> Vec<(String, Section<'a>)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let help = format!("write tables with a name, as in `[{key}.some-name]`");
        let Value::Table(table) = &node.value else {
            self.wrong(key, node, &help);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for entry in &table.entries {
            let path = format!("{}.{}", self.key(key), entry.key);
            if !is_name(&entry.key) {
                self.errors.push(&entry.origin, &path, format!("`{}` is not a name", entry.key), NAME_HELP);
                continue;
            }
            match &entry.node.value {
                Value::Table(inner) => {
                    let section = Section::open(inner, &entry.origin, shape_of(inner), path, self.errors);
                    sections.push((entry.key.clone(), section));
                }
                other => self.errors.push(&entry.origin, &path, format!("this is {}", other.kind()), &help),
            }
        }
        sections
    }

    /// A name: it becomes part of names of rooms, participants and directories.
    pub(crate) fn name(&self, key: &str) -> Option<String> {
        let text = self.text(key, NAME_HELP)?;
        if !is_name(text) {
            self.fail(key, format!("`{text}` is not a name"), NAME_HELP);
            return None;
        }
        Some(text.to_owned())
    }
}

const NAME_HELP: &str = "write 1 to 64 letters, digits, `-` or `_`";

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
