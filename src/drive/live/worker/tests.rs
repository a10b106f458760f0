//! Sockets that the kernel refuses: whose they were to be fails by our own doing, and the run says so.

use super::*;
use crate::client::Milestone;
use crate::conference::Cause;
use crate::drive::assemble::{self, Gathered};
use crate::drive::carry::Carrier;
use crate::drive::progress::Progress;
use crate::outcome::Ending;
use crate::plan::Forecast;
use crate::rtp::ntp::Ntp;
use crate::scenario::{Settings, no_files};
use crate::transport::Factory;
use crossbeam_channel::{Receiver, unbounded};

const ONE: &str = r#"
version = 1
name = "refused"
[run]
duration = "20s"
[target]
adapter = "room"
url = "http://127.0.0.1:9"
[media.mic]
kind = "audio"
[[population]]
name = "people"
count = 1
publish = ["mic"]
"#;

fn worker(sources: Sources) -> (Worker, Receiver<Report>) {
    let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
    let (_, plan) = crate::plan::load("refused.toml", ONE, &settings, None).expect("a scenario");
    let clock = RunClock::start();
    let transports = Factory::new(clock.epoch()).expect("DTLS can be set up");
    let url = "http://127.0.0.1:9".to_owned();
    let shared = Arc::new(Shared::new(Arc::new(plan), transports, Ntp::from_unix_nanos(0), url, false));
    let carrier = Carrier::start(false, 1).expect("a carrier").handle();
    let (report, reports) = unbounded();
    let ((_, commands), (reply, carried)) = (unbounded(), unbounded());
    let connections = Connections { commands, reports: report, carrier, reply, carried, hose: None };
    (Worker::new(shared, clock, connections, vec![0], sources).expect("a worker"), reports)
}

fn start(worker: &mut Worker) -> Instant {
    let now = worker.clock.now();
    worker.clients[0].start(now, now, &worker.shared, &mut worker.sink);
    worker.drain(now, 0);
    now
}

/// Ends it and asserts that the join failed by our own doing, and that both the participant's line and the run say so.
fn assert_said(worker: Worker, reports: &Receiver<Report>, what: &str) {
    let shared = worker.shared.clone();
    let milestones: Vec<Milestone> = reports
        .try_iter()
        .filter_map(|report| match report {
            Report::Milestone(_, milestone) => Some(milestone),
            Report::Interval(_) => None,
        })
        .collect();
    assert_eq!(milestones, [Milestone::Joining, Milestone::Failed]);
    let result = worker.finish();
    assert_eq!(result.last.without_socket, 1);
    let detail = result.details[0].detail.clone().expect("a sentence");
    assert!(detail.starts_with(what), "{detail}");
    let (results, progress) = (vec![result], Progress::new(&shared.plan, String::new()));
    let (ending, ended) = (Ending::default(), Instant::from_secs(1));
    let gathered = Gathered::new(results, progress, ending, ended);
    let outcome = assemble::outcome(&shared, gathered, "", &Forecast::of(&shared.plan));
    assert_eq!(outcome.participants.causes.get(Cause::Local.name()), Some(&1));
    let note = "The kernel refused a UDP socket once: those joins and sessions failed by this machine's doing.";
    assert!(outcome.health.notes.iter().any(|said| said == note), "{:?}", outcome.health.notes);
}

#[test]
fn who_gets_no_socket_fails_by_our_own_doing() {
    let (mut worker, reports) = worker(Sources::nowhere());
    start(&mut worker);
    assert_said(worker, &reports, "no UDP socket could be had");
}

#[test]
fn who_gets_no_other_socket_when_its_nat_forgets_fails_by_our_own_doing() {
    let here = Sources::towards(([127, 0, 0, 1], 9).into(), 1).expect("loopback");
    let (mut worker, reports) = worker(here);
    let now = start(&mut worker);
    let bound = |worker: &Worker| worker.sockets[0].iter().flatten().count();
    assert_eq!((bound(&worker), worker.counts.without_socket), (1, 0), "nothing is refused without a fault");
    worker.sources = Sources::nowhere();
    worker.carry_out(now, 0, Order::Rebind { leg: 0 });
    worker.drain(now, 0);
    assert_eq!(bound(&worker), 0, "the old socket is let go");
    assert_said(worker, &reports, "no other UDP socket could be had");
}
