//! `start`: when people come. Open arrivals have a rate, closed ones a number who are in at once.

use super::rooms::MOST;
use super::section::{Section, Shape};
use crate::clock::{Duration, Instant};

pub(crate) static START: Shape = Shape { name: "Start", keys: &["arrivals", "concurrency"], refused: &[] };
pub(crate) static ARRIVALS: Shape = Shape {
    name: "Arrivals",
    keys: &["process", "rate", "stages", "max"],
    refused: &[("trace", "replaying arrivals is not built yet")],
};
pub(crate) static STAGE: Shape = Shape { name: "Stage", keys: &["for", "rate", "ramp"], refused: &[] };
pub(crate) static POINT: Shape = Shape { name: "Point", keys: &["t", "n", "ramp"], refused: &[] };

/// When people come.
#[derive(Clone, PartialEq, Debug)]
pub enum Start {
    /// Everybody at the start of the run.
    AtOnce,
    /// At a rate, whatever the SFU does.
    Open(Arrivals),
    /// As places become free.
    Closed(Concurrency),
}

/// Open arrivals.
#[derive(Clone, PartialEq, Debug)]
pub struct Arrivals {
    /// Which law.
    pub process: Process,
    /// One after the other from the start of the run.
    pub stages: Vec<Stage>,
    /// At most so many come; the rest is counted as dropped. `None`: the population's headcount.
    pub max: Option<u32>,
}

/// The law of open arrivals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Process {
    /// Independent of each other.
    Poisson,
    /// At even distances.
    Constant,
}

/// A stretch of time with a rate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stage {
    /// How long; `None` until the end of the run.
    pub length: Option<Duration>,
    /// People a second (at the end of a ramp).
    pub rate: f64,
    /// Linear from the previous stage's rate, 0 before the first.
    pub ramp: bool,
}

/// How many of a population are in at once, over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Concurrency {
    /// By time; before the first point the target is 0.
    pub points: Vec<ConcurrencyPoint>,
}

/// One point of a [`Concurrency`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConcurrencyPoint {
    /// From when.
    pub at: Instant,
    /// How many.
    pub target: u32,
    /// Whether the way from the previous point is linear rather than a step at `at`.
    pub ramp: bool,
}

impl Concurrency {
    /// How many are meant to be in at `now`.
    #[must_use]
    pub fn target(&self, now: Instant) -> u32 {
        let next = self.points.partition_point(|point| point.at <= now);
        let previous = next.checked_sub(1).map_or((Instant::ZERO, 0), |i| (self.points[i].at, self.points[i].target));
        match self.points.get(next) {
            Some(point) if point.ramp => {
                let whole = point.at.saturating_since(previous.0).as_nanos().max(1);
                let done = now.saturating_since(previous.0).as_nanos();
                let span = i128::from(point.target) - i128::from(previous.1);
                (i128::from(previous.1) + span * done as i128 / whole as i128) as u32
            }
            _ => previous.1,
        }
    }

    /// When [`Self::target`] changes next after `now`; a point that changes nothing may be named too.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        let next = self.points.partition_point(|point| point.at <= now);
        let point = self.points.get(next)?;
        let (from, before) =
            next.checked_sub(1).map_or((Instant::ZERO, 0), |i| (self.points[i].at, self.points[i].target));
        let span = u128::from(point.target.abs_diff(before));
        if !point.ramp || span == 0 {
            return Some(point.at);
        }
        let whole = point.at.saturating_since(from).as_nanos();
        let steps = u128::from(self.target(now).abs_diff(before)) + 1;
        let after = (whole * steps).div_ceil(span).min(whole);
        Some(from + Duration::from_nanos(after as u64))
    }
}

const START_HELP: &str = "write start = { arrivals = { process = \"poisson\", rate = \"10/s\" } }, or { concurrency = [{ t = \"0s\", n = 40 }] }";

/// Reads `start` of a population.
pub(crate) fn read(section: &Section<'_>) -> Start {
    let Some(start) = section.sub("start", &START, START_HELP) else { return Start::AtOnce };
    match (start.has("arrivals"), start.has("concurrency")) {
        (true, true) => start.fail("concurrency", "`arrivals` and `concurrency` are both there", "keep one of them"),
        (false, false) => start.errors.push(
            &section.node("start").map(|node| node.origin.clone()).unwrap_or_default(),
            &start.path,
            "`start` is empty",
            START_HELP,
        ),
        _ => {}
    }
    let open = read_arrivals(&start).map(Start::Open);
    let closed = read_concurrency(&start).map(Start::Closed);
    open.or(closed).unwrap_or(Start::AtOnce)
}

fn read_arrivals(start: &Section<'_>) -> Option<Arrivals> {
    let arrivals = start.sub("arrivals", &ARRIVALS, START_HELP)?;
    arrivals.missing("process", "write process = \"poisson\" or process = \"constant\"");
    let process = arrivals.choice("process", &[("poisson", Process::Poisson), ("constant", Process::Constant)], &[]);
    let stages = match (arrivals.has("rate"), arrivals.has("stages")) {
        (true, true) => {
            arrivals.fail("rate", "`rate` and `stages` are both there", "keep one of them");
            None
        }
        (false, false) => {
            arrivals.missing("rate", "write rate = \"10/s\", or stages = [{ for = \"1m\", rate = \"10/s\" }]");
            None
        }
        (true, false) => read_rate(&arrivals).map(|rate| vec![Stage { length: None, rate, ramp: false }]),
        (false, true) => Some(read_stages(&arrivals)),
    };
    let max = arrivals.integer("max", 1..=MOST).map(|max| max as u32);
    Some(Arrivals { process: process?, stages: stages?, max })
}

fn read_rate(section: &Section<'_>) -> Option<f64> {
    section.parsed("rate", people_per_second, "write people per time, as in \"10/s\", \"30/m\" or \"0.5/s\"")
}

fn people_per_second(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once('/')?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && (0.0..=1e6).contains(&value)).then_some(value / seconds)
}

fn read_stages(arrivals: &Section<'_>) -> Vec<Stage> {
    let help = "write stages = [{ for = \"1m\", rate = \"10/s\" }]";
    let sections = arrivals.tables("stages", &STAGE, help);
    if sections.is_empty() {
        arrivals.fail("stages", "there is no stage", help);
    }
    let read = |stage: &Section<'_>| {
        stage.missing("for", "write how long it lasts, as in for = \"1m\"");
        stage.missing("rate", "write people per time, as in rate = \"10/s\"");
        let (length, rate) = (stage.duration("for"), read_rate(stage));
        let ramp = stage.bool("ramp").unwrap_or(false);
        Some(Stage { length: Some(length?), rate: rate?, ramp })
    };
    sections.iter().filter_map(read).collect()
}

fn read_concurrency(start: &Section<'_>) -> Option<Concurrency> {
    let help = "write concurrency = [{ t = \"0s\", n = 0 }, { t = \"30s\", n = 40, ramp = true }]";
    if !start.has("concurrency") {
        return None;
    }
    let sections = start.tables("concurrency", &POINT, help);
    if sections.is_empty() {
        start.fail("concurrency", "there is no point", help);
    }
    let mut points: Vec<ConcurrencyPoint> = Vec::new();
    for point in &sections {
        point.missing("t", "write when, from the start of the run, as in t = \"30s\"");
        point.missing("n", "write how many are in from then on, as in n = 40");
        let (at, target) = (point.duration("t"), point.integer("n", 0..=MOST));
        let ramp = point.bool("ramp").unwrap_or(false);
        let (Some(at), Some(target)) = (at, target) else { continue };
        let at = Instant::ZERO + at;
        if points.last().is_some_and(|last| last.at >= at) {
            point.fail("t", "points stand in the order of time", "move it, or take it out");
            continue;
        }
        points.push(ConcurrencyPoint { at, target: target as u32, ramp });
    }
    Some(Concurrency { points })
}
