//! Names for the indices that samples carry.

use super::document::Labels;
use crate::metrics::labels::{Key, RunPhase};
use crate::plan::Plan;

/// The plan's names of populations, networks and media, by index.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Of populations.
    pub populations: Vec<String>,
    /// Of networks.
    pub networks: Vec<String>,
    /// Of media.
    pub media: Vec<String>,
}

impl Names {
    /// The names of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            populations: plan.populations.iter().map(|population| population.name.clone()).collect(),
            networks: plan.networks.iter().map(|network| network.name.clone()).collect(),
            media: plan.media.iter().map(|media| media.name.clone()).collect(),
        }
    }

    /// The labels of a key: those that it has, its phase, and `rejoin = "true"` only when it is one.
    #[must_use]
    pub fn labels(&self, key: Key) -> Labels {
        let mut labels = Labels::from([("phase".to_owned(), key.phase.name().to_owned())]);
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

/// The phase called `name`.
#[must_use]
pub fn phase(name: &str) -> Option<RunPhase> {
    [RunPhase::Warmup, RunPhase::Steady, RunPhase::Cooldown].into_iter().find(|phase| phase.name() == name)
}
