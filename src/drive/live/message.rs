//! What the coordinator and a worker tell each other, and what a worker leaves behind.

use crate::client::Milestone;
use crate::clock::Instant;
use crate::drive::carry::{CarrierHandle, Ticket};
use crate::metrics::{Interval, Recorded};
use crate::outcome::{LinkOutcome, ParticipantDetail};
use crate::signalling::Carried;
use crossbeam_channel::{Receiver, Sender};

/// What the coordinator tells a worker.
#[derive(Clone, Debug)]
pub enum Command {
    /// A closed population has a place free.
    Start {
        /// Index of the participant.
        participant: u32,
        /// Since when the place was free.
        intended: Instant,
    },
    /// A closed population shrinks.
    Leave {
        /// Index of the participant.
        participant: u32,
    },
    /// The SFU is itself again after a fault of its own.
    FaultOver {
        /// Index of the fault in the plan.
        fault: u16,
        /// Since when.
        at: Instant,
    },
    /// The run ends.
    End,
}

/// What a worker tells the coordinator.
#[derive(Debug)]
pub enum Report {
    /// Something happened to a participant.
    Milestone(u32, Milestone),
    /// An interval ended.
    Interval(Box<IntervalReport>),
}

/// One interval of one worker.
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
    /// Share of the interval's wall time in which the worker was on a core.
    pub busy: f64,
    /// Datagrams that the kernel dropped at the worker's sockets.
    pub drops: u64,
    /// Datagrams that the kernel refused to send.
    pub send_errors: u64,
    /// ICMP answers that nobody listens at the SFU's port.
    pub refused: u64,
}

/// What a worker leaves behind.
#[derive(Debug)]
pub struct WorkerResult {
    /// All its samples.
    pub recorded: Recorded,
    /// What became of its participants.
    pub details: Vec<ParticipantDetail>,
    /// The books of their links.
    pub links: Vec<LinkOutcome>,
    /// Drops and send errors since the last interval.
    pub last: IntervalReport,
    /// The smallest receive buffer that the kernel granted, bytes.
    pub receive_buffer: u64,
}

/// How a worker is connected.
#[derive(Debug)]
pub struct Connections {
    /// From the coordinator.
    pub commands: Receiver<Command>,
    /// To the coordinator.
    pub reports: Sender<Report>,
    /// Carries signalling out.
    pub carrier: CarrierHandle,
    /// Where signalling is to bring its answers.
    pub reply: Sender<(Ticket, Carried)>,
    /// What signalling brings.
    pub carried: Receiver<(Ticket, Carried)>,
}
