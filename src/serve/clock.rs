//! The machine's clock, as machines are told it.

use crate::clock::Instant;
use crate::rtp::ntp::Ntp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The start of time for the machines of one SFU.
#[expect(clippy::disallowed_methods, reason = "serve owns the clock of its machines")]
pub(super) fn start() -> std::time::Instant {
    std::time::Instant::now()
}

/// Time since `start`.
pub(super) fn now(start: std::time::Instant) -> Instant {
    Instant::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// The wall clock right now, for sender reports; taken once, with [`start`], so that a step of it moves nothing.
#[expect(clippy::disallowed_methods, reason = "serve owns the clock of its machines")]
pub(super) fn wall() -> Ntp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ntp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
