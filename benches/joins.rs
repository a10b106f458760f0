//! What a join costs in ICE and DTLS: pairs of transports in one thread, without sockets or signalling.
//!
//! One certificate and one DTLS configuration serve all, as in a run. CPU is that of both ends together, halved: throng
//! is one end, the SFU the other. `cargo bench --bench joins [-- PAIRS]`.

#![allow(clippy::disallowed_macros, reason = "a bench prints what it measured")]

use nix::time::ClockId;
use std::net::SocketAddr;
use std::time::Duration;
use throng::clock::Instant;
use throng::conference::{Setup, TransportParameters};
use throng::drive::live::clock::RunClock;
use throng::rtp::srtp;
use throng::transport::secure::Factory;
use throng::transport::{Event, Output, Secure};

/// The last moment at which both ends must have their keys.
const PATIENCE: Duration = Duration::from_secs(30);

struct Pair {
    ends: [Secure; 2],
    addresses: [SocketAddr; 2],
    keys: [Option<Box<srtp::Session>>; 2],
}

impl Pair {
    fn new(factory: &Factory, now: Instant, index: u16) -> Self {
        let addresses = [0, 1].map(|end| SocketAddr::from(([127, 0, 1 + end, 1], 1_024 + index)));
        let ends = addresses.map(|address| Secure::new(factory, now, address).expect("a transport"));
        Self { ends, addresses, keys: [None, None] }
    }

    fn connect(&mut self, now: Instant) {
        let offer = self.ends[0].local_parameters();
        let answer = TransportParameters { setup: Setup::Active, ..self.ends[1].local_parameters() };
        self.ends[0].connect(now, &answer, true, |_| true).expect("it connects");
        self.ends[1].connect(now, &offer, false, |_| true).expect("it connects");
    }

    /// Carries datagrams until both ends are still, and lets time pass when they are.
    fn run(&mut self, mut now: Instant) {
        let end = now + PATIENCE;
        while self.keys.iter().any(Option::is_none) {
            if !self.carry(now) {
                let next = self.ends.iter().filter_map(Secure::poll_timeout).min();
                now = next.expect("somebody has something to do").max(now);
                assert!(now < end, "the handshake does not end");
                self.ends.iter_mut().for_each(|end| end.handle_timeout(now));
            }
        }
    }

    /// True when anything was carried.
    fn carry(&mut self, now: Instant) -> bool {
        let mut carried = false;
        for from in 0..2 {
            while let Some(output) = self.ends[from].poll_output() {
                carried = true;
                match output {
                    Output::Datagram { bytes, .. } => {
                        self.ends[1 - from].handle_datagram(now, self.addresses[from], &bytes);
                    }
                    Output::Event(Event::Keys(keys)) => self.keys[from] = Some(keys),
                    Output::Event(_) => {}
                }
            }
        }
        carried
    }
}

fn cpu() -> Duration {
    Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("every thread has a CPU clock"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let wanted = arguments.iter().find_map(|argument| argument.parse().ok());
    let pairs: u16 = wanted.unwrap_or(if bench { 1_000 } else { 3 });
    let clock = RunClock::start();
    let factory = Factory::new(clock.epoch()).expect("a factory");
    for round in 1..=if bench { 5 } else { 1 } {
        let begun = cpu();
        let mut all: Vec<Pair> = (0..pairs).map(|index| Pair::new(&factory, clock.now(), index)).collect();
        let built = cpu();
        for pair in &mut all {
            let now = clock.now();
            pair.connect(now);
            pair.run(now);
        }
        let ends = f64::from(pairs) * 2.0;
        let micros = |span: Duration| span.as_secs_f64() * 1e6 / ends;
        let (build, join) = (micros(built - begun), micros(cpu() - built));
        println!(
            "round {round}: {build:.0} µs to build a transport, {join:.0} µs for its ICE and DTLS: {:.0} joins/s a core",
            1e6 / (build + join)
        );
    }
}
