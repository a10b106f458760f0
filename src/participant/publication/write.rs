//! A packet as bytes, once it leaves the emulated uplink.

use super::{Outgoing, PADDING, Publication};
use crate::media::stamp::Stamp;
use crate::participant::cache::Written;
use crate::rtp::extension::{AbsCaptureTime, AbsSendTime, Extensions};
use crate::rtp::header::{Header, write_header};
use crate::rtp::rtx;

impl Publication {
    /// Writes a packet, unsealed, at the end of `out`, with what it gets now that it leaves.
    pub fn write(&mut self, packet: &Outgoing, now: Written, out: &mut Vec<u8>) {
        let Written { ntp, left, transport_sequence } = packet.again.as_deref().copied().unwrap_or(now);
        if self.rtx.is_none()
            && !packet.padding
            && packet.again.is_none()
            && let Some(cached) = self.cache.find(packet.sequence as u16)
        {
            cached.written = Some(Box::new(now));
        }
        let (payload_type, ssrc) = match (&self.rtx, packet.rtx_of) {
            (Some(rtx), Some(_)) => (rtx.payload_type, rtx.ssrc),
            (Some(rtx), None) if packet.padding => (rtx.payload_type, rtx.ssrc),
            _ => (self.payload_type, self.parameters.ssrc),
        };
        let header = Header {
            marker: packet.marker,
            payload_type,
            sequence: packet.sequence as u16,
            rtp_time: packet.rtp_time,
            ssrc,
        };
        let mut long = Vec::new();
        let descriptor = packet.descriptor.as_ref().map(|descriptor| match &self.structure {
            Some(structure) if descriptor.structured => {
                long.extend_from_slice(&descriptor.fields);
                long.extend_from_slice(structure);
                &long[..]
            }
            _ => &descriptor.fields[..],
        });
        // Servers that were not told the sources learn from these whose packets they are.
        let names = self.sends_names(packet);
        let rid = self.rid.as_deref().filter(|_| names);
        let values = Extensions {
            mid: names.then_some(self.parameters.mid.as_str()),
            rid: rid.filter(|_| packet.rtx_of.is_none()),
            repaired_rid: rid.filter(|_| packet.rtx_of.is_some()),
            transport_sequence,
            abs_send_time: Some(AbsSendTime::from_ntp(ntp)),
            abs_capture_time: packet.payload.is_captured().then(|| AbsCaptureTime {
                captured: ntp.before(left.saturating_since(packet.due)),
                clock_offset: None,
            }),
            audio_level: packet.level,
            dependency_descriptor: descriptor,
            ..Extensions::default()
        };
        let head = out.len();
        write_header(out, &header, &self.extensions, &values);
        if packet.padding {
            // RFC 3550 §5.1: the P bit, and a last byte that counts itself.
            out[head] |= 0x20;
            packet.payload.write_into(out);
            return out.push(PADDING as u8);
        }
        if let Some(original) = packet.rtx_of {
            rtx::write_original_sequence(out, original);
        }
        let start = out.len();
        packet.payload.write_into(out);
        if let Some(at) = packet.payload.stamp_at() {
            Stamp::patch_left(&mut out[start + at..], left);
        }
    }
}
