//! The same work in four crates: 1,200-byte packets through a bottleneck of 1 Gbit/s, Gilbert loss of 1 % in bursts of 2
//! and 20 ms of delay. Prints millions of packets a second of one core and allocations a packet once warm.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a bench measures the real clock and prints")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counts what is asked of the system's allocator.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is the system allocator's, which keeps its promises.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PACKETS: u64 = 1_000_000;
/// Each crate in turn, of which its best counts: what else the machine does only takes away.
const ROUNDS: u32 = 12;
const BYTES: usize = 1_200;
const OVERHEAD: usize = 28;
const DELAY: Duration = Duration::from_millis(20);
/// 1 % in bursts of 2: p = 0.01/(0.99·2), r = 1/2.
const GOOD_TO_BAD: f64 = 0.01 / (0.99 * 2.0);

#[derive(Clone)]
struct Datagram(usize);

impl netem_rs::Packet for Datagram {
    fn wire_size(&self) -> usize {
        self.0
    }
}

impl str0m_netem::WithLen for Datagram {
    fn len(&self) -> usize {
        self.0 + OVERHEAD
    }
}

/// One crate's work: so many packets a call.
struct Work {
    name: &'static str,
    packets: u64,
    run: Box<dyn FnMut(u64)>,
    best: f64,
    allocations: u64,
}

impl Work {
    fn new(name: &'static str, packets: u64, run: impl FnMut(u64) + 'static) -> Self {
        Self { name, packets, run: Box::new(run), best: f64::INFINITY, allocations: 0 }
    }

    fn measure(&mut self) {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let began = Instant::now();
        (self.run)(self.packets);
        self.best = self.best.min(began.elapsed().as_secs_f64());
        self.allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    }
}

fn netem_rs_link() -> Work {
    use netem_rs::{Instant, Link, LinkConfig, Loss, QueueLimit, Seed};
    let config = LinkConfig {
        rate: Some(1_000_000_000),
        queue: QueueLimit::Time(Duration::from_millis(300)),
        overhead: OVERHEAD,
        loss: Loss::Gilbert { mean: 0.01, burst: 2.0 },
        delay: DELAY,
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, Seed::new(1));
    let mut now = Instant::ZERO;
    Work::new("`netem-rs` `Link`", PACKETS, move |packets| {
        for number in 0..packets {
            if number % 10 == 0 {
                now += Duration::from_micros(100);
            }
            link.handle_packet(now, Datagram(BYTES));
            while let Some(delivery) = link.poll_output() {
                black_box(delivery.at);
            }
        }
    })
}

fn str0m_netem_path() -> Work {
    use str0m_netem::{Bitrate, DataSize, GilbertElliot, Input, Netem, NetemConfig, Output};
    let loss = GilbertElliot::new().good_duration((1.0 / GOOD_TO_BAD) as f32).bad_duration(2.0);
    // Its buffer counts what is on the wire too: 2.5 MB of that beside the 37.5 MB that wait.
    let config =
        NetemConfig::new().latency(DELAY).loss(loss).link(Bitrate::mbps(1_000), DataSize::kbytes(40_000)).seed(1);
    let mut netem = Netem::new(config);
    let mut now = std::time::Instant::now();
    Work::new("`str0m-netem` `Netem`", PACKETS, move |packets| {
        for number in 0..packets {
            if number % 10 == 0 {
                now += Duration::from_micros(100);
            }
            netem.handle_input(Input::Packet(now, Datagram(BYTES)));
            while let Some(output) = netem.poll_output() {
                if let Output::Packet(packet) = output {
                    black_box(packet.0);
                }
            }
        }
    })
}

/// No path: it has models and no packets. What it would be asked a packet in such a path.
fn netem_trace_models() -> Work {
    use netem_trace::model::{RepeatedLossPatternConfig, StaticBwConfig, StaticDelayConfig, StaticLossConfig};
    use netem_trace::{Bandwidth, BwTrace, DelayTrace, LossTrace};
    let step = Duration::from_micros(10);
    let mut bandwidth = StaticBwConfig::new().bw(Bandwidth::from_gbps(1)).duration(step * 1_000_000_000).build();
    let mut delay = StaticDelayConfig::new().delay(DELAY).duration(step * 1_000_000_000).build();
    let loss = StaticLossConfig::new().loss(vec![GOOD_TO_BAD, 0.5]).duration(step);
    let mut loss = RepeatedLossPatternConfig::new().pattern(vec![Box::new(loss) as _]).count(0).build();
    black_box((bandwidth.next_bw(), delay.next_delay()));
    Work::new("`netem-trace`: a loss pattern a packet, nothing else", PACKETS, move |packets| {
        for _ in 0..packets {
            black_box(loss.next_loss());
        }
    })
}

/// Its cells wait on the machine's clock, so the rate is out of the way and the delay is nothing: what is measured is
/// channels, timers and tasks on one thread.
fn rattan_cells() -> Work {
    use rand::SeedableRng;
    use rattan_core::cells::bandwidth::queue::{DropTailQueue, DropTailQueueConfig};
    use rattan_core::cells::bandwidth::{BwCell, BwType};
    use rattan_core::cells::delay::DelayCell;
    use rattan_core::cells::loss::LossCell;
    use rattan_core::cells::{Cell, CellState, Egress, Ingress, Packet, StdPacket};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let frame = vec![0; 14 + BYTES + OVERHEAD];
    Work::new("`rattan-core` `BwCell` → `LossCell` → `DelayCell` (no delay)", 20_000, move |packets| {
        runtime.block_on(async {
            let queue = DropTailQueue::new(DropTailQueueConfig::new(None, None, BwType::default()));
            let rate = netem_trace::Bandwidth::from_gbps(100_000);
            let rng = rand::rngs::StdRng::seed_from_u64(1);
            let bandwidth: BwCell<StdPacket, _> = BwCell::new(rate, queue, None).expect("a timer");
            let loss: LossCell<StdPacket, _> = LossCell::new(vec![GOOD_TO_BAD, 0.5], rng).expect("a cell");
            let delay: DelayCell<StdPacket> = DelayCell::new(Duration::ZERO).expect("a timer");
            let (enter, to_loss, to_delay) = (bandwidth.sender(), loss.sender(), delay.sender());
            let (mut bandwidth, mut loss, mut delay) =
                (bandwidth.into_receiver(), loss.into_receiver(), delay.into_receiver());
            bandwidth.change_state(CellState::Normal);
            loss.change_state(CellState::Normal);
            delay.change_state(CellState::Normal);
            let serialise = tokio::spawn(async move {
                let mut left = packets;
                while left > 0 {
                    if let Some(packet) = bandwidth.dequeue().await {
                        to_loss.enqueue(packet).expect("the next cell is there");
                        left -= 1;
                    }
                }
            });
            let lose = tokio::spawn(async move {
                for _ in 0..packets {
                    if let Some(packet) = loss.dequeue().await {
                        to_delay.enqueue(packet).expect("the next cell is there");
                    }
                }
            });
            let arrive = tokio::spawn(async move {
                while let Some(packet) = delay.dequeue().await {
                    black_box(packet.length());
                }
            });
            for number in 0..packets {
                enter.enqueue(StdPacket::from_raw_buffer(&frame)).expect("the first cell is there");
                if number % 10 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            serialise.await.expect("it ends");
            lose.await.expect("it ends");
            arrive.await.expect("it ends");
        });
    })
}

fn main() {
    let mut works = [netem_rs_link(), str0m_netem_path(), netem_trace_models(), rattan_cells()];
    for _ in 0..ROUNDS {
        works.iter_mut().for_each(Work::measure);
    }
    println!("| on the same work | million packets/s | allocations a packet |\n|---|---|---|");
    for work in works {
        let (rate, each) = (work.packets as f64 / work.best / 1e6, work.allocations as f64 / work.packets as f64);
        println!("| {} | {rate:.2} | {each:.4} |", work.name);
    }
}
