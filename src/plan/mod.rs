//! The run exactly as it will happen: arrivals, rooms, links, timelines, thresholds, all resolved with the seed.
//!
//! After it nothing can be misconfigured, and nothing is random that has no seed. It holds data for both drivers and
//! reads no clock. Every time counts from the start of the run, warm-up included.

pub mod actions;
pub mod alone;
mod arrivals;
pub mod faults;
pub mod forecast;
pub mod groups;
mod headcount;
pub mod network;
mod outages;
mod pins;
mod presence;
mod quota;
mod resolve;
mod rooms;
mod seats;
mod sessions;
pub mod target;
#[cfg(test)]
mod tests;
pub mod threshold;
mod timeline;

use crate::clock::{Duration, Instant};
use crate::conference::protocol::LayerChoice;
pub use crate::media::channel::ChannelPlan;
pub use crate::media::{MediaPlan, Seat};
pub use crate::scenario::arrivals::{Concurrency, ConcurrencyPoint};
pub use crate::scenario::population::Reconnect;
use crate::scenario::run::World;
pub use crate::scenario::run::{Format, OutputPlan, RunPlan};
pub use crate::scenario::subscribe::{Selection, Subscribe};
use crate::seed::Seed;
pub use actions::{Act, ActionPlan};
pub use faults::{FaultKind, FaultPlan, Ports, SpellPlan};
pub use forecast::Forecast;
pub use groups::LinkGroupPlan;
pub use network::{NetworkPlan, Outage};
pub use resolve::{derived_run_id, load};
use std::collections::BTreeMap;
pub use target::{AdapterPlan, TargetPlan};
pub use threshold::ThresholdPlan;

/// A resolved run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// The seed that everything random comes from.
    pub seed: u64,
    /// Part of every room's name, so that two runs never meet.
    pub run_id: String,
    /// Phases and limits of the run itself.
    pub run: RunPlan,
    /// What is tested.
    pub target: TargetPlan,
    /// In the file's order.
    pub populations: Vec<PopulationPlan>,
    /// Networks in use, by name; index 0 is `none`, the unimpaired path.
    pub networks: Vec<NetworkPlan>,
    /// Names of networks of the file that nobody lives behind, switches to, or extends.
    pub idle_networks: Vec<String>,
    /// Participants who share bottlenecks, network by network.
    pub groups: Vec<LinkGroupPlan>,
    /// In the file's order of names.
    pub media: Vec<MediaPlan>,
    /// Data channels, in the file's order of names.
    pub channels: Vec<ChannelPlan>,
    /// Rooms with their participants.
    pub rooms: Vec<RoomPlan>,
    /// By index.
    pub participants: Vec<ParticipantPlan>,
    /// Open arrivals beyond a population's `max`.
    pub arrivals_dropped: u64,
    /// In the file's order.
    pub faults: Vec<FaultPlan>,
    /// The phases that faults make, by time; none overlaps another.
    pub spells: Vec<SpellPlan>,
    /// In the file's order, then what the faults' `expect` come to.
    pub thresholds: Vec<ThresholdPlan>,
    /// Conditions on the generator's own health, in the thresholds' grammar.
    pub invalid_if: Vec<ThresholdPlan>,
    /// Where and how results are written.
    pub output: OutputPlan,
}

impl Plan {
    /// The names that samples' indices of media stand for: tracks, then data channels.
    pub fn media_names(&self) -> impl Iterator<Item = &str> {
        let tracks = self.media.iter().map(|media| media.name.as_str());
        tracks.chain(self.channels.iter().map(|channel| channel.name.as_str()))
    }

    /// The index under which samples of a data channel are kept.
    #[must_use]
    pub fn channel_media(&self, channel: u16) -> u16 {
        self.media.len() as u16 + channel
    }

    /// What the scenario says and this run makes no use of, a sentence each.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        let of_target = match &self.target.adapter {
            AdapterPlan::Reference(reference) => reference.workers,
            AdapterPlan::Room { .. } | AdapterPlan::WhipWhep(_) => 0,
        };
        let simulated = self.run.world == World::Simulated;
        let keys = [("run.workers", self.run.workers), ("target.workers", of_target)];
        let told = keys.into_iter().filter(|(_, workers)| simulated && *workers > 0);
        let told = told.map(|(key, _)| {
            format!("`{key}` is of no use in a simulated run: it takes every core, and no figure depends on how many")
        });
        let idle = self.idle_networks.iter().map(|name| {
            format!("nobody lives behind `network.{name}`: name it in the `network` of a population, or take it out")
        });
        told.chain(idle).collect()
    }
}

/// One `[[population]]`.
#[derive(Clone, Debug)]
pub struct PopulationPlan {
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Participants of the plan.
    pub count: u32,
    /// People of the headcount whom the arrivals never bring (a Poisson draw that came short, or `max`): not in the plan.
    pub absent: u32,
    /// Closed arrivals: how many are in at once. `None` for open arrivals.
    pub concurrency: Option<Concurrency>,
}

/// One room.
#[derive(Clone, Debug)]
pub struct RoomPlan {
    /// `{scenario}-{run id}-{n}`.
    pub name: String,
    /// Indices of its participants.
    pub participants: Vec<u32>,
}

/// One participant.
#[derive(Clone, Debug)]
pub struct ParticipantPlan {
    /// Its index in the plan.
    pub index: u32,
    /// Its name in the room, as in `viewers-17`.
    pub name: String,
    /// Index of its population.
    pub population: u16,
    /// Index of its room.
    pub room: u32,
    /// Index of its network.
    pub network: u16,
    /// Indices of the link groups that it is a member of while it lives behind their networks: one a network at most.
    pub groups: Vec<u32>,
    /// When it comes.
    pub arrival: Arrival,
    /// Its sessions in order; more than one when it rejoins. Never empty.
    pub sessions: Vec<SessionPlan>,
    /// Indices of the media that it publishes.
    pub publish: Vec<u16>,
    /// Indices of the data channels that it publishes.
    pub channels: Vec<u16>,
    /// What it asks for.
    pub subscribe: Subscribe,
    /// In which layer, until it does something else.
    pub layer: LayerChoice,
    /// Its seat in the conversation that its population holds in its room.
    pub seat: Option<Seat>,
    /// What it does in the room, by time.
    pub actions: Vec<ActionPlan>,
    /// How long a join may take from its intended arrival.
    pub join_timeout: Duration,
    /// How long after joining the first frame may take before the viewer counts as black.
    pub first_frame_timeout: Duration,
    /// Outages of its links, by time, wherever it lives by then.
    pub outages: Vec<Outage>,
    /// Indices of the faults that happen to it, in the file's order.
    pub faults: Vec<u16>,
    /// How it comes back when it loses its session; `None` for never.
    pub reconnect: Option<Reconnect>,
    /// The branch of its random streams.
    pub seed: Seed,
}

/// When a participant comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrival {
    /// Open: at this time, whatever the SFU does.
    At(Instant),
    /// Closed: as soon as its population has a place free, in this order.
    InOrder(u32),
}

/// One stay in the room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionPlan {
    /// How long it stays, from its intended arrival; `None` until the end of the run.
    pub length: Option<Duration>,
    /// How long after leaving it comes back; `None` when it does not.
    pub rejoin_after: Option<Duration>,
}
