//! The two transforms: one session key of one direction, applied to one packet at a given index.
//!
//! Nothing is remembered from packet to packet. That no index is used twice for different bytes is the
//! [`Sealer`](super::Sealer)'s business, which index a received packet has is the [`Opener`](super::Opener)'s.

use super::keys::{self, Part, Purpose};
use super::{OpenError, SrtpProfile};
use crate::rtp::bytes;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::{constant_time, hmac};

/// Bytes of AES-GCM's tag.
pub(super) const GCM_TAG_LEN: usize = 16;
/// Bytes of HMAC-SHA1-80's tag.
pub(super) const SHA1_TAG_LEN: usize = 10;
/// Bytes of SRTCP's E bit and index.
pub(super) const INDEX_LEN: usize = 4;
/// Bytes of an RTCP packet that stay in the clear.
pub(super) const RTCP_CLEAR_LEN: usize = 8;
/// SRTCP's E bit: the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// A session key with its salt.
#[derive(Debug)]
pub(super) enum Cipher {
    /// AES-GCM (RFC 7714).
    Gcm { key: Box<LessSafeKey>, salt: [u8; 12] },
    /// AES in counter mode, HMAC-SHA1 over the result (RFC 3711 §4).
    CounterSha1 { key: Box<EncryptingKey>, mac: Box<hmac::Key>, salt: [u8; 14] },
    /// No cipher: a sum in a tag as long as AES-GCM's, for the simulated world. It notices any one damaged bit.
    Modelled,
}

impl Cipher {
    /// The cipher for one purpose under a master key and salt.
    pub fn derive(profile: SrtpProfile, master: (&[u8], &[u8]), purpose: Purpose) -> Self {
        match profile {
            SrtpProfile::AeadAes128Gcm => Self::gcm(
                &keys::derive::<16>(master, purpose, Part::Encryption),
                keys::derive(master, purpose, Part::Salt),
            ),
            SrtpProfile::AeadAes256Gcm => Self::gcm(
                &keys::derive::<32>(master, purpose, Part::Encryption),
                keys::derive(master, purpose, Part::Salt),
            ),
            SrtpProfile::Aes128CmSha1_80 => Self::counter_sha1(
                &keys::derive::<16>(master, purpose, Part::Encryption),
                &keys::derive::<20>(master, purpose, Part::Authentication),
                keys::derive(master, purpose, Part::Salt),
            ),
        }
    }

    pub fn gcm(key: &[u8], salt: [u8; 12]) -> Self {
        let algorithm = if key.len() == AES_256_GCM.key_len() { &AES_256_GCM } else { &AES_128_GCM };
        let key = UnboundKey::new(algorithm, key).expect("profiles have keys of 16 or 32 bytes");
        Self::Gcm { key: Box::new(LessSafeKey::new(key)), salt }
    }

    pub fn counter_sha1(key: &[u8; 16], authentication: &[u8; 20], salt: [u8; 14]) -> Self {
        Self::CounterSha1 {
            key: Box::new(keys::counter_mode(key)),
            mac: Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, authentication)),
            salt,
        }
    }

    /// Seals the RTP packet `buf[start..]`, whose payload begins `header_len` bytes in, and appends its tag.
    pub fn seal_rtp(&self, buf: &mut Vec<u8>, start: usize, header_len: usize, ssrc: u32, index: u64) {
        let payload_at = start + header_len;
        match self {
            Self::Modelled => {
                let tag = modelled_tag(&buf[start..], [0; INDEX_LEN], 0);
                buf.extend_from_slice(&tag);
            }
            Self::Gcm { key, salt } => seal_gcm(key, nonce(salt, ssrc, index), buf, start..payload_at, None),
            Self::CounterSha1 { key, mac, salt } => {
                keys::encrypt(key, counter(salt, ssrc, index), &mut buf[payload_at..]);
                let tag = sha1_tag(mac, &buf[start..], &roll_over(index));
                buf.extend_from_slice(&tag);
            }
        }
    }

    /// Appends the tag of an RTP packet to what is there of it; the bytes that are left out add up to `left_out`.
    ///
    /// # Panics
    /// Under any cipher that encrypts.
    pub fn seal_folded(&self, buf: &mut Vec<u8>, left_out: u64) {
        assert!(matches!(self, Self::Modelled), "nothing can be left out of what is encrypted");
        let tag = modelled_tag(buf, [0; INDEX_LEN], left_out);
        buf.extend_from_slice(&tag);
    }

    /// Opens a sealed RTP packet in place; the plain payload's length. A packet that fails is left unspecified.
    pub fn open_rtp(&self, packet: &mut [u8], header_len: usize, ssrc: u32, index: u64) -> Result<usize, OpenError> {
        match self {
            Self::Modelled => {
                let (plain, tag) = packet.split_last_chunk::<GCM_TAG_LEN>().ok_or(OpenError::TooShort)?;
                verify(&modelled_tag(plain, [0; INDEX_LEN], 0), tag)?;
                plain.len().checked_sub(header_len).ok_or(OpenError::TooShort)
            }
            Self::Gcm { key, salt } => {
                let (header, sealed) = packet.split_at_mut_checked(header_len).ok_or(OpenError::TooShort)?;
                if sealed.len() < GCM_TAG_LEN {
                    return Err(OpenError::TooShort);
                }
                let plain = key.open_in_place(nonce(salt, ssrc, index), Aad::from(&*header), sealed);
                plain.map(|plain| plain.len()).map_err(|_| OpenError::Authentication)
            }
            Self::CounterSha1 { key, mac, salt } => {
                let (sealed, tag) = packet.split_last_chunk_mut::<SHA1_TAG_LEN>().ok_or(OpenError::TooShort)?;
                if sealed.len() < header_len {
                    return Err(OpenError::TooShort);
                }
                verify(&sha1_tag(mac, sealed, &roll_over(index)), tag)?;
                let payload = &mut sealed[header_len..];
                keys::encrypt(key, counter(salt, ssrc, index), payload);
                Ok(payload.len())
            }
        }
    }

    /// Seals the compound RTCP packet `buf[start..]` under a 31-bit `index`, and appends tag, E bit and index.
    pub fn seal_rtcp(&self, buf: &mut Vec<u8>, start: usize, ssrc: u32, index: u32) {
        let trailer = (ENCRYPTED | index).to_be_bytes();
        let body_at = start + RTCP_CLEAR_LEN;
        match self {
            Self::Modelled => {
                let tag = modelled_tag(&buf[start..], trailer, 0);
                buf.extend_from_slice(&tag);
                buf.extend_from_slice(&trailer);
            }
            Self::Gcm { key, salt } => {
                seal_gcm(key, nonce(salt, ssrc, index.into()), buf, start..body_at, Some(trailer));
                buf.extend_from_slice(&trailer);
            }
            Self::CounterSha1 { key, mac, salt } => {
                keys::encrypt(key, counter(salt, ssrc, index.into()), &mut buf[body_at..]);
                let tag = sha1_tag(mac, &buf[start..], &trailer);
                buf.extend_from_slice(&trailer);
                buf.extend_from_slice(&tag);
            }
        }
    }

    /// The index of a sealed compound RTCP packet, not yet authenticated.
    pub fn rtcp_index(&self, packet: &[u8]) -> Result<u32, OpenError> {
        let (tag_before, tag_after) = match self {
            Self::Gcm { .. } | Self::Modelled => (GCM_TAG_LEN, 0),
            Self::CounterSha1 { .. } => (0, SHA1_TAG_LEN),
        };
        if packet.len() < RTCP_CLEAR_LEN + tag_before + INDEX_LEN + tag_after {
            return Err(OpenError::TooShort);
        }
        let (_, trailer) = packet[..packet.len() - tag_after].split_last_chunk().ok_or(OpenError::TooShort)?;
        let trailer = u32::from_be_bytes(*trailer);
        if trailer & ENCRYPTED == 0 { Err(OpenError::Unencrypted) } else { Ok(trailer & !ENCRYPTED) }
    }

    /// Opens, in place, a sealed compound RTCP packet whose [`Self::rtcp_index`] is `index`; the compound's length.
    pub fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<usize, OpenError> {
        let trailer = (ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Modelled => {
                let (rest, _) = packet.split_last_chunk::<INDEX_LEN>().ok_or(OpenError::TooShort)?;
                let (plain, tag) = rest.split_last_chunk::<GCM_TAG_LEN>().ok_or(OpenError::TooShort)?;
                verify(&modelled_tag(plain, trailer, 0), tag)?;
                Ok(plain.len())
            }
            Self::Gcm { key, salt } => {
                let (rest, _) = packet.split_last_chunk_mut::<INDEX_LEN>().ok_or(OpenError::TooShort)?;
                let (clear, sealed) = rest.split_first_chunk_mut().ok_or(OpenError::TooShort)?;
                let aad = Aad::from(rtcp_aad(clear, trailer));
                let plain = key.open_in_place(nonce(salt, ssrc, index.into()), aad, sealed);
                plain.map(|plain| RTCP_CLEAR_LEN + plain.len()).map_err(|_| OpenError::Authentication)
            }
            Self::CounterSha1 { key, mac, salt } => {
                let (rest, tag) = packet.split_last_chunk_mut::<SHA1_TAG_LEN>().ok_or(OpenError::TooShort)?;
                let (sealed, _) = rest.split_last_chunk_mut::<INDEX_LEN>().ok_or(OpenError::TooShort)?;
                verify(&sha1_tag(mac, sealed, &trailer), tag)?;
                let body = sealed.get_mut(RTCP_CLEAR_LEN..).ok_or(OpenError::TooShort)?;
                keys::encrypt(key, counter(salt, ssrc, index.into()), body);
                Ok(sealed.len())
            }
        }
    }
}

/// Seals what follows `clear` in `buf` and appends the tag. The clear part is authenticated; for RTCP so is the trailer.
fn seal_gcm(
    key: &LessSafeKey,
    nonce: Nonce,
    buf: &mut Vec<u8>,
    clear: std::ops::Range<usize>,
    trailer: Option<[u8; INDEX_LEN]>,
) {
    let (head, body) = buf.split_at_mut(clear.end);
    let clear = &head[clear.start..];
    let sealed = match trailer {
        None => key.seal_in_place_separate_tag(nonce, Aad::from(clear), body),
        Some(trailer) => {
            let clear = clear.first_chunk().expect("an RTCP packet's clear part has 8 bytes");
            key.seal_in_place_separate_tag(nonce, Aad::from(rtcp_aad(clear, trailer)), body)
        }
    };
    let tag = sealed.expect("a datagram is far below what AES-GCM can seal at once");
    buf.extend_from_slice(tag.as_ref());
}

/// What SRTCP authenticates besides the sealed part: the clear 8 bytes, then E bit and index (RFC 7714 §9.2).
fn rtcp_aad(clear: &[u8; RTCP_CLEAR_LEN], trailer: [u8; INDEX_LEN]) -> [u8; RTCP_CLEAR_LEN + INDEX_LEN] {
    let mut aad = [0; RTCP_CLEAR_LEN + INDEX_LEN];
    aad[..RTCP_CLEAR_LEN].copy_from_slice(clear);
    aad[RTCP_CLEAR_LEN..].copy_from_slice(&trailer);
    aad
}

/// AES-GCM's nonce: `(00 00, SSRC, index of 48 bits) XOR salt` (RFC 7714 §8.1; §9.1 for RTCP, whose index has 31 bits).
fn nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let unsalted = (u128::from(ssrc) << 48) | u128::from(index);
    let mut nonce = *salt;
    for (byte, with) in nonce.iter_mut().zip(&unsalted.to_be_bytes()[4..]) {
        *byte ^= with;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// Counter mode's first block: `salt · 2^16 XOR SSRC · 2^64 XOR index · 2^16` (RFC 3711 §4.1.1).
fn counter(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut salted = [0; 16];
    salted[..14].copy_from_slice(salt);
    (u128::from_be_bytes(salted) ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16)).to_be_bytes()
}

/// The roll-over counter of a 48-bit index, which SRTP authenticates without sending it (RFC 3711 §4.2).
fn roll_over(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn sha1_tag(key: &hmac::Key, packet: &[u8], then: &[u8; 4]) -> [u8; SHA1_TAG_LEN] {
    let mut mac = hmac::Context::with_key(key);
    mac.update(packet);
    mac.update(then);
    *mac.sign().as_ref().first_chunk().expect("SHA-1 has 20 bytes")
}

/// The sum of a packet, of bytes of it that are left out, and of what follows its tag.
fn modelled_tag(packet: &[u8], trailer: [u8; INDEX_LEN], left_out: u64) -> [u8; GCM_TAG_LEN] {
    let mut tag = [0x5A; GCM_TAG_LEN];
    let sum = (bytes::sum(packet) + left_out).wrapping_add(u32::from_be_bytes(trailer).into());
    tag[..8].copy_from_slice(&sum.to_le_bytes());
    tag
}

fn verify(computed: &[u8], received: &[u8]) -> Result<(), OpenError> {
    constant_time::verify_slices_are_equal(computed, received).map_err(|_| OpenError::Authentication)
}
