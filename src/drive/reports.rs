//! What a part of a run, a worker thread or a team of islands, tells of each interval and leaves behind.

use crate::metrics::{Interval, Recorded};
use crate::outcome::{LinkGroupOutcome, LinkOutcome, ParticipantDetail};

/// Receive buffer that every socket asks for, bytes: a thousand packets of 1,200, the kernel's bookkeeping included.
pub const WANTED_BUFFER: usize = 1 << 21;

/// One interval of one part.
#[derive(Clone, Debug, Default)]
pub struct IntervalReport {
    /// Its samples.
    pub interval: Interval,
    /// Participants joining.
    pub joining: u64,
    /// Participants in the room.
    pub in_room: u64,
    /// Video streams that were frozen during any part of the interval.
    pub frozen: u64,
    /// Share of the interval's wall time in which it was on a core.
    pub busy: f64,
    /// Datagrams that the kernel dropped at its sockets.
    pub drops: u64,
    /// Datagrams that the kernel refused to send.
    pub send_errors: u64,
    /// Legs that this machine had no socket for, or no other one in the place of theirs.
    pub without_socket: u64,
    /// ICMP answers that nobody listens at the SFU's port.
    pub refused: u64,
}

/// What it leaves behind.
#[derive(Debug)]
pub struct WorkerResult {
    /// All its samples.
    pub recorded: Recorded,
    /// What became of its participants.
    pub details: Vec<ParticipantDetail>,
    /// The books of their links.
    pub links: Vec<LinkOutcome>,
    /// The books of their link groups.
    pub link_groups: Vec<LinkGroupOutcome>,
    /// Drops and send errors since the last interval.
    pub last: IntervalReport,
    /// The smallest receive buffer that the kernel granted, bytes; see [`WANTED_BUFFER`].
    pub receive_buffer: u64,
}

/// What processes have used since they began, and hold now.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Usage {
    /// CPU time, user and system, seconds; a step of 10 ms.
    pub cpu_seconds: f64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
}
