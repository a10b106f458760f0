//! A publisher that sends nothing is black at its viewers, by name.

use super::harness::{LATE_IS_FINE, run};
use crate::turns::alone;

#[test]
fn a_publisher_that_sends_nothing_is_black_and_named() {
    let _turn = alone();
    let ran = run(&format!(
        r#"
version = 1
name = "black"
[run]
duration = "6500ms"
{LATE_IS_FINE}
[media.cam]
kind = "video"
codec = "vp8"
size = "320x180"
fps = 10
bitrate = "100kbps"
[media.dark]
kind = "video"
codec = "vp8"
size = "320x180"
fps = 10
bitrate = "100kbps"
silent = true
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
[[population]]
name = "covered"
count = 1
publish = ["dark"]
subscribe = "none"
[[population]]
name = "viewers"
count = 3
"#
    ));
    assert_eq!(ran.count("video.black", &[("media", "dark")]), 3);
    assert_eq!(ran.count("video.black", &[("media", "cam")]), 0);
    assert_eq!(ran.count("rtp.packets_received", &[("media", "dark")]), 0);
    let covered = format!("{}/dark", ran.people("covered").next().expect("one").name);
    let lit = format!("{}/cam", ran.people("speaker").next().expect("one").name);
    for viewer in ran.people("viewers") {
        let black = |name: &str| {
            let track = viewer.tracks.iter().find(|track| track.track == name);
            let track = track.unwrap_or_else(|| panic!("{} does not name {name}", viewer.name));
            track.scalars.get("video.black").copied()
        };
        assert_eq!((black(&covered), black(&lit)), (Some(1.0), None), "{}", viewer.name);
    }
}
