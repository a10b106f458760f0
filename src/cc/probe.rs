//! Probes: short bursts above the estimate, that find out whether the path carries more (libwebrtc `ProbeController` and
//! `ProbeBitrateEstimator`).

use super::Usage;
use crate::clock::{Duration, Instant};
use crate::units::Bitrate;
use std::collections::VecDeque;

/// The first probes, as multiples of the start.
const FIRST: [f64; 2] = [3.0, 6.0];
/// A result above this share of what was tried is followed by one at [`FURTHER`] times the result, if it comes in time.
const WORKED: f64 = 0.7;
const FURTHER: f64 = 2.0;
const RESULT_WITHIN: Duration = Duration::from_secs(1);
/// While the application sends too little, a probe of so many times the estimate, so often.
const LIMITED: f64 = 2.0;
const LIMITED_EVERY: Duration = Duration::from_secs(5);
/// An estimate that falls to less than this share has dropped far; a probe looks soon whether this share of what was before
/// is there again.
const FAR: f64 = 0.66;
const BACK: f64 = 0.85;
const DROP_MATTERS: Duration = Duration::from_secs(5);
/// How long after an application-limited time ended a drop may be its doing.
const AFTER_LIMITED: Duration = Duration::from_secs(3);
/// Probes go this far above what is wanted, no further.
const BEYOND: f64 = 2.0;
/// And no further than this where nothing says what is wanted (libwebrtc's largest probe).
const LARGEST: f64 = 5e6;
/// Packets and time of a probe, at least; the first ones take longer, so that a path's jitter does not decide them.
const PACKETS: u32 = 5;
const LENGTH: Duration = Duration::from_millis(15);
const FIRST_LENGTH: Duration = Duration::from_millis(100);
/// The share of a probe's packets and bytes of which arrivals must be known.
const KNOWN: f64 = 0.8;
/// A path that seems to deliver this many times faster than it was sent to was measured wrongly.
const IMPLAUSIBLE: f64 = 2.0;
/// Below this share of the sending rate what arrives is the path's limit, of which this share is used.
const FULL: f64 = 0.9;
const OF_FULL: f64 = 0.95;
/// Probes whose results may still come.
const REMEMBERED: usize = 16;

/// Names a probe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClusterId(pub(super) u32);

/// One probe that is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Its name: packets are sent under it.
    pub id: ClusterId,
    /// At which rate.
    pub rate: Bitrate,
    /// How many packets at least.
    pub packets: u32,
    /// How many bytes at least.
    pub bytes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing was sent yet.
    Before,
    /// A probe's result may ask for another one.
    Waiting {
        until: Instant,
        above: u64,
    },
    Done,
}

/// Decides when to probe.
#[derive(Debug)]
pub(super) struct Prober {
    stage: Stage,
    next: u32,
    queue: VecDeque<Cluster>,
    desired: Option<f64>,
    probed: Option<Instant>,
    estimate: f64,
    /// The estimate before it dropped far, and when it did.
    dropped: Option<(f64, Instant)>,
    was_over: bool,
}

/// What a probe must know of the times at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limited {
    /// Since when the application sends too little.
    pub since: Option<Instant>,
    /// When it last ceased to.
    pub ended: Option<Instant>,
}

impl Prober {
    pub const fn new(start: f64) -> Self {
        Self {
            stage: Stage::Before,
            next: 0,
            queue: VecDeque::new(),
            desired: None,
            probed: None,
            estimate: start,
            dropped: None,
            was_over: false,
        }
    }

    /// Sending begins: the first probes.
    pub fn begin(&mut self, now: Instant) {
        if self.stage == Stage::Before {
            let start = self.estimate;
            self.stage = Stage::Done;
            FIRST.into_iter().for_each(|times| self.probe(now, start * times, FIRST_LENGTH, true));
        }
    }

    /// All that could be sent if the path allowed it; more of it than before is looked for.
    pub fn set_desired(&mut self, now: Instant, desired: f64) {
        let more = self.desired.is_some_and(|before| desired > before) && desired > self.estimate;
        self.desired = Some(desired);
        if more && self.stage != Stage::Before {
            self.probe(now, desired, LENGTH, false);
            self.probe(now, desired * FURTHER, LENGTH, true);
        }
    }

    /// The estimate as of the last feedback, and what the queue does.
    pub fn handle_estimate(&mut self, now: Instant, estimate: f64, usage: Usage, limited: Limited) {
        let before = std::mem::replace(&mut self.estimate, estimate);
        if estimate < before * FAR {
            self.dropped = Some((before, now));
        }
        if let Stage::Waiting { until, above } = self.stage {
            if now > until {
                self.stage = Stage::Done;
            } else if estimate > above as f64 {
                self.stage = Stage::Done;
                self.probe(now, estimate * FURTHER, LENGTH, true);
            }
        }
        let recovered = std::mem::replace(&mut self.was_over, usage == Usage::Over) && usage != Usage::Over;
        let recently =
            limited.since.is_some() || limited.ended.is_some_and(|ended| now.saturating_since(ended) < AFTER_LIMITED);
        if recovered
            && recently
            && let Some((rate, at)) = self.dropped
        {
            self.dropped = None;
            let again = self.probed.is_none_or(|probed| now.saturating_since(probed) > DROP_MATTERS);
            if now.saturating_since(at) < DROP_MATTERS && again {
                self.probe(now, rate * BACK, LENGTH, false);
            }
        }
    }

    /// Feedback is back after a silence before which the estimate was `before`: whether the path is as it was.
    pub fn handle_return(&mut self, now: Instant, before: f64) {
        self.probe(now, before * BACK, LENGTH, true);
    }

    /// When an application-limited time is to be probed.
    pub fn poll_timeout(&self, limited: Limited) -> Option<Instant> {
        let since = limited.since?;
        let worthwhile = self.ceiling() > self.estimate;
        (self.stage != Stage::Before && worthwhile)
            .then(|| self.probed.map_or(since, |probed| probed.max(since)) + LIMITED_EVERY)
    }

    pub fn handle_timeout(&mut self, now: Instant, limited: Limited) {
        if self.poll_timeout(limited).is_some_and(|at| at <= now) {
            self.probe(now, self.estimate * LIMITED, LENGTH, true);
            self.probed = Some(now);
        }
    }

    /// The next probe to be sent.
    pub fn poll(&mut self) -> Option<Cluster> {
        self.queue.pop_front()
    }

    fn ceiling(&self) -> f64 {
        self.desired.map_or(LARGEST, |desired| desired * BEYOND)
    }

    fn probe(&mut self, now: Instant, rate: f64, length: Duration, further: bool) {
        // What is wanted, or the most that is probed for, is reached: nothing further is looked for.
        let further = further && rate < self.ceiling();
        let rate = rate.min(self.ceiling());
        if rate <= self.estimate {
            return;
        }
        let id = ClusterId(self.next);
        self.next = self.next.wrapping_add(1);
        let bytes = (rate / 8.0 * length.as_secs_f64()) as u32;
        self.queue.push_back(Cluster { id, rate: super::whole(rate), packets: PACKETS, bytes });
        self.probed = Some(now);
        self.stage = match further {
            true => Stage::Waiting { until: now + RESULT_WITHIN, above: (rate * WORKED) as u64 },
            false => Stage::Done,
        };
    }
}

/// What is known of one probe's packets.
#[derive(Debug)]
struct Flight {
    cluster: Cluster,
    packets: u32,
    bytes: u64,
    /// First and last sending, the size of what was sent last.
    sent: (i64, i64, u32),
    /// First and last arrival, the size of what arrived first.
    arrived: (i64, i64, u32),
}

/// Finds the rate that probes got through with.
#[derive(Default, Debug)]
pub(super) struct Results {
    flights: VecDeque<Flight>,
}

impl Results {
    /// A probe is being sent.
    pub fn expect(&mut self, cluster: Cluster) {
        if self.flights.len() == REMEMBERED {
            self.flights.pop_front();
        }
        self.flights.push_back(Flight {
            cluster,
            packets: 0,
            bytes: 0,
            sent: (i64::MAX, i64::MIN, 0),
            arrived: (i64::MAX, i64::MIN, 0),
        });
    }

    /// A packet of a probe arrived (microseconds, each on its own clock): the rate, once enough is known.
    pub fn handle(&mut self, id: ClusterId, sent: i64, arrived: i64, bytes: u32) -> Option<f64> {
        let flight = self.flights.iter_mut().find(|flight| flight.cluster.id == id)?;
        flight.packets += 1;
        flight.bytes += u64::from(bytes);
        flight.sent.0 = flight.sent.0.min(sent);
        if sent > flight.sent.1 {
            (flight.sent.1, flight.sent.2) = (sent, bytes);
        }
        if arrived < flight.arrived.0 {
            (flight.arrived.0, flight.arrived.2) = (arrived, bytes);
        }
        flight.arrived.1 = flight.arrived.1.max(arrived);
        let enough = f64::from(flight.packets) >= KNOWN * f64::from(flight.cluster.packets)
            && flight.bytes as f64 >= KNOWN * f64::from(flight.cluster.bytes);
        if !enough {
            return None;
        }
        let (sending, arriving) = (flight.sent.1 - flight.sent.0, flight.arrived.1 - flight.arrived.0);
        if !(1..=1_000_000).contains(&sending) || !(1..=1_000_000).contains(&arriving) {
            return None;
        }
        let rate = |bytes: u64, micros: i64| bytes as f64 * 8e6 / micros as f64;
        let sent_at = rate(flight.bytes - u64::from(flight.sent.2), sending);
        let arrived_at = rate(flight.bytes - u64::from(flight.arrived.2), arriving);
        if arrived_at > IMPLAUSIBLE * sent_at {
            return None;
        }
        let found = if arrived_at < FULL * sent_at { OF_FULL * arrived_at } else { sent_at.min(arrived_at) };
        (found > 0.0).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Limited = Limited { since: None, ended: None };

    fn rates(prober: &mut Prober) -> Vec<u64> {
        std::iter::from_fn(|| prober.poll()).map(|cluster| cluster.rate.bps() / 1_000).collect()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn it_begins_at_three_and_six_times_the_start_and_goes_on_while_it_works() {
        let mut prober = Prober::new(300e3);
        prober.begin(at(0));
        assert_eq!(rates(&mut prober), [900, 1_800]);
        prober.begin(at(1));
        assert!(rates(&mut prober).is_empty(), "once");
        prober.handle_estimate(at(100), 900e3, Usage::Normal, NEVER);
        assert!(rates(&mut prober).is_empty(), "half of what was tried");
        prober.handle_estimate(at(150), 1_700e3, Usage::Normal, NEVER);
        assert_eq!(rates(&mut prober), [3_400]);
        prober.handle_estimate(at(2_000), 3_400e3, Usage::Normal, NEVER);
        assert!(rates(&mut prober).is_empty(), "too late");
    }

    #[test]
    fn it_looks_for_what_is_wanted_and_not_far_beyond() {
        let mut prober = Prober::new(300e3);
        prober.set_desired(at(0), 500e3);
        prober.begin(at(0));
        assert_eq!(rates(&mut prober), [900, 1_000]);
        prober.handle_estimate(at(100), 1_000e3, Usage::Normal, NEVER);
        prober.set_desired(at(2_000), 2_500e3);
        assert_eq!(rates(&mut prober), [2_500, 5_000]);
        prober.set_desired(at(4_000), 2_000e3);
        assert!(rates(&mut prober).is_empty(), "less is nothing to look for");
    }

    #[test]
    fn a_probe_at_its_ceiling_is_followed_by_none() {
        let mut prober = Prober::new(300e3);
        prober.set_desired(at(0), 600e3);
        prober.begin(at(0));
        assert_eq!(rates(&mut prober), [900, 1_200]);
        prober.handle_estimate(at(100), 1_100e3, Usage::Normal, NEVER);
        assert!(rates(&mut prober).is_empty(), "though it is far more than seven tenths of it");
    }

    #[test]
    fn an_application_that_sends_too_little_is_probed_every_five_seconds() {
        let mut prober = Prober::new(300e3);
        prober.set_desired(at(0), 2_000e3);
        prober.begin(at(0));
        rates(&mut prober);
        let limited = Limited { since: Some(at(1_000)), ended: None };
        assert_eq!(prober.poll_timeout(limited), Some(at(6_000)));
        prober.handle_timeout(at(5_999), limited);
        assert!(rates(&mut prober).is_empty());
        prober.handle_timeout(at(6_000), limited);
        assert_eq!(rates(&mut prober), [600]);
        assert_eq!(prober.poll_timeout(limited), Some(at(11_000)));
        prober.handle_estimate(at(6_100), 4_000e3, Usage::Normal, limited);
        rates(&mut prober);
        assert_eq!(prober.poll_timeout(limited), None, "twice of what is wanted is enough");
    }

    #[test]
    fn a_far_drop_is_looked_at_again_when_the_queue_is_short() {
        let mut prober = Prober::new(300e3);
        prober.begin(at(0));
        rates(&mut prober);
        prober.handle_estimate(at(8_000), 2_000e3, Usage::Normal, NEVER);
        let limited = Limited { since: None, ended: Some(at(8_500)) };
        prober.handle_estimate(at(9_000), 1_000e3, Usage::Over, limited);
        assert!(rates(&mut prober).is_empty());
        prober.handle_estimate(at(9_200), 1_000e3, Usage::Normal, limited);
        assert_eq!(rates(&mut prober), [1_700]);
        prober.handle_estimate(at(9_300), 400e3, Usage::Over, NEVER);
        prober.handle_estimate(at(9_400), 400e3, Usage::Normal, NEVER);
        assert!(rates(&mut prober).is_empty(), "a path that became narrow is not probed");
    }

    /// The result of a probe of 1 Mbit/s that arrives at another rate.
    fn result(arrives: f64) -> Option<f64> {
        let mut results = Results::default();
        let cluster = Cluster { id: ClusterId(1), rate: Bitrate(1_000_000), packets: 5, bytes: 1_875 };
        results.expect(cluster);
        let mut found = None;
        for n in 0..6i64 {
            found = results.handle(ClusterId(1), n * 4_000, 70_000 + (n as f64 * 4e9 / arrives) as i64, 500);
            assert!(n >= 3 || found.is_none(), "four fifths must be known");
        }
        found
    }

    #[test]
    fn a_probe_finds_what_got_through() {
        let near = |found: Option<f64>, rate: f64| found.is_some_and(|found| (found / rate - 1.0).abs() < 0.01);
        assert!(near(result(1e6), 1e6));
        assert!(near(result(0.5e6), 0.475e6), "a share of what a full path carried");
        assert_eq!(result(2.5e6), None, "nothing arrives faster than it was sent");
    }
}
