//! throng beside others: its SFU as a process, its scenarios of WHIP and WHEP, and peers whose stack it did not write.

mod peer;
mod sfu;
mod srtp;
mod vendor;
mod whip;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

#[allow(clippy::disallowed_methods, reason = "live tests own their clock")]
fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "live tests wait for other processes")]
fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// Asks until it is so, at most `within`; says whether it became so.
fn becomes(within: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let began = now();
    loop {
        if is_so() {
            return true;
        }
        if began.elapsed() > within {
            return false;
        }
        pause(20);
    }
}

/// The reference SFU as a process of its own; killed when dropped.
struct Sfu {
    child: Child,
    http: String,
    udp: Vec<String>,
}

impl Sfu {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_throng"))
            .arg("sfu")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line of text");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("the line is JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let udp = ready["udp"].as_array().expect("a list").iter().map(text).collect();
        Self { http: text(&ready["http"]), udp, child }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    fn get(&self, path: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            client.get(self.url(path)).send().await.expect("answers").text().await.expect("a text")
        })
    }

    fn participants(&self) -> u64 {
        let health: serde_json::Value = serde_json::from_str(&self.get("/health")).expect("JSON");
        health["participants"].as_u64().expect("a number")
    }

    /// One of the worker's counters.
    fn counter(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics");
        let line = format!("throng_sfu_{name}_total{{worker=\"0\"}} ");
        let value = metrics.lines().find_map(|found| found.strip_prefix(&line));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {metrics}"))
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        nix::sys::signal::kill(id, signal).expect("the process is ours");
    }

    /// How it ended, if it does so within five seconds.
    fn ended(&mut self) -> Option<ExitStatus> {
        let mut status = None;
        becomes(Duration::from_secs(5), || {
            status = self.child.try_wait().expect("the process is ours");
            status.is_some()
        });
        status
    }
}

impl Drop for Sfu {
    fn drop(&mut self) {
        // It may have ended already, as most tests want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
