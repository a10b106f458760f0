//! The serialiser as written: a rate, a plan of rates, a trace of opportunities, a token bucket.

use super::{is_none, is_table, of_file};
use crate::clock::Duration;
use crate::scenario::Files;
use crate::scenario::section::{Section, Shape};
use crate::units::{Bitrate, Bytes, format_duration, parse_duration};
use netem::{LinkConfig, Mahimahi, RatePlan, RatePoint, Serialiser};

static RATE_PLAN: Shape = Shape { name: "RatePlan", keys: &["plan", "period", "phase"], refused: &[] };
static RATE_POINT: Shape = Shape { name: "RatePoint", keys: &["at", "rate", "ramp"], refused: &[] };
static TRACE: Shape = Shape { name: "Trace", keys: &["mahimahi", "phase", "bytes"], refused: &[] };
static BUCKET: Shape = Shape { name: "TokenBucket", keys: &["burst", "peak"], refused: &[] };

const RATE_HELP: &str = "write a rate with its unit, as in \"1.5Mbps\", or \"unlimited\"";
const PLAN_HELP: &str =
    "write a list of points, as in [{ at = \"0s\", rate = \"2Mbps\" }, { at = \"40s\", rate = \"1Mbps\" }]";

/// How fast the bottleneck sends.
#[derive(Clone, PartialEq, Debug)]
pub enum Rate {
    /// At once.
    Unlimited,
    /// So many bits a second.
    Steady(u64),
    /// Over time, by a plan or by a trace.
    Shaped(Serialiser),
}

/// A token bucket, filled by the rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// Bytes in a full one.
    pub burst: u64,
    /// Bit/s while there are tokens; `None` is at once.
    pub peak: Option<u64>,
}

impl Rate {
    /// Replaces the rate; a token bucket stays under a rate of one number.
    pub(super) fn apply(&self, config: &mut LinkConfig) {
        let steady = match self {
            Self::Unlimited => None,
            Self::Steady(rate) => Some(*rate),
            Self::Shaped(serialiser) => {
                (config.rate, config.serialiser) = (None, serialiser.clone());
                return;
            }
        };
        config.rate = steady;
        if matches!(config.serialiser, Serialiser::Plan { .. } | Serialiser::Trace { .. }) {
            config.serialiser = Serialiser::Steady;
        }
    }
}

/// Reads `rate` and `trace`, of which only one may be there.
pub(super) fn read(path: &Section<'_>, files: Files<'_>) -> Option<Rate> {
    if path.has("rate") && path.has("trace") {
        path.fail("trace", "`rate` and `trace` are both there", "write one of them: the trace has the rate");
        return None;
    }
    if path.has("trace") {
        return read_trace(path, files);
    }
    if is_table(path, "rate") {
        return read_plan(path);
    }
    let rate = |text: &str| match text {
        "unlimited" => Some(Rate::Unlimited),
        text => Bitrate::parse(text).map(|rate| Rate::Steady(rate.bps())),
    };
    path.parsed("rate", rate, RATE_HELP)
}

fn read_trace(path: &Section<'_>, files: Files<'_>) -> Option<Rate> {
    let trace = path.sub("trace", &TRACE, "write trace = { mahimahi = \"lte.up\" }")?;
    trace.missing("mahimahi", "write the name of a Mahimahi trace, relative to this file");
    let help = "write one whole number of milliseconds a line, none below the one before, the last above 0";
    let read = of_file(&trace, "mahimahi", files, Mahimahi::parse, help);
    let phase = |text: &str| match text {
        "random" => Some(None),
        text => parse_duration(text).map(Some),
    };
    let phase = trace.parsed("phase", phase, "write \"random\", or where to begin, as in \"2s\"").flatten();
    // More than any packet has.
    let bytes = trace.integer("bytes", 1..=65_535).map(|bytes| bytes as u32);
    let read = read?;
    let read = bytes.map_or_else(|| read.clone(), |bytes| read.clone().with_bytes(bytes));
    Some(Rate::Shaped(Serialiser::Trace { trace: read, phase }))
}

fn read_plan(path: &Section<'_>) -> Option<Rate> {
    let table = path.sub("rate", &RATE_PLAN, RATE_HELP)?;
    table.missing("plan", PLAN_HELP);
    if !table.has("plan") {
        return None;
    }
    let sections = table.tables("plan", &RATE_POINT, PLAN_HELP);
    let read: Vec<Option<RatePoint>> = sections.iter().map(read_point).collect();
    let mut points: Vec<RatePoint> = read.into_iter().collect::<Option<_>>()?;
    let mut before: Option<Duration> = None;
    for (section, point) in sections.iter().zip(&points) {
        match before {
            None if !point.at.is_zero() => {
                let message = format!("the plan begins at {}", format_duration(point.at));
                section.fail("at", message, "let the first point be at = \"0s\"");
                return None;
            }
            None if point.ramp => {
                section.fail("ramp", "the first point has nothing to come from", "take `ramp` out of it");
                return None;
            }
            Some(before) if point.at <= before => {
                let (at, before) = (format_duration(point.at), format_duration(before));
                section.fail("at", format!("{at} does not come after {before}"), "write the points in order of time");
                return None;
            }
            None | Some(_) => before = Some(point.at),
        }
    }
    // Here a ramp leads to the point that says so, in netem away from the point that does.
    for index in 1..points.len() {
        points[index - 1].ramp = points[index].ramp;
    }
    if let Some(last) = points.last_mut() {
        last.ramp = false;
    }
    let (period, phase) = (table.duration("period"), table.duration("phase").unwrap_or_default());
    if let (Some(period), Some(last)) = (period, points.last())
        && period <= last.at
    {
        let message =
            format!("`period` is {}, and the last point is at {}", format_duration(period), format_duration(last.at));
        table.fail("period", message, "write a time longer than the points");
        return None;
    }
    match RatePlan::new(&points, period) {
        Ok(plan) => Some(Rate::Shaped(Serialiser::Plan { plan, phase })),
        Err(problem) => {
            let field = problem.field.rsplit('.').next().unwrap_or_default();
            table.fail(
                if field == "period" { "period" } else { "plan" },
                format!("`{field}` is {}", problem.given),
                format!("write {}", problem.allowed),
            );
            None
        }
    }
}

fn read_point(point: &Section<'_>) -> Option<RatePoint> {
    point.missing("at", "write when, from the start of the run, as in at = \"40s\"");
    point.missing("rate", "write the rate from then on, as in rate = \"2Mbps\"");
    let (at, rate) = (point.duration("at"), point.bitrate("rate"));
    let ramp = point.bool("ramp").unwrap_or(false);
    Some(RatePoint { at: at?, rate: rate?.bps(), ramp })
}

/// Reads `token_bucket`.
pub(super) fn read_bucket(path: &Section<'_>) -> Option<Option<Bucket>> {
    if is_none(path, "token_bucket") {
        return Some(None);
    }
    let help = "write token_bucket = { burst = \"15kB\" }, or \"none\"";
    let bucket = path.sub("token_bucket", &BUCKET, help)?;
    if path.has("trace") || is_table(path, "rate") {
        let message = "a token bucket is filled by a rate of one number";
        path.fail("token_bucket", message, "write rate = \"2Mbps\", or take the bucket out");
        return None;
    }
    bucket.missing("burst", "write the bytes of a full bucket, as in burst = \"15kB\"");
    let size = "write a size with its unit, as in \"15kB\" or \"64KiB\"";
    let (burst, peak) = (bucket.parsed("burst", Bytes::parse, size), bucket.bitrate("peak"));
    Some(Some(Bucket { burst: burst?.0, peak: peak.map(Bitrate::bps) }))
}

/// Every table of this file, for the schema's tests.
#[cfg(test)]
pub(super) static SHAPES: [&Shape; 4] = [&RATE_PLAN, &RATE_POINT, &TRACE, &BUCKET];
