//! The machine that a run happens on: what it is, what this process used of it, and when it stood still.
//!
//! A process that the kernel did not run for a while (SIGSTOP, a suspended or overcommitted virtual machine) is late
//! through no fault of the SFU's, nor of its own code: the canary, a thread that does nothing but sleep, and the steal
//! time of `/proc/stat` tell the one from the other. Nothing here judges; the outcome's health does.

use super::clock::{RunClock, pause_thread};
use crate::clock::{Duration, Instant};
use crate::drive::reports::Usage;
use crate::outcome::Environment;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The facts of an outcome's environment. `command` must be redacted already; `started` is RFC 3339, UTC.
#[must_use]
pub fn environment(command: String, started: String) -> Environment {
    let unknown = || "unknown".to_owned();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    Environment {
        throng: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("THRONG_COMMIT").to_owned(),
        cpu: processor().unwrap_or_else(unknown),
        cores: cores(),
        memory: procfs::Current::current().map_or(0, |memory: procfs::Meminfo| memory.mem_total),
        kernel: kernel.map_or_else(unknown, |release| release.trim().to_owned()),
        rustc: env!("THRONG_RUSTC").to_owned(),
        command,
        started,
    }
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Cores that this process may run on, by its affinity; at least 1.
#[must_use]
pub fn cores() -> u32 {
    let allowed = sched_getaffinity(Pid::from_raw(0))
        .map_or(1, |set| (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).count());
    u32::try_from(allowed).unwrap_or(u32::MAX).max(1)
}

/// What this process has used; `None` where /proc hides it.
#[must_use]
pub fn own_usage() -> Option<Usage> {
    let process = procfs::process::Process::myself().ok()?;
    // Children are the target, which is measured apart: their time is not in `utime`.
    let stat = process.stat().ok()?;
    Some(usage_of(stat.utime + stat.stime, stat.rss))
}

/// What process `pid` and its living descendants have used, with those that it waited for; `None` when it is gone.
#[must_use]
pub fn usage_with_descendants(pid: u32) -> Option<Usage> {
    let mut total = Usage::default();
    let mut waiting = vec![pid];
    let mut alive = false;
    while let Some(pid) = waiting.pop() {
        let Ok(process) = i32::try_from(pid).map_or(Err(()), |pid| procfs::process::Process::new(pid).map_err(|_| ()))
        else {
            continue;
        };
        let Ok(stat) = process.stat() else { continue };
        alive |= stat.state != 'Z';
        let reaped = u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
        let usage = usage_of(stat.utime + stat.stime + reaped, stat.rss);
        total.cpu_seconds += usage.cpu_seconds;
        total.rss_bytes += usage.rss_bytes;
        let Ok(tasks) = process.tasks() else { continue };
        waiting.extend(tasks.flatten().filter_map(|task| task.children().ok()).flatten());
    }
    alive.then_some(total)
}

fn usage_of(ticks: u64, pages: u64) -> Usage {
    Usage { cpu_seconds: ticks as f64 / procfs::ticks_per_second() as f64, rss_bytes: pages * procfs::page_size() }
}

/// The machine's CPU time at one moment, all cores together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTimes {
    /// Ticks that other virtual machines took while ours wanted to run.
    steal: u64,
    /// All ticks, idle ones included.
    total: u64,
}

impl CpuTimes {
    /// Now; `None` where /proc hides it.
    #[must_use]
    pub fn read() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        Self::parse(text.lines().next()?)
    }

    /// `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guest time is in user time already.
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split_ascii_whitespace();
        columns.next().filter(|name| *name == "cpu")?;
        let ticks: Vec<u64> = columns.take(8).map_while(|column| column.parse().ok()).collect();
        Some(Self { steal: *ticks.get(7)?, total: ticks.iter().fold(0, |sum, tick| sum.saturating_add(*tick)) })
    }

    /// The ratio of the machine's time since `earlier` that was stolen, 0..1; 0 when no time passed.
    #[must_use]
    pub fn steal_ratio_since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        if total == 0 { 0.0 } else { self.steal.saturating_sub(earlier.steal) as f64 / total as f64 }
    }
}

/// How long the canary sleeps.
const NAP: Duration = Duration::from_millis(10);

/// What it reports: ordinary scheduling on a full machine stays well below.
const STALL: Duration = Duration::from_millis(50);

/// Stalls kept until they are taken: a machine that stalls more often is known well enough.
const KEPT: usize = 1_024;

/// A thread that only sleeps, and notes when it woke more than 50 ms late: the machine, or this process, stood still.
#[derive(Debug)]
pub struct Canary {
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    longest_nanos: AtomicU64,
    stalls: Mutex<Vec<(Instant, Duration)>>,
}

impl Canary {
    /// Starts the thread.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(clock: RunClock) -> std::io::Result<Self> {
        Self::start_sleeping(clock, pause_thread)
    }

    fn start_sleeping(clock: RunClock, mut sleep: impl FnMut(Duration) + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let told = shared.clone();
        let watch = move || {
            while !told.ended.load(Ordering::Relaxed) {
                let due = clock.now() + NAP;
                sleep(NAP);
                told.note(due, clock.now().saturating_since(due));
            }
        };
        let thread = std::thread::Builder::new().name("canary".to_owned()).spawn(watch)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The stalls since the last call: when the thread should have woken, and how much later it did.
    #[must_use]
    pub fn take(&self) -> Vec<(Instant, Duration)> {
        std::mem::take(&mut self.shared.stalls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The longest lateness since the start, stall or not.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.shared.longest_nanos.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn note(&self, due: Instant, late: Duration) {
        let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
        self.longest_nanos.fetch_max(nanos, Ordering::Relaxed);
        if late > STALL {
            let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
            if stalls.len() < KEPT {
                stalls.push((due, late));
            }
        }
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics on nothing, and there is nothing to do if it did.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let environment = environment("throng run x.toml".to_owned(), "2026-01-01T00:00:00Z".to_owned());
        assert!(environment.cores >= 1 && environment.memory > 100 << 20, "{environment:?}");
        assert!(environment.rustc.starts_with("rustc 1."), "{environment:?}");
        assert!(environment.kernel.contains('.') && !environment.commit.is_empty(), "{environment:?}");
    }

    #[test]
    fn work_shows_in_the_own_usage() {
        let before = own_usage().expect("/proc");
        let begun = super::super::clock::thread_cpu();
        let mut held = vec![0_u8; 64 << 20];
        while super::super::clock::thread_cpu() - begun < Duration::from_millis(60) {
            for at in (0..held.len()).step_by(4_096) {
                held[at] = held[at].wrapping_add(1);
            }
        }
        let after = own_usage().expect("/proc");
        drop(held);
        assert!(after.cpu_seconds - before.cpu_seconds >= 0.04, "{before:?} {after:?}");
        assert!(after.rss_bytes > 32 << 20, "{after:?}");
    }

    #[test]
    fn steal_is_its_share_of_all_time() {
        let earlier = CpuTimes::parse("cpu  100 0 100 800 0 0 0 50 100 0").expect("line");
        let later = CpuTimes::parse("cpu  150 0 100 830 0 0 0 70 150 0").expect("line");
        assert!((later.steal_ratio_since(earlier) - 0.2).abs() < 1e-12);
        assert_eq!(earlier.steal_ratio_since(earlier), 0.0);
        assert_eq!(CpuTimes::parse("cpu0 1 2 3"), None);
        assert_eq!(CpuTimes::parse("cpu 1 2 3"), None);
        assert!(CpuTimes::read().is_some());
    }

    #[test]
    fn the_canary_notes_a_standstill() {
        let clock = RunClock::start();
        let mut naps = 0;
        let canary = Canary::start_sleeping(clock, move |nap| {
            naps += 1;
            pause_thread(if naps == 3 { nap + Duration::from_millis(120) } else { nap });
        })
        .expect("thread");
        pause_thread(Duration::from_millis(250));
        let stalls = canary.take();
        let stall =
            stalls.iter().find(|(due, late)| *late >= Duration::from_millis(119) && *due >= Instant::from_millis(29));
        let (due, late) = *stall.unwrap_or_else(|| panic!("{stalls:?}"));
        assert!(due + late <= clock.now(), "{due:?} {late:?}");
        assert!(canary.longest() >= late);
    }

    #[test]
    fn ordinary_lateness_is_no_stall() {
        let shared = Shared::default();
        for millis in [0, 1, 50] {
            shared.note(Instant::from_secs(1), Duration::from_millis(millis));
        }
        assert_eq!(*shared.stalls.lock().expect("lock"), []);
        shared.note(Instant::from_secs(2), Duration::from_millis(51));
        assert_eq!(*shared.stalls.lock().expect("lock"), [(Instant::from_secs(2), Duration::from_millis(51))]);
        assert_eq!(shared.longest_nanos.load(Ordering::Relaxed), 51_000_000);
    }
}
