//! One subscriber of a stream with layers in itself (SVC): which of its frames it gets, from the layers that every packet
//! names.
//!
//! Where all spatial layers lean on the one below, a subscriber goes down at the next picture. It goes up with a frame
//! that refers to nothing but lower layers of its own picture: those of a keyframe, and of a layer that begins anew. In
//! modes whose layers lean on one another in keyframes only, the frames below the shown layer are not sent, so going
//! down needs a keyframe too; until it comes the temporal layers above the base are left out. What it is told of its
//! pictures: the marker stands on the last packet of the highest layer that it gets, and the dependency descriptor says
//! which decode targets are left. Sources: RFC 9628 §4.2, AV1 RTP payload format, appendix A.

use super::offered::{Numbers, Offered};
use super::renumber::Renumberer;
use super::route::Aim;
use crate::rtp::layer::Layer;

/// All layers, as what is told of them.
const ALL: (u8, u8) = (u8::MAX, u8::MAX);

/// A subscriber of a stream with layers in itself.
#[derive(Debug)]
pub(super) struct Scalable {
    pub aim: Aim,
    numbers: Renumberer,
    /// The spatial layer that it is shown.
    shown: u8,
    /// A bit for each spatial layer that it got without a break since the layer began, temporal layers apart.
    intact: u8,
    picture: Picture,
    /// The highest spatial layer of the picture before.
    top_before: u8,
    /// What it was told of the layers that it gets.
    told: (u8, u8),
}

/// The picture at hand.
#[derive(Clone, Copy, Debug, Default)]
struct Picture {
    /// It refers to no earlier one.
    keyframe: bool,
    /// Whether it goes out, as far as temporal layers decide; `None` before the first frame of it that could.
    passes: Option<bool>,
    /// Spatial layers of it that went out, a bit each.
    sent: u8,
    /// The highest spatial layer that was seen of it.
    top: u8,
    /// It was ended for the subscriber.
    closed: bool,
}

impl Scalable {
    /// Before the first packet.
    pub fn new(numbers: Renumberer) -> Self {
        Self {
            aim: Aim::new(u8::MAX),
            numbers,
            shown: 0,
            intact: 0,
            picture: Picture::default(),
            top_before: 0,
            told: ALL,
        }
    }

    /// Whether only a keyframe brings it what it is to get.
    pub fn waits(&self) -> bool {
        let target = self.aim.target;
        self.numbers.layer().is_none() || target > self.shown || target < self.shown && !self.is_intact(target)
    }

    pub fn take(&mut self, packet: &Offered) -> Option<Numbers> {
        if self.numbers.layer().is_none() && !packet.keyframe {
            return None;
        }
        let Some(place) = packet.place else { return self.take_unnamed(packet) };
        if packet.bytes == 0 {
            return self.numbers.leave_out(packet, None);
        }
        let first = self.numbers.layer().is_none();
        if self.numbers.is_behind(packet) {
            return self.take_late(packet, &place);
        }
        if first || self.numbers.is_new_frame(packet) {
            self.begin(&place);
        }
        self.picture.top = self.picture.top.max(place.spatial);
        if !self.admits(&place) {
            if !self.belongs(&place) {
                self.intact &= !bit(place.spatial);
            }
            return self.numbers.leave_out(packet, Some(self.kept(&place)));
        }
        let begins = self.picture.sent == 0;
        self.picture.sent |= bit(place.spatial);
        let numbers = if first { self.numbers.switch(packet) } else { self.numbers.pass(packet)? };
        let marker = self.ends_with(&place);
        self.picture.closed |= marker || place.ends_picture;
        Some(Numbers { marker, active: self.news(begins), ..as_it_came(numbers) })
    }

    /// Nothing is known of its layers: all of it goes out.
    fn take_unnamed(&mut self, packet: &Offered) -> Option<Numbers> {
        if packet.bytes == 0 {
            return self.numbers.leave_out(packet, None);
        }
        let begins = self.numbers.layer().is_none();
        let numbers = if begins { self.numbers.switch(packet) } else { self.numbers.pass(packet)? };
        Some(as_it_came(numbers))
    }

    /// A packet that comes after later ones: it goes out if its frame did, or would.
    fn take_late(&mut self, packet: &Offered, place: &Layer) -> Option<Numbers> {
        let kept = self.numbers.kept_of(packet);
        if kept.is_none() && !(self.belongs(place) && place.temporal <= self.aim.temporal) {
            return self.numbers.leave_out(packet, Some(0));
        }
        let top = kept.map_or(self.shown, |kept| 7u8.saturating_sub(kept.leading_zeros() as u8));
        let numbers = self.numbers.pass(packet)?;
        let marker = place.ends_frame && place.spatial == top && !numbers.empty;
        Some(Numbers { marker, ..as_it_came(numbers) })
    }

    /// A picture begins with a frame of this place.
    fn begin(&mut self, place: &Layer) {
        self.top_before = self.picture.top;
        self.picture = Picture { keyframe: place.keyframe, ..Picture::default() };
        if place.keyframe {
            self.shown = 0;
        } else if self.aim.target < self.shown {
            let lower = (self.aim.target..self.shown).find(|layer| self.is_intact(*layer));
            self.shown = lower.unwrap_or(self.shown);
        }
    }

    /// Whether a frame goes out; where its layer can be begun with it, it is the one that is shown from now on.
    fn admits(&mut self, place: &Layer) -> bool {
        let opens = place.opens_spatial && !self.picture.closed && place.spatial <= self.aim.target;
        if opens && place.spatial >= self.shown {
            self.shown = place.spatial;
        }
        if !self.belongs(place) {
            return false;
        }
        let limit = self.limit();
        let passes = match self.picture.passes {
            Some(passes) => passes,
            None => self.aim.admits(place, limit),
        };
        self.picture.passes = Some(passes);
        if passes && place.opens_spatial {
            self.intact |= bit(place.spatial);
        }
        passes
    }

    /// Whether a frame of this place is for who is shown what it is shown.
    const fn belongs(&self, place: &Layer) -> bool {
        place.spatial == self.shown || place.spatial < self.shown && place.needed_above
    }

    /// Temporal layers that it may have now: the base alone while it has to have less than it can be given.
    const fn limit(&self) -> u8 {
        if self.shown > self.aim.target { 0 } else { self.aim.wanted.1 }
    }

    /// The spatial layers that it gets of the picture at hand, of which a frame of this place is left out.
    fn kept(&self, place: &Layer) -> u8 {
        if self.picture.passes == Some(false) {
            return 0;
        }
        let upto = u8::MAX >> 7u8.saturating_sub(self.shown);
        upto & !bit(place.spatial)
    }

    /// Whether the subscriber's picture ends with a frame of this place that goes out, although the publisher's may not:
    /// not where a higher layer may still begin in it.
    const fn ends_with(&self, place: &Layer) -> bool {
        let comes_more = self.shown < self.aim.target && (self.picture.keyframe || self.top_before <= self.shown);
        place.ends_frame && place.spatial == self.shown && !comes_more
    }

    /// What is to be said of the layers that it gets, with the first packet of a picture: where it is news, and with each
    /// keyframe, as its structure begins anew.
    fn news(&mut self, begins: bool) -> Option<(u8, u8)> {
        if !begins {
            return None;
        }
        let (target, limit) = (self.aim.target, self.limit());
        let shown = if self.picture.keyframe { target } else { self.shown };
        let now = if shown >= target && self.aim.is_whole() { ALL } else { (shown, limit) };
        let is_news = now != self.told || self.picture.keyframe && now != ALL;
        self.told = now;
        is_news.then_some(now)
    }

    const fn is_intact(&self, layer: u8) -> bool {
        self.intact & bit(layer) != 0
    }
}

/// The bit of a spatial layer.
const fn bit(layer: u8) -> u8 {
    1 << (layer & 7)
}

/// One stream keeps its own picture ids and frame numbers: what is left refers by them.
fn as_it_came(numbers: Numbers) -> Numbers {
    Numbers { picture: None, frame: None, ..numbers }
}

#[cfg(test)]
mod tests;
