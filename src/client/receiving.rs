//! The usual turn of one who is in the room: packets come out of its downlink, and nothing else is due.
//!
//! Most of what a client is told is that. So nothing else is looked after then, unless something comes of the packets
//! beyond what they measure.

use super::leg::Leg;
use super::network::Network;
use super::turn::Turn;
use super::{Client, Session, Shared, Sink, State};
use crate::clock::Instant;

impl Client {
    /// Whether something got past the link since the last [`Self::handle_batch_end`], or can by `now`.
    #[must_use]
    pub fn has_news(&self, now: Instant) -> bool {
        self.stirred || self.network.down.poll_timeout().is_some_and(|at| at <= now)
    }

    /// When its downlink hands out a packet next; `None` where nobody is there to take it.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.session.as_ref().and_then(|_| self.network.down.poll_timeout())
    }

    /// Whether nothing can be due at `now` but packets in its downlink.
    pub(super) fn only_receives(&self, now: Instant) -> bool {
        let later = |due: Option<Instant>| due.is_none_or(|at| at > now);
        later(self.session_due)
            && later(self.frames_due)
            && later(self.network.up.poll_timeout())
            && later(self.act_due)
            && later(self.network.next_change())
            && later(self.faults.poll_timeout())
            && self.state == State::Present
            && self.recoveries.is_empty()
            && self.partings.is_empty()
            && self.held.is_empty()
            && self.session.as_deref().is_some_and(Session::is_settled)
    }

    /// Takes the packets that have come out of its downlink by `now`.
    pub(super) fn receive(&mut self, now: Instant, shared: &Shared, sink: &mut Sink) {
        self.stirred = false;
        let mut turn = self.turn(now, shared, sink);
        let Some(session) = &mut self.session else { return };
        if session.receive(&mut turn, &mut self.network) {
            self.conclude(now, shared, sink);
        } else {
            self.note_due();
        }
    }
}

impl Session {
    /// What [`Session::settle`] does, where nothing but the links can have something, of a session that is in; whether that
    /// led to anything beyond what was measured. If not, only the time at which it is to be told the time again is another.
    pub fn receive(&mut self, turn: &mut Turn<'_>, network: &mut Network) -> bool {
        let moved = self.drain_links(turn, network);
        let news = self.legs.iter().any(Leg::has_news);
        if news {
            self.settle_on(turn, network, moved);
        }
        news
    }

    /// Whether it is in, and neither leaving nor gone.
    pub fn is_settled(&self) -> bool {
        self.joined_told && !self.joined_now && self.ended.is_none()
    }
}
