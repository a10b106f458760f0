//! What one participant does in the room by the plan: what it publishes and mutes at the moment, and what comes next.
//!
//! What is due while it is away is done all the same, and shows when it comes back; only what needs a session (an ICE
//! restart, leaving) passes by.

use super::network::Network;
use super::shared::Shared;
use super::sink::Sink;
use super::{Client, State};
use crate::clock::Instant;
use crate::conference::protocol::LayerChoice;
use crate::plan::{Act, ActionPlan, ParticipantPlan};

/// What it publishes and mutes, and the next of its actions.
#[derive(Debug)]
pub(super) struct Doing {
    next: usize,
    /// Indices of media that are published, in the order of the plan, then as they came.
    pub published: Vec<u16>,
    /// Indices of media that are muted.
    pub muted: Vec<u16>,
    /// The layer in which it wants what it receives.
    pub layer: LayerChoice,
    /// It has left, and comes back then.
    pub back_at: Option<Instant>,
}

impl Doing {
    pub fn new(plan: &ParticipantPlan) -> Self {
        Self { next: 0, published: plan.publish.clone(), muted: Vec::new(), layer: plan.layer, back_at: None }
    }

    /// When the next action is due.
    pub fn poll_timeout(&self, plan: &ParticipantPlan) -> Option<Instant> {
        plan.actions.get(self.next).map(|action| action.at)
    }

    /// The next action that is due; what it publishes and mutes is as of then.
    fn pop_due(&mut self, plan: &ParticipantPlan, now: Instant) -> Option<ActionPlan> {
        let action = *plan.actions.get(self.next).filter(|action| action.at <= now)?;
        self.next += 1;
        let (list, media, on) = match action.act {
            Act::Publish { media, on } => (&mut self.published, media, on),
            Act::Mute { media, muted } => (&mut self.muted, media, muted),
            Act::SwitchLayer { layer } => {
                self.layer = layer;
                return Some(action);
            }
            Act::SwitchNetwork { .. } | Act::RestartIce | Act::Leave { .. } => return Some(action),
        };
        list.retain(|one| *one != media);
        if on {
            list.push(media);
        }
        Some(action)
    }
}

/// The links of a participant, with everything ahead that the plan says of them.
pub(super) fn network(shared: &Shared, plan: &ParticipantPlan) -> Network {
    let stays: Vec<(Instant, u16)> = plan.networks().collect();
    Network::new(&shared.plan.networks, &stays, &plan.outages, &plan.seed.child("network"))
        .with_groups(&shared.plan, plan)
        .with_faults(&shared.plan, &plan.faults, shared.signalling_port())
}

impl Client {
    /// Does what is due.
    pub(super) fn handle_actions(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        let plan = shared.participant(self.index);
        while let Some(ActionPlan { at, act }) = self.doing.pop_due(plan, now) {
            self.produce(now, at, shared, sink);
            let mut turn = self.turn(now, shared, sink);
            let Some(session) = &mut self.session else { continue };
            match act {
                Act::Publish { media, on: true } => session.publish(&mut turn, media),
                Act::Publish { media, on: false } => session.unpublish(&mut turn, media),
                Act::Mute { media, muted } => session.mute(&mut turn, media, muted),
                Act::SwitchLayer { layer } => session.switch_layer(&mut turn, layer),
                Act::RestartIce => session.restart_ice(&mut turn),
                // Another network is another address, and a browser's app restarts ICE for it.
                Act::SwitchNetwork { .. } => {
                    session.rebind(&mut turn);
                    session.restart_ice(&mut turn);
                }
                Act::Leave { until } => {
                    self.doing.back_at = Some(until);
                    session.leave_in_order(&mut turn, at);
                }
            }
            if !session.sends() {
                self.recoveries.forget_word(&mut turn);
            }
            self.settle(now, shared, sink);
        }
    }

    /// It left because it meant to, for a while: the stay goes on. False when it left for good.
    pub(super) fn take_break(&mut self, at: Instant, now: Instant, shared: &Shared, sink: &mut Sink) -> bool {
        let Some(until) = self.doing.back_at.take() else { return false };
        if self.stay.1.is_some_and(|ends| ends <= until) {
            return false;
        }
        self.end_stories(now, shared, sink);
        self.milestones.push_back(super::Milestone::Left { at });
        self.state = State::Away { until };
        true
    }
}
