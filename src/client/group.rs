//! Link groups: bottlenecks that several participants share, each a queue and a serialiser a direction.
//!
//! They belong to the driver that has all members of a group: it carries what clients hand over ([`Crossing`]) into them, in
//! the order of time, and what has crossed ([`Crossed`]) back into each client's own link. Conditions, recordings and outages
//! change once for all. Members' losses and wires are not here.

use super::item::{DownItem, UpItem, UpLoad};
use super::shared::Shared;
use super::sink::Sink;
use crate::cc::{DATAGRAM_OVERHEAD, jain};
use crate::clock::{Duration, Instant};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Key;
use crate::outcome::LinkGroupOutcome;
use crate::plan::network::{NetworkChange, placed};
use crate::plan::{LinkGroupPlan, Outage, Plan};
use crate::units::Bitrate;
use netem::{Identity, Link, LinkConfig, OutageMode, Packet};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Over how long flows are compared.
const SECOND: Duration = Duration::from_secs(1);

/// What crosses.
#[derive(Clone, Debug)]
pub(super) enum Load {
    /// From a participant.
    Up(UpItem),
    /// Towards a participant.
    Down(DownItem),
}

/// A packet that a client hands to its link group.
#[derive(Debug)]
pub struct Crossing {
    pub(super) group: u32,
    pub(super) member: u32,
    pub(super) at: Instant,
    pub(super) load: Load,
}

/// A packet that has come through the shared bottleneck, or was dropped there; for `Client::handle_crossed`.
#[derive(Debug)]
pub struct Crossed {
    pub(super) at: Instant,
    pub(super) load: Load,
    /// `Some(true)` when the queue dropped it, `Some(false)` when it was lost in an outage.
    pub(super) dropped: Option<bool>,
    pub(super) marked: bool,
    pub(super) waited: Duration,
    pub(super) fair: Option<Bitrate>,
}

/// A packet in a bottleneck and whose it is.
#[derive(Clone, Debug)]
struct Carried<T> {
    member: u32,
    marked: bool,
    item: T,
}

impl<T: Packet> Packet for Carried<T> {
    fn wire_size(&self) -> usize {
        self.item.wire_size()
    }

    fn class(&self) -> usize {
        self.item.class()
    }

    fn identity(&self) -> Option<Identity> {
        self.item.identity()
    }

    /// Each member has addresses of its own.
    fn flow(&self) -> u64 {
        self.item.flow() ^ u64::from(self.member) << 40
    }

    fn ecn_capable(&self) -> bool {
        self.item.ecn_capable()
    }

    fn mark(&mut self) {
        self.marked = true;
        self.item.mark();
    }

    fn corrupt(&mut self, bits: u64) {
        self.item.corrupt(bits);
    }
}

/// The link groups of one driver's clients. It is driven as other machines are, with what comes out drained after each input.
#[derive(Debug)]
pub struct Groups {
    groups: Vec<Group>,
    /// By index in the plan.
    local: Vec<u32>,
    /// When each group wants to be told the time, and the same in order of time, with what was overtaken by a change of it.
    wakes: Vec<Option<Instant>>,
    due: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Groups that were handed something since they were told the time.
    fed: Vec<u32>,
    out: VecDeque<(u32, Crossed)>,
}

#[derive(Debug)]
struct Group {
    /// Index in the plan.
    index: u32,
    network: u16,
    /// By member: which of the driver's clients.
    clients: Vec<u32>,
    up: Option<Link<Carried<UpItem>>>,
    down: Option<Link<Carried<DownItem>>>,
    /// Where in every trace the start of the run is.
    place: u64,
    changes: Vec<(Instant, NetworkChange)>,
    next: usize,
    pending: Vec<Crossing>,
    flows: Flows,
}

impl Groups {
    /// The groups of a driver's clients, given by their indices in the plan, ascending. It has all members of each.
    #[must_use]
    pub fn new(plan: &Plan, clients: &[u32]) -> Self {
        let mut local = vec![u32::MAX; plan.groups.len()];
        let mut groups = Vec::new();
        for (index, group) in plan.groups.iter().enumerate() {
            let places: Vec<u32> =
                group.members.iter().filter_map(|one| clients.binary_search(one).ok()).map(|at| at as u32).collect();
            if places.is_empty() {
                continue;
            }
            assert_eq!(places.len(), group.members.len(), "the members of {} are on one thread", group.name);
            local[index] = groups.len() as u32;
            groups.push(Group::new(plan, index as u32, group, places));
        }
        let mut all = Self {
            wakes: vec![None; groups.len()],
            due: BinaryHeap::new(),
            fed: Vec::new(),
            out: VecDeque::new(),
            groups,
            local,
        };
        (0..all.groups.len() as u32).for_each(|group| all.settle(group));
        all
    }

    /// Whether nobody shares anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Takes what clients hand over; it enters when the time is told next, in the order of its times.
    pub fn take_in(&mut self, crossings: &mut Vec<Crossing>) {
        for crossing in crossings.drain(..) {
            let index = self.local[crossing.group as usize];
            let group = &mut self.groups[index as usize];
            if group.pending.is_empty() {
                self.fed.push(index);
            }
            group.pending.push(crossing);
        }
    }

    /// Whether something was handed over that has not entered yet.
    #[must_use]
    pub fn is_fed(&self) -> bool {
        !self.fed.is_empty()
    }

    /// When something happens by itself; `None` when nothing will.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Lets time pass up to `now`. How fairly flows shared goes into the sink's recorder.
    pub fn handle_timeout(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        for index in std::mem::take(&mut self.fed) {
            self.advance(index, now, shared, sink);
        }
        while let Some(Reverse((_, index))) = self.due.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.advance(index, now, shared, sink);
        }
    }

    /// The next packet that is through or dropped, and which client's it is.
    pub fn poll_output(&mut self) -> Option<(u32, Crossed)> {
        self.out.pop_front()
    }

    /// The books of each group's bottlenecks, and how many share them.
    pub fn outcomes<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = LinkGroupOutcome> + 'a {
        self.groups.iter().flat_map(|group| {
            let up = group.up.as_ref().map(|link| ("up", link.report()));
            let down = group.down.as_ref().map(|link| ("down", link.report()));
            up.into_iter().chain(down).map(|(direction, report)| {
                let totals = report.totals();
                LinkGroupOutcome {
                    group: plan.groups[group.index as usize].name.clone(),
                    network: plan.networks[usize::from(group.network)].name.clone(),
                    participants: group.clients.len() as u32,
                    direction: direction.to_owned(),
                    offered: totals.offered,
                    delivered: totals.delivered,
                    lost: totals.lost,
                    overflowed: totals.overflowed,
                    marked: totals.marked,
                    waiting: totals.waiting + totals.flying,
                }
            })
        })
    }

    fn advance(&mut self, index: u32, now: Instant, shared: &Shared, sink: &mut Sink) {
        let group = &mut self.groups[index as usize];
        group.advance(now, &shared.plan, &mut self.out);
        for (due, fairness) in group.flows.samples.drain(..) {
            let key = Key { network: Some(group.network), ..shared.run_key(due) };
            sink.recorder.record(Metric::BweFairness, key, fairness);
        }
        self.settle(index);
    }

    fn settle(&mut self, index: u32) {
        let wake = self.groups[index as usize].poll_timeout();
        if std::mem::replace(&mut self.wakes[index as usize], wake) != wake
            && let Some(at) = wake
        {
            self.due.push(Reverse((at, index)));
        }
        while let Some(Reverse((at, index))) = self.due.peek().copied()
            && self.wakes[index as usize] != Some(at)
        {
            self.due.pop();
        }
    }
}

impl Group {
    fn new(plan: &Plan, index: u32, group: &LinkGroupPlan, clients: Vec<u32>) -> Self {
        let network = &plan.networks[usize::from(group.network)];
        let (first, place, [up, down]) = (&network.steps[0], group.place(), network.bottlenecks());
        let flows = Flows::new(plan, group);
        Self {
            index,
            network: group.network,
            clients,
            up: up.then(|| bottleneck(&first.up, place, group, "up")),
            down: down.then(|| bottleneck(&first.down, place, group, "down")),
            place,
            changes: network.changes(&group.outages),
            next: 0,
            pending: Vec::new(),
            flows,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let change = self.changes.get(self.next).map(|(at, _)| *at);
        let up = self.up.as_ref().and_then(Link::poll_timeout);
        let down = self.down.as_ref().and_then(Link::poll_timeout);
        [change, up, down, self.flows.poll_timeout()].into_iter().flatten().min()
    }

    fn advance(&mut self, now: Instant, plan: &Plan, out: &mut VecDeque<(u32, Crossed)>) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by_key(|crossing| crossing.at);
        for Crossing { member, at, load, .. } in pending.drain(..) {
            // What is due at the time of a change enters before it.
            self.change(at, false, plan, out);
            match (load, &mut self.up, &mut self.down) {
                (Load::Up(item), Some(up), _) => up.handle_packet(at, Carried { member, marked: false, item }),
                (Load::Down(item), _, Some(down)) => down.handle_packet(at, Carried { member, marked: false, item }),
                (Load::Up(_) | Load::Down(_), ..) => unreachable!("a direction without a bottleneck has no lanes"),
            }
            self.drain(out);
        }
        self.pending = pending;
        self.change(now, true, plan, out);
        self.pass_time(now, out);
    }

    /// Applies the changes that are due before `until`, or by it.
    fn change(&mut self, until: Instant, inclusive: bool, plan: &Plan, out: &mut VecDeque<(u32, Crossed)>) {
        while let Some(&(at, change)) = self.changes.get(self.next)
            && (at < until || inclusive && at == until)
        {
            self.next += 1;
            self.pass_time(at, out);
            match change {
                NetworkChange::Step(step) => {
                    let step = &plan.networks[usize::from(self.network)].steps[step];
                    if let Some(link) = &mut self.up {
                        link.apply(at, placed(&step.up, self.place).bottleneck());
                        self.flows.share(link.config().rate);
                    }
                    if let Some(link) = &mut self.down {
                        link.apply(at, placed(&step.down, self.place).bottleneck());
                    }
                }
                NetworkChange::Begin(outage) => self.set_outage(at, &outage, true),
                NetworkChange::End(outage) => self.set_outage(at, &outage, false),
            }
            self.drain(out);
        }
    }

    /// Outages of a group never overlap.
    fn set_outage(&mut self, at: Instant, outage: &Outage, on: bool) {
        let mode = on.then_some(if outage.pause { OutageMode::Pause } else { OutageMode::Drop });
        if let Some(link) = self.up.as_mut().filter(|_| outage.up) {
            link.set_outage(at, mode);
        }
        if let Some(link) = self.down.as_mut().filter(|_| outage.down) {
            link.set_outage(at, mode);
        }
    }

    fn pass_time(&mut self, now: Instant, out: &mut VecDeque<(u32, Crossed)>) {
        while let Some(second) = self.flows.next_second().filter(|at| *at <= now) {
            if let Some(up) = &mut self.up {
                up.handle_timeout(second);
            }
            self.drain(out);
            let rate = self.up.as_ref().and_then(|link| link.config().rate);
            self.flows.end_second(second, rate);
        }
        if let Some(up) = &mut self.up {
            up.handle_timeout(now);
        }
        if let Some(down) = &mut self.down {
            down.handle_timeout(now);
        }
        self.drain(out);
    }

    fn drain(&mut self, out: &mut VecDeque<(u32, Crossed)>) {
        let Self { clients, flows, up, down, .. } = self;
        if let Some(link) = up {
            drain(link, Load::Up, |member, at, item| flows.handle(member, at, item), clients, out);
        }
        if let Some(link) = down {
            drain(link, Load::Down, |_, _, _| None, clients, out);
        }
    }
}

fn bottleneck<T: Packet + Clone>(
    config: &LinkConfig,
    place: u64,
    group: &LinkGroupPlan,
    direction: &'static str,
) -> Link<Carried<T>> {
    let mut link = Link::new(placed(config, place).bottleneck(), group.seed.child(direction));
    link.keep_dropped();
    link
}

/// Moves what has left a bottleneck, one way or the other. `fair` is told of each that is through, and says what falls to its
/// member.
fn drain<T: Packet + Clone>(
    link: &mut Link<Carried<T>>,
    load: fn(T) -> Load,
    mut fair: impl FnMut(u32, Instant, &T) -> Option<Bitrate>,
    clients: &[u32],
    out: &mut VecDeque<(u32, Crossed)>,
) {
    let waited = link.report().queue_delay();
    while let Some(netem::Delivery { at, item: Carried { member, marked, item } }) = link.poll_output() {
        let fair = fair(member, at, &item);
        let crossed = Crossed { at, load: load(item), dropped: None, marked, waited, fair };
        out.push_back((clients[member as usize], crossed));
    }
    while let Some(netem::Dropped { overflowed, item: Carried { member, item, .. } }) = link.poll_dropped() {
        let at = Instant::ZERO;
        let crossed = Crossed { at, load: load(item), dropped: Some(overflowed), marked: false, waited, fair: None };
        out.push_back((clients[member as usize], crossed));
    }
}

/// Publishers under congestion control that share an uplink, second by second: how fairly they do, and what would fall to
/// each.
#[derive(Debug)]
struct Flows {
    /// By member: what crossed in this second, headers included.
    bytes: Vec<u64>,
    /// By member: what it would send at most, bit/s.
    demands: Vec<u64>,
    /// Members who sent in the last second.
    active: Vec<usize>,
    /// By member: what falls to it, where several sent.
    fair: Vec<Option<Bitrate>>,
    /// The end of this second; `None` until somebody sends.
    ends: Option<Instant>,
    samples: Vec<(Instant, f64)>,
}

impl Flows {
    fn new(plan: &Plan, group: &LinkGroupPlan) -> Self {
        let nominal = |media: &u16| {
            let media = &plan.media[usize::from(*media)];
            let layers: u64 = media.layers().iter().map(|layer| layer.bitrate.bps()).sum();
            let payload = if layers > 0 { layers } else { media.bitrate.bps() };
            // Headers come to a twelfth or so.
            payload + payload / 12
        };
        let demand = |member: &u32| plan.participants[*member as usize].publish.iter().map(nominal).sum();
        Self {
            bytes: vec![0; group.members.len()],
            demands: group.members.iter().map(demand).collect(),
            active: Vec::new(),
            fair: vec![None; group.members.len()],
            ends: None,
            samples: Vec::new(),
        }
    }

    const fn poll_timeout(&self) -> Option<Instant> {
        self.ends
    }

    const fn next_second(&self) -> Option<Instant> {
        self.ends
    }

    /// A packet is through; answers what falls to its member.
    fn handle(&mut self, member: u32, at: Instant, item: &UpItem) -> Option<Bitrate> {
        if let UpLoad::Media(packet) = &item.load
            && packet.transport_sequence.is_some()
        {
            self.ends.get_or_insert(Instant::from_secs(at.as_nanos() / 1_000_000_000 + 1));
            self.bytes[member as usize] += u64::from(packet.size) + u64::from(DATAGRAM_OVERHEAD);
        }
        self.fair[member as usize]
    }

    fn end_second(&mut self, at: Instant, rate: Option<u64>) {
        let active: Vec<usize> = (0..self.bytes.len()).filter(|&member| self.bytes[member] > 0).collect();
        let rates: Vec<f64> = active.iter().map(|&member| self.bytes[member] as f64 * 8.0).collect();
        if active.len() > 1 {
            // What happened in the second is due within it.
            self.samples.push((at.saturating_sub(Duration::from_nanos(1)), jain(&rates)));
        }
        self.bytes.iter_mut().for_each(|bytes| *bytes = 0);
        self.ends = (!active.is_empty()).then(|| at + SECOND);
        self.active = active;
        self.share(rate);
    }

    /// Shares a rate among those who sent.
    fn share(&mut self, rate: Option<u64>) {
        let mut demands: Vec<u64> = self.active.iter().map(|&member| self.demands[member]).collect();
        let level = rate.filter(|_| demands.len() > 1).map(|rate| Bitrate(level(rate, &mut demands)));
        self.fair.iter_mut().for_each(|fair| *fair = None);
        self.active.iter().for_each(|&member| self.fair[member] = level);
    }
}

/// What nobody gets more of while another who wants it has less (max-min fairness): the rate shared equally among those who
/// want as much, after the others have what they want.
fn level(rate: u64, demands: &mut [u64]) -> u64 {
    demands.sort_unstable();
    let (mut left, mut sharing) = (rate, demands.len() as u64);
    for &demand in demands.iter() {
        if demand.saturating_mul(sharing) > left {
            return left / sharing;
        }
        left -= demand;
        sharing -= 1;
    }
    rate
}
