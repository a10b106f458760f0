//! A threshold's `where`, resolved into what histograms know and what only participants know.

use super::document::{Labels, ParticipantDetail, TrackDetail};
use super::names::{Names, phase};
use crate::metrics::labels::{Key, RunPhase};

/// A resolved `where`.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    labels: Labels,
    phases: Vec<RunPhase>,
    population: Option<u16>,
    network: Option<u16>,
    media: Option<u16>,
    rejoin: Option<bool>,
    /// A label has a value that the plan does not know: nothing matches.
    nothing: bool,
}

/// Labels by which histograms are not kept.
const SCALAR_LABELS: [&str; 4] = ["room", "codec", "layer", "participant_kind"];

impl Filter {
    /// Resolves `labels`; `phases` are those judged when none is named.
    #[must_use]
    pub fn resolve(labels: &Labels, phases: &[RunPhase], names: &Names) -> Self {
        let mut nothing = false;
        let mut index = |label: &str, names: &[String]| {
            let name = labels.get(label)?;
            let index = names.iter().position(|known| known == name);
            nothing |= index.is_none();
            index.map(|i| i as u16)
        };
        let population = index("population", &names.populations);
        let network = index("network", &names.networks);
        let media = index("media", &names.media);
        let phases = match labels.get("phase") {
            Some(name) => phase(name).into_iter().collect(),
            None => phases.to_vec(),
        };
        let rejoin = labels.get("rejoin").map(|value| value == "true");
        nothing |= phases.is_empty();
        Self { labels: labels.clone(), phases, population, network, media, rejoin, nothing }
    }

    /// The phases that are judged.
    #[must_use]
    pub fn phases(&self) -> &[RunPhase] {
        &self.phases
    }

    /// Whether it names a label that only participants and tracks carry.
    #[must_use]
    pub fn needs_scalars(&self) -> bool {
        SCALAR_LABELS.iter().any(|label| self.labels.contains_key(*label))
    }

    /// Whether it selects tracks rather than participants.
    #[must_use]
    pub fn selects_tracks(&self) -> bool {
        ["media", "codec", "layer"].iter().any(|label| self.labels.contains_key(*label))
    }

    /// Whether samples under `key` are meant.
    #[must_use]
    pub fn holds(&self, key: Key) -> bool {
        !self.nothing
            && self.phases.contains(&key.phase)
            && self.population.is_none_or(|index| key.population == Some(index))
            && self.network.is_none_or(|index| key.network == Some(index))
            && self.media.is_none_or(|index| key.media == Some(index))
            && self.rejoin.is_none_or(|rejoin| key.rejoin == rejoin)
    }

    /// Whether a participant is meant. Its scalars are those of all its sessions, so nobody is when `rejoin` is named.
    #[must_use]
    pub fn holds_participant(&self, detail: &ParticipantDetail) -> bool {
        let is = |label: &str, value: &String| self.labels.get(label).is_none_or(|wanted| wanted == value);
        !self.nothing
            && self.rejoin.is_none()
            && is("population", &detail.population)
            && is("network", &detail.network)
            && is("room", &detail.room)
            && is("participant_kind", &detail.kind)
    }

    /// Whether a track of a participant that is meant is meant. No track has layers yet, so none is when `layer` is named.
    #[must_use]
    pub fn holds_track(&self, track: &TrackDetail) -> bool {
        let media = track.track.rsplit('/').next().unwrap_or_default();
        !self.labels.contains_key("layer")
            && self.labels.get("media").is_none_or(|wanted| wanted == media)
            && self.labels.get("codec").is_none_or(|wanted| *wanted == track.codec)
    }
}
