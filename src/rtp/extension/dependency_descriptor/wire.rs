//! One value of the extension, bit by bit.

use super::SHORT_LEN;
use super::structure::{Indication, Structure};
use crate::rtp::bits::{BitReader, BitWriter};

/// One value as it stands on the wire.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Descriptor {
    /// The frame begins with this packet.
    pub starts: bool,
    /// The frame ends with this packet.
    pub ends: bool,
    /// The id of its template, 0..=63.
    pub template_id: u8,
    /// The frame's number.
    pub frame_number: u16,
    /// The structure from this frame on.
    pub structure: Option<Box<Structure>>,
    /// A bit for each decode target that is sent, where that is said.
    pub active_targets: Option<u32>,
    /// What it is to each decode target, where it differs from its template.
    pub indications: Option<Vec<Indication>>,
    /// How many frames back it refers, 1..=4096 each, where that differs from its template.
    pub differences: Option<Vec<u16>>,
    /// The last frame of each chain, where it differs from its template.
    pub chains: Option<Vec<u8>>,
}

/// Whether a value says that a structure is in it.
pub(super) fn brings_structure(value: &[u8]) -> bool {
    value.get(SHORT_LEN).is_some_and(|byte| byte & 0x80 != 0)
}

impl Descriptor {
    /// Reads a value. `known` is the structure in force, for values that do not bring one.
    ///
    /// `None` when it ends too soon, breaks the limits of the format, or cannot be read without a structure.
    #[must_use]
    pub fn parse(value: &[u8], known: Option<&Structure>) -> Option<Self> {
        let mut bits = BitReader::new(value);
        let mut descriptor = Self {
            starts: bits.bit()?,
            ends: bits.bit()?,
            template_id: bits.bits(6)? as u8,
            frame_number: bits.bits(16)? as u16,
            ..Self::default()
        };
        if value.len() == SHORT_LEN {
            return Some(descriptor);
        }
        let has_structure = bits.bit()?;
        let has_active = bits.bit()?;
        let custom = [bits.bit()?, bits.bit()?, bits.bit()?];
        if has_structure {
            descriptor.structure = Some(Box::new(Structure::read(&mut bits)?));
        }
        let (targets, chains) = match descriptor.structure.as_deref().or(known) {
            Some(structure) => (structure.targets, structure.chains),
            None if has_active || custom[0] || custom[2] => return None,
            None => (0, 0),
        };
        if has_active {
            descriptor.active_targets = Some(bits.bits(u32::from(targets))?);
        }
        if custom[0] {
            let all = (0..targets).map(|_| bits.bits(2).map(Indication::from_bits));
            descriptor.indications = Some(all.collect::<Option<Vec<_>>>()?);
        }
        if custom[1] {
            let mut differences = Vec::new();
            loop {
                match bits.bits(2)? {
                    0 => break,
                    nibbles => differences.push(bits.bits(4 * nibbles)? as u16 + 1),
                }
            }
            descriptor.differences = Some(differences);
        }
        if custom[2] {
            let all = (0..chains).map(|_| bits.bits(8).map(|back| back as u8));
            descriptor.chains = Some(all.collect::<Option<Vec<_>>>()?);
        }
        Some(descriptor)
    }

    /// The value. `targets` are the decode targets of the structure in force, where it brings none itself.
    #[must_use]
    pub fn write(&self, targets: u8) -> Vec<u8> {
        let mut bits = BitWriter::default();
        bits.bit(self.starts);
        bits.bit(self.ends);
        bits.bits(u32::from(self.template_id), 6);
        bits.bits(u32::from(self.frame_number), 16);
        let custom = [self.indications.is_some(), self.differences.is_some(), self.chains.is_some()];
        if self.structure.is_none() && self.active_targets.is_none() && !custom.contains(&true) {
            return bits.finish();
        }
        bits.bit(self.structure.is_some());
        bits.bit(self.active_targets.is_some());
        custom.into_iter().for_each(|flag| bits.bit(flag));
        if let Some(structure) = &self.structure {
            structure.write(&mut bits);
        }
        if let Some(active) = self.active_targets {
            bits.bits(active, u32::from(self.structure.as_deref().map_or(targets, |structure| structure.targets)));
        }
        self.indications.iter().flatten().for_each(|indication| bits.bits(*indication as u32, 2));
        if let Some(differences) = &self.differences {
            for difference in differences {
                let less = u32::from(*difference) - 1;
                let nibbles = (u32::BITS - less.leading_zeros()).div_ceil(4).max(1);
                bits.bits(nibbles, 2);
                bits.bits(less, 4 * nibbles);
            }
            bits.bits(0, 2);
        }
        self.chains.iter().flatten().for_each(|back| bits.bits(u32::from(*back), 8));
        bits.finish()
    }
}
