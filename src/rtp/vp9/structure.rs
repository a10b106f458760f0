//! The scalability structure (RFC 9628 §4.2.1): how many spatial layers of what size, and the pictures of a group.

use super::descriptor::{Differences, Writer};

/// The most spatial layers that a structure can describe.
pub const MAX_SPATIAL: usize = 8;

/// A scalability structure (SS).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Structure {
    /// Spatial layers, 1..=8 (N_S + 1).
    pub spatial_layers: u8,
    /// Width and height of each spatial layer in pixels, where they are said (Y); the others are 0 × 0.
    pub sizes: Option<[(u16, u16); MAX_SPATIAL]>,
    /// The pictures of a group in the order of their picture ids, at most 255; empty where none is said (G).
    pub group: Vec<GroupPicture>,
}

/// One picture of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupPicture {
    /// Temporal layer, 0..=7.
    pub temporal: u8,
    /// As [`super::LayerIndices::switching_up`].
    pub switching_up: bool,
    /// How many pictures before it those lie that it refers to.
    pub references: Differences,
}

impl Structure {
    pub(super) fn parse(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let first = bytes.next()?;
        let spatial_layers = (first >> 5) + 1;
        let mut side = || Some(u16::from_be_bytes([bytes.next()?, bytes.next()?]));
        let mut sizes = None;
        if first & 0x10 != 0 {
            let mut all = [(0, 0); MAX_SPATIAL];
            for size in &mut all[..usize::from(spatial_layers)] {
                *size = (side()?, side()?);
            }
            sizes = Some(all);
        }
        let mut group = Vec::new();
        if first & 0x08 != 0 {
            for _ in 0..bytes.next()? {
                let byte = bytes.next()?;
                let mut picture =
                    GroupPicture { temporal: byte >> 5, switching_up: byte & 0x10 != 0, ..GroupPicture::default() };
                for _ in 0..byte >> 2 & 0x03 {
                    // Eight bits here (seven in the packets); no picture lies further back than seven can say.
                    picture.references.push(bytes.next()?.min(0x7F));
                }
                group.push(picture);
            }
        }
        Some(Self { spatial_layers, sizes, group })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        let layers = usize::from(self.spatial_layers).clamp(1, MAX_SPATIAL);
        let (sized, grouped) = (u8::from(self.sizes.is_some()), u8::from(!self.group.is_empty()));
        writer.put((layers as u8 - 1) << 5 | sized << 4 | grouped << 3);
        for (width, height) in self.sizes.iter().flat_map(|sizes| &sizes[..layers]) {
            width.to_be_bytes().into_iter().chain(height.to_be_bytes()).for_each(|byte| writer.put(byte));
        }
        if self.group.is_empty() {
            return;
        }
        writer.put(u8::try_from(self.group.len()).expect("a group has at most 255 pictures"));
        for picture in &self.group {
            let references = picture.references.as_slice();
            let up = u8::from(picture.switching_up) << 4;
            writer.put(picture.temporal << 5 | up | (references.len() as u8) << 2);
            references.iter().for_each(|distance| writer.put(*distance));
        }
    }
}
