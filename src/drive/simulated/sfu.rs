//! The life of the simulated SFU: it serves, stands still, or is not there, as faults have it.
//!
//! What comes while it stands still waits for it, datagrams as far as a receive buffer holds them; what comes while there is
//! none is refused or lost. What it does while it serves is [`Serving`]'s.

use super::line::Line;
use super::serving::{Departure, Serving, Setup};
use crate::clock::{Duration, Instant};
use crate::signalling::{Carried, Carry};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Bytes of datagrams that wait for an SFU that stands still, as the receive buffer of a live one.
const RECEIVE_BUFFER: usize = 16 << 20;

/// The SFU.
#[derive(Debug)]
pub(super) struct Sfu {
    setup: Setup,
    serving: Serving,
    state: State,
    /// How often it was started anew.
    lives: u64,
    /// What it said in vain, or was said in its place.
    said: VecDeque<(Line, Carried)>,
    /// What came while it stood still, and the bytes of the datagrams in it.
    inbox: VecDeque<Knock>,
    inbox_bytes: usize,
    /// Datagrams that earlier lives dropped, and that came from nobody.
    lost: (u64, u64),
    /// Work of a life that has ended in this interval.
    done: Option<Duration>,
}

/// How it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It serves.
    Up,
    /// It stands still.
    Still {
        /// Since when.
        since: Instant,
    },
    /// There is no process.
    Down,
}

/// Something that waits for an SFU that stands still.
#[derive(Debug)]
enum Knock {
    Datagram(SocketAddr, Vec<u8>),
    Message(Line, Carry),
}

impl Sfu {
    /// It serves, and nobody is in it.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            serving: Serving::new(setup, 0),
            state: State::Up,
            lives: 0,
            said: VecDeque::new(),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            lost: (0, 0),
            done: None,
        }
    }

    /// It ends without a goodbye: connections break, datagrams are sent in vain.
    pub fn kill(&mut self, now: Instant) {
        self.done = self.take_done(now);
        self.said.append(&mut self.serving.reset());
        self.lost = self.lost();
        self.lives += 1;
        self.serving = Serving::new(self.setup, self.lives);
        self.inbox.clear();
        self.inbox_bytes = 0;
        self.state = State::Down;
    }

    /// It begins again, with nobody in it.
    pub fn start(&mut self) {
        self.state = State::Up;
    }

    /// It stands still.
    pub fn pause(&mut self, now: Instant) {
        if self.state == State::Up {
            self.state = State::Still { since: now };
        }
    }

    /// It goes on, with what has waited for it.
    pub fn resume(&mut self, now: Instant) {
        let State::Still { since } = self.state else { return };
        self.state = State::Up;
        self.serving.shift(now.saturating_since(since));
        self.inbox_bytes = 0;
        for knock in std::mem::take(&mut self.inbox) {
            match knock {
                Knock::Datagram(from, bytes) => self.serving.handle_datagram(now, from, &bytes),
                Knock::Message(line, carry) => self.serving.handle_carry(now, line, carry),
            }
        }
    }

    /// When something happens by itself.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if self.state == State::Up { self.serving.poll_timeout() } else { None }
    }

    /// Does the first thing that is due at `now`; false when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        self.state == State::Up && self.serving.handle_timeout(now)
    }

    /// The next datagram that leaves at the time told last.
    pub fn poll_departure(&mut self) -> Option<Departure> {
        self.serving.poll_departure()
    }

    /// The next message that leaves.
    pub fn poll_said(&mut self) -> Option<(Line, Carried)> {
        self.said.pop_front().or_else(|| self.serving.poll_said())
    }

    /// Busy cores over the interval that ends now; `None` where packets cost nothing, and where there is no SFU.
    pub fn take_busy(&mut self, now: Instant, interval: Duration) -> Option<f64> {
        self.take_done(now).map(|done| done.as_secs_f64() / interval.as_secs_f64())
    }

    fn take_done(&mut self, now: Instant) -> Option<Duration> {
        let before = self.done.take();
        let here = match self.state {
            State::Up => self.serving.take_done(now),
            State::Still { since } => self.serving.take_done(since),
            State::Down => None,
        };
        before.into_iter().chain(here).reduce(|a, b| a + b)
    }

    /// Datagrams that found its queue full, and those of nobody that it knows.
    pub fn lost(&self) -> (u64, u64) {
        let (dropped, strays) = self.serving.lost();
        (self.lost.0 + dropped, self.lost.1 + strays)
    }

    /// A datagram comes from a participant.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        match self.state {
            State::Up => self.serving.handle_datagram(now, from, bytes),
            State::Still { .. } if self.inbox_bytes + bytes.len() <= RECEIVE_BUFFER => {
                self.inbox_bytes += bytes.len();
                self.inbox.push_back(Knock::Datagram(from, bytes.to_vec()));
            }
            State::Still { .. } | State::Down => {}
        }
    }

    /// Signalling comes from a participant.
    pub fn handle_carry(&mut self, now: Instant, line: Line, carry: Carry) {
        match (self.state, carry) {
            (State::Up, carry) => self.serving.handle_carry(now, line, carry),
            (State::Still { .. }, carry) => self.inbox.push_back(Knock::Message(line, carry)),
            (State::Down, Carry::Open { .. }) => {
                let reason = "the SFU refused the connection".to_owned();
                self.said.push_back((line, Carried::Closed { reason, status: None }));
            }
            (State::Down, _) => {}
        }
    }
}
