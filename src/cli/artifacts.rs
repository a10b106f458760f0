//! Artifacts into a directory: each written whole or not at all, and the outcome before everything else.

use crate::outcome::{Outcome, io};
use crate::plan::{Format, OutputPlan};
use crate::report::{self, Artifact};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a run's artifacts go: `--out`, the scenario's `[output] dir`, or `reports/<name>-<utc time>/`.
#[must_use]
pub fn directory(out: Option<&Path>, plan: &OutputPlan, scenario: &str, stamp: &str) -> PathBuf {
    let named = |text: &str| PathBuf::from(text.replace("{name}", scenario).replace("{time}", stamp));
    match (out, &plan.dir) {
        (Some(out), _) => out.to_owned(),
        (None, Some(dir)) => named(dir),
        (None, None) => named("reports/{name}-{time}"),
    }
}

/// Makes sure that the directory can be written to, before a run is made for it.
///
/// # Errors
/// A sentence.
pub fn prepare(dir: &Path) -> Result<(), String> {
    let explain = |error: std::io::Error| format!("{}: cannot be written to: {error}", dir.display());
    if dir.exists() && !dir.is_dir() {
        return Err(format!("{}: is no directory; name one that is, or that can be made", dir.display()));
    }
    std::fs::create_dir_all(dir).map_err(explain)?;
    tempfile::NamedTempFile::new_in(dir).map(drop).map_err(explain)
}

/// Writes the outcome, then what is rendered from it. When the directory fails (a full disk, say) the outcome goes to
/// the system's temporary directory, so that a run is not lost.
///
/// # Errors
/// A sentence that says where the outcome is after all, if anywhere.
pub fn write(dir: &Path, outcome: &Outcome, formats: &[Format]) -> Result<(), String> {
    let json = io::to_json(outcome);
    if let Err(error) = write_file(dir, "outcome.json", json.as_bytes()) {
        let rescue = std::env::temp_dir();
        let name = format!("throng-{}-outcome.json", std::process::id());
        return Err(match write_file(&rescue, &name, json.as_bytes()) {
            Ok(()) => format!("{error}; the outcome is saved as {}", rescue.join(name).display()),
            Err(second) => format!("{error}; and {second}: what was measured is lost"),
        });
    }
    write_artifacts(dir, &wanted(report::render(outcome), formats))
}

/// Writes rendered artifacts.
///
/// # Errors
/// A sentence that names the file.
pub fn write_artifacts(dir: &Path, artifacts: &[Artifact]) -> Result<(), String> {
    for artifact in artifacts {
        write_file(dir, &artifact.name, &artifact.bytes)?;
    }
    Ok(())
}

/// Artifacts of the formats asked for.
fn wanted(artifacts: Vec<Artifact>, formats: &[Format]) -> Vec<Artifact> {
    let format_of = |name: &str| match name.rsplit('.').next() {
        Some("html" | "svg") => Format::Html,
        Some("csv") => Format::Csv,
        Some("xml") => Format::Junit,
        Some("md") => Format::Markdown,
        _ => Format::Json,
    };
    artifacts.into_iter().filter(|artifact| formats.contains(&format_of(&artifact.name))).collect()
}

/// Writes one file beside the artifacts.
///
/// # Errors
/// A sentence that names the file.
pub fn write_beside(dir: &Path, name: &str, text: &str) -> Result<(), String> {
    write_file(dir, name, text.as_bytes())
}

fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    let path = dir.join(name);
    let explain = |error: std::io::Error| format!("{}: {error}", path.display());
    let parent = path.parent().unwrap_or(dir);
    std::fs::create_dir_all(parent).map_err(explain)?;
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(explain)?;
    file.write_all(bytes).map_err(explain)?;
    file.flush().map_err(explain)?;
    let file = file.persist(&path).map_err(|error| explain(error.error))?;
    // Readable as any file is: temporary ones are the owner's alone.
    let mut permissions = file.metadata().map_err(explain)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    file.set_permissions(permissions).map_err(explain)
}
