//! Thresholds as they are shown: the value beside the limit, and how much of the limit was used.

use super::level::{Level, interval};
use super::{groups, pool};
use crate::metrics::catalog::{Kind, Metric};
use crate::outcome::{Outcome, ParticipantDetail, ThresholdOutcome, Verdict};
use crate::report::number::{Quantity, THIN, count, samples, things};

/// One comparison, ready to be shown.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// As it was judged.
    pub outcome: &'a ThresholdOutcome,
    /// `p95`, `value`, `count`, …
    pub aggregate: String,
    /// Which quantile that is.
    pub quantile: Option<f64>,
    /// `<`, `≤`, …
    pub operator: &'static str,
    /// How values are written.
    pub quantity: Quantity,
    /// Share of the limit that was used; infinite where no multiple of the limit says it.
    pub used: Option<f64>,
    /// The same for the ends of the value's 95 % interval.
    pub whisker: Option<(f64, f64)>,
}

const OPERATORS: [(&str, &str); 5] = [("<=", "≤"), (">=", "≥"), ("==", "="), ("<", "<"), (">", ">")];

impl<'a> Judged<'a> {
    /// Prepares one.
    #[must_use]
    pub fn of(outcome: &'a Outcome, threshold: &'a ThresholdOutcome) -> Self {
        let (aggregate, operator) = split(&threshold.expect);
        // Read as written: 99.9 / 100 is not 0.999.
        let quantile = aggregate.strip_prefix('p').and_then(|p| format!("{p}e-2").parse::<f64>().ok());
        let quantile = if aggregate == "med" { Some(0.5) } else { quantile };
        let quantity = Quantity::of(&threshold.metric, &threshold.unit).aggregated(&aggregate);
        let mut judged =
            Self { outcome: threshold, aggregate, quantile, operator, quantity, used: None, whisker: None };
        judged.used = judged.share_now();
        judged.whisker = judged.ends(outcome).map(|(low, high)| {
            let (a, b) = (judged.share(low), judged.share(high));
            (a.min(b), a.max(b))
        });
        judged.whisker = judged.whisker.filter(|(low, high)| low.is_finite() && high.is_finite());
        judged
    }

    /// Whether it was missed.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.outcome.verdict == Verdict::Fail
    }

    /// Whether a miss decides nothing.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.outcome.severity == "warn"
    }

    /// Whether it had too few samples.
    #[must_use]
    pub fn is_thin(&self) -> bool {
        // A counter that never counted has its value all the same.
        self.outcome.samples < self.outcome.min_samples && self.outcome.verdict == Verdict::Inconclusive
    }

    /// The value with its unit.
    #[must_use]
    pub fn value(&self, bound: Option<f64>) -> String {
        match self.outcome.value {
            _ if self.outcome.samples == 0 && self.outcome.value.is_none() => "no sample".to_owned(),
            _ if self.is_thin() => "n too small".to_owned(),
            Some(value) => self.quantity.write(value),
            None if self.outcome.censored > 0 => Level::Beyond.write(self.quantity, bound),
            None => "no value".to_owned(),
        }
    }

    /// The limit with operator and unit.
    #[must_use]
    pub fn limit(&self) -> String {
        format!("{}{THIN}{}", self.operator, trimmed(&self.quantity.write(self.outcome.limit)))
    }

    /// The samples, beside those it needs where they are too few.
    #[must_use]
    pub fn samples(&self) -> String {
        match self.is_thin() {
            true => format!("{} of {}", count(self.outcome.samples), count(self.outcome.min_samples)),
            false if self.quantile.is_none() => samples(&self.outcome.metric, self.outcome.samples),
            false => count(self.outcome.samples),
        }
    }

    /// What was judged besides the metric: the aggregate and the filter.
    #[must_use]
    pub fn which(&self) -> String {
        let mut parts = Vec::new();
        if self.aggregate != "value" {
            let over = self.is_over_participants();
            parts.push(if over { format!("{} over participants", self.aggregate) } else { self.aggregate.clone() });
        }
        parts.extend(self.outcome.filter.iter().map(|(label, value)| format!("{label} {value}")));
        parts.join(", ")
    }

    fn is_over_participants(&self) -> bool {
        let kind = Metric::from_name(&self.outcome.metric).map(|m| m.spec().kind);
        self.quantile.is_some() && kind == Some(Kind::Ratio)
    }

    fn share_now(&self) -> Option<f64> {
        match self.outcome.value {
            Some(value) => Some(self.share(value)),
            None if self.outcome.censored > 0 && self.is_missed() => Some(f64::INFINITY),
            None => None,
        }
    }

    /// How much of the limit `value` uses; for ratios that must stay above theirs, the share of the allowed failures.
    fn share(&self, value: f64) -> f64 {
        let limit = self.outcome.limit;
        let part = |used: f64, allowed: f64| match (used <= 0.0, allowed > 0.0) {
            (true, _) => 0.0,
            (_, true) => used / allowed,
            _ => f64::INFINITY,
        };
        match self.operator {
            "≥" | ">" if self.quantity == Quantity::Share && limit <= 1.0 => part(1.0 - value, 1.0 - limit),
            "≥" | ">" => part(limit, value),
            "=" => part((value - limit).abs(), 0.0),
            _ => part(value, limit),
        }
    }

    /// The 95 % interval of the value where its samples are known to be independent, or by participants.
    fn ends(&self, outcome: &Outcome) -> Option<(f64, f64)> {
        let name = self.outcome.metric.as_str();
        let value = self.outcome.value.filter(|_| !self.is_thin())?;
        let inside = |p: &ParticipantDetail| self.matches(p);
        if name == Metric::JoinSuccess.name() && self.aggregate == "value" {
            return Some(wilson(value, self.outcome.samples as f64));
        }
        if let Some(q) = self.quantile.filter(|_| name.starts_with("join.")) {
            let pool = pool::by_filter(outcome, name, &self.outcome.filter);
            let (low, high) = interval(q, pool.samples());
            return pool.at_rank(low).value().zip(pool.at_rank(high).value());
        }
        let is_ratio = Metric::from_name(name).is_some_and(|m| m.spec().kind == Kind::Ratio);
        let known = self.outcome.filter.keys().all(|k| matches!(k.as_str(), "network" | "population" | "room"));
        if !is_ratio || self.aggregate != "value" || !known {
            return None;
        }
        let half = groups::over_participants(outcome, name, inside)?;
        Some(((value - half).max(0.0), (value + half).min(1.0)))
    }

    fn matches(&self, participant: &ParticipantDetail) -> bool {
        self.outcome.filter.iter().all(|(label, value)| match label.as_str() {
            "network" => participant.network == *value,
            "population" => participant.population == *value,
            "room" => participant.room == *value,
            _ => false,
        })
    }
}

/// Those that were missed, then those that could not be judged, then the rest, each in the scenario's order.
#[must_use]
pub fn by_weight<'j, 'a>(judged: &'j [Judged<'a>]) -> Vec<&'j Judged<'a>> {
    let mut list: Vec<_> = judged.iter().collect();
    list.sort_by_key(|j| match (j.outcome.verdict, j.is_warning()) {
        (Verdict::Fail, false) => 0,
        (Verdict::Inconclusive | Verdict::Invalid | Verdict::Interrupted, false) => 1,
        (Verdict::Pass, _) => 3,
        (_, true) => 2,
    });
    list
}

/// How the thresholds were judged, with a stop and a space behind it; nothing where the verdict's reason says it already.
#[must_use]
pub fn beside(reason: &str, list: &[Judged]) -> String {
    if reason.contains("threshold") { String::new() } else { sentence(list) + ". " }
}

/// `1 of 9 thresholds missed, 1 could not be judged`.
#[must_use]
fn sentence(judged: &[Judged]) -> String {
    let is =
        |verdict, warning| judged.iter().filter(|j| j.outcome.verdict == verdict && j.is_warning() == warning).count();
    let missed = is(Verdict::Fail, false);
    let unsure = judged.iter().filter(|j| !matches!(j.outcome.verdict, Verdict::Pass | Verdict::Fail)).count();
    let warned = is(Verdict::Fail, true);
    if judged.is_empty() {
        return "No threshold was set".to_owned();
    }
    let all = things(judged.len() as u64, "threshold");
    let mut text = match missed {
        0 => format!("{} of {all} held", judged.len() - unsure - warned),
        n => format!("{n} of {all} missed"),
    };
    if unsure > 0 {
        text += &format!(", {unsure} could not be judged");
    }
    if warned > 0 {
        text += &format!(", {} beyond a limit that only warns", warned);
    }
    text
}

fn split(expect: &str) -> (String, &'static str) {
    let found = OPERATORS.iter().filter_map(|(op, shown)| expect.find(op).map(|at| (at, *shown)));
    match found.min_by_key(|(at, _)| *at) {
        Some((at, shown)) => (expect[..at].trim().to_owned(), shown),
        None => (expect.trim().to_owned(), ""),
    }
}

/// Wilson's 95 % interval of a ratio over `n` independent trials.
fn wilson(p: f64, n: f64) -> (f64, f64) {
    const Z: f64 = 1.96;
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let by = 1.0 + Z * Z / n;
    (((middle - half) / by).max(0.0), ((middle + half) / by).min(1.0))
}

/// Limits are round numbers: `2.00 s` is written `2 s`.
#[must_use]
pub fn trimmed(text: &str) -> String {
    let Some(at) = text.rfind(THIN) else { return text.to_owned() };
    let (number, unit) = text.split_at(at);
    if !number.contains('.') {
        return text.to_owned();
    }
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Labels;

    fn threshold(metric: &str, unit: &str, expect: &str, value: Option<f64>, limit: f64) -> ThresholdOutcome {
        ThresholdOutcome {
            metric: metric.to_owned(),
            filter: Labels::new(),
            expect: expect.to_owned(),
            value,
            limit,
            unit: unit.to_owned(),
            samples: 1_000,
            min_samples: 72,
            censored: 4,
            severity: "fail".to_owned(),
            verdict: Verdict::Fail,
        }
    }

    #[test]
    fn the_share_of_a_lower_limit_is_that_of_the_allowed_failures() {
        let outcome = crate::report::sample::empty();
        let t = threshold("join.success", "ratio", "value >= 0.98", Some(0.99), 0.98);
        let judged = Judged::of(&outcome, &t);
        assert!((judged.used.unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(judged.limit(), "≥\u{202f}98\u{202f}%");
    }

    #[test]
    fn limits_of_nothing_are_held_by_nothing_alone() {
        let outcome = crate::report::sample::empty();
        let none = threshold("integrity.misroute", "1", "count == 0", Some(0.0), 0.0);
        assert_eq!(Judged::of(&outcome, &none).used, Some(0.0));
        let some = threshold("integrity.misroute", "1", "count<=0", Some(3.0), 0.0);
        assert_eq!(Judged::of(&outcome, &some).used, Some(f64::INFINITY));
        assert_eq!(Judged::of(&outcome, &some).limit(), "≤\u{202f}0");
    }

    #[test]
    fn a_quantile_among_the_failed_is_beyond_its_limit() {
        let outcome = crate::report::sample::empty();
        let t = threshold("join.total", "s", "p99.9 < 2s", None, 2.0);
        let judged = Judged::of(&outcome, &t);
        assert_eq!(judged.quantile, Some(0.999));
        assert_eq!(judged.used, Some(f64::INFINITY));
        assert_eq!(judged.value(Some(10.0)), ">\u{202f}10\u{202f}s");
        assert_eq!(judged.limit(), "<\u{202f}2\u{202f}s");
    }
}
