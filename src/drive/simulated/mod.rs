//! The simulated driver: a whole run in one thread, in virtual time, without a socket.
//!
//! The same plan, clients, links, judgement and document as in the live world. Below it nothing reads a clock, starts a
//! thread or depends on the order of a hash; what it answers is a function of throng's version, the scenario and the
//! seed. Who wants many seeds runs many of these.

mod address;
mod line;
pub mod pool;
mod service;
mod sfu;
mod story;
mod timers;
mod world;

#[cfg(test)]
mod tests;

use super::live::assemble::{self, Gathered};
use super::live::message::{IntervalReport, Report, WorkerResult};
use super::live::progress::Progress;
use super::status::Status;
use crate::client::{Client, Shared};
use crate::clock::{Duration, Instant};
use crate::metrics::Interval;
use crate::outcome::{Ending, Outcome};
use crate::plan::{Forecast, Plan};
use crate::rtp::ntp::Ntp;
use crate::transport::Factory;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use story::Story;
use world::World;

/// Wall-clock time at the start of every simulated run, for NTP stamps: 2026-01-01 00:00 UTC.
const EPOCH_UNIX_NANOS: u64 = 1_767_225_600_000_000_000;

/// Where the simulated SFU's HTTP would answer; no byte of it leaves the process.
const BASE_URL: &str = "http://127.0.0.1:3478";

/// Why a simulation does not begin; each message is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// More participants than there are addresses.
    #[error("a simulated run has at most {most} participants, and the plan has {planned}")]
    TooMany {
        /// Of the plan.
        planned: usize,
        /// That fit.
        most: usize,
    },
    /// The participant whose story is asked for does not exist.
    #[error("there is no participant `{name}` in the plan; the first are {first}")]
    NoSuchParticipant {
        /// Who.
        name: String,
        /// Who is there.
        first: String,
    },
}

/// What a simulation is given besides its plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Set by Ctrl-C: the run ends at the next interval.
    pub interrupted: Arc<AtomicBool>,
    /// The scenario as it runs, secrets redacted.
    pub scenario_text: String,
    /// Whose story is wanted, by name.
    pub story_of: Option<String>,
}

/// What a simulation leaves behind.
#[derive(Debug)]
pub struct Simulated {
    /// The outcome.
    pub outcome: Outcome,
    /// Packets that arrived at subscribers, for the bench.
    pub deliveries: u64,
}

/// What a run leaves behind before it is judged.
pub(super) struct Part {
    shared: Arc<Shared>,
    gathered: Gathered,
    /// The intervals of its series, where they were to be kept.
    intervals: Vec<Interval>,
    /// Datagrams that the SFU dropped, and that came from nobody.
    lost: (u64, u64),
    deliveries: u64,
}

/// Runs a plan. `on_status` is told how it stands after every interval of virtual time, and `on_story` of the
/// participant's story, line by line.
///
/// # Errors
/// When it cannot begin.
pub fn run(
    plan: Plan,
    options: &Options,
    on_status: &mut dyn FnMut(&Status),
    on_story: &mut dyn FnMut(&str),
) -> Result<Simulated, SimulateError> {
    let part = simulate(plan, options, false, on_status, on_story)?;
    let forecast = Forecast::of(&part.shared.plan);
    let mut outcome = assemble::outcome(&part.shared, part.gathered, &options.scenario_text, &forecast);
    note_losses(&mut outcome, part.lost);
    Ok(Simulated { outcome, deliveries: part.deliveries })
}

/// Runs a plan up to its judgement.
fn simulate(
    plan: Plan,
    options: &Options,
    keep: bool,
    on_status: &mut dyn FnMut(&Status),
    on_story: &mut dyn FnMut(&str),
) -> Result<Part, SimulateError> {
    let planned = plan.participants.len();
    if planned > address::MOST {
        return Err(SimulateError::TooMany { planned, most: address::MOST });
    }
    let story = options.story_of.as_ref().map(|name| find(&plan, name)).transpose()?.map(Story::new);
    let plan = Arc::new(plan);
    let shared = shared(plan.clone());
    let mut progress = Progress::new(&plan, assemble::target_name(&plan));
    let mut intervals = keep.then(Vec::new);
    let mut world = World::new(shared.clone(), story);
    let ending = drive(&mut world, &mut progress, options, &mut intervals, on_status, on_story);
    let ended = world.now;
    world.finish();
    tell_story(&mut world, on_story);
    take_milestones(&mut world, &mut progress);
    let lost = world.sfu.lost();
    progress.events.append(&mut world.events);
    let World { clients, sink, .. } = world;
    let result = WorkerResult {
        details: clients.iter().map(|client| client.detail(&shared)).collect(),
        links: clients.iter().flat_map(Client::links).collect(),
        recorded: sink.recorder.finish(),
        last: IntervalReport::default(),
        receive_buffer: 0,
    };
    let deliveries = result.links.iter().filter(|link| link.direction == "down").map(|link| link.delivered).sum();
    let gathered =
        Gathered { results: vec![result], progress, ending, ended, stalls: Vec::new(), steal: None, environment: None };
    Ok(Part { shared, gathered, intervals: intervals.unwrap_or_default(), lost, deliveries })
}

fn shared(plan: Arc<Plan>) -> Arc<Shared> {
    let origin = Ntp::from_unix_nanos(EPOCH_UNIX_NANOS);
    Arc::new(Shared::new(plan, Factory::Modelled, origin, BASE_URL.to_owned(), false))
}

fn find(plan: &Plan, name: &str) -> Result<u32, SimulateError> {
    let found = plan.participants.iter().find(|participant| participant.name == name);
    found.map(|participant| participant.index).ok_or_else(|| {
        let first: Vec<&str> = plan.participants.iter().take(5).map(|participant| participant.name.as_str()).collect();
        SimulateError::NoSuchParticipant { name: name.to_owned(), first: first.join(", ") }
    })
}

/// Lets the run happen, interval by interval; answers how it ended.
fn drive(
    world: &mut World,
    progress: &mut Progress,
    options: &Options,
    intervals: &mut Option<Vec<Interval>>,
    on_status: &mut dyn FnMut(&Status),
    on_story: &mut dyn FnMut(&str),
) -> Ending {
    let shared = world.shared.clone();
    let (end, interval) = (shared.plan.run.end(), shared.plan.output.interval);
    let mut ending = Ending::default();
    let mut index = 0;
    loop {
        let until = (Instant::ZERO + interval * (index + 1)).min(end);
        world.run_until(until);
        let whole = until == Instant::ZERO + interval * (index + 1);
        if whole {
            end_interval(world, progress, index, interval, intervals);
            ending.aborted_by = progress.judge(until, &shared);
            on_status(progress.status());
            index += 1;
        }
        tell_story(world, on_story);
        ending.interrupted = options.interrupted.load(Ordering::Relaxed);
        if ending.interrupted || ending.aborted_by.is_some() || until >= end {
            progress.note_end(until, &ending);
            return ending;
        }
    }
}

fn end_interval(
    world: &mut World,
    progress: &mut Progress,
    index: u32,
    interval: Duration,
    intervals: &mut Option<Vec<Interval>>,
) {
    let mut report = IntervalReport::default();
    for client in 0..world.clients.len() as u32 {
        world.tell(client, |client, now, shared, sink| {
            let snapshot = client.handle_interval(now, shared, sink);
            report.joining += u64::from(snapshot.joining);
            report.in_room += u64::from(snapshot.in_room);
            report.frozen += u64::from(snapshot.frozen);
        });
    }
    report.interval = world.sink.recorder.take_interval(index);
    intervals.iter_mut().for_each(|kept| kept.push(report.interval.clone()));
    take_milestones(world, progress);
    progress.take(Report::Interval(Box::new(report)));
    // Who watches the run looks at it through `Progress`, where the closed populations' moves are no news.
    drop(progress.drain_milestones());
    let busy = world.sfu.take_busy(world.now, interval);
    let shared = world.shared.clone();
    progress.sample_modelled(world.now, &shared, busy);
}

fn take_milestones(world: &mut World, progress: &mut Progress) {
    for (client, milestone) in world.take_milestones() {
        progress.take(Report::Milestone(client, milestone));
    }
}

fn tell_story(world: &mut World, on_story: &mut dyn FnMut(&str)) {
    if let Some(story) = &mut world.story {
        story.take().iter().for_each(|line| on_story(line));
    }
}

/// What the modelled SFU lost is said where the health of a run stands.
fn note_losses(outcome: &mut Outcome, (dropped, strays): (u64, u64)) {
    outcome.health.workers = 0;
    if dropped > 0 {
        let note = format!("The simulated SFU was overloaded: {dropped} datagrams found its queue full.");
        outcome.health.notes.push(note);
    }
    if strays > 0 {
        let note = format!("{strays} datagrams reached the simulated SFU from nobody that it knew.");
        outcome.health.notes.push(note);
    }
}
