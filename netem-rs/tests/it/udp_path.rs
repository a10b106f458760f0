//! The example `udp-path` on 127.0.0.1: what it relays, how late, and what it says to a wrong command line.
#![allow(clippy::disallowed_methods, reason = "the example runs on the real clock")]

#[allow(dead_code, reason = "its `main` is for the terminal")]
#[path = "../../examples/udp-path.rs"]
mod example;

use example::{Arguments, relay};
use netem_rs::{LinkConfig, Loss};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    socket
}

/// An application that sends everything back, behind a relay of these conditions; stopped when it is dropped.
struct Bed {
    relay: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Bed {
    fn new(up: LinkConfig, down: LinkConfig) -> Self {
        let (echo, front) = (socket(), socket());
        let (target, relay_at) = (echo.local_addr().unwrap(), front.local_addr().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let echoing = std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((size, from)) = echo.recv_from(&mut buffer) {
                    echo.send_to(&buffer[..size], from).unwrap();
                }
            }
        });
        let arguments = Arguments { listen: relay_at, target, network: "a test".to_owned(), up, down, seed: 1 };
        let stopped = Arc::clone(&stop);
        let relaying = std::thread::spawn(move || relay(&front, &arguments, &stopped).unwrap());
        Self { relay: relay_at, stop, threads: vec![echoing, relaying] }
    }

    /// Sends numbered datagrams; the number and the round trip of each that comes back.
    fn ask(&self, count: u8, patience: Duration) -> Vec<(u8, Duration)> {
        let client = socket();
        let mut sent = Vec::new();
        for number in 0..count {
            sent.push(Instant::now());
            client.send_to(&[number; 100], self.relay).unwrap();
        }
        let (began, mut back, mut buffer) = (Instant::now(), Vec::new(), [0; 2_048]);
        while began.elapsed() < patience && back.len() < usize::from(count) {
            if let Ok((size, from)) = client.recv_from(&mut buffer) {
                assert_eq!((size, from), (100, self.relay));
                back.push((buffer[0], sent[usize::from(buffer[0])].elapsed()));
            }
        }
        back
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

#[test]
fn datagrams_go_there_and_back_through_both_links() {
    let delayed = |millis| LinkConfig { delay: Duration::from_millis(millis), ..LinkConfig::default() };
    let bed = Bed::new(delayed(40), delayed(25));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(|| bed.ask(20, PATIENCE))).collect();
        for client in clients {
            let back = client.join().unwrap();
            assert_eq!(back.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
            assert!(back.iter().all(|(_, time)| *time >= Duration::from_millis(65)), "{back:?}");
        }
    });
}

#[test]
fn what_the_uplink_loses_is_not_answered() {
    let every_second = LinkConfig { loss: Loss::Nth { n: 2 }, ..LinkConfig::default() };
    let bed = Bed::new(every_second, LinkConfig::default());
    let back = bed.ask(20, Duration::from_millis(500));
    assert_eq!(back.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..20).step_by(2).collect::<Vec<_>>());
}

#[test]
fn a_wrong_command_line_gets_a_sentence() {
    let parse = |words: &str| Arguments::parse(words.split_whitespace().map(str::to_owned));
    let right = parse("9000 5000 nlc-3g --seed 7").unwrap();
    assert_eq!(
        (right.listen.to_string(), right.target.to_string()),
        ("127.0.0.1:9000".into(), "127.0.0.1:5000".into())
    );
    assert_eq!((right.seed, right.up.rate, right.down.rate), (7, Some(330_000), Some(780_000)));
    assert!(parse("0.0.0.0:9000 5000 3g --beyond-loopback").is_ok());

    let says = |words: &str| parse(words).unwrap_err();
    assert_eq!(says("9000 5000"), "write LISTEN TARGET PROFILE, three words; there are 2");
    assert_eq!(says("here 5000 3g"), "LISTEN is `here`: write a port or an address, as in 127.0.0.1:9000");
    assert!(says("9000 10.0.0.1:5000 3g").contains("add `--beyond-loopback`"));
    assert!(says("9000 5000 3h").starts_with("`3h` is no built-in profile and no file"));
    assert_eq!(says("9000 5000 3g --seed x"), "`--seed x`: write a whole number");
    assert_eq!(says("9000 5000 3g --speed 3"), "there is no `--speed`, only `--seed N` and `--beyond-loopback`");
}
