use super::*;
use crate::clock::{Duration, Instant};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::{Key, RunPhase};
use crate::metrics::{Recorded, Recorder};
use crate::outcome::abort::AbortWatch;
use crate::outcome::build;
use crate::outcome::document::{Health, ParticipantDetail, RunTimes, TrackDetail};
use crate::outcome::verdict::{Ending, Judgement, verdict};
use crate::plan::threshold::{Abort, Aggregate};
use std::collections::BTreeMap;

const TIMES: RunTimes = RunTimes { warmup: 5.0, duration: 20.0, cooldown: 1.0, ended: 26.0 };

fn names() -> Names {
    let of = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Names {
        populations: of(&["speakers", "viewers"]),
        networks: of(&["none", "lte"]),
        media: of(&["cam", "mic"]),
        ..Names::default()
    }
}

fn threshold(metric: &str, aggregate: Aggregate, expect: &str, operator: Operator, limit: f64) -> ThresholdPlan {
    ThresholdPlan {
        metric: Metric::from_name(metric).expect("catalogued"),
        filter: BTreeMap::new(),
        expect: expect.to_owned(),
        aggregate,
        operator,
        limit,
        min_samples: 1,
        severity: Severity::Fail,
        over: None,
        abort: None,
    }
}

fn join_p95() -> ThresholdPlan {
    threshold("join.total", Aggregate::Quantile(0.95), "p95 < 2s", Operator::Less, 2.0)
}

fn with(mut plan: ThresholdPlan, label: &str, value: &str) -> ThresholdPlan {
    plan.filter.insert(label.to_owned(), value.to_owned());
    plan
}

fn key(population: u16, network: u16, media: Option<u16>, phase: RunPhase) -> Key {
    Key { population: Some(population), network: Some(network), media, phase, spell: None, rejoin: false }
}

fn record(calls: impl FnOnce(&mut Recorder)) -> Recorded {
    let mut recorder = Recorder::new(2, 2, 2, Duration::from_secs(1));
    calls(&mut recorder);
    recorder.finish()
}

fn judged(plan: &ThresholdPlan, recorded: &Recorded, participants: &[ParticipantDetail]) -> ThresholdOutcome {
    let evidence = Evidence { recorded, participants, times: &TIMES };
    judge(std::slice::from_ref(plan), evidence, &names()).remove(0)
}

fn participant(room: &str, state: &str, join_total: Option<f64>, scalars: &[(&str, f64)]) -> ParticipantDetail {
    let scalars: BTreeMap<String, f64> = scalars.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let track = |kind: &str, codec: &str| TrackDetail {
        track: format!("speakers-0/{kind}"),
        direction: "receive".to_owned(),
        kind: kind.to_owned(),
        codec: codec.to_owned(),
        scalars: scalars.clone(),
    };
    ParticipantDetail {
        index: 0,
        name: "viewers-0".to_owned(),
        population: "viewers".to_owned(),
        network: "lte".to_owned(),
        room: room.to_owned(),
        kind: "light".to_owned(),
        state: state.to_owned(),
        cause: None,
        detail: None,
        arrival: 0.0,
        join: vec![],
        join_total,
        sessions: 1,
        tracks: vec![track("cam", "vp8"), track("mic", "opus")],
        scalars,
        timeline: None,
        voice: None,
    }
}

#[test]
fn a_threshold_on_no_samples_is_inconclusive_and_never_passes() {
    let outcome = judged(&join_p95(), &Recorded::default(), &[]);
    assert_eq!((outcome.verdict, outcome.value, outcome.samples), (Verdict::Inconclusive, None, 0));
    let above = ThresholdPlan { operator: Operator::Greater, ..join_p95() };
    assert_eq!(judged(&above, &Recorded::default(), &[]).verdict, Verdict::Inconclusive);
    let lossless = threshold("rtp.loss_net", Aggregate::Value, "value < 1", Operator::Less, 1.0);
    let watched = record(|r| r.ratio(Metric::RtpLossNet, key(0, 0, None, RunPhase::Steady), 0, 0));
    assert_eq!(judged(&lossless, &watched, &[]).verdict, Verdict::Inconclusive);
}

#[test]
fn too_few_samples_are_inconclusive_and_enough_are_judged() {
    let plan = ThresholdPlan { min_samples: 72, ..join_p95() };
    let joins =
        |n: usize| record(|r| (0..n).for_each(|_| r.record(Metric::JoinTotal, key(1, 1, None, RunPhase::Warmup), 0.4)));
    assert_eq!(judged(&plan, &joins(71), &[]).verdict, Verdict::Inconclusive);
    assert_eq!(judged(&plan, &joins(72), &[]).verdict, Verdict::Pass);
}

#[test]
fn failed_joins_beyond_the_quantile_make_it_null_and_a_threshold_on_it_fails() {
    let joins = record(|r| {
        (0..90).for_each(|_| r.record(Metric::JoinTotal, key(1, 1, None, RunPhase::Warmup), 0.4));
        (0..10).for_each(|_| r.record_censored(Metric::JoinTotal, key(1, 1, None, RunPhase::Warmup), 15.0));
    });
    let outcome = judged(&join_p95(), &joins, &[]);
    assert_eq!((outcome.value, outcome.verdict), (None, Verdict::Fail));
    assert_eq!((outcome.samples, outcome.censored), (100, 10));
    let median = threshold("join.total", Aggregate::Median, "med < 2s", Operator::Less, 2.0);
    assert_eq!(judged(&median, &joins, &[]).verdict, Verdict::Pass);
    let max = threshold("join.total", Aggregate::Max, "max < 20s", Operator::Less, 20.0);
    assert_eq!(judged(&max, &joins, &[]).verdict, Verdict::Fail, "nobody knows how long they would have taken");
}

#[test]
fn joins_are_judged_over_all_phases_and_media_over_the_measured_window() {
    let recorded = record(|r| {
        for (phase, value) in [(RunPhase::Warmup, 9.0), (RunPhase::Steady, 1.0), (RunPhase::Cooldown, 9.0)] {
            r.record(Metric::JoinTotal, key(0, 0, None, phase), value);
            r.record(Metric::DelayFrame, key(0, 0, Some(0), phase), value);
        }
    });
    let delay = threshold("delay.frame", Aggregate::Max, "max < 2s", Operator::Less, 2.0);
    assert_eq!(judged(&delay, &recorded, &[]).verdict, Verdict::Pass);
    let join = threshold("join.total", Aggregate::Max, "max < 2s", Operator::Less, 2.0);
    assert_eq!(judged(&join, &recorded, &[]).verdict, Verdict::Fail);
    assert_eq!(judged(&with(join, "phase", "steady"), &recorded, &[]).verdict, Verdict::Pass);
    assert_eq!(judged(&with(delay, "phase", "warmup"), &recorded, &[]).verdict, Verdict::Fail);
}

#[test]
fn a_filter_sees_only_what_it_names() {
    let recorded = record(|r| {
        r.record(Metric::DelayFrame, key(1, 0, Some(0), RunPhase::Steady), 0.1);
        r.record(Metric::DelayFrame, key(1, 1, Some(0), RunPhase::Steady), 0.5);
    });
    let delay = || threshold("delay.frame", Aggregate::Max, "max < 200ms", Operator::Less, 0.2);
    assert_eq!(judged(&with(delay(), "network", "none"), &recorded, &[]).verdict, Verdict::Pass);
    assert_eq!(judged(&with(delay(), "network", "lte"), &recorded, &[]).verdict, Verdict::Fail);
    assert_eq!(judged(&with(delay(), "population", "speakers"), &recorded, &[]).verdict, Verdict::Inconclusive);
    assert_eq!(judged(&with(delay(), "network", "unknown"), &recorded, &[]).verdict, Verdict::Inconclusive);
    assert_eq!(judged(&with(delay(), "rejoin", "true"), &recorded, &[]).verdict, Verdict::Inconclusive);
}

#[test]
fn a_counter_that_never_counted_is_zero_where_somebody_was_and_unknown_where_nobody_was() {
    let clean = || threshold("integrity.misroute", Aggregate::Count, "count == 0", Operator::Equal, 0.0);
    let recorded = record(|r| r.record(Metric::DelayFrame, key(1, 1, Some(0), RunPhase::Steady), 0.1));
    let outcome = judged(&clean(), &recorded, &[]);
    assert_eq!((outcome.verdict, outcome.value), (Verdict::Pass, Some(0.0)));
    let elsewhere = with(clean(), "population", "speakers");
    assert_eq!(judged(&elsewhere, &recorded, &[]).verdict, Verdict::Inconclusive);
    let dirty = record(|r| r.count(Metric::IntegrityMisroute, key(1, 1, Some(0), RunPhase::Warmup), 1));
    assert_eq!(judged(&clean(), &dirty, &[]).verdict, Verdict::Fail);
}

#[test]
fn a_ratio_is_pooled_and_its_quantiles_are_over_participants() {
    let recorded = record(|r| {
        r.ratio(Metric::RtpLossNet, key(0, 0, None, RunPhase::Steady), 10, 10);
        r.ratio(Metric::RtpLossNet, key(1, 0, None, RunPhase::Steady), 0, 990);
    });
    let pooled = threshold("rtp.loss_net", Aggregate::Value, "value < 0.02", Operator::Less, 0.02);
    assert_eq!(judged(&pooled, &recorded, &[]).value, Some(0.01));
    let people: Vec<_> =
        (1..=10).map(|i| participant("a", "joined", Some(0.2), &[("rtp.loss_net", f64::from(i) / 100.0)])).collect();
    let p90 = threshold("rtp.loss_net", Aggregate::Quantile(0.9), "p90 < 0.5", Operator::Less, 0.5);
    let outcome = judged(&p90, &recorded, &people);
    assert_eq!((outcome.value, outcome.samples), (Some(0.09), 10));
}

#[test]
fn rooms_and_codecs_are_judged_by_the_scalars_of_participants_and_tracks() {
    let people = [
        participant("a", "joined", Some(0.4), &[("delay.frame", 0.1), ("rtp.dup", 2.0)]),
        participant("b", "joined", Some(0.9), &[("delay.frame", 0.3), ("rtp.dup", 5.0)]),
        participant("b", "failed", None, &[]),
    ];
    let value = |plan| judged(&plan, &Recorded::default(), &people).value;
    let delay = || threshold("delay.frame", Aggregate::Max, "max < 1s", Operator::Less, 1.0);
    assert_eq!(value(with(delay(), "room", "a")), Some(0.1));
    assert_eq!(value(with(delay(), "room", "b")), Some(0.3));
    assert_eq!(value(with(delay(), "codec", "av1")), None);
    let by_codec = judged(&with(delay(), "codec", "vp8"), &Recorded::default(), &people);
    assert_eq!((by_codec.samples, by_codec.value), (2, Some(0.3)));
    let dup = threshold("rtp.dup", Aggregate::Count, "count < 9", Operator::Less, 9.0);
    assert_eq!(value(with(dup, "participant_kind", "light")), Some(7.0));
    let success = threshold("join.success", Aggregate::Value, "value >= 0.999", Operator::GreaterOrEqual, 0.999);
    assert_eq!(value(with(success, "room", "b")), Some(0.5));
    let join = judged(&with(join_p95(), "room", "b"), &Recorded::default(), &people);
    assert_eq!((join.value, join.censored, join.verdict), (None, 1, Verdict::Fail));
}

#[test]
fn the_generators_limits_count_from_the_warm_up_to_the_cool_down() {
    let late = threshold("harness.send_lateness", Aggregate::Quantile(0.99), "p99 > 5ms", Operator::Greater, 0.005);
    let drops = threshold("harness.rx_drops", Aggregate::Count, "count > 0", Operator::Greater, 0.0);
    let limits = [late, drops];
    let check = |phase, lateness| {
        let recorded = record(|r| r.record(Metric::HarnessSendLateness, Key::run(phase), lateness));
        judge_health(&limits, Evidence { recorded: &recorded, participants: &[], times: &TIMES }, &names())
    };
    let checks = check(RunPhase::Warmup, 0.012);
    assert!(checks[0].exceeded && !checks[1].exceeded);
    assert_eq!((checks[0].condition.as_str(), checks[1].value), ("harness.send_lateness p99 > 5ms", Some(0.0)));
    assert!(!check(RunPhase::Steady, 0.001)[0].exceeded);
    assert!(!check(RunPhase::Cooldown, 1.0)[0].exceeded);
}

/// One threshold with each verdict, and the run's verdict under an ending.
fn run_verdict(verdicts: &[(Verdict, &str)], exceeded: bool, ending: &Ending) -> Judgement {
    let plans: Vec<_> = verdicts.iter().map(|_| join_p95()).collect();
    let recorded = record(|r| r.record(Metric::JoinTotal, key(1, 1, None, RunPhase::Steady), 1.9));
    let base = judged(&join_p95(), &recorded, &[]);
    let outcome = |&(verdict, severity): &(Verdict, &str)| ThresholdOutcome {
        verdict,
        severity: severity.to_owned(),
        ..base.clone()
    };
    let outcomes: Vec<_> = verdicts.iter().map(outcome).collect();
    let check = HealthCheck {
        condition: "harness.send_lateness p99 > 5ms".to_owned(),
        value: Some(0.012),
        limit: 0.005,
        unit: "s".to_owned(),
        exceeded,
    };
    let health = Health { valid: !exceeded, checks: vec![check], ..Health::default() };
    verdict(&plans, &outcomes, &health, ending, &TIMES)
}

#[test]
fn interrupted_beats_a_gone_target_beats_invalid_beats_fail_beats_inconclusive_beats_pass() {
    use Verdict::{Fail, Inconclusive, Interrupted, Invalid, Pass};
    let ran_out = Ending::default();
    let gone = Ending { target_gone: Some("The SFU ended unasked after 12.0 s.".to_owned()), ..Ending::default() };
    let all = [(Pass, "fail"), (Inconclusive, "fail"), (Fail, "fail")];
    type Row<'a> = (&'a [(Verdict, &'a str)], bool, Ending, Verdict, i32);
    let lost = Ending { generator_gone: Some("A media worker ended.".to_owned()), ..Ending::default() };
    let table: [Row; 12] = [
        (&[], false, lost.clone(), Invalid, 97),
        (&all[..1], false, lost.clone(), Invalid, 97),
        (&all, false, Ending { generator_gone: lost.generator_gone, ..gone.clone() }, Fail, 3),
        (&[], false, ran_out.clone(), Pass, 0),
        (&all[..1], false, ran_out.clone(), Pass, 0),
        (&all[..2], false, ran_out.clone(), Inconclusive, 98),
        (&all, false, ran_out.clone(), Fail, 99),
        (&all, true, ran_out.clone(), Invalid, 97),
        (&all, true, gone.clone(), Fail, 3),
        (&all[..1], false, gone.clone(), Fail, 3),
        (&all, true, Ending { interrupted: true, ..gone }, Interrupted, 130),
        (&[(Fail, "warn"), (Inconclusive, "warn")], false, ran_out, Pass, 0),
    ];
    for (verdicts, exceeded, ending, expected, code) in table {
        let got = run_verdict(verdicts, exceeded, &ending);
        assert_eq!((got.verdict, got.exit_code), (expected, code), "{verdicts:?} {exceeded} {ending:?}");
    }
}

#[test]
fn the_reason_names_the_number_that_decided() {
    let reason =
        |verdicts: &[(Verdict, &str)], exceeded, ending: &Ending| run_verdict(verdicts, exceeded, ending).reason;
    let fail = [(Verdict::Fail, "fail"), (Verdict::Pass, "fail")];
    let none = Ending::default();
    assert_eq!(reason(&fail, false, &none), "join.total p95 was 1.90 s, limit < 2 s; 1 of 2 thresholds missed.");
    assert_eq!(
        reason(&fail[1..], false, &none),
        "1 of 1 thresholds held; nearest to its limit was join.total p95 with 1.90 s, limit < 2 s."
    );
    assert!(reason(&fail, true, &none).contains("harness.send_lateness was 12.0 ms"));
    let aborted = Ending { aborted_by: Some(0), ..Ending::default() };
    assert!(reason(&fail, false, &aborted).starts_with("Ended early after 26 s: join.total p95 was 1.90 s"));
    let lost = Ending { generator_gone: Some("A media worker ended.".to_owned()), ..Ending::default() };
    assert!(reason(&fail[1..], false, &lost).starts_with("A media worker ended. What it measured is missing"));
    let few = [(Verdict::Inconclusive, "fail")];
    assert!(reason(&few, false, &none).contains("1 of the 1 samples it needs"));
}

#[test]
fn a_run_is_ended_early_only_after_its_delay_and_only_when_the_miss_lasts() {
    let abort = Abort { after: Duration::from_secs(30), lasting: Duration::from_secs(10) };
    let plans = [ThresholdPlan { abort: Some(abort), ..join_p95() }];
    let with_verdict = |verdict| {
        let recorded = record(|r| r.record(Metric::JoinTotal, key(1, 1, None, RunPhase::Steady), 1.9));
        [ThresholdOutcome { verdict, ..judged(&plans[0], &recorded, &[]) }]
    };
    let (missed, held) = (with_verdict(Verdict::Fail), with_verdict(Verdict::Pass));
    let mut watch = AbortWatch::new(&plans);
    let mut at = |seconds, judged: &[ThresholdOutcome]| watch.observe(Instant::from_secs(seconds), &plans, judged);
    assert_eq!(at(5, &missed), None);
    assert_eq!(at(30, &missed), None, "the time before `after` does not count");
    assert_eq!(at(39, &missed), None);
    assert_eq!(at(39, &held), None);
    assert_eq!(at(41, &missed), None, "it held in between");
    assert_eq!(at(51, &missed), Some(0));
    let warns = [ThresholdPlan { severity: Severity::Warn, ..plans[0].clone() }];
    let mut watch = AbortWatch::new(&warns);
    assert!((30..90).all(|second| watch.observe(Instant::from_secs(second), &warns, &missed).is_none()));
}

#[test]
fn a_limit_is_used_by_the_share_of_it_or_of_the_allowed_failures() {
    assert!((used(&join_p95(), 1.9) - 0.95).abs() < 1e-9);
    let success = threshold("join.success", Aggregate::Value, "value >= 0.9", Operator::GreaterOrEqual, 0.9);
    assert!((used(&success, 0.95) - 0.5).abs() < 1e-9);
    assert!(used(&success, 1.0) == 0.0);
    let clean = threshold("integrity.misroute", Aggregate::Count, "count == 0", Operator::Equal, 0.0);
    assert!(used(&clean, 0.0) == 0.0 && used(&clean, 1.0) > 1.0);
}

#[test]
fn the_entry_without_labels_is_what_a_threshold_without_a_filter_sees() {
    let recorded = record(|r| {
        for (phase, value) in [(RunPhase::Warmup, 3.0), (RunPhase::Steady, 1.0)] {
            r.record(Metric::DelayFrame, key(1, 1, Some(0), phase), value);
            r.record(Metric::JoinTotal, key(1, 1, None, phase), value);
        }
    });
    let entries = build::metrics(&recorded, &names(), &[TIMES]);
    for (metric, count) in [("delay.frame", 1), ("join.total", 2)] {
        let entry = entries.iter().find(|entry| entry.name == metric && entry.labels.is_empty()).expect("pooled");
        let plan = threshold(metric, Aggregate::Max, "max < 9s", Operator::Less, 9.0);
        assert_eq!((entry.max, entry.count), (judged(&plan, &recorded, &[]).value, count));
    }
}
