//! SRTP and SRTCP (RFC 3711; AES-GCM of RFC 7714) keyed by DTLS (RFC 5764).
//!
//! A [`Session`] has two halves with a master key each: what one end seals with, the other end opens with. Session keys
//! are derived once (key derivation rate 0, no MKI) and each serves exactly one direction of RTP or of RTCP, so no two
//! contexts share a key. It deliberately does not know streams: a sender passes the extended sequence number that it
//! counts itself, a receiver's roll-over counters follow what arrives (`opener`). Header encryption (RFC 6904, Cryptex)
//! and unencrypted SRTCP are not spoken; WebRTC forbids the latter (RFC 8827 §6.5).

mod cipher;
mod keys;
mod opener;
mod replay;
mod sealer;

use cipher::Cipher;
pub use opener::{MAX_SKIP, OpenError, Opened, Opener, Skipped};
pub use sealer::Sealer;

/// A protection profile that DTLS can agree on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SrtpProfile {
    /// AEAD_AES_128_GCM (RFC 7714 §12).
    AeadAes128Gcm,
    /// AEAD_AES_256_GCM (RFC 7714 §12).
    AeadAes256Gcm,
    /// AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4, RFC 5764 §4.1.2).
    Aes128CmSha1_80,
}

impl SrtpProfile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::Aes128CmSha1_80];

    /// The profile whose keying material has this many bytes; the three differ.
    #[must_use]
    pub fn of_keying_material(len: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.keying_material_len() == len)
    }

    /// Bytes of keying material: two master keys and two master salts.
    #[must_use]
    pub const fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// Bytes that sealing adds to an RTP packet.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => cipher::GCM_TAG_LEN,
            Self::Aes128CmSha1_80 => cipher::SHA1_TAG_LEN,
        }
    }

    /// Bytes that sealing adds to a compound RTCP packet.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + cipher::INDEX_LEN
    }

    const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }
}

/// Why keying material makes no session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Its length is that of no profile.
    #[error("SRTP keying material of {0} bytes: 56 (AES-128-GCM), 88 (AES-256-GCM) or 60 (AES-CM-SHA1-80) are known")]
    Length(usize),
}

/// Both directions of one DTLS association's media.
#[derive(Debug)]
pub struct Session {
    /// What we send.
    pub tx: Sealer,
    /// What we receive.
    pub rx: Opener,
    profile: SrtpProfile,
}

impl Session {
    /// Keys a session from what DTLS exported: client key, server key, client salt, server salt (RFC 5764 §4.2).
    ///
    /// The length tells the profile. `active` is whether we were the DTLS client, and so send with the client's half.
    ///
    /// # Errors
    /// When the length belongs to no profile.
    pub fn from_keying_material(material: &[u8], active: bool) -> Result<Self, KeyError> {
        let profile = SrtpProfile::of_keying_material(material.len()).ok_or(KeyError::Length(material.len()))?;
        let (keys, salts) = material.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        let (client, server) = ((client_key, client_salt), (server_key, server_salt));
        let (ours, theirs) = if active { (client, server) } else { (server, client) };
        Ok(Self { tx: Sealer::new(profile, ours), rx: Opener::new(profile, theirs), profile })
    }

    /// A session for the simulated world: nothing is encrypted, and everything is as long as under AES-128-GCM, which DTLS
    /// agrees on between throng's participants and its SFU. Any one damaged bit is noticed.
    #[must_use]
    pub fn modelled() -> Self {
        let (tx, rx) = (
            Sealer::with_ciphers(Cipher::Modelled, Cipher::Modelled, 0),
            Opener::with_ciphers(Cipher::Modelled, Cipher::Modelled),
        );
        Self { tx, rx, profile: SrtpProfile::AeadAes128Gcm }
    }

    /// The profile that the keying material was for.
    #[must_use]
    pub const fn profile(&self) -> SrtpProfile {
        self.profile
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
