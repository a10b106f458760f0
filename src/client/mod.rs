//! One participant with its signalling, transports and links: the only thing that a driver drives.
//!
//! It is told the time, datagrams and answers, and writes what is to be done into the worker's [`Sink`]. Uplink media
//! crosses the link unsealed and is sealed where it leaves it; downlink datagrams carry the time they arrived, and
//! measures use that, never the tick. It owns no socket and reads no clock.

mod captured;
mod comeback;
mod congestion;
mod damage;
mod data;
mod disturbed;
mod doing;
mod fate;
mod faults;
mod group;
mod item;
mod join;
mod leg;
mod leg_drain;
mod leg_encoders;
mod leg_publish;
mod leg_receive;
mod leg_send;
mod line;
mod network;
mod parting;
mod receiving;
mod recovery;
mod remb;
mod session;
mod session_acts;
mod session_choice;
mod shared;
mod sink;
mod story;
mod turn;
mod voice;
mod window;
mod word;

#[cfg(test)]
mod tests;

pub use group::{Crossed, Crossing, Groups};
pub use item::{CLASS_NAMES, Datagram};
pub use shared::Shared;
pub use sink::{Entry, Milestone, Order, Outbox, Sink};
pub use story::Snapshot;

use crate::clock::{Duration, Instant};
use crate::conference::Cause;
use crate::metrics::catalog::Metric;
use crate::outcome::{LinkOutcome, ParticipantDetail};
use crate::signalling::Carried;
use comeback::Comeback;
use doing::Doing;
use faults::Timeline;
use group::Load;
use item::DownItem;
use line::DOWN;
use network::Network;
use parting::Parting;
use recovery::Recoveries;
use session::{Begin, Session};
use std::collections::VecDeque;
use std::net::SocketAddr;
use story::Story;
use turn::{Barrier, Turn};

/// One participant.
#[derive(Debug)]
pub struct Client {
    index: u32,
    network: Network,
    state: State,
    session: Option<Box<Session>>,
    /// Legs of sessions that are over, each waiting for an answer that may have to be undone.
    partings: Vec<Parting>,
    /// Number of the next session.
    next_session: u32,
    /// Which of the planned stays it is in, and when that ends.
    stay: (usize, Option<Instant>),
    /// It lost its session, and is on the way back.
    comeback: Option<Comeback>,
    faults: Timeline,
    doing: Doing,
    recoveries: Recoveries,
    /// For which recoveries, session and sources things were armed last.
    armed: (u32, u32, usize),
    /// Goodbyes that a fault holds up.
    held: Vec<Order>,
    milestones: VecDeque<Milestone>,
    story: Story,
    /// When the session has something to do by itself, apart from its links.
    session_due: Option<Instant>,
    /// When its next frame is due.
    frames_due: Option<Instant>,
    /// When it does something next by the plan.
    act_due: Option<Instant>,
    /// A datagram got past the link since the last time that everything was moved on.
    stirred: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Its time has not come.
    Waiting,
    /// A session is on.
    Present,
    /// It left and comes back.
    Away { until: Instant },
    /// It will not come again.
    Done,
}

impl Client {
    /// The participant with this index in the plan, not arrived yet.
    #[must_use]
    pub fn new(shared: &Shared, index: u32) -> Self {
        let plan = shared.participant(index);
        Self {
            index,
            network: doing::network(shared, plan),
            state: State::Waiting,
            session: None,
            partings: Vec::new(),
            next_session: 0,
            stay: (0, None),
            comeback: None,
            faults: Timeline::new(&shared.plan, &plan.faults),
            doing: Doing::new(plan),
            recoveries: Recoveries::default(),
            armed: (0, 0, 0),
            held: Vec::new(),
            milestones: VecDeque::new(),
            story: Story::default(),
            session_due: None,
            frames_due: None,
            act_due: None,
            stirred: false,
        }
    }

    /// Begins to join; `intended` is when it was meant to.
    pub fn start(&mut self, now: Instant, intended: Instant, shared: &Shared, sink: &mut Sink) {
        // What happened while it was away happened to nobody.
        self.handle_faults(now, shared, sink);
        self.handle_actions(now, shared, sink);
        let mut turn = self.turn(now, shared, sink);
        let another_follows = match &mut self.comeback {
            Some(comeback) => comeback.attempt(&mut turn),
            None => {
                let length = shared.participant(self.index).sessions.get(self.stay.0).and_then(|stay| stay.length);
                // Who was away for a while is in the same stay.
                self.stay.1 = self.stay.1.or(length.map(|length| intended + length));
                false
            }
        };
        let begin = Begin { number: self.next_session, intended, leave_at: self.stay.1, another_follows };
        self.next_session += 1;
        self.state = State::Present;
        let mut session = Session::new(shared, self.index, begin, now, &self.network.conditions());
        session.begin_with(&self.doing.published, &self.doing.muted, self.doing.layer);
        for leg in 0..session.legs() {
            sink.orders.push(Order::Bind { leg });
        }
        self.milestones.push_back(Milestone::Joining);
        self.story.begin(intended);
        self.session = Some(Box::new(session));
        let mut turn = self.turn(now, shared, sink);
        turn.record(Metric::HarnessArrivalLateness, None, intended, now.saturating_since(intended));
        // Conditions may have changed while it was away, and it joins under those of now.
        self.handle_timeout(now, shared, sink);
    }

    /// The socket of a leg is bound to `local`.
    pub fn handle_bound(&mut self, now: Instant, leg: u8, local: SocketAddr, shared: &Shared, sink: &mut Sink) {
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            session.handle_bound(&mut turn, leg, local);
        }
        self.settle(now, shared, sink);
    }

    /// This machine refused what a session needs (a socket, say).
    pub fn handle_refused(&mut self, now: Instant, detail: String, shared: &Shared, sink: &mut Sink) {
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            session.fail(&mut turn, Cause::Local, detail);
        }
        self.settle(now, shared, sink);
    }

    /// Something came back from the SFU's HTTP or WebSocket, for this session's leg.
    pub fn handle_carried(
        &mut self,
        now: Instant,
        leg: u8,
        session: u32,
        carried: Carried,
        shared: &Shared,
        sink: &mut Sink,
    ) {
        if let Some(parting) = self.partings.iter_mut().find(|parting| (parting.session, parting.leg) == (session, leg))
        {
            parting.handle_carried(now, carried, sink);
            return self.partings.retain(Parting::is_on);
        }
        let mut turn = self.turn(now, shared, sink);
        if let Some(current) = &mut self.session
            && current.number == session
        {
            current.handle_carried(&mut turn, leg, carried);
        }
        self.settle(now, shared, sink);
    }

    /// A datagram came to a leg's socket at `entered`, the kernel's stamp. It is opened in place.
    #[allow(clippy::too_many_arguments, reason = "a datagram is its bytes, where it came from, and when")]
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        leg: u8,
        entered: Instant,
        source: SocketAddr,
        bytes: Datagram<'_>,
        shared: &Shared,
        sink: &mut Sink,
    ) {
        let mut bytes = bytes;
        let mut turn = self.turn(now, shared, sink);
        let Some(session) = &mut self.session else { return };
        if !turn.lets(source.port()) {
            return;
        }
        let class = session.classify(leg, bytes.beginning());
        let lane = self.network.lane(DOWN);
        if lane.is_none() && self.network.down.pass(class as usize, bytes.len()) {
            session.deliver(&mut turn, leg, source, (entered, entered), bytes.get());
            self.stirred = true;
        } else {
            let bytes = match bytes {
                Datagram::Lent(bytes) => turn.sink.copy(bytes).into(),
                Datagram::Given(bytes) => bytes.into(),
                Datagram::Folded(folded) => folded,
            };
            let item = DownItem { session: turn.session, leg, class, source, entered, bytes, damaged: false };
            match lane {
                None => self.network.down.handle_packet(entered, item),
                Some(lane) => {
                    turn.sink.crossings.extend(self.network.enter(lane, entered, Load::Down(item)));
                }
            }
        }
    }

    /// A packet of its own has left a bottleneck that it shares with others, or was dropped there.
    pub fn handle_crossed(&mut self, now: Instant, crossed: Crossed, shared: &Shared, sink: &mut Sink) {
        self.network.handle_crossed(crossed);
        // What goes into its own links comes out of them when it is due.
        if self.session.is_some() && self.network.arrival().is_some_and(|at| at <= now) {
            self.settle(now, shared, sink);
        }
    }

    /// Call once after a batch of [`Self::handle_datagram`].
    pub fn handle_batch_end(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        // What went into the link comes out of it when it is due.
        if self.has_news(now) {
            self.settle(now, shared, sink);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        if self.only_receives(now) {
            return self.receive(now, shared, sink);
        }
        let changed = self.change_network(now, shared, sink);
        self.handle_faults(now, shared, sink);
        self.handle_actions(now, shared, sink);
        self.release(sink);
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            if changed {
                session.apply(&mut turn, &self.network.conditions());
            }
            if self.session_due.is_some_and(|at| at <= now) {
                session.handle_timeout(&mut turn, &mut self.network);
            }
        }
        self.settle(now, shared, sink);
        if !self.partings.is_empty() {
            self.partings.iter_mut().for_each(|parting| parting.handle_timeout(now, sink));
            self.partings.retain(Parting::is_on);
        }
        if matches!(self.state, State::Away { until } if until <= now) {
            let State::Away { until } = self.state else { return };
            self.start(now, until, shared, sink);
        }
    }

    /// Applies the changes of the network that are due: what was due before one enters before it. True when there were
    /// any.
    fn change_network(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) -> bool {
        let mut changed = false;
        while let Some(at) = self.network.next_change().filter(|at| *at <= now) {
            self.produce(now, at, shared, sink);
            changed |= self.network.handle_timeout(at, &shared.plan.networks);
        }
        changed
    }

    /// Makes the frames that were due by `until`: nothing else may happen before them.
    fn produce(&mut self, now: Instant, until: Instant, shared: &Shared, sink: &mut Sink) {
        if self.frames_due.is_none_or(|due| due > until) {
            return;
        }
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            session.produce(&mut turn, &mut self.network, until);
            self.frames_due = session.frames_due();
        }
    }

    /// When to be told the time again; `None` when nothing will happen by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let away = match self.state {
            State::Away { until } => Some(until),
            State::Waiting | State::Present | State::Done => None,
        };
        // Links of one who is not there only matter when it comes back: `start` catches up.
        let network = self.session.as_ref().and_then(|_| self.network.poll_timeout());
        let partings = self.partings.iter().filter_map(Parting::poll_timeout).min();
        let faults = self.session.as_ref().and_then(|_| self.faults.poll_timeout());
        let held = self.network.next_change().filter(|_| !self.held.is_empty());
        let doing = self.session.as_ref().and(self.act_due);
        [self.session_due, away, network, partings, faults, held, doing].into_iter().flatten().min()
    }

    /// How long its downlink holds every packet at least: what is told that much later cannot be told apart. Nothing
    /// where nobody is there to receive.
    #[must_use]
    pub fn downlink_delay(&self) -> Duration {
        if self.session.is_some() { self.network.downlink_delay() } else { Duration::ZERO }
    }

    /// When the conditions of its network change next.
    #[must_use]
    pub fn next_change(&self) -> Option<Instant> {
        self.session.as_ref().and_then(|_| self.network.next_change())
    }

    /// Whether it left while an offer was on its way, and has yet to undo what may come of it.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        !self.partings.is_empty()
    }

    /// What happened since the last call.
    pub fn poll_milestone(&mut self) -> Option<Milestone> {
        self.milestones.pop_front()
    }

    /// One interval of the series ended: keeps the timeline and answers what the panel shows.
    pub fn handle_interval(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) -> Snapshot {
        self.produce(now, now, shared, sink);
        let mut turn = self.turn(now, shared, sink);
        let snapshot = match &mut self.session {
            Some(session) => session.handle_interval(&mut turn),
            None => Snapshot::default(),
        };
        self.note_due();
        self.story.interval(snapshot);
        self.record_links(&mut self.turn(now, shared, sink));
        snapshot
    }

    /// Leaves before its time: its population shrinks.
    pub fn leave(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        self.produce(now, now, shared, sink);
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            session.leave_in_order(&mut turn, now);
        }
        self.settle(now, shared, sink);
        self.end_stories(now, shared, sink);
        // Its place is gone: it does not come back.
        self.state = State::Done;
    }

    /// Leaves in order: the run has ended. Joins that had not finished are censored.
    pub fn finish(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        self.produce(now, now, shared, sink);
        self.handle_faults(now, shared, sink);
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            session.finish(&mut turn);
        }
        self.settle(now, shared, sink);
        self.end_stories(now, shared, sink);
        sink.orders.append(&mut self.held);
        self.state = State::Done;
    }

    /// What became of it.
    #[must_use]
    pub fn detail(&self, shared: &Shared) -> ParticipantDetail {
        self.story.detail(shared, self.index)
    }

    /// The books of its links.
    #[must_use]
    pub fn links(&self) -> Vec<LinkOutcome> {
        story::links(self.index, &self.network)
    }

    /// Segments of signalling that the network lost so far, up and down, with the number of the session whose they were.
    #[must_use]
    pub fn lost_segments(&self) -> Option<(u32, [u64; 2])> {
        let session = self.session.as_ref()?;
        let lost = |direction| session.legs.iter().map(|leg| leg.path.0.retransmitted_in(direction)).sum();
        Some((session.number, [lost(netem::Direction::Up), lost(netem::Direction::Down)]))
    }

    /// What the emulated links did since the last interval.
    fn record_links(&mut self, turn: &mut Turn<'_>) {
        for delay in self.network.queue_delays().into_iter().filter(|delay| !delay.is_zero()) {
            turn.record(Metric::NetEmuQueue, None, turn.now, delay);
        }
        let (lost, offered) = self.network.take_losses();
        turn.ratio(Metric::NetEmuLoss, None, turn.now, lost, offered);
    }

    fn turn<'a>(&self, now: Instant, shared: &'a Shared, sink: &'a mut Sink) -> Turn<'a> {
        let session = self.session.as_ref();
        Turn {
            now,
            shared,
            sink,
            me: self.index,
            rejoin: session.is_some_and(|session| session.number > 0),
            arrival: session.map_or(now, |session| session.intended),
            session: session.map_or(0, |session| session.number),
            joined: session.is_some_and(|session| session.join.is_over()),
            barrier: Barrier {
                firewall: self.network.firewall(),
                broken: self.faults.is_broken(),
                silent: !self.network.carries_datagrams(),
            },
        }
    }

    /// Moves everything on until nothing is left to do at `now`, then sees whether the session ended.
    fn settle(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        self.stirred = false;
        self.produce(now, now, shared, sink);
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            session.settle(&mut turn, &mut self.network);
        }
        self.conclude(now, shared, sink);
    }

    /// Sees what came of everything having been moved on, and when something is due again.
    fn conclude(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        let mut turn = self.turn(now, shared, sink);
        if let Some(session) = &mut self.session {
            if session.take_joined() {
                self.milestones.push_back(Milestone::Joined);
                if let Some(comeback) = self.comeback.take() {
                    comeback.succeed(&mut turn);
                }
            }
            let given_up = session.take_given_up();
            if !self.recoveries.is_empty() {
                given_up.iter().for_each(|track| self.recoveries.forget(&mut turn, &track.to_string()));
                session.take_back(&mut turn, &mut self.recoveries);
                let armed = (self.recoveries.version(), session.number, session.sources());
                if std::mem::replace(&mut self.armed, armed) != armed {
                    session.arm(now, &self.recoveries);
                }
            }
            if let Some(ended) = session.poll_ended() {
                self.handle_ended(now, ended, shared, sink);
            }
        }
        self.act_due = self.doing.poll_timeout(shared.participant(self.index));
        self.note_due();
    }

    fn note_due(&mut self) {
        self.session_due = self.session.as_ref().and_then(|session| session.poll_timeout());
        self.frames_due = self.session.as_ref().and_then(|session| session.frames_due());
    }
}
