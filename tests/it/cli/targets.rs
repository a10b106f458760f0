//! Targets that refuse, are not found, are not ours, or whose place is taken.

use super::{here, sfu, throng};
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::time::Duration;

/// A port of this machine that nobody listens on.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_target_that_refuses_is_unreachable() {
    let dir = here();
    let port = closed_port();
    for url in [format!("ws://127.0.0.1:{port}"), format!("http://127.0.0.1:{port}/{{room}}/{{participant}}/whip")] {
        throng(dir.path(), &["quick", &url, "--for", "1s"])
            .exits(3)
            .silent()
            .says(&[&format!("the target does not answer at 127.0.0.1:{port}")]);
    }
}

#[test]
fn a_host_that_no_name_server_knows_is_unreachable() {
    let dir = here();
    throng(dir.path(), &["quick", "ws://sfu.invalid:7880", "--for", "1s"])
        .exits(3)
        .silent()
        .says(&["the host `sfu.invalid` cannot be resolved"]);
}

#[test]
fn a_target_that_is_not_loopback_hears_nothing_without_the_users_word() {
    let dir = here();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Not a loopback address by the book, and a connection to it would end at the listener.
    let url = format!("ws://0.0.0.0:{port}");
    throng(dir.path(), &["quick", &url, "--for", "1s"]).exits(2).silent().says(&["0.0.0.0", "--i-own-target"]);
    let heard = listener.accept();
    assert!(heard.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "something was sent");
}

#[test]
fn a_url_that_is_none_is_refused() {
    let dir = here();
    throng(dir.path(), &["quick", "ftp://127.0.0.1"])
        .exits(2)
        .says(&["has the scheme ftp", "write http://127.0.0.1:8080"]);
    throng(dir.path(), &["quick", "http://127.0.0.1:1/whip"]).exits(2).says(&["has a path"]);
}

#[test]
fn the_reference_sfu_says_where_it_is_and_that_a_port_is_taken() {
    let dir = here();
    let (mut first, address) = sfu(dir.path());
    throng(dir.path(), &["sfu", "--listen", &address]).exits(2).silent().says(&[&address, "in use"]);
    throng(dir.path(), &["sfu", "--egress", "mars"]).exits(2).silent().says(&["--egress", "mars"]);
    first.signal(Signal::SIGTERM);
    assert_eq!(first.wait(Duration::from_secs(5)), Some(0));
}

#[test]
fn a_target_process_that_cannot_start_is_unreachable() {
    let dir = here();
    let text = "version = 1\nname = \"x\"\n[run]\nduration = \"1s\"\n[target]\nadapter = \"room\"\n\
                url = \"http://127.0.0.1:9\"\n[target.process]\ncmd = [\"/nonexistent/sfu\"]\n\
                ready = { http = \"http://127.0.0.1:9/health\", timeout = \"2s\" }\n\
                [[population]]\nname = \"a\"\ncount = 1\n";
    super::write(dir.path(), "s.toml", text);
    throng(dir.path(), &["run", "s.toml"]).exits(3).silent().says(&["/nonexistent/sfu"]);
}
