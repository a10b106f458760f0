//! What is asked for, when, and how long the answer takes.

use super::world::{Sfu, World};
use super::*;
use crate::conference::TrackName;
use crate::conference::protocol::ClientMessage;
use crate::metrics::Recorded;
use crate::metrics::measure::Measure;

fn secs(secs: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(secs)
}

/// Count, censored and smallest of a trend.
fn trend(recorded: &Recorded, metric: Metric) -> (u64, u64, f64) {
    match recorded.pooled(metric, |_| true) {
        Some(Measure::Trend(histogram)) => {
            (histogram.count(), histogram.censored(), histogram.min().unwrap_or(f64::INFINITY))
        }
        _ => (0, 0, f64::INFINITY),
    }
}

/// What `who` asked for and gave up, in order: publishers' names, with whether they were asked for.
fn asked(world: &World, who: usize, media: &str) -> Vec<(bool, Vec<String>)> {
    let names = |tracks: &[TrackName]| -> Vec<String> {
        tracks.iter().filter(|track| track.media == media).map(|track| track.participant.clone()).collect()
    };
    let of_it = world.said.iter().filter(|(of, _)| *of == who);
    let said = of_it.filter_map(|(_, message)| match message {
        ClientMessage::Subscribe { tracks } => Some((true, names(tracks))),
        ClientMessage::Unsubscribe { tracks } => Some((false, names(tracks))),
        _ => None,
    });
    said.filter(|(_, names)| !names.is_empty()).collect()
}

fn room(people: u32, viewers: &str, speaker: &str, delay: &str) -> String {
    format!(
        r#"{ROOM}
[network.far]
down = {{ delay = "{delay}" }}
up = {{ delay = "{delay}" }}
[[population]]
name = "people"
count = {people}
publish = ["mic", "cam"]
subscribe = "none"
{speaker}
[[population]]
name = "viewers"
count = 1
network = "far"
{viewers}
"#
    )
}

#[test]
fn a_page_is_asked_for_when_the_plan_says_and_its_wait_is_that_of_the_network() {
    for sfu in [Sfu::Own, Sfu::Modelled] {
        let viewers = r#"subscribe = { audio = "none", video = "page(size=2, flip=4s)" }"#;
        let mut waits = Vec::new();
        for delay in ["20ms", "200ms"] {
            let mut world = World::over(sfu, &room(5, viewers, "", delay));
            world.run(secs(13.5));
            let pages: Vec<_> = asked(&world, 5, "cam");
            let sizes: Vec<(bool, usize)> = pages.iter().map(|(ask, names)| (*ask, names.len())).collect();
            let expected = [(true, 2), (false, 2), (true, 2), (false, 2), (true, 1), (false, 1), (true, 2)];
            assert_eq!(sizes, expected, "{sfu:?}: {pages:?}");
            assert_eq!(pages[0].1, pages[6].1, "the first page again");
            let (clients, recorded, shared) = world.finish();
            let (count, censored, least) = trend(&recorded, Metric::VideoSubscribeWait);
            assert_eq!((count, censored), (7, 0), "{sfu:?}");
            assert_eq!(trend(&recorded, Metric::AudioSubscribeWait).0, 0);
            waits.push(least);
            // Frames of streams that ended are still somebody's: five tracks, each watched.
            let detail = clients[5].detail(&shared);
            assert_eq!(detail.tracks.len(), 5);
            let frames = |track: &crate::outcome::TrackDetail| track.scalars["video.frames_decodable"];
            assert!(detail.tracks.iter().all(|track| frames(track) > 20.0), "{:?}", detail.tracks);
        }
        // The request goes there, the stream comes back: twice the delay more.
        assert!(waits[1] - waits[0] > 0.3 && waits[1] > 0.4, "{sfu:?}: {waits:?}");
    }
}

#[test]
fn whoever_speaks_is_heard_and_seen() {
    let viewers = r#"subscribe = { audio = "active(1)", video = "active(2)" }"#;
    let speaker = r#"speaker = { active = 1, rotate = "4s" }"#;
    for sfu in Sfu::ALL {
        let mut world = World::over(sfu, &room(4, viewers, speaker, "5ms"));
        world.run(secs(14.0));
        let (heard, seen) = (asked(&world, 4, "mic"), asked(&world, 4, "cam"));
        let asks = |list: &[(bool, Vec<String>)]| list.iter().filter(|(ask, _)| *ask).count();
        let drops = |list: &[(bool, Vec<String>)]| list.iter().filter(|(ask, _)| !*ask).count();
        assert!((2..=4).contains(&asks(&heard)), "{sfu:?}: the floor goes round three times: {heard:?}");
        assert_eq!(asks(&heard), drops(&heard) + 1, "one is heard at a time: {heard:?}");
        assert_eq!(asks(&seen), drops(&seen) + 2, "two are seen: {seen:?}");
        let (_, recorded, _) = world.finish();
        assert_eq!(trend(&recorded, Metric::AudioSubscribeWait).0 as usize, asks(&heard));
        assert_eq!(trend(&recorded, Metric::VideoSubscribeWait).0 as usize, asks(&seen));
    }
}

#[test]
fn what_never_comes_is_censored_and_what_is_silent_before_anybody_speaks_is_joined_all_the_same() {
    let silent = "[media.dark]\nkind = \"video\"\nsize = \"320x180\"\nbitrate = \"150kbps\"\nsilent = true\n";
    let text = room(2, "subscribe = { audio = \"active(1)\", video = \"all\" }", "", "5ms")
        .replace("publish = [\"mic\", \"cam\"]", "publish = [\"dark\"]")
        .replace("[network.far]", &format!("{silent}[network.far]"));
    let mut world = World::over(Sfu::Modelled, &text);
    world.run(secs(4.0));
    let (_, recorded, _) = world.finish();
    assert_eq!(trend(&recorded, Metric::VideoSubscribeWait).1, 2, "two tracks were asked for, and nothing came");
    let text = room(2, "subscribe = { audio = \"active(1)\", video = \"none\" }", "", "5ms")
        .replace("kind = \"audio\"", "kind = \"audio\"\ntalk = { on = \"20ms\", off = \"2h\" }");
    let mut world = World::over(Sfu::Modelled, &text);
    world.run(secs(4.0));
    let joined = world.milestones.iter().filter(|(_, milestone)| *milestone == Milestone::Joined).count();
    assert_eq!(joined, 3, "nobody speaks, and everybody is in");
}
