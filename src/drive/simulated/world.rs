//! Clients and the SFU around one virtual clock: an island, which nothing crosses to another.
//!
//! Between a client and the SFU nothing takes time but its emulated links, which are the client's own, and the bottlenecks of
//! link groups, which are the island's. What one step
//! causes is exchanged, first in first out, until nothing is under way; only then does the next step begin. Steps that
//! are due at one instant come in a fixed order, written at [`World::step`].

use super::address;
use super::island::Island;
use super::line::Line;
use super::serving::Setup;
use super::sfu::Sfu;
use super::story::Story;
use super::timers::Timers;
use crate::client::{Client, Datagram, Entry, Groups, Milestone, Order, Outbox, Shared, Sink};
use crate::clock::Instant;
use crate::drive::acts::{Act, acts};
use crate::drive::closed::{Closed, Move};
use crate::media::Folded;
use crate::metrics::Recorder;
use crate::outcome::RunEvent;
use crate::plan::Arrival;
use crate::plan::target::{AdapterPlan, ServicePlan};
use crate::seed::Seed;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Everything that lives on one island. Clients are numbered within it.
#[derive(Debug)]
pub(super) struct World {
    pub shared: Arc<Shared>,
    pub now: Instant,
    pub clients: Vec<Client>,
    /// Their indices in the plan.
    pub members: Vec<u32>,
    /// Where clients write; lent by who runs the island.
    pub sink: Sink,
    pub sfu: Sfu,
    /// The story of one participant, where it was asked for.
    pub story: Option<Story>,
    pub groups: Groups,
    timers: Timers,
    /// When the SFU does something by itself, as of the last step.
    sfu_due: Option<Instant>,
    /// By client: the port of each of its legs, and the newest of all.
    ports: Vec<Ports>,
    /// Open arrivals, the next one last.
    arrivals: Vec<(Instant, u32)>,
    closed: BTreeMap<u16, Closed>,
    /// When a closed population's target changes next.
    closed_due: Option<Instant>,
    /// What happens to the SFU by the plan's faults, the next one last.
    acts: Vec<(Instant, Act, u16)>,
    /// What happened to it.
    pub events: Vec<RunEvent>,
    milestones: Vec<(u32, Milestone)>,
    /// How many of them the closed populations know.
    noted: usize,
}

#[derive(Debug, Default)]
struct Ports {
    by_leg: Vec<Option<u16>>,
    newest: Option<u16>,
}

impl World {
    /// Nobody of `island` is there yet.
    pub fn new(shared: Arc<Shared>, island: Island, story_of: Option<u32>) -> Self {
        let plan = &shared.plan;
        let Island { number, members } = island;
        let mut arrivals: Vec<(Instant, u32)> = Vec::new();
        for (client, &member) in (0u32..).zip(&members) {
            if let Arrival::At(at) = shared.participant(member).arrival {
                arrivals.push((at, client));
            }
        }
        arrivals.sort_unstable_by(|a, b| b.cmp(a));
        let (service, estimates) = match &plan.target.adapter {
            AdapterPlan::Reference(reference) => (reference.service, reference.estimates),
            AdapterPlan::Room { .. } | AdapterPlan::WhipWhep(_) => (ServicePlan::default(), false),
        };
        let seed = Seed::new(plan.seed).child("simulated sfu").indexed("island", number);
        let setup = Setup {
            participants: members.len(),
            seed,
            ntp_origin: shared.ntp_origin,
            estimates,
            service,
            #[cfg(test)]
            defect: match &plan.target.adapter {
                AdapterPlan::Reference(reference) => reference.defect,
                _ => None,
            },
        };
        let closed = Closed::of(plan);
        let told = members.iter().position(|member| Some(*member) == story_of);
        Self {
            now: Instant::ZERO,
            clients: members.iter().map(|&member| Client::new(&shared, member)).collect(),
            sink: Sink::for_given(Recorder::new(0, 0, 0, plan.output.interval)),
            sfu: Sfu::new(setup),
            story: told.map(|client| Story::new(plan, members[client], client as u32)),
            groups: Groups::new(plan, &members),
            timers: Timers::default(),
            sfu_due: None,
            ports: members.iter().map(|_| Ports::default()).collect(),
            members,
            arrivals,
            closed_due: (!closed.is_empty()).then_some(Instant::ZERO),
            closed,
            acts: acts(plan),
            events: Vec::new(),
            milestones: Vec::new(),
            noted: 0,
            shared,
        }
    }

    /// Lets everything happen that is due before `until`.
    pub fn run_until(&mut self, until: Instant) {
        while let Some(at) = self.next().filter(|at| *at < until) {
            self.now = self.now.max(at);
            self.step();
            self.exchange();
        }
        self.now = self.now.max(until);
    }

    fn next(&mut self) -> Option<Instant> {
        let arrival = self.arrivals.last().map(|(at, _)| *at);
        let act = self.acts.last().map(|(at, ..)| *at);
        self.sfu_due = self.sfu.poll_timeout();
        let dues = [act, self.sfu_due, self.timers.next(), self.groups.poll_timeout(), arrival, self.closed_due];
        dues.into_iter().flatten().min()
    }

    /// One step of those that are due now: what faults do to the SFU, before what it does itself, before the clients', by
    /// index, before link groups', before closed populations, before open arrivals, by index.
    fn step(&mut self) {
        let now = self.now;
        if let Some((at, act, fault)) = self.acts.pop_if(|(at, ..)| *at <= now) {
            return self.act(at, act, fault);
        }
        if self.sfu_due.is_some_and(|at| at <= now) && self.sfu.handle_timeout(now) {
            return;
        }
        if let Some(client) = self.timers.pop_due(now) {
            return self.tell(client, |client, now, shared, sink| client.handle_timeout(now, shared, sink));
        }
        if self.groups.poll_timeout().is_some_and(|at| at <= now) {
            return self.groups.handle_timeout(now, &self.shared, &mut self.sink);
        }
        if self.closed_due.is_some_and(|at| at <= now) {
            return self.fill_places();
        }
        if let Some((intended, client)) = self.arrivals.pop_if(|(at, _)| *at <= now) {
            self.tell(client, |client, now, shared, sink| client.start(now, intended, shared, sink));
        }
    }

    /// Does to the SFU what a fault does.
    fn act(&mut self, at: Instant, act: Act, fault: u16) {
        match act {
            Act::Kill => self.sfu.kill(self.now),
            Act::Pause => self.sfu.pause(self.now),
            Act::Start | Act::Resume => {
                if act == Act::Start {
                    self.sfu.start();
                    let text = format!("{}: the SFU serves again", self.shared.plan.faults[usize::from(fault)].name);
                    let kind = "fault".to_owned();
                    self.events.push(RunEvent { at: at.as_secs_f64(), lasting: 0.0, kind, text });
                } else {
                    self.sfu.resume(self.now);
                }
                for client in 0..self.clients.len() as u32 {
                    self.tell(client, |client, now, shared, sink| {
                        client.handle_fault_over(now, fault, at, shared, sink);
                    });
                }
            }
        }
    }

    /// Tells one client something, and carries out what it wants.
    pub fn tell(&mut self, client: u32, tell: impl FnOnce(&mut Client, Instant, &Shared, &mut Sink)) {
        if let Some(story) = self.story.as_mut().filter(|story| story.is_of(client)) {
            story.begin(&mut self.sink);
        }
        tell(&mut self.clients[client as usize], self.now, &self.shared, &mut self.sink);
        self.drain(client);
        if let Some(story) = self.story.as_mut().filter(|story| story.is_of(client)) {
            story.end(self.now, &mut self.sink, &self.clients[client as usize]);
        }
    }

    /// Carries out what a client wants, until it wants nothing more.
    fn drain(&mut self, client: u32) {
        loop {
            if !self.sink.datagrams.entries.is_empty() {
                self.send(client);
            }
            if self.sink.orders.is_empty() {
                break;
            }
            for order in std::mem::take(&mut self.sink.orders) {
                if let Some(story) = self.story.as_mut().filter(|story| story.is_of(client)) {
                    story.order(self.now, &order);
                }
                self.carry_out(client, order);
            }
        }
        if !self.sink.crossings.is_empty() {
            self.groups.take_in(&mut self.sink.crossings);
        }
        let one = &mut self.clients[client as usize];
        self.timers.set(client, one.poll_timeout());
        while let Some(milestone) = one.poll_milestone() {
            self.milestones.push((client, milestone));
        }
    }

    /// Hands the SFU what a client wrote. Whatever it answers waits until this client has been told all.
    fn send(&mut self, client: u32) {
        let mut outbox = std::mem::take(&mut self.sink.datagrams);
        for Entry { leg, start, end, .. } in &outbox.entries {
            let bytes = &outbox.bytes[*start as usize..*end as usize];
            if let Some(story) = self.story.as_mut().filter(|story| story.is_of(client)) {
                story.sent(self.now, bytes);
            }
            // A datagram of a leg without a socket goes nowhere.
            if let Some(port) = self.ports[client as usize].of(*leg) {
                self.sfu.handle_datagram(self.now, address::of(client, port), bytes);
            }
        }
        Outbox::clear(&mut outbox);
        self.sink.datagrams = outbox;
    }

    fn carry_out(&mut self, client: u32, order: Order) {
        match order {
            Order::Bind { leg } => {
                let port = self.ports[client as usize].bind(leg);
                let local = address::of(client, port);
                let one = &mut self.clients[client as usize];
                one.handle_bound(self.now, leg, local, &self.shared, &mut self.sink);
            }
            // Nobody behind a NAT is told of it.
            Order::Rebind { leg } => {
                self.ports[client as usize].bind(leg);
            }
            // A socket of this world has no route to spare.
            Order::Connect { .. } => {}
            Order::Unbind { leg } => self.ports[client as usize].unbind(leg),
            Order::Carry { leg, session, carry } => {
                self.sfu.handle_carry(self.now, Line { client, session, leg }, carry);
            }
        }
    }

    /// Delivers what is under way until nothing is: what crosses a link group before datagrams before signalling, each in its
    /// order.
    pub fn exchange(&mut self) {
        loop {
            if self.groups.is_fed() {
                self.groups.handle_timeout(self.now, &self.shared, &mut self.sink);
            }
            if let Some((client, crossed)) = self.groups.poll_output() {
                self.tell(client, |client, now, shared, sink| client.handle_crossed(now, crossed, shared, sink));
            } else if let Some((to, bytes)) = self.sfu.poll_departure() {
                self.deliver(to, bytes);
            } else if let Some((line, carried)) = self.sfu.poll_said() {
                if let Some(story) = self.story.as_mut().filter(|story| story.is_of(line.client)) {
                    story.heard(self.now, &carried);
                }
                self.tell(line.client, |client, now, shared, sink| {
                    client.handle_carried(now, line.leg, line.session, carried, shared, sink);
                });
            } else if self.noted < self.milestones.len() && !self.closed.is_empty() && self.note_closed() {
                self.fill_places();
            } else {
                return;
            }
        }
    }

    fn deliver(&mut self, to: SocketAddr, bytes: Folded) {
        let Some((client, port)) = address::owner(to) else { return };
        let Some(leg) = self.ports.get(client as usize).and_then(|ports| ports.leg(port)) else { return };
        let told = self.story.as_ref().is_some_and(|story| story.is_of(client));
        let datagram = |one: &mut Client, now, shared: &Shared, sink: &mut Sink, bytes| {
            one.handle_datagram(now, leg, now, address::SFU, Datagram::Folded(bytes), shared, sink);
        };
        if told {
            self.story.iter_mut().for_each(|story| story.arrived(self.now, &bytes.clone().into_whole()));
            return self.tell(client, |client, now, shared, sink| {
                datagram(client, now, shared, sink, bytes);
                client.handle_batch_end(now, shared, sink);
            });
        }
        let one = &mut self.clients[client as usize];
        datagram(one, self.now, &self.shared, &mut self.sink, bytes);
        if one.has_news(self.now) || !self.sink.crossings.is_empty() {
            self.tell(client, Client::handle_batch_end);
        } else {
            // It lies in the link, and nothing else is otherwise than it was.
            self.timers.hasten(client, one.next_arrival());
        }
    }

    /// Tells closed populations who came and left since the last call; false when they know already.
    fn note_closed(&mut self) -> bool {
        let mut news = false;
        for (client, milestone) in &self.milestones[self.noted..] {
            let population = self.shared.participant(self.members[*client as usize]).population;
            let Some(population) = self.closed.get_mut(&population) else { continue };
            news = true;
            match *milestone {
                Milestone::Joining => population.handle_back(*client),
                Milestone::Joined => {}
                Milestone::Failed => population.handle_left(*client, self.now),
                Milestone::Left { at } => population.handle_left(*client, at),
            }
        }
        self.noted = self.milestones.len();
        news
    }

    /// Fills the places that closed populations have free, or empties those that they have no more. Everybody is on one
    /// island then, so that indices of the plan are those of clients.
    fn fill_places(&mut self) {
        let now = self.now;
        for population in self.closed.keys().copied().collect::<Vec<_>>() {
            while let Some(next) = self.closed.get_mut(&population).and_then(|closed| closed.poll(now)) {
                match next {
                    Move::Start { participant, intended } => {
                        self.tell(participant, |client, now, shared, sink| client.start(now, intended, shared, sink));
                    }
                    Move::Leave { participant } => {
                        self.tell(participant, |client, now, shared, sink| client.leave(now, shared, sink));
                    }
                }
            }
        }
        self.closed_due = self.closed.values().filter_map(|closed| closed.next_change(now)).min();
    }

    /// What happened to participants since the last call, by their indices in the plan.
    pub fn take_milestones(&mut self) -> impl Iterator<Item = (u32, Milestone)> + '_ {
        self.noted = 0;
        let members = &self.members;
        self.milestones.drain(..).map(|(client, milestone)| (members[client as usize], milestone))
    }

    /// Has everybody leave: the run ends.
    pub fn finish(&mut self) {
        for client in 0..self.clients.len() as u32 {
            self.tell(client, |client, now, shared, sink| client.finish(now, shared, sink));
        }
        self.exchange();
    }
}

impl Ports {
    fn of(&self, leg: u8) -> Option<u16> {
        self.by_leg.get(usize::from(leg)).copied().flatten()
    }

    fn leg(&self, port: u16) -> Option<u8> {
        self.by_leg.iter().position(|known| *known == Some(port)).map(|leg| leg as u8)
    }

    /// A port that this participant has not had.
    fn bind(&mut self, leg: u8) -> u16 {
        let port = address::next_port(self.newest);
        self.newest = Some(port);
        if self.by_leg.len() <= usize::from(leg) {
            self.by_leg.resize(usize::from(leg) + 1, None);
        }
        self.by_leg[usize::from(leg)] = Some(port);
        port
    }

    fn unbind(&mut self, leg: u8) {
        if let Some(port) = self.by_leg.get_mut(usize::from(leg)) {
            *port = None;
        }
    }
}
