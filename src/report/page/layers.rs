//! Layers: who got which, and what the keyframes for it cost. Only where media was sent in layers.

use super::parts::{about, figure, numbers};
use crate::metrics::catalog::Metric;
use crate::report::facts::Facts;
use crate::report::facts::over_time::{Line, mean, rate};
use crate::report::figures::Figures;
use crate::report::number::{clock, significant, span};
use crate::report::plots::layers::shares;
use maud::{Markup, html};

/// Rows of the table of numbers.
const ROWS: usize = 16;

/// The section; nothing where there were no layers.
#[must_use]
pub fn layers(facts: &Facts, figures: &Figures) -> Markup {
    let Some(drawn) = &figures.layers else { return html! {} };
    let caption = html! {
        "A viewer is one video stream that one participant watches. Keyframes are those of all viewers together: one that "
        "a publisher sends is received by everybody who takes its layer."
    };
    html! {
        section id="layers" {
            h2 { "Layers" }
            p class="lead" { (lead(facts)) }
            (figure(drawn, "c-layers", "Which layer, and what it cost", &caption, &html! {}))
            (table(facts))
            p class="note" {
                "Measures: " (about(Metric::VideoLayerDistance, "distance from the highest layer")) ", "
                (about(Metric::VideoLayerSwitch, "switches")) ", "
                (about(Metric::VideoResolutionTime, "time in the highest layer")) ", "
                (about(Metric::VideoKeyframeWait, "wait for a keyframe")) ", "
                (about(Metric::VideoKeyframesMissed, "keyframes missed")) "."
            }
        }
    }
}

fn lead(facts: &Facts) -> String {
    let [highest, ..] = shares(facts.outcome);
    let middle = |line: &Line| mean(line, |i| facts.times.is_measured(i));
    match middle(&highest) {
        Some(share) => format!(
            "In the measured time {}\u{202f}% of the viewers had the highest layer of what they watched, on average.",
            significant(share, 2)
        ),
        None => "Nobody watched media in layers in the measured time.".to_owned(),
    }
}

fn table(facts: &Facts) -> Markup {
    let [highest, below, lowest] = shares(facts.outcome);
    let of = |metric| rate(facts.outcome, metric, 1.0);
    let lines: [(&str, Line); 6] = [
        ("highest, %", highest),
        ("one below, %", below),
        ("two below, %", lowest),
        ("switches/s", of(Metric::VideoLayerSwitch)),
        ("keyframes asked for/s", of(Metric::RtpPliSent)),
        ("keyframes received/s", of(Metric::VideoKeyframes)),
    ];
    let per = facts.outcome.series.intervals.div_ceil(ROWS).max(1);
    let mut head = vec!["from".to_owned()];
    head.extend(lines.iter().map(|(name, _)| (*name).to_owned()));
    let cell = |v: Option<f64>| v.map_or_else(|| "none".to_owned(), |v| significant(v, 2));
    let rows: Vec<Vec<String>> = (0..facts.outcome.series.intervals)
        .step_by(per)
        .map(|from| {
            let inside = |i: usize| i >= from && i < from + per;
            let mut row = vec![clock(from as f64 * facts.times.interval)];
            row.extend(lines.iter().map(|(_, line)| cell(mean(line, inside))));
            row
        })
        .collect();
    numbers(&format!("The numbers, means of {}", span(per as f64 * facts.times.interval)), &head, &rows)
}
