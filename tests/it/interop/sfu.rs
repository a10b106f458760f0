//! `throng sfu` as its users meet it: a line when it is ready, an orderly end when it is asked to.

use super::{Sfu, becomes};
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::Duration;

#[test]
fn the_line_of_readiness_names_ports_that_answer() {
    let sfu = Sfu::start(&["--workers", "2"]);
    assert_eq!(sfu.udp.len(), 2, "a UDP port a worker");
    assert!(sfu.udp.iter().chain([&sfu.http]).all(|address| address.starts_with("127.0.0.1:")), "loopback by default");
    let health: serde_json::Value = serde_json::from_str(&sfu.get("/health")).expect("JSON");
    assert_eq!((&health["status"], &health["participants"]), (&"ok".into(), &0.into()));
    assert!(sfu.get("/metrics").contains("throng_sfu_packets_in_total{worker=\"1\"} 0"));
}

#[test]
fn it_ends_in_order_when_it_is_told_to() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut sfu = Sfu::start(&[]);
        sfu.signal(signal);
        let status = sfu.ended().unwrap_or_else(|| panic!("{signal} did not end it"));
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

#[test]
fn it_follows_its_parent_only_when_asked() {
    let mut follower = Sfu::start(&["--parent-stdin"]);
    let mut free = Sfu::start(&[]);
    assert!(follower.child.try_wait().expect("ours").is_none(), "an open stdin keeps it");
    drop(follower.child.stdin.take());
    drop(free.child.stdin.take());
    assert_eq!(follower.ended().expect("it ends with its parent").code(), Some(0));
    assert!(!becomes(Duration::from_millis(300), || free.child.try_wait().expect("ours").is_some()));
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_starts() {
    let sfu = Sfu::start(&[]);
    let second = Command::new(env!("CARGO_BIN_EXE_throng")).args(["sfu", "--listen", &sfu.http]).output();
    let second = second.expect("the binary starts");
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains(&sfu.http) && said.starts_with("throng sfu: cannot listen on"), "{said}");
    assert!(second.stdout.is_empty());
    let (_, taken) = sfu.udp[0].rsplit_once(':').expect("a port");
    let third = Command::new(env!("CARGO_BIN_EXE_throng")).args(["sfu", "--media-ports", taken]).output();
    let said = String::from_utf8(third.expect("the binary starts").stderr).expect("text");
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{taken}")), "{said}");
}
