//! The aggregates of scenario-file thresholds, over histograms and over participants.
//!
//! Counters and pooled ratios, trends and gauges come from what was recorded. A ratio's `p<q>`, and every filter on a
//! label that histograms are not kept by (room, codec, participant kind), is an aggregate over the scalars of participants,
//! or of tracks when the filter names one of theirs: one value each, unweighted.

use super::document::{ParticipantDetail, RunTimes};
use super::filter::Filter;
use crate::metrics::Recorded;
use crate::metrics::catalog::{Kind, Metric};
use crate::metrics::histogram::{Histogram, per_unit, rank};
use crate::metrics::labels::RunPhase;
use crate::metrics::measure::{Gauge, Measure};
use crate::plan::threshold::Aggregate;

/// What an aggregate came to.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Aggregated {
    /// In the metric's unit; `None` when there is no sample, or when it lies among the censored.
    pub value: Option<f64>,
    /// Samples, censored ones included; a counter's sum; a ratio's denominator.
    pub samples: u64,
    /// Censored samples among them.
    pub censored: u64,
    /// Whether anything was there to be judged; a counter at 0 was, when anything else was recorded there.
    pub seen: bool,
}

/// What the judge looks at.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What was recorded, whole or until now.
    pub recorded: &'a Recorded,
    /// The participants; empty while the run goes on.
    pub participants: &'a [ParticipantDetail],
    /// How long the phases were.
    pub times: &'a RunTimes,
}

/// `aggregate` of `metric` over what `filter` holds for.
#[must_use]
pub fn aggregate(evidence: Evidence, metric: Metric, filter: &Filter, aggregate: Aggregate) -> Aggregated {
    let over_participants = metric.spec().kind == Kind::Ratio && matches!(aggregate, Aggregate::Quantile(_));
    if filter.needs_scalars() || over_participants {
        return of_scalars(evidence, metric, filter, aggregate);
    }
    let seconds = filter.seconds(evidence.times);
    match evidence.recorded.pooled(metric, |key| filter.holds(key)) {
        Some(Measure::Trend(histogram)) => of_trend(&histogram, aggregate),
        Some(Measure::Counter(sum)) => of_counter(sum, aggregate, seconds),
        Some(Measure::Ratio(ratio)) => {
            Aggregated { value: ratio.value(), samples: ratio.denominator, censored: 0, seen: ratio.denominator > 0 }
        }
        Some(Measure::Gauge(gauge)) => of_gauge(metric, &gauge, aggregate),
        // Nothing counted is 0, but only where somebody was there to count.
        None if metric.spec().kind == Kind::Counter && evidence.recorded.any(|key| filter.holds(key)) => {
            of_counter(0, aggregate, seconds)
        }
        None => Aggregated::default(),
    }
}

fn of_trend(histogram: &Histogram, aggregate: Aggregate) -> Aggregated {
    let censored = histogram.censored();
    let uncensored = |value: Option<f64>| value.filter(|_| censored == 0);
    let value = match aggregate {
        Aggregate::Quantile(q) => histogram.quantile(q),
        Aggregate::Median => histogram.quantile(0.5),
        Aggregate::Min => histogram.min(),
        Aggregate::Max => uncensored(histogram.max()),
        Aggregate::Mean => uncensored(histogram.mean()),
        Aggregate::Count => Some(histogram.count() as f64),
        Aggregate::Rate | Aggregate::Value | Aggregate::Last => None,
    };
    Aggregated { value, samples: histogram.count(), censored, seen: histogram.count() > 0 }
}

fn of_counter(sum: u64, aggregate: Aggregate, seconds: f64) -> Aggregated {
    let value = match aggregate {
        Aggregate::Count => Some(sum as f64),
        Aggregate::Rate => (seconds > 0.0).then(|| sum as f64 / seconds),
        _ => None,
    };
    Aggregated { value, samples: sum, censored: 0, seen: value.is_some() }
}

fn of_gauge(metric: Metric, gauge: &Gauge, aggregate: Aggregate) -> Aggregated {
    let whole = match aggregate {
        Aggregate::Min => Some(gauge.min as f64),
        Aggregate::Max => Some(gauge.max as f64),
        Aggregate::Mean => gauge.mean(),
        Aggregate::Last => Some(gauge.last.1 as f64),
        _ => None,
    };
    let seen = gauge.count > 0;
    let value = whole.filter(|_| seen).map(|whole| whole / per_unit(metric.spec().unit));
    Aggregated { value, samples: gauge.count, censored: 0, seen }
}

/// Over the scalars: a counter's are added, everything else is one sample each.
fn of_scalars(evidence: Evidence, metric: Metric, filter: &Filter, aggregate: Aggregate) -> Aggregated {
    let observed = observations(evidence.participants, metric, filter);
    let mut values: Vec<f64> = observed.iter().copied().flatten().collect();
    values.sort_by(f64::total_cmp);
    let samples = observed.len() as u64;
    let censored = samples - values.len() as u64;
    let sum: f64 = values.iter().sum();
    if metric.spec().kind == Kind::Counter {
        let seconds = filter.seconds(evidence.times);
        let counted = of_counter(sum as u64, aggregate, seconds);
        return Aggregated { seen: counted.seen && samples > 0, ..counted };
    }
    let nearest = |q| rank(q, samples).and_then(|rank| values.get(rank as usize - 1)).copied();
    let value = match aggregate {
        Aggregate::Quantile(q) => nearest(q),
        Aggregate::Median => nearest(0.5),
        Aggregate::Min => values.first().copied(),
        Aggregate::Max => values.last().copied().filter(|_| censored == 0),
        Aggregate::Mean | Aggregate::Value => (samples > 0 && censored == 0).then(|| sum / samples as f64),
        Aggregate::Count => Some(samples as f64),
        Aggregate::Rate | Aggregate::Last => None,
    };
    Aggregated { value: value.filter(|_| samples > 0), samples, censored, seen: samples > 0 }
}

/// One value a participant or track; `None` for a join that did not succeed.
fn observations(participants: &[ParticipantDetail], metric: Metric, filter: &Filter) -> Vec<Option<f64>> {
    let joins = metric.name().starts_with("join.");
    // Scalars cover the measured window alone, and those of a join have no phase.
    if filter.names_fault() || !joins && !filter.phases().contains(&RunPhase::Steady) {
        return Vec::new();
    }
    let wanted = participants.iter().filter(|detail| filter.holds_participant(detail));
    if filter.selects_tracks() {
        let tracks = wanted.flat_map(|detail| &detail.tracks).filter(|track| filter.holds_track(track));
        return tracks.filter_map(|track| track.scalars.get(metric.name())).map(|value| Some(*value)).collect();
    }
    wanted.filter_map(|detail| of_participant(detail, metric)).collect()
}

/// The outer `None` when it has no such value, the inner one when its join is censored.
fn of_participant(detail: &ParticipantDetail, metric: Metric) -> Option<Option<f64>> {
    match metric {
        Metric::JoinTotal => match detail.join_total {
            None if detail.state == "failed" => Some(None),
            total => total.map(Some),
        },
        Metric::JoinSuccess => Some(Some(if detail.state == "failed" { 0.0 } else { 1.0 })),
        _ => match metric.name().strip_prefix("join.") {
            Some(phase) => {
                let named = |name: &str| name == phase || name == metric.name();
                detail.join.iter().find(|(name, _)| named(name)).map(|&(_, seconds)| Some(seconds))
            }
            None => detail.scalars.get(metric.name()).map(|value| Some(*value)),
        },
    }
}
