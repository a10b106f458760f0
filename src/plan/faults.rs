//! Faults as they will happen: who is selected, drawn exactly and with the seed, and the phases that they make.

use super::quota::largest_remainder;
use super::resolve::shuffled;
use super::{Arrival, ParticipantPlan, Plan};
use crate::clock::{Duration, Instant};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Spell;
use crate::scenario::Scenario;
use crate::scenario::check::Report;
use crate::scenario::fault::{Fault, Select};
use crate::scenario::threshold::{Aggregate, Operator, Severity, ThresholdPlan};
use crate::seed::Seed;
use crate::units::format_duration;
use std::collections::BTreeMap;

pub use crate::scenario::fault::{FaultKind, Ports};

/// How long after a fault its recovery is looked at where nothing is expected: as long as ICE keeps up hope (RFC 7675).
const RECOVERY: Duration = Duration::from_secs(30);

/// One fault.
#[derive(Clone, PartialEq, Debug)]
pub struct FaultPlan {
    /// Its name.
    pub name: String,
    /// What happens.
    pub kind: FaultKind,
    /// When it begins.
    pub at: Instant,
    /// When it ends; `at` for an instant, the end of the measured window for an SFU that is not started again.
    pub until: Instant,
    /// Indices of those whom it happens to, ascending; everybody for a fault of the SFU.
    pub selected: Vec<u32>,
    /// How soon after its end they must have again what they had.
    pub recover_within: Option<Duration>,
}

impl FaultPlan {
    /// Until when its recovery is looked at, at most until `end`.
    #[must_use]
    pub fn recovery_until(&self, end: Instant) -> Instant {
        (self.until + self.recover_within.unwrap_or(RECOVERY)).min(end)
    }
}

/// A stretch of the measured window that belongs to a fault or to the recovery from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpellPlan {
    /// From when.
    pub from: Instant,
    /// Until when, not included.
    pub until: Instant,
    /// Which.
    pub spell: Spell,
}

impl Plan {
    /// The fault, or recovery, that `at` belongs to: of several the one that began last.
    #[must_use]
    pub fn spell(&self, at: Instant) -> Option<Spell> {
        let next = self.spells.partition_point(|spell| spell.from <= at);
        let last = self.spells.get(next.checked_sub(1)?)?;
        (at < last.until).then_some(last.spell)
    }

    /// Whether a participant means to be in the room from `from` to `until` without a break. Whoever takes a place as
    /// it becomes free is taken at its word.
    #[must_use]
    pub fn stays(&self, participant: u32, from: Instant, until: Instant) -> bool {
        let participant = &self.participants[participant as usize];
        if participant.takes_break(from, until) {
            return false;
        }
        let Arrival::At(mut begins) = participant.arrival else { return true };
        for session in &participant.sessions {
            let Some(length) = session.length else { return begins <= from };
            if begins <= from && from < begins + length {
                return until <= begins + length;
            }
            let Some(away) = session.rejoin_after else { return false };
            begins = begins + length + away;
        }
        false
    }

    pub(super) fn with_faults(mut self, scenario: &Scenario, root: Seed, report: &Report<'_>) -> Self {
        for fault in &scenario.faults {
            let selected = self.select(fault, root, report);
            let until = if fault.kind.can_recover() { fault.until } else { self.run.steady_until() };
            for &participant in &selected {
                self.participants[participant as usize].faults.push(self.faults.len() as u16);
            }
            self.faults.push(FaultPlan {
                name: fault.name.clone(),
                kind: fault.kind.clone(),
                at: fault.at,
                until,
                selected,
                recover_within: fault.recover_within,
            });
        }
        self.refuse_twice_at_once(scenario, report);
        self.spells = spells(&self.faults, self.run.steady_until());
        let expected = self.faults.iter().filter_map(expectation);
        self.thresholds.extend(expected);
        self
    }

    /// Whom a fault happens to: an exact quota of those who match, in seeded order.
    fn select(&self, fault: &Fault, root: Seed, report: &Report<'_>) -> Vec<u32> {
        let matches = |participant: &&ParticipantPlan| self.matches(participant, &fault.select);
        let matching: Vec<u32> = self.participants.iter().filter(matches).map(|one| one.index).collect();
        let count = matching.len() as u32;
        let fraction = fault.select.fraction.unwrap_or(1.0);
        let quota = largest_remainder(count, &[fraction, 1.0 - fraction])[0] as usize;
        if quota == 0 {
            let message =
                format!("`{}` happens to nobody: {count} people match, and {fraction} of them is none", fault.name);
            report.fail(&format!("{}.select", fault.path), message, "select more people, or a larger fraction");
        }
        let order = shuffled(count, root.child("fault").child(&fault.name).child("select"));
        let mut selected: Vec<u32> = order.into_iter().take(quota).map(|place| matching[place as usize]).collect();
        selected.sort_unstable();
        selected
    }

    fn matches(&self, participant: &ParticipantPlan, select: &Select) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        is(&select.population, &self.populations[usize::from(participant.population)].name)
            && is(&select.network, &self.networks[usize::from(participant.network)].name)
            && select.room.is_none_or(|room| room == participant.room + 1)
    }

    /// One kind of fault twice at once for the same people contradicts itself: which of both ends it?
    fn refuse_twice_at_once(&self, scenario: &Scenario, report: &Report<'_>) {
        for (index, later) in self.faults.iter().enumerate() {
            for (number, earlier) in self.faults.iter().enumerate().take(index) {
                let apart = later.at > earlier.until.max(earlier.at) || earlier.at > later.until.max(later.at);
                let same = std::mem::discriminant(&earlier.kind) == std::mem::discriminant(&later.kind);
                let shared = later.selected.iter().any(|one| earlier.selected.binary_search(one).is_ok());
                if same && !apart && shared && !later.kind.is_of_sfu() {
                    let message = format!(
                        "`{}` and `{}` are the same fault at the same time for some people",
                        scenario.faults[number].name, later.name
                    );
                    let key = format!("{}.at", scenario.faults[index].path);
                    report.fail(&key, message, "let one begin after the other has ended, or select other people");
                }
            }
        }
    }
}

/// What a fault's `expect` comes to: a threshold like any other.
fn expectation(fault: &FaultPlan) -> Option<ThresholdPlan> {
    let within = fault.recover_within?;
    Some(ThresholdPlan {
        metric: Metric::FaultRecovery,
        filter: BTreeMap::from([("phase".to_owned(), format!("recovery:{}", fault.name))]),
        expect: format!("max <= {}", format_duration(within)),
        aggregate: Aggregate::Max,
        operator: Operator::LessOrEqual,
        limit: within.as_secs_f64(),
        min_samples: 1,
        severity: Severity::Fail,
        over: None,
        abort: None,
    })
}

/// The spells of all faults, none overlapping, by time: of several at once the one that began last has the time.
fn spells(faults: &[FaultPlan], end: Instant) -> Vec<SpellPlan> {
    let mut all: Vec<SpellPlan> = Vec::new();
    for (fault, plan) in (0u16..).zip(faults) {
        all.push(SpellPlan { from: plan.at, until: plan.until, spell: Spell { fault, after: false } });
        if plan.kind.can_recover() {
            all.push(SpellPlan {
                from: plan.until,
                until: plan.recovery_until(end),
                spell: Spell { fault, after: true },
            });
        }
    }
    all.retain(|spell| spell.from < spell.until);
    let mut edges: Vec<Instant> = all.iter().flat_map(|spell| [spell.from, spell.until]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut flat: Vec<SpellPlan> = Vec::new();
    for edge in edges.windows(2) {
        let covering = all.iter().filter(|spell| spell.from <= edge[0] && edge[1] <= spell.until);
        // A fault is never hidden by the recovery from another one.
        let Some(on) = covering.max_by_key(|spell| (!spell.spell.after, spell.from, spell.spell.fault)) else {
            continue;
        };
        match flat.last_mut() {
            Some(last) if last.spell == on.spell && last.until == edge[0] => last.until = edge[1],
            _ => flat.push(SpellPlan { from: edge[0], until: edge[1], spell: on.spell }),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(at: u64, until: u64) -> FaultPlan {
        FaultPlan {
            name: "f".to_owned(),
            kind: FaultKind::UdpBlock,
            at: Instant::from_secs(at),
            until: Instant::from_secs(until),
            selected: vec![0],
            recover_within: None,
        }
    }

    fn shown(spells: &[SpellPlan]) -> Vec<(u64, u64, usize)> {
        let secs = |at: Instant| at.as_nanos() / 1_000_000_000;
        spells.iter().map(|spell| (secs(spell.from), secs(spell.until), spell.spell.index())).collect()
    }

    #[test]
    fn an_expectation_is_written_as_it_is_judged() {
        for (micros, text) in [(500, "max <= 500us"), (1_500_000, "max <= 1.5s"), (2_000_000, "max <= 2s")] {
            let within = Duration::from_micros(micros);
            let threshold = expectation(&FaultPlan { recover_within: Some(within), ..fault(1, 2) }).expect("one");
            assert_eq!((threshold.expect.as_str(), threshold.limit), (text, within.as_secs_f64()));
        }
    }

    #[test]
    fn a_recovery_lasts_until_the_next_fault_or_the_end_and_goes_on_after_it() {
        let faults = [fault(10, 15), fault(20, 20), fault(30, 32)];
        // 0: the first fault, 1: its recovery, 3: that of the instant, 4 and 5: the last one.
        let expected = [(10, 15, 0), (15, 20, 1), (20, 30, 3), (30, 32, 4), (32, 40, 5)];
        assert_eq!(shown(&spells(&faults, Instant::from_secs(40))), expected);
        assert_eq!(shown(&spells(&[fault(1, 2)], Instant::from_secs(100))), [(1, 2, 0), (2, 32, 1)]);
    }

    #[test]
    fn of_two_faults_at_once_the_later_one_has_the_time() {
        let faults = [fault(10, 20), fault(12, 14)];
        let expected = [(10, 12, 0), (12, 14, 2), (14, 20, 0), (20, 50, 1)];
        assert_eq!(shown(&spells(&faults, Instant::from_secs(60))), expected);
    }
}
