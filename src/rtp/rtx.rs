//! Retransmission payloads (RFC 4588 §4): the original sequence number, then the original payload.
//!
//! A retransmission is a packet of its own SSRC, payload type and sequence, so of its own roll-over counter. Which RTX
//! stream repairs which media stream is signalled (ssrc-group FID, or the repaired-rid extension), not found here.

use super::bytes;

/// Bytes that a retransmission's payload has more than the original's.
pub const OVERHEAD: usize = 2;

/// Appends the original sequence number; the original payload is to follow it.
pub fn write_original_sequence(out: &mut Vec<u8>, sequence: u16) {
    out.extend_from_slice(&sequence.to_be_bytes());
}

/// The original sequence number and payload of an opened RTX payload; `None` for a padding probe without either.
#[must_use]
pub fn split(payload: &[u8]) -> Option<(u16, &[u8])> {
    Some((bytes::u16_at(payload, 0)?, payload.get(OVERHEAD..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_sequence_comes_back_and_a_probe_has_none() {
        let mut payload = Vec::new();
        write_original_sequence(&mut payload, 65_530);
        payload.extend_from_slice(b"frame");
        assert_eq!(split(&payload), Some((65_530, &b"frame"[..])));
        assert_eq!(split(&payload[..2]), Some((65_530, &b""[..])));
        assert_eq!(split(&payload[..1]), None);
        assert_eq!(split(&[]), None);
    }
}
