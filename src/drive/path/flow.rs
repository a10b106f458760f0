//! One client of a relayed path: both links, what its network does over time, and the socket that answers come back to.

use super::socket::Socket;
use crate::clock::{Duration, Instant};
use crate::plan::alone::Alone;
use crate::plan::network::{NetworkChange, placed};
use crate::plan::{NetworkPlan, Outage};
use crate::rtp::bytes::flip_bit;
use crate::seed::Seed;
use netem::{Link, OutageMode, Packet};
use std::net::SocketAddr;

/// ECN's two bits in the TOS byte (RFC 3168): neither is set by who does not understand marks, both are a mark.
const ECN: u8 = 0b11;

/// One datagram with the TOS byte that it came with, and goes on with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// DSCP and ECN.
    pub tos: u8,
}

impl Packet for Datagram {
    fn wire_size(&self) -> usize {
        self.bytes.len()
    }

    fn ecn_capable(&self) -> bool {
        self.tos & ECN != 0
    }

    fn mark(&mut self) {
        self.tos |= ECN;
    }

    /// Goes on with its bit flipped: it is sent anew, so its checksum is right.
    fn corrupt(&mut self, bits: u64) {
        flip_bit(&mut self.bytes, bits);
    }
}

/// One client.
#[derive(Debug)]
pub struct Flow {
    /// Who.
    pub client: SocketAddr,
    /// Towards the application.
    pub socket: Socket,
    /// From the client.
    pub up: Link<Datagram>,
    /// Towards the client.
    pub down: Link<Datagram>,
    /// Where in every trace the start is, in 2⁻⁶⁴ of it.
    place: u64,
    heard: Instant,
    changes: Vec<(Instant, NetworkChange)>,
    next: usize,
}

impl Flow {
    /// A client that was heard of for the first time at `now`: it finds the conditions of then.
    pub fn new(client: SocketAddr, socket: Socket, network: &Alone, seed: Seed, now: Instant) -> Self {
        let first = &network.plan.steps[0];
        let changes = network.plan.changes(&network.outages(seed));
        let (up, down, place) = (seed.child("up"), seed.child("down"), seed.child("phase").bits());
        let mut flow = Self {
            client,
            socket,
            up: Link::new(placed(&first.up, place), up),
            down: Link::new(placed(&first.down, place), down),
            place,
            heard: now,
            changes,
            next: 0,
        };
        flow.handle_timeout(now, &network.plan);
        flow
    }

    /// When something happens by itself.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let change = self.changes.get(self.next).map(|(at, _)| *at);
        [change, self.up.poll_timeout(), self.down.poll_timeout()].into_iter().flatten().min()
    }

    /// The client sent something.
    pub fn handle_packet(&mut self, now: Instant, datagram: Datagram) {
        self.heard = now;
        self.up.handle_packet(now, datagram);
    }

    /// The application answered.
    pub fn handle_answer(&mut self, now: Instant, datagram: Datagram) {
        self.heard = now;
        self.down.handle_packet(now, datagram);
    }

    /// Lets time pass: changes that are due take place at their own time.
    pub fn handle_timeout(&mut self, now: Instant, plan: &NetworkPlan) {
        while let Some((at, change)) = self.changes.get(self.next).copied().filter(|(at, _)| *at <= now) {
            self.next += 1;
            match change {
                NetworkChange::Step(index) => {
                    self.up.apply(at, placed(&plan.steps[index].up, self.place));
                    self.down.apply(at, placed(&plan.steps[index].down, self.place));
                }
                NetworkChange::Begin(outage) => {
                    let mode = if outage.pause { OutageMode::Pause } else { OutageMode::Drop };
                    self.set_outage(at, &outage, Some(mode));
                }
                NetworkChange::End(outage) => self.set_outage(at, &outage, None),
            }
        }
        self.up.handle_timeout(now);
        self.down.handle_timeout(now);
    }

    /// Outages of one direction never overlap: what ends is what was on.
    fn set_outage(&mut self, at: Instant, outage: &Outage, mode: Option<OutageMode>) {
        if outage.up {
            self.up.set_outage(at, mode);
        }
        if outage.down {
            self.down.set_outage(at, mode);
        }
    }

    /// Whether it was silent for `idle` and nothing of it is on its way.
    pub fn is_over(&self, now: Instant, idle: Duration) -> bool {
        let under_way = |link: &Link<Datagram>| {
            let totals = link.report().totals();
            totals.waiting + totals.flying > 0
        };
        now.saturating_since(self.heard) >= idle && !under_way(&self.up) && !under_way(&self.down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Scenario, Settings};
    use netem::Serialiser;

    /// An opportunity each 100 ms, and a period of a second.
    const TRACE: &str = "100\n200\n300\n400\n500\n600\n700\n800\n900\n1000\n";

    fn flow(network: &str, seed: u64) -> (Flow, Alone) {
        let text = format!(
            "version = 1\nname = \"x\"\n[run]\nduration = \"5s\"\n[[population]]\nname = \"a\"\ncount = 1\n[network.n]\n{network}\n"
        );
        let settings = Settings { set: &[], seed: None, environment: &|_| None, files: &|_| Ok(TRACE.into()) };
        let scenario = Scenario::parse("s.toml", &text, &settings).expect("a scenario");
        let network = Alone::of(&scenario, "n", Instant::from_secs(60)).expect("valid").expect("it is there");
        let any = "127.0.0.1:0".parse().expect("an address");
        let socket = Socket::bind(any).expect("bound");
        (Flow::new(any, socket, &network, Seed::new(seed), Instant::ZERO), network)
    }

    fn datagram() -> Datagram {
        Datagram { bytes: vec![0; 100], tos: 0 }
    }

    #[test]
    fn a_silent_client_is_forgotten_once_nothing_of_it_is_on_its_way() {
        let (mut flow, network) = flow("up = { delay = \"90s\" }", 1);
        flow.handle_packet(Instant::ZERO, datagram());
        let at = Instant::from_secs;
        flow.handle_timeout(at(70), &network.plan);
        assert!(!flow.is_over(at(70), Duration::from_secs(60)), "a packet is flying");
        flow.handle_timeout(at(90), &network.plan);
        assert!(flow.up.poll_output().is_some());
        assert!(flow.is_over(at(90), Duration::from_secs(60)));
        assert!(!flow.is_over(at(90), Duration::from_secs(91)));
    }

    #[test]
    fn a_schedule_and_its_outages_happen_at_their_own_time_however_late_one_looks() {
        let (mut flow, network) = flow(
            "schedule = [{ at = \"2s\", up = { delay = \"1s\" } }, { at = \"4s\", outage = \"1s\", dir = \"up\" }, \
             { at = \"5s\", outage = \"1s\", dir = \"up\", mode = \"pause\" }]",
            1,
        );
        let mut arrivals = Vec::new();
        for second in 0..8 {
            let now = Instant::from_millis(second * 1_000 + 500);
            flow.handle_timeout(now, &network.plan);
            flow.handle_packet(now, datagram());
        }
        flow.handle_timeout(Instant::from_secs(20), &network.plan);
        while let Some(delivery) = flow.up.poll_output() {
            arrivals.push(delivery.at.as_millis());
        }
        assert_eq!(arrivals, [500, 1_500, 3_500, 4_500, 7_000, 7_500, 8_500], "one lost, one paused until 6 s");
        assert_eq!(flow.up.report().totals().lost, 1);
    }

    #[test]
    fn both_directions_are_at_the_same_place_of_a_recording_and_clients_elsewhere() {
        let trace = "{ trace = { mahimahi = \"a.trace\" } }";
        let network = format!(
            "up = {trace}\ndown = {trace}\nschedule = [{{ at = \"2s\", up = {trace} }}, {{ at = \"3s\", down = {trace} }}]"
        );
        let phase = |link: &Link<Datagram>| match &link.config().serialiser {
            Serialiser::Trace { phase, .. } => phase.expect("it is drawn once"),
            other => panic!("no trace: {other:?}"),
        };
        let mut seen = Vec::new();
        for seed in 1..4 {
            let (mut flow, network) = flow(&network, seed);
            let first = phase(&flow.up);
            for second in 0..5 {
                flow.handle_timeout(Instant::from_secs(second), &network.plan);
                assert_eq!((phase(&flow.up), phase(&flow.down)), (first, first), "at {second} s");
            }
            seen.push(first);
        }
        assert!(seen[0] != seen[1] && seen[1] != seen[2], "{seen:?}");
    }

    #[test]
    fn a_mark_keeps_the_rest_of_the_byte() {
        let mut datagram = Datagram { bytes: vec![], tos: 0b1011_1010 };
        assert!(datagram.ecn_capable());
        datagram.mark();
        assert_eq!(datagram.tos, 0b1011_1011);
        assert!(!Datagram { bytes: vec![], tos: 0b1011_1000 }.ecn_capable());
    }
}
