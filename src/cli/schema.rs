//! `throng schema`: the JSON Schema of the scenario file.

use super::print;
use std::process::ExitCode;

/// Prints it.
#[must_use]
pub fn run() -> ExitCode {
    let schema = serde_json::to_string_pretty(&crate::scenario::schema::document()).expect("a schema is plain JSON");
    print(&format!("{schema}\n"))
}
