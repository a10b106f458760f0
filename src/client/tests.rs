//! Whole clients without a socket: against the reference SFU's own machines in memory, and against nothing at all.

mod actions;
mod arbitrary;
mod damage;
mod faults;
mod network;
mod rooms;
mod simulcast;
mod subscriptions;
mod whip;
mod world;

use super::*;
use crate::metrics::catalog::Metric;
use crate::metrics::measure::Measure;
use crate::metrics::{Recorded, Recorder};
use crate::plan::Plan;
use crate::rtp::ntp::Ntp;
use crate::scenario::sample::mic_and_cam;
use crate::scenario::{Settings, no_files};
use crate::transport::Factory;
use std::sync::Arc;

/// Rooms of one speaker and one viewer, as far as `more` does not say otherwise.
const ROOM: &str = concat!(
    r#"
version = 1
name = "memory"
seed = 3
[run]
duration = "60s"
cooldown = "5s"
[target]
adapter = "room"
url = "http://127.0.0.1:9"
"#,
    mic_and_cam!()
);

fn plan(text: &str) -> Plan {
    // The one file that these tests name: three opportunities in 10 ms.
    let files = |name: &str| if name == "lte.up" { Ok(b"3\n6\n10\n".to_vec()) } else { no_files(name) };
    let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &files };
    crate::plan::load("memory.toml", text, &settings, None).unwrap_or_else(|errors| panic!("{errors:#?}")).1
}

/// The machine's clock: str0m wants one of its instants to count from.
fn epoch() -> std::time::Instant {
    #[allow(clippy::disallowed_methods, reason = "any instant would do; there is no other way to make one")]
    std::time::Instant::now()
}

fn shared(text: &str, epoch: std::time::Instant) -> Shared {
    let transports = Factory::new(epoch).expect("DTLS can be set up");
    let origin = Ntp::from_unix_nanos(1_790_000_000_000_000_000);
    Shared::new(Arc::new(plan(text)), transports, origin, "http://127.0.0.1:9".to_owned(), false)
}

fn sink(shared: &Shared) -> Sink {
    let plan = &shared.plan;
    let (populations, networks, media) = (plan.populations.len(), plan.networks.len(), plan.media.len());
    Sink::new(Recorder::new(populations, networks, media, plan.output.interval))
}

/// One speaker and these viewers, each 10 ms from the SFU.
fn people(viewers: u32) -> String {
    format!(
        r#"
[network.home]
up = {{ delay = "10ms" }}
down = {{ delay = "10ms" }}
[rooms]
count = 1
[[population]]
name = "speakers"
per_room = 1
publish = ["mic", "cam"]
network = "home"
[[population]]
name = "viewers"
per_room = {viewers}
network = "home"
"#
    )
}

fn secs(secs: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(secs)
}

fn counted(recorded: &Recorded, metric: Metric) -> u64 {
    match recorded.pooled(metric, |_| true) {
        Some(Measure::Counter(n)) => n,
        _ => 0,
    }
}
