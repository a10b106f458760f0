//! A participant's access network over time: both links, and what the plan changes about them and when.
//!
//! Where it shares a bottleneck with others its own link is what lies behind that, and what goes into the direction is handed
//! to the link group first ([`Network::enter`]).

use super::faults::Firewall;
use super::group::{Crossed, Crossing, Load};
use super::item::{DownItem, UpItem};
use super::line::{DOWN, Lane, Line, UP};
use crate::clock::{Duration, Instant};
use crate::plan::network::NetworkStep;
use crate::plan::network::placed;
use crate::plan::{FaultKind, NetworkPlan, Outage, ParticipantPlan, Plan, Ports};
use crate::seed::Seed;
use crate::units::Bitrate;
use netem::{CLASSES, Counts, Link, LinkConfig, OutageMode};

/// Both links of one participant and their timeline.
pub struct Network {
    /// From the participant.
    pub up: Link<UpItem>,
    /// Towards the participant.
    pub down: Link<DownItem>,
    /// Where both directions now meet a bottleneck that is shared.
    lanes: [Option<Lane>; 2],
    /// What is known of those, where there are any in the whole run.
    line: Option<Box<Line>>,
    /// Where in every trace the start of the run is, in 2⁻⁶⁴ of it.
    place: u64,
    /// By time.
    changes: Vec<(Instant, Change)>,
    next: usize,
    outages: (u32, u32),
    pauses: (u32, u32),
    /// Faults that let no datagram through.
    blocks: u32,
    /// Faults that let no signalling through.
    silences: u32,
    firewall: Firewall,
    /// Lost and offered packets that were taken already.
    taken: (u64, u64),
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("next", &self.next).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
enum Change {
    /// Index of a network, and of a step of its.
    Step(u16, usize),
    Begin(Outage),
    End(Outage),
    /// A fault of packets begins (false) or ends.
    Fault {
        fault: u16,
        ends: bool,
        effect: Effect,
    },
}

/// What a fault does to packets.
#[derive(Clone, PartialEq, Debug)]
enum Effect {
    /// No datagram gets through.
    Block,
    /// Nothing gets through.
    Partition,
    /// These ports of the SFU are closed; `true` where signalling's is among them.
    Ports(Ports, bool),
}

/// The state of both directions after a change, for the signalling streams that share the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// From the participant.
    pub up: LinkConfig,
    /// Towards the participant.
    pub down: LinkConfig,
    /// Whether others share the bottleneck upwards: they meet what is sent in the order in which it is.
    pub up_shared: bool,
    /// Outage of what signalling goes through, upwards.
    pub up_outage: Option<OutageMode>,
    /// Outage of what signalling comes through, downwards.
    pub down_outage: Option<OutageMode>,
}

impl Network {
    /// Links under the conditions at the start of the run, with this participant's outages ahead. `stays` are the networks
    /// that it lives behind, each from when on, the first from the start of the run.
    #[must_use]
    pub fn new(plans: &[NetworkPlan], stays: &[(Instant, u16)], outages: &[Outage], seed: &Seed) -> Self {
        let first = &plans[usize::from(stays[0].1)].steps[0];
        // At one time new conditions come first, then what ends, then what begins.
        let mut changes = steps(plans, stays);
        changes.extend(outages.iter().map(|outage| (outage.at + outage.length, Change::End(*outage))));
        changes.extend(outages.iter().map(|outage| (outage.at, Change::Begin(*outage))));
        changes.sort_by_key(|(at, _)| *at);
        let place = seed.child("phase").bits();
        Self {
            up: Link::new(placed(&first.up, place), seed.child("up")),
            down: Link::new(placed(&first.down, place), seed.child("down")),
            lanes: [None; 2],
            line: None,
            place,
            changes,
            next: 0,
            outages: (0, 0),
            pauses: (0, 0),
            blocks: 0,
            silences: 0,
            firewall: Firewall::default(),
            taken: (0, 0),
        }
    }

    /// The same as one of the link groups that this participant is a member of.
    #[must_use]
    pub fn with_groups(mut self, plan: &Plan, participant: &ParticipantPlan) -> Self {
        self.line = Line::new(plan, participant);
        if self.line.is_some() {
            let network = &plan.networks[usize::from(participant.network)];
            self.set_conditions(Instant::ZERO, participant.network, &network.steps[0]);
        }
        self
    }

    /// The same with the faults of packets ahead that this participant is selected for; `signalling` is the port of the
    /// SFU's signalling.
    #[must_use]
    pub fn with_faults(mut self, plan: &Plan, faults: &[u16], signalling: u16) -> Self {
        for &fault in faults {
            let it = &plan.faults[usize::from(fault)];
            let effect = match &it.kind {
                FaultKind::UdpBlock => Effect::Block,
                FaultKind::Partition => Effect::Partition,
                FaultKind::PortBlock(ports) => {
                    let silent = match ports {
                        Ports::Media => false,
                        Ports::Signalling => true,
                        Ports::These(ports) => ports.contains(&signalling),
                    };
                    Effect::Ports(ports.clone(), silent)
                }
                FaultKind::SfuKill { .. }
                | FaultKind::SfuPause
                | FaultKind::SignalDrop
                | FaultKind::IceRestart
                | FaultKind::NatRebind => continue,
            };
            for (at, ends) in [(it.at, false), (it.until, true)] {
                self.changes.push((at, Change::Fault { fault, ends, effect: effect.clone() }));
            }
        }
        self.changes.sort_by_key(|(at, _)| *at);
        self
    }

    /// What the firewall beyond the links does not let through.
    #[must_use]
    pub fn firewall(&self) -> Firewall {
        self.firewall
    }

    /// Whether signalling gets through, however late.
    #[must_use]
    pub fn carries_signalling(&self) -> bool {
        self.silences == 0 && self.outages == (0, 0)
    }

    /// Whether datagrams get through the links.
    #[must_use]
    pub fn carries_datagrams(&self) -> bool {
        self.blocks == 0 && self.outages == (0, 0)
    }

    /// When something happens on the links, or about them, by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.next_change(), self.up.poll_timeout(), self.down.poll_timeout()].into_iter().flatten().min()
    }

    /// When the next change is due.
    #[must_use]
    pub fn next_change(&self) -> Option<Instant> {
        self.changes.get(self.next).map(|(at, _)| *at)
    }

    /// Applies the changes that are due; true when there were any.
    pub fn handle_timeout(&mut self, now: Instant, plans: &[NetworkPlan]) -> bool {
        let before = self.next;
        while let Some((at, change)) = self.changes.get(self.next).filter(|(at, _)| *at <= now).cloned() {
            self.next += 1;
            match change {
                Change::Step(network, index) => {
                    self.set_conditions(at, network, &plans[usize::from(network)].steps[index]);
                }
                Change::Begin(outage) => self.count_outage(at, &outage, 1),
                Change::End(outage) => self.count_outage(at, &outage, -1),
                Change::Fault { fault, ends, effect } => self.count_fault(at, fault, ends, &effect),
            }
        }
        before != self.next
    }

    /// The conditions now.
    #[must_use]
    pub fn conditions(&self) -> Conditions {
        Conditions {
            up: self.whole(UP).clone(),
            down: self.whole(DOWN).clone(),
            up_shared: self.lanes[UP].is_some(),
            up_outage: mode(self.outages.0 + self.silences, self.pauses.0),
            down_outage: mode(self.outages.1 + self.silences, self.pauses.1),
        }
    }

    /// Packets that both links lost or overflowed, and were offered, since the last call.
    pub fn take_losses(&mut self) -> (u64, u64) {
        let (mut lost, mut offered) = (0, 0);
        for counts in self.books().iter().flatten() {
            lost += counts.lost + counts.overflowed;
            offered += counts.offered;
        }
        let (lost_before, offered_before) = std::mem::replace(&mut self.taken, (lost, offered));
        (lost - lost_before, offered - offered_before)
    }

    /// The conditions of a direction as they are for who goes through it, shared parts among them.
    #[must_use]
    pub fn whole(&self, direction: usize) -> &LinkConfig {
        match &self.line {
            Some(line) => &line.whole[direction],
            None if direction == UP => self.up.config(),
            None => self.down.config(),
        }
    }

    /// What falls to this participant of an uplink that others fill too, as of the last second.
    #[must_use]
    pub fn fair(&self) -> Option<Bitrate> {
        self.line.as_ref().filter(|_| self.lanes[UP].is_some()).and_then(|line| line.fair)
    }

    /// The group that what goes this way is to be handed to, if any.
    #[must_use]
    pub fn lane(&self, direction: usize) -> Option<Lane> {
        self.lanes[direction]
    }

    /// Hands a packet to a link group at `at`; nothing is left of it where a fault lets nothing through.
    pub fn enter(&mut self, lane: Lane, at: Instant, load: Load) -> Option<Crossing> {
        let blocked = self.blocks > 0;
        if let Some(line) = &mut self.line {
            line.enter(&load, blocked);
        }
        (!blocked).then_some(Crossing { group: lane.group, member: lane.member, at, load })
    }

    /// Takes back what has crossed a shared bottleneck, into the participant's own link: whatever the conditions are by then.
    pub fn handle_crossed(&mut self, crossed: Crossed) {
        if let Some(line) = &mut self.line {
            line.handle(&crossed);
        }
        match crossed.load {
            _ if crossed.dropped.is_some() => {}
            Load::Up(item) => self.up.handle_packet(crossed.at, item),
            Load::Down(item) => self.down.handle_packet(crossed.at, item),
        }
    }

    /// When one of the links lets something out.
    #[must_use]
    pub fn arrival(&self) -> Option<Instant> {
        [self.up.poll_timeout(), self.down.poll_timeout()].into_iter().flatten().min()
    }

    /// How long the downlink holds every packet at least: what is told that much later cannot be told apart. Others are told
    /// apart by when they meet it.
    #[must_use]
    pub fn downlink_delay(&self) -> Duration {
        if self.lanes[DOWN].is_some() { Duration::ZERO } else { self.down.config().shortest_delay() }
    }

    /// The books of both directions, shared parts among them.
    #[must_use]
    pub fn books(&self) -> [[Counts; CLASSES]; 2] {
        let own = [self.up.report(), self.down.report()];
        match &self.line {
            None => own.map(|report| *report.classes()),
            Some(line) => [line.books(UP, own[UP]), line.books(DOWN, own[DOWN])],
        }
    }

    /// How long the packet that left each direction's bottleneck last had waited for it.
    #[must_use]
    pub fn queue_delays(&self) -> [Duration; 2] {
        let own = [self.up.report().queue_delay(), self.down.report().queue_delay()];
        let Some(line) = &self.line else { return own };
        [UP, DOWN].map(|way| if self.lanes[way].is_some() { line.queue_delay[way] } else { own[way] })
    }

    /// The conditions become those of a step of the network that it lives behind now.
    fn set_conditions(&mut self, at: Instant, network: u16, step: &NetworkStep) {
        let Some(line) = &mut self.line else {
            self.up.apply(at, placed(&step.up, self.place));
            self.down.apply(at, placed(&step.down, self.place));
            return;
        };
        let here = line.place(network);
        let place = here.map_or(self.place, |here| here.bits);
        self.lanes = here.map_or([None; 2], |here| here.lanes);
        line.whole = [placed(&step.up, place), placed(&step.down, place)];
        let own = |way: usize| match self.lanes[way] {
            Some(_) => line.whole[way].behind_bottleneck(),
            None => line.whole[way].clone(),
        };
        self.up.apply(at, own(UP));
        self.down.apply(at, own(DOWN));
        self.set_outages(at);
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
        self.set_outages(at);
    }

    fn count_fault(&mut self, at: Instant, fault: u16, ends: bool, effect: &Effect) {
        let by = |count: &mut u32| *count = count.saturating_add_signed(if ends { -1 } else { 1 });
        match effect {
            Effect::Block => by(&mut self.blocks),
            Effect::Partition => {
                by(&mut self.blocks);
                by(&mut self.silences);
            }
            Effect::Ports(ports, silent) => {
                self.firewall.count(fault, ports, ends);
                if *silent {
                    by(&mut self.silences);
                }
            }
        }
        self.set_outages(at);
    }

    fn set_outages(&mut self, at: Instant) {
        // A shared bottleneck has its outages itself.
        let counted = |way: usize, drops: u32, pauses: u32| match self.lanes[way] {
            Some(_) => mode(self.blocks, 0),
            None => mode(drops + self.blocks, pauses),
        };
        let (up, down) = (counted(UP, self.outages.0, self.pauses.0), counted(DOWN, self.outages.1, self.pauses.1));
        self.up.set_outage(at, up);
        self.down.set_outage(at, down);
    }
}

/// The steps of each network while one lives behind it, the conditions that hold when one moves in among them; the first of
/// all is left out.
fn steps(plans: &[NetworkPlan], stays: &[(Instant, u16)]) -> Vec<(Instant, Change)> {
    let mut changes = Vec::new();
    for (index, &(from, network)) in stays.iter().enumerate() {
        let until = stays.get(index + 1).map_or(Instant::MAX, |(at, _)| *at);
        let steps = &plans[usize::from(network)].steps;
        let holds = steps.iter().rposition(|step| step.at <= from).unwrap_or(0);
        changes.push((from, Change::Step(network, holds)));
        let later = steps.iter().enumerate().skip(holds + 1).take_while(|(_, step)| step.at < until);
        changes.extend(later.map(|(step, plan)| (plan.at, Change::Step(network, step))));
    }
    changes.remove(0);
    changes
}

/// What holds while `drops` dropping and `pauses` pausing outages are on.
fn mode(drops: u32, pauses: u32) -> Option<OutageMode> {
    match (drops, pauses) {
        (0, 0) => None,
        (0, _) => Some(OutageMode::Pause),
        _ => Some(OutageMode::Drop),
    }
}
