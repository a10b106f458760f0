//! Session keys from a master key and salt (RFC 3711 §4.3, RFC 7714 §11).

use aws_lc_rs::cipher::{AES_128, AES_256, AES_256_KEY_LEN, EncryptingKey, EncryptionContext, UnboundCipherKey};

/// What a derived key is for, by the label of its encryption key; that plus one is its authentication key's label, plus
/// two its salt's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Rtp = 0,
    Rtcp = 3,
}

/// The part of a purpose's keys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// Derives `N` bytes: AES in counter mode over zeros, from `(label · 2^48 XOR salt) · 2^16`.
///
/// A salt of 96 bits is taken as one of 112 with 16 zero bits at its end (RFC 7714 §11), so both lie at the same place.
pub(super) fn derive<const N: usize>((key, salt): (&[u8], &[u8]), purpose: Purpose, part: Part) -> [u8; N] {
    const LABEL_AT: usize = 7;
    let mut counter = [0; 16];
    counter[..salt.len()].copy_from_slice(salt);
    counter[LABEL_AT] ^= purpose as u8 + part as u8;
    let mut derived = [0; N];
    encrypt(&counter_mode(key), counter, &mut derived);
    derived
}

/// AES in counter mode with a key of 16 or 32 bytes.
pub(super) fn counter_mode(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == AES_256_KEY_LEN { &AES_256 } else { &AES_128 };
    let key = UnboundCipherKey::new(algorithm, key).expect("profiles have keys of 16 or 32 bytes");
    EncryptingKey::ctr(key).expect("counter mode takes any AES key")
}

/// XORs `data` with the key stream that begins at `counter`; the same call encrypts and decrypts.
pub(super) fn encrypt(key: &EncryptingKey, counter: [u8; 16], data: &mut [u8]) {
    key.less_safe_encrypt(data, EncryptionContext::Iv128(counter.into())).expect("counter mode takes any length");
}
