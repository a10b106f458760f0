//! The dependency descriptor (RTP Payload Format for AV1, version 1.0, appendix A): which layer a frame belongs to, what
//! it refers to, and which frames a receiver of given layers needs; in the clear, and for any codec.
//!
//! Three bytes say it by naming a template; the templates themselves (the *structure*) come with keyframes. A
//! [`Descriptor`] is one extension value as it stands on the wire, a [`Reader`] remembers the structure and resolves each
//! value to a [`Frame`]. Reading is total.

mod structure;
mod wire;

pub use structure::{Indication, MAX_TARGETS, Structure, Template};
pub use wire::Descriptor;

/// Bytes of a value that names a template and nothing else.
pub const SHORT_LEN: usize = 3;

/// What a value says of its frame, once its template was looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// The frame begins with this packet.
    pub starts: bool,
    /// The frame ends with this packet.
    pub ends: bool,
    /// Its number, which wraps at 16 bits.
    pub number: u16,
    /// The id of its template, 0..=63.
    pub template: u8,
    /// It differs from its template in what it refers to, or in what it is to the decode targets.
    pub custom: bool,
    /// Spatial layer, 0..=3.
    pub spatial: u8,
    /// Temporal layer, 0..=7.
    pub temporal: u8,
    /// How many frames before it those lie that it refers to.
    pub differences: &'a [u16],
    /// What it is to each decode target.
    pub indications: &'a [Indication],
    /// How many frames before it the last one of each chain lies; 0: there is none.
    pub chains: &'a [u8],
    /// The structure came with it.
    pub structured: bool,
    /// The structure that describes it.
    pub structure: &'a Structure,
}

impl Frame<'_> {
    /// Whether it refers to no frame at all.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        self.differences.is_empty()
    }

    /// Whether it refers to a lower layer of its own picture: those stand right before it, one number each.
    #[must_use]
    pub fn is_inter_layer(&self) -> bool {
        self.differences.iter().any(|difference| *difference <= u16::from(self.spatial))
    }

    /// Whether every target of its own spatial layer above its temporal layer can be switched to with it.
    #[must_use]
    pub fn opens_temporal(&self) -> bool {
        let mut above = (0..usize::from(self.structure.targets)).filter(|target| {
            let layers = self.structure.layers_of(*target);
            layers.is_some_and(|(spatial, temporal)| spatial == self.spatial && temporal > self.temporal)
        });
        above.all(|target| self.indications.get(target) == Some(&Indication::Switch))
    }

    /// Whether a target of a higher spatial layer needs it.
    #[must_use]
    pub fn is_needed_above(&self) -> bool {
        let present = |target: usize| self.indications.get(target).is_some_and(|one| *one != Indication::NotPresent);
        let above = |target: usize| self.structure.layers_of(target).is_some_and(|(spatial, _)| spatial > self.spatial);
        (0..usize::from(self.structure.targets)).any(|target| present(target) && above(target))
    }

    /// What it is to the target of this spatial and temporal layer; `None` where there is no such target.
    #[must_use]
    pub fn indication(&self, spatial: u8, temporal: u8) -> Option<Indication> {
        let target = self.structure.target(spatial, temporal)?;
        self.indications.get(target).copied()
    }
}

/// Reads the values of one stream, in the order of their frames.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    structure: Option<Box<Structure>>,
    newest: Option<u16>,
    custom: Descriptor,
}

impl Reader {
    /// Resolves a value; `None` when it is malformed, or describes itself by a structure that never came.
    pub fn read(&mut self, value: &[u8]) -> Option<Frame<'_>> {
        let mut descriptor = Descriptor::parse(value, self.structure.as_deref())?;
        let structured = descriptor.structure.is_some();
        let newer = self.newest.is_none_or(|newest| (descriptor.frame_number.wrapping_sub(newest) as i16) >= 0);
        if newer {
            self.newest = Some(descriptor.frame_number);
        }
        // One that came late describes the frames before those that are read now.
        if structured && (newer || self.structure.is_none()) {
            self.structure = descriptor.structure.take();
        }
        self.custom = descriptor;
        let structure = self.structure.as_deref()?;
        let Descriptor { starts, ends, frame_number, .. } = self.custom;
        let template = structure.template(self.custom.template_id)?;
        Some(Frame {
            starts,
            ends,
            number: frame_number,
            template: self.custom.template_id,
            custom: self.custom.differences.is_some() || self.custom.indications.is_some(),
            spatial: template.spatial,
            temporal: template.temporal,
            differences: self.custom.differences.as_deref().unwrap_or(&template.differences),
            indications: self.custom.indications.as_deref().unwrap_or(&template.indications),
            chains: self.custom.chains.as_deref().unwrap_or(&template.chains),
            structured,
            structure,
        })
    }

    /// Whether a value that could not be resolved breaks the format: it ends too soon, exceeds its limits, or names a
    /// template that the structure lacks. One whose structure has not come may be right.
    #[must_use]
    pub fn is_malformed(&self, value: &[u8]) -> bool {
        let known = self.structure.as_deref();
        match Descriptor::parse(value, known) {
            Some(descriptor) => known.is_some_and(|structure| structure.template(descriptor.template_id).is_none()),
            None => known.is_some() || value.len() < SHORT_LEN || wire::brings_structure(value),
        }
    }

    /// The structure that is in force.
    #[must_use]
    pub fn structure(&self) -> Option<&Structure> {
        self.structure.as_deref()
    }
}

#[cfg(test)]
mod tests;
