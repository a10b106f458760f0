//! Without a terminal: one line, always the same fields in the same order, no colour, no control codes.

use super::numbers::{BITS, SECONDS, SHARE, STREAMS, clock, tight};
use super::standing::Counts;
use crate::drive::status::{Stage, Status};

/// The line of a status.
pub(super) fn line(status: &Status) -> String {
    let (stage, past, whole) = status.stage();
    let word = match stage {
        Stage::Ramp => "ramp",
        Stage::Measured => "measured",
        Stage::CoolDown => "cool-down",
        Stage::Writing => "writing",
    };
    let counts = Counts::of(&status.thresholds);
    format!(
        "{}/{} {word} in={} failed={} up={} down={} loss={} jitter_p95={} delay_p95={} frozen={} join_p95={} cpu={} \
         late_p99={} hold={} near={} fail={} few={}",
        clock(past),
        clock(whole),
        status.in_room,
        status.failed,
        tight(BITS, status.up.now),
        tight(BITS, status.down.now),
        tight(SHARE, status.loss.now),
        tight(SECONDS, status.jitter.now),
        tight(SECONDS, status.delay.now),
        tight(STREAMS, status.frozen.now),
        tight(SECONDS, status.joins[1]),
        tight(SHARE, status.sfu_cpu.now),
        tight(SECONDS, status.generator.late_p99),
        counts.held,
        counts.near,
        counts.missed,
        counts.too_few,
    )
}
