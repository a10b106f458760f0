//! Addresses of the simulated world: each participant has a loopback IP of its own, so that an address says whose it is
//! and nothing is looked up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The first participant's IP, 127.1.0.0.
const FIRST: u32 = 0x7F01_0000;
/// The first port of a participant.
const FIRST_PORT: u16 = 1_024;

/// The SFU's HTTP and media.
pub(super) const SFU: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3_478);

/// The most participants that have an address: those of 127.0.0.0/8 without the SFU's 127.0.0.0/16.
pub(super) const MOST: usize = 0xFF_FFFF - 0xFFFF;

/// The address of a participant's socket.
pub(super) fn of(client: u32, port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::from_bits(FIRST + client).into(), port)
}

/// Whose an address is, and the port.
pub(super) fn owner(address: SocketAddr) -> Option<(u32, u16)> {
    let IpAddr::V4(ip) = address.ip() else { return None };
    Some((ip.to_bits().checked_sub(FIRST)?, address.port()))
}

/// The port after this one; `None` for the first.
pub(super) fn next_port(last: Option<u16>) -> u16 {
    last.and_then(|port| port.checked_add(1)).unwrap_or(FIRST_PORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whose_it_is() {
        for (client, port) in [(0, 1_024), (65_535, 9), (MOST as u32 - 1, 65_535)] {
            let address = of(client, port);
            assert!(address.ip().is_loopback() && address.ip() != SFU.ip());
            assert_eq!(owner(address), Some((client, port)));
        }
        assert_eq!(owner(SFU), None);
        assert_eq!([next_port(None), next_port(Some(1_024)), next_port(Some(65_535))], [1_024, 1_025, 1_024]);
    }
}
