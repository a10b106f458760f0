//! The document as TOML text again, as it runs: every `--set` applied, secrets redacted, the file's order kept.

use super::document::{Node, Table, Value};
use super::secret::{REDACTED, is_secret, redact_url};
use std::fmt::Write;

/// Writes the whole document.
pub(crate) fn document(root: &Table) -> String {
    let mut out = String::new();
    for entry in root.entries.iter().filter(|entry| !is_block(&entry.node)) {
        line(&mut out, &entry.key, &entry.node, &entry.key);
    }
    for entry in root.entries.iter().filter(|entry| is_block(&entry.node)) {
        block(&mut out, &entry.key, &entry.node);
    }
    out
}

/// Whether it becomes `[key]` or `[[key]]` at the top of the document.
fn is_block(node: &Node) -> bool {
    match &node.value {
        Value::Table(_) => true,
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| matches!(item.value, Value::Table(_))),
        _ => false,
    }
}

fn block(out: &mut String, path: &str, node: &Node) {
    match &node.value {
        Value::Table(table) => {
            // `media` and `network` hold named tables, everything else keys.
            let holds_tables = !table.entries.is_empty()
                && matches!(path, "media" | "network")
                && table.entries.iter().all(|entry| matches!(entry.node.value, Value::Table(_)));
            if holds_tables {
                for entry in &table.entries {
                    block(out, &format!("{path}.{}", key(&entry.key)), &entry.node);
                }
            } else {
                let _ = writeln!(out, "\n[{path}]");
                lines(out, table, path);
            }
        }
        Value::Array(items) => {
            for item in items {
                let _ = writeln!(out, "\n[[{path}]]");
                if let Value::Table(table) = &item.value {
                    lines(out, table, path);
                }
            }
        }
        _ => line(out, path, node, path),
    }
}

fn lines(out: &mut String, table: &Table, path: &str) {
    for entry in &table.entries {
        line(out, &entry.key, &entry.node, &format!("{path}.{}", entry.key));
    }
}

fn line(out: &mut String, name: &str, node: &Node, path: &str) {
    let _ = write!(out, "{} = ", key(name));
    inline(out, node, path, true);
    out.push('\n');
}

fn inline(out: &mut String, node: &Node, path: &str, outermost: bool) {
    match &node.value {
        _ if is_secret(path) => out.push_str(&string(REDACTED)),
        Value::Text(text) => out.push_str(&string(&redact_url(text))),
        Value::Integer(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) => out.push_str(&toml::Value::Float(*value).to_string()),
        Value::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Array(items) => array(out, items, path, outermost),
        Value::Table(table) => {
            out.push('{');
            for (i, entry) in table.entries.iter().enumerate() {
                out.push_str(if i == 0 { " " } else { ", " });
                let _ = write!(out, "{} = ", key(&entry.key));
                inline(out, &entry.node, &format!("{path}.{}", entry.key), false);
            }
            out.push_str(" }");
        }
        Value::Other(_) => out.push_str("\"\""),
    }
}

fn array(out: &mut String, items: &[Node], path: &str, outermost: bool) {
    let tall = outermost && items.iter().any(|item| matches!(item.value, Value::Table(_)));
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        out.push_str(match (tall, i) {
            (true, _) => "\n  ",
            (false, 0) => "",
            (false, _) => ", ",
        });
        inline(out, item, path, false);
        if tall {
            out.push(',');
        }
    }
    out.push_str(if tall { "\n]" } else { "]" });
}

fn string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn key(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { string(key) }
}
