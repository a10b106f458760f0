//! The outcome of a run, put together from what its parts, its driver and the machine leave behind.

use super::progress::Progress;
use super::reports::{WANTED_BUFFER, WorkerResult};
use crate::client::Shared;
use crate::clock::{Duration, Instant};
use crate::conference::Cause;
use crate::conference::LegKind;
use crate::metrics::Recorded;
use crate::metrics::catalog::Metric;
use crate::metrics::measure::Measure;
use crate::outcome::build;
use crate::outcome::faults;
use crate::outcome::voice;
use crate::outcome::{
    Ending, Environment, Evidence, Health, LinkOutcome, Names, OUTCOME_VERSION, Outcome, ParticipantDetail,
    Participants, RunEvent, RunTimes, Series, World, judge, judge_health, verdict,
};
use crate::plan::Plan;
use crate::plan::forecast::Forecast;
use crate::plan::target::AdapterPlan;
use crate::scenario::run as scenario;
use crate::scenario::secret::redact_url;
use std::collections::BTreeMap;

/// Participants whose timelines are kept: the worst ten are shown, and a few more may tie.
const TIMELINES: usize = 20;

/// What is left when a run has ended.
pub(in crate::drive) struct Gathered {
    pub results: Vec<WorkerResult>,
    pub progress: Progress,
    pub ending: Ending,
    pub ended: Instant,
    /// Of many runs put together the times of each; empty for one.
    pub runs: Vec<RunTimes>,
    pub stalls: Vec<(Instant, Duration)>,
    pub steal: Option<f64>,
    /// Of a live run; a simulated one knows no machine.
    pub environment: Option<Environment>,
}

impl Gathered {
    /// What one run left that was watched by nobody besides.
    pub fn new(results: Vec<WorkerResult>, progress: Progress, ending: Ending, ended: Instant) -> Self {
        Self { results, progress, ending, ended, runs: Vec::new(), stalls: Vec::new(), steal: None, environment: None }
    }
}

/// Puts the outcome together and judges it.
pub(in crate::drive) fn outcome(
    shared: &Shared,
    mut gathered: Gathered,
    scenario_text: &str,
    forecast: &Forecast,
) -> Outcome {
    let plan = &shared.plan;
    let times = RunTimes { ended: gathered.ended.as_secs_f64(), ..gathered.progress.times };
    let runs = if gathered.runs.is_empty() { vec![times] } else { std::mem::take(&mut gathered.runs) };
    let mut recorded = gathered.progress.finish_recorder(shared, &gathered.stalls);
    let (mut details, mut links, mut link_groups) = (Vec::new(), Vec::new(), Vec::new());
    let workers = gathered.results.len();
    let receive_buffer = gathered.results.iter().map(|result| result.receive_buffer).min().unwrap_or(0);
    for result in gathered.results {
        gathered.progress.drops += result.last.drops;
        gathered.progress.send_errors += result.last.send_errors;
        gathered.progress.without_socket += result.last.without_socket;
        recorded.merge(result.recorded);
        details.extend(result.details);
        links.extend(result.links);
        link_groups.extend(result.link_groups);
    }
    details.sort_by_key(|detail| detail.index);
    links.sort_by_key(|link: &LinkOutcome| link.participant);
    keep_worst_timelines(&mut details);
    voice::keep_loudest(&mut details);
    let names = Names::of(plan);
    let evidence = Evidence { recorded: &recorded, participants: &details, times: &times };
    let thresholds = judge(&plan.thresholds, evidence, &names);
    // In virtual time nothing of ours can be late.
    let live = plan.run.world == scenario::World::Live;
    let checks = if live { judge_health(&plan.invalid_if, evidence, &names) } else { Vec::new() };
    let mut health =
        health(checks, &gathered.progress, workers, receive_buffer, &recorded, &gathered.stalls, gathered.steal);
    if let Some(gone) = &gathered.ending.generator_gone {
        health.valid = false;
        health.notes.insert(0, gone.clone());
    }
    let judgement = verdict(&plan.thresholds, &thresholds, &health, &gathered.ending, &times);
    Outcome {
        version: OUTCOME_VERSION,
        scenario: plan.scenario.clone(),
        seed: plan.seed,
        world: if live { World::Live } else { World::Simulated },
        verdict: judgement.verdict,
        exit_code: judgement.exit_code,
        reason: judgement.reason,
        run: times,
        target: target_name(plan),
        scenario_text: scenario_text.to_owned(),
        participants: participants(shared, &details, &recorded),
        seeds: Vec::new(),
        metrics: build::metrics(&recorded, &names, &runs),
        rates: build::rates(&recorded, &runs, (forecast.steady.packets_up, forecast.steady.packets_down)),
        series: series(&gathered.progress, &names, plan.output.interval, gathered.ended),
        links,
        link_groups,
        participants_detail: details,
        health,
        faults: faults::faults(plan, &recorded, &thresholds),
        thresholds,
        events: events(plan, gathered.progress.events, gathered.ended),
        environment: gathered.environment,
    }
}

pub(in crate::drive) fn target_name(plan: &Plan) -> String {
    match &plan.target.adapter {
        AdapterPlan::Reference(_) if plan.run.world == scenario::World::Simulated => {
            "simulated reference SFU".to_owned()
        }
        AdapterPlan::Reference(reference) => match reference.leg {
            LegKind::Str0m => "reference SFU".to_owned(),
            LegKind::Own => "reference SFU with legs of throng's own".to_owned(),
        },
        AdapterPlan::Room { url } => format!("room {}", redact_url(url)),
        AdapterPlan::WhipWhep(whip) => {
            let url = whip.whip.as_ref().or(whip.whep.as_ref());
            format!("whip-whep {}", url.map(|url| redact_url(url)).unwrap_or_default())
        }
    }
}

fn participants(shared: &Shared, details: &[ParticipantDetail], recorded: &Recorded) -> Participants {
    let mut causes = BTreeMap::new();
    for cause in details.iter().filter_map(|detail| detail.cause.as_ref()) {
        *causes.entry(cause.clone()).or_insert(0) += 1;
    }
    let joined = details.iter().filter(|detail| detail.join_total.is_some()).count() as u64;
    let planned = shared.plan.participants.len() as u64;
    // Who never arrived because the run ended first has not joined, and says why.
    let lost = planned - details.len() as u64;
    let never = planned - joined - lost - causes.values().sum::<u64>();
    // Of whom nothing is known the worker was lost: that is this machine's doing.
    for (cause, people) in [(Cause::RunEnded, never), (Cause::Local, lost)].into_iter().filter(|(_, n)| *n > 0) {
        *causes.entry(cause.name().to_owned()).or_insert(0) += people;
    }
    let rejoined = |metric: Metric| match recorded.pooled(metric, |key| key.rejoin) {
        Some(Measure::Ratio(ratio)) => (ratio.numerator, ratio.denominator),
        _ => (0, 0),
    };
    let (rejoins_ok, rejoins) = rejoined(Metric::JoinSuccess);
    let lost = match recorded.pooled(Metric::SessionsLost, |_| true) {
        Some(Measure::Counter(n)) => n,
        _ => 0,
    };
    Participants {
        planned,
        joined,
        failed: planned - joined,
        arrivals_dropped: shared.plan.arrivals_dropped,
        causes,
        rejoins,
        rejoins_failed: rejoins - rejoins_ok,
        sessions_lost: lost,
    }
}

/// Timelines of everybody would be most of the file: those of the worst stay, in the order in which the report shows
/// them: by frozen share, then by frame delay.
fn keep_worst_timelines(details: &mut [ParticipantDetail]) {
    let scalar = |detail: &ParticipantDetail, metric: Metric| detail.scalars.get(metric.name()).copied();
    let badness = |detail: &ParticipantDetail| {
        let frozen = scalar(detail, Metric::VideoFreezeRatio).unwrap_or(-1.0);
        (frozen, scalar(detail, Metric::DelayFrame).unwrap_or(0.0))
    };
    let mut order: Vec<(usize, (f64, f64))> = details.iter().map(badness).enumerate().collect();
    order.sort_by(|(_, a), (_, b)| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    for (index, _) in order.into_iter().skip(TIMELINES) {
        details[index].timeline = None;
    }
}

fn series(progress: &Progress, names: &Names, interval: Duration, ended: Instant) -> Series {
    let intervals = (ended.as_nanos() / interval.as_nanos().max(1) as u64) as usize;
    let heads = |pick: fn(&super::progress::Heads) -> u64| {
        (0..intervals as u32).map(|index| progress.heads.get(&index).map_or(0, pick)).collect::<Vec<u64>>()
    };
    Series {
        interval: interval.as_secs_f64(),
        intervals,
        planned: (0..intervals).map(|index| progress.planned.get(index).copied().unwrap_or(0)).collect(),
        joining: heads(|heads| heads.joining),
        joined: heads(|heads| heads.in_room),
        failed: heads(|heads| heads.failed),
        frozen: heads(|heads| heads.frozen),
        metrics: progress.series.finish(names, intervals as u32),
    }
}

fn health(
    checks: Vec<crate::outcome::HealthCheck>,
    progress: &Progress,
    workers: usize,
    receive_buffer: u64,
    recorded: &Recorded,
    stalls: &[(Instant, Duration)],
    steal: Option<f64>,
) -> Health {
    let opened = match recorded.pooled(Metric::HarnessOpened, |_| true) {
        Some(Measure::Ratio(ratio)) => ratio.value(),
        _ => None,
    };
    let longest_stall = stalls.iter().map(|(_, length)| length.as_secs_f64()).fold(0.0, f64::max);
    let mut notes = Vec::new();
    if longest_stall > 0.0 {
        let often = if stalls.len() == 1 { "once".to_owned() } else { format!("{} times", stalls.len()) };
        notes.push(format!("The whole machine stalled {often}, for {longest_stall:.2} s at the longest: a thread that only sleeps saw it."));
    }
    if progress.send_errors > 0 {
        notes.push(format!("The kernel refused {} datagrams of ours.", progress.send_errors));
    }
    if progress.without_socket > 0 {
        let times =
            if progress.without_socket == 1 { "once".to_owned() } else { format!("{} times", progress.without_socket) };
        notes.push(format!(
            "The kernel refused a UDP socket {times}: those joins and sessions failed by this machine's doing."
        ));
    }
    Health {
        valid: checks.iter().all(|check| !check.exceeded),
        checks,
        workers: workers as u32,
        rx_drops: progress.drops,
        receive_buffer: if receive_buffer == u64::MAX { 0 } else { receive_buffer },
        receive_buffer_full: receive_buffer >= WANTED_BUFFER as u64,
        send_errors: progress.send_errors,
        opened,
        steal,
        longest_stall,
        notes,
    }
}

/// What the plan does to the networks, and what happened besides.
fn events(plan: &Plan, mut events: Vec<RunEvent>, ended: Instant) -> Vec<RunEvent> {
    for network in &plan.networks {
        for step in network.steps.iter().skip(1).filter(|step| step.at < ended) {
            let text = format!("the conditions of {} change", network.name);
            events.push(RunEvent { at: step.at.as_secs_f64(), lasting: 0.0, kind: "network".to_owned(), text });
        }
    }
    let mut outages: BTreeMap<(String, u64, u64), u64> = BTreeMap::new();
    for participant in &plan.participants {
        let network = &plan.networks[usize::from(participant.network)].name;
        for outage in participant.outages.iter().filter(|outage| outage.at < ended) {
            let key = (network.clone(), outage.at.as_nanos(), outage.length.as_nanos() as u64);
            *outages.entry(key).or_default() += 1;
        }
    }
    for ((network, at, length), who) in outages {
        let text = format!("outage of {network} for {who} participants");
        events.push(RunEvent { at: at as f64 / 1e9, lasting: length as f64 / 1e9, kind: "network".to_owned(), text });
    }
    events.extend(faults::events(plan, ended));
    events.sort_by(|a, b| a.at.total_cmp(&b.at).then_with(|| a.text.cmp(&b.text)));
    events
}
