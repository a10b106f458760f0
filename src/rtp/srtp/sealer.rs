//! The sending half: what leaves is encrypted and authenticated with our own keys.

use super::SrtpProfile;
use super::cipher::{Cipher, RTCP_CLEAR_LEN};
use super::keys::Purpose;
use crate::rtp::bytes;
use crate::rtp::header::View;

/// Indices that SRTCP has for one key (31 bits).
const RTCP_INDICES: u32 = 1 << 31;

/// Seals what one end sends.
///
/// RTP needs no state: the index of a packet *is* its sender's extended sequence number. So a packet that a link
/// duplicated can be sealed twice, in any order, as long as its bytes are the same. The same (SSRC, extended sequence)
/// with *other* bytes, a changed header extension included, repeats a nonce and gives AES-GCM's authentication key away:
/// whoever retransmits with new extensions uses an RTX stream.
#[derive(Debug)]
pub struct Sealer {
    rtp: Cipher,
    rtcp: Cipher,
    /// One for all SSRCs, which share the key: RFC 3711 §3.2.1 asks only that none repeats.
    next_rtcp: u32,
}

impl Sealer {
    pub(super) fn new(profile: SrtpProfile, master: (&[u8], &[u8])) -> Self {
        Self {
            rtp: Cipher::derive(profile, master, Purpose::Rtp),
            rtcp: Cipher::derive(profile, master, Purpose::Rtcp),
            next_rtcp: 0,
        }
    }

    pub(super) const fn with_ciphers(rtp: Cipher, rtcp: Cipher, next_rtcp: u32) -> Self {
        Self { rtp, rtcp, next_rtcp }
    }

    /// Seals a plain RTP packet and appends the tag, [`SrtpProfile::rtp_overhead`] bytes.
    ///
    /// `sequence` is the packet's own sequence number, extended by the number of its wraps since the stream began: it
    /// starts below 65,536. Receivers take the first packet that they see for one of the first cycle, so a stream that
    /// starts just before a wrap and loses its first packets there is never opened: start in the lower half, as browsers
    /// do.
    ///
    /// # Panics
    /// When `packet` is not RTP, or `sequence` is not that of its header or beyond 48 bits.
    pub fn seal_rtp(&mut self, packet: &mut Vec<u8>, sequence: u64) {
        self.seal_rtp_at(packet, 0, sequence);
    }

    /// Seals the RTP packet that `buf` ends with, from `start` on; for packets written one behind the other into one send buffer.
    ///
    /// # Panics
    /// As [`Self::seal_rtp`].
    pub fn seal_rtp_at(&mut self, buf: &mut Vec<u8>, start: usize, sequence: u64) {
        let view = View::parse(&buf[start..]).expect("only RTP is sealed as RTP");
        assert_eq!(view.sequence(), sequence as u16, "the extended sequence number is that of the header");
        assert!(sequence >> 48 == 0, "a key serves 2^48 packets of a stream");
        let (header_len, ssrc) = (view.header_len(), view.ssrc());
        self.rtp.seal_rtp(buf, start, header_len, ssrc, sequence);
    }

    /// Seals a plain RTP packet of a [modelled](super::Session::modelled) session from which bytes of payload are left out
    /// that add up to `left_out`.
    ///
    /// # Panics
    /// When the session encrypts anything.
    pub fn seal_folded(&mut self, packet: &mut Vec<u8>, left_out: u64) {
        self.rtp.seal_folded(packet, left_out);
    }

    /// Seals a plain compound RTCP packet and appends tag, E bit and index, [`SrtpProfile::rtcp_overhead`] bytes.
    ///
    /// # Panics
    /// When `packet` is shorter than an RTCP packet's first 8 bytes, or after 2^31 calls, when RFC 3711 demands a new key.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>) {
        self.seal_rtcp_at(packet, 0);
    }

    /// Seals the compound RTCP packet that `buf` ends with, from `start` on.
    ///
    /// # Panics
    /// As [`Self::seal_rtcp`].
    pub fn seal_rtcp_at(&mut self, buf: &mut Vec<u8>, start: usize) {
        assert!(buf.len() >= start + RTCP_CLEAR_LEN, "an RTCP packet has 8 bytes at least");
        assert!(self.next_rtcp < RTCP_INDICES, "a key serves 2^31 RTCP packets");
        let ssrc = bytes::u32_at(buf, start + 4).expect("8 bytes are there");
        self.rtcp.seal_rtcp(buf, start, ssrc, self.next_rtcp);
        self.next_rtcp += 1;
    }
}
