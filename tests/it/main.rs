//! throng's integration tests, one binary.

mod cli;
mod interop;
mod live;
mod path;
mod tidy;
mod totality;
mod turns;
