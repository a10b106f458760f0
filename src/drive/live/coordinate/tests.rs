//! Workers that are lost: the run notices, ends, and is never a pass.

use super::*;
use crate::drive::reports::IntervalReport;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Key;
use crate::metrics::{Interval, Recorded, Recorder};
use crate::outcome::Verdict;
use crate::scenario::{Settings, no_files};

const FOUR: &str = r#"
version = 1
name = "lost"
[run]
warmup = "1s"
duration = "20s"
workers = 2
[target]
adapter = "room"
url = "http://127.0.0.1:9"
[media.mic]
kind = "audio"
[rooms]
count = 2
[[population]]
name = "people"
per_room = 2
publish = ["mic"]
"#;

fn shared() -> Shared {
    shared_of(FOUR)
}

fn shared_of(text: &str) -> Shared {
    let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
    let plan = crate::plan::load("lost.toml", text, &settings, None).unwrap_or_else(|errors| panic!("{errors:#?}")).1;
    let transports = Factory::new(RunClock::start().epoch()).expect("DTLS can be set up");
    Shared::new(Arc::new(plan), transports, Ntp::from_unix_nanos(0), "http://127.0.0.1:9".to_owned(), false)
}

fn options() -> Options {
    let interrupted = Arc::new(AtomicBool::new(false));
    Options { i_own_target: false, interrupted, command: String::new(), scenario_text: String::new(), dump: None }
}

fn leaving_nothing() -> WorkerResult {
    WorkerResult {
        recorded: Recorded::default(),
        details: Vec::new(),
        links: Vec::new(),
        link_groups: Vec::new(),
        last: IntervalReport::default(),
        receive_buffer: u64::MAX,
    }
}

type Work = Box<dyn FnOnce(Receiver<Command>) -> std::io::Result<WorkerResult> + Send>;

/// A crew of threads that do this instead of media.
fn crew(shared: &Shared, works: Vec<Work>) -> (Crew, Sender<Report>) {
    let (report, reports) = unbounded();
    let owner = vec![0; shared.plan.participants.len()];
    let mut crew = Crew { threads: Vec::new(), commands: Vec::new(), reports, owner };
    for work in works {
        let (command, commands) = unbounded();
        crew.commands.push(command);
        crew.threads.push(std::thread::spawn(move || work(commands)));
    }
    (crew, report)
}

/// Waits for the end, as a worker does.
fn obedient() -> Work {
    Box::new(|commands| {
        while !matches!(commands.recv(), Ok(Command::End) | Err(_)) {}
        Ok(leaving_nothing())
    })
}

fn coordinated(shared: &Shared, crew: &mut Crew, progress: &mut Progress) -> (Ending, Duration) {
    let clock = RunClock::start();
    let ending = coordinate(shared, clock, crew, &mut None, progress, &options(), &mut |_| {});
    (ending, Duration::from_nanos(clock.now().as_nanos()))
}

#[test]
fn a_worker_that_dies_ends_the_run_and_makes_it_invalid() {
    let shared = shared();
    let dies: Work = Box::new(|_| panic!("a bug of ours, on purpose"));
    let (mut crew, _report) = crew(&shared, vec![dies, obedient()]);
    let mut progress = Progress::new(&shared.plan, String::new());
    let (mut ending, took) = coordinated(&shared, &mut crew, &mut progress);
    assert!(took < Duration::from_secs(5), "noticed before the end of the run, not at it: {took:?}");
    assert!(ending.generator_gone.is_some());
    assert!(progress.events.iter().any(|event| event.kind == "generator"));
    let (results, lost) = crew.end(Duration::from_secs(2));
    assert_eq!(results.len(), 1);
    assert_eq!(lost.as_deref(), Some("A media worker of ours ended with a bug."));
    ending.generator_gone = lost;
    let ended = Instant::from_secs(3);
    let (stalls, environment) = (Vec::new(), Default::default());
    let gathered = Gathered { stalls, environment, ..Gathered::new(results, progress, ending, ended) };
    let outcome = assemble::outcome(&shared, gathered, "", &Forecast::of(&shared.plan));
    assert_eq!((outcome.verdict, outcome.exit_code), (Verdict::Invalid, 97), "{}", outcome.reason);
    assert!(!outcome.health.valid && !outcome.health.notes.is_empty());
    assert_eq!(outcome.participants.causes.get("local"), Some(&4), "nothing is known of the four: our doing");
    assert_eq!((outcome.participants.planned, outcome.participants.failed), (4, 4));
}

#[test]
fn a_worker_that_could_not_start_or_does_not_end_is_lost_too() {
    let shared = shared();
    let refused: Work = Box::new(|_| Err(std::io::Error::other("no epoll instance is left")));
    let (mut short, _report) = crew(&shared, vec![refused]);
    let (results, lost) = short.end(Duration::from_secs(2));
    assert!(results.is_empty() && lost.is_some_and(|lost| lost.contains("no epoll instance is left")));
    let (release, held) = unbounded::<()>();
    let deaf: Work = Box::new(move |_| {
        let _ = held.recv();
        Ok(leaving_nothing())
    });
    let (mut stuck, _report) = crew(&shared, vec![deaf]);
    let (results, lost) = stuck.end(Duration::from_millis(20));
    assert!(results.is_empty() && lost.is_some_and(|lost| lost.contains("did not end within")));
    drop(release);
}

#[test]
fn a_whole_crew_loses_nothing_and_an_interrupt_is_seen_at_once() {
    let shared = shared();
    let (mut crew, _report) = crew(&shared, vec![obedient(), obedient()]);
    let mut progress = Progress::new(&shared.plan, String::new());
    let options = options();
    options.interrupted.store(true, Ordering::Relaxed);
    let ending = coordinate(&shared, RunClock::start(), &mut crew, &mut None, &mut progress, &options, &mut |_| {});
    assert!(ending.interrupted && ending.generator_gone.is_none());
    let (results, lost) = crew.end(Duration::from_secs(2));
    assert_eq!((results.len(), lost), (2, None));
}

#[test]
fn who_comes_back_has_arrived_once() {
    let shared = shared();
    let (crew, report) = crew(&shared, vec![]);
    let at = Instant::from_secs(2);
    for milestone in [Milestone::Joining, Milestone::Joined, Milestone::Left { at }, Milestone::Joining] {
        report.send(Report::Milestone(1, milestone)).expect("the crew listens");
    }
    report.send(Report::Milestone(2, Milestone::Joining)).expect("the crew listens");
    let mut progress = Progress::new(&shared.plan, String::new());
    let mut heard = Vec::new();
    crew.take_reports(&mut progress, |who, _| heard.push(who));
    assert_eq!(progress.arrived, 2);
    assert_eq!(heard, [1, 1, 1, 1, 2], "closed populations hear of every session");
}

#[test]
fn intervals_of_two_workers_add_up_whatever_their_order() {
    let shared = shared();
    let (crew, report) = crew(&shared, vec![]);
    let interval = |index: u32, drops: u64| -> Interval {
        let mut recorder = Recorder::new(1, 1, 1, Duration::from_secs(1));
        recorder.count(Metric::HarnessRxDrops, Key::run(shared.phase(Instant::from_secs(2))), drops);
        recorder.take_interval(index)
    };
    for (index, drops) in [(1, 3), (0, 1), (0, 2), (1, 4)] {
        let part = IntervalReport { interval: interval(index, drops), drops, in_room: 1, ..Default::default() };
        report.send(Report::Interval(Box::new(part))).expect("the crew listens");
    }
    let mut progress = Progress::new(&shared.plan, String::new());
    crew.take_reports(&mut progress, |_, _| {});
    assert_eq!(progress.drops, 10);
    assert_eq!((progress.heads[&0].in_room, progress.heads[&1].in_room), (2, 2));
    assert_eq!(progress.last.as_ref().map(|last| last.counted(Metric::HarnessRxDrops)), Some(7));
}

const FAULTS: &str = r#"
[target.process]
cmd = ["sleep", "60"]
[[fault]]
name = "kill"
at = "2s"
kind = "sfu-kill"
restart_after = "1s"
[[fault]]
name = "still"
at = "4s"
for = "2s"
kind = "sfu-pause"
"#;

#[test]
fn what_is_due_while_the_sfu_is_being_started_waits_for_it() {
    let shared = shared_of(&format!("{FOUR}{FAULTS}"));
    let (command, commands) = unbounded();
    let crew = Crew { threads: Vec::new(), commands: vec![command], reports: unbounded().1, owner: Vec::new() };
    let (mut progress, mut ending) = (Progress::new(&shared.plan, String::new()), Ending::default());
    let mut hands = Hands::new(&shared.plan);
    let mut target = start_target(&shared.plan, None, &Arc::default()).expect("started");
    let mut act = |now: Instant, target: &mut Option<Target>| {
        let (progress, ending) = (&mut progress, &mut ending);
        hands.act(now, &mut Scene { shared: &shared, target, crew: &crew, progress, ending });
    };
    act(Instant::from_secs(2), &mut target);
    assert!(target.is_none(), "killed");
    // So late that the server is to be stopped before it can be up.
    act(Instant::from_secs(5), &mut target);
    assert!(target.is_none() && commands.is_empty(), "nothing of it is over");
    for _ in 0..1_000 {
        pause_thread(Duration::from_millis(5));
        act(Instant::from_secs(5), &mut target);
        if target.is_some() {
            break;
        }
    }
    let pid = i32::try_from(target.as_ref().expect("it serves again").pid()).expect("a pid");
    let state = || procfs::process::Process::new(pid).and_then(|process| process.stat()).map(|stat| stat.state).ok();
    let becomes = |wanted: char| {
        (0..400).any(|_| {
            state() == Some(wanted) || {
                pause_thread(Duration::from_millis(5));
                false
            }
        })
    };
    assert!(becomes('T'), "{:?}", state());
    act(Instant::from_secs(6), &mut target);
    assert!(becomes('S'), "{:?}", state());
    let over: Vec<(u16, Instant)> = commands
        .try_iter()
        .map(|command| match command {
            Command::FaultOver { fault, at } => (fault, at),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(over, [(0, Instant::from_secs(5)), (1, Instant::from_secs(6))]);
    let said: Vec<&str> = progress.events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(said, ["kill: the SFU serves again", "still: began 1000 ms late: the SFU was not up"]);
    assert_eq!(ending.target_gone, None);
}
