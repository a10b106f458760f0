//! How a run stands: what its parts report each interval, put together for the series, the panel and aborts.

use super::board::{Board, planned_series};
use super::reports::{IntervalReport, Usage};
use super::status::Status;
use crate::client::{Milestone, Shared};
use crate::clock::{Duration, Instant};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Key;
use crate::metrics::{Interval, Recorded, Recorder};
use crate::outcome::{AbortWatch, Ending, Evidence, Names, RunEvent, RunTimes, SeriesBuilder, judge, judge_health};
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// How long a worker may be late with its report before the rest is shown without it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The head counts of one interval, of all workers.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::drive) struct Heads {
    pub reported: usize,
    pub joining: u64,
    pub in_room: u64,
    pub failed: u64,
    pub frozen: u64,
    pub busiest: f64,
}

/// How a run stands.
pub(in crate::drive) struct Progress {
    /// The coordinator's own samples: the SFU's and the generator's processes.
    recorder: Recorder,
    pub series: SeriesBuilder,
    pub so_far: Recorded,
    pub names: Names,
    pub times: RunTimes,
    pub heads: BTreeMap<u32, Heads>,
    pub planned: Vec<u64>,
    pub events: Vec<RunEvent>,
    pub drops: u64,
    pub send_errors: u64,
    pub without_socket: u64,
    pub last: Option<Interval>,
    pub sfu: Option<Usage>,
    /// CPU of the SFU over the newest interval, in cores.
    pub sfu_cpu: Option<f64>,
    pub failed: u64,
    /// Participants who have arrived, however often.
    pub arrived: u64,
    seen: BTreeSet<u32>,
    abort: AbortWatch,
    interval: Duration,
    next: u32,
    sfu_before: Option<(Instant, Usage)>,
    /// What a process that was killed had used, until its last interval is sampled.
    sfu_final: Option<Usage>,
    own_before: Option<(Instant, Usage)>,
    board: Board,
}

impl Progress {
    pub fn new(plan: &Plan, target: String) -> Self {
        let (populations, networks, media) = (plan.populations.len(), plan.networks.len(), plan.media_names().count());
        let run = &plan.run;
        Self {
            recorder: Recorder::new(populations, networks, media, plan.output.interval),
            series: SeriesBuilder::default(),
            so_far: Recorded::default(),
            names: Names::of(plan),
            times: RunTimes {
                warmup: run.warmup.as_secs_f64(),
                duration: run.duration.as_secs_f64(),
                cooldown: run.cooldown.as_secs_f64(),
                ended: 0.0,
            },
            heads: BTreeMap::new(),
            planned: planned_series(plan),
            events: Vec::new(),
            drops: 0,
            send_errors: 0,
            without_socket: 0,
            last: None,
            sfu: None,
            sfu_cpu: None,
            failed: 0,
            arrived: 0,
            seen: BTreeSet::new(),
            abort: AbortWatch::new(&plan.thresholds),
            interval: plan.output.interval,
            next: 0,
            sfu_before: None,
            sfu_final: None,
            own_before: None,
            board: Board::new(plan, target),
        }
    }

    /// Takes in that something happened to a participant. Counts people, not sessions: who comes back has arrived once.
    pub fn note(&mut self, participant: u32, milestone: Milestone) {
        match milestone {
            Milestone::Joining => self.arrived += u64::from(self.seen.insert(participant)),
            Milestone::Failed => self.failed += 1,
            Milestone::Joined | Milestone::Left { .. } => {}
        }
    }

    /// Takes in one interval of one part.
    pub fn add(&mut self, report: IntervalReport) {
        let heads = self.heads.entry(report.interval.index).or_default();
        heads.reported += 1;
        heads.joining += report.joining;
        heads.in_room += report.in_room;
        heads.frozen += report.frozen;
        heads.busiest = heads.busiest.max(report.busy);
        heads.failed = self.failed;
        self.drops += report.drops;
        self.send_errors += report.send_errors;
        self.without_socket += report.without_socket;
        self.absorb(report.interval);
    }

    fn absorb(&mut self, interval: Interval) {
        self.series.add(&interval);
        self.so_far.absorb(&interval);
        match &mut self.last {
            Some(last) if last.index == interval.index => last.merge(&interval),
            Some(last) if last.index > interval.index => {}
            _ => self.last = Some(interval),
        }
    }

    /// Adds another run's counts and intervals: many runs are shown as one.
    pub fn add_run(&mut self, other: &Self, intervals: &[Interval]) {
        for (sum, planned) in self.planned.iter_mut().zip(&other.planned) {
            *sum += planned;
        }
        for (index, more) in &other.heads {
            let heads = self.heads.entry(*index).or_default();
            heads.reported += more.reported;
            heads.joining += more.joining;
            heads.in_room += more.in_room;
            heads.frozen += more.frozen;
            heads.failed += more.failed;
        }
        for event in &other.events {
            // What a fault does it does in every run alike.
            if !self.events.contains(event) {
                self.events.push(event.clone());
            }
        }
        intervals.iter().for_each(|interval| self.absorb(interval.clone()));
    }

    /// Whether an interval has ended, and all of `workers` have reported it or had their time: a part of them would look
    /// like a fall of every figure.
    pub fn is_due(&self, now: Instant, workers: usize) -> bool {
        let end = Instant::ZERO + self.interval * (self.next + 1);
        let reported = self.heads.get(&self.next).map_or(0, |heads| heads.reported);
        now >= end && (reported >= workers || now >= end + PATIENCE)
    }

    /// Takes in what the SFU's process and our own have used, where that is known.
    pub fn sample(&mut self, now: Instant, shared: &Shared, sfu: Option<Usage>, own: Option<Usage>) {
        let key = Key::run(shared.phase(now.saturating_sub(self.interval)));
        let usage = sfu.or(self.sfu_final.take());
        if usage.is_none() {
            // One that is away uses nothing that could be shown: a gap, and no zero.
            self.forget_sfu();
        }
        if let Some(usage) = usage {
            self.sfu = Some(usage);
            let rate = rate(&mut self.sfu_before, now, usage);
            self.sfu_cpu = rate;
            let key = shared.run_key(now.saturating_sub(self.interval));
            self.record_usage(key, usage, rate, Metric::SfuCpu, Metric::SfuRss);
        }
        if let Some(usage) = own {
            let rate = rate(&mut self.own_before, now, usage);
            self.record_usage(key, usage, rate, Metric::HarnessProcessCpu, Metric::HarnessRss);
        }
        self.end_interval();
    }

    /// The same where the SFU is a model: its busy cores, if it has any cost. Answers the interval that it ends.
    pub fn sample_modelled(&mut self, now: Instant, shared: &Shared, busy: Option<f64>) -> Interval {
        if let Some(busy) = busy {
            let key = shared.run_key(now.saturating_sub(self.interval));
            self.sfu_cpu = Some(busy);
            self.recorder.gauge(Metric::SfuCpu, key, busy);
        }
        self.end_interval()
    }

    fn end_interval(&mut self) -> Interval {
        let interval = self.recorder.take_interval(self.next);
        self.next += 1;
        self.absorb(interval.clone());
        interval
    }

    /// The SFU's process is about to be killed at `now`, having used this much: the interval that has ended is still its own.
    pub fn note_killed(&mut self, now: Instant, usage: Option<Usage>) {
        let has_ended = now >= Instant::ZERO + self.interval * (self.next + 1);
        self.sfu_final = usage.filter(|_| has_ended);
    }

    /// The SFU's process is gone, or another one: what it had used says nothing about what comes.
    pub fn forget_sfu(&mut self) {
        (self.sfu, self.sfu_cpu, self.sfu_before) = (None, None, None);
    }

    fn record_usage(&mut self, key: Key, usage: Usage, rate: Option<f64>, cpu: Metric, rss: Metric) {
        if let Some(rate) = rate {
            self.recorder.gauge(cpu, key, rate);
        }
        self.recorder.gauge(rss, key, usage.rss_bytes as f64);
    }

    /// Judges the thresholds as they stand, and brings the status up to date; the threshold that ends the run, if any does.
    pub fn judge(&mut self, now: Instant, shared: &Shared) -> Option<usize> {
        self.times.ended = now.as_secs_f64();
        let evidence = Evidence { recorded: &self.so_far, participants: &[], times: &self.times };
        let judged = judge(&shared.plan.thresholds, evidence, &self.names);
        let health = judge_health(&shared.plan.invalid_if, evidence, &self.names);
        let mut board = std::mem::take(&mut self.board);
        board.update(now, shared, self, &judged, &health);
        self.board = board;
        self.abort.observe(now, &shared.plan.thresholds, &judged)
    }

    /// How it stands, for who shows it.
    pub fn status(&self) -> &Status {
        self.board.status()
    }

    /// The run is over: participants leave.
    pub fn set_ending(&mut self, now: Instant, interrupted: bool, within: Duration) {
        self.board.set_ending(now, interrupted, within);
    }

    /// Notes why the run ended, where that is worth a line.
    pub fn note_end(&mut self, now: Instant, ending: &Ending) {
        self.times.ended = now.as_secs_f64();
        let mut note = |kind: &str, text: String| {
            self.events.push(RunEvent { at: now.as_secs_f64(), lasting: 0.0, kind: kind.to_owned(), text });
        };
        if let Some(gone) = &ending.target_gone {
            note("target", gone.clone());
        }
        if let Some(gone) = &ending.generator_gone {
            note("generator", gone.clone());
        }
        if ending.aborted_by.is_some() {
            note("abort", "a threshold ended the run early".to_owned());
        }
    }

    /// The coordinator's samples, and a stall of the machine each, at the end.
    pub fn finish_recorder(&mut self, shared: &Shared, stalls: &[(Instant, Duration)]) -> Recorded {
        for &(at, length) in stalls {
            self.recorder.record(Metric::HarnessStall, Key::run(shared.phase(at)), length.as_secs_f64());
        }
        if shared.plan.arrivals_dropped > 0 {
            let key = Key::run(shared.phase(Instant::ZERO));
            self.recorder.count(Metric::ArrivalsDropped, key, shared.plan.arrivals_dropped);
        }
        let plan = &shared.plan;
        let (populations, networks, media) = (plan.populations.len(), plan.networks.len(), plan.media_names().count());
        let fresh = Recorder::new(populations, networks, media, self.interval);
        std::mem::replace(&mut self.recorder, fresh).finish()
    }
}

/// CPU in cores since the sample before.
fn rate(before: &mut Option<(Instant, Usage)>, now: Instant, usage: Usage) -> Option<f64> {
    let previous = before.replace((now, usage));
    let (at, earlier) = previous?;
    let wall = now.saturating_since(at).as_secs_f64();
    (wall > 0.0).then(|| (usage.cpu_seconds - earlier.cpu_seconds).max(0.0) / wall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::load;
    use crate::scenario::{Settings, no_files};

    #[test]
    fn an_interval_is_shown_once_every_worker_has_reported_it() {
        let text = "version = 1\nname = \"x\"\n[run]\nduration = \"5s\"\n[[population]]\nname = \"a\"\ncount = 1\n";
        let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
        let (_, plan) = load("x.toml", text, &settings, None).expect("a scenario");
        let mut progress = Progress::new(&plan, String::new());
        let report = |progress: &mut Progress, reported| {
            progress.heads.insert(0, Heads { reported, ..Heads::default() });
        };
        report(&mut progress, 2);
        assert!(!progress.is_due(Instant::from_millis(999), 2), "it has not ended");
        assert!(progress.is_due(Instant::from_millis(1_000), 2));
        report(&mut progress, 1);
        assert!(!progress.is_due(Instant::from_millis(1_900), 2), "one of two is missing");
        assert!(progress.is_due(Instant::from_millis(2_000), 2), "nobody waits for ever");
    }
}
