//! A child is waited for, noticed when it dies, and never left behind.

use super::*;
use std::io::Write;
use std::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn announced(script: &str) -> Result<Target, String> {
    Target::announced(shell(script), "the test's SFU".to_owned(), &[], PATIENCE)
}

/// Whether a process runs: one that waits to be reaped does not.
fn runs(pid: u32) -> bool {
    let process = procfs::process::Process::new(i32::try_from(pid).expect("pid"));
    process.and_then(|process| process.stat()).is_ok_and(|stat| stat.state != 'Z' && stat.state != 'X')
}

fn until(mut holds: impl FnMut() -> bool) -> bool {
    (0..400).any(|_| {
        holds() || {
            pause_thread(Duration::from_millis(5));
            false
        }
    })
}

const READY: &str = r#"echo '{"http":"127.0.0.1:4242","udp":["127.0.0.1:5000"]}'"#;

#[test]
fn a_child_that_says_where_it_serves_is_ready() {
    let mut target = announced(&format!("{READY}; exec sleep 60")).expect("ready");
    assert_eq!(target.base_url(), Some("http://127.0.0.1:4242"));
    assert_eq!(target.try_exit(), None);
    let own_group = nix::unistd::getpgrp();
    assert_ne!(target.group(), own_group, "Ctrl-C reaches our group, not its");
    assert_eq!(nix::unistd::getpgid(Some(target.group())).expect("group"), target.group());
    let pid = target.pid();
    target.stop(Duration::from_secs(5));
    assert!(!runs(pid));
}

#[test]
fn a_child_that_dies_is_noticed_with_its_last_words() {
    let script = format!("{READY}; for n in $(seq 30); do echo line $n >&2; done; echo it hurts >&2; exit 7");
    let mut target = announced(&script).expect("ready");
    let mut ended = None;
    assert!(until(|| {
        ended = target.try_exit();
        ended.is_some()
    }));
    let ended = ended.expect("ended");
    assert_eq!(ended.how, "ended with exit code 7");
    assert_eq!(ended.last_lines.len(), LAST_LINES);
    assert_eq!(ended.last_lines.last().map(String::as_str), Some("it hurts"));
    assert!(ended.to_string().ends_with("it hurts"), "{ended}");
    assert_eq!(target.sample(), None);
    assert_eq!(target.try_exit().map(|again| again.how), Some(ended.how), "it stays ended");
}

#[test]
fn a_child_that_is_killed_says_by_what() {
    let mut target = announced(&format!("{READY}; exec sleep 60")).expect("ready");
    nix::sys::signal::kill(target.group(), Signal::SIGKILL).expect("kill");
    assert!(until(|| target.try_exit().is_some()));
    assert_eq!(target.try_exit().expect("ended").how, "was ended by SIGKILL");
}

#[test]
fn a_child_that_cannot_start_or_ends_early_is_a_sentence() {
    let missing = ProcessSpawn { cmd: vec!["/nowhere/sfu".to_owned()], ..ProcessSpawn::default() };
    let error = Target::process(&missing, PATIENCE).expect_err("no such program");
    assert!(error.starts_with("`/nowhere/sfu` could not be started: "), "{error}");
    let error = announced("echo address in use >&2; exit 3").expect_err("ended");
    assert_eq!(error, "the test's SFU ended with exit code 3; its last words were:\n  address in use");
    let error = announced("echo hello; sleep 60").expect_err("not a ready line");
    assert!(error.contains("said `hello`"), "{error}");
    let patience = Duration::from_millis(100);
    let silent = Target::announced(shell("exec sleep 60"), "it".to_owned(), &[], patience).expect_err("silent");
    assert_eq!(silent, "it was not ready within 0.1 s");
}

#[test]
fn a_start_that_nobody_wants_any_more_ends_what_it_started() {
    // A port that is taken and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let url = format!("http://{}/health", listener.local_addr().expect("address"));
    let dir = tempfile::tempdir().expect("a directory");
    let pid = dir.path().join("pid");
    let script = format!("echo $$ > {}; exec sleep 60", pid.display());
    let cmd = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let spawn = ProcessSpawn { cmd, ready_http: Some(url), ..ProcessSpawn::default() };
    let patience = Patience::from(PATIENCE);
    let abandoned = patience.abandoned.clone();
    let starter = std::thread::spawn(move || Target::process(&spawn, patience));
    let mut child = None;
    assert!(until(|| {
        child = std::fs::read_to_string(&pid).ok().and_then(|text| text.trim().parse().ok());
        child.is_some_and(runs)
    }));
    abandoned.store(true, Ordering::Relaxed);
    let error = starter.join().expect("no panic").expect_err("given up");
    assert!(error.starts_with("`sh` is not wanted any more"), "{error}");
    assert!(child.is_some_and(|child| !runs(child)), "it is gone as soon as the starter is");
}

#[test]
fn stopping_is_gentle_first_and_then_leaves_nobody() {
    // The shell obeys SIGTERM; its child, of the same group, does not.
    let script = format!(
        "trap 'exit 0' TERM; (trap '' TERM; exec sleep 60) & {READY}; echo $! >&2; while :; do sleep 0.01; done"
    );
    let target = announced(&script).expect("ready");
    let mut grandchild = 0;
    assert!(until(|| {
        grandchild = target.words().first().and_then(|line| line.parse().ok()).unwrap_or(0);
        grandchild != 0
    }));
    assert!(runs(grandchild));
    let usage = target.sample().expect("runs");
    assert!(usage.rss_bytes > 500_000, "{usage:?}");
    target.stop(Duration::from_secs(5));
    assert!(until(|| !runs(grandchild)), "an orphan remains");
}

#[test]
fn a_deaf_child_is_killed_when_the_grace_is_over() {
    let target = announced(&format!("trap '' TERM; {READY}; while :; do sleep 0.01; done")).expect("ready");
    let pid = target.pid();
    let clock = RunClock::start();
    target.stop(Duration::from_millis(100));
    assert!(clock.now() >= Instant::from_millis(100) && !runs(pid));
}

#[test]
fn a_dropped_target_leaves_no_orphan() {
    let target = announced(&format!("{READY}; sleep 60 & echo $! >&2; wait")).expect("ready");
    let mut grandchild = 0;
    assert!(until(|| {
        grandchild = target.words().first().and_then(|line| line.parse().ok()).unwrap_or(0);
        grandchild != 0
    }));
    drop(target);
    assert!(until(|| !runs(grandchild)));
}

#[test]
fn work_of_a_descendant_is_the_targets() {
    let target =
        announced(&format!("{READY}; (while [ $(cut -d' ' -f14 /proc/self/stat) -lt 0 ] || :; do :; done) & wait"))
            .expect("ready");
    assert!(until(|| target.sample().expect("runs").cpu_seconds >= 0.05));
}

#[test]
fn a_server_is_ready_when_its_url_answers_well() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let url = format!("http://{}/health", listener.local_addr().expect("address"));
    let server = std::thread::spawn(move || {
        for reply in ["503 Service Unavailable", "200 OK"] {
            let (mut stream, _) = listener.accept().expect("accept");
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).expect("request");
            write!(stream, "HTTP/1.1 {reply}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("reply");
        }
    });
    let spawn = ProcessSpawn {
        cmd: vec!["sleep".to_owned(), "60".to_owned()],
        ready_http: Some(url.clone()),
        ..ProcessSpawn::default()
    };
    let target = Target::process(&spawn, PATIENCE).expect("ready");
    server.join().expect("both requests came");
    target.stop(PATIENCE);
    let error = Target::process(&spawn, Duration::from_millis(150)).expect_err("nobody answers any more");
    assert_eq!(error, "`sleep` was not ready within 0.1 s");
    let dead = ProcessSpawn { cmd: vec!["false".to_owned()], ready_http: Some(url), ..ProcessSpawn::default() };
    let error = Target::process(&dead, PATIENCE).expect_err("it ended");
    assert_eq!(error, "`false` ended with exit code 1 and wrote nothing to standard error");
}

#[test]
fn a_target_stays_on_the_cores_it_was_given() {
    let before = machine::cores();
    let command = shell(&format!("{READY}; grep Cpus_allowed_list /proc/self/status >&2; exec sleep 60"));
    let target = Target::announced(command, "it".to_owned(), &[0], PATIENCE).expect("ready");
    assert!(until(|| !target.words().is_empty()));
    assert_eq!(target.words(), ["Cpus_allowed_list:\t0"]);
    assert_eq!(machine::cores(), before, "we are not bound");
}
