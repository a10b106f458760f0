//! `throng metrics`: the catalog.

use super::{print, table};
use crate::metrics::catalog::{CATALOG, Kind};
use clap::Args;
use std::process::ExitCode;

/// Options.
#[derive(Args, Debug)]
pub struct Arguments {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints it.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.json {
        let entry = |spec: &crate::metrics::catalog::Spec| {
            serde_json::json!({
                "name": spec.name, "kind": spec.kind.name(), "unit": spec.unit.name(),
                "aggregates": aggregates(spec.kind), "meaning": spec.meaning, "w3c": spec.w3c,
            })
        };
        let entries: Vec<serde_json::Value> = CATALOG.iter().map(entry).collect();
        let text = serde_json::to_string_pretty(&entries).expect("the catalog is plain JSON");
        return print(&format!("{text}\n"));
    }
    let row = |spec: &crate::metrics::catalog::Spec| {
        let w3c = spec.w3c.map(|name| format!(" (W3C {name})")).unwrap_or_default();
        let meaning = format!("{}{w3c}", spec.meaning);
        [spec.name.to_owned(), spec.kind.name().to_owned(), spec.unit.name().to_owned(), meaning]
    };
    let rows: Vec<[String; 4]> = CATALOG.iter().map(row).collect();
    let mut text = table::render(["metric", "kind", "unit", "meaning"], &rows, table::width());
    text.push_str("\nAggregates that a threshold may use:\n");
    for kind in [Kind::Trend, Kind::Counter, Kind::Ratio, Kind::Gauge] {
        text.push_str(&format!("  {:<8} {}\n", kind.name(), aggregates(kind).join(", ")));
    }
    print(&text)
}

/// D4.6 of the format: what a threshold may ask of a kind.
fn aggregates(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Trend => &["p<number>", "min", "max", "mean", "med", "count"],
        Kind::Counter => &["count", "rate"],
        Kind::Ratio => &["value", "p<number> over participants"],
        Kind::Gauge => &["min", "max", "mean", "last"],
    }
}
