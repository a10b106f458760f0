//! The command line as a user meets it: the built binary, its streams, its exit codes and what it leaves on the disk.
//!
//! Verdicts of these runs are nobody's concern here: on a busy machine a run of two seconds may well be INVALID. What is
//! held is that exit code, outcome and words agree.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "processes are waited for by the machine's clock, and what is skipped says so"
)]

mod clips;
mod dump;
mod misuse;
mod runs;
mod targets;
mod verbs;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_throng");

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Holds the exit code, with everything that was printed in the message.
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Holds that stderr says each of these.
    #[track_caller]
    fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "stderr does not say `{part}`: {self:#?}");
        }
        self
    }

    /// Holds that nothing went to stdout.
    #[track_caller]
    fn silent(self) -> Self {
        assert!(self.out.is_empty(), "{self:#?}");
        self
    }
}

/// Runs throng in a directory; a minute is more than any of these takes.
fn throng(dir: &Path, line: &[&str]) -> Ran {
    ran(command(dir).args(line))
}

fn command(dir: &Path) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(BINARY);
    command.current_dir(dir).env_remove("SFU_TOKEN").timeout(Duration::from_secs(90));
    command
}

fn ran(command: &mut assert_cmd::Command) -> Ran {
    let output = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// The same within the limits of a shell: `before` runs first.
fn throng_after(dir: &Path, before: &str, line: &str) -> Ran {
    let script = format!("{before} && exec {BINARY} {line}");
    let mut shell = assert_cmd::Command::new("sh");
    ran(shell.current_dir(dir).args(["-c", &script]).timeout(Duration::from_secs(90)))
}

fn here() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Writes `text` to `name` in a directory.
fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).expect("written");
}

fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// A process that is ended with the test, whatever becomes of it.
struct Child(std::process::Child);

impl Child {
    fn start(dir: &Path, line: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.current_dir(dir).args(line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("it starts"))
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a process id"));
        nix::sys::signal::kill(id, signal).expect("it lives");
    }

    /// Waits for its end; `None` when it takes longer.
    fn wait(&mut self, within: Duration) -> Option<i32> {
        let began = std::time::Instant::now();
        while began.elapsed() < within {
            if let Some(status) = self.0.try_wait().expect("it can be waited for") {
                return Some(status.code().unwrap_or(-1));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Reads stderr up to the first line that contains `part`.
    fn hear(&mut self, part: &str) {
        use std::io::BufRead as _;
        let stderr = self.0.stderr.take().expect("piped, and heard once");
        let mut lines = std::io::BufReader::new(stderr).lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains(part))), "it never said `{part}`");
        // What else it says is read and dropped, or a full pipe would hold it up.
        std::thread::spawn(move || lines.for_each(drop));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `throng sfu` on a free port, and its HTTP address.
fn sfu(dir: &Path) -> (Child, String) {
    use std::io::BufRead as _;
    let mut child = Child::start(dir, &["sfu"]);
    let stdout = child.0.stdout.take().expect("piped");
    let mut line = String::new();
    std::io::BufReader::new(stdout).read_line(&mut line).expect("a line");
    let ready: serde_json::Value = serde_json::from_str(&line).expect("the ready line is JSON");
    (child, ready["http"].as_str().expect("an address").to_owned())
}
