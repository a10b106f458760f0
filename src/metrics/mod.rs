//! Measures: the catalog of metrics, histograms that merge, and the recorders that workers own.

pub mod catalog;
pub mod histogram;
pub mod interval;
pub mod labels;
pub mod measure;
pub mod recorded;
pub mod recorder;
pub mod sparse;

pub use interval::{Group, Increment, Interval};
pub use recorded::Recorded;
pub use recorder::Recorder;
