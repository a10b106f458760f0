//! The outcome's `faults`: each with how many recovered and how soon, and what was expected.

use super::document::{FaultOutcome, RecoveryTimes, RunEvent, ThresholdOutcome};
use crate::clock::Instant;
use crate::metrics::Recorded;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Spell;
use crate::metrics::measure::Measure;
use crate::plan::{FaultKind, FaultPlan, Plan};
use crate::units::format_duration;

/// The outcome's `faults`; `thresholds` are the outcomes of the plan's.
#[must_use]
pub fn faults(plan: &Plan, recorded: &Recorded, thresholds: &[ThresholdOutcome]) -> Vec<FaultOutcome> {
    (0u16..).zip(&plan.faults).map(|(index, fault)| one(fault, index, recorded, thresholds)).collect()
}

fn one(fault: &FaultPlan, index: u16, recorded: &Recorded, thresholds: &[ThresholdOutcome]) -> FaultOutcome {
    let spell = Spell { fault: index, after: true };
    let measure = recorded.pooled(Metric::FaultRecovery, |key| key.spell == Some(spell));
    let (mut present, mut unrecovered, mut recovery) = (0, 0, RecoveryTimes::default());
    if let Some(Measure::Trend(histogram)) = measure {
        (present, unrecovered) = (histogram.count(), histogram.censored());
        recovery = RecoveryTimes {
            p50: histogram.quantile(0.5),
            p95: histogram.quantile(0.95),
            max: histogram.max().filter(|_| unrecovered == 0),
        };
    }
    let phase = spell.name(&fault.name);
    let judged = fault.recover_within.and_then(|_| {
        thresholds.iter().rev().find(|outcome| {
            outcome.metric == Metric::FaultRecovery.name() && outcome.filter.get("phase") == Some(&phase)
        })
    });
    FaultOutcome {
        name: fault.name.clone(),
        kind: fault.kind.word().to_owned(),
        at: fault.at.as_secs_f64(),
        until: fault.until.as_secs_f64(),
        selected: fault.selected.len() as u64,
        present,
        recovered: present - unrecovered,
        unrecovered,
        recovery,
        expect: judged.and(fault.recover_within).map(format_duration),
        verdict: judged.map(|outcome| outcome.verdict),
    }
}

/// A line for each fault that began before the run ended.
#[must_use]
pub fn events(plan: &Plan, ended: Instant) -> Vec<RunEvent> {
    let people = |fault: &FaultPlan| match (&fault.kind, fault.selected.len()) {
        (kind, _) if kind.is_of_sfu() => String::new(),
        (_, 1) => " for 1 participant".to_owned(),
        (_, n) => format!(" for {n} participants"),
    };
    let event = |fault: &FaultPlan| RunEvent {
        at: fault.at.as_secs_f64(),
        lasting: fault.until.saturating_since(fault.at).as_secs_f64(),
        kind: "fault".to_owned(),
        text: format!("{}: {}{}", fault.name, sentence(&fault.kind), people(fault)),
    };
    plan.faults.iter().filter(|fault| fault.at < ended).map(event).collect()
}

const fn sentence(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::SfuKill { restart_after: Some(_) } => "the SFU is killed, and started again at its end",
        FaultKind::SfuKill { restart_after: None } => "the SFU is killed",
        FaultKind::SfuPause => "the SFU stands still",
        FaultKind::Partition => "nothing gets through",
        FaultKind::UdpBlock => "no datagram gets through",
        FaultKind::PortBlock(_) => "ports are blocked",
        FaultKind::SignalDrop => "signalling breaks",
        FaultKind::IceRestart => "ICE restarts",
        FaultKind::NatRebind => "the NAT gives other ports",
    }
}
