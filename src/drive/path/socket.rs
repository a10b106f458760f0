//! A UDP socket of a relay: whole datagrams of any size with their TOS byte, never blocking.

use super::flow::Datagram;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// No datagram is longer.
const LONGEST: usize = 65_536;
/// Bytes that the kernel is asked to hold: a burst of some thousand packets.
const BUFFER: usize = 4 << 20;

thread_local! {
    /// One a thread, as one datagram is read at a time.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// The socket.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Socket {
    /// Binds it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        // What is not granted is lost in bursts, as on any host; only IPv4 carries the TOS byte here.
        let _ = setsockopt(&socket, sockopt::RcvBuf, &BUFFER);
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::IpRecvTos, &true)?;
        }
        let local = socket.local_addr()?;
        Ok(Self { socket, local })
    }

    /// Sends to and receives from this address alone.
    ///
    /// # Errors
    /// When it has no route.
    pub fn connect(&self, peer: SocketAddr) -> io::Result<()> {
        self.socket.connect(peer)
    }

    /// Where it is bound.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The next datagram and who sent it; `None` when there is none now.
    pub fn receive(&self) -> Option<(SocketAddr, Datagram)> {
        // An ICMP answer to something sent earlier comes in place of data, once.
        (0..2).find_map(|_| self.try_receive().transpose()).and_then(Result::ok)
    }

    /// As [`Self::receive`]; `Ok(None)` when an error of earlier was read instead.
    fn try_receive(&self) -> Result<Option<(SocketAddr, Datagram)>, Errno> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut room = nix::cmsg_space!(u8, u32);
            let mut slices = [IoSliceMut::new(scratch)];
            let fd = self.socket.as_raw_fd();
            let read = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut room), MsgFlags::MSG_DONTWAIT);
            let (length, source, tos) = match read {
                Ok(message) => {
                    let tos = message.cmsgs().into_iter().flatten().find_map(|control| match control {
                        ControlMessageOwned::Ipv4Tos(tos) => Some(tos),
                        _ => None,
                    });
                    (message.bytes, message.address, tos.unwrap_or(0))
                }
                Err(Errno::ECONNREFUSED) => return Ok(None),
                Err(error) => return Err(error),
            };
            let source = source.and_then(address_of).unwrap_or(self.local);
            Ok(Some((source, Datagram { bytes: scratch[..length].to_vec(), tos })))
        })
    }

    /// Sends to `to`, or to whom it is connected; false when the kernel would not.
    pub fn send(&self, datagram: &Datagram, to: Option<SocketAddr>) -> bool {
        let slices = [IoSlice::new(&datagram.bytes)];
        let tos = [ControlMessage::Ipv4Tos(&datagram.tos)];
        let controls = if datagram.tos != 0 && self.local.is_ipv4() { &tos[..] } else { &[] };
        let to = to.map(SockaddrStorage::from);
        let send = || sendmsg(self.socket.as_raw_fd(), &slices, controls, MsgFlags::MSG_DONTWAIT, to.as_ref());
        // An ICMP answer to what was sent before comes in place of sending, once.
        send().is_ok() || send().is_ok()
    }
}

fn address_of(address: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Duration;

    fn pair() -> (Socket, Socket) {
        let any = "127.0.0.1:0".parse().expect("an address");
        let (one, other) = (Socket::bind(any).expect("bound"), Socket::bind(any).expect("bound"));
        one.connect(other.local()).expect("connected");
        (one, other)
    }

    fn wait(socket: &Socket) -> (SocketAddr, Datagram) {
        for _ in 0..1_000 {
            if let Some(received) = socket.receive() {
                return received;
            }
            crate::drive::live::clock::pause_thread(Duration::from_millis(1));
        }
        panic!("nothing came");
    }

    #[test]
    fn a_datagram_keeps_its_mark_and_its_length() {
        let (one, other) = pair();
        for (length, tos) in [(1, 0), (65_507, 0b10), (0, 0b11), (1_200, 0b1011_1001)] {
            let datagram = Datagram { bytes: vec![7; length], tos };
            assert!(one.send(&datagram, None));
            assert_eq!(wait(&other), (one.local(), datagram.clone()));
            assert!(other.send(&datagram, Some(one.local())));
            assert_eq!(wait(&one).1, datagram);
        }
        assert!(other.receive().is_none());
    }

    #[test]
    fn nobody_at_the_other_end_is_no_error_that_stays() {
        let (one, other) = pair();
        drop(other);
        for _ in 0..5 {
            let _ = one.send(&Datagram { bytes: vec![1], tos: 0 }, None);
        }
        assert!(one.receive().is_none());
    }
}
