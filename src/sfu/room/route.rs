//! One subscriber of a track: in which layer it wants it, which it gets, and under which numbers.

use super::offered::{Numbers, Offered};
use super::renumber::Renumberer;
use super::{LegId, StreamId};
use crate::conference::protocol::LayerChoice;

/// A subscriber's stream of a track.
#[derive(Debug)]
pub(super) struct Route {
    pub leg: LegId,
    pub stream: StreamId,
    pub active: bool,
    way: Way,
}

/// How packets become the subscriber's.
#[derive(Debug)]
enum Way {
    /// One stream goes through as it is: the subscriber's first number, and the publisher's that became it.
    Plain { first_sequence: u64, base: Option<u64> },
    /// One of several layers.
    Layered(Box<Layered>),
}

/// A subscriber of a track in layers.
#[derive(Debug)]
pub(super) struct Layered {
    /// What it asked for.
    pub choice: LayerChoice,
    /// What it may have: simulcast layer and temporal layer.
    pub wanted: (u8, u8),
    /// The simulcast layer that it gets as soon as a keyframe of it comes: the wanted one, or one that is there.
    pub target: u8,
    /// Temporal layers that it gets now.
    temporal: u8,
    /// Whether the newest frame goes out to it.
    passes: bool,
    numbers: Renumberer,
}

impl Layered {
    /// Before the first packet.
    pub fn new(first_sequence: u64, clock_rate: u32, top: u8) -> Self {
        Self {
            choice: LayerChoice::Auto,
            wanted: (top, u8::MAX),
            target: top,
            temporal: u8::MAX,
            passes: true,
            numbers: Renumberer::new(first_sequence, clock_rate),
        }
    }

    /// The simulcast layer that it gets.
    pub fn layer(&self) -> Option<u8> {
        self.numbers.layer()
    }

    /// Whether it waits for a keyframe of its target.
    pub fn waits(&self) -> bool {
        self.layer() != Some(self.target)
    }

    /// Leaves so many sequence numbers out.
    #[cfg(test)]
    pub fn skip(&mut self, numbers: u64) {
        self.numbers.skip(numbers);
    }

    fn take(&mut self, packet: &Offered) -> Option<Numbers> {
        if self.layer() != Some(packet.layer) {
            return if self.begins_with(packet) {
                (self.temporal, self.passes) = (self.wanted.1, true);
                Some(self.numbers.switch(packet))
            } else {
                // One that is late of the layer before; nothing of any other.
                self.numbers.pass(packet)
            };
        }
        if packet.bytes == 0 {
            return self.numbers.leave_out(packet, false);
        }
        if self.numbers.is_new_frame(packet) {
            self.passes = self.admits(packet);
        } else if self.numbers.is_behind(packet) {
            // Its own number says what becomes of it.
            return self.numbers.pass(packet);
        }
        if self.passes { self.numbers.pass(packet) } else { self.numbers.leave_out(packet, true) }
    }

    /// A switch is made with a keyframe only: to the target, or to any layer that is nearer to the wanted one than what it
    /// has.
    pub(super) fn begins_with(&self, packet: &Offered) -> bool {
        let nearer = packet.layer <= self.wanted.0 && self.layer().is_none_or(|layer| layer < packet.layer);
        packet.keyframe && (nearer || packet.layer == self.target || packet.layer == self.wanted.0)
    }

    /// Whether a new frame goes out, as far as temporal layers decide: fewer of them from any frame on, more from one
    /// that a receiver can begin with.
    fn admits(&mut self, packet: &Offered) -> bool {
        let Some(place) = packet.place else { return true };
        let wanted = self.wanted.1;
        if packet.keyframe || wanted < self.temporal {
            self.temporal = wanted;
        } else if place.temporal > self.temporal && place.temporal <= wanted && place.begins_here {
            self.temporal = place.temporal;
        }
        let admitted = place.temporal <= self.temporal;
        if admitted && place.opens_above {
            self.temporal = wanted;
        }
        admitted
    }
}

impl Route {
    /// A stream of a track in one layer.
    pub const fn plain(leg: LegId, stream: StreamId, first_sequence: u64, active: bool) -> Self {
        Self { leg, stream, active, way: Way::Plain { first_sequence, base: None } }
    }

    /// A stream of a track in several layers.
    pub fn layered(leg: LegId, stream: StreamId, layered: Layered, active: bool) -> Self {
        Self { leg, stream, active, way: Way::Layered(Box::new(layered)) }
    }

    /// Its layers, where the track has several.
    pub fn layers(&self) -> Option<&Layered> {
        match &self.way {
            Way::Plain { .. } => None,
            Way::Layered(layered) => Some(layered),
        }
    }

    pub fn layers_mut(&mut self) -> Option<&mut Layered> {
        match &mut self.way {
            Way::Plain { .. } => None,
            Way::Layered(layered) => Some(layered),
        }
    }

    /// The numbers under which a packet goes to this subscriber; `None` when it does not.
    pub fn take(&mut self, packet: &Offered) -> Option<Numbers> {
        match &mut self.way {
            Way::Plain { first_sequence, base } => {
                let base = *base.get_or_insert(packet.sequence);
                let offset = packet.sequence.checked_sub(base)?;
                let sequence = *first_sequence + offset;
                Some(Numbers { sequence, rtp_time: packet.rtp_time, picture: None, empty: false })
            }
            Way::Layered(layered) => layered.take(packet),
        }
    }
}
