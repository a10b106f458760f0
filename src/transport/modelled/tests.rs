//! A modelled participant and a modelled server over a wire in memory.

use super::super::{End, Event, Factory, Output, Transport};
use super::*;

struct Pair {
    ends: [Transport; 2],
    addresses: [SocketAddr; 2],
    delay: Duration,
    /// Arrival, which end gets it, bytes.
    flying: Vec<(Instant, usize, Vec<u8>)>,
    now: Instant,
    events: Vec<(Instant, usize, String)>,
    /// Of these datagrams, counted from zero, nothing arrives.
    lost: fn(usize, &[u8]) -> bool,
}

impl Pair {
    fn new(delay: u64, lost: fn(usize, &[u8]) -> bool) -> Self {
        let addresses = [5_000, 6_000].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let ends = [End::Participant, End::Server { announced: addresses[1] }];
        let made = [0, 1].map(|index| {
            let made = Factory::Modelled.transport(Instant::ZERO, addresses[index], ends[index], index as u64);
            made.expect("nothing can fail")
        });
        let delay = Duration::from_millis(delay);
        let mut pair = Self { ends: made, addresses, delay, flying: vec![], now: Instant::ZERO, events: vec![], lost };
        let parameters = [0, 1].map(|end| pair.ends[end].local_parameters());
        for end in [0, 1] {
            pair.ends[end].connect(pair.now, &parameters[1 - end], end == 0, |_| true).expect("it begins");
            pair.drain(end);
        }
        pair
    }

    fn run(&mut self, until: u64) {
        let until = Instant::from_millis(until);
        loop {
            let flying = self.flying.iter().map(|(at, ..)| *at).min();
            let timers = self.ends.iter().filter_map(Transport::poll_timeout).min();
            let Some(next) = flying.into_iter().chain(timers).min().filter(|at| *at <= until) else { break };
            self.now = next;
            while let Some(index) = self.flying.iter().position(|(at, ..)| *at <= self.now) {
                let (_, end, bytes) = self.flying.remove(index);
                let source = self.addresses[1 - end];
                self.ends[end].handle_datagram(self.now, source, &bytes);
                self.drain(end);
            }
            for end in [0, 1] {
                if self.ends[end].poll_timeout().is_some_and(|at| at <= self.now) {
                    self.ends[end].handle_timeout(self.now);
                    self.drain(end);
                }
            }
        }
        self.now = until;
    }

    fn drain(&mut self, end: usize) {
        while let Some(output) = self.ends[end].poll_output() {
            match output {
                Output::Datagram { to, bytes } => {
                    assert_eq!(to, self.addresses[1 - end]);
                    if !(self.lost)(end, &bytes) {
                        self.flying.push((self.now + self.delay, 1 - end, bytes));
                    }
                }
                Output::Event(event) => {
                    let name = match event {
                        Event::IceConnected => "ice".to_owned(),
                        Event::Restarted => "restarted".to_owned(),
                        Event::Keys(_) => "keys".to_owned(),
                        Event::Failed(_, detail) => detail,
                        Event::Closed => "closed".to_owned(),
                        Event::ChannelOpen(id) => format!("channel {id}"),
                        Event::RoundTrip(rtt) => {
                            assert_eq!(rtt, 2 * self.delay);
                            continue;
                        }
                    };
                    self.events.push((self.now, end, name));
                }
            }
        }
    }

    fn at(&self, end: usize, name: &str) -> Option<u64> {
        let found = self.events.iter().find(|(_, of, event)| *of == end && event.starts_with(name));
        found.map(|(at, ..)| at.as_millis())
    }
}

#[test]
fn a_participant_connects_in_one_round_trip_and_has_keys_in_two_more() {
    let mut pair = Pair::new(50, |_, _| false);
    pair.run(2_000);
    assert_eq!((pair.at(0, "ice"), pair.at(0, "keys")), (Some(100), Some(300)));
    assert_eq!((pair.at(1, "ice"), pair.at(1, "keys")), (Some(150), Some(250)));
    pair.run(120_000);
    assert_eq!(pair.events.len(), 4, "consent goes on: {:?}", pair.events);
}

#[test]
fn a_lost_hello_costs_the_retransmission_timer() {
    use std::cell::Cell;
    thread_local! { static DROPPED: Cell<bool> = const { Cell::new(false) } }
    let mut pair = Pair::new(50, |end, bytes| end == 0 && bytes[0] == 22 && !DROPPED.replace(true));
    pair.run(3_000);
    assert_eq!((pair.at(0, "ice"), pair.at(0, "keys")), (Some(100), Some(1_300)));
}

#[test]
fn a_server_that_falls_silent_is_noticed_by_its_consent() {
    let mut pair = Pair::new(10, |end, bytes| end == 1 && bytes[0] < 4 && bytes.len() == 64);
    pair.run(60_000);
    assert_eq!(pair.at(0, "ice"), None);
    assert!(pair.at(0, "consent was lost").is_some(), "{:?}", pair.events);
}

#[test]
fn a_participant_that_is_gone_is_noticed_after_fifteen_seconds() {
    let mut pair = Pair::new(10, |_, _| false);
    pair.run(1_000);
    pair.lost = |end, _| end == 0;
    pair.run(60_000);
    let gone = pair.at(1, "consent was lost").expect("nobody checks");
    assert!((15_000..19_000).contains(&gone), "{gone}");
}

#[test]
fn goodbye_closes_the_other_end() {
    let mut pair = Pair::new(10, |_, _| false);
    pair.run(1_000);
    let now = pair.now;
    pair.ends[0].close(now);
    pair.drain(0);
    pair.run(2_000);
    assert_eq!(pair.at(1, "closed"), Some(1_010));
    assert_eq!(pair.ends.map(|end| end.poll_timeout()), [None, None]);
}

#[test]
fn an_address_that_is_not_allowed_is_no_candidate() {
    let mut server = Modelled::new(SocketAddr::from(([192, 0, 2, 7], 9)), End::Participant, 1);
    let parameters = server.local_parameters();
    let mut participant = Modelled::new(SocketAddr::from(([127, 0, 0, 1], 9)), End::Participant, 2);
    let refused = participant.connect(Instant::ZERO, &parameters, true, |address| address.ip().is_loopback());
    assert_eq!(refused.expect_err("not this machine").0, Cause::IceNoCandidate);
    assert_eq!(participant.poll_timeout(), None);
}

#[test]
fn a_restart_checks_anew_under_new_credentials_and_takes_nothing_away() {
    let mut pair = Pair::new(50, |_, _| false);
    pair.run(1_000);
    let before = pair.ends.each_mut().map(|end| end.local_parameters().ufrag);
    let offered = pair.ends[0].restart();
    let answer = pair.ends[1].accept_restart(pair.now, &offered);
    pair.run(1_100);
    assert_eq!(pair.ends[0].peer(), Some(pair.addresses[1]), "media goes on");
    let now = pair.now;
    pair.ends[0].handle_restarted(now, &answer, |_| true);
    pair.drain(0);
    pair.run(60_000);
    assert_eq!(pair.at(0, "restarted"), Some(1_200));
    let after = pair.ends.each_mut().map(|end| end.local_parameters().ufrag);
    assert!(before[0] != after[0] && before[1] != after[1]);
    assert!(pair.events.iter().all(|(_, _, event)| !event.contains("lost")), "{:?}", pair.events);
}
