//! Packets a second of one core through one link: `cargo bench -p netem-rs`. Prints a table, judges nothing.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a bench measures the real clock and prints")]

use netem_rs::{
    CoDel, DelayVariation, FqCoDel, Instant, Link, LinkConfig, Loss, Packet, Pie, QueueLimit, QueuePolicy, Seed,
};
use std::hint::black_box;
use std::time::Duration;

#[derive(Clone)]
struct Datagram {
    bytes: usize,
    flow: u64,
}

impl Packet for Datagram {
    fn wire_size(&self) -> usize {
        self.bytes
    }

    fn flow(&self) -> u64 {
        self.flow
    }
}

/// Repetitions, of which the best counts: what else the machine does only takes away.
const RUNS: u32 = 5;
const PACKETS: u64 = 2_000_000;

/// Millions of packets a second: 1,200 bytes every 10 µs (a frame of 10 every 100 µs), told packet by packet.
fn millions(config: &LinkConfig) -> f64 {
    let mut link = Link::new(config.clone(), Seed::new(1));
    let mut now = Instant::ZERO;
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let began = std::time::Instant::now();
        for number in 0..PACKETS {
            if number % 10 == 0 {
                now += Duration::from_micros(100);
            }
            link.handle_packet(now, Datagram { bytes: 1_200, flow: number % 7 });
            while let Some(delivery) = link.poll_output() {
                black_box(delivery.at);
            }
        }
        best = best.min(began.elapsed().as_secs_f64());
    }
    assert!(link.report().holds());
    PACKETS as f64 / best / 1e6
}

fn main() {
    // 1,228 bytes every 10 µs are 982 Mbit/s.
    let path = LinkConfig {
        rate: Some(1_000_000_000),
        queue: QueueLimit::Time(Duration::from_millis(300)),
        loss: Loss::Gilbert { mean: 0.01, burst: 2.0 },
        delay: Duration::from_millis(20),
        ..LinkConfig::default()
    };
    let variation = |variation| LinkConfig { delay_variation: Some(variation), ..path.clone() };
    let policy = |policy| LinkConfig { policy, ..path.clone() };
    let (sd, max, reordering) = (Duration::from_millis(3), Duration::from_millis(9), false);
    let rows = [
        ("transparent", LinkConfig::default()),
        ("queue, serialiser and delay", LinkConfig { loss: Loss::None, ..path.clone() }),
        ("queue, serialiser, Gilbert and delay", path.clone()),
        (
            "… with bursts in time",
            LinkConfig {
                loss: Loss::OnOff { good: Duration::from_secs(2), bad: Duration::from_millis(20) },
                ..path.clone()
            },
        ),
        ("… with uniform variation", variation(DelayVariation::Uniform { max, reordering })),
        ("… with normal variation", variation(DelayVariation::Normal { sd, max, reordering })),
        ("… reordering", variation(DelayVariation::Normal { sd, max, reordering: true })),
        ("… under CoDel", policy(QueuePolicy::CoDel(CoDel::default()))),
        ("… under FQ-CoDel", policy(QueuePolicy::FqCoDel(FqCoDel::default()))),
        ("… under PIE", policy(QueuePolicy::Pie(Pie::default()))),
    ];
    println!("{:<40} {:>16}", "path", "million packets/s");
    for (name, config) in rows {
        println!("{name:<40} {:>16.1}", millions(&config));
    }
}
