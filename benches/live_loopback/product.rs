//! The product at the same work as the floor: a media worker with its clients, joined over real ICE and DTLS.
//!
//! Emulated links are on in both directions (delay, and a loss that NACKs repair), kernel stamps, feedback and the
//! recorder too: this is the loop that a run has. Only signalling and the SFU are stand-ins (`far`).

use super::far::Far;
use super::measure::{Figures, Span, Ticks, cores, pin};
use super::variant::Variant;
use super::workload::PACKETS_PER_SECOND;
use crossbeam_channel::{Receiver, unbounded};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};
use throng::client::{Milestone, Shared};
use throng::drive::carry::CarrierHandle;
use throng::drive::live::clock::RunClock;
use throng::drive::live::socket::Sources;
use throng::drive::live::worker::{Command, Connections, Report, Worker};
use throng::plan::Plan;
use throng::rtp::ntp::Ntp;
use throng::scenario::{Settings, no_files};
use throng::transport::{Factory, secure};

/// People in a room.
const ROOM: usize = 25;
/// How long a thousand may take to join.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the product needs to send as `participants`.
pub fn product_send(participants: usize, span: Span) -> Option<Figures> {
    run(participants, span, true, Variant::default())
}

/// What the product needs to receive as `participants`.
pub fn product_recv(participants: usize, span: Span) -> Option<Figures> {
    run(participants, span, false, Variant::default())
}

fn plan(participants: usize, sending: bool, variant: Variant) -> Plan {
    let camera = variant.camera(sending);
    let rooms = participants.div_ceil(ROOM);
    let people = participants.div_ceil(rooms);
    let publish = if sending { "publish = [\"mic\", \"cam\"]\nsubscribe = \"none\"" } else { "" };
    let text = format!(
        r#"
version = 1
name = "bench"
seed = 1
[run]
warmup = "1s"
duration = "1h"
[target]
adapter = "reference"
[media.mic]
kind = "audio"
codec = "opus"
bitrate = "36.8kbps"
[media.cam]
kind = "video"
codec = "vp8"
size = "640x360"
fps = 27.5
frame_model = {{ kind = "rfc8593", noise = 0.0, key_ratio = 1.0 }}
{camera}
[network.home]
up = {{ rate = "1Gbps", delay = "10ms", loss = {{ model = "iid", p = 0.002 }} }}
down = {{ rate = "1Gbps", delay = "10ms", loss = {{ model = "iid", p = 0.002 }} }}
[rooms]
count = {rooms}
[[population]]
name = "speakers"
per_room = 1
publish = ["mic", "cam"]
subscribe = "none"
start = {{ arrivals = {{ process = "constant", stages = [{{ for = "10s", rate = "1000/s" }}] }} }}
[[population]]
name = "people"
per_room = {people}
network = "home"
{publish}
start = {{ arrivals = {{ process = "constant", stages = [{{ for = "60s", rate = "300/s" }}] }} }}
timeouts = {{ join = "60s", first_frame = "60s" }}
"#
    );
    let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
    match throng::plan::load("bench", &text, &settings, Some("bench")) {
        Ok((_, plan)) => plan,
        Err(errors) => panic!("{errors:#?}"),
    }
}

/// What the product needs with a variant on.
pub fn run(participants: usize, span: Span, sending: bool, variant: Variant) -> Option<Figures> {
    let plan = Arc::new(plan(participants, sending, variant));
    let clock = RunClock::start();
    let factory = secure::Factory::new(clock.epoch()).expect("a factory");
    let origin = Ntp::from_unix_nanos(0);
    let shared =
        Arc::new(Shared::new(plan.clone(), Factory::Secure(factory.clone()), origin, "ws://bench".to_owned(), false));
    let speakers = |index: u16| plan.populations[usize::from(index)].name == "speakers";
    let mut indices: Vec<u32> =
        plan.participants.iter().filter(|plan| !speakers(plan.population)).map(|plan| plan.index).collect();
    indices.truncate(participants);
    let asked = (indices.len() * PACKETS_PER_SECOND) as f64;
    let (carrier, orders) = CarrierHandle::by_hand();
    let (command, commands) = unbounded();
    let (report, reports) = unbounded();
    let (reply, carried) = unbounded();
    let connections = Connections { commands, reports: report, carrier, reply, carried, hose: None };
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let sources = Sources::towards(nobody, indices.len() as u32).expect("loopback");
    let thread = AtomicI32::new(0);
    let joining = indices.len();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            pin(cores().measured);
            thread.store(nix::unistd::gettid().as_raw(), Ordering::Relaxed);
            Worker::new(shared, clock, connections, indices, sources).expect("a worker").run()
        });
        pin(cores().other);
        let mut far = Far::new(clock, &factory, &plan, orders, !sending, variant);
        let figures = measure(&mut far, &reports, joining, span, &thread, sending, asked);
        command.send(Command::End).expect("the worker listens");
        let result = worker.join().expect("the worker ended");
        if figures.is_none() {
            let ended = |cause: &str| cause == "run_ended";
            let lost = result.details.iter().find(|detail| detail.cause.as_deref().is_some_and(|cause| !ended(cause)));
            let how = lost.map(|detail| (&detail.name, &detail.cause, &detail.detail));
            println!(
                "         participants were lost, as {how:?}; {}",
                far.failed.as_deref().unwrap_or("none at the SFU")
            );
        }
        figures
    })
}

fn measure(
    far: &mut Far<'_>,
    reports: &Receiver<Report>,
    joining: usize,
    span: Span,
    thread: &AtomicI32,
    sending: bool,
    asked: f64,
) -> Option<Figures> {
    let mut ticks = Ticks::new();
    let begun = Instant::now();
    let (mut joined, mut drops, mut failed) = (0, 0, false);
    let mut look = |far: &mut Far<'_>| {
        ticks.wait();
        far.tick();
        for report in reports.try_iter() {
            match report {
                Report::Milestone(_, Milestone::Joined) => joined += 1,
                Report::Milestone(_, Milestone::Failed | Milestone::Left { .. }) => failed = true,
                Report::Milestone(_, Milestone::Joining) => {}
                Report::Interval(interval) => drops += interval.drops,
            }
        }
        (joined, drops, failed || far.failed.is_some())
    };
    while look(far).0 < joining {
        if look(far).2 {
            return None;
        }
        if begun.elapsed() > PATIENCE {
            return None;
        }
    }
    let warm = Instant::now();
    while warm.elapsed() < span.warm {
        look(far);
    }
    let count = |far: &Far<'_>| if sending { far.received } else { far.sent };
    let (base, since, before) = (cpu_of(thread), Instant::now(), count(far));
    let (_, lost_before, _) = look(far);
    while since.elapsed() < span.measured {
        look(far);
    }
    let (_, lost, failed) = look(far);
    if lost > lost_before {
        println!("         {} datagrams were dropped at the receivers' sockets", lost - lost_before);
    }
    let packets = count(far) - before;
    (!failed).then(|| Figures { cpu: cpu_of(thread) - base, packets, wall: since.elapsed(), asked: Some(asked) })
}

/// CPU time of another thread of this process, exact at its last switch.
fn cpu_of(thread: &AtomicI32) -> Duration {
    let path = format!("/proc/self/task/{}/schedstat", thread.load(Ordering::Relaxed));
    let text = std::fs::read_to_string(path).expect("the kernel keeps schedstat");
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
}
