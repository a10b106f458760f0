//! A threshold's `where`, resolved into what histograms know and what only participants know.

use super::document::{Labels, ParticipantDetail, RunTimes, TrackDetail};
use super::names::{Names, phase, spell};
use crate::metrics::labels::{Key, RunPhase, Spell};
use crate::plan::SpellPlan;

/// A resolved `where`.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    labels: Labels,
    phases: Vec<RunPhase>,
    /// A phase is named: of a fault, or one without any.
    named: Option<Option<Spell>>,
    /// The phases of all faults.
    spells: Vec<SpellPlan>,
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
        let of_fault = labels.get("phase").and_then(|name| spell(name, names));
        let named = labels.get("phase").map(|_| of_fault);
        let phases = match labels.get("phase") {
            // Faults lie in the measured window.
            Some(_) if of_fault.is_some() => vec![RunPhase::Steady],
            Some(name) => phase(name).into_iter().collect(),
            None => phases.to_vec(),
        };
        let rejoin = labels.get("rejoin").map(|value| value == "true");
        nothing |= phases.is_empty();
        let spells = names.spells.clone();
        Self { labels: labels.clone(), phases, named, spells, population, network, media, rejoin, nothing }
    }

    /// Seconds that what is judged lasted until the run ended.
    #[must_use]
    pub fn seconds(&self, times: &RunTimes) -> f64 {
        let of = |wanted: &dyn Fn(&SpellPlan) -> bool| {
            let length =
                |spell: &SpellPlan| (spell.until.as_secs_f64().min(times.ended) - spell.from.as_secs_f64()).max(0.0);
            self.spells.iter().filter(|spell| wanted(spell)).map(length).sum::<f64>()
        };
        match self.named {
            Some(Some(named)) => of(&|spell| spell.spell == named),
            Some(None) if self.phases.contains(&RunPhase::Steady) => times.seconds_of(&self.phases) - of(&|_| true),
            Some(None) | None => times.seconds_of(&self.phases),
        }
    }

    /// Whether it names the phase of a fault: scalars cover the measured window as a whole.
    #[must_use]
    pub fn names_fault(&self) -> bool {
        matches!(self.named, Some(Some(_)))
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
            && self.named.is_none_or(|spell| key.spell == spell)
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
