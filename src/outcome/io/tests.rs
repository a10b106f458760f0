use super::*;
use crate::clock::Duration;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::{Key, RunPhase};
use crate::metrics::{Recorded, Recorder};
use crate::outcome::document::*;
use crate::outcome::{Names, SeriesBuilder, build};
use std::collections::BTreeMap;

const TIMES: RunTimes = RunTimes { warmup: 1.0, duration: 2.0, cooldown: 0.0, ended: 3.0 };

fn names() -> Names {
    Names {
        populations: vec!["viewers".to_owned()],
        networks: vec!["none".to_owned()],
        media: vec!["cam".to_owned()],
        ..Names::default()
    }
}

/// Two workers, three intervals: a join, a failed join, frames, lost packets and a CPU.
fn recorded() -> (Recorded, SeriesBuilder) {
    let viewer =
        Key { population: Some(0), network: Some(0), media: None, phase: RunPhase::Warmup, spell: None, rejoin: false };
    let frame = Key { media: Some(0), phase: RunPhase::Steady, ..viewer };
    let mut workers = [0, 1].map(|_| Recorder::new(1, 1, 1, Duration::from_secs(1)));
    let mut series = SeriesBuilder::default();
    workers[0].record(Metric::JoinTotal, viewer, 0.371);
    workers[1].record_censored(Metric::JoinTotal, viewer, 15.0);
    for index in 0..3 {
        for worker in &mut workers {
            if index > 0 {
                worker.record(Metric::DelayFrame, frame, 0.1 + f64::from(index) / 1000.0);
                worker.ratio(Metric::RtpLossNet, frame, 1, 50);
                worker.count(Metric::RtpPacketsReceived, frame, 49);
            }
            worker.gauge(Metric::HarnessCpu, Key::run(RunPhase::Steady), 0.25);
            series.add(&worker.take_interval(index));
        }
    }
    let mut all = Recorded::default();
    workers.into_iter().for_each(|worker| all.merge(worker.finish()));
    (all, series)
}

fn outcome() -> Outcome {
    let (recorded, series) = recorded();
    let join = |name: &str| name.starts_with("join.") || name.starts_with("rtp.") || name.starts_with("harness.cpu");
    Outcome {
        version: OUTCOME_VERSION,
        scenario: "golden".to_owned(),
        seed: 42,
        world: World::Live,
        verdict: Verdict::Pass,
        exit_code: 0,
        reason: "The run was valid, and no threshold was set.".to_owned(),
        run: TIMES,
        target: "reference SFU".to_owned(),
        scenario_text: "version = 1\n".to_owned(),
        participants: Participants { planned: 2, joined: 1, failed: 1, ..Participants::default() },
        thresholds: vec![],
        seeds: vec![],
        metrics: build::metrics(&recorded, &names(), &[TIMES])
            .into_iter()
            .filter(|entry| join(&entry.name) && entry.count > 0)
            .collect(),
        rates: build::rates(&recorded, &[TIMES], (0.0, 100.0)),
        series: Series { interval: 1.0, intervals: 3, metrics: series.finish(&names(), 3), ..Series::default() },
        links: vec![],
        link_groups: vec![],
        participants_detail: vec![],
        health: Health { valid: true, ..Health::default() },
        faults: Vec::new(),
        events: vec![],
        environment: None,
    }
}

#[test]
fn a_small_outcome_is_written_as_it_always_was() {
    insta::assert_json_snapshot!(outcome());
}

#[test]
fn what_is_read_is_what_was_written_byte_for_byte() {
    let text = to_json(&outcome());
    let again = parse("outcome.json", &text).expect("our own text");
    assert_eq!(to_json(&again), text);
    assert!(text.ends_with("}\n"));
}

#[test]
fn what_is_no_outcome_is_refused_with_the_file_and_what_is_wrong() {
    let refused = |text: &str| parse("runs/a.json", text).expect_err("no outcome").to_string();
    assert!(refused("not json").starts_with("runs/a.json:1:"));
    assert!(refused("{\"version\": 1, \"scen").contains("cut off"));
    assert!(refused("{}").contains("no `version`"));
    assert!(refused("[]").contains("no `version`"));
    assert!(refused("{\"version\": \"one\"}").contains("no `version`"));
    assert!(refused("{\"version\": 7}").contains("version 7; this throng reads version 1"));
    let shape = refused("{\"version\": 1}");
    assert!(shape.contains("missing field `scenario`") && shape.starts_with("runs/a.json:1:14"), "{shape}");
}

#[test]
#[should_panic(expected = "`packets_up` of the outcome holds NaN")]
fn a_number_that_json_does_not_have_is_never_written() {
    let mut outcome = outcome();
    outcome.rates.packets_up = f64::NAN;
    let _ = to_json(&outcome);
}

#[test]
fn a_window_without_samples_is_a_window_and_one_nobody_reported_is_a_gap() {
    let (_, series) = recorded();
    let series = series.finish(&names(), 4);
    let of = |name: &str, labels: &Labels| {
        series.iter().find(|one| one.name == name && one.labels == *labels).expect("recorded").clone()
    };
    let all = Labels::new();
    assert_eq!(of("rtp.packets_received", &all).values, [Some(0.0), Some(98.0), Some(98.0), None]);
    assert_eq!(of("rtp.loss_net", &all).values, [None, Some(0.02), Some(0.02), None]);
    let delays = of("delay.frame", &BTreeMap::from([("population".to_owned(), "viewers".to_owned())])).histograms;
    assert_eq!(delays.iter().map(|h| h.iter().map(|&(_, n)| n).sum()).collect::<Vec<u32>>(), [0, 2, 2, 0]);
}

/// Keys of a document, those of open tables (labels, causes, scalars) left out.
fn keys(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                into.insert(key.clone());
                if !["labels", "where", "causes", "scalars"].contains(&key.as_str()) {
                    keys(value, into);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
        _ => {}
    }
}

#[test]
fn every_key_is_documented() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/outcome.md")).expect("the page");
    let mut found = std::collections::BTreeSet::new();
    for outcome in [outcome(), crate::report::sample::outcome(&crate::report::sample::Sample::of(100))] {
        keys(&serde_json::to_value(outcome).expect("JSON"), &mut found);
    }
    let missing: Vec<&String> = found.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(found.len() > 100 && missing.is_empty(), "{} keys, not in docs/outcome.md: {missing:?}", found.len());
}
