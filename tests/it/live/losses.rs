//! What receivers count as lost is what the links report as lost, packet for packet, whatever the SFU's legs are made of.

use super::harness::{MIC, SPEAKER, cam, head, run};
use crate::turns::alone;

const LEGS: [&str; 2] = ["str0m", "own"];

/// Loss begins once everybody's streams run and ends before they do: what is lost before a stream's first packet or
/// after its last one is unknowable to a receiver. The sound of `leaky` is lost on its uplink; SFUs do not ask for sound
/// again, so what its link lost is missing at everybody.
fn scenario(leg: &str, down: f64, up: f64) -> String {
    let head = head("losses", 3, ["2s", "4s", "1500ms"]);
    let cam = cam("640x360", 25, "500kbps");
    format!(
        r#"
{head}
[target]
leg = "{leg}"
{MIC}
[media.hot]
kind = "audio"
codec = "opus"
{cam}
cc = "fixed"
[network.clean]
[network.lossy]
schedule = [
  {{ at = "2500ms", down = {{ loss = {{ model = "iid", p = {down} }} }} }},
  {{ at = "5500ms", down = {{ loss = {{ model = "none" }} }} }},
]
[network.leaky]
schedule = [
  {{ at = "2500ms", up = {{ loss = {{ model = "iid", p = {up} }} }} }},
  {{ at = "5500ms", up = {{ loss = {{ model = "none" }} }} }},
]
{SPEAKER}
[[population]]
name = "leaky"
count = 1
publish = ["hot"]
subscribe = "none"
network = "leaky"
[[population]]
name = "control"
count = 1
network = "clean"
[[population]]
name = "lossy"
count = 4
network = "lossy"
"#
    )
}

#[test]
fn receivers_count_every_packet_that_a_link_loses_and_no_other() {
    let _turn = alone();
    for leg in LEGS {
        let ran = run(&scenario(leg, 0.05, 0.15));
        let down = ran.lost("lossy", "down", "media");
        let up = ran.lost("leaky", "up", "media");
        // How many that is decides nothing: what is compared below is equal whatever it is, only not where it is nothing.
        // Of 3 s × 4 viewers × 175 packets/s 5 % are 105, with a standard deviation of 10, and the bound lies eight of those
        // below; of 3 s × 50 packets/s 15 % are 22, and two or fewer come once in 10⁸ runs.
        assert!(down > 25, "{down} lost on downlinks");
        assert!(up > 2, "{up} lost on the uplink");
        assert_eq!(ran.numerator("rtp.loss_net", &[("population", "control"), ("media", "hot")]), up, "uplink");
        assert_eq!(ran.numerator("rtp.loss_net", &[("population", "lossy")]), down + 4 * up, "downlinks");
        let residual = ran.numerator("rtp.loss_residual", &[("population", "lossy"), ("media", "cam")]);
        let net = ran.numerator("rtp.loss_net", &[("population", "lossy"), ("media", "cam")]);
        // Of some 45 lost packets of the picture each is lost for good once in twenty: that all of them are is no luck.
        assert!(residual < net, "retransmissions repair: {residual} of {net} stay lost");
        assert!(ran.count("rtp.rtx_rcvd", &[("population", "lossy")]) > 0);
    }
}

#[test]
fn without_loss_nobody_counts_any() {
    let _turn = alone();
    for leg in LEGS {
        let ran = run(&scenario(leg, 0.0, 0.0));
        for metric in ["rtp.loss_net", "rtp.loss_residual", "rtp.loss_late", "rtp.reorder"] {
            assert_eq!(ran.numerator(metric, &[]), 0, "{metric}");
        }
        for metric in ["rtp.nack_sent", "rtp.rtx_rcvd", "rtp.dup", "integrity.auth", "integrity.misroute"] {
            assert_eq!(ran.count(metric, &[]), 0, "{metric}");
        }
        assert_eq!(ran.lost("lossy", "down", "media") + ran.lost("leaky", "up", "media"), 0);
        assert!(ran.count("rtp.packets_received", &[]) > 2_000);
    }
}
