//! When which fault happens to one participant, and which of them are on: its own timeline of the plan's faults.
//!
//! Networks carry out what is about packets (`network`), sessions what is about connections; an SFU's own faults are
//! here only because the participant has to note what it had.

use crate::clock::Instant;
use crate::plan::{FaultKind, Plan, Ports};

/// The most faults of a run: a bit each.
pub const MOST_FAULTS: usize = crate::scenario::fault::MOST;

/// The beginning or the end of a fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Turning {
    pub at: Instant,
    /// Beginnings come before ends: an instant begins, then ends.
    pub ends: bool,
    pub fault: u16,
}

/// The faults of one participant that lie ahead.
#[derive(Debug)]
pub(super) struct Timeline {
    /// The latest first, so that the next one is popped.
    ahead: Vec<Turning>,
    /// Faults that are on and keep signalling from being opened.
    broken: u32,
}

impl Timeline {
    pub fn new(plan: &Plan, faults: &[u16]) -> Self {
        let mut ahead: Vec<Turning> = Vec::new();
        for &fault in faults {
            let it = &plan.faults[usize::from(fault)];
            ahead.push(Turning { at: it.at, ends: false, fault });
            // When the SFU is itself again is known only to who has it in hand.
            if !it.kind.is_of_sfu() {
                ahead.push(Turning { at: it.until, ends: true, fault });
            }
        }
        ahead.sort_by(|a, b| b.cmp(a));
        Self { ahead, broken: 0 }
    }

    /// When the next one is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.ahead.last().map(|turning| turning.at)
    }

    /// The next one that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<Turning> {
        self.ahead.pop_if(|turning| turning.at <= now)
    }

    /// Signalling breaks, or may be opened again.
    pub fn count_broken(&mut self, ends: bool) {
        self.broken = if ends { self.broken.saturating_sub(1) } else { self.broken + 1 };
    }

    /// Whether no signalling connection can be opened, and nothing said.
    pub fn is_broken(&self) -> bool {
        self.broken > 0
    }
}

/// What the firewall between the participant's network and the SFU does not let through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Firewall {
    /// Faults that close every port of media.
    all: u32,
    /// Faults that close some ports, a bit each.
    some: u64,
}

impl Firewall {
    /// A fault closes its ports, or opens them again.
    pub fn count(&mut self, fault: u16, ports: &Ports, ends: bool) {
        match ports {
            Ports::Media => self.all = if ends { self.all.saturating_sub(1) } else { self.all + 1 },
            Ports::These(_) if ends => self.some &= !(1 << fault),
            Ports::These(_) => self.some |= 1 << fault,
            Ports::Signalling => {}
        }
    }

    /// Whether datagrams go to and come from this port of the SFU.
    #[inline]
    pub fn lets(self, plan: &Plan, port: u16) -> bool {
        if self == Self::default() {
            return true;
        }
        let closes = |fault: usize| match &plan.faults[fault].kind {
            FaultKind::PortBlock(Ports::These(ports)) => ports.contains(&port),
            _ => false,
        };
        self.all == 0
            && !(0..MOST_FAULTS.min(plan.faults.len())).any(|fault| self.some >> fault & 1 == 1 && closes(fault))
    }
}
