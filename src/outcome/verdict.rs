//! The run's verdict, its exit code, and the one sentence with the number that decided it.
//!
//! Interrupted beats a dead target, which beats an invalid run (a lost worker of ours first), then fail, inconclusive,
//! pass. A threshold that only warns never decides.

use super::document::{Health, HealthCheck, RunTimes, ThresholdOutcome, Verdict};
use super::judge::used;
use super::words::{digits, exact, readable};
use crate::plan::ThresholdPlan;

/// The exit code of a target that could not be reached, or ended unasked.
pub const TARGET_GONE: i32 = 3;

/// How the run ended, apart from running its time out.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ending {
    /// The user ended it.
    pub interrupted: bool,
    /// A sentence on the target that could not be reached, or ended unasked.
    pub target_gone: Option<String>,
    /// A sentence on a part of the generator that ended unasked: what it measured is missing.
    pub generator_gone: Option<String>,
    /// The index of the threshold that ended it early.
    pub aborted_by: Option<usize>,
}

/// How the run was judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What the process exits with.
    pub exit_code: i32,
    /// One sentence with the number that decided.
    pub reason: String,
}

/// Judges the run; `thresholds` are the outcomes of `plans`, in their order.
#[must_use]
pub fn verdict(
    plans: &[ThresholdPlan],
    thresholds: &[ThresholdOutcome],
    health: &Health,
    ending: &Ending,
    times: &RunTimes,
) -> Judgement {
    let judgement = |verdict: Verdict, reason| Judgement { verdict, exit_code: verdict.exit_code(), reason };
    let deciding = || thresholds.iter().filter(|outcome| outcome.severity != "warn");
    let of = |verdict| deciding().filter(|outcome| outcome.verdict == verdict).collect::<Vec<_>>();
    let (missed, unjudged) = (of(Verdict::Fail), of(Verdict::Inconclusive));
    if ending.interrupted {
        return judgement(Verdict::Interrupted, interrupted(times));
    }
    if let Some(sentence) = &ending.target_gone {
        return Judgement { verdict: Verdict::Fail, exit_code: TARGET_GONE, reason: sentence.clone() };
    }
    if let Some(sentence) = &ending.generator_gone {
        let reason = format!("{sentence} What it measured is missing, so the figures say nothing about the target.");
        return judgement(Verdict::Invalid, reason);
    }
    if let Some(check) = health.checks.iter().find(|check| check.exceeded) {
        return judgement(Verdict::Invalid, invalid(check));
    }
    if let Some(outcome) = ending.aborted_by.and_then(|index| thresholds.get(index)) {
        let ended = digits(times.ended);
        return judgement(Verdict::Fail, format!("Ended early after {ended} s: {}.", miss(outcome)));
    }
    if let Some(first) = missed.first() {
        let rest = format!("{} of {} thresholds missed", missed.len(), thresholds.len());
        return judgement(Verdict::Fail, format!("{}; {rest}.", miss(first)));
    }
    if let Some(first) = unjudged.first() {
        return judgement(Verdict::Inconclusive, format!("{}.", too_few(first)));
    }
    judgement(Verdict::Pass, pass(plans, thresholds))
}

/// A threshold's name for people: metric, aggregate, and what it is filtered by: names, and what says nothing by itself after
/// its label.
#[must_use]
pub fn title(outcome: &ThresholdOutcome) -> String {
    let aggregate = outcome.expect.split_whitespace().next().unwrap_or_default();
    let bare = |value: &str| matches!(value, "true" | "false") || value.parse::<u32>().is_ok();
    let filter = outcome.filter.iter().map(|(label, value)| match bare(value) {
        true => format!("{label} {value}"),
        false => value.clone(),
    });
    let filter = filter.collect::<Vec<_>>().join(", ");
    match filter.as_str() {
        "" => format!("{} {aggregate}", outcome.metric),
        filter => format!("{} {aggregate} ({filter})", outcome.metric),
    }
}

/// A threshold's comparison for people: `< 2 s`, `≥ 99.9 %`.
#[must_use]
pub fn limit(outcome: &ThresholdOutcome) -> String {
    let operator: String = outcome.expect.chars().filter(|c| "<>=".contains(*c)).collect();
    let operator = match operator.as_str() {
        "<=" => "≤",
        ">=" => "≥",
        "==" => "=",
        other => other,
    };
    format!("{operator} {}", exact(outcome.limit, &outcome.unit))
}

fn interrupted(times: &RunTimes) -> String {
    let whole = times.warmup + times.duration + times.cooldown;
    format!("Ended by the user after {} of {} s.", digits(times.ended), digits(whole))
}

fn invalid(check: &HealthCheck) -> String {
    let value = check.value.map_or_else(|| "unknown".to_owned(), |value| readable(value, &check.unit));
    let metric = check.condition.split(' ').next().unwrap_or_default();
    format!(
        "The generator was past its own limit ({}): {metric} was {value}, so the figures say nothing about the target.",
        check.condition
    )
}

fn miss(outcome: &ThresholdOutcome) -> String {
    let (title, limit) = (title(outcome), limit(outcome));
    match outcome.value {
        Some(value) => format!("{title} was {}, limit {limit}", readable(value, &outcome.unit)),
        None => format!(
            "{title} lies among the {} of {} samples that never ended, limit {limit}",
            outcome.censored, outcome.samples
        ),
    }
}

fn too_few(outcome: &ThresholdOutcome) -> String {
    let title = title(outcome);
    match outcome.samples {
        0 => format!("{title} could not be judged: there was no sample"),
        samples => format!("{title} could not be judged: {samples} of the {} samples it needs", outcome.min_samples),
    }
}

fn pass(plans: &[ThresholdPlan], thresholds: &[ThresholdOutcome]) -> String {
    let near = plans
        .iter()
        .zip(thresholds)
        .filter(|(_, outcome)| outcome.verdict == Verdict::Pass)
        .filter_map(|(plan, outcome)| Some((used(plan, outcome.value?), outcome)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let held = thresholds.iter().filter(|outcome| outcome.verdict == Verdict::Pass).count();
    match near {
        None => "The run was valid, and no threshold was set.".to_owned(),
        Some((_, outcome)) => format!(
            "{held} of {} thresholds held; nearest to its limit was {} with {}, limit {}.",
            thresholds.len(),
            title(outcome),
            readable(outcome.value.expect("filtered above"), &outcome.unit),
            limit(outcome)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Labels;
    use super::*;

    #[test]
    fn a_filter_is_named_so_that_it_says_something() {
        let filter = [("population", "viewers"), ("rejoin", "false"), ("room", "3")];
        let outcome = ThresholdOutcome {
            metric: "join.total".to_owned(),
            filter: filter.map(|(label, value)| (label.to_owned(), value.to_owned())).into_iter().collect(),
            expect: "p95 < 2s".to_owned(),
            value: Some(1.0),
            limit: 2.0,
            unit: "s".to_owned(),
            samples: 100,
            min_samples: 72,
            censored: 0,
            severity: "fail".to_owned(),
            verdict: Verdict::Pass,
        };
        assert_eq!(title(&outcome), "join.total p95 (viewers, rejoin false, room 3)");
        assert_eq!(title(&ThresholdOutcome { filter: Labels::default(), ..outcome }), "join.total p95");
    }
}
