//! `throng check S.toml`: what is wrong with a scenario, or what it will offer and cost. No traffic.

use super::load::ScenarioArguments;
use super::{fail, print};
use crate::conference::LegKind;
use crate::plan::{Arrival, Forecast, Plan, target::AdapterPlan};
use crate::scenario::run::World;
use crate::scenario::secret::redact_url;
use crate::units::{Bitrate, format_duration};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

/// What a simulated delivery costs, seconds of a core (`cargo bench --bench simulated_run`).
const DELIVERY: f64 = 2.2e-6;

/// Options.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The scenario.
    #[command(flatten)]
    pub scenario: ScenarioArguments,
    /// The figures as JSON
    #[arg(long)]
    pub json: bool,
    /// Where it is to happen, instead of the scenario's `run.world`
    #[arg(long, value_name = "WORLD", value_parser = ["live", "simulated"])]
    pub world: Option<String>,
}

/// Checks, and prints the plan's figures.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut scenario = arguments.scenario.clone();
    scenario.set.extend(arguments.world.as_ref().map(|world| format!("run.world={world}")));
    let (_, plan) = match scenario.load(None) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let forecast = Forecast::of(&plan);
    let simulated = plan.run.world == World::Simulated;
    let limit = open_file_limit().filter(|_| !simulated);
    if let Some(limit) = limit.filter(|limit| *limit < forecast.open_files) {
        let need = forecast.open_files;
        return fail(&format!(
            "the run needs {need} open files and this process may have {limit}: raise the hard limit (ulimit -Hn), or plan fewer participants at once"
        ));
    }
    if arguments.json {
        let text = serde_json::to_string_pretty(&json(&plan, &forecast)).expect("figures are plain JSON");
        return print(&format!("{text}\n"));
    }
    print(&text(&plan, &forecast, limit))
}

/// The most files that this process may open after raising its limit.
fn open_file_limit() -> Option<u64> {
    nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).ok().map(|(_, hard)| hard)
}

fn json(plan: &Plan, forecast: &Forecast) -> serde_json::Value {
    let population = |(index, population): (usize, &crate::plan::PopulationPlan)| {
        serde_json::json!({
            "name": population.name, "count": population.count, "absent": population.absent,
            "networks": networks_of(plan, index),
        })
    };
    let networks: BTreeMap<&str, String> =
        plan.networks.iter().map(|network| (network.name.as_str(), network.describe())).collect();
    let sizes: Vec<usize> = plan.rooms.iter().map(|room| room.participants.len()).collect();
    serde_json::json!({
        "scenario": plan.scenario,
        "seed": plan.seed,
        "run": {
            "warmup": plan.run.warmup.as_secs_f64(), "duration": plan.run.duration.as_secs_f64(),
            "cooldown": plan.run.cooldown.as_secs_f64(),
        },
        "target": target(plan),
        "populations": plan.populations.iter().enumerate().map(population).collect::<Vec<_>>(),
        "networks": networks,
        "link_groups": plan.groups.iter().map(|group| serde_json::json!({
            "name": group.name, "network": plan.networks[usize::from(group.network)].name,
            "participants": group.members.len(),
        })).collect::<Vec<_>>(),
        "room_sizes": { "min": sizes.iter().min(), "max": sizes.iter().max() },
        "faults": plan.faults.iter().map(|fault| serde_json::json!({
            "name": fault.name, "kind": fault.kind.word(), "at": fault.at.as_secs_f64(),
            "until": fault.until.as_secs_f64(), "selected": fault.selected.len(),
        })).collect::<Vec<_>>(),
        "thresholds": plan.thresholds.len(),
        "notes": plan.unused(),
        "cores_available": cores(),
        "forecast": forecast,
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn networks_of(plan: &Plan, population: usize) -> BTreeMap<&str, u32> {
    let mut networks = BTreeMap::new();
    for participant in plan.participants.iter().filter(|p| usize::from(p.population) == population) {
        *networks.entry(plan.networks[usize::from(participant.network)].name.as_str()).or_insert(0) += 1;
    }
    networks
}

/// Whether somebody lives behind a network; `none` is always in the plan.
fn lives_there(plan: &Plan, network: usize) -> bool {
    plan.participants.iter().any(|participant| usize::from(participant.network) == network)
}

fn target(plan: &Plan) -> String {
    match &plan.target.adapter {
        AdapterPlan::Reference(reference) if plan.run.world == World::Simulated => {
            let service = &reference.service;
            let cost = match service.per_packet.is_zero() {
                true => "packets cost it nothing".to_owned(),
                false => {
                    let [cost, queue] = [service.per_packet, service.queue].map(format_duration);
                    format!("{cost} a packet on {} cores, a queue of {queue}", service.cores)
                }
            };
            format!("reference SFU, simulated: {cost}")
        }
        AdapterPlan::Reference(reference) => {
            let workers = match reference.workers {
                0 => "workers of its own choice".to_owned(),
                1 => "1 worker".to_owned(),
                n => format!("{n} workers"),
            };
            let leg = match reference.leg {
                LegKind::Str0m => "",
                LegKind::Own => ", legs of throng's own",
            };
            let egress = reference.egress.as_ref().map(|name| format!(", egress {name}")).unwrap_or_default();
            format!("reference SFU, started by the run, {workers}{leg}{egress}")
        }
        AdapterPlan::Room { url } => format!("reference SFU at {}", redact_url(url)),
        AdapterPlan::WhipWhep(whip) => {
            let urls: Vec<String> = [&whip.whip, &whip.whep].into_iter().flatten().map(|url| redact_url(url)).collect();
            format!("WHIP and WHEP, {}", urls.join(" · "))
        }
    }
}

/// Data channels, where there are any.
fn channels(forecast: &Forecast) -> Option<String> {
    let (published, received) = (forecast.channels_published, forecast.channels_received);
    (published > 0).then(|| format!("{published} published, {received} received"))
}

/// What a live run needs of this machine.
fn generator(forecast: &Forecast, limit: Option<u64>) -> String {
    let files = limit.map_or(String::new(), |limit| format!(" of {}", grouped(limit as f64)));
    format!(
        "{:.2} cores of {}, {}, {} sockets, {} open files{files}",
        forecast.cores,
        cores(),
        bytes(forecast.memory),
        grouped(forecast.sockets as f64),
        grouped(forecast.open_files as f64)
    )
}

fn text(plan: &Plan, forecast: &Forecast, limit: Option<u64>) -> String {
    let mut out = format!(
        "{}: {} in {}, seed {}\n\n",
        plan.scenario,
        many(forecast.participants, "participant"),
        many(forecast.rooms, "room"),
        plan.seed
    );
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<10} {text}");
    };
    let run = &plan.run;
    let [warmup, duration, cooldown] = [run.warmup, run.duration, run.cooldown].map(format_duration);
    line("phases", format!("warm-up {warmup}, measured {duration}, cool-down {cooldown}"));
    line("target", target(plan));
    for (index, population) in plan.populations.iter().enumerate() {
        let homes: Vec<String> = networks_of(plan, index).iter().map(|(name, n)| format!("{name} {n}")).collect();
        let absent = match population.absent {
            0 => String::new(),
            absent => format!("; {absent} more never come"),
        };
        line("people", format!("{} {} ({}){absent}", population.name, population.count, homes.join(", ")));
    }
    for (_, network) in plan.networks.iter().enumerate().filter(|(index, _)| lives_there(plan, *index)) {
        line("network", format!("{}: {}", network.name, network.describe()));
    }
    for sharing in link_groups(plan) {
        line("shared", sharing);
    }
    line("rooms", rooms(plan));
    line("arrivals", arrivals(plan, forecast));
    line("tracks", format!("{} published, {} received", forecast.tracks_published, forecast.tracks_received));
    channels(forecast).into_iter().for_each(|text| line("channels", text));
    line("steady", flow(&forecast.steady));
    line("peak", format!("{} at {:.0} s", flow(&forecast.peak), forecast.peak_at));
    if plan.run.world == World::Simulated {
        line("simulated", simulation(plan, forecast));
    } else {
        line("generator", generator(forecast, limit));
        if let Some(sfu) = forecast.sfu_cores {
            line("sfu", format!("{sfu:.2} cores beside it"));
        }
    }
    for fault in &plan.faults {
        let after = fault.until.saturating_since(fault.at);
        let lasting = if after.is_zero() { String::new() } else { format!(" for {}", format_duration(after)) };
        let whom = many(fault.selected.len() as u64, "participant");
        let at = fault.at.as_secs_f64();
        line("fault", format!("{}: {} at {at} s{lasting}, {whom}", fault.name, fault.kind.word()));
    }
    line("judged by", many(plan.thresholds.len() as u64, "threshold"));
    for note in plan.unused() {
        line("note", note);
    }
    let need = forecast.cores + forecast.sfu_cores.unwrap_or(0.0);
    if plan.run.world == World::Live && need > cores() as f64 {
        let _ = writeln!(out, "\nwarning: this needs about {need:.1} cores, and there are {}", cores());
    }
    out.push_str("\nPredicted from the plan: no RTCP, no retransmissions, nothing lost.\n");
    out
}

/// Which people share bottlenecks, a line a network, and what that ties together.
fn link_groups(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, network) in (0u16..).zip(&plan.networks) {
        let sizes: Vec<u64> =
            plan.groups.iter().filter(|g| g.network == index).map(|g| g.members.len() as u64).collect();
        let (Some(least), Some(most)) = (sizes.iter().min(), sizes.iter().max()) else { continue };
        let of = if least == most { many(*most, "participant") } else { format!("{least} to {most} participants") };
        let ways = match network.bottlenecks() {
            [true, true] => "both ways",
            [true, false] => "up",
            [false, _] => "down",
        };
        lines.push(format!("{}: {} of {of}, {ways}", network.name, many(sizes.len() as u64, "link group")));
    }
    let tied = plan.ties().sets().into_iter().map(|set| set.len()).max().unwrap_or(0);
    if tied > 1 {
        lines.push(format!("link groups tie {tied} rooms together, which one worker has"));
    }
    lines
}

/// What a simulation comes to: no socket, and the time of one core for every packet that arrives.
fn simulation(plan: &Plan, forecast: &Forecast) -> String {
    let deliveries = forecast.steady.packets_down * plan.run.end().as_secs_f64();
    let seconds = (deliveries * DELIVERY).ceil();
    format!("no sockets; {} packets delivered, about {seconds} s of one core", grouped(deliveries))
}

fn rooms(plan: &Plan) -> String {
    let sizes = || plan.rooms.iter().map(|room| room.participants.len() as u64);
    let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
    let of = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    format!("{} of {of} people", grouped(plan.rooms.len() as f64))
}

fn arrivals(plan: &Plan, forecast: &Forecast) -> String {
    let times = || {
        plan.participants.iter().filter_map(|participant| match participant.arrival {
            Arrival::At(at) => Some(at),
            Arrival::InOrder(_) => None,
        })
    };
    let mut parts = Vec::new();
    if let (Some(first), Some(last)) = (times().min(), times().max()) {
        parts.push(format!("{:.1} s to {:.1} s", first.as_secs_f64(), last.as_secs_f64()));
    }
    if plan.populations.iter().any(|population| population.concurrency.is_some()) {
        parts.push(format!("at most {:.0} in at once", forecast.participants_at_once));
    }
    parts.push(format!("{:.0} joins, at most {:.0} a second", forecast.joins, forecast.joins_per_second));
    if forecast.arrivals_dropped > 0 {
        parts.push(format!("{} beyond the headcount dropped", forecast.arrivals_dropped));
    }
    parts.join(", ")
}

fn flow(flow: &crate::plan::forecast::Flow) -> String {
    let rate = |bits: f64| Bitrate((bits / 1e4).round() as u64 * 10_000).to_string();
    format!(
        "{} packets/s, {} up · {} packets/s, {} down",
        grouped(flow.packets_up),
        rate(flow.bits_up),
        grouped(flow.packets_down),
        rate(flow.bits_down)
    )
}

fn many(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(n as f64), if n == 1 { "" } else { "s" })
}

/// Thousands apart, as in 12,345.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn bytes(bytes: u64) -> String {
    match bytes {
        n if n >= 1 << 30 => format!("{:.1} GiB", n as f64 / (1u64 << 30) as f64),
        n => format!("{:.0} MiB", (n as f64 / (1u64 << 20) as f64).ceil()),
    }
}
