//! `[[threshold]]` and `invalid_if`: metrics of the catalog, an aggregate, a limit.
//!
//! `expect := aggregate operator number [unit]`. What a metric's kind does not have (a quantile of a counter), and what
//! its labels cannot tell apart, is refused before the run.

use super::section::{Section, Shape};
use super::suggest::instead;
use crate::clock::Duration;
use crate::metrics::catalog::{CATALOG, Kind, Metric, Unit};
use crate::units::{Bitrate, Bytes, parse_duration};
use std::collections::BTreeMap;

pub(crate) static THRESHOLD: Shape = Shape {
    name: "Threshold",
    keys: &["metric", "where", "expect", "min_samples", "severity", "abort"],
    refused: &[
        (
            "over",
            "judging windows of each participant (`over`) is not built yet; a ratio's p99 is taken over participants",
        ),
        ("ci", "judging by confidence intervals (`ci`) is not built yet"),
        ("baseline", BASELINE),
    ],
};
pub(crate) static ABORT: Shape = Shape { name: "Abort", keys: &["on_fail", "after", "for"], refused: &[] };

const BASELINE: &str = "comparing with a baseline is not built yet";
const EXPECT_HELP: &str = "write an aggregate, an operator and a limit, as in \"p95 < 2s\"";

/// One comparison of one threshold; a `[[threshold]]` with several `expect`s gives several.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdPlan {
    /// What is judged.
    pub metric: Metric,
    /// Exact matches over labels, by label name.
    pub filter: BTreeMap<String, String>,
    /// As written: `"p95 < 2s"`.
    pub expect: String,
    /// Which aggregate.
    pub aggregate: Aggregate,
    /// How it is compared.
    pub operator: Operator,
    /// The limit, in the metric's unit (durations in seconds).
    pub limit: f64,
    /// Fewer samples than this: inconclusive.
    pub min_samples: u64,
    /// Whether a miss fails the run.
    pub severity: Severity,
    /// Judged by windows of each participant rather than over the whole.
    pub over: Option<Over>,
    /// Ends the run early.
    pub abort: Option<Abort>,
}

/// An aggregate over the samples of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// A quantile, 0..=1: `p95` is 0.95.
    Quantile(f64),
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Arithmetic mean.
    Mean,
    /// The median.
    Median,
    /// Number of samples, or a counter's sum.
    Count,
    /// A counter per second.
    Rate,
    /// A ratio: pooled numerator over denominator.
    Value,
    /// A gauge's last value.
    Last,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
}

impl Operator {
    /// Whether `value` passes against `limit`.
    #[must_use]
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
            Self::Equal => (value - limit).abs() <= f64::EPSILON * limit.abs().max(1.0),
        }
    }
}

/// Whether a miss fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Fail,
    /// It is shown and decides nothing.
    Warn,
}

/// Judged by windows of each participant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Over {
    /// Length of a window.
    pub window: Duration,
    /// Share of windows that must pass.
    pub pass_fraction: f64,
}

/// Ends the run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// Not before this time of the run.
    pub after: Duration,
    /// Only when it has been missed for so long.
    pub lasting: Duration,
}

/// A message with what to write instead.
pub(crate) type Refusal = (String, String);

/// Reads `[[threshold]]`; labels are checked afterwards, against the rest of the file.
pub(crate) fn read(root: &Section<'_>) -> Vec<(String, ThresholdPlan)> {
    let sections = root.tables("threshold", &THRESHOLD, "write `[[threshold]]` with `metric` and `expect`");
    sections.iter().flat_map(|section| read_one(section).into_iter().map(|plan| (section.path.clone(), plan))).collect()
}

fn read_one(section: &Section<'_>) -> Vec<ThresholdPlan> {
    section.missing("metric", "write a metric of `throng metrics`, as in metric = \"join.total\"");
    section.missing("expect", EXPECT_HELP);
    let min_samples = section.integer("min_samples", 1..=u64::from(u32::MAX));
    let severities = [("fail", Severity::Fail), ("warn", Severity::Warn)];
    let severity =
        if section.has("severity") { section.choice("severity", &severities, &[]) } else { Some(Severity::Fail) };
    let abort = read_abort(section);
    let filter = read_filter(section);
    let metric = section.text("metric", "write a metric of `throng metrics`").and_then(|name| {
        let metric = Metric::from_name(name);
        if metric.is_none() {
            section.fail("metric", format!("`{name}` is not a metric"), unknown_metric(name));
        }
        metric
    });
    let mut plans = Vec::new();
    for (text, origin) in expects(section) {
        let Some(metric) = metric else { continue };
        let (aggregate, operator, limit) = parse_expect(metric, text).unwrap_or_else(|(message, help)| {
            section.errors.push(origin, &section.key("expect"), message, help);
            // Something harmless, so that the filter is checked all the same.
            (Aggregate::Quantile(0.5), Operator::Less, 0.0)
        });
        plans.push(ThresholdPlan {
            metric,
            filter: filter.clone(),
            expect: text.trim().to_owned(),
            aggregate,
            operator,
            limit,
            min_samples: min_samples.unwrap_or_else(|| enough(aggregate)),
            severity: severity.unwrap_or(Severity::Fail),
            over: None,
            abort,
        });
    }
    plans
}

fn unknown_metric(name: &str) -> String {
    let names = || CATALOG.iter().map(|spec| spec.name);
    match super::suggest::nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`throng metrics` lists them".to_owned(),
    }
}

/// A string, or a list of strings.
fn expects<'a>(section: &Section<'a>) -> Vec<(&'a str, &'a super::document::Origin)> {
    use super::document::Value;
    let Some(node) = section.node("expect") else { return Vec::new() };
    if let Value::Text(text) = &node.value {
        return vec![(text, &node.origin)];
    }
    let texts = section.texts("expect", EXPECT_HELP).unwrap_or_default();
    if matches!(&node.value, Value::Array(items) if items.is_empty()) {
        section.fail("expect", "`expect` is empty", EXPECT_HELP);
    }
    texts
}

fn read_filter(section: &Section<'_>) -> BTreeMap<String, String> {
    use super::document::Value;
    let Some(node) = section.node("where") else { return BTreeMap::new() };
    let help = "write labels, as in where = { population = \"viewers\", phase = \"steady\" }";
    let Value::Table(table) = &node.value else {
        section.fail("where", format!("`where` is {}", node.value.kind()), help);
        return BTreeMap::new();
    };
    let mut filter = BTreeMap::new();
    for entry in &table.entries {
        let value = match &entry.node.value {
            Value::Text(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            other => {
                let key = format!("{}.{}", section.key("where"), entry.key);
                section.errors.push(&entry.node.origin, &key, format!("this is {}", other.kind()), help);
                continue;
            }
        };
        filter.insert(entry.key.clone(), value);
    }
    filter
}

fn read_abort(section: &Section<'_>) -> Option<Abort> {
    let abort = section.sub("abort", &ABORT, "write abort = { on_fail = true, after = \"30s\", for = \"10s\" }")?;
    abort.missing("on_fail", "write on_fail = true");
    let on_fail = abort.bool("on_fail").unwrap_or(false);
    let after = abort.duration("after").unwrap_or_default();
    let lasting = abort.duration("for").unwrap_or_default();
    on_fail.then_some(Abort { after, lasting })
}

/// D4.8, for a two-sided 95 % interval of a quantile.
fn enough(aggregate: Aggregate) -> u64 {
    match aggregate {
        Aggregate::Quantile(q) if (q - 0.95).abs() < 1e-9 => 72,
        Aggregate::Quantile(q) if (q - 0.99).abs() < 1e-9 => 368,
        Aggregate::Quantile(q) if (q - 0.999).abs() < 1e-9 => 3_688,
        _ => 1,
    }
}

/// Parses a condition of `invalid_if`: `metric aggregate operator limit`.
pub(crate) fn parse_condition(text: &str) -> Result<ThresholdPlan, Refusal> {
    let help = "write a metric and a condition, as in \"harness.cpu max > 0.90\"".to_owned();
    let Some((name, expect)) = text.trim().split_once(char::is_whitespace) else {
        return Err((format!("`{text}` is not a condition"), help));
    };
    let metric = Metric::from_name(name).ok_or_else(|| (format!("`{name}` is not a metric"), unknown_metric(name)))?;
    if !name.starts_with("harness.") && metric != Metric::NetEmuLateness {
        let message = format!("`{name}` is not about the generator, so it cannot make a run invalid");
        return Err((message, "write a `harness.` metric here, others as `[[threshold]]`".to_owned()));
    }
    let (aggregate, operator, limit) = parse_expect(metric, expect)?;
    Ok(ThresholdPlan {
        metric,
        filter: BTreeMap::new(),
        expect: expect.trim().to_owned(),
        aggregate,
        operator,
        limit,
        min_samples: 1,
        severity: Severity::Fail,
        over: None,
        abort: None,
    })
}

/// Parses `aggregate operator limit` for a metric.
pub(crate) fn parse_expect(metric: Metric, text: &str) -> Result<(Aggregate, Operator, f64), Refusal> {
    let help = || EXPECT_HELP.to_owned();
    if text.contains("baseline") {
        return Err((BASELINE.to_owned(), "write a number".to_owned()));
    }
    let at = text.find(['<', '>', '=']).ok_or_else(|| (format!("`{text}` compares nothing"), help()))?;
    let (left, right) = text.split_at(at);
    let operators = [
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("==", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    let found = operators.iter().find_map(|(sign, operator)| right.strip_prefix(sign).map(|rest| (*operator, rest)));
    let (operator, right) = found
        .ok_or_else(|| (format!("`{text}` has no operator"), "the operators are <, <=, >, >= and ==".to_owned()))?;
    let aggregate = parse_aggregate(left.trim()).ok_or_else(|| {
        let all = "p<number>, min, max, mean, med, count, rate, value, last";
        (format!("`{}` is not an aggregate", left.trim()), format!("the aggregates are {all}"))
    })?;
    allowed(metric, aggregate, left.trim())?;
    let limit = parse_limit(metric, aggregate, right.trim())?;
    Ok((aggregate, operator, limit))
}

fn parse_aggregate(text: &str) -> Option<Aggregate> {
    Some(match text {
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        "mean" => Aggregate::Mean,
        "med" => Aggregate::Median,
        "count" => Aggregate::Count,
        "rate" => Aggregate::Rate,
        "value" => Aggregate::Value,
        "last" => Aggregate::Last,
        _ => {
            let digits = text.strip_prefix('p').filter(|digits| !digits.is_empty())?;
            let quantile = hundredths(digits)?;
            return (quantile > 0.0 && quantile < 1.0).then_some(Aggregate::Quantile(quantile));
        }
    })
}

/// A number of percent as a ratio, rounded once: 99.9 is the double nearest to 0.999, which 99.9 / 100 is not.
fn hundredths(digits: &str) -> Option<f64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| format!("{digits}e-2").parse().ok()).flatten()
}

/// D4.6: aggregates by kind.
fn allowed(metric: Metric, aggregate: Aggregate, text: &str) -> Result<(), Refusal> {
    use Aggregate as A;
    let spec = metric.spec();
    let (fits, all) = match spec.kind {
        // Messages are kept by channel and population, and not by participant.
        Kind::Ratio if metric.is_of_messages() => (aggregate == A::Value, "value"),
        Kind::Counter => (matches!(aggregate, A::Count | A::Rate), "count, rate"),
        Kind::Ratio => (matches!(aggregate, A::Value | A::Quantile(_)), "value, p<number> (over participants)"),
        Kind::Trend => (
            matches!(aggregate, A::Quantile(_) | A::Min | A::Max | A::Mean | A::Median | A::Count),
            "p<number>, min, max, mean, med, count",
        ),
        Kind::Gauge => (matches!(aggregate, A::Min | A::Max | A::Mean | A::Last), "min, max, mean, last"),
    };
    if fits {
        return Ok(());
    }
    let message = format!("`{}` is a {} and has no `{text}`", spec.name, spec.kind.name());
    Err((message, format!("its aggregates are {all}")))
}

fn parse_limit(metric: Metric, aggregate: Aggregate, text: &str) -> Result<f64, Refusal> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    let (value, how) = match (aggregate, metric.spec().unit) {
        (Aggregate::Count, _) => (number(text), "a number without a unit"),
        (Aggregate::Rate, _) => {
            (number(text.strip_suffix("/s").unwrap_or(text)), "a number per second, as in \"10/s\"")
        }
        (_, Unit::Seconds) => {
            (parse_duration(text).map(|duration| duration.as_secs_f64()), "a duration with its unit, as in \"200ms\"")
        }
        (_, Unit::Bytes) => (Bytes::parse(text).map(|bytes| bytes.0 as f64), "a size with its unit, as in \"64MiB\""),
        (_, Unit::BitsPerSecond) => {
            (Bitrate::parse(text).map(|rate| rate.bps() as f64), "a rate with its unit, as in \"800kbps\"")
        }
        (_, Unit::Share) => {
            let percent = text.strip_suffix('%').map(|text| hundredths(text.trim()));
            (percent.unwrap_or_else(|| number(text)), "a ratio, as in \"0.01\" or \"1%\"")
        }
        (_, Unit::PerSecond) => {
            (number(text.strip_suffix("/s").unwrap_or(text)), "a number per second, as in \"24/s\"")
        }
        (_, Unit::Count | Unit::Score) => (number(text), "a number without a unit"),
    };
    value.ok_or_else(|| (format!("`{text}` is no limit for `{}`", metric.name()), format!("write {how}")))
}

/// What the file offers as values of labels.
pub(crate) struct LabelValues<'a> {
    pub(crate) populations: Vec<&'a str>,
    pub(crate) networks: Vec<&'a str>,
    pub(crate) media: Vec<&'a str>,
    pub(crate) codecs: Vec<&'a str>,
    pub(crate) rooms: u32,
    /// With whether each has a length.
    pub(crate) faults: Vec<(&'a str, bool)>,
}

/// Checks a filter against the metric and the file; gives the key of each label that fails.
pub(crate) fn check_filter(plan: &ThresholdPlan, values: &LabelValues<'_>) -> Vec<(String, Refusal)> {
    let mut problems = Vec::new();
    for (label, value) in &plan.filter {
        if let Err(refusal) = check_label(plan, label, value, values) {
            problems.push((label.clone(), refusal));
        }
    }
    problems
}

const LABELS: [&str; 9] =
    ["population", "network", "room", "media", "codec", "layer", "phase", "participant_kind", "rejoin"];

fn check_label(plan: &ThresholdPlan, label: &str, value: &str, values: &LabelValues<'_>) -> Result<(), Refusal> {
    let known: Vec<&str> = match label {
        "population" => values.populations.clone(),
        "network" => values.networks.clone(),
        "media" => values.media.clone(),
        "codec" => values.codecs.clone(),
        "phase" => vec!["warmup", "steady", "cooldown"],
        "participant_kind" => vec!["light"],
        "rejoin" => vec!["true", "false"],
        "room" => {
            let number = value.parse::<u32>().is_ok_and(|n| (1..=values.rooms).contains(&n));
            if !number {
                let help = format!("number the rooms from 1 to {}", values.rooms);
                return Err((format!("there is no room `{value}`"), help));
            }
            vec![value]
        }
        "layer" => return Err(("layers are not built yet".to_owned(), "take it out: video has one layer".to_owned())),
        _ => return Err((format!("`{label}` is not a label"), instead(label, LABELS))),
    };
    if label == "phase"
        && let Some((word @ ("fault" | "recovery"), name)) = value.split_once(':')
    {
        return check_spell(plan, word, name, values);
    }
    if label == "participant_kind" && value == "probe" {
        return Err(("full-stack probes are not built yet".to_owned(), "take it out".to_owned()));
    }
    if !known.contains(&value) {
        return Err((format!("there is no {label} `{value}`"), instead(value, known.iter().copied())));
    }
    carried(plan, label)
}

/// `fault:<name>` or `recovery:<name>`: a fault of the file, and a metric whose samples say when they were due.
fn check_spell(plan: &ThresholdPlan, word: &str, name: &str, values: &LabelValues<'_>) -> Result<(), Refusal> {
    let known = || values.faults.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let Some((_, lasts)) = values.faults.iter().find(|(known, _)| *known == name) else {
        let help = match known()[..] {
            [] => {
                "the scenario has no `[[fault]]`: add one of that name, or write warmup, steady or cooldown".to_owned()
            }
            _ => instead(name, known()),
        };
        return Err((format!("there is no fault `{name}`"), help));
    };
    if word == "fault" && !lasts {
        let help = format!("write phase = \"recovery:{name}\"");
        return Err((format!("`{name}` is over as soon as it has happened"), help));
    }
    let of_scalars = ["room", "codec"].iter().any(|label| plan.filter.contains_key(*label))
        || plan.metric.spec().kind == Kind::Ratio && matches!(plan.aggregate, Aggregate::Quantile(_));
    if of_scalars {
        let message = "values of single participants are kept for the measured window as a whole".to_owned();
        return Err((message, "filter by population, network or media, or take `phase` out".to_owned()));
    }
    let of_generator = plan.metric.name().starts_with("harness.");
    if of_generator {
        let message = format!("`{}` is not kept by faults", plan.metric.name());
        return Err((message, "write warmup, steady or cooldown".to_owned()));
    }
    Ok(())
}

/// Whether samples of the metric carry the label at all.
fn carried(plan: &ThresholdPlan, label: &str) -> Result<(), Refusal> {
    let name = plan.metric.name();
    let of_the_run = name.starts_with("harness.") || matches!(plan.metric, Metric::SfuCpu | Metric::SfuRss);
    let of_media = ["rtp.", "audio.", "video.", "data.", "delay.", "integrity.", "sfu.forward"]
        .iter()
        .any(|p| name.starts_with(p))
        && !matches!(plan.metric, Metric::RtpRttStun | Metric::IntegritySsrcDup);
    let refuse = |why: &str, help: &str| Err((format!("`{name}` {why}"), help.to_owned()));
    match label {
        "phase" => Ok(()),
        _ if of_the_run => refuse("belongs to the run as a whole", "`where` can only say `phase` here"),
        "media" | "codec" if !of_media => refuse("is not of one media", "filter by population, network or phase"),
        "room" | "codec" if plan.metric.is_of_messages() => {
            refuse("is not kept by room or codec", "filter by population, network, media or phase")
        }
        "room" if plan.aggregate_needs_histogram() => refuse(
            "has no histogram a room",
            "filter by population, network, media or phase, or judge a counter's count",
        ),
        _ => Ok(()),
    }
}

impl ThresholdPlan {
    /// Histograms, gauges and pooled ratios are kept per population, network, media and phase, never per room.
    fn aggregate_needs_histogram(&self) -> bool {
        match self.metric.spec().kind {
            Kind::Trend | Kind::Gauge => true,
            Kind::Ratio => !matches!(self.aggregate, Aggregate::Quantile(_)),
            Kind::Counter => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_in_the_metrics_unit() {
        let expect = |metric, text| parse_expect(metric, text).unwrap();
        assert_eq!(expect(Metric::JoinTotal, "p95 < 2s"), (Aggregate::Quantile(0.95), Operator::Less, 2.0));
        assert_eq!(expect(Metric::JoinSuccess, "value >= 99.9%"), (Aggregate::Value, Operator::GreaterOrEqual, 0.999));
        assert_eq!(expect(Metric::RtpNackSent, "rate <= 10/s"), (Aggregate::Rate, Operator::LessOrEqual, 10.0));
        assert_eq!(expect(Metric::JoinTotal, "count > 5"), (Aggregate::Count, Operator::Greater, 5.0));
        assert_eq!(expect(Metric::SfuRss, "max < 64MiB").2, 64.0 * 1024.0 * 1024.0);
    }

    #[test]
    fn a_kind_has_its_aggregates_and_no_others() {
        for (metric, text, part) in [
            (Metric::JoinSuccess, "mean > 0.9", "its aggregates are value"),
            (Metric::RtpNackSent, "p95 < 3", "its aggregates are count, rate"),
            (Metric::JoinTotal, "value < 2s", "p<number>, min, max"),
            (Metric::HarnessCpu, "p99 < 0.9", "its aggregates are min, max, mean, last"),
            (Metric::JoinTotal, "p95 < 2", "a duration with its unit"),
            (Metric::JoinTotal, "p100 < 2s", "the aggregates are"),
            (Metric::JoinTotal, "p95 = 2s", "the operators are"),
            (Metric::JoinTotal, "fast", "as in \"p95 < 2s\""),
            (Metric::JoinTotal, "p95 < baseline * 1.1", "write a number"),
        ] {
            let (message, help) = parse_expect(metric, text).unwrap_err();
            assert!(help.contains(part), "{text}: {message}; {help}");
        }
    }

    #[test]
    fn enough_samples_are_those_of_d4() {
        let enough_for = |text: &str| enough(parse_aggregate(text).unwrap());
        assert_eq!(["p95", "p99", "p99.9", "p50", "max"].map(enough_for), [72, 368, 3_688, 1, 1]);
    }
}
