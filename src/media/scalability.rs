//! Scalability modes by their W3C names, and the pattern of frames that an encoder makes in each.
//!
//! Pictures follow one another in a fixed cycle of temporal layers: `0`, `0 1`, or `0 2 1 2`. A picture of the base layer
//! refers to the base picture before it, one of layer 1 to the base, one of layer 2 to the picture before it. A spatial
//! layer refers to its own past in the same way, and to the next lower layer of its picture: always, or in `_KEY` modes
//! in keyframes only. Sizes halve from layer to layer. Rates are split as libwebrtc's allocators split them.

use std::fmt;

/// What a lower spatial layer gets of the rate of the next higher one.
const SPATIAL_RATE: f64 = 0.55;
/// The most layers of either kind.
pub const MOST: u8 = 3;
/// The temporal layers of a cycle of pictures, how many pictures back each refers, and its size beside the mean: the base
/// of two layers takes 60 % of the rate, three share it 40, 20 and 40 %.
const CYCLES: [&[(u8, u8, f64)]; 3] =
    [&[(0, 1, 1.0)], &[(0, 2, 1.2), (1, 1, 0.8)], &[(0, 4, 1.6), (2, 1, 0.8), (1, 2, 0.8), (2, 1, 0.8)]];

/// A scalability mode (W3C WebRTC-SVC §6): `L1T1` to `L3T3`, and `_KEY` with more than one spatial layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scalability {
    /// Spatial layers, 1..=3.
    pub spatial: u8,
    /// Temporal layers, 1..=3.
    pub temporal: u8,
    /// Spatial layers refer to one another in keyframes only.
    pub keyed: bool,
}

/// One frame of a picture: its spatial layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unit {
    /// Its picture is a keyframe.
    pub keyframe: bool,
    /// Its spatial layer.
    pub spatial: u8,
    /// Its temporal layer.
    pub temporal: u8,
    /// How many pictures back it refers; `None` in a keyframe.
    pub distance: Option<u8>,
    /// The picture that it refers to is one of the base layer.
    pub refers_to_base: bool,
    /// It refers to the next lower spatial layer of its picture.
    pub inter_layer: bool,
    /// The next higher spatial layer of its picture refers to it.
    pub for_upper: bool,
    /// It is the highest spatial layer.
    pub top: bool,
}

impl Default for Scalability {
    fn default() -> Self {
        Self::NONE
    }
}

impl Scalability {
    /// One layer.
    pub const NONE: Self = Self { spatial: 1, temporal: 1, keyed: false };

    /// The mode of this name; `None` where there is none or it has more than three layers of a kind.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let (layers, keyed) = name.strip_suffix("_KEY").map_or((name, false), |layers| (layers, true));
        let [b'L', spatial, b'T', temporal] = *layers.as_bytes() else { return None };
        let count = |digit: u8| Some(digit.wrapping_sub(b'0')).filter(|count| (1..=MOST).contains(count));
        let mode = Self { spatial: count(spatial)?, temporal: count(temporal)?, keyed };
        (!keyed || mode.spatial > 1).then_some(mode)
    }

    /// Every mode.
    pub fn all() -> impl Iterator<Item = Self> {
        let layers = (1..=MOST).flat_map(|spatial| (1..=MOST).map(move |temporal| (spatial, temporal)));
        let both = layers
            .flat_map(|(spatial, temporal)| [false, true].map(|keyed| Self { spatial, temporal, keyed }).into_iter());
        both.filter(|mode| !mode.keyed || mode.spatial > 1)
    }

    /// The frames of the `index`th picture since the last keyframe, which is 0.
    pub(super) fn units(self, index: u32) -> impl Iterator<Item = Unit> {
        let (temporal, distance, _) = self.step(index);
        let keyframe = index == 0;
        let linked = keyframe || !self.keyed;
        let refers_to_base = !keyframe && self.step(index.saturating_sub(u32::from(distance))).0 == 0;
        (0..self.spatial).map(move |spatial| Unit {
            keyframe,
            spatial,
            temporal,
            distance: (!keyframe).then_some(distance),
            refers_to_base,
            inter_layer: linked && spatial > 0,
            for_upper: linked && spatial + 1 < self.spatial,
            top: spatial + 1 == self.spatial,
        })
    }

    /// The size of the `index`th picture since the last keyframe beside the mean picture; keyframes have one of their own.
    pub(super) fn weight(self, index: u32) -> f64 {
        self.step(index).2
    }

    /// What a spatial layer gets of the rate.
    #[must_use]
    pub fn share(self, spatial: u8) -> f64 {
        let weight = |layer: u8| (layer + 1..self.spatial).fold(1.0, |weight, _| weight * SPATIAL_RATE);
        weight(spatial) / (0..self.spatial).map(weight).sum::<f64>()
    }

    /// The smallest frame beside the mean picture, noise and debts aside.
    pub(super) fn smallest(self) -> f64 {
        let cycle = CYCLES[usize::from(self.temporal) - 1];
        self.share(0) * cycle.iter().fold(1.0, |least: f64, (.., weight)| least.min(*weight))
    }

    /// The size of a spatial layer whose highest is `full` pixels wide or high.
    #[must_use]
    pub fn scaled(self, spatial: u8, full: u32) -> u32 {
        (full >> (self.spatial - 1 - spatial)).max(1)
    }

    /// The pictures of one cycle: temporal layer and how many pictures back each refers.
    pub(super) fn pattern(self) -> impl Iterator<Item = (u8, u8)> {
        CYCLES[usize::from(self.temporal) - 1].iter().map(|(temporal, distance, _)| (*temporal, *distance))
    }

    fn step(self, index: u32) -> (u8, u8, f64) {
        let cycle = CYCLES[usize::from(self.temporal) - 1];
        cycle[index as usize % cycle.len()]
    }
}

impl fmt::Display for Scalability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}T{}{}", self.spatial, self.temporal, if self.keyed { "_KEY" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_their_w3c_names() {
        let names: Vec<String> = Scalability::all().map(|mode| mode.to_string()).collect();
        assert_eq!(names.len(), 15);
        for name in &names {
            assert_eq!(Scalability::from_name(name).unwrap().to_string(), *name);
        }
        for wrong in ["", "L1", "L0T1", "L4T1", "L1T4", "L1T1_KEY", "L2T2_KEY_SHIFT", "l1t1", "L10T1", "L2T1h"] {
            assert_eq!(Scalability::from_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_frame_refers_to_frames_of_its_own_or_lower_layers_that_exist() {
        for mode in Scalability::all() {
            let temporal_of = |index: u32| mode.units(index).next().unwrap().temporal;
            for index in 0..24 {
                let units: Vec<Unit> = mode.units(index).collect();
                assert_eq!(units.len(), usize::from(mode.spatial));
                for unit in units {
                    let Some(distance) = unit.distance else {
                        assert_eq!((index, unit.temporal), (0, 0));
                        continue;
                    };
                    assert!(u32::from(distance) <= index, "{mode} {index}");
                    let referred = temporal_of(index - u32::from(distance));
                    assert!(referred < unit.temporal || unit.temporal == 0 && referred == 0, "{mode} {index}");
                    assert_eq!(unit.inter_layer, unit.spatial > 0 && !mode.keyed);
                }
            }
        }
    }

    #[test]
    fn shares_and_weights_make_the_whole() {
        for mode in Scalability::all() {
            let shares: f64 = (0..mode.spatial).map(|layer| mode.share(layer)).sum();
            let cycle = mode.pattern().count() as u32;
            let weights: f64 = (0..cycle).map(|index| mode.weight(index)).sum();
            assert!((shares - 1.0).abs() < 1e-12 && (weights / f64::from(cycle) - 1.0).abs() < 1e-12, "{mode}");
        }
        let mode = Scalability::from_name("L3T3").unwrap();
        assert!((mode.share(2) - 0.54).abs() < 0.001 && (mode.share(0) - 0.163).abs() < 0.001);
        assert_eq!((mode.scaled(0, 1_280), mode.scaled(2, 1_280)), (320, 1_280));
    }
}
