//! The outcome of a run: everything that was measured and how it was judged, as one versioned JSON document.
//!
//! The report is a function of it alone. Durations are seconds, rates bit/s, sizes bytes. It holds no secret.

pub mod abort;
pub mod aggregate;
pub mod build;
pub mod document;
pub mod faults;
pub mod filter;
mod finite;
mod health;
pub mod io;
pub mod judge;
pub mod names;
pub mod number;
pub mod series;
pub mod verdict;
pub mod voice;
pub mod window;
pub mod words;

pub use abort::AbortWatch;
pub use aggregate::Evidence;
pub use document::*;
pub use io::OutcomeError;
pub use judge::{judge, judge_health};
pub use names::Names;
pub use series::SeriesBuilder;
pub use verdict::{Ending, Judgement, verdict};
