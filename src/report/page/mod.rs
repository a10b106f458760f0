//! `report.html`: one file, nothing fetched, no script, light and dark, wide and narrow, screen and paper.

mod congestion;
mod data;
mod faults;
mod first;
mod generator;
mod joins;
mod layers;
mod parts;
mod people;
mod reference;
mod seeds;
mod speakers;
mod time;

use super::draw::{canvas, palette};
use super::facts::Facts;
use super::facts::failures::Failure;
use super::facts::groups::{By, Panel};
use super::figures::Figures;
use crate::outcome::{Outcome, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// Sections with their names in the navigation.
const SECTIONS: [(&str, &str); 18] = [
    ("seeds", "Seeds"),
    ("joins", "Joins"),
    ("time", "Over time"),
    ("congestion", "Congestion control"),
    ("layers", "Layers"),
    ("data", "Data channels"),
    ("faults", "Faults"),
    ("speakers", "Who spoke"),
    ("delay", "Delay"),
    ("networks", "Networks"),
    ("populations", "Populations"),
    ("worst", "Worst ten"),
    ("failures", "Failures"),
    ("generator", "Generator"),
    ("measures", "All measures"),
    ("participants", "Participants"),
    ("environment", "Environment"),
    ("glossary", "Glossary"),
];

/// The document.
#[must_use]
pub fn page(facts: &Facts, failures: &[Failure], compared: &[(By, Vec<Panel>)], figures: &Figures) -> String {
    let outcome = facts.outcome;
    // An invalid run is first of all about the generator.
    let early = outcome.verdict == Verdict::Invalid;
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            (head(facts))
            body {
                main {
                    (first::top(facts))
                    (first::first(facts, figures))
                    (navigation(early, outcome, figures))
                    @if early { (generator::generator(facts, figures)) }
                    @if !outcome.seeds.is_empty() { (seeds::seeds(facts)) }
                    (joins::joins(facts, figures))
                    (time::over_time(facts, figures))
                    @if let Some(plot) = &figures.congestion { (congestion::congestion(facts, plot)) }
                    (layers::layers(facts, figures))
                    @if let Some(plot) = &figures.data { (data::data(facts, plot)) }
                    (faults::faults(facts))
                    (speakers::speakers(facts, figures))
                    (time::delay(facts, figures))
                    @for (by, panels) in compared {
                        (people::groups(facts, *by, panels, match by { By::Network => &figures.networks, By::Population => &figures.populations }))
                    }
                    (people::worst(facts, figures))
                    (people::failures(facts, failures, figures))
                    @if !early { (generator::generator(facts, figures)) }
                    (reference::measures(facts))
                    (reference::participants(facts))
                    (reference::environment(facts))
                    (reference::glossary(facts))
                    footer { "Rendered from outcome.json alone; the same file renders to the same bytes. Tables: metrics.csv, series.csv. Plots: plots/." }
                }
            }
        }
    };
    document.into_string()
}

fn head(facts: &Facts) -> Markup {
    let outcome = facts.outcome;
    let day =
        outcome.environment.as_ref().and_then(|e| e.started.get(..10)).map_or_else(String::new, |d| format!(" · {d}"));
    let css = palette::css() + &canvas::page_css() + "\n" + STYLE;
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width,initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (outcome.verdict.word()) " · " (outcome.scenario) (day) }
            link rel="icon" href=(favicon(outcome.verdict));
            style { (PreEscaped(css)) }
        }
    }
}

fn favicon(verdict: Verdict) -> String {
    let name = parts::colour(verdict).trim_start_matches("c-");
    let colour = palette::TONES.iter().find(|t| t.name == name).map_or("555D66", |t| t.light);
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23{colour}'/%3E%3C/svg%3E"
    )
}

fn navigation(early: bool, outcome: &Outcome, figures: &Figures) -> Markup {
    let there = |id: &str| match id {
        "seeds" => !outcome.seeds.is_empty(),
        "layers" => figures.layers.is_some(),
        "faults" => !outcome.faults.is_empty(),
        "speakers" => figures.speakers.is_some(),
        "congestion" => figures.congestion.is_some(),
        "data" => figures.data.is_some(),
        _ => true,
    };
    let there = SECTIONS.iter().filter(|(id, _)| there(id));
    let (first, rest): (Vec<_>, Vec<_>) = there.partition(|(id, _)| early && *id == "generator");
    html! {
        nav aria-label="Sections" { @for (id, name) in first.into_iter().chain(rest) { a href={ "#" (id) } { (name) } } }
    }
}
