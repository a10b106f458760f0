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

/// A stretch of the measured window that a fault makes: while it lasts, or the recovery after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Spell {
    /// Index of the fault in the plan.
    pub fault: u16,
    /// Whether the fault has ended: its recovery.
    pub after: bool,
}

impl Spell {
    /// A number for each spell: faults in their order, each before its recovery.
    #[must_use]
    pub const fn index(self) -> usize {
        self.fault as usize * 2 + self.after as usize
    }

    /// The name that `where` and files use for the phase, of the fault called `fault`.
    #[must_use]
    pub fn name(self, fault: &str) -> String {
        let word = if self.after { "recovery" } else { "fault" };
        format!("{word}:{fault}")
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
    /// The fault, or the recovery from one, within which that time lies: together with `phase` it is the phase that
    /// files name.
    pub spell: Option<Spell>,
    /// Whether it belongs to a session after the first.
    pub rejoin: bool,
}

impl Key {
    /// The key of what belongs to the run as a whole.
    #[must_use]
    pub const fn run(phase: RunPhase) -> Self {
        Self { population: None, network: None, media: None, phase, spell: None, rejoin: false }
    }
}
