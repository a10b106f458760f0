//! Networks and populations beside one another: a value and its 95 % interval each.
//!
//! Intervals: join times by order statistics over joins; ratios by the spread of participants' own ratios; quantiles of
//! packets and frames by ten batches of the measured time (Student's t with 9 degrees), since their samples depend on
//! one another. None is shown where there are too few participants or batches to say.

use super::joins::Joins;
use super::level::Level;
use super::{Facts, over_time, pool};
use crate::metrics::catalog::Metric;
use crate::metrics::sparse;
use crate::outcome::{Labels, Outcome, ParticipantDetail};
use crate::report::number::Quantity;

/// Rows of a panel before the rest is taken together.
const ROWS: usize = 12;
/// Participants that an interval of ratios needs.
const PEOPLE: usize = 5;
const BATCHES: usize = 10;
const STUDENT_9: f64 = 2.262;

/// By what participants are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The label `network`.
    Network,
    /// The label `population`.
    Population,
}

impl By {
    /// The label's name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Population => "population",
        }
    }

    /// The participant's value of it.
    #[must_use]
    pub fn of(self, participant: &ParticipantDetail) -> &str {
        match self {
            Self::Network => &participant.network,
            Self::Population => &participant.population,
        }
    }
}

/// One measure, compared.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The metric.
    pub metric: Metric,
    /// Title, with the aggregate.
    pub title: &'static str,
    /// Of what, below the title; the unit goes before it.
    pub over: &'static str,
    /// How values are written.
    pub quantity: Quantity,
    /// Groups, then all.
    pub rows: Vec<Row>,
}

/// One group.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its value.
    pub level: Level,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// The limit of a threshold on exactly this row.
    pub limit: Option<f64>,
    /// Whether that threshold was missed.
    pub missed: bool,
    /// Whether it is everything together.
    pub is_all: bool,
    /// Whether it is what did not get a row of its own.
    pub is_rest: bool,
}

struct Measure {
    metric: Metric,
    title: &'static str,
    over: &'static str,
    /// `None`: a ratio.
    q: Option<f64>,
}

const MEASURES: [Measure; 6] = [
    Measure { metric: Metric::JoinTotal, title: "Join time, p95", over: "over joins", q: Some(0.95) },
    Measure { metric: Metric::DelayFrame, title: "Frame delay, p95", over: "over frames", q: Some(0.95) },
    Measure { metric: Metric::VideoFreezeRatio, title: "Frozen picture", over: "of watch time", q: None },
    Measure { metric: Metric::RtpLossResidual, title: "Loss after repair", over: "of packets", q: None },
    Measure {
        metric: Metric::RtpJitter,
        title: "Jitter, p95",
        over: "RFC 3550, over streams and seconds",
        q: Some(0.95),
    },
    Measure { metric: Metric::AudioConcealedRatio, title: "Concealed sound", over: "of published sound", q: None },
];

/// The six panels.
#[must_use]
pub fn panels(facts: &Facts, by: By) -> Vec<Panel> {
    MEASURES.iter().map(|measure| panel(facts, by, measure)).collect()
}

fn panel(facts: &Facts, by: By, measure: &Measure) -> Panel {
    let names = facts.names(by);
    let mut rows: Vec<Row> = names.iter().map(|name| row(facts, by, measure, &[name.as_str()], name)).collect();
    if rows.len() > ROWS {
        rows.sort_by(|a, b| order(b).total_cmp(&order(a)));
        let rest: Vec<String> = rows.drain(ROWS - 1..).map(|r| r.name).collect();
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        rows.push(row(facts, by, measure, &rest, &format!("{} others", rest.len())));
    }
    rows.push(everything(facts, measure));
    let quantity = Quantity::of(measure.metric.name(), measure.metric.spec().unit.name());
    Panel { metric: measure.metric, title: measure.title, over: measure.over, quantity, rows }
}

fn order(row: &Row) -> f64 {
    match row.level {
        Level::Value(value) => value,
        Level::Beyond => f64::INFINITY,
        Level::TooFew(..) | Level::None => -1.0,
    }
}

fn row(facts: &Facts, by: By, measure: &Measure, names: &[&str], name: &str) -> Row {
    let inside = |p: &ParticipantDetail| names.contains(&by.of(p));
    let (level, interval) = if measure.metric == Metric::JoinTotal {
        of_joins(&Joins::of(facts.outcome, inside), measure.q.unwrap_or(0.5))
    } else {
        let pool = pool::by_label(facts.outcome, measure.metric.name(), by.label(), names);
        let filter: Labels = [(by.label().to_owned(), names[0].to_owned())].into();
        let level = measure.q.map_or_else(|| ratio(pool.value), |q| pool.level(q));
        let alone = names.len() == 1;
        (level, level.value().and_then(|v| spread(facts, measure, v, &filter, inside).filter(|_| alone)))
    };
    let filter: Labels = [(by.label().to_owned(), name.to_owned())].into();
    let (limit, missed) = limit(facts, measure, &filter);
    Row { name: name.to_owned(), level, interval, limit, missed, is_all: false, is_rest: names.len() > 1 }
}

fn everything(facts: &Facts, measure: &Measure) -> Row {
    let (level, interval) = if measure.metric == Metric::JoinTotal {
        of_joins(&facts.joins, measure.q.unwrap_or(0.5))
    } else {
        let none = Labels::new();
        let pool = pool::by_filter(facts.outcome, measure.metric.name(), &none);
        let level = measure.q.map_or_else(|| ratio(pool.value), |q| pool.level(q));
        (level, level.value().and_then(|v| spread(facts, measure, v, &none, |_| true)))
    };
    let (limit, missed) = limit(facts, measure, &Labels::new());
    Row { name: "all".to_owned(), level, interval, limit, missed, is_all: true, is_rest: false }
}

fn ratio(value: Option<f64>) -> Level {
    value.map_or(Level::None, Level::Value)
}

fn of_joins(joins: &Joins, q: f64) -> (Level, Option<(f64, f64)>) {
    let (low, high) = joins.interval(q);
    let level = joins.level(q);
    (level, level.value().and(low.value().zip(high.value())))
}

fn spread(
    facts: &Facts,
    measure: &Measure,
    value: f64,
    labels: &Labels,
    inside: impl Fn(&ParticipantDetail) -> bool,
) -> Option<(f64, f64)> {
    match measure.q {
        None => {
            let half = over_participants(facts.outcome, measure.metric.name(), inside)?;
            Some(((value - half).max(0.0), (value + half).min(1.0)))
        }
        Some(q) => {
            let half = over_batches(facts, measure.metric, q, labels)?;
            Some(((value - half).max(0.0), value + half))
        }
    }
}

/// Half the 95 % interval of a ratio, from the participants' own.
#[must_use]
pub fn over_participants(outcome: &Outcome, name: &str, inside: impl Fn(&ParticipantDetail) -> bool) -> Option<f64> {
    let people = outcome.participants_detail.iter().filter(|p| inside(p));
    let own: Vec<f64> = people.filter_map(|p| p.scalars.get(name).copied()).collect();
    (own.len() >= PEOPLE).then(|| 1.96 * deviation(&own) / (own.len() as f64).sqrt())
}

fn over_batches(facts: &Facts, metric: Metric, q: f64, labels: &Labels) -> Option<f64> {
    let series = over_time::series(facts.outcome, metric.name(), labels)?;
    let measured: Vec<_> =
        series.histograms.iter().enumerate().filter(|(i, _)| facts.times.is_measured(*i)).map(|(_, h)| h).collect();
    let length = measured.len() / BATCHES;
    if length == 0 {
        return None;
    }
    let batches: Vec<f64> = measured
        .chunks_exact(length)
        .take(BATCHES)
        .filter_map(|batch| {
            let mut together = Vec::new();
            batch.iter().for_each(|h| sparse::merge(&mut together, h));
            sparse::quantile(&together, q).filter(|_| !together.is_empty())
        })
        .map(|v| v * metric.spec().unit.scale())
        .collect();
    (batches.len() == BATCHES).then(|| STUDENT_9 * deviation(&batches) / (BATCHES as f64).sqrt())
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt()
}

fn limit(facts: &Facts, measure: &Measure, filter: &Labels) -> (Option<f64>, bool) {
    let found = facts.judged.iter().find(|j| {
        j.outcome.metric == measure.metric.name()
            && j.outcome.filter == *filter
            && measure.q.map_or(j.aggregate == "value", |q| j.quantile == Some(q))
    });
    found.map_or((None, false), |j| (Some(j.outcome.limit), j.is_missed()))
}
