//! The receiving half: authenticates, decrypts, refuses replays, and follows each stream's roll-over counter.
//!
//! Roll-over counters are guessed from the highest index of an SSRC (RFC 3711 §3.3.1), beginning with 0 as browsers and
//! SFUs do. State is kept per SSRC and begins with its first authentic packet, so forged SSRCs cost nothing. A receiver
//! that does not open every packet says so with [`Opener::skip_rtp`], or the guess goes wrong after half a cycle.

use super::SrtpProfile;
use super::cipher::{Cipher, RTCP_CLEAR_LEN};
use super::keys::Purpose;
use super::replay::{Refused, ReplayWindow};
use crate::rtp::bytes;
use crate::rtp::header::{View, is_rtcp, padding_len};
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// Why a packet was not opened. After a failure its bytes are unspecified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum OpenError {
    /// It has no room for a header and a tag.
    #[error("too short to be sealed")]
    TooShort,
    /// It is not RTP of version 2 (or not RTCP), or it is authentic and its padding is impossible.
    #[error("malformed")]
    Malformed,
    /// An authentic packet with this index was here before: a duplicate, or an attack.
    #[error("replayed")]
    Replayed,
    /// Its index lies too far below the highest to tell whether it was here before.
    #[error("older than the replay window")]
    TooOld,
    /// Its tag is wrong: another key, another roll-over counter, or changed bytes.
    #[error("authentication failed")]
    Authentication,
    /// It is SRTCP without encryption, which WebRTC forbids.
    #[error("not encrypted")]
    Unencrypted,
}

impl From<Refused> for OpenError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Repeated => Self::Replayed,
            Refused::TooOld => Self::TooOld,
        }
    }
}

/// What a header alone says of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Skipped {
    /// Not seen before, and followed.
    New,
    /// A duplicate, or too old to tell.
    Old,
    /// Not followed, because nothing authentic is near it: no packet of its SSRC was opened yet, or it is more than
    /// [`MAX_SKIP`] ahead of all others. Open this one.
    Unfollowed,
}

/// How many packets ahead of the highest a header is believed.
pub const MAX_SKIP: u64 = 1_000;

/// Where the parts of an opened RTP packet lie: header, payload, padding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Bytes of the header, at the front.
    pub header_len: usize,
    /// Bytes of the payload after it, without padding: 0 for a packet of padding only.
    pub payload_len: usize,
    /// The sequence number extended by the roll-over counter, authentic.
    pub sequence: u64,
}

impl Opened {
    /// The packet that was opened, as it was before it was sealed, but without its padding.
    #[must_use]
    pub fn packet<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(..self.header_len + self.payload_len).unwrap_or_default()
    }

    /// The payload of the packet that was opened.
    #[must_use]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.header_len..self.header_len + self.payload_len).unwrap_or_default()
    }
}

/// Opens what the other end sent.
#[derive(Debug)]
pub struct Opener {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_streams: FxHashMap<u32, ReplayWindow>,
    rtcp_streams: FxHashMap<u32, ReplayWindow>,
}

impl Opener {
    pub(super) fn new(profile: SrtpProfile, master: (&[u8], &[u8])) -> Self {
        Self::with_ciphers(
            Cipher::derive(profile, master, Purpose::Rtp),
            Cipher::derive(profile, master, Purpose::Rtcp),
        )
    }

    pub(super) fn with_ciphers(rtp: Cipher, rtcp: Cipher) -> Self {
        Self { rtp, rtcp, rtp_streams: FxHashMap::default(), rtcp_streams: FxHashMap::default() }
    }

    /// Opens a sealed RTP packet in place.
    ///
    /// # Errors
    /// When the packet is not RTP, repeats an index, or is not authentic; its bytes are unspecified then.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<Opened, OpenError> {
        let view = View::parse(packet).ok_or(OpenError::Malformed)?;
        let (header_len, ssrc, has_padding) = (view.header_len(), view.ssrc(), view.has_padding());
        let first = u64::from(view.sequence());
        let mut stream = self.rtp_streams.entry(ssrc);
        let index = match &mut stream {
            Entry::Vacant(_) => first,
            Entry::Occupied(window) => {
                let window = window.get();
                let index = window.estimate(view.sequence()).ok_or(OpenError::TooOld)?;
                window.check(index)?;
                index
            }
        };
        let sealed_len = self.rtp.open_rtp(packet, header_len, ssrc, index)?;
        accept(stream, index);
        let payload = packet.get(header_len..header_len + sealed_len).unwrap_or_default();
        let padding = padding_len(has_padding, payload).ok_or(OpenError::Malformed)?;
        Ok(Opened { header_len, payload_len: sealed_len - padding, sequence: index })
    }

    /// Follows a packet whose header was read and whose payload is left sealed.
    ///
    /// The header is taken at its word. So whoever can inject datagrams can move the guess of a *known* SSRC, by at most
    /// [`MAX_SKIP`] a datagram, and authentic packets are taken for old until they catch up; opening a sample notices it.
    pub fn skip_rtp(&mut self, ssrc: u32, sequence: u16) -> Skipped {
        let Some(window) = self.rtp_streams.get_mut(&ssrc) else { return Skipped::Unfollowed };
        match window.estimate(sequence) {
            Some(index) if window.check(index).is_err() => Skipped::Old,
            Some(index) if window.ahead(index) > MAX_SKIP => Skipped::Unfollowed,
            Some(index) => {
                window.accept(index);
                Skipped::New
            }
            None => Skipped::Old,
        }
    }

    /// Whether a packet of this SSRC was opened, so that [`Self::skip_rtp`] can follow it.
    #[must_use]
    pub fn knows(&self, ssrc: u32) -> bool {
        self.rtp_streams.contains_key(&ssrc)
    }

    /// Opens a sealed compound RTCP packet in place; the plain compound is what is returned.
    ///
    /// # Errors
    /// When the packet is not RTCP, repeats an index, is not encrypted or not authentic; its bytes are unspecified then.
    pub fn open_rtcp<'a>(&mut self, packet: &'a mut [u8]) -> Result<&'a [u8], OpenError> {
        if packet.len() < RTCP_CLEAR_LEN {
            return Err(OpenError::TooShort);
        }
        if !is_rtcp(packet) {
            return Err(OpenError::Malformed);
        }
        let ssrc = bytes::u32_at(packet, 4).ok_or(OpenError::TooShort)?;
        let index = self.rtcp.rtcp_index(packet)?;
        let mut stream = self.rtcp_streams.entry(ssrc);
        if let Entry::Occupied(window) = &mut stream {
            window.get().check(index.into())?;
        }
        let len = self.rtcp.open_rtcp(packet, ssrc, index)?;
        accept(stream, index.into());
        Ok(packet.get(..len).unwrap_or_default())
    }
}

fn accept(stream: Entry<'_, u32, ReplayWindow>, index: u64) {
    match stream {
        Entry::Vacant(slot) => {
            slot.insert(ReplayWindow::new(index));
        }
        Entry::Occupied(mut window) => window.get_mut().accept(index),
    }
}
