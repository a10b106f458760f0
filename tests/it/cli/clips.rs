//! `scenarios/clips.toml`: real clips go in, and what a viewer received comes out for a real decoder.

use super::{here, json, repository, throng};
use crate::turns::alone;
use std::path::Path;
use std::process::Command;
use throng::container::{annexb, ivf, ogg};

/// The files of a viewer's dump with this ending.
fn dumped(dir: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a dump").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

/// Every frame that came out went in, byte for byte.
fn holds_the_clip(dir: &Path) {
    let read = |name: &str| std::fs::read(repository("scenarios/media").join(name)).expect("it ships");
    let (clip, dump) = (read("clip.ivf"), std::fs::read(&dumped(dir, "ivf")[0]).unwrap());
    let (clip, frames) = (ivf::parse(&clip).unwrap().1, ivf::parse(&dump).unwrap().1);
    assert!(frames.len() > 100, "{} frames of VP8", frames.len());
    assert!(frames.iter().all(|(_, frame)| clip.iter().any(|(_, sent)| sent == frame)));
    let (clip, dump) = (read("clip.h264"), std::fs::read(&dumped(dir, "h264")[0]).unwrap());
    let slices = |file: &[u8]| -> Vec<Vec<u8>> {
        annexb::nals(file).filter(|nal| matches!(nal[0] & 0x1F, 1 | 5)).map(<[u8]>::to_vec).collect()
    };
    let (clip, frames) = (slices(&clip), slices(&dump));
    assert!(frames.len() > 100 && frames.iter().all(|frame| clip.contains(frame)), "{}", frames.len());
    let (clip, dump) = (read("clip.opus"), std::fs::read(&dumped(dir, "opus")[0]).unwrap());
    let (clip, packets) = (ogg::parse_opus(&clip).unwrap(), ogg::parse_opus(&dump).unwrap());
    assert!(packets.len() > 400 && packets.iter().all(|packet| clip.contains(packet)), "{}", packets.len());
}

/// ffmpeg finds nothing to say about any of them.
fn decodes(dir: &Path) {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        return println!("skipped: decoding what was dumped needs ffmpeg, which is not here");
    }
    for path in ["ivf", "h264", "opus"].iter().flat_map(|ending| dumped(dir, ending)) {
        let ran = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args(["-f", "null", "-"]).output();
        let ran = ran.expect("it starts");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() && said.is_empty(), "{}: {said}", path.display());
    }
}

#[test]
fn a_real_decoder_shows_what_a_viewer_received() {
    let _turn = alone();
    let dir = here();
    let scenario = repository("scenarios/clips.toml").display().to_string();
    for (world, more) in [("simulated", "run.duration=12s"), ("live", "rooms.count=1")] {
        let line = ["run", &scenario, "--world", world, "--set", more, "--dump", "viewers-1", "--out", world];
        let ran = throng(dir.path(), &line);
        assert!([0, 97, 98].contains(&ran.code), "{ran:#?}");
        let dump = dir.path().join(world).join("dump/viewers-1");
        holds_the_clip(&dump);
        decodes(&dump);
        let outcome = json(&dir.path().join(world).join("outcome.json"));
        for media in ["voice", "film", "slides"] {
            let metrics = outcome["metrics"].as_array().unwrap().iter();
            let of_media = |one: &&serde_json::Value| one["labels"] == serde_json::json!({ "media": media });
            let delay = metrics.filter(of_media).find(|one| one["name"] == "delay.frame").expect("delays of this clip");
            // 20 ms up, and as much down.
            let median = delay["p50"].as_f64().unwrap();
            assert!((0.04..0.5).contains(&median), "{world}, {media}: {delay}");
        }
        let viewers = outcome["participants_detail"].as_array().unwrap().iter();
        let viewers: Vec<_> = viewers.filter(|one| one["population"] == "viewers").collect();
        assert!(!viewers.is_empty());
        for viewer in viewers {
            assert!(viewer["scalars"]["video.frames_decodable"].as_f64().unwrap() > 200.0, "{viewer}");
        }
    }
}
