//! throng's integration tests, one binary.

mod tidy;
