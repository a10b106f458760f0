//! Simulcast layers (RFC 8853): their sizes and bitrates, and which of them a target affords.
//!
//! Where a scenario gives no bitrate, a layer has the one that libwebrtc gives a picture of its size (`simulcast.cc`,
//! between two sizes in proportion to the pixels). [`Allocator`] shares a target among them as libwebrtc's
//! `SimulcastRateAllocator` does: from the lowest up each gets its own bitrate, the last one what is left, and one that
//! cannot have its least is dropped with all above it. The lowest always has its least.

use crate::units::Bitrate;

/// The most layers of one video, as in libwebrtc.
pub const MAX_LAYERS: usize = 3;
/// A layer that was dropped comes back when a target affords this many hundredths of its least.
const HYSTERESIS: u64 = 120;

/// One layer, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPlan {
    /// Its name (RFC 8851).
    pub rid: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The bitrate that it is sent with where there is enough.
    pub bitrate: Bitrate,
    /// The least that it is sent with.
    pub least: Bitrate,
}

/// What libwebrtc gives a picture of so many pixels, in kbit/s: pixels, target, least.
const TABLE: [(u64, u64, u64); 7] = [
    (0, 150, 30),
    (320 * 180, 150, 30),
    (480 * 270, 350, 150),
    (640 * 360, 500, 150),
    (960 * 540, 1_200, 350),
    (1_280 * 720, 2_500, 600),
    (1_920 * 1_080, 4_000, 800),
];

/// The usual bitrate of a layer of this size, and the least that it is worth sending with.
#[must_use]
pub fn usual_bitrates(width: u32, height: u32) -> (Bitrate, Bitrate) {
    let pixels = u64::from(width) * u64::from(height);
    let above = TABLE.iter().position(|(of, ..)| *of > pixels);
    let Some(above) = above else {
        let (_, target, least) = TABLE[TABLE.len() - 1];
        return (Bitrate::from_kbps(target), Bitrate::from_kbps(least));
    };
    let ((low, low_target, low_least), (high, high_target, high_least)) = (TABLE[above - 1], TABLE[above]);
    let between = |from: u64, to: u64| Bitrate((from * (high - pixels) + to * (pixels - low)) * 1_000 / (high - low));
    (between(low_target, high_target), between(low_least, high_least))
}

/// Shares a target among the layers of one video.
#[derive(Clone, Debug)]
pub struct Allocator {
    /// Bitrate and least of each, from the lowest up.
    layers: Vec<(Bitrate, Bitrate)>,
    /// Which were sent last; empty before the first time.
    sent: Vec<bool>,
}

impl Allocator {
    /// For these layers, the lowest first.
    #[must_use]
    pub fn new(layers: &[LayerPlan]) -> Self {
        Self { layers: layers.iter().map(|layer| (layer.bitrate, layer.least)).collect(), sent: Vec::new() }
    }

    /// What all of them take together.
    #[must_use]
    pub fn sum(&self) -> Bitrate {
        Bitrate(self.layers.iter().map(|(bitrate, _)| bitrate.bps()).sum())
    }

    /// Which layers were sent last, from the lowest up; empty before the first time, when all are.
    #[must_use]
    pub fn sent(&self) -> &[bool] {
        &self.sent
    }

    /// What each layer gets of `target`, `None` for one that is not sent. `wanted` says which somebody takes.
    pub fn allot(&mut self, target: Bitrate, wanted: &[bool]) -> Vec<Option<Bitrate>> {
        let is_wanted = |index: usize| wanted.get(index).copied().unwrap_or(true);
        let mut left = target.bps();
        let mut rates = vec![None; self.layers.len()];
        let mut is_first = true;
        for (index, &(bitrate, least)) in self.layers.iter().enumerate().filter(|(index, _)| is_wanted(*index)) {
            let known = self.sent.get(index).copied().unwrap_or(true);
            let needed = if known { least.bps() } else { (least.bps() * HYSTERESIS / 100).min(bitrate.bps()) };
            if is_first {
                left = left.max(least.bps());
            } else if left < needed {
                break;
            }
            is_first = false;
            let rate = left.min(bitrate.bps());
            left -= rate;
            rates[index] = Some(Bitrate(rate));
        }
        self.sent = rates.iter().map(Option::is_some).collect();
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Vec<LayerPlan> {
        let sizes = [("q", 320, 180), ("h", 640, 360), ("f", 1_280, 720)];
        let plan = |(rid, width, height): (&str, u32, u32)| {
            let (bitrate, least) = usual_bitrates(width, height);
            LayerPlan { rid: rid.to_owned(), width, height, bitrate, least }
        };
        sizes.into_iter().map(plan).collect()
    }

    fn kbps(rates: &[Option<Bitrate>]) -> Vec<u64> {
        rates.iter().map(|rate| rate.map_or(0, |rate| rate.bps() / 1_000)).collect()
    }

    #[test]
    fn sizes_have_the_bitrates_of_the_table_and_proportionate_ones_between() {
        let both = |width, height| {
            let (bitrate, least) = usual_bitrates(width, height);
            (bitrate.bps() / 1_000, least.bps() / 1_000)
        };
        assert_eq!(both(1_280, 720), (2_500, 600));
        assert_eq!(both(3_840, 2_160), (4_000, 800));
        assert_eq!(both(16, 16), (150, 30));
        // 600 × 338 is 0.73 of the way from 480 × 270 to 640 × 360.
        assert_eq!(both(600, 338), (458, 150));
    }

    #[test]
    fn layers_are_dropped_from_the_top_and_the_last_gets_what_is_left() {
        let mut allocator = Allocator::new(&layers());
        assert_eq!(allocator.sum(), Bitrate::from_kbps(3_150));
        let mut allot = |target| kbps(&allocator.allot(Bitrate::from_kbps(target), &[true; 3]));
        assert_eq!(allot(9_000), [150, 500, 2_500]);
        assert_eq!(allot(2_000), [150, 500, 1_350]);
        assert_eq!(allot(1_250), [150, 500, 600]);
        assert_eq!(allot(1_249), [150, 500, 0]);
        assert_eq!(allot(400), [150, 250, 0]);
        assert_eq!(allot(299), [150, 0, 0]);
        assert_eq!(allot(1), [30, 0, 0], "the lowest is never dropped");
    }

    #[test]
    fn one_that_was_dropped_comes_back_a_fifth_later() {
        let mut allocator = Allocator::new(&layers());
        let mut allot = |target| kbps(&allocator.allot(Bitrate::from_kbps(target), &[true; 3]))[2];
        assert_eq!(allot(1_250), 600, "at first there is nothing to come back");
        assert_eq!([allot(1_200), allot(1_300), allot(1_369), allot(1_370), allot(1_250)], [0, 0, 0, 720, 600]);
    }

    #[test]
    fn what_nobody_takes_costs_nothing() {
        let mut allocator = Allocator::new(&layers());
        let mut allot = |wanted: [bool; 3]| kbps(&allocator.allot(Bitrate::from_kbps(2_000), &wanted));
        assert_eq!(allot([true, false, true]), [150, 0, 1_850]);
        assert_eq!(allot([true, false, false]), [150, 0, 0]);
        assert_eq!(allot([false, false, false]), [0, 0, 0]);
    }
}
