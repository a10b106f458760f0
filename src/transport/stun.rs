//! STUN messages as far as ICE's checks need them (RFC 8489 §5 and §14, RFC 8445 §7.1 and §16.1): what a message is, whose
//! it is, what it asks for. Nothing is authenticated here: the agent that a message is meant for does that.

/// The method and class of a binding request.
pub const BINDING_REQUEST: u16 = 0x0001;
/// Those of a success response to it.
pub const BINDING_SUCCESS: u16 = 0x0101;
/// The four bytes that every message carries.
pub const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// Bytes before the first attribute of a message, and before the value of one.
pub const HEADER_LEN: usize = 20;
/// See [`HEADER_LEN`].
pub const ATTRIBUTE_HEADER_LEN: usize = 4;

/// The attribute that names both ends of a check.
pub const USERNAME: u16 = 0x0006;
/// The attribute that says what a candidate learnt from a check would be worth.
pub const PRIORITY: u16 = 0x0024;
/// The attribute that nominates a pair.
pub const USE_CANDIDATE: u16 = 0x0025;

/// A message of any kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    kind: u16,
    transaction: [u8; 12],
    attributes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a datagram; `None` when it is no STUN message. Bytes behind the length that the message gives are not read.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_LEN>()?;
        let &[k0, k1, l0, l1, ref rest @ ..] = header;
        // The first two bits are zero, for telling STUN from other protocols on the same port.
        if k0 > 0x3F || rest[..4] != MAGIC_COOKIE {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let attributes = bytes.get(HEADER_LEN..HEADER_LEN + length)?;
        Some(Self { kind: u16::from_be_bytes([k0, k1]), transaction: *header.last_chunk()?, attributes })
    }

    /// Its method and class.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        self.kind
    }

    /// The id that a request and its response share.
    #[must_use]
    pub const fn transaction(&self) -> [u8; 12] {
        self.transaction
    }

    /// Its attributes in their order, as kind and value; what cannot be read ends them.
    pub fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let &[k0, k1, l0, l1] = rest.first_chunk::<ATTRIBUTE_HEADER_LEN>()?;
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            let value = rest.get(ATTRIBUTE_HEADER_LEN..ATTRIBUTE_HEADER_LEN + length)?;
            rest = rest.get(ATTRIBUTE_HEADER_LEN + length.next_multiple_of(4)..).unwrap_or_default();
            Some((u16::from_be_bytes([k0, k1]), value))
        })
    }

    /// The user fragment of who is asked: the part of USERNAME before the colon (RFC 8445 §7.2.2).
    #[must_use]
    pub fn addressed_fragment(&self) -> Option<&'a str> {
        std::str::from_utf8(self.value(USERNAME)?).ok()?.split(':').next()
    }

    /// The PRIORITY of a check.
    #[must_use]
    pub fn priority(&self) -> Option<u32> {
        self.value(PRIORITY)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Whether a check nominates its pair.
    #[must_use]
    pub fn nominates(&self) -> bool {
        self.value(USE_CANDIDATE).is_some()
    }

    /// The value of the first attribute of this kind, the only one that counts (RFC 8489 §14).
    fn value(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find_map(|(found, value)| (found == kind).then_some(value))
    }
}

/// A binding request; `None` for anything else.
#[must_use]
pub fn binding_request(datagram: &[u8]) -> Option<Message<'_>> {
    Message::parse(datagram).filter(|message| message.kind == BINDING_REQUEST)
}

/// The success response to one; `None` for anything else.
#[must_use]
pub fn binding_success(datagram: &[u8]) -> Option<Message<'_>> {
    Message::parse(datagram).filter(|message| message.kind == BINDING_SUCCESS)
}

/// The beginning of a message without attributes yet, for [`push_attribute`] to append to.
#[must_use]
pub fn begin(kind: u16, transaction: [u8; 12]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &[0, 0], &MAGIC_COOKIE, &transaction].concat()
}

/// Appends an attribute with its padding, and writes the message's new length.
pub fn push_attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&(value.len() as u16).to_be_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let length = (message.len() - HEADER_LEN) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRANSACTION: [u8; 12] = [0xB7, 0xE7, 0xA7, 0x01, 0xBC, 0x34, 0xD6, 0x86, 0xFA, 0x87, 0xDF, 0xAE];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits.as_chunks::<2>().0.iter().map(|&[high, low]| (high << 4 | low) as u8).collect()
    }

    /// RFC 5769 §2.1.
    fn sample_request() -> Vec<u8> {
        bytes(
            "0001 0058 2112a442 b7e7a701bc34d686fa87dfae 8022 0010 5354554e207465737420636c69656e74 \
             0024 0004 6e0001ff 8029 0008 932ff9b151263b36 0006 0009 6576746a3a68367659202020 \
             0008 0014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 8028 0004 e57a3bcf",
        )
    }

    /// RFC 5769 §2.2.
    fn sample_response() -> Vec<u8> {
        bytes(
            "0101 003c 2112a442 b7e7a701bc34d686fa87dfae 8022 000b 7465737420766563746f7220 \
             0020 0008 0001a147e112a643 0008 0014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 8028 0004 c07d4c96",
        )
    }

    #[test]
    fn the_sample_request_is_read() {
        let datagram = sample_request();
        let message = binding_request(&datagram).expect("it is one");
        assert_eq!(message.transaction(), TRANSACTION);
        assert_eq!(message.addressed_fragment(), Some("evtj"));
        assert_eq!(message.priority(), Some(0x6E00_01FF));
        assert!(!message.nominates());
        let kinds: Vec<u16> = message.attributes().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [0x8022, PRIORITY, 0x8029, USERNAME, 0x0008, 0x8028]);
        let lengths: Vec<usize> = message.attributes().map(|(_, value)| value.len()).collect();
        assert_eq!(lengths, [16, 4, 8, 9, 20, 4], "padding belongs to no value");
        assert_eq!(binding_success(&datagram), None);
    }

    #[test]
    fn the_sample_response_is_read() {
        let datagram = sample_response();
        let message = binding_success(&datagram).expect("it is one");
        assert_eq!(message.transaction(), TRANSACTION);
        assert_eq!((message.addressed_fragment(), message.priority(), message.nominates()), (None, None, false));
        let software = message.attributes().next();
        assert_eq!(software, Some((0x8022, &b"test vector"[..])));
        assert_eq!(binding_request(&datagram), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut datagram = begin(BINDING_REQUEST, TRANSACTION);
        push_attribute(&mut datagram, USERNAME, b"them:us");
        push_attribute(&mut datagram, PRIORITY, &7u32.to_be_bytes());
        push_attribute(&mut datagram, PRIORITY, &8u32.to_be_bytes());
        push_attribute(&mut datagram, USE_CANDIDATE, &[]);
        datagram.extend([0xFF; 3]);
        let message = binding_request(&datagram).expect("it is one");
        assert_eq!(message.transaction(), TRANSACTION);
        assert_eq!(message.addressed_fragment(), Some("them"));
        assert_eq!(message.priority(), Some(7), "the first one counts");
        assert!(message.nominates());
    }

    #[test]
    fn what_is_cut_short_or_of_another_protocol_is_no_message() {
        let whole = sample_request();
        for length in 0..whole.len() {
            assert_eq!(Message::parse(&whole[..length]), None, "{length} bytes");
        }
        for (at, byte) in [(0, 0x80), (0, 0x40), (4, 0x20)] {
            let mut other = whole.clone();
            other[at] = byte;
            assert_eq!(Message::parse(&other), None);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120), begun in any::<bool>()) {
            let mut datagram = if begun { begin(BINDING_REQUEST, TRANSACTION) } else { Vec::new() };
            datagram.extend(&bytes);
            if begun {
                datagram[2..4].copy_from_slice(&(bytes.len() as u16).to_be_bytes());
            }
            let message = Message::parse(&datagram);
            prop_assert!(!begun || message.is_some());
            if let Some(message) = message {
                let _ = (message.addressed_fragment(), message.priority(), message.nominates());
                let read: usize = message.attributes().map(|(_, value)| ATTRIBUTE_HEADER_LEN + value.len()).sum();
                prop_assert!(read <= bytes.len(), "no byte belongs to two attributes");
            }
        }
    }
}
