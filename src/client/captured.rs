//! When a frame was due, from the header of a packet whose payload cannot say it.

use super::leg_receive::Incoming;
use super::shared::Shared;
use crate::clock::Instant;
use crate::rtp::extension::ExtensionKind;
use crate::rtp::header::View;

/// Tells the stream what the header says, where a publisher of this run put it there: another's clock is not ours.
pub(super) fn note(shared: &Shared, incoming: &mut Incoming, view: &View<'_>) {
    if !incoming.media.is_some_and(|media| shared.plan.media[usize::from(media)].is_captured()) {
        return;
    }
    let carried = incoming.extensions.id(ExtensionKind::AbsCaptureTime).is_some();
    let time = carried.then(|| incoming.extensions.read(view).abs_capture_time).flatten();
    let nanos = time.map(|time| time.captured.signed_nanos_since(shared.ntp_origin));
    incoming.stream.note_capture(nanos.and_then(|nanos| u64::try_from(nanos).ok()).map(Instant::from_nanos));
}
