//! Whole runs over loopback, as short as they can be: exit code, outcome and words agree, and what was measured is kept.

use super::{Child, Ran, command, here, json, ran, sfu, throng, write};
use crate::turns::alone;
use nix::sys::signal::Signal;
use std::path::Path;
use std::time::{Duration, Instant};

const SMALL: [&str; 10] =
    ["quick", "--rooms", "1", "--publishers", "1", "--subscribers", "2", "--for", "2s", "--set=run.warmup=1s"];

fn small(dir: &Path, more: &[&str]) -> Ran {
    throng(dir, &[&SMALL[..], more].concat())
}

const ARTIFACTS: [&str; 6] = ["outcome.json", "report.html", "summary.md", "junit.xml", "metrics.csv", "series.csv"];

#[track_caller]
fn agree(ran: &Ran, outcome: &serde_json::Value) {
    assert_eq!(outcome["exit_code"].as_i64(), Some(i64::from(ran.code)), "{ran:#?}");
    let by_verdict = match outcome["verdict"].as_str().expect("a verdict") {
        "pass" => 0,
        "fail" => 99,
        "inconclusive" => 98,
        "invalid" => 97,
        other => panic!("{other}"),
    };
    assert_eq!(ran.code, by_verdict, "{ran:#?}");
    assert_eq!(outcome["participants"]["joined"], 3, "{ran:#?}");
}

#[test]
fn quick_runs_saves_and_repeats_its_scenario_and_report_renders_it_again() {
    let _turn = alone();
    let dir = here();
    let first = small(dir.path(), &["--save", "saved.toml", "--network", "3g", "--codec", "h264", "--out", "a"]);
    let outcome = json(&dir.path().join("a/outcome.json"));
    agree(&first, &outcome);
    let summary = first.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["joined 3 of 3", "report a/report.html", &format!("exit {}", first.code)] {
        assert!(summary.contains(part), "`{part}`: {first:#?}");
    }
    // Without a terminal there are plain lines, and no control codes anywhere.
    assert!(first.err.lines().any(|line| line.contains(" in=3 ")), "{first:#?}");
    assert!(!first.err.contains('\x1b') && !first.out.contains('\x1b'));
    assert!(outcome["environment"]["command"].as_str().unwrap().contains("--network 3g"));
    for name in ARTIFACTS {
        assert!(std::fs::metadata(dir.path().join("a").join(name)).is_ok_and(|file| file.len() > 0), "{name}");
    }

    throng(dir.path(), &["check", "saved.toml"]).exits(0);
    small(dir.path(), &["--save", "saved.toml"]).exits(2).silent().says(&["saved.toml: exists already"]);

    let again = throng(dir.path(), &["report", "a", "--out", "b"]).exits(0);
    assert_eq!(again.out.trim(), "b/report.html");
    for name in ARTIFACTS.iter().skip(1) {
        let of = |run: &str| std::fs::read(dir.path().join(run).join(name)).unwrap();
        assert!(of("a") == of("b"), "{name} differs");
    }
}

#[test]
fn json_has_stdout_for_itself_and_quiet_says_nothing() {
    let _turn = alone();
    let dir = here();
    let run = small(dir.path(), &["--json", "--out", "a"]);
    let outcome: serde_json::Value = serde_json::from_str(&run.out).expect("stdout is the outcome and nothing else");
    assert_eq!(outcome, json(&dir.path().join("a/outcome.json")));
    agree(&run, &outcome);
    let quiet = small(dir.path(), &["--quiet", "--out", "b"]);
    assert!(quiet.out.is_empty() && quiet.err.is_empty(), "{quiet:#?}");
    assert!(dir.path().join("b/report.html").exists());
}

#[test]
fn a_running_sfu_is_a_target_by_its_rooms_and_by_whip() {
    let _turn = alone();
    let dir = here();
    let (_sfu, address) = sfu(dir.path());
    for (out, url) in
        [("rooms", format!("ws://{address}")), ("whip", format!("http://{address}/whip/{{room}}/{{participant}}"))]
    {
        let line =
            ["quick", &url, "--rooms", "1", "--publishers", "1", "--subscribers", "2", "--for", "2s", "--out", out];
        let run = throng(dir.path(), &line);
        agree(&run, &json(&dir.path().join(out).join("outcome.json")));
    }
}

#[test]
fn the_first_ctrl_c_ends_a_run_in_order_and_keeps_what_was_measured() {
    let _turn = alone();
    let dir = here();
    let mut run = Child::start(dir.path(), &["quick", "--publishers", "1", "--subscribers", "2", "--out", "o"]);
    run.hear("ramp in=");
    let asked = Instant::now();
    run.signal(Signal::SIGINT);
    assert_eq!(run.wait(Duration::from_secs(10)), Some(130), "after {:?}", asked.elapsed());
    let outcome = json(&dir.path().join("o/outcome.json"));
    assert_eq!((outcome["verdict"].as_str(), outcome["exit_code"].as_i64()), (Some("interrupted"), Some(130)));
    assert!(ARTIFACTS.iter().all(|name| dir.path().join("o").join(name).exists()));
}

#[test]
fn the_second_ctrl_c_leaves_at_once_and_takes_the_sfu_with_it() {
    let _turn = alone();
    let dir = here();
    let mut run = Child::start(dir.path(), &["quick", "--publishers", "1", "--subscribers", "2", "--out", "o"]);
    run.hear("ramp in=");
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", run.0.id())).expect("children");
    // Stopped, so that the first one cannot end it before the second one is there.
    run.signal(Signal::SIGSTOP);
    run.signal(Signal::SIGINT);
    run.signal(Signal::SIGCONT);
    std::thread::sleep(Duration::from_millis(5));
    let asked = Instant::now();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(run.0.id() as i32), Signal::SIGINT);
    assert_eq!(run.wait(Duration::from_secs(10)), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    for child in children.split_whitespace() {
        let path = format!("/proc/{child}/cmdline");
        let gone = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            std::fs::read(&path).is_ok_and(|line| line.is_empty()) || !Path::new(&path).exists()
        });
        assert!(gone, "the SFU lives on");
    }
}

#[test]
fn an_sfu_that_dies_in_the_run_is_a_failed_run_with_exit_code_3() {
    let _turn = alone();
    let dir = here();
    let mut run =
        Child::start(dir.path(), &["quick", "--publishers", "1", "--subscribers", "2", "--rooms", "1", "--out", "o"]);
    run.hear("ramp");
    let child = child_of(run.0.id());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), Signal::SIGKILL).expect("it lives");
    assert_eq!(run.wait(Duration::from_secs(15)), Some(3));
    let outcome = json(&dir.path().join("o/outcome.json"));
    assert_eq!((outcome["verdict"].as_str(), outcome["exit_code"].as_i64()), (Some("fail"), Some(3)));
    assert!(outcome["reason"].as_str().unwrap().contains("target"), "{}", outcome["reason"]);
    assert!(dir.path().join("o/report.html").exists());
}

/// The one child of a process.
fn child_of(parent: u32) -> i32 {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).expect("its children");
    children.split_whitespace().next().expect("the SFU").parse().expect("a process id")
}

/// A file system of 64 KiB; `None`, with the reason, where it cannot be mounted.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let dir = here();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(dir.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(dir)),
            Ok(output) => {
                eprintln!("skipped: no tmpfs can be mounted: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                eprintln!("skipped: mount cannot be run: {error}");
                None
            }
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_does_not_lose_the_run() {
    let _turn = alone();
    let Some(disk) = Small::mount() else { return };
    let (dir, rescue) = (here(), here());
    let out = disk.0.path().join("o");
    // Half of it is taken: an outcome does not fit.
    write(disk.0.path(), "ballast", &"x".repeat(48 << 10));
    let line = [&SMALL[..], &["--out", out.to_str().unwrap()]].concat();
    let run = ran(command(dir.path()).args(&line).env("TMPDIR", rescue.path()));
    let at = run.err.find("the outcome is saved as ").unwrap_or_else(|| panic!("{run:#?}"));
    assert!(run.err.contains("No space left"), "{run:#?}");
    let path = run.err[at..].lines().next().unwrap().trim_start_matches("the outcome is saved as ").to_owned();
    assert!(Path::new(&path).starts_with(rescue.path()), "{path}");
    let outcome = json(Path::new(&path));
    assert_eq!(outcome["participants"]["joined"], 3);
    let expected = if outcome["exit_code"] == 0 { Some(1) } else { outcome["exit_code"].as_i64() };
    assert_eq!(Some(i64::from(run.code)), expected, "a pass that was not written is no pass");
    throng(dir.path(), &["report", &path, "--out", "again"]).exits(0);
}
