//! The layers of one media that is sent in simulcast: what the target affords, and what somebody takes.
//!
//! Each layer is a publication of its own; this decides which of them send, and how much.

use super::Publication;
use crate::clock::Instant;
use crate::media::{Allocator, LayerPlan};
use crate::units::Bitrate;

/// One media in layers.
#[derive(Debug)]
pub struct Simulcast {
    /// Index of the media in the plan.
    media: u16,
    /// The publications that carry it, the lowest first.
    publications: std::ops::Range<usize>,
    allocator: Allocator,
    target: Bitrate,
    wanted: Vec<bool>,
    /// Its layers are clips that stay at the same frame.
    keeps_step: bool,
}

impl Simulcast {
    /// All layers with all that they may have. Where they are to keep step, a keyframe of one is a keyframe of all.
    #[must_use]
    pub fn new(media: u16, publications: std::ops::Range<usize>, layers: &[LayerPlan], keeps_step: bool) -> Self {
        let allocator = Allocator::new(layers);
        let target = allocator.sum();
        Self { media, publications, allocator, target, wanted: vec![true; layers.len()], keeps_step }
    }

    /// Whether a keyframe of one layer is a keyframe of all.
    #[must_use]
    pub const fn keeps_step(&self) -> bool {
        self.keeps_step
    }

    /// A receiver of any layer lost the picture: all of them are asked.
    pub fn request_keyframe(&self, now: Instant, publications: &mut [Publication]) {
        publications[self.publications.clone()].iter_mut().for_each(|one| one.request_keyframe(now));
    }

    /// Index of the media in the plan.
    #[must_use]
    pub const fn media(&self) -> u16 {
        self.media
    }

    /// The publications that carry its layers, the lowest first.
    #[must_use]
    pub fn publications(&self) -> std::ops::Range<usize> {
        self.publications.clone()
    }

    /// Whether this publication carries one of its layers.
    #[must_use]
    pub fn carries(&self, publication: usize) -> bool {
        self.publications.contains(&publication)
    }

    /// All layers together may send so much from `now` on.
    pub fn set_target(&mut self, now: Instant, target: Bitrate, publications: &mut [Publication]) {
        self.target = target.min(self.allocator.sum());
        self.allot(now, publications);
    }

    /// Somebody takes the layers of these names, and nobody any other.
    pub fn set_wanted(&mut self, now: Instant, rids: &[String], publications: &mut [Publication]) {
        let of = &publications[self.publications.clone()];
        self.wanted = of.iter().map(|one| one.rid().is_some_and(|rid| rids.iter().any(|other| other == rid))).collect();
        self.allot(now, publications);
    }

    fn allot(&mut self, now: Instant, publications: &mut [Publication]) {
        let before = self.allocator.sent().to_vec();
        let rates = self.allocator.allot(self.target, &self.wanted);
        let comes_back = |(index, rate): (usize, &Option<Bitrate>)| rate.is_some() && before.get(index) == Some(&false);
        let back = rates.iter().enumerate().any(comes_back);
        for (publication, rate) in publications[self.publications.clone()].iter_mut().zip(rates) {
            publication.allot(now, rate);
        }
        if back && self.keeps_step {
            self.request_keyframe(now, publications);
        }
    }
}
