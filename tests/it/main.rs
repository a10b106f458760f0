//! throng's integration tests, one binary.

mod cli;
mod live;
mod tidy;
mod turns;
