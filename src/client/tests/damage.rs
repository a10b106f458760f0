//! What corruption and queue policies do to whole sessions, in virtual time against the reference SFU's machines.

use super::super::item::CLASS_NAMES;
use super::world::World;
use super::*;
use crate::metrics::Recorded;
use crate::metrics::catalog::Metric;
use crate::metrics::measure::Measure;
use crate::outcome::LinkOutcome;

/// One who publishes, and one who watches, behind the networks that are asked for.
fn world(speaker: &str, viewer: &str) -> World {
    let people = format!(
        "[network.speaker]\n{speaker}\n[network.viewer]\n{viewer}\n[rooms]\ncount = 1\n\
         [[population]]\nname = \"speaker\"\ncount = 1\npublish = [\"cam\"]\nsubscribe = \"none\"\nnetwork = \"speaker\"\n\
         [[population]]\nname = \"viewer\"\ncount = 1\nnetwork = \"viewer\"\n"
    );
    World::new(&format!("{ROOM}{people}"))
}

/// Runs it for some seconds; what was recorded, and the links.
fn run(speaker: &str, viewer: &str) -> (Recorded, Vec<LinkOutcome>) {
    let mut world = world(speaker, viewer);
    world.run(Instant::from_secs(12));
    let (clients, recorded, _) = world.finish();
    (recorded, clients.iter().flat_map(Client::links).collect())
}

fn numerator(recorded: &Recorded, metric: Metric) -> u64 {
    match recorded.pooled(metric, |_| true) {
        Some(Measure::Ratio(ratio)) => ratio.numerator,
        _ => 0,
    }
}

/// What one field of a participant's links of one direction comes to, over these classes.
fn sum(links: &[LinkOutcome], who: u32, up: &str, classes: &[&str], of: impl Fn(&LinkOutcome) -> u64) -> u64 {
    let ours =
        |link: &&LinkOutcome| link.participant == who && link.direction == up && classes.contains(&link.class.as_str());
    links.iter().filter(ours).map(of).sum()
}

#[test]
fn a_corrupted_downlink_packet_fails_authentication_once_and_is_missing() {
    let (recorded, links) = run("", "schedule = [{ at = \"2s\", down = { corrupt = 0.1 } }]");
    let media = sum(&links, 1, "down", &["media"], |link| link.corrupted);
    let sealed = sum(&links, 1, "down", &["media", "rtx", "rtcp"], |link| link.corrupted);
    assert!(media > 5, "{links:#?}");
    let refused = counted(&recorded, Metric::IntegrityAuth);
    // A flip of the bits that say what a datagram is makes it nothing that can be authenticated: 7 of some 8,000 bits.
    assert!(refused <= sealed && refused + 2 >= sealed, "{refused} of {sealed}");
    let missing = numerator(&recorded, Metric::RtpLossNet);
    assert!(missing <= media && missing + 2 >= media, "{missing} missing of {media}: the last ones may not be missed");
    assert!(counted(&recorded, Metric::RtpNackSent) > 0, "and is asked for again");
}

#[test]
fn a_corrupted_uplink_packet_is_refused_by_the_sfu_and_missing_at_the_viewer() {
    let (recorded, links) = run("schedule = [{ at = \"2s\", up = { corrupt = 0.1 } }]", "");
    let media = sum(&links, 0, "up", &["media"], |link| link.corrupted);
    assert!(media > 5, "{links:#?}");
    assert_eq!(counted(&recorded, Metric::IntegrityAuth), 0, "what arrives is whole");
    assert_eq!(counted(&recorded, Metric::IntegrityPayloadCrc), 0, "retransmissions are whole");
    // The SFU asks for it again: what it got at last it forwarded late, or never.
    let offered = sum(&links, 0, "up", &["rtx"], |link| link.offered);
    let lost = numerator(&recorded, Metric::RtpLossNet) + numerator(&recorded, Metric::RtpReorder);
    assert!(offered > 0 || lost > 0, "nobody noticed: {offered} sent again, {lost} missing");
}

#[test]
fn joins_survive_corruption_of_every_tenth_packet() {
    let (recorded, links) = run("up = { corrupt = 0.1 }\ndown = { corrupt = 0.1 }", "down = { corrupt = 0.1 }");
    assert!(sum(&links, 1, "down", &CLASS_NAMES, |link| link.corrupted) > 10);
    assert!(counted(&recorded, Metric::RtpPacketsReceived) > 100, "both are in and media flows");
    assert_eq!(counted(&recorded, Metric::IntegrityMisroute) + counted(&recorded, Metric::IntegrityPayloadCrc), 0);
}

#[test]
fn without_corruption_nothing_is_refused_marked_or_missing() {
    let (recorded, links) = run("", "");
    assert_eq!(counted(&recorded, Metric::IntegrityAuth), 0);
    assert_eq!(numerator(&recorded, Metric::RtpLossNet), 0);
    assert!(links.iter().all(|link| (link.corrupted, link.marked, link.overflowed) == (0, 0, 0)), "{links:#?}");
}

/// A downlink with half of what the camera needs.
fn narrow(queue: &str) -> String {
    format!("down = {{ rate = \"90kbps\", queue = {queue} }}")
}

/// How long packets took on average, in seconds.
fn delayed(recorded: &Recorded) -> f64 {
    match recorded.pooled(Metric::DelayTransport, |_| true) {
        Some(Measure::Trend(histogram)) => histogram.mean().expect("packets with a stamp arrived"),
        other => panic!("no delay: {other:?}"),
    }
}

#[test]
fn a_codel_queue_of_a_scenario_keeps_the_delay_that_a_long_tail_lets_grow() {
    let (tail, tail_links) = run("", &narrow("\"60s\""));
    let (codel, codel_links) = run("", &narrow("{ aqm = \"codel\", limit = \"60s\" }"));
    let dropped = |links: &[LinkOutcome]| sum(links, 1, "down", &["media"], |link| link.overflowed);
    assert_eq!(dropped(&tail_links), 0, "a minute of queue holds everything");
    assert!(dropped(&codel_links) > 10, "{codel_links:#?}");
    assert!(delayed(&codel) < delayed(&tail) / 2.0, "{} and {}", delayed(&codel), delayed(&tail));
}

#[test]
fn with_ecn_a_queue_marks_media_and_drops_what_cannot_be_marked() {
    let (_, links) = run("", &narrow("{ aqm = \"codel\", limit = \"60s\", ecn = true }"));
    assert!(sum(&links, 1, "down", &["media"], |link| link.marked) > 10, "{links:#?}");
    assert_eq!(sum(&links, 1, "down", &["media"], |link| link.overflowed), 0);
    assert_eq!(sum(&links, 1, "down", &["rtcp", "stun", "dtls", "other"], |link| link.marked), 0);
}

#[test]
fn both_directions_and_the_signalling_of_a_participant_fade_together() {
    let plan = plan(&format!(
        "{ROOM}[network.t]\nup = {{ trace = {{ mahimahi = \"lte.up\" }} }}\ndown = {{ trace = {{ mahimahi = \"lte.up\" }} }}\n[rooms]\ncount = 1\n\
         [[population]]\nname = \"p\"\ncount = 2\nnetwork = \"t\"\n"
    ));
    let network = plan.networks.iter().find(|network| network.name == "t").expect("in use");
    let phase = |seed: u64| {
        let network = super::super::network::Network::new(
            std::slice::from_ref(network),
            &[(Instant::ZERO, 0)],
            &[],
            &crate::seed::Seed::new(seed),
        );
        let place = |config: &netem::LinkConfig| match config.serialiser {
            netem::Serialiser::Trace { phase, .. } => phase.expect("it is drawn"),
            ref other => panic!("{other:?}"),
        };
        // What signalling is made with.
        let now = network.conditions();
        assert_eq!(place(&now.up), place(network.up.config()));
        assert_eq!(place(&now.up), place(&now.down));
        place(&now.up)
    };
    assert_ne!(phase(1), phase(2), "each participant is elsewhere in the trace");
    assert_eq!(phase(1), phase(1));
    assert!(phase(1) < Duration::from_millis(10), "within the trace");
}
