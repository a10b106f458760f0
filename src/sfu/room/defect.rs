//! Rooms with something wrong in them, for tests that show who notices.

use super::offered::{Numbers, Offered};
use super::route::Route;
use crate::conference::Defect;

/// What `route` makes of a packet when this is wrong.
pub(super) fn take(defect: Option<Defect>, route: &mut Route, packet: &Offered) -> Option<Numbers> {
    let Some(defect) = defect else { return route.take(packet) };
    let waits = route.is_layered() && route.waits() && route.aim().is_some_and(|aim| aim.target == packet.layer);
    // With a frame that leans on none but its own base: nothing but its kind is wrong with it.
    let keyframe = packet.keyframe
        || defect == Defect::DeltaSwitch && waits && packet.place.is_some_and(|place| place.temporal == 0);
    let packet = &Offered { keyframe, ..*packet };
    if let Defect::SequenceGap(gap) = defect {
        route.skip_at_switch(packet, gap);
    }
    let mut numbers = route.take(packet)?;
    if let (Some((id, tl0)), Some(own)) = (&mut numbers.picture, packet.picture) {
        match defect {
            Defect::PictureIds => *id = own.id,
            Defect::Tl0 => *tl0 = own.tl0,
            _ => {}
        }
    }
    Some(numbers)
}
