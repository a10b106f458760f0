//! The SFU as a child process: the reference SFU out of this very program, or a server of the user's own.
//!
//! A process group of its own, or a Ctrl-C in the terminal would end it before it was told. Its CPU and memory are read
//! apart from ours, its end is noticed, and its last words are kept for the message. It does not speak to it, except
//! for the question whether it is ready.

use super::clock::{RunClock, pause_thread};
use super::machine;
use crate::clock::{Duration, Instant};
use crate::conference::LegKind;
use crate::drive::reports::Usage;
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Lines of standard error that are kept, and bytes of each.
const LAST_LINES: usize = 20;
const LINE_BYTES: usize = 500;

/// How often a child is asked whether it ended, or is ready.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// How long a start is waited for.
#[derive(Clone, Debug)]
pub struct Patience {
    /// At most so long.
    pub longest: Duration,
    /// No longer than until this is set: whoever wanted it has left.
    pub abandoned: Arc<AtomicBool>,
}

impl From<Duration> for Patience {
    fn from(longest: Duration) -> Self {
        Self { longest, abandoned: Arc::default() }
    }
}

/// How the reference SFU is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceSpawn {
    /// Media workers; 0 lets it choose.
    pub workers: usize,
    /// What its legs are made of.
    pub leg: LegKind,
    /// Whether it estimates the way to each subscriber.
    pub estimates: bool,
    /// A network on every subscriber's downlink and its seed.
    pub egress: Option<(String, u64)>,
    /// Addresses to serve at: those of one that was killed. Free ones without it.
    pub addresses: Option<Addresses>,
    /// Cores that it may run on; empty means all.
    pub cores: Vec<usize>,
}

/// Where a reference SFU serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Signalling.
    pub http: SocketAddr,
    /// Media, one a worker.
    pub udp: Vec<SocketAddr>,
}

/// How a server of the user's own is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSpawn {
    /// Program and arguments.
    pub cmd: Vec<String>,
    /// Ready when this URL answers with a 2xx status; ready at once without.
    pub ready_http: Option<String>,
    /// Cores that it may run on; empty means all.
    pub cores: Vec<usize>,
}

/// A running target of our own.
#[derive(Debug)]
pub struct Target {
    child: Child,
    /// Held open: the reference SFU ends when it closes, so that none is left behind when we are killed.
    parent: Option<ChildStdin>,
    name: String,
    base_url: Option<String>,
    addresses: Option<Addresses>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    readers: Vec<std::thread::JoinHandle<()>>,
    ended: bool,
}

/// How a target ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `ended with exit code 1` or `was ended by SIGKILL`.
    pub how: String,
    /// The last lines that it wrote to standard error, oldest first.
    pub last_lines: Vec<String>,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)?;
        match self.last_lines.len() {
            0 => f.write_str(" and wrote nothing to standard error"),
            _ => write!(f, "; its last words were:\n  {}", self.last_lines.join("\n  ")),
        }
    }
}

impl Target {
    /// Starts the reference SFU out of this program and waits until it serves.
    ///
    /// # Errors
    /// A sentence when it cannot be started, ends, or is not ready within `patience`.
    pub fn reference(spawn: &ReferenceSpawn, patience: impl Into<Patience>) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program's own file is gone: {error}"))?;
        let mut command = Command::new(program);
        let listen = spawn.addresses.as_ref().map_or_else(|| "127.0.0.1:0".to_owned(), |at| at.http.to_string());
        command.args(["sfu", "--listen", &listen, "--parent-stdin"]);
        if let Some(addresses) = &spawn.addresses {
            let ports: Vec<String> = addresses.udp.iter().map(|address| address.port().to_string()).collect();
            command.args(["--media-ports", &ports.join(",")]);
        }
        if spawn.workers > 0 {
            command.args(["--workers", &spawn.workers.to_string()]);
        }
        command.args(["--leg", spawn.leg.name()]);
        if spawn.estimates {
            command.arg("--estimates");
        }
        if let Some((network, seed)) = &spawn.egress {
            command.args(["--egress", network, "--seed", &seed.to_string()]);
        }
        Self::announced(command, "the reference SFU".to_owned(), &spawn.cores, patience)
    }

    /// Starts `command` and waits for its ready line: JSON with `http`, the first line of standard output.
    fn announced(
        command: Command,
        name: String,
        cores: &[usize],
        patience: impl Into<Patience>,
    ) -> Result<Self, String> {
        let (clock, patience) = (RunClock::start(), patience.into());
        let (mut target, lines) = Self::spawn(command, name, cores)?;
        loop {
            match lines.recv_timeout(ASK_EVERY) {
                Ok(line) => match ready_addresses(&line) {
                    Some(addresses) => {
                        target.base_url = Some(format!("http://{}", addresses.http));
                        target.addresses = Some(addresses);
                        return Ok(target);
                    }
                    None => return Err(target.gave_up(&format!("said `{line}` instead of where it serves"))),
                },
                // A closed output is an end, or will be noticed as silence.
                Err(RecvTimeoutError::Disconnected) => pause_thread(ASK_EVERY),
                Err(RecvTimeoutError::Timeout) => {}
            }
            target.still_starting(clock.now(), &patience)?;
        }
    }

    /// Starts a server of the user's own and waits until its URL answers. Blocks; not from within an async runtime's
    /// only thread. Whether the URL may be asked at all is the caller's to check.
    ///
    /// # Errors
    /// As [`Self::reference`].
    pub fn process(spawn: &ProcessSpawn, patience: impl Into<Patience>) -> Result<Self, String> {
        let [program, arguments @ ..] = spawn.cmd.as_slice() else {
            return Err("the target's command is empty: name a program".to_owned());
        };
        let mut command = Command::new(program);
        command.args(arguments);
        let clock = RunClock::start();
        let (mut target, _) = Self::spawn(command, format!("`{program}`"), &spawn.cores)?;
        let Some(url) = &spawn.ready_http else { return Ok(target) };
        let patience = patience.into();
        let poll = ReadyPoll::start(url)?;
        loop {
            match poll.answer.recv_timeout(ASK_EVERY) {
                Ok(()) => return Ok(target),
                Err(RecvTimeoutError::Disconnected) => pause_thread(ASK_EVERY),
                Err(RecvTimeoutError::Timeout) => {}
            }
            target.still_starting(clock.now(), &patience)?;
        }
    }

    fn spawn(mut command: Command, name: String, cores: &[usize]) -> Result<(Self, Receiver<String>), String> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = spawn_on(command, cores).map_err(|error| format!("{name} could not be started: {error}"))?;
        let parent = child.stdin.take();
        let (said, lines) = channel();
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let mut readers = Vec::new();
        if let Some(output) = child.stdout.take() {
            // Read to the end, or a talkative server blocks on a full pipe; only the first line matters.
            let mut said = Some(said);
            readers.push(std::thread::spawn(move || {
                each_line(output, |line| {
                    if let Some(said) = said.take() {
                        // Nobody waits for it any more when starting has failed.
                        let _ = said.send(line);
                    }
                });
            }));
        }
        if let Some(errors) = child.stderr.take() {
            let kept = last_lines.clone();
            readers.push(std::thread::spawn(move || each_line(errors, |line| keep(&kept, line))));
        }
        Ok((Self { child, parent, name, base_url: None, addresses: None, last_lines, readers, ended: false }, lines))
    }

    /// Fails when the child has ended or `patience` is over.
    fn still_starting(&mut self, waited: Instant, patience: &Patience) -> Result<(), String> {
        if let Some(ended) = self.try_exit() {
            return Err(format!("{} {ended}", self.name));
        }
        if patience.abandoned.load(Ordering::Relaxed) {
            return Err(self.gave_up("is not wanted any more"));
        }
        if waited.saturating_since(Instant::ZERO) > patience.longest {
            return Err(self.gave_up(&format!("was not ready within {:.1} s", patience.longest.as_secs_f64())));
        }
        Ok(())
    }

    fn gave_up(&self, why: &str) -> String {
        let words = self.words();
        let tail =
            if words.is_empty() { String::new() } else { format!("; its last words were:\n  {}", words.join("\n  ")) };
        format!("{} {why}{tail}", self.name)
    }

    /// Where it serves HTTP, e.g. `http://127.0.0.1:4242`; `None` for a server that did not say.
    #[must_use]
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// Where a reference SFU serves; `None` for a server of the user's own.
    #[must_use]
    pub const fn addresses(&self) -> Option<&Addresses> {
        self.addresses.as_ref()
    }

    /// Has it stand still, with its descendants, until [`Self::resume`].
    pub fn pause(&self) {
        // Fails only when the group is gone, which is noticed elsewhere.
        let _ = killpg(self.group(), Signal::SIGSTOP);
    }

    /// Has it go on.
    pub fn resume(&self) {
        let _ = killpg(self.group(), Signal::SIGCONT);
    }

    /// Its process id, which is also that of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it and its descendants have used; `None` when it has ended.
    #[must_use]
    pub fn sample(&self) -> Option<Usage> {
        machine::usage_with_descendants(self.pid())
    }

    /// Whether it ended by itself, and how.
    pub fn try_exit(&mut self) -> Option<Ended> {
        let how = self.exit_status()?;
        // Its last words may still be in the pipe; a grandchild may hold the pipe open, so this does not wait for long.
        for _ in 0..10 {
            if self.readers.iter().all(std::thread::JoinHandle::is_finished) {
                break;
            }
            pause_thread(Duration::from_millis(5));
        }
        Some(Ended { how, last_lines: self.words() })
    }

    fn words(&self) -> Vec<String> {
        self.last_lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How the child ended, which stays a zombie: until it is reaped, nobody else gets its process id, and a signal to
    /// its group reaches no stranger.
    fn exit_status(&self) -> Option<String> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.group()), flags) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => None,
            Ok(WaitStatus::Exited(_, code)) => Some(format!("ended with exit code {code}")),
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(format!("was ended by {signal}")),
            // Whoever started us ignores SIGCHLD: the kernel reaps, and tells nobody how it ended.
            Ok(_) | Err(_) => Some("ended, nobody knows how".to_owned()),
        }
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("process ids are positive i32"))
    }

    /// Ends it: SIGTERM to its group, SIGKILL to what is left when it has ended or `grace` is over.
    pub fn stop(mut self, grace: Duration) {
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let clock = RunClock::start();
        if !grace.is_zero() && self.exit_status().is_none() {
            // Fails only when the group is gone already.
            let _ = killpg(self.group(), Signal::SIGTERM);
            // One that stands still hears nothing.
            self.resume();
            while self.exit_status().is_none() && clock.now() < Instant::ZERO + grace {
                pause_thread(Duration::from_millis(5));
            }
        }
        let _ = killpg(self.group(), Signal::SIGKILL);
        drop(self.parent.take());
        // A child that was killed and is ours can be reaped.
        let _ = self.child.wait();
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// Starts `command` on `cores`: from a thread that is bound to them, because a child inherits that from its first
/// instruction on.
fn spawn_on(mut command: Command, cores: &[usize]) -> std::io::Result<Child> {
    if cores.is_empty() {
        return command.spawn();
    }
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    std::thread::scope(|scope| {
        let bound = scope.spawn(move || {
            sched_setaffinity(Pid::from_raw(0), &set)?;
            command.spawn()
        });
        bound.join().expect("setting an affinity and starting a process do not panic")
    })
}

/// Calls `each` with every line, cut to [`LINE_BYTES`], until the other end closes.
fn each_line(pipe: impl Read, mut each: impl FnMut(String)) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_BYTES as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => each(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }
}

fn keep(lines: &Mutex<VecDeque<String>>, line: String) {
    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.len() == LAST_LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// The addresses of a ready line such as `{"http":"127.0.0.1:4242","udp":["127.0.0.1:5000"]}`.
fn ready_addresses(line: &str) -> Option<Addresses> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let http = value.get("http")?.as_str()?.parse().ok()?;
    let udp = value.get("udp").and_then(serde_json::Value::as_array).into_iter().flatten();
    let udp = udp.filter_map(|address| address.as_str()?.parse().ok()).collect();
    Some(Addresses { http, udp })
}

/// Asks a URL again and again on a thread of its own until it answers with 2xx, or nobody waits any more.
struct ReadyPoll {
    answer: Receiver<()>,
    waiting: Arc<AtomicBool>,
}

impl ReadyPoll {
    fn start(url: &str) -> Result<Self, String> {
        let url: reqwest::Url = url.parse().map_err(|error| format!("`{url}` is not a URL: {error}"))?;
        let unusable = |error: &dyn fmt::Display| format!("no HTTP client can be had: {error}");
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(1))
            .build()
            .map_err(|error| unusable(&error))?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| unusable(&error))?;
        let (answered, answer) = channel();
        let waiting = Arc::new(AtomicBool::new(true));
        let wanted = waiting.clone();
        std::thread::spawn(move || {
            while wanted.load(Ordering::Relaxed) {
                let reply = runtime.block_on(async { client.get(url.clone()).send().await });
                if reply.is_ok_and(|reply| reply.status().is_success()) {
                    // Fails when nobody waits any more.
                    let _ = answered.send(());
                    return;
                }
                pause_thread(ASK_EVERY);
            }
        });
        Ok(Self { answer, waiting })
    }
}

impl Drop for ReadyPoll {
    fn drop(&mut self) {
        self.waiting.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
