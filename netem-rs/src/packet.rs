//! What a link carries: anything with a size on the wire and a class to be counted under.

/// How many classes a [`Report`](crate::Report) tells apart.
pub const CLASSES: usize = 8;

/// Something that can cross a [`Link`](crate::Link).
pub trait Packet {
    /// Bytes of UDP payload, below 2^30; the link adds its own overhead per packet.
    fn wire_size(&self) -> usize;

    /// The class it is counted under, below [`CLASSES`] (a link panics on anything else).
    fn class(&self) -> usize {
        0
    }

    /// Which packet of which stream it is, for losses that are a property of the packet: links of equal seeds then
    /// lose the same ones, whatever else they carry and whenever they began. `None` draws in order of departure.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// Which flow it belongs to, for queues that share fairly between flows: as in a hash of addresses and ports.
    fn flow(&self) -> u64 {
        0
    }

    /// Whether its sender understands congestion marks (ECT(0), ECT(1) or CE of RFC 3168).
    fn ecn_capable(&self) -> bool {
        false
    }

    /// Marks that it met congestion (CE). Asked only of packets that are [`Packet::ecn_capable`].
    fn mark(&mut self) {}

    /// Damages it in flight: `bits` are random, so `bits % (8 · size)` names a bit to flip. What nobody damages
    /// arrives whole, counted as corrupted all the same.
    fn corrupt(&mut self, bits: u64) {
        let _ = bits;
    }
}

/// Names a packet across links: two receivers of one track can be made to lose the same packets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Identity {
    /// The stream, as in a track's number or an SSRC.
    pub stream: u64,
    /// The packet within it, as in an unwrapped sequence number: consecutive packets have consecutive numbers.
    pub number: u64,
}
