//! From an outcome to what people and machines read of it: a page, a summary, JUnit, CSV, SVG files.
//!
//! A pure function of `outcome.json`: the same outcome gives the same bytes on every machine. No font is measured, no
//! clock is read, no file is touched, and nothing that a page shows is fetched. It computes no verdict; it shows one.

pub mod draw;
pub mod facts;
pub mod figures;
mod junit;
pub mod number;
mod page;
pub mod plots;
#[cfg(test)]
pub(crate) mod sample;
mod summary;
mod tables;
#[cfg(test)]
mod tests;

use crate::outcome::Outcome;
use facts::groups::{By, panels};
use facts::{Facts, failures};
use figures::Figures;

/// A file of the report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifact {
    /// Its path below the report's directory, with `/`.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Renders the report of a run.
#[must_use]
pub fn render(outcome: &Outcome) -> Vec<Artifact> {
    let facts = Facts::of(outcome);
    let failures = failures::of(&facts);
    let compared = [By::Network, By::Population].map(|by| (by, panels(&facts, by)));
    let figures = Figures::of(&facts, &failures, &compared);
    let file = |name: &str, bytes: Vec<u8>| Artifact { name: name.to_owned(), bytes };
    let mut list = vec![
        file("report.html", page::page(&facts, &failures, &compared, &figures).into_bytes()),
        file("summary.md", summary::summary(&facts, &failures).into_bytes()),
        file("junit.xml", junit::junit(&facts).into_bytes()),
        file("metrics.csv", tables::metrics(&facts)),
        file("series.csv", tables::series(&facts)),
    ];
    let described = format!("{}, seed {}, {}", outcome.scenario, outcome.seed, outcome.verdict.word());
    list.extend(figures.all().map(|figure| Artifact {
        name: format!("plots/{}.svg", figure.name),
        bytes: figure.wide.stand_alone(&figure.title, &described).into_bytes(),
    }));
    list
}
