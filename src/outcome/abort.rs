//! Ends a run early when a threshold that asks for it has been missed for long enough.

use super::document::{ThresholdOutcome, Verdict};
use crate::clock::Instant;
use crate::plan::threshold::{Severity, ThresholdPlan};

/// Watches the thresholds as they stand.
///
/// Time before a threshold's `after` does not count. A threshold that only warns ends nothing, and one that holds again,
/// or can no longer be judged, starts anew.
#[derive(Clone, Debug)]
pub struct AbortWatch {
    missed_since: Vec<Option<Instant>>,
}

impl AbortWatch {
    /// A watch over as many thresholds.
    #[must_use]
    pub fn new(thresholds: &[ThresholdPlan]) -> Self {
        Self { missed_since: vec![None; thresholds.len()] }
    }

    /// Takes the thresholds as they stand at `now`; the index of the first that ends the run, `None` to go on.
    pub fn observe(&mut self, now: Instant, plans: &[ThresholdPlan], judged: &[ThresholdOutcome]) -> Option<usize> {
        let mut ends = None;
        for (index, (plan, outcome)) in plans.iter().zip(judged).enumerate() {
            let Some(abort) = plan.abort.filter(|_| plan.severity == Severity::Fail) else { continue };
            let since = &mut self.missed_since[index];
            if outcome.verdict != Verdict::Fail || now < Instant::ZERO + abort.after {
                *since = None;
                continue;
            }
            let since = *since.get_or_insert(now);
            if ends.is_none() && now.saturating_since(since) >= abort.lasting {
                ends = Some(index);
            }
        }
        ends
    }
}
