//! Link groups: which participants share the bottlenecks of a network, and which rooms are tied together by that.
//!
//! Who ever lives behind a network has one place in it for the whole run, whether from the start or by a switch. A group has
//! outages and a place in recordings of its own, drawn once for all its members.

use super::network::{LinkGroup, NetworkPlan};
use super::{Outage, ParticipantPlan, Plan, actions, outages};
use crate::clock::Instant;
use crate::scenario::check::Report;
use crate::scenario::network::Network;
use crate::seed::Seed;

/// Participants whose links share the bottlenecks of one network.
#[derive(Clone, Debug)]
pub struct LinkGroupPlan {
    /// `{network}`, or `{network}-{n}` where there are several.
    pub name: String,
    /// Index of the network.
    pub network: u16,
    /// Indices of the participants, room by room.
    pub members: Vec<u32>,
    /// Outages of the shared bottlenecks, by time.
    pub outages: Vec<Outage>,
    /// The branch of its random streams.
    pub seed: Seed,
}

impl LinkGroupPlan {
    /// Where in every trace the start of the run is, in 2⁻⁶⁴ of it.
    #[must_use]
    pub fn place(&self) -> u64 {
        self.seed.child("phase").bits()
    }
}

impl Plan {
    /// The same with its link groups: members get the outages of their group while they live behind it.
    pub(super) fn with_groups(mut self, sources: &[Network], root: Seed, report: &Report<'_>) -> Self {
        for network in 0..self.networks.len() as u16 {
            let plan = &self.networks[usize::from(network)];
            if plan.link_group == LinkGroup::None {
                continue;
            }
            if plan.bottlenecks() == [false; 2] {
                let key = format!("network.{}.link_group", plan.name);
                let help = "write a `rate` or a `trace` into `up` or `down`, or take `link_group` out";
                report.fail(&key, "nothing is shared: the network has no bottleneck", help);
                continue;
            }
            self.add_groups(network, sources, root);
        }
        let end = self.run.end();
        for participant in self.participants.iter_mut().filter(|participant| !participant.groups.is_empty()) {
            let shared = |network: u16| {
                let mut groups = participant.groups.iter().map(|&group| &self.groups[group as usize]);
                groups.find(|group| group.network == network).map(|group| group.outages.clone())
            };
            let own = |network: u16| outages::draw(&sources[usize::from(network)].schedule, end, participant.seed);
            participant.outages =
                actions::outages(participant, |network| shared(network).unwrap_or_else(|| own(network)));
        }
        self
    }

    fn add_groups(&mut self, network: u16, sources: &[Network], root: Seed) {
        let NetworkPlan { name, link_group, .. } = &self.networks[usize::from(network)];
        let (name, link_group) = (name.clone(), *link_group);
        // Room by room, so that as few groups as can be tie rooms together.
        let mut members: Vec<&ParticipantPlan> =
            self.participants.iter().filter(|one| one.networks().any(|(_, other)| other == network)).collect();
        members.sort_by_key(|participant| (participant.room, participant.index));
        let parts: Vec<&[&ParticipantPlan]> = match link_group {
            LinkGroup::None => Vec::new(),
            LinkGroup::All => members.chunks(members.len().max(1)).collect(),
            LinkGroup::Room => members.chunk_by(|one, other| one.room == other.room).collect(),
            LinkGroup::Size(size) => members.chunks(size as usize).collect(),
        };
        let parts: Vec<Vec<u32>> = parts.into_iter().map(|part| part.iter().map(|one| one.index).collect()).collect();
        let branch = root.child("link groups").child(&name);
        let several = parts.len() > 1;
        for (number, members) in (1u64..).zip(parts) {
            let seed = branch.indexed("group", number);
            let index = self.groups.len() as u32;
            members.iter().for_each(|&member| self.participants[member as usize].groups.push(index));
            self.groups.push(LinkGroupPlan {
                name: if several { format!("{name}-{number}") } else { name.clone() },
                network,
                members,
                outages: outages::draw(&sources[usize::from(network)].schedule, self.run.end(), seed),
                seed,
            });
        }
    }

    /// Which rooms link groups tie together.
    #[must_use]
    pub fn ties(&self) -> Ties {
        let mut ties = Ties((0..self.rooms.len()).collect());
        for group in &self.groups {
            for pair in group.members.windows(2) {
                let [one, other] = [pair[0], pair[1]].map(|index| self.participants[index as usize].room as usize);
                ties.tie(one, other);
            }
        }
        ties
    }
}

/// Rooms that something ties together, by their numbers from 0.
#[derive(Clone, Debug)]
pub struct Ties(Vec<usize>);

impl Ties {
    /// The first of the rooms that this one is tied to, itself where there is none.
    #[must_use]
    pub fn root(&self, mut room: usize) -> usize {
        while self.0[room] != room {
            room = self.0[room];
        }
        room
    }

    /// Ties two rooms together, with all that each of them is tied to.
    pub fn tie(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }

    /// The rooms by what ties them, in the order of the first of each.
    #[must_use]
    pub fn sets(&self) -> Vec<Vec<usize>> {
        let mut sets: Vec<Vec<usize>> = vec![Vec::new(); self.0.len()];
        (0..self.0.len()).for_each(|room| sets[self.root(room)].push(room));
        sets.retain(|set| !set.is_empty());
        sets
    }
}

impl ParticipantPlan {
    /// The networks behind which it lives, each from when on, the first from the start of the run.
    pub fn networks(&self) -> impl Iterator<Item = (Instant, u16)> {
        let switches = self.actions.iter().filter_map(|action| match action.act {
            actions::Act::SwitchNetwork { network } => Some((action.at, network)),
            _ => None,
        });
        std::iter::once((Instant::ZERO, self.network)).chain(switches)
    }
}
