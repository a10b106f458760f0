//! Layers within one stream and in streams of their own, through an SFU that chooses among them.

use super::*;

/// A room with one publisher of `media`, and viewers in populations of their own, for so many seconds after the first four.
fn call(media: &str, estimates: bool, seconds: u32, viewers: &str) -> String {
    format!(
        r#"
version = 1
name = "layers"
seed = 5
[run]
world = "simulated"
warmup = "4s"
duration = "{seconds}s"
[target]
adapter = "reference"
estimates = {estimates}
[media.cam]
kind = "video"
size = "1280x720"
fps = 25
{media}
[network.near]
up = {{ delay = "10ms" }}
down = {{ delay = "10ms" }}
[network.narrow]
up = {{ delay = "10ms" }}
down = {{ rate = "0.4Mbps", queue = "300ms", delay = "10ms" }}
[network.step]
up = {{ delay = "10ms" }}
down = {{ rate = "3Mbps", queue = "300ms", delay = "10ms" }}
schedule = [{{ at = "14s", down = {{ rate = "0.4Mbps" }} }}, {{ at = "22s", down = {{ rate = "3Mbps" }} }}]
[rooms]
count = 1
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
network = "near"
{viewers}
"#
    )
}

fn viewers(name: &str, network: &str, more: &str) -> String {
    format!("[[population]]\nname = \"{name}\"\ncount = 2\nnetwork = \"{network}\"\n{more}\n")
}

fn asking(layer: &str) -> String {
    format!("subscribe = {{ audio = \"all\", video = \"all\", layer = \"{layer}\" }}")
}

/// A counter of one population; 0 where nothing was counted.
fn counted(outcome: &Outcome, population: &str, metric: Metric) -> u64 {
    find(outcome, population, metric).map_or(0, |entry| entry.count)
}

/// A metric of one population.
fn of<'a>(outcome: &'a Outcome, population: &str, metric: Metric) -> &'a MetricOutcome {
    find(outcome, population, metric).unwrap_or_else(|| panic!("{population} has no {}", metric.name()))
}

fn find<'a>(outcome: &'a Outcome, population: &str, metric: Metric) -> Option<&'a MetricOutcome> {
    let is_its = |entry: &MetricOutcome| {
        entry.labels.len() == 1 && entry.labels.get("population").is_some_and(|one| one == population)
    };
    outcome.metrics.iter().find(|entry| entry.name == metric.name() && is_its(entry))
}

fn distance(outcome: &Outcome, population: &str) -> f64 {
    of(outcome, population, Metric::VideoLayerDistance).mean.expect("watched")
}

/// Nothing that came was out of place.
fn assert_whole(outcome: &Outcome, context: &str) {
    for zero in crate::metrics::catalog::CATALOG.iter().filter(|spec| spec.name.starts_with("integrity.")) {
        assert_eq!(count(outcome, zero.metric), 0, "{context}: {}", zero.name);
    }
}

/// Every codec with layers within its stream, in both kinds of modes.
fn modes() -> Vec<String> {
    let mut modes = Vec::new();
    for (codec, more) in [("vp9", ""), ("vp9", "flexible = true"), ("vp9", "dependency_descriptor = true"), ("av1", "")]
    {
        for mode in ["L3T3", "L3T3_KEY", "L3T1"] {
            modes.push(format!(
                "codec = \"{codec}\"\nbitrate = \"1500kbps\"\nlayers = {{ mode = \"svc\", scalability = \"{mode}\" }}\n{more}"
            ));
        }
    }
    modes
}

#[test]
fn everybody_gets_the_layers_within_a_stream_that_it_asks_for_and_can_decode_every_picture() {
    for media in modes() {
        let temporal = if media.contains("L3T1") { 0 } else { 2 };
        let people = [
            viewers("top", "near", ""),
            viewers("low", "near", &asking("low")),
            viewers("middle", "near", &asking(&format!("svc(1,{temporal})"))),
            viewers("base", "near", &asking("svc(2,0)")),
        ];
        let outcome = simulated(&call(&media, false, 8, &people.concat()), 3);
        assert_whole(&outcome, &media);
        for zero in [Metric::VideoFramesUndecodable, Metric::VideoFreezeCount, Metric::VideoBlack, Metric::RtpNackSent]
        {
            assert_eq!(count(&outcome, zero), 0, "{media}: {}", zero.name());
        }
        let distances = ["top", "low", "middle", "base"].map(|who| distance(&outcome, who));
        assert_eq!(distances, [0.0, 2.0, 1.0, 0.0], "{media}");
        let fps = ["top", "low", "base"].map(|who| of(&outcome, who, Metric::VideoFps).p50.expect("watched").round());
        let base = if temporal == 0 { 25.0 } else { 6.0 };
        assert!(fps[..2] == [25.0, 25.0] && (fps[2] - base).abs() <= 1.0, "{media}: {fps:?}");
    }
}

#[test]
fn a_narrow_way_gets_a_lower_layer_within_the_stream_and_the_others_the_highest() {
    for media in modes() {
        let people = [viewers("wide", "near", ""), viewers("narrow", "narrow", "")].concat();
        let outcome = simulated(&call(&media, true, 12, &people), 3);
        assert_whole(&outcome, &media);
        let (wide, narrow) = (distance(&outcome, "wide"), distance(&outcome, "narrow"));
        assert!(wide < 0.1 && narrow > 1.0, "{media}: {wide} and {narrow}");
        let undecodable = |who: &str| counted(&outcome, who, Metric::VideoFramesUndecodable);
        assert_eq!(undecodable("wide"), 0, "{media}");
        let decodable = of(&outcome, "narrow", Metric::VideoFramesDecodable).count;
        assert!(undecodable("narrow") * 20 < decodable, "{media}: {} of {decodable}", undecodable("narrow"));
    }
}

/// The capacity falls from 3 Mbit/s to 0.4 and comes back, and the SFU's own estimator says so.
fn stepped(media: &str) -> Outcome {
    let outcome = simulated(&call(media, true, 30, &viewers("viewers", "step", "")), 3);
    assert_whole(&outcome, media);
    outcome
}

#[test]
fn layers_follow_the_estimators_of_the_sfu_down_and_up_again() {
    let rates = [("q", 4, 150), ("h", 2, 500), ("f", 1, 1_200)];
    let rids =
        rates.map(|(rid, scale, kbps)| format!("{{ rid = \"{rid}\", scale = {scale}.0, bitrate = \"{kbps}kbps\" }}"));
    let rids = rids.join(", ");
    let simulcast = |codec: &str| format!("codec = \"{codec}\"\nlayers = {{ mode = \"simulcast\", rids = [{rids}] }}");
    let all = ["vp8", "h264", "vp9", "av1"].map(simulcast);
    for media in all.into_iter().chain(modes().into_iter().take(2).map(|mode| mode.replace("1500kbps", "1200kbps"))) {
        let outcome = stepped(&media);
        let layer = of(&outcome, "viewers", Metric::VideoLayerDistance);
        assert_eq!((layer.min, layer.max), (Some(0.0), Some(2.0)), "{media}: from the highest to the lowest");
        let highest = of(&outcome, "viewers", Metric::VideoResolutionTime).value.expect("watched");
        assert!((0.2..0.85).contains(&highest), "{media}: {highest} of the time in the highest");
        let freeze =
            outcome.metrics.iter().find(|one| one.name == Metric::VideoFreezeTime.name() && one.labels.is_empty());
        // A queue of 300 ms fills and drains, and a keyframe of the lowest layer follows it.
        let longest = freeze.and_then(|one| one.max).unwrap_or(0.0);
        assert!(longest < 2.5, "{media}: {longest} s");
    }
}

#[test]
fn simulcast_of_every_codec_reaches_everybody_as_it_asks_for_it() {
    for (codec, more) in [
        ("vp8", "dependency_descriptor = true"),
        ("h264", ""),
        ("vp9", ""),
        ("vp9", "flexible = true"),
        ("vp9", "dependency_descriptor = true"),
        ("av1", ""),
        ("av1", "dependency_descriptor = false"),
    ] {
        let temporal = if codec == "h264" { 1 } else { 3 };
        let media = format!(
            "codec = \"{codec}\"\nlayers = {{ mode = \"simulcast\", rids = [\"q\", \"h\", \"f\"], temporal = {temporal} }}\n{more}"
        );
        let changing = format!(
            "{}\nactions = [{{ do = \"switch-layer\", layer = \"low\", every = \"2s\", for = \"2s\" }}]",
            asking("high")
        );
        let people = [
            viewers("low", "near", &asking("low")),
            viewers("high", "near", ""),
            viewers("changing", "near", &changing),
        ];
        let outcome = simulated(&call(&media, false, 8, &people.concat()), 3);
        assert_whole(&outcome, &media);
        for zero in [Metric::VideoFramesUndecodable, Metric::VideoBlack] {
            assert_eq!(count(&outcome, zero), 0, "{media}: {}", zero.name());
        }
        assert_eq!((distance(&outcome, "low"), distance(&outcome, "high")), (2.0, 0.0), "{media}");
        let switches = of(&outcome, "changing", Metric::VideoLayerSwitch).count;
        assert!((6..=12).contains(&switches), "{media}: {switches} switches of two viewers");
    }
}

#[test]
fn who_takes_layers_at_random_changes_as_often_as_its_law_says() {
    let media = &modes()[0];
    let people = viewers("random", "near", &asking("random(2s)"));
    let outcome = simulated(&call(media, false, 16, &people), 3);
    assert_whole(&outcome, media);
    assert_eq!(count(&outcome, Metric::VideoFramesUndecodable), 0);
    // Every two seconds for 20 s, two viewers, one time in three the same again.
    let switches = count(&outcome, Metric::VideoLayerSwitch);
    assert!((4..=20).contains(&switches), "{switches}");
    let layer = of(&outcome, "random", Metric::VideoLayerDistance);
    assert_eq!((layer.min, layer.max), (Some(0.0), Some(2.0)));
}
