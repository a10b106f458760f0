//! One live run from its plan to its outcome.

use super::clock::RunClock;
use super::clock::pause_thread;
use super::hands::{Hands, Scene};
use super::limits;
use super::machine::{self, Canary, CpuTimes};
use super::socket::Sources;
use super::target::{Addresses, Patience, ProcessSpawn, ReferenceSpawn, Target};
use super::worker::{Command, Connections, Report, Worker};
use crate::client::{Milestone, Shared};
use crate::clock::{Duration, Instant};
use crate::drive::assemble::{self, Gathered};
use crate::drive::carry::Carrier;
use crate::drive::closed::{Closed, Move};
use crate::drive::dump::{Dump, Hose};
use crate::drive::progress::Progress;
use crate::drive::reports::WorkerResult;
use crate::drive::status::Status;
use crate::outcome::{Ending, Outcome};
use crate::plan::Plan;
use crate::plan::forecast::Forecast;
use crate::plan::target::AdapterPlan;
use crate::rtp::ntp::Ntp;
use crate::transport::Factory;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// How often the coordinator looks at closed populations and at the target.
const LOOK: Duration = Duration::from_millis(5);
/// How long workers may take to leave.
const LEAVE: Duration = Duration::from_secs(4);
/// How long the reference SFU may take to serve.
const START: Duration = Duration::from_secs(15);
/// How long a target may take to accept a connection.
const ANSWER: Duration = Duration::from_secs(3);
/// How long messages of leaving may be under way.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The target could not be started, or does not answer: exit code 3.
    #[error("{0}")]
    Unreachable(String),
    /// A target that is not on this machine, without the user's word that it is theirs: exit code 2.
    #[error("target.url: {0} is not on this machine; pass --i-own-target if it is yours and may be loaded")]
    NotLoopback(String),
    /// This machine cannot hold the run: exit code 2.
    #[error("{0}")]
    Local(String),
}

impl DriveError {
    /// What the process exits with.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable(_) => crate::outcome::verdict::TARGET_GONE as u8,
            Self::NotLoopback(_) | Self::Local(_) => 2,
        }
    }
}

/// What a run needs to know besides its plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the user owns a target that is not on this machine.
    pub i_own_target: bool,
    /// Set by the first Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
    /// The command, secrets redacted.
    pub command: String,
    /// The scenario as it runs, secrets redacted.
    pub scenario_text: String,
    /// Whose reception is written, and where.
    pub dump: Option<Dump>,
}

/// Runs a plan. `on_status` is told once an interval how it stands, and `on_warning` of what the user should know.
///
/// # Errors
/// When the run cannot begin; what began always ends in an outcome.
pub fn run(
    plan: Plan,
    options: &Options,
    on_status: &mut dyn FnMut(&Status),
    on_warning: &mut dyn FnMut(&str),
) -> Result<Outcome, DriveError> {
    let plan = Arc::new(plan);
    let forecast = Forecast::of(&plan);
    limits::ensure_open_files(forecast.open_files).map_err(DriveError::Local)?;
    check_ready_url(&plan, options.i_own_target)?;
    let mut target = start_target(&plan, None, &Arc::default())?;
    let base_url = base_url(&plan, target.as_ref());
    let sources = reach(&plan, &base_url, options.i_own_target, forecast.sockets)?;
    let clock = RunClock::start();
    let (started, origin) = super::wall::wall_clock();
    let cpu_before = CpuTimes::read();
    let transports = Factory::new(clock.epoch()).map_err(DriveError::Local)?;
    let origin = Ntp::from_unix_nanos(origin);
    let dumped = options.dump.iter().flat_map(|dump| dump.participants.iter().copied());
    let shared = Shared::new(plan.clone(), transports, origin, base_url, options.i_own_target).dumping(dumped);
    let shared = Arc::new(shared);
    let carrier = Carrier::start(options.i_own_target, 1).map_err(|error| DriveError::Local(error.to_string()))?;
    let hose = options.dump.as_ref().map(|dump| dump.hose.clone());
    let mut crew =
        Crew::start(&shared, clock, &carrier, sources, &hose).map_err(|error| DriveError::Local(error.to_string()))?;
    let canary = Canary::start(clock).map_err(|error| DriveError::Local(error.to_string()))?;
    let mut progress = Progress::new(&plan, assemble::target_name(&plan));
    let mut ending = coordinate(&shared, clock, &mut crew, &mut target, &mut progress, options, on_status);
    let ended = clock.now();
    let (results, lost) = crew.end(LEAVE);
    if let Some(lost) = lost {
        on_warning(&lost);
        ending.generator_gone = Some(lost);
    }
    let cut_off = carrier.shutdown(GOODBYE);
    if cut_off > 0 {
        on_warning(&format!("{cut_off} messages of leaving were still under way when the run ended"));
    }
    crew.take_reports(&mut progress, |_, _| {});
    if let Some(target) = target {
        target.stop(Duration::from_secs(2));
    }
    let steal = cpu_before.zip(CpuTimes::read()).map(|(before, after)| after.steal_ratio_since(before));
    let environment = Some(machine::environment(options.command.clone(), started));
    let gathered =
        Gathered { stalls: canary.take(), steal, environment, ..Gathered::new(results, progress, ending, ended) };
    Ok(assemble::outcome(&shared, gathered, &options.scenario_text, &forecast))
}

/// Starts the target, where the run owns it; at these addresses when it served there before. It is given up, and ends,
/// once it is `abandoned`.
pub(super) fn start_target(
    plan: &Plan,
    addresses: Option<Addresses>,
    abandoned: &Arc<AtomicBool>,
) -> Result<Option<Target>, DriveError> {
    let patience = |longest| Patience { longest, abandoned: abandoned.clone() };
    let started = match (&plan.target.process, &plan.target.adapter) {
        (Some(process), _) => {
            let spawn =
                ProcessSpawn { cmd: process.cmd.clone(), ready_http: process.ready_http.clone(), cores: Vec::new() };
            Target::process(&spawn, patience(process.ready_timeout))
        }
        (None, AdapterPlan::Reference(reference)) => {
            let egress = reference.egress.clone().map(|network| (network, reference.egress_seed));
            let (workers, leg, estimates) = (reference.workers, reference.leg, reference.estimates);
            let spawn = ReferenceSpawn { workers, leg, estimates, egress, addresses, cores: Vec::new() };
            Target::reference(&spawn, patience(START))
        }
        (None, AdapterPlan::Room { .. } | AdapterPlan::WhipWhep(_)) => return Ok(None),
    };
    started.map(Some).map_err(DriveError::Unreachable)
}

/// The URL that says when a target of one's own is ready is asked too, so it is held to the same rule.
fn check_ready_url(plan: &Plan, i_own_target: bool) -> Result<(), DriveError> {
    match plan.target.process.as_ref().and_then(|process| process.ready_http.as_ref()) {
        Some(url) => resolve(url, i_own_target).map(drop),
        None => Ok(()),
    }
}

/// Where the target's HTTP answers.
fn base_url(plan: &Plan, target: Option<&Target>) -> String {
    match &plan.target.adapter {
        AdapterPlan::Reference(_) => target.and_then(Target::base_url).unwrap_or_default().to_owned(),
        AdapterPlan::Room { url } => url.clone(),
        AdapterPlan::WhipWhep(whip) => whip.whip.clone().or_else(|| whip.whep.clone()).unwrap_or_default(),
    }
}

/// The host and addresses of a URL template, all of them allowed.
fn resolve(url: &str, i_own_target: bool) -> Result<(String, Vec<SocketAddr>), DriveError> {
    // Placeholders are part of the path; what is before it must be an address.
    let plain = url.replace(['{', '}'], "");
    let parsed = url::Url::parse(&plain).map_err(|error| DriveError::Local(format!("target.url: `{url}`: {error}")))?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = parsed.port_or_known_default().unwrap_or(80);
    let addresses: Vec<SocketAddr> = (host.as_str(), port)
        .to_socket_addrs()
        .map_err(|error| DriveError::Unreachable(format!("target.url: the host `{host}` cannot be resolved: {error}")))?
        .collect();
    if !i_own_target && addresses.iter().any(|address| !address.ip().is_loopback()) {
        return Err(DriveError::NotLoopback(host));
    }
    Ok((format!("{host}:{port}"), addresses))
}

/// Checks that the target is allowed and answers; returns where to bind sockets.
fn reach(plan: &Plan, base_url: &str, i_own_target: bool, sockets: u64) -> Result<Sources, DriveError> {
    let (name, addresses) = resolve(base_url, i_own_target)?;
    let answers = |address: &&SocketAddr| std::net::TcpStream::connect_timeout(address, ANSWER).is_ok();
    // Media sockets are IPv4: of a host with both, that address is taken.
    let Some(address) = addresses.iter().filter(|address| address.is_ipv4()).find(answers) else {
        let what =
            if matches!(plan.target.adapter, AdapterPlan::Reference(_)) { "the reference SFU" } else { "the target" };
        return Err(DriveError::Unreachable(format!("{what} does not answer at {name}")));
    };
    Sources::towards(*address, u32::try_from(sockets).unwrap_or(u32::MAX)).map_err(DriveError::Local)
}

/// The workers.
pub(in crate::drive) struct Crew {
    threads: Vec<JoinHandle<std::io::Result<WorkerResult>>>,
    commands: Vec<Sender<Command>>,
    reports: Receiver<Report>,
    /// Which worker has a participant.
    owner: Vec<usize>,
}

impl Crew {
    fn start(
        shared: &Arc<Shared>,
        clock: RunClock,
        carrier: &Carrier,
        sources: Sources,
        hose: &Option<Hose>,
    ) -> std::io::Result<Self> {
        let sets = shared.plan.ties().sets();
        let workers = worker_count(&shared.plan, sets.len());
        let (report, reports) = unbounded();
        let mut crew =
            Self { threads: Vec::new(), commands: Vec::new(), reports, owner: vec![0; shared.plan.participants.len()] };
        for index in 0..workers {
            // Rooms are dealt out whole, so that a worker's load is that of its rooms, and those that a link group ties
            // together as one.
            let rooms = sets.iter().skip(index).step_by(workers).flatten().map(|&room| &shared.plan.rooms[room]);
            let mut participants: Vec<u32> = rooms.flat_map(|room| room.participants.iter().copied()).collect();
            participants.sort_unstable();
            for &participant in &participants {
                crew.owner[participant as usize] = index;
            }
            let (command, commands) = unbounded();
            let (reply, carried) = unbounded();
            let (reports, carrier, hose) = (report.clone(), carrier.handle(), hose.clone());
            let connections = Connections { commands, reports, carrier, reply, carried, hose };
            let shared = shared.clone();
            let work = move || Worker::new(shared, clock, connections, participants, sources).map(Worker::run);
            let thread = std::thread::Builder::new().name(format!("media-{index}")).spawn(work)?;
            crew.threads.push(thread);
            crew.commands.push(command);
        }
        Ok(crew)
    }

    fn tell(&self, participant: u32, command: Command) {
        // A worker that is gone is found out at the next look.
        let _ = self.commands[self.owner[participant as usize]].send(command);
    }

    pub(super) fn tell_all(&self, command: &Command) {
        for commands in &self.commands {
            let _ = commands.send(command.clone());
        }
    }

    /// Whether a worker ended before it was told to.
    fn is_short(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Takes in what the workers have reported; `on_milestone` hears of every session.
    fn take_reports(&self, progress: &mut Progress, mut on_milestone: impl FnMut(u32, Milestone)) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Milestone(participant, milestone) => {
                    progress.note(participant, milestone);
                    on_milestone(participant, milestone);
                }
                Report::Interval(report) => progress.add(*report),
            }
        }
    }

    /// Ends the run for all workers and takes what they leave behind, and a sentence on those who left nothing.
    fn end(&mut self, within: Duration) -> (Vec<WorkerResult>, Option<String>) {
        for command in &self.commands {
            let _ = command.send(Command::End);
        }
        let mut waited = Duration::ZERO;
        while waited < within && self.threads.iter().any(|thread| !thread.is_finished()) {
            pause_thread(LOOK);
            waited += LOOK;
        }
        let (mut results, mut lost) = (Vec::new(), None);
        for thread in self.threads.drain(..) {
            match thread.is_finished().then(|| thread.join()) {
                Some(Ok(Ok(result))) => results.push(result),
                Some(Ok(Err(error))) => lost = Some(format!("A media worker of ours could not start: {error}.")),
                Some(Err(_)) => lost = Some("A media worker of ours ended with a bug.".to_owned()),
                None => lost = Some(format!("A media worker of ours did not end within {} s.", within.as_secs_f64())),
            }
        }
        (results, lost)
    }
}

/// Media workers: as asked, or one per core, one less where the run also owns the SFU; not more than there are `sets` of rooms.
fn worker_count(plan: &Plan, sets: usize) -> usize {
    let cores = machine::cores() as usize;
    let own = usize::from(matches!(plan.target.adapter, AdapterPlan::Reference(_)) || plan.target.process.is_some());
    let chosen = if plan.run.workers > 0 { plan.run.workers } else { cores.saturating_sub(own).max(1) };
    chosen.min(sets).max(1)
}

/// Watches over the run until it ends; answers how.
fn coordinate(
    shared: &Shared,
    clock: RunClock,
    crew: &mut Crew,
    target: &mut Option<Target>,
    progress: &mut Progress,
    options: &Options,
    on_status: &mut dyn FnMut(&Status),
) -> Ending {
    let mut closed = Closed::of(&shared.plan);
    let mut hands = Hands::new(&shared.plan);
    let end = shared.plan.run.end();
    let mut ending = Ending::default();
    loop {
        let now = clock.now();
        crew.take_reports(progress, |participant, milestone| {
            tell_closed(&mut closed, shared, now, participant, milestone);
        });
        fill_places(&mut closed, crew, now);
        if let Some(gone) = target.as_mut().and_then(Target::try_exit) {
            ending.target_gone = Some(format!("The target {gone}."));
        }
        hands.act(now, &mut Scene { shared, target, crew, progress, ending: &mut ending });
        if crew.is_short() {
            ending.generator_gone = Some("A media worker of ours ended before the run did.".to_owned());
        }
        if progress.is_due(now, crew.threads.len()) {
            progress.sample(now, shared, target.as_ref().and_then(Target::sample), machine::own_usage());
            ending.aborted_by = progress.judge(now, shared);
            on_status(progress.status());
        }
        ending.interrupted = options.interrupted.load(Ordering::Relaxed);
        let cut_short = ending.target_gone.is_some() || ending.generator_gone.is_some() || ending.aborted_by.is_some();
        if ending.interrupted || cut_short || now >= end {
            hands.finish(target.as_ref());
            progress.note_end(now, &ending);
            progress.set_ending(now, ending.interrupted, LEAVE);
            on_status(progress.status());
            return ending;
        }
        pause_thread(LOOK);
    }
}

fn tell_closed(
    closed: &mut BTreeMap<u16, Closed>,
    shared: &Shared,
    now: Instant,
    participant: u32,
    milestone: Milestone,
) {
    let Some(population) = closed.get_mut(&shared.participant(participant).population) else { return };
    match milestone {
        Milestone::Joining => population.handle_back(participant),
        Milestone::Joined => {}
        Milestone::Failed => population.handle_left(participant, now),
        Milestone::Left { at } => population.handle_left(participant, at),
    }
}

fn fill_places(closed: &mut BTreeMap<u16, Closed>, crew: &Crew, now: Instant) {
    for population in closed.values_mut() {
        while let Some(next) = population.poll(now) {
            match next {
                Move::Start { participant, intended } => {
                    crew.tell(participant, Command::Start { participant, intended })
                }
                Move::Leave { participant } => crew.tell(participant, Command::Leave { participant }),
            }
        }
    }
}

#[cfg(test)]
mod tests;
