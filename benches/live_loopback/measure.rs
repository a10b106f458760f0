//! Cores, ticks and what a thread used: the measuring itself.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use nix::unistd::Pid;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Both sides sleep until the next of these.
pub const TICK: Duration = Duration::from_millis(1);

/// How long each measurement runs, and what passes before it.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub warm: Duration,
    pub measured: Duration,
}

/// One side at work for one round.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// CPU of the measured thread.
    pub cpu: Duration,
    /// Datagrams that it sent or received meanwhile.
    pub packets: u64,
    pub wall: Duration,
    /// Datagrams a second that the workload asks for; `None` when it runs as fast as it can.
    pub asked: Option<f64>,
}

impl Figures {
    pub fn micros_per_packet(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.packets.max(1) as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.packets as f64 / self.wall.as_secs_f64();
        let core = self.cpu.as_secs_f64() / self.wall.as_secs_f64();
        write!(f, "{:.2} µs/packet, {:.1} k/s", self.micros_per_packet(), rate / 1e3)?;
        if let Some(asked) = self.asked {
            write!(f, " of {:.1} asked", asked / 1e3)?;
            // Whoever shares the machine took the core: such a round compares nothing.
            if rate < 0.97 * asked {
                f.write_str(" (STARVED)")?;
            }
        }
        write!(f, ", {:.0} % of a core", core * 100.0)
    }
}

/// The cores of the measured side and of the other side.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    pub measured: usize,
    pub other: usize,
}

pub fn cores() -> Cores {
    let set = sched_getaffinity(Pid::from_raw(0)).expect("affinity");
    let allowed: Vec<usize> = (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect();
    Cores { measured: *allowed.last().expect("a core"), other: allowed[0] }
}

pub fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core).expect("core");
    sched_setaffinity(Pid::from_raw(0), &set).expect("affinity");
}

pub fn thread_cpu() -> Duration {
    Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("thread clock"))
}

/// Absolute one-millisecond ticks; those that were missed are not made up for by sleeping less.
pub struct Ticks {
    next: Duration,
}

impl Ticks {
    pub fn new() -> Self {
        Self { next: Duration::from(ClockId::CLOCK_MONOTONIC.now().expect("clock")) + TICK }
    }

    pub fn wait(&mut self) {
        // A signal only makes a tick early.
        let _ = clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &self.next.into());
        self.next += TICK;
    }
}

/// Counts CPU and packets once the warm-up is over.
pub struct Meter {
    span: Span,
    begun: Instant,
    /// CPU, packets and time at the end of the warm-up.
    base: Option<(Duration, u64, Instant)>,
    pub packets: u64,
}

impl Meter {
    pub fn new(span: Span) -> Self {
        Self { span, begun: Instant::now(), base: None, packets: 0 }
    }

    /// Once a tick: whether the span is over.
    pub fn ended(&mut self) -> bool {
        let elapsed = self.begun.elapsed();
        if self.base.is_none() && elapsed >= self.span.warm {
            self.base = Some((thread_cpu(), self.packets, Instant::now()));
        }
        elapsed >= self.span.warm + self.span.measured
    }

    pub fn figures(&self, asked: Option<f64>) -> Figures {
        let (cpu, packets, begun) = self.base.expect("the warm-up ended");
        Figures { cpu: thread_cpu() - cpu, packets: self.packets - packets, wall: begun.elapsed(), asked }
    }
}

/// Runs `measured` on its core while `other` runs on the other one; ends the other after it.
pub fn on_two_cores(measured: impl FnOnce() -> Figures + Send, other: impl FnOnce(&AtomicBool) + Send) -> Figures {
    let Cores { measured: core, other: other_core } = cores();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let aside = scope.spawn(|| {
            pin(other_core);
            other(&ended);
        });
        let figures = scope.spawn(move || {
            pin(core);
            measured()
        });
        let figures = figures.join();
        ended.store(true, Ordering::Relaxed);
        aside.join().expect("the other side ran");
        figures.expect("the measured side ran")
    })
}
