//! throng's integration tests, one binary.

mod live;
mod tidy;
mod turns;
