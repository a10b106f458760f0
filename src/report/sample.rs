//! Outcomes made up for the tests: any number of participants, failed joins, freezes, an outage, two networks.
//!
//! The numbers come from a small generator of their own, so the samples are the same for ever.

use crate::metrics::catalog::{CATALOG, Kind, Metric, Spec};
use crate::metrics::sparse;
use crate::outcome::{
    Environment, FaultOutcome, Health, HealthCheck, Labels, LinkOutcome, MetricOutcome, MetricSeries, Outcome,
    ParticipantDetail, Participants, Rates, RecoveryTimes, RunEvent, RunTimes, Series, ThresholdOutcome, Timeline,
    TrackDetail, Verdict, World,
};
use base64::Engine;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

/// What kind of run.
#[derive(Clone, Debug)]
pub struct Sample {
    pub people: usize,
    pub seconds: usize,
    pub networks: Vec<&'static str>,
    pub verdict: Verdict,
    pub calm: bool,
    pub many_events: bool,
}

impl Sample {
    pub fn of(people: usize) -> Self {
        Self {
            people,
            seconds: 40,
            networks: vec!["home", "bad-mobile"],
            verdict: Verdict::Fail,
            calm: false,
            many_events: false,
        }
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Log-normal about `median`.
    fn about(&mut self, median: f64, sigma: f64) -> f64 {
        let normal = (0..12).map(|_| self.roll()).sum::<f64>() - 6.0;
        median * libm::exp(sigma * normal)
    }
}

/// An outcome in which nothing was planned.
pub fn empty() -> Outcome {
    Outcome {
        version: crate::outcome::OUTCOME_VERSION,
        scenario: "empty".to_owned(),
        seed: 1,
        world: World::Live,
        verdict: Verdict::Interrupted,
        exit_code: Verdict::Interrupted.exit_code(),
        reason: "Stopped by Ctrl-C before anybody arrived".to_owned(),
        run: RunTimes { warmup: 10.0, duration: 20.0, cooldown: 5.0, ended: 0.4 },
        target: "reference SFU".to_owned(),
        scenario_text: String::new(),
        participants: Participants::default(),
        thresholds: Vec::new(),
        seeds: Vec::new(),
        metrics: Vec::new(),
        rates: Rates::default(),
        series: Series::default(),
        links: Vec::new(),
        participants_detail: Vec::new(),
        health: Health::default(),
        faults: Vec::new(),
        events: Vec::new(),
        environment: None,
    }
}

/// A run.
pub fn outcome(sample: &Sample) -> Outcome {
    let mut dice = Dice(sample.people as u64 + 7);
    let people = people(sample, &mut dice);
    let failed = people.iter().filter(|p| p.join_total.is_none()).count() as u64;
    let mut metrics = metrics(sample, &people, &mut dice);
    metrics.sort_by(|a, b| a.name.cmp(&b.name).then(a.labels.cmp(&b.labels)));
    let mut causes = std::collections::BTreeMap::new();
    for cause in people.iter().filter_map(|p| p.cause.clone()) {
        *causes.entry(cause).or_insert(0) += 1;
    }
    let planned = people.len() as u64;
    let thresholds = thresholds(&metrics, planned);
    Outcome {
        scenario: "evening-calls".to_owned(),
        seed: 42,
        verdict: sample.verdict,
        exit_code: sample.verdict.exit_code(),
        reason: reason(sample.verdict).to_owned(),
        run: RunTimes { warmup: 10.0, duration: sample.seconds as f64 - 15.0, cooldown: 5.0, ended: sample.seconds as f64 },
        scenario_text: "version = 1\nname = \"evening-calls\"\n\n[[population]]\nname = \"viewers\"\ntimeouts = { join = \"10s\" }\n".to_owned(),
        participants: Participants { planned, joined: planned - failed, failed, causes, rejoins: 3, ..Participants::default() },
        thresholds,
        metrics,
        rates: Rates { packets_up: 3_200.0, packets_down: 51_000.0, bits_up: 8e6, bits_down: 1.3e8, ..Rates::default() },
        series: series(sample, &people, &mut dice),
        links: vec![link()],
        participants_detail: people,
        health: health(sample),
        faults: faults(sample),
        events: events(sample),
        environment: Some(environment()),
        ..empty()
    }
}

fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "All 9 thresholds held; nearest was join.total p95, with 1.90 s of 2 s",
        Verdict::Fail => "video.freeze_ratio on network bad-mobile was 1.20\u{202f}%, its limit is 1\u{202f}%",
        Verdict::Inconclusive => "join.total p99 on network bad-mobile had 20 samples and needs 368",
        Verdict::Invalid => "The generator fell behind: harness.send_lateness p99 was 11.4 ms, its limit is 5 ms",
        Verdict::Interrupted => "Stopped by Ctrl-C at 0:28",
    }
}

fn people(sample: &Sample, dice: &mut Dice) -> Vec<ParticipantDetail> {
    (0..sample.people)
        .map(|i| {
            let network = sample.networks[i * 7 / 5 % sample.networks.len()];
            let bad = network != "home";
            let fails = !sample.calm && (i % 97 == 41 || (sample.people < 10 && i == 2));
            person(sample, dice, i, network, bad, fails)
        })
        .collect()
}

fn person(sample: &Sample, dice: &mut Dice, i: usize, network: &str, bad: bool, fails: bool) -> ParticipantDetail {
    const PHASES: [(&str, f64); 7] = [
        ("dispatch", 0.0004),
        ("signal", 0.06),
        ("ice", 0.09),
        ("dtls", 0.08),
        ("first_rtp", 0.03),
        ("first_keyframe", 0.07),
        ("first_frame", 0.015),
    ];
    let slow = if bad { 4.0 } else { 1.0 };
    let reached = if fails { 2 + i % 3 } else { PHASES.len() };
    let join: Vec<(String, f64)> =
        PHASES[..reached].iter().map(|(name, t)| ((*name).to_owned(), dice.about(t * slow, 0.5))).collect();
    let total: f64 = join.iter().map(|(_, t)| t).sum();
    let arrival = i as f64 * 9.0 / sample.people as f64;
    let frozen = if bad && !sample.calm && dice.roll() < 0.7 { dice.about(0.02, 0.8).min(0.6) } else { 0.0 };
    let mut scalars = std::collections::BTreeMap::new();
    if !fails {
        scalars.insert("video.freeze_ratio".to_owned(), frozen);
        scalars.insert("delay.frame".to_owned(), dice.about(0.05 * slow, 0.3));
        scalars.insert("rtp.loss_residual".to_owned(), if bad { dice.about(0.004, 0.5) } else { 0.0 });
        scalars.insert("audio.concealed_ratio".to_owned(), if bad { dice.about(0.01, 0.5) } else { 0.000_01 });
    }
    let causes = ["join_timeout", "transport_failed", "dtls_timeout"];
    ParticipantDetail {
        index: i as u32,
        name: if i == 1 { "<script>alert(1)</script>".to_owned() } else { format!("viewer-{i:04}") },
        population: if i.is_multiple_of(10) { "speakers" } else { "viewers" }.to_owned(),
        network: network.to_owned(),
        room: format!("room-{}", i / 20),
        kind: "light".to_owned(),
        state: if fails { "failed" } else { "joined" }.to_owned(),
        cause: fails.then(|| causes[reached - 2].to_owned()),
        detail: fails.then(|| "no answer to connectivity checks & nothing < 10 s".to_owned()),
        arrival,
        join,
        join_total: (!fails).then_some(total),
        sessions: 1,
        scalars,
        tracks: vec![TrackDetail {
            track: "speaker-1/camera".to_owned(),
            direction: "receive".to_owned(),
            kind: "video".to_owned(),
            codec: "VP8".to_owned(),
            scalars: Default::default(),
        }],
        timeline: (!fails && (frozen > 0.0 || i < 20)).then(|| timeline(sample, dice, arrival + total, frozen)),
    }
}

fn timeline(sample: &Sample, dice: &mut Dice, from: f64, frozen: f64) -> Timeline {
    let mut line = Timeline::default();
    for t in 0..sample.seconds {
        let watching = t as f64 >= from && t < sample.seconds - 3;
        let hit = frozen > 0.0 && (22..27).contains(&t);
        line.fps.push(watching.then(|| if hit { 4.0 } else { 24.0 + dice.roll() as f32 }));
        line.frozen.push(if watching && hit { (frozen * 8.0).min(1.0) as f32 } else { 0.0 });
    }
    line
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// An entry for every metric of the catalog, by population, network and phase, and one for all.
fn metrics(sample: &Sample, people: &[ParticipantDetail], dice: &mut Dice) -> Vec<MetricOutcome> {
    let mut list = Vec::new();
    for spec in CATALOG {
        if spec.name.starts_with("join.") && spec.kind == Kind::Trend {
            list.extend(join_entries(spec, people));
            continue;
        }
        let global = spec.name.starts_with("harness.") || ["sfu.cpu", "sfu.rss"].contains(&spec.name);
        let mut sum = Entry::new(spec);
        for network in sample.networks.iter().filter(|_| !global) {
            for population in ["speakers", "viewers"] {
                let mut entry = Entry::new(spec);
                entry.fill(sample, dice, spec, *network != "home");
                sum.add(&entry);
                let labels = labels(&[("network", network), ("phase", "steady"), ("population", population)]);
                list.push(entry.finish(spec, labels));
            }
        }
        if global {
            sum.fill(sample, dice, spec, false);
        }
        list.push(sum.finish(spec, Labels::new()));
    }
    list
}

fn join_entries(spec: &Spec, people: &[ParticipantDetail]) -> Vec<MetricOutcome> {
    let phase = spec.name.trim_start_matches("join.");
    let mut list = Vec::new();
    let mut keys: Vec<(String, String)> = people.iter().map(|p| (p.network.clone(), p.population.clone())).collect();
    keys.sort();
    keys.dedup();
    let mut sum = Entry::new(spec);
    for (network, population) in keys {
        let mut entry = Entry::new(spec);
        for p in people.iter().filter(|p| p.network == network && p.population == population) {
            let value =
                if phase == "total" { p.join_total } else { p.join.iter().find(|(n, _)| n == phase).map(|j| j.1) };
            match value {
                Some(value) => entry.record(value, 1),
                None => entry.censored += 1,
            }
        }
        sum.add(&entry);
        let labels = labels(&[("network", &network), ("phase", "warmup"), ("population", &population)]);
        list.push(entry.finish(spec, labels));
    }
    list.push(sum.finish(spec, Labels::new()));
    list
}

struct Entry {
    histogram: Histogram<u64>,
    scale: f64,
    censored: u64,
    count: u64,
    numerator: u64,
    level: f64,
}

impl Entry {
    fn new(spec: &Spec) -> Self {
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds are in order");
        Self { histogram, scale: spec.unit.scale(), censored: 0, count: 0, numerator: 0, level: 0.0 }
    }

    fn record(&mut self, value: f64, n: u64) {
        self.histogram.record_n((value / self.scale) as u64, n).expect("within bounds");
    }

    fn add(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("same bounds");
        self.censored += other.censored;
        self.count += other.count;
        self.numerator += other.numerator;
    }

    fn fill(&mut self, sample: &Sample, dice: &mut Dice, spec: &Spec, bad: bool) {
        let n = (sample.people * 40) as u64;
        match spec.kind {
            Kind::Trend => {
                let median = match spec.name {
                    "rtp.jitter" => 0.002,
                    "harness.send_lateness" => 0.0003,
                    "video.fps" | "video.hfps" => 24.0,
                    "audio.mos_est" => 4.1,
                    _ => 0.05,
                };
                let up = if bad && spec.unit.scale() == 1e-6 { 4.0 } else { 1.0 };
                for _ in 0..120 {
                    self.record(dice.about(median * up, 0.2), n / 120 + 1);
                }
            }
            Kind::Counter => {
                let silent = spec.name.starts_with("integrity") || spec.name.ends_with("rx_drops") || sample.calm;
                let few =
                    ["video.freeze_count", "video.black", "session.lost", "video.pause_count"].contains(&spec.name);
                self.count = if silent && !spec.name.starts_with("rtp.p") {
                    0
                } else if few {
                    n / 400
                } else {
                    n
                };
            }
            Kind::Ratio => {
                self.count = n * 50;
                let repaired = if spec.name == "rtp.loss_residual" { 0.2 } else { 1.0 };
                let share = repaired * if bad && !sample.calm { 0.012 } else { 0.000_02 };
                self.numerator = (self.count as f64 * share) as u64;
                if spec.name == "join.success" {
                    self.count = (sample.people as u64 / 4).max(1);
                    self.numerator = self.count - self.count / 80;
                }
            }
            Kind::Gauge => {
                self.count = sample.seconds as u64;
                self.level = if spec.name.ends_with("rss") { 3e8 } else { 0.73 };
            }
        }
    }

    fn finish(&self, spec: &Spec, labels: Labels) -> MetricOutcome {
        let trend = spec.kind == Kind::Trend;
        let total = self.histogram.len() + self.censored;
        let at = |q: f64| {
            let rank = (q * total as f64).ceil() as u64;
            let known = trend && !self.histogram.is_empty() && rank <= self.histogram.len();
            known.then(|| {
                self.histogram.value_at_quantile(rank as f64 / self.histogram.len() as f64) as f64 * self.scale
            })
        };
        let known = trend && !self.histogram.is_empty();
        let value = match spec.kind {
            Kind::Ratio => (self.count > 0).then(|| self.numerator as f64 / self.count as f64),
            Kind::Counter => Some(self.count as f64 / 25.0),
            Kind::Gauge => Some(self.level),
            Kind::Trend => None,
        };
        MetricOutcome {
            name: spec.name.to_owned(),
            unit: spec.unit.name().to_owned(),
            kind: spec.kind.name().to_owned(),
            labels,
            count: if trend { self.histogram.len() } else { self.count },
            censored: self.censored,
            out_of_range: 0,
            value,
            numerator: (spec.kind == Kind::Ratio).then_some(self.numerator),
            min: known.then(|| self.histogram.min() as f64 * self.scale),
            mean: known.then(|| self.histogram.mean() * self.scale),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            max: known.then(|| self.histogram.max() as f64 * self.scale),
            histogram: trend.then(|| encode(&self.histogram)),
            scale: trend.then_some(self.scale),
        }
    }
}

fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).expect("a Vec takes every write");
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn thresholds(metrics: &[MetricOutcome], people: u64) -> Vec<ThresholdOutcome> {
    let overall = |name: &str| metrics.iter().find(|m| m.name == name && m.labels.is_empty());
    let make = |name: &str, filter: &[(&str, &str)], expect: &str, value: Option<f64>, limit: f64| {
        let spec = Metric::from_name(name).expect("a known metric").spec();
        let least = if expect.starts_with("p99") { 368 } else { 1 };
        let holds = |v: f64| if expect.contains('>') { v >= limit } else { v < limit || v == 0.0 };
        let verdict = match value {
            _ if people < least => Verdict::Inconclusive,
            Some(value) if holds(value) => Verdict::Pass,
            _ => Verdict::Fail,
        };
        ThresholdOutcome {
            metric: name.to_owned(),
            filter: labels(filter),
            expect: expect.to_owned(),
            value,
            limit,
            unit: spec.unit.name().to_owned(),
            samples: people,
            min_samples: least,
            censored: u64::from(value.is_none()),
            severity: if name == "sfu.forward_delay" { "warn" } else { "fail" }.to_owned(),
            verdict,
        }
    };
    let p95 = |name: &str| overall(name).and_then(|m| m.p95);
    let value = |name: &str| overall(name).and_then(|m| m.value);
    vec![
        make("join.total", &[], "p95 < 2.5s", p95("join.total"), 2.5),
        make("join.total", &[], "p99 < 6s", overall("join.total").and_then(|m| m.p99), 6.0),
        make("join.success", &[], "value >= 0.98", value("join.success"), 0.98),
        make("video.freeze_ratio", &[("network", "bad-mobile")], "value < 0.01", Some(0.012), 0.01),
        make("video.freeze_ratio", &[], "value < 0.01", value("video.freeze_ratio"), 0.01),
        make("delay.frame", &[], "p95 < 450ms", p95("delay.frame"), 0.45),
        make("rtp.loss_residual", &[], "value < 0.02", value("rtp.loss_residual"), 0.02),
        make("sfu.forward_delay", &[], "p95 < 20ms", p95("sfu.forward_delay"), 0.02),
        make("integrity.misroute", &[], "count == 0", Some(0.0), 0.0),
    ]
}

fn series(sample: &Sample, people: &[ParticipantDetail], dice: &mut Dice) -> Series {
    let n = sample.seconds;
    let arrived = |t: usize| people.iter().filter(|p| p.arrival <= t as f64 + 1.0).count() as u64;
    let joined = |t: usize| {
        let inside = |p: &&ParticipantDetail| p.join_total.is_some_and(|d| p.arrival + d <= t as f64 + 1.0);
        if t + 3 >= n { 0 } else { people.iter().filter(inside).count() as u64 }
    };
    let gone = |t: usize| {
        people.iter().filter(|p| p.join_total.is_none() && p.arrival + 10.0 <= t as f64 + 1.0).count() as u64
    };
    let hit = |t: usize| !sample.calm && (22..27).contains(&t);
    let mut series = Series {
        interval: 1.0,
        intervals: n,
        planned: (0..n).map(|t| if t + 3 >= n { 0 } else { arrived(t) }).collect(),
        joined: (0..n).map(joined).collect(),
        failed: (0..n).map(gone).collect(),
        joining: (0..n).map(|t| if t + 3 >= n { 0 } else { arrived(t) - joined(t) - gone(t) }).collect(),
        frozen: (0..n).map(|t| if hit(t) { people.len() as u64 / 5 + 1 } else { 0 }).collect(),
        metrics: Vec::new(),
    };
    let mut keys = vec![Labels::new()];
    keys.extend(sample.networks.iter().map(|network| labels(&[("network", network)])));
    keys.extend(["speakers", "viewers"].map(|population| labels(&[("population", population)])));
    for spec in CATALOG.iter().filter(|spec| !spec.name.starts_with("join.")) {
        let global = spec.name.starts_with("harness.") || ["sfu.cpu", "sfu.rss"].contains(&spec.name);
        for key in keys.iter().filter(|key| !global || key.is_empty()) {
            let made = one_series(sample, dice, spec, key, &series.joined, &hit);
            series.metrics.push(made);
        }
    }
    series
}

fn one_series(
    sample: &Sample,
    dice: &mut Dice,
    spec: &Spec,
    key: &Labels,
    joined: &[u64],
    hit: &dyn Fn(usize) -> bool,
) -> MetricSeries {
    let mut made =
        MetricSeries { name: spec.name.to_owned(), labels: key.clone(), values: Vec::new(), histograms: Vec::new() };
    for (t, &people) in joined.iter().enumerate().take(sample.seconds) {
        let idle = people == 0 && spec.kind != Kind::Gauge;
        let bad = hit(t);
        match spec.kind {
            Kind::Trend => {
                let mut histogram = Vec::new();
                let median = match spec.name {
                    "rtp.jitter" => 0.003,
                    "harness.send_lateness" | "harness.loop_lag" => 0.000_2,
                    _ => 0.05,
                };
                let draws = if idle { 0 } else { 40.min(people * 3) };
                for _ in 0..draws {
                    let value = dice.about(if bad { median * 8.0 } else { median }, 0.5) / spec.unit.scale();
                    sparse::merge(&mut histogram, &[(sparse::bucket_of(value as u64), (people / 2 + 1) as u32)]);
                }
                made.histograms.push(histogram);
            }
            Kind::Counter => made.values.push(Some(counted(spec, people as f64, bad, sample, dice))),
            Kind::Ratio => {
                let repaired = if spec.name == "rtp.loss_residual" { 0.2 } else { 1.0 };
                let value = repaired
                    * if bad {
                        0.038
                    } else if sample.calm {
                        0.0
                    } else {
                        0.002 * dice.roll()
                    };
                made.values.push((!idle).then_some(value));
            }
            Kind::Gauge => made.values.push(Some(match spec.name {
                "sfu.rss" | "harness.rss" => 5e7 + people as f64 * 3e5,
                _ => 0.02 + people as f64 * 0.0008 * (1.0 + 0.1 * dice.roll()),
            })),
        }
    }
    made
}

fn counted(spec: &Spec, people: f64, bad: bool, sample: &Sample, dice: &mut Dice) -> f64 {
    match spec.name {
        "rtp.packets_sent" => (people * 30.0 * (1.0 + 0.02 * dice.roll())).round(),
        "rtp.packets_received" => (people * 120.0 * (1.0 + 0.02 * dice.roll())).round(),
        "rtp.bytes_sent" => (people * 26_000.0 * (1.0 + 0.02 * dice.roll())).round(),
        "rtp.bytes_received" => (people * 110_000.0 * (1.0 + 0.02 * dice.roll())).round(),
        name if name.starts_with("integrity") || name.ends_with("rx_drops") || sample.calm => 0.0,
        _ if bad => (people / 10.0).ceil(),
        _ => 0.0,
    }
}

fn link() -> LinkOutcome {
    LinkOutcome {
        participant: 0,
        direction: "down".to_owned(),
        class: "media".to_owned(),
        offered: 10,
        delivered: 9,
        lost: 1,
        overflowed: 0,
        marked: 0,
        duplicated: 0,
        corrupted: 0,
        waiting: 0,
        flying: 0,
    }
}

fn health(sample: &Sample) -> Health {
    let late = sample.verdict == Verdict::Invalid;
    let check = |condition: &str, value, limit, unit: &str, exceeded| HealthCheck {
        condition: condition.to_owned(),
        value,
        limit,
        unit: unit.to_owned(),
        exceeded,
    };
    Health {
        valid: !late,
        checks: vec![
            check("harness.send_lateness p99 > 5ms", Some(if late { 0.0114 } else { 0.0007 }), 0.005, "s", late),
            check("harness.cpu max > 0.90", Some(0.72), 0.9, "ratio", false),
            check("harness.rx_drops count > 0", Some(0.0), 0.0, "1", false),
        ],
        workers: 2,
        rx_drops: 0,
        receive_buffer: 212_992,
        receive_buffer_full: false,
        send_errors: 0,
        opened: Some(0.31),
        steal: Some(0.002),
        longest_stall: 0.004,
        notes: vec!["The kernel grants receive buffers of 208 KiB; raise net.core.rmem_max for more.".to_owned()],
    }
}

fn faults(sample: &Sample) -> Vec<FaultOutcome> {
    if sample.calm {
        return Vec::new();
    }
    let fault = |name: &str, kind: &str, at: f64, until: f64| FaultOutcome {
        name: name.to_owned(),
        kind: kind.to_owned(),
        at,
        until,
        selected: 12,
        ..FaultOutcome::default()
    };
    let times = |p50, p95, max| RecoveryTimes { p50: Some(p50), p95: Some(p95), max };
    vec![
        FaultOutcome {
            present: 12,
            recovered: 12,
            recovery: times(0.4, 1.8, Some(2.1)),
            expect: Some("8s".to_owned()),
            verdict: Some(Verdict::Pass),
            ..fault("blocked", "udp-block", 24.0, 26.0)
        },
        FaultOutcome {
            present: 12,
            recovered: 11,
            unrecovered: 1,
            recovery: times(1.2, 3.0, None),
            ..fault("a-very-long-name-of-a-fault-that-nobody-would-write", "signal-drop", 30.0, 30.0)
        },
        fault("nobody", "nat-rebind", 33.0, 33.0),
    ]
}

fn events(sample: &Sample) -> Vec<RunEvent> {
    let event = |at: f64, lasting: f64, kind: &str, text: &str| RunEvent {
        at,
        lasting,
        kind: kind.to_owned(),
        text: text.to_owned(),
    };
    if sample.calm {
        return Vec::new();
    }
    let mut list = vec![
        event(22.0, 5.0, "network", "bad-mobile: downlink falls to 0.4 Mbit/s"),
        event(24.0, 2.0, "fault", "blocked: no datagram gets through for 12 participants"),
        event(31.0, 0.0, "network", "bad-mobile: outage <of> 3 s & more"),
    ];
    if sample.many_events {
        list.extend((0..30).map(|i| event(5.0 + f64::from(i) * 0.8, 0.3, "network", "home: outage of 300 ms")));
    }
    list
}

fn environment() -> Environment {
    Environment {
        throng: "0.1.0".to_owned(),
        commit: "3f9c2e1".to_owned(),
        cpu: "Some Processor 3.1 GHz".to_owned(),
        cores: 2,
        memory: 8 << 30,
        kernel: "Linux 6.1.0".to_owned(),
        rustc: "rustc 1.95.0".to_owned(),
        command: "throng run scenarios/evening-calls.toml --seed 42".to_owned(),
        started: "2026-11-22T14:03:11Z".to_owned(),
    }
}
