//! What the crate promises, checked from outside: laws over seeds, conservation, independence of ticks, goldens.

mod chains;
mod conservation;
mod goldens;
mod groups;
mod identity;
mod loading;
mod loss;
mod loss_models;
mod queues;
mod serialisers;
mod statistics;
mod stream;
mod thousand;
mod udp_path;
mod wire;
mod wire_models;

use netem_rs::{Instant, Link, LinkConfig, Packet, Seed};
use std::time::Duration;

/// A packet that knows its number.
#[derive(Clone, Debug, PartialEq)]
struct Probe {
    number: u64,
    bytes: usize,
    class: usize,
}

impl Packet for Probe {
    fn wire_size(&self) -> usize {
        self.bytes
    }

    fn class(&self) -> usize {
        self.class
    }

    fn flow(&self) -> u64 {
        self.class as u64
    }

    fn ecn_capable(&self) -> bool {
        self.class % 2 == 1
    }
}

/// Sends `count` packets of 100 bytes, `gap` apart; what arrives, in order of arrival.
fn flow(config: &LinkConfig, seed: Seed, count: u64, gap: Duration) -> Vec<(u64, Instant)> {
    let mut link = Link::new(config.clone(), seed);
    let mut out = Vec::new();
    let mut now = Instant::ZERO;
    for number in 0..count {
        link.handle_packet(now, Probe { number, bytes: 100, class: 0 });
        out.extend(std::iter::from_fn(|| link.poll_output()).map(|delivery| (delivery.item.number, delivery.at)));
        now += gap;
    }
    link.handle_timeout(Instant::MAX);
    out.extend(std::iter::from_fn(|| link.poll_output()).map(|delivery| (delivery.item.number, delivery.at)));
    out
}

/// Which of `count` packets were lost.
fn verdicts(config: &LinkConfig, seed: Seed, count: u64) -> Vec<bool> {
    let mut lost = vec![true; count as usize];
    for (number, _) in flow(config, seed, count, Duration::from_micros(1)) {
        lost[number as usize] = false;
    }
    lost
}
