//! The conditions of one direction of a path, in plain values.
//!
//! Nothing here has state: a [`LinkConfig`] can be cloned, compared and applied to a running link at any time. Limits
//! are checked by [`LinkConfig::validate`]; meanings and closed formulas stand with each field.

mod loss;
mod queue;
mod serialiser;
mod variation;

pub use loss::{Loss, LossTrace};
pub(crate) use loss::{four_state_equilibrium, gilbert_transitions, stationary_bad};
pub use queue::{CoDel, FqCoDel, Pie, QueueLimit, QueuePolicy, Red};
pub use serialiser::{RatePlan, RatePoint, Serialiser};
pub use variation::{DelayTable, DelayVariation, SlotGap, Slots};

use std::time::Duration;

/// Everything that can be wrong with one direction of a path. The default is transparent: every packet at once.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkConfig {
    /// Bits a second that the serialiser sends; `None` is unlimited.
    pub rate: Option<u64>,
    /// How the rate goes over time, when it is not just `rate`.
    pub serialiser: Serialiser,
    /// How much may wait for the serialiser.
    pub queue: QueueLimit,
    /// Who is dropped when more would wait, and what is dropped or marked before.
    pub policy: QueuePolicy,
    /// Bytes of headers that every packet has on the wire beside its payload: 28 for UDP over IPv4, 48 over IPv6.
    pub overhead: usize,
    /// What is lost after the bottleneck: lost packets have used their share of the rate.
    pub loss: Loss,
    /// Propagation, one way. Packets in flight never count as queued.
    pub delay: Duration,
    /// What is drawn for each packet on top of `delay`.
    pub delay_variation: Option<DelayVariation>,
    /// Packets that are held back so that later ones overtake them.
    pub reorder: Option<Reorder>,
    /// Ratio of packets that arrive twice, 0..=1. The copy makes its own way: its own variation, its own reordering.
    pub duplicate: f64,
    /// How much of the last packet's luck in `delay_variation` the next one keeps, 0..1: the correlation of the normal
    /// numbers (an AR(1) process) that are mapped to the distribution, whose law is the same at every correlation.
    pub delay_correlation: f64,
    /// Times at which packets arrive in batches, as from Wi-Fi or LTE; `None` lets each arrive on its own.
    pub slots: Option<Slots>,
    /// Ratio of arriving packets that are corrupted, 0..=1, copies apart: [`Packet::corrupt`](crate::Packet::corrupt)
    /// says what that does to them.
    pub corrupt: f64,
}

/// Packets that are held back so that later ones overtake them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reorder {
    /// Ratio of packets held back, 0..=1.
    pub ratio: f64,
    /// How long, on top of everything else.
    pub by: Duration,
}

/// What an outage does to packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutageMode {
    /// Everything offered, and everything that leaves the serialiser, is lost. What was in flight still arrives.
    Drop,
    /// The queue holds and nothing leaves the serialiser; what waits goes on afterwards.
    Pause,
}

impl LinkConfig {
    /// A path that changes nothing, with UDP over IPv4 headers.
    pub const TRANSPARENT: Self = Self {
        rate: None,
        serialiser: Serialiser::Steady,
        queue: QueueLimit::Unlimited,
        policy: QueuePolicy::DropTail,
        overhead: 28,
        loss: Loss::None,
        delay: Duration::ZERO,
        delay_variation: None,
        reorder: None,
        duplicate: 0.0,
        delay_correlation: 0.0,
        slots: None,
        corrupt: 0.0,
    };

    /// Whether packets cross at once and unharmed. (Neither the queue's limit nor
    /// its policy matters without a rate.)
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        self.rate.is_none()
            && self.serialiser == Serialiser::Steady
            && self.loss.is_none()
            && self.delay.is_zero()
            && self.delay_variation.is_none()
            && self.reorder.is_none_or(|reorder| reorder.ratio == 0.0)
            && self.duplicate == 0.0
            && self.slots.is_none()
            && self.corrupt == 0.0
    }

    /// The bottleneck alone: serialiser, queue and policy, with the overhead that they count. Behind it a link of
    /// [`Self::behind_bottleneck`] makes the whole again: for a bottleneck that several paths share.
    #[must_use]
    pub fn bottleneck(&self) -> Self {
        Self {
            rate: self.rate,
            serialiser: self.serialiser.clone(),
            queue: self.queue,
            policy: self.policy.clone(),
            overhead: self.overhead,
            ..Self::TRANSPARENT
        }
    }

    /// What a packet meets after the bottleneck: loss and wire.
    #[must_use]
    pub fn behind_bottleneck(&self) -> Self {
        let Self { rate, serialiser, queue, policy, .. } = Self::TRANSPARENT;
        Self { rate, serialiser, queue, policy, ..self.clone() }
    }

    /// The shortest time on the wire that these conditions allow: no packet arrives sooner after it was offered.
    #[must_use]
    pub fn shortest_delay(&self) -> Duration {
        let less = self.delay_variation.as_ref().map_or(Duration::ZERO, DelayVariation::most_taken);
        self.delay.saturating_sub(less)
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self::TRANSPARENT
    }
}
