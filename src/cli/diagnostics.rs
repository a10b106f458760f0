//! Errors of a scenario, drawn under the lines that they are about.
//!
//! Colours only on a terminal. Lines with credentials are never shown.

use super::BAD_INPUT;
use crate::scenario::ScenarioError;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Prints all errors to stderr and gives the exit code.
#[must_use]
pub fn report(text: &str, errors: &[ScenarioError]) -> ExitCode {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // Nobody is left to be told when stderr is closed.
    let _ = std::io::stderr().lock().write_all(render(text, errors, colour).as_bytes());
    ExitCode::from(BAD_INPUT)
}

/// Draws all errors, and how many there are.
#[must_use]
pub fn render(text: &str, errors: &[ScenarioError], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for error in errors {
        let title = title(error);
        let mut group = Group::with_title(Level::ERROR.primary_title(title.as_str()));
        if error.line > 0 && !error.key.starts_with("target.auth") {
            let span = shown(text, error);
            let annotation = AnnotationKind::Primary.span(span).label(error.key.as_str());
            group = group.element(Snippet::source(text).path(error.file.as_str()).annotation(annotation));
        }
        if !error.help.is_empty() {
            group = group.element(Level::HELP.message(error.help.as_str()));
        }
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    let count = errors.len();
    let file = errors.iter().find(|error| error.line > 0).map_or("the scenario", |error| error.file.as_str());
    out.push_str(&format!("{file} cannot run: {count} error{}\n", if count == 1 { "" } else { "s" }));
    out
}

fn title(error: &ScenarioError) -> String {
    match (error.line, error.key.as_str()) {
        (0, "") => format!("{}: {}", error.file, error.message),
        (0, key) => format!("{}: {key}: {}", error.file, error.message),
        (line, _) if error.key.starts_with("target.auth") => {
            format!("{}:{line}: {}: {}", error.file, error.key, error.message)
        }
        _ => error.message.clone(),
    }
}

/// A span within one line: a whole table as a span would underline half of the file.
fn shown(text: &str, error: &ScenarioError) -> std::ops::Range<usize> {
    let start = error.span.start.min(text.len());
    let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    start..error.span.end.clamp(start, line_end)
}
