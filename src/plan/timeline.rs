//! A network's conditions over time: its schedule as steps of whole conditions, ramps cut into steps of at most 100 ms.

use super::{NetworkPlan, network::NetworkStep};
use crate::clock::{Duration, Instant};
use crate::scenario::check::Report;
use crate::scenario::network::{Change, Network, Path, Step};
use crate::scenario::path::{PathChange, key, on_off};
use netem::{LinkConfig, Loss, Serialiser};

/// The longest step of a ramp.
const RAMP_STEP: Duration = Duration::from_millis(100);

/// Resolves one network until `end`; what cannot be honoured is reported.
pub(super) fn resolve(network: &Network, end: Instant, report: &Report<'_>) -> NetworkPlan {
    let up = direction(network, "up", &network.base.up, end, report);
    let down = direction(network, "down", &network.base.down, end, report);
    let mut times: Vec<Instant> = up.iter().chain(&down).map(|(at, _)| *at).collect();
    times.sort_unstable();
    times.dedup();
    let at_time = |line: &[(Instant, LinkConfig)], at: Instant| {
        let index = line.partition_point(|(from, _)| *from <= at);
        line[index - 1].1.clone()
    };
    let steps =
        times.into_iter().map(|at| NetworkStep { at, up: at_time(&up, at), down: at_time(&down, at) }).collect();
    NetworkPlan::new(&network.name, steps).shared_by(network.link_group)
}

/// Conditions of one direction by time, the first at the start of the run.
fn direction(
    network: &Network,
    name: &str,
    base: &Path,
    end: Instant,
    report: &Report<'_>,
) -> Vec<(Instant, LinkConfig)> {
    let mut line = vec![(Instant::ZERO, base.config.clone())];
    let mut state = base.clone();
    let mut busy_until = Instant::ZERO;
    for step in &network.schedule {
        let Change::Conditions { reset, up, down, ramp } = &step.change else { continue };
        let change = if name == "up" { up } else { down };
        if !reset && **change == PathChange::default() {
            continue;
        }
        let at = Instant::ZERO + step.at;
        if at < busy_until {
            let message = format!("the ramp before it lasts until {busy_until:?}");
            report.fail(&format!("{}.at", step.path), message, "begin after the ramp, or shorten it");
        }
        let mut next = if *reset { base.clone() } else { state.clone() };
        change.apply(&mut next);
        busy_until = at + *ramp;
        match next.config.problems().first() {
            Some(problem) => {
                let field = key(problem.field, &next.config);
                let message = format!("from then on `{field}` is {}", problem.given);
                report.fail(&format!("{}.{name}.{field}", step.path), message, format!("write {}", problem.allowed));
            }
            None => extend(&mut line, step, *ramp, &state.config, &next.config, report),
        }
        state = next;
    }
    line.retain(|(at, _)| *at < end || *at == Instant::ZERO);
    line
}

/// Appends a step, at once or along its ramp.
fn extend(
    line: &mut Vec<(Instant, LinkConfig)>,
    step: &Step,
    ramp: Duration,
    from: &LinkConfig,
    to: &LinkConfig,
    report: &Report<'_>,
) {
    let at = Instant::ZERO + step.at;
    if ramp.is_zero() {
        return put(line, at, to.clone());
    }
    let n = ramp.as_nanos().div_ceil(RAMP_STEP.as_nanos()).min(1_000_000) as u32;
    let refuse = |why: String| {
        let help = "write ramp = \"0s\", or conditions of the same kind";
        report.fail(&format!("{}.ramp", step.path), why, help);
    };
    for i in 0..=n {
        let config = match mix(from, to, f64::from(i) / f64::from(n)) {
            Ok(config) => config,
            Err(why) => return refuse(why.to_owned()),
        };
        // What does not ramp is new from the ramp's begin on, and may ask for more than the ramp has reached.
        if let Some(problem) = config.problems().first() {
            let field = key(problem.field, &config);
            return refuse(format!("on the way `{field}` is {}, and may be {}", problem.given, problem.allowed));
        }
        put(line, at + ramp * i / n, config);
    }
}

/// Two steps at one time: the later one counts.
fn put(line: &mut Vec<(Instant, LinkConfig)>, at: Instant, config: LinkConfig) {
    match line.last_mut() {
        Some(last) if last.0 >= at => last.1 = config,
        _ => line.push((at, config)),
    }
}

/// `to`, with rate, delay and loss on the way from `from`.
fn mix(from: &LinkConfig, to: &LinkConfig, share: f64) -> Result<LinkConfig, &'static str> {
    if share >= 1.0 {
        return Ok(to.clone());
    }
    let between = |a: f64, b: f64| a + (b - a) * share;
    let shaped = |config: &LinkConfig| matches!(config.serialiser, Serialiser::Plan { .. } | Serialiser::Trace { .. });
    if (shaped(from) || shaped(to)) && from.serialiser != to.serialiser {
        return Err("there is no way between a rate and a plan or a trace");
    }
    let rate = match (from.rate, to.rate) {
        (Some(a), Some(b)) => Some(between(a as f64, b as f64).round() as u64),
        (None, None) => None,
        _ => return Err("there is no way between a rate and no limit"),
    };
    let delay = Duration::from_secs_f64(between(from.delay.as_secs_f64(), to.delay.as_secs_f64()));
    let loss = mix_loss(&from.loss, &to.loss, between).ok_or("there is no way between two loss models")?;
    Ok(LinkConfig { rate, delay, loss, ..to.clone() })
}

fn mix_loss(from: &Loss, to: &Loss, between: impl Fn(f64, f64) -> f64) -> Option<Loss> {
    // No loss is every model at zero.
    let zero = |like: &Loss| match *like {
        Loss::Iid { .. } => Loss::Iid { p: 0.0 },
        Loss::Gilbert { burst, .. } => Loss::Gilbert { mean: 0.0, burst },
        Loss::GilbertElliott { p, r, .. } => Loss::GilbertElliott { p, r, h: 0.0, k: 0.0 },
        Loss::FourState { p31, p32, p23, .. } => Loss::FourState { p13: 0.0, p31, p32, p23, p14: 0.0 },
        Loss::None | Loss::OnOff { .. } | Loss::Trace(_) | Loss::Nth { .. } => Loss::None,
    };
    if from == to {
        return Some(to.clone());
    }
    let from = if *from == Loss::None { zero(to) } else { from.clone() };
    let to = if *to == Loss::None { zero(&from) } else { to.clone() };
    match (from, to) {
        (Loss::None, Loss::None) => Some(Loss::None),
        (Loss::Iid { p: a }, Loss::Iid { p: b }) => Some(Loss::Iid { p: between(a, b) }),
        (Loss::Gilbert { mean: a, burst: c }, Loss::Gilbert { mean: b, burst: d }) => {
            Some(Loss::Gilbert { mean: between(a, b), burst: between(c, d) })
        }
        (Loss::GilbertElliott { p, r, h, k }, Loss::GilbertElliott { p: p2, r: r2, h: h2, k: k2 }) => {
            let (p, r, h, k) = (between(p, p2), between(r, r2), between(h, h2), between(k, k2));
            Some(Loss::GilbertElliott { p, r, h, k })
        }
        (
            Loss::FourState { p13, p31, p32, p23, p14 },
            Loss::FourState { p13: b13, p31: b31, p32: b32, p23: b23, p14: b14 },
        ) => Some(Loss::FourState {
            p13: between(p13, b13),
            p31: between(p31, b31),
            p32: between(p32, b32),
            p23: between(p23, b23),
            p14: between(p14, b14),
        }),
        (from @ (Loss::OnOff { .. } | Loss::None), to @ (Loss::OnOff { .. } | Loss::None)) => {
            mix_bursts(&from, &to, between)
        }
        _ => None,
    }
}

/// Between bursts in time the ratio lost and the length of a burst go evenly; no loss is bursts that never come.
fn mix_bursts(from: &Loss, to: &Loss, between: impl Fn(f64, f64) -> f64) -> Option<Loss> {
    let length = |loss: &Loss| if let Loss::OnOff { bad, .. } = loss { Some(bad.as_secs_f64()) } else { None };
    let (a, b) = (length(from).or(length(to))?, length(to).or(length(from))?);
    let ratio = between(from.ratio(), to.ratio());
    Some(on_off(ratio, Duration::from_secs_f64(between(a, b))))
}
