//! Which complete frames a decoder could decode, by what their payload headers say of their references.
//!
//! VP8 with picture id, TL0PICIDX and temporal layer follows libwebrtc's rules (RtpVp8RefFinder): a keyframe needs nothing,
//! a frame of the base layer the one whose TL0PICIDX is one less, a layer-sync frame only its base, any other frame the last
//! of each lower layer with nothing missing between. Without all three, and for H.264, each frame needs the one
//! before it. Frames that name what they refer to are `units`' business. Frames are told in decoding order.

/// What a VP8 descriptor says of a frame's place among others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Picture id, with its width in bits: 7 or 15.
    pub picture_id: Option<(u16, u32)>,
    /// Temporal level zero index.
    pub tl0: Option<u8>,
    /// Temporal layer, and whether it refers to the base layer only.
    pub layer: Option<(u8, bool)>,
}

impl Place {
    /// Whether `next` is the picture id that follows this one's; `None` where either has none.
    #[must_use]
    pub fn is_followed_by(&self, next: &Self) -> Option<bool> {
        let ((id, _), (following, bits)) = (self.picture_id?, next.picture_id?);
        Some(following == id.wrapping_add(1) & mask(bits))
    }

    /// Whether the TL0PICIDX of `next`, the very next frame, follows this one's; `None` where either has none.
    #[must_use]
    pub fn has_base_of(&self, next: &Self) -> Option<bool> {
        let (before, after, (layer, _)) = (self.tl0?, next.tl0?, next.layer?);
        Some(after == before.wrapping_add(u8::from(layer == 0)))
    }

    /// Whether a frame that cannot be decoded leaves all later ones without a reference.
    #[must_use]
    pub fn is_base(&self) -> bool {
        self.layer.is_none_or(|(layer, _)| layer == 0)
    }
}

const fn mask(bits: u32) -> u16 {
    ((1u32 << bits) - 1) as u16
}

/// The frames that later ones may refer to.
#[derive(Clone, Copy, Debug, Default)]
pub struct References {
    tl0: u8,
    /// Last decoded picture of each layer, unwrapped.
    layers: [Option<i64>; 4],
    newest: i64,
    /// Bit `i`: picture `newest - i` was decoded.
    decoded: u64,
    /// A keyframe was decoded, and nothing it needed has been lost since.
    intact: bool,
}

impl References {
    /// Whether a complete frame can be decoded now. `adjacent`: no packet lies between it and the last decoded frame.
    #[must_use]
    pub fn allow(&self, keyframe: bool, place: &Place, adjacent: bool) -> bool {
        if keyframe {
            return true;
        }
        if !self.intact {
            return false;
        }
        let (Some((id, bits)), Some(tl0), Some((layer, sync))) = (place.picture_id, place.tl0, place.layer) else {
            return adjacent;
        };
        if layer == 0 {
            return tl0 == self.tl0.wrapping_add(1);
        }
        if tl0 != self.tl0 {
            return false;
        }
        let picture = self.unwrapped(id, bits);
        sync || (0..=usize::from(layer & 3))
            .all(|lower| self.layers[lower].is_some_and(|last| self.whole(last, picture)))
    }

    /// The frame was decoded.
    pub fn handle_decoded(&mut self, keyframe: bool, place: &Place) {
        self.intact = true;
        let Some((id, bits)) = place.picture_id else { return };
        let picture = self.unwrapped(id, bits);
        match picture - self.newest {
            ahead @ 1..64 => self.decoded = self.decoded << ahead | 1,
            behind @ -63..=0 => self.decoded |= 1 << -behind,
            _ => self.decoded = 1,
        }
        self.newest = self.newest.max(picture);
        if keyframe {
            (self.newest, self.decoded, self.layers) = (picture, 1, [None; 4]);
        }
        let layer = place.layer.map_or(0, |(layer, _)| layer & 3);
        self.layers[usize::from(layer)] = Some(picture);
        if let (0, Some(tl0)) = (layer, place.tl0) {
            self.tl0 = tl0;
        }
    }

    /// A frame that others refer to will never be decoded: only a keyframe helps.
    pub const fn break_off(&mut self) {
        self.intact = false;
    }

    /// Whether a keyframe was decoded and the chain from it is whole.
    #[must_use]
    pub const fn is_intact(&self) -> bool {
        self.intact
    }

    fn unwrapped(&self, id: u16, bits: u32) -> i64 {
        let cycle = 1i64 << bits;
        let ahead = (i64::from(id) - self.newest).rem_euclid(cycle);
        self.newest + if ahead < cycle / 2 { ahead } else { ahead - cycle }
    }

    /// Whether every picture between the two was decoded.
    fn whole(&self, from: i64, to: i64) -> bool {
        from < to
            && (from + 1..to).all(|picture| {
                let behind = self.newest - picture;
                (0..64).contains(&behind) && self.decoded >> behind & 1 == 1
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(id: u16, tl0: u8, layer: u8, sync: bool) -> Place {
        Place { picture_id: Some((id & 0x7FFF, 15)), tl0: Some(tl0), layer: Some((layer, sync)) }
    }

    fn decode(references: &mut References, keyframe: bool, place: Place) -> bool {
        let allowed = references.allow(keyframe, &place, false);
        if allowed {
            references.handle_decoded(keyframe, &place);
        }
        allowed
    }

    #[test]
    fn nothing_is_decodable_before_a_keyframe_and_a_chain_is_after_it() {
        let mut references = References::default();
        assert!(!decode(&mut references, false, place(32_759, 253, 0, false)));
        assert!(decode(&mut references, true, place(32_760, 254, 0, false)));
        for step in 1..20u8 {
            assert!(decode(
                &mut references,
                false,
                place(32_760 + u16::from(step), 254u8.wrapping_add(step), 0, false)
            ));
        }
    }

    #[test]
    fn a_missing_base_frame_breaks_the_chain_until_a_keyframe() {
        let mut references = References::default();
        decode(&mut references, true, place(1, 1, 0, false));
        assert!(!decode(&mut references, false, place(3, 3, 0, false)));
        references.break_off();
        assert!(!decode(&mut references, false, place(2, 2, 0, false)));
        assert!(decode(&mut references, true, place(4, 4, 0, false)));
    }

    #[test]
    fn a_missing_upper_frame_hurts_only_those_that_need_it() {
        let mut references = References::default();
        decode(&mut references, true, place(10, 5, 0, false));
        assert!(decode(&mut references, false, place(11, 5, 1, true)), "sync needs the base only");
        // Picture 12 (layer 1) is missing.
        assert!(!decode(&mut references, false, place(13, 5, 1, false)));
        assert!(decode(&mut references, false, place(14, 6, 0, false)), "the base goes on");
        assert!(!decode(&mut references, false, place(15, 6, 1, false)), "12 and 13 lie between");
        assert!(decode(&mut references, false, place(16, 6, 1, true)));
        assert!(!decode(&mut references, false, place(17, 6, 1, false)), "15 is missing between it and its base");
        assert!(decode(&mut references, false, place(18, 7, 0, false)));
        assert!(decode(&mut references, false, place(19, 7, 1, true)));
    }

    #[test]
    fn without_ids_each_frame_needs_the_one_before() {
        let mut references = References::default();
        let nothing = Place::default();
        assert!(!references.allow(false, &nothing, true));
        assert!(references.allow(true, &nothing, false));
        references.handle_decoded(true, &nothing);
        assert!(references.allow(false, &nothing, true) && !references.allow(false, &nothing, false));
    }

    #[test]
    fn picture_ids_follow_one_another_in_their_own_width() {
        let long = |id| Place { picture_id: Some((id, 15)), ..Place::default() };
        let short = |id| Place { picture_id: Some((id, 7)), ..Place::default() };
        assert_eq!(long(32_767).is_followed_by(&long(0)), Some(true));
        assert_eq!(short(127).is_followed_by(&short(0)), Some(true));
        assert_eq!(long(5).is_followed_by(&long(7)), Some(false));
        assert_eq!(long(5).is_followed_by(&Place::default()), None);
    }

    #[test]
    fn base_frames_count_up_and_upper_ones_name_their_base() {
        assert_eq!(place(1, 255, 0, false).has_base_of(&place(2, 0, 0, false)), Some(true));
        assert_eq!(place(1, 7, 0, false).has_base_of(&place(2, 7, 2, true)), Some(true));
        assert_eq!(place(1, 7, 2, false).has_base_of(&place(2, 8, 1, true)), Some(false));
        assert_eq!(place(1, 7, 0, false).has_base_of(&place(2, 7, 0, false)), Some(false));
        assert_eq!(place(1, 7, 0, false).has_base_of(&Place::default()), None);
    }

    proptest! {
        #[test]
        fn any_places_are_taken(frames in prop::collection::vec(
            (any::<bool>(), any::<u16>(), any::<bool>(), any::<u8>(), 0u8..4, any::<bool>()), 0..100)) {
            let mut references = References::default();
            for (keyframe, id, long, tl0, layer, sync) in frames {
                let bits = if long { 15 } else { 7 };
                decode(&mut references, keyframe, Place {
                    picture_id: Some((id & mask(bits), bits)), tl0: Some(tl0), layer: Some((layer, sync)),
                });
            }
        }
    }
}
