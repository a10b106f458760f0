//! Which packets are lost, as written.

use super::{of_file, tag};
use crate::clock::Duration;
use crate::scenario::Files;
use crate::scenario::document::Value;
use crate::scenario::section::{Section, Shape};
use crate::units::format_duration;
use netem::{Loss, LossTrace};

static IID: Shape = Shape { name: "Loss.iid", keys: &["model", "p"], refused: &[] };
static GILBERT: Shape = Shape { name: "Loss.gilbert", keys: &["model", "mean", "burst", "domain"], refused: &[] };
static GE: Shape = Shape { name: "Loss.ge", keys: &["model", "p", "r", "h", "k"], refused: &[] };
static FOUR_STATE: Shape =
    Shape { name: "Loss.4-state", keys: &["model", "p13", "p31", "p32", "p23", "p14"], refused: &[] };
static ON_OFF: Shape = Shape { name: "Loss.on-off", keys: &["model", "good", "bad"], refused: &[] };
static LOSS_TRACE: Shape = Shape { name: "Loss.trace", keys: &["model", "file"], refused: &[] };
static NTH: Shape = Shape { name: "Loss.nth", keys: &["model", "n"], refused: &[] };
static NO_LOSS: Shape = Shape { name: "Loss.none", keys: &["model"], refused: &[] };

/// The longest time between bursts that netem takes.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Reads `loss`.
pub(super) fn read(path: &Section<'_>, files: Files<'_>) -> Option<Loss> {
    let shape = match tag(path, "loss", "model") {
        Some("gilbert") => &GILBERT,
        Some("ge") => &GE,
        Some("4-state") => &FOUR_STATE,
        Some("on-off") => &ON_OFF,
        Some("trace") => &LOSS_TRACE,
        Some("nth") => &NTH,
        Some("none") => &NO_LOSS,
        _ => &IID,
    };
    let loss = path.sub("loss", shape, "write loss = { model = \"iid\", p = 0.01 }")?;
    if loss.has("model") {
        let words = ["iid", "gilbert", "ge", "4-state", "on-off", "trace", "nth", "none"].map(|word| (word, ()));
        loss.choice("model", &words, &[])?;
    }
    match shape.name {
        "Loss.none" => Some(Loss::None),
        "Loss.iid" => Some(Loss::Iid { p: ratio(&loss, "p", "write the ratio that is lost, as in p = 0.01")? }),
        "Loss.gilbert" => read_gilbert(&loss),
        "Loss.4-state" => read_four_state(&loss),
        "Loss.on-off" => {
            loss.missing("good", "write the mean time between bursts, as in good = \"10s\"");
            loss.missing("bad", "write the mean length of a burst, as in bad = \"200ms\"");
            let (good, bad) = (loss.duration("good"), loss.duration("bad"));
            Some(Loss::OnOff { good: good?, bad: bad? })
        }
        "Loss.trace" => {
            loss.missing("file", "write the name of a trace, relative to this file");
            let help = "write `.` for each packet that got through and `x` for each lost one";
            of_file(&loss, "file", files, LossTrace::parse, help).map(Loss::Trace)
        }
        "Loss.nth" => {
            loss.missing("n", "write which packet is lost, again and again, as in n = 100");
            Some(Loss::Nth { n: loss.integer("n", 1..=1 << 53)? })
        }
        _ => {
            let p = ratio(&loss, "p", "write the probability of going bad, as in p = 0.01");
            let r = ratio(&loss, "r", "write the probability of going good again, as in r = 0.3");
            let h = ratio(&loss, "h", "write the ratio lost while bad, as in h = 0.9");
            let k = ratio(&loss, "k", "write the ratio lost while good, as in k = 0.001");
            Some(Loss::GilbertElliott { p: p?, r: r?, h: h?, k: k? })
        }
    }
}

fn ratio(loss: &Section<'_>, key: &str, example: &str) -> Option<f64> {
    loss.missing(key, example);
    loss.ratio(key)
}

/// What is left out is what tc-netem's `loss state` makes of it.
fn read_four_state(loss: &Section<'_>) -> Option<Loss> {
    let p13 = ratio(loss, "p13", "write the probability of a burst's begin, as in p13 = 0.01")?;
    let or = |key: &str, default: f64| if loss.has(key) { loss.ratio(key) } else { Some(default) };
    let (p31, p32, p23, p14) = (or("p31", 1.0 - p13), or("p32", 0.0), or("p23", 1.0), or("p14", 0.0));
    Some(Loss::FourState { p13, p31: p31?, p32: p32?, p23: p23?, p14: p14? })
}

fn read_gilbert(loss: &Section<'_>) -> Option<Loss> {
    let in_time =
        if loss.has("domain") { loss.choice("domain", &[("packet", false), ("time", true)], &[])? } else { false };
    let mean = ratio(loss, "mean", "write the ratio that is lost, as in mean = 0.02");
    if in_time {
        return read_gilbert_in_time(loss, mean);
    }
    loss.missing("burst", "write the mean burst in packets, as in burst = 3.0");
    if matches!(loss.node("burst")?.value, Value::Text(_)) {
        let help = "write the mean burst in packets, as in burst = 3.0, or add domain = \"time\"";
        loss.fail("burst", "bursts are counted in packets here", help);
        return None;
    }
    let burst = loss.within("burst", 1.0..=1e6, "a mean burst of at least 1 packet");
    Some(Loss::Gilbert { mean: mean?, burst: burst? })
}

fn read_gilbert_in_time(loss: &Section<'_>, mean: Option<f64>) -> Option<Loss> {
    loss.missing("burst", "write the mean length of a burst, as in burst = \"200ms\"");
    let burst = loss.duration("burst");
    let (mean, burst) = (mean?, burst?);
    if mean >= 1.0 {
        loss.fail("mean", "a mean of 1 leaves no time between bursts", "write a ratio below 1, or an outage");
        return None;
    }
    if burst.is_zero() || burst > LONGEST {
        let message = format!("`burst` is {}", format_duration(burst));
        loss.fail("burst", message, "write a time longer than nothing, at most an hour");
        return None;
    }
    let found = on_off(mean, burst);
    if found == Loss::None && mean > 0.0 {
        let message = format!("bursts of {} at a mean of {mean} are more than an hour apart", format_duration(burst));
        loss.fail("mean", message, "write a larger mean, or shorter bursts");
        return None;
    }
    Some(found)
}

/// Bursts of this mean length by which this ratio of time is lost; none where they would be more than an hour apart.
pub(crate) fn on_off(mean: f64, bad: Duration) -> Loss {
    let good = bad.as_secs_f64() * (1.0 - mean) / mean;
    // A step of a schedule may ask for what its network, refused already, makes no number.
    if mean > 0.0 && (0.0..=LONGEST.as_secs_f64()).contains(&good) {
        Loss::OnOff { good: Duration::from_secs_f64(good), bad }
    } else {
        Loss::None
    }
}

/// Every table of this file, for the schema's tests.
#[cfg(test)]
pub(super) static SHAPES: [&Shape; 8] = [&IID, &GILBERT, &GE, &FOUR_STATE, &ON_OFF, &LOSS_TRACE, &NTH, &NO_LOSS];
