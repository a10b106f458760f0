//! Links that participants share, on real sockets: what one sends takes the room of what another does, across rooms too.

use super::harness::{cam, head, run};
use crate::turns::alone;

/// Two publishers in rooms of their own behind one line, which carries a little more than one of them sends, and one who has such
/// a line for itself; two viewers share their way down. Each has a flow of its own in the queue: behind a plain one, who is half a
/// frame ahead of the other may get twice as much.
fn scenario() -> String {
    let head = head("line", 11, ["1s", "6s", "500ms"]);
    let cam = cam("640x360", 25, "500kbps");
    format!(
        r#"
{head}
workers = 2
{cam}
cc = "fixed"
[network.line]
up = {{ rate = "650kbps", queue = {{ aqm = "fq-codel", limit = "1s" }}, delay = "15ms" }}
link_group = "all"
[network.own]
extends = "line"
link_group = "none"
[network.home]
down = {{ rate = "3Mbps", queue = "300ms", delay = "15ms" }}
link_group = 2
[rooms]
count = 3
size = 3
assign = "round-robin"
[[population]]
name = "speaker"
count = 2
publish = ["cam"]
subscribe = "none"
network = "line"
[[population]]
name = "control"
count = 1
publish = ["cam"]
subscribe = "none"
network = "own"
[[population]]
name = "viewer"
count = 3
network = "home"
"#
    )
}

#[test]
fn two_in_two_rooms_share_one_line_and_a_third_has_its_own() {
    let _turn = alone();
    let ran = run(&scenario());
    let up = |name: &str| {
        let who = ran.people(name).map(|detail| detail.index).collect::<Vec<_>>();
        let sums = who.iter().map(|who| {
            // What is asked for again takes its share of the line too.
            let lines = ran.outcome.links.iter().filter(|line| line.direction == "up" && line.participant == *who);
            lines.fold((0.0, 0.0), |(offered, delivered), line| {
                (offered + line.offered as f64, delivered + line.delivered as f64)
            })
        });
        sums.collect::<Vec<_>>()
    };
    let (speakers, control) = (up("speaker"), up("control"));
    let through: f64 = speakers.iter().map(|(_, delivered)| delivered).sum();
    for (offered, delivered) in &speakers {
        assert!((0.4..0.6).contains(&(delivered / through)), "half of it each: {speakers:?}");
        assert!(delivered / offered < 0.7, "the line does not carry both: {speakers:?}");
    }
    let [(offered, delivered)] = control[..] else { panic!("one has its own") };
    assert!(delivered / offered > 0.95, "{control:?}");
    // 650 kbit/s for the two; one alone sends 500 and its headers.
    assert!((1.0..1.45).contains(&(through / delivered)), "{speakers:?} {control:?}");
    let books = |group: &str| ran.outcome.link_groups.iter().find(|books| books.group == group).expect("it is there");
    let line = books("line");
    assert!(line.overflowed > 100 && line.participants == 2, "{line:?}");
    for books in &ran.outcome.link_groups {
        assert_eq!(books.offered, books.delivered + books.lost + books.overflowed + books.waiting, "{books:?}");
        let network = |index: u32| &ran.outcome.participants_detail[index as usize].network;
        let members = ran
            .outcome
            .links
            .iter()
            .filter(|link| link.direction == books.direction && *network(link.participant) == books.network);
        let all = ran.outcome.link_groups.iter().filter(|other| other.network == books.network);
        assert_eq!(
            members.map(|link| link.overflowed).sum::<u64>(),
            all.map(|other| other.overflowed).sum::<u64>(),
            "{books:?}"
        );
    }
    assert_eq!((books("home-1").participants, books("home-2").participants), (2, 1));
    ran.assert_consistent();
}
