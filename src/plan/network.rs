//! Emulated networks, resolved from `[network.*]` and the built-in profiles.

use crate::clock::{Duration, Instant};
pub use crate::scenario::network::LinkGroup;
use crate::scenario::path::has_bottleneck;
use crate::units::{Bitrate, format_duration};
use netem::{DelayVariation, LinkConfig, Loss, QueueLimit, QueuePolicy, Serialiser};

/// One network: conditions of both directions, over time, seen from the participant.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPlan {
    /// Its name; `none` for the unimpaired path.
    pub name: String,
    /// Conditions by time, the first at the start of the run. Outages are not among them: they are drawn per participant.
    pub steps: Vec<NetworkStep>,
    /// Who shares its bottlenecks.
    pub link_group: LinkGroup,
}

impl NetworkPlan {
    /// A network whose links nobody shares.
    #[must_use]
    pub fn new(name: &str, steps: Vec<NetworkStep>) -> Self {
        Self { name: name.to_owned(), steps, link_group: LinkGroup::None }
    }

    /// The same, with its bottlenecks shared.
    #[must_use]
    pub fn shared_by(self, link_group: LinkGroup) -> Self {
        Self { link_group, ..self }
    }

    /// Whether it has a bottleneck to share, from the participant and towards it, at any time.
    #[must_use]
    pub fn bottlenecks(&self) -> [bool; 2] {
        let any = |of: fn(&NetworkStep) -> &LinkConfig| self.steps.iter().any(|step| has_bottleneck(of(step)));
        [any(|step| &step.up), any(|step| &step.down)]
    }

    /// The conditions at the start of the run in one line, and how many changes follow.
    #[must_use]
    pub fn describe(&self) -> String {
        let first = &self.steps[0];
        let changes = match self.steps.len() - 1 {
            0 => String::new(),
            1 => "; 1 change".to_owned(),
            n => format!("; {n} changes"),
        };
        let shared = match self.link_group {
            LinkGroup::None => String::new(),
            LinkGroup::All => "; shared by all".to_owned(),
            LinkGroup::Room => "; shared by room".to_owned(),
            LinkGroup::Size(size) => format!("; shared by {size} each"),
        };
        format!("up {}; down {}{changes}{shared}", describe(&first.up), describe(&first.down))
    }

    /// What changes after the start, by time, for one whose outages are these. At one time new conditions come first,
    /// then what ends, then what begins, so that one outage of a direction may follow another at once.
    #[must_use]
    pub fn changes(&self, outages: &[Outage]) -> Vec<(Instant, NetworkChange)> {
        let steps = self.steps.iter().enumerate().skip(1).map(|(index, step)| (step.at, NetworkChange::Step(index)));
        let ends = outages.iter().map(|outage| (outage.at + outage.length, NetworkChange::End(*outage)));
        let begins = outages.iter().map(|outage| (outage.at, NetworkChange::Begin(*outage)));
        let mut changes: Vec<_> = steps.chain(ends).chain(begins).collect();
        changes.sort_by_key(|(at, _)| *at);
        changes
    }
}

/// One change of a path while it is in use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetworkChange {
    /// The conditions become those of the step of this index.
    Step(usize),
    /// An outage begins.
    Begin(Outage),
    /// An outage ends.
    End(Outage),
}

/// One direction in words: what a packet meets, in the order in which it meets it.
#[must_use]
pub fn describe(config: &LinkConfig) -> String {
    let mut parts = Vec::new();
    let rate = match &config.serialiser {
        Serialiser::Steady => config.rate.map(|rate| Bitrate(rate).to_string()),
        Serialiser::TokenBucket { burst, .. } => {
            config.rate.map(|rate| format!("{} with bursts of {burst} B", Bitrate(rate)))
        }
        Serialiser::Plan { plan, .. } => {
            let rates = || plan.points().iter().map(|point| point.rate);
            let (least, most) = (rates().min().unwrap_or(0), rates().max().unwrap_or(0));
            Some(format!("{} to {} by a plan", Bitrate(least), Bitrate(most)))
        }
        Serialiser::Trace { trace, .. } => Some(format!("a trace of {} on average", Bitrate(trace.rate()))),
    };
    if let Some(rate) = rate {
        parts.push(rate);
        parts.push(queue(config));
    }
    match &config.loss {
        Loss::None => {}
        Loss::Nth { n } => parts.push(format!("each packet number {n} lost")),
        loss => parts.push(format!("{} % lost ({})", (loss.ratio() * 1e5).round() / 1e3, loss_model(loss))),
    }
    if !config.delay.is_zero() {
        parts.push(format_duration(config.delay));
    }
    if let Some(variation) = &config.delay_variation {
        parts.push(format!("{} variation", variation_law(variation)));
    }
    if config.slots.is_some() {
        parts.push("slots".to_owned());
    }
    let ratios = [
        (config.reorder.map_or(0.0, |reorder| reorder.ratio), "held back"),
        (config.duplicate, "twice"),
        (config.corrupt, "corrupted"),
    ];
    for (ratio, word) in ratios.into_iter().filter(|(ratio, _)| *ratio > 0.0) {
        parts.push(format!("{} % {word}", (ratio * 1e5).round() / 1e3));
    }
    if parts.is_empty() { "unimpaired".to_owned() } else { parts.join(", ") }
}

fn queue(config: &LinkConfig) -> String {
    let limit = match config.queue {
        QueueLimit::Unlimited => "an endless queue".to_owned(),
        QueueLimit::Bytes(bytes) => format!("a queue of {bytes} B"),
        QueueLimit::Time(time) => format!("a queue of {}", format_duration(time)),
        QueueLimit::Packets(packets) => format!("a queue of {packets} packets"),
    };
    let (policy, ecn) = match &config.policy {
        QueuePolicy::DropTail => return limit,
        QueuePolicy::DropHead => ("drop-head", false),
        QueuePolicy::CoDel(codel) => ("codel", codel.ecn),
        QueuePolicy::FqCoDel(fair) => ("fq-codel", fair.codel.ecn),
        QueuePolicy::Pie(pie) => ("pie", pie.ecn),
        QueuePolicy::Red(red) => ("red", red.ecn),
    };
    format!("{limit} under {policy}{}", if ecn { " with ecn" } else { "" })
}

const fn loss_model(loss: &Loss) -> &'static str {
    match loss {
        Loss::None => "none",
        Loss::Iid { .. } => "iid",
        Loss::Gilbert { .. } => "gilbert",
        Loss::GilbertElliott { .. } => "ge",
        Loss::FourState { .. } => "4-state",
        Loss::OnOff { .. } => "on-off",
        Loss::Trace(_) => "trace",
        Loss::Nth { .. } => "nth",
    }
}

const fn variation_law(variation: &DelayVariation) -> &'static str {
    match variation {
        DelayVariation::Gaussian { .. } => "nr-gauss",
        DelayVariation::Uniform { .. } => "uniform",
        DelayVariation::Normal { .. } => "normal",
        DelayVariation::Pareto { .. } => "pareto",
        DelayVariation::ParetoNormal { .. } => "paretonormal",
        DelayVariation::Table { .. } => "table",
    }
}

/// The conditions with their place in a trace. It is drawn once a participant or client,
/// in 2⁻⁶⁴ of the trace, so that signalling fades together with
/// media, and both directions of one recording together.
#[must_use]
pub fn placed(config: &LinkConfig, place: u64) -> LinkConfig {
    let mut config = config.clone();
    if let Serialiser::Trace { trace, phase: phase @ None } = &mut config.serialiser {
        let period = u128::from(trace.period_ms()) * 1_000_000;
        *phase = Some(Duration::from_nanos(((period * u128::from(place)) >> 64) as u64));
    }
    config
}

/// Conditions from a time on.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkStep {
    /// From when.
    pub at: Instant,
    /// From the participant.
    pub up: LinkConfig,
    /// Towards the participant.
    pub down: LinkConfig,
}

/// A time in which a link carries nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outage {
    /// From when.
    pub at: Instant,
    /// How long.
    pub length: Duration,
    /// Which directions.
    pub up: bool,
    /// Which directions.
    pub down: bool,
    /// Whether packets are dropped or wait.
    pub pause: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use netem::{CoDel, Mahimahi};

    #[test]
    fn at_one_time_conditions_change_first_and_an_outage_ends_before_the_next_begins() {
        let step = |at| NetworkStep { at, up: LinkConfig::default(), down: LinkConfig::default() };
        let at = Instant::from_secs;
        let plan = NetworkPlan::new("x", vec![step(at(0)), step(at(4))]);
        let outage = |from| Outage { at: at(from), length: Duration::from_secs(2), up: true, down: true, pause: false };
        let (first, second) = (outage(2), outage(4));
        let expected = [
            (at(2), NetworkChange::Begin(first)),
            (at(4), NetworkChange::Step(1)),
            (at(4), NetworkChange::End(first)),
            (at(4), NetworkChange::Begin(second)),
            (at(6), NetworkChange::End(second)),
        ];
        assert_eq!(plan.changes(&[first, second]), expected);
    }

    #[test]
    fn a_path_is_described_in_the_order_in_which_a_packet_meets_it() {
        assert_eq!(describe(&LinkConfig::default()), "unimpaired");
        let trace = Mahimahi::parse("10\n").expect("a trace");
        let config = LinkConfig {
            serialiser: Serialiser::Trace { trace, phase: None },
            queue: QueueLimit::Time(Duration::from_secs(1)),
            policy: QueuePolicy::CoDel(CoDel { ecn: true, ..CoDel::default() }),
            loss: Loss::Gilbert { mean: 0.02, burst: 3.0 },
            delay: Duration::from_millis(40),
            delay_variation: Some(DelayVariation::Uniform { max: Duration::from_millis(9), reordering: false }),
            corrupt: 0.001,
            ..LinkConfig::default()
        };
        let words = "a trace of 1.2Mbps on average, a queue of 1s under codel with ecn, 2 % lost (gilbert), 40ms, \
                     uniform variation, 0.1 % corrupted";
        assert_eq!(describe(&config), words);
        let step = |at| NetworkStep { at, up: LinkConfig::default(), down: config.clone() };
        let steps = vec![step(Instant::ZERO), step(Instant::from_secs(1))];
        let plan = NetworkPlan::new("x", steps);
        assert_eq!(plan.describe(), format!("up unimpaired; down {words}; 1 change"));
    }
}
