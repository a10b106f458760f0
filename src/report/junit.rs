//! `junit.xml`: a test case a threshold, and one for whether the run counts at all.
//!
//! A threshold that could not be judged is a failure too: only PASS passes. One that only warns is skipped with its
//! message when it is missed. An invalid or interrupted run, or a dead target, is an error of the case `validity`.

use super::facts::Facts;
use super::facts::judged::Judged;
use crate::outcome::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// Exit code of a run whose target could not be reached, or died.
const TARGET_GONE: i32 = 3;

/// The document.
#[must_use]
pub fn junit(facts: &Facts) -> String {
    let outcome = facts.outcome;
    let mut suite = TestSuite::new(&outcome.scenario);
    suite.add_property(("seed", outcome.seed.to_string().as_str()));
    suite.add_property(("verdict", outcome.verdict.word()));
    suite.add_test_case(validity(facts));
    for judged in &facts.judged {
        suite.add_test_case(case(facts, judged));
    }
    let mut report = Report::new("throng");
    report.add_test_suite(suite);
    report.to_string().expect("a String takes every write, and XmlString holds no forbidden character")
}

fn validity(facts: &Facts) -> TestCase {
    let outcome = facts.outcome;
    let spoiled =
        matches!(outcome.verdict, Verdict::Invalid | Verdict::Interrupted) || outcome.exit_code == TARGET_GONE;
    let mut status = TestCaseStatus::success();
    if spoiled {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type(outcome.verdict.word()).set_message(&outcome.reason);
    }
    let mut case = TestCase::new("validity", status);
    case.set_classname(&outcome.scenario);
    case
}

fn case(facts: &Facts, judged: &Judged) -> TestCase {
    let threshold = judged.outcome;
    let labels: Vec<String> = threshold.filter.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let filter = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let message = format!(
        "{}{filter}: {} where {} was asked for, judged on {}",
        threshold.metric,
        judged.value(facts.deadline),
        threshold.expect,
        judged.samples()
    );
    let mut status = match (threshold.verdict, judged.is_warning()) {
        (Verdict::Pass, _) => TestCaseStatus::success(),
        (_, true) => TestCaseStatus::skipped(),
        _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if threshold.verdict != Verdict::Pass {
        status.set_message(message);
        if !judged.is_warning() {
            status.set_type(threshold.verdict.word());
        }
    }
    let mut case = TestCase::new(format!("{}{filter} {}", threshold.metric, threshold.expect), status);
    case.set_classname(&facts.outcome.scenario);
    case
}
