//! What a participant's media costs beside a bare loop that does only what must be done.
//!
//! The **floor**: as many connected UDP sockets, the same datagrams, pacing and tick, the best system calls known (UDP
//! GSO a burst, recvmmsg, epoll), AES-128-GCM on what must be sealed (all that is sent) or opened (the first datagram
//! of a frame and one of 64), and nothing else: no kernel stamps, no feedback, no bookkeeping. Sending goes into a sink
//! and receiving comes from a blaster, each side on a core of its own; CPU is that of the measured thread.
//! On loopback the sender also pays for the kernel's receiving half, so sending looks dearer than on a network card.
//!
//! `cargo bench --bench live_loopback [-- PARTICIPANTS] [send|receive] [--cc gcc] [--layers 3]`; without `--bench` (as a
//! test) it only shows that it runs. With one of the last two the product runs beside itself with that on, without the floor.

#![allow(clippy::disallowed_methods, reason = "a bench owns its clock")]
#![allow(clippy::disallowed_macros, reason = "a bench prints what it measured")]

mod far;
mod floor;
mod measure;
mod product;
mod variant;
mod workload;

use floor::{floor_recv, floor_send, unpaced};
use measure::{Figures, Span, TICK, cores};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use product::{product_recv, product_send};
use std::time::Duration;
use variant::Variant;
use workload::{AUDIO, VIDEO};

/// One side of the floor, or of the product; nothing where it does not keep its participants connected on one core.
type Side = fn(usize, Span) -> Option<Figures>;

/// Sides that do the same work, the floor first; they run in turn, round by round.
struct Contest {
    name: &'static str,
    sides: &'static [(&'static str, Side)],
}

const CONTESTS: &[Contest] = &[
    Contest { name: "send", sides: &[("floor", |n, span| Some(floor_send(n, span))), ("product", product_send)] },
    Contest { name: "receive", sides: &[("floor", |n, span| Some(floor_recv(n, span))), ("product", product_recv)] },
];

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// Runs a contest and prints each round, the medians, and the median of the rounds' ratios floor : side.
fn run(contest: &Contest, participants: usize, span: Span, rounds: usize) {
    let mut costs = vec![Vec::with_capacity(rounds); contest.sides.len()];
    for round in 1..=rounds {
        for ((side, measure), costs) in contest.sides.iter().zip(&mut costs) {
            let Some(figures) = measure(participants, span) else {
                println!("{:<8} {side:<8} round {round}: one core does not carry {participants}", contest.name);
                return;
            };
            println!("{:<8} {side:<8} round {round}: {figures}", contest.name);
            costs.push(figures.micros_per_packet());
        }
    }
    for ((side, _), own) in contest.sides.iter().zip(&costs) {
        let ratios = costs[0].iter().zip(own).map(|(floor, own)| floor / own).collect();
        let (cost, share) = (median(own.clone()), median(ratios) * 100.0);
        println!("{:<8} {side:<8} median: {cost:.2} µs/packet, {share:.0} % of the floor", contest.name);
    }
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let variant = Variant::take(&mut arguments).unwrap_or_else(|sentence| {
        eprintln!("{sentence}");
        std::process::exit(2);
    });
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let number = arguments.iter().find_map(|argument| argument.parse().ok());
    let (participants, rounds, measured) = if bench { (1_000, 5, 2_000) } else { (20, 1, 100) };
    let participants: usize = number.unwrap_or(participants).max(1);
    let span = Span { warm: Duration::from_millis(measured / 4), measured: Duration::from_millis(measured) };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("limit");
    println!(
        "{participants} participants, each 110 × {VIDEO} B in bursts of 4 and 50 × {AUDIO} B a second; \
         tick {TICK:?}, {rounds} rounds of {measured} ms, {:?}",
        cores()
    );
    let named = |contest: &&Contest| arguments.iter().any(|argument| argument == contest.name);
    let all = !CONTESTS.iter().any(|contest| named(&contest));
    let wanted = CONTESTS.iter().filter(|contest| all || named(contest));
    if variant != Variant::default() {
        wanted.for_each(|contest| variant::run(variant, contest.name == "send", participants, span, rounds));
        return;
    }
    for contest in wanted {
        run(contest, participants, span, rounds);
    }
    let (sent, received) = unpaced(span);
    println!("unpaced, one socket: send {sent}\nunpaced, one socket: receive {received}");
}
