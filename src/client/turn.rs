//! What one call to a client has at hand: the time, what all clients share, and where outputs go.

use super::faults::Firewall;
use super::shared::Shared;
use super::sink::{Order, Sink};
use crate::clock::{Duration, Instant};
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Key;
use crate::rtp::ntp::Ntp;
use crate::signalling::Carry;

/// One call's surroundings.
pub(super) struct Turn<'a> {
    /// The time told.
    pub now: Instant,
    /// What all clients share.
    pub shared: &'a Shared,
    /// Where outputs go.
    pub sink: &'a mut Sink,
    /// Index of the participant.
    pub me: u32,
    /// Whether this is a session after the first.
    pub rejoin: bool,
    /// Intended arrival of the session.
    pub arrival: Instant,
    /// Number of the session, from 0.
    pub session: u32,
    /// Whether its join is over.
    pub joined: bool,
    /// What stands between its network and the SFU.
    pub barrier: Barrier,
}

/// What keeps a participant from the SFU besides its links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Barrier {
    /// Ports that are closed.
    pub firewall: Firewall,
    /// No signalling connection can be opened, and nothing said.
    pub broken: bool,
    /// The links let no datagram through: a goodbye that does not cross them must not go out either.
    pub silent: bool,
}

impl Turn<'_> {
    /// The key of a sample due at `due`.
    pub fn key(&self, media: Option<u16>, due: Instant) -> Key {
        self.shared.key(self.me, media, due, self.rejoin)
    }

    /// Records a duration that was due at `due`.
    pub fn record(&mut self, metric: Metric, media: Option<u16>, due: Instant, value: Duration) {
        let key = self.key(media, due);
        self.sink.recorder.record(metric, key, value.as_secs_f64());
    }

    /// Records a value of another unit than time that was due at `due`.
    pub fn sample(&mut self, metric: Metric, media: Option<u16>, due: Instant, value: f64) {
        let key = self.key(media, due);
        self.sink.recorder.record(metric, key, value);
    }

    /// Records that something due at `due` had waited for so long, and was still open.
    pub fn censor(&mut self, metric: Metric, due: Instant, waited: Duration) {
        let key = self.key(None, due);
        self.sink.recorder.record_censored(metric, key, waited.as_secs_f64());
    }

    /// Counts.
    pub fn count(&mut self, metric: Metric, media: Option<u16>, due: Instant, n: u64) {
        if n > 0 {
            let key = self.key(media, due);
            self.sink.recorder.count(metric, key, n);
        }
    }

    /// Adds to a ratio.
    pub fn ratio(&mut self, metric: Metric, media: Option<u16>, due: Instant, numerator: u64, denominator: u64) {
        if denominator > 0 {
            let key = self.key(media, due);
            self.sink.recorder.ratio(metric, key, numerator, denominator);
        }
    }

    /// Orders a message to be carried out.
    pub fn order(&mut self, leg: u8, carry: Carry) {
        self.sink.orders.push(Order::Carry { leg, session: self.session, carry });
    }

    /// Whether datagrams go to and come from this port of the SFU.
    #[inline]
    pub fn lets(&self, port: u16) -> bool {
        self.barrier.firewall.lets(&self.shared.plan, port)
    }

    /// NTP time now.
    pub fn ntp(&self) -> Ntp {
        self.shared.ntp(self.now)
    }
}
