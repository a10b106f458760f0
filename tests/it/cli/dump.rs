//! `--dump`: what a participant received, read back.

use super::{here, throng, write};
use crate::turns::alone;
use std::path::Path;
use throng::container::{annexb, ivf, ogg, rtpdump};

const SCENARIO: &str = r#"
version = 1
name = "dumped"
seed = 4
[run]
warmup = "1s"
duration = "3s"
cooldown = "0s"
[target]
adapter = "reference"
[media.mic]
kind = "audio"
[media.vp8]
kind = "video"
size = "320x180"
bitrate = "300kbps"
[media.h264]
kind = "video"
codec = "h264"
size = "320x180"
bitrate = "300kbps"
[rooms]
count = 1
[[population]]
name = "hosts"
count = 1
publish = ["mic", "vp8", "h264"]
subscribe = "none"
[[population]]
name = "viewers"
count = 2
"#;

/// The file of the dump whose name ends so.
fn file(dir: &Path, end: &str) -> Vec<u8> {
    let names = std::fs::read_dir(dir).expect("a dump").map(|entry| entry.expect("an entry").path());
    let found: Vec<_> = names.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{end} in {}", dir.display());
    std::fs::read(&found[0]).expect("it can be read")
}

fn holds_what_was_sent(dir: &Path) {
    let (header, frames) = ivf::parse(&file(dir, "hosts-1-vp8.ivf")).map(|(h, f)| (h, f.len())).unwrap();
    assert_eq!((header.width, header.height), (320, 180));
    assert!(frames > 60, "{frames} frames of VP8");
    let units = file(dir, "hosts-1-h264.h264");
    let slices = annexb::nals(&units).filter(|nal| matches!(nal[0] & 0x1F, 1 | 5)).count();
    assert!(slices > 60, "{slices} frames of H.264");
    let packets = ogg::parse_opus(&file(dir, "hosts-1-mic.opus")).unwrap().len();
    assert!(packets > 120, "{packets} packets of Opus");
    let received = file(dir, "received.rtpdump");
    let received = rtpdump::parse(&received).unwrap();
    assert!(received.len() > frames + slices + packets);
    assert!(received.iter().all(|(_, packet)| packet[0] >> 6 == 2));
}

#[test]
fn what_a_participant_received_is_written_in_both_worlds() {
    let _turn = alone();
    let dir = here();
    write(dir.path(), "dumped.toml", SCENARIO);
    for world in ["simulated", "live"] {
        let ran = throng(dir.path(), &["run", "dumped.toml", "--world", world, "--dump", "viewers-1", "--out", world]);
        assert!([0, 97, 98].contains(&ran.code), "{ran:#?}");
        ran.says(&["dump: 4 files"]);
        let dump = dir.path().join(world).join("dump");
        assert_eq!(std::fs::read_dir(&dump).unwrap().count(), 1, "nobody else is dumped");
        holds_what_was_sent(&dump.join("viewers-1"));
    }
}

#[test]
fn whoever_is_not_in_the_plan_cannot_be_dumped() {
    let dir = here();
    write(dir.path(), "dumped.toml", SCENARIO);
    for world in ["simulated", "live"] {
        throng(dir.path(), &["run", "dumped.toml", "--world", world, "--dump", "viewers-9", "--out", "a"])
            .exits(2)
            .silent()
            .says(&["--dump viewers-9: there is no such participant; there are hosts-1, viewers-1 to viewers-2"]);
        assert!(!dir.path().join("a").exists());
    }
    let line = ["run", "dumped.toml", "--world", "simulated", "--dump", "viewers-1", "--seeds", "1..2"];
    throng(dir.path(), &line).exits(2).says(&["cannot be used with"]);
}
