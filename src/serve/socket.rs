//! One UDP socket, read and written in batches: recvmmsg, sendmmsg, and UDP GSO where consecutive datagrams to one
//! destination have one size. Its receive buffer is as large as the kernel allows and is read back; what overran it is
//! counted (SO_RXQ_OVFL).

use super::counters::{Counters, add, set};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, sendmsg,
    setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use str0m::net::DatagramSend;

/// Datagrams a system call.
pub(super) const BATCH: usize = 64;

/// Longest datagram that is read; WebRTC's stay below 1,500 bytes.
const DATAGRAM: usize = 2_048;

/// What is asked for; the kernel grants less unless `net.core.rmem_max` allows it.
const BUFFER: usize = 16 << 20;

/// Most segments of one GSO send, a limit of the kernel.
const SEGMENTS: usize = 64;

/// Most bytes of one GSO send: one IP packet.
const GSO_BYTES: usize = 65_000;

/// A datagram that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub source: SocketAddr,
    pub length: usize,
}

/// A socket that is bound; the thread that uses it makes it a [`MediaSocket`].
#[derive(Debug)]
pub(super) struct Bound {
    socket: UdpSocket,
    pub address: SocketAddr,
    /// Bytes of receive buffer that the kernel granted (it counts its own bookkeeping in).
    pub receive_buffer: usize,
}

#[derive(Debug)]
pub(super) struct MediaSocket {
    socket: UdpSocket,
    address: SocketAddr,
    buffer: Vec<u8>,
    headers: MultiHeaders<SockaddrStorage>,
    gso: bool,
}

impl Bound {
    /// Binds; port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let size = BUFFER;
        // Only root may exceed rmem_max; everybody may ask.
        if setsockopt(&socket, sockopt::RcvBufForce, &size).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &size)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &size).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &size)?;
        }
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        let receive_buffer = nix::sys::socket::getsockopt(&socket, sockopt::RcvBuf)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, receive_buffer })
    }
}

impl MediaSocket {
    pub fn new(bound: Bound) -> Self {
        let Bound { socket, address, receive_buffer: _ } = bound;
        let headers = MultiHeaders::preallocate(BATCH, None);
        Self { socket, address, buffer: vec![0; BATCH * DATAGRAM], headers, gso: true }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads a batch into `received`, whose entries stand for [`Self::datagram`] of the same index.
    pub fn receive(&mut self, received: &mut Vec<Received>, counters: &Counters) {
        received.clear();
        let mut slices = self.buffer.chunks_mut(DATAGRAM).map(|chunk| [IoSliceMut::new(chunk)]).collect::<Vec<_>>();
        // The kernel shrinks each header's space for control messages to what it used: they serve once.
        let space = nix::cmsg_space!(u32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, Some(space));
        let fd = self.socket.as_raw_fd();
        let Ok(messages) = recvmmsg(fd, &mut headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) else { return };
        for message in messages {
            for control in message.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::RxqOvfl(drops) = control {
                    set(&counters.kernel_drops, u64::from(drops));
                }
            }
            // An address family that is neither cannot come from a socket of ours; a length of 0 is passed over.
            let source = message.address.as_ref().and_then(address);
            let length = source.map_or(0, |_| message.bytes);
            let nobody = SocketAddr::new(self.address.ip(), 0);
            received.push(Received { source: source.unwrap_or(nobody), length });
        }
    }

    /// The datagram read as number `index` of the last batch.
    pub fn datagram(&self, index: usize, length: usize) -> &[u8] {
        &self.buffer[index * DATAGRAM..index * DATAGRAM + length]
    }

    /// Sends everything in `queue`, in order for each destination, and empties it.
    pub fn send(&mut self, queue: &mut Vec<(SocketAddr, DatagramSend)>, counters: &Counters) {
        let mut at = 0;
        let mut single = 0;
        while at < queue.len() {
            let run = if self.gso { run(&queue[at..]) } else { 1 };
            if run > 1 {
                self.send_singles(&queue[single..at], counters);
                self.send_run(&queue[at..at + run], counters);
                single = at + run;
            }
            at += run;
        }
        self.send_singles(&queue[single..], counters);
        queue.clear();
    }

    fn send_singles(&mut self, datagrams: &[(SocketAddr, DatagramSend)], counters: &Counters) {
        for batch in datagrams.chunks(BATCH) {
            let slices: Vec<_> = batch.iter().map(|(_, datagram)| [IoSlice::new(datagram)]).collect();
            let addresses: Vec<_> = batch.iter().map(|(to, _)| Some(SockaddrStorage::from(*to))).collect();
            let mut sent = 0;
            while sent < batch.len() {
                let fd = self.socket.as_raw_fd();
                let flags = MsgFlags::MSG_DONTWAIT;
                match sendmmsg(fd, &mut self.headers, &slices[sent..], &addresses[sent..], [], flags) {
                    Ok(results) => sent += results.count(),
                    Err(Errno::EINTR) => {}
                    // One that cannot be sent (full buffer, no route) must not hold up the others.
                    Err(_) => {
                        add(&counters.send_drops, 1);
                        sent += 1;
                    }
                }
            }
        }
    }

    fn send_run(&mut self, datagrams: &[(SocketAddr, DatagramSend)], counters: &Counters) {
        let (to, first) = &datagrams[0];
        let slices: smallvec::SmallVec<[IoSlice<'_>; SEGMENTS]> =
            datagrams.iter().map(|(_, datagram)| IoSlice::new(datagram)).collect();
        let size = u16::try_from(first.len()).unwrap_or(u16::MAX);
        let control = [ControlMessage::UdpGsoSegments(&size)];
        let to = SockaddrStorage::from(*to);
        match sendmsg(self.socket.as_raw_fd(), &slices, &control, MsgFlags::MSG_DONTWAIT, Some(&to)) {
            Ok(_) => {}
            Err(Errno::EAGAIN | Errno::ENOBUFS) => add(&counters.send_drops, datagrams.len() as u64),
            // A device or kernel without GSO; never ask again.
            Err(_) => {
                self.gso = false;
                self.send_singles(datagrams, counters);
            }
        }
    }
}

/// How many datagrams from the start can go as one: one destination, one size, the last may be shorter.
fn run(queue: &[(SocketAddr, DatagramSend)]) -> usize {
    let (to, first) = &queue[0];
    let size = first.len();
    let mut length = 1;
    while let Some((other, datagram)) = queue.get(length) {
        let fits = length < SEGMENTS && (length + 1) * size <= GSO_BYTES;
        if other != to || datagram.len() > size || !fits {
            break;
        }
        length += 1;
        if datagram.len() < size {
            break;
        }
    }
    length
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddr::new(v4.ip().into(), v4.port())),
        (_, Some(v6)) => Some(SocketAddr::new(v6.ip().into(), v6.port())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::counters::get;
    use std::net::Ipv4Addr;

    fn bind() -> MediaSocket {
        MediaSocket::new(Bound::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("loopback"))
    }

    fn receive_all(socket: &mut MediaSocket, counters: &Counters) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut all = Vec::new();
        let mut batch = Vec::new();
        loop {
            socket.receive(&mut batch, counters);
            if batch.is_empty() {
                return all;
            }
            all.extend(batch.iter().enumerate().map(|(i, r)| (r.source, socket.datagram(i, r.length).to_vec())));
        }
    }

    #[test]
    fn batches_arrive_whole_and_in_order() {
        let counters = Counters::default();
        let mut from = bind();
        let mut to = bind();
        let mut other = bind();
        let sizes = [1_000, 1_000, 1_000, 400, 90, 1_000, 500, 500, 1_200];
        let mut queue: Vec<_> =
            sizes.iter().enumerate().map(|(i, n)| (to.address, DatagramSend::from(vec![i as u8; *n]))).collect();
        queue.insert(5, (other.address, DatagramSend::from(vec![99; 700])));
        from.send(&mut queue, &counters);
        let arrived = receive_all(&mut to, &counters);
        let expected: Vec<_> = sizes.iter().enumerate().map(|(i, n)| (from.address, vec![i as u8; *n])).collect();
        assert_eq!(arrived, expected);
        assert_eq!(receive_all(&mut other, &counters).len(), 1);
        assert_eq!(get(&counters.send_drops), 0);
        assert_eq!(get(&counters.kernel_drops), 0);
    }

    #[test]
    fn what_overruns_the_buffer_is_counted() {
        let counters = Counters::default();
        let mut from = bind();
        let mut to = bind();
        setsockopt(&to.socket, sockopt::RcvBuf, &4_096).expect("smaller is always allowed");
        let mut queue: Vec<_> = (0..200).map(|_| (to.address, DatagramSend::from(vec![0; 1_000]))).collect();
        from.send(&mut queue, &counters);
        let first = receive_all(&mut to, &counters).len();
        queue.push((to.address, DatagramSend::from(vec![0; 10])));
        from.send(&mut queue, &counters);
        let second = receive_all(&mut to, &counters).len();
        assert_eq!(second, 1);
        assert_eq!(get(&counters.kernel_drops), 200 - first as u64, "the count comes with the next datagram");
    }
}
