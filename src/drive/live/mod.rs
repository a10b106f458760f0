//! The live driver: worker threads with real sockets, the machine's clock, and a coordinator.
//!
//! The coordinator starts the target, hands each worker its participants, gathers their intervals, fills the places of
//! closed populations, and puts the outcome together. It prints nothing: whoever called it is told the status.

pub mod clock;
mod coordinate;
pub mod drops;
mod hands;
pub mod limits;
pub mod machine;
pub mod message;
pub mod poller;
pub mod socket;
mod starts;
pub mod target;
pub mod wall;
pub mod worker;

pub use coordinate::{DriveError, Options, run};
