//! What goes wrong outside the SFU's media is told apart from it, and nothing that was measured is lost.

use super::harness::{LATE_IS_FINE, MIC, Running, SPEAKER, cam, wait};
use crate::turns::alone;
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpgid;
use std::time::Duration;
use throng::outcome::Verdict;

/// Twelve viewers come one after the other from second 1 on.
fn scenario(limits: &str, duration: &str) -> String {
    let cam = cam("320x180", 25, "200kbps");
    format!(
        r#"
version = 1
name = "bad-days"
[run]
duration = "{duration}"
{limits}
{MIC}
{cam}
{SPEAKER}
[[population]]
name = "viewers"
count = 12
start = {{ arrivals = {{ process = "constant", stages = [{{ for = "1s", rate = "0/s" }}, {{ for = "3s", rate = "4/s" }}] }} }}
"#
    )
}

#[test]
fn a_generator_that_stood_still_calls_its_run_invalid() {
    let _turn = alone();
    let running = Running::start(&scenario("", "5s"), &[]);
    running.sfu();
    wait(Duration::from_millis(2_500));
    running.signal(Signal::SIGSTOP);
    wait(Duration::from_secs(1));
    running.signal(Signal::SIGCONT);
    let ran = running.finish();
    assert_eq!((ran.outcome.verdict, ran.code), (Verdict::Invalid, 97), "{}", ran.outcome.reason);
    let late = ran.max("harness.send_lateness", &[]);
    assert!((0.9..1.5).contains(&late), "{late}");
    assert!(ran.outcome.health.longest_stall > 0.9, "the canary saw it: {}", ran.outcome.health.longest_stall);
    ran.assert_complete();
}

#[test]
fn an_sfu_that_stood_still_shows_in_the_joins_and_everybody_is_accounted_for() {
    let _turn = alone();
    let running = Running::start(&scenario(LATE_IS_FINE, "8s"), &[]);
    let sfu = running.sfu();
    wait(Duration::from_millis(1_800));
    kill(sfu, Signal::SIGSTOP).expect("the SFU runs");
    wait(Duration::from_secs(3));
    kill(sfu, Signal::SIGCONT).expect("the SFU runs");
    let ran = running.finish();
    let longest = ran.max("join.total", &[]);
    assert!((2.5..6.0).contains(&longest), "{longest}");
    let people = &ran.outcome.participants;
    assert_eq!((people.planned, people.joined + people.failed), (13, 13), "{people:?}");
    assert!(ran.outcome.health.valid, "the SFU's standstill is not the generator's: {:?}", ran.outcome.health);
}

#[test]
fn an_sfu_that_dies_fails_the_run_and_what_was_measured_is_kept() {
    let _turn = alone();
    let running = Running::start(&scenario(LATE_IS_FINE, "20s"), &[]);
    let sfu = running.sfu();
    wait(Duration::from_millis(3_000));
    kill(sfu, Signal::SIGKILL).expect("the SFU runs");
    let ran = running.finish();
    assert_eq!((ran.outcome.verdict, ran.code), (Verdict::Fail, 3), "{}", ran.outcome.reason);
    assert!(ran.outcome.reason.contains("SIGKILL"), "{}", ran.outcome.reason);
    assert!(ran.outcome.run.ended < 10.0, "it does not wait for its planned end: {}", ran.outcome.run.ended);
    assert!(ran.outcome.participants.joined > 2 && ran.count("rtp.packets_received", &[]) > 100);
    ran.assert_complete();
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long the program takes to end is what is asked")]
fn an_interrupted_run_is_written_within_ten_seconds() {
    let _turn = alone();
    let running = Running::start(&scenario(LATE_IS_FINE, "60s"), &[]);
    let sfu = running.sfu();
    wait(Duration::from_millis(2_500));
    let asked = std::time::Instant::now();
    // As a terminal does it: Ctrl-C reaches everybody in the group, and the SFU must not end before it is told.
    assert_ne!(getpgid(Some(sfu)).expect("the SFU runs"), running.group());
    running.interrupt_group();
    let ran = running.finish();
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!((ran.outcome.verdict, ran.code), (Verdict::Interrupted, 130), "{}", ran.outcome.reason);
    assert!(ran.outcome.events.iter().all(|event| event.kind != "target"), "{:?}", ran.outcome.events);
    ran.assert_complete();
}
