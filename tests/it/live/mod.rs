//! Proof that the figures are true: the real program runs small scenarios over loopback, and what was injected is read
//! back from `outcome.json`. Each figure moves by what was injected, and is zero, or the control's, without it.

mod bad_days;
mod black;
mod data;
mod delays;
mod faults;
mod groups;
pub mod harness;
mod keyframes;
mod losses;
mod numbers;
mod outages;
mod paths;
mod read;
mod remb;
mod rooms;
mod secrets;
mod worlds;
