//! Faults of one participant and of the SFU: who is disturbed, who comes back, and how long it took.

use super::world::World;
use super::*;
use crate::conference::protocol::ClientMessage;
use crate::metrics::labels::{Key, Spell};
use crate::signalling::Carry;

fn world(fault: &str) -> World {
    World::new(&format!("{ROOM}{}{fault}", people(2)))
}

/// Samples of a trend, the censored ones among them, the smallest and the largest of the others.
fn trend(recorded: &Recorded, metric: Metric, matches: impl Fn(Key) -> bool) -> (u64, u64, f64, f64) {
    match recorded.pooled(metric, matches) {
        Some(Measure::Trend(histogram)) => (
            histogram.count(),
            histogram.censored(),
            histogram.min().unwrap_or_default(),
            histogram.max().unwrap_or_default(),
        ),
        _ => (0, 0, 0.0, 0.0),
    }
}

/// The recovery of the first fault.
fn recovery(recorded: &Recorded) -> (u64, u64, f64, f64) {
    trend(recorded, Metric::FaultRecovery, |key| key.spell == Some(Spell { fault: 0, after: true }))
}

fn joins(world: &World, who: usize) -> usize {
    world.said.iter().filter(|(of, said)| *of == who && matches!(said, ClientMessage::Join { .. })).count()
}

/// Seconds that a participant's video stood still until `end`, about, and how many freezes there were.
fn frozen(client: &Client, shared: &Shared, end: f64) -> (f64, f64) {
    let detail = client.detail(shared);
    let of = |metric: Metric| detail.scalars.get(metric.name()).copied().unwrap_or_default();
    (of(Metric::VideoFreezeRatio) * (end - detail.join_total.expect("it joined")), of(Metric::VideoFreezeCount))
}

#[test]
fn without_a_fault_nothing_recovers_and_nobody_comes_back() {
    let mut world = world("");
    world.run(secs(6.0));
    let (_, recorded, _) = world.finish();
    assert_eq!(recovery(&recorded), (0, 0, 0.0, 0.0));
    for metric in [Metric::FaultUnrecovered, Metric::SessionReconnects, Metric::SessionsLost] {
        assert_eq!(counted(&recorded, metric), 0, "{metric:?}");
    }
}

const BLOCKED: &str = r#"
[[fault]]
name = "blocked"
at = "4s"
for = "3s"
kind = "udp-block"
select = { population = "viewers", fraction = 0.5 }
"#;

#[test]
fn blocked_datagrams_freeze_exactly_those_who_are_selected_and_signalling_goes_on() {
    let mut world = world(BLOCKED);
    let selected = world.shared.plan.faults[0].selected.clone();
    assert_eq!(selected.len(), 1, "half of two");
    world.run(secs(10.0));
    assert!((0..3).all(|who| joins(&world, who) == 1), "nobody has to come back");
    let (clients, recorded, shared) = world.finish();
    for (who, client) in clients.iter().enumerate().skip(1) {
        let (time, freezes) = frozen(client, &shared, 10.0);
        if selected.contains(&(who as u32)) {
            assert!((2.9..4.0).contains(&time), "{time} s");
        } else {
            assert!(freezes == 0.0, "{freezes} freezes of who is not selected");
        }
    }
    let (samples, censored, _, longest) = recovery(&recorded);
    assert_eq!((samples, censored), (1, 0));
    // A keyframe has to be asked for and crosses 10 ms three times.
    assert!((0.02..0.8).contains(&longest), "{longest}");
    assert_eq!(counted(&recorded, Metric::SessionsLost), 0);
}

#[test]
fn what_a_fault_did_not_touch_took_no_time_to_recover() {
    // Only port 4 is closed, where nobody sends.
    let fault = "[[fault]]\nname = \"x\"\nat = \"4s\"\nfor = \"1s\"\nkind = \"port-block\"\nports = [4]\n";
    let mut world = world(fault);
    world.run(secs(8.0));
    let (_, recorded, _) = world.finish();
    assert_eq!(recovery(&recorded), (3, 0, 0.0, 0.0), "the speaker's acknowledgements among them");
}

#[test]
fn who_means_to_leave_before_the_recovery_is_over_has_nothing_to_recover() {
    let blocked = BLOCKED.replace(", fraction = 0.5", "");
    let expecting = format!("{blocked}expect = {{ recover_within = \"1s\" }}\n");
    // Without an expectation, recovery is looked at for 30 s after the fault's end at 7 s.
    let cases = [("6s", &blocked, 0), ("9s", &blocked, 0), ("6s", &expecting, 0), ("9s", &expecting, 2)];
    for (length, fault, present) in cases {
        let people = people(2).replace("per_room = 2", &format!("per_room = 2\nsession = {{ length = \"{length}\" }}"));
        let mut world = World::new(&format!("{ROOM}{people}{fault}"));
        world.run(secs(10.0));
        let (_, recorded, _) = world.finish();
        assert_eq!((recovery(&recorded).0, recovery(&recorded).1), (present, 0), "{length}: {fault}");
        assert_eq!(counted(&recorded, Metric::FaultUnrecovered), 0);
    }
}

#[test]
fn tracks_of_who_means_to_leave_before_the_recovery_is_over_are_not_waited_for() {
    let people = people(2).replace("per_room = 1", "per_room = 1\nsession = { length = \"20s\" }");
    let mut world = World::new(&format!("{ROOM}{people}{BLOCKED}"));
    world.run(secs(9.0));
    let (_, recorded, _) = world.finish();
    assert_eq!(recovery(&recorded).0, 0, "the speaker's are all that there are");
}

#[test]
fn who_has_nothing_cannot_have_it_back_in_no_time() {
    // The speaker comes when the fault is over.
    let fault = "[[fault]]\nname = \"x\"\nat = \"4s\"\nfor = \"1s\"\nkind = \"udp-block\"\n";
    let mut world = world(fault);
    world.late.insert(0, secs(6.0));
    world.run(secs(9.0));
    assert_eq!((0..3).map(|who| joins(&world, who)).sum::<usize>(), 3);
    let (_, recorded, _) = world.finish();
    assert_eq!(recovery(&recorded).0, 0);
}

#[test]
fn a_firewall_on_the_ports_of_media_is_a_freeze_and_one_on_signallings_is_none() {
    for (ports, froze) in [("\"media\"", true), ("[9999]", true), ("\"signalling\"", false)] {
        let fault =
            format!("[[fault]]\nname = \"x\"\nat = \"4s\"\nfor = \"2s\"\nkind = \"port-block\"\nports = {ports}\n");
        let mut world = world(&fault);
        world.run(secs(9.0));
        let (clients, recorded, shared) = world.finish();
        let (time, _) = frozen(&clients[1], &shared, 9.0);
        assert_eq!((1.9..3.5).contains(&time), froze, "{ports}: {time} s");
        assert_eq!(recovery(&recorded).0, 3);
        assert_eq!(recovery(&recorded).3 > 0.0, froze, "{ports}");
    }
}

#[test]
fn in_a_partition_nothing_is_said_and_nothing_gets_through() {
    let fault = "[[fault]]\nname = \"cut\"\nat = \"4s\"\nfor = \"3s\"\nkind = \"partition\"\nselect = { population = \"viewers\" }\n";
    let mut world = world(fault);
    world.run(secs(10.0));
    let quiet = |who: usize| world.sent.iter().any(|(of, at, _)| *of == who && *at > secs(4.02) && *at < secs(7.0));
    assert!(!quiet(1) && !quiet(2) && quiet(0), "the viewers alone are cut off");
    assert!((0..3).all(|who| joins(&world, who) == 1));
    let (_, recorded, _) = world.finish();
    let (samples, censored, shortest, longest) = recovery(&recorded);
    assert_eq!((samples, censored), (2, 0));
    assert!(shortest > 0.02 && longest < 0.8, "{shortest} to {longest}");
}

#[test]
fn who_loses_signalling_comes_back_once_it_may_with_a_new_session() {
    let fault = "[[fault]]\nname = \"drop\"\nat = \"4s\"\nfor = \"2s\"\nkind = \"signal-drop\"\nselect = { population = \"viewers\", fraction = 0.5 }\n";
    let mut world = world(fault);
    let selected = world.shared.plan.faults[0].selected[0] as usize;
    world.run(secs(14.0));
    assert_eq!(joins(&world, selected), 2, "its attempts during the fault reached nobody");
    assert!((0..3).filter(|who| *who != selected).all(|who| joins(&world, who) == 1));
    let aborts = world.orders.iter().filter(|(_, order)| matches!(order, Order::Carry { carry: Carry::Abort, .. }));
    assert_eq!(aborts.count(), 1);
    let left =
        world.milestones.iter().any(|(_, milestone)| matches!(milestone, Milestone::Left { .. } | Milestone::Failed));
    assert!(!left, "its place is not free meanwhile: {:?}", world.milestones);
    let (clients, recorded, shared) = world.finish();
    let detail = clients[selected].detail(&shared);
    assert_eq!(detail.state, "joined");
    assert!(detail.join_total.is_some() && detail.cause.is_none(), "its first join succeeded");
    assert_eq!(counted(&recorded, Metric::SessionsLost), 1);
    let attempts = counted(&recorded, Metric::SessionReconnects);
    assert!((3..=5).contains(&attempts), "{attempts} attempts in some 2 s");
    assert_eq!(u64::from(detail.sessions), attempts + 1);
    // One join of its own: attempts that failed are none.
    assert_eq!(trend(&recorded, Metric::JoinTotal, |key| key.rejoin).0, 1);
    let Some(Measure::Ratio(success)) = recorded.pooled(Metric::JoinSuccess, |_| true) else { panic!("no ratio") };
    assert_eq!((success.numerator, success.denominator), (4, 4));
    let (away, censored, time, _) = trend(&recorded, Metric::SessionReconnect, |_| true);
    assert_eq!((away, censored), (1, 0));
    assert!(time > 2.0, "{time}");
    let (samples, censored, _, longest) = recovery(&recorded);
    assert_eq!((samples, censored), (1, 0));
    assert!((longest - (time - 2.0)).abs() < 0.2, "recovered {longest} after it, back {time} after the loss");
}

#[test]
fn an_sfu_that_dies_is_come_back_to_by_everybody() {
    let fault = "[[fault]]\nname = \"kill\"\nat = \"4s\"\nkind = \"sfu-kill\"\nrestart_after = \"2s\"\n";
    // Only a run that owns its SFU may kill it; here the test does.
    let text = format!("{ROOM}{}{fault}", people(2)).replace("adapter = \"room\"\nurl = \"http://127.0.0.1:9\"\n", "");
    let mut world = World::new(&text);
    world.run(secs(4.0));
    world.kill_sfu();
    world.run(secs(6.0));
    world.start_sfu(0);
    world.run(secs(16.0));
    assert!((0..3).all(|who| joins(&world, who) == 2));
    let (clients, recorded, shared) = world.finish();
    assert!(clients.iter().all(|client| client.detail(&shared).state == "joined"));
    assert_eq!(counted(&recorded, Metric::SessionsLost), 3);
    assert_eq!(trend(&recorded, Metric::JoinTotal, |key| key.rejoin).0, 3);
    let (samples, censored, shortest, longest) = recovery(&recorded);
    assert_eq!((samples, censored), (3, 0));
    assert!(shortest > 0.05 && longest < 4.0, "{shortest} to {longest}");
}

#[test]
fn who_has_no_patience_does_not_come_back_and_is_censored() {
    let fault = "[[fault]]\nname = \"drop\"\nat = \"4s\"\nkind = \"signal-drop\"\nselect = { population = \"viewers\" }\nexpect = { recover_within = \"2s\" }\n";
    let people = people(2).replace("per_room = 2", "per_room = 2\nreconnect = \"never\"");
    let mut world = World::new(&format!("{ROOM}{people}{fault}"));
    world.run(secs(9.0));
    let left = world.milestones.iter().filter(|(_, milestone)| matches!(milestone, Milestone::Left { .. })).count();
    assert_eq!(left, 2, "their places are free");
    let (clients, recorded, shared) = world.finish();
    assert_eq!(clients[1].detail(&shared).state, "lost");
    assert_eq!(recovery(&recorded).0, 2);
    assert_eq!(recovery(&recorded).1, 2, "both censored");
    assert_eq!(counted(&recorded, Metric::FaultUnrecovered), 2);
}

#[test]
fn patience_ends_after_as_many_attempts_as_the_population_has() {
    let fault = "[[fault]]\nname = \"drop\"\nat = \"4s\"\nfor = \"20s\"\nkind = \"signal-drop\"\nselect = { population = \"viewers\", fraction = 0.5 }\n";
    let people = people(2).replace(
        "per_room = 2",
        "per_room = 2\nreconnect = { first = \"100ms\", factor = 2.0, max = \"1s\", attempts = 3 }",
    );
    let mut world = World::new(&format!("{ROOM}{people}{fault}"));
    world.run(secs(12.0));
    let (_, recorded, _) = world.finish();
    assert_eq!(counted(&recorded, Metric::SessionReconnects), 3);
    let Some(Measure::Ratio(success)) = recorded.pooled(Metric::JoinSuccess, |key| key.rejoin) else {
        panic!("no ratio")
    };
    assert_eq!((success.numerator, success.denominator), (0, 1), "one join that failed, not three");
    assert_eq!(trend(&recorded, Metric::SessionReconnect, |_| true).1, 1);
}

#[test]
fn the_same_seed_pauses_as_long_and_another_one_otherwise() {
    let law = crate::plan::Reconnect::default();
    let pauses: Vec<u128> = (0..8).map(|number| law.pause(number, 0.5).as_millis()).collect();
    assert_eq!(pauses, [300, 600, 1_200, 2_400, 4_800, 7_000, 7_000, 7_000]);
    assert_eq!(law.pause(0, 0.0).as_millis(), 150);
    assert!(law.pause(1_000_000, 1.0) <= Duration::from_millis(10_500));
}

#[test]
fn a_nat_that_forgets_is_followed_from_the_next_check_on() {
    let fault = "[[fault]]\nname = \"nat\"\nat = \"5s\"\nkind = \"nat-rebind\"\nselect = { population = \"viewers\", fraction = 0.5 }\n";
    let mut world = world(fault);
    let selected = world.shared.plan.faults[0].selected[0] as usize;
    // Beyond the 15 s after which the SFU's agent gives the old address up.
    world.run(secs(23.0));
    let rebinds: Vec<usize> =
        world.orders.iter().filter(|(_, order)| matches!(order, Order::Rebind { .. })).map(|(who, _)| *who).collect();
    assert_eq!(rebinds, [selected]);
    assert!((0..3).all(|who| joins(&world, who) == 1), "nobody has to come back");
    let (_, recorded, _) = world.finish();
    assert_eq!(counted(&recorded, Metric::SessionsLost), 0);
    let (samples, censored, _, longest) = recovery(&recorded);
    assert_eq!((samples, censored), (1, 0));
    // Checks of a pair that works come every 3 s at most, and then a keyframe.
    assert!((0.02..4.0).contains(&longest), "{longest}");
}

#[test]
fn who_gets_no_other_socket_loses_its_session_and_comes_back() {
    let fault = "[[fault]]\nname = \"nat\"\nat = \"5s\"\nkind = \"nat-rebind\"\nselect = { population = \"viewers\", fraction = 0.5 }\n";
    let mut world = world(fault);
    world.refuses_rebinds = true;
    let selected = world.shared.plan.faults[0].selected[0] as usize;
    world.run(secs(15.0));
    assert!((0..3).all(|who| joins(&world, who) == if who == selected { 2 } else { 1 }));
    let (clients, recorded, shared) = world.finish();
    assert_eq!(clients[selected].detail(&shared).state, "joined");
    assert_eq!(counted(&recorded, Metric::SessionsLost), 1);
    assert_eq!(counted(&recorded, Metric::SessionReconnects), 1);
    let (samples, censored, shortest, _) = recovery(&recorded);
    assert_eq!((samples, censored), (1, 0));
    assert!(shortest > 0.02, "it has to join anew: {shortest}");
}

#[test]
fn ice_restarts_under_new_credentials_without_a_gap() {
    let fault =
        "[[fault]]\nname = \"ice\"\nat = \"5s\"\nkind = \"ice-restart\"\nexpect = { recover_within = \"1s\" }\n";
    let mut world = world(fault);
    world.run(secs(10.0));
    let restarts = world.said.iter().filter(|(_, said)| matches!(said, ClientMessage::Restart { .. })).count();
    assert_eq!(restarts, 3);
    assert!((0..3).all(|who| joins(&world, who) == 1));
    let connected = world.orders.iter().any(|(_, order)| matches!(order, Order::Connect { .. }));
    assert!(!connected, "a socket that may have to go elsewhere is not tied to an address");
    let (clients, recorded, shared) = world.finish();
    assert!(clients.iter().skip(1).all(|client| frozen(client, &shared, 10.0).1 == 0.0), "no gap");
    assert_eq!(recovery(&recorded), (3, 0, 0.0, 0.0));
}

#[test]
fn a_restart_that_nobody_answers_is_no_recovery() {
    let fault =
        "[[fault]]\nname = \"ice\"\nat = \"5s\"\nkind = \"ice-restart\"\nselect = { population = \"viewers\" }\n";
    let silent =
        "\n[[fault]]\nname = \"mute\"\nat = \"4s\"\nfor = \"30s\"\nkind = \"port-block\"\nports = \"signalling\"\n";
    let mut world = world(&format!("{fault}{silent}"));
    world.run(secs(9.0));
    let (_, recorded, _) = world.finish();
    assert_eq!((recovery(&recorded).0, recovery(&recorded).1), (2, 2));
}
