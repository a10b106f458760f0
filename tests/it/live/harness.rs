//! Runs the program on a scenario and reads back what it measured.
//!
//! One that comes out INVALID because the machine stalled is run again, and says so; three of them fail the test. A FAIL is never run again.

#![allow(clippy::disallowed_methods, reason = "a test of the whole program waits in real time")]
#![allow(clippy::disallowed_macros, reason = "a run that is repeated says so")]

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use throng::outcome::{Outcome, Verdict, io};

/// How often a run may come out INVALID.
const ATTEMPTS: u32 = 3;

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A limit on the generator for properties that do not depend on its lateness, such as which packets were lost. What the
/// kernel drops at our own sockets would be taken for the network's, so that stays forbidden.
pub const LATE_IS_FINE: &str = r#"invalid_if = ["harness.send_lateness p99 > 250ms", "harness.rx_drops count > 0"]"#;

/// The beginning of a scenario under [`LATE_IS_FINE`]: its name, its seed, and how long it warms up, measures and cools
/// down.
pub fn head(name: &str, seed: u64, [warmup, duration, cooldown]: [&str; 3]) -> String {
    let named = format!("version = 1\nname = \"{name}\"\nseed = {seed}\n[run]\n");
    format!("{named}warmup = \"{warmup}\"\nduration = \"{duration}\"\ncooldown = \"{cooldown}\"\n{LATE_IS_FINE}")
}

/// Sound.
pub const MIC: &str = r#"[media.mic]
kind = "audio"
codec = "opus""#;

/// Video; more keys of it may follow.
pub fn cam(size: &str, fps: u32, bitrate: &str) -> String {
    let format = "[media.cam]\nkind = \"video\"\ncodec = \"vp8\"\n";
    format!("{format}size = \"{size}\"\nfps = {fps}\nbitrate = \"{bitrate}\"")
}

/// One who publishes both and receives nothing.
pub const SPEAKER: &str = r#"[[population]]
name = "speaker"
count = 1
publish = ["mic", "cam"]
subscribe = "none""#;

/// A run that ended.
pub struct Ran {
    /// What it measured.
    pub outcome: Outcome,
    /// `outcome.json` as it was written.
    pub text: String,
    /// The exit code.
    pub code: i32,
    /// What was written to standard error.
    pub stderr: String,
    /// Where the artifacts are.
    pub dir: TempDir,
}

impl Ran {
    /// Asserts that every artifact of a run is there and holds something.
    pub fn assert_complete(&self) {
        let held = |name: &str| std::fs::metadata(self.dir.path().join(name)).is_ok_and(|file| file.len() > 0);
        for name in ["outcome.json", "report.html", "summary.md", "junit.xml", "metrics.csv", "series.csv"] {
            assert!(held(name), "{name} is missing or empty");
        }
        let plots = std::fs::read_dir(self.dir.path().join("plots")).map(Iterator::count).unwrap_or(0);
        assert!(plots > 0, "there are no plots");
    }
}

/// A run under way.
pub struct Running {
    child: Option<Child>,
    begun: Instant,
    dir: TempDir,
}

impl Running {
    /// Starts a run of this scenario; `more` goes onto the command line.
    pub fn start(scenario: &str, more: &[&str]) -> Self {
        let dir = TempDir::new().expect("a directory");
        let file = dir.path().join("scenario.toml");
        std::fs::write(&file, scenario).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
        command.arg("run").arg(&file).args(more).arg("--quiet").arg("--out").arg(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        Self { child: Some(command.spawn().expect("the program starts")), begun: Instant::now(), dir }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().expect("it runs").id().cast_signed())
    }

    /// The reference SFU that it started, once that serves.
    pub fn sfu(&self) -> Pid {
        let parent = self.pid().as_raw();
        loop {
            let processes = procfs::process::all_processes().expect("/proc");
            let mut children = processes.flatten().filter(|process| {
                process.stat().is_ok_and(|stat| stat.ppid == parent)
                    && process.cmdline().is_ok_and(|words| words.iter().any(|word| word == "sfu"))
            });
            if let Some(child) = children.next() {
                return Pid::from_raw(child.pid());
            }
            assert!(self.begun.elapsed() < PATIENCE, "no SFU was started");
            wait(Duration::from_millis(20));
        }
    }

    /// Sends a signal to the program itself.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Its process group, which it leads.
    pub fn group(&self) -> Pid {
        self.pid()
    }

    /// Sends SIGINT to its whole process group, as Ctrl-C in a terminal does.
    pub fn interrupt_group(&self) {
        killpg(self.group(), Signal::SIGINT).expect("it runs");
    }

    /// Waits for its end and reads what it left.
    pub fn finish(mut self) -> Ran {
        let child = self.child.take().expect("it runs");
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let text = std::fs::read_to_string(self.dir.path().join("outcome.json"));
        let text = text.unwrap_or_else(|error| panic!("no outcome ({error}): {stderr}"));
        let outcome = io::parse("outcome.json", &text).expect("an outcome");
        let code = output.status.code().expect("it ended by itself");
        let dir = std::mem::replace(&mut self.dir, TempDir::new().expect("a directory"));
        let ran = Ran { outcome, text, code, stderr, dir };
        ran.assert_consistent();
        ran
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a scenario to its end, again while the machine stalls.
pub fn run(scenario: &str) -> Ran {
    run_with(scenario, &[])
}

/// As [`run`], with more on the command line.
pub fn run_with(scenario: &str, more: &[&str]) -> Ran {
    for attempt in 1..=ATTEMPTS {
        let ran = Running::start(scenario, more).finish();
        if ran.outcome.verdict != Verdict::Invalid {
            assert_eq!((ran.outcome.verdict, ran.code), (Verdict::Pass, 0), "{}\n{}", ran.outcome.reason, ran.stderr);
            return ran;
        }
        let (stall, steal) = (ran.outcome.health.longest_stall, ran.outcome.health.steal.unwrap_or(0.0));
        eprintln!(
            "run {attempt} of {ATTEMPTS} was INVALID ({} Longest stall of the machine {stall:.3} s, steal {:.1} %)",
            ran.outcome.reason,
            steal * 100.0
        );
    }
    panic!("INVALID {ATTEMPTS} times: this machine is too busy to measure on");
}

/// A reference SFU on its own; it ends with this value.
pub struct Sfu {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub http: String,
}

impl Sfu {
    /// Starts it with these options.
    pub fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
        command.args(["sfu", "--listen", "127.0.0.1:0", "--workers", "1", "--parent-stdin"]).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON once it serves");
        let http = ready["http"].as_str().expect("an address").to_owned();
        Self { child, http }
    }
}

impl Drop for Sfu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits in real time.
pub fn wait(time: Duration) {
    std::thread::sleep(time);
}
