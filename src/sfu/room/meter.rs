//! How many bits a second a layer takes, by temporal layer.

use crate::clock::{Duration, Instant};
use crate::units::Bitrate;

/// The shortest time that a rate is taken over.
const WINDOW: Duration = Duration::from_millis(500);
/// Temporal layers that are told apart.
const TEMPORAL: usize = 4;

/// The rate of one layer of a track.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    since: Option<Instant>,
    bytes: [u64; TEMPORAL],
    /// Bits a second, each temporal layer for itself; `None` before the first window is over.
    rates: Option<[u64; TEMPORAL]>,
}

impl Meter {
    /// A packet came.
    pub fn note(&mut self, at: Instant, temporal: u8, bytes: u32) {
        self.since.get_or_insert(at);
        self.bytes[usize::from(temporal).min(TEMPORAL - 1)] += u64::from(bytes);
    }

    /// Ends the window where it is long enough: half of the new rate is that of the window, half what it was.
    pub fn tick(&mut self, now: Instant) {
        let Some(since) = self.since.filter(|since| now.saturating_since(*since) >= WINDOW) else { return };
        let micros = now.saturating_since(since).as_micros() as u64;
        let fresh = std::mem::take(&mut self.bytes).map(|bytes| bytes * 8_000_000 / micros);
        let mut rates = self.rates.unwrap_or(fresh);
        rates.iter_mut().zip(fresh).for_each(|(rate, fresh)| *rate = (*rate + fresh) / 2);
        self.rates = Some(rates);
        self.since = Some(now);
    }

    /// The layer has stopped: a rate of nothing is not its rate, and what it was before is what it will be.
    pub fn stop(&mut self) {
        (self.since, self.bytes) = (None, [0; TEMPORAL]);
    }

    /// What temporal layers up to this one take together; `None` while nothing is known.
    pub fn up_to(&self, temporal: u8) -> Option<Bitrate> {
        let rates = self.rates?;
        Some(Bitrate(rates[..=usize::from(temporal).min(TEMPORAL - 1)].iter().sum()))
    }

    /// The highest temporal layer that was seen in the last windows.
    pub fn top(&self) -> u8 {
        let rates = self.rates.unwrap_or_default();
        rates.iter().rposition(|rate| *rate > 0).unwrap_or(0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_temporal_layers_apart_and_follows_within_seconds() {
        let mut meter = Meter::default();
        assert_eq!((meter.up_to(3), meter.top()), (None, 0));
        for millis in 0..4_000 {
            // 80 kbit/s of the base; 160 kbit/s of the second layer, which ends after two seconds.
            meter.note(Instant::from_millis(millis), 0, 10);
            meter.note(Instant::from_millis(millis), 1, if millis < 2_000 { 20 } else { 0 });
            meter.tick(Instant::from_millis(millis));
            if millis == 1_999 {
                let both = meter.up_to(1).expect("known").bps();
                assert!((235_000..245_000).contains(&both) && meter.top() == 1, "{both}");
            }
        }
        let (base, both) = (meter.up_to(0).expect("known").bps(), meter.up_to(3).expect("known").bps());
        assert!((78_000..82_000).contains(&base) && both < base + 25_000, "{base} {both}");
        meter.stop();
        meter.tick(Instant::from_secs(60));
        assert_eq!(meter.up_to(0).map(|rate| rate.bps()), Some(base), "a pause is not its rate");
    }
}
