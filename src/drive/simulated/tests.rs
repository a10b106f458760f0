//! Whole runs in virtual time: laws that hold for every seed, and the figures that a model must give.

mod codecs;
mod congestion;
mod crowd;
mod data;
mod defects;
mod faults;
mod groups;
mod layers;
mod lipsync;

use super::*;
use crate::metrics::catalog::Metric;
use crate::outcome::{MetricOutcome, io};
use crate::scenario::sample::mic_and_cam;
use crate::scenario::{Settings, no_files};

const RUN: &str = concat!(
    r#"
version = 1
name = "virtual"
seed = 5
[run]
world = "simulated"
duration = "10s"
warmup = "3s"
"#,
    mic_and_cam!(),
    r#"[rooms]
count = 2
[[population]]
name = "speakers"
per_room = 1
publish = ["mic", "cam"]
network = "path"
[[population]]
name = "viewers"
per_room = 3
network = "path"
"#
);

fn load(text: &str, seed: u64) -> (String, Plan) {
    let settings = Settings { set: &[], seed: Some(seed), environment: &|_| None, files: &no_files };
    let (scenario, plan) =
        crate::plan::load("virtual.toml", text, &settings, None).unwrap_or_else(|errors| panic!("{errors:#?}"));
    (scenario.redacted_text(), plan)
}

fn simulated(text: &str, seed: u64) -> Outcome {
    let (scenario_text, plan) = load(text, seed);
    let options = Options { scenario_text, ..Options::default() };
    run(plan, &options, &mut |_| {}, &mut |_| {}).expect("it begins").outcome
}

fn path(conditions: &str) -> String {
    format!("{RUN}[network.path]\nup = {{ {conditions} }}\ndown = {{ {conditions} }}\n")
}

fn metric(outcome: &Outcome, metric: Metric) -> Option<&MetricOutcome> {
    outcome.metrics.iter().find(|entry| entry.name == metric.name() && entry.labels.is_empty())
}

fn count(outcome: &Outcome, of: Metric) -> u64 {
    metric(outcome, of).map_or(0, |entry| entry.count)
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let text = path("delay = \"20ms\", loss = { model = \"iid\", p = 0.02 }");
    let one = io::to_json(&simulated(&text, 5));
    assert_eq!(one, io::to_json(&simulated(&text, 5)));
    assert_ne!(one, io::to_json(&simulated(&text, 6)));
}

#[test]
fn threads_change_nothing_in_what_comes_out() {
    let text = path("delay = \"20ms\", loss = { model = \"iid\", p = 0.02 }").replace("count = 2", "count = 5");
    let costly = text.replace("[media.mic]", "[target]\nservice = { per_packet = \"300us\", cores = 2 }\n[media.mic]");
    for text in [text, costly] {
        let run_on = |threads| {
            let (scenario_text, plan) = load(&text, 5);
            let options = Options { scenario_text, threads, ..Options::default() };
            io::to_json(&run(plan, &options, &mut |_| {}, &mut |_| {}).expect("it begins").outcome)
        };
        let one = run_on(1);
        assert!([2, 3, 8].into_iter().all(|threads| run_on(threads) == one));
    }
}

#[test]
fn rooms_are_islands_unless_they_share_something() {
    let sizes = |text: &str| -> Vec<usize> {
        island::islands(&load(text, 1).1).iter().map(|island| island.members.len()).collect()
    };
    let rooms = path("delay = \"20ms\"").replace("count = 2", "count = 6");
    assert_eq!(sizes(&rooms), [4; 6]);
    let service = |cores: usize| {
        let target = format!("[target]\nservice = {{ per_packet = \"1us\", cores = {cores} }}\n[media.mic]");
        sizes(&rooms.replace("[media.mic]", &target))
    };
    assert_eq!(service(1), [24], "one core serves all of them");
    assert_eq!(service(2).iter().sum::<usize>(), 24);
    assert_eq!(service(2).len(), 2);
    let closed = rooms.replace("per_room = 3", "count = 18\nstart = { concurrency = [{ t = \"0s\", n = 9 }] }");
    assert_eq!(sizes(&closed), [24], "a place is taken in any room");
}

#[test]
fn everybody_joins_and_phases_add_up() {
    let outcome = simulated(&path("delay = \"25ms\""), 1);
    assert_eq!((outcome.participants.planned, outcome.participants.joined), (8, 8), "{:?}", outcome.participants);
    for detail in &outcome.participants_detail {
        let total = detail.join_total.expect("it joined");
        let sum: f64 = detail.join.iter().map(|(_, seconds)| seconds).sum();
        assert!((total - sum).abs() < 1e-9, "{}: {total} and {sum}", detail.name);
    }
    // ICE takes one round trip, DTLS two.
    let of = |name| metric(&outcome, name).and_then(|entry| entry.p50).expect("there are joins");
    assert!((of(Metric::JoinIce) - 0.05).abs() < 1e-3, "{}", of(Metric::JoinIce));
    assert!((of(Metric::JoinDtls) - 0.1).abs() < 1e-3, "{}", of(Metric::JoinDtls));
}

#[test]
fn a_perfect_network_has_no_loss_no_freeze_and_no_stranger() {
    for seed in 1..6 {
        let outcome = simulated(&path("delay = \"10ms\""), seed);
        assert!(count(&outcome, Metric::VideoFramesDecodable) > 500, "seed {seed}");
        for zero in [
            Metric::VideoFreezeCount,
            Metric::VideoFramesUndecodable,
            Metric::RtpNackSent,
            Metric::RtpDup,
            Metric::SessionsLost,
            Metric::IntegrityAuth,
            Metric::IntegrityMisroute,
            Metric::IntegrityTornFrames,
            Metric::IntegrityPayloadCrc,
            Metric::IntegrityPidGap,
        ] {
            assert_eq!(count(&outcome, zero), 0, "seed {seed}: {}", zero.name());
        }
        let lost = metric(&outcome, Metric::RtpLossNet).expect("there was media");
        assert_eq!((lost.numerator, lost.value), (Some(0), Some(0.0)), "seed {seed}");
    }
}

#[test]
fn what_receivers_miss_is_what_their_links_lost() {
    let text = format!(
        "{RUN}[network.path]\ndown = {{ delay = \"20ms\", loss = {{ model = \"iid\", p = 0.05 }} }}\nup = {{ delay = \"20ms\" }}\n"
    )
    .replace("warmup = \"3s\"", "cooldown = \"3s\"");
    for seed in 1..4 {
        let outcome = simulated(&text, seed);
        for link in &outcome.links {
            let out = link.delivered + link.lost + link.overflowed + link.waiting + link.flying;
            assert_eq!(link.offered + link.duplicated, out, "{link:?}");
        }
        let lost: u64 = outcome.links.iter().filter(|link| link.class == "media").map(|link| link.lost).sum();
        let offered: u64 = outcome.links.iter().filter(|link| link.class == "media").map(|link| link.offered).sum();
        assert!(lost as f64 / offered as f64 > 0.02, "{lost} of {offered}");
        let loss = metric(&outcome, Metric::RtpLossNet).and_then(|entry| entry.value).expect("there was media");
        assert!((loss - 0.05).abs() < 0.01, "seed {seed}: {loss}");
        assert!(count(&outcome, Metric::RtpRtxReceived) > 0);
    }
}

#[test]
fn a_longer_way_never_makes_a_join_shorter() {
    let totals = |delay: u64| -> Vec<f64> {
        let outcome = simulated(&path(&format!("delay = \"{delay}ms\"")), 3);
        outcome.participants_detail.iter().map(|detail| detail.join_total.expect("it joined")).collect()
    };
    let mut before = totals(5);
    for delay in [10, 20, 40, 80, 160] {
        let after = totals(delay);
        assert!(before.iter().zip(&after).all(|(short, long)| short <= long), "{delay} ms: {before:?} {after:?}");
        before = after;
    }
}

#[test]
fn a_long_wire_is_no_queue() {
    // What flies in 600 ms is more than the queue holds: one that counted it would overflow all the time.
    let text =
        path("delay = \"600ms\", rate = \"400kbps\", queue = \"250ms\"").replace("warmup = \"3s\"", "warmup = \"15s\"");
    let outcome = simulated(&text.replace("duration = \"10s\"", "duration = \"20s\""), 2);
    let of = |pick: fn(&crate::outcome::LinkOutcome) -> u64| -> u64 { outcome.links.iter().map(pick).sum() };
    assert_eq!(of(|link| link.overflowed), 0);
    let (sent, received) = (count(&outcome, Metric::RtpPacketsSent), count(&outcome, Metric::RtpPacketsReceived));
    assert!(sent > 2_000, "{sent}");
    // Each speaker has three viewers.
    assert!(received as f64 >= 0.98 * (3 * sent) as f64, "{received} of {}", 3 * sent);
}

#[test]
fn a_lost_hello_costs_its_retransmission_timer() {
    let base = path("delay = \"50ms\"");
    let without = simulated(&base, 4);
    let one = |outcome: &Outcome, of| metric(outcome, of).and_then(|entry| entry.max).expect("there are joins");
    // The hello leaves right after the first check's answer, and crosses the uplink within the next 50 ms.
    let begins = one(&without, Metric::JoinSignal) + one(&without, Metric::JoinIce) - 0.005;
    let text =
        format!("{base}schedule = [{{ at = \"{}ms\", outage = \"60ms\", dir = \"up\" }}]\n", (begins * 1e3) as u64);
    let (without, with) = (one(&without, Metric::JoinDtls), one(&simulated(&text, 4), Metric::JoinDtls));
    assert!((without - 0.2).abs() < 0.01, "{without}");
    assert!((with - without - 1.0).abs() < 0.01, "{with} and {without}");
}

#[test]
fn an_sfu_that_pays_for_packets_is_late_and_then_drops() {
    let service = |cost: &str| {
        let text = path("delay = \"10ms\"");
        text.replace(
            "[media.mic]",
            &format!("[target]\nservice = {{ per_packet = \"{cost}\", queue = \"50ms\" }}\n[media.mic]"),
        )
    };
    let delay =
        |outcome: &Outcome| metric(outcome, Metric::SfuForwardDelay).and_then(|entry| entry.p50).expect("media");
    let busy = |outcome: &Outcome| metric(outcome, Metric::SfuCpu).and_then(|entry| entry.max).expect("it is modelled");
    let free = simulated(&path("delay = \"10ms\""), 1);
    assert!(delay(&free) <= 1e-6, "{}", delay(&free));
    assert!(metric(&free, Metric::SfuCpu).is_none());
    let cheap = simulated(&service("200us"), 1);
    assert!(delay(&cheap) >= 400e-6 && delay(&cheap) < 5e-3, "{}", delay(&cheap));
    assert!((0.05..0.6).contains(&busy(&cheap)), "{}", busy(&cheap));
    assert!(cheap.health.notes.is_empty(), "{:?}", cheap.health.notes);
    let dear = simulated(&service("2500us"), 1);
    assert!(busy(&dear) > 0.99, "{}", busy(&dear));
    assert!(dear.health.notes.iter().any(|note| note.contains("overloaded")), "{:?}", dear.health.notes);
}

#[test]
fn closed_populations_fill_their_places_at_the_instant_they_are_free() {
    let text = path("delay = \"10ms\"").replace(
        "name = \"viewers\"\nper_room = 3",
        "name = \"viewers\"\ncount = 6\nstart = { concurrency = [{ t = \"0s\", n = 0 }, { t = \"2s\", n = 2 }] }\nsession = { length = \"3s\" }",
    );
    let outcome = simulated(&text, 1);
    let mut arrivals: Vec<f64> =
        outcome.participants_detail.iter().filter(|one| one.population == "viewers").map(|one| one.arrival).collect();
    arrivals.sort_by(f64::total_cmp);
    assert_eq!(arrivals, [2.0, 2.0, 5.0, 5.0, 8.0, 8.0]);
}

#[test]
fn a_story_tells_of_the_join_and_of_what_is_measured() {
    let (scenario_text, plan) = load(&path("delay = \"20ms\", loss = { model = \"iid\", p = 0.05 }"), 5);
    let mut lines = Vec::new();
    let options = Options { scenario_text, story_of: Some("viewers-2".to_owned()), ..Options::default() };
    let told = run(plan, &options, &mut |_| {}, &mut |line| lines.push(line.to_owned())).expect("it begins");
    for wanted in [
        "opens its WebSocket",
        "join virtual-",
        "STUN binding request",
        "DTLS, 1150 bytes",
        "join.total",
        "RTP ",
        "lost",
        "rtp.nack_sent",
    ] {
        assert!(lines.iter().any(|line| line.contains(wanted)), "nothing of `{wanted}`");
    }
    assert!(lines.is_sorted_by_key(|line| line[..14].to_owned()), "in the order of time");
    let plain = simulated(&path("delay = \"20ms\", loss = { model = \"iid\", p = 0.05 }"), 5);
    assert_eq!(io::to_json(&told.outcome), io::to_json(&plain), "watching changes nothing");
}

#[test]
fn a_story_tells_of_faults_and_of_lost_signalling() {
    let faults = r#"
[[fault]]
name = "dark"
at = "3s"
for = "2s"
kind = "partition"
select = { population = "viewers" }
[[fault]]
name = "moved"
at = "7s"
kind = "nat-rebind"
select = { population = "speakers" }
"#;
    let network = path("delay = \"20ms\", loss = { model = \"iid\", p = 0.3 }");
    let story = |name: &str| {
        let (_, plan) = load(&format!("{network}{faults}"), 5);
        let mut lines = Vec::new();
        let options = Options { story_of: Some(name.to_owned()), ..Options::default() };
        run(plan, &options, &mut |_| {}, &mut |line| lines.push(line.to_owned())).expect("it begins");
        assert!(lines.is_sorted_by_key(|line| line[..14].to_owned()), "in the order of time");
        lines
    };
    let told: Vec<String> = story("viewers-1").into_iter().filter(|line| line[16..].starts_with("fault ")).collect();
    assert_eq!(
        told,
        [
            "     3.000 000  fault    dark begins: nothing gets through, neither datagrams nor signalling",
            "     5.000 000  fault    dark is over",
        ]
    );
    let of_all: Vec<String> = (1..=3).flat_map(|n| story(&format!("viewers-{n}"))).collect();
    assert!(of_all.iter().any(|line| line.contains("signalling segment")), "three in ten are lost");
    let speaker = story("speakers-1");
    assert!(speaker.iter().any(|line| line.ends_with("fault    moved: the NAT gives every socket another port")));
    assert!(!speaker.iter().any(|line| line.contains("dark")), "not selected");
}

#[test]
fn a_participant_who_is_not_there_is_told_with_those_who_are() {
    let (_, plan) = load(&path("delay = \"20ms\""), 5);
    let options = Options { story_of: Some("nobody".to_owned()), ..Options::default() };
    let error = run(plan, &options, &mut |_| {}, &mut |_| {}).expect_err("no such participant").to_string();
    assert!(error.contains("speakers-1 to speakers-2, viewers-1 to viewers-6"), "{error}");
    assert!(error.ends_with("or give an index from 0 to 7"), "{error}");
}

#[test]
fn many_seeds_are_pooled_and_their_spread_is_kept() {
    let text = format!(
        "{}[[threshold]]\nmetric = \"join.total\"\nexpect = [\"p50 < 5s\"]\n[[threshold]]\nmetric = \"session.lost\"\nexpect = [\"count == 0\"]\n",
        path("delay = \"20ms\", loss = { model = \"iid\", p = 0.02 }")
    );
    let pool = |threads| {
        let plans = plans(&text, &[1, 2, 3, 4]);
        pool::run(plans, threads, &Options::default(), &|_, _, _, _| {}).expect("it begins").outcome
    };
    let pooled = pool(2);
    assert_eq!(io::to_json(&pooled), io::to_json(&pool(1)), "threads change nothing");
    assert_eq!((pooled.participants.planned, pooled.participants.joined), (32, 32));
    assert_eq!(pooled.seeds.iter().map(|seed| seed.seed).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let single: Vec<Outcome> = (1..=4).map(|seed| simulated(&text, seed)).collect();
    for (one, seed) in single.iter().zip(&pooled.seeds) {
        assert_eq!(one.thresholds.iter().map(|t| t.value).collect::<Vec<_>>(), seed.thresholds);
    }
    let frames: u64 = single.iter().map(|one| count(one, Metric::VideoFramesDecodable)).sum();
    assert_eq!(count(&pooled, Metric::VideoFramesDecodable), frames);
    assert_eq!(pooled.participants_detail[8].name, "2/speakers-1");
}

fn plans(text: &str, seeds: &[u64]) -> Vec<Plan> {
    seeds.iter().map(|seed| load(text, *seed).1).collect()
}

fn pooled(text: &str, seeds: &[u64]) -> Outcome {
    pool::run(plans(text, seeds), 2, &Options::default(), &|_, _, _, _| {}).expect("it begins").outcome
}

#[test]
fn pooled_rates_are_of_a_run_and_the_sfu_s_cpu_is_that_of_the_busiest() {
    let text =
        path("delay = \"10ms\"").replace("[media.mic]", "[target]\nservice = { per_packet = \"200us\" }\n[media.mic]");
    let single: Vec<Outcome> = (1..=3).map(|seed| simulated(&text, seed)).collect();
    let outcome = pooled(&text, &[1, 2, 3]);
    let rate = |outcome: &Outcome, of| metric(outcome, of).and_then(|entry| entry.value).expect("a rate");
    for of in [Metric::RtpPacketsReceived, Metric::RtpBytesSent, Metric::VideoFramesDecodable] {
        let mean = single.iter().map(|one| rate(one, of)).sum::<f64>() / 3.0;
        assert!((rate(&outcome, of) / mean - 1.0).abs() < 1e-9, "{of:?}: {} beside {mean}", rate(&outcome, of));
    }
    let down = single.iter().map(|one| one.rates.packets_down).sum::<f64>() / 3.0;
    assert!((outcome.rates.packets_down / down - 1.0).abs() < 1e-9, "{:?}", outcome.rates);
    assert!((outcome.rates.planned_packets_down / single[0].rates.planned_packets_down - 1.0).abs() < 0.2);
    let cpu = |outcome: &Outcome| {
        let found = outcome.series.metrics.iter().find(|one| one.name == "sfu.cpu" && one.labels.is_empty());
        found.expect("it has a cost").values.clone()
    };
    let busiest: Vec<Option<f64>> =
        (0..outcome.series.intervals).map(|i| single.iter().filter_map(|one| cpu(one)[i]).reduce(f64::max)).collect();
    assert_eq!(cpu(&outcome), busiest);
}

#[test]
fn a_limit_on_a_count_is_judged_by_the_worst_run() {
    let limit = |most: u64| {
        let network = path("delay = \"20ms\", loss = { model = \"iid\", p = 0.02 }");
        format!("{network}[[threshold]]\nmetric = \"rtp.nack_sent\"\nexpect = [\"count <= {most}\"]\n")
    };
    let counts: Vec<u64> = (1..=3).map(|seed| count(&simulated(&limit(0), seed), Metric::RtpNackSent)).collect();
    let (least, most) = (*counts.iter().min().expect("three"), *counts.iter().max().expect("three"));
    assert!(0 < least && least < most, "{counts:?}");
    for (limit_at, verdict) in [(most, crate::outcome::Verdict::Pass), (most - 1, crate::outcome::Verdict::Fail)] {
        let outcome = pooled(&limit(limit_at), &[1, 2, 3]);
        assert_eq!((outcome.thresholds[0].value, outcome.verdict), (Some(most as f64), verdict), "{counts:?}");
    }
}

#[test]
fn a_pooled_run_that_one_seed_ended_early_is_none_that_passed() {
    let network = path("delay = \"20ms\", loss = { model = \"iid\", p = 0.02 }");
    let text = |most: u64| {
        format!(
            "{network}[[threshold]]\nmetric = \"rtp.nack_sent\"\nexpect = [\"count <= {most}\"]\nabort = {{ on_fail = true, after = \"1s\", for = \"0s\" }}\n"
        )
    };
    let outcome = pooled(&text(1), &[1, 2]);
    assert_eq!(outcome.verdict, crate::outcome::Verdict::Fail);
    assert!(outcome.reason.starts_with("Ended early"), "{}", outcome.reason);
}

#[test]
fn an_interrupted_pool_has_the_seeds_that_were_run_and_says_how_many() {
    let text = path("delay = \"20ms\"");
    let options = Options::default();
    options.interrupted.store(true, Ordering::Relaxed);
    let outcome = pool::run(plans(&text, &[1, 2, 3]), 1, &options, &|_, _, _, _| {}).expect("it begins").outcome;
    assert_eq!(outcome.verdict, crate::outcome::Verdict::Interrupted);
    assert_eq!((outcome.seeds.len(), outcome.participants.planned), (1, 8));
    assert_eq!(outcome.reason, "Ended by the user after 1 of 3 seeds.");
}

#[test]
fn what_was_measured_does_not_depend_on_the_interval() {
    let text = RUN.replace("network = \"path\"\n", "");
    let frames = |interval: &str| {
        let outcome = simulated(&format!("{text}[output]\ninterval = \"{interval}\"\n"), 3);
        [Metric::VideoFramesDecodable, Metric::RtpPacketsReceived, Metric::DelayFrame].map(|of| count(&outcome, of))
    };
    assert_eq!(frames("100ms"), frames("1s"));
}

/// What a run came to, as text that people can review.
fn digest(outcome: &Outcome) -> String {
    let people = &outcome.participants;
    let mut lines = vec![
        format!("{} {}", outcome.verdict.word(), outcome.reason),
        format!("planned {} joined {} lost {}", people.planned, people.joined, people.sessions_lost),
    ];
    for entry in outcome.metrics.iter().filter(|entry| entry.labels.is_empty()) {
        let figures = [("value", entry.value), ("p50", entry.p50), ("p95", entry.p95), ("max", entry.max)];
        let figures = figures.iter().filter_map(|(name, value)| value.map(|value| format!(" {name} {value:.6}")));
        lines.push(format!("{} {}{}", entry.name, entry.count, figures.collect::<String>()));
    }
    let mut books = std::collections::BTreeMap::new();
    for link in &outcome.links {
        let sums: &mut [u64; 4] = books.entry((link.direction.clone(), link.class.clone())).or_default();
        for (sum, more) in sums.iter_mut().zip([link.offered, link.delivered, link.lost, link.overflowed]) {
            *sum += more;
        }
    }
    for ((direction, class), [offered, delivered, lost, overflowed]) in books {
        lines.push(format!(
            "{direction} {class}: offered {offered} delivered {delivered} lost {lost} overflowed {overflowed}"
        ));
    }
    lines.join("\n")
}

#[test]
fn a_small_run_over_a_bad_network_is_the_one_that_was_reviewed() {
    let text = path(
        "delay = \"40ms\", rate = \"1Mbps\", queue = \"200ms\", loss = { model = \"gilbert\", mean = 0.02, burst = 2.0 }, delay_variation = { dist = \"nr-gauss\", sd = \"5ms\", max = \"20ms\" }",
    );
    insta::assert_snapshot!(digest(&simulated(&text, 5)));
}

#[test]
fn a_meeting_is_the_same_each_time_and_the_sfu_names_who_speaks() {
    let text = path("delay = \"20ms\"")
        .replace("kind = \"audio\"", "kind = \"audio\"\ndtx = true")
        .replace("duration = \"10s\"", "duration = \"25s\"")
        .replace("name = \"speakers\"\nper_room = 1", "name = \"speakers\"\nper_room = 4\nspeaker = { active = 2, rotate = \"exp(6s)\" }\nsubscribe = { audio = \"active(2)\", video = \"last-n(2)\" }\nactions = [{ do = \"mute\", media = \"mic\", every = \"exp(9s)\", for = \"2s\" }, { do = \"rejoin\", at = \"12s\", for = \"2s\", prob = 0.3 }]")
        .replace("name = \"viewers\"\nper_room = 3", "name = \"viewers\"\nper_room = 2\nsubscribe = { audio = \"all\", video = \"page(size=2, flip=exp(3s))\" }");
    let outcome = simulated(&text, 5);
    assert_eq!(io::to_json(&outcome), io::to_json(&simulated(&text, 5)));
    assert_eq!((outcome.participants.joined, outcome.participants.failed), (12, 0));
    assert_eq!(count(&outcome, Metric::IntegrityMisroute) + count(&outcome, Metric::VideoBlack), 0);
    assert!(count(&outcome, Metric::VideoSubscribeWait) > 20);
    // Of all the seconds that somebody spoke throughout, the SFU named them in most.
    let voices: Vec<_> = outcome.participants_detail.iter().filter_map(|one| one.voice.as_ref()).collect();
    assert!(voices.len() >= 6, "{}", voices.len());
    let pairs = || voices.iter().flat_map(|one| one.talked.iter().zip(&one.named));
    let loud: Vec<f32> = pairs().filter(|(talked, _)| **talked > 0.9).map(|(_, named)| *named).collect();
    let named = loud.iter().sum::<f32>() / loud.len() as f32;
    assert!(loud.len() > 10 && named > 0.75, "{named} of {}", loud.len());
    let falsely: f32 = pairs().filter(|(talked, _)| **talked == 0.0).map(|(_, named)| *named).sum();
    assert!(falsely / (pairs().count() as f32) < 0.1, "{falsely}");
}
