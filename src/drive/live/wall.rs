//! The wall clock and chance, for what a live run writes down about itself; nothing measured depends on them.

use std::time::{SystemTime, UNIX_EPOCH};

/// The UTC time now: as RFC 3339 with seconds, and in nanoseconds since 1970.
#[must_use]
pub fn wall_clock() -> (String, u64) {
    let now = system_now();
    let nanos = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    (humantime::format_rfc3339_seconds(now).to_string(), nanos)
}

/// The UTC time now, fit for a file's name: `20261122T140311Z`.
#[must_use]
pub fn file_stamp() -> String {
    wall_clock().0.replace(['-', ':'], "")
}

/// Bits that no two runs share, for the rooms' names.
#[must_use]
pub fn random_bits() -> u32 {
    // `RandomState` is keyed from the system's own source of chance.
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
}

/// Real time since it was started, for what is told of a simulation and never enters it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts it.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "how long a simulation takes is told beside it")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since then.
    #[must_use]
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock for a run's own description")]
fn system_now() -> SystemTime {
    SystemTime::now()
}
