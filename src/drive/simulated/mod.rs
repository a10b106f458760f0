//! The simulated driver: a whole run in one process, in virtual time, without a socket.
//!
//! The same plan, clients, links, judgement and document as in the live world. Rooms that share nothing are islands, each
//! with a queue of its own, dealt out to threads; an interval is run on all of them before the next. Below that nothing
//! reads a clock, starts a thread or depends on the order of a hash; what it answers is a function of throng's version,
//! the scenario and the seed. Who wants many seeds runs many of these (`pool`).

mod address;
mod island;
mod line;
pub mod pool;
mod service;
mod serving;
mod sfu;
mod story;
mod team;
mod timers;
mod world;

#[cfg(test)]
mod tests;

use super::assemble::{self, Gathered};
use super::dump::Dump;
use super::progress::Progress;
use super::status::Status;
use crate::client::Shared;
use crate::clock::Instant;
use crate::metrics::Interval;
use crate::outcome::{Ending, Outcome};
use crate::plan::{Forecast, Plan};
use crate::rtp::ntp::Ntp;
use crate::transport::Factory;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use team::{Team, TeamReport};

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
    #[error("there is no participant `{name}` in the plan: name one of {known}, or give an index from 0 to {last}")]
    NoSuchParticipant {
        /// Who.
        name: String,
        /// Who is there, by population.
        known: String,
        /// The last index of the plan.
        last: usize,
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
    /// Whose reception is written, and where.
    pub dump: Option<Dump>,
    /// Threads to use at most; how many changes nothing in what comes out. 0 is 1.
    pub threads: usize,
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
    let story_of = options.story_of.as_ref().map(|name| find(&plan, name)).transpose()?;
    let plan = Arc::new(plan);
    let shared = shared(plan.clone(), options.dump.as_ref());
    let mut progress = Progress::new(&plan, assemble::target_name(&plan));
    let mut intervals = keep.then(Vec::new);
    let mut teams = team::teams(&shared, island::islands(&plan), options.threads, story_of);
    teams.iter_mut().for_each(|team| team.hose = options.dump.as_ref().map(|dump| dump.hose.clone()));
    let (ending, ended) =
        drive(&mut teams, &shared, &mut progress, options, &mut intervals, &mut Told { on_status, on_story });
    team::each(&mut teams, Team::finish);
    let (mut results, mut lost) = (Vec::new(), (0, 0));
    for team in teams {
        let left = team.leave(&shared);
        left.story.iter().for_each(|line| on_story(line));
        left.milestones.into_iter().for_each(|(who, what)| progress.note(who, what));
        progress.events.extend(left.events);
        lost = (lost.0 + left.lost.0, lost.1 + left.lost.1);
        results.push(left.result);
    }
    let links = results.iter().flat_map(|result| &result.links);
    let deliveries = links.filter(|link| link.direction == "down").map(|link| link.delivered).sum();
    let gathered = Gathered::new(results, progress, ending, ended);
    Ok(Part { shared, gathered, intervals: intervals.unwrap_or_default(), lost, deliveries })
}

fn shared(plan: Arc<Plan>, dump: Option<&Dump>) -> Arc<Shared> {
    let origin = Ntp::from_unix_nanos(EPOCH_UNIX_NANOS);
    let dumped = dump.into_iter().flat_map(|dump| dump.participants.iter().copied());
    Arc::new(Shared::new(plan, Factory::Modelled, origin, BASE_URL.to_owned(), false).dumping(dumped))
}

fn find(plan: &Plan, name: &str) -> Result<u32, SimulateError> {
    let found = plan.participants.iter().find(|participant| participant.name == name);
    found.map(|participant| participant.index).ok_or_else(|| {
        let ends = (0u16..).zip(&plan.populations).filter_map(|(population, _)| {
            let members = || plan.participants.iter().filter(|participant| participant.population == population);
            let (first, last) = (&members().next()?.name, &members().next_back()?.name);
            Some(if first == last { first.clone() } else { format!("{first} to {last}") })
        });
        let known = ends.collect::<Vec<_>>().join(", ");
        let last = plan.participants.len().saturating_sub(1);
        SimulateError::NoSuchParticipant { name: name.to_owned(), known, last }
    })
}

/// Who is told of a run while it goes on.
struct Told<'a> {
    on_status: &'a mut dyn FnMut(&Status),
    on_story: &'a mut dyn FnMut(&str),
}

/// Lets the run happen, interval by interval; answers how it ended, and when.
fn drive(
    teams: &mut [Team],
    shared: &Shared,
    progress: &mut Progress,
    options: &Options,
    intervals: &mut Option<Vec<Interval>>,
    told: &mut Told<'_>,
) -> (Ending, Instant) {
    let (end, interval) = (shared.plan.run.end(), shared.plan.output.interval);
    let mut ending = Ending::default();
    let mut index = 0;
    loop {
        let whole = Instant::ZERO + interval * (index + 1);
        let until = whole.min(end);
        let reports = team::each(teams, |team| {
            team.run_until(until);
            (until == whole).then(|| team.end_interval(index, interval))
        });
        if until == whole {
            end_interval(until, shared, progress, reports.into_iter().flatten(), intervals, told);
            ending.aborted_by = progress.judge(until, shared);
            (told.on_status)(progress.status());
            index += 1;
        }
        ending.interrupted = options.interrupted.load(Ordering::Relaxed);
        if ending.interrupted || ending.aborted_by.is_some() || until >= end {
            progress.note_end(until, &ending);
            return (ending, until);
        }
    }
}

fn end_interval(
    now: Instant,
    shared: &Shared,
    progress: &mut Progress,
    reports: impl Iterator<Item = TeamReport>,
    intervals: &mut Option<Vec<Interval>>,
    told: &mut Told<'_>,
) {
    let mut busy: Vec<(usize, f64)> = Vec::new();
    for team in reports {
        team.story.iter().for_each(|line| (told.on_story)(line));
        intervals.iter_mut().for_each(|kept| kept.push(team.report.interval.clone()));
        team.milestones.into_iter().for_each(|(who, what)| progress.note(who, what));
        progress.add(team.report);
        busy.extend(team.busy);
    }
    busy.sort_by_key(|(island, _)| *island);
    let cores = (!busy.is_empty()).then(|| busy.iter().map(|(_, busy)| busy).sum());
    let sampled = progress.sample_modelled(now, shared, cores);
    intervals.iter_mut().for_each(|kept| kept.push(sampled.clone()));
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
