//! Publishers under congestion control, and an SFU that estimates the way to its subscribers.

use super::*;

/// A publisher whose uplink carries `up`, and a viewer.
fn call(cc: &str, up: &str, more: &str) -> String {
    format!(
        r#"
version = 1
name = "call"
[run]
world = "simulated"
duration = "30s"
[media.mic]
kind = "audio"
[media.cam]
kind = "video"
size = "640x360"
bitrate = "1Mbps"
cc = "{cc}"
[network.path]
up = {{ {up} delay = "20ms" }}
down = {{ delay = "20ms" }}
{more}
[rooms]
count = 1
[[population]]
name = "speaker"
count = 1
publish = ["mic", "cam"]
network = "path"
[[population]]
name = "viewer"
count = 1
"#
    )
}

fn middle(outcome: &Outcome, of: Metric) -> f64 {
    metric(outcome, of).and_then(|entry| entry.p50).unwrap_or(f64::NAN)
}

#[test]
fn an_encoder_follows_what_its_uplink_carries() {
    let narrow = simulated(&call("gcc", "rate = \"500kbps\", queue = \"300ms\",", ""), 5);
    let wide = simulated(&call("gcc", "rate = \"3Mbps\", queue = \"300ms\",", ""), 5);
    let estimates = (middle(&narrow, Metric::BweEstimate), middle(&wide, Metric::BweEstimate));
    assert!((380e3..520e3).contains(&estimates.0) && estimates.1 > 1e6, "{estimates:?}");
    let targets = (middle(&narrow, Metric::BweTarget), middle(&wide, Metric::BweTarget));
    assert!((300e3..450e3).contains(&targets.0), "sound and headers have their share, {targets:?}");
    assert!((0.99e6..1.01e6).contains(&targets.1), "no encoder makes more than it was told, {targets:?}");
    assert_eq!((middle(&narrow, Metric::BweCapacity) / 1e4).round(), 50.0);
    assert!((0.8..=1.05).contains(&middle(&narrow, Metric::BweUtil)), "{}", middle(&narrow, Metric::BweUtil));
    let lost = metric(&narrow, Metric::RtpLossResidual).and_then(|entry| entry.value).expect("measured");
    assert!(lost < 0.01, "{lost}");
    let fixed = simulated(&call("fixed", "rate = \"500kbps\", queue = \"300ms\",", ""), 5);
    let lost = metric(&fixed, Metric::RtpLossNet).and_then(|entry| entry.value).expect("measured");
    assert!(lost > 0.3, "half of it does not fit: {lost}");
}

#[test]
fn nothing_is_estimated_where_nothing_asks_for_it() {
    let plain = simulated(&call("remb", "rate = \"500kbps\", queue = \"300ms\",", ""), 5);
    let all = [Metric::BweEstimate, Metric::BweTarget, Metric::BweCapacity, Metric::BweUtil, Metric::BweOvershoot];
    for of in all.into_iter().chain([Metric::BweConvergence, Metric::RtpProbeSent]) {
        assert_eq!(count(&plain, of), 0, "{of:?}");
    }
    assert!(plain.links.iter().all(|link| link.class != "probe"));
    let unlimited = simulated(&call("gcc", "", ""), 5);
    assert!(count(&unlimited, Metric::BweEstimate) > 20);
    assert_eq!(count(&unlimited, Metric::BweCapacity), 0, "it has no rate");
}

#[test]
fn a_step_down_is_overshot_and_followed_and_one_that_is_not_followed_is_censored() {
    let up = "rate = \"2Mbps\", queue = \"300ms\",";
    let step = "schedule = [ { at = \"8s\", up = { rate = \"700kbps\" } } ]";
    let followed = simulated(&call("gcc", up, step), 5);
    let over = |outcome: &Outcome| metric(outcome, Metric::BweOvershoot).and_then(|entry| entry.max).expect("measured");
    assert!(over(&followed) > 0.2, "{}", over(&followed));
    let converged = metric(&followed, Metric::BweConvergence).expect("measured");
    assert_eq!((converged.count, converged.censored), (2, 0));
    let steady = simulated(&call("gcc", "rate = \"4Mbps\", queue = \"300ms\",", ""), 5);
    assert!(over(&steady) < 0.1, "{}", over(&steady));
    let late = step.replace("\"8s\"", "\"28s\"");
    let open = simulated(&call("gcc", up, &late), 5);
    let converged = metric(&open, Metric::BweConvergence).expect("measured");
    assert_eq!((converged.count, converged.censored), (2, 1), "two seconds are none to converge in");
}

#[test]
fn probes_are_counted_apart_and_the_books_balance() {
    let outcome = simulated(&call("gcc", "rate = \"3Mbps\", queue = \"300ms\",", ""), 5);
    let probes: u64 = outcome.links.iter().filter(|link| link.class == "probe").map(|link| link.offered).sum();
    assert!(probes > 5);
    assert_eq!(probes, count(&outcome, Metric::RtpProbeSent));
    assert_eq!(count(&outcome, Metric::RtpRtxSent), 0, "nothing was lost");
    for link in &outcome.links {
        let there = link.delivered + link.lost + link.overflowed + link.waiting + link.flying;
        assert_eq!(link.offered + link.duplicated, there, "{link:?}");
    }
}

#[test]
fn an_sfu_that_estimates_is_given_feedback_and_probes_its_subscribers() {
    let target = "[target]\nadapter = \"reference\"\nestimates = true\n";
    let text = call("gcc", "rate = \"1Mbps\", queue = \"300ms\",", target);
    let outcome = simulated(&text, 5);
    let sum = |outcome: &Outcome, direction: &str, class: &str| -> u64 {
        let of = |link: &&crate::outcome::LinkOutcome| {
            link.participant == 1 && link.direction == direction && link.class == class
        };
        outcome.links.iter().filter(of).map(|link| link.offered).sum()
    };
    assert!(sum(&outcome, "down", "probe") > 5, "its way down is probed");
    let plain = simulated(&text.replace("estimates = true\n", ""), 5);
    assert_eq!(sum(&plain, "down", "probe"), 0);
    assert!(sum(&outcome, "up", "rtcp") > sum(&plain, "up", "rtcp") + 200, "ten times a second");
    assert_eq!(count(&outcome, Metric::RtpDup), 0, "padding is no packet of a track");
    assert_eq!(io::to_json(&outcome), io::to_json(&simulated(&text, 5)));
}

#[test]
fn layers_of_one_media_are_one_taker_of_what_the_uplink_carries() {
    let screen = "\n[media.screen]\nkind = \"video\"\nsize = \"1280x720\"\nbitrate = \"1Mbps\"\ncc = \"gcc\"\n";
    let layers = "layers = { mode = \"simulcast\", rids = [\"q\", \"h\", \"f\"] }\n";
    let text = call("gcc", "rate = \"2Mbps\", queue = \"300ms\",", "")
        .replace("size = \"640x360\"\nbitrate = \"1Mbps\"\n", &format!("size = \"1280x720\"\n{layers}"))
        .replace("[network.path]", &format!("{screen}[network.path]"))
        .replace("[\"mic\", \"cam\"]", "[\"mic\", \"cam\", \"screen\"]");
    let outcome = simulated(&text, 5);
    let speaker = outcome.participants_detail.iter().find(|one| one.population == "speaker").expect("a publisher");
    let sent = |media: &str| -> f64 {
        let of = speaker.tracks.iter().filter(|track| track.direction == "send" && track.track.contains(media));
        of.filter_map(|track| track.scalars.get("rtp.bytes_sent")).sum::<f64>() * 8.0 / 30.0 / 1e3
    };
    let (cam, screen) = (sent("cam"), sent("screen"));
    // The camera may have 3,150 kbit/s and the screen 1,000, so three quarters of some 1.9 Mbit/s are the camera's: they
    // carry the two lower layers whole, 150 and 500 kbit/s, and no highest that is worth it. As takers of their own the
    // highest would have 1.1 Mbit/s, and the lower ones less than they can take.
    let layer = metric(&outcome, Metric::VideoLayerDistance).expect("watched");
    assert_eq!((layer.min, layer.max), (Some(1.0), Some(1.0)), "{cam} and {screen} kbit/s");
    assert!((600.0..720.0).contains(&cam) && (380.0..470.0).contains(&screen), "{cam} and {screen} kbit/s");
}
