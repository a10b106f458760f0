//! Which conditions can be honoured exactly: everything else is refused with the field and what is allowed.

use crate::config::{
    CoDel, DelayVariation, LinkConfig, Loss, QueueLimit, QueuePolicy, Serialiser, SlotGap, Slots, gilbert_transitions,
};
use std::fmt;
use std::time::Duration;

/// The least a byte limit may be: one full-size packet. Anything smaller is a mistyped unit.
const FULL_PACKET: u64 = 1_500;
/// Beyond an hour nothing is a path any more, and sums of times stay far from overflow.
const LONGEST: Duration = Duration::from_secs(3_600);
/// 10 Tbit/s: bits times a billion stay exact in 64 bits.
pub(crate) const FASTEST: u64 = 10_000_000_000_000;

/// A condition that cannot be honoured exactly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The field, dotted below [`LinkConfig`], as in `loss.burst`.
    pub field: &'static str,
    /// What it was.
    pub given: String,
    /// What it may be.
    pub allowed: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}: {}", self.field, self.given, self.allowed)
    }
}

impl std::error::Error for ConfigError {}

impl LinkConfig {
    /// The first thing that cannot be honoured, if any.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that cannot be honoured, in the order of the fields.
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigError> {
        let mut found = Problems(Vec::new());
        if let Some(rate) = self.rate {
            found.require(
                (1..=FASTEST).contains(&rate),
                "rate",
                rate,
                "1 bit/s to 10 Tbit/s; a path that carries nothing is an outage",
            );
        }
        found.serialiser(self);
        found.queue(self);
        found.policy(&self.policy);
        found.require(self.overhead <= 65_535, "overhead", self.overhead, "at most 65535 bytes");
        found.loss(&self.loss);
        found.time("delay", self.delay);
        found.variation(self);
        if let Some(reorder) = self.reorder {
            found.ratio("reorder.ratio", reorder.ratio);
            found.time("reorder.by", reorder.by);
            found.require(
                !reorder.by.is_zero(),
                "reorder.by",
                "0",
                "longer than nothing, or no packet overtakes; leave `reorder` out to keep order",
            );
        }
        found.ratio("duplicate", self.duplicate);
        let correlation = self.delay_correlation;
        found.require((0.0..1.0).contains(&correlation), "delay_correlation", correlation, "from 0 to below 1");
        if let Some(slots) = &self.slots {
            found.slots(slots);
        }
        found.ratio("corrupt", self.corrupt);
        found.0
    }
}

/// A probability without what subtraction leaves behind: a millionth is finer than anyone writes.
fn rounded(p: f64) -> f64 {
    (p * 1e6).round() / 1e6
}

struct Problems(Vec<ConfigError>);

impl Problems {
    fn require(&mut self, holds: bool, field: &'static str, given: impl ToString, allowed: impl ToString) {
        if !holds {
            self.0.push(ConfigError { field, given: given.to_string(), allowed: allowed.to_string() });
        }
    }

    /// A NaN is in no range, so it is refused here as well.
    fn ratio(&mut self, field: &'static str, value: f64) {
        self.require((0.0..=1.0).contains(&value), field, value, "a ratio from 0 to 1");
    }

    fn time(&mut self, field: &'static str, value: Duration) {
        self.require(value <= LONGEST, field, format!("{value:?}"), "at most one hour");
    }

    fn serialiser(&mut self, config: &LinkConfig) {
        let told = config.rate.map_or("given".to_owned(), |rate| rate.to_string());
        match &config.serialiser {
            Serialiser::Steady => {}
            Serialiser::TokenBucket { burst, peak } => {
                self.require(config.rate.is_some(), "rate", "missing", "the rate that fills the bucket");
                let bucket = FULL_PACKET..=1 << 40;
                let allowed = format!("at least one full packet, {FULL_PACKET} bytes, and at most 1 TiB");
                self.require(bucket.contains(burst), "serialiser.burst", format!("{burst} bytes"), allowed);
                if let Some(peak) = peak {
                    self.require((1..=FASTEST).contains(peak), "serialiser.peak", peak, "1 bit/s to 10 Tbit/s");
                }
            }
            Serialiser::Plan { phase, .. } => {
                self.require(config.rate.is_none(), "rate", told, "left out: the plan has the rates");
                let allowed = "at most a thousand hours";
                self.require(*phase <= LONGEST * 1_000, "serialiser.phase", format!("{phase:?}"), allowed);
            }
            Serialiser::Trace { phase, .. } => {
                self.require(config.rate.is_none(), "rate", told, "left out: the trace has the opportunities");
                let far = phase.filter(|phase| *phase > LONGEST * 1_000);
                self.require(far.is_none(), "serialiser.phase", format!("{phase:?}"), "at most a thousand hours");
            }
        }
    }

    fn queue(&mut self, config: &LinkConfig) {
        match config.queue {
            QueueLimit::Unlimited => {}
            QueueLimit::Bytes(bytes) => {
                let allowed = format!("at least one full packet, {FULL_PACKET} bytes");
                self.require(bytes >= FULL_PACKET, "queue", format!("{bytes} bytes"), allowed);
            }
            QueueLimit::Packets(packets) => self.require(packets >= 1, "queue", "0 packets", "at least one packet"),
            QueueLimit::Time(time) => {
                self.time("queue", time);
                self.require(!time.is_zero(), "queue", "0", "longer than nothing");
                let allowed = "a limit in time needs a `rate`; without one give bytes or packets";
                let rated = config.rate.is_some()
                    || matches!(config.serialiser, Serialiser::Plan { .. } | Serialiser::Trace { .. });
                self.require(rated, "queue", format!("{time:?}"), allowed);
            }
        }
    }

    fn policy(&mut self, policy: &QueuePolicy) {
        match policy {
            QueuePolicy::DropTail | QueuePolicy::DropHead => {}
            QueuePolicy::CoDel(codel) => self.codel(codel),
            QueuePolicy::FqCoDel(fair) => {
                self.codel(&fair.codel);
                let quantum = 1..=1_u32 << 30;
                self.require(quantum.contains(&fair.quantum), "policy.quantum", fair.quantum, "1 byte to 1 GiB");
                self.require((1..=65_536).contains(&fair.flows), "policy.flows", fair.flows, "1 to 65536 queues");
            }
            QueuePolicy::Pie(pie) => {
                self.span("policy.target", pie.target);
                self.span("policy.update", pie.update);
                let shortest = Duration::from_micros(100);
                let given = format!("{:?}", pie.update);
                self.require(pie.update >= shortest || pie.update.is_zero(), "policy.update", given, "at least 100µs");
                let weight = 0.0..=1_000.0;
                self.require(weight.contains(&pie.alpha), "policy.alpha", pie.alpha, "a weight from 0 to 1000");
                self.require(weight.contains(&pie.beta), "policy.beta", pie.beta, "a weight from 0 to 1000");
                self.time("policy.burst", pie.burst);
            }
            QueuePolicy::Red(red) => {
                let allowed = format!("more than `min`, {} bytes", red.min);
                self.require(red.max > red.min, "policy.max", format!("{} bytes", red.max), allowed);
                self.ratio("policy.probability", red.probability);
                self.ratio("policy.weight", red.weight);
                self.require(red.packet >= 1, "policy.packet", "0 bytes", "at least one byte");
            }
        }
    }

    fn codel(&mut self, codel: &CoDel) {
        self.span("policy.target", codel.target);
        self.span("policy.interval", codel.interval);
    }

    fn loss(&mut self, loss: &Loss) {
        match *loss {
            Loss::None => {}
            Loss::Iid { p } => self.ratio("loss.p", p),
            Loss::Gilbert { mean, burst } => {
                self.ratio("loss.mean", mean);
                let finite = burst.is_finite() && burst >= 1.0;
                self.require(finite, "loss.burst", burst, "at least 1 packet, and finite");
                if finite && (0.0..=1.0).contains(&mean) && gilbert_transitions(mean, burst).0 > 1.0 {
                    let most = burst / (1.0 + burst);
                    let allowed = format!("at most burst/(1+burst) = {most:.4} with bursts of {burst}");
                    self.require(false, "loss.mean", mean, allowed);
                }
            }
            Loss::GilbertElliott { p, r, h, k } => {
                self.ratio("loss.p", p);
                self.ratio("loss.r", r);
                self.ratio("loss.h", h);
                self.ratio("loss.k", k);
            }
            Loss::FourState { p13, p31, p32, p23, p14 } => self.four_state(p13, p31, p32, p23, p14),
            Loss::OnOff { good, bad } => {
                self.span("loss.good", good);
                self.span("loss.bad", bad);
            }
            Loss::Trace(ref trace) => self.require(!trace.is_empty(), "loss.trace", "empty", "at least one packet"),
            Loss::Nth { n } => self.require(n >= 1, "loss.n", n, "at least 1, which loses every packet"),
        }
    }

    fn four_state(&mut self, p13: f64, p31: f64, p32: f64, p23: f64, p14: f64) {
        let fields = [("loss.p13", p13), ("loss.p31", p31), ("loss.p32", p32), ("loss.p23", p23), ("loss.p14", p14)];
        let before = self.0.len();
        for (field, p) in fields {
            self.ratio(field, p);
        }
        if self.0.len() == before {
            self.require(p13 + p14 <= 1.0, "loss.p14", p14, format!("at most 1 - p13 = {}", rounded(1.0 - p13)));
            self.require(p31 + p32 <= 1.0, "loss.p32", p32, format!("at most 1 - p31 = {}", rounded(1.0 - p31)));
        }
    }

    /// A time that is neither nothing nor endless.
    fn span(&mut self, field: &'static str, value: Duration) {
        self.time(field, value);
        self.require(!value.is_zero(), field, "0", "longer than nothing");
    }

    fn variation(&mut self, config: &LinkConfig) {
        let Some(variation) = &config.delay_variation else { return };
        match *variation {
            DelayVariation::Uniform { max, .. } => self.time("delay_variation.max", max),
            DelayVariation::Gaussian { sd, max, .. } => {
                self.time("delay_variation.sd", sd);
                self.time("delay_variation.max", max);
            }
            DelayVariation::Normal { sd, max, .. } => {
                self.time("delay_variation.sd", sd);
                let allowed =
                    format!("at most the delay, {:?}, or packets would arrive before they left", config.delay);
                self.require(max <= config.delay, "delay_variation.max", format!("{max:?}"), allowed);
            }
            DelayVariation::Pareto { sd, max, .. } | DelayVariation::ParetoNormal { sd, max, .. } => {
                self.time("delay_variation.max", max);
                self.taken(config, variation, sd);
            }
            DelayVariation::Table { ref table, sd, .. } => {
                self.require(!table.is_empty(), "delay_variation.table", "empty", "at least one value");
                self.taken(config, variation, sd);
            }
        }
    }

    /// A variation that takes away in proportion to `sd` may not take more than the delay.
    fn taken(&mut self, config: &LinkConfig, variation: &DelayVariation, sd: Duration) {
        self.time("delay_variation.sd", sd);
        let taken = variation.most_taken();
        let allowed = format!(
            "so little that the delay, {:?}, is at least the {taken:?} that it can take away, or packets would arrive \
             before they left",
            config.delay
        );
        self.require(sd > LONGEST || taken <= config.delay, "delay_variation.sd", format!("{sd:?}"), allowed);
    }

    fn slots(&mut self, slots: &Slots) {
        match slots.gap {
            SlotGap::Uniform { min, max } => {
                self.span("slots.gap.max", max);
                let allowed = format!("at most the longest, {max:?}");
                self.require(min <= max, "slots.gap.min", format!("{min:?}"), allowed);
            }
            SlotGap::Table { ref table, delay, sd } => {
                self.span("slots.gap.delay", delay);
                self.time("slots.gap.sd", sd);
                self.require(!table.is_empty(), "slots.gap.table", "empty", "at least one value");
                let longest = delay.max(sd) <= LONGEST && slots.gap.longest().is_zero();
                self.require(!longest, "slots.gap.delay", format!("{delay:?}"), "longer than the table takes away");
            }
        }
        self.require(slots.packets != Some(0), "slots.packets", "0", "at least one packet");
        self.require(slots.bytes != Some(0), "slots.bytes", "0", "at least one byte");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FqCoDel, Pie, Red, Reorder};

    fn fields(config: &LinkConfig) -> Vec<&'static str> {
        config.problems().iter().map(|problem| problem.field).collect()
    }

    fn slotted(min: Duration, max: Duration, packets: Option<u64>) -> Slots {
        Slots { gap: SlotGap::Uniform { min, max }, packets, bytes: None }
    }

    #[test]
    fn a_transparent_path_is_valid() {
        assert_eq!(LinkConfig::default().validate(), Ok(()));
        assert!(LinkConfig::default().is_transparent());
    }

    #[test]
    fn each_impossible_value_names_its_field() {
        let path = LinkConfig::default;
        let ms = Duration::from_millis;
        let with = |policy| LinkConfig { policy, ..path() };
        let (min, max, probability, weight) = (5_000, 15_000, 0.02, 0.002);
        let bucket = |burst, peak| Serialiser::TokenBucket { burst, peak };
        let plan = crate::RatePlan::steps(&[(ms(0), 1)]).unwrap();
        let plan = Serialiser::Plan { plan, phase: ms(0) };
        let red = Red { min, max, probability, weight, packet: 1_000, gentle: false, ecn: false };
        let cases = [
            ("rate", LinkConfig { rate: Some(0), ..path() }),
            ("queue", LinkConfig { queue: QueueLimit::Bytes(300), ..path() }),
            ("queue", LinkConfig { queue: QueueLimit::Packets(0), ..path() }),
            ("queue", LinkConfig { queue: QueueLimit::Time(ms(300)), ..path() }),
            ("queue", LinkConfig { queue: QueueLimit::Time(ms(0)), rate: Some(1), ..path() }),
            ("rate", LinkConfig { serialiser: bucket(9_000, None), ..path() }),
            ("serialiser.burst", LinkConfig { serialiser: bucket(90, None), rate: Some(9), ..path() }),
            ("serialiser.peak", LinkConfig { serialiser: bucket(9_000, Some(0)), rate: Some(9), ..path() }),
            ("rate", LinkConfig { serialiser: plan.clone(), rate: Some(9), ..path() }),
            ("policy.target", with(QueuePolicy::CoDel(CoDel { target: ms(0), ..CoDel::default() }))),
            ("policy.interval", with(QueuePolicy::CoDel(CoDel { interval: ms(0), ..CoDel::default() }))),
            ("policy.quantum", with(QueuePolicy::FqCoDel(FqCoDel { quantum: 0, ..FqCoDel::default() }))),
            ("policy.flows", with(QueuePolicy::FqCoDel(FqCoDel { flows: 0, ..FqCoDel::default() }))),
            ("policy.update", with(QueuePolicy::Pie(Pie { update: ms(0), ..Pie::default() }))),
            ("policy.alpha", with(QueuePolicy::Pie(Pie { alpha: f64::NAN, ..Pie::default() }))),
            ("policy.max", with(QueuePolicy::Red(Red { max: 5, ..red }))),
            ("policy.probability", with(QueuePolicy::Red(Red { probability: 1.5, ..red }))),
            ("policy.weight", with(QueuePolicy::Red(Red { weight: -0.5, ..red }))),
            ("overhead", LinkConfig { overhead: 70_000, ..path() }),
            ("loss.p", LinkConfig { loss: Loss::Iid { p: 1.1 }, ..path() }),
            ("loss.p", LinkConfig { loss: Loss::Iid { p: f64::NAN }, ..path() }),
            ("loss.burst", LinkConfig { loss: Loss::Gilbert { mean: 0.1, burst: 0.5 }, ..path() }),
            ("loss.mean", LinkConfig { loss: Loss::Gilbert { mean: 0.7, burst: 2.0 }, ..path() }),
            ("loss.h", LinkConfig { loss: Loss::GilbertElliott { p: 0.1, r: 0.1, h: 1.5, k: 0.0 }, ..path() }),
            (
                "loss.p23",
                LinkConfig { loss: Loss::FourState { p13: 0.1, p31: 0.1, p32: 0.1, p23: -0.1, p14: 0.0 }, ..path() },
            ),
            (
                "loss.p14",
                LinkConfig { loss: Loss::FourState { p13: 0.6, p31: 0.1, p32: 0.1, p23: 0.1, p14: 0.6 }, ..path() },
            ),
            (
                "loss.p32",
                LinkConfig { loss: Loss::FourState { p13: 0.1, p31: 0.6, p32: 0.6, p23: 0.1, p14: 0.1 }, ..path() },
            ),
            ("loss.bad", LinkConfig { loss: Loss::OnOff { good: ms(5), bad: ms(0) }, ..path() }),
            ("loss.trace", LinkConfig { loss: Loss::Trace(crate::LossTrace::new([])), ..path() }),
            ("loss.n", LinkConfig { loss: Loss::Nth { n: 0 }, ..path() }),
            ("delay", LinkConfig { delay: Duration::from_secs(4_000), ..path() }),
            (
                "delay_variation.max",
                LinkConfig {
                    delay_variation: Some(DelayVariation::Normal { sd: ms(1), max: ms(4), reordering: false }),
                    delay: ms(3),
                    ..path()
                },
            ),
            ("reorder.ratio", LinkConfig { reorder: Some(Reorder { ratio: -0.1, by: ms(1) }), ..path() }),
            ("reorder.by", LinkConfig { reorder: Some(Reorder { ratio: 0.1, by: ms(0) }), ..path() }),
            ("duplicate", LinkConfig { duplicate: 2.0, ..path() }),
            ("delay_correlation", LinkConfig { delay_correlation: 1.0, ..path() }),
            ("corrupt", LinkConfig { corrupt: f64::NAN, ..path() }),
            (
                "delay_variation.sd",
                LinkConfig {
                    delay_variation: Some(DelayVariation::Pareto { sd: ms(9), max: ms(40), reordering: false }),
                    delay: ms(6),
                    ..path()
                },
            ),
            (
                "delay_variation.sd",
                LinkConfig {
                    delay_variation: Some(DelayVariation::ParetoNormal { sd: ms(9), max: ms(40), reordering: false }),
                    delay: ms(13),
                    ..path()
                },
            ),
            (
                "delay_variation.table",
                LinkConfig {
                    delay_variation: Some(DelayVariation::Table {
                        table: crate::DelayTable::new([]),
                        sd: ms(1),
                        reordering: false,
                    }),
                    ..path()
                },
            ),
            ("slots.gap.min", LinkConfig { slots: Some(slotted(ms(3), ms(2), None)), ..path() }),
            ("slots.gap.max", LinkConfig { slots: Some(slotted(ms(0), ms(0), None)), ..path() }),
            ("slots.packets", LinkConfig { slots: Some(slotted(ms(0), ms(2), Some(0))), ..path() }),
        ];
        for (field, config) in cases {
            assert_eq!(fields(&config), [field], "{config:?}");
        }
    }

    #[test]
    fn the_message_says_what_is_allowed() {
        let config = LinkConfig { loss: Loss::Gilbert { mean: 0.7, burst: 2.0 }, ..LinkConfig::default() };
        let message = config.validate().unwrap_err().to_string();
        assert_eq!(message, "`loss.mean` is 0.7: at most burst/(1+burst) = 0.6667 with bursts of 2");
        let edge = LinkConfig { loss: Loss::Gilbert { mean: 0.5, burst: 1.0 }, ..LinkConfig::default() };
        assert_eq!(edge.validate(), Ok(()), "p is exactly 1");
    }

    #[test]
    fn all_problems_are_found_at_once() {
        let config = LinkConfig { rate: Some(0), duplicate: -1.0, loss: Loss::Iid { p: 9.0 }, ..LinkConfig::default() };
        assert_eq!(fields(&config), ["rate", "loss.p", "duplicate"]);
    }

    #[test]
    fn what_a_state_may_leave_is_written_as_people_write_it() {
        let loss = Loss::FourState { p13: 0.9, p31: 0.9, p32: 0.2, p23: 0.1, p14: 0.2 };
        let found: Vec<String> =
            LinkConfig { loss, ..LinkConfig::TRANSPARENT }.problems().iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|problem| problem.contains("= 0.1") && !problem.contains("0.0999")), "{found:?}");
    }
}
