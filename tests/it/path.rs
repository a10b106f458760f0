//! `throng path` as a user meets it: the built binary between a client and an application on 127.0.0.1. What it injects
//! is read back at the client and in its counts, and is zero without.
#![allow(clippy::disallowed_methods, reason = "datagrams take real time")]

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};
use std::io::{BufRead as _, BufReader, IoSlice, IoSliceMut, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SCENARIO: &str = r#"
version = 1
name = "paths"
[run]
duration = "5s"
[[population]]
name = "nobody"
count = 1
[network.bad]
up = { delay = "40ms", loss = { model = "nth", n = 2 } }
down = { delay = "25ms" }
[network.traced]
up = { trace = { mahimahi = "a.trace", phase = "0s" } }
[network.marking]
up = { rate = "400kbps", queue = { aqm = "codel", limit = "60s", ecn = true } }
[network.damaging]
down = { corrupt = 1.0, duplicate = 1.0 }
[network.out]
schedule = [{ at = "0s", outage = "1h", dir = "down" }]
"#;

/// An application that sends everything back; it ends with this value.
struct Echo {
    at: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Echo {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
        let (at, stop) = (socket.local_addr().expect("an address"), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    socket.send_to(&buffer[..length], from).expect("sent");
                }
            }
        });
        Self { at, stop, thread: Some(thread) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

/// A relay; killed with this value.
struct Relay {
    child: Child,
    at: SocketAddr,
    stderr: BufReader<std::process::ChildStderr>,
    dir: tempfile::TempDir,
}

impl Relay {
    fn start(network: &str, to: SocketAddr, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("s.toml"), SCENARIO).expect("written");
        std::fs::write(dir.path().join("a.trace"), "100\n200\n").expect("written");
        let to = to.to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
        command.current_dir(dir.path()).args(["path", "--listen", "127.0.0.1:0", "--to", &to, "--network", network]);
        command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("a line");
        let at = line.split_whitespace().next().and_then(|word| word.parse().ok());
        let at = at.unwrap_or_else(|| panic!("no address: {line}"));
        Self { child, at, stderr, dir }
    }

    /// Interrupts it as Ctrl-C does; what it printed.
    fn interrupt(self) -> String {
        kill(nix::unistd::Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).expect("it lives");
        self.finish().0
    }

    /// Waits for its end; what it printed on stdout, and the rest of stderr.
    fn finish(mut self) -> (String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        self.stderr.read_to_string(&mut err).expect("text");
        let status = self.child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{out}{err}");
        assert!(self.dir.path().exists());
        (out, err)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn counts(text: &str) -> serde_json::Value {
    let document: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    for side in ["up", "down"] {
        let count = |key: &str| document[side][key].as_u64().unwrap_or_else(|| panic!("{side}.{key}: {document}"));
        let accounted: u64 = ["delivered", "lost", "overflowed", "waiting", "flying"].map(count).iter().sum();
        assert_eq!(count("offered") + count("duplicated"), accounted, "{document}");
    }
    document
}

/// Sends numbered datagrams; the bytes and the round trip of all that come back until none does for a while.
fn ask(relay: SocketAddr, count: u8) -> Vec<(Vec<u8>, Duration)> {
    let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
    client.set_read_timeout(Some(Duration::from_millis(500))).expect("set");
    let begun = Instant::now();
    for number in 0..count {
        client.send_to(&[number; 100], relay).expect("sent");
    }
    let (mut back, mut buffer) = (Vec::new(), [0; 2_048]);
    while let Ok((length, from)) = client.recv_from(&mut buffer) {
        assert_eq!(from, relay, "answers come from where one sent to");
        back.push((buffer[..length].to_vec(), begun.elapsed()));
    }
    back
}

#[test]
fn loss_and_delay_of_a_scenarios_network_are_those_that_a_client_sees() {
    let echo = Echo::start();
    let relay = Relay::start("s.toml#bad", echo.at, &["--json", "--seed", "7"]);
    let back = ask(relay.at, 20);
    let numbers: Vec<u8> = back.iter().map(|(bytes, _)| bytes[0]).collect();
    assert_eq!(numbers, (0..20).step_by(2).collect::<Vec<u8>>(), "every second one is lost on its way up");
    assert!(back.iter().all(|(_, time)| *time >= Duration::from_millis(65)), "{back:?}");
    let counts = counts(&relay.interrupt());
    assert_eq!((&counts["up"]["offered"], &counts["up"]["lost"]), (&20.into(), &10.into()));
    assert_eq!((&counts["down"]["delivered"], &counts["down"]["lost"]), (&10.into(), &0.into()));
    assert_eq!((&counts["seed"], &counts["clients"]), (&7.into(), &1.into()));
}

#[test]
fn a_network_that_does_nothing_loses_and_changes_nothing() {
    let echo = Echo::start();
    let relay = Relay::start("nlc-high-dns", echo.at, &["--for", "8s"]);
    let clients: Vec<_> = (0..3).map(|_| relay.at).map(|at| std::thread::spawn(move || ask(at, 30))).collect();
    for client in clients {
        let back: Vec<Vec<u8>> = client.join().expect("it asked").into_iter().map(|(bytes, _)| bytes).collect();
        assert_eq!(back, (0..30).map(|number| vec![number; 100]).collect::<Vec<_>>());
    }
    let (out, err) = relay.finish();
    let took = out.strip_prefix("3 clients in ").and_then(|rest| rest.split_once("s\n")).map(|(seconds, _)| seconds);
    let took: f64 = took.and_then(|seconds| seconds.parse().ok()).unwrap_or_else(|| panic!("{out}"));
    assert!((8.0..10.5).contains(&took), "{out}");
    let balance = "90 offered + 0 duplicated = 90 delivered + 0 lost + 0 overflowed + 0 waiting + 0 flying; 0 marked, 0 corrupted";
    assert_eq!(out.matches(balance).count(), 2, "{out}");
    assert!(err.contains("up unimpaired; down unimpaired"), "{err}");
    let line = err.lines().find(|line| line.starts_with("0:05 clients=3 up=")).unwrap_or_else(|| panic!("{err}"));
    assert!(line.contains("up_lost=0") && line.contains("down_queue=0.0ms") && !line.contains('\x1b'), "{line}");
}

#[test]
fn a_trace_beside_the_scenario_lets_one_packet_through_at_a_time() {
    let echo = Echo::start();
    let relay = Relay::start("s.toml#traced", echo.at, &["--json"]);
    // An opportunity of 1,500 bytes each 100 ms; two of these packets need two.
    let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
    client.set_read_timeout(Some(Duration::from_secs(2))).expect("set");
    let begun = Instant::now();
    for _ in 0..2 {
        client.send_to(&[0; 1_400], relay.at).expect("sent");
    }
    let mut buffer = [0; 2_048];
    client.recv_from(&mut buffer).expect("an answer");
    client.recv_from(&mut buffer).expect("an answer");
    assert!(begun.elapsed() >= Duration::from_millis(99), "{:?}", begun.elapsed());
    counts(&relay.interrupt());
}

#[test]
fn what_is_damaged_on_the_way_down_has_one_bit_flipped_in_each_copy() {
    let echo = Echo::start();
    let relay = Relay::start("s.toml#damaging", echo.at, &["--json"]);
    let back = ask(relay.at, 5);
    assert_eq!(back.len(), 10, "and everything arrives twice");
    for (bytes, _) in &back {
        let number = (0..5).min_by_key(|number| flipped(bytes, *number)).expect("one of them");
        assert_eq!(flipped(bytes, number), 1, "{bytes:?}");
    }
    let counts = counts(&relay.interrupt());
    assert_eq!((&counts["down"]["corrupted"], &counts["down"]["duplicated"]), (&10.into(), &5.into()));
    assert_eq!(counts["up"]["corrupted"], 0);
}

/// Bits by which a datagram differs from the one of this number.
fn flipped(bytes: &[u8], number: u8) -> u32 {
    bytes.iter().map(|byte| (byte ^ number).count_ones()).sum()
}

#[test]
fn outages_of_a_schedule_count_from_its_start() {
    let echo = Echo::start();
    let relay = Relay::start("s.toml#out", echo.at, &["--json"]);
    assert_eq!(ask(relay.at, 5), []);
    let counts = counts(&relay.interrupt());
    assert_eq!((&counts["up"]["lost"], &counts["down"]["lost"]), (&0.into(), &5.into()));
}

/// Sends a burst with this TOS byte; the TOS bytes that arrive.
fn marked(relay: SocketAddr, application: &UdpSocket, tos: u8) -> Vec<u8> {
    let client = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let SocketAddr::V4(to) = relay else { panic!("IPv4") };
    for _ in 0..60 {
        let (slices, control) = ([IoSlice::new(&[0; 972])], [ControlMessage::Ipv4Tos(&tos)]);
        sendmsg(client.as_raw_fd(), &slices, &control, MsgFlags::empty(), Some(&SockaddrIn::from(to))).expect("sent");
    }
    let mut arrived = Vec::new();
    let (mut bytes, mut room) = ([0; 2_048], nix::cmsg_space!(u8, u32));
    loop {
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let read = recvmsg::<SockaddrIn>(application.as_raw_fd(), &mut slices, Some(&mut room), MsgFlags::empty());
        let Ok(message) = read else { return arrived };
        let tos = message.cmsgs().expect("they fit").find_map(|control| match control {
            ControlMessageOwned::Ipv4Tos(tos) => Some(tos),
            _ => None,
        });
        arrived.push(tos.unwrap_or(0));
    }
}

#[test]
fn congestion_marks_reach_the_application_and_who_cannot_take_them_loses_packets() {
    let application = UdpSocket::bind("127.0.0.1:0").expect("bound");
    application.set_read_timeout(Some(Duration::from_millis(800))).expect("set");
    setsockopt(&application, sockopt::IpRecvTos, &true).expect("set");
    let relay = Relay::start("s.toml#marking", application.local_addr().expect("an address"), &["--json"]);
    // 60 packets of 20 ms each: CoDel has waited long enough after 100 ms.
    let capable = marked(relay.at, &application, 0b10);
    assert_eq!(capable.len(), 60);
    let ce = capable.iter().filter(|tos| **tos == 0b11).count() as u64;
    assert!(ce > 3 && capable.iter().all(|tos| [0b10, 0b11].contains(tos)), "{capable:?}");
    let deaf = marked(relay.at, &application, 0);
    assert!(deaf.len() < 60 && deaf.iter().all(|tos| *tos == 0), "{}", deaf.len());
    let counts = counts(&relay.interrupt());
    assert_eq!(counts["up"]["marked"], ce);
    assert_eq!(counts["up"]["overflowed"], 60 - deaf.len());
}

#[test]
fn what_cannot_be_relayed_is_refused_with_a_sentence() {
    let run = |line: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_throng")).arg("path").args(line).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{line:?}: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let (listen, to) = ("127.0.0.1:0", "127.0.0.1:9");
    let cases: [(&[&str], &str); 9] = [
        (&["--listen", "0.0.0.0:0", "--to", to, "--network", "3g"], "--listen: 0.0.0.0:0 is not on this machine"),
        (&["--listen", listen, "--to", "192.0.2.1:9", "--network", "3g"], "say so with --i-own-target"),
        (&["--listen", listen, "--to", "127.0.0.1:0", "--network", "3g"], "port 0 is nobody's"),
        (&["--listen", to, "--to", to, "--network", "3g"], "are the same"),
        (&["--listen", listen, "--to", to, "--network", "3h"], "there is no built-in network `3h`"),
        (&["--listen", listen, "--to", to, "--network", "nowhere.toml#a"], "cannot read `nowhere.toml`"),
        (
            &["--listen", listen, "--to", to, "--network", "scenarios/quickstart.toml#moon"],
            "there are home, bad-mobile",
        ),
        (&["--listen", listen, "--to", to, "--network", "3g", "--for", "0s"], "longer than nothing"),
        (&["--listen", listen, "--to", to, "--network", "3g", "--for", "25h"], "at most 24h"),
    ];
    for (line, sentence) in cases {
        let said = run(line);
        assert!(said.contains(sentence), "{line:?}: {said}");
    }
}
