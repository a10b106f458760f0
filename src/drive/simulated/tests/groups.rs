//! Links that several participants share: who gets how much, what is shared and what is not, and the cases of RFC 8867 that
//! need them.

use super::*;
use crate::cc::jain;
use crate::outcome::{LinkGroupOutcome, LinkOutcome, Verdict};

/// Two publishers behind one network, and a viewer who is not; `more` belongs to the network.
fn office(cc: &str, up: &str, more: &str) -> String {
    format!(
        r#"
version = 1
name = "office"
[run]
world = "simulated"
warmup = "20s"
duration = "20s"
[media.cam]
kind = "video"
size = "640x360"
bitrate = "1Mbps"
cc = "{cc}"
[network.office]
up = {{ {up} }}
{more}
[rooms]
count = 1
[[population]]
name = "staff"
count = 2
publish = ["cam"]
subscribe = "none"
network = "office"
[[population]]
name = "viewer"
count = 1
"#
    )
}

/// What of the media of each of the first `people` came through its links, as a rate over the measured 20 s and those before.
fn delivered(outcome: &Outcome, people: u32) -> Vec<f64> {
    let of = |who: u32| -> u64 {
        let media = outcome.links.iter().filter(|link| link.participant == who && link.direction == "up");
        media.filter(|link| link.class == "media").map(|link| link.delivered).sum()
    };
    (0..people).map(|who| of(who) as f64).collect()
}

/// What each of the first `people` sent in the measured window, bit/s.
fn sent(outcome: &Outcome, people: usize, seconds: f64) -> Vec<f64> {
    let bytes = |at: usize| outcome.participants_detail[at].scalars[Metric::RtpBytesSent.name()];
    (0..people).map(|at| bytes(at) * 8.0 / seconds).collect()
}

/// Every participant's books balance, and what members handed over is what their groups were handed.
fn assert_balanced(outcome: &Outcome, plan: &Plan) {
    for link in &outcome.links {
        let there = link.delivered + link.lost + link.overflowed + link.waiting + link.flying;
        assert_eq!(link.offered + link.duplicated, there, "{link:?}");
    }
    for (group, books) in
        plan.groups.iter().flat_map(|group| outcome.link_groups.iter().map(move |books| (group, books)))
    {
        let LinkGroupOutcome { offered, delivered, lost, overflowed, waiting, .. } = *books;
        assert_eq!(offered, delivered + lost + overflowed + waiting, "{books:?}");
        if group.name != books.group {
            continue;
        }
        let of = |link: &&LinkOutcome| group.members.contains(&link.participant) && link.direction == books.direction;
        let sum = |pick: fn(&LinkOutcome) -> u64| -> u64 { outcome.links.iter().filter(of).map(pick).sum() };
        assert_eq!(sum(|link| link.offered), offered, "{books:?}");
        assert_eq!(sum(|link| link.overflowed), overflowed, "{books:?}");
        assert_eq!(sum(|link| link.waiting), waiting, "{books:?}");
        // Copies are made behind the bottleneck.
        let behind = sum(|link| link.delivered + link.flying + link.lost) - sum(|link| link.duplicated);
        assert_eq!(behind, delivered + lost, "{books:?}");
    }
}

/// What the viewer received of each of the first `people` in the measured window, bit/s.
fn received(outcome: &Outcome, people: usize, seconds: f64) -> Vec<f64> {
    let viewer = &outcome.participants_detail[people];
    let of = |name: &str| {
        let track = viewer.tracks.iter().find(|track| track.track == format!("{name}/cam")).expect("it is watched");
        track.scalars[Metric::RtpBytesReceived.name()] * 8.0 / seconds
    };
    outcome.participants_detail[..people].iter().map(|one| of(&one.name)).collect()
}

#[test]
fn two_on_one_line_get_half_of_it_each_and_alone_each_gets_all() {
    let up = "rate = \"1Mbps\", queue = { aqm = \"fq-codel\", limit = \"300ms\" }, delay = \"20ms\"";
    let fixed = |more: &str| office("fixed", up, more).replace("bitrate = \"1Mbps\"", "bitrate = \"800kbps\"");
    let (apart, together) = (simulated(&fixed(""), 5), simulated(&fixed("link_group = \"all\""), 5));
    let (alone, halves) = (received(&apart, 2, 20.0), received(&together, 2, 20.0));
    assert!(alone.iter().all(|rate| (0.75e6..0.9e6).contains(rate)), "{alone:?}");
    assert!(halves.iter().all(|rate| (0.4e6..0.52e6).contains(rate)), "{halves:?}");
    let overflowed = |outcome: &Outcome| outcome.links.iter().map(|link| link.overflowed).sum::<u64>();
    let through: f64 = delivered(&together, 2).iter().sum();
    assert!(overflowed(&together) as f64 > 0.4 * through, "{} of {through}", overflowed(&together));
    assert!((overflowed(&apart) as f64) < 0.02 * through, "{} of {through}", overflowed(&apart));
    assert!(apart.link_groups.is_empty());
    let [books] = &together.link_groups[..] else { panic!("the way down has nothing to share") };
    assert_eq!((books.group.as_str(), books.direction.as_str(), books.participants), ("office", "up", 2));
    assert_balanced(&together, &load(&fixed("link_group = \"all\""), 5).1);
    assert_eq!(count(&together, Metric::BweFairness), 0, "nobody follows an estimate");
}

#[test]
fn two_who_follow_their_estimates_settle_on_what_falls_to_them() {
    let up = "rate = \"1Mbps\", queue = \"300ms\", delay = \"20ms\"";
    let text = office("gcc", up, "link_group = \"all\"");
    let (apart, together) = (simulated(&office("gcc", up, ""), 5), simulated(&text, 5));
    let (alone, halves) = (received(&apart, 2, 20.0), received(&together, 2, 20.0));
    let sum = halves.iter().sum::<f64>();
    assert!(alone.iter().sum::<f64>() > 1.15e6, "{alone:?}");
    assert!((0.6e6..1.0e6).contains(&sum), "{halves:?}");
    assert!(halves.iter().all(|rate| (0.3..0.7).contains(&(rate / sum))), "{halves:?}");
    assert_balanced(&together, &load(&text, 5).1);
    // What falls to each is half of the line: that is what they are measured by.
    let capacity = metric(&together, Metric::BweCapacity).and_then(|entry| entry.p50).expect("measured");
    assert!((0.49e6..0.51e6).contains(&capacity), "{capacity}");
    let fairness = metric(&together, Metric::BweFairness).expect("measured");
    assert!(fairness.mean.expect("measured") > 0.75 && fairness.count >= 15, "{fairness:?}");
    assert_eq!(count(&apart, Metric::BweFairness), 0, "nobody meets anybody");
}

/// Everything of an outcome but what names groups, and what the queue was like when an interval ended: of links of one's own
/// that is told as of when something last happened on them.
fn plain(outcome: &Outcome) -> String {
    let mut plain = Outcome { link_groups: Vec::new(), scenario_text: String::new(), ..outcome.clone() };
    plain.metrics.retain(|entry| entry.name != Metric::NetEmuQueue.name());
    plain.series.metrics.retain(|entry| entry.name != Metric::NetEmuQueue.name());
    io::to_json(&plain)
}

#[test]
fn a_group_of_one_is_as_links_of_its_own() {
    let both = "rate = \"900kbps\", queue = \"200ms\", delay = \"20ms\", delay_variation = { dist = \"nr-gauss\", sd = \"3ms\" }, \
                loss = { p = 0.01 }, duplicate = 0.002";
    let schedule = format!(
        "down = {{ {both} }}\nschedule = [ {{ at = \"22s\", up = {{ rate = \"500kbps\" }}, down = {{ delay = \"40ms\" }} }}, \
         {{ at = \"25s\", outage = \"700ms\" }}, {{ at = \"28s\", outage = \"300ms\", mode = \"pause\" }}, {{ at = \"30s\", reset = true }} ]\n"
    );
    let own = simulated(&office("gcc", both, &schedule), 7);
    let one = simulated(&office("gcc", both, &format!("{schedule}link_group = 1")), 7);
    assert_eq!(one.link_groups.len(), 4, "two members, two directions");
    assert_eq!(own.links, one.links);
    assert_eq!(plain(&own), plain(&one));
}

/// Rooms of three who share lines by fours, room by room, both ways.
const FLOORS: &str = concat!(
    r#"
version = 1
name = "floors"
[run]
world = "simulated"
warmup = "3s"
duration = "10s"
"#,
    mic_and_cam!(),
    r#"[network.floor]
up = { rate = "3Mbps", queue = "200ms", delay = "10ms", loss = { p = 0.01 } }
down = { rate = "4Mbps", queue = { limit = "300ms", aqm = "codel" }, delay = "10ms" }
link_group = 4
schedule = [ { at = "6s", down = { rate = "2Mbps" } }, { at = "8s", outage = "500ms", prob = 0.5, every = "1s" } ]
[rooms]
count = 8
[[population]]
name = "speakers"
per_room = 1
publish = ["mic", "cam"]
network = "floor"
[[population]]
name = "viewers"
per_room = 2
network = "floor"
"#
);

#[test]
fn threads_change_nothing_where_groups_tie_rooms_together() {
    let run_on = |threads| {
        let (scenario_text, plan) = load(FLOORS, 5);
        let options = Options { scenario_text, threads, ..Options::default() };
        run(plan, &options, &mut |_| {}, &mut |_| {}).expect("it begins").outcome
    };
    let (one, two) = (run_on(1), run_on(2));
    assert_eq!(io::to_json(&one), io::to_json(&two));
    assert_eq!(one.link_groups.len(), 12, "24 people by fours, two directions");
    assert!(one.link_groups.iter().all(|books| books.offered > 500), "{:?}", one.link_groups);
    assert!(one.link_groups.iter().any(|books| books.overflowed > 0 && books.direction == "down"));
    let (_, plan) = load(FLOORS, 5);
    assert_balanced(&one, &plan);
    // Four rooms of three are three lines of four.
    let islands: Vec<usize> = island::islands(&plan).iter().map(|island| island.members.len()).collect();
    assert_eq!(islands, [12, 12]);
}

#[test]
fn an_outage_of_a_line_is_everybodys_and_its_steps_happen_once() {
    let (_, plan) = load(FLOORS, 5);
    for group in &plan.groups {
        for &member in &group.members {
            assert_eq!(plan.participants[member as usize].outages, group.outages, "{}", group.name);
        }
    }
    let drawn: std::collections::BTreeSet<usize> = plan.groups.iter().map(|group| group.outages.len()).collect();
    assert!(drawn.len() > 1, "each line has its own luck: {drawn:?}");
    let outcome = simulated(FLOORS, 5);
    for books in &outcome.link_groups {
        let group = plan.groups.iter().find(|group| group.name == books.group).expect("planned");
        assert_eq!(books.lost > 0, !group.outages.is_empty(), "{books:?}");
    }
}

#[test]
fn who_moves_away_leaves_the_line_to_the_others() {
    let up = "rate = \"1Mbps\", queue = \"300ms\", delay = \"20ms\"";
    let away = "[network.mobile]\nup = { delay = \"20ms\" }\n";
    let office = office("gcc", up, &format!("link_group = \"all\"\n{away}"));
    let moves = "[[population]]\nname = \"mover\"\ncount = 1\npublish = [\"cam\"]\nsubscribe = \"none\"\nnetwork = \"office\"\n\
                 actions = [ { do = \"switch-network\", network = \"mobile\", at = \"10s\" } ]\n";
    let text = office.replace("count = 2\npublish", "count = 1\npublish") + moves;
    let outcome = simulated(&text, 5);
    let (_, plan) = load(&text, 5);
    let rate = |name: &str| {
        let one = outcome.participants_detail.iter().find(|one| one.name == name).expect("planned");
        one.scalars[Metric::RtpBytesSent.name()] * 8.0 / 20.0
    };
    assert!(rate("staff-1") > 0.75e6 && rate("mover-1") > 0.85e6, "{} {}", rate("staff-1"), rate("mover-1"));
    for link in &outcome.links {
        let there = link.delivered + link.lost + link.overflowed + link.waiting + link.flying;
        assert_eq!(link.offered + link.duplicated, there, "{link:?}");
    }
    let group = &plan.groups[0];
    assert_eq!(group.members.len(), 2, "it has a place whether it lives there or not");
    let all: u64 = outcome.links.iter().filter(|l| l.direction == "up" && l.participant < 3).map(|l| l.offered).sum();
    assert!(outcome.link_groups[0].offered < all, "what it sends from elsewhere does not meet the line");
}

#[test]
fn a_fault_of_one_member_is_not_the_others() {
    let up = "rate = \"3Mbps\", queue = \"300ms\", delay = \"20ms\"";
    let fault = "[[fault]]\nname = \"cut\"\nkind = \"udp-block\"\nat = \"25s\"\nfor = \"5s\"\n\
                 select = { population = \"staff\", fraction = 0.5 }\n";
    let text = office("fixed", up, "link_group = \"all\"") + fault;
    let outcome = simulated(&text, 5);
    let (_, plan) = load(&text, 5);
    let cut = plan.faults[0].selected[0];
    let lost = |who: u32| -> u64 { outcome.links.iter().filter(|l| l.participant == who).map(|l| l.lost).sum() };
    assert!(lost(cut) > 200 && lost(1 - cut) == 0, "{} {}", lost(cut), lost(1 - cut));
    for link in &outcome.links {
        let there = link.delivered + link.lost + link.overflowed + link.waiting + link.flying;
        assert_eq!(link.offered + link.duplicated, there, "{link:?}");
    }
}

fn case(text: &str, seed: u64) -> Outcome {
    simulated(&text.replace("[run]\n", "[run]\nworld = \"simulated\"\n"), seed)
}

#[test]
fn rfc_8867_case_5_2_two_flows_share_a_capacity_that_changes() {
    let outcome = case(include_str!("../../../../scenarios/rfc8867-5.2.toml"), 1);
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.reason);
    let rates = sent(&outcome, 2, 125.0);
    assert!(jain(&rates) > 0.9, "{rates:?}");
    // At most 1.5 Mbit/s each: 3, 2, 3, 1 and 2 Mbit/s for 25 s each are 2.2 on average.
    let all: f64 = rates.iter().sum();
    assert!((1.5e6..2.2e6).contains(&all), "{rates:?}");
}

#[test]
fn rfc_8867_case_5_4_three_flows_that_came_one_after_another_share_fairly() {
    let text = include_str!("../../../../scenarios/rfc8867-5.4.toml");
    for seed in 1..=2 {
        let outcome = case(text, seed);
        assert_eq!(outcome.verdict, Verdict::Pass, "seed {seed}: {}", outcome.reason);
        let rates = sent(&outcome, 3, 20.0);
        assert!(jain(&rates) >= 0.9, "seed {seed}: {rates:?}");
        let used = rates.iter().sum::<f64>() / 3.5e6;
        assert!((0.7..=1.0).contains(&used), "seed {seed}: {used}");
        let arrivals: Vec<f64> = outcome.participants_detail[..3].iter().map(|one| one.arrival).collect();
        assert_eq!(arrivals, [0.0, 20.0, 40.0]);
    }
}
