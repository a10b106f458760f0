//! What people do in the room, and what the others see of it.

use super::world::{Sfu, World};
use super::*;
use crate::conference::protocol::ClientMessage;
use crate::metrics::Recorded;
use crate::metrics::measure::Measure;
use crate::outcome::ParticipantDetail;

fn secs(secs: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(secs)
}

fn counted(recorded: &Recorded, metric: Metric) -> u64 {
    match recorded.pooled(metric, |_| true) {
        Some(Measure::Counter(n)) => n,
        _ => 0,
    }
}

/// One who acts, and one who watches.
fn room(publish: &str, actions: &str) -> String {
    format!(
        r#"{ROOM}
[media.screen]
kind = "video"
size = "320x180"
fps = 5
bitrate = "100kbps"
[network.far]
down = {{ delay = "150ms" }}
up = {{ delay = "150ms" }}
[[population]]
name = "actors"
count = 1
publish = {publish}
subscribe = "none"
actions = [{actions}]
[[population]]
name = "viewers"
count = 1
"#
    )
}

/// RTP packets of this payload type that the actor sent from `from` to `until`.
fn packets(world: &World, payload_type: u8, from: f64, until: f64) -> usize {
    let within = |at: Instant| at >= secs(from) && at < secs(until);
    let is_it = |bytes: [u8; 2]| bytes[0] >> 6 == 2 && bytes[1] & 0x7F == payload_type;
    world.sent.iter().filter(|(who, at, bytes)| *who == 0 && within(*at) && is_it(*bytes)).count()
}

fn frames(detail: &ParticipantDetail, track: &str) -> f64 {
    let found = detail.tracks.iter().find(|one| one.track == track && one.direction == "receive");
    found.and_then(|one| one.scalars.get("video.frames_decodable")).copied().unwrap_or(0.0)
}

const OPUS: u8 = 111;
const VP8: u8 = 96;

#[test]
fn what_is_muted_sends_nothing_and_nobody_counts_a_freeze() {
    let actions = r#"{ do = "mute", media = "cam", at = "3s", for = "4s" }, { do = "mute", media = "mic", at = "4s", for = "2s" }"#;
    for sfu in Sfu::ALL {
        let mut world = World::over(sfu, &room(r#"["mic", "cam"]"#, actions));
        world.run(secs(10.0));
        assert_eq!((packets(&world, VP8, 3.01, 7.0), packets(&world, OPUS, 4.01, 6.0)), (0, 0), "{sfu:?}");
        assert!(packets(&world, VP8, 7.0, 9.9) > 30 && packets(&world, OPUS, 6.0, 9.9) > 150, "{sfu:?}");
        assert!(packets(&world, OPUS, 3.0, 4.0) >= 49, "sound goes on while the picture is muted");
        let said = world.said.iter().filter(|(_, message)| matches!(message, ClientMessage::Mute { .. })).count();
        assert_eq!(said, 4);
        let (clients, recorded, shared) = world.finish();
        assert_eq!(counted(&recorded, Metric::VideoFreezeCount) + counted(&recorded, Metric::VideoBlack), 0, "{sfu:?}");
        assert_eq!(counted(&recorded, Metric::VideoPauseCount), 0);
        let seen = frames(&clients[1].detail(&shared), "actors-1/cam");
        assert!((75.0..100.0).contains(&seen), "15 fps for 6 s: {seen}");
    }
}

#[test]
fn muted_sound_with_dtx_is_comfort_noise() {
    let text = room(r#"["mic"]"#, r#"{ do = "mute", media = "mic", at = "3s", for = "4s" }"#)
        .replace("kind = \"audio\"", "kind = \"audio\"\ndtx = true\ntalk = { on = \"2h\", off = \"20ms\" }");
    let mut world = World::over(Sfu::Modelled, &text);
    world.run(secs(8.0));
    assert!((9..=11).contains(&packets(&world, OPUS, 3.0, 7.0)), "one each 400 ms");
}

#[test]
fn who_comes_late_or_comes_back_finds_the_muted_muted() {
    let actions = r#"{ do = "mute", media = "cam", at = "1s" }, { do = "rejoin", at = "3s", for = "1s" }"#;
    for sfu in Sfu::ALL {
        let mut world = World::over(sfu, &room(r#"["cam"]"#, actions));
        world.late.insert(1, secs(2.0));
        world.run(secs(8.0));
        assert_eq!(packets(&world, VP8, 1.01, 8.0), 0, "{sfu:?}");
        let joined = world.milestones.iter().filter(|(_, one)| *one == Milestone::Joined).count();
        assert_eq!(joined, 3, "{sfu:?}: nobody waits for the picture of who is muted: {:?}", world.milestones);
        let (clients, recorded, shared) = world.finish();
        assert_eq!(clients[0].detail(&shared).sessions, 2);
        let rejoined = recorded.pooled(Metric::JoinTotal, |key| key.rejoin);
        assert!(matches!(rejoined, Some(Measure::Trend(histogram)) if histogram.count() == 1));
        assert_eq!(counted(&recorded, Metric::VideoBlack), 0, "{sfu:?}");
    }
}

#[test]
fn a_screen_is_shared_for_a_while_and_a_camera_taken_away_and_given_back() {
    let actions = r#"{ do = "share", media = "screen", at = "3s", for = "3s" }, { do = "unpublish", media = "cam", at = "4s", for = "3s" }"#;
    for sfu in Sfu::ALL {
        let mut world = World::over(sfu, &room(r#"["mic", "cam"]"#, actions));
        world.run(secs(10.0));
        let published = |message: &ClientMessage| match message {
            ClientMessage::Publish { track } => Some((track.media.clone(), track.ssrc, track.mid.clone())),
            _ => None,
        };
        let fresh: Vec<_> = world.said.iter().filter_map(|(_, message)| published(message)).collect();
        assert_eq!(fresh.iter().map(|(media, ..)| media.as_str()).collect::<Vec<_>>(), ["screen", "cam"], "{sfu:?}");
        assert!(fresh[0].1 != fresh[1].1 && fresh[0].2 != fresh[1].2, "new numbers: {fresh:?}");
        let gone = world.said.iter().filter(|(_, message)| matches!(message, ClientMessage::Unpublish { .. })).count();
        assert_eq!(gone, 2);
        // Both are VP8: 5 frames a second of the screen alone from 4 s to 6 s, nothing after it.
        assert!((8..=24).contains(&packets(&world, VP8, 4.1, 6.0)), "{}", packets(&world, VP8, 4.1, 6.0));
        assert_eq!(packets(&world, VP8, 6.1, 7.0), 0, "{sfu:?}");
        let (clients, recorded, shared) = world.finish();
        let detail = clients[1].detail(&shared);
        let (screen, cam) = (frames(&detail, "actors-1/screen"), frames(&detail, "actors-1/cam"));
        assert!((12.0..=16.0).contains(&screen), "{sfu:?}: 5 fps for 3 s: {screen}");
        assert!((75.0..=110.0).contains(&cam), "{sfu:?}: 15 fps for 7 s: {cam}");
        assert_eq!(counted(&recorded, Metric::VideoFreezeCount) + counted(&recorded, Metric::VideoBlack), 0, "{sfu:?}");
        assert_eq!(counted(&recorded, Metric::IntegrityMisroute) + counted(&recorded, Metric::IntegritySsrcDup), 0);
    }
}

#[test]
fn another_network_is_another_address_and_its_own_delay() {
    let actions = r#"{ do = "switch-network", network = "far", at = "3s", for = "4s" }"#;
    for sfu in Sfu::ALL {
        let mut world = World::over(sfu, &room(r#"["cam"]"#, actions));
        world.run(secs(10.0));
        let of_actor =
            |wanted: fn(&Order) -> bool| world.orders.iter().filter(|(who, order)| *who == 0 && wanted(order)).count();
        assert_eq!(of_actor(|order| matches!(order, Order::Rebind { .. })), 2, "{sfu:?}: there and back");
        let restarts = world.said.iter().filter(|(_, one)| matches!(one, ClientMessage::Restart { .. })).count();
        assert_eq!(restarts, 2);
        let (clients, recorded, shared) = world.finish();
        let Some(Measure::Trend(delay)) = recorded.pooled(Metric::DelayFrame, |_| true) else { panic!("no delay") };
        let (quick, slow) = (delay.quantile(0.2).unwrap(), delay.quantile(0.75).unwrap());
        assert!(quick < 0.05 && slow > 0.14, "{sfu:?}: {quick} {slow}");
        assert_eq!(clients[0].detail(&shared).sessions, 1, "{sfu:?}: the session goes on");
        assert!(frames(&clients[1].detail(&shared), "actors-1/cam") > 100.0);
    }
}

#[test]
fn ice_restarts_when_somebody_wants_it_to_and_media_goes_on() {
    for sfu in Sfu::ALL {
        let mut world = World::over(sfu, &room(r#"["cam"]"#, r#"{ do = "restart-ice", every = "2s" }"#));
        world.run(secs(7.0));
        let restarts = world.said.iter().filter(|(_, one)| matches!(one, ClientMessage::Restart { .. })).count();
        assert_eq!(restarts, 3, "{sfu:?}");
        let (clients, recorded, shared) = world.finish();
        assert_eq!(counted(&recorded, Metric::VideoFreezeCount), 0, "{sfu:?}");
        assert!(frames(&clients[1].detail(&shared), "actors-1/cam") > 80.0);
    }
}
