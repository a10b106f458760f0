//! Reading an outcome, and what holds in every one of them.

use super::harness::Ran;
use std::collections::BTreeMap;
use throng::outcome::{LinkOutcome, MetricOutcome, ParticipantDetail};

/// Labels that an entry must have.
pub type Where<'a> = &'a [(&'a str, &'a str)];

impl Ran {
    /// The entries of a metric that name their phase and match: together they hold each sample once.
    fn parts<'a>(&'a self, metric: &'a str, filter: Where<'a>) -> impl Iterator<Item = &'a MetricOutcome> {
        let matches = move |entry: &&MetricOutcome| {
            entry.name == metric
                && entry.labels.contains_key("phase")
                && filter.iter().all(|(label, value)| entry.labels.get(*label).is_some_and(|held| held == value))
        };
        self.outcome.metrics.iter().filter(matches)
    }

    /// A counter's sum, or a trend's number of samples, over the whole run unless a phase is named.
    pub fn count(&self, metric: &str, filter: Where<'_>) -> u64 {
        self.parts(metric, filter).map(|entry| entry.count).sum()
    }

    /// A ratio's numerator, likewise.
    pub fn numerator(&self, metric: &str, filter: Where<'_>) -> u64 {
        self.parts(metric, filter).filter_map(|entry| entry.numerator).sum()
    }

    /// A trend's mean, likewise.
    pub fn mean(&self, metric: &str, filter: Where<'_>) -> f64 {
        let (mut sum, mut count) = (0.0, 0);
        for entry in self.parts(metric, filter) {
            sum += entry.mean.unwrap_or(0.0) * entry.count as f64;
            count += entry.count;
        }
        assert!(count > 0, "{metric} {filter:?} has no sample");
        sum / count as f64
    }

    /// A trend's largest value, likewise.
    pub fn max(&self, metric: &str, filter: Where<'_>) -> f64 {
        let max = self.parts(metric, filter).filter_map(|entry| entry.max).fold(f64::NEG_INFINITY, f64::max);
        assert!(max.is_finite(), "{metric} {filter:?} has no sample");
        max
    }

    /// The entry that pools a metric over the phases that it is judged over, of one label or of everything.
    pub fn pooled(&self, metric: &str, filter: Where<'_>) -> &MetricOutcome {
        let labels: BTreeMap<String, String> =
            filter.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        let found = self.outcome.metrics.iter().find(|entry| entry.name == metric && entry.labels == labels);
        found.unwrap_or_else(|| panic!("no entry of {metric} {filter:?}"))
    }

    /// Participants of a population.
    pub fn people<'a>(&'a self, population: &'a str) -> impl Iterator<Item = &'a ParticipantDetail> {
        self.outcome.participants_detail.iter().filter(move |detail| detail.population == population)
    }

    /// Packets of a class that the links of a population lost in one direction; its queues dropped none.
    pub fn lost(&self, population: &str, direction: &str, class: &str) -> u64 {
        let lines = self.outcome.links.iter().filter(|line| (&*line.direction, &*line.class) == (direction, class));
        let ours = lines.filter(|line| self.people(population).any(|detail| detail.index == line.participant));
        ours.inspect(|line| assert_eq!(line.overflowed, 0, "{line:?}")).map(|line| line.lost).sum()
    }

    /// What holds in every outcome, however the run went.
    pub fn assert_consistent(&self) {
        let outcome = &self.outcome;
        assert_eq!(outcome.exit_code, self.code);
        for line in &outcome.links {
            assert_balanced(line);
        }
        let people = &outcome.participants;
        assert_eq!(people.joined + people.failed, people.planned, "{people:?}");
        assert_eq!(people.causes.values().sum::<u64>(), people.failed, "{people:?}");
        for detail in &outcome.participants_detail {
            if let Some(total) = detail.join_total {
                let phases: f64 = detail.join.iter().map(|(_, seconds)| seconds).sum();
                assert!((phases - total).abs() <= 1e-6, "{} joined in {total}, its phases in {phases}", detail.name);
            }
            for track in &detail.tracks {
                self.assert_of_the_same_room(detail, &track.track);
            }
        }
    }

    fn assert_of_the_same_room(&self, detail: &ParticipantDetail, track: &str) {
        let publisher = track.split('/').next().unwrap_or_default();
        let named = self.outcome.participants_detail.iter().find(|other| other.name == publisher);
        let named = named.unwrap_or_else(|| panic!("{} has a track of nobody: {track}", detail.name));
        assert_eq!(named.room, detail.room, "{} got {track}", detail.name);
    }
}

fn assert_balanced(line: &LinkOutcome) {
    let entered = line.offered + line.duplicated;
    let accounted = line.delivered + line.lost + line.overflowed + line.waiting + line.flying;
    assert_eq!(entered, accounted, "{line:?}");
}
