//! One subscriber of a track: in which layer it wants it, which it gets, and under which numbers.

use super::offered::{Numbers, Offered};
use super::renumber::Renumberer;
use super::scalable::Scalable;
use super::{LegId, StreamId};
use crate::conference::protocol::LayerChoice;
use crate::rtp::layer::Layer;

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
    /// One of several streams (simulcast).
    Layered(Box<Layered>),
    /// What it takes of one stream with layers in itself (SVC).
    Scalable(Box<Scalable>),
}

/// What a subscriber is to get of a track in layers. A *level* is a layer of simulcast, or a spatial layer of one stream.
#[derive(Debug)]
pub(super) struct Aim {
    /// What it asked for.
    pub choice: LayerChoice,
    /// What it may have: level and temporal layer.
    pub wanted: (u8, u8),
    /// The level that it gets as soon as it can be switched to: the wanted one, or one that is there.
    pub target: u8,
    /// The highest level that there is.
    pub top: u8,
    /// Temporal layers that it gets now.
    pub temporal: u8,
}

impl Aim {
    /// Everything that there is, up to this level.
    pub const fn new(top: u8) -> Self {
        Self { choice: LayerChoice::Auto, wanted: (top, u8::MAX), target: top, top, temporal: u8::MAX }
    }

    /// Whether it may have everything.
    pub const fn is_whole(&self) -> bool {
        self.wanted.0 >= self.top && self.wanted.1 == u8::MAX
    }

    /// Whether a new frame goes out, as far as temporal layers up to `limit` decide: fewer of them from any frame on, more
    /// from one that a receiver can begin with.
    pub fn admits(&mut self, place: &Layer, limit: u8) -> bool {
        if place.keyframe || limit < self.temporal {
            self.temporal = limit;
        } else if place.temporal > self.temporal && place.temporal <= limit && place.begins_here {
            self.temporal = place.temporal;
        }
        let admitted = place.temporal <= self.temporal;
        if admitted && place.opens_above {
            self.temporal = limit;
        }
        admitted
    }
}

/// A subscriber of a track in simulcast.
#[derive(Debug)]
struct Layered {
    aim: Aim,
    /// Whether the newest frame goes out to it.
    passes: bool,
    numbers: Renumberer,
}

impl Layered {
    fn waits(&self) -> bool {
        self.numbers.layer() != Some(self.aim.target)
    }

    fn take(&mut self, packet: &Offered) -> Option<Numbers> {
        if self.numbers.layer() != Some(packet.layer) {
            return if self.begins_with(packet) {
                (self.aim.temporal, self.passes) = (self.aim.wanted.1, true);
                Some(self.numbers.switch(packet))
            } else {
                // One that is late of the layer before; nothing of any other.
                self.numbers.pass(packet)
            };
        }
        if packet.bytes == 0 {
            return self.numbers.leave_out(packet, None);
        }
        if self.numbers.is_new_frame(packet) {
            self.passes = packet.place.is_none_or(|place| {
                let place = Layer { keyframe: packet.keyframe, ..place };
                self.aim.admits(&place, self.aim.wanted.1)
            });
        } else if self.numbers.is_behind(packet) {
            // Its own number says what becomes of it.
            return self.numbers.pass(packet);
        }
        if self.passes { self.numbers.pass(packet) } else { self.numbers.leave_out(packet, Some(0)) }
    }

    /// A switch is made with a keyframe only: to the target, or to any layer that is nearer to the wanted one than what it
    /// has.
    fn begins_with(&self, packet: &Offered) -> bool {
        let wanted = self.aim.wanted.0;
        let nearer = packet.layer <= wanted && self.numbers.layer().is_none_or(|layer| layer < packet.layer);
        packet.keyframe && (nearer || packet.layer == self.aim.target || packet.layer == wanted)
    }
}

impl Route {
    /// A stream of a track in one layer.
    pub const fn plain(leg: LegId, stream: StreamId, first_sequence: u64, active: bool) -> Self {
        Self { leg, stream, active, way: Way::Plain { first_sequence, base: None } }
    }

    /// A stream of a track in several streams, up to this one.
    pub fn layered(leg: LegId, stream: StreamId, numbers: Renumberer, top: u8, active: bool) -> Self {
        let layered = Layered { aim: Aim::new(top), passes: true, numbers };
        Self { leg, stream, active, way: Way::Layered(Box::new(layered)) }
    }

    /// A stream of a track in one stream that may have layers in itself.
    pub fn scalable(leg: LegId, stream: StreamId, numbers: Renumberer, active: bool) -> Self {
        Self { leg, stream, active, way: Way::Scalable(Box::new(Scalable::new(numbers))) }
    }

    /// What it is to get, where the track can have layers.
    pub fn aim(&self) -> Option<&Aim> {
        match &self.way {
            Way::Plain { .. } => None,
            Way::Layered(layered) => Some(&layered.aim),
            Way::Scalable(scalable) => Some(&scalable.aim),
        }
    }

    pub fn aim_mut(&mut self) -> Option<&mut Aim> {
        match &mut self.way {
            Way::Plain { .. } => None,
            Way::Layered(layered) => Some(&mut layered.aim),
            Way::Scalable(scalable) => Some(&mut scalable.aim),
        }
    }

    /// The layer of simulcast that it gets.
    pub fn layer(&self) -> Option<u8> {
        match &self.way {
            Way::Plain { .. } | Way::Scalable(_) => None,
            Way::Layered(layered) => layered.numbers.layer(),
        }
    }

    /// Whether only a keyframe brings it what it is to get.
    pub fn waits(&self) -> bool {
        match &self.way {
            Way::Plain { .. } => false,
            Way::Layered(layered) => layered.waits(),
            Way::Scalable(scalable) => scalable.waits(),
        }
    }

    /// The layer of simulcast whose keyframe helps it: the one that it gets, or is about to.
    pub fn source(&self) -> u8 {
        match &self.way {
            Way::Plain { .. } | Way::Scalable(_) => 0,
            Way::Layered(layered) => layered.numbers.layer().unwrap_or(layered.aim.target),
        }
    }

    /// Whether its layers are streams of their own (simulcast).
    #[cfg(test)]
    pub const fn is_layered(&self) -> bool {
        matches!(self.way, Way::Layered(_))
    }

    /// Leaves so many sequence numbers out, where the packet switches the layer.
    #[cfg(test)]
    pub fn skip_at_switch(&mut self, packet: &Offered, gap: u64) {
        if let Way::Layered(layered) = &mut self.way
            && layered.numbers.layer().is_some_and(|layer| layer != packet.layer)
            && layered.begins_with(packet)
        {
            layered.numbers.skip(gap);
        }
    }

    /// The numbers under which a packet goes to this subscriber; `None` when it does not.
    pub fn take(&mut self, packet: &Offered) -> Option<Numbers> {
        match &mut self.way {
            Way::Plain { first_sequence, base } => {
                let base = *base.get_or_insert(packet.sequence);
                let offset = packet.sequence.checked_sub(base)?;
                Some(Numbers { sequence: *first_sequence + offset, rtp_time: packet.rtp_time, ..Numbers::default() })
            }
            Way::Layered(layered) => layered.take(packet),
            Way::Scalable(scalable) => scalable.take(packet),
        }
    }
}
