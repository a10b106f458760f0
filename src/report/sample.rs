//! Outcomes made up for the tests: any number of participants, failed joins, freezes, an outage, two networks.
//!
//! The numbers come from a small generator of their own, so the samples are the same for ever.

mod metrics;
mod series;

use crate::outcome::{
    Environment, FaultOutcome, Health, HealthCheck, Labels, LinkGroupOutcome, LinkOutcome, Outcome, ParticipantDetail,
    Participants, Rates, RecoveryTimes, RunEvent, RunTimes, Series, Timeline, TrackDetail, Verdict, World,
};
use metrics::{metrics, thresholds};
use series::series;

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
        link_groups: Vec::new(),
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
        link_groups: vec![link_group()],
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
        voice: (!fails && i < 60 && i.is_multiple_of(4)).then(|| voice(sample, i)),
    }
}

/// Speech in spurts of some seconds, named a second late.
fn voice(sample: &Sample, i: usize) -> crate::outcome::Voice {
    let mut voice = crate::outcome::Voice::default();
    let speaks = |t: usize| (t / 3 + i / 4).is_multiple_of(5) && t > 10;
    for t in 0..sample.seconds {
        voice.push(if speaks(t) { 0.8 } else { 0.0 }, if t > 0 && speaks(t - 1) { 1.0 } else { 0.0 });
    }
    voice
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

fn link_group() -> LinkGroupOutcome {
    LinkGroupOutcome {
        group: "office-1".to_owned(),
        network: "office".to_owned(),
        participants: 4,
        direction: "up".to_owned(),
        offered: 100,
        delivered: 93,
        lost: 2,
        overflowed: 3,
        marked: 0,
        waiting: 2,
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
