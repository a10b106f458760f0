//! An outage is one freeze, as long as the gap between the frames around it.

use super::harness::{LATE_IS_FINE, run};
use crate::turns::alone;

const FRAME: f64 = 0.040;

/// What it may take after the outage until a frame can be decoded again when its packets are gone: a packet is missed
/// for 500 ms before it is given up, the SFU asks for a keyframe at most every 500 ms, it begins with the next frame;
/// and 100 ms for two hops and a busy machine.
const RECOVERY: f64 = 0.5 + 0.5 + FRAME + 0.1;

fn scenario() -> String {
    format!(
        r#"
version = 1
name = "outages"
seed = 5
[run]
warmup = "2s"
duration = "6s"
{LATE_IS_FINE}
[media.cam]
kind = "video"
codec = "vp8"
size = "320x180"
fps = 25
bitrate = "300kbps"
cc = "fixed"
[network.steady]
[network.cut]
schedule = [{{ at = "3s", outage = "2s", dir = "down" }}]
[network.held]
schedule = [{{ at = "3s", outage = "2s", dir = "down", mode = "pause" }}]
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
[[population]]
name = "steady"
count = 2
network = "steady"
[[population]]
name = "cut"
count = 2
network = "cut"
[[population]]
name = "held"
count = 2
network = "held"
"#
    )
}

#[test]
fn an_outage_is_one_freeze_from_the_last_frame_before_it_to_the_first_after_it() {
    let _turn = alone();
    let ran = run(&scenario());
    for network in ["cut", "held"] {
        let here = [("network", network)];
        assert_eq!(ran.count("video.freeze_count", &here), 2, "one a viewer: {network}");
        let freeze = ran.max("video.freeze_time", &here);
        let gap = ran.max("video.ifd", &here);
        // Two histograms of three digits.
        assert!((freeze / gap - 1.0).abs() < 0.003, "{network}: frozen for {freeze} s, between frames {gap} s");
    }
    let cut = ran.max("video.freeze_time", &[("network", "cut")]);
    assert!((2.0..2.0 + FRAME + RECOVERY).contains(&cut), "{cut}");
    // Nothing was lost: the frame that was on its way came when the link was back, and the last one before it came at
    // most a frame's time before the link was cut. A few milliseconds for the SFU and the machine.
    let held = ran.max("video.freeze_time", &[("network", "held")]);
    assert!((1.998..2.0 + FRAME + 0.010).contains(&held), "{held}");
    // By its stamp, the first frame after the outage waited for as long as it lasted from when it was due.
    let waited = ran.max("delay.frame", &[("network", "held")]);
    assert!((2.0 - FRAME - 0.010..=held + 0.010).contains(&waited), "{waited}");
    assert_eq!(ran.lost("held", "down", "media"), 0, "a pause loses nothing");
    assert!(ran.lost("cut", "down", "media") > 50);
    // Times of a scenario count from the start of the run, not from the end of its warm-up.
    let frozen: Vec<bool> = ran.outcome.series.frozen.iter().map(|streams| *streams > 0).collect();
    assert_eq!(frozen[..6], [false, false, false, true, true, true], "by seconds of the run: {frozen:?}");
    assert_eq!(ran.count("video.freeze_count", &[("network", "steady")]), 0);
    assert_eq!(ran.numerator("video.freeze_ratio", &[("network", "steady")]), 0);
}
