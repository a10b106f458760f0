//! What the report says, computed once from the outcome: levels, joins, groups, failures. Nothing here draws.

pub mod failures;
pub mod five;
pub mod groups;
pub mod joins;
pub mod judged;
pub mod level;
pub mod over_time;
pub mod pool;
pub mod speakers;
pub mod times;
pub mod worst;

use crate::metrics::catalog::Metric;
use crate::outcome::{Outcome, World};
use groups::By;
use joins::Joins;
use judged::Judged;
use times::Times;
use worst::Worst;

/// Everything that more than one part of the report needs.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The outcome.
    pub outcome: &'a Outcome,
    /// First joins of everyone.
    pub joins: Joins<'a>,
    /// The time axis.
    pub times: Times,
    /// Thresholds.
    pub judged: Vec<Judged<'a>>,
    /// Participants, the worst first.
    pub worst: Worst<'a>,
    /// What a failed join waited at most, seconds: the shortest `timeouts.join` of the populations.
    pub deadline: Option<f64>,
    networks: Vec<String>,
    populations: Vec<String>,
}

impl<'a> Facts<'a> {
    /// Computes them.
    #[must_use]
    pub fn of(outcome: &'a Outcome) -> Self {
        let names = |by: By| {
            let mut names: Vec<String> = Vec::new();
            for participant in &outcome.participants_detail {
                if !names.iter().any(|n| n == by.of(participant)) {
                    names.push(by.of(participant).to_owned());
                }
            }
            names
        };
        Self {
            outcome,
            joins: Joins::of(outcome, |_| true),
            times: Times::of(outcome),
            judged: outcome.thresholds.iter().map(|t| Judged::of(outcome, t)).collect(),
            worst: Worst::of(outcome),
            deadline: deadline(&outcome.scenario_text),
            networks: names(By::Network),
            populations: names(By::Population),
        }
    }

    /// The networks or populations that occurred, in the order of their first participant.
    #[must_use]
    pub fn names(&self, by: By) -> &[String] {
        match by {
            By::Network => &self.networks,
            By::Population => &self.populations,
        }
    }

    /// Whether it was a simulation: no machine, and nothing of the generator's own.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.outcome.world == World::Simulated
    }

    /// The command for the same run again, given the scenario as it ran.
    #[must_use]
    pub fn again(&self) -> String {
        let outcome = self.outcome;
        let world = if self.is_simulated() { " --world simulated" } else { "" };
        let seeds = match (outcome.seeds.first(), outcome.seeds.last()) {
            (Some(first), Some(last)) => format!("--seeds {}..{}", first.seed, last.seed),
            _ => format!("--seed {}", outcome.seed),
        };
        format!("throng run {}.toml{world} {seeds}", outcome.scenario)
    }

    /// Whether `metric` says anything in this run: how late we were says nothing where nothing can be late.
    #[must_use]
    pub fn tells(&self, metric: &str) -> bool {
        let own = [Metric::NetEmuLateness, Metric::JoinDispatch].iter().any(|one| one.name() == metric);
        !self.is_simulated() || !(metric.starts_with("harness.") || own)
    }

    /// Whether the SFU's process was looked at: `metric` is its CPU or its memory.
    #[must_use]
    pub fn has_process(&self, metric: Metric) -> bool {
        !self.is_simulated() || pool::overall(self.outcome, metric.name()).is_some()
    }

    /// Rooms that occurred.
    #[must_use]
    pub fn rooms(&self) -> usize {
        let rooms: std::collections::BTreeSet<&str> =
            self.outcome.participants_detail.iter().map(|p| p.room.as_str()).collect();
        rooms.len()
    }
}

/// The shortest `timeouts.join` of the scenario's populations, seconds; `None` where the text has none.
fn deadline(scenario: &str) -> Option<f64> {
    let table: toml::Table = scenario.parse().ok()?;
    let populations = table.get("population")?.as_array()?;
    let of = |p: &toml::Value| crate::units::parse_duration(p.get("timeouts")?.get("join")?.as_str()?);
    populations.iter().filter_map(of).min().map(|d| d.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_is_the_shortest_of_the_populations() {
        let text = "[[population]]\ntimeouts = { join = \"15s\" }\n[[population]]\ntimeouts = { join = \"10s\" }\n";
        assert_eq!(deadline(text), Some(10.0));
        assert_eq!(deadline("not a table"), None);
    }
}
