//! The test vectors of RFC 3711 (appendix B) and RFC 7714 (sections 16 and 17).

use super::cipher::Cipher;
use super::keys::{self, Part, Purpose};
use super::{Opener, Sealer};

/// Bytes from hexadecimal digits; blanks between them are left out.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| (digit as char).to_digit(16).expect("filtered") as u8;
    digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

fn array<const N: usize>(digits: &str) -> [u8; N] {
    hex(digits).try_into().expect("the vector's length")
}

const KEY_128: &str = "000102030405060708090a0b0c0d0e0f";
const KEY_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Both ends of RFC 7714's examples, which give session keys instead of master keys.
fn gcm_ends(key: &str, rtcp_index: u32) -> (Sealer, Opener) {
    let cipher = || Cipher::gcm(&hex(key), array("51756964 2070726f 2071756f"));
    (Sealer::with_ciphers(cipher(), cipher(), rtcp_index), Opener::with_ciphers(cipher(), cipher()))
}

#[test]
fn aes_counter_mode_gives_the_key_stream_of_rfc_3711_b_2() {
    let key = keys::counter_mode(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    let mut stream = vec![0; 16 * 0xFF02];
    keys::encrypt(&key, array("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"), &mut stream);
    let first = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
    let last = "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(stream[..48], hex(first));
    assert_eq!(stream[16 * 0xFEFF..], hex(last));
}

#[test]
fn session_keys_are_those_of_rfc_3711_b_3() {
    let (key, salt) = (hex("E1F97A0D3E018BE0D64FA32C06DE4139"), hex("0EC675AD498AFEEBB6960B3AABE6"));
    let master = (&key[..], &salt[..]);
    let encryption = keys::derive::<16>(master, Purpose::Rtp, Part::Encryption);
    assert_eq!(encryption, array("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(keys::derive(master, Purpose::Rtp, Part::Salt), array::<14>("30CBBC08863D8C85D49DB34A9AE1"));
    let authentication = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098 \
        6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2";
    let derived = keys::derive::<94>(master, Purpose::Rtp, Part::Authentication);
    assert_eq!(derived[..], hex(authentication));
}

#[test]
fn rtp_is_sealed_as_in_rfc_7714_section_16() {
    let plain = hex("8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 \
        61727465 73207472 6573");
    let cases = [
        (
            KEY_128,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b \
             36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce",
        ),
        (
            KEY_256,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f \
             1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ];
    for (key, sealed) in cases {
        let (mut tx, mut rx) = gcm_ends(key, 0);
        let mut packet = plain.clone();
        tx.seal_rtp(&mut packet, 0xf17b);
        assert_eq!(packet, hex(sealed));
        let opened = rx.open_rtp(&mut packet).expect("authentic");
        assert_eq!((opened.header_len, opened.payload_len), (12, 38));
        assert_eq!(packet[..50], plain);
    }
}

#[test]
fn rtcp_is_sealed_as_in_rfc_7714_section_17() {
    let plain = hex("81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef \
        deadbeef deadbeef deadbeef");
    let cases = [
        (
            KEY_128,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 \
             86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        ),
        (
            KEY_256,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 \
             c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        ),
    ];
    for (key, sealed) in cases {
        let (mut tx, mut rx) = gcm_ends(key, 0x5d4);
        let mut packet = plain.clone();
        tx.seal_rtcp(&mut packet);
        assert_eq!(packet, hex(sealed));
        assert_eq!(rx.open_rtcp(&mut packet).expect("authentic"), plain);
    }
}
