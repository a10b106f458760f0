//! Many seeds of one scenario: each a run of its own on a core of its own, pooled into one document.
//!
//! Samples of all runs are put together before anything is judged, so a quantile is of all of them and never a mean of
//! quantiles. How far seeds lie apart stands beside it: every threshold's value in each run.

use super::{Options, Part, SimulateError, Simulated, note_losses, shared, simulate};
use crate::drive::assemble::{self, Gathered};
use crate::drive::progress::Progress;
use crate::metrics::catalog::Kind;
use crate::outcome::{Ending, Evidence, Health, Names, Outcome, RunTimes, SeedOutcome, Verdict, judge, verdict};
use crate::plan::{Forecast, Plan};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Runs the plans of one scenario, each resolved with a seed of its own, on so many threads. `on_done` is told after each:
/// its seed, how many are done, of how many, and how it was judged. Once interrupted, no more are begun.
///
/// # Errors
/// When none can begin.
pub fn run(
    plans: Vec<Plan>,
    threads: usize,
    options: &Options,
    on_done: &(dyn Fn(u64, usize, usize, &str) + Sync),
) -> Result<Simulated, SimulateError> {
    let (planned, done) = (plans.len(), AtomicUsize::new(0));
    let next = Mutex::new(plans.into_iter().enumerate());
    let ones: Mutex<Vec<(usize, Result<One, SimulateError>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, planned.max(1)) {
            scope.spawn(|| {
                loop {
                    let Some((index, plan)) = next.lock().unwrap_or_else(PoisonError::into_inner).next() else { break };
                    // One at least is run, so that there is something to write.
                    if index > 0 && options.interrupted.load(Ordering::Relaxed) {
                        break;
                    }
                    let one = One::run(plan, options);
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if let Ok(one) = &one {
                        on_done(one.seed.seed, done, planned, one.seed.verdict.word());
                    }
                    ones.lock().unwrap_or_else(PoisonError::into_inner).push((index, one));
                }
            });
        }
    });
    let mut ones = ones.into_inner().unwrap_or_else(PoisonError::into_inner);
    ones.sort_by_key(|(index, _)| *index);
    let mut ones = ones.into_iter().map(|(_, one)| one).collect::<Result<Vec<_>, _>>()?;
    let interrupted = ones.iter().any(|one| one.part.gathered.ending.interrupted) || ones.len() < planned;
    // A run that was cut short says other things than one that was not: it counts only where there is no other.
    if ones.iter().any(|one| !one.part.gathered.ending.interrupted) {
        ones.retain(|one| !one.part.gathered.ending.interrupted);
    }
    let whole = ones.len();
    let mut pooled = pool(ones, options, interrupted);
    if interrupted {
        pooled.outcome.reason = format!("Ended by the user after {whole} of {planned} seeds.");
    }
    Ok(pooled)
}

/// One run: what it leaves behind, and how it was judged by itself.
struct One {
    part: Part,
    seed: SeedOutcome,
}

impl One {
    fn run(plan: Plan, options: &Options) -> Result<Self, SimulateError> {
        let options = Options { threads: 1, ..options.clone() };
        let mut part = simulate(plan, &options, true, &mut |_| {}, &mut |_| {})?;
        // What the coordinator sampled of this run is judged with the rest of it, and pooled with it.
        let own = part.gathered.progress.finish_recorder(&part.shared, &[]);
        part.gathered.results[0].recorded.merge(own);
        let seed = judged(&part);
        Ok(Self { part, seed })
    }
}

fn judged(part: &Part) -> SeedOutcome {
    let (plan, gathered) = (&part.shared.plan, &part.gathered);
    let times = RunTimes { ended: gathered.ended.as_secs_f64(), ..gathered.progress.times };
    let result = &gathered.results[0];
    let evidence = Evidence { recorded: &result.recorded, participants: &result.details, times: &times };
    let thresholds = judge(&plan.thresholds, evidence, &Names::of(plan));
    let health = Health { valid: true, ..Health::default() };
    let judgement = verdict(&plan.thresholds, &thresholds, &health, &gathered.ending, &times);
    let joined = result.details.iter().filter(|detail| detail.join_total.is_some()).count() as u64;
    let thresholds = thresholds.into_iter().map(|threshold| threshold.value).collect();
    SeedOutcome { seed: plan.seed, verdict: judgement.verdict, joined, thresholds }
}

/// The plan of everybody: participants of all runs, each named after its seed, in their rooms.
fn pooled_plan(plans: &[&Plan]) -> Plan {
    let mut pooled = plans[0].clone();
    pooled.faults.iter_mut().for_each(|fault| fault.selected.clear());
    for plan in &plans[1..] {
        pooled.arrivals_dropped += plan.arrivals_dropped;
        for (sum, population) in pooled.populations.iter_mut().zip(&plan.populations) {
            sum.count += population.count;
            sum.absent += population.absent;
        }
    }
    (pooled.participants, pooled.rooms, pooled.groups) = (Vec::new(), Vec::new(), Vec::new());
    for plan in plans {
        let first = pooled.participants.len() as u32;
        for (all, fault) in pooled.faults.iter_mut().zip(&plan.faults) {
            all.selected.extend(fault.selected.iter().map(|index| index + first));
        }
        let (people, rooms) = (pooled.participants.len() as u32, pooled.rooms.len() as u32);
        for participant in &plan.participants {
            let mut participant = participant.clone();
            participant.index += people;
            participant.room += rooms;
            participant.name = named(plan.seed, &participant.name);
            participant.groups.clear();
            pooled.participants.push(participant);
        }
        for room in &plan.rooms {
            let mut room = room.clone();
            room.participants.iter_mut().for_each(|index| *index += people);
            pooled.rooms.push(room);
        }
    }
    pooled
}

fn named(seed: u64, name: &str) -> String {
    format!("{seed}/{name}")
}

/// Puts the runs together and judges them.
fn pool(ones: Vec<One>, options: &Options, interrupted: bool) -> Simulated {
    let plans: Vec<&Plan> = ones.iter().map(|one| &*one.part.shared.plan).collect();
    let mut plan = pooled_plan(&plans);
    let dropped = std::mem::take(&mut plan.arrivals_dropped);
    let shared = shared(Arc::new(plan), None);
    let mut progress = Progress::new(&shared.plan, assemble::target_name(&shared.plan));
    progress.planned.iter_mut().for_each(|planned| *planned = 0);
    let (mut results, mut seeds, mut runs) = (Vec::new(), Vec::new(), Vec::new());
    let mut ending = Ending { interrupted, ..Ending::default() };
    let (mut lost, mut deliveries, mut people) = ((0, 0), 0, 0);
    let mut ended = crate::clock::Instant::ZERO;
    for One { part, seed } in ones {
        let Part { shared: own, gathered, intervals, lost: (dropped, strays), deliveries: delivered } = part;
        lost = (lost.0 + dropped, lost.1 + strays);
        deliveries += delivered;
        ended = ended.max(gathered.ended);
        runs.push(RunTimes { ended: gathered.ended.as_secs_f64(), ..gathered.progress.times });
        ending.aborted_by = ending.aborted_by.or(gathered.ending.aborted_by);
        for mut result in gathered.results {
            for detail in &mut result.details {
                detail.index += people;
                detail.name = named(seed.seed, &detail.name);
                // Who spoke is shown of one run: rooms of all have the same names.
                detail.voice = detail.voice.take().filter(|_| seeds.is_empty());
            }
            result.links.iter_mut().for_each(|link| link.participant += people);
            result.link_groups.iter_mut().for_each(|group| group.group = named(seed.seed, &group.group));
            results.push(result);
        }
        people += own.plan.participants.len() as u32;
        progress.add_run(&gathered.progress, &intervals);
        seeds.push(seed);
    }
    let gathered = Gathered { runs, ..Gathered::new(results, progress, ending, ended) };
    let forecast = Forecast::of(&shared.plan);
    let ending = gathered.ending.clone();
    let mut outcome = assemble::outcome(&shared, gathered, &options.scenario_text, &forecast);
    // Each run has counted its own already.
    outcome.participants.arrivals_dropped = dropped;
    note_losses(&mut outcome, lost);
    judge_by_the_worst(&mut outcome, &shared.plan, &seeds, &ending);
    outcome.seeds = seeds;
    Simulated { outcome, deliveries }
}

/// A limit on a count is one of a run: what is pooled is a sum of many, so the worst run decides.
fn judge_by_the_worst(outcome: &mut Outcome, plan: &Plan, seeds: &[SeedOutcome], ending: &Ending) {
    for (index, (threshold, limit)) in outcome.thresholds.iter_mut().zip(&plan.thresholds).enumerate() {
        if limit.metric.spec().kind != Kind::Counter || threshold.verdict == Verdict::Inconclusive {
            continue;
        }
        // Of runs that miss it the one that misses most, else the one that comes nearest.
        let badness = |value: f64| {
            let far = (value - limit.limit).abs();
            if limit.operator.holds(value, limit.limit) { (false, -far) } else { (true, far) }
        };
        let values = seeds.iter().filter_map(|seed| seed.thresholds[index]);
        let worst = values.max_by(|a, b| {
            let (a, b) = (badness(*a), badness(*b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        let Some(worst) = worst else { continue };
        threshold.value = Some(worst);
        threshold.verdict = if badness(worst).0 { Verdict::Fail } else { Verdict::Pass };
    }
    let judgement = verdict(&plan.thresholds, &outcome.thresholds, &outcome.health, ending, &outcome.run);
    (outcome.verdict, outcome.exit_code, outcome.reason) = (judgement.verdict, judgement.exit_code, judgement.reason);
}
