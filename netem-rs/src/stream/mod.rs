//! The reliable, in-order path of signalling over the same conditions: what TCP and TLS make of a lossy link.
//!
//! The model, on purpose plain:
//! * A connection takes round trips: the first is TCP's, each further one TLS's (TLS 1.3 needs one). TCP's flights are
//!   bare headers, a TLS round trip is 500 bytes up and 3,000 down.
//! * A message is cut into segments of 1,400 bytes, each with 12 bytes of header more than the path's UDP overhead.
//!   Segments cross a serialiser of the direction's rate that they share with nobody, then loss and delay as on a
//!   [`Link`](crate::Link). The sender waits for room instead of overflowing, so the queue's limit and policy do not
//!   matter; duplicates change nothing and are not made; slots and corruption are left out.
//! * A lost segment is sent again when its timer runs out: 1 s for TCP's first round trip (RFC 6298 §2.1), later both
//!   delays plus 200 ms (Linux's RTT + `TCP_RTO_MIN`), counted from its last bit and doubled at each further loss, up
//!   to 120 s. There is no fast retransmit, no tail-loss probe and no congestion window: signalling is a few segments
//!   at a time, for which the timer is what a user feels. A stream never gives up; its user's own deadlines do.
//! * Order is kept: a message is delivered when it and all before it are complete.
//! * In an outage that drops, segments go on being lost and retried, so messages arrive with the first timer after its
//!   end; one that pauses holds them to its very end.
//!
//! It deliberately is not a TCP: no acknowledgements cross the path, so a lossy return path costs nothing here.

mod half;

#[cfg(test)]
mod tests;

use crate::config::{LinkConfig, OutageMode};
use crate::{Instant, Seed};
use half::Half;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Bytes of a TLS flight towards the server (ClientHello, Finished).
const TLS_UP: usize = 500;
/// Bytes of a TLS flight towards the client (ServerHello to Finished, with a certificate chain).
const TLS_DOWN: usize = 3_000;
/// RFC 6298 §2.1: before any round trip was measured.
const FIRST_TIMER: Duration = Duration::from_secs(1);
/// Linux's `TCP_RTO_MIN`, which it adds to the smoothed round trip when that hardly varies.
const TIMER_MARGIN: Duration = Duration::from_millis(200);

/// Which way a message goes, seen from the one who opens the connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What happens on a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamOutput<T> {
    /// The connection stands; messages handed in earlier set out at this instant.
    Opened {
        /// When the last round trip ended.
        at: Instant,
    },
    /// A message has arrived whole, with all before it.
    Delivered {
        /// When its last segment was there.
        at: Instant,
        /// Which way it went.
        direction: Direction,
        /// What [`Stream::send`] was given.
        token: T,
    },
}

/// One reliable connection over an emulated path.
///
/// Inputs come in order of their time; times that are told late are counted as the latest one told. Drain
/// [`Stream::poll_output`] after every input.
pub struct Stream<T> {
    up: Half<Load<T>>,
    down: Half<Load<T>>,
    clock: Instant,
    state: State,
    /// Messages for a connection that does not stand yet.
    held: VecDeque<(Direction, usize, T)>,
    outputs: VecDeque<StreamOutput<T>>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Opening { round: u32, rounds: u32 },
    Open,
}

enum Load<T> {
    SetUp,
    Message(T),
}

impl<T> Stream<T> {
    /// A closed stream; its directions draw from `seed`'s children `up` and `down`.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    #[must_use]
    pub fn new(up: LinkConfig, down: LinkConfig, seed: Seed) -> Self {
        Self {
            up: Half::new(up, seed.child("up")),
            down: Half::new(down, seed.child("down")),
            clock: Instant::ZERO,
            state: State::Closed,
            held: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Opens a connection in `round_trips`: 1 for TCP, 2 with TLS 1.3, 0 for one that stands already. Whatever an
    /// earlier connection had not delivered is gone; random streams go on.
    pub fn open(&mut self, now: Instant, round_trips: u32) {
        self.advance(now);
        self.up.clear();
        self.down.clear();
        self.held.clear();
        if round_trips == 0 {
            self.handle_opened(self.clock);
        } else {
            self.state = State::Opening { round: 0, rounds: round_trips };
            self.up.send(self.clock, 0, true, Load::SetUp);
        }
        self.advance(now);
    }

    /// Sends a message of `bytes`; before the connection stands it waits for that.
    pub fn send(&mut self, now: Instant, direction: Direction, bytes: usize, token: T) {
        self.advance(now);
        match self.state {
            State::Open => self.half(direction).send(now, bytes, false, Load::Message(token)),
            State::Opening { .. } | State::Closed => self.held.push_back((direction, bytes, token)),
        }
        self.advance(now);
    }

    /// Lets time pass up to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    /// What has happened by now, in order of time.
    pub fn poll_output(&mut self) -> Option<StreamOutput<T>> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > 0 {
            self.outputs = VecDeque::new();
            self.held.shrink_to_fit();
        }
        output
    }

    /// When something happens next by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.up.next_event(), self.down.next_event()) {
            (Some(up), Some(down)) => Some(up.min(down)),
            (one, other) => one.or(other),
        }
    }

    /// Changes the conditions from `now` on; what is under way, timers and random streams are kept.
    ///
    /// # Panics
    /// On a configuration that [`LinkConfig::validate`] refuses.
    pub fn apply(&mut self, now: Instant, up: LinkConfig, down: LinkConfig) {
        self.advance(now);
        self.up.apply(self.clock, up);
        self.down.apply(self.clock, down);
        self.advance(now);
    }

    /// Begins or ends an outage at `now`, each direction apart.
    pub fn set_outage(&mut self, now: Instant, up: Option<OutageMode>, down: Option<OutageMode>) {
        self.advance(now);
        self.up.set_outage(self.clock, up);
        self.down.set_outage(self.clock, down);
        self.advance(now);
    }

    /// Whether the connection stands.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Segments that were lost so far, and so sent again, both ways together.
    #[must_use]
    pub const fn retransmitted(&self) -> u64 {
        self.up.retransmitted() + self.down.retransmitted()
    }

    /// The same of one direction.
    #[must_use]
    pub const fn retransmitted_in(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Up => self.up.retransmitted(),
            Direction::Down => self.down.retransmitted(),
        }
    }

    fn half(&mut self, direction: Direction) -> &mut Half<Load<T>> {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// Takes every event up to `now` in order of time; of two at one instant, the uplink's first.
    fn advance(&mut self, now: Instant) {
        self.clock = self.clock.max(now);
        loop {
            let direction = match (self.up.next_event(), self.down.next_event()) {
                (None, None) => {
                    self.up.rest();
                    self.down.rest();
                    return;
                }
                (Some(up), Some(down)) if down < up => Direction::Down,
                (None, Some(_)) => Direction::Down,
                (Some(_), _) => Direction::Up,
            };
            let timer = self.up.delay() + self.down.delay() + TIMER_MARGIN;
            let clock = self.clock;
            let half = self.half(direction);
            let at = half.next_event().expect("the direction with an event was chosen");
            if at > clock {
                return;
            }
            match half.step(at, timer) {
                None => {}
                Some(Load::SetUp) => self.handle_flight(at, direction),
                Some(Load::Message(token)) => {
                    self.outputs.push_back(StreamOutput::Delivered { at, direction, token });
                }
            }
        }
    }

    fn handle_flight(&mut self, at: Instant, direction: Direction) {
        let State::Opening { round, rounds } = self.state else { return };
        match direction {
            Direction::Up => self.down.send(at, if round == 0 { 0 } else { TLS_DOWN }, round == 0, Load::SetUp),
            Direction::Down if round + 1 == rounds => self.handle_opened(at),
            Direction::Down => {
                self.state = State::Opening { round: round + 1, rounds };
                self.up.send(at, TLS_UP, false, Load::SetUp);
            }
        }
    }

    fn handle_opened(&mut self, at: Instant) {
        self.state = State::Open;
        self.outputs.push_back(StreamOutput::Opened { at });
        while let Some((direction, bytes, token)) = self.held.pop_front() {
            self.half(direction).send(at, bytes, false, Load::Message(token));
        }
    }
}

impl<T> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stream = f.debug_struct("Stream");
        stream.field("clock", &self.clock).field("state", &self.state).finish_non_exhaustive()
    }
}
