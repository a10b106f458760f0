//! Data channels in whole runs: what a channel's reliability costs, and what a network takes from it.

use super::*;

const CHANNELS: &str = r#"
version = 1
name = "messages"
seed = 5
[run]
world = "simulated"
duration = "60s"
warmup = "5s"
cooldown = "20s"
[media.sure]
kind = "data"
message = "300B"
rate = 5
[media.rash]
kind = "data"
message = "300B"
rate = 5
ordered = false
max_retransmits = 0
[media.brief]
kind = "data"
message = "5000B"
rate = 2
max_lifetime = "300ms"
[[population]]
name = "ends"
count = 3
publish = ["sure", "rash", "brief"]
network = "path"
"#;

fn channels(conditions: &str) -> Outcome {
    let text = format!("{CHANNELS}[network.path]\nup = {{ {conditions} }}\ndown = {{ {conditions} }}\n");
    simulated(&text, 5)
}

/// Of one channel in the measured time.
fn of<'a>(outcome: &'a Outcome, metric: Metric, media: &str) -> &'a MetricOutcome {
    let is = |entry: &&MetricOutcome| {
        let labels = &entry.labels;
        entry.name == metric.name()
            && labels.get("media").is_some_and(|name| name == media)
            && labels.get("phase").is_some_and(|phase| phase == "steady")
    };
    outcome.metrics.iter().find(is).unwrap_or_else(|| panic!("{} of {media}", metric.name()))
}

const BAD: [Metric; 7] = [
    Metric::IntegrityMessageOrder,
    Metric::IntegrityMisroute,
    Metric::IntegrityStampCrc,
    Metric::IntegrityPayloadCrc,
    Metric::DataMessagesDropped,
    Metric::DataMessagesDuplicate,
    Metric::SessionsLost,
];

#[test]
fn a_perfect_network_loses_no_message_and_delays_none() {
    let outcome = channels("delay = \"20ms\"");
    assert_eq!(outcome.participants.joined, 3);
    for media in ["sure", "rash", "brief"] {
        assert_eq!(of(&outcome, Metric::DataDelivery, media).value, Some(1.0), "{media}");
        let latency = of(&outcome, Metric::DataLatency, media);
        // An uplink and a downlink of 20 ms; a window that is full costs a round trip of one of them more.
        assert!(latency.min >= Some(0.039) && latency.p50 < Some(0.042), "{media}: {latency:?}");
        assert!(latency.max < Some(0.13), "{media}: {latency:?}");
    }
    let sent = of(&outcome, Metric::DataMessagesSent, "sure").count;
    assert_eq!(sent, 3 * 5 * 60);
    assert_eq!(of(&outcome, Metric::DataMessagesReceived, "sure").count, 2 * sent, "everybody gets everybody's");
    assert_eq!(of(&outcome, Metric::DataBytesReceived, "sure").count, 300 * 2 * sent);
    for metric in BAD {
        assert_eq!(count(&outcome, metric), 0, "{}", metric.name());
    }
}

#[test]
fn under_loss_a_reliable_channel_is_late_and_an_unreliable_one_loses() {
    let outcome = channels("delay = \"20ms\", loss = { model = \"iid\", p = 0.03 }");
    assert_eq!(of(&outcome, Metric::DataDelivery, "sure").value, Some(1.0));
    let [sure, rash] = ["sure", "rash"].map(|media| of(&outcome, Metric::DataLatency, media));
    // Somebody waited for a timer; what is sent once only ever waits for room in the window that all channels share.
    assert!(sure.max > Some(1.0) && sure.p95 > rash.p95, "{sure:?} {rash:?}");
    assert!(rash.p50 < Some(0.045), "{rash:?}");
    // Two links, 3 % each: 5.9 % of 900 messages to two receivers, give or take four standard deviations.
    let lost = 1.0 - of(&outcome, Metric::DataDelivery, "rash").value.expect("messages came");
    assert!((0.031..0.087).contains(&lost), "{lost}");
    // Five packets a message on two links: without a second try a quarter would be lost.
    let brief = of(&outcome, Metric::DataDelivery, "brief").value.expect("messages came");
    assert!((0.70..0.995).contains(&brief), "{brief}");
    for metric in BAD {
        assert_eq!(count(&outcome, metric), 0, "{}", metric.name());
    }
}

#[test]
fn what_a_link_does_not_carry_is_dropped_at_its_sender_and_counted() {
    let text = CHANNELS.replace("rate = 5\n[media.rash]", "rate = 200\n[media.rash]").replace("300B", "4000B");
    let text = text.replace("duration = \"60s\"", "duration = \"15s\"").replace("count = 3", "count = 2");
    let slow = "up = { rate = \"2Mbps\", queue = \"200ms\", delay = \"20ms\" }\ndown = { delay = \"20ms\" }";
    let outcome = simulated(&format!("{text}[network.path]\n{slow}\n"), 5);
    let dropped = of(&outcome, Metric::DataMessagesDropped, "sure").count;
    let sent = of(&outcome, Metric::DataMessagesSent, "sure").count;
    // 6.4 Mbit/s into 2, of which the other channels have a part.
    assert!(dropped > sent / 2 && dropped < sent, "{dropped} of {sent}");
    let delivery = of(&outcome, Metric::DataDelivery, "sure").value.expect("some came");
    assert!(delivery < 0.5, "what is dropped is missed: {delivery}");
    // A full buffer of 1 MiB at 2 Mbit/s.
    let latency = of(&outcome, Metric::DataLatency, "sure").p50.expect("some came");
    assert!((2.0..8.0).contains(&latency), "{latency}");
}

#[test]
fn one_seed_gives_the_same_bytes_with_messages_too() {
    let run = || io::to_json(&channels("delay = \"20ms\", loss = { model = \"iid\", p = 0.03 }"));
    assert_eq!(run(), run());
}

#[test]
fn who_does_not_ask_gets_none_and_who_leaves_is_not_missed() {
    let quiet = "[[population]]\nname = \"quiet\"\ncount = 2\nsubscribe = \"none\"\n";
    let fickle = concat!(
        "[[population]]\nname = \"fickle\"\ncount = 2\npublish = [\"sure\"]\n",
        "session = { length = \"10s\", rejoin = { prob = 1, after = \"3s\" } }\n",
    );
    let outcome = simulated(&format!("{CHANNELS}{quiet}{fickle}[network.path]\nup = {{ delay = \"20ms\" }}\n"), 5);
    let received = outcome.metrics.iter().filter(|entry| entry.name == Metric::DataMessagesReceived.name());
    let mut of_whom = received.filter_map(|entry| entry.labels.get("population"));
    assert!(of_whom.all(|name| name != "quiet"));
    let delivery = metric(&outcome, Metric::DataDelivery).expect("messages came");
    assert_eq!(delivery.value, Some(1.0));
    assert!(count(&outcome, Metric::DataMessagesReceived) > 3_000);
    assert_eq!(count(&outcome, Metric::IntegrityMessageOrder), 0);
}

#[test]
fn a_plan_without_channels_sends_nothing_of_them() {
    let outcome = simulated(&path("delay = \"20ms\""), 5);
    assert!(outcome.metrics.iter().all(|entry| !entry.name.starts_with("data.") || entry.count == 0));
}
