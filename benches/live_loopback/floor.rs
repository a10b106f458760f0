//! The bare loop: only what must be done for the same datagrams.

use super::measure::{Cores, Figures, Meter, Span, Ticks, cores, on_two_cores, pin};
use super::workload::{Heard, PACKETS_PER_SECOND, Stream, VIDEO, send_paced};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, setsockopt, sockopt};
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Datagrams a `recvmmsg`.
pub const BATCH: usize = 16;

pub fn socket(receive_buffer: usize) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    socket.set_nonblocking(true).expect("non-blocking");
    setsockopt(&socket, sockopt::RcvBuf, &receive_buffer).expect("buffer");
    socket
}

pub fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("address")
}

/// Reads batches from any socket into the same buffers.
pub struct Batch {
    headers: MultiHeaders<()>,
    buffers: Box<[[u8; 2_048]; BATCH]>,
}

impl Batch {
    pub fn new() -> Self {
        Self { headers: MultiHeaders::preallocate(BATCH, None), buffers: Box::new([[0; 2_048]; BATCH]) }
    }

    /// Hands out what one call reads; returns how many that were.
    pub fn read(&mut self, socket: &UdpSocket, mut each: impl FnMut(&mut [u8])) -> usize {
        let mut lengths = [0; BATCH];
        let mut count = 0;
        {
            let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
            let fd = socket.as_raw_fd();
            let Ok(messages) = recvmmsg(fd, &mut self.headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) else {
                return 0;
            };
            for (message, length) in messages.zip(&mut lengths) {
                *length = message.bytes;
                count += 1;
            }
        }
        for (buffer, length) in self.buffers.iter_mut().zip(&lengths[..count]) {
            each(&mut buffer[..*length]);
        }
        count
    }
}

/// Empties `sink` until told to end, and counts.
pub fn drain(sink: &UdpSocket, ended: &AtomicBool, received: &AtomicU64) {
    let mut batch = Batch::new();
    let mut ticks = Ticks::new();
    while !ended.load(Ordering::Relaxed) {
        ticks.wait();
        let mut count = 0;
        loop {
            let read = batch.read(sink, |_| ());
            count += read as u64;
            if read < BATCH {
                break;
            }
        }
        received.fetch_add(count, Ordering::Relaxed);
    }
}

/// What it costs at least to send as `participants`.
pub fn floor_send(participants: usize, span: Span) -> Figures {
    let sink = socket(4 << 20);
    let to = address(&sink);
    let sockets: Vec<UdpSocket> = (0..participants)
        .map(|_| {
            let socket = socket(4 << 10);
            socket.connect(to).expect("connect");
            // Set once: a burst is then a plain send, without a control message.
            setsockopt(&socket, sockopt::UdpGsoSegment, &(VIDEO as i32)).expect("the kernel segments UDP");
            socket
        })
        .collect();
    let received = AtomicU64::new(0);
    on_two_cores(
        || {
            send_paced(participants, span, |participant, bytes| {
                sockets[participant].send(bytes).expect("the send buffer holds a burst");
            })
        },
        |ended| drain(&sink, ended, &received),
    )
}

/// What it costs at least to receive as `participants`.
pub fn floor_recv(participants: usize, span: Span) -> Figures {
    let blaster = socket(4 << 10);
    setsockopt(&blaster, sockopt::UdpGsoSegment, &(VIDEO as i32)).expect("the kernel segments UDP");
    let from = address(&blaster);
    let sockets: Vec<UdpSocket> = (0..participants)
        .map(|_| {
            let socket = socket(256 << 10);
            socket.connect(from).expect("connect");
            socket
        })
        .collect();
    let addresses: Vec<SocketAddr> = sockets.iter().map(address).collect();
    // The blaster outlives the receiver's measurement by a little.
    let longer = Span { warm: span.warm, measured: span.measured + span.warm };
    on_two_cores(
        || receive_paced(&sockets, span),
        |_| {
            send_paced(participants, longer, |participant, bytes| {
                blaster.send_to(bytes, addresses[participant]).expect("the send buffer holds a burst");
            });
        },
    )
}

pub fn receive_paced(sockets: &[UdpSocket], span: Span) -> Figures {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
    for (token, socket) in sockets.iter().enumerate() {
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token as u64)).expect("watch");
    }
    let mut events = vec![EpollEvent::empty(); sockets.len()];
    let mut heard: Vec<Heard> = (0..sockets.len()).map(Heard::new).collect();
    let mut batch = Batch::new();
    let mut meter = Meter::new(span);
    let mut ticks = Ticks::new();
    while !meter.ended() {
        ticks.wait();
        let ready = epoll.wait(&mut events, EpollTimeout::ZERO).expect("poll");
        for event in &events[..ready] {
            let participant = event.data() as usize;
            loop {
                let read = batch.read(&sockets[participant], |datagram| heard[participant].hear(datagram));
                meter.packets += read as u64;
                if read < BATCH {
                    break;
                }
            }
        }
    }
    meter.figures(Some((sockets.len() * PACKETS_PER_SECOND) as f64))
}

/// The physical limit: one socket a side, no pacing, groups as large as the kernel takes; the sender's figures and the
/// receiver's.
pub fn unpaced(span: Span) -> (Figures, Figures) {
    const GROUP: usize = 32;
    let (sender, receiver) = (socket(4 << 10), socket(4 << 20));
    sender.connect(address(&receiver)).expect("connect");
    receiver.connect(address(&sender)).expect("connect");
    setsockopt(&sender, sockopt::UdpGsoSegment, &(VIDEO as i32)).expect("the kernel segments UDP");
    let Cores { measured, other } = cores();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            pin(other);
            let mut stream = Stream::new(0);
            let mut buffer = vec![0; GROUP * VIDEO];
            let mut meter = Meter::new(span);
            while !meter.ended() {
                stream.rtp_time = stream.rtp_time.wrapping_add(3_000);
                buffer.chunks_mut(VIDEO).for_each(|datagram| stream.seal(datagram));
                meter.packets += sender.send(&buffer).map_or(0, |_| GROUP as u64);
            }
            meter.figures(None)
        });
        let receiving = scope.spawn(|| {
            pin(measured);
            let (mut heard, mut batch) = (Heard::new(0), Batch::new());
            let mut meter = Meter::new(Span { warm: span.warm, measured: span.measured.mul_f64(0.9) });
            while !meter.ended() {
                if batch.read(&receiver, |datagram| heard.hear(datagram)) == 0 {
                    std::thread::yield_now();
                }
                meter.packets = heard.packets;
            }
            meter.figures(None)
        });
        (sending.join().expect("sent"), receiving.join().expect("received"))
    })
}
