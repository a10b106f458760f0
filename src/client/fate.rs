//! What befalls a client: faults, the end of a session, and the way back.

use super::comeback::Comeback;
use super::faults::Turning;
use super::parting::Parting;
use super::recovery::Possession;
use super::session::Ended;
use super::shared::Shared;
use super::sink::{Milestone, Order, Sink};
use super::{Client, State};
use crate::clock::{Duration, Instant};
use crate::plan::FaultKind;
use crate::signalling::Carry;

impl Client {
    /// A fault of the SFU's, by its index in the plan, ended at `at`: the SFU is up again, or goes on.
    pub fn handle_fault_over(&mut self, now: Instant, fault: u16, at: Instant, shared: &Shared, sink: &mut Sink) {
        self.handle_faults(now, shared, sink);
        let mut turn = self.turn(now, shared, sink);
        self.recoveries.end(&mut turn, fault, at);
        self.settle(now, shared, sink);
    }

    /// Begins and ends the faults that are due.
    pub(super) fn handle_faults(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        while let Some(Turning { at, ends, fault }) = self.faults.pop_due(now) {
            self.produce(now, at, shared, sink);
            let plan = &shared.plan.faults[usize::from(fault)];
            let present = self.session.as_ref().filter(|session| session.is_in());
            if let Some(session) = present.filter(|_| !ends) {
                let until = plan.recovery_until(shared.plan.run.steady_until());
                let mut had = session.possession(shared, at, until);
                had.restarts = matches!(plan.kind, FaultKind::IceRestart);
                // Who means to leave before, or has nothing, has nothing to recover.
                let stays = self.stay.1.is_none_or(|leaves| until <= leaves)
                    && !shared.participant(self.index).takes_break(at, until);
                if stays && had != Possession::default() {
                    self.recoveries.begin(fault, at, had);
                }
            }
            if matches!(plan.kind, FaultKind::SignalDrop) {
                self.faults.count_broken(ends);
            }
            let mut turn = self.turn(now, shared, sink);
            match (&plan.kind, &mut self.session) {
                (FaultKind::SignalDrop, Some(session)) if !ends => session.break_signalling(&mut turn),
                (FaultKind::NatRebind, Some(session)) if !ends => session.rebind(&mut turn),
                (FaultKind::IceRestart, Some(session)) if !ends => session.restart_ice(&mut turn),
                _ => {}
            }
            if ends {
                self.recoveries.end(&mut turn, fault, at);
            }
            self.settle(now, shared, sink);
        }
    }

    /// Lets go of the goodbyes that a fault held up, once signalling gets through again.
    pub(super) fn release(&mut self, sink: &mut Sink) {
        if !self.held.is_empty() && self.network.carries_signalling() {
            sink.orders.append(&mut self.held);
        }
    }

    pub(super) fn handle_ended(&mut self, now: Instant, ended: Ended, shared: &Shared, sink: &mut Sink) {
        let Some(session) = self.session.take() else { return };
        for leg in 0..session.legs() {
            sink.orders.push(Order::Unbind { leg });
        }
        let number = session.number;
        self.hold_goodbyes(number, sink);
        self.story.end(&session, &ended);
        self.partings.extend(session.legs.into_iter().filter_map(|leg| Parting::of(number, leg)));
        match ended {
            Ended::Failed(..) if self.comeback.is_none() => {
                self.milestones.push_back(Milestone::Failed);
                self.state = State::Done;
            }
            Ended::Failed(..) => self.come_back(now, shared, sink),
            Ended::Lost(..) => {
                self.comeback = Some(Comeback::new(now));
                self.come_back(now, shared, sink);
            }
            Ended::Left { at } if self.take_break(at, now, shared, sink) => {}
            Ended::Left { at } => self.end_stay(now, at, shared, sink),
            Ended::Run => self.state = State::Done,
        }
    }

    /// Takes the next attempt to come back in hand, or gives up.
    fn come_back(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        let plan = shared.participant(self.index);
        let next = self.comeback.as_ref().and_then(|comeback| comeback.next(plan, self.next_session, now));
        match (next, self.stay.1) {
            // It would have left by then.
            (Some(next), Some(ends)) if next >= ends => self.end_stay(now, ends, shared, sink),
            (Some(next), _) => self.state = State::Away { until: next },
            (None, _) => {
                self.end_comeback(now, shared, sink);
                self.milestones.push_back(Milestone::Left { at: now });
                self.state = State::Done;
            }
        }
    }

    /// A planned stay is over at `at`.
    fn end_stay(&mut self, now: Instant, at: Instant, shared: &Shared, sink: &mut Sink) {
        self.end_stories(now, shared, sink);
        self.milestones.push_back(Milestone::Left { at });
        let plan = shared.participant(self.index).sessions.get(self.stay.0);
        let again = plan.and_then(|plan| plan.rejoin_after);
        self.stay = (self.stay.0 + 1, None);
        self.state = again.map_or(State::Done, |after: Duration| State::Away { until: at + after });
    }

    /// What is still open at the end of a stay, or of the run, is censored.
    pub(super) fn end_stories(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        self.end_comeback(now, shared, sink);
        let mut turn = self.turn(now, shared, sink);
        self.recoveries.give_up(&mut turn);
    }

    fn end_comeback(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        if let Some(comeback) = self.comeback.take() {
            comeback.fail(&mut self.turn(now, shared, sink));
        }
    }

    /// Where nothing gets through, no goodbye does: the SFU hears of it once signalling is carried again.
    fn hold_goodbyes(&mut self, session: u32, sink: &mut Sink) {
        if !self.network.carries_signalling() {
            let is_goodbye = |order: &Order| matches!(order, Order::Carry { session: of, carry: Carry::Close | Carry::Text(_) | Carry::Request(_), .. } if *of == session);
            self.held.extend(sink.orders.extract_if(.., |order| is_goodbye(order)));
        }
    }
}
