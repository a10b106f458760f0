//! Named random streams: every stage of every link owns one, so adding a stage never changes another's luck.
//!
//! A [`Seed`] is a 256-bit key. A child's key is SHA-256 over its parent's key and its own name, a stream is ChaCha8
//! keyed by it. Both are specified bit for bit and give the same numbers on every machine.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The root or a branch of the tree of random streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root of a run's streams.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Sha256::digest(seed.to_le_bytes()).into())
    }

    /// The branch called `name`. Equal names under equal parents are equal branches.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(name.as_bytes());
        Self(hash.finalize().into())
    }

    /// The branch called `name` with a number, as in `participant 17`.
    #[must_use]
    pub fn indexed(&self, name: &str, index: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(index.to_le_bytes());
        Self(hash.finalize().into())
    }

    /// A generator at the start of this branch's stream.
    #[must_use]
    pub fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.0)
    }

    /// 64 bits that stand for this branch, for identifiers such as an SSRC or a run id.
    #[must_use]
    pub fn bits(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("a seed has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn names_own_the_numbers_not_the_order_of_asking() {
        let root = Seed::new(42);
        let first = root.child("loss").rng().next_u64();
        let _ = root.child("another stage");
        assert_eq!(first, root.child("loss").rng().next_u64());
        assert_ne!(first, root.child("delay").rng().next_u64());
        assert_ne!(root.indexed("participant", 1).bits(), root.indexed("participant", 2).bits());
    }

    #[test]
    fn the_stream_is_the_same_on_every_machine() {
        assert_eq!(Seed::new(1).child("x").rng().next_u64(), Seed::new(1).child("x").rng().next_u64());
    }
}
