//! What failed: joins by cause, sessions, media, integrity. Kinds that never happened stay, with what was looked at.

use super::{Facts, over_time, pool};
use crate::metrics::catalog::Metric;
use crate::outcome::Labels;
use crate::report::number::things;

/// One kind of failure.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `join`, `session`, `media` or `integrity`.
    pub area: &'static str,
    /// What failed.
    pub text: String,
    /// The metric, where it is one.
    pub metric: Option<Metric>,
    /// How often; `None` where it was not measured.
    pub count: Option<u64>,
    /// When: time and how many.
    pub when: Vec<(f64, u64)>,
    /// Where to look, or what was looked at.
    pub note: String,
}

const MEDIA: [(Metric, &str); 4] = [
    (Metric::VideoBlack, "Video stream without any picture"),
    (Metric::VideoPauseCount, "Picture gone for more than 5 s"),
    (Metric::VideoFramesUndecodable, "Frame never decodable"),
    (Metric::RtpDup, "Packet received twice"),
];

const INTEGRITY: [(Metric, &str); 10] = [
    (Metric::IntegrityMisroute, "Frame of another room or track"),
    (Metric::IntegrityTornFrames, "Frame torn"),
    (Metric::IntegrityStampCrc, "Checksum of a stamp wrong"),
    (Metric::IntegrityPayloadCrc, "Checksum of a payload wrong"),
    (Metric::IntegrityTsBackwards, "RTP time ran backwards"),
    (Metric::IntegrityPidGap, "Picture ids with a gap"),
    (Metric::IntegritySsrcDup, "SSRC of two streams"),
    (Metric::IntegrityAuth, "Authentication failed"),
    (Metric::IntegrityRed, "Redundant audio malformed"),
    (Metric::IntegrityDescriptor, "Dependency descriptor malformed"),
];

/// The kinds of failures of a run.
#[must_use]
pub fn of(facts: &Facts) -> Vec<Failure> {
    let mut list = joins(facts);
    list.push(rejoins(facts));
    list.push(counted(facts, "session", Metric::SessionsLost, "Session ended unasked"));
    list.extend(MEDIA.iter().map(|&(metric, text)| counted(facts, "media", metric, text)));
    list.extend(INTEGRITY.iter().map(|&(metric, text)| counted(facts, "integrity", metric, text)));
    list
}

fn joins(facts: &Facts) -> Vec<Failure> {
    let causes = &facts.outcome.participants.causes;
    let mut list: Vec<_> = causes.iter().filter(|(_, n)| **n > 0).map(|(cause, n)| join(facts, cause, *n)).collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then(a.text.cmp(&b.text)));
    if list.is_empty() {
        let note = format!("none of {}", things(facts.outcome.participants.planned, "join"));
        let text = "Any cause".to_owned();
        list.push(Failure { area: "join", text, metric: None, count: Some(0), when: Vec::new(), note });
    }
    list
}

fn join(facts: &Facts, cause: &str, n: u64) -> Failure {
    let who: Vec<_> = facts.joins.failed.iter().filter(|p| p.cause.as_deref() == Some(cause)).collect();
    let note = who.first().map_or_else(String::new, |p| {
        let detail = p.detail.as_ref().map_or_else(String::new, |d| format!(": {d}"));
        format!("first: {}, {}, {}{detail}", p.name, p.room, p.network)
    });
    let when = who.iter().map(|p| (p.arrival, 1)).collect();
    Failure { area: "join", text: words(cause), metric: None, count: Some(n), when, note }
}

fn rejoins(facts: &Facts) -> Failure {
    let people = &facts.outcome.participants;
    let note = match people.rejoins {
        0 => "nobody rejoined".to_owned(),
        n if people.rejoins_failed == 0 => format!("none of {}", things(n, "rejoin")),
        n => format!("of {}", things(n, "rejoin")),
    };
    let count = Some(people.rejoins_failed);
    Failure { area: "session", text: "Rejoin failed".to_owned(), metric: None, count, when: Vec::new(), note }
}

fn counted(facts: &Facts, area: &'static str, metric: Metric, text: &str) -> Failure {
    let entry = pool::overall(facts.outcome, metric.name());
    let series = over_time::series(facts.outcome, metric.name(), &Labels::new());
    let when = series.map_or_else(Vec::new, |s| {
        let at = |i: usize| (i as f64 + 0.5) * facts.times.interval;
        s.values.iter().enumerate().filter_map(|(i, v)| v.filter(|v| *v > 0.0).map(|v| (at(i), v as u64))).collect()
    });
    let sum: u64 = when.iter().map(|(_, n)| n).sum();
    // An entry for all is missing where nothing happened in the measured time.
    let count = entry.map(|e| e.count).or(series.map(|_| 0));
    let mut note = match count {
        None => "not measured in this run".to_owned(),
        Some(0) => format!("none in {}", among(facts, area)),
        Some(_) => format!("in {}", among(facts, area)),
    };
    if let Some(outside) = count.and_then(|n| sum.checked_sub(n)).filter(|n| *n > 0) {
        note += &format!("; {} outside the measured time", crate::report::number::count(outside));
    }
    Failure { area, text: text.to_owned(), metric: Some(metric), count, when, note }
}

/// How much was looked at.
fn among(facts: &Facts, area: &str) -> String {
    let of = |metric: Metric| pool::overall(facts.outcome, metric.name()).map_or(0, |e| e.count);
    match area {
        "session" => things(facts.outcome.participants.joined, "participant"),
        "media" => things(of(Metric::VideoFramesReceived), "frame"),
        _ => things(of(Metric::RtpPacketsReceived), "packet"),
    }
}

/// A cause of a failed join in words.
#[must_use]
pub fn words(cause: &str) -> String {
    let known = match cause {
        "config" => "Target cannot do what was asked",
        "auth" => "Credentials refused",
        "admission" => "Not admitted",
        "signal_setup" => "Signalling could not be set up",
        "join_timeout" => "Signalling did not answer in time",
        "ice_no_candidate" => "No usable ICE candidate",
        "transport_failed" => "ICE or transport failed",
        "dtls_timeout" => "DTLS not finished in time",
        "no_media" => "Connected, no media in time",
        "black" => "Packets, but no picture",
        "local" => "Our own machine refused",
        "run_ended" => "Run ended first",
        other => other,
    };
    known.to_owned()
}
