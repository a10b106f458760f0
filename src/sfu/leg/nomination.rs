//! Which address a participant's nominated pair comes from, when its NAT gives it another one.
//!
//! A NAT that has forgotten a mapping lets the same local candidate appear under a new address: the check has the same
//! PRIORITY and USE-CANDIDATE as before, and its message integrity holds. str0m as an ICE-lite agent adds a pair for it,
//! but stays with the old one of equal priority until that has been silent for 15 s; a server that people can use goes on
//! at once.

use crate::transport::stun;
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
            let is_success = stun::binding_success(datagram).is_some();
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
    stun::binding_request(datagram).filter(stun::Message::nominates)?.priority()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(priority: u32, nominating: bool) -> Vec<u8> {
        let mut datagram = stun::begin(stun::BINDING_REQUEST, [7; 12]);
        stun::push_attribute(&mut datagram, stun::PRIORITY, &priority.to_be_bytes());
        if nominating {
            stun::push_attribute(&mut datagram, stun::USE_CANDIDATE, &[]);
        }
        datagram
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn success() -> Vec<u8> {
        stun::begin(stun::BINDING_SUCCESS, [7; 12])
    }

    const MEDIA: [u8; 2] = [0x80, 96];

    #[test]
    fn an_answered_check_of_the_same_priority_moves_everything_to_its_address() {
        let mut nomination = Nomination::default();
        nomination.handle_datagram(address(1), &check(5, true));
        assert_eq!(nomination.handle_transmit(address(1), &success()), address(1));
        nomination.handle_datagram(address(2), &check(5, true));
        assert_eq!(nomination.handle_transmit(address(1), &MEDIA), address(1), "nobody has proven to be there");
        assert_eq!(nomination.handle_transmit(address(2), &success()), address(2));
        assert_eq!(nomination.handle_transmit(address(1), &MEDIA), address(2));
    }

    #[test]
    fn another_candidate_and_a_check_that_nominates_nothing_move_nothing() {
        for (priority, nominating) in [(6, true), (5, false)] {
            let mut nomination = Nomination::default();
            nomination.handle_datagram(address(1), &check(5, true));
            nomination.handle_transmit(address(1), &success());
            nomination.handle_datagram(address(2), &check(priority, nominating));
            nomination.handle_transmit(address(2), &success());
            assert_eq!(nomination.handle_transmit(address(1), &MEDIA), address(1));
        }
    }
}
