//! What happened on a stream in one second, and in its window: counts and pairs of counts, each of one metric.
//!
//! A second is handed out as outputs by the first packet or timeout after it, so nothing that happened before a whole second
//! is counted after it, and thousands of streams do not all speak at once.

use super::output::{Output, Scalar};
use crate::clock::Instant;
use crate::metrics::catalog::Metric;
use std::collections::VecDeque;

/// The counters, in the order of their outputs.
const COUNTERS: [Metric; 28] = [
    Metric::RtpPacketsReceived,
    Metric::RtpBytesReceived,
    Metric::RtpDup,
    Metric::RtpNackSent,
    Metric::RtpRtxReceived,
    Metric::RtpPliSent,
    Metric::RtpFirSent,
    Metric::AudioRecovered,
    Metric::VideoFramesReceived,
    Metric::VideoFramesDecodable,
    Metric::VideoFramesUndecodable,
    Metric::VideoKeyframes,
    Metric::VideoFreezeCount,
    Metric::VideoPauseCount,
    Metric::VideoKeyframesMissed,
    Metric::VideoLayerSwitch,
    Metric::VideoBlack,
    Metric::IntegrityMisroute,
    Metric::IntegrityTornFrames,
    Metric::IntegrityStampCrc,
    Metric::IntegrityPayloadCrc,
    Metric::IntegrityTsBackwards,
    Metric::IntegrityPidGap,
    Metric::IntegrityTl0Gap,
    Metric::IntegrityLayerStart,
    Metric::IntegritySeqJump,
    Metric::IntegrityRed,
    Metric::IntegrityDescriptor,
];

/// The ratios.
const RATIOS: [Metric; 7] = [
    Metric::RtpLossNet,
    Metric::RtpLossResidual,
    Metric::RtpLossLate,
    Metric::RtpReorder,
    Metric::AudioConcealedRatio,
    Metric::VideoFreezeRatio,
    Metric::VideoResolutionTime,
];

/// The trends of which a window keeps the mean.
const MEANS: [Metric; 9] = [
    Metric::RtpJitter,
    Metric::DelayTransport,
    Metric::DelayFrame,
    Metric::DelayE2e,
    Metric::SyncAvSkew,
    Metric::SfuForwardDelay,
    Metric::VideoFps,
    Metric::VideoLayerDistance,
    Metric::AudioMosEst,
];

const fn index<const N: usize>(metrics: &[Metric; N], metric: Metric) -> usize {
    let mut at = 0;
    while at < N {
        if metrics[at] as u8 == metric as u8 {
            return at;
        }
        at += 1;
    }
    panic!("a metric that is not tallied")
}

const fn places<const N: usize>(metrics: &[Metric; N]) -> [u8; Metric::COUNT] {
    let mut places = [u8::MAX; Metric::COUNT];
    let mut at = 0;
    while at < N {
        places[metrics[at] as usize] = index(metrics, metrics[at]) as u8;
        at += 1;
    }
    places
}

static COUNTER_AT: [u8; Metric::COUNT] = places(&COUNTERS);
static RATIO_AT: [u8; Metric::COUNT] = places(&RATIOS);
static MEAN_AT: [u8; Metric::COUNT] = places(&MEANS);

/// Counts of a stream: of the second that is open, and of the window.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    second: [u32; COUNTERS.len()],
    second_ratios: [(u64, u64); RATIOS.len()],
    window: [u64; COUNTERS.len()],
    window_ratios: [(u64, u64); RATIOS.len()],
    window_means: [(f64, u32); MEANS.len()],
}

impl Tally {
    /// Counts `n` more; `metric` must be one of the counters above.
    pub fn count(&mut self, metric: Metric, n: u32) {
        self.second[usize::from(COUNTER_AT[metric as usize])] += n;
    }

    /// Adds to a ratio; `metric` must be one of the ratios above.
    pub fn add(&mut self, metric: Metric, numerator: u64, denominator: u64) {
        let (part, whole) = &mut self.second_ratios[usize::from(RATIO_AT[metric as usize])];
        *part += numerator;
        *whole += denominator;
    }

    /// Notes a sample for the window's mean, where one is kept.
    pub fn note(&mut self, metric: Metric, value: f64) {
        if let Some((sum, count)) = self.window_means.get_mut(usize::from(MEAN_AT[metric as usize])) {
            *sum += value;
            *count += 1;
        }
    }

    /// Hands out the open second.
    pub fn flush(&mut self, due: Instant, out: &mut VecDeque<Output>) {
        for (at, &metric) in COUNTERS.iter().enumerate() {
            let n = u64::from(std::mem::take(&mut self.second[at]));
            if n > 0 {
                self.window[at] += n;
                out.push_back(Output::Count { metric, due, n });
            }
        }
        for (at, &metric) in RATIOS.iter().enumerate() {
            let (numerator, denominator) = std::mem::take(&mut self.second_ratios[at]);
            if numerator > 0 || denominator > 0 {
                let (part, whole) = &mut self.window_ratios[at];
                (*part, *whole) = (*part + numerator, *whole + denominator);
                out.push_back(Output::Ratio { metric, due, numerator, denominator });
            }
        }
    }

    /// Begins the window anew.
    pub fn begin_window(&mut self) {
        self.window = Default::default();
        self.window_ratios = Default::default();
        self.window_means = Default::default();
    }

    /// The window's totals: counters that are not zero, ratios of something, means of something.
    pub fn scalars(&self) -> impl Iterator<Item = (Metric, Scalar)> {
        let counts = COUNTERS.into_iter().zip(self.window).filter(|&(_, n)| n > 0);
        let ratios = RATIOS.into_iter().zip(self.window_ratios).filter(|&(_, (_, whole))| whole > 0);
        let means = MEANS.into_iter().zip(self.window_means).filter(|&(_, (_, count))| count > 0);
        counts
            .map(|(metric, n)| (metric, Scalar::Value(n as f64)))
            .chain(ratios.map(|(metric, (part, whole))| (metric, Scalar::Share(part, whole))))
            .chain(means.map(|(metric, (sum, count))| (metric, Scalar::Value(sum / f64::from(count)))))
    }
}
