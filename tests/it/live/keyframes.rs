//! A keyframe that is asked for comes with the next frame.

use super::harness::run;
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
