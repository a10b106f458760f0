//! A delay of the picture or the sound alone is the skew that receivers measure, whatever network is between.

use super::*;

fn skewed(cam: &str, mic: &str, conditions: &str) -> String {
    let text = path(conditions);
    let text = text.replace("fps = 15", &format!("fps = 15\nencode_delay = \"{cam}\""));
    text.replace("kind = \"audio\"", &format!("kind = \"audio\"\nencode_delay = \"{mic}\""))
}

fn skew(text: &str) -> MetricOutcome {
    let outcome = simulated(text, 5);
    let joined: Vec<_> = outcome.participants_detail.iter().filter(|one| one.population == "viewers").collect();
    let told = |one: &&&crate::outcome::ParticipantDetail| one.scalars.contains_key(Metric::SyncAvSkew.name());
    assert_eq!((joined.len(), joined.iter().filter(told).count()), (6, 6), "every viewer says it");
    metric(&outcome, Metric::SyncAvSkew).expect("picture and sound").clone()
}

#[test]
fn a_late_picture_and_a_late_sound_are_measured_as_late_as_they_are() {
    for conditions in ["delay = \"10ms\"", "delay = \"90ms\""] {
        for (cam, mic, expected) in
            [("0ms", "0ms", 0.0), ("120ms", "0ms", 0.120), ("0ms", "80ms", 0.080), ("150ms", "150ms", 0.0)]
        {
            let measured = skew(&skewed(cam, mic, conditions));
            // Six viewers, and a report of each picture a second.
            assert!(measured.count >= 50, "{measured:?}");
            let (least, most) = (measured.p50.expect("samples"), measured.max.expect("samples"));
            for value in [least, most] {
                assert!((value - expected).abs() < 0.003, "{cam} {mic} {conditions}: {value} s, not {expected} s");
            }
        }
    }
}

#[test]
fn a_picture_that_waits_behind_itself_on_a_narrow_uplink_is_late_too() {
    // Twelve packets a frame at 1.2 Mbit/s: the last of them leaves tens of milliseconds after a packet of sound would.
    let rich = |rate: &str| {
        let text = path(&format!("delay = \"10ms\", rate = \"{rate}\", queue = \"1s\""));
        text.replace("bitrate = \"150kbps\"", "bitrate = \"900kbps\"\ncc = \"fixed\"")
    };
    let (narrow, wide) = (skew(&rich("1.2Mbps")), skew(&rich("100Mbps")));
    let (narrow, wide) = (narrow.p50.expect("samples"), wide.p50.expect("samples"));
    assert!(wide < 0.003 && narrow > 0.020, "{narrow} s and {wide} s");
}

#[test]
fn who_publishes_no_sound_has_no_skew() {
    let outcome =
        simulated(&path("delay = \"10ms\"").replace("publish = [\"mic\", \"cam\"]", "publish = [\"cam\"]"), 5);
    assert!(metric(&outcome, Metric::SyncAvSkew).is_none());
}
