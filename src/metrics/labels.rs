//! The labels that a sample carries.

use serde::{Deserialize, Serialize};

/// A phase of the run; a sample belongs to the phase of its *due* time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunPhase {
    /// Before the measured window.
    Warmup,
    /// The measured window.
    Steady,
    /// After it.
    Cooldown,
}

impl RunPhase {
    /// The name that `where` and files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Steady => "steady",
            Self::Cooldown => "cooldown",
        }
    }
}

/// The labels of a sample, as indices into the plan's populations, networks and media.
///
/// Histograms are kept per key; labels that are not here (room, codec, participant) are kept as scalars of participants
/// and tracks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// Index of the population; `None` for what belongs to the run as a whole.
    pub population: Option<u16>,
    /// Index of the network.
    pub network: Option<u16>,
    /// Index of the media, where the sample is of one.
    pub media: Option<u16>,
    /// Phase of the sample's due time.
    pub phase: RunPhase,
    /// Whether it belongs to a session after the first.
    pub rejoin: bool,
}

impl Key {
    /// The key of what belongs to the run as a whole.
    #[must_use]
    pub const fn run(phase: RunPhase) -> Self {
        Self { population: None, network: None, media: None, phase, rejoin: false }
    }
}
