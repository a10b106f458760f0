//! How many bits a second arrive: sums over short windows, blended as far as each agrees with what was known (libwebrtc
//! `BitrateEstimator`).

/// The first window, and each one after it, in microseconds.
const FIRST_WINDOW: i64 = 500_000;
const WINDOW: i64 = 150_000;
/// How unsure a sample is, by its distance from the estimate; more so while the application sends too little for the path,
/// where rates go up and down by themselves.
const UNSURE: f64 = 10.0;
const UNSURE_LIMITED: f64 = 20.0;
/// Variance that the estimate gains from one window to the next, in (kbit/s)².
const DRIFT: f64 = 5.0;
/// Variance before anything is known.
const UNKNOWN: f64 = 50.0;
/// Variance from which on the estimate follows samples fast.
const FAST: f64 = 200.0;

/// The estimate of what is acknowledged.
#[derive(Debug)]
pub(super) struct Acknowledged {
    bytes: u64,
    window: i64,
    last: Option<i64>,
    /// In kbit/s.
    estimate: Option<f64>,
    variance: f64,
}

impl Acknowledged {
    pub const fn new() -> Self {
        Self { bytes: 0, window: 0, last: None, estimate: None, variance: UNKNOWN }
    }

    /// The estimate in bit/s.
    pub fn rate(&self) -> Option<f64> {
        self.estimate.map(|kbps| kbps * 1e3)
    }

    /// The rate is about to change by much: an application-limited time has ended.
    pub fn expect_change(&mut self) {
        self.variance += FAST;
    }

    /// A packet arrived at `at` (microseconds on the receiver's clock), in order of arrival.
    pub fn handle(&mut self, at: i64, bytes: u32, limited: bool) {
        let sample = self.advance(at);
        self.bytes += u64::from(bytes);
        let Some(sample) = sample else { return };
        let Some(estimate) = self.estimate else {
            self.estimate = Some(sample);
            return;
        };
        let scale = if limited && sample < estimate { UNSURE_LIMITED } else { UNSURE };
        let unsure = scale * (estimate - sample).abs() / estimate.max(1.0);
        let of_sample = unsure * unsure;
        let predicted = self.variance + DRIFT;
        self.estimate = Some(((of_sample * estimate + predicted * sample) / (of_sample + predicted)).max(0.0));
        self.variance = of_sample * predicted / (of_sample + predicted);
    }

    /// Lets the window go on to `at`; what arrived in it, in kbit/s, when it is full.
    fn advance(&mut self, at: i64) -> Option<f64> {
        let length = if self.estimate.is_some() { WINDOW } else { FIRST_WINDOW };
        let last = self.last.replace(at)?;
        if at < last {
            // The receiver's clock, or the order of the packets, has gone back.
            (self.window, self.bytes) = (0, 0);
            return None;
        }
        self.window += at - last;
        if at - last > length {
            self.bytes = 0;
            self.window %= length;
        }
        if self.window < length {
            return None;
        }
        self.window -= length;
        Some(std::mem::take(&mut self.bytes) as f64 * 8e3 / length as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The estimate after `seconds` of 1,200 bytes every `apart` microseconds.
    fn run(acknowledged: &mut Acknowledged, from: i64, seconds: i64, apart: i64) -> i64 {
        let mut at = from;
        while at < from + seconds * 1_000_000 {
            acknowledged.handle(at, 1_200, false);
            at += apart;
        }
        at
    }

    #[test]
    fn a_steady_rate_is_found_and_a_change_followed() {
        let mut acknowledged = Acknowledged::new();
        let at = run(&mut acknowledged, 0, 2, 9_600);
        let rate = acknowledged.rate().expect("known");
        assert!((950e3..1_050e3).contains(&rate), "{rate}");
        run(&mut acknowledged, at, 2, 19_200);
        let rate = acknowledged.rate().expect("known");
        assert!((475e3..550e3).contains(&rate), "{rate}");
    }

    #[test]
    fn nothing_is_known_before_half_a_second() {
        let mut acknowledged = Acknowledged::new();
        for at in 0..49 {
            acknowledged.handle(at * 10_000, 1_200, false);
            assert_eq!(acknowledged.rate(), None);
        }
    }
}
