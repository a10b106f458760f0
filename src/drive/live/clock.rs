//! The run's time on a real machine: nanoseconds since an epoch on the monotonic clock, sleeping until such a time, and
//! the mapping of the kernel's wall-clock stamps (`SO_TIMESTAMPNS`, CLOCK_REALTIME) to it.
//!
//! It is not a scheduler: it says when a tick is due and how late it came, never what to do in it. Wall and run time
//! are paired anew each tick, because NTP slews the wall clock and an operator may step it; a stamp from before a step
//! is mapped as the clock stood then.

use crate::clock::{Duration, Instant};

/// A difference of the wall clock that no slewing explains within a tick: NTP slews by at most 500 parts per million.
const STEP: i64 = 200_000;

/// How long after a step stamps from before it are still looked for.
const STEP_MEMORY: Duration = Duration::from_secs(2);

/// Stamps may precede the tick before the step by so much: a socket that one tick did not empty.
const STEP_SLACK: Duration = Duration::from_millis(5);

/// Where the run's time began, on the machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    epoch: std::time::Instant,
}

impl RunClock {
    /// Time zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: machine_now() }
    }

    /// Time zero on the machine's clock, for libraries that take `std::time::Instant`.
    #[must_use]
    pub const fn epoch(self) -> std::time::Instant {
        self.epoch
    }

    /// The run's time.
    #[must_use]
    pub fn now(self) -> Instant {
        Instant::from_nanos(u64::try_from(machine_now().duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX))
    }

    /// `instant` on the machine's clock.
    #[must_use]
    pub fn machine_time(self, instant: Instant) -> std::time::Instant {
        self.epoch + Duration::from_nanos(instant.as_nanos())
    }

    /// Sleeps until `deadline`, or not at all when it has passed. Wakes late by the kernel's timer slack (50 µs) and
    /// whatever else the machine does.
    pub fn sleep_until(self, deadline: Instant) {
        let pause = deadline.saturating_since(self.now());
        if !pause.is_zero() {
            pause_thread(pause);
        }
    }
}

/// Sleeps; for the driver's own threads.
pub fn pause_thread(pause: Duration) {
    #[allow(clippy::disallowed_methods, reason = "the driver's clock is where threads sleep")]
    std::thread::sleep(pause);
}

/// The machine's monotonic clock.
fn machine_now() -> std::time::Instant {
    #[allow(clippy::disallowed_methods, reason = "the driver's clock is where the machine is asked")]
    std::time::Instant::now()
}

/// The wall clock, nanoseconds since 1970; 0 before that.
fn wall_nanos() -> i64 {
    #[allow(clippy::disallowed_methods, reason = "the driver's clock is where the machine is asked")]
    let wall = std::time::SystemTime::now();
    wall.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// CPU time that the calling thread has used. Costs 0.6 µs on a small VM: once a tick, never once a packet.
#[must_use]
pub fn thread_cpu() -> Duration {
    let used = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("every Linux thread has a CPU clock");
    Duration::from(used)
}

/// Wall and run time, read together.
#[derive(Clone, Copy, Debug)]
struct Paired {
    run: Instant,
    /// Wall time minus run time, in nanoseconds.
    offset: i64,
}

/// Maps the kernel's wall-clock stamps to run time.
#[derive(Clone, Debug)]
pub struct WallPair {
    clock: RunClock,
    current: Paired,
    /// The last pair before the wall clock was stepped.
    before_step: Option<Paired>,
    steps: u64,
}

impl WallPair {
    /// Pairs the clocks for the first time.
    #[must_use]
    pub fn new(clock: RunClock) -> Self {
        Self { clock, current: read_together(clock), before_step: None, steps: 0 }
    }

    /// Pairs the clocks again and returns the run's time; once a tick, before the sockets are read.
    pub fn renew(&mut self) -> Instant {
        self.observe(read_together(self.clock));
        self.current.run
    }

    fn observe(&mut self, pair: Paired) {
        let elapsed = pair.run.signed_nanos_since(self.current.run).max(0);
        // Slewing may move the clocks apart by a two-thousandth of the time that passed.
        if pair.offset.abs_diff(self.current.offset) > STEP.saturating_add(elapsed / 2_000).unsigned_abs() {
            self.before_step = Some(self.current);
            self.steps += 1;
        } else if let Some(before) = self.before_step
            && pair.run.saturating_since(before.run) > STEP_MEMORY
        {
            self.before_step = None;
        }
        self.current = pair;
    }

    /// The run's time at the newest pairing.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.current.run
    }

    /// How often the wall clock was seen to be stepped.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The run's time of a kernel stamp, given as time since 1970; never before the start of the run.
    ///
    /// A stamp may be later than [`Self::now`]: datagrams arrive while the sockets are read.
    #[must_use]
    pub fn run_time(&self, stamp: Duration) -> Instant {
        let stamp = i64::try_from(stamp.as_nanos()).unwrap_or(i64::MAX);
        let mapped = at(stamp, self.current.offset);
        let Some(before) = self.before_step else { return mapped };
        // Around a step a stamp belongs to the clock under which it is possible; the newer one when both are.
        let earliest = Instant::from_nanos(before.run.as_nanos().saturating_sub(nanos(STEP_SLACK)));
        let latest = self.current.run + STEP_SLACK;
        let possible = |at: Instant| at >= earliest && at <= latest;
        let older = at(stamp, before.offset);
        if !possible(mapped) && possible(older) { older } else { mapped }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn at(stamp: i64, offset: i64) -> Instant {
    Instant::from_nanos(u64::try_from(stamp.saturating_sub(offset)).unwrap_or(0))
}

/// Reads the wall clock between two readings of the run's; again when something came between them.
fn read_together(clock: RunClock) -> Paired {
    let mut best: Option<(u64, Paired)> = None;
    for _ in 0..3 {
        let before = clock.now();
        let wall = wall_nanos();
        let after = clock.now();
        let apart = after.as_nanos() - before.as_nanos();
        let middle = Instant::from_nanos(before.as_nanos() + apart / 2);
        let pair =
            Paired { run: middle, offset: wall.saturating_sub(i64::try_from(middle.as_nanos()).unwrap_or(i64::MAX)) };
        if best.is_none_or(|(least, _)| apart < least) {
            best = Some((apart, pair));
        }
        if apart < 1_000 {
            break;
        }
    }
    best.expect("the clocks were read").1
}

/// A steady tick on absolute times: a late tick does not shift the next ones, and ticks that were missed are skipped
/// rather than caught up with.
#[derive(Clone, Debug)]
pub struct Ticker {
    clock: RunClock,
    period: Duration,
    due: Instant,
}

/// One tick that was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// When it was due.
    pub due: Instant,
    /// When the thread woke.
    pub now: Instant,
}

impl Ticker {
    /// Ticks every `period`, for the first time one period from now.
    ///
    /// # Panics
    /// When `period` is zero.
    #[must_use]
    pub fn new(clock: RunClock, period: Duration) -> Self {
        assert!(!period.is_zero(), "a tick takes time");
        Self { clock, period, due: clock.now() + period }
    }

    /// Sleeps until the next tick is due.
    pub fn wait(&mut self) -> Tick {
        self.clock.sleep_until(self.due);
        let tick = Tick { due: self.due, now: self.clock.now() };
        let missed = nanos(tick.now.saturating_since(tick.due)) / nanos(self.period);
        self.due = Instant::from_nanos(self.due.as_nanos() + nanos(self.period) * (missed + 1));
        tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds from 1970 to some day of 2026: what the walls of these tests begin at.
    const WALL: i64 = 1_790_000_000_000;

    fn stamp(micros: i64) -> Duration {
        Duration::from_micros((WALL * 1_000 + micros) as u64)
    }

    fn pair(run_ms: u64, wall_ms: i64) -> Paired {
        Paired { run: Instant::from_millis(run_ms), offset: (WALL + wall_ms - run_ms as i64) * 1_000_000 }
    }

    fn paired_at_zero() -> WallPair {
        WallPair { clock: RunClock::start(), current: pair(0, 0), before_step: None, steps: 0 }
    }

    #[test]
    fn a_stamp_maps_to_the_time_it_was_taken() {
        let mut wall = paired_at_zero();
        wall.observe(pair(10, 10));
        assert_eq!(wall.run_time(stamp(4_000)), Instant::from_millis(4));
        assert_eq!(wall.steps(), 0);
    }

    #[test]
    fn a_step_of_the_wall_clock_moves_no_stamp() {
        for step_ms in [-3_600_000_i64, -40, 40, 3_600_000] {
            let mut wall = paired_at_zero();
            for tick in 1..10 {
                wall.observe(pair(tick, tick as i64));
            }
            // Stepped between 9 ms and 10 ms: one stamp from either side is read at the tick of 10 ms.
            wall.observe(pair(10, 10 + step_ms));
            assert_eq!(wall.steps(), 1, "step {step_ms}");
            let before = wall.run_time(stamp(9_200));
            let after = wall.run_time(stamp(9_700 + step_ms * 1_000));
            assert_eq!(before, Instant::from_micros(9_200), "step {step_ms}");
            assert_eq!(after, Instant::from_micros(9_700), "step {step_ms}");
        }
    }

    #[test]
    fn slewing_is_not_a_step() {
        let mut wall = paired_at_zero();
        let mut offset = 0;
        for tick in 1..1_000_u64 {
            // 500 parts per million, the most that NTP slews.
            offset += 500;
            let mut next = pair(tick, tick as i64);
            next.offset += offset;
            wall.observe(next);
        }
        assert_eq!(wall.steps(), 0);
    }

    #[test]
    fn the_mapped_wall_clock_agrees_with_the_run_clock() {
        let clock = RunClock::start();
        let mut wall = WallPair::new(clock);
        let now = wall.renew();
        let mapped = wall.run_time(Duration::from_nanos(wall_nanos() as u64));
        let apart = mapped.signed_nanos_since(now);
        assert!((-1_000_000..50_000_000).contains(&apart), "{apart} ns apart");
    }

    #[test]
    fn sleeping_reaches_its_deadline() {
        let clock = RunClock::start();
        let deadline = clock.now() + Duration::from_millis(3);
        clock.sleep_until(deadline);
        assert!(clock.now() >= deadline);
        let before = clock.now();
        clock.sleep_until(Instant::ZERO);
        assert!(clock.now().saturating_since(before) < Duration::from_millis(50), "a past deadline does not sleep");
    }

    #[test]
    fn a_late_tick_does_not_shift_the_next() {
        let clock = RunClock::start();
        let mut ticker = Ticker::new(clock, Duration::from_millis(4));
        let first = ticker.wait();
        pause_thread(Duration::from_millis(10));
        let second = ticker.wait();
        let third = ticker.wait();
        assert!(second.now >= second.due && second.now.saturating_since(second.due) >= Duration::from_millis(5));
        // The machine may have let more of them pass before the first was answered.
        let gaps = [second.due, third.due].map(|due| due.as_nanos() - first.due.as_nanos());
        assert!(gaps.iter().all(|gap| *gap % 4_000_000 == 0), "ticks stay on their grid: {gaps:?}");
        assert!(gaps[0] >= 4_000_000 && gaps[1] >= 12_000_000, "missed ticks are skipped: {gaps:?}");
    }

    #[test]
    fn sleeping_uses_no_cpu_time() {
        let before = thread_cpu();
        pause_thread(Duration::from_millis(20));
        let slept = thread_cpu() - before;
        assert!(slept < Duration::from_millis(10), "{slept:?}");
    }
}
