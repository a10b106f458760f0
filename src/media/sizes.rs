//! Sizes of encoded frames: the statistical model of RFC 8593 §6.
//!
//! A frame's size is the mean frame (target rate / frame rate) plus Laplace noise; a keyframe is a given multiple of the
//! mean. What a frame took above the mean is owed and repaid by the frames after it, an eighth of the debt each: RFC
//! 8593's transient lasts eight frames too (K_d). So bursts are short and the long-run rate is the target.
//! Simplified against the RFC: a new target holds from the next frame on (no reaction latency drawn), and it brings no
//! 13.5 kB burst, because WebRTC's encoders send no keyframe when their rate changes. The debt is kept in mean frames,
//! so a drop of the rate is not followed by seconds of starving for what was owed at the old one.

use super::source::FrameModel;
use crate::dist;
use crate::seed::ChaCha8Rng;

const REPAY: f64 = 1.0 / 8.0;
/// No frame is smaller than this part of the mean: an encoder does not starve a picture, it repays more slowly.
const SMALLEST: f64 = 0.25;

/// The sizes of one encoder's frames.
pub(super) struct Sizes {
    model: FrameModel,
    rng: ChaCha8Rng,
    owed: f64,
}

impl Sizes {
    pub(super) fn new(model: FrameModel, rng: ChaCha8Rng) -> Self {
        Self { model, rng, owed: 0.0 }
    }

    /// Bytes that the next picture should take, where the mean one takes `mean` and one in its place of the pattern
    /// `weight` times that.
    pub(super) fn next(&mut self, mean: f64, weight: f64, keyframe: bool) -> usize {
        let nominal = if keyframe { self.model.key_ratio } else { weight };
        let relative = nominal + dist::laplace(&mut self.rng, self.model.noise) - self.owed * REPAY;
        (relative.max(SMALLEST) * mean).round() as usize
    }

    /// Notes what the picture took in the end, packet headers included.
    pub(super) fn spend(&mut self, mean: f64, weight: f64, bytes: usize) {
        self.owed += bytes as f64 / mean - weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn run(model: FrameModel, frames: usize, key_every: usize) -> Vec<usize> {
        let mut sizes = Sizes::new(model, Seed::new(3).rng());
        (0..frames)
            .map(|frame| {
                let bytes = sizes.next(1_000.0, 1.0, frame % key_every == 0);
                sizes.spend(1_000.0, 1.0, bytes);
                bytes
            })
            .collect()
    }

    #[test]
    fn frames_without_noise_are_all_the_mean_and_a_keyframe_is_its_multiple() {
        assert!(run(FrameModel { noise: 0.0, key_ratio: 1.0 }, 50, 10).iter().all(|bytes| *bytes == 1_000));
        let bytes = run(FrameModel { noise: 0.0, key_ratio: 6.0 }, 100, 50);
        assert_eq!(bytes[0], 6_000);
        assert!((5_950..=6_000).contains(&bytes[50]), "the first one's debt is repaid: {}", bytes[50]);
        assert!(bytes[1] < 500 && bytes[40] > 950);
    }

    #[test]
    fn the_mean_holds_whatever_the_keyframes_and_the_noise() {
        for (noise, key_ratio, key_every) in [(0.15, 6.0, 300), (0.15, 12.0, 9), (0.15, 6.0, 1), (1.5, 3.0, 30)] {
            let bytes = run(FrameModel { noise, key_ratio }, 3_000, key_every);
            let mean = bytes.iter().sum::<usize>() as f64 / bytes.len() as f64;
            assert!((mean / 1_000.0 - 1.0).abs() < 0.02, "{noise} {key_ratio} {key_every}: {mean}");
        }
    }

    #[test]
    fn noise_has_the_scale_of_its_model() {
        // A Laplace draw is on average one scale away from its centre.
        let bytes = run(FrameModel { noise: 0.15, key_ratio: 1.0 }, 10_000, 1);
        let away = bytes.iter().map(|bytes| (*bytes as f64 - 1_000.0).abs()).sum::<f64>() / bytes.len() as f64;
        assert!((140.0..175.0).contains(&away), "{away}");
    }
}
