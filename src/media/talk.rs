//! Who is talking when: an on-off model, talk spurts and pauses in turn.
//!
//! Lengths are drawn from the scenario's distributions (Brady's classic model is exponential both ways). The model
//! starts in either state as often as it is in it in the long run.

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
        Self { model, rng, on, until }
    }

    /// Whether the talker talks at `at`, which never decreases.
    pub(super) fn at(&mut self, at: Instant) -> bool {
        while let Some(talk) = self.model.filter(|_| at >= self.until) {
            self.on = !self.on;
            self.until += if self.on { talk.on } else { talk.off }.sample(&mut self.rng);
        }
        self.on
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
    fn nobody_pauses_without_a_model() {
        let mut talking = Talking::new(None, Seed::new(1).rng(), Instant::ZERO);
        assert!(talking.at(Instant::ZERO) && talking.at(Instant::MAX));
    }
}
