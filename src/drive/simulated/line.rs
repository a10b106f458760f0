//! Signalling connections of the simulated world: one a leg of a session, numbered in the order in which they open.

use crate::sfu::room::ConnectionId;
use std::collections::BTreeMap;

/// One leg's signalling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Line {
    /// The participant.
    pub client: u32,
    /// Its session.
    pub session: u32,
    /// The leg of it.
    pub leg: u8,
}

/// The lines that are open.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<ConnectionId, Line>,
    connections: BTreeMap<Line, ConnectionId>,
    next: u64,
}

impl Lines {
    /// Opens a line; what it had open before is forgotten.
    pub fn open(&mut self, line: Line) {
        self.next += 1;
        let connection = ConnectionId(self.next);
        self.lines.insert(connection, line);
        if let Some(before) = self.connections.insert(line, connection) {
            self.lines.remove(&before);
        }
    }

    /// The connection of a line.
    pub fn connection(&self, line: Line) -> Option<ConnectionId> {
        self.connections.get(&line).copied()
    }

    /// The line of a connection.
    pub fn line(&self, connection: ConnectionId) -> Option<Line> {
        self.lines.get(&connection).copied()
    }

    /// The SFU ends a connection; answers whose it was.
    pub fn close(&mut self, connection: ConnectionId) -> Option<Line> {
        let line = self.lines.remove(&connection)?;
        self.connections.remove(&line);
        Some(line)
    }

    /// A participant ends its connection; answers which it was.
    pub fn hang_up(&mut self, line: Line) -> Option<ConnectionId> {
        let connection = self.connections.remove(&line)?;
        self.lines.remove(&connection);
        Some(connection)
    }

    /// Ends all of them; answers whose they were, in order.
    pub fn close_all(&mut self) -> Vec<Line> {
        self.connections.clear();
        std::mem::take(&mut self.lines).into_values().collect()
    }
}
