//! Spreads what is to be sent: a leaky bucket with a small burst, and probes in front of it.
//!
//! Times of departure are computed from the packets' own, not from the tick that asks, so that a driver that ticks late
//! sends what is due under the times at which it was.

use super::probe::{Cluster, ClusterId};
use crate::clock::{Duration, Instant};
use crate::units::Bitrate;
use std::collections::VecDeque;

/// What may leave before it is due, so that packets go in small groups (libwebrtc's 5 ms of pacing interval).
const BURST: Duration = Duration::from_millis(5);
/// Nothing waits longer than this, whatever the rate (libwebrtc's queue time limit).
const LONGEST: Duration = Duration::from_secs(2);
/// A probe that takes longer has nothing left to tell.
const PROBE_WITHIN: Duration = Duration::from_secs(1);

/// Something on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Departure<T> {
    /// When it leaves; not later than the time told.
    pub at: Instant,
    /// What; `None` asks for one packet of padding, to be reported by [`Pacer::handle_padding`].
    pub item: Option<T>,
    /// The probe that it is part of.
    pub cluster: Option<ClusterId>,
}

#[derive(Debug)]
struct Queued<T> {
    at: Instant,
    bytes: u32,
    item: T,
}

#[derive(Debug)]
struct Probing {
    cluster: Cluster,
    packets: u32,
    bytes: u32,
    until: Instant,
}

/// The queue between an encoder and the network.
#[derive(Debug)]
pub struct Pacer<T> {
    /// What goes first: retransmissions.
    first: VecDeque<Queued<T>>,
    rest: VecDeque<Queued<T>>,
    bytes: u64,
    /// In bit/s.
    rate: f64,
    /// When all that has left would have gone through at the rate.
    free: Instant,
    probing: Option<Probing>,
    probes: VecDeque<Cluster>,
}

impl<T> Pacer<T> {
    /// An empty one.
    #[must_use]
    pub fn new(rate: Bitrate) -> Self {
        Self {
            first: VecDeque::new(),
            rest: VecDeque::new(),
            bytes: 0,
            rate: rate.bps() as f64,
            free: Instant::ZERO,
            probing: None,
            probes: VecDeque::new(),
        }
    }

    /// What leaves from now on does so at this rate.
    pub fn set_rate(&mut self, rate: Bitrate) {
        self.rate = rate.bps() as f64;
    }

    /// Takes something that is ready at `at`. `urgent` goes before what is not.
    pub fn push(&mut self, at: Instant, urgent: bool, bytes: u32, item: T) {
        let queue = if urgent { &mut self.first } else { &mut self.rest };
        queue.push_back(Queued { at, bytes, item });
        self.bytes += u64::from(bytes);
    }

    /// Something leaves past the queue (sound, or all media where it is not paced): it takes its share of the rate all the
    /// same, and can begin a probe or be part of one.
    pub fn handle_passed(&mut self, at: Instant, bytes: u32) -> Option<ClusterId> {
        self.begin(at, true);
        let cluster = self.probing.as_ref().map(|probing| probing.cluster.id);
        self.take(at, bytes);
        self.count(bytes);
        cluster
    }

    /// Sends a probe as soon as there is media to begin it with.
    pub fn probe(&mut self, cluster: Cluster) {
        self.probes.push_back(cluster);
    }

    /// Nothing can be made that would fill a probe up: it ends, and so do those that wait.
    pub fn abandon_probes(&mut self) {
        self.probing = None;
        self.probes.clear();
    }

    /// Bytes that wait.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.bytes
    }

    /// The next thing that leaves by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Departure<T>> {
        self.begin(now, !self.is_empty());
        let at = self.poll_timeout().filter(|at| *at <= now)?;
        let cluster = self.probing.as_ref().map(|probing| probing.cluster.id);
        let Some(queued) = self.first.pop_front().or_else(|| self.rest.pop_front()) else {
            return Some(Departure { at, item: None, cluster });
        };
        self.take(at, queued.bytes);
        self.bytes -= u64::from(queued.bytes);
        self.count(queued.bytes);
        Some(Departure { at, item: Some(queued.item), cluster })
    }

    /// Padding of so many bytes was sent, as it was asked for at `at`.
    pub fn handle_padding(&mut self, at: Instant, bytes: u32) {
        self.take(at, bytes);
        self.count(bytes);
    }

    /// When the next thing leaves.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let ready = self.first.front().or_else(|| self.rest.front()).map(|queued| queued.at);
        match (&self.probing, ready) {
            // A probe is sent evenly, and does not wait for media.
            (Some(_), ready) => Some(ready.map_or(self.free, |at| at.max(self.free))),
            (None, Some(at)) => Some(at.max(self.free.saturating_sub(BURST))),
            (None, None) => None,
        }
    }

    /// Ends a probe that took too long, and begins the next one where there is media to begin it with.
    fn begin(&mut self, now: Instant, media: bool) {
        if self.probing.as_ref().is_some_and(|probing| probing.until <= now) {
            self.probing = None;
        }
        if self.probing.is_none()
            && media
            && let Some(cluster) = self.probes.pop_front()
        {
            self.probing = Some(Probing { cluster, packets: 0, bytes: 0, until: now + PROBE_WITHIN });
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    fn count(&mut self, bytes: u32) {
        let Some(probing) = &mut self.probing else { return };
        probing.packets += 1;
        probing.bytes += bytes;
        if probing.packets >= probing.cluster.packets && probing.bytes >= probing.cluster.bytes {
            self.probing = None;
        }
    }

    /// Bytes leave at `at`.
    fn take(&mut self, at: Instant, bytes: u32) {
        let drain = self.bytes as f64 * 8.0 / LONGEST.as_secs_f64();
        let rate = match &self.probing {
            Some(probing) => probing.cluster.rate.bps() as f64,
            None => self.rate.max(drain),
        };
        let nanos = f64::from(bytes) * 8e9 / rate.max(1_000.0);
        self.free = self.free.max(at) + Duration::from_nanos(nanos as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn departures(pacer: &mut Pacer<u32>, until: Instant) -> Vec<(u64, Option<u32>)> {
        let mut found = Vec::new();
        while let Some(departure) = pacer.poll(until) {
            if departure.item.is_none() {
                pacer.handle_padding(departure.at, 250);
            }
            found.push((departure.at.as_micros() / 100, departure.item));
        }
        found
    }

    #[test]
    fn a_frame_leaves_at_the_rate_after_a_small_burst() {
        let mut pacer = Pacer::new(Bitrate(1_000_000));
        (0..5).for_each(|n| pacer.push(at(100), false, 1_250, n));
        // 10 ms a packet, 5 ms early.
        let expected = [(1_000, Some(0)), (1_050, Some(1)), (1_150, Some(2)), (1_250, Some(3)), (1_350, Some(4))];
        assert_eq!(departures(&mut pacer, at(1_000)), expected);
        assert_eq!((pacer.waiting(), pacer.poll_timeout()), (0, None));
    }

    #[test]
    fn what_is_urgent_goes_first_and_nothing_before_its_time() {
        let mut pacer = Pacer::new(Bitrate(1_000_000));
        pacer.push(at(0), false, 1_250, 0);
        pacer.push(at(0), false, 1_250, 1);
        pacer.push(at(0), true, 1_250, 2);
        assert_eq!(departures(&mut pacer, at(4)), [(0, Some(2))]);
        assert_eq!(departures(&mut pacer, at(5)), [(50, Some(0))]);
        assert_eq!(departures(&mut pacer, at(15)), [(150, Some(1))]);
    }

    #[test]
    fn nothing_waits_for_more_than_two_seconds() {
        let mut pacer = Pacer::new(Bitrate(8_000));
        (0..100).for_each(|n| pacer.push(at(0), false, 1_000, n));
        let last = departures(&mut pacer, at(60_000)).last().map(|(at, _)| *at);
        // The rate follows what waits: e-folding in two seconds rather than a hundred seconds at 8 kbit/s.
        assert!(last.is_some_and(|last| last < 120_000), "{last:?}");
    }

    #[test]
    fn a_probe_begins_with_media_and_is_filled_with_padding() {
        let mut pacer = Pacer::new(Bitrate(500_000));
        pacer.probe(Cluster { id: ClusterId(7), rate: Bitrate(2_000_000), packets: 5, bytes: 2_000 });
        assert_eq!(departures(&mut pacer, at(50)), [], "not without media");
        pacer.push(at(60), false, 1_000, 1);
        let found = departures(&mut pacer, at(200));
        // 4 ms for the packet, 1 ms for each padding.
        assert_eq!(found, [(600, Some(1)), (640, None), (650, None), (660, None), (670, None)]);
        assert_eq!(pacer.poll_timeout(), None);
    }

    #[test]
    fn what_passes_the_queue_is_part_of_a_probe() {
        let mut pacer = Pacer::<u32>::new(Bitrate(500_000));
        pacer.probe(Cluster { id: ClusterId(7), rate: Bitrate(2_000_000), packets: 3, bytes: 1_500 });
        assert_eq!(pacer.handle_passed(at(10), 1_000), Some(ClusterId(7)));
        assert_eq!(departures(&mut pacer, at(100)), [(140, None), (150, None)]);
        assert_eq!(pacer.handle_passed(at(200), 1_000), None);
    }

    #[test]
    fn a_probe_that_nothing_can_fill_is_given_up() {
        let mut pacer = Pacer::new(Bitrate(500_000));
        pacer.probe(Cluster { id: ClusterId(7), rate: Bitrate(2_000_000), packets: 5, bytes: 2_000 });
        pacer.push(at(0), false, 100, 1);
        assert!(pacer.poll(at(0)).is_some_and(|first| first.cluster == Some(ClusterId(7))));
        assert!(pacer.poll(at(1)).is_some_and(|padding| padding.item.is_none()));
        pacer.abandon_probes();
        assert_eq!(pacer.poll(at(10)), None);
    }
}
