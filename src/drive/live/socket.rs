//! The UDP socket of one participant's media: non-blocking, kernel-stamped, read in batches, sent in groups.
//!
//! It knows nothing of what it carries and never decides when. `SO_TIMESTAMPNS` says when a datagram arrived however
//! late it is read; `SO_RXQ_OVFL` counts what our own receive buffer lost, which is our fault and not the SFU's; UDP
//! GSO sends the packets of a frame in one call. IPv4 only. Numbers: `benches/live_loopback`.

use super::clock::WallPair;
use crate::clock::{Duration, Instant};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, getsockopt, recvmmsg, sendmsg, setsockopt,
    sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Datagrams a call: the buffers of one batch stay within a first-level cache.
pub const BATCH: usize = 16;

/// Room for a datagram. Media and DTLS stay below 1,500 bytes; what is longer is counted and dropped.
const DATAGRAM: usize = 2_048;

/// The kernel takes at most so many segments a call, and so many bytes of UDP payload in all.
const SEGMENTS: usize = 64;
const GROUP_BYTES: usize = 65_507;

/// Sockets that one source address carries: Linux hands out about 28,000 ephemeral ports an address.
const SOCKETS_PER_ADDRESS: u32 = 20_000;

/// The local addresses that the sockets of a run are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    local: Ipv4Addr,
    spread: bool,
}

impl Sources {
    /// The sources from which `target` is reached by `sockets` sockets in all: addresses of 127.0.0.0/8 for a loopback
    /// target, spread when one has too few ports; else the address that the kernel routes from. Sends nothing.
    ///
    /// # Errors
    /// A sentence when `target` is not IPv4, cannot be reached, or has fewer ports on our side than sockets.
    pub fn towards(target: SocketAddr, sockets: u32) -> Result<Self, String> {
        let SocketAddr::V4(target) = target else {
            return Err(format!("{target} is an IPv6 address: media sockets are IPv4"));
        };
        if target.ip().is_loopback() {
            return Ok(Self { local: Ipv4Addr::LOCALHOST, spread: sockets > SOCKETS_PER_ADDRESS });
        }
        let local = route_to(target).map_err(|error| format!("{target} cannot be reached: {error}"))?;
        if sockets > SOCKETS_PER_ADDRESS {
            return Err(format!(
                "{sockets} sockets do not fit on {local}: one address has ports for {SOCKETS_PER_ADDRESS}"
            ));
        }
        Ok(Self { local, spread: false })
    }

    /// An address that no machine has (RFC 5737), so that every socket is refused.
    #[cfg(test)]
    pub(super) const fn nowhere() -> Self {
        Self { local: Ipv4Addr::new(192, 0, 2, 1), spread: false }
    }

    /// The address of socket number `index`: the same for the same plan.
    #[must_use]
    pub fn address(self, index: u32) -> Ipv4Addr {
        let host = if self.spread { index / SOCKETS_PER_ADDRESS } else { 0 };
        Ipv4Addr::from_bits(self.local.to_bits() + host)
    }
}

fn route_to(target: SocketAddrV4) -> io::Result<Ipv4Addr> {
    let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // Connecting a UDP socket asks the routing table and sends nothing.
    probe.connect(target)?;
    match probe.local_addr()? {
        SocketAddr::V4(local) => Ok(*local.ip()),
        SocketAddr::V6(_) => Err(io::Error::other("an IPv4 socket has an IPv6 address")),
    }
}

/// Buffers for [`MediaSocket::receive`], shared by all sockets of a worker. Stays on the thread that made it.
pub struct RecvScratch {
    buffers: Box<[[u8; DATAGRAM]; BATCH]>,
    /// Headers for sockets that never lost a datagram, and for those that did. nix does not restore the room for
    /// control messages, which the kernel shrinks to what it wrote: a stamp alone here, stamp and count there.
    headers: [MultiHeaders<SockaddrIn>; 2],
}

impl std::fmt::Debug for RecvScratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecvScratch")
    }
}

impl RecvScratch {
    /// Allocates one batch.
    #[must_use]
    pub fn new() -> Self {
        Self { buffers: Box::new([[0; DATAGRAM]; BATCH]), headers: [new_headers(), new_headers()] }
    }
}

impl Default for RecvScratch {
    fn default() -> Self {
        Self::new()
    }
}

fn new_headers() -> MultiHeaders<SockaddrIn> {
    MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(nix::sys::time::TimeSpec, u32)))
}

/// What is known of a datagram before its bytes are handed out.
#[derive(Clone, Copy)]
struct Arrival {
    received: Instant,
    source: SocketAddrV4,
    /// Bytes; `None` when it was longer than the buffer.
    length: Option<usize>,
}

/// The result of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Received {
    /// Datagrams handed out.
    pub datagrams: usize,
    /// Whether there may be more: the batch was full, or an error came in its place.
    pub more: bool,
    /// Datagrams that our receive buffer was found to have lost since the batch before.
    pub dropped: u64,
}

/// The result of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sent {
    /// Datagrams that the kernel took.
    pub datagrams: u32,
    /// Datagrams that it did not take (its buffers were full): lost on our side.
    pub failed: u32,
}

/// What a socket met since it was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams that our receive buffer lost, as far as a later datagram told (`SO_RXQ_OVFL`); the tail after the
    /// last datagram is in [`super::drops`].
    pub dropped: u64,
    /// ICMP answers that nobody listens at the peer's port.
    pub refused: u64,
    /// Datagrams longer than 2,048 bytes, dropped.
    pub truncated: u64,
    /// Datagrams whose arrival was taken from the tick, for want of a kernel stamp.
    pub unstamped: u64,
    /// Other errors of receive calls.
    pub receive_errors: u64,
    /// Datagrams that could not be sent.
    pub send_failed: u64,
}

/// A UDP socket for one participant's media.
#[derive(Debug)]
pub struct MediaSocket {
    socket: UdpSocket,
    local: SocketAddrV4,
    peer: Option<SocketAddrV4>,
    granted: usize,
    /// Whether the kernel still takes groups; one refusal settles it.
    groups: bool,
    /// The segment size that is set on the socket (0: none), and that of the last group.
    set_segment: usize,
    last_segment: usize,
    /// The kernel's running count of lost datagrams, which wraps.
    last_drop_count: u32,
    counters: Counters,
}

impl AsFd for MediaSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl MediaSocket {
    /// Binds to a free port of `address` and asks for a receive buffer of `receive_buffer` bytes; [`Self::granted`] says
    /// what came of it.
    ///
    /// # Errors
    /// When no port or descriptor is left, or `address` is not ours.
    pub fn bind(address: Ipv4Addr, receive_buffer: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::RcvBuf, &receive_buffer)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        let granted = getsockopt(&socket, sockopt::RcvBuf)?;
        let SocketAddr::V4(local) = socket.local_addr()? else {
            return Err(io::Error::other("an IPv4 socket has an IPv6 address"));
        };
        Ok(Self {
            socket,
            local,
            peer: None,
            granted,
            groups: true,
            set_segment: 0,
            last_segment: 0,
            last_drop_count: 0,
            counters: Counters::default(),
        })
    }

    /// The address it is bound to.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        SocketAddr::V4(self.local)
    }

    /// The receive buffer that the kernel granted, bytes. The kernel doubles what is asked for, up to twice
    /// `rmem_max`, and counts its own bookkeeping in it: about 2,300 bytes for a packet of 1,200.
    #[must_use]
    pub const fn granted(&self) -> usize {
        self.granted
    }

    /// What it met so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Sends to `peer` without looking up the route each time, and receives from nobody else from here on. May be
    /// called again with another peer.
    ///
    /// # Errors
    /// When `peer` is not IPv4 or has no route.
    pub fn connect(&mut self, peer: SocketAddr) -> io::Result<()> {
        let SocketAddr::V4(v4) = peer else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "media sockets are IPv4"));
        };
        self.socket.connect(peer)?;
        self.peer = Some(v4);
        Ok(())
    }

    /// Reads one batch of at most [`BATCH`] datagrams and hands each out with the time at which the kernel got it and
    /// its source. Never blocks; an ICMP error of earlier is counted and read past.
    pub fn receive(
        &mut self,
        scratch: &mut RecvScratch,
        wall: &WallPair,
        mut each: impl FnMut(Instant, SocketAddr, &mut [u8]),
    ) -> Received {
        let mut arrivals =
            [Arrival { received: Instant::ZERO, source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), length: None };
                BATCH];
        let before = self.counters.dropped;
        let (count, more) = self.read_batch(scratch, wall, &mut arrivals);
        let mut datagrams = 0;
        for (arrival, buffer) in arrivals[..count].iter().zip(scratch.buffers.iter_mut()) {
            match arrival.length {
                Some(length) => {
                    datagrams += 1;
                    each(arrival.received, SocketAddr::V4(arrival.source), &mut buffer[..length]);
                }
                None => self.counters.truncated += 1,
            }
        }
        Received { datagrams, more, dropped: self.counters.dropped - before }
    }

    /// One `recvmmsg`; returns how many buffers were filled, and whether there may be more. Whoever waits for edges hears
    /// nothing of what an error left unread.
    fn read_batch(
        &mut self,
        scratch: &mut RecvScratch,
        wall: &WallPair,
        arrivals: &mut [Arrival; BATCH],
    ) -> (usize, bool) {
        // An error of earlier comes in place of data, once: the second call reads.
        for _ in 0..2 {
            let RecvScratch { buffers, headers } = scratch;
            let which = usize::from(self.last_drop_count != 0 || self.counters.unstamped != 0);
            match self.try_read(buffers, &mut headers[which], wall, arrivals) {
                Ok((count, intact)) => {
                    if !intact {
                        headers[1] = new_headers();
                    }
                    return (count, count == BATCH);
                }
                Err(Errno::ECONNREFUSED) => self.counters.refused += 1,
                Err(Errno::EAGAIN) => return (0, false),
                Err(_) => {
                    self.counters.receive_errors += 1;
                    return (0, true);
                }
            }
        }
        (0, true)
    }

    /// As [`Self::read_batch`]; also says whether every stamp was there.
    fn try_read(
        &mut self,
        buffers: &mut [[u8; DATAGRAM]; BATCH],
        headers: &mut MultiHeaders<SockaddrIn>,
        wall: &WallPair,
        arrivals: &mut [Arrival; BATCH],
    ) -> Result<(usize, bool), Errno> {
        let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let fd = self.socket.as_raw_fd();
        let messages = recvmmsg(fd, headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
        let (mut count, mut intact) = (0, true);
        for (message, arrival) in messages.zip(arrivals) {
            count += 1;
            let mut received = None;
            // Fails when the room for control messages was too small for the first count after a loss.
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::ScmTimestampns(stamp) => received = Some(wall.run_time(Duration::from(stamp))),
                    ControlMessageOwned::RxqOvfl(total) => {
                        self.counters.dropped += u64::from(total.wrapping_sub(self.last_drop_count));
                        self.last_drop_count = total;
                    }
                    _ => {}
                }
            }
            if received.is_none() {
                self.counters.unstamped += 1;
                intact = false;
            }
            let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            *arrival = Arrival {
                received: received.unwrap_or_else(|| wall.now()),
                source: message.address.map_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0), SocketAddrV4::from),
                length: whole.then_some(message.bytes),
            };
        }
        Ok((count, intact))
    }

    /// Sends `bytes` to `to` as datagrams of `segment` bytes each (the last may be shorter) in as few calls as the
    /// kernel allows. Never blocks: what the kernel does not take is counted.
    ///
    /// # Panics
    /// When `segment` is zero.
    pub fn send_group(&mut self, to: SocketAddr, bytes: &[u8], segment: usize) -> Sent {
        assert!(segment > 0, "a datagram of a group has at least one byte");
        let mut sent = Sent::default();
        let SocketAddr::V4(to) = to else {
            sent.failed = u32::try_from(bytes.len().div_ceil(segment)).unwrap_or(u32::MAX);
            self.counters.send_failed += u64::from(sent.failed);
            return sent;
        };
        // A connected socket sends without looking up the route again.
        let to = Some(to).filter(|to| self.peer != Some(*to));
        let in_one_call = (GROUP_BYTES / segment).clamp(1, SEGMENTS) * segment;
        for chunk in bytes.chunks(in_one_call) {
            let datagrams = u32::try_from(chunk.len().div_ceil(segment)).expect("at most 64");
            if self.groups && chunk.len() > segment {
                match self.send_segmented(to, chunk, segment) {
                    Ok(()) => {
                        sent.datagrams += datagrams;
                        continue;
                    }
                    // The route or its device cannot segment: never ask again.
                    Err(Errno::EIO | Errno::EINVAL) => self.groups = false,
                    Err(_) => {
                        sent.failed += datagrams;
                        continue;
                    }
                }
            }
            for datagram in chunk.chunks(segment) {
                let taken = self.send_one(to, datagram);
                sent.datagrams += u32::from(taken);
                sent.failed += u32::from(!taken);
            }
        }
        self.counters.send_failed += u64::from(sent.failed);
        sent
    }

    /// Whether groups go out in one call (UDP GSO); `false` once the kernel refused one.
    #[must_use]
    pub const fn sends_groups(&self) -> bool {
        self.groups
    }

    /// One call for several datagrams. A size that comes twice in a row is set on the socket, which makes the call a
    /// plain send: measured, a tenth cheaper than naming it in a control message, which also allocates.
    fn send_segmented(&mut self, to: Option<SocketAddrV4>, bytes: &[u8], segment: usize) -> Result<(), Errno> {
        let size = u16::try_from(segment).map_err(|_| Errno::EINVAL)?;
        let again = std::mem::replace(&mut self.last_segment, segment) == segment;
        if again && self.set_segment != segment {
            setsockopt(&self.socket, sockopt::UdpGsoSegment, &i32::from(size))?;
            self.set_segment = segment;
        }
        if self.set_segment == segment {
            return self.send_plain(to, bytes);
        }
        let address = to.map(SockaddrIn::from);
        self.past_refusals(|socket| {
            let control = [ControlMessage::UdpGsoSegments(&size)];
            let slices = [IoSlice::new(bytes)];
            sendmsg(socket.as_raw_fd(), &slices, &control, MsgFlags::MSG_DONTWAIT, address.as_ref())
        })
    }

    fn send_one(&mut self, to: Option<SocketAddrV4>, bytes: &[u8]) -> bool {
        if self.set_segment != 0 && bytes.len() > self.set_segment {
            // It would be cut into segments.
            if setsockopt(&self.socket, sockopt::UdpGsoSegment, &0).is_err() {
                return false;
            }
            self.set_segment = 0;
        }
        self.send_plain(to, bytes).is_ok()
    }

    fn send_plain(&mut self, to: Option<SocketAddrV4>, bytes: &[u8]) -> Result<(), Errno> {
        self.past_refusals(|socket| {
            let result = match to {
                None => socket.send(bytes),
                Some(to) => socket.send_to(bytes, to),
            };
            result.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
        })
    }

    /// Calls `send`, and once more when an ICMP error of earlier came in place of sending.
    fn past_refusals(&mut self, send: impl Fn(&UdpSocket) -> Result<usize, Errno>) -> Result<(), Errno> {
        match send(&self.socket) {
            Err(Errno::ECONNREFUSED) => {
                self.counters.refused += 1;
                send(&self.socket).map(drop)
            }
            result => result.map(drop),
        }
    }
}

#[cfg(test)]
mod tests;
