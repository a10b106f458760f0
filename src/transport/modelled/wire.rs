//! The datagrams of a modelled transport: what stands in front is what a demultiplexer reads, the rest is as long as the
//! real one's. Sizes were read from str0m 0.25 with dimpl 0.9, ECDSA certificates and AES-128-GCM.

use crate::rtp::bytes::sum;

/// STUN's magic cookie (RFC 8489 §5).
const MAGIC: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// USERNAME and USE-CANDIDATE (RFC 8489 §14.3, RFC 8445 §16.1), and an attribute that any receiver may ignore.
const USERNAME: u16 = 0x0006;
const USE_CANDIDATE: u16 = 0x0025;
const FILLER: u16 = 0x8022;

/// A binding request with USERNAME, PRIORITY, ICE-CONTROLLING, MESSAGE-INTEGRITY and FINGERPRINT.
const REQUEST_LEN: usize = 112;
/// A binding success response with XOR-MAPPED-ADDRESS (IPv4), MESSAGE-INTEGRITY and FINGERPRINT.
const RESPONSE_LEN: usize = 64;
/// Bytes of the sum at the end of a message.
const SUM_LEN: usize = 8;
/// A header of a STUN message, of one of its attributes.
const STUN_HEADER: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;

/// A handshake flight of DTLS 1.2 with client authentication (RFC 6347 §4.2.4, without a cookie exchange), each in one
/// datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flight {
    /// ClientHello, with what DTLS 1.3 wants to see in it.
    Hello,
    /// ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone.
    Server,
    /// Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished.
    Client,
    /// ChangeCipherSpec, Finished.
    Finished,
    /// close_notify.
    Close,
}

impl Flight {
    const ALL: [Self; 5] = [Self::Hello, Self::Server, Self::Client, Self::Finished, Self::Close];

    const fn len(self) -> usize {
        match self {
            Self::Hello => 1_150,
            Self::Server => 635,
            Self::Client => 591,
            Self::Finished => 75,
            Self::Close => 39,
        }
    }

    /// The datagram.
    pub fn datagram(self) -> Vec<u8> {
        let content_type = match self {
            Self::Hello | Self::Server | Self::Client => 22,
            Self::Finished => 20,
            Self::Close => 21,
        };
        let mut bytes = vec![0; self.len()];
        bytes[..4].copy_from_slice(&[content_type, 0xFE, 0xFD, self as u8]);
        bytes
    }

    /// The flight that a datagram is; `None` for none of ours.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // What is damaged is no flight, as a record with a wrong checksum is none.
        Self::ALL.into_iter().find(|flight| flight.len() == bytes.len() && flight.datagram() == bytes)
    }
}

/// A STUN message that concerns a modelled transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stun<'a> {
    /// A binding request.
    Request {
        /// Its transaction.
        transaction: [u8; 12],
        /// Whose it is: the fragment of who is asked.
        fragment: &'a str,
        /// Whether it nominates its pair.
        nominates: bool,
    },
    /// A binding success response.
    Response {
        /// Of which transaction.
        transaction: [u8; 12],
    },
}

impl<'a> Stun<'a> {
    /// Reads a message; `None` when it is nothing that concerns us.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk::<STUN_HEADER>()?;
        if header[4..8] != MAGIC || !is_whole(bytes) {
            return None;
        }
        let transaction = *header.last_chunk()?;
        match [header[0], header[1]] {
            [0x01, 0x01] => Some(Self::Response { transaction }),
            [0x00, 0x01] => {
                let (mut fragment, mut nominates, mut rest) = (None, false, &bytes[STUN_HEADER..]);
                while let Some((kind, value, after)) = attribute(rest) {
                    match kind {
                        USERNAME => fragment = str::from_utf8(value).ok()?.split(':').next(),
                        USE_CANDIDATE => nominates = true,
                        _ => {}
                    }
                    rest = after;
                }
                Some(Self::Request { transaction, fragment: fragment?, nominates })
            }
            _ => None,
        }
    }
}

/// The first attribute, its kind and value, and what is behind it.
fn attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let &[k0, k1, l0, l1] = bytes.first_chunk::<ATTRIBUTE_HEADER>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let value = bytes.get(ATTRIBUTE_HEADER..ATTRIBUTE_HEADER + length)?;
    let after = bytes.get(ATTRIBUTE_HEADER + length.next_multiple_of(4)..).unwrap_or_default();
    Some((u16::from_be_bytes([k0, k1]), value, after))
}

/// A binding request of `transaction` to who has the fragment `remote`, from who has `local`.
pub(super) fn request(transaction: [u8; 12], remote: &str, local: &str, nominates: bool) -> Vec<u8> {
    let mut bytes = begin([0x00, 0x01], transaction);
    push(&mut bytes, USERNAME, format!("{remote}:{local}").as_bytes());
    if nominates {
        push(&mut bytes, USE_CANDIDATE, &[]);
    }
    end(bytes, REQUEST_LEN + if nominates { ATTRIBUTE_HEADER } else { 0 })
}

/// The answer to a binding request.
pub(super) fn response(transaction: [u8; 12]) -> Vec<u8> {
    end(begin([0x01, 0x01], transaction), RESPONSE_LEN)
}

fn begin(kind: [u8; 2], transaction: [u8; 12]) -> Vec<u8> {
    [&kind[..], &[0, 0], &MAGIC, &transaction].concat()
}

fn push(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Fills a message up to `len` bytes and writes its length, and at its end the sum that stands for its integrity.
fn end(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
    let room = len.saturating_sub(bytes.len() + ATTRIBUTE_HEADER).max(SUM_LEN).next_multiple_of(4);
    push(&mut bytes, FILLER, &vec![0; room]);
    let length = (bytes.len() - STUN_HEADER) as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let body = bytes.len() - SUM_LEN;
    let sum = sum(&bytes[..body]).to_le_bytes();
    bytes[body..].copy_from_slice(&sum);
    bytes
}

/// Whether a message is as it was sent.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.split_last_chunk().is_some_and(|(body, end)| sum(body).to_le_bytes() == *end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn datagrams_are_as_long_as_the_real_ones_and_read_as_what_they_are() {
        let transaction = [7; 12];
        for (nominates, len) in [(false, 112), (true, 116)] {
            let bytes = request(transaction, "lTsql00n0MZFhtnI", "3vmQUOdHJMsHKlKL", nominates);
            assert_eq!(bytes.len(), len);
            let read = Stun::Request { transaction, fragment: "lTsql00n0MZFhtnI", nominates };
            assert_eq!(Stun::read(&bytes), Some(read));
        }
        let bytes = response(transaction);
        assert_eq!((bytes.len(), Stun::read(&bytes)), (64, Some(Stun::Response { transaction })));
        for flight in Flight::ALL {
            assert_eq!(Flight::read(&flight.datagram()), Some(flight));
        }
    }

    #[test]
    fn any_one_damaged_bit_is_noticed() {
        let whole = [request([7; 12], "lTsql00n0MZFhtnI", "3vmQUOdHJMsHKlKL", true), response([7; 12])];
        for mut bytes in whole.into_iter().chain(Flight::ALL.map(Flight::datagram)) {
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!((Stun::read(&bytes), Flight::read(&bytes)), (None, None), "bit {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (Stun::read(&bytes), Flight::read(&bytes));
            let mut request = request([1; 12], "a", "b", true);
            request.truncate(STUN_HEADER);
            request.extend(bytes);
            let _ = Stun::read(&request);
        }
    }
}
