//! Small parts that the page uses everywhere: icons, metric names with their meaning, figures, tables.

use crate::metrics::catalog::Metric;
use crate::outcome::Verdict;
use crate::report::facts::times::{Mark, Times};
use crate::report::figures::Figure;
use crate::report::number::clock;
use maud::{Markup, PreEscaped, html};

/// The CSS class with the verdict's colour.
#[must_use]
pub const fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "c-ok",
        Verdict::Fail => "c-bad",
        Verdict::Inconclusive => "c-unsure",
        Verdict::Invalid => "c-void",
        Verdict::Interrupted => "c-held",
    }
}

/// The verdict's sign.
#[must_use]
pub fn icon(verdict: Verdict) -> Markup {
    let path = match verdict {
        Verdict::Pass => "M2 7.2 5 10.2 11 3.2",
        Verdict::Fail => "M2.8 2.8 10.2 10.2M10.2 2.8 2.8 10.2",
        Verdict::Inconclusive => "M3.8 4.3C3.8 2.6 5 1.7 6.5 1.7S9.2 2.7 9.2 4.2C9.2 6 6.5 6.2 6.5 8.3M6.5 10.6V11.2",
        Verdict::Invalid => "M6.5 1.5A5 5 0 1 0 6.5 11.5A5 5 0 1 0 6.5 1.5M3 3 10 10",
        Verdict::Interrupted => "M3 2.5V10.5M10 2.5V10.5",
    };
    html! {
        svg viewBox="0 0 13 13" aria-hidden="true" {
            path d=(path) fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" {}
        }
    }
}

/// A verdict with its sign and word.
#[must_use]
pub fn tag(verdict: Verdict, word: &str) -> Markup {
    html! { span class={ "tag " (colour(verdict)) } { (icon(verdict)) (word) } }
}

/// A metric's name with its meaning as tooltip and a way to the glossary.
#[must_use]
pub fn metric(name: &str) -> Markup {
    match Metric::from_name(name) {
        Some(metric) => html! { a href={ "#m-" (name) } title=(unticked(metric.spec().meaning)) { code { (name) } } },
        None => html! { code { (name) } },
    }
}

/// Words about a metric with its meaning as tooltip.
#[must_use]
pub fn about(metric: Metric, words: &str) -> Markup {
    let name = metric.name();
    html! { a href={ "#m-" (name) } title={ (name) ": " (unticked(metric.spec().meaning)) } { (words) } }
}

/// A text whose names stand between backticks, as names.
#[must_use]
pub fn ticked(text: &str) -> Markup {
    // A tick that nothing closes is a tick.
    if !text.matches('`').count().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (i, part) in text.split('`').enumerate() {
            @if i % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

/// The same where there is no markup.
#[must_use]
pub fn unticked(text: &str) -> String {
    text.replace('`', "")
}

/// A figure's SVG.
#[must_use]
pub fn svg(figure: &Figure, class: &str, caption: &str) -> Markup {
    PreEscaped(figure.inline(class, caption))
}

/// A figure with its caption.
#[must_use]
pub fn figure(figure: &Figure, id: &str, title: &str, caption: &Markup, key: &Markup) -> Markup {
    html! {
        figure {
            figcaption id=(id) { b { (title) } (caption) }
            (key)
            (svg(figure, "", id))
        }
    }
}

/// A key in the order of the stack.
#[must_use]
pub fn key<'a>(entries: impl Iterator<Item = (String, &'a str)>) -> Markup {
    html! {
        ul class="key" {
            @for (variable, word) in entries {
                li { span class="sw" style={ "background:var(--" (variable) ")" } {} (word) }
            }
        }
    }
}

/// Times of one thing that are written out.
const TIMES: usize = 3;

/// The letters of what happened.
#[must_use]
pub fn marks(times: &Times) -> Markup {
    let happened = times.happened();
    let rest = happened.iter().filter(|(letter, ..)| letter.is_none()).count();
    html! {
        @if !happened.is_empty() {
            ul class="key" {
                @for (letter, text, marks) in &happened {
                    @if let Some(letter) = letter {
                        li { span class="letter" { (letter) } span { (text) ", " (when(marks)) } }
                    }
                }
                @if rest > 0 { li { "and " (rest) " more, shaded" } }
            }
        }
    }
}

fn when(marks: &[&Mark]) -> String {
    let one = |mark: &&Mark| match (clock(mark.at), clock(mark.until)) {
        (from, until) if from == until => from,
        (from, until) => format!("{from}–{until}"),
    };
    let shown: Vec<String> = marks.iter().take(TIMES).map(one).collect();
    match marks.len().saturating_sub(TIMES) {
        0 => shown.join(", "),
        1 => format!("{} and once more", shown.join(", ")),
        more => format!("{} and {more} times more", shown.join(", ")),
    }
}

/// Numbers behind a figure, folded.
#[must_use]
pub fn numbers(summary: &str, head: &[String], rows: &[Vec<String>]) -> Markup {
    html! {
        details {
            summary { (summary) }
            div class="scroll" tabindex="0" role="region" aria-label=(summary) {
                table {
                    thead { tr { @for (i, cell) in head.iter().enumerate() { th scope="col" class=[(i > 0).then_some("r")] { (cell) } } } }
                    tbody { @for row in rows { tr { @for (i, cell) in row.iter().enumerate() { td class=[(i > 0).then_some("r")] { (cell) } } } } }
                }
            }
        }
    }
}
