//! The time on the wire, drawn for each packet.
//!
//! Without correlation a model draws what its distribution needs. With it, a normal number that follows the last one
//! (z = ρ·z' + √(1-ρ²)·N(0, 1), so that it stays standard normal) is mapped through its quantile.

use crate::Seed;
use crate::config::{DelayVariation, LinkConfig};
use crate::dice::Dice;
use std::time::Duration;

/// Where tc-netem's normal table ends.
const TABLE_ENDS: f64 = 4.0;

/// What the last packet's luck was, for a variation that is correlated.
pub(crate) type Luck = Option<f64>;

/// Propagation and variation for the next packet.
pub(crate) fn draw_delay(config: &LinkConfig, dice: &mut Dice, luck: &mut Luck, seed: &Seed) -> Duration {
    let Some(variation) = &config.delay_variation else { return config.delay };
    if config.delay_correlation == 0.0 {
        draw(config.delay, variation, dice, seed)
    } else {
        mapped(config.delay, variation, follow(config.delay_correlation, dice, luck, seed))
    }
}

/// The next normal number of a correlated sequence.
fn follow(correlation: f64, dice: &mut Dice, luck: &mut Luck, seed: &Seed) -> f64 {
    let fresh = dice.normal(seed);
    let next = luck.map_or(fresh, |last| correlation * last + (1.0 - correlation * correlation).sqrt() * fresh);
    *luck = Some(next);
    next
}

/// Draws on its own.
fn draw(delay: Duration, variation: &DelayVariation, dice: &mut Dice, seed: &Seed) -> Duration {
    match *variation {
        DelayVariation::Uniform { max, .. } => delay + scaled(max, dice.unit(seed)),
        DelayVariation::Pareto { sd, max, .. } => moved(delay, sd, max, pareto(1.0 - dice.unit(seed))),
        DelayVariation::Table { ref table, sd, .. } => shifted(delay, table.nanos(dice.unit(seed), sd)),
        DelayVariation::Gaussian { .. } | DelayVariation::Normal { .. } | DelayVariation::ParetoNormal { .. } => {
            mapped(delay, variation, dice.normal(seed))
        }
    }
}

/// What a standard normal number stands for.
fn mapped(delay: Duration, variation: &DelayVariation, normal: f64) -> Duration {
    match *variation {
        DelayVariation::Gaussian { sd, max, .. } => delay + scaled(sd, libm::fabs(normal)).min(max),
        DelayVariation::Uniform { max, .. } => delay + scaled(max, 1.0 - above(normal)),
        // Validation holds `max` to the delay, so nothing is cut off here.
        DelayVariation::Normal { sd, max, .. } => moved(delay, sd, max, normal),
        DelayVariation::Pareto { sd, max, .. } => moved(delay, sd, max, pareto(above(normal))),
        DelayVariation::ParetoNormal { sd, max, .. } => {
            let normal = normal.clamp(-TABLE_ENDS, TABLE_ENDS);
            moved(delay, sd, max, 0.25 * normal + 0.75 * pareto(above(normal)))
        }
        DelayVariation::Table { ref table, sd, .. } => shifted(delay, table.nanos(1.0 - above(normal), sd)),
    }
}

/// The share of normal numbers above this one.
fn above(normal: f64) -> f64 {
    0.5 * libm::erfc(normal * std::f64::consts::FRAC_1_SQRT_2)
}

/// The curve behind tc-netem's `pareto` table at the point that `above` of all values exceed.
fn pareto(above: f64) -> f64 {
    // Beyond 2^-53 of all values nothing is drawn, so this ends where the uncorrelated draw does.
    (1.0 / libm::cbrt(above.max(f64::EPSILON / 2.0)) - 1.5) * 4.0 / 3.0
}

/// `delay` and `factor` times `sd`, which adds at most `max` and takes at most that too.
fn moved(delay: Duration, sd: Duration, max: Duration, factor: f64) -> Duration {
    let by = scaled(sd, libm::fabs(factor)).min(max);
    if factor < 0.0 { delay.saturating_sub(by) } else { delay + by }
}

fn shifted(delay: Duration, nanos: i64) -> Duration {
    let by = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { delay.saturating_sub(by) } else { delay + by }
}

/// `time` times a small factor, to the nearest nanosecond.
fn scaled(time: Duration, factor: f64) -> Duration {
    Duration::from_nanos(libm::round(time.as_nanos() as f64 * factor) as u64)
}
