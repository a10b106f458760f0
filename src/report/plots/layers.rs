//! Layers: which share of the viewers got which, and what the keyframes for it cost.

use super::strips::{Strip, trace};
use super::views::PLAIN;
use crate::metrics::catalog::Metric;
use crate::metrics::sparse;
use crate::outcome::{Labels, Outcome};
use crate::report::draw::Role;
use crate::report::facts::Facts;
use crate::report::facts::over_time::{Line, rate, series};

/// How far below the highest layer lines are drawn: of three layers each has its own.
pub const LAYERS: usize = 3;
const ROLES: [Role; LAYERS] = [Role::S1, Role::S2, Role::S3];
const NAMES: [&str; LAYERS] = ["highest", "one below", "two below"];

/// Whether anybody was sent media in layers.
#[must_use]
pub fn is_known(outcome: &Outcome) -> bool {
    series(outcome, Metric::VideoLayerDistance.name(), &Labels::new()).is_some()
}

/// The share of the viewers in each layer, from the highest down, in percent.
#[must_use]
pub fn shares(outcome: &Outcome) -> [Line; LAYERS] {
    let found = series(outcome, Metric::VideoLayerDistance.name(), &Labels::new());
    std::array::from_fn(|distance| {
        let share = |histogram: &Vec<(u32, u32)>| {
            let all: u32 = histogram.iter().map(|(_, n)| n).sum();
            let at = |bucket: u32| (sparse::value_of(bucket).round() as usize).min(LAYERS - 1);
            let here: u32 = histogram.iter().filter(|(bucket, _)| at(*bucket) == distance).map(|(_, n)| n).sum();
            (all > 0).then(|| f64::from(here) * 100.0 / f64::from(all))
        };
        found.map_or_else(Line::new, |series| series.histograms.iter().map(share).collect())
    })
}

/// The strips of media in layers.
#[must_use]
pub fn layers(facts: &Facts) -> Vec<Strip> {
    let shares = shares(facts.outcome).into_iter().zip(NAMES).zip(ROLES);
    let received = shares.map(|((line, name), role)| trace(name, line, role)).collect();
    let of = |metric| rate(facts.outcome, metric, 1.0);
    let asked = vec![
        trace("asked for", of(Metric::RtpPliSent), Role::S2),
        trace("received", of(Metric::VideoKeyframes), Role::S1),
    ];
    let switches = vec![trace("", of(Metric::VideoLayerSwitch), Role::S1)];
    vec![
        Strip { title: "Layer received", unit: "% of viewers", traces: received, top: 100.0, ..PLAIN },
        Strip { title: "Switches", unit: "a second", traces: switches, empty: "no video was watched", ..PLAIN },
        Strip {
            title: "Keyframes",
            unit: "a second, all viewers",
            traces: asked,
            empty: "no video was watched",
            ..PLAIN
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::MetricSeries;
    use crate::report::sample::{Sample, outcome};

    #[test]
    fn shares_are_those_of_the_distances_and_gaps_stay_gaps() {
        let mut outcome = outcome(&Sample::of(3));
        outcome.series.metrics.retain(|series| series.name != Metric::VideoLayerDistance.name());
        assert!(!is_known(&outcome));
        let bucket = |distance: u64| sparse::bucket_of(distance);
        outcome.series.metrics.push(MetricSeries {
            name: Metric::VideoLayerDistance.name().to_owned(),
            labels: Labels::new(),
            values: Vec::new(),
            histograms: vec![vec![(bucket(0), 3), (bucket(2), 1)], vec![], vec![(bucket(1), 5)]],
        });
        assert!(is_known(&outcome));
        let [highest, below, lowest] = shares(&outcome);
        assert_eq!(highest, [Some(75.0), None, Some(0.0)]);
        assert_eq!(below, [Some(0.0), None, Some(100.0)]);
        assert_eq!(lowest, [Some(25.0), None, Some(0.0)]);
    }
}
