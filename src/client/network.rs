//! A participant's access network over time: both links, and what the plan changes about them and when.

use super::item::{DownItem, UpItem};
use crate::clock::{Duration, Instant};
use crate::plan::{NetworkPlan, Outage};
use crate::seed::Seed;
use netem::{Link, LinkConfig, OutageMode, Serialiser};

/// Both links of one participant and their timeline.
pub struct Network {
    /// From the participant.
    pub up: Link<UpItem>,
    /// Towards the participant.
    pub down: Link<DownItem>,
    /// Where in every trace the start of the run is, in 2⁻⁶⁴ of it.
    place: u64,
    changes: Vec<Change>,
    next: usize,
    outages: (u32, u32),
    pauses: (u32, u32),
    /// Lost and offered packets that were taken already.
    taken: (u64, u64),
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("next", &self.next).finish_non_exhaustive()
    }
}

/// One change of the timeline, by time.
#[derive(Clone, Debug)]
struct Change {
    at: Instant,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Index of the plan's step.
    Step(usize),
    Begin(Outage),
    End(Outage),
}

/// The state of both directions after a change, for the signalling streams that share the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// From the participant.
    pub up: LinkConfig,
    /// Towards the participant.
    pub down: LinkConfig,
    /// Outage of the uplink.
    pub up_outage: Option<OutageMode>,
    /// Outage of the downlink.
    pub down_outage: Option<OutageMode>,
}

impl Network {
    /// Links under the conditions at the start of the run, with this participant's outages ahead.
    #[must_use]
    pub fn new(plan: &NetworkPlan, outages: &[Outage], seed: &Seed) -> Self {
        let first = &plan.steps[0];
        let mut changes: Vec<Change> = plan
            .steps
            .iter()
            .enumerate()
            .skip(1)
            .map(|(index, step)| Change { at: step.at, what: What::Step(index) })
            .collect();
        for outage in outages {
            changes.push(Change { at: outage.at, what: What::Begin(*outage) });
            changes.push(Change { at: outage.at + outage.length, what: What::End(*outage) });
        }
        changes.sort_by_key(|change| change.at);
        let place = seed.child("phase").bits();
        Self {
            up: Link::new(placed(&first.up, place), seed.child("up")),
            down: Link::new(placed(&first.down, place), seed.child("down")),
            place,
            changes,
            next: 0,
            outages: (0, 0),
            pauses: (0, 0),
            taken: (0, 0),
        }
    }

    /// When something happens on the links, or about them, by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.next_change(), self.up.poll_timeout(), self.down.poll_timeout()].into_iter().flatten().min()
    }

    /// When the next change is due.
    #[must_use]
    pub fn next_change(&self) -> Option<Instant> {
        self.changes.get(self.next).map(|change| change.at)
    }

    /// Applies the changes that are due; true when there were any.
    pub fn handle_timeout(&mut self, now: Instant, plan: &NetworkPlan) -> bool {
        let before = self.next;
        while let Some(change) = self.changes.get(self.next).filter(|change| change.at <= now).cloned() {
            self.next += 1;
            match change.what {
                What::Step(index) => {
                    self.up.apply(change.at, placed(&plan.steps[index].up, self.place));
                    self.down.apply(change.at, placed(&plan.steps[index].down, self.place));
                }
                What::Begin(outage) => self.count_outage(change.at, &outage, 1),
                What::End(outage) => self.count_outage(change.at, &outage, -1),
            }
        }
        before != self.next
    }

    /// The conditions now.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        Conditions {
            up: self.up.config().clone(),
            down: self.down.config().clone(),
            up_outage: mode(self.outages.0, self.pauses.0),
            down_outage: mode(self.outages.1, self.pauses.1),
        }
    }

    /// Packets that both links lost or overflowed, and were offered, since the last call.
    pub fn take_losses(&mut self) -> (u64, u64) {
        let (up, down) = (self.up.report().totals(), self.down.report().totals());
        let lost = up.lost + up.overflowed + down.lost + down.overflowed;
        let offered = up.offered + down.offered;
        let (lost_before, offered_before) = std::mem::replace(&mut self.taken, (lost, offered));
        (lost - lost_before, offered - offered_before)
    }

    /// Outages may overlap: a link carries again when the last of them has ended.
    fn count_outage(&mut self, at: Instant, outage: &Outage, by: i32) {
        let counts = if outage.pause { &mut self.pauses } else { &mut self.outages };
        let apply = |count: &mut u32| *count = count.saturating_add_signed(by);
        if outage.up {
            apply(&mut counts.0);
        }
        if outage.down {
            apply(&mut counts.1);
        }
        self.up.set_outage(at, mode(self.outages.0, self.pauses.0));
        self.down.set_outage(at, mode(self.outages.1, self.pauses.1));
    }
}

/// The conditions with their place in a trace. It is drawn once a participant, so that signalling fades together with
/// media, and both directions of one recording together.
fn placed(config: &LinkConfig, place: u64) -> LinkConfig {
    let mut config = config.clone();
    if let Serialiser::Trace { trace, phase: phase @ None } = &mut config.serialiser {
        let period = u128::from(trace.period_ms()) * 1_000_000;
        *phase = Some(Duration::from_nanos(((period * u128::from(place)) >> 64) as u64));
    }
    config
}

/// What holds while `drops` dropping and `pauses` pausing outages are on.
fn mode(drops: u32, pauses: u32) -> Option<OutageMode> {
    match (drops, pauses) {
        (0, 0) => None,
        (0, _) => Some(OutageMode::Pause),
        _ => Some(OutageMode::Drop),
    }
}
