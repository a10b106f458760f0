//! What is tested, resolved from `[target]`; the words are the scenario's own.

pub use crate::scenario::target::{AdapterPlan, ProcessPlan, Quirks, ReferencePlan, ServicePlan, TargetPlan, WhipPlan};
