//! From a scenario and a seed to a plan: every draw from a stream of its own name.
//!
//! A participant's streams hang on its name, a population's on its name, rooms on their own: one population more changes
//! no other's draws.

use super::rooms::{Group, place, sizes};
use super::{Arrival, NetworkPlan, ParticipantPlan, Plan, PopulationPlan, RoomPlan};
use super::{actions, arrivals, headcount, outages, pins, quota, seats, sessions, timeline};
use crate::clock::Instant;
use crate::scenario::arrivals::{Arrivals, Process, Start};
use crate::scenario::check::{Report, network_of, used_networks};
use crate::scenario::network::Network;
use crate::scenario::population::{Headcount, Population};
use crate::scenario::target::AdapterPlan;
use crate::scenario::{Scenario, ScenarioError, Settings};
use crate::seed::Seed;
use rand::Rng;

/// More arrivals than anybody could mean.
const MOST_ARRIVALS: f64 = 1e7;

/// Reads and resolves a file in one go, so that errors of both kinds are found at once. Without a `run_id` it is derived
/// from the scenario and the seed.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub fn load(
    file: &str,
    text: &str,
    settings: &Settings<'_>,
    run_id: Option<&str>,
) -> Result<(Scenario, Plan), Vec<ScenarioError>> {
    let (scenario, mut errors) = Scenario::read(file, text, settings);
    let Some(scenario) = scenario else { return Err(errors) };
    let run_id = run_id.map_or_else(|| derived_run_id(&scenario), str::to_owned);
    match Plan::resolve(&scenario, scenario.seed, &run_id) {
        Ok(plan) if errors.is_empty() => Ok((scenario, plan)),
        Ok(_) => Err(errors),
        Err(more) => {
            // What could not be read was replaced by something harmless: an error of its section may follow from that.
            let section = |key: &str| {
                let named = ["media.", "network.", "population."].iter().any(|start| key.starts_with(start));
                key.split('.').take(if named { 2 } else { 1 }).collect::<Vec<_>>().join(".")
            };
            let known: Vec<String> = errors.iter().map(|error| section(&error.key)).collect();
            errors.extend(more.into_iter().filter(|error| !known.contains(&section(&error.key))));
            errors.sort_by_key(|error| (error.line == 0, error.span.start));
            Err(errors)
        }
    }
}

/// The run id of a run that is repeated exactly: from the scenario's name and the seed.
#[must_use]
pub fn derived_run_id(scenario: &Scenario) -> String {
    let bits = Seed::new(scenario.seed).child("run id").child(&scenario.name).bits();
    format!("{:08x}", bits >> 32)
}

/// A population's people, and when they come.
struct Cast {
    arrivals: Vec<Arrival>,
    dropped: u64,
    absent: u32,
}

impl Plan {
    /// Draws the plan. `run_id` becomes part of the rooms' names.
    ///
    /// # Errors
    /// What can only be seen with everything drawn: people who do not fit, arrivals that bring too few, ramps that
    /// cannot be followed.
    pub fn resolve(scenario: &Scenario, seed: u64, run_id: &str) -> Result<Self, Vec<ScenarioError>> {
        let (errors, root) = scenario.errors();
        let report = Report { root, errors: &errors };
        let root_seed = Seed::new(seed);
        let networks = Networks::resolve(scenario, &report);
        let casts: Vec<Cast> =
            scenario.populations.iter().map(|population| cast(scenario, population, root_seed, &report)).collect();
        let placed = place_all(scenario, &casts, root_seed, &report);
        let plan = Self {
            scenario: scenario.name.clone(),
            seed,
            run_id: run_id.to_owned(),
            run: scenario.run.clone(),
            target: target(scenario, seed),
            populations: scenario.populations.iter().zip(&casts).map(|(p, cast)| population_plan(p, cast)).collect(),
            networks: networks.plans.clone(),
            idle_networks: idle_networks(scenario),
            groups: Vec::new(),
            media: scenario.media.clone(),
            channels: scenario.channels.clone(),
            rooms: rooms(scenario, run_id),
            participants: Vec::new(),
            arrivals_dropped: casts.iter().map(|cast| cast.dropped).sum(),
            faults: Vec::new(),
            spells: Vec::new(),
            thresholds: scenario.thresholds.clone(),
            invalid_if: scenario.invalid_if.clone(),
            output: scenario.output.clone(),
        };
        if !errors.is_empty() {
            return Err(errors.into_sorted());
        }
        let placed = placed.unwrap_or_default();
        let plan = plan.with_participants(scenario, &casts, &placed, &networks, root_seed).with_room_names();
        let plan = plan.with_groups(&networks.sources, root_seed, &report);
        let plan = seats::take(plan, scenario, root_seed);
        pins::check(&plan, scenario, &report);
        let plan = plan.with_faults(scenario, root_seed, &report);
        if errors.is_empty() { Ok(plan) } else { Err(errors.into_sorted()) }
    }

    fn with_participants(
        mut self,
        scenario: &Scenario,
        casts: &[Cast],
        placed: &[Vec<u32>],
        networks: &Networks,
        root: Seed,
    ) -> Self {
        let end = self.run.end();
        for (p, (population, cast)) in scenario.populations.iter().zip(casts).enumerate() {
            let homes = networks.homes(population, cast.arrivals.len() as u32, root);
            let publish: Vec<u16> = population.publish.iter().filter_map(|name| self.media_index(name)).collect();
            let channels: Vec<u16> = population.publish.iter().filter_map(|name| self.channel_index(name)).collect();
            for (i, arrival) in cast.arrivals.iter().enumerate() {
                let index = self.participants.len() as u32;
                let name = format!("{}-{}", population.name, i + 1);
                let seed = root.child("participant").child(&name);
                let earliest = if let Arrival::At(at) = arrival { *at } else { Instant::ZERO };
                let room = placed[p][i];
                self.rooms[room as usize].participants.push(index);
                self.participants.push(ParticipantPlan {
                    index,
                    population: p as u16,
                    room,
                    network: homes[i],
                    groups: Vec::new(),
                    arrival: *arrival,
                    sessions: sessions::draw(&population.session, earliest, end, seed),
                    publish: publish.clone(),
                    layer: actions::wishes(population.subscribe.layer, end, seed)[0].1,
                    channels: channels.clone(),
                    subscribe: population.subscribe.clone(),
                    seat: None,
                    actions: Vec::new(),
                    join_timeout: population.join_timeout,
                    first_frame_timeout: population.first_frame_timeout,
                    outages: Vec::new(),
                    faults: Vec::new(),
                    reconnect: population.reconnect,
                    seed,
                    name,
                });
                self.draw_doings(population, networks, seed);
            }
        }
        self
    }

    /// What the last participant does, and what its links suffer.
    fn draw_doings(&mut self, population: &Population, networks: &Networks, seed: Seed) {
        let end = self.run.end();
        let Some(last) = self.participants.last() else { return };
        let media = |name: &str| self.media_index(name);
        let network = |name: &str| networks.index(name);
        let actions =
            actions::draw(&population.actions, end, seed, (last.network, last.subscribe.layer), media, network);
        let Some(last) = self.participants.last_mut() else { return };
        last.actions = actions;
        let of = |network: u16| outages::draw(&networks.sources[usize::from(network)].schedule, end, seed);
        last.outages = actions::outages(last, of);
    }

    fn media_index(&self, name: &str) -> Option<u16> {
        self.media.iter().position(|media| media.name == name).map(|index| index as u16)
    }

    fn channel_index(&self, name: &str) -> Option<u16> {
        self.channels.iter().position(|channel| channel.name == name).map(|index| index as u16)
    }

    /// `where = { room = "3" }` becomes the room's whole name.
    fn with_room_names(mut self) -> Self {
        for threshold in &mut self.thresholds {
            if let Some(room) = threshold.filter.get_mut("room")
                && let Some(plan) = room.parse::<usize>().ok().and_then(|n| self.rooms.get(n.checked_sub(1)?))
            {
                room.clone_from(&plan.name);
            }
        }
        self
    }
}

fn target(scenario: &Scenario, seed: u64) -> super::TargetPlan {
    let mut target = scenario.target.clone();
    if let AdapterPlan::Reference(reference) = &mut target.adapter {
        reference.egress_seed = seed;
        if let Some(egress) = &mut reference.egress {
            *egress = beside(scenario.file(), egress);
        }
    }
    target
}

/// `FILE.toml#name` is relative to the scenario's own file.
fn beside(file: &str, egress: &str) -> String {
    match egress.split_once('#') {
        Some((path, name)) => {
            let directory = std::path::Path::new(file).parent().unwrap_or(std::path::Path::new(""));
            format!("{}#{name}", directory.join(path).display())
        }
        None => egress.to_owned(),
    }
}

fn rooms(scenario: &Scenario, run_id: &str) -> Vec<RoomPlan> {
    let name = |n: u32| format!("{}-{run_id}-{n}", scenario.name);
    (1..=scenario.rooms.count).map(|n| RoomPlan { name: name(n), participants: Vec::new() }).collect()
}

fn population_plan(population: &Population, cast: &Cast) -> PopulationPlan {
    let concurrency = match &population.start {
        Start::Closed(concurrency) => Some(concurrency.clone()),
        Start::AtOnce | Start::Open(_) => None,
    };
    PopulationPlan {
        name: population.name.clone(),
        tags: population.tags.clone(),
        count: cast.arrivals.len() as u32,
        absent: cast.absent,
        concurrency,
    }
}

fn cast(scenario: &Scenario, population: &Population, root: Seed, report: &Report<'_>) -> Cast {
    let count = headcount::of(population, &scenario.rooms);
    let nobody = Cast { arrivals: Vec::new(), dropped: 0, absent: 0 };
    if let Err((message, help)) = headcount::fits(count) {
        report.fail(&population.path, message, help);
        return nobody;
    }
    let count = count as u32;
    match &population.start {
        Start::AtOnce => Cast { arrivals: vec![Arrival::At(Instant::ZERO); count as usize], ..nobody },
        Start::Closed(concurrency) => {
            for (index, point) in concurrency.points.iter().enumerate() {
                if point.target > count {
                    let message = format!("{} are to be in at once, and the population has {count}", point.target);
                    let key = format!("{}.start.concurrency[{index}].n", population.path);
                    report.fail(&key, message, "write at most the headcount, or more people");
                }
            }
            let order = shuffled(count, root.child("population").child(&population.name).child("order"));
            let mut places = vec![0; count as usize];
            order.iter().enumerate().for_each(|(place, person)| places[*person as usize] = place as u32);
            Cast { arrivals: places.into_iter().map(Arrival::InOrder).collect(), ..nobody }
        }
        Start::Open(open) => open_cast(scenario, population, open, count, root, report),
    }
}

fn open_cast(
    scenario: &Scenario,
    population: &Population,
    open: &Arrivals,
    count: u32,
    root: Seed,
    report: &Report<'_>,
) -> Cast {
    let most = open.max.unwrap_or(count).min(count);
    let end = scenario.run.end();
    let expected = arrivals::expected(open, end);
    let key = format!("{}.start.arrivals", population.path);
    if expected > MOST_ARRIVALS {
        report.fail(&key, format!("{expected:.0} people would come"), "write a lower rate, or shorter stages");
        return Cast { arrivals: Vec::new(), dropped: 0, absent: count };
    }
    let seed = root.child("population").child(&population.name).child("arrivals");
    let table = arrivals::timetable(open, most, end, seed);
    let short = match open.process {
        Process::Constant => (table.times.len() as u32) < most,
        // A draw may come short by luck; a law that is short on average is a mistake.
        Process::Poisson => expected + 1e-9 < f64::from(most),
    };
    if short {
        let message =
            format!("the arrivals bring {expected:.1} people before the end of the run, and {most} are to come");
        report.fail(&key, message, "raise the rate, lengthen the stages or the run, or lower the headcount");
    }
    let absent = count - table.times.len() as u32;
    Cast { arrivals: table.times.into_iter().map(Arrival::At).collect(), dropped: table.dropped, absent }
}

/// The numbers below `n` in a seeded order (Fisher–Yates).
pub(super) fn shuffled(n: u32, seed: Seed) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n).collect();
    let mut rng = seed.rng();
    for i in (1..order.len()).rev() {
        // The bias of a remainder of 64 bits is below 2⁻⁴⁴ for a million people.
        order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
    order
}

fn place_all(scenario: &Scenario, casts: &[Cast], root: Seed, report: &Report<'_>) -> Option<Vec<Vec<u32>>> {
    let total: u64 = scenario.populations.iter().map(|p| headcount::of(p, &scenario.rooms)).sum();
    if let Err((message, help)) = headcount::fits(total) {
        report.fail("population", message, help);
        return None;
    }
    let fixed = headcount::fixed(&scenario.populations).min(u64::from(u32::MAX)) as u32;
    let sizes = match sizes(&scenario.rooms, total as u32, fixed, root.child("rooms").child("size")) {
        Ok(sizes) => sizes,
        Err((message, help)) => {
            report.fail("rooms.size", message, help);
            return None;
        }
    };
    let group = |(population, cast): (&Population, &Cast)| Group {
        count: cast.arrivals.len() as u32,
        per_room: match population.head {
            Headcount::PerRoom(people) => Some(people),
            Headcount::Count(_) | Headcount::Share(_) => None,
        },
    };
    let groups: Vec<Group> = scenario.populations.iter().zip(casts).map(group).collect();
    Some(place(scenario.rooms.assign, &sizes, &groups))
}

/// Names of networks that nothing in the file makes use of.
fn idle_networks(scenario: &Scenario) -> Vec<String> {
    let used = used_networks(scenario);
    let egress = match &scenario.target.adapter {
        AdapterPlan::Reference(reference) => reference.egress.as_deref(),
        AdapterPlan::Room { .. } | AdapterPlan::WhipWhep(_) => None,
    };
    // The egress is named as a network of a file, which may be this one.
    let is_egress = |name: &String| egress.is_some_and(|egress| egress.ends_with(&format!("#{name}")));
    let is_idle = |name: &String| !used.contains(name) && !is_egress(name);
    let own = scenario.networks.iter().filter(|network| !network.is_base).map(|network| network.name.clone());
    own.filter(is_idle).collect()
}

/// Networks in use, resolved; index 0 is `none`.
struct Networks {
    plans: Vec<NetworkPlan>,
    sources: Vec<Network>,
}

impl Networks {
    fn resolve(scenario: &Scenario, report: &Report<'_>) -> Self {
        let end = scenario.run.end();
        let used = used_networks(scenario);
        // What nobody uses is checked all the same.
        for network in scenario.networks.iter().filter(|network| !used.contains(&network.name)) {
            timeline::resolve(network, end, report);
        }
        let names = std::iter::once("none".to_owned()).chain(used.into_iter().filter(|name| name != "none"));
        let sources: Vec<Network> = names.map(|name| network_of(scenario, &name)).collect();
        let plans = sources.iter().map(|network| timeline::resolve(network, end, report)).collect();
        Self { plans, sources }
    }

    fn index(&self, name: &str) -> u16 {
        self.sources.iter().position(|network| network.name == name).unwrap_or(0) as u16
    }

    /// The network of each of a population's people: exact quotas, in seeded order.
    fn homes(&self, population: &Population, count: u32, root: Seed) -> Vec<u16> {
        let weights: Vec<f64> = population.networks.iter().map(|(_, weight)| *weight).collect();
        let quotas = quota::largest_remainder(count, &weights);
        let index = |name: &str| self.index(name);
        let in_order = population
            .networks
            .iter()
            .zip(quotas)
            .flat_map(|((name, _), quota)| std::iter::repeat_n(index(name), quota as usize));
        let order = shuffled(count, root.child("population").child(&population.name).child("networks"));
        let mut homes = vec![0; count as usize];
        order.into_iter().zip(in_order).for_each(|(person, network)| homes[person as usize] = network);
        homes
    }
}
