//! Laws of the plan: the same seed gives the same plan, and one population more changes no other's draws.

use super::{Arrival, Forecast, Plan, load};
use crate::clock::{Duration, Instant};
use crate::scenario::run::World;
use crate::scenario::{Settings, beside, no_files};
use netem::Loss;
use std::collections::BTreeMap;

const BASE: &str = r#"
version = 1
name = "p"
seed = 9
[run]
warmup = "5s"
duration = "60s"
[media.mic]
kind = "audio"
[media.cam]
kind = "video"
size = "640x360"
fps = 20
bitrate = "400kbps"
[network.home]
down = { delay = "10ms" }
[network.bad]
down = { rate = "1Mbps", loss = { p = 0.02 } }
schedule = [
  { at = "10s", down = { rate = "500kbps", loss = { p = 0.04 } }, ramp = "1s" },
  { at = "20s", reset = true },
  { at = "30s", outage = "800ms", every = "10s", prob = 0.5 },
]
[rooms]
count = 4
[[population]]
name = "speakers"
per_room = 2
publish = ["mic", "cam"]
network = [{ use = "home", weight = 0.8 }, { use = "bad", weight = 0.2 }]
[[population]]
name = "viewers"
count = 90
network = [{ use = "home", weight = 0.8 }, { use = "bad", weight = 0.2 }]
start = { arrivals = { process = "poisson", stages = [{ for = "20s", rate = "6/s" }] } }
session = { length = "exp(20s)", rejoin = { prob = 0.5, after = "exp(3s)" } }
"#;

fn plan(text: &str, seed: Option<u64>) -> Plan {
    plan_of("p.toml", text, seed)
}

fn plan_of(file: &str, text: &str, seed: Option<u64>) -> Plan {
    let files = beside(file);
    let settings = Settings { set: &[], seed, environment: &|_| None, files: &files };
    load(file, text, &settings, None).unwrap_or_else(|errors| panic!("{errors:#?}")).1
}

#[test]
fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
    let one = format!("{:?}", plan(BASE, None));
    assert_eq!(one, format!("{:?}", plan(BASE, Some(9))));
    assert_ne!(one, format!("{:?}", plan(BASE, Some(10))));
}

#[test]
fn a_network_that_nobody_lives_behind_is_told_unless_another_extends_it() {
    assert!(plan(BASE, None).unused().is_empty());
    let with = |more: &str| plan(&format!("{BASE}\n{more}"), None).unused();
    let told = with("[network.mobil]\ndown = { rate = \"1Mbps\" }");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`network.mobil`"), "{told:?}");
    let told = with("[network.line]\ndown = { rate = \"1Mbps\" }\n[network.longer]\nextends = \"line\"");
    assert!(told.len() == 1 && told[0].contains("`network.longer`"), "its base is made use of: {told:?}");
}

#[test]
fn one_population_more_changes_nobody_elses_draws() {
    let before = plan(BASE, None);
    let text = BASE.replace("[[population]]\nname = \"speakers\"", "[[population]]\nname = \"bots\"\ncount = 7\nnetwork = \"3g\"\nstart = { arrivals = { process = \"poisson\", rate = \"3/s\" } }\n[[population]]\nname = \"speakers\"");
    let after = plan(&text, None);
    assert_eq!(after.participants.len(), before.participants.len() + 7);
    let by_name = |plan: &Plan| -> BTreeMap<String, String> {
        let network = |p: &super::ParticipantPlan| plan.networks[usize::from(p.network)].name.clone();
        let fate = |p: &super::ParticipantPlan| {
            (p.name.clone(), format!("{:?} {:?} {:?} {:?} {}", p.arrival, p.sessions, p.outages, p.seed, network(p)))
        };
        plan.participants.iter().map(fate).collect()
    };
    let after = by_name(&after);
    for (name, fate) in by_name(&before) {
        assert_eq!(after.get(&name), Some(&fate), "{name}");
    }
}

#[test]
fn the_golden_plan_is_the_same_on_every_machine() {
    let plan = plan(BASE, None);
    let viewer = plan.participants.iter().find(|p| p.name == "viewers-17").unwrap();
    let shown = format!(
        "{} room {} network {} {:?} {:?}",
        plan.rooms[viewer.room as usize].name,
        viewer.room,
        plan.networks[usize::from(viewer.network)].name,
        viewer.arrival,
        viewer.sessions
    );
    let golden = "p-54d44c46-3 room 2 network home At(2.663133343s) [SessionPlan { length: Some(22.655405853s), rejoin_after: None }]";
    assert_eq!(shown, golden);
}

#[test]
fn weighted_networks_are_exact_quotas_in_every_population() {
    let plan = plan(BASE, None);
    let count = |population: u16, network: &str| {
        let here = |p: &&super::ParticipantPlan| {
            p.population == population && plan.networks[usize::from(p.network)].name == network
        };
        plan.participants.iter().filter(here).count()
    };
    assert_eq!((count(0, "home"), count(0, "bad")), (6, 2), "8 × 0.2 = 1.6");
    assert_eq!((count(1, "home"), count(1, "bad")), (72, 18));
    assert_eq!(plan.networks[0].name, "none");
    // In seeded order: the bad ones are not all at one end.
    let bad: Vec<usize> =
        (0..90).filter(|i| plan.networks[usize::from(plan.participants[8 + i].network)].name == "bad").collect();
    assert!(bad[0] < 30 && bad[17] > 60, "{bad:?}");
}

#[test]
fn everybody_has_a_room_and_every_room_its_speakers() {
    let plan = plan(BASE, None);
    for (n, room) in plan.rooms.iter().enumerate() {
        assert_eq!(room.name, format!("p-{}-{}", plan.run_id, n + 1));
        let speakers = room.participants.iter().filter(|i| plan.participants[**i as usize].population == 0).count();
        assert_eq!(speakers, 2);
        assert!(room.participants.iter().all(|i| plan.participants[*i as usize].room == n as u32));
    }
    let placed: usize = plan.rooms.iter().map(|room| room.participants.len()).sum();
    assert_eq!(placed, plan.participants.len());
    assert!(plan.participants.iter().enumerate().all(|(i, p)| p.index as usize == i && !p.sessions.is_empty()));
}

#[test]
fn a_schedule_becomes_whole_conditions_with_ramps_in_small_steps() {
    let plan = plan(BASE, None);
    let bad = plan.networks.iter().find(|network| network.name == "bad").unwrap();
    let at = |millis: u64| {
        let step = bad.steps.iter().rev().find(|step| step.at <= Instant::from_millis(millis)).unwrap();
        let Loss::Iid { p } = step.down.loss else { panic!("{step:?}") };
        (step.down.rate.unwrap(), (p * 1e6).round() / 1e6)
    };
    assert_eq!(at(0), (1_000_000, 0.02));
    assert_eq!(at(10_499), (800_000, 0.028), "four tenths of the way, until the next step");
    assert_eq!(at(10_500), (750_000, 0.03));
    assert_eq!(at(11_000), (500_000, 0.04));
    assert_eq!(at(20_000), (1_000_000, 0.02));
    assert!(bad.steps.windows(2).all(|pair| pair[0].at < pair[1].at));
    let ramp: Vec<_> = bad.steps.iter().filter(|s| (10_000..=11_000).contains(&s.at.as_millis())).collect();
    assert!(ramp.windows(2).all(|pair| pair[1].at - pair[0].at <= Duration::from_millis(100)), "{}", ramp.len());
    assert_eq!(plan.networks.iter().find(|network| network.name == "home").unwrap().steps.len(), 1);
}

#[test]
fn outages_are_drawn_for_each_participant() {
    let plan = plan(BASE, None);
    let bad: Vec<_> =
        plan.participants.iter().filter(|p| plan.networks[usize::from(p.network)].name == "bad").collect();
    let counts: Vec<usize> = bad.iter().map(|p| p.outages.len()).collect();
    assert!(counts.iter().any(|n| *n != counts[0]), "{counts:?}");
    assert!(counts.iter().all(|n| *n <= 4) && counts.iter().sum::<usize>() > 10, "{counts:?}");
    let home = plan.participants.iter().filter(|p| plan.networks[usize::from(p.network)].name == "home");
    assert!(home.into_iter().all(|p| p.outages.is_empty()));
}

#[test]
fn closed_arrivals_are_an_order_without_gaps() {
    let text = BASE.replace(
        "start = { arrivals = { process = \"poisson\", stages = [{ for = \"20s\", rate = \"6/s\" }] } }",
        "start = { concurrency = [{ t = \"10s\", n = 30, ramp = true }, { t = \"40s\", n = 10 }] }",
    );
    let plan = plan(&text, None);
    let mut places: Vec<u32> = plan
        .participants
        .iter()
        .filter_map(|p| if let Arrival::InOrder(place) = p.arrival { Some(place) } else { None })
        .collect();
    assert!(!places.is_sorted(), "the order is seeded");
    places.sort_unstable();
    assert_eq!(places, (0..90).collect::<Vec<u32>>());
    let forecast = Forecast::of(&plan);
    assert!((forecast.participants_at_once - 38.0).abs() < 2.0, "{}", forecast.participants_at_once);
}

#[test]
fn share_is_a_share_of_the_participants() {
    let text = BASE.replace("count = 4", "participants = 200\ncount = 4").replace("count = 90", "share = 0.3");
    let plan = plan(&text, None);
    assert_eq!(plan.populations[1].count, 60);
}

#[test]
fn the_forecast_is_what_arithmetic_says() {
    let text = r#"
version = 1
name = "f"
[run]
duration = "20s"
[media.mic]
kind = "audio"
bitrate = "32kbps"
[rooms]
count = 2
[[population]]
name = "talkers"
per_room = 3
publish = ["mic"]
[[population]]
name = "listeners"
per_room = 10
"#;
    let forecast = Forecast::of(&plan(text, None));
    // 6 microphones of 50 packets/s; each room's 3 go to 10 listeners and to the 2 other talkers.
    assert!((forecast.steady.packets_up - 300.0).abs() < 1e-6, "{forecast:?}");
    assert!((forecast.steady.packets_down - 2.0 * 50.0 * (3.0 * 10.0 + 3.0 * 2.0)).abs() < 1e-6, "{forecast:?}");
    assert!((forecast.steady.bits_up - 300.0 * (80.0 + 44.0) * 8.0).abs() < 1e-3, "{forecast:?}");
    assert_eq!((forecast.tracks_published, forecast.tracks_received), (6, 72));
    assert_eq!((forecast.sockets, forecast.open_files, forecast.memory), (52, 116, (32 << 20) + 26 * 112_640));
    let joins = 26.0 * 0.4e-3;
    assert!((forecast.cores - (3_900.0 * 16e-6 + joins)).abs() < 1e-9, "{forecast:?}");
}

#[test]
fn every_file_in_scenarios_resolves() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // Traces have a directory of their own.
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Question: ") && text.contains("# Expected: "), "{}", path.display());
        let plan = plan_of(&path.display().to_string(), &text, None);
        let forecast = Forecast::of(&plan);
        let need = forecast.cores + forecast.sfu_cores.unwrap_or(0.0);
        let simulated = plan.run.world == World::Simulated;
        assert!(simulated || need < 2.0, "{}: {need} cores, {forecast:?}", path.display());
        assert!(plan.participants.iter().all(|p| plan.populations[usize::from(p.population)].absent == 0));
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    let plain = ["access", "churn", "clips", "codecs", "data", "faults", "layers", "lossy", "meeting", "quickstart"];
    let rest = [
        "rfc8867-5.1",
        "rfc8867-5.2",
        "rfc8867-5.3",
        "rfc8867-5.4",
        "simulcast",
        "svc",
        "ten-thousand",
        "thousand",
        "whip",
    ];
    assert_eq!(names, [&plain[..], &rest[..]].concat());
}

#[test]
fn quickstart_and_thousand_have_the_people_that_they_promise() {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        plan(&text, None)
    };
    let quickstart = read("quickstart");
    assert_eq!((quickstart.participants.len(), quickstart.rooms.len()), (100, 5));
    let bad =
        quickstart.participants.iter().filter(|p| quickstart.networks[usize::from(p.network)].name == "bad-mobile");
    assert_eq!(bad.count(), 20);
    let thousand = read("thousand");
    assert_eq!(thousand.participants.len(), 1_000);
    let forecast = Forecast::of(&thousand);
    let viewers = 990.0;
    assert!(forecast.steady.packets_down / viewers <= 60.0, "{forecast:?}");
    assert!((forecast.participants_at_once - 1_000.0).abs() < 1e-6);
}

#[test]
fn who_pins_nobody_is_told_so_before_the_run() {
    let text = |name: &str| {
        format!(
            "version = 1\nname = \"pins\"\n[run]\nduration = \"10s\"\n[media.mic]\nkind = \"audio\"\n[rooms]\ncount = 2\n[[population]]\nname = \"hosts\"\nper_room = 1\npublish = [\"mic\"]\nsubscribe = \"none\"\n[[population]]\nname = \"guests\"\nper_room = 2\nsubscribe = {{ audio = \"pinned({name})\", video = \"none\" }}\n"
        )
    };
    let load = |name: &str| {
        let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
        crate::plan::load("pins.toml", &text(name), &settings, None)
    };
    let (_, plan) = load("hosts").expect("every room has a host");
    // Each room: one microphone to two guests, 50 packets a second.
    let down = crate::plan::Forecast::of(&plan).steady.packets_down;
    assert!((down - 200.0).abs() < 1.0, "{down}");
    for (name, why) in
        [("hosts-1", "in the other room there is another"), ("guests", "they publish nothing"), ("x", "no such")]
    {
        let errors = load(name).expect_err(why);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].key, "population.guests.subscribe.audio");
        assert!(errors[0].message.contains(&format!("nobody called `{name}` publishes audio")), "{errors:?}");
    }
}

#[test]
fn who_means_to_leave_for_a_while_does_not_stay() {
    let text = "version = 1\nname = \"breaks\"\n[run]\nduration = \"60s\"\n[[population]]\nname = \"people\"\ncount = 1\nactions = [{ do = \"rejoin\", at = \"20s\", for = \"5s\" }]\n";
    let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &no_files };
    let (_, plan) = crate::plan::load("breaks.toml", text, &settings, None).expect("can be read");
    let at = Instant::from_secs;
    assert!(plan.stays(0, at(1), at(20)) && plan.stays(0, at(25), at(60)));
    assert!(!plan.stays(0, at(1), at(21)) && !plan.stays(0, at(22), at(60)) && !plan.stays(0, at(21), at(22)));
}
