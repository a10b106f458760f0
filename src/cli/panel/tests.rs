use super::*;
use crate::drive::status::{Event, Generator, Leaving, Phases, Standing, ThresholdStatus, Trend};
use proptest::prelude::*;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

const LOOK: Look = Look { color: true, unicode: true };

fn trend(before: f64, after: f64, now: f64) -> Trend {
    let mut trend = Trend::default();
    (0..120).for_each(|second| trend.push(Some(if second < 110 { before } else { after })));
    trend.push(Some(now));
    trend
}

fn threshold(metric: &str, of: &str, value: &str, limit: &str, standing: Standing, used: f64) -> ThresholdStatus {
    let text = |text: &str| text.to_owned();
    ThresholdStatus { metric: text(metric), of: text(of), value: text(value), limit: text(limit), standing, used }
}

/// The moment of the mock: 2:12 into five measured minutes, a fault has begun.
fn status() -> Status {
    use Standing::{Held, Near, TooFew};
    Status {
        scenario: "evening-calls".to_owned(),
        seed: 42,
        target: "reference SFU".to_owned(),
        now: Instant::from_secs(152),
        phases: Phases {
            warmup: Duration::from_secs(20),
            duration: Duration::from_secs(300),
            cooldown: Duration::from_secs(10),
        },
        planned: 1_000,
        arrived: 1_000,
        in_room: 988,
        away: 8,
        failed: 4,
        joins: [Some(0.37), Some(1.9), Some(2.41)],
        packets_up: Some(70_400.0),
        packets_down: Some(281_000.0),
        up: trend(171e6, 173e6, 171e6),
        down: trend(691e6, 640e6, 631e6),
        loss: trend(0.004, 0.033, 0.036),
        jitter: trend(0.016, 0.041, 0.039),
        delay: trend(0.236, 0.541, 0.582),
        frozen: trend(1.0, 44.0, 51.0),
        sfu_cpu: trend(0.6, 0.62, 0.61),
        sfu_memory: trend(438e6, 438e6, 438e6),
        generator: Generator {
            late_p99: Some(0.000_6),
            late_limit: Some(0.002),
            busiest: Some(0.64),
            busiest_limit: Some(0.9),
            drops: 0,
            exceeded: false,
        },
        thresholds: vec![
            threshold("integrity.misroute", "count", "0", "== 0", Held, 0.0),
            threshold("join.first_frame", "p99 3g", "97 of 368", "< 6 s", TooFew, 0.2),
            threshold("join.total", "p95", "1.90 s", "< 2 s", Near, 0.95),
            threshold("video.freeze_ratio", "", "0.41 %", "< 1 %", Held, 0.41),
            threshold("delay.frame", "p95", "236 ms", "< 250 ms", Near, 0.944),
            threshold("sfu.forward_delay", "p99", "6.70 ms", "< 20 ms", Held, 0.33),
            threshold("video.freeze_ratio", "lte", "1.81 %", "< 2 %", Near, 0.905),
            threshold("audio.concealed_ratio", "p95", "0.58 %", "< 1 %", Held, 0.58),
            threshold("join.success", "", "99.96 %", ">= 99.9 %", Held, 0.4),
        ],
        event: Some(Event {
            at: Instant::from_secs(120),
            text: "lte downlink at 0.4 Mbit/s, 18 s to go".to_owned(),
            more: 0,
            on: true,
        }),
        ..Status::default()
    }
}

fn buffer(status: &Status, width: u16, height: u16, look: Look) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend");
    let mut rungs = draw::Rungs::NONE;
    draw_on(&mut terminal, status, look, &mut rungs).expect("a test backend never fails");
    terminal.backend().buffer().clone()
}

fn lines(status: &Status, width: u16, height: u16) -> Vec<String> {
    let buffer = buffer(status, width, height, LOOK);
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

/// How many columns stand before `text` in `line`.
fn column(line: &str, text: &str) -> usize {
    let at = line.find(text).unwrap_or_else(|| panic!("`{text}` is not in `{line}`"));
    line[..at].chars().count()
}

#[test]
fn a_wide_panel_looks_as_it_was_drawn() {
    insta::assert_snapshot!(lines(&status(), 100, 18).join("\n"));
}

#[test]
fn a_narrow_panel_looks_as_it_was_drawn() {
    insta::assert_snapshot!(lines(&status(), 60, 18).join("\n"));
}

#[test]
fn a_plain_line_has_the_same_fields_whatever_is_known() {
    insta::assert_snapshot!(line::line(&status()), @"2:12/5:00 measured in=988 failed=4 up=171Mbps down=631Mbps loss=3.60% jitter_p95=39ms delay_p95=582ms frozen=51 join_p95=1.90s cpu=61% late_p99=0.60ms hold=5 near=3 fail=0 few=1");
    let fields = |line: &str| -> Vec<String> {
        line.split(' ').skip(2).map(|field| field.split('=').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(fields(&line::line(&Status::default())), fields(&line::line(&status())));
}

#[test]
fn values_end_and_trends_begin_in_the_same_columns_on_every_line() {
    let lines = lines(&status(), 100, 18);
    for line in &lines[7..15] {
        let before: Vec<char> = line.chars().skip(20).take(5).collect();
        assert!(before[2] != ' ' && before[3..] == [' ', ' '], "{line}");
        assert_eq!(line.chars().nth(25).map(|cell| ('▁'..='█').contains(&cell)), Some(true), "{line}");
    }
    assert_eq!(column(&lines[6], "thresholds so far"), 58);
    assert!(lines[7..14].iter().all(|line| "!?✓".contains(line.chars().nth(56).expect("a sign"))));
}

#[test]
fn a_million_participants_fit_without_losing_a_word() {
    let many = Status {
        planned: 1_000_000,
        arrived: 1_000_000,
        in_room: 999_999,
        joining: 1_000_000,
        away: 1_000_000,
        failed: 1_000_000,
        packets_down: Some(281e6),
        packets_up: Some(70e6),
        down: trend(691e9, 640e9, 631e9),
        ..status()
    };
    for width in [60, 80, 100, 120, 140] {
        let lines = lines(&many, width, 18);
        let people = lines.iter().find(|line| line.contains("in room")).expect("participants are always shown");
        for word in ["999,999 in room", " joining", " away", " failed"] {
            assert!(people.contains(word), "{width}: {people}");
        }
        assert!(lines.iter().any(|line| line.contains("631 Gbit/s")), "{width}");
    }
    let wide = &lines(&many, 100, 18)[3];
    assert!(wide.contains(" 1,000,000 failed") && wide.ends_with("  of 1,000,000"), "{wide}");
}

#[test]
fn numbers_stay_in_their_columns_while_they_grow() {
    let few = Status { in_room: 3, failed: 0, ..status() };
    let people = |status: &Status| lines(status, 100, 18)[3].clone();
    for word in ["in room", "joining", "away", "failed"] {
        assert_eq!(column(&people(&few), word), column(&people(&status()), word));
    }
}

#[test]
fn missed_thresholds_come_first_and_are_never_folded_away() {
    let mut status = status();
    status.thresholds[8] = threshold("join.success", "", "98 %", ">= 99.9 %", Standing::Missed, 20.0);
    let wide = lines(&status, 100, 18);
    assert!(wide[7].contains("✗ join.success"), "{}", wide[7]);
    assert!(wide[14].contains("✓ 2 more hold"), "{}", wide[14]);
    let narrow = lines(&status, 60, 18).join("\n");
    assert!(narrow.contains("✗ join.success") && narrow.contains("98 %"), "{narrow}");
}

#[test]
fn a_narrow_panel_makes_room_for_every_missed_threshold() {
    let missed = |i: usize| threshold("join.total", &format!("p{i}"), "9 s", "< 2 s", Standing::Missed, 4.5);
    let status = Status { thresholds: (90..96).map(missed).collect(), ..status() };
    let lines = lines(&status, 60, 18).join("\n");
    assert!((90..96).all(|i| lines.contains(&format!("✗ join.total p{i}"))), "{lines}");
    assert!(lines.contains("generator healthy"), "{lines}");
}

#[test]
fn rows_go_in_the_order_of_the_rules_when_the_window_is_low() {
    let shown = |height: u16| lines(&status(), 100, height).join("\n");
    assert!(!shown(17).contains("SFU memory") && shown(17).contains("Ctrl-C"));
    assert!(!shown(16).contains("Ctrl-C") && shown(16).contains("SFU CPU"));
    assert!(!shown(15).contains("SFU CPU") && shown(15).contains("up "));
    for height in 8..=18 {
        for always in ["measured", "participants", "thresholds so far", "generator"] {
            assert!(shown(height).contains(always), "{height} rows without {always}");
        }
    }
}

#[test]
fn a_generator_beyond_its_limit_and_an_ending_say_so_in_words() {
    let slow = Status { generator: Generator { exceeded: true, ..status().generator }, ..status() };
    assert!(lines(&slow, 100, 18)[15].contains("TOO SLOW, this run will be INVALID"));
    assert!(lines(&slow, 60, 18).join("\n").contains("TOO SLOW: INVALID"));
    let ending = Leaving { participants: 988, left: Duration::from_secs(3) };
    let ending = Status { ending: Some(ending), ..status() };
    assert!(lines(&ending, 100, 18)[17].starts_with("ending: 988 participants leave, 3 s"));
    assert!(lines(&ending, 60, 18).join("\n").contains("ending, 3 s"));
}

#[test]
fn without_colour_nothing_is_coloured_and_without_utf_8_everything_is_ascii() {
    let coloured = |buffer: &Buffer| buffer.content().iter().any(|cell| cell.fg != Color::Reset);
    assert!(coloured(&buffer(&status(), 100, 18, LOOK)));
    let plain = buffer(&status(), 100, 18, Look { color: false, unicode: false });
    assert!(!coloured(&plain));
    assert!(plain.content().iter().all(|cell| cell.symbol().is_ascii()));
    let failed = buffer(&status(), 100, 18, LOOK);
    let bold_red = |cell: &ratatui::buffer::Cell| cell.fg == Color::Red && cell.modifier.contains(Modifier::BOLD);
    assert!(failed.content().iter().any(bold_red), "four have failed");
}

#[test]
fn a_run_that_has_just_begun_shows_dashes_and_no_zeros() {
    let phases = status().phases;
    let begun = Status { scenario: "a".to_owned(), phases, ..Status::default() };
    let lines = lines(&begun, 100, 18);
    assert!(lines[1].starts_with("ramp") && lines[1].contains("0:00 of 0:20"));
    assert!(lines[7..15].iter().all(|line| line.trim_end().ends_with('-')), "{lines:?}");
}

proptest! {
    #[test]
    fn nothing_overflows_at_any_size(
        width in 1..200u16,
        height in 1..24u16,
        planned in 0..u64::MAX,
        failed in 0..u64::MAX,
        rate in 0.0..1e15f64,
        name in "\\PC{0,60}",
    ) {
        let status = Status {
            planned, failed, in_room: planned, arrived: planned, joining: planned, away: planned,
            scenario: name.clone(),
            event: Some(Event { at: Instant::MAX, text: name, more: 3, on: true }),
            down: trend(rate, rate, rate),
            ..status()
        };
        buffer(&status, width, height, LOOK);
        line::line(&status);
    }
}

#[test]
fn warnings_are_shown_once_a_second_and_all_are_counted() {
    let mut panel = Panel::in_mode(Mode::Quiet, LOOK);
    (0..42).for_each(|_| panel.warn("a socket refused"));
    assert_eq!((panel.warnings(), panel.untold), (42, 41));
    panel.draw(&Status { now: Instant::from_millis(900), ..Status::default() });
    assert_eq!(panel.untold, 41);
    panel.draw(&Status { now: Instant::from_millis(1_000), ..Status::default() });
    assert_eq!(panel.untold, 0);
}

#[test]
fn a_threshold_as_it_was_judged_stands_as_the_judge_said() {
    use crate::outcome::{ThresholdOutcome, Verdict};
    use crate::plan::ThresholdPlan;
    use crate::plan::threshold::{Aggregate, Operator, Severity};
    let plan = ThresholdPlan {
        metric: crate::metrics::catalog::Metric::JoinTotal,
        filter: [("network".to_owned(), "lte".to_owned())].into(),
        expect: "p95 < 2s".to_owned(),
        aggregate: Aggregate::Quantile(0.95),
        operator: Operator::Less,
        limit: 2.0,
        min_samples: 72,
        severity: Severity::Fail,
        over: None,
        abort: None,
    };
    let outcome = |value, samples, verdict| ThresholdOutcome {
        metric: "join.total".to_owned(),
        filter: plan.filter.clone(),
        expect: plan.expect.clone(),
        value,
        limit: 2.0,
        unit: "s".to_owned(),
        samples,
        min_samples: 72,
        censored: 0,
        severity: "fail".to_owned(),
        verdict,
    };
    let shown = |value, samples, verdict, ramp| {
        let shown = ThresholdStatus::of(&plan, &outcome(value, samples, verdict), ramp);
        assert_eq!((shown.of.as_str(), shown.limit.as_str()), ("p95 lte", "< 2 s"));
        (shown.standing, shown.value)
    };
    let cases = [
        (shown(Some(1.9), 100, Verdict::Pass, false), (Standing::Near, "1.90 s")),
        (shown(Some(0.9), 100, Verdict::Pass, false), (Standing::Held, "900 ms")),
        (shown(Some(2.5), 100, Verdict::Fail, false), (Standing::Missed, "2.50 s")),
        (shown(None, 100, Verdict::Fail, false), (Standing::Missed, "never")),
        (shown(Some(0.9), 40, Verdict::Inconclusive, false), (Standing::TooFew, "40 of 72")),
        (shown(None, 0, Verdict::Inconclusive, false), (Standing::TooFew, "-")),
        (shown(Some(0.9), 100, Verdict::Pass, true), (Standing::TooFew, "-")),
    ];
    for ((standing, value), expected) in cases {
        assert_eq!((standing, value.as_str()), expected);
    }
}
