//! Every kind of fault in virtual time: whom it hits, what it costs them, and that nobody else notices.

use super::*;
use crate::outcome::FaultOutcome;

/// A run with one fault at six seconds.
fn faulty(fault: &str) -> Outcome {
    let text = path("delay = \"20ms\"").replace("duration = \"10s\"", "duration = \"24s\"");
    simulated(&format!("{text}[[fault]]\nname = \"it\"\nat = \"6s\"\n{fault}\n"), 2)
}

fn only(outcome: &Outcome) -> &FaultOutcome {
    let [fault] = &outcome.faults[..] else { panic!("{:?}", outcome.faults) };
    assert_eq!((fault.recovered, fault.unrecovered), (fault.present, 0), "{fault:?}");
    fault
}

fn frozen_viewers(outcome: &Outcome) -> usize {
    let frozen = |scalars: &std::collections::BTreeMap<String, f64>| {
        scalars.get(Metric::VideoFreezeCount.name()).is_some_and(|count| *count > 0.0)
    };
    let viewers = outcome.participants_detail.iter().filter(|one| one.population == "viewers");
    viewers.filter(|one| frozen(&one.scalars)).count()
}

#[test]
fn blocked_datagrams_freeze_those_who_are_selected_for_as_long_and_nobody_else() {
    for kind in ["udp-block", "partition", "port-block\"\nports = \"media"] {
        let outcome = faulty(&format!(
            "kind = \"{kind}\"\nfor = \"3s\"\nselect = {{ population = \"viewers\", fraction = 0.5 }}"
        ));
        let fault = only(&outcome);
        assert_eq!((fault.selected, fault.present), (3, 3), "{kind}");
        assert!(fault.recovery.max.is_some_and(|longest| longest < 2.0), "{kind}: {:?}", fault.recovery);
        assert_eq!(frozen_viewers(&outcome), 3, "{kind}");
        let longest = metric(&outcome, Metric::VideoFreezeTime).and_then(|entry| entry.max).expect("freezes");
        assert!((3.0..4.5).contains(&longest), "{kind}: {longest}");
        assert_eq!(count(&outcome, Metric::SessionsLost), 0, "{kind}: consent outlives three seconds");
    }
}

#[test]
fn an_sfu_that_is_killed_takes_every_session_and_everybody_comes_back() {
    let outcome = faulty("kind = \"sfu-kill\"\nrestart_after = \"1s\"\nexpect = { recover_within = \"10s\" }");
    let fault = only(&outcome);
    assert_eq!((fault.present, fault.verdict), (8, Some(crate::outcome::Verdict::Pass)), "{fault:?}");
    assert_eq!(count(&outcome, Metric::SessionsLost), 8);
    assert_eq!((outcome.participants.rejoins, outcome.participants.joined), (8, 8), "{:?}", outcome.participants);
    assert!(outcome.events.iter().any(|event| event.text.contains("serves again")), "{:?}", outcome.events);
    assert_eq!(outcome.verdict, crate::outcome::Verdict::Pass, "{}", outcome.reason);
}

#[test]
fn nothing_is_late_in_virtual_time_whatever_happens_to_the_sfu() {
    let outcome = faulty("kind = \"sfu-kill\"\nrestart_after = \"1s\"");
    let late = metric(&outcome, Metric::NetEmuLateness).expect("links are there");
    assert_eq!(late.max, Some(0.0), "what lay in the links of nobody is no lateness: {late:?}");
}

#[test]
fn an_sfu_that_stands_still_freezes_everybody_and_loses_nobody() {
    let outcome = faulty("kind = \"sfu-pause\"\nfor = \"3s\"");
    let fault = only(&outcome);
    assert_eq!(fault.present, 8);
    assert_eq!(count(&outcome, Metric::SessionsLost), 0);
    assert_eq!(frozen_viewers(&outcome), 6);
    let delay = metric(&outcome, Metric::SfuForwardDelay).and_then(|entry| entry.max).expect("media");
    assert!((2.9..3.1).contains(&delay), "what waited for it waited as long as it stood: {delay}");
}

#[test]
fn a_nat_that_forgets_costs_a_gap_until_the_next_check() {
    let outcome = faulty("kind = \"nat-rebind\"\nselect = { population = \"viewers\" }");
    let fault = only(&outcome);
    assert_eq!(fault.present, 6);
    assert!(fault.recovery.max.is_some_and(|longest| longest < 4.0), "checks go out every 3 s: {:?}", fault.recovery);
    assert_eq!(count(&outcome, Metric::SessionsLost), 0);
}

#[test]
fn a_restart_of_ice_costs_nothing() {
    let outcome = faulty("kind = \"ice-restart\"");
    let fault = only(&outcome);
    assert_eq!(fault.present, 8);
    assert!(fault.recovery.max.is_some_and(|longest| longest < 0.5), "{:?}", fault.recovery);
    assert_eq!((count(&outcome, Metric::SessionsLost), count(&outcome, Metric::VideoFreezeCount)), (0, 0));
}

#[test]
fn broken_signalling_costs_the_session_of_those_whose_it_is() {
    let outcome = faulty("kind = \"signal-drop\"\nfor = \"2s\"\nselect = { population = \"viewers\", fraction = 0.5 }");
    let fault = only(&outcome);
    assert_eq!((fault.present, count(&outcome, Metric::SessionsLost)), (3, 3));
    assert_eq!(outcome.participants.rejoins, 3);
}

#[test]
fn faults_are_reproducible_and_without_them_nothing_recovers() {
    let fault = "kind = \"sfu-kill\"\nrestart_after = \"500ms\"";
    assert_eq!(io::to_json(&faulty(fault)), io::to_json(&faulty(fault)));
    let outcome = simulated(&path("delay = \"20ms\""), 2);
    assert!(outcome.faults.is_empty() && metric(&outcome, Metric::FaultRecovery).is_none());
}

#[test]
fn a_pooled_fault_hits_those_of_every_run() {
    let text = path("delay = \"20ms\"").replace("duration = \"10s\"", "duration = \"20s\"");
    let fault = "kind = \"udp-block\"\nfor = \"2s\"\nselect = { population = \"viewers\", fraction = 0.5 }";
    let outcome = pooled(&format!("{text}[[fault]]\nname = \"it\"\nat = \"6s\"\n{fault}\n"), &[1, 2, 3]);
    let fault = only(&outcome);
    assert_eq!((fault.selected, fault.present), (9, 9));
}

#[test]
fn an_sfu_at_work_stands_still_with_its_work() {
    let text = path("delay = \"20ms\"").replace("duration = \"10s\"", "duration = \"20s\"");
    let service = "[target]\nservice = { per_packet = \"500us\", queue = \"100ms\" }\n[media.mic]";
    let text = text.replace("[media.mic]", service);
    let fault = "[[fault]]\nname = \"it\"\nat = \"6s\"\nkind = \"sfu-pause\"\nfor = \"2s\"\n";
    let outcome = simulated(&format!("{text}{fault}"), 2);
    only(&outcome);
    let busy = outcome.series.metrics.iter().find(|one| one.name == "sfu.cpu" && one.labels.is_empty());
    let busy = &busy.expect("it is modelled").values;
    assert_eq!(busy[7], Some(0.0), "nothing is done in a second in which it stands still: {busy:?}");
    assert!(busy[5].is_some_and(|busy| busy > 0.05), "{busy:?}");
    assert!(busy.iter().flatten().all(|busy| *busy <= 1.0), "{busy:?}");
}
