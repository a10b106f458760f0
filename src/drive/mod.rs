//! Drivers: the places that own sockets, threads and the real clock.
//!
//! What the live and the simulated driver share stands beside them: how a run stands (`progress`, `board`), and how its
//! outcome is put together (`assemble`) from what its parts leave behind (`reports`), and what participants received is
//! written (`dump`).

pub mod acts;
mod assemble;
mod board;
pub mod carry;
pub mod closed;
pub mod dump;
pub mod live;
pub mod path;
mod planned;
mod progress;
pub mod reports;
pub mod simulated;
pub mod status;
