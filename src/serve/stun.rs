//! Whose is a STUN request? The part of its USERNAME before the colon names the leg (RFC 8445 §7.2.2). Nothing is
//! authenticated here: the leg's own agent does that.

/// The local user fragment that a STUN binding request names; `None` for anything else.
pub(super) fn addressed_fragment(datagram: &[u8]) -> Option<&str> {
    let is_request = datagram.get(..2)? == [0x00, 0x01] && datagram.get(4..8)? == [0x21, 0x12, 0xa4, 0x42];
    if !is_request {
        return None;
    }
    let mut at = 20;
    loop {
        let kind = u16::from_be_bytes([*datagram.get(at)?, *datagram.get(at + 1)?]);
        let length = usize::from(u16::from_be_bytes([*datagram.get(at + 2)?, *datagram.get(at + 3)?]));
        let value = datagram.get(at + 4..at + 4 + length)?;
        if kind == 0x0006 {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        at += 4 + length.next_multiple_of(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(username: &str) -> Vec<u8> {
        let mut datagram = vec![0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42];
        datagram.extend([7; 12]);
        datagram.extend([0x80, 0x22, 0x00, 0x03, b'x', b'y', b'z', 0x00]);
        datagram.extend([0x00, 0x06, 0x00, username.len() as u8]);
        datagram.extend(username.as_bytes());
        datagram.resize(datagram.len().next_multiple_of(4), 0);
        datagram
    }

    #[test]
    fn a_request_names_its_leg() {
        assert_eq!(addressed_fragment(&request("local:remote")), Some("local"));
        let mut response = request("local:remote");
        response[0] = 0x01;
        assert_eq!(addressed_fragment(&response), None);
    }

    proptest! {
        #[test]
        fn arbitrary_datagrams_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = addressed_fragment(&tail);
            let mut datagram = request("a:b");
            datagram.truncate(20);
            datagram.extend(tail);
            let _ = addressed_fragment(&datagram);
        }
    }
}
