//! Names for the indices that samples carry.

use super::document::Labels;
use crate::metrics::labels::{Key, RunPhase, Spell};
use crate::plan::{Plan, SpellPlan};

/// The plan's names of populations, networks, media and faults, by index, and when each fault's phases are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Of populations.
    pub populations: Vec<String>,
    /// Of networks.
    pub networks: Vec<String>,
    /// Of media.
    pub media: Vec<String>,
    /// Of faults.
    pub faults: Vec<String>,
    /// The phases of faults, by time.
    pub spells: Vec<SpellPlan>,
}

impl Names {
    /// The names of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            populations: plan.populations.iter().map(|population| population.name.clone()).collect(),
            networks: plan.networks.iter().map(|network| network.name.clone()).collect(),
            media: plan.media_names().map(str::to_owned).collect(),
            faults: plan.faults.iter().map(|fault| fault.name.clone()).collect(),
            spells: plan.spells.clone(),
        }
    }

    /// The labels of a key: those that it has, its phase, and `rejoin = "true"` only when it is one.
    #[must_use]
    pub fn labels(&self, key: Key) -> Labels {
        let of_fault = |spell: Spell| self.faults.get(usize::from(spell.fault)).map(|name| spell.name(name));
        let phase = key.spell.and_then(of_fault).unwrap_or_else(|| key.phase.name().to_owned());
        let mut labels = Labels::from([("phase".to_owned(), phase)]);
        let mut put = |label: &str, index: Option<u16>, names: &[String]| {
            if let Some(index) = index {
                labels.insert(label.to_owned(), names[usize::from(index)].clone());
            }
        };
        put("population", key.population, &self.populations);
        put("network", key.network, &self.networks);
        put("media", key.media, &self.media);
        if key.rejoin {
            labels.insert("rejoin".to_owned(), "true".to_owned());
        }
        labels
    }
}

/// The phase of a fault of the plan that is called `name`.
#[must_use]
pub fn spell(name: &str, names: &Names) -> Option<Spell> {
    let (word, fault) = name.split_once(':')?;
    let index = names.faults.iter().position(|known| known == fault)?;
    matches!(word, "fault" | "recovery").then_some(Spell { fault: index as u16, after: word == "recovery" })
}

/// The phase called `name`.
#[must_use]
pub fn phase(name: &str) -> Option<RunPhase> {
    [RunPhase::Warmup, RunPhase::Steady, RunPhase::Cooldown].into_iter().find(|phase| phase.name() == name)
}
