//! What an encoder says of its frames in the dependency descriptor (AV1 RTP payload format, appendix A).
//!
//! The pattern of a scalability mode is known in advance, so every frame is of a template: for each spatial layer one
//! for keyframes and one for each place in the cycle of pictures. Each decode target is one spatial and temporal layer,
//! each spatial layer has a chain of its base pictures. The templates go out with each keyframe.

use super::scalability::{Scalability, Unit};
use crate::rtp::extension::dependency_descriptor::{Descriptor, Indication, SHORT_LEN, Structure, Template};
use std::sync::Arc;

/// Header extensions in their two-byte form, which the structure makes necessary, take so many bytes more than in their
/// one-byte form, at most.
pub(super) const LONG_FORM: usize = 8;

/// What the descriptor says of one packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PacketDescriptor {
    /// The three bytes that name template and frame.
    pub fields: [u8; SHORT_LEN],
    /// The structure follows them.
    pub structured: bool,
}

/// Describes the frames of one stream.
pub(super) struct Describer {
    mode: Scalability,
    /// What follows the first three bytes where the structure is sent.
    structure: Arc<[u8]>,
    /// Of the next frame.
    number: u16,
}

impl Describer {
    /// For pictures of this size; `number` is that of the first frame.
    pub(super) fn new(mode: Scalability, width: u32, height: u32, number: u16) -> Self {
        let structure = Some(Box::new(structure(mode, width, height)));
        let first = Descriptor { structure, ..Descriptor::default() }.write(0);
        Self { mode, structure: first[SHORT_LEN..].into(), number }
    }

    /// What follows the first three bytes where the structure is sent.
    pub(super) const fn structure(&self) -> &Arc<[u8]> {
        &self.structure
    }

    /// Describes the packets of the next frame, which is of the `index`th picture since the last keyframe.
    pub(super) fn describe(&mut self, unit: &Unit, index: u32, packets: usize, out: &mut Vec<PacketDescriptor>) {
        let template = unit.spatial * templates_of(self.mode) + kind(self.mode, index);
        let [high, low] = self.number.to_be_bytes();
        for packet in 0..packets {
            let (starts, ends) = (packet == 0, packet + 1 == packets);
            let first = u8::from(starts) << 7 | u8::from(ends) << 6 | template;
            // Whoever has the first packet of a keyframe's lowest layer can read all that follow.
            let structured = unit.keyframe && unit.spatial == 0 && starts;
            out.push(PacketDescriptor { fields: [first, high, low], structured });
        }
        self.number = self.number.wrapping_add(1);
    }
}

/// Templates of one spatial layer.
fn templates_of(mode: Scalability) -> u8 {
    1 + mode.pattern().count() as u8
}

/// The template of the `index`th picture since the last keyframe, among those of its spatial layer: they stand in the order
/// of their temporal layers.
fn kind(mode: Scalability, index: u32) -> u8 {
    let place = index as usize % mode.pattern().count();
    match (index, mode.temporal, place) {
        (0, ..) => 0,
        (_, 3, 1) => 3,
        (_, 3, 2) => 2,
        _ => 1 + place as u8,
    }
}

/// The structure of a mode.
fn structure(mode: Scalability, width: u32, height: u32) -> Structure {
    let targets: Vec<(u8, u8)> =
        (0..mode.spatial).flat_map(|spatial| (0..mode.temporal).map(move |temporal| (spatial, temporal))).collect();
    let cycle = mode.pattern().count() as u32;
    let mut templates = Vec::new();
    for spatial in 0..mode.spatial {
        for kind in 0..templates_of(mode) {
            // The keyframe, then the pictures of the second cycle, which have a whole one before them.
            let index = std::iter::once(0).chain(cycle..2 * cycle).find(|index| self::kind(mode, *index) == kind);
            templates.extend(index.map(|index| template(mode, spatial, index, &targets)));
        }
    }
    Structure {
        template_id_offset: 0,
        targets: targets.len() as u8,
        templates,
        protected_by: targets.iter().map(|(spatial, _)| *spatial).collect(),
        chains: mode.spatial,
        sizes: (0..mode.spatial).map(|layer| (mode.scaled(layer, width), mode.scaled(layer, height))).collect(),
    }
}

fn template(mode: Scalability, spatial: u8, index: u32, targets: &[(u8, u8)]) -> Template {
    let unit = mode.units(index).nth(usize::from(spatial)).expect("a layer of the mode");
    let layers = u16::from(mode.spatial);
    let past = unit.distance.map(|pictures| u16::from(pictures) * layers);
    Template {
        spatial,
        temporal: unit.temporal,
        indications: targets.iter().map(|target| indication(mode, &unit, *target)).collect(),
        differences: unit.inter_layer.then_some(1).into_iter().chain(past).collect(),
        chains: (0..mode.spatial).map(|chain| chain_difference(mode, index, spatial, chain)).collect(),
    }
}

/// What a frame is to a target of this spatial and temporal layer.
fn indication(mode: Scalability, unit: &Unit, (spatial, temporal): (u8, u8)) -> Indication {
    let linked = unit.keyframe || !mode.keyed;
    if unit.temporal > temporal || unit.spatial > spatial || unit.spatial < spatial && !linked {
        return Indication::NotPresent;
    }
    if unit.spatial < spatial {
        return Indication::Required;
    }
    let referred = unit.temporal == 0 || unit.temporal == 1 && temporal == 2;
    if !referred {
        Indication::Discardable
    } else if unit.spatial > 0 && !unit.keyframe && !mode.keyed {
        // Later frames refer to earlier ones of this layer too.
        Indication::Required
    } else {
        Indication::Switch
    }
}

/// How many frames before this one the last of a chain lies; 0 where there is none since the keyframe.
fn chain_difference(mode: Scalability, index: u32, spatial: u8, chain: u8) -> u8 {
    let order = |index: u32, spatial: u8| index * u32::from(mode.spatial) + u32::from(spatial);
    let number = order(index, spatial);
    let mut last = None;
    for unit in (0..=index).flat_map(|picture| mode.units(picture).map(move |unit| (picture, unit))) {
        let (picture, unit) = unit;
        let linked = unit.keyframe || !mode.keyed;
        let member = unit.temporal == 0 && (unit.spatial == chain || linked && unit.spatial < chain);
        let before = order(picture, unit.spatial);
        if member && before < number {
            last = Some(before);
        }
    }
    last.map_or(0, |last| (number - last) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::extension::dependency_descriptor::Reader;

    /// A frame as a receiver resolves it.
    struct Seen {
        number: u16,
        layer: (u8, u8),
        differences: Vec<u16>,
        indications: Vec<Indication>,
        chains: Vec<u8>,
    }

    /// So many pictures of a mode, one packet a frame, described and resolved again.
    fn seen(mode: Scalability, pictures: u32) -> Vec<Seen> {
        let mut describer = Describer::new(mode, 1_280, 720, 65_530);
        let mut reader = Reader::default();
        let mut all = Vec::new();
        for (index, unit) in (0..pictures).flat_map(|index| mode.units(index).map(move |unit| (index, unit))) {
            let mut packets = Vec::new();
            describer.describe(&unit, index, 1, &mut packets);
            let mut value = packets[0].fields.to_vec();
            if packets[0].structured {
                value.extend_from_slice(describer.structure());
            }
            let frame = reader.read(&value).expect("described");
            assert!(frame.starts && frame.ends);
            assert_eq!(frame.is_inter_layer(), unit.inter_layer, "{mode} {index}");
            assert_eq!(frame.is_key(), unit.keyframe && unit.spatial == 0);
            all.push(Seen {
                number: frame.number,
                layer: (frame.spatial, frame.temporal),
                differences: frame.differences.to_vec(),
                indications: frame.indications.to_vec(),
                chains: frame.chains.to_vec(),
            });
            assert_eq!(all.last().unwrap().layer, (unit.spatial, unit.temporal));
        }
        all
    }

    #[test]
    fn every_target_holds_all_that_its_frames_refer_to_and_nothing_refers_to_what_is_discardable() {
        for mode in Scalability::all() {
            let frames = seen(mode, 40);
            for target in 0..usize::from(mode.spatial * mode.temporal) {
                let of_target = |frame: &&Seen| frame.indications[target] != Indication::NotPresent;
                for frame in frames.iter().filter(of_target) {
                    for difference in &frame.differences {
                        let referred = frame.number.wrapping_sub(*difference);
                        let found = frames.iter().find(|other| other.number == referred).expect("it was sent");
                        let indication = found.indications[target];
                        assert!(
                            matches!(indication, Indication::Switch | Indication::Required),
                            "{mode}, target {target}: {:?} refers to {:?}, which is {indication:?}",
                            frame.layer,
                            found.layer
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn after_a_switch_indication_nothing_of_the_target_refers_to_what_came_before() {
        for mode in Scalability::all() {
            let frames = seen(mode, 24);
            for target in 0..usize::from(mode.spatial * mode.temporal) {
                for (at, switch) in
                    frames.iter().enumerate().filter(|(_, f)| f.indications[target] == Indication::Switch)
                {
                    // What is decodable because this frame is: it, and what it refers to.
                    let mut decodable = vec![switch.number];
                    let mut next = 0;
                    while let Some(number) = decodable.get(next).copied() {
                        next += 1;
                        let frame = frames.iter().find(|frame| frame.number == number).unwrap();
                        decodable.extend(frame.differences.iter().map(|difference| number.wrapping_sub(*difference)));
                    }
                    for later in frames[at + 1..].iter().filter(|f| f.indications[target] != Indication::NotPresent) {
                        let whole =
                            later.differences.iter().all(|back| decodable.contains(&later.number.wrapping_sub(*back)));
                        assert!(whole, "{mode}, target {target}: {:?} after {:?}", later.layer, switch.layer);
                        decodable.push(later.number);
                    }
                }
            }
        }
    }

    #[test]
    fn each_frame_names_the_newest_of_each_chain() {
        for mode in Scalability::all() {
            let mut newest: Vec<Option<u16>> = vec![None; usize::from(mode.spatial)];
            for (place, frame) in seen(mode, 24).iter().enumerate() {
                let keyframe = place < usize::from(mode.spatial);
                for (chain, last) in newest.iter_mut().enumerate() {
                    let expected = last.map_or(0, |last| frame.number.wrapping_sub(last));
                    assert_eq!(u16::from(frame.chains[chain]), expected, "{mode} frame {place}, chain {chain}");
                    let (spatial, temporal) = (usize::from(frame.layer.0), frame.layer.1);
                    let linked = keyframe || !mode.keyed;
                    if temporal == 0 && (spatial == chain || linked && spatial < chain) {
                        *last = Some(frame.number);
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_structure_fits_a_header_extension() {
        let largest = Scalability::all().map(|mode| Describer::new(mode, 1_280, 720, 0).structure().len()).max();
        assert!(largest.is_some_and(|len| len + SHORT_LEN <= 255), "{largest:?}");
    }
}
