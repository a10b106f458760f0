//! The timeline of a participant's links: steps and outages, in order, whoever asks when.

use super::super::item::{Class, DownItem};
use super::super::network::Network;
use super::*;
use crate::plan::{NetworkPlan, Outage};
use crate::seed::Seed;
use netem::OutageMode;

const STEPS: &str = r#"
[network.steps]
up = { delay = "10ms" }
down = { delay = "10ms" }
schedule = [
  { at = "2s", down = { delay = "50ms" } },
  { at = "4s", down = { delay = "90ms" } },
  { at = "6s", reset = true },
]
[rooms]
count = 1
[[population]]
name = "people"
per_room = 1
publish = ["mic"]
network = "steps"
"#;

fn steps() -> NetworkPlan {
    let plan = plan(&format!("{ROOM}{STEPS}"));
    plan.networks.iter().find(|network| network.name == "steps").expect("it is in use").clone()
}

/// Links of one who lives behind this network for the whole run.
fn alone(plan: &NetworkPlan, outages: &[Outage]) -> Network {
    Network::new(std::slice::from_ref(plan), &[(Instant::ZERO, 0)], outages, &Seed::new(1))
}

fn outage(from: u64, to: u64, pause: bool, up: bool, down: bool) -> Outage {
    let (at, length) = (Instant::from_millis(from), Duration::from_millis(to - from));
    Outage { at, length, pause, up, down }
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// The outages of both directions after each of these times.
fn modes(network: &mut Network, plan: &NetworkPlan, times: &[u64]) -> Vec<(Option<OutageMode>, Option<OutageMode>)> {
    let after = |millis: &u64| {
        network.handle_timeout(at(*millis), std::slice::from_ref(plan));
        let now = network.conditions();
        (now.up_outage, now.down_outage)
    };
    times.iter().map(after).collect()
}

#[test]
fn steps_are_applied_in_order_also_when_several_are_due_at_once() {
    let plan = steps();
    let delays = |times: &[u64]| -> Vec<u128> {
        let mut network = alone(&plan, &[]);
        let after = |millis: &u64| {
            network.handle_timeout(at(*millis), std::slice::from_ref(&plan));
            network.conditions().down.delay.as_millis()
        };
        times.iter().map(after).collect()
    };
    assert_eq!(delays(&[0, 1_999, 2_000, 3_999, 4_000, 5_999, 6_000]), [10, 10, 50, 50, 90, 90, 10]);
    assert_eq!(delays(&[5_000, 9_000]), [90, 10], "a participant that was away catches up");
    let network = alone(&plan, &[]);
    assert_eq!(network.poll_timeout(), Some(at(2_000)));
}

#[test]
fn a_link_carries_again_when_the_last_of_overlapping_outages_has_ended() {
    use OutageMode::{Drop, Pause};
    let plan = steps();
    let outages = [
        outage(100, 500, false, true, true),
        outage(300, 900, true, false, true),
        outage(400, 600, false, true, false),
    ];
    let mut network = alone(&plan, &outages);
    let got = modes(&mut network, &plan, &[99, 100, 300, 450, 500, 600, 899, 900]);
    let expected = [
        (None, None),
        (Some(Drop), Some(Drop)),
        // Dropping beats pausing while both are on.
        (Some(Drop), Some(Drop)),
        (Some(Drop), Some(Drop)),
        (Some(Drop), Some(Pause)),
        (None, Some(Pause)),
        (None, Some(Pause)),
        (None, None),
    ];
    assert_eq!(got, expected);
    let mut late = alone(&plan, &outages);
    assert_eq!(modes(&mut late, &plan, &[2_000]), [(None, None)], "all of them at once leave nothing behind");
}

#[test]
fn one_outage_ends_where_the_next_begins_without_a_gap_or_a_rest() {
    let plan = steps();
    let outages = [outage(100, 200, false, true, true), outage(200, 300, false, true, true)];
    let mut network = alone(&plan, &outages);
    let got = modes(&mut network, &plan, &[199, 200, 299, 300]);
    let on = (Some(OutageMode::Drop), Some(OutageMode::Drop));
    assert_eq!(got, [on, on, on, (None, None)]);
}

#[test]
fn losses_are_handed_out_once() {
    let plan = steps();
    let mut network = alone(&plan, &[outage(100, 200, false, false, true)]);
    let source = SocketAddr::from(([127, 0, 0, 1], 1));
    let item = || DownItem {
        session: 0,
        leg: 0,
        class: Class::Media,
        source,
        entered: at(0),
        bytes: vec![0; 99].into(),
        damaged: false,
    };
    network.down.handle_packet(at(50), item());
    network.handle_timeout(at(150), std::slice::from_ref(&plan));
    network.down.handle_packet(at(150), item());
    network.down.handle_packet(at(160), item());
    assert_eq!(network.take_losses(), (2, 3));
    assert_eq!(network.take_losses(), (0, 0));
}

#[test]
fn who_moves_lives_under_the_conditions_of_the_place_and_comes_home_to_those_of_the_time() {
    let home = steps();
    let mut away = steps();
    for (step, delay) in away.steps.iter_mut().zip([100, 150, 190, 111]) {
        step.down.delay = Duration::from_millis(delay);
    }
    let stays = [(Instant::ZERO, 0), (at(1_000), 1), (at(2_500), 0), (at(4_500), 1)];
    let mut network = Network::new(&[home.clone(), away.clone()], &stays, &[], &Seed::new(1));
    let plans = [home, away];
    let delays: Vec<u128> = [999, 1_000, 2_000, 2_500, 4_000, 4_500, 6_000]
        .into_iter()
        .map(|millis| {
            network.handle_timeout(at(millis), &plans);
            network.conditions().down.delay.as_millis()
        })
        .collect();
    assert_eq!(delays, [10, 100, 150, 50, 90, 190, 111]);
}
