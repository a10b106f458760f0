//! The loss models: a verdict for each packet that leaves the serialiser.
//!
//! A chain's state and the stream of draws outlive every change of the model. A packet with an identity is judged by
//! that alone, and its chain runs along its stream's numbers instead of along the link's departures. Further models
//! (four states, chains in time, traces of losses) are further arms here.

use crate::config::{Loss, gilbert_transitions, stationary_bad};
use crate::dice::{Almanac, Dice};
use crate::{Identity, Seed};

/// Draws of one packet, by what they decide.
const TRANSITION: u64 = 0;
const VERDICT: u64 = 1;
const START: u64 = 2;

/// A chain along a stream's numbers starts afresh, in equilibrium, at every multiple of this: it bounds the look back.
const SEGMENT: u64 = 4_096;

pub(crate) struct LossStage {
    dice: Dice,
    /// The chain's state, once a chain has run.
    bad: Option<bool>,
    /// Made by the first packet with an identity.
    almanac: Option<Almanac>,
}

impl LossStage {
    pub(crate) const fn new() -> Self {
        Self { dice: Dice::new("loss"), bad: None, almanac: None }
    }

    /// Whether the next packet is lost.
    pub(crate) fn loses(&mut self, model: &Loss, seed: &Seed, identity: Option<Identity>) -> bool {
        if matches!(model, Loss::None) {
            return false;
        }
        match identity {
            None => self.loses_next(model, seed),
            Some(packet) => {
                let almanac = *self.almanac.get_or_insert_with(|| Almanac::new(seed, "loss"));
                loses_packet(model, almanac, packet)
            }
        }
    }

    fn loses_next(&mut self, model: &Loss, seed: &Seed) -> bool {
        match *model {
            Loss::None => false,
            Loss::Iid { p } => self.dice.hits(seed, p),
            Loss::Gilbert { mean, burst } => {
                let (p, r) = gilbert_transitions(mean, burst);
                self.step(seed, p, r)
            }
            Loss::GilbertElliott { p, r, h, k } => {
                // sch_netem's order of draws: the transition first, the loss by the state before it.
                let bad = self.step(seed, p, r);
                self.dice.hits(seed, if bad { h } else { k })
            }
        }
    }

    /// Whether this packet meets the bad state; the chain then moves on.
    fn step(&mut self, seed: &Seed, p: f64, r: f64) -> bool {
        let bad = match self.bad {
            Some(bad) => bad,
            // Started in equilibrium, so that short flows have the stated mean too.
            None => self.dice.hits(seed, stationary_bad(p, r)),
        };
        let moves = self.dice.hits(seed, if bad { r } else { p });
        self.bad = Some(bad != moves);
        bad
    }
}

fn loses_packet(model: &Loss, almanac: Almanac, packet: Identity) -> bool {
    match *model {
        Loss::None => false,
        Loss::Iid { p } => almanac.unit(packet, VERDICT) < p,
        Loss::Gilbert { mean, burst } => {
            let (p, r) = gilbert_transitions(mean, burst);
            meets_bad(almanac, packet, p, r)
        }
        Loss::GilbertElliott { p, r, h, k } => {
            let ratio = if meets_bad(almanac, packet, p, r) { h } else { k };
            almanac.unit(packet, VERDICT) < ratio
        }
    }
}

/// The chain's state at a packet, from the draws of those before it alone: looks back to the last draw that decided
/// the state whatever it was, and runs forward from there.
fn meets_bad(almanac: Almanac, packet: Identity, p: f64, r: f64) -> bool {
    // Bad follows a bad packet when its draw is below 1-r, a good one when it is below p.
    let draw = |number| almanac.unit(Identity { number, ..packet }, TRANSITION);
    let start = packet.number - packet.number % SEGMENT;
    let mut first = packet.number;
    let mut bad = loop {
        if first == start {
            break almanac.unit(Identity { number: start, ..packet }, START) < stationary_bad(p, r);
        }
        let unit = draw(first - 1);
        if (unit < p) == (unit < 1.0 - r) {
            break unit < p;
        }
        first -= 1;
    };
    for number in first..packet.number {
        bad = draw(number) < if bad { 1.0 - r } else { p };
    }
    bad
}
