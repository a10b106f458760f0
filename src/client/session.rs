//! One stay of a participant in the room: its legs, what it subscribes to, and how its join goes.

use super::join::Join;
use super::leg::{Leg, LegEvent, Role};
use super::leg_send;
use super::network::{Conditions, Network};
use super::shared::Shared;
use super::sink::Order;
use super::story::Snapshot;
use super::turn::Turn;
use super::voice::Voice;
use super::window::{Edge, Window};
use crate::clock::{Duration, Instant};
use crate::conference::protocol::LayerChoice;
use crate::conference::{Cause, Phase, TrackName};
use crate::metrics::catalog::Metric;
use crate::participant::chooser::Chooser;
use crate::participant::offer::offer;
use crate::participant::subscriber::First;
use crate::signalling::Carried;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How a session ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Ended {
    /// Its join failed.
    Failed(Cause, String),
    /// It was in the room and lost it unasked.
    Lost(Cause, String),
    /// It left in order, when it was meant to.
    Left {
        /// When.
        at: Instant,
    },
    /// The run ended.
    Run,
}

/// What a session begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    /// From 0; a session after the first is a rejoin.
    pub number: u32,
    /// Intended arrival.
    pub intended: Instant,
    /// When it leaves in order.
    pub leave_at: Option<Instant>,
    /// Another attempt follows when this one fails.
    pub another_follows: bool,
}

/// One stay, or what is left of it after a session was lost.
#[derive(Debug)]
pub(super) struct Session {
    /// From 0; a session after the first is a rejoin.
    pub number: u32,
    /// Intended arrival.
    pub intended: Instant,
    pub join: Join,
    /// It is an attempt to come back, and another follows when it fails: its failure is no join's.
    another_follows: bool,
    pub legs: Vec<Leg>,
    /// What it wants to receive.
    pub(super) chooser: Chooser,
    /// It is in, and may ask.
    pub(super) chooses: bool,
    /// Media that it publishes, those that the SFU was told of, and how many tracks were ever offered.
    pub(super) published: Vec<u16>,
    pub(super) told: Vec<u16>,
    pub(super) offered: usize,
    /// When each track was asked for that has not been announced.
    pub(super) asked: BTreeMap<TrackName, Instant>,
    /// The layer in which it wants what it receives.
    pub(super) layer: LayerChoice,
    /// When it speaks.
    voice: Voice,
    /// Tracks that it gave up, or that went silent, by choice and not by a fault.
    pub(super) given_up: Vec<TrackName>,
    leave_at: Option<Instant>,
    deadline: Instant,
    pub(super) ended: Option<Ended>,
    pub(super) joined_now: bool,
    pub(super) joined_told: bool,
    /// For the totals of its tracks.
    pub window: Window,
}

impl Session {
    pub fn new(shared: &Shared, me: u32, begin: Begin, now: Instant, conditions: &Conditions) -> Self {
        let Begin { number, intended, leave_at, another_follows } = begin;
        let plan = shared.participant(me);
        let seed = plan.seed.indexed("session", u64::from(number));
        Self {
            another_follows,
            number,
            intended,
            join: Join::new(intended, now),
            legs: leg_send::legs(shared, (me, number), &seed, conditions, now),
            chooser: Chooser::new(&plan.name, &plan.subscribe, &seed.child("subscribe"), intended),
            chooses: false,
            published: Vec::new(),
            told: Vec::new(),
            offered: 0,
            asked: BTreeMap::new(),
            layer: plan.layer,
            voice: Voice::default(),
            given_up: Vec::new(),
            leave_at,
            deadline: intended + plan.join_timeout,
            ended: None,
            joined_now: false,
            joined_told: false,
            window: Window::at(&shared.plan.run, now),
        }
    }

    /// What it publishes from the start, what of it is muted, and the layer in which it wants what it receives.
    pub fn begin_with(&mut self, published: &[u16], muted: &[u16], layer: LayerChoice) {
        self.layer = layer;
        self.published = published.to_vec();
        self.legs.iter_mut().for_each(|leg| leg.muted = muted.to_vec());
    }

    pub fn legs(&self) -> u8 {
        self.legs.len() as u8
    }

    pub fn handle_bound(&mut self, turn: &mut Turn<'_>, leg: u8, local: SocketAddr) {
        let Some(leg) = self.legs.get_mut(usize::from(leg)) else { return };
        let me = turn.shared.participant(turn.me);
        let publish = match leg.role {
            Role::Play { .. } => Vec::new(),
            Role::Room | Role::Publish => {
                let seed = me.seed.indexed("session", u64::from(self.number));
                (self.told, self.offered) = (self.published.clone(), self.published.len());
                let media = self.told.iter().map(|&index| &turn.shared.plan.media[usize::from(index)]);
                media.enumerate().map(|(position, media)| offer(media, position, &me.name, &seed)).collect()
            }
        };
        leg.handle_bound(turn, local, publish);
    }

    pub fn handle_carried(&mut self, turn: &mut Turn<'_>, leg: u8, carried: Carried) {
        if let Some(leg) = self.legs.get_mut(usize::from(leg)) {
            leg.handle_carried(turn, carried);
        }
    }

    pub fn classify(&self, leg: u8, bytes: &[u8]) -> super::item::Class {
        self.legs.get(usize::from(leg)).map_or(super::item::Class::Other, |leg| leg.classify(bytes))
    }

    /// A datagram leaves the emulated downlink; `times` are when it did and when it had entered.
    pub fn deliver(
        &mut self,
        turn: &mut Turn<'_>,
        leg: u8,
        source: SocketAddr,
        times: (Instant, Instant),
        bytes: &mut [u8],
    ) {
        if let Some(leg) = self.legs.get_mut(usize::from(leg)) {
            leg.deliver(turn, source, times, bytes);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = (!self.join.is_over()).then_some(self.deadline);
        let legs = self.legs.iter().filter_map(Leg::poll_timeout).min();
        let flip = self.chooser.poll_timeout().filter(|_| self.chooses);
        [legs, self.leave_at, deadline, self.window.poll_timeout(), flip].into_iter().flatten().min()
    }

    /// The conditions of the network changed: signalling shares them.
    pub fn apply(&mut self, turn: &mut Turn<'_>, conditions: &Conditions) {
        for leg in &mut self.legs {
            leg.apply(turn, conditions);
        }
    }

    /// When the next frame is due; it may be made later, but before anything else happens.
    pub fn frames_due(&self) -> Option<Instant> {
        self.legs.iter().filter_map(Leg::frames_due).min()
    }

    /// Makes the frames that were due by `until`. Totals of tracks are those of the measured window, so its edges are
    /// followed in between.
    pub fn produce(&mut self, turn: &mut Turn<'_>, network: &mut Network, until: Instant) {
        while let Some(at) = self.window.poll_timeout().filter(|at| *at <= until) {
            let before = at.saturating_sub(Duration::from_nanos(1));
            self.legs.iter_mut().for_each(|leg| leg.produce(turn, network, before));
            self.follow_window(turn, at);
        }
        self.legs.iter_mut().for_each(|leg| leg.produce(turn, network, until));
    }

    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>, network: &mut Network) {
        self.produce(turn, network, turn.now);
        for leg in &mut self.legs {
            leg.handle_timeout(turn);
            if !leg.has_left {
                leg.send_messages(turn);
                leg.report_sent(turn, network);
                leg.handle_congestion_timeout(turn, network);
                leg.handle_feedback_timeout(turn);
            }
        }
        if self.chooses {
            self.chooser.handle_timeout(turn.now);
            self.choose(turn, 0);
        }
        if let Some(at) = self.leave_at.filter(|&at| at <= turn.now) {
            self.leave_in_order(turn, at);
        }
    }

    /// Leaves in order at `at`. A join that was not over by then is censored, never forgotten.
    pub fn leave_in_order(&mut self, turn: &mut Turn<'_>, at: Instant) {
        if self.ended.is_none() {
            self.leave(turn);
            self.join.fail(turn, Cause::stuck_in(self.join.stuck_in()));
            self.end(Ended::Left { at });
        }
    }

    /// Moves datagrams, streams and events on until nothing is left to do.
    pub fn settle(&mut self, turn: &mut Turn<'_>, network: &mut Network) {
        let moved = self.send(turn, network) | self.drain_links(turn, network);
        self.settle_on(turn, network, moved);
    }

    pub(super) fn settle_on(&mut self, turn: &mut Turn<'_>, network: &mut Network, mut moved: bool) {
        loop {
            for index in 0..self.legs.len() {
                moved |= self.handle_leg_events(turn, index);
            }
            if !moved {
                break;
            }
            moved = self.send(turn, network) | self.drain_links(turn, network);
        }
        self.judge_join(turn);
        self.legs.iter_mut().for_each(Leg::rest);
    }

    /// Sends what transports and feedback have gathered; true when a transport had anything.
    fn send(&mut self, turn: &mut Turn<'_>, network: &mut Network) -> bool {
        let mut moved = false;
        for leg in &mut self.legs {
            moved |= leg.send(turn, network);
        }
        moved
    }

    pub(super) fn drain_links(&mut self, turn: &mut Turn<'_>, network: &mut Network) -> bool {
        let mut moved = false;
        network.up.handle_timeout(turn.now);
        while let Some(delivery) = network.up.poll_output() {
            moved = true;
            let current = delivery.item.session == self.number;
            if current {
                turn.record(Metric::NetEmuLateness, None, delivery.at, turn.now.saturating_since(delivery.at));
            }
            if let Some(leg) = self.legs.get_mut(usize::from(delivery.item.leg)).filter(|_| current) {
                match delivery.item.damage {
                    None => leg.emit(turn, &delivery.item.load),
                    Some(bits) => leg.emit_damaged(turn, &delivery.item.load, bits),
                }
            }
        }
        network.down.handle_timeout(turn.now);
        while let Some(mut delivery) = network.down.poll_output() {
            moved = true;
            let item = &mut delivery.item;
            // What was under way to a session that is over lay there until the next one began: nobody was late for it.
            let current = item.session == self.number;
            if current {
                turn.record(Metric::NetEmuLateness, None, delivery.at, turn.now.saturating_since(delivery.at));
            }
            if let Some(leg) = self.legs.get_mut(usize::from(item.leg)).filter(|_| current) {
                match item.damaged {
                    false => {
                        let mut room = std::mem::take(&mut turn.sink.whole);
                        let bytes = item.bytes.whole(&mut room);
                        leg.deliver(turn, item.source, (delivery.at, item.entered), bytes);
                        turn.sink.whole = room;
                    }
                    true => leg.deliver_damaged(turn, delivery.at, item),
                }
            }
            turn.sink.give_back(delivery.item.bytes.into_buffer());
        }
        moved
    }

    fn handle_leg_events(&mut self, turn: &mut Turn<'_>, index: usize) -> bool {
        let events = std::mem::take(&mut self.legs[index].events);
        let mut moved = !events.is_empty();
        for event in events {
            self.handle_leg_event(turn, index, event);
        }
        if moved && self.chooses {
            self.choose(turn, index);
        }
        while let Some((first, at)) = self.legs[index].received.poll_first() {
            moved = true;
            self.handle_first(turn, first, at);
        }
        moved
    }

    fn handle_leg_event(&mut self, turn: &mut Turn<'_>, index: usize, event: LegEvent) {
        match event {
            LegEvent::Joined(roster) => self.handle_joined(turn, index, &roster),
            LegEvent::IceConnected => self.join.mark(turn, Phase::Ice, turn.now),
            LegEvent::Keys => self.join.mark(turn, Phase::Dtls, turn.now),
            LegEvent::Failed(cause, detail) => self.leg_failed(turn, index, cause, detail),
            LegEvent::Entered(entry) => self.chooser.handle_entered(&entry),
            LegEvent::Published(participant, track) => self.chooser.handle_published(&participant, &track),
            LegEvent::Left(participant) => {
                self.chooser.handle_left(&participant);
                self.end_tracks(turn, index, |track| track.participant == participant);
                self.legs[index].end_channels(turn, &participant);
            }
            LegEvent::Unpublished(track) => {
                self.chooser.handle_unpublished(&track);
                self.given_up.push(track.clone());
                self.end_tracks(turn, index, |other| *other == track);
            }
            LegEvent::Unsubscribed(tracks) => self.end_tracks(turn, index, |track| tracks.contains(track)),
            LegEvent::Muted(track, muted) => {
                self.chooser.handle_muted(&track, muted);
                if muted {
                    self.given_up.push(track.clone());
                }
                self.legs[index].received.set_muted(turn.now, &track, muted);
            }
            LegEvent::Speakers(speakers) => {
                let me = &turn.shared.participant(turn.me).name;
                self.voice.handle_speakers(turn.now, speakers.contains(me));
                self.chooser.handle_speakers(&speakers);
            }
            LegEvent::Subscribed(streams) => self.handle_subscribed(turn, index, streams),
            LegEvent::NotYetLive => {}
        }
    }

    fn end_tracks(&mut self, turn: &mut Turn<'_>, index: usize, ended: impl Fn(&TrackName) -> bool) {
        self.legs[index].received.end(turn, ended);
    }

    fn handle_first(&mut self, turn: &mut Turn<'_>, first: First, at: Instant) {
        let phase = match first {
            First::Rtp => Phase::FirstRtp,
            First::Keyframe => Phase::FirstKeyframe,
            First::Frame => Phase::FirstFrame,
        };
        self.join.mark(turn, phase, at);
    }

    /// Whether anything that the plan selects is there, or will be without asking.
    fn expects_media(&self, turn: &Turn<'_>) -> bool {
        if turn.shared.plays_by_session() {
            return self.legs.iter().any(|leg| matches!(leg.role, Role::Play { .. }) && !leg.ended);
        }
        self.chooser.expects()
    }

    fn judge_join(&mut self, turn: &mut Turn<'_>) {
        if self.ended.is_some() || self.joined_told {
            return;
        }
        if self.join.reached(Phase::Dtls) && !self.expects_media(turn) {
            self.join.expect_nothing(turn);
        }
        if self.join.succeeded() {
            self.joined_told = true;
            self.joined_now = true;
        } else if self.deadline <= turn.now {
            let phase = self.join.stuck_in();
            let waited = self.deadline.saturating_since(self.intended).as_secs_f64();
            self.fail(
                turn,
                Cause::stuck_in(phase),
                format!("the join was still in its phase `{}` after {waited} s", phase.name()),
            );
        }
    }

    fn leg_failed(&mut self, turn: &mut Turn<'_>, index: usize, cause: Cause, detail: String) {
        let leg = &mut self.legs[index];
        if leg.ended {
            return;
        }
        leg.ended = true;
        leg.leave(turn);
        let played = matches!(leg.role, Role::Play { .. });
        // One publisher less to watch does not end the session; the last of its legs, or our own publication, does.
        // While joining, nobody left to watch is a join without media.
        let plays = self.legs.iter().any(|leg| matches!(leg.role, Role::Play { .. }) && !leg.ended);
        let stays = plays || self.join.is_over() && self.legs.iter().any(|leg| !leg.ended);
        if played && stays {
            turn.sink.orders.push(Order::Unbind { leg: index as u8 });
        } else {
            self.fail(turn, cause, detail);
        }
    }

    /// The session ends unasked.
    pub fn fail(&mut self, turn: &mut Turn<'_>, cause: Cause, detail: String) {
        if self.ended.is_some() {
            return;
        }
        self.leave(turn);
        if self.join.succeeded() {
            turn.count(Metric::SessionsLost, None, turn.now, 1);
            self.end(Ended::Lost(cause, detail));
        } else if self.another_follows {
            self.join.abandon(turn.now, cause);
            self.end(Ended::Failed(cause, detail));
        } else {
            self.join.fail(turn, cause);
            self.end(Ended::Failed(cause, detail));
        }
    }

    /// Whether it is in the room.
    pub fn is_in(&self) -> bool {
        self.ended.is_none() && self.join.succeeded()
    }

    /// The run ends.
    pub fn finish(&mut self, turn: &mut Turn<'_>) {
        if self.ended.is_some() {
            return;
        }
        self.leave(turn);
        if self.join.is_over() {
            self.end(Ended::Run);
        } else {
            self.join.fail(turn, Cause::RunEnded);
            let phase = self.join.stuck_in().name();
            self.end(Ended::Failed(
                Cause::RunEnded,
                format!("the run ended while the join was in its phase `{phase}`"),
            ));
        }
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        for leg in &mut self.legs {
            leg.leave(turn);
        }
    }

    fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
    }

    /// How it ended, if it did.
    pub fn poll_ended(&self) -> Option<Ended> {
        self.ended.clone()
    }

    /// Whether the join succeeded since the last call.
    pub fn take_joined(&mut self) -> bool {
        std::mem::take(&mut self.joined_now)
    }

    /// One interval ended.
    pub fn handle_interval(&mut self, turn: &mut Turn<'_>) -> Snapshot {
        let mut snapshot =
            Snapshot { in_room: self.join.succeeded(), joining: !self.join.is_over(), ..Snapshot::default() };
        for leg in &mut self.legs {
            self.voice.talk(std::mem::take(&mut leg.talked));
            leg.received.flush(turn);
            leg.received.sample(turn, &mut snapshot);
        }
        snapshot.voice = self.voice.take(turn.now, turn.shared.plan.output.interval);
        snapshot
    }

    fn follow_window(&mut self, turn: &mut Turn<'_>, edge: Instant) {
        match self.window.take_edge(edge) {
            Some(Edge::Begin) => self.legs.iter_mut().for_each(|leg| leg.begin_window(turn.now)),
            Some(Edge::End) => self.legs.iter_mut().for_each(Leg::close_window),
            None => {}
        }
    }
}
