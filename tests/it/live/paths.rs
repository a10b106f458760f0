//! Corruption, queue policies and traces of a scenario on real sockets: what links did is what receivers and the SFU saw.

use super::harness::{Ran, cam, head, run};
use crate::turns::alone;

/// Everything begins once the streams run: what happens to a join is not in question here.
fn scenario(damaged: &str, narrow: &str) -> String {
    let head = head("paths", 11, ["2s", "4s", "1500ms"]);
    let cam = cam("640x360", 25, "500kbps");
    format!(
        r#"
{head}
{cam}
cc = "fixed"
[network.clean]
[network.damaged]
schedule = [
  {{ at = "2500ms", down = {{ {damaged} }} }},
  {{ at = "5500ms", reset = true }},
]
[network.narrow]
schedule = [
  {{ at = "2500ms", down = {{ {narrow} }} }},
  {{ at = "5500ms", reset = true }},
]
[[population]]
name = "speaker"
count = 1
publish = ["cam"]
subscribe = "none"
[[population]]
name = "control"
count = 1
network = "clean"
[[population]]
name = "damaged"
count = 4
network = "damaged"
[[population]]
name = "narrow"
count = 2
network = "narrow"
"#
    )
}

const CORRUPT: &str = "corrupt = 0.05";

/// What one field of the links of a population comes to, downwards.
fn sum(ran: &Ran, population: &str, classes: &[&str], of: impl Fn(&throng::outcome::LinkOutcome) -> u64) -> u64 {
    let down = ran.outcome.links.iter().filter(|line| line.direction == "down" && classes.contains(&&*line.class));
    down.filter(|line| ran.people(population).any(|detail| detail.index == line.participant)).map(of).sum()
}

#[test]
fn corrupted_packets_are_refused_by_srtp_and_missing_and_codel_marks_what_a_tail_would_hold() {
    let _turn = alone();
    let codel = "rate = \"350kbps\", queue = { aqm = \"codel\", limit = \"60s\", ecn = true }";
    let ran = run(&scenario(CORRUPT, codel));
    let media = sum(&ran, "damaged", &["media"], |line| line.corrupted);
    let protected = sum(&ran, "damaged", &["media", "rtx", "rtcp"], |line| line.corrupted);
    // Of 3 s × 4 viewers × 75 packets/s 5 % are 45, with a standard deviation of 6.5; that it is not nothing is what matters.
    assert!(media > 9, "{media} corrupted");
    let refused = ran.count("integrity.auth", &[("population", "damaged")]);
    // Where the bit is one of those that tell RTP from the rest (9 of some 8,000), nobody takes it for RTP: of some 60 that
    // is 0.07 on average, and five of them come once in 10⁸ runs.
    assert!(refused <= protected && refused + 4 >= protected, "{refused} refused of {protected}");
    let missing = ran.numerator("rtp.loss_net", &[("population", "damaged")]);
    assert_eq!(missing, media, "each is missing, whatever it would have said");
    assert!(ran.count("rtp.rtx_rcvd", &[("population", "damaged")]) > 0, "and asked for again");
    for metric in ["integrity.misroute", "integrity.payload_crc", "integrity.ssrc_dup"] {
        assert_eq!(ran.count(metric, &[]), 0, "{metric}: nothing of them was believed");
    }
    // What cannot be sent in time is marked, and none of it dropped: the queue only grows.
    assert!(sum(&ran, "narrow", &["media"], |line| line.marked) > 10);
    assert_eq!(sum(&ran, "narrow", &["media", "rtx"], |line| line.overflowed), 0);
    assert!(ran.max("net.emu_queue", &[("population", "narrow")]) > 0.1, "CoDel does not act before that");
    assert_eq!(ran.count("integrity.auth", &[("population", "control")]), 0);
}

#[test]
fn without_corruption_and_a_narrow_line_nothing_is_refused_marked_or_dropped() {
    let _turn = alone();
    let wide = "rate = \"100Mbps\", queue = { aqm = \"fq-codel\", limit = \"60s\", ecn = true }";
    let ran = run(&scenario("corrupt = 0.0", wide));
    for line in &ran.outcome.links {
        assert_eq!((line.corrupted, line.marked, line.overflowed, line.lost), (0, 0, 0, 0), "{line:?}");
    }
    assert_eq!(ran.count("integrity.auth", &[]), 0);
    assert_eq!(ran.numerator("rtp.loss_net", &[]), 0);
    assert!(ran.count("rtp.packets_received", &[]) > 1_000);
}
