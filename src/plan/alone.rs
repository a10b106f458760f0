//! One network outside of a run: its conditions over time and its outages, for whoever drives a path by itself.

use super::network::NetworkStep;
use super::{NetworkPlan, Outage, outages, timeline};
use crate::clock::Instant;
use crate::scenario::check::Report;
use crate::scenario::network::{Network, builtin};
use crate::scenario::{Scenario, ScenarioError};
use crate::seed::Seed;

/// A network with its schedule, resolved up to an end.
#[derive(Clone, Debug)]
pub struct Alone {
    /// Its conditions by time.
    pub plan: NetworkPlan,
    network: Network,
    end: Instant,
}

impl Alone {
    /// A built-in profile; `None` when there is none of that name.
    #[must_use]
    pub fn builtin(name: &str, end: Instant) -> Option<Self> {
        let network = builtin(name)?;
        let (up, down) = (network.base.up.config.clone(), network.base.down.config.clone());
        let steps = vec![NetworkStep { at: Instant::ZERO, up, down }];
        Some(Self { plan: NetworkPlan::new(name, steps), network, end })
    }

    /// A network of a scenario; `Ok(None)` when there is none of that name.
    ///
    /// # Errors
    /// What its schedule cannot do.
    pub fn of(scenario: &Scenario, name: &str, end: Instant) -> Result<Option<Self>, Vec<ScenarioError>> {
        let Some(network) = scenario.networks.iter().find(|network| network.name == name).cloned() else {
            return Ok(None);
        };
        let (errors, root) = scenario.errors();
        let plan = timeline::resolve(&network, end, &Report { root, errors: &errors });
        if errors.is_empty() { Ok(Some(Self { plan, network, end })) } else { Err(errors.into_sorted()) }
    }

    /// The outages of one who lives behind it.
    #[must_use]
    pub fn outages(&self, seed: Seed) -> Vec<Outage> {
        outages::draw(&self.network.schedule, self.end, seed)
    }
}
