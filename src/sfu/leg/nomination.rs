//! Which address a participant's nominated pair comes from, when its NAT gives it another one.
//!
//! A NAT that has forgotten a mapping lets the same local candidate appear under a new address: the check has the same
//! PRIORITY and USE-CANDIDATE as before, and its message integrity holds. str0m as an ICE-lite agent adds a pair for it,
//! but stays with the old one of equal priority until that has been silent for 15 s; a server that people can use goes on
//! at once.

use std::net::SocketAddr;

/// Follows the nominated pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Nomination {
    /// A check that nominates and has not been answered: its priority and source.
    asked: Option<(u32, SocketAddr)>,
    /// The last one that was answered, and so authentic.
    answered: Option<(u32, SocketAddr)>,
    /// Where everything goes, whatever the agent still holds for right.
    moved: Option<SocketAddr>,
}

impl Nomination {
    /// A datagram came.
    pub fn handle_datagram(&mut self, source: SocketAddr, datagram: &[u8]) {
        if let Some(priority) = nominates(datagram) {
            self.asked = Some((priority, source));
        }
    }

    /// Where a datagram of the agent's to `to` goes.
    pub fn handle_transmit(&mut self, to: SocketAddr, datagram: &[u8]) -> SocketAddr {
        if matches!(datagram.first(), Some(0..=3)) {
            let is_success = datagram.get(..2) == Some(&[0x01, 0x01]);
            if let Some((priority, source)) = self.asked.take_if(|(_, source)| is_success && *source == to) {
                match self.answered.replace((priority, source)) {
                    Some((known, before)) if known == priority && before != source => self.moved = Some(source),
                    Some((known, _)) if known != priority => self.moved = None,
                    _ => {}
                }
            }
            return to;
        }
        self.moved.unwrap_or(to)
    }
}

/// The PRIORITY of a binding request with USE-CANDIDATE (RFC 8445 §16.1); `None` for anything else.
fn nominates(datagram: &[u8]) -> Option<u32> {
    let is_request = datagram.get(..2)? == [0x00, 0x01] && datagram.get(4..8)? == [0x21, 0x12, 0xa4, 0x42];
    if !is_request {
        return None;
    }
    let (mut at, mut priority, mut nominates) = (20, None, false);
    while let Some(head) = datagram.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = datagram.get(at + 4..at + 4 + length)?;
        match u16::from_be_bytes([head[0], head[1]]) {
            0x0024 => priority = Some(u32::from_be_bytes(value.try_into().ok()?)),
            0x0025 => nominates = true,
            _ => {}
        }
        at += 4 + length.next_multiple_of(4);
    }
    priority.filter(|_| nominates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(priority: u32, nominating: bool) -> Vec<u8> {
        let mut datagram = vec![0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42];
        datagram.extend([7; 12]);
        datagram.extend([0x00, 0x24, 0x00, 0x04]);
        datagram.extend(priority.to_be_bytes());
        if nominating {
            datagram.extend([0x00, 0x25, 0x00, 0x00]);
        }
        datagram
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    const SUCCESS: [u8; 2] = [0x01, 0x01];
    const MEDIA: [u8; 2] = [0x80, 96];

    #[test]
    fn an_answered_check_of_the_same_priority_moves_everything_to_its_address() {
        let mut nomination = Nomination::default();
        nomination.handle_datagram(address(1), &check(5, true));
        assert_eq!(nomination.handle_transmit(address(1), &SUCCESS), address(1));
        nomination.handle_datagram(address(2), &check(5, true));
        assert_eq!(nomination.handle_transmit(address(1), &MEDIA), address(1), "nobody has proven to be there");
        assert_eq!(nomination.handle_transmit(address(2), &SUCCESS), address(2));
        assert_eq!(nomination.handle_transmit(address(1), &MEDIA), address(2));
    }

    #[test]
    fn another_candidate_and_a_check_that_nominates_nothing_move_nothing() {
        for (priority, nominating) in [(6, true), (5, false)] {
            let mut nomination = Nomination::default();
            nomination.handle_datagram(address(1), &check(5, true));
            nomination.handle_transmit(address(1), &SUCCESS);
            nomination.handle_datagram(address(2), &check(priority, nominating));
            nomination.handle_transmit(address(2), &SUCCESS);
            assert_eq!(nomination.handle_transmit(address(1), &MEDIA), address(1));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_datagrams_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = nominates(&tail);
            let mut datagram = check(1, true);
            datagram.truncate(20);
            datagram.extend(tail);
            let _ = nominates(&datagram);
        }
    }
}
