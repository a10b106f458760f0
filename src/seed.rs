//! Named random streams of a run, as netem has them: `Seed::new(seed).indexed("participant", 17).child("up")`.
//!
//! Whoever needs luck asks for a branch by name, so one more participant or stage never changes another's draws.

pub use netem::Seed;
pub use rand::rngs::ChaCha8Rng;
