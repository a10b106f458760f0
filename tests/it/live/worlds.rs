//! The two worlds agree: one scenario live, over either leg of the reference SFU, and simulated.
//!
//! Each bound has its reason beside it. What a live run adds is its own lateness: a tick of a millisecond in the
//! generator, the SFU's wake-ups, real cryptography, and in the debug build all of it unoptimised. How late the generator
//! was in this very run is added to each bound on a time.

use super::harness::{MIC, Ran, cam, head, run_with};
use crate::turns::alone;

/// Two rooms of a speaker and viewers on a short and on a long, lossy path; encoders do not react, so that both worlds
/// publish the same frames.
fn scenario() -> String {
    let head = head("worlds", 11, ["4s", "10s", "2s"]);
    let cam = cam("320x180", 20, "250kbps");
    format!(
        r#"
{head}
{MIC}
{cam}
cc = "fixed"
[network.near]
up = {{ delay = "20ms", delay_variation = {{ dist = "nr-gauss", sd = "2ms", max = "6ms" }} }}
down = {{ delay = "20ms", delay_variation = {{ dist = "nr-gauss", sd = "2ms", max = "6ms" }} }}
[network.far]
up = {{ delay = "60ms" }}
down = {{ delay = "60ms", rate = "4Mbps", queue = "200ms", loss = {{ model = "iid", p = 0.02 }} }}
[rooms]
count = 2
[[population]]
name = "speakers"
per_room = 1
publish = ["mic", "cam"]
network = "near"
[[population]]
name = "viewers"
per_room = 3
network = "near"
start = {{ arrivals = {{ process = "constant", rate = "4/s" }} }}
[[population]]
name = "remote"
per_room = 3
network = "far"
start = {{ arrivals = {{ process = "constant", rate = "4/s" }} }}
"#
    )
}

/// What two runs may differ by, and why.
struct Bound {
    metric: &'static str,
    /// Seconds, or a share.
    most: f64,
    read: fn(&Ran, &str, &str) -> f64,
}

fn median(ran: &Ran, metric: &str, network: &str) -> f64 {
    ran.pooled(metric, &[("network", network)]).p50.unwrap_or_else(|| panic!("{metric} of {network} has no median"))
}

fn mean(ran: &Ran, metric: &str, network: &str) -> f64 {
    ran.pooled(metric, &[("network", network)]).mean.unwrap_or_else(|| panic!("{metric} of {network} has no mean"))
}

fn share(ran: &Ran, metric: &str, network: &str) -> f64 {
    ran.pooled(metric, &[("network", network)]).value.unwrap_or_else(|| panic!("{metric} of {network} has no value"))
}

const BOUNDS: [Bound; 9] = [
    // HTTP upgrade, JSON, two threads and a room's turn on each side.
    Bound { metric: "join.signal", most: 0.020, read: median },
    // One exchange of checks: a tick at our end and a wake of the SFU.
    Bound { metric: "join.ice", most: 0.010, read: median },
    // Two exchanges, and the handshake's own computing on both sides, unoptimised.
    Bound { metric: "join.dtls", most: 0.030, read: median },
    // A frame crosses two ticks of ours and one of the SFU's.
    Bound { metric: "delay.frame", most: 0.006, read: median },
    Bound { metric: "delay.transport", most: 0.006, read: median },
    // Kernel stamps keep ticks out of it; the SFU's wakes stay in.
    Bound { metric: "rtp.jitter", most: 0.002, read: mean },
    // Of 5,400 packets 2 % are 108. The difference of two such counts has a standard deviation of √(2 × 106), 0.27 %: five and
    // a half of those.
    Bound { metric: "rtp.loss_net", most: 0.015, read: share },
    // Which packets are lost differs: some twenty freezes of a fifth of a second in a minute watched. Their lengths vary by
    // half, so the sum of them has a standard deviation of 0.2 s × √(20 × 1.25), 1.7 % of the minute, and the difference of
    // two one of 2.4 %: five and a half of those.
    Bound { metric: "video.freeze_ratio", most: 0.13, read: share },
    // Pictures are repaired in both worlds; sound is not sent again, so some sixty of its three thousand packets stay lost,
    // of 5,400 in all. The difference of two such counts has a standard deviation of √120, 0.2 %: five and a half of those.
    Bound { metric: "rtp.loss_residual", most: 0.011, read: share },
];

fn compare(name: &str, live: &Ran, simulated: &Ran) {
    let mut wrong = Vec::new();
    let late = live.pooled("harness.send_lateness", &[]).p95.expect("frames were sent");
    for network in ["near", "far"] {
        for Bound { metric, most, read } in BOUNDS {
            let (live, simulated) = (read(live, metric, network), read(simulated, metric, network));
            let most = if metric.starts_with("join.") || metric.starts_with("delay.") { most + late } else { most };
            if (live - simulated).abs() > most {
                wrong.push(format!("{metric} ({network}): {live} live, {simulated} simulated, bound {most}"));
            }
        }
        // Within a fiftieth: a window begins and ends between frames, and joins lie a few milliseconds apart. What is lost of
        // the packets differs by a standard deviation of 0.27 %, and next to no frame of a picture is lost for good.
        for metric in ["video.frames_decodable", "rtp.packets_received", "rtp.packets_sent"] {
            let filter: &[(&str, &str)] = &[("network", network), ("phase", "steady")];
            let (live, simulated) = (live.count(metric, filter) as f64, simulated.count(metric, filter) as f64);
            if (live - simulated).abs() > 0.02 * simulated {
                wrong.push(format!("{metric} ({network}): {live} live, {simulated} simulated"));
            }
        }
    }
    assert!(wrong.is_empty(), "leg {name}:\n{}", wrong.join("\n"));
}

#[test]
fn a_live_run_over_either_leg_agrees_with_the_simulation() {
    let text = scenario();
    let simulated = run_with(&text, &["--world", "simulated"]);
    assert_eq!(simulated.outcome.participants.joined, 14);
    let _turn = alone();
    for leg in ["str0m", "own"] {
        let live = run_with(&text, &["--set", &format!("target.leg={leg}")]);
        assert_eq!(live.outcome.participants.joined, 14);
        compare(leg, &live, &simulated);
    }
}
