//! What an opened payload of each codec says of its frame.

use crate::conference::Codec;
use crate::media::Stamp;
use crate::qos::frames::{Opened, Timing};
use crate::qos::references::Place;
use crate::rtp::{h264, vp8};

/// What a video payload says. The stamp's own verdict is `qos::integrity`'s; only a right one comes here.
pub fn read(codec: Codec, payload: &[u8], stamp: Option<&Stamp>) -> Opened {
    let timing = stamp.map(|stamp| Timing { due: stamp.due, left: stamp.left, bytes: stamp.frame_bytes });
    let opened = match codec {
        Codec::Vp8 => vp8(payload),
        Codec::H264 => h264(payload),
        Codec::Opus => Opened::default(),
    };
    // Only the first packet of a frame carries a stamp.
    Opened { starts: opened.starts || stamp.is_some(), timing, ..opened }
}

fn vp8(payload: &[u8]) -> Opened {
    let Some(packet) = vp8::parse(payload) else { return Opened::default() };
    let descriptor = packet.descriptor;
    let picture_id = descriptor.picture_id.map(|id| match id {
        vp8::PictureId::Short(id) => (u16::from(id), 7),
        vp8::PictureId::Long(id) => (id, 15),
    });
    Opened {
        starts: packet.starts_frame(),
        keyframe: packet.starts_keyframe(),
        place: Place { picture_id, tl0: descriptor.tl0_picture_index, layer: descriptor.temporal },
        timing: None,
    }
}

/// A sequence parameter set begins an access unit; an IDR slice does not say whether something came before it.
fn h264(payload: &[u8]) -> Opened {
    let is_sps = |nal: &[u8]| nal.first().is_some_and(|header| h264::nal_type(*header) == h264::SPS);
    let starts = match h264::parse(payload) {
        Some(h264::Packet::Single(nal)) => is_sps(nal),
        Some(h264::Packet::Aggregate(mut nals)) => nals.any(is_sps),
        Some(h264::Packet::Fragment(_)) | None => false,
    };
    Opened { starts, keyframe: h264::starts_keyframe(payload), ..Opened::default() }
}
