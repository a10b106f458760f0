//! `scenarios/whip.toml` as its first lines tell to run it, made small, and what is left behind at the server.

use super::{Sfu, becomes, pause};
use crate::turns::alone;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Runs `scenarios/whip.toml` in one room of the server at this address, with these keys set besides.
fn run(http: &str, set: &[&str]) -> serde_json::Value {
    let small = ["rooms.count=1", "run.warmup=1s", "run.cooldown=1s"];
    run_file(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/whip.toml"), http, &[&small, set].concat())
}

fn run_file(file: &str, http: &str, set: &[&str]) -> serde_json::Value {
    let out = tempfile::tempdir().expect("a directory");
    let whip = format!("http://{http}/whip/{{room}}/{{participant}}");
    let whep = format!("http://{http}/whep/{{room}}/{{participant}}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
    command.args(["run", file, "--json", "--out"]).arg(out.path());
    command.args(["--set", &format!("target.whip={whip}"), "--set", &format!("target.whep={whep}")]);
    // What is claimed here does not hang on the machine's leisure.
    for set in ["run.invalid_if=[]"].iter().chain(set) {
        command.args(["--set", set]);
    }
    let output = command.output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let outcome = serde_json::from_slice(&output.stdout);
    outcome.unwrap_or_else(|error| panic!("no outcome: {error}: {said}"))
}

#[test]
fn the_whip_scenario_passes_and_leaves_nothing_behind() {
    let _cores = alone();
    let sfu = Sfu::start(&[]);
    let outcome = run(&sfu.http, &["run.duration=5s", "population.viewers.per_room=3"]);
    assert_eq!(outcome["verdict"], "pass", "{} {}", outcome["reason"], outcome["thresholds"]);
    assert_eq!((&outcome["participants"]["planned"], &outcome["participants"]["joined"]), (&4.into(), &4.into()));
    let details = outcome["participants_detail"].as_array().expect("a list");
    let viewers: Vec<_> = details.iter().filter(|detail| detail["population"] == "viewers").collect();
    assert_eq!(viewers.len(), 3);
    for viewer in viewers {
        let scalars = &viewer["scalars"];
        assert!(scalars["video.frames_decodable"].as_f64().is_some_and(|frames| frames > 25.0), "{viewer}");
        assert!(scalars["delay.transport"].is_number(), "the stamp was read through the SFU: {viewer}");
    }
    assert!(becomes(Duration::from_secs(3), || sfu.participants() == 0), "every session was deleted");
}

#[test]
fn ice_restarts_over_whip_and_whep_without_a_gap() {
    let _cores = alone();
    let sfu = Sfu::start(&[]);
    let fault = "fault=[{ name = \"ice\", at = \"3s\", kind = \"ice-restart\", expect = { recover_within = \"2s\" } }]";
    let outcome = run(&sfu.http, &["run.duration=5s", "population.viewers.per_room=2", fault]);
    let ice = &outcome["faults"][0];
    assert_eq!((&ice["present"], &ice["recovered"], &ice["verdict"]), (&3.into(), &3.into(), &"pass".into()), "{ice}");
    assert_eq!(ice["recovery"]["max"], 0.0, "{ice}");
    assert_eq!(outcome["participants"]["sessions_lost"], 0);
}

#[test]
fn a_viewer_waits_for_a_publisher_that_comes_later() {
    let _cores = alone();
    let sfu = Sfu::start(&[]);
    let later = "population.broadcasters.start={ arrivals = { process = \"constant\", stages = [{ for = \"1500ms\", rate = \"0/s\" }, { for = \"1s\", rate = \"1/s\" }] } }";
    let early = "population.viewers.start={ arrivals = { process = \"constant\", stages = [{ for = \"1s\", rate = \"2/s\" }] } }";
    let outcome = run(&sfu.http, &["run.duration=5s", "population.viewers.per_room=1", later, early]);
    assert_eq!(outcome["participants"]["joined"], 2, "{}", outcome["participants_detail"]);
    let details = outcome["participants_detail"].as_array().expect("a list");
    let total = |population: &str| {
        let detail = details.iter().find(|detail| detail["population"] == population).expect("there");
        detail["join_total"].as_f64().expect("it joined")
    };
    assert!(total("viewers") > 0.8, "the wait counts from the viewer's own arrival: {}", total("viewers"));
    assert!(total("broadcasters") < 0.8);
}

/// A WHIP server that thinks about every offer for `pause_ms` before it grants it; tells the lines of its requests.
fn slow_server(pause_ms: u64) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let (heard, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let heard = heard.clone();
            std::thread::spawn(move || serve_slowly(stream, pause_ms, &heard));
        }
    });
    (address, requests)
}

fn serve_slowly(mut stream: TcpStream, pause_ms: u64, heard: &Sender<String>) {
    let (mut request, mut piece) = (Vec::new(), [0; 4_096]);
    let body_is_there = |request: &[u8]| {
        let text = String::from_utf8_lossy(request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        body.len() >= length.unwrap_or(0_usize)
    };
    while !body_is_there(&request) {
        match stream.read(&mut piece) {
            // The run looks whether anybody listens, and says nothing.
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&piece[..read]),
        }
    }
    let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    let is_offer = line.starts_with("POST");
    heard.send(line).expect("the test listens");
    let answer = if is_offer {
        pause(pause_ms);
        let sdp = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sdp/mmx-pub-h264.answer.sdp");
        let sdp = std::fs::read_to_string(sdp).expect("a fixture");
        let head = "HTTP/1.1 201 Created\r\ncontent-type: application/sdp\r\nlocation: /session/7\r\nconnection: close";
        format!("{head}\r\ncontent-length: {}\r\n\r\n{sdp}", sdp.len())
    } else {
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    };
    // Whoever asked may be gone.
    let _ = stream.write_all(answer.as_bytes());
}

const HASTY: &str = r#"
version = 1
name = "hasty"
[run]
warmup = "0s"
duration = "1s"
cooldown = "0s"
[target]
adapter = "whip-whep"
[media.cam]
kind = "video"
codec = "h264"
size = "320x180"
fps = 25
bitrate = "200kbps"
[rooms]
count = 1
[[population]]
name = "publisher"
count = 1
publish = ["cam"]
subscribe = "none"
"#;

#[test]
fn what_is_granted_to_one_who_has_left_is_deleted() {
    let _cores = alone();
    let (http, requests) = slow_server(1_500);
    let scenario = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(scenario.path(), HASTY).expect("written");
    let outcome = run_file(&scenario.path().display().to_string(), &http, &[]);
    assert_eq!(outcome["participants"]["failed"], 1, "the run ended before the answer: {}", outcome["participants"]);
    let heard: Vec<String> = requests.try_iter().collect();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with("POST /whip/"), "{heard:?}");
    assert_eq!(heard[1], "DELETE /session/7 HTTP/1.1");
}
