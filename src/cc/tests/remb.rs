//! The receiver's own estimate.

use crate::cc::Receiver;
use crate::clock::{Duration, Instant};
use crate::rtp::extension::AbsSendTime;
use crate::rtp::ntp::Ntp;
use netem::{Link, LinkConfig, QueueLimit};

#[derive(Clone)]
struct Sent(u32);

impl netem::Packet for Sent {
    fn wire_size(&self) -> usize {
        1_172
    }
}

/// The estimates told while `rate` is sent over a path of `capacity`, in kbit/s; each with its second.
fn told(rate: u64, capacity: u64, seconds: u64) -> Vec<(u64, u64)> {
    let config = LinkConfig {
        rate: Some(capacity * 1_000),
        queue: QueueLimit::Time(Duration::from_millis(300)),
        delay: Duration::from_millis(20),
        ..LinkConfig::TRANSPARENT
    };
    let mut link = Link::new(config, crate::seed::Seed::new(1));
    let mut receiver = Receiver::new();
    // Its 24 bits wrap every 64 s: in the middle of this.
    let origin = Ntp(60 << 32);
    let mut found = Vec::new();
    let apart = Duration::from_nanos(1_200 * 8 * 1_000_000 / rate);
    let mut next = Instant::ZERO;
    for milli in 1..seconds * 1_000 {
        let now = Instant::from_millis(milli);
        while next <= now {
            link.handle_packet(next, Sent(AbsSendTime::from_ntp(Ntp::at(origin, next)).raw()));
            next += apart;
        }
        link.handle_timeout(now);
        while let Some(delivery) = link.poll_output() {
            receiver.handle_packet(delivery.at, delivery.item.0, 1_200);
        }
        if let Some(estimate) = receiver.poll_remb(now) {
            found.push((milli, estimate.bps() / 1_000));
        }
    }
    found
}

#[test]
fn a_receiver_tells_less_than_comes_where_the_queue_grows() {
    let found = told(1_200, 1_000, 20);
    let low = found.iter().map(|(_, rate)| *rate).min().expect("told");
    assert!((700..=900).contains(&low), "{found:?}");
}

#[test]
fn a_receiver_tells_once_a_second_that_there_is_room() {
    let found = told(500, 5_000, 20);
    assert!((18..=20).contains(&found.len()), "{found:?}");
    let last = found.last().expect("told").1;
    assert!((700..=800).contains(&last), "one and a half times what comes, at most: {found:?}");
}
