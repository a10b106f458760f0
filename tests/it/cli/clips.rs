//! `scenarios/clips.toml` and `layers.toml`: real clips go in, and what a viewer received comes out for a real decoder.

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

fn shipped(name: &str) -> Vec<u8> {
    std::fs::read(repository("scenarios/media").join(name)).expect("it ships")
}

/// The slices of a byte stream.
fn slices(file: &[u8]) -> Vec<Vec<u8>> {
    annexb::nals(file).filter(|nal| matches!(nal[0] & 0x1F, 1 | 5)).map(<[u8]>::to_vec).collect()
}

/// Every frame that came out went in, byte for byte.
fn holds_the_clip(dir: &Path) {
    for (media, clip) in [("film", "clip.ivf"), ("trailer", "clip-vp9.ivf"), ("demo", "clip-av1.ivf")] {
        let of_media = |path: &&std::path::PathBuf| path.to_string_lossy().ends_with(&format!("-{media}.ivf"));
        let files = dumped(dir, "ivf");
        let dump = std::fs::read(files.iter().find(of_media).expect("it was received")).unwrap();
        let clip = shipped(clip);
        let (clip, frames) = (ivf::parse(&clip).unwrap().1, ivf::parse(&dump).unwrap().1);
        assert!(frames.len() > 100, "{} frames of {media}", frames.len());
        assert!(frames.iter().all(|(_, frame)| clip.iter().any(|(_, sent)| sent == frame)), "{media}");
    }
    let (clip, dump) = (shipped("clip.h264"), std::fs::read(&dumped(dir, "h264")[0]).unwrap());
    let (clip, frames) = (slices(&clip), slices(&dump));
    assert!(frames.len() > 100 && frames.iter().all(|frame| clip.contains(frame)), "{}", frames.len());
    let (clip, dump) = (shipped("clip.opus"), std::fs::read(&dumped(dir, "opus")[0]).unwrap());
    let (clip, packets) = (ogg::parse_opus(&clip).unwrap(), ogg::parse_opus(&dump).unwrap());
    assert!(packets.len() > 400 && packets.iter().all(|packet| clip.contains(packet)), "{}", packets.len());
}

/// ffmpeg finds nothing to say about any of them.
fn decodes(dir: &Path) {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        return println!("skipped: decoding what was dumped needs ffmpeg, which is not here");
    }
    for path in ["ivf", "h264", "opus"].iter().flat_map(|ending| dumped(dir, ending)) {
        // Where an SFU switches between layers, two pictures lie one tick of the RTP clock apart: a decoder takes that, and
        // ffmpeg's own grid of the mean frame rate does not.
        let exact: &[&str] = match path.extension().and_then(|ending| ending.to_str()) {
            Some("opus") => &[],
            _ => &["-fps_mode", "passthrough", "-enc_time_base", "1:90000"],
        };
        let mut line = Command::new("ffmpeg");
        let ran = line.args(["-v", "error", "-i"]).arg(&path).args(exact).args(["-f", "null", "-"]).output();
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
        for media in ["voice", "film", "slides", "trailer", "demo"] {
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

/// Which of two clips each frame of a dump is of: the small picture's or the large one's; whether it is a keyframe.
fn layers_of(frames: &[(bool, Vec<u8>)], small: &[Vec<u8>], large: &[Vec<u8>]) -> Vec<(bool, bool)> {
    let of = |(key, frame): &(bool, Vec<u8>)| {
        assert!(small.contains(frame) != large.contains(frame), "a frame of neither, or of both");
        (*key, large.contains(frame))
    };
    frames.iter().map(of).collect()
}

/// It went down and came up again, each time on a keyframe.
fn switched_on_keyframes(what: &str, frames: &[(bool, bool)]) {
    let switches: Vec<_> = frames.windows(2).filter(|two| two[0].1 != two[1].1).map(|two| two[1]).collect();
    assert!(
        switches.iter().any(|(_, large)| *large) && switches.iter().any(|(_, large)| !*large),
        "{what}: {switches:?}"
    );
    assert!(switches.iter().all(|(key, _)| *key), "{what}: {switches:?}");
    assert!(frames.len() > 200, "{what}: {} frames", frames.len());
}

#[test]
fn a_real_decoder_follows_an_sfu_from_layer_to_layer() {
    let _turn = alone();
    let dir = here();
    let scenario = repository("scenarios/layers.toml").display().to_string();
    for world in ["simulated", "live"] {
        let ran = throng(dir.path(), &["run", &scenario, "--world", world, "--dump", "viewers-1", "--out", world]);
        assert!([0, 97, 98].contains(&ran.code), "{ran:#?}");
        let dump = dir.path().join(world).join("dump/viewers-1");
        let pictures = |file: &[u8]| -> Vec<(bool, Vec<u8>)> {
            let frames = ivf::parse(file).expect("an IVF").1;
            frames.into_iter().map(|(_, frame)| (frame[0] & 1 == 0, frame.to_vec())).collect()
        };
        let all = |name: &str| pictures(&shipped(name)).into_iter().map(|(_, frame)| frame).collect::<Vec<_>>();
        let film = pictures(&std::fs::read(&dumped(&dump, "ivf")[0]).unwrap());
        switched_on_keyframes(world, &layers_of(&film, &all("low.ivf"), &all("clip.ivf")));
        let slides = slices(&std::fs::read(&dumped(&dump, "h264")[0]).unwrap());
        let slides: Vec<_> = slides.into_iter().map(|slice| (slice[0] & 0x1F == 5, slice)).collect();
        let (small, large) = (slices(&shipped("low.h264")), slices(&shipped("clip.h264")));
        switched_on_keyframes(world, &layers_of(&slides, &small, &large));
        decodes(&dump);
    }
}
