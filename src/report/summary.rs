//! `summary.md`: the first screen for a pull request.

use super::facts::judged::{Judged, beside, by_weight};
use super::facts::{Facts, failures, five};
use super::number::count;
use crate::outcome::{Outcome, Verdict};
use std::fmt::Write;

/// The document.
#[must_use]
pub fn summary(facts: &Facts, failures: &[failures::Failure]) -> String {
    let outcome = facts.outcome;
    let mut text =
        format!("# {} {}\n\n{}\n\n", outcome.verdict.word(), inline(&outcome.scenario), inline(&outcome.reason));
    let _ = writeln!(
        text,
        "{}Target: {}. {}. Exit code {}.\n",
        beside(&outcome.reason, &facts.judged),
        inline(&outcome.target),
        seeds(outcome),
        outcome.exit_code
    );
    numbers(&mut text, facts);
    thresholds(&mut text, facts);
    failed(&mut text, failures);
    generator(&mut text, facts);
    match &outcome.environment {
        Some(environment) => {
            let _ = writeln!(text, "Run it again:\n\n{}", fenced(&environment.command));
        }
        None => {
            let _ = writeln!(
                text,
                "Run it again with the scenario as it ran, which stands in report.html and in outcome.json (`scenario_text`); the command \
                 as it was typed is in run.json:\n\n{}",
                fenced(&facts.again())
            );
        }
    }
    text
}

/// The seed, or how many runs are pooled and how many of them passed.
fn seeds(outcome: &Outcome) -> String {
    let (Some(first), Some(last)) = (outcome.seeds.first(), outcome.seeds.last()) else {
        return format!("Seed {}", outcome.seed);
    };
    let passed = outcome.seeds.iter().filter(|seed| seed.verdict == Verdict::Pass).count();
    let (first, last, runs) = (first.seed, last.seed, outcome.seeds.len());
    format!(
        "{runs} runs pooled, seeds {first} to {last}, {passed} of which passed by themselves; counts are sums of all runs"
    )
}

fn numbers(text: &mut String, facts: &Facts) {
    text.push_str("| | | |\n|---|---:|---|\n");
    for number in five::of(facts) {
        let big = format!("{} {}", number.big, number.aside);
        let _ = writeln!(text, "| {} | **{}** | {} |", number.title, big.trim_end(), inline(&number.below));
    }
    text.push('\n');
}

fn thresholds(text: &mut String, facts: &Facts) {
    if facts.judged.is_empty() {
        return;
    }
    text.push_str("| Verdict | Measure | Value | Limit | Samples |\n|---|---|---:|---|---:|\n");
    for judged in by_weight(&facts.judged) {
        let Judged { outcome, .. } = judged;
        let word = if judged.is_warning() {
            format!("{} (warns)", outcome.verdict.word())
        } else {
            outcome.verdict.word().to_owned()
        };
        let (value, limit, samples) = (judged.value(facts.deadline), judged.limit(), judged.samples());
        let _ = writeln!(
            text,
            "| {word} | `{}` {} | {value} | {} | {samples} |",
            code(&outcome.metric),
            inline(&judged.which()),
            inline(&limit)
        );
    }
    text.push('\n');
}

fn failed(text: &mut String, failures: &[failures::Failure]) {
    let seen: Vec<_> = failures.iter().filter(|f| f.count.is_some_and(|n| n > 0)).collect();
    if seen.is_empty() {
        return;
    }
    text.push_str("| What failed | Count | |\n|---|---:|---|\n");
    for failure in seen {
        let n = count(failure.count.unwrap_or(0));
        let _ = writeln!(text, "| {}: {} | {n} | {} |", failure.area, inline(&failure.text), inline(&failure.note));
    }
    text.push('\n');
}

fn generator(text: &mut String, facts: &Facts) {
    let health = &facts.outcome.health;
    let line = if health.valid {
        "The generator kept its limits."
    } else {
        "The generator was beyond its limits: the figures say nothing about the target."
    };
    let _ = writeln!(text, "{line}\n");
    for check in health.checks.iter().filter(|c| c.exceeded) {
        let _ = writeln!(text, "* `{}`", code(&check.condition));
    }
    for note in &health.notes {
        let _ = writeln!(text, "* {}", inline(note));
    }
    if health.checks.iter().any(|c| c.exceeded) || !health.notes.is_empty() {
        text.push('\n');
    }
}

/// Text that Markdown and HTML leave alone, on one line.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn code(text: &str) -> String {
    text.replace(['`', '\n', '\r'], "'").replace('|', "\\|")
}

/// A code block with a fence longer than any run of backticks inside.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sh\n{text}\n{fence}\n")
}
