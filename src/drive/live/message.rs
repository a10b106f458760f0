//! What the coordinator and a worker tell each other.

use crate::client::Milestone;
use crate::clock::Instant;
use crate::drive::carry::{CarrierHandle, Ticket};
use crate::drive::dump::Hose;
use crate::drive::reports::IntervalReport;
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
    /// Where what participants received is written, of a run that dumps it.
    pub hose: Option<Hose>,
}
