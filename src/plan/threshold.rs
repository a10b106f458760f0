//! Thresholds, parsed and checked against the catalog before the run; the words are the scenario's own.

pub use crate::scenario::threshold::{Abort, Aggregate, Operator, Over, Severity, ThresholdPlan};
