//! Faults hit those whom they select and nobody else, and who recovers does so in the time that is reported.

use super::harness::{MIC, Ran, Running, SPEAKER, cam, head, run, wait};
use crate::turns::alone;
use std::time::Duration;
use throng::outcome::{FaultOutcome, ParticipantDetail, Verdict};

/// One speaker and eight viewers in one room; `faults` and `more` end the file.
fn scenario(duration: u32, faults: &str) -> String {
    let head = head("faults", 9, ["2s", &format!("{duration}s"), "1s"]);
    let cam = cam("320x180", 25, "200kbps");
    format!(
        r#"
{head}
{MIC}
{cam}
cc = "fixed"
{SPEAKER}
[[population]]
name = "viewers"
count = 8
reconnect = {{ first = "200ms", factor = 2.0, max = "1s", attempts = 20 }}
{faults}
"#
    )
}

fn fault<'a>(ran: &'a Ran, name: &str) -> &'a FaultOutcome {
    ran.outcome.faults.iter().find(|fault| fault.name == name).unwrap_or_else(|| panic!("no fault {name}"))
}

fn freezes(detail: &ParticipantDetail) -> f64 {
    detail.scalars.get("video.freeze_count").copied().unwrap_or_default()
}

fn frozen(detail: &ParticipantDetail) -> f64 {
    detail.scalars.get("video.freeze_ratio").copied().unwrap_or_default()
}

#[test]
fn blocked_datagrams_freeze_half_of_the_viewers_for_as_long_and_the_others_see_nothing() {
    let _turn = alone();
    let ran = run(&scenario(
        10,
        r#"
[[fault]]
name = "blocked"
at = "4s"
for = "5s"
kind = "udp-block"
select = { population = "viewers", fraction = 0.5 }
expect = { recover_within = "1500ms" }
[[threshold]]
metric = "video.freeze_count"
where = { phase = "steady" }
expect = "count == 0"
severity = "warn"
"#,
    ));
    ran.assert_consistent();
    let (hit, spared): (Vec<_>, Vec<_>) = ran.people("viewers").partition(|detail| freezes(detail) > 0.0);
    assert_eq!((hit.len(), spared.len()), (4, 4));
    for detail in hit {
        let seconds = frozen(detail) * 10.0;
        assert!((4.9..6.3).contains(&seconds), "{} was frozen for {seconds} s", detail.name);
        assert_eq!(detail.sessions, 1, "consent lasts longer");
    }
    let blocked = fault(&ran, "blocked");
    assert_eq!((blocked.selected, blocked.present, blocked.recovered, blocked.unrecovered), (4, 4, 4, 0));
    let longest = blocked.recovery.max.expect("all recovered");
    assert!((0.005..1.3).contains(&longest), "{longest}");
    assert_eq!(blocked.verdict, Some(Verdict::Pass), "{blocked:?}");
    assert_eq!(ran.count("session.lost", &[]) + ran.count("session.reconnects", &[]), 0);
    // The freeze begins in the fault and is due there; the phase `steady` has the time before it alone.
    assert!(ran.count("video.freeze_count", &[("phase", "steady")]) == 0);
    assert!(ran.count("rtp.packets_received", &[("phase", "fault:blocked")]) > 500, "of those who go on");
    assert!(ran.lost("viewers", "down", "media") > 500);
}

#[test]
fn an_sfu_that_is_killed_and_started_again_is_come_back_to_by_everybody_at_the_same_address() {
    let _turn = alone();
    let ran = run(&scenario(
        10,
        r#"
[[fault]]
name = "kill"
at = "4s"
kind = "sfu-kill"
restart_after = "1500ms"
expect = { recover_within = "6s" }
"#,
    ));
    ran.assert_consistent();
    assert_eq!((ran.outcome.verdict, ran.code), (Verdict::Pass, 0), "{}", ran.outcome.reason);
    let people = &ran.outcome.participants;
    assert_eq!((people.joined, people.sessions_lost, people.rejoins_failed), (9, 9, 0), "{people:?}");
    assert_eq!(people.rejoins, 9, "one join each, however many attempts: {people:?}");
    assert!(ran.count("session.reconnects", &[]) > 9, "attempts while it was away");
    assert!(ran.outcome.participants_detail.iter().all(|detail| detail.state == "joined"));
    let kill = fault(&ran, "kill");
    assert_eq!((kill.selected, kill.present, kill.recovered), (9, 9, 9));
    let longest = kill.recovery.max.expect("all recovered");
    assert!((0.05..5.0).contains(&longest), "{longest}");
    // While there was no process there was nothing to measure: a gap, not a zero.
    let cpu = ran.outcome.series.metrics.iter().find(|series| series.name == "sfu.cpu").expect("it is measured");
    assert!(cpu.values[3].is_some() && cpu.values[4].is_none(), "{:?}", cpu.values);
    assert!(ran.outcome.events.iter().any(|event| event.text.contains("serves again")));
    assert_eq!(
        ran.outcome.thresholds.last().map(|one| (one.metric.as_str(), one.verdict)),
        Some(("fault.recovery", Verdict::Pass))
    );
}

#[test]
fn an_sfu_that_stands_still_for_a_while_freezes_everybody_and_loses_nobody() {
    let _turn = alone();
    let ran = run(&scenario(
        9,
        r#"
[[fault]]
name = "still"
at = "4s"
for = "3s"
kind = "sfu-pause"
expect = { recover_within = "3s" }
"#,
    ));
    ran.assert_consistent();
    assert_eq!(ran.outcome.verdict, Verdict::Pass, "{}", ran.outcome.reason);
    for detail in ran.people("viewers") {
        let seconds = frozen(detail) * 9.0;
        assert!((2.8..5.0).contains(&seconds), "{} was frozen for {seconds} s", detail.name);
    }
    assert_eq!(ran.count("session.lost", &[]) + ran.count("session.reconnects", &[]), 0);
    assert_eq!(fault(&ran, "still").recovered, 9);
}

#[test]
fn a_nat_that_forgets_is_followed_and_ice_restarts_without_a_gap() {
    let _turn = alone();
    let ran = run(&scenario(
        9,
        r#"
[[population]]
name = "restarters"
count = 3
[[fault]]
name = "nat"
at = "5s"
kind = "nat-rebind"
select = { population = "viewers" }
expect = { recover_within = "4s" }
[[fault]]
name = "ice"
at = "5s"
kind = "ice-restart"
select = { population = "restarters" }
expect = { recover_within = "2s" }
"#,
    ));
    ran.assert_consistent();
    assert_eq!(ran.outcome.verdict, Verdict::Pass, "{}", ran.outcome.reason);
    assert_eq!(ran.count("session.lost", &[]), 0);
    let nat = fault(&ran, "nat");
    assert_eq!((nat.present, nat.recovered), (8, 8));
    // A check of a pair that works comes every 3 s at most; until then the SFU sends to a port that is gone.
    assert!((0.01..4.0).contains(&nat.recovery.max.expect("all")), "{nat:?}");
    let ice = fault(&ran, "ice");
    assert_eq!((ice.present, ice.recovered, ice.recovery.max), (3, 3, Some(0.0)), "no gap");
    assert!(ran.people("restarters").all(|detail| freezes(detail) == 0.0));
}

#[test]
fn who_loses_signalling_comes_back_and_who_is_cut_off_only_waits() {
    let _turn = alone();
    let ran = run(&scenario(
        11,
        r#"
[[population]]
name = "islanders"
count = 3
[[fault]]
name = "drop"
at = "4s"
for = "1s"
kind = "signal-drop"
select = { population = "viewers", fraction = 0.25 }
expect = { recover_within = "4s" }
[[fault]]
name = "cut"
at = "4s"
for = "2s"
kind = "partition"
select = { population = "islanders" }
expect = { recover_within = "2s" }
"#,
    ));
    ran.assert_consistent();
    assert_eq!(ran.outcome.verdict, Verdict::Pass, "{}", ran.outcome.reason);
    assert_eq!(ran.people("viewers").filter(|detail| detail.sessions > 1).count(), 2);
    assert!(ran.people("islanders").all(|detail| detail.sessions == 1 && freezes(detail) > 0.0));
    assert_eq!((ran.count("session.lost", &[]), ran.outcome.participants.rejoins), (2, 2));
    let (drop, cut) = (fault(&ran, "drop"), fault(&ran, "cut"));
    assert_eq!((drop.recovered, cut.recovered), (2, 3));
    assert!(drop.recovery.max > Some(0.05) && cut.recovery.max > Some(0.005), "{drop:?} {cut:?}");
}

#[test]
fn an_interrupted_run_leaves_no_sfu_behind_that_stands_still() {
    let _turn = alone();
    let running = Running::start(
        &scenario(30, "[[fault]]\nname = \"still\"\nat = \"3s\"\nfor = \"20s\"\nkind = \"sfu-pause\"\n"),
        &[],
    );
    let sfu = running.sfu();
    let state = || std::fs::read_to_string(format!("/proc/{sfu}/stat")).ok();
    let stands_still = || {
        wait(Duration::from_millis(100));
        state().is_some_and(|stat| stat.contains(") T "))
    };
    assert!((0..150).any(|_| stands_still()), "it goes on: {:?}", state());
    running.interrupt_group();
    let ran = running.finish();
    assert_eq!(ran.outcome.verdict, Verdict::Interrupted);
    assert_eq!(state(), None, "it is gone");
    let still = fault(&ran, "still");
    assert_eq!((still.present, still.unrecovered), (9, 9), "censored, never dropped");
}
