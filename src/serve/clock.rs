//! The machine's clock, as machines are told it.

use crate::clock::Instant;

/// The start of time for the machines of one SFU.
#[expect(clippy::disallowed_methods, reason = "serve owns the clock of its machines")]
pub(super) fn start() -> std::time::Instant {
    std::time::Instant::now()
}

/// Time since `start`.
pub(super) fn now(start: std::time::Instant) -> Instant {
    Instant::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
