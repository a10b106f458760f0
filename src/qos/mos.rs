//! The E-model of ITU-T G.107 on the narrow-band scale, for one figure of audio quality: an uncalibrated estimate.
//!
//! `R = 93.2 − Idd − Ie,eff` with `Ie,eff = Ie + (95 − Ie)·Ppl/(Ppl/BurstR + Bpl)` and the delay term of G.107
//! (not Cole–Rosenbluth's, which is harsher). No ITU table gives Opus' Ie and Bpl; Ie 0 and Bpl 10 are what public tools
//! use for Opus without in-band FEC. Loss is residual loss as played, late packets among it.

use crate::clock::Duration;

/// Equipment impairment of the codec without loss.
pub const IE: f64 = 0.0;
/// Robustness of the codec's concealment, in per cent of random loss.
pub const BPL: f64 = 10.0;
/// Sound that is in the packet when the packet is due, and Opus' own look-ahead (RFC 6716 §2.1.4.2: 6.5 ms).
pub const PACKET_AND_LOOKAHEAD: Duration = Duration::from_micros(26_500);

/// The opinion score, 1..=4.5, of sound that arrives `mouth_to_ear` later with `loss` (0..=1) of it concealed.
///
/// `burst_ratio` is the mean length of a burst of loss over that of random loss, 1 when loss is random.
#[must_use]
pub fn estimate(mouth_to_ear: Duration, loss: f64, burst_ratio: f64) -> f64 {
    let percent = loss * 100.0;
    let equipment = IE + (95.0 - IE) * percent / (percent / burst_ratio + BPL);
    score(93.2 - delay_impairment(mouth_to_ear) - equipment)
}

/// The burst ratio of `lost` units in `bursts` among `all`; at least 1, as shorter bursts than random ones are luck.
#[must_use]
pub fn burst_ratio(lost: u64, bursts: u64, all: u64) -> f64 {
    if bursts == 0 || all == 0 {
        return 1.0;
    }
    let random_mean = 1.0 / (1.0 - lost.min(all - 1) as f64 / all as f64);
    (lost as f64 / bursts as f64 / random_mean).max(1.0)
}

/// Idd of G.107 for an absolute one-way delay Ta.
fn delay_impairment(delay: Duration) -> f64 {
    let millis = delay.as_secs_f64() * 1e3;
    if millis <= 100.0 {
        return 0.0;
    }
    let x = libm::log2(millis / 100.0);
    let root = |v: f64| libm::pow(1.0 + libm::pow(v, 6.0), 1.0 / 6.0);
    25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
}

fn score(r: f64) -> f64 {
    match r {
        r if r <= 0.0 => 1.0,
        r if r >= 100.0 => 4.5,
        // The polynomial dips below 1 for R under 6.5, where G.107 says 1.
        r => (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_gives_the_published_scores() {
        let published = [(0.0, 4.41), (0.01, 4.18), (0.02, 3.92), (0.05, 3.18), (0.10, 2.35), (0.20, 1.60)];
        for (loss, mos) in published {
            let estimate = estimate(Duration::from_millis(80), loss, 1.0);
            assert!((estimate - mos).abs() < 0.006, "{loss}: {estimate}");
        }
    }

    #[test]
    fn delay_gives_the_published_impairment() {
        for (millis, idd) in [(100, 0.0), (150, 0.2), (200, 3.0), (300, 14.8), (400, 24.1), (600, 35.3)] {
            let ours = delay_impairment(Duration::from_millis(millis));
            assert!((ours - idd).abs() < 0.06, "{millis}: {ours}");
        }
    }

    #[test]
    fn bursts_are_worse_than_the_same_loss_spread_out() {
        assert!((burst_ratio(10, 10, 1_000) - 1.0).abs() < 1e-9);
        assert!((burst_ratio(10, 2, 1_000) - 4.95).abs() < 1e-9);
        let delay = Duration::from_millis(50);
        assert!(estimate(delay, 0.05, 4.0) < estimate(delay, 0.05, 1.0));
        assert!(estimate(delay, 1.0, 1.0) >= 1.0);
        assert!(burst_ratio(10, 1, 10).is_finite());
    }
}
