//! Two transports over a wire in memory: what they agree on, and what must not work.

use super::secure::Factory;
use super::{Event, Message, Output, Secure};
use crate::clock::{Duration, Instant};
use crate::conference::channel::{BUFFER_LIMIT, MAX_MESSAGE_LEN};
use crate::conference::{Cause, ChannelParameters, Reliability};
use crate::rtp::srtp::Session;
use std::collections::VecDeque;
use std::net::SocketAddr;

mod messages;

struct Pair {
    ends: [Secure; 2],
    addresses: [SocketAddr; 2],
    now: Instant,
    keys: [Option<Session>; 2],
    failures: [Vec<(Cause, String)>; 2],
    opened: [Vec<u16>; 2],
    messages: [Vec<Message>; 2],
    first_bytes: Vec<u8>,
    wire: Wire,
}

/// What lies between the ends; by default a datagram is there at once.
#[derive(Default)]
struct Wire {
    delay: Duration,
    /// Of a thousand datagrams so many are lost, either way.
    lost_per_mille: u64,
    random: u64,
    /// Datagrams on their way to each end.
    flying: [VecDeque<(Instant, Vec<u8>)>; 2],
    /// Until then an end is woken once in so long only, and handles one datagram, as on a machine that is too busy.
    starved: Option<(Instant, Duration)>,
}

impl Wire {
    fn loses(&mut self) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % 1_000 < self.lost_per_mille
    }

    /// How many datagrams an end handles now; `None` while it is not woken.
    fn budget(&self, now: Instant) -> Option<usize> {
        match self.starved {
            Some((until, every)) if now < until => now.as_nanos().is_multiple_of(every.as_nanos() as u64).then_some(1),
            _ => Some(usize::MAX),
        }
    }
}

fn any(_: SocketAddr) -> bool {
    true
}

fn factory() -> Factory {
    #[allow(clippy::disallowed_methods, reason = "any instant would do; there is no other way to make one")]
    let epoch = std::time::Instant::now();
    Factory::new(epoch).expect("DTLS can be set up")
}

impl Pair {
    /// Two ends of two processes, each with a certificate of its own.
    fn new() -> Self {
        let addresses = [5_000, 6_000].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let end = |address| Secure::new(&factory(), Instant::from_millis(1), address).expect("a host");
        Self {
            ends: addresses.map(end),
            addresses,
            now: Instant::from_millis(1),
            keys: [None, None],
            failures: [vec![], vec![]],
            opened: [vec![], vec![]],
            messages: [vec![], vec![]],
            first_bytes: vec![],
            wire: Wire::default(),
        }
    }

    fn connect(&mut self, offerers: [bool; 2]) {
        let parameters = [0, 1].map(|end| self.ends[end].local_parameters());
        for end in [0, 1] {
            let remote = &parameters[1 - end];
            self.ends[end].connect(self.now, remote, offerers[end], any).expect("it begins");
        }
    }

    /// Lets time pass; `carried` says whether datagrams of this end arrive.
    fn run(&mut self, time: Duration, carried: [bool; 2]) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(1);
            let Some(budget) = self.wire.budget(self.now) else { continue };
            for end in [0, 1] {
                for _ in 0..budget {
                    let Some((_, bytes)) = self.wire.flying[end].pop_front_if(|(at, _)| *at <= self.now) else { break };
                    self.ends[end].handle_datagram(self.now, self.addresses[1 - end], &bytes);
                    self.drain(end, carried[end]);
                }
                if self.ends[end].poll_timeout().is_some_and(|at| at <= self.now) {
                    self.ends[end].handle_timeout(self.now);
                }
                self.drain(end, carried[end]);
            }
        }
    }

    fn drain(&mut self, end: usize, carried: bool) {
        while let Some(output) = self.ends[end].poll_output() {
            match output {
                Output::Datagram { to, bytes } => {
                    self.first_bytes.push(bytes[0]);
                    let arrives = carried && to == self.addresses[1 - end] && !self.wire.loses();
                    if arrives && self.wire.delay > Duration::ZERO {
                        self.wire.flying[1 - end].push_back((self.now + self.wire.delay, bytes));
                    } else if arrives {
                        let from = self.addresses[end];
                        self.ends[1 - end].handle_datagram(self.now, from, &bytes);
                    }
                }
                Output::Event(Event::Keys(keys)) => self.keys[end] = Some(*keys),
                Output::Event(Event::Failed(cause, detail)) => self.failures[end].push((cause, detail)),
                Output::Event(Event::ChannelOpen(id)) => self.opened[end].push(id),
                Output::Event(Event::IceConnected | Event::Restarted | Event::Closed | Event::RoundTrip(_)) => {}
            }
        }
        while let Some(message) = self.ends[end].poll_message() {
            self.messages[end].push(message);
        }
    }
}

#[test]
fn both_ends_get_keys_that_open_what_the_other_seals() {
    let mut pair = Pair::new();
    pair.connect([true, false]);
    pair.run(Duration::from_secs(3), [true, true]);
    assert!(pair.failures.iter().all(Vec::is_empty), "{:?}", pair.failures);
    let [Some(one), Some(other)] = &mut pair.keys else { panic!("there are no keys") };
    let plain = [&[0x80, 96, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2][..], b"payload"].concat();
    for (sealing, opening) in [(&mut one.tx, &mut other.rx), (&mut other.tx, &mut one.rx)] {
        let mut packet = plain.clone();
        sealing.seal_rtp(&mut packet, 7);
        assert_ne!(packet[..plain.len()], plain[..]);
        assert_eq!(opening.open_rtp(&mut packet).expect("the same keys").payload(&packet), b"payload");
    }
}

#[test]
fn nothing_of_the_control_plane_looks_like_media() {
    let mut pair = Pair::new();
    pair.connect([true, false]);
    pair.run(Duration::from_secs(10), [true, true]);
    assert!(pair.first_bytes.len() > 20);
    let media = pair.first_bytes.iter().find(|first| **first >= 128);
    assert_eq!(media, None, "a second SRTP context on the same key would repeat its nonces");
}

#[test]
fn two_that_both_think_they_control_still_connect() {
    let mut pair = Pair::new();
    let parameters = [0, 1].map(|end| pair.ends[end].local_parameters());
    for end in [0, 1] {
        let mut remote = parameters[1 - end].clone();
        // Roles of DTLS are settled; those of ICE conflict (RFC 8445 §7.3.1.1).
        remote.setup = if end == 0 { crate::conference::Setup::Passive } else { crate::conference::Setup::Active };
        pair.ends[end].connect(pair.now, &remote, true, any).expect("it begins");
    }
    pair.run(Duration::from_secs(5), [true, true]);
    assert!(pair.keys.iter().all(Option::is_some), "{:?}", pair.failures);
}

#[test]
fn a_certificate_other_than_the_announced_one_fails() {
    let mut pair = Pair::new();
    let mut parameters = [0, 1].map(|end| pair.ends[end].local_parameters());
    let foreign = Secure::new(&factory(), pair.now, pair.addresses[1]).expect("a host").local_parameters();
    parameters[1].fingerprint = foreign.fingerprint;
    for end in [0, 1] {
        let remote = parameters[1 - end].clone();
        pair.ends[end].connect(pair.now, &remote, end == 0, any).expect("it begins");
    }
    pair.run(Duration::from_secs(5), [true, true]);
    assert!(pair.keys[0].is_none(), "it took keys from a stranger");
    assert_eq!(pair.failures[0].len(), 1, "{:?}", pair.failures);
    assert_eq!(pair.failures[0][0].0, Cause::TransportFailed);
}

#[test]
fn an_address_that_is_not_allowed_is_no_candidate() {
    let mut pair = Pair::new();
    let mut remote = pair.ends[1].local_parameters();
    remote.candidates = vec!["candidate:1 1 udp 2130706431 192.0.2.7 9999 typ host".to_owned()];
    let loopback = |address: SocketAddr| address.ip().is_loopback();
    let (cause, _) = pair.ends[0].connect(pair.now, &remote, true, loopback).expect_err("not this machine");
    assert_eq!(cause, Cause::IceNoCandidate);
    pair.run(Duration::from_secs(2), [true, true]);
    assert!(pair.first_bytes.is_empty(), "something was sent to it");
}

#[test]
fn a_peer_that_falls_silent_is_noticed_by_its_consent() {
    let mut pair = Pair::new();
    pair.connect([true, false]);
    pair.run(Duration::from_secs(3), [true, true]);
    assert!(pair.keys[0].is_some() && pair.failures[0].is_empty());
    pair.run(Duration::from_secs(45), [true, false]);
    let [(cause, detail)] = pair.failures[0].as_slice() else { panic!("{:?}", pair.failures) };
    assert_eq!(*cause, Cause::TransportFailed);
    assert!(detail.contains("consent"), "{detail}");
}

#[test]
fn a_peer_with_one_usable_address_is_the_only_one_and_with_two_it_is_not() {
    for others in [0, 1] {
        let mut pair = Pair::new();
        let mut parameters = [0, 1].map(|end| pair.ends[end].local_parameters());
        if others == 1 {
            let second = parameters[1].candidates[0].replace(" 6000 ", " 6001 ");
            parameters[1].candidates.push(second);
        }
        for end in [0, 1] {
            pair.ends[end].connect(pair.now, &parameters[1 - end], end == 0, any).expect("it begins");
        }
        assert_eq!(pair.ends[0].only_peer(), None, "nobody has answered");
        pair.run(Duration::from_secs(3), [true, true]);
        assert!(pair.keys[0].is_some());
        let only = (others == 0).then_some(pair.addresses[1]);
        assert_eq!(pair.ends[0].only_peer(), only, "{:?}", parameters[1].candidates);
    }
}

#[test]
fn messages_cross_channels_that_both_ends_opened() {
    let mut pair = Pair::new();
    pair.connect([true, false]);
    pair.run(Duration::from_secs(1), [true, true]);
    let reliabilities = [Reliability::Reliable, Reliability::MaxRetransmits(0), Reliability::MaxLifetime(200)];
    for (id, reliability) in (0..).zip(reliabilities) {
        for end in [0, 1] {
            let parameters = ChannelParameters { id, ordered: id == 0, reliability };
            pair.ends[end].open_channel(pair.now, &parameters);
            // A second one of a number changes nothing.
            pair.ends[end].open_channel(pair.now, &parameters);
        }
    }
    pair.run(Duration::from_secs(5), [true, true]);
    assert_eq!(pair.opened, [vec![0, 1, 2], vec![0, 1, 2]]);
    let now = pair.now;
    let long = vec![7; MAX_MESSAGE_LEN];
    assert!(pair.ends[0].send_message(now, 0, &long) && pair.ends[1].send_message(now, 2, b"back"));
    assert!(!pair.ends[0].send_message(now, 0, &vec![7; MAX_MESSAGE_LEN + 1]), "too long");
    assert!(!pair.ends[0].send_message(now, 9, b"nowhere"), "never opened");
    pair.run(Duration::from_secs(2), [true, true]);
    assert_eq!(pair.messages[1], [Message { id: 0, bytes: long.clone() }]);
    assert_eq!(pair.messages[0], [Message { id: 2, bytes: b"back".to_vec() }]);
    // What nobody takes fills the buffer, and no more.
    let now = pair.now;
    let taken = (0..40).filter(|_| pair.ends[0].send_message(now, 0, &long)).count();
    assert!(taken * MAX_MESSAGE_LEN <= BUFFER_LIMIT && taken >= 12, "{taken}");
    let now = pair.now;
    [0, 1].into_iter().for_each(|end| pair.ends[end].close_channel(now, 1));
    pair.run(Duration::from_secs(2), [true, true]);
    let now = pair.now;
    assert!(!pair.ends[0].send_message(now, 1, b"closed"));
    assert!(pair.failures.iter().all(Vec::is_empty), "{:?}", pair.failures);
}
