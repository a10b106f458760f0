//! What the kernel dropped before our sockets, from `/proc/net/udp`.
//!
//! `SO_RXQ_OVFL` tells of a loss only with the next datagram; the tail of a run is read here, once, at its end. Not for
//! every tick: the file lists every UDP socket of the network namespace.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Datagrams dropped for want of buffer since each socket was bound, by local address; `None` where /proc hides it.
#[must_use]
pub fn kernel_udp_drops() -> Option<BTreeMap<SocketAddrV4, u64>> {
    let text = std::fs::read_to_string("/proc/net/udp").ok()?;
    Some(text.lines().filter_map(parse_line).collect())
}

/// `  sl  local_address rem_address st … drops`: the second and the last column.
fn parse_line(line: &str) -> Option<(SocketAddrV4, u64)> {
    let mut columns = line.split_ascii_whitespace();
    let (ip, port) = columns.nth(1)?.split_once(':')?;
    // The address is printed as the machine's own integer of bytes in network order.
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((SocketAddrV4::new(ip, port), columns.next_back()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_is_read() {
        let line = "  464: 0100007F:A1B2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1912 2 00000000e5e2ab64 17";
        #[cfg(target_endian = "little")]
        assert_eq!(parse_line(line), Some((SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0xA1B2), 17)));
        assert_eq!(parse_line("   sl  local_address rem_address   st tx_queue rx_queue drops"), None);
        assert_eq!(parse_line(""), None);
    }
}
