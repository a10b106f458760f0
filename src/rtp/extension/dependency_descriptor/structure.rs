//! The template dependency structure: decode targets, templates, chains and sizes.

use crate::rtp::bits::{BitReader, BitWriter};

/// The most decode targets.
pub const MAX_TARGETS: usize = 32;
const MAX_TEMPLATES: usize = 64;
const MAX_SPATIAL: u8 = 3;
const MAX_TEMPORAL: u8 = 7;

/// What a frame is to a decode target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Indication {
    /// It does not belong to it (`-`).
    NotPresent,
    /// No other frame of the target refers to it (`D`).
    Discardable,
    /// Every later frame of the target is decodable if this one is (`S`).
    Switch,
    /// Others refer to it (`R`).
    Required,
}

impl Indication {
    pub(super) const fn from_bits(bits: u32) -> Self {
        match bits & 3 {
            0 => Self::NotPresent,
            1 => Self::Discardable,
            2 => Self::Switch,
            _ => Self::Required,
        }
    }
}

/// What frames of one kind have in common.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template {
    /// Spatial layer, 0..=3.
    pub spatial: u8,
    /// Temporal layer, 0..=7.
    pub temporal: u8,
    /// One a decode target.
    pub indications: Vec<Indication>,
    /// How many frames back it refers, 1..=16 each.
    pub differences: Vec<u16>,
    /// How many frames before it the last one of each chain lies, 0..=15; 0: there is none.
    pub chains: Vec<u8>,
}

/// The structure of a coded video sequence.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Structure {
    /// The id of the first template, 0..=63.
    pub template_id_offset: u8,
    /// Decode targets, 1..=32.
    pub targets: u8,
    /// Its templates, at most 64, in the order of spatial and temporal layers.
    pub templates: Vec<Template>,
    /// The chain that protects each target; empty where there are no chains.
    pub protected_by: Vec<u8>,
    /// Chains, 0..=targets.
    pub chains: u8,
    /// Width and height of each spatial layer in pixels, where they are said.
    pub sizes: Vec<(u32, u32)>,
}

impl Structure {
    /// The template of this id.
    #[must_use]
    pub fn template(&self, id: u8) -> Option<&Template> {
        let index = (u32::from(id) + MAX_TEMPLATES as u32 - u32::from(self.template_id_offset)) % MAX_TEMPLATES as u32;
        self.templates.get(index as usize)
    }

    /// The highest spatial layer.
    #[must_use]
    pub fn max_spatial(&self) -> u8 {
        self.templates.last().map_or(0, |template| template.spatial)
    }

    /// The decode target that shows this spatial and temporal layer, and none above (A.4.1, `decode_target_layers`).
    #[must_use]
    pub fn target(&self, spatial: u8, temporal: u8) -> Option<usize> {
        (0..usize::from(self.targets)).find(|target| self.layers_of(*target) == Some((spatial, temporal)))
    }

    /// The highest spatial and temporal layers that a target shows.
    #[must_use]
    pub fn layers_of(&self, target: usize) -> Option<(u8, u8)> {
        let present = |template: &&Template| {
            template.indications.get(target).is_some_and(|indication| *indication != Indication::NotPresent)
        };
        self.templates.iter().filter(present).map(|template| (template.spatial, template.temporal)).reduce(
            |(spatial, temporal), (other_spatial, other_temporal)| {
                (spatial.max(other_spatial), temporal.max(other_temporal))
            },
        )
    }

    /// A bit for each target that shows no layer above these (`active_decode_targets_bitmask`).
    #[must_use]
    pub fn targets_within(&self, (spatial, temporal): (u8, u8)) -> u32 {
        let within = |target: &usize| self.layers_of(*target).is_some_and(|(s, t)| s <= spatial && t <= temporal);
        (0..usize::from(self.targets)).filter(within).fold(0, |bits, target| bits | 1 << target)
    }

    pub(super) fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let template_id_offset = bits.bits(6)? as u8;
        let targets = bits.bits(5)? as u8 + 1;
        let mut templates = layers(bits)?;
        for template in &mut templates {
            template.indications =
                (0..targets).map(|_| bits.bits(2).map(Indication::from_bits)).collect::<Option<Vec<_>>>()?;
        }
        for template in &mut templates {
            while bits.bit()? {
                template.differences.push(bits.bits(4)? as u16 + 1);
            }
        }
        let chains = bits.below(u32::from(targets) + 1)? as u8;
        let mut protected_by = Vec::new();
        if chains > 0 {
            let by = (0..targets).map(|_| bits.below(u32::from(chains)).map(|chain| chain as u8));
            protected_by = by.collect::<Option<Vec<_>>>()?;
            for template in &mut templates {
                template.chains =
                    (0..chains).map(|_| bits.bits(4).map(|back| back as u8)).collect::<Option<Vec<_>>>()?;
            }
        }
        let mut structure = Self { template_id_offset, targets, templates, protected_by, chains, sizes: Vec::new() };
        if bits.bit()? {
            for _ in 0..=structure.max_spatial() {
                structure.sizes.push((bits.bits(16)? + 1, bits.bits(16)? + 1));
            }
        }
        Some(structure)
    }

    /// Writes it; what does not fit the bits that it has is cut to them.
    pub(super) fn write(&self, bits: &mut BitWriter) {
        bits.bits(u32::from(self.template_id_offset), 6);
        bits.bits(u32::from(self.targets) - 1, 5);
        for (index, template) in self.templates.iter().enumerate() {
            // From this template's layer to the next one's: the same, one temporal up, one spatial up, or the end.
            let step = match self.templates.get(index + 1) {
                None => 3,
                Some(next) if next.spatial > template.spatial => 2,
                Some(next) => u32::from(next.temporal > template.temporal),
            };
            bits.bits(step, 2);
        }
        let indications = self.templates.iter().flat_map(|template| &template.indications);
        indications.for_each(|indication| bits.bits(*indication as u32, 2));
        for template in &self.templates {
            for difference in &template.differences {
                bits.bit(true);
                bits.bits(u32::from(*difference) - 1, 4);
            }
            bits.bit(false);
        }
        bits.below(u32::from(self.chains), u32::from(self.targets) + 1);
        if self.chains > 0 {
            self.protected_by.iter().for_each(|chain| bits.below(u32::from(*chain), u32::from(self.chains)));
            let chains = self.templates.iter().flat_map(|template| &template.chains);
            chains.for_each(|back| bits.bits(u32::from(*back), 4));
        }
        bits.bit(!self.sizes.is_empty());
        for (width, height) in &self.sizes {
            bits.bits(width - 1, 16);
            bits.bits(height - 1, 16);
        }
    }
}

/// `template_layers`: an empty template for each, with its layer.
fn layers(bits: &mut BitReader<'_>) -> Option<Vec<Template>> {
    let mut templates = Vec::new();
    let (mut spatial, mut temporal) = (0, 0);
    loop {
        if templates.len() == MAX_TEMPLATES {
            return None;
        }
        templates.push(Template { spatial, temporal, ..Template::default() });
        match bits.bits(2)? {
            0 => {}
            1 => temporal += 1,
            2 => (spatial, temporal) = (spatial + 1, 0),
            _ => return Some(templates),
        }
        if spatial > MAX_SPATIAL || temporal > MAX_TEMPORAL {
            return None;
        }
    }
}
