//! An encoder keeps to the rate that the SFU allows.

use super::harness::{LATE_IS_FINE, Sfu, run};
use crate::turns::alone;

#[test]
fn an_encoder_settles_at_the_rate_that_the_sfu_allows_and_a_fixed_one_does_not_listen() {
    let _turn = alone();
    let sfu = Sfu::start(&["--remb", "300kbps"]);
    let ran = run(&format!(
        r#"
version = 1
name = "remb"
[run]
warmup = "2500ms"
duration = "4s"
{LATE_IS_FINE}
[target]
adapter = "room"
url = "http://{}"
[media.listening]
kind = "video"
codec = "vp8"
size = "640x360"
fps = 25
bitrate = "800kbps"
[media.deaf]
kind = "video"
codec = "vp8"
size = "640x360"
fps = 25
bitrate = "800kbps"
cc = "fixed"
[[population]]
name = "speakers"
count = 2
publish = ["listening", "deaf"]
subscribe = "none"
[[population]]
name = "viewers"
count = 1
"#,
        sfu.http
    ));
    let rate = |media| {
        let bytes = ran.count("rtp.bytes_sent", &[("media", media), ("phase", "steady")]);
        bytes as f64 * 8.0 / 4.0 / 2.0
    };
    let (listening, deaf) = (rate("listening"), rate("deaf"));
    assert!((200e3..330e3).contains(&listening), "{listening} bit/s");
    assert!((700e3..950e3).contains(&deaf), "{deaf} bit/s");
}
