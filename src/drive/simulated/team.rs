//! The islands of one thread, and where all their clients write.
//!
//! Islands are run one after the other, an interval each, so that one's clients stay in the cache meanwhile. What comes out
//! does not depend on how many teams there are: samples merge in whole numbers, and sums of others are made in the order
//! of the islands.

use super::island::Island;
use super::world::World;
use crate::client::{Client, Milestone, Shared, Sink};
use crate::clock::{Duration, Instant};
use crate::drive::dump::Hose;
use crate::drive::reports::{IntervalReport, WorkerResult};
use crate::metrics::Recorder;
use crate::outcome::RunEvent;
use std::sync::Arc;

/// The islands of one thread.
#[derive(Debug)]
pub(super) struct Team {
    sink: Sink,
    /// With the number of each in the plan's order.
    worlds: Vec<(usize, World)>,
    /// Where what participants received is written, of a run that dumps it.
    pub hose: Option<Hose>,
}

/// What a team tells after an interval.
#[derive(Debug)]
pub(super) struct TeamReport {
    pub report: IntervalReport,
    pub milestones: Vec<(u32, Milestone)>,
    /// Busy cores of each island's SFU, where packets cost it something.
    pub busy: Vec<(usize, f64)>,
    pub story: Vec<String>,
}

/// What a team leaves behind.
#[derive(Debug)]
pub(super) struct Left {
    pub result: WorkerResult,
    pub milestones: Vec<(u32, Milestone)>,
    pub events: Vec<RunEvent>,
    pub lost: (u64, u64),
    pub story: Vec<String>,
}

/// Deals the islands out to so many teams, one after the other.
pub(super) fn teams(shared: &Arc<Shared>, islands: Vec<Island>, count: usize, story_of: Option<u32>) -> Vec<Team> {
    let plan = &shared.plan;
    let count = count.clamp(1, islands.len().max(1));
    let recorder =
        || Recorder::new(plan.populations.len(), plan.networks.len(), plan.media_names().count(), plan.output.interval);
    let mut teams: Vec<Team> =
        (0..count).map(|_| Team { sink: Sink::for_given(recorder()), worlds: Vec::new(), hose: None }).collect();
    for (index, island) in islands.into_iter().enumerate() {
        teams[index % count].worlds.push((index, World::new(Arc::clone(shared), island, story_of)));
    }
    teams
}

/// Has every team do its part, each on a thread of its own where there are several; answers in the order of the teams.
pub(super) fn each<T: Send>(teams: &mut [Team], part: impl Fn(&mut Team) -> T + Sync) -> Vec<T> {
    if let [only] = teams {
        return vec![part(only)];
    }
    std::thread::scope(|scope| {
        let part = &part;
        let threads: Vec<_> = teams.iter_mut().map(|team| scope.spawn(move || part(team))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a bug of ours ends the run")).collect()
    })
}

impl Team {
    /// Lends the sink to one island after the other.
    fn with_each(&mut self, mut act: impl FnMut(usize, &mut World)) {
        for (index, world) in &mut self.worlds {
            std::mem::swap(&mut self.sink, &mut world.sink);
            act(*index, world);
            std::mem::swap(&mut self.sink, &mut world.sink);
            if let Some(hose) = &mut self.hose {
                hose.pour(&mut self.sink.dumped);
            }
        }
    }

    /// Lets everything happen that is due before `until`.
    pub fn run_until(&mut self, until: Instant) {
        self.with_each(|_, world| world.run_until(until));
    }

    /// Ends an interval of this number and length at the time that it has become.
    pub fn end_interval(&mut self, number: u32, interval: Duration) -> TeamReport {
        let mut told = TeamReport {
            report: IntervalReport::default(),
            milestones: Vec::new(),
            busy: Vec::new(),
            story: Vec::new(),
        };
        let report = &mut told.report;
        self.with_each(|index, world| {
            for client in 0..world.clients.len() as u32 {
                world.tell(client, |client, now, shared, sink| {
                    let snapshot = client.handle_interval(now, shared, sink);
                    report.joining += u64::from(snapshot.joining);
                    report.in_room += u64::from(snapshot.in_room);
                    report.frozen += u64::from(snapshot.frozen);
                });
            }
            // Frames that were held are made now: what they cause has its time now too.
            world.exchange();
            told.milestones.extend(world.take_milestones());
            told.busy.extend(world.sfu.take_busy(world.now, interval).map(|busy| (index, busy)));
            let now = world.now;
            told.story.extend(world.story.iter_mut().flat_map(|story| story.take(now)));
        });
        told.report.interval = self.sink.recorder.take_interval(number);
        told
    }

    /// Has everybody leave.
    pub fn finish(&mut self) {
        self.with_each(|_, world| world.finish());
    }

    /// What is left of it.
    pub fn leave(self, shared: &Shared) -> Left {
        let mut left = Left {
            result: WorkerResult {
                details: Vec::new(),
                links: Vec::new(),
                link_groups: Vec::new(),
                recorded: self.sink.recorder.finish(),
                last: IntervalReport::default(),
                receive_buffer: 0,
            },
            milestones: Vec::new(),
            events: Vec::new(),
            lost: (0, 0),
            story: Vec::new(),
        };
        for (index, mut world) in self.worlds {
            left.milestones.extend(world.take_milestones());
            left.result.details.extend(world.clients.iter().map(|client| client.detail(shared)));
            left.result.links.extend(world.clients.iter().flat_map(Client::links));
            left.result.link_groups.extend(world.groups.outcomes(&shared.plan));
            let (dropped, strays) = world.sfu.lost();
            left.lost = (left.lost.0 + dropped, left.lost.1 + strays);
            let now = world.now;
            left.story.extend(world.story.iter_mut().flat_map(|story| story.take(now)));
            // What a fault does to the SFU it does on every island alike.
            if index == 0 {
                left.events = world.events;
            }
        }
        left
    }
}
