//! A keyframe that is asked for comes with the next frame.

use super::harness::{cam, head, run};
use crate::turns::alone;

/// Seconds between two frames.
const FRAME: f64 = 0.1;

#[test]
fn a_late_viewer_gets_its_keyframe_within_one_frame_and_without_one_there_is_none() {
    let _turn = alone();
    let ran = run(r#"
version = 1
name = "keyframes"
[run]
warmup = "2s"
duration = "4s"
[media.cam]
kind = "video"
codec = "vp8"
size = "320x180"
fps = 10
bitrate = "150kbps"
gop = "on-request"
cc = "fixed"
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
[[population]]
name = "early"
count = 1
[[population]]
name = "late"
count = 3
start = { arrivals = { process = "constant", stages = [{ for = "2200ms", rate = "0/s" }, { for = "3s", rate = "1/s" }] } }
"#);
    assert_eq!(ran.outcome.participants.joined, 5);
    for viewer in ran.people("late") {
        let from_keys: f64 =
            viewer.join.iter().filter(|(phase, _)| phase.starts_with("first")).map(|(_, seconds)| seconds).sum();
        // A frame's time until it is encoded; the rest is two hops on a busy machine.
        assert!(from_keys < FRAME + 0.030, "{}: {from_keys} s from its keys to its first frame", viewer.name);
    }
    // Each of the three was answered by one keyframe, and the encoder made none by itself.
    assert_eq!(ran.count("video.keyframes", &[("population", "early"), ("phase", "steady")]), 3);
}

#[test]
fn a_crowd_that_comes_within_a_second_shares_the_keyframes_that_the_throttle_allows() {
    let _turn = alone();
    for leg in ["str0m", "own"] {
        let ran = run(&format!(
            r#"
{}
[target]
leg = "{leg}"
{}
cc = "fixed"
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
[[population]]
name = "early"
count = 1
[[population]]
name = "crowd"
count = 20
start = {{ arrivals = {{ process = "constant", stages = [{{ for = "3s", rate = "0/s" }}, {{ for = "2s", rate = "20/s" }}] }} }}
"#,
            head("crowd", 5, ["2500ms", "4s", "500ms"]),
            cam("320x180", 20, "150kbps"),
        ));
        assert_eq!(ran.outcome.participants.joined, 22);
        let slowest = ran.people("crowd").filter_map(|viewer| viewer.join_total).fold(0.0, f64::max);
        assert!(slowest < 1.5, "{slowest} s with {leg}");
        // One at once, and one each half second until the last one is in, a second later or, where handshakes are slow,
        // a second and a half.
        let keyframes = ran.count("video.keyframes", &[("population", "early"), ("phase", "steady")]);
        assert!((1..=5).contains(&keyframes), "{keyframes} keyframes with {leg}");
    }
}
