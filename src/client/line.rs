//! A participant's side of bottlenecks that it shares: what it has handed to its link group, and what came back of it.
//!
//! The queue and the serialiser of a direction are the group's ([`super::Groups`]); loss and wire stay the participant's own
//! link. What it hands over and what comes back are data, which its driver carries. The books of both together are what they
//! would be of one link.

use super::group::{Crossed, Load};
use crate::clock::Duration;
use crate::plan::{ParticipantPlan, Plan};
use crate::units::Bitrate;
use netem::{CLASSES, Counts, LinkConfig, Packet, Report};

/// From the participant.
pub(super) const UP: usize = 0;
/// Towards the participant.
pub(super) const DOWN: usize = 1;

/// A place in a link group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lane {
    /// Index of the group in the plan.
    pub group: u32,
    /// Which of its members.
    pub member: u32,
}

/// Where a participant meets others while it lives behind one network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    network: u16,
    /// Where in every trace the start of the run is for all members.
    pub bits: u64,
    /// By direction.
    pub lanes: [Option<Lane>; 2],
}

/// What a participant knows of the bottlenecks that it shares.
#[derive(Debug)]
pub(super) struct Line {
    places: Vec<Place>,
    /// The conditions with the shared parts, by direction: its own links have the rest.
    pub whole: [LinkConfig; 2],
    /// What it handed over: `flying` is what has come back, and entered its own link.
    books: [[Counts; CLASSES]; 2],
    /// How long the packet that came back last had waited.
    pub queue_delay: [Duration; 2],
    /// What falls to it of the shared uplink, where others have sent in the last second.
    pub fair: Option<Bitrate>,
}

impl Line {
    /// Of a participant that is in a link group at any time.
    pub fn new(plan: &Plan, participant: &ParticipantPlan) -> Option<Box<Self>> {
        let place = |&index: &u32| {
            let group = &plan.groups[index as usize];
            let member =
                group.members.iter().position(|&member| member == participant.index).unwrap_or_default() as u32;
            let lane = |shared: bool| shared.then_some(Lane { group: index, member });
            let lanes = plan.networks[usize::from(group.network)].bottlenecks().map(lane);
            Place { network: group.network, bits: group.place(), lanes }
        };
        let places: Vec<Place> = participant.groups.iter().map(place).collect();
        (!places.is_empty()).then(|| {
            Box::new(Self {
                places,
                whole: [LinkConfig::default(), LinkConfig::default()],
                books: Default::default(),
                queue_delay: Default::default(),
                fair: None,
            })
        })
    }

    /// Where it meets others behind a network.
    pub fn place(&self, network: u16) -> Option<Place> {
        self.places.iter().find(|place| place.network == network).copied()
    }

    /// A packet is handed over, or, `blocked`, lost before it could be.
    pub fn enter(&mut self, load: &Load, blocked: bool) {
        let (direction, class, size) = describe(load);
        let counts = &mut self.books[direction][class];
        counts.offered += 1;
        counts.offered_bytes += size as u64;
        counts.lost += u64::from(blocked);
    }

    /// A packet has left the bottleneck, or was dropped there.
    pub fn handle(&mut self, crossed: &Crossed) {
        let (direction, class, _) = describe(&crossed.load);
        let counts = &mut self.books[direction][class];
        match crossed.dropped {
            None => {
                counts.flying += 1;
                counts.marked += u64::from(crossed.marked);
                self.queue_delay[direction] = crossed.waited;
                if direction == UP {
                    self.fair = crossed.fair;
                }
            }
            Some(true) => counts.overflowed += 1,
            Some(false) => counts.lost += 1,
        }
    }

    /// The books of one direction with those of its own link.
    pub fn books(&self, direction: usize, own: &Report) -> [Counts; CLASSES] {
        let mut books = *own.classes();
        for (whole, shared) in books.iter_mut().zip(&self.books[direction]) {
            let crossed = shared.flying;
            whole.offered = whole.offered - crossed + shared.offered;
            whole.lost += shared.lost;
            whole.overflowed += shared.overflowed;
            whole.marked += shared.marked;
            whole.waiting += shared.offered - crossed - shared.lost - shared.overflowed;
        }
        books
    }
}

fn describe(load: &Load) -> (usize, usize, usize) {
    match load {
        Load::Up(item) => (UP, item.class(), item.wire_size()),
        Load::Down(item) => (DOWN, item.class(), item.wire_size()),
    }
}
