//! Whether one talks: an on-off model, talk spurts and pauses in turn, within the conversation of a group.
//!
//! Lengths are drawn from the scenario's distributions (Brady's classic model is exponential both ways). The model
//! starts in either state as often as it is in it in the long run. Who has a seat in a conversation talks only while it has
//! the floor: by its own model where it has one, else as the conversation goes.

use super::conversation::{Conversation, Seat};
use super::source::Talk;
use crate::clock::Instant;
use crate::dist;
use crate::seed::ChaCha8Rng;

/// One talker. Asked in the order of time.
pub(super) struct Talking {
    model: Option<Talk>,
    rng: ChaCha8Rng,
    on: bool,
    until: Instant,
    /// The conversation that it follows, and its position in it.
    seat: Option<(Box<Conversation>, u32)>,
}

impl Talking {
    /// Without a model the talker never pauses.
    pub(super) fn new(model: Option<Talk>, mut rng: ChaCha8Rng, start: Instant) -> Self {
        let (mut on, mut until) = (true, Instant::MAX);
        if let Some(talk) = model {
            let (spurt, pause) = (talk.on.mean().as_secs_f64(), talk.off.mean().as_secs_f64());
            on = dist::unit(&mut rng) * (spurt + pause) <= spurt;
            until = start + if on { talk.on } else { talk.off }.sample(&mut rng);
        }
        Self { model, rng, on, until, seat: None }
    }

    /// Takes part in a conversation from now on.
    pub(super) fn take_seat(&mut self, seat: &Seat) {
        self.seat = Some((Box::new(Conversation::new(seat)), seat.place.position));
    }

    /// Whether the talker talks at `at`, which never decreases.
    pub(super) fn at(&mut self, at: Instant) -> bool {
        while let Some(talk) = self.model.filter(|_| at >= self.until) {
            self.on = !self.on;
            self.until += if self.on { talk.on } else { talk.off }.sample(&mut self.rng);
        }
        let Some((conversation, position)) = &mut self.seat else { return self.on };
        conversation.advance(at);
        if self.model.is_some() { self.on && conversation.has_floor(*position) } else { conversation.talks(*position) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::Dist;
    use crate::seed::Seed;

    #[test]
    fn the_share_of_talk_is_that_of_the_means_from_the_very_start() {
        let talk = Talk { on: Dist::parse("exp(1s)").unwrap(), off: Dist::parse("exp(3s)").unwrap() };
        let (mut at_start, mut later) = (0, 0);
        for seed in 0..4_000 {
            let mut talking = Talking::new(Some(talk), Seed::new(seed).rng(), Instant::ZERO);
            at_start += u32::from(talking.at(Instant::ZERO));
            later += u32::from(talking.at(Instant::from_secs(20)));
        }
        // A quarter of 4,000, ±5 standard deviations of 27.
        assert!((863..=1_137).contains(&at_start) && (863..=1_137).contains(&later), "{at_start} {later}");
    }

    #[test]
    fn a_seat_says_who_talks_and_a_model_of_ones_own_says_when() {
        use crate::media::conversation::Place;
        let talk = Talk { on: Dist::parse("exp(1s)").unwrap(), off: Dist::parse("exp(1s)").unwrap() };
        for model in [None, Some(talk)] {
            let mut talked = [0u32; 4];
            let mut at_once = 0;
            let mut people: Vec<Talking> = (0..4)
                .map(|position| {
                    let place = Place { position, seed: Seed::new(11), people: 4, active: 2 };
                    let mut one = Talking::new(model, Seed::new(u64::from(position)).rng(), Instant::ZERO);
                    one.take_seat(&Seat { place, rotate: Some(Dist::parse("exp(3s)").unwrap()) });
                    one
                })
                .collect();
            for step in 0..30_000u64 {
                let now: Vec<bool> = people.iter_mut().map(|one| one.at(Instant::from_millis(step * 20))).collect();
                at_once = at_once.max(now.iter().filter(|talks| **talks).count());
                (0..4).for_each(|one| talked[one] += u32::from(now[one]));
            }
            assert_eq!(at_once, 2);
            // By the model 85 % of the time of two among four; by their own half of the floor's half.
            let expected = if model.is_some() { 7_500.0 } else { 30_000.0 * 0.8496 / 4.0 };
            assert!(talked.iter().all(|n| (f64::from(*n) / expected - 1.0).abs() < 0.35), "{talked:?} for {expected}");
        }
    }

    #[test]
    fn nobody_pauses_without_a_model() {
        let mut talking = Talking::new(None, Seed::new(1).rng(), Instant::ZERO);
        assert!(talking.at(Instant::ZERO) && talking.at(Instant::MAX));
    }
}
