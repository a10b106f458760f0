//! The end of a worker: everybody leaves in order, and what was measured is handed over.
//!
//! Answers to offers that were under way are waited for, within reason, because what they grant has to be deleted; media
//! and measures have ended before.

use super::{TICK, Worker, WorkerResult};
use crate::client::Client;
use crate::clock::{Duration, Instant};
use crate::drive::live::clock::Ticker;
use crate::metrics::catalog::Metric;
use crate::metrics::labels::Key;

/// How long the answers to offers are waited for.
const PARTING: Duration = Duration::from_secs(2);

impl Worker {
    /// Waits for the answers that matter.
    fn part(&mut self, ended: Instant) {
        let mut ticker = Ticker::new(self.clock, TICK);
        while self.clients.iter().any(Client::is_leaving) {
            let now = ticker.wait().now;
            if now.saturating_since(ended) > PARTING {
                break;
            }
            let now = self.take_carried(now);
            let now = self.tell_time(now);
            self.cross(now);
        }
    }

    /// Has everybody leave and ends.
    pub(super) fn finish(mut self) -> WorkerResult {
        let now = self.clock.now();
        for intended in self.starts.put_off().collect::<Vec<_>>() {
            self.count_put_off(intended);
        }
        let key = Key::run(self.shared.phase(self.last_interval));
        self.sink.recorder.count(Metric::HarnessRxDrops, key, self.counts.drops);
        for client in 0..self.clients.len() {
            self.clients[client].finish(now, &self.shared, &mut self.sink);
            self.drain(now, client as u32);
        }
        self.cross(now);
        self.part(now);
        WorkerResult {
            details: self.clients.iter().map(|client| client.detail(&self.shared)).collect(),
            links: self.clients.iter().flat_map(Client::links).collect(),
            link_groups: self.groups.outcomes(&self.shared.plan).collect(),
            recorded: self.sink.recorder.finish(),
            last: self.counts,
            receive_buffer: self.receive_buffer,
        }
    }
}
