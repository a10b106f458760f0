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
    // Smoothed over 16 of them and taken once a second, one jitter has a standard deviation of 14 % of that; 8 viewers and 4 s
    // give 32, and their mean one of 2.5 %: six of those.
    assert!((wavy / expected - 1.0).abs() < 0.15, "jitter {wavy} s instead of {expected} s");
    let raw = ran.mean("rtp.interarrival", &[("network", "wavy"), ("media", "mic"), ("phase", "steady")]);
    // One |D| has a standard deviation of m/√18, 71 % of its mean, and a correlation of 0.1 with the next; 8 viewers and
    // 200 packets each give a mean with one of 1.9 %: six of those.
    assert!((raw / expected - 1.0).abs() < 0.12, "|D| {raw} s instead of {expected} s");
    assert!(jitter("near") < 0.001, "{}", jitter("near"));
    assert!(jitter("far") < 0.001, "a constant delay is no jitter: {}", jitter("far"));
}
