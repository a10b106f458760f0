//! How much of the published sound was not there when it was due to be played.
//!
//! A unit of sound is a packet: sequence numbers, not time, say how many there were, so the silence of DTX is not loss. A
//! unit is concealed when it never came, or came after its playout: an adaptive buffer like NetEq's, which lets
//! sound wait for the slowest packet of the last 10 s (40 to 500 ms over the fastest) and learns of a slower one by missing
//! it. A stream that says nothing for more than a second while unmuted is dead, as DTX sends something every 400 ms; that
//! silence counts as sound only for the score of its window, and at the very end.

use crate::clock::{Duration, Instant};

/// Sound in a packet.
const UNIT: Duration = Duration::from_millis(20);
const MIN_TARGET: i64 = 40_000_000;
const MAX_TARGET: i64 = 500_000_000;
/// Longer than DTX is ever silent.
const DEAD_AFTER: Duration = Duration::from_secs(1);
const SECONDS: usize = 10;
/// A transit that changes by more than this belongs to another timeline.
const OTHER_TIMELINE: i64 = 60_000_000_000;

/// Units of sound of a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Units {
    /// Published.
    pub all: u64,
    /// Not there when due.
    pub concealed: u64,
    /// Runs of concealed units.
    pub bursts: u64,
}

impl Units {
    fn add(&mut self, all: u64, concealed: u64, bursts: u64) {
        self.all += all;
        self.concealed += concealed;
        self.bursts += bursts;
    }
}

/// The playout of one audio stream.
#[derive(Clone, Debug)]
pub struct Concealment {
    clock_rate: u32,
    /// RTP time, unwrapped, of the first packet's timeline.
    rtp: Option<(u32, i64)>,
    /// Fastest and slowest transit of each of the last seconds, nanoseconds.
    seconds: [(i64, i64); SECONDS],
    second: u64,
    last_heard: Option<Instant>,
    muted: bool,
    last_concealed: i64,
    units: Units,
    /// Dead silence already counted as units in a window's score.
    counted_dead: u64,
    score_units: Units,
    score_from: Option<Instant>,
}

impl Concealment {
    /// Nothing has been heard of a stream of `clock_rate` Hz.
    #[must_use]
    pub const fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            rtp: None,
            seconds: [(i64::MAX, i64::MIN); SECONDS],
            second: 0,
            last_heard: None,
            muted: false,
            last_concealed: i64::MIN,
            units: Units { all: 0, concealed: 0, bursts: 0 },
            counted_dead: 0,
            score_units: Units { all: 0, concealed: 0, bursts: 0 },
            score_from: None,
        }
    }

    /// A unit came for the first time, by itself or repaired; repairs teach the playout nothing.
    pub fn handle_unit(&mut self, received: Instant, number: i64, rtp_time: u32, repaired: bool) {
        let transit = self.transit(received, rtp_time);
        self.roll_to(received);
        let (fastest, slowest) = self.extremes();
        let wait = slowest.saturating_sub(fastest).clamp(MIN_TARGET, MAX_TARGET);
        let late = fastest != i64::MAX && transit.saturating_sub(fastest) > wait;
        if !repaired {
            let (low, high) = &mut self.seconds[(self.second % SECONDS as u64) as usize];
            (*low, *high) = ((*low).min(transit), (*high).max(transit));
        }
        let joins = late && self.last_concealed == number - 1;
        if late {
            self.last_concealed = number;
        }
        self.units.add(1, u64::from(late), u64::from(late && !joins));
        self.score_units.add(1, u64::from(late), u64::from(late && !joins));
        self.handle_given_up(received);
    }

    /// `count` units that will not come any more, missing in `runs` runs.
    pub fn handle_lost(&mut self, count: u64, runs: u64) {
        self.units.add(count, count, runs);
        let new = count - count.min(self.counted_dead);
        self.counted_dead -= count - new;
        self.score_units.add(new, new, runs.min(new));
    }

    /// A late unit that had been given up is here: it was counted when it was given up.
    pub const fn handle_given_up(&mut self, received: Instant) {
        // The word of a mute may overtake the last packets before it.
        if !self.muted {
            self.last_heard = Some(received);
        }
    }

    /// Muted time is neither heard nor missed; unmuted, silence counts from here.
    pub const fn set_muted(&mut self, at: Instant, muted: bool) {
        self.muted = muted;
        self.last_heard = if muted || self.rtp.is_none() { None } else { Some(at) };
    }

    /// The first window of a score begins.
    pub const fn begin_score(&mut self, at: Instant) {
        self.score_from = Some(at);
    }

    /// Units since the last time this was asked.
    pub fn take_units(&mut self) -> Units {
        std::mem::take(&mut self.units)
    }

    /// Units of a window that ends at `now`, for its score, dead silence among them.
    pub fn take_score_units(&mut self, now: Instant) -> Units {
        let dead = self.dead_units(now, self.score_from);
        self.score_units.add(dead, dead, u64::from(dead > 0));
        self.counted_dead += dead;
        self.score_from = Some(now);
        std::mem::take(&mut self.score_units)
    }

    /// The stream ends at `now`: a stream that died counts as unheard until then.
    pub fn finish(&mut self, now: Instant) {
        let dead = self.dead_units(now, None);
        self.units.add(dead, dead, u64::from(dead > 0));
    }

    /// How long sound waits at the moment, over the fastest packet.
    #[must_use]
    pub fn target(&self) -> Duration {
        let (fastest, slowest) = self.extremes();
        Duration::from_nanos(slowest.saturating_sub(fastest).clamp(MIN_TARGET, MAX_TARGET) as u64)
    }

    fn dead_units(&self, now: Instant, from: Option<Instant>) -> u64 {
        let Some(heard) = self.last_heard.filter(|&heard| now.saturating_since(heard) > DEAD_AFTER) else { return 0 };
        let from = from.map_or(heard, |from| from.max(heard));
        (now.saturating_since(from).as_nanos() / UNIT.as_nanos()) as u64
    }

    /// Arrival minus RTP time, nanoseconds, comparable within a timeline.
    fn transit(&mut self, received: Instant, rtp_time: u32) -> i64 {
        let (last, unwrapped) = self.rtp.unwrap_or((rtp_time, 0));
        let unwrapped = unwrapped + i64::from(rtp_time.wrapping_sub(last) as i32);
        let media = i128::from(unwrapped) * 1_000_000_000 / i128::from(self.clock_rate);
        let transit = (i128::from(received.as_nanos()) - media) as i64;
        self.rtp = Some((rtp_time, unwrapped));
        let (fastest, _) = self.extremes();
        if fastest != i64::MAX && transit.saturating_sub(fastest).saturating_abs() > OTHER_TIMELINE {
            self.seconds = [(i64::MAX, i64::MIN); SECONDS];
        }
        transit
    }

    fn roll_to(&mut self, now: Instant) {
        let second = now.as_nanos() / 1_000_000_000;
        let passed = second.saturating_sub(self.second).min(SECONDS as u64);
        for step in 0..passed {
            self.seconds[((second - step) % SECONDS as u64) as usize] = (i64::MAX, i64::MIN);
        }
        self.second = self.second.max(second);
    }

    fn extremes(&self) -> (i64, i64) {
        self.seconds.iter().fold((i64::MAX, i64::MIN), |(low, high), &(l, h)| (low.min(l), high.max(h)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(concealment: &mut Concealment, number: i64, delay_millis: u64) {
        let received = Instant::from_millis(number as u64 * 20 + delay_millis);
        concealment.handle_unit(received, number, (u32::MAX - 99).wrapping_add(number as u32 * 960), false);
    }

    #[test]
    fn sound_that_comes_in_time_is_not_concealed_and_what_is_lost_is() {
        let mut concealment = Concealment::new(48_000);
        (0..500).for_each(|number| packet(&mut concealment, number, 30 + number as u64 % 7));
        assert_eq!(concealment.take_units(), Units { all: 500, concealed: 0, bursts: 0 });
        concealment.handle_lost(3, 1);
        assert_eq!(concealment.take_units(), Units { all: 3, concealed: 3, bursts: 1 });
    }

    #[test]
    fn a_late_packet_is_concealed_and_the_playout_learns_from_it() {
        let mut concealment = Concealment::new(48_000);
        (0..100).for_each(|number| packet(&mut concealment, number, 30));
        packet(&mut concealment, 100, 130);
        assert_eq!(concealment.take_units().concealed, 1);
        packet(&mut concealment, 101, 125);
        assert_eq!(concealment.take_units().concealed, 0);
        assert_eq!(concealment.target(), Duration::from_millis(100));
        (102..800).for_each(|number| packet(&mut concealment, number, 30));
        assert_eq!(concealment.target(), Duration::from_millis(40));
        packet(&mut concealment, 800, 130);
        assert_eq!(concealment.take_units().concealed, 1, "forgotten after 10 s");
    }

    #[test]
    fn the_silence_of_dtx_is_not_loss() {
        let mut concealment = Concealment::new(48_000);
        for comfort in 0..20u32 {
            let received = Instant::from_millis(u64::from(comfort) * 400 + 30);
            concealment.handle_unit(received, i64::from(comfort), comfort * 400 * 48, false);
        }
        concealment.finish(Instant::from_millis(8_000));
        assert_eq!(concealment.take_units(), Units { all: 20, concealed: 0, bursts: 0 });
    }

    #[test]
    fn a_stream_that_died_is_heard_to_be_dead() {
        let mut concealment = Concealment::new(48_000);
        (0..50).for_each(|number| packet(&mut concealment, number, 0));
        concealment.take_score_units(Instant::from_millis(980));
        let dead = concealment.take_score_units(Instant::from_millis(5_980));
        assert_eq!((dead.all, dead.concealed), (250, 250));
        concealment.finish(Instant::from_millis(5_980));
        assert_eq!(concealment.take_units().concealed, 250);
        concealment.handle_lost(249, 1);
        assert_eq!(concealment.take_score_units(Instant::from_millis(5_981)).concealed, 0, "not twice");
    }

    #[test]
    fn a_mute_is_not_dead() {
        let mut concealment = Concealment::new(48_000);
        (0..50).for_each(|number| packet(&mut concealment, number, 0));
        concealment.set_muted(Instant::from_secs(1), true);
        packet(&mut concealment, 50, 20);
        concealment.finish(Instant::from_secs(60));
        assert_eq!(concealment.take_units().concealed, 0);
    }
}
