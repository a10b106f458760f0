//! What the panel shows, put together from the intervals once each: figures now, and the last minutes of them.

use super::planned::planned;
use super::progress::Progress;
use crate::client::Shared;
use crate::clock::{Duration, Instant};
use crate::drive::status::{Event, Generator, Leaving, Phases, Status, ThresholdStatus, Trend};
use crate::metrics::Recorded;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::RunPhase;
use crate::metrics::measure::Measure;
use crate::outcome::{HealthCheck, ThresholdOutcome};
use crate::plan::Plan;

/// The status as it was last shown.
#[derive(Debug, Default)]
pub(super) struct Board {
    status: Status,
}

impl Board {
    pub fn new(plan: &Plan, target: String) -> Self {
        let status = Status {
            scenario: plan.scenario.clone(),
            seed: plan.seed,
            target,
            phases: Phases::from(&plan.run),
            planned: plan.participants.len() as u64,
            ..Status::default()
        };
        Self { status }
    }

    /// Takes in one more interval.
    pub fn update(
        &mut self,
        now: Instant,
        shared: &Shared,
        progress: &Progress,
        judged: &[ThresholdOutcome],
        health: &[HealthCheck],
    ) {
        let status = &mut self.status;
        status.now = now;
        status.arrived = progress.arrived;
        status.failed = progress.failed;
        if let Some(heads) = progress.heads.values().next_back() {
            status.joining = heads.joining;
            status.in_room = heads.in_room;
            status.frozen.push(Some(heads.frozen as f64));
            status.generator.busiest = Some(heads.busiest);
        }
        status.away = status.arrived.saturating_sub(status.in_room + status.joining + status.failed);
        status.joins = [0.5, 0.95, 0.99].map(|q| quantile(&progress.so_far, Metric::JoinTotal, q));
        push_rates(status, progress);
        let ramp = shared.phase(now) == RunPhase::Warmup;
        status.thresholds = shared
            .plan
            .thresholds
            .iter()
            .zip(judged)
            .map(|(plan, outcome)| ThresholdStatus::of(plan, outcome, ramp))
            .collect();
        generator(&mut status.generator, progress, health);
        status.event = newest_event(&shared.plan, now);
    }

    /// The status to show.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The run is over: participants leave, and then the report is written.
    pub fn set_ending(&mut self, now: Instant, interrupted: bool, within: Duration) {
        self.status.now = now;
        self.status.writing = !interrupted;
        self.status.ending = interrupted.then_some(Leaving { participants: self.status.in_room, left: within });
    }
}

/// Rates and quantiles of the newest interval.
fn push_rates(status: &mut Status, progress: &Progress) {
    let Some(last) = &progress.last else { return };
    let seconds = last.length.as_secs_f64().max(1e-3);
    let per_second = |metric: Metric| Some(last.counted(metric) as f64 / seconds);
    status.packets_up = per_second(Metric::RtpPacketsSent);
    status.packets_down = per_second(Metric::RtpPacketsReceived);
    status.up.push(per_second(Metric::RtpBytesSent).map(|bytes| bytes * 8.0));
    status.down.push(per_second(Metric::RtpBytesReceived).map(|bytes| bytes * 8.0));
    status.loss.push(last.ratio(Metric::RtpLossNet));
    status.jitter.push(last.quantile(Metric::RtpJitter, 0.95));
    status.delay.push(last.quantile(Metric::DelayFrame, 0.95));
    push_some(&mut status.sfu_cpu, progress.sfu_cpu);
    push_some(&mut status.sfu_memory, progress.sfu.map(|usage| usage.rss_bytes as f64));
}

fn push_some(trend: &mut Trend, value: Option<f64>) {
    if value.is_some() || trend.now.is_some() {
        trend.push(value);
    }
}

fn generator(generator: &mut Generator, progress: &Progress, health: &[HealthCheck]) {
    generator.late_p99 = quantile(&progress.so_far, Metric::HarnessSendLateness, 0.99);
    let limit = |metric: Metric| {
        health.iter().find(|check| check.condition.starts_with(metric.name())).map(|check| check.limit)
    };
    generator.late_limit = limit(Metric::HarnessSendLateness);
    generator.busiest_limit = limit(Metric::HarnessCpu);
    generator.drops = progress.drops;
    generator.exceeded = health.iter().any(|check| check.exceeded);
}

fn quantile(recorded: &Recorded, metric: Metric, q: f64) -> Option<f64> {
    match recorded.pooled(metric, |_| true)? {
        Measure::Trend(histogram) => histogram.quantile(q),
        Measure::Counter(_) | Measure::Ratio(_) | Measure::Gauge(_) => None,
    }
}

/// The newest change of a network or outage that has begun.
fn newest_event(plan: &Plan, now: Instant) -> Option<Event> {
    let steps = plan.networks.iter().flat_map(|network| {
        let begun = network.steps.iter().skip(1).filter(|step| step.at <= now).map(|step| step.at);
        begun.map(|at| (at, Duration::from_secs(2), format!("the conditions of {} change", network.name)))
    });
    let mut outages: Vec<(Instant, Duration, String)> = plan
        .participants
        .iter()
        .flat_map(|participant| {
            let network = &plan.networks[usize::from(participant.network)].name;
            participant.outages.iter().map(move |outage| (outage.at, outage.length, format!("outage of {network}")))
        })
        .filter(|(at, ..)| *at <= now)
        .collect();
    outages.sort();
    outages.dedup();
    let mut begun: Vec<_> = steps.chain(outages).collect();
    begun.sort();
    let on = |(at, length, _): &(Instant, Duration, String)| now < *at + *length;
    let more = begun.iter().filter(|event| on(event)).count().saturating_sub(1);
    let newest = begun.pop()?;
    Some(Event { at: newest.0, on: on(&newest), more, text: newest.2 })
}

/// Participants planned to be in at the end of each interval.
pub(super) fn planned_series(plan: &Plan) -> Vec<u64> {
    let interval = plan.output.interval;
    let count = plan.run.end().as_nanos().div_ceil(interval.as_nanos().max(1) as u64) as u32;
    (1..=count)
        .map(|index| planned(plan, (Instant::ZERO + interval * index).saturating_sub(Duration::from_nanos(1))))
        .collect()
}
