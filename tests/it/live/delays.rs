//! Delay and delay variation that are put on a link are what is measured behind it.

use super::harness::{MIC, SPEAKER, cam, run};
use crate::turns::alone;

/// Viewers of one publisher, so that all see the same frames: without delay, behind 100 ms, and behind a delay that
/// varies evenly between 0 and 15 ms, less than the 20 ms between two packets of sound, so that keeping the order never
/// bears on it.
fn scenario() -> String {
    let cam = cam("320x180", 25, "200kbps");
    format!(
        r#"
version = 1
name = "delays"
seed = 4
[run]
warmup = "3s"
duration = "4s"
{MIC}
{cam}
cc = "fixed"
[network.near]
[network.far]
down = {{ delay = "100ms" }}
[network.wavy]
down = {{ delay_variation = {{ dist = "uniform", max = "15ms" }} }}
{SPEAKER}
[[population]]
name = "near"
count = 3
network = "near"
[[population]]
name = "far"
count = 3
network = "far"
[[population]]
name = "wavy"
count = 8
network = "wavy"
"#
    )
}

#[test]
fn delay_and_delay_variation_are_measured_as_they_are_put_on() {
    let _turn = alone();
    let ran = run(&scenario());
    for metric in ["delay.frame", "delay.transport"] {
        let p50 = |network| ran.pooled(metric, &[("network", network)]).p50.expect("samples");
        let more = p50("far") - p50("near");
        assert!((more - 0.100).abs() <= 0.001, "{metric}: 100 ms more are {more} s more");
    }
    let jitter = |network| ran.mean("rtp.jitter", &[("network", network), ("media", "mic"), ("phase", "steady")]);
    // The difference of two independent even delays up to m is m/3 long on average.
    let expected = 0.015 / 3.0;
    let wavy = jitter("wavy");
    assert!((wavy / expected - 1.0).abs() < 0.10, "jitter {wavy} s instead of {expected} s");
    let raw = ran.mean("rtp.interarrival", &[("network", "wavy"), ("media", "mic"), ("phase", "steady")]);
    assert!((raw / expected - 1.0).abs() < 0.10, "|D| {raw} s instead of {expected} s");
    assert!(jitter("near") < 0.001, "{}", jitter("near"));
    assert!(jitter("far") < 0.001, "a constant delay is no jitter: {}", jitter("far"));
}
