//! What a simulated packet delivery costs, whole: `cargo bench --bench simulated_run [-- 100|1000|10000]`.
//!
//! Rooms of two speakers and eighteen viewers, over a home, an office and a bad mobile network, everybody in from the
//! start; a delivery is a datagram that left a participant's downlink. Criterion's throughput is deliveries a second of one
//! core. That it hardly falls from 100 to 10,000 participants is the point. Resident memory a participant is printed first.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::disallowed_macros, reason = "a bench prints its figures")]

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use std::time::Duration as Wall;
use throng::drive::live::machine;
use throng::drive::simulated::{self, Options};
use throng::plan::{Plan, load};
use throng::scenario::{Settings, no_files};

/// Seconds of virtual time for so many participants: each round delivers some millions.
const ROUNDS: [(u32, u32); 3] = [(100, 30), (1_000, 10), (10_000, 3)];

fn scenario(participants: u32, seconds: u32) -> String {
    let rooms = participants / 20;
    format!(
        r#"
version = 1
name = "simulated-run"
seed = 1
[run]
world = "simulated"
warmup = "2s"
duration = "{seconds}s"
[media.mic]
kind = "audio"
codec = "opus"
bitrate = "32kbps"
[media.cam]
kind = "video"
codec = "vp8"
size = "320x180"
fps = 15
bitrate = "200kbps"
[network.home]
up = {{ rate = "5Mbps", queue = "300ms", delay = "15ms", delay_variation = {{ dist = "nr-gauss", sd = "2ms", max = "6ms" }} }}
down = {{ rate = "20Mbps", queue = "200ms", delay = "15ms", delay_variation = {{ dist = "nr-gauss", sd = "2ms", max = "6ms" }}, loss = {{ model = "iid", p = 0.001 }} }}
[network.office]
up = {{ rate = "20Mbps", queue = "100ms", delay = "5ms" }}
down = {{ rate = "50Mbps", queue = "100ms", delay = "5ms" }}
[network.mobile]
up = {{ rate = "2Mbps", queue = "500ms", delay = "60ms", loss = {{ model = "gilbert", mean = 0.005, burst = 2.0 }} }}
down = {{ rate = "4Mbps", queue = "500ms", delay = "60ms", loss = {{ model = "gilbert", mean = 0.01, burst = 2.0 }} }}
[rooms]
count = {rooms}
[[population]]
name = "speakers"
per_room = 2
publish = ["mic", "cam"]
network = [{{ use = "home", weight = 0.5 }}, {{ use = "office", weight = 0.3 }}, {{ use = "mobile", weight = 0.2 }}]
[[population]]
name = "viewers"
per_room = 18
network = [{{ use = "home", weight = 0.5 }}, {{ use = "office", weight = 0.3 }}, {{ use = "mobile", weight = 0.2 }}]
"#
    )
}

fn plan(participants: u32, seconds: u32) -> Plan {
    let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
    let text = scenario(participants, seconds);
    load("simulated_run.toml", &text, &settings, None).unwrap_or_else(|errors| panic!("{errors:#?}")).1
}

fn simulate(plan: Plan) -> u64 {
    simulated::run(plan, &Options::default(), &mut |_| {}, &mut |_| {}).expect("it begins").deliveries
}

fn resident() -> u64 {
    machine::own_usage().map_or(0, |usage| usage.rss_bytes)
}

/// The most resident memory of a run, over that before it.
fn memory(participants: u32) -> u64 {
    let plan = plan(participants, 5);
    let (before, mut most) = (resident(), 0);
    let run = simulated::run(plan, &Options::default(), &mut |_| most = most.max(resident()), &mut |_| {});
    drop(run);
    most.saturating_sub(before)
}

/// What one participant more costs, in KiB: histograms and the program itself are the same for all.
fn memory_a_participant() -> f64 {
    let [few, many] = [1_000, 5_000];
    memory(many).saturating_sub(memory(few)) as f64 / f64::from(many - few) / 1024.0
}

fn simulated_run(criterion: &mut Criterion) {
    eprintln!("resident memory: {:.1} KiB for each participant more", memory_a_participant());
    let mut group = criterion.benchmark_group("simulated_run");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).warm_up_time(Wall::from_millis(1));
    for (participants, seconds) in ROUNDS {
        let deliveries = simulate(plan(participants, seconds));
        group.throughput(Throughput::Elements(deliveries)).measurement_time(Wall::from_secs(1));
        group.bench_function(BenchmarkId::new("participants", participants), |bencher| {
            bencher.iter_batched(|| plan(participants, seconds), simulate, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, simulated_run);
criterion_main!(benches);
