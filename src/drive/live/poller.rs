//! Which sockets have something new to read: epoll, edge-triggered, one a worker.
//!
//! Edge-triggered, because most sockets are not read at once: a socket is named when something comes, and not again
//! before more does, so whoever does not empty it has to remember that. It never waits inside a tick: the tick sleeps on
//! the clock, then asks once.

use crate::clock::Duration;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io;
use std::os::fd::AsFd;

/// The sockets of one worker, each with a token of the caller's.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
    events: Vec<EpollEvent>,
    registered: usize,
}

impl Poller {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, events: vec![EpollEvent::empty(); 64], registered: 0 })
    }

    /// Watches `socket` for something to read; it is reported as `token`.
    ///
    /// # Errors
    /// When it is watched already, or the user's limit on watches is reached.
    pub fn add(&mut self, socket: &impl AsFd, token: u64) -> io::Result<()> {
        self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, token))?;
        self.registered += 1;
        // One call must be able to name every socket, or the first ones would starve the last.
        if self.registered > self.events.len() {
            self.events.resize(self.registered.next_power_of_two(), EpollEvent::empty());
        }
        Ok(())
    }

    /// Stops watching `socket`.
    ///
    /// # Errors
    /// When it is not watched.
    pub fn remove(&mut self, socket: &impl AsFd) -> io::Result<()> {
        self.epoll.delete(socket)?;
        self.registered -= 1;
        Ok(())
    }

    /// The tokens of all sockets to which something came since they were named last. Does not wait.
    ///
    /// # Errors
    /// Only when the kernel refuses the call, which a valid poller never sees.
    pub fn ready(&mut self) -> io::Result<impl Iterator<Item = u64> + '_> {
        self.poll(EpollTimeout::ZERO)
    }

    /// As [`Self::ready`], but waits for the first one, at most `patience` (rounded up to whole milliseconds). A
    /// signal ends the wait with none.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn wait(&mut self, patience: Duration) -> io::Result<impl Iterator<Item = u64> + '_> {
        let millis = patience.as_nanos().div_ceil(1_000_000);
        self.poll(EpollTimeout::try_from(u32::try_from(millis).unwrap_or(u32::MAX).min(i32::MAX as u32)).expect("fits"))
    }

    fn poll(&mut self, timeout: EpollTimeout) -> io::Result<impl Iterator<Item = u64> + '_> {
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(self.events[..count].iter().map(EpollEvent::data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_socket_is_named_once_for_what_came() {
        let mut poller = Poller::new().expect("poller");
        let sockets: Vec<UdpSocket> = (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").expect("bind")).collect();
        for (token, socket) in sockets.iter().enumerate() {
            poller.add(socket, token as u64).expect("add");
        }
        assert_eq!(poller.ready().expect("poll").count(), 0);
        for socket in &sockets {
            sockets[0].send_to(b"x", socket.local_addr().expect("address")).expect("send");
        }
        let mut tokens: Vec<u64> = poller.wait(Duration::from_secs(1)).expect("poll").collect();
        tokens.sort_unstable();
        assert_eq!(tokens, (0..100).collect::<Vec<_>>());
        assert_eq!(poller.ready().expect("poll").count(), 0, "unread, but nothing new");
        sockets[0].send_to(b"x", sockets[0].local_addr().expect("address")).expect("send");
        assert_eq!(poller.wait(Duration::from_secs(1)).expect("poll").collect::<Vec<_>>(), [0]);
        poller.remove(&sockets[0]).expect("remove");
        assert_eq!(poller.ready().expect("poll").count(), 0);
    }
}
