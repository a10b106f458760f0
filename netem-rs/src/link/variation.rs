//! The time on the wire, drawn for each packet. Further distributions (Pareto, tables, slots) are further arms here.

use crate::Seed;
use crate::config::{DelayVariation, LinkConfig};
use crate::dice::Dice;
use std::time::Duration;

/// Propagation and variation for the next packet.
pub(crate) fn draw_delay(config: &LinkConfig, dice: &mut Dice, seed: &Seed) -> Duration {
    match config.delay_variation {
        None => config.delay,
        Some(DelayVariation::Gaussian { sd, max, .. }) => {
            let extra = scaled(sd, libm::fabs(dice.normal(seed)));
            config.delay + extra.min(max)
        }
        Some(DelayVariation::Uniform { max, .. }) => config.delay + scaled(max, dice.unit(seed)),
        Some(DelayVariation::Normal { sd, max, .. }) => {
            let draw = dice.normal(seed);
            let extra = scaled(sd, libm::fabs(draw)).min(max);
            // Validation holds `max` to the delay, so nothing is cut off here.
            if draw < 0.0 { config.delay.saturating_sub(extra) } else { config.delay + extra }
        }
    }
}

/// `time` times a small factor, to the nearest nanosecond.
fn scaled(time: Duration, factor: f64) -> Duration {
    Duration::from_nanos(libm::round(time.as_nanos() as f64 * factor) as u64)
}
