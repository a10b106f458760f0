//! The recorder that one worker owns: takes samples at a few nanoseconds each and hands out intervals.
//!
//! Keys are indices, so finding a measure is three table look-ups and no hashing; a measure opens on its first sample, and
//! after that nothing is allocated but where a histogram meets a value larger than ever. The recorder is never shared:
//! what it holds leaves it as a value ([`Recorder::take_interval`], [`Recorder::finish`]).

use super::catalog::{Kind, Metric};
use super::histogram::Histogram;
use super::interval::{Increment, Interval, Tally};
use super::labels::{Key, RunPhase};
use super::measure::{Gauge, Measure, Ratio};
use super::recorded::Recorded;
use std::time::Duration;

const NONE: u32 = u32::MAX;

/// Takes the samples of one worker.
#[derive(Debug)]
pub struct Recorder {
    /// Keys without a spell.
    plain: usize,
    populations: usize,
    networks: usize,
    media: usize,
    interval: Duration,
    /// Intervals taken so far.
    taken: u32,
    /// Key's place in the dense table of all keys → row of `rows`, or `NONE`. Spells come last and grow it: most runs have
    /// none.
    places: Vec<u32>,
    /// By metric: index into the vector of the metric's kind, or `NONE`.
    rows: Vec<[u32; Metric::COUNT]>,
    trends: Vec<Cell<Histogram, Tally>>,
    counters: Vec<Cell<u64, u64>>,
    ratios: Vec<Cell<Ratio, Ratio>>,
    gauges: Vec<Cell<Gauge, Gauge>>,
    /// Samples as they come, while somebody watches.
    watched: Option<Vec<Watched>>,
}

/// A sample that was watched.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Watched {
    /// Of what.
    pub metric: Metric,
    /// Under which key.
    pub key: Key,
    /// What.
    pub sample: Sample,
}

/// The value of a sample that was watched, in the metric's unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Sample {
    /// Of a trend.
    Value(f64),
    /// Of a trend, given up after this.
    Censored(f64),
    /// Added to a counter.
    Count(u64),
    /// Added to a ratio.
    Share(u64, u64),
}

/// One metric under one key: since the start, and since the last interval was taken.
#[derive(Debug)]
struct Cell<W, N> {
    metric: Metric,
    key: Key,
    whole: W,
    now: N,
}

impl Recorder {
    /// A recorder for keys below these numbers of populations, networks and media, handing out an interval every
    /// `interval`.
    #[must_use]
    pub fn new(populations: usize, networks: usize, media: usize, interval: Duration) -> Self {
        let plain = (populations + 1) * (networks + 1) * (media + 1) * PHASES * 2;
        Self {
            plain,
            populations,
            networks,
            media,
            interval,
            taken: 0,
            places: vec![NONE; plain],
            rows: Vec::new(),
            trends: Vec::new(),
            counters: Vec::new(),
            ratios: Vec::new(),
            gauges: Vec::new(),
            watched: None,
        }
    }

    /// Begins to keep every sample of a trend, counter or ratio as it comes, for who tells a story of them.
    pub fn watch(&mut self) {
        self.watched = Some(Vec::new());
    }

    /// The samples since [`Self::watch`], which ends with this.
    pub fn take_watched(&mut self) -> Vec<Watched> {
        self.watched.take().unwrap_or_default()
    }

    #[inline]
    fn note(&mut self, metric: Metric, key: Key, sample: Sample) {
        if let Some(watched) = &mut self.watched {
            watched.push(Watched { metric, key, sample });
        }
    }

    /// A sample of a trend, in the metric's unit.
    #[inline]
    pub fn record(&mut self, metric: Metric, key: Key, value: f64) {
        self.note(metric, key, Sample::Value(value));
        let at = self.find(metric, key, Kind::Trend);
        let cell = &mut self.trends[at];
        let whole = cell.whole.record(value);
        cell.now.add(whole);
    }

    /// A right-censored sample of a trend, given up after `waited` in the metric's unit: it ranks beyond every value.
    pub fn record_censored(&mut self, metric: Metric, key: Key, waited: f64) {
        self.note(metric, key, Sample::Censored(waited));
        let at = self.find(metric, key, Kind::Trend);
        let cell = &mut self.trends[at];
        let bucket = cell.whole.censor(waited);
        cell.now.censor(bucket);
    }

    /// Adds `n` to a counter. Adding 0 says that it was watched.
    #[inline]
    pub fn count(&mut self, metric: Metric, key: Key, n: u64) {
        self.note(metric, key, Sample::Count(n));
        let at = self.find(metric, key, Kind::Counter);
        self.counters[at].whole += n;
        self.counters[at].now += n;
    }

    /// Adds to both parts of a ratio, whole numbers of whatever it is a ratio of (packets, microseconds).
    #[inline]
    pub fn ratio(&mut self, metric: Metric, key: Key, numerator: u64, denominator: u64) {
        self.note(metric, key, Sample::Share(numerator, denominator));
        let at = self.find(metric, key, Kind::Ratio);
        let more = Ratio { numerator, denominator };
        self.ratios[at].whole.merge(more);
        self.ratios[at].now.merge(more);
    }

    /// A sample of a gauge, in the metric's unit.
    pub fn gauge(&mut self, metric: Metric, key: Key, value: f64) {
        let at = self.find(metric, key, Kind::Gauge);
        let unit = metric.spec().unit;
        self.gauges[at].whole.record(unit, value, self.taken);
        self.gauges[at].now.record(unit, value, self.taken);
    }

    /// What was added since the last call, as interval `index`.
    pub fn take_interval(&mut self, index: u32) -> Interval {
        let mut interval = Interval { index, length: self.interval, ..Interval::default() };
        let added = &mut interval.added;
        for cell in &mut self.trends {
            added.extend(cell.now.take().map(|increment| ((cell.metric, cell.key), increment)));
        }
        for cell in self.counters.iter_mut().filter(|cell| cell.now > 0) {
            added.insert((cell.metric, cell.key), Increment::Counter(std::mem::take(&mut cell.now)));
        }
        for cell in self.ratios.iter_mut().filter(|cell| cell.now != Ratio::default()) {
            added.insert((cell.metric, cell.key), Increment::Ratio(std::mem::take(&mut cell.now)));
        }
        for cell in self.gauges.iter_mut().filter(|cell| cell.now.count > 0) {
            added.insert((cell.metric, cell.key), Increment::Gauge(std::mem::take(&mut cell.now)));
        }
        self.taken = index + 1;
        interval
    }

    /// Everything since the start.
    #[must_use]
    pub fn finish(self) -> Recorded {
        let mut recorded = Recorded::default();
        for cell in self.trends {
            recorded.insert(cell.metric, cell.key, Measure::Trend(Box::new(cell.whole)));
        }
        for cell in self.counters {
            recorded.insert(cell.metric, cell.key, Measure::Counter(cell.whole));
        }
        for cell in self.ratios {
            recorded.insert(cell.metric, cell.key, Measure::Ratio(cell.whole));
        }
        for cell in self.gauges {
            recorded.insert(cell.metric, cell.key, Measure::Gauge(cell.whole));
        }
        recorded
    }

    /// The index of a metric's cell under a key, opened if need be.
    #[inline]
    fn find(&mut self, metric: Metric, key: Key, kind: Kind) -> usize {
        let spec = metric.spec();
        assert!(spec.kind == kind, "{} is a {}, not a {}", spec.name, spec.kind.name(), kind.name());
        let place = self.place(key);
        let row = self.places.get(place).copied().unwrap_or(NONE);
        if row != NONE {
            let at = self.rows[row as usize][metric as usize];
            if at != NONE {
                return at as usize;
            }
        }
        self.open(metric, key, place)
    }

    #[inline]
    fn place(&self, key: Key) -> usize {
        let index = |of: Option<u16>, size: usize| {
            let index = of.map_or(0, |i| usize::from(i) + 1);
            debug_assert!(index <= size, "{key:?} is beyond the plan");
            index
        };
        let mut place = index(key.population, self.populations);
        place = place * (self.networks + 1) + index(key.network, self.networks);
        place = place * (self.media + 1) + index(key.media, self.media);
        let place = (place * PHASES + key.phase as usize) * 2 + usize::from(key.rejoin);
        place + self.plain * key.spell.map_or(0, |spell| spell.index() + 1)
    }

    #[cold]
    fn open(&mut self, metric: Metric, key: Key, place: usize) -> usize {
        if self.places.len() <= place {
            self.places.resize(place + 1, NONE);
        }
        if self.places[place] == NONE {
            self.places[place] = self.rows.len() as u32;
            self.rows.push([NONE; Metric::COUNT]);
        }
        let unit = metric.spec().unit;
        let at = match metric.spec().kind {
            Kind::Trend => push(&mut self.trends, metric, key, Histogram::new(unit)),
            Kind::Counter => push(&mut self.counters, metric, key, 0),
            Kind::Ratio => push(&mut self.ratios, metric, key, Ratio::default()),
            Kind::Gauge => push(&mut self.gauges, metric, key, Gauge::default()),
        };
        self.rows[self.places[place] as usize][metric as usize] = at as u32;
        at
    }
}

const PHASES: usize = RunPhase::Cooldown as usize + 1;

fn push<W, N: Default>(cells: &mut Vec<Cell<W, N>>, metric: Metric, key: Key, whole: W) -> usize {
    cells.push(Cell { metric, key, whole, now: N::default() });
    cells.len() - 1
}

#[cfg(test)]
mod tests;
