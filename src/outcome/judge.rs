//! Thresholds and the generator's limits, judged: after the run on everything, while it goes on on what is there.
//!
//! No sample is never a pass, too few are inconclusive, and a value that lies among the censored is a miss. `min_samples`
//! is about trends, ratios and gauges; a counter's sum is never too small to be one, unless more than 1 was asked for.

use super::aggregate::{Aggregated, Evidence, aggregate};
use super::document::{HealthCheck, ThresholdOutcome, Verdict};
use super::filter::Filter;
use super::names::Names;
use super::window::{health_phases, judged_phases};
use crate::metrics::catalog::Kind;
use crate::plan::threshold::{Operator, Severity, ThresholdPlan};

/// Judges each threshold, in order.
#[must_use]
pub fn judge(thresholds: &[ThresholdPlan], evidence: Evidence, names: &Names) -> Vec<ThresholdOutcome> {
    thresholds.iter().map(|threshold| judge_one(threshold, evidence, names)).collect()
}

fn judge_one(threshold: &ThresholdPlan, evidence: Evidence, names: &Names) -> ThresholdOutcome {
    let filter = Filter::resolve(&threshold.filter, judged_phases(threshold.metric), names);
    let got = match threshold.over {
        None => aggregate(evidence, threshold.metric, &filter, threshold.aggregate),
        // Windows of each participant are not kept: nothing to judge it on.
        Some(_) => Aggregated::default(),
    };
    ThresholdOutcome {
        metric: threshold.metric.name().to_owned(),
        filter: threshold.filter.clone(),
        expect: threshold.expect.clone(),
        value: got.value,
        limit: threshold.limit,
        unit: threshold.metric.spec().unit.name().to_owned(),
        samples: got.samples,
        min_samples: threshold.min_samples,
        censored: got.censored,
        severity: match threshold.severity {
            Severity::Fail => "fail",
            Severity::Warn => "warn",
        }
        .to_owned(),
        verdict: verdict_of(threshold, got),
    }
}

fn verdict_of(threshold: &ThresholdPlan, got: Aggregated) -> Verdict {
    let counter = threshold.metric.spec().kind == Kind::Counter;
    let enough = got.samples >= threshold.min_samples || (counter && threshold.min_samples <= 1);
    match got.value {
        _ if !got.seen || !enough => Verdict::Inconclusive,
        Some(value) if threshold.operator.holds(value, threshold.limit) => Verdict::Pass,
        Some(_) | None => Verdict::Fail,
    }
}

/// Judges the generator's limits, in order: from the first arrival to the start of the cool-down, however few samples
/// there are.
#[must_use]
pub fn judge_health(limits: &[ThresholdPlan], evidence: Evidence, names: &Names) -> Vec<HealthCheck> {
    let check = |limit: &ThresholdPlan| {
        let filter = Filter::resolve(&limit.filter, health_phases(), names);
        let value = aggregate(evidence, limit.metric, &filter, limit.aggregate).value;
        HealthCheck {
            condition: format!("{} {}", limit.metric.name(), limit.expect),
            value,
            limit: limit.limit,
            unit: limit.metric.spec().unit.name().to_owned(),
            exceeded: value.is_some_and(|value| limit.operator.holds(value, limit.limit)),
        }
    };
    limits.iter().map(check).collect()
}

/// How much of a threshold's limit `value` uses: 1 at the limit, more beyond it.
///
/// For a lower limit on a share of at least one half it is the share of the allowed failures.
#[must_use]
pub fn used(threshold: &ThresholdPlan, value: f64) -> f64 {
    let limit = threshold.limit;
    let share = threshold.metric.spec().kind == Kind::Ratio && limit >= 0.5;
    let (part, whole) = match threshold.operator {
        Operator::Less | Operator::LessOrEqual => (value, limit),
        Operator::Greater | Operator::GreaterOrEqual if share => (1.0 - value, 1.0 - limit),
        Operator::Greater | Operator::GreaterOrEqual => (limit, value),
        Operator::Equal => ((value - limit).abs(), 0.0),
    };
    match (part <= 0.0, whole <= 0.0) {
        (true, _) => 0.0,
        (false, true) => f64::INFINITY,
        (false, false) => part / whole,
    }
}

#[cfg(test)]
mod tests;
