//! The DTLS handshake as flights: who sends which when, and again when no answer comes (RFC 6347 §4.2.4).
//!
//! The client's timer begins at 1 s, the server's at 250 ms as the reference SFU's, and both double to 60 s. Real ones
//! draw up to a quarter more or less; these do not.

use super::wire::Flight;
use crate::clock::{Duration, Instant};

/// First retransmission of the client and of the server.
const CLIENT_RTO: Duration = Duration::from_secs(1);
const SERVER_RTO: Duration = Duration::from_millis(250);
/// Longest time between two retransmissions (RFC 6347 §4.2.4.1).
const LONGEST: Duration = Duration::from_secs(60);

/// One end's handshake.
#[derive(Clone, Debug)]
pub(super) struct Handshake {
    client: bool,
    /// The flight that was sent last, to be sent again.
    sent: Option<Flight>,
    rto: Duration,
    again: Option<Instant>,
    done: bool,
}

/// What comes of one fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Step {
    /// Send this.
    pub send: Option<Flight>,
    /// The keys are there from now on.
    pub done: bool,
}

impl Handshake {
    /// Nothing was sent yet.
    pub const fn new(client: bool) -> Self {
        Self { client, sent: None, rto: if client { CLIENT_RTO } else { SERVER_RTO }, again: None, done: false }
    }

    /// The path is there: the client says hello.
    pub fn begin(&mut self, now: Instant) -> Step {
        if self.client && self.sent.is_none() { self.flight(now, Flight::Hello) } else { Step::default() }
    }

    /// Whether the keys are there.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// When the last flight is to be sent again.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.again
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Step {
        if self.again.is_none_or(|at| at > now) {
            return Step::default();
        }
        self.rto = (2 * self.rto).min(LONGEST);
        self.again = Some(now + self.rto);
        Step { send: self.sent, done: false }
    }

    /// A flight of the peer's came.
    pub fn handle_flight(&mut self, now: Instant, flight: Flight) -> Step {
        match (self.client, flight, self.sent) {
            (true, Flight::Server, Some(Flight::Hello)) => self.flight(now, Flight::Client),
            (false, Flight::Hello, None) => self.flight(now, Flight::Server),
            (true, Flight::Finished, Some(Flight::Client)) => self.finish(None),
            (false, Flight::Client, Some(Flight::Server)) => self.finish(Some(Flight::Finished)),
            // The peer sends a flight again: ours was lost.
            (true, Flight::Server, Some(Flight::Client)) | (false, Flight::Client, Some(Flight::Finished)) => {
                Step { send: self.sent, done: false }
            }
            (false, Flight::Hello, Some(Flight::Server)) => Step { send: self.sent, done: false },
            _ => Step::default(),
        }
    }

    fn flight(&mut self, now: Instant, flight: Flight) -> Step {
        self.sent = Some(flight);
        self.rto = if self.client { CLIENT_RTO } else { SERVER_RTO };
        self.again = Some(now + self.rto);
        Step { send: Some(flight), done: false }
    }

    fn finish(&mut self, last: Option<Flight>) -> Step {
        let first = !std::mem::replace(&mut self.done, true);
        self.again = None;
        self.sent = last.or(self.sent);
        Step { send: last, done: first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn two_round_trips_make_the_keys() {
        let (mut client, mut server) = (Handshake::new(true), Handshake::new(false));
        assert_eq!(client.begin(ms(0)).send, Some(Flight::Hello));
        let answer = server.handle_flight(ms(50), Flight::Hello);
        assert_eq!(answer, Step { send: Some(Flight::Server), done: false });
        assert_eq!(client.handle_flight(ms(100), Flight::Server), Step { send: Some(Flight::Client), done: false });
        let answer = server.handle_flight(ms(150), Flight::Client);
        assert_eq!(answer, Step { send: Some(Flight::Finished), done: true });
        assert_eq!(client.handle_flight(ms(200), Flight::Finished), Step { send: None, done: true });
        assert_eq!((client.poll_timeout(), server.poll_timeout()), (None, None));
    }

    #[test]
    fn a_flight_without_an_answer_is_sent_again_ever_later() {
        let mut client = Handshake::new(true);
        client.begin(ms(0));
        let mut at = vec![];
        while at.len() < 8 {
            let due = client.poll_timeout().expect("it waits");
            assert_eq!(client.handle_timeout(due).send, Some(Flight::Hello));
            at.push(due.as_millis());
        }
        assert_eq!(at, [1_000, 3_000, 7_000, 15_000, 31_000, 63_000, 123_000, 183_000]);
        assert_eq!(client.handle_timeout(ms(183_001)), Step::default());
    }

    #[test]
    fn a_lost_last_flight_is_sent_again_when_the_client_asks() {
        let (mut client, mut server) = (Handshake::new(true), Handshake::new(false));
        client.begin(ms(0));
        server.handle_flight(ms(10), Flight::Hello);
        client.handle_flight(ms(20), Flight::Server);
        server.handle_flight(ms(30), Flight::Client);
        let again = client.handle_timeout(ms(1_020));
        assert_eq!(again.send, Some(Flight::Client));
        assert_eq!(server.handle_flight(ms(1_030), Flight::Client), Step { send: Some(Flight::Finished), done: false });
    }
}
