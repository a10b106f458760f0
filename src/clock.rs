//! Time below the drivers: nanoseconds since the run began, told and never asked.
//!
//! The type is netem's, so that a packet's delivery needs no conversion. Reading a real clock is for `drive` and
//! `serve` alone (clippy.toml bans it elsewhere).

pub use netem::Instant;
pub use std::time::Duration;
