//! A TOML document as a tree that remembers where each key and value stands.
//!
//! serde loses the place of tagged tables, so the scenario is read by hand from this tree: `toml` parses and gives the
//! spans, `--set` changes the tree before it is read, and [`Table::locate`] finds the place of a dotted key afterwards.

use std::borrow::Cow;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Where the text came from.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Source {
    pub(crate) file: String,
    pub(crate) text: String,
    /// `--set` arguments, secrets redacted.
    pub(crate) sets: Vec<String>,
}

impl Source {
    /// File, line, column and bytes of a place.
    pub(crate) fn place(&self, origin: &Origin) -> (String, usize, usize, Range<usize>) {
        match origin {
            Origin::File(span) => {
                let start = floor_boundary(&self.text, span.start);
                let end = floor_boundary(&self.text, span.end).max(start);
                let before = &self.text[..start];
                let line_start = before.rfind('\n').map_or(0, |i| i + 1);
                let line = before.matches('\n').count() + 1;
                (self.file.clone(), line, before[line_start..].chars().count() + 1, start..end)
            }
            Origin::Set(index) => (format!("--set {}", self.sets[*index]), 0, 0, 0..0),
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

/// Where a key or value was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// Bytes of the file.
    File(Range<usize>),
    /// Index of a `--set`.
    Set(usize),
}

impl Default for Origin {
    fn default() -> Self {
        Self::File(0..0)
    }
}

/// A value with its place.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Array(Vec<Node>),
    Table(Table),
    /// What TOML has and a scenario never does: dates, integers beyond 64 bits.
    Other(&'static str),
}

impl Value {
    /// The word for an error message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// A table, in the file's order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) origin: Origin,
    pub(crate) node: Node,
}

/// What a TOML parser says about text that is not TOML.
pub(crate) struct SyntaxError {
    pub(crate) origin: Origin,
    pub(crate) message: String,
}

impl Table {
    /// Parses a file.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<SyntaxError>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Self::from_toml(table.get_ref(), &Origin::File));
        }
        let syntax = |error: &toml::de::Error| SyntaxError {
            origin: Origin::File(error.span().unwrap_or(0..0)),
            message: error.message().to_owned(),
        };
        Err(errors.iter().map(syntax).collect())
    }

    /// Converts, giving each part the origin that `place` makes of its span.
    pub(crate) fn from_toml(table: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Origin) -> Self {
        let mut entries: Vec<(usize, Entry)> = table
            .iter()
            .map(|(key, value)| {
                let entry = Entry {
                    key: key.get_ref().to_string(),
                    origin: place(key.span()),
                    node: Node::from_toml(value.get_ref(), value.span(), place),
                };
                (key.span().start, entry)
            })
            .collect();
        entries.sort_by_key(|(start, _)| *start);
        Self { entries: entries.into_iter().map(|(_, entry)| entry).collect() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The place of a dotted key, or of the nearest part of it that was written.
    pub(crate) fn locate(&self, path: &str) -> Origin {
        let mut origin = Origin::default();
        let mut table = Some(self);
        let mut array: &[Node] = &[];
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let (name, index) = match step.split_once('[') {
                Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
                None => (step, None),
            };
            let node = match table {
                Some(table) => match table.get(name) {
                    Some(entry) => {
                        origin = match &entry.node.value {
                            Value::Table(_) => entry.origin.clone(),
                            _ => entry.node.origin.clone(),
                        };
                        &entry.node
                    }
                    None => return origin,
                },
                None => match array.iter().find(|node| node.name() == Some(name)) {
                    Some(node) => {
                        origin = node.origin.clone();
                        node
                    }
                    None => return origin,
                },
            };
            let node = match (&node.value, index) {
                (Value::Array(items), Some(index)) => match items.get(index) {
                    Some(item) => {
                        origin = item.origin.clone();
                        item
                    }
                    None => return origin,
                },
                _ => node,
            };
            let none: &[Node] = &[];
            (table, array) = match &node.value {
                Value::Table(table) => (Some(table), none),
                Value::Array(items) => (None, items.as_slice()),
                _ => return origin,
            };
        }
        origin
    }
}

impl Node {
    fn from_toml(value: &DeValue<'_>, span: Range<usize>, place: &dyn Fn(Range<usize>) -> Origin) -> Self {
        let value = match value {
            DeValue::String(text) => Value::Text(Cow::clone(text).into_owned()),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map_or(Value::Other("an integer beyond 64 bits"), Value::Integer),
            DeValue::Float(float) => float.as_str().parse().map_or(Value::Other("a number"), Value::Float),
            DeValue::Boolean(bool) => Value::Bool(*bool),
            DeValue::Datetime(_) => Value::Other("a date"),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| Self::from_toml(item.get_ref(), item.span(), place)).collect())
            }
            DeValue::Table(table) => Value::Table(Table::from_toml(table, place)),
        };
        Self { value, origin: place(span) }
    }

    /// The `name` of a table in an array of tables.
    pub(crate) fn name(&self) -> Option<&str> {
        let Value::Table(table) = &self.value else { return None };
        match &table.get("name")?.node.value {
            Value::Text(name) => Some(name),
            _ => None,
        }
    }
}
