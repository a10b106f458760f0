//! Messages over data channels, on real sockets and real SCTP, over either leg of the reference SFU.

use super::harness::{Ran, head, run_with};
use crate::turns::alone;
use throng::outcome::MetricOutcome;

/// Two who talk without loss, and two behind links that lose.
fn scenario() -> String {
    let head = head("messages", 3, ["4s", "20s", "8s"]);
    format!(
        r#"
{head}
[media.sure]
kind = "data"
message = "500B"
rate = 5
[media.rash]
kind = "data"
message = "300B"
rate = 20
ordered = false
max_retransmits = 0
[network.near]
up = {{ delay = "20ms" }}
down = {{ delay = "20ms" }}
[network.far]
up = {{ delay = "20ms", loss = {{ model = "iid", p = 0.02 }} }}
down = {{ delay = "20ms", loss = {{ model = "iid", p = 0.02 }} }}
[[population]]
name = "near"
count = 2
publish = ["sure", "rash"]
subscribe = {{ audio = "none", video = "none", data = "pinned(near)" }}
network = "near"
[[population]]
name = "far"
count = 2
publish = ["sure", "rash"]
subscribe = {{ audio = "none", video = "none", data = "pinned(far)" }}
network = "far"
"#
    )
}

/// Of one channel behind one network, in the measured time.
fn of<'a>(ran: &'a Ran, metric: &str, network: &str, media: &str) -> &'a MetricOutcome {
    let wanted = [("network", network), ("media", media), ("phase", "steady")];
    let is = |entry: &&MetricOutcome| {
        let has = |(label, value): &(&str, &str)| entry.labels.get(*label).is_some_and(|held| held == value);
        entry.name == metric && wanted.iter().all(has)
    };
    ran.outcome.metrics.iter().find(is).unwrap_or_else(|| panic!("{metric} of {media} behind {network}"))
}

fn delivery(ran: &Ran, network: &str, media: &str) -> f64 {
    of(ran, "data.delivery", network, media).value.expect("messages came")
}

fn check(name: &str, ran: &Ran, simulated: &Ran) {
    for media in ["sure", "rash"] {
        assert_eq!(delivery(ran, "near", media), 1.0, "leg {name}: nothing is lost without loss");
    }
    assert_eq!(delivery(ran, "far", "sure"), 1.0, "leg {name}: a reliable channel loses nothing");
    // 4 % of 800 messages: four standard deviations of the difference of two such shares.
    let (live, modelled) = (delivery(ran, "far", "rash"), delivery(simulated, "far", "rash"));
    assert!((live - modelled).abs() < 0.04 && live < 0.99, "leg {name}: {live} live, {modelled} simulated");
    let late = ran.pooled("harness.send_lateness", &[]).p95.expect("messages were sent");
    for (network, media) in [("near", "sure"), ("near", "rash"), ("far", "rash")] {
        let [live, modelled] =
            [ran, simulated].map(|ran| of(ran, "data.latency", network, media).p50.expect("messages came"));
        // Two links of 20 ms; ticks of ours, a wake of the SFU and its cryptography, unoptimised, besides.
        assert!(
            (live - modelled).abs() < 0.025 + late,
            "leg {name}, {network} {media}: {live} live, {modelled} simulated"
        );
    }
    let most = of(ran, "data.latency", "far", "sure").max;
    assert!(most > Some(0.15), "leg {name}: what is sent again is late, {most:?}");
    for metric in ["integrity.message_order", "integrity.misroute", "integrity.stamp_crc", "integrity.payload_crc"] {
        assert_eq!(ran.count(metric, &[]), 0, "leg {name}: {metric}");
    }
    assert_eq!(ran.count("data.messages_dropped", &[]), 0, "leg {name}");
}

#[test]
fn messages_cross_either_leg_and_agree_with_the_simulation() {
    let text = scenario();
    let simulated = run_with(&text, &["--world", "simulated"]);
    check("modelled", &simulated, &simulated);
    let _turn = alone();
    for leg in ["str0m", "own"] {
        let live = run_with(&text, &["--set", &format!("target.leg={leg}")]);
        assert_eq!(live.outcome.participants.joined, 4);
        live.assert_complete();
        check(leg, &live, &simulated);
    }
}
