//! Simulcast between clients and the reference SFU, over each of its legs.

use super::world::{Bug, Sfu, World};
use super::*;
use crate::metrics::Recorded;
use crate::metrics::measure::Measure;
use crate::units::Bitrate;

const PEOPLE: &str = r#"
[media.big]
kind = "video"
size = "1280x720"
layers = { mode = "simulcast", rids = ["q", "h", "f"], temporal = 3 }
[rooms]
count = 1
[[population]]
name = "speaker"
count = 1
publish = ["big"]
subscribe = "none"
[[population]]
name = "low"
count = 1
subscribe = { audio = "all", video = "all", layer = "low" }
[[population]]
name = "mid"
count = 1
subscribe = { audio = "all", video = "all", layer = "mid" }
[[population]]
name = "high"
count = 1
"#;

/// Viewers whose way narrows from 3 Mbit/s to 0.4 and widens again.
const STEP: &str = r#"
[media.big]
kind = "video"
size = "1280x720"
layers = { mode = "simulcast", rids = ["q", "h", "f"] }
[network.step]
down = { rate = "3Mbps", queue = "300ms", delay = "10ms" }
up = { delay = "10ms" }
schedule = [{ at = "6s", down = { rate = "0.4Mbps" } }, { at = "14s", down = { rate = "3Mbps" } }]
[rooms]
count = 1
[[population]]
name = "speaker"
count = 1
publish = ["big"]
subscribe = "none"
[[population]]
name = "viewers"
count = 3
network = "step"
"#;

fn secs(secs: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(secs)
}

fn count(recorded: &Recorded, metric: Metric) -> u64 {
    match recorded.pooled(metric, |_| true) {
        Some(Measure::Counter(n)) => n,
        _ => 0,
    }
}

/// The names of the integrity counters that moved.
fn wrong(recorded: &Recorded) -> Vec<&'static str> {
    let catalog = crate::metrics::catalog::CATALOG.iter().filter(|spec| spec.name.starts_with("integrity."));
    catalog.filter(|spec| count(recorded, spec.metric) > 0).map(|spec| spec.name).collect()
}

/// A run of [`STEP`] whose estimates follow the capacity within 300 ms, with a bug or without.
fn stepped(sfu: Sfu, bug: Option<Bug>) -> (World, Vec<Vec<u8>>) {
    let mut world = World::over(sfu, &format!("{ROOM}{STEP}"));
    world.bug = bug;
    world.estimates =
        [(1.0, 2_900), (6.3, 360), (14.3, 2_900)].map(|(at, kbps)| (secs(at), Bitrate::from_kbps(kbps))).into();
    world.run(secs(20.0));
    let seen = world.layers.values().map(|runs| runs.iter().map(|(layer, _)| *layer).collect()).collect();
    (world, seen)
}

#[test]
fn viewers_go_down_and_up_again_with_the_capacity_and_every_switch_is_clean() {
    for sfu in Sfu::ALL {
        let (world, seen) = stepped(sfu, None);
        assert_eq!(seen.len(), 3);
        for layers in &seen {
            let from_the_top: Vec<u8> = layers.iter().copied().skip_while(|layer| *layer < 2).collect();
            assert_eq!(from_the_top, [2, 0, 2], "{sfu:?}");
        }
        assert!(
            world.layers.values().flatten().all(|(_, keyframe)| *keyframe),
            "a switch on a delta frame with {sfu:?}"
        );
        let (_, recorded, _) = world.finish();
        assert_eq!(wrong(&recorded), Vec::<&str>::new(), "{sfu:?}");
        assert!(count(&recorded, Metric::VideoLayerSwitch) >= 6, "{sfu:?}");
        let Some(Measure::Ratio(highest)) = recorded.pooled(Metric::VideoResolutionTime, |_| true) else {
            panic!("a ratio");
        };
        let highest = highest.value().expect("watched");
        assert!((0.45..0.7).contains(&highest), "8 of some 19 s in the lowest: {highest} with {sfu:?}");
        let Some(Measure::Trend(distance)) = recorded.pooled(Metric::VideoLayerDistance, |_| true) else {
            panic!("a trend")
        };
        assert_eq!(distance.max(), Some(2.0));
        let Some(Measure::Trend(freeze)) = recorded.pooled(Metric::VideoFreezeTime, |_| true) else { return };
        // 300 ms until the estimate falls at 1.4 Mbit/s, a queue of 300 ms, and the keyframe behind it.
        assert!(freeze.max().unwrap_or(0.0) < 2.0, "{:?} with {sfu:?}", freeze.max());
    }
}

#[test]
fn bugs_in_the_room_are_caught_by_name() {
    let (world, _) = stepped(Sfu::Modelled, Some(Bug::NoPictureIds));
    let (_, recorded, _) = world.finish();
    assert_eq!(wrong(&recorded), ["integrity.pid_gap", "integrity.tl0_gap"]);

    let (world, _) = stepped(Sfu::Modelled, Some(Bug::SwitchOnDelta));
    let (_, recorded, _) = world.finish();
    assert!(wrong(&recorded).contains(&"integrity.layer_start"), "{:?}", wrong(&recorded));

    let (world, _) = stepped(Sfu::Modelled, Some(Bug::PliSwallowed));
    let (_, recorded, _) = world.finish();
    let missed = count(&recorded, Metric::VideoKeyframesMissed) + count(&recorded, Metric::VideoBlack);
    assert!(missed > 0 && wrong(&recorded).is_empty(), "{missed} {:?}", wrong(&recorded));
}

#[test]
fn everybody_gets_the_layer_that_it_asks_for_and_none_of_its_numbers_is_wrong() {
    for sfu in Sfu::ALL {
        let mut world = World::over(sfu, &format!("{ROOM}{PEOPLE}"));
        world.run(secs(6.0));
        let (clients, recorded, shared) = world.finish();
        let bits = |client: &Client| {
            client.detail(&shared).scalars.get("rtp.bytes_received").copied().unwrap_or(0.0) * 8.0 / 6.0
        };
        let [low, mid, high] = [1, 2, 3].map(|who| bits(&clients[who]) / 1_000.0);
        assert!(
            (120.0..260.0).contains(&low) && (400.0..900.0).contains(&mid) && high > 1_200.0,
            "{sfu:?}: {low} {mid} {high} kbit/s"
        );
        assert_eq!(wrong(&recorded), Vec::<&str>::new(), "{sfu:?}");
        let count = |metric| count(&recorded, metric);
        assert_eq!((count(Metric::VideoBlack), count(Metric::VideoFramesUndecodable)), (0, 0), "{sfu:?}");
        assert!(count(Metric::VideoFramesDecodable) > 3 * 150, "{sfu:?}: {}", count(Metric::VideoFramesDecodable));
    }
}

#[test]
fn fifty_viewers_in_a_second_each_have_a_picture_within_one_and_a_half() {
    let crowd = STEP.replace(
        "count = 3\nnetwork = \"step\"",
        "count = 50\nstart = { arrivals = { process = \"constant\", stages = [{ for = \"1s\", rate = \"50/s\" }] } }",
    );
    let mut world = World::over(Sfu::Modelled, &format!("{ROOM}{crowd}"));
    for who in 1..=50u64 {
        world.late.insert(who as usize, Instant::from_millis(3_000 + who * 20));
    }
    world.run(secs(3.0));
    let before = world.keyframes_asked;
    world.run(secs(6.0));
    let asked = world.keyframes_asked - before;
    let (clients, recorded, shared) = world.finish();
    let waited: Vec<f64> = clients.iter().skip(1).filter_map(|client| client.detail(&shared).join_total).collect();
    assert_eq!(waited.len(), 50);
    assert!(waited.iter().all(|waited| *waited < 1.5), "{waited:?}");
    // One request a layer and half a second, of three layers, for a little more than a second.
    assert!((1..=12).contains(&asked), "{asked} keyframes");
    assert_eq!((wrong(&recorded), count(&recorded, Metric::VideoBlack)), (vec![], 0));
}
