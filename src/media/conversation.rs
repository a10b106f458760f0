//! A conversation: who of a group has the floor, and who of them talks when, by the states of ITU-T P.59 (03/93).
//!
//! The Recommendation's model of two people (§3) has four states: each of them alone (single talk), both (double talk) and
//! neither (mutual silence), each for an exponential time of 0.854, 0.226 and 0.456 s. Who talks alone is interrupted in
//! 40 % of the cases and falls silent in the others; after double talk and after silence either goes on, equally likely.
//! That makes 70 % single talk, 7 % double talk and 22 % silence, near the measured ones of its Table 1. Of more than two
//! people any of those who have the floor is equally likely to come next, and two at most talk at once. The rule for
//! pauses below 200 ms is left out: a packet takes 20 ms, and the model of the single talker decides.
//!
//! Everything is a function of the seed and the time, so that each of the group can follow the conversation alone.

use crate::clock::{Duration, Instant};
use crate::dist::{self, Dist};
use crate::seed::{ChaCha8Rng, Seed};
use rand::Rng;

/// Mean length of single talk (P.59 §3).
pub const SINGLE_TALK: Duration = Duration::from_millis(854);
/// Mean length of double talk (P.59 §3).
pub const DOUBLE_TALK: Duration = Duration::from_millis(226);
/// Mean length of mutual silence (P.59 §3).
pub const MUTUAL_SILENCE: Duration = Duration::from_millis(456);
/// Probability that single talk ends with somebody talking too, instead of in silence (P1 of P.59 §3).
pub const INTERRUPTED: f64 = 0.4;

/// A place in a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which of them.
    pub position: u32,
    /// The group's seed and size.
    pub seed: Seed,
    /// People in the group, at least 1.
    pub people: u32,
    /// How many of them have the floor at once, at least 1; all where there are fewer.
    pub active: u32,
}

/// A seat: a place, and how often the floor goes round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Seat {
    /// Where.
    pub place: Place,
    /// How long until one of those who have the floor hands it on, `None` for never.
    pub rotate: Option<Dist>,
}

impl Seat {
    /// The share of time for which one of the group talks by the model, in the long run.
    #[must_use]
    pub fn share_of_talk(&self) -> f64 {
        let (single, double, _) = shares(self.floor());
        (single + 2.0 * double) / f64::from(self.place.people.max(1))
    }

    /// The share of time for which one of the group has the floor, in the long run.
    #[must_use]
    pub fn share_of_floor(&self) -> f64 {
        f64::from(self.floor()) / f64::from(self.place.people.max(1))
    }

    /// How many have the floor at once.
    #[must_use]
    pub fn floor(&self) -> u32 {
        self.place.active.min(self.place.people).max(1)
    }
}

/// Shares of single talk, double talk and mutual silence in the long run when so many have the floor: the lengths of a
/// cycle that begins with single talk.
#[must_use]
pub fn shares(floor: u32) -> (f64, f64, f64) {
    let interrupted = if floor > 1 { INTERRUPTED } else { 0.0 };
    let single = SINGLE_TALK.as_secs_f64();
    let double = interrupted * DOUBLE_TALK.as_secs_f64();
    let silence = (1.0 - interrupted) * MUTUAL_SILENCE.as_secs_f64();
    let cycle = single + double + silence;
    (single / cycle, double / cycle, silence / cycle)
}

/// Who has the floor. Asked in the order of time.
#[derive(Debug)]
struct Floor {
    rng: ChaCha8Rng,
    rotate: Option<Dist>,
    people: u32,
    /// Who has had it longest comes first.
    holders: Vec<u32>,
    until: Instant,
}

impl Floor {
    fn new(seat: &Seat) -> Self {
        let mut rng = seat.place.seed.child("floor").rng();
        let mut holders = Vec::with_capacity(seat.floor() as usize);
        for _ in 0..seat.floor() {
            holders.extend(other(&mut rng, seat.place.people, &holders));
        }
        let everybody = seat.floor() >= seat.place.people;
        let rotate = seat.rotate.filter(|_| !everybody);
        let until = rotate.map_or(Instant::MAX, |law| Instant::ZERO + pause(law, &mut rng));
        Self { rng, rotate, people: seat.place.people, holders, until }
    }

    fn advance(&mut self, at: Instant) {
        while let Some(law) = self.rotate.filter(|_| at >= self.until) {
            // Who comes next is none of those who have it now.
            if let Some(next) = other(&mut self.rng, self.people, &self.holders) {
                self.holders.remove(0);
                self.holders.push(next);
            }
            self.until += pause(law, &mut self.rng);
        }
    }
}

/// One that is not among `taken`, each equally likely.
fn other(rng: &mut ChaCha8Rng, people: u32, taken: &[u32]) -> Option<u32> {
    let free = u64::from(people).checked_sub(taken.len() as u64).filter(|free| *free > 0)?;
    let mut chosen = (rng.next_u64() % free) as u32;
    let mut sorted = taken.to_vec();
    sorted.sort_unstable();
    for one in sorted {
        chosen += u32::from(one <= chosen);
    }
    Some(chosen)
}

/// A law whose draws are all zero would never let time pass.
fn pause(law: Dist, rng: &mut ChaCha8Rng) -> Duration {
    law.sample(rng).max(Duration::from_millis(1))
}

/// A conversation as one of the group follows it. Asked in the order of time.
#[derive(Debug)]
pub struct Conversation {
    floor: Floor,
    rng: ChaCha8Rng,
    /// Who talks: two at most.
    talkers: Vec<u32>,
    until: Instant,
}

impl Conversation {
    /// A conversation that is in each state at the start of the run as often as in the long run.
    #[must_use]
    pub fn new(seat: &Seat) -> Self {
        let floor = Floor::new(seat);
        let rng = seat.place.seed.child("states").rng();
        let mut conversation = Self { floor, rng, talkers: Vec::with_capacity(2), until: Instant::ZERO };
        let (single, double, _) = shares(seat.floor());
        let luck = dist::unit(&mut conversation.rng);
        let talking = if luck <= double { 2 } else { usize::from(luck <= double + single) };
        for _ in 0..talking.min(seat.floor() as usize) {
            conversation.add_talker();
        }
        conversation.stay();
        conversation
    }

    /// It is `at`, which never decreases.
    pub fn advance(&mut self, at: Instant) {
        while at >= self.until {
            self.floor.advance(self.until);
            self.change();
        }
        self.floor.advance(at);
    }

    /// Whether this one talks.
    #[must_use]
    pub fn talks(&self, position: u32) -> bool {
        self.talkers.contains(&position)
    }

    /// Whether this one has the floor.
    #[must_use]
    pub fn has_floor(&self, position: u32) -> bool {
        self.floor.holders.contains(&position)
    }

    /// How many talk.
    #[must_use]
    pub fn talking(&self) -> usize {
        self.talkers.len()
    }

    /// When the state changes next.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.until
    }

    fn change(&mut self) {
        match self.talkers.len() {
            0 => self.add_talker(),
            // Who has lost the floor finishes the sentence, and may be interrupted in it.
            1 if self.floor.holders.len() > 1 && dist::unit(&mut self.rng) <= INTERRUPTED => self.add_talker(),
            1 => self.talkers.clear(),
            _ => {
                let gone = (self.rng.next_u64() % self.talkers.len() as u64) as usize;
                self.talkers.remove(gone);
            }
        }
        self.stay();
    }

    fn add_talker(&mut self) {
        let free: Vec<u32> = self.floor.holders.iter().copied().filter(|one| !self.talkers.contains(one)).collect();
        if !free.is_empty() {
            self.talkers.push(free[(self.rng.next_u64() % free.len() as u64) as usize]);
        }
    }

    fn stay(&mut self) {
        let mean = [MUTUAL_SILENCE, SINGLE_TALK, DOUBLE_TALK][self.talkers.len()];
        self.until += Dist::Exponential(mean).sample(&mut self.rng).max(Duration::from_nanos(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(seed: u64, people: u32, active: u32, rotate: Option<&str>) -> Seat {
        let place = Place { position: 0, seed: Seed::new(seed), people, active };
        Seat { place, rotate: rotate.map(|law| Dist::parse(law).unwrap()) }
    }

    /// Seconds of each state, and of talk of each position, until `end`.
    fn follow(seat: &Seat, end: f64) -> ([f64; 3], Vec<f64>, [u32; 3]) {
        let mut conversation = Conversation::new(seat);
        let (mut states, mut visits) = ([0.0; 3], [0; 3]);
        let mut talk = vec![0.0; seat.place.people as usize];
        let mut at = Instant::ZERO;
        while at.as_secs_f64() < end {
            let next = conversation.until();
            let length = (next - at).as_secs_f64();
            states[conversation.talking()] += length;
            visits[conversation.talking()] += 1;
            conversation.talkers.iter().for_each(|one| talk[*one as usize] += length);
            conversation.advance(next);
            at = next;
        }
        (states, talk, visits)
    }

    #[test]
    fn the_states_have_the_shares_and_lengths_of_the_recommendation() {
        let (single, double, silence) = shares(2);
        // Table 1 of P.59 measured 22.48 % mutual silence and 6.59 % double talk; the model comes near both.
        assert!((silence - 0.2248).abs() < 0.002 && (double - 0.0659).abs() < 0.01, "{silence} {double}");
        let (mut states, mut visits, mut talk) = ([0.0; 3], [0; 3], [0.0; 2]);
        for seed in 0..40 {
            let (more, people, times) = follow(&seat(seed, 2, 2, None), 500.0);
            (0..3).for_each(|state| states[state] += more[state]);
            (0..3).for_each(|state| visits[state] += times[state]);
            (0..2).for_each(|one| talk[one] += people[one]);
        }
        let all: f64 = states.iter().sum();
        for (state, expected) in [silence, single, double].into_iter().enumerate() {
            // 16,000 cycles or so: a share's standard error is below 0.3 % of all.
            assert!((states[state] / all - expected).abs() < 0.012, "{state}: {} for {expected}", states[state] / all);
        }
        for (state, mean) in [MUTUAL_SILENCE, SINGLE_TALK, DOUBLE_TALK].into_iter().enumerate() {
            let (length, n) = (states[state] / f64::from(visits[state]), f64::from(visits[state]));
            let mean = mean.as_secs_f64();
            assert!((length - mean).abs() < 5.0 * mean / n.sqrt(), "{state}: {length} for {mean}");
        }
        for one in talk {
            assert!((one / all - seat(0, 2, 2, None).share_of_talk()).abs() < 0.012, "{}", one / all);
        }
    }

    #[test]
    fn the_floor_goes_round_so_that_everybody_talks_alike() {
        let mut talk = [0.0; 6];
        for seed in 0..40 {
            let (_, people, _) = follow(&seat(seed, 6, 3, Some("exp(5s)")), 500.0);
            (0..6).for_each(|one| talk[one] += people[one]);
        }
        let expected = seat(0, 6, 3, None).share_of_talk();
        for one in talk {
            assert!((one / 20_000.0 - expected).abs() < 0.012, "{} for {expected}", one / 20_000.0);
        }
    }

    #[test]
    fn only_who_has_the_floor_begins_to_talk_and_never_more_than_two() {
        for seed in 0..20 {
            let seat = seat(seed, 5, 2, Some("3s"));
            let mut conversation = Conversation::new(&seat);
            let mut changes = 0;
            let mut before = conversation.floor.holders.clone();
            for step in 0..6_000u64 {
                let talked = conversation.talkers.clone();
                conversation.advance(Instant::from_millis(step * 10));
                let began = conversation.talkers.iter().filter(|one| !talked.contains(one));
                let floor = &conversation.floor.holders;
                assert!(began.into_iter().all(|one| floor.contains(one) || before.contains(one)));
                assert!(conversation.talking() <= 2 && floor.len() == 2 && floor[0] != floor[1]);
                changes += u32::from(before != *floor);
                before.clone_from(floor);
            }
            assert_eq!(changes, 19, "every 3 s for 60 s");
        }
    }

    #[test]
    fn one_alone_talks_and_falls_silent_by_turns() {
        let (states, talk, _) = follow(&seat(3, 1, 4, Some("1s")), 2_000.0);
        assert_eq!(states[2], 0.0);
        assert!((talk[0] / states.iter().sum::<f64>() - shares(1).0).abs() < 0.03);
    }

    #[test]
    fn two_who_follow_one_conversation_hear_the_same() {
        let seat = seat(9, 4, 2, Some("exp(2s)"));
        let (mut often, mut seldom) = (Conversation::new(&seat), Conversation::new(&seat));
        for step in 0..3_000u64 {
            often.advance(Instant::from_millis(step * 20));
        }
        seldom.advance(Instant::from_millis(2_999 * 20));
        assert_eq!((often.talkers, often.floor.holders), (seldom.talkers, seldom.floor.holders));
    }
}
