//! Emulated networks, resolved from `[network.*]` and the built-in profiles.

use crate::clock::{Duration, Instant};
use netem::LinkConfig;

/// One network: conditions of both directions, over time, seen from the participant.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPlan {
    /// Its name; `none` for the unimpaired path.
    pub name: String,
    /// Conditions by time, the first at the start of the run. Outages are not among them: they are drawn per participant.
    pub steps: Vec<NetworkStep>,
}

/// Conditions from a time on.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkStep {
    /// From when.
    pub at: Instant,
    /// From the participant.
    pub up: LinkConfig,
    /// Towards the participant.
    pub down: LinkConfig,
}

/// A time in which a link carries nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outage {
    /// From when.
    pub at: Instant,
    /// How long.
    pub length: Duration,
    /// Which directions.
    pub up: bool,
    /// Which directions.
    pub down: bool,
    /// Whether packets are dropped or wait.
    pub pause: bool,
}
