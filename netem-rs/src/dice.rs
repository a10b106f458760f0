//! One stage's own random numbers: drawn in order from a stream that is made at its first draw (a link without loss
//! holds no generator for it), or looked up by a packet's identity.

use crate::{Identity, Seed};
use rand::Rng;
use rand::rngs::ChaCha8Rng;

/// The stream called `stage` below a link's seed.
pub(crate) struct Dice {
    stage: &'static str,
    rng: Option<Box<ChaCha8Rng>>,
}

impl Dice {
    pub(crate) const fn new(stage: &'static str) -> Self {
        Self { stage, rng: None }
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self, seed: &Seed) -> u64 {
        let stage = self.stage;
        self.rng.get_or_insert_with(|| Box::new(seed.child(stage).rng())).next_u64()
    }

    /// A number in [0, 1) with 53 random bits.
    pub(crate) fn unit(&mut self, seed: &Seed) -> f64 {
        unit(self.bits(seed))
    }

    /// Whether something with probability `ratio` happens: never at 0, always at 1.
    pub(crate) fn hits(&mut self, seed: &Seed, ratio: f64) -> bool {
        self.unit(seed) < ratio
    }

    /// A standard normal number (Box–Muller; two uniforms each, so that every packet costs the same draws).
    pub(crate) fn normal(&mut self, seed: &Seed) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit(seed)));
        radius * libm::cos(2.0 * std::f64::consts::PI * self.unit(seed))
    }
}

/// Numbers looked up by who asks, not by when: equal seeds, identities and draws give equal numbers.
#[derive(Clone, Copy)]
pub(crate) struct Almanac(u64);

impl Almanac {
    pub(crate) fn new(seed: &Seed, stage: &str) -> Self {
        Self(seed.child(stage).child("identity").bits())
    }

    /// Draw number `draw` of this packet, in [0, 1).
    pub(crate) fn unit(self, packet: Identity, draw: u64) -> f64 {
        let stream = scramble(self.0 ^ scramble(packet.stream));
        unit(scramble(scramble(stream.wrapping_add(packet.number)).wrapping_add(draw)))
    }
}

/// 53 random bits as a number in [0, 1).
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A step of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection in which every bit of the input moves all.
pub(crate) const fn scramble(input: u64) -> u64 {
    let mut bits = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
