//! `--set key.path=value`: changes to the document before it is read.
//!
//! Tables are addressed by key, arrays of tables by the `name` of a member (or `[index]`). Values are TOML, else strings.

use super::document::{Entry, Node, Origin, Table, Value};
use super::error::Errors;
use super::suggest::instead;
use toml::de::DeTable;

/// More parts than any key of the format has; keeps recursion shallow.
const DEEPEST: usize = 12;

/// Applies one `--set`; `index` is its number among them.
pub(crate) fn apply(root: &mut Table, argument: &str, index: usize, errors: &Errors<'_>) {
    let origin = Origin::Set(index);
    let Some((path, text)) = argument.split_once('=') else {
        let message = "this is not `key=value`";
        errors.push(&origin, "", message, "write a dotted key and a value, as in `--set run.duration=15s`");
        return;
    };
    let path = path.trim();
    let steps: Vec<&str> = path.split('.').map(str::trim).collect();
    if steps.iter().any(|step| step.is_empty()) {
        errors.push(&origin, path, "a part of the key is empty", "write a dotted key, as in `run.duration`");
        return;
    }
    if steps.len() > DEEPEST {
        errors.push(&origin, path, "the key has too many parts", "no key of a scenario is so deep");
        return;
    }
    let node = Node { value: value(text.trim(), index), origin: origin.clone() };
    if let Err((message, help)) = put(root, &steps, node, &origin) {
        errors.push(&origin, path, message, help);
    }
}

/// TOML where it is TOML, else a string.
fn value(text: &str, index: usize) -> Value {
    let document = format!("value = {text}");
    let parsed = DeTable::parse(&document).ok().filter(|table| table.get_ref().len() == 1);
    let table = parsed.map(|table| Table::from_toml(table.get_ref(), &|_| Origin::Set(index)));
    table
        .and_then(|mut table| table.entries.pop())
        .map_or_else(|| Value::Text(text.to_owned()), |entry| entry.node.value)
}

type Refusal = (String, String);

fn put(table: &mut Table, steps: &[&str], node: Node, origin: &Origin) -> Result<(), Refusal> {
    let (step, rest) = steps.split_first().expect("a key has at least one part");
    let (key, index) = split_index(step)?;
    let position = table.entries.iter().position(|entry| entry.key == key);
    if rest.is_empty() && index.is_none() {
        match position {
            Some(i) => table.entries[i].node = node,
            None => table.entries.push(Entry { key: key.to_owned(), origin: origin.clone(), node }),
        }
        return Ok(());
    }
    let i = match (position, index) {
        (Some(i), _) => i,
        (None, Some(_)) => return Err((format!("`{key}` is not in the file"), "write it there first".to_owned())),
        (None, None) => {
            let empty = Node { value: Value::Table(Table::default()), origin: origin.clone() };
            table.entries.push(Entry { key: key.to_owned(), origin: origin.clone(), node: empty });
            table.entries.len() - 1
        }
    };
    descend(&mut table.entries[i].node, key, index, rest, node, origin)
}

fn descend(
    at: &mut Node,
    key: &str,
    index: Option<usize>,
    rest: &[&str],
    node: Node,
    origin: &Origin,
) -> Result<(), Refusal> {
    let kind = at.value.kind();
    match &mut at.value {
        Value::Table(table) if index.is_none() => put(table, rest, node, origin),
        Value::Array(items) => {
            let count = items.len();
            let (item, rest) = match index {
                Some(index) => (items.get_mut(index), rest),
                None => {
                    let name = rest[0];
                    let names: Vec<String> = items.iter().filter_map(Node::name).map(str::to_owned).collect();
                    let found = items.iter_mut().find(|item| item.name() == Some(name));
                    if found.is_none() {
                        let help = instead(name, names.iter().map(String::as_str));
                        return Err((format!("no `{key}` is named `{name}`"), help));
                    }
                    (found, &rest[1..])
                }
            };
            let item = item.ok_or_else(|| {
                (format!("`{key}` has {count} members"), "count them from 0, as in `threshold[0]`".to_owned())
            })?;
            match (&mut item.value, rest.is_empty()) {
                (_, true) => {
                    *item = node;
                    Ok(())
                }
                (Value::Table(table), false) => put(table, rest, node, origin),
                (other, false) => Err((format!("`{key}` holds {}, which has no keys", other.kind()), String::new())),
            }
        }
        _ => Err((format!("`{key}` is {kind}"), "set it as a whole, or a key of a table".to_owned())),
    }
}

fn split_index(step: &str) -> Result<(&str, Option<usize>), Refusal> {
    let Some((key, rest)) = step.split_once('[') else { return Ok((step, None)) };
    let index = rest.strip_suffix(']').and_then(|digits| digits.parse().ok());
    index
        .map(|index| (key, Some(index)))
        .ok_or_else(|| (format!("`{step}` is not a key with an index"), "write it as in `threshold[0]`".to_owned()))
}
