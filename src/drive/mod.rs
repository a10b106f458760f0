//! Drivers: the places that own sockets, threads and the real clock.

pub mod acts;
pub mod carry;
pub mod closed;
pub mod live;
pub mod path;
pub mod simulated;
pub mod status;
