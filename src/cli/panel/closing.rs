//! What stays in the scroll-back when the run ends: verdict, what decided it, five numbers, and where the report is.

use super::look::Look;
use super::numbers::whole;
use crate::drive::status::Standing;
use crate::outcome::number::plain;
use crate::outcome::verdict::{limit, title};
use crate::outcome::words::readable;
use crate::outcome::{Outcome, ThresholdOutcome, Verdict, World};
use crate::report::facts::{Facts, five};

/// The closing summary; `warnings` were shown above the panel, `report` is where the report is, if one was written.
#[must_use]
pub fn closing(outcome: &Outcome, warnings: u64, report: Option<&str>, look: Look) -> String {
    let mut lines = vec![format!("  {}  {}: {}", paint_verdict(outcome, look), outcome.scenario, outcome.reason)];
    let missed = thresholds(outcome, Verdict::Fail, Standing::Missed, look);
    let unjudged = thresholds(outcome, Verdict::Inconclusive, Standing::TooFew, look);
    let held = outcome.thresholds.iter().filter(|one| one.verdict == Verdict::Pass).count();
    lines.push(String::new());
    lines.extend(missed);
    lines.extend(unjudged);
    if held > 0 {
        let sign = paint(look, "32", look.standing(Standing::Held).0);
        lines.push(format!("  {sign} {held} held"));
    }
    if !outcome.thresholds.is_empty() {
        lines.push(String::new());
    }
    lines.extend(numbers(outcome));
    let generator = match outcome.health.checks.iter().find(|check| check.exceeded) {
        _ if outcome.world == World::Simulated => "simulated: no generator that could be late".to_owned(),
        None => "generator healthy".to_owned(),
        Some(check) => format!("generator TOO SLOW ({})", check.condition),
    };
    let warnings = format!("{warnings} warning{}", if warnings == 1 { "" } else { "s" });
    lines.push(format!("  {generator}, {warnings}   exit {}", outcome.exit_code));
    lines.extend(outcome.health.notes.iter().map(|note| format!("  note: {note}")));
    lines.extend(report.map(|path| format!("  report {path}")));
    lines.push(String::new());
    look.signs(&lines.join("\n"))
}

fn paint(look: Look, code: &str, text: &str) -> String {
    if look.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

fn paint_verdict(outcome: &Outcome, look: Look) -> String {
    let code = match outcome.verdict {
        Verdict::Pass => "1;32",
        Verdict::Fail => "1;31",
        Verdict::Inconclusive | Verdict::Invalid | Verdict::Interrupted => "1;35",
    };
    paint(look, code, outcome.verdict.word())
}

fn thresholds(outcome: &Outcome, verdict: Verdict, standing: Standing, look: Look) -> Vec<String> {
    let of = outcome.thresholds.iter().filter(|one| one.verdict == verdict);
    let code = if standing == Standing::Missed { "1;31" } else { "35" };
    let sign = paint(look, code, look.standing(standing).0);
    of.map(|one| format!("  {sign} {:<36} {:>10}   limit {:<10} {}", title(one), value(one), limit(one), note(one)))
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn value(one: &ThresholdOutcome) -> String {
    match one.value {
        Some(value) if one.verdict == Verdict::Fail => readable(value, &one.unit),
        _ => "-".to_owned(),
    }
}

fn note(one: &ThresholdOutcome) -> String {
    let warn = if one.severity == "warn" { "warns only" } else { "" };
    let about = match (one.verdict, one.value) {
        (Verdict::Inconclusive, _) if one.samples == 0 => "no sample".to_owned(),
        (Verdict::Inconclusive, _) => {
            format!("{} samples, needs {}", whole(one.samples), whole(one.min_samples))
        }
        (_, None) => format!("{} of {} never ended", whole(one.censored), whole(one.samples)),
        (_, Some(_)) => String::new(),
    };
    [about.as_str(), warn].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The report's five numbers, in its own words and digits.
fn numbers(outcome: &Outcome) -> [String; 2] {
    let [_, join, frozen, delay, loss] = five::of(&Facts::of(outcome)).map(|number| match number.few {
        Some((have, need)) => format!("too few samples, {} of {} needed", whole(have), whole(need)),
        None => plain(&number.big),
    });
    let people = &outcome.participants;
    let rejoins = match people.rejoins {
        0 => String::new(),
        1 => " (first joins; 1 rejoin apart)".to_owned(),
        n => format!(" (first joins; {} rejoins apart)", whole(n)),
    };
    [
        format!(
            "  joined {} of {}{rejoins}   join p95 {join}   frozen {frozen}",
            whole(people.joined),
            whole(people.planned)
        ),
        format!("  frame delay p95 {delay}   loss after repair {loss}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Health, HealthCheck, Labels, OUTCOME_VERSION, Participants, Rates, RunTimes, Series};
    use crate::report::sample::{self, Sample};

    const PLAIN: Look = Look { color: false, unicode: true };

    fn threshold(metric: &str, expect: &str, limit: f64, value: Option<f64>, verdict: Verdict) -> ThresholdOutcome {
        ThresholdOutcome {
            metric: metric.to_owned(),
            filter: Labels::new(),
            expect: expect.to_owned(),
            value,
            limit,
            unit: if metric.ends_with("ratio") { "ratio" } else { "s" }.to_owned(),
            samples: 97,
            min_samples: 368,
            censored: 4,
            severity: "fail".to_owned(),
            verdict,
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            version: OUTCOME_VERSION,
            scenario: "evening-calls".to_owned(),
            seed: 42,
            world: World::Live,
            verdict: Verdict::Fail,
            exit_code: 99,
            reason: "video.freeze_ratio value was 2.53 %, limit < 2 %; 2 of 4 thresholds missed.".to_owned(),
            run: RunTimes { warmup: 20.0, duration: 300.0, cooldown: 10.0, ended: 330.0 },
            target: "reference SFU".to_owned(),
            scenario_text: String::new(),
            participants: Participants { planned: 1_000, joined: 996, failed: 4, ..Participants::default() },
            seeds: vec![],
            thresholds: vec![
                threshold("join.total", "p99 < 5s", 5.0, None, Verdict::Fail),
                threshold("video.freeze_ratio", "value < 0.02", 0.02, Some(0.0253), Verdict::Fail),
                threshold("join.first_frame", "p99 < 6s", 6.0, Some(1.0), Verdict::Inconclusive),
                threshold("delay.frame", "p95 < 250ms", 0.25, Some(0.236), Verdict::Pass),
            ],
            metrics: vec![],
            rates: Rates::default(),
            series: Series::default(),
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
    fn what_stays_names_each_miss_the_numbers_and_the_report() {
        insta::assert_snapshot!(closing(&outcome(), 2, Some("reports/a/report.html"), PLAIN));
    }

    #[test]
    fn a_generator_that_was_too_slow_is_named_with_its_limit() {
        let mut outcome = outcome();
        let condition = "harness.send_lateness p99 > 5ms".to_owned();
        let check = HealthCheck { condition, value: Some(0.012), limit: 0.005, unit: "s".to_owned(), exceeded: true };
        outcome.health.checks = vec![check];
        assert!(closing(&outcome, 0, None, PLAIN).contains("TOO SLOW (harness.send_lateness p99 > 5ms)"));
    }

    #[test]
    fn the_numbers_are_those_of_the_report_and_say_why_there_is_none() {
        let outcome = sample::outcome(&Sample::of(200));
        let facts = Facts::of(&outcome);
        let text = closing(&outcome, 0, None, PLAIN);
        for number in &five::of(&facts)[1..] {
            assert!(text.contains(&plain(&number.big)), "{}: {text}", number.title);
        }
        assert!(text.contains("(first joins; 3 rejoins apart)"), "{text}");
        let few = closing(&sample::outcome(&Sample::of(5)), 0, None, PLAIN);
        assert!(few.contains("join p95 too few samples, 5 of 72 needed"), "{few}");
    }

    #[test]
    fn notes_on_health_are_shown_and_a_simulation_has_no_generator() {
        let mut outcome = outcome();
        outcome.world = World::Simulated;
        outcome.health.notes = vec!["The simulated SFU was overloaded.".to_owned()];
        let text = closing(&outcome, 0, None, PLAIN);
        assert!(text.contains("note: The simulated SFU was overloaded."), "{text}");
        assert!(!text.contains("healthy"), "{text}");
    }

    #[test]
    fn without_colour_there_are_no_control_codes() {
        assert!(!closing(&outcome(), 0, None, PLAIN).contains('\x1b'));
        assert!(closing(&outcome(), 0, None, Look { color: true, unicode: true }).contains("\x1b[1;31mFAIL"));
    }
}
