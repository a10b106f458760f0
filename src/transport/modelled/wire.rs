//! The datagrams of a modelled transport: what stands in front is what a demultiplexer reads, the rest is as long as the
//! real one's. Sizes were read from str0m 0.25 with dimpl 0.9, ECDSA certificates and AES-128-GCM.

use crate::rtp::bytes::sum;
use crate::transport::stun::{self, ATTRIBUTE_HEADER_LEN, Message};

/// An attribute that any receiver may ignore (RFC 8489 §14).
const FILLER: u16 = 0x8022;

/// A binding request with USERNAME, PRIORITY, ICE-CONTROLLING, MESSAGE-INTEGRITY and FINGERPRINT.
const REQUEST_LEN: usize = 112;
/// A binding success response with XOR-MAPPED-ADDRESS (IPv4), MESSAGE-INTEGRITY and FINGERPRINT.
const RESPONSE_LEN: usize = 64;
/// Bytes of the sum at the end of a message.
const SUM_LEN: usize = 8;

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
        let message = Message::parse(bytes).filter(|_| is_whole(bytes))?;
        let transaction = message.transaction();
        match message.kind() {
            stun::BINDING_SUCCESS => Some(Self::Response { transaction }),
            stun::BINDING_REQUEST => {
                let fragment = message.addressed_fragment()?;
                Some(Self::Request { transaction, fragment, nominates: message.nominates() })
            }
            _ => None,
        }
    }
}

/// A binding request of `transaction` to who has the fragment `remote`, from who has `local`.
pub(super) fn request(transaction: [u8; 12], remote: &str, local: &str, nominates: bool) -> Vec<u8> {
    let mut bytes = stun::begin(stun::BINDING_REQUEST, transaction);
    stun::push_attribute(&mut bytes, stun::USERNAME, format!("{remote}:{local}").as_bytes());
    if nominates {
        stun::push_attribute(&mut bytes, stun::USE_CANDIDATE, &[]);
    }
    end(bytes, REQUEST_LEN + if nominates { ATTRIBUTE_HEADER_LEN } else { 0 })
}

/// The answer to a binding request.
pub(super) fn response(transaction: [u8; 12]) -> Vec<u8> {
    end(stun::begin(stun::BINDING_SUCCESS, transaction), RESPONSE_LEN)
}

/// Fills a message up to `len` bytes and writes at its end the sum that stands for its integrity.
fn end(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
    let room = len.saturating_sub(bytes.len() + ATTRIBUTE_HEADER_LEN).max(SUM_LEN).next_multiple_of(4);
    stun::push_attribute(&mut bytes, FILLER, &vec![0; room]);
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
            request.truncate(stun::HEADER_LEN);
            request.extend(bytes);
            let _ = Stun::read(&request);
        }
    }
}
