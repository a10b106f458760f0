//! What faults do to a session besides its packets, and what a session has that they may take.

use super::recovery::{Possession, Recoveries};
use super::session::Session;
use super::shared::Shared;
use super::sink::Order;
use super::turn::Turn;
use crate::clock::Instant;

impl Session {
    /// A fault breaks the signalling connections.
    pub fn break_signalling(&mut self, turn: &mut Turn<'_>) {
        self.legs.iter_mut().for_each(|leg| leg.break_signalling(turn));
    }

    /// A fault gives the sockets other ports.
    pub fn rebind(&mut self, turn: &mut Turn<'_>) {
        for leg in self.legs.iter().filter(|leg| !leg.ended && leg.transport.is_some()) {
            turn.sink.orders.push(Order::Rebind { leg: leg.index });
        }
    }

    /// A fault restarts ICE.
    pub fn restart_ice(&mut self, turn: &mut Turn<'_>) {
        self.legs.iter_mut().for_each(|leg| leg.restart_ice(turn));
    }

    /// What it has that a fault may take until `until`: tracks of publishers who mean to stay, and what it publishes.
    pub fn possession(&self, shared: &Shared, now: Instant, until: Instant) -> Possession {
        let streams = self.legs.iter().flat_map(|leg| &leg.received.streams);
        let stays = |publisher: Option<u32>| publisher.is_none_or(|publisher| shared.plan.stays(publisher, now, until));
        let here = streams.filter(|one| !one.ended && one.stream.has_delivered() && !one.stream.is_muted());
        let kept = here.filter(|one| stays(one.publisher));
        Possession { tracks: kept.map(|one| one.name.clone()).collect(), restarts: false, publishes: self.sends() }
    }

    /// Arms streams and publications for what is waited for.
    pub fn arm(&mut self, now: Instant, recoveries: &Recoveries) {
        for leg in self.legs.iter_mut().filter(|leg| !leg.ended) {
            for incoming in leg.received.streams.iter_mut().filter(|incoming| !incoming.ended) {
                if let Some(after) = recoveries.waits_for(&incoming.name) {
                    incoming.stream.arm(after);
                }
            }
            let sent = || leg.publications.iter().filter(|one| !one.is_stopped());
            if recoveries.waits_for_word().is_some() && sent().next().is_some() && !leg.word.is_armed() {
                let next = sent().map(|one| (one.parameters.ssrc, one.next_sequence())).collect();
                leg.word.arm(now, leg.transport_sequence, next);
            }
        }
    }

    /// Streams and publications that there are: what is new has to be armed.
    pub fn sources(&self) -> usize {
        self.legs.iter().map(|leg| leg.received.announced + leg.publications.len()).sum()
    }

    /// Hands out what is back.
    pub fn take_back(&mut self, turn: &mut Turn<'_>, recoveries: &mut Recoveries) {
        for leg in &mut self.legs {
            for incoming in &mut leg.received.streams {
                if let Some(back) = incoming.back.take() {
                    recoveries.handle_track(turn, &incoming.name, back);
                }
            }
            for _ in 0..std::mem::take(&mut leg.restarts) {
                recoveries.handle_restarted(turn);
            }
            if let Some(back) = leg.word.back.take() {
                recoveries.handle_word(turn, back);
            }
        }
    }
}
