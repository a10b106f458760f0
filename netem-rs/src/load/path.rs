//! The fields of one direction as text, each a line of a profile.

use super::words::Words;
use super::{LineError, units};
use crate::config::{
    CoDel, DelayTable, DelayVariation, FqCoDel, LinkConfig, Loss, LossTrace, Pie, QueueLimit, QueuePolicy, RatePlan,
    RatePoint, Red, Reorder, Serialiser, SlotGap, Slots,
};
use crate::mahimahi::Mahimahi;
use std::time::Duration;

/// Reads one field; `words` are those of `value`.
pub(super) fn read(
    config: &mut LinkConfig,
    key: &str,
    words: Words<'_>,
    value: &str,
    file: &mut impl FnMut(&str) -> Result<String, String>,
) -> Result<(), LineError> {
    let of = |parsed: Option<_>, example: &str| match parsed {
        Some(value) => Ok(value),
        None => words.error(format!("`{key} = {value}`: write it as in `{key} = {example}`")),
    };
    match key {
        "rate" => return rate(config, words, value, file),
        "queue" => match queue(value) {
            Some(limit) => config.queue = limit,
            None => return words.error("write `300ms`, `64KiB`, `100packets`, `typical` or `unlimited`"),
        },
        "policy" => config.policy = policy(words)?,
        "overhead" => match units::bytes(value) {
            Some(bytes) => config.overhead = usize::try_from(bytes).unwrap_or(usize::MAX),
            None => return words.error("write it as in `overhead = 28B`"),
        },
        "loss" => config.loss = loss(words, file)?,
        "delay" => match units::time(value) {
            Some(delay) => config.delay = delay,
            None => return words.error(format!("`delay = {value}`: write it as in `delay = 40ms`")),
        },
        "variation" => config.delay_variation = variation(words, file)?,
        "correlation" => config.delay_correlation = of(units::ratio(value), "0.3")?,
        "slots" => config.slots = Some(slots(words, file)?),
        "reorder" => {
            let words = words.as_pairs(value);
            let (ratio, by) = (words.ratio("ratio", "1%")?, words.time("by", "20ms")?);
            config.reorder = Some(Reorder { ratio, by });
            words.finish()?;
        }
        "duplicate" => config.duplicate = of(units::ratio(value), "0.1%")?,
        "corrupt" => config.corrupt = of(units::ratio(value), "0.1%")?,
        other => {
            return words.error(format!(
                "`{other}` is no field of a path: there are `rate`, `queue`, `policy`, `overhead`, `loss`, `delay`, \
                 `variation`, `correlation`, `slots`, `reorder`, `duplicate` and `corrupt`"
            ));
        }
    }
    Ok(())
}

/// The text of the file that a model names, read by `parse`, whose error names the file's own line.
fn from_file<V>(
    words: &mut Words<'_>,
    file: &mut impl FnMut(&str) -> Result<String, String>,
    parse: impl Fn(&str) -> Result<V, LineError>,
) -> Result<V, LineError> {
    if words.plain.is_empty() {
        return words.error(format!("`{}` needs the name of a file", words.name));
    }
    let name = words.plain.remove(0);
    match file(name).map(|text| parse(&text)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => words.error(format!("`{name}`, {error}")),
        Err(reason) => words.error(format!("`{name}`: {reason}")),
    }
}

fn rate(
    config: &mut LinkConfig,
    mut words: Words<'_>,
    value: &str,
    file: &mut impl FnMut(&str) -> Result<String, String>,
) -> Result<(), LineError> {
    match words.name {
        "unlimited" => {}
        "bucket" => {
            let rate = words.plain.first().and_then(|word| units::rate(word));
            let Some(rate) = rate else {
                return words.error("write the rate first, as in `bucket 2Mbit/s burst=15kB`");
            };
            words.plain.remove(0);
            config.rate = Some(rate);
            let burst = words.required("burst", units::bytes, "15kB")?;
            let peak = words.optional("peak", units::rate, "10Mbit/s")?;
            config.serialiser = Serialiser::TokenBucket { burst, peak };
        }
        "mahimahi" => {
            let mut trace = from_file(&mut words, file, Mahimahi::parse)?;
            let phase = words.optional("phase", units::time, "2s")?;
            if let Some(bytes) = words.whole::<u32>("bytes", "1504")? {
                if bytes == 0 {
                    return words.error("`bytes=0`: an opportunity delivers at least a byte");
                }
                trace = trace.with_bytes(bytes);
            }
            config.serialiser = Serialiser::Trace { trace, phase };
        }
        "plan" => {
            let period = words.optional("period", units::time, "100s")?;
            let phase = words.optional("phase", units::time, "2s")?.unwrap_or_default();
            let points = words.rest().into_iter().map(|(at, rate)| point(&words, at, rate));
            let points: Vec<RatePoint> = points.collect::<Result<_, _>>()?;
            let plan = RatePlan::new(&points, period).or_else(|problem| words.error(problem.to_string()))?;
            config.serialiser = Serialiser::Plan { plan, phase };
        }
        _ => match units::rate(value) {
            Some(rate) => {
                config.rate = Some(rate);
                return Ok(());
            }
            None => {
                return words
                    .error(format!("`rate = {value}`: write `2Mbit/s`, `unlimited`, `bucket`, `mahimahi` or `plan`"));
            }
        },
    }
    words.finish()
}

fn point(words: &Words<'_>, at: &str, rate: &str) -> Result<RatePoint, LineError> {
    let (ramp, at) = at.strip_prefix("ramp-").map_or((false, at), |at| (true, at));
    match (units::time(at), units::rate(rate)) {
        (Some(at), Some(rate)) => Ok(RatePoint { at, rate, ramp }),
        _ => words.error(format!("`{at}={rate}`: write points as in `40s=2Mbit/s` or `ramp-40s=2Mbit/s`")),
    }
}

fn queue(value: &str) -> Option<QueueLimit> {
    if matches!(value, "unlimited" | "typical") {
        return Some(QueueLimit::Unlimited);
    }
    let packets = value.strip_suffix("packets").and_then(|number| number.trim().parse().ok());
    packets
        .map(QueueLimit::Packets)
        .or_else(|| units::time(value).map(QueueLimit::Time))
        .or_else(|| units::bytes(value).map(QueueLimit::Bytes))
}

fn policy(mut words: Words<'_>) -> Result<QueuePolicy, LineError> {
    let ecn = words.flag("ecn");
    let codel = |words: &Words<'_>| -> Result<CoDel, LineError> {
        let default = CoDel::default();
        let target = words.optional("target", units::time, "5ms")?.unwrap_or(default.target);
        let interval = words.optional("interval", units::time, "100ms")?.unwrap_or(default.interval);
        Ok(CoDel { target, interval, ecn })
    };
    let policy = match words.name {
        "drop-tail" => QueuePolicy::DropTail,
        "drop-head" => QueuePolicy::DropHead,
        "codel" => QueuePolicy::CoDel(codel(&words)?),
        "fq-codel" => {
            let default = FqCoDel::default();
            let quantum = words.whole("quantum", "1514")?.unwrap_or(default.quantum);
            let flows = words.whole("flows", "1024")?.unwrap_or(default.flows);
            QueuePolicy::FqCoDel(FqCoDel { codel: codel(&words)?, quantum, flows })
        }
        "pie" => {
            let default = Pie::default();
            QueuePolicy::Pie(Pie {
                target: words.optional("target", units::time, "15ms")?.unwrap_or(default.target),
                update: words.optional("update", units::time, "15ms")?.unwrap_or(default.update),
                alpha: words.optional("alpha", units::ratio, "0.125")?.unwrap_or(default.alpha),
                beta: words.optional("beta", units::ratio, "1.25")?.unwrap_or(default.beta),
                burst: words.optional("burst", units::time, "150ms")?.unwrap_or(default.burst),
                ecn,
            })
        }
        "red" => QueuePolicy::Red(Red {
            min: words.required("min", units::bytes, "30kB")?,
            max: words.required("max", units::bytes, "90kB")?,
            probability: words.optional("probability", units::ratio, "2%")?.unwrap_or(0.02),
            weight: words.optional("weight", units::ratio, "0.002")?.unwrap_or(0.002),
            packet: words.whole("packet", "1000")?.unwrap_or(1_000),
            gentle: words.flag("gentle"),
            ecn,
        }),
        other => {
            return words.error(format!(
                "`{other}` is no policy: write `drop-tail`, `drop-head`, `codel`, `fq-codel`, `pie` or `red`"
            ));
        }
    };
    if ecn && matches!(policy, QueuePolicy::DropTail | QueuePolicy::DropHead) {
        return words.error(format!("`{}` has no `ecn`", words.name));
    }
    words.finish()?;
    Ok(policy)
}

fn loss(mut words: Words<'_>, file: &mut impl FnMut(&str) -> Result<String, String>) -> Result<Loss, LineError> {
    let number = |text: &str| text.parse::<f64>().ok();
    let loss = match words.name {
        "none" => Loss::None,
        "iid" => Loss::Iid { p: words.ratio("p", "1%")? },
        "gilbert" => {
            let mean = words.ratio("mean", "1%")?;
            Loss::Gilbert { mean, burst: words.required("burst", number, "3")? }
        }
        "ge" => Loss::GilbertElliott {
            p: words.ratio("p", "1%")?,
            r: words.ratio("r", "30%")?,
            h: words.ratio("h", "90%")?,
            k: words.ratio("k", "0.1%")?,
        },
        "four-state" => Loss::FourState {
            p13: words.ratio("p13", "1%")?,
            p31: words.ratio("p31", "20%")?,
            p32: words.ratio("p32", "30%")?,
            p23: words.ratio("p23", "40%")?,
            p14: words.ratio("p14", "0.1%")?,
        },
        "on-off" => Loss::OnOff { good: words.time("good", "10s")?, bad: words.time("bad", "200ms")? },
        "trace" => Loss::Trace(from_file(&mut words, file, LossTrace::parse)?),
        "nth" => Loss::Nth { n: words.required("n", |text| text.parse().ok(), "100")? },
        other => {
            return words.error(format!(
                "`{other}` is no loss: write `none`, `iid`, `gilbert`, `ge`, `four-state`, `on-off`, `trace` or `nth`"
            ));
        }
    };
    words.finish()?;
    Ok(loss)
}

fn variation(
    mut words: Words<'_>,
    file: &mut impl FnMut(&str) -> Result<String, String>,
) -> Result<Option<DelayVariation>, LineError> {
    let reordering = words.flag("reordering");
    let bounded = |words: &Words<'_>, factor: u32| -> Result<(Duration, Duration), LineError> {
        let sd = words.time("sd", "5ms")?;
        Ok((sd, words.optional("max", units::time, "15ms")?.unwrap_or(sd * factor)))
    };
    let variation = match words.name {
        "none" => None,
        "nr-gauss" => {
            let (sd, max) = bounded(&words, 3)?;
            Some(DelayVariation::Gaussian { sd, max, reordering })
        }
        "uniform" => Some(DelayVariation::Uniform { max: words.time("max", "20ms")?, reordering }),
        "normal" => {
            let (sd, max) = bounded(&words, 3)?;
            Some(DelayVariation::Normal { sd, max, reordering })
        }
        "pareto" => {
            let (sd, max) = bounded(&words, 4)?;
            Some(DelayVariation::Pareto { sd, max, reordering })
        }
        "paretonormal" => {
            let (sd, max) = bounded(&words, 4)?;
            Some(DelayVariation::ParetoNormal { sd, max, reordering })
        }
        "table" => {
            let table = from_file(&mut words, file, DelayTable::parse)?;
            Some(DelayVariation::Table { table, sd: words.time("sd", "5ms")?, reordering })
        }
        other => {
            return words.error(format!(
                "`{other}` is no variation: write `none`, `nr-gauss`, `uniform`, `normal`, `pareto`, `paretonormal` \
                 or `table`"
            ));
        }
    };
    words.finish()?;
    Ok(variation)
}

fn slots(mut words: Words<'_>, file: &mut impl FnMut(&str) -> Result<String, String>) -> Result<Slots, LineError> {
    let gap = match words.name {
        "uniform" => SlotGap::Uniform { min: words.time("min", "1ms")?, max: words.time("max", "6ms")? },
        "table" => {
            let table = from_file(&mut words, file, DelayTable::parse)?;
            SlotGap::Table { table, delay: words.time("delay", "4ms")?, sd: words.time("sd", "1ms")? }
        }
        other => return words.error(format!("`{other}` are no slots: write `uniform` or `table`")),
    };
    let (packets, bytes) = (words.whole("packets", "8")?, words.whole("bytes", "12000")?);
    words.finish()?;
    Ok(Slots { gap, packets, bytes })
}
