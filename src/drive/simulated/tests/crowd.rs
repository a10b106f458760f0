//! Fifty viewers come into one room within a second.

use super::*;
use crate::sfu::room::KEYFRAME_INTERVAL;

/// One who watches from the start, and fifty who come from second 4 on.
fn crowd(video: &str, per_second: u32) -> String {
    format!(
        r#"
version = 1
name = "crowd"
[run]
world = "simulated"
duration = "10s"
warmup = "3s"
[media.cam]
kind = "video"
size = "1280x720"
fps = 30
{video}
[network.home]
up = {{ delay = "15ms" }}
down = {{ delay = "15ms" }}
[rooms]
count = 1
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
network = "home"
[[population]]
name = "early"
count = 1
network = "home"
[[population]]
name = "crowd"
count = 50
network = "home"
start = {{ arrivals = {{ process = "constant", stages = [{{ for = "4s", rate = "0/s" }}, {{ for = "10s", rate = "{per_second}/s" }}] }} }}
"#
    )
}

/// Keyframes that the publisher makes after the start, as the early one sees them; and how long the longest join took.
fn cost(text: &str) -> (u64, f64) {
    let outcome = simulated(text, 5);
    assert_eq!((outcome.participants.joined, outcome.participants.failed), (52, 0));
    let of = |population: &'static str| {
        outcome.participants_detail.iter().filter(move |detail| detail.population == population)
    };
    let early = of("early").next().expect("one");
    let keyframes = early.scalars.get(Metric::VideoKeyframes.name()).copied().unwrap_or_default();
    let totals: Vec<f64> = of("crowd").map(|detail| detail.join_total.expect("it joined")).collect();
    assert_eq!((totals.len(), count(&outcome, Metric::VideoBlack)), (50, 0));
    (keyframes as u64, totals.into_iter().fold(0.0, f64::max))
}

#[test]
fn a_crowd_costs_the_publisher_no_more_keyframes_than_the_throttle_allows_and_all_see_soon() {
    let simulcast = "layers = { mode = \"simulcast\", rids = [\"q\", \"h\", \"f\"] }";
    // The first asks at once, the others as often as the throttle lets them until the last one is in.
    let most = (1.0 / KEYFRAME_INTERVAL.as_secs_f64()).ceil() as u64 + 1;
    for video in ["bitrate = \"1.5Mbps\"", simulcast] {
        let (keyframes, longest) = cost(&crowd(video, 50));
        assert!((1..=most).contains(&keyframes), "{keyframes} keyframes, {most} are allowed: {video}");
        assert!(longest < 1.5, "{longest} s: {video}");
        // Where they come one by one, each costs its own: the throttle is what spares the publisher.
        let (alone, _) = cost(&crowd(video, 10));
        assert!(alone > most, "{alone} keyframes in 5 s: {video}");
    }
}
