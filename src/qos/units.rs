//! Frames that say themselves what they refer to: VP9 in its flexible mode or with a known group of pictures (RFC 9628),
//! and whatever carries a dependency descriptor.
//!
//! A unit is one spatial layer of a picture. It is decodable when every unit that it refers to was decoded, or stands
//! before it in its own picture; a picture when all of its units are, as a decoder is handed whole pictures.

use std::collections::VecDeque;

/// The most references that a unit names here; a frame that names more is judged by these.
const MAX_REFERENCES: usize = 8;
/// Numbers that are remembered: no reference reaches further back (127 pictures of 8 layers).
const WINDOW: i64 = 1_024;
/// Units of open pictures that are kept at most.
const OPEN: usize = 128;

/// A frame that says what it refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Its number as it was sent; larger ones come later in decoding order.
    pub number: u32,
    /// How many bits wide its sender keeps the number.
    pub bits: u32,
    /// It is of the temporal base layer.
    pub base: bool,
    references: [u16; MAX_REFERENCES],
    count: u8,
}

impl Unit {
    /// A unit that refers to nothing.
    #[must_use]
    pub const fn new(number: u32, bits: u32, base: bool) -> Self {
        Self { number, bits, base, references: [0; MAX_REFERENCES], count: 0 }
    }

    /// The same, referring to the unit so many numbers before it.
    pub fn refer(&mut self, distance: u16) {
        if let Some(place) = self.references.get_mut(usize::from(self.count)) {
            *place = distance;
            self.count += 1;
        }
    }

    fn references(&self) -> &[u16] {
        &self.references[..usize::from(self.count)]
    }
}

/// The units of one stream.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Those of pictures that are open, with the pictures' RTP times.
    open: VecDeque<(i64, Unit)>,
    decoded: Option<Box<Window>>,
}

impl Units {
    /// A unit of the picture of this RTP time is here; told again it changes nothing.
    pub fn handle_unit(&mut self, rtp_time: i64, unit: Unit) {
        let known = self.open.iter().any(|(of, other)| *of == rtp_time && other.number == unit.number);
        if !known {
            if self.open.len() == OPEN {
                self.open.pop_front();
            }
            self.open.push_back((rtp_time, unit));
            self.decoded.get_or_insert_default();
        }
    }

    /// Whether units of the stream were ever seen.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        self.decoded.is_some()
    }

    /// Whether the picture is of the temporal base layer; `None` where no unit of it is known.
    #[must_use]
    pub fn is_base(&self, rtp_time: i64) -> Option<bool> {
        let mut units = self.of(rtp_time);
        units.next().map(|unit| unit.base)
    }

    /// Whether the picture, all of whose packets are here, can be decoded now; `None` where no unit of it is known.
    #[must_use]
    pub fn allow(&self, rtp_time: i64) -> Option<bool> {
        let window = self.decoded.as_deref()?;
        let own = |number: i64| self.of(rtp_time).any(|unit| window.unwrapped(&unit) == number);
        let mut known = false;
        for unit in self.of(rtp_time) {
            known = true;
            let number = window.unwrapped(&unit);
            let mut referred = unit.references().iter().map(|distance| number - i64::from(*distance));
            if !referred.all(|number| window.holds(number) || own(number)) {
                return Some(false);
            }
        }
        known.then_some(true)
    }

    /// The picture was decoded; after a keyframe nothing refers to what came before it.
    pub fn handle_decoded(&mut self, rtp_time: i64, keyframe: bool) {
        let Some(window) = self.decoded.as_deref_mut() else { return };
        if keyframe && self.open.iter().any(|(of, _)| *of == rtp_time) {
            window.bits = [0; WINDOW as usize / 64];
        }
        for (_, unit) in self.open.iter().filter(|(of, _)| *of == rtp_time) {
            window.insert(window.unwrapped(unit));
        }
    }

    /// The picture left: its units are not asked for again.
    pub fn forget(&mut self, rtp_time: i64) {
        self.open.retain(|(of, _)| *of != rtp_time);
    }

    /// Bytes that it holds on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.open.capacity() * size_of::<(i64, Unit)>() + self.decoded.as_ref().map_or(0, |_| size_of::<Window>())
    }

    fn of(&self, rtp_time: i64) -> impl Iterator<Item = Unit> {
        self.open.iter().filter(move |(of, _)| *of == rtp_time).map(|(_, unit)| *unit)
    }
}

/// Which of the newest numbers were decoded.
#[derive(Clone, Debug)]
struct Window {
    newest: Option<i64>,
    bits: [u64; WINDOW as usize / 64],
}

impl Default for Window {
    fn default() -> Self {
        Self { newest: None, bits: [0; WINDOW as usize / 64] }
    }
}

impl Window {
    fn unwrapped(&self, unit: &Unit) -> i64 {
        let number = i64::from(unit.number);
        let Some(newest) = self.newest else { return number };
        let cycle = 1i64 << unit.bits.min(32);
        let ahead = (number - newest).rem_euclid(cycle);
        newest + if ahead < cycle / 2 { ahead } else { ahead - cycle }
    }

    fn holds(&self, number: i64) -> bool {
        let behind = self.newest.map_or(-1, |newest| newest - number);
        let (word, bit) = Self::place(number);
        (0..WINDOW).contains(&behind) && self.bits[word] >> bit & 1 == 1
    }

    fn insert(&mut self, number: i64) {
        let newest = self.newest.unwrap_or(number - 1);
        if number > newest {
            for passed in (newest + 1).max(number - WINDOW + 1)..=number {
                let (word, bit) = Self::place(passed);
                self.bits[word] &= !(1 << bit);
            }
        }
        self.newest = Some(newest.max(number));
        if newest - number < WINDOW {
            let (word, bit) = Self::place(number);
            self.bits[word] |= 1 << bit;
        }
    }

    const fn place(number: i64) -> (usize, u32) {
        let at = number.rem_euclid(WINDOW);
        ((at / 64) as usize, (at % 64) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(number: u32, references: &[u16]) -> Unit {
        let mut unit = Unit::new(number & 0xFFFF, 16, true);
        references.iter().for_each(|distance| unit.refer(*distance));
        unit
    }

    /// Takes a picture of these units; whether it could be decoded.
    fn decode(units: &mut Units, picture: i64, keyframe: bool, all: &[Unit]) -> bool {
        all.iter().for_each(|unit| units.handle_unit(picture, *unit));
        let allowed = units.allow(picture).expect("units were told");
        if allowed {
            units.handle_decoded(picture, keyframe);
        }
        units.forget(picture);
        allowed
    }

    #[test]
    fn a_chain_is_decodable_across_the_wrap_and_broken_by_what_is_missing() {
        let mut units = Units::default();
        assert!(!decode(&mut units, 0, false, &[unit(65_530, &[1])]));
        assert!(decode(&mut units, 1, true, &[unit(65_530, &[])]));
        for step in 1..20 {
            assert!(decode(&mut units, 1 + i64::from(step), false, &[unit(65_530 + step, &[1])]), "{step}");
        }
        assert!(!decode(&mut units, 40, false, &[unit(65_530 + 21, &[1])]));
        assert!(decode(&mut units, 41, false, &[unit(65_530 + 22, &[3])]), "it passes over what is missing");
    }

    #[test]
    fn a_picture_needs_all_of_its_layers() {
        let mut units = Units::default();
        assert!(decode(&mut units, 0, true, &[unit(0, &[]), unit(1, &[1])]));
        assert!(!decode(&mut units, 1, false, &[unit(3, &[2, 1])]), "its lower layer is missing");
        assert!(decode(&mut units, 2, false, &[unit(4, &[4])]), "the lower layer alone goes on");
        assert!(!decode(&mut units, 3, false, &[unit(6, &[2]), unit(7, &[1, 2])]), "the upper one was left out");
    }

    #[test]
    fn nothing_before_a_keyframe_counts_after_it() {
        let mut units = Units::default();
        assert!(decode(&mut units, 0, true, &[unit(10, &[])]));
        assert!(decode(&mut units, 1, true, &[unit(11, &[])]));
        assert!(!decode(&mut units, 2, false, &[unit(12, &[2])]));
        assert_eq!(units.allow(99), None);
    }

    proptest! {
        #[test]
        fn any_units_are_taken(all in prop::collection::vec((any::<u32>(), 1u32..33, any::<[u16; 3]>(), any::<bool>()), 0..200)) {
            let mut units = Units::default();
            for (index, (number, bits, references, keyframe)) in all.into_iter().enumerate() {
                let mut unit = Unit::new(number, bits, true);
                references.iter().for_each(|distance| unit.refer(*distance));
                decode(&mut units, index as i64 / 3, keyframe, &[unit]);
            }
        }
    }
}
