//! The loss models: a verdict for each packet that leaves the serialiser.
//!
//! A chain's state and the stream of draws outlive every change of the model. A packet with an identity is judged by
//! that alone, and its chain runs along its stream's numbers instead of along the link's departures. Only the path that
//! is good and bad by turns goes by the clock for every packet.

use super::four::{self, Four, STATES, State};
use crate::config::{Loss, gilbert_transitions, stationary_bad};
use crate::dice::{Almanac, Dice};
use crate::{Identity, Instant, Seed};
use std::time::Duration;

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
    /// The same of the four-state chain.
    four: Option<State>,
    /// Whether the path was bad when it was last asked, once it was.
    turn: Option<(Instant, bool)>,
    /// Packets that were judged by their place in line.
    counted: u64,
    /// Made by the first packet with an identity.
    almanac: Option<Almanac>,
}

impl LossStage {
    pub(crate) const fn new() -> Self {
        Self { dice: Dice::new("loss"), bad: None, four: None, turn: None, counted: 0, almanac: None }
    }

    /// Whether the next packet is lost, which left the serialiser at `at`.
    pub(crate) fn loses(&mut self, model: &Loss, seed: &Seed, identity: Option<Identity>, at: Instant) -> bool {
        if matches!(model, Loss::None) {
            return false;
        }
        match (identity, model) {
            (_, Loss::OnOff { good, bad }) => self.meets_bad_time(seed, *good, *bad, at),
            (None, _) => self.loses_next(model, seed),
            (Some(packet), _) => {
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
            Loss::FourState { p13, p31, p32, p23, p14 } => {
                let chain = Four { p13, p31, p32, p23, p14 };
                let before = self.four.unwrap_or_else(|| chain.start(self.dice.unit(seed)));
                let state = chain.step(before, self.dice.unit(seed));
                self.four = Some(state);
                four::loses(state)
            }
            Loss::Trace(ref trace) => trace.loses(self.count()),
            Loss::Nth { n } => self.count() % n == n - 1,
            Loss::OnOff { .. } => false, // goes by the clock, above
        }
    }

    /// The place of this packet in line, from 0.
    const fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted - 1
    }

    /// Whether the path is bad at `at`. The chain is only looked at, so one draw a look is exact: after a time t it is
    /// bad with π + (was bad - π)·exp(-t·(1/good + 1/bad)), π its share of time.
    fn meets_bad_time(&mut self, seed: &Seed, good: Duration, bad: Duration, at: Instant) -> bool {
        let share = bad.as_secs_f64() / (good + bad).as_secs_f64();
        let chance = match self.turn {
            None => share,
            Some((last, was_bad)) => {
                let time = at.saturating_since(last).as_secs_f64();
                let kept = libm::exp(-time * (1.0 / good.as_secs_f64() + 1.0 / bad.as_secs_f64()));
                share + (f64::from(u8::from(was_bad)) - share) * kept
            }
        };
        let bad = self.dice.hits(seed, chance);
        self.turn = Some((at, bad));
        bad
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
        Loss::FourState { p13, p31, p32, p23, p14 } => {
            four::loses(state_at(almanac, packet, &Four { p13, p31, p32, p23, p14 }))
        }
        Loss::Trace(ref trace) => trace.loses(packet.number),
        Loss::Nth { n } => packet.number % n == n - 1,
        Loss::OnOff { .. } => false, // goes by the clock, above
    }
}

/// The four-state chain's state at a packet, from the draws up to its own: looks back until those draws lead to one
/// state from wherever they began.
fn state_at(almanac: Almanac, packet: Identity, chain: &Four) -> State {
    let start = packet.number - packet.number % SEGMENT;
    let mut leads: [State; 4] = STATES;
    let mut number = packet.number;
    loop {
        let unit = almanac.unit(Identity { number, ..packet }, TRANSITION);
        leads = STATES.map(|state| leads[usize::from(chain.step(state, unit))]);
        if leads.iter().all(|state| *state == leads[0]) {
            return leads[0];
        }
        if number == start {
            let first = chain.start(almanac.unit(Identity { number: start, ..packet }, START));
            return leads[usize::from(first)];
        }
        number -= 1;
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
